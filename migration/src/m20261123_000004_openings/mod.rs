//! What has been told of modules that opened, also in enrollments that started before that was noted.

use sea_orm_migration::prelude::*;

use crate::dialect;

/// See `schema.sql` beside this file.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        // Not derived: that would take the name of this file, `mod`.
        "m20261123_000004_openings"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        // Also on SQLite, whose migrations are otherwise left half-way by a crash.
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager.get_connection(), include_str!("schema.sql")).await
    }
}
