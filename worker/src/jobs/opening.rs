//! Tells of modules that open by themselves.

use entity::{action, error::Result};

use super::Context;

pub(super) async fn run(context: &Context) -> Result<usize> {
    action::opening::run(&context.store, context.batch).await
}
