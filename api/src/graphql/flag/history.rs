//! What became of a flag.

use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};
use entity::flag::{Change, What};

use super::FlagStatus;
use crate::graphql::{
    actor::{self, ActorKind},
    care::Staff,
    error::Result,
    request,
};

/// Something that became of a flag.
pub struct FlagChange(pub(super) Change);

/// Something that became of a flag: it came into a state, or it was given to somebody.
#[Object]
impl FlagChange {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// The state that it came into; none where it was only given to somebody.
    async fn status(&self) -> Option<FlagStatus> {
        match self.0.what {
            What::Status(status) => Some(status.into()),
            What::Assigned(_) => None,
        }
    }

    /// Who is to see to it from then on, where it was given to somebody; none of a change of state, and where it is nobody's in
    /// particular any more.
    async fn assigned_to(&self, ctx: &Context<'_>) -> Option<Staff> {
        match self.0.what {
            What::Assigned(staff) => Staff::all(ctx, staff).pop(),
            What::Status(_) => None,
        }
    }

    /// What was said about it.
    async fn note(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.note.as_ref().map(|note| request::opened(ctx, note))
    }

    /// Which side did it.
    async fn actor(&self) -> ActorKind {
        self.0.actor.into()
    }

    /// Who did it, where it was staff.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.0.actor)
    }
}
