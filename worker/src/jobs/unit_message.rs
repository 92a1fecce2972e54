//! Puts what units wrote to all their citizens into the threads, some at a time.

use entity::{action, error::Result};

use super::Context;

pub(super) async fn run(context: &Context) -> Result<usize> {
    action::message::pass_on(&context.store, context.batch).await
}
