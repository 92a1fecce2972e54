//! Throws away files that were uploaded and not sent in time.

use entity::{action, error::Result};

use super::Context;

pub(super) async fn run(context: &Context) -> Result<usize> {
    action::attachment::throw_away(&context.store, &context.files, context.batch).await
}
