//! Asking for programs.

use std::sync::Arc;

use async_graphql::{Context, Object};
use entity::page::Page;

use super::{Program, ProgramKind};
use crate::graphql::{
    connection::{self, Connection, Counted, connection},
    error::Result,
    request,
};

/// Asking for programs.
#[derive(Default)]
pub struct ProgramQuery;

#[Object]
impl ProgramQuery {
    /// A published program, in `locale` or the language of the request.
    async fn program(&self, ctx: &Context<'_>, slug: String, locale: Option<String>) -> Option<Result<Program>> {
        let request = request::of(ctx);
        let version = request.store.directory().programs().get(&slug)?.version;
        let content = request
            .store
            .library()
            .content(request.store.connection(), version)
            .await;
        let locale: Arc<str> = locale.as_ref().unwrap_or(&request.language).as_str().into();
        Some(content.map(|content| Program { content, locale }).map_err(Into::into))
    }

    /// The published programs, by slug.
    #[graphql(complexity = "connection::cost(first, child_complexity)")]
    async fn programs(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        kind: Option<ProgramKind>,
        locale: Option<String>,
    ) -> Result<Connection<Program, Counted>> {
        let request = request::of(ctx);
        let directory = request.store.directory();
        let wanted = |kind_of: entity::program::ProgramKind| kind.is_none_or(|kind| kind == kind_of.into());
        let all: Vec<_> = directory
            .programs()
            .values()
            .filter(|found| wanted(found.program.kind.0))
            .collect();
        let from = match &after {
            None => 0,
            Some(after) => {
                let [slug] = entity::page::read_cursor(after)?;
                all.partition_point(|found| found.program.slug <= slug)
            }
        };
        let first = connection::first(first);
        let mut rows = Vec::new();
        let size = usize::try_from(first).unwrap_or(usize::MAX);
        for found in all.iter().skip(from).take(size.saturating_add(1)) {
            let content = request
                .store
                .library()
                .content(request.store.connection(), found.version)
                .await?;
            rows.push((entity::page::cursor(&[&found.program.slug]), content));
        }
        let locale: Arc<str> = locale.as_ref().unwrap_or(&request.language).as_str().into();
        let page = Page::cut(rows, first);
        Ok(connection(page, after.is_some(), Counted(all.len()), |content| {
            Program {
                content,
                locale: locale.clone(),
            }
        }))
    }
}
