//! Lists of enrollments: their order and their size.

use async_graphql::{Context, Enum, Object};
use entity::enrollment::{self, Filter, Order};

use crate::graphql::{error::Result, request};

/// The order of a list of enrollments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub enum EnrollmentOrder {
    /// The highest open severity first, then the oldest flag, then unread messages.
    NeedsAttention,
    /// The newest first.
    #[default]
    StartedAt,
    /// The one first that the unit promised to answer first; those to whom no answer is promised come last.
    AnswerBefore,
}

impl From<EnrollmentOrder> for Order {
    fn from(order: EnrollmentOrder) -> Self {
        match order {
            EnrollmentOrder::NeedsAttention => Self::NeedsAttention,
            EnrollmentOrder::StartedAt => Self::StartedAt,
            EnrollmentOrder::AnswerBefore => Self::AnswerBefore,
        }
    }
}

/// How many enrollments there are on all pages: counted only when it is asked for.
pub struct Count(pub(in crate::graphql) Filter);

#[Object]
impl Count {
    /// How many there are on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<u64> {
        let request = request::of(ctx);
        Ok(enrollment::count(&request.store, &request.viewer, &self.0).await?)
    }
}
