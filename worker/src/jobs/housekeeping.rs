//! Forgets what is kept for a time only, and counts what needs an operator.

use std::sync::PoisonError;

use chrono::Duration;
use entity::{action, error::Result, idempotency};

use super::Context;

/// How often.
const EVERY: Duration = Duration::minutes(1);

pub(super) async fn run(context: &Context) -> Result<usize> {
    let now = context.store.now();
    let last = *context.kept.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_some_and(|last| now < last + EVERY) {
        return Ok(0);
    }
    let forgotten = idempotency::forget(&context.store).await?;
    let (set_aside, _) = action::evaluation::set_aside_count(&context.store).await?;
    metrics::gauge!("handrail_evaluations_set_aside").set(set_aside as f64);
    if set_aside > 0 {
        tracing::warn!(
            enrollments = set_aside,
            "enrollments are set aside: their rules could not be evaluated"
        );
    }
    *context.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
}
