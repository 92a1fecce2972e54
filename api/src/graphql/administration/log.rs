//! What administrators did.

use async_graphql::{Context, Enum, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::administration_log::Model;

use crate::graphql::{
    actor::{self, ActorKind},
    care::{Staff, Unit},
    error::Result,
    request,
};

/// What administrators do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::administration_log::AdministrationAct")]
pub enum AdministrationAct {
    /// A care provider was connected.
    ProviderConnected,
    /// A care provider got another name.
    ProviderRenamed,
    /// A unit was connected.
    UnitConnected,
    /// A unit got another name.
    UnitRenamed,
    /// A unit was disconnected.
    UnitDisconnected,
    /// A disconnected unit was connected again.
    UnitReconnected,
    /// A version of the terms was accepted for a unit.
    TermsAccepted,
    /// It was said how a unit is reached.
    UnitContactChanged,
    /// It was said when a unit is open.
    OfficeHoursChanged,
    /// It was said within how many days a unit answers.
    AnswerPromiseChanged,
    /// A text that messages are written from was kept for the first time.
    MessageTemplateAdded,
    /// A text that messages are written from was changed.
    MessageTemplateChanged,
    /// A text that messages are written from was thrown away.
    MessageTemplateRemoved,
    /// A program was opened for citizens to start by themselves.
    ProgramOpened,
    /// A program was closed to them.
    ProgramClosed,
    /// A staff member was added.
    StaffAdded,
    /// What was wrong of a staff member was put right.
    StaffChanged,
    /// A staff member was invited by e-mail.
    StaffInvited,
    /// A role was given.
    AssignmentGranted,
    /// The dates of a role were changed.
    AssignmentChanged,
    /// A role was taken back.
    AssignmentRevoked,
}

/// A particular of what was done.
#[derive(SimpleObject)]
pub struct AdministrationDetail {
    /// What it is: `role`, `validUntil`, `version` …
    name: String,
    /// How it was said.
    value: String,
}

/// Something that an administrator did.
pub struct AdministrationLogEntry(pub(super) Model);

/// Something that an administrator did: who, acting where, what, about which unit and whom, and when.
#[Object]
impl AdministrationLogEntry {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// What.
    async fn act(&self) -> AdministrationAct {
        self.0.act.0.into()
    }

    /// Who; nobody where Handrail itself did.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.0.actor.0)
    }

    /// What did it.
    async fn actor(&self) -> ActorKind {
        self.0.actor.0.into()
    }

    /// The unit that they acted at.
    async fn acting_at(&self, ctx: &Context<'_>) -> Option<Unit> {
        let directory = request::of(ctx).store.directory();
        directory.unit(self.0.acting_unit_id?).cloned().map(Unit)
    }

    /// The unit that it is about.
    async fn unit(&self, ctx: &Context<'_>) -> Option<Unit> {
        let directory = request::of(ctx).store.directory();
        directory.unit(self.0.unit_id?).cloned().map(Unit)
    }

    /// The staff member whom it is about.
    async fn staff(&self, ctx: &Context<'_>) -> Option<Staff> {
        Staff::all(ctx, [self.0.staff_id?]).pop()
    }

    /// Particulars, by name.
    async fn details(&self, ctx: &Context<'_>) -> Result<Vec<AdministrationDetail>> {
        let details = self.0.details(request::of(ctx).store.keyring())?;
        let details = details.into_iter();
        Ok(details
            .map(|(name, value)| AdministrationDetail { name, value })
            .collect())
    }
}
