//! One DDL text for both databases: the words in capitals are the types whose names differ.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseBackend, DbErr};

/// Word, PostgreSQL, SQLite. Text is how SQLite's driver stores instants, dates and JSON.
const TYPES: [(&str, &str, &str); 7] = [
    ("UUID", "uuid", "blob"),
    ("INSTANT", "timestamptz", "text"),
    ("DATE", "date", "text"),
    ("JSON", "jsonb", "text"),
    ("BYTES", "bytea", "blob"),
    // Grows in the order of commits. PostgreSQL: the writing transaction's id, which readers compare with the oldest that
    // is still running. SQLite: one writer at a time, so counting is enough.
    (
        "POSITION",
        "bigint not null default (pg_current_xact_id()::text::bigint)",
        "integer primary key autoincrement",
    ),
    // SQLite has given its one primary key to the position.
    ("EVENTKEY", "primary key", "unique"),
];

/// Runs the statements of a DDL text, separated by `;` at the end of a line.
pub async fn run(connection: &impl ConnectionTrait, ddl: &str) -> Result<(), DbErr> {
    for statement in translate(connection.get_database_backend(), ddl).split(";\n") {
        if !statement.trim().is_empty() {
            connection.execute_unprepared(statement).await?;
        }
    }
    Ok(())
}

fn translate(backend: DatabaseBackend, ddl: &str) -> String {
    let code = ddl.lines().filter(|line| !line.trim_start().starts_with("--"));
    let mut sql = String::with_capacity(ddl.len());
    for line in code {
        let mut rest = line;
        while let Some(start) = rest.find(|letter: char| letter.is_ascii_uppercase()) {
            let end = rest[start..]
                .find(|letter: char| !letter.is_ascii_uppercase())
                .map_or(rest.len(), |length| start + length);
            let word = &rest[start..end];
            sql.push_str(&rest[..start]);
            sql.push_str(
                TYPES
                    .iter()
                    .find(|(name, ..)| *name == word)
                    .map_or(word, |(_, postgres, sqlite)| {
                        if backend == DatabaseBackend::Postgres {
                            postgres
                        } else {
                            sqlite
                        }
                    }),
            );
            rest = &rest[end..];
        }
        sql.push_str(rest);
        sql.push('\n');
    }
    sql
}
