//! The flags of a unit.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, OutputType, connection::ConnectionNameType};
use entity::flag::{self, Filter, Order};

use super::Flag;
use crate::graphql::{
    connection::{self, Connection, connection},
    error::Result,
    request,
};

/// The order of a list of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(remote = "Order")]
pub enum FlagOrder {
    /// The most serious first, of those the one that was raised first.
    #[default]
    Need,
    /// The one that was raised last first.
    RaisedAt,
}

/// How many flags there are on all pages: counted only when it is asked for.
pub struct FlagCount(Filter);

/// The name of a page of the flags of a unit: pages of flags elsewhere are not counted, and are of another type.
pub struct Worklist;

impl ConnectionNameType for Worklist {
    fn type_name<T: OutputType>() -> String {
        format!("Unit{}Connection", T::type_name())
    }
}

/// A page of the flags of a unit, which is counted.
pub type FlagWorklist = Connection<Flag, FlagCount, Worklist>;

#[Object]
impl FlagCount {
    /// How many there are on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<u64> {
        let request = request::of(ctx);
        Ok(flag::count(&request.store, &request.viewer, &self.0).await?)
    }
}

/// A page of the flags of a unit.
///
/// # Errors
/// When the cursor is none of this list.
pub async fn worklist(
    ctx: &Context<'_>,
    filter: Filter,
    order: FlagOrder,
    first: i32,
    after: Option<String>,
) -> Result<FlagWorklist> {
    let request = request::of(ctx);
    let first = connection::first(first);
    let page = flag::worklist(
        &request.store,
        &request.viewer,
        &filter,
        order.into(),
        first,
        after.as_deref(),
    )
    .await?;
    Ok(connection(page, after.is_some(), FlagCount(filter), |row| {
        Flag(Arc::new(row))
    }))
}
