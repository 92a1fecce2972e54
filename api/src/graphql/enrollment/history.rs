//! What became of an enrollment so far: its states, when it was to end, and where it was.

use async_graphql::{Context, Enum, Object};
use chrono::{DateTime, Utc};
use entity::{enrollment::StatusAt, enrollment_end, enrollment_transfer};
use serde::Serialize;

use crate::graphql::{
    actor::{ActorKind, colleague},
    care::{Staff, Unit},
    error::Result,
    request,
};

/// Where an enrollment is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "rules::facts::Status")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EnrollmentStatus {
    /// It has not started.
    Planned,
    /// The citizen works with it.
    Active,
    /// It rests.
    Paused,
    /// It ended as planned.
    Completed,
    /// It ended before its time.
    Withdrawn,
}

/// A state that an enrollment came into.
pub struct EnrollmentStatusChange(pub(super) StatusAt);

/// A state that an enrollment came into.
#[Object]
impl EnrollmentStatusChange {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// The state.
    async fn status(&self) -> EnrollmentStatus {
        self.0.status.into()
    }

    /// Why. Citizens read what they wrote themselves, not what staff write for one another.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Who of the staff did it, for staff.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        colleague(ctx, self.0.actor)
    }

    /// Which side did it.
    async fn actor(&self) -> ActorKind {
        self.0.actor.into()
    }
}

/// A decision on when an enrollment is to end.
pub struct EnrollmentEndChange(pub(super) enrollment_end::Model);

/// A decision on when an enrollment is to end.
#[Object]
impl EnrollmentEndChange {
    /// When it was made.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// When the enrollment was to end; without end where absent.
    async fn ends_at(&self) -> Option<DateTime<Utc>> {
        self.0.ends_at
    }

    /// Why. Staff read it.
    async fn reason(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.reason.as_ref().map(|reason| request::opened(ctx, reason))
    }

    /// Who of the staff decided, for staff; none where it came with the program.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        colleague(ctx, self.0.actor.0)
    }
}

/// An enrollment that went from one unit to another.
pub struct EnrollmentTransfer(pub(super) enrollment_transfer::Model);

/// An enrollment that went from one unit to another.
#[Object]
impl EnrollmentTransfer {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// The unit that gave it up.
    async fn from(&self, ctx: &Context<'_>) -> Option<Unit> {
        let directory = request::of(ctx).store.directory();
        directory.unit(self.0.from_unit_id).cloned().map(Unit)
    }

    /// The unit that took it over.
    async fn to(&self, ctx: &Context<'_>) -> Option<Unit> {
        let directory = request::of(ctx).store.directory();
        directory.unit(self.0.to_unit_id).cloned().map(Unit)
    }

    /// Why. Staff read it.
    async fn reason(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.reason.as_ref().map(|reason| request::opened(ctx, reason))
    }

    /// Who of the staff did it, for staff.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        colleague(ctx, self.0.actor.0)
    }
}
