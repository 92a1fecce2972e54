//! Relay connections: pages of lists that can grow.

use std::{hash::Hash, sync::Arc};

use async_graphql::{
    Context, Object, ObjectType, OutputType,
    connection::{Connection as Relay, ConnectionNameType, DefaultConnectionName, Edge, EmptyFields},
    dataloader::Loader,
};
use entity::page::Page;

use super::{
    error::{Failure, Result},
    loader::Loads,
    request,
};

/// A page of nodes, with further fields where the list can be counted. Where a type of nodes has pages with such fields and
/// pages without, the types of the pages need different names.
pub type Connection<Node, Fields = EmptyFields, Name = DefaultConnectionName> =
    Relay<String, Node, Fields, EmptyFields, Name>;

/// How many nodes a page may hold at most; asked for less, it holds less.
pub const MOST: i32 = 100;

/// The `first` of a connection as the record takes it.
pub fn first(first: i32) -> u64 {
    u64::try_from(first.clamp(1, MOST)).unwrap_or(1)
}

/// What a field costs besides that is read by a statement of its own for every row that it stands below: a page of a hundred
/// such rows is over the limit.
pub const STATEMENT: usize = 500;

/// What a list of at most `many` costs against the complexity limit.
pub fn cost(many: i32, child: usize) -> usize {
    1 + usize::try_from(many.clamp(1, MOST)).unwrap_or(1) * child
}

/// A page as a connection.
pub fn connection<Row, Node, Fields, Name>(
    page: Page<(String, Row)>,
    continued: bool,
    fields: Fields,
    node: impl Fn(Row) -> Node,
) -> Connection<Node, Fields, Name>
where
    Node: OutputType,
    Fields: ObjectType,
    Name: ConnectionNameType,
{
    let mut connection = Relay::with_additional_fields(continued, page.has_next, fields);
    connection.edges = page
        .rows
        .into_iter()
        .map(|(cursor, row)| Edge::new(cursor, node(row)))
        .collect();
    connection
}

/// The page that is loaded by a key, as a connection.
pub async fn loaded<Key, Row, Node>(
    ctx: &Context<'_>,
    key: Key,
    continued: bool,
    node: impl Fn(Row) -> Node,
) -> Result<Connection<Node>>
where
    Key: Clone + Eq + Hash + Send + Sync + 'static,
    Row: Clone,
    Node: OutputType,
    Loads: Loader<Key, Value = Arc<Page<(String, Row)>>, Error = Failure>,
{
    let found = request::of(ctx).loads.load_one(key).await?;
    let page = found.map(|page| (*page).clone()).unwrap_or_default();
    Ok(connection(page, continued, EmptyFields, node))
}

/// The size of a list that was counted beforehand.
pub struct Counted(pub usize);

#[Object]
impl Counted {
    /// How many there are on all pages.
    async fn total_count(&self) -> Result<u64> {
        Ok(self.0.try_into().unwrap_or(u64::MAX))
    }
}
