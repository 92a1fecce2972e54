//! Units and staff.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, NaiveDate, Utc};
use entity::{
    enrollment::{self as record, Filter, Order},
    identity::IdentityNumber,
    staff,
    statistics::Place,
    unit,
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    administration::{AcceptedTerms, Assignment, AssignmentStatus, Invitation},
    assignee::AssigneeInput,
    connection::{self, Connection, connection},
    contact::{self, Phone, Reached},
    enrollment::{Count, Enrollment, EnrollmentOrder, EnrollmentStatus},
    error::Result,
    flag::{self, Audience, FlagOrder, FlagStatus, FlagWorklist, Severity},
    id::{self, Kind},
    loader::{AssignmentsOf, InvitationOf, TermsOf},
    message::{MessageTemplate, UnitMessage},
    office_hours::OfficeHours,
    reminder::ReminderTemplate,
    request,
    rule::Outlook,
    statistics::{COUNTING, Statistics},
};

/// What somebody may do at a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "entity::assignment::Role")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Treats.
    Therapist,
    /// Starts and ends enrollments.
    CitizenAdministrator,
    /// Looks after the unit and its rules.
    UnitAdministrator,
    /// Looks after units and assignments.
    ProviderAdministrator,
    /// Writes programs and their rules.
    Designer,
    /// Publishes programs.
    Publisher,
    /// Reads the access log.
    Auditor,
}

/// Where care is given.
pub struct Unit(pub(super) unit::Model);

impl Unit {
    /// The unit that the viewer acts at, or that they look after.
    pub fn find(ctx: &Context<'_>, id: Uuid) -> Option<Self> {
        let request = request::of(ctx);
        let (directory, viewer) = (request.store.directory(), &request.viewer);
        let unit = directory.unit(id)?;
        let seen = viewer.unit() == Some(id) || (viewer.staff().is_some() && viewer.administers_unit(unit));
        seen.then(|| Self(unit.clone()))
    }

    /// A unit that was just changed: the directory of this process may be older.
    pub async fn anew(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        let store = &request::of(ctx).store;
        store.refresh().await?;
        Ok(store.directory().unit(id).cloned().map(Self))
    }
}

/// Where care is given (enhet).
#[Object]
impl Unit {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Unit, self.0.id)
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The phone number to call first.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// Its phone numbers, the one to call first at the front.
    async fn phones(&self, ctx: &Context<'_>, locale: Option<String>) -> Vec<Phone> {
        Reached::new(&self.0, language(ctx, locale.as_ref())).phones()
    }

    /// What to do in an emergency.
    async fn emergency_text(&self, ctx: &Context<'_>, locale: Option<String>) -> Option<String> {
        Reached::new(&self.0, language(ctx, locale.as_ref())).emergency()
    }

    /// Whether it is open now; none where it did not say when it is.
    async fn is_open_now(&self, ctx: &Context<'_>) -> Option<bool> {
        contact::is_open(&self.0, request::of(ctx).store.now())
    }

    /// When it opens next; none where it is open, or did not say when it is.
    async fn opens_at(&self, ctx: &Context<'_>) -> Option<DateTime<Utc>> {
        contact::opens_at(&self.0, request::of(ctx).store.now())
    }

    /// When it is open, in words.
    async fn opening_hours(&self, ctx: &Context<'_>, locale: Option<String>) -> Option<String> {
        Reached::new(&self.0, language(ctx, locale.as_ref())).opening_hours()
    }

    /// When it is open every week, as times in its zone; always, where empty.
    async fn office_hours(&self) -> Vec<OfficeHours> {
        let hours = entity::office_hours::OfficeHours::of(&self.0).hours;
        hours.into_iter().map(Into::into).collect()
    }

    /// The local dates on which it is closed all the same.
    async fn closed_days(&self) -> Vec<NaiveDate> {
        let days = entity::office_hours::OfficeHours::of(&self.0).closed_days;
        days.into_iter().collect()
    }

    /// The IANA time zone.
    async fn time_zone(&self) -> &str {
        &self.0.zone
    }

    /// The other units of its provider, to which an enrollment can be transferred.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn sibling_units(&self, ctx: &Context<'_>) -> Vec<Unit> {
        let directory = request::of(ctx).store.directory();
        directory.siblings(&self.0).cloned().map(Unit).collect()
    }

    /// Who treats here. For staff.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn therapists(&self, ctx: &Context<'_>) -> Vec<Staff> {
        let request = request::of(ctx);
        let directory = request.store.directory();
        Staff::all(ctx, directory.therapists(&request.viewer, self.0.id))
    }

    /// Since when nobody can be enrolled here any more; it is connected where absent.
    async fn disconnected_at(&self) -> Option<DateTime<Utc>> {
        self.0.disconnected_at
    }

    /// The terms that were accepted for it, the latest first. For administrators of the unit and its provider, and auditors.
    #[graphql(complexity = "connection::cost(last, child_complexity)")]
    async fn accepted_terms(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] last: i32,
    ) -> Result<Vec<AcceptedTerms>> {
        let key = TermsOf {
            unit: self.0.id,
            last: connection::first(last),
        };
        let found = request::of(ctx).loads.load_one(key).await?;
        let found = found.iter().flat_map(|terms| terms.iter().cloned());
        Ok(found.map(AcceptedTerms).collect())
    }

    /// Who has, had or will have which role here, those with a role at every unit among them, those given last first. For
    /// administrators of the unit and its provider, and auditors.
    #[graphql(complexity = "connection::cost(first, child_complexity)")]
    async fn assignments(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        #[graphql(default_with = "vec![AssignmentStatus::Current, AssignmentStatus::Planned]")] status: Vec<
            AssignmentStatus,
        >,
    ) -> Result<Connection<Assignment>> {
        Assignment::of_unit(ctx, &self.0, status, first, after).await
    }

    /// Within how many working days messages are answered; nothing is promised where absent.
    async fn answer_within_days(&self) -> Option<i32> {
        self.0.answer_within
    }

    /// The texts that messages are written from, in one language or in all, by title. For those who treat here and the unit's
    /// administrators.
    #[graphql(complexity = "connection::STATEMENT + 20 * child_complexity")]
    async fn message_templates(&self, ctx: &Context<'_>, locale: Option<String>) -> Result<Vec<MessageTemplate>> {
        MessageTemplate::of_unit(ctx, self.0.id, locale.as_deref()).await
    }

    /// The letters that rules and people remind with, by key: those to citizens or to staff where one of them is named. They say
    /// nothing of anybody.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn reminder_templates(
        &self,
        ctx: &Context<'_>,
        audience: Option<Audience>,
        locale: Option<String>,
    ) -> Result<Vec<ReminderTemplate>> {
        ReminderTemplate::all(audience, language(ctx, locale.as_ref()))
    }

    /// What was sent to all citizens here, the latest first. For those who treat here and the unit's administrators.
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn messages_to_all(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<UnitMessage>> {
        UnitMessage::page(ctx, self.0.id, first, after).await
    }

    /// What will go out within so many days, at most 92, if nobody does anything. For those who treat here and the unit's
    /// administrators, who see the numbers alone.
    #[graphql(complexity = "10_000 + child_complexity")]
    async fn outlook(&self, ctx: &Context<'_>, days: u32) -> Option<Result<Outlook>> {
        Some(Outlook::of(ctx, self.0.id, days).await)
    }

    /// Its numbers of enrollments that started, and of what happened, from `from` on and before `to`, which are each the first of a
    /// month: the twelve months up to the end of this one, where absent. Of one program where that is named. For those who treat here and the administrators of the unit and its provider.
    #[graphql(complexity = "COUNTING + child_complexity")]
    async fn statistics(
        &self,
        ctx: &Context<'_>,
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
        program_slug: Option<String>,
    ) -> Option<Result<Statistics>> {
        Some(Statistics::of(ctx, Place::Unit(self.0.id), from, to, program_slug).await)
    }

    /// Enrollments at this unit, for those of its staff who may see them; where that is asked for, only those of one program, of
    /// the citizen with this personal identity or co-ordination number, in which somebody treats, with messages that the viewer's
    /// side has not read or without, or whose messages somebody looks after.
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn enrollments(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        status: Option<Vec<EnrollmentStatus>>,
        #[graphql(default)] order_by: EnrollmentOrder,
        assigned_to: Option<AssigneeInput>,
        program_slug: Option<String>,
        #[graphql(secret)] personal_identity_number: Option<String>,
        unread: Option<bool>,
        messages_handled_by: Option<AssigneeInput>,
    ) -> Result<Connection<Enrollment, Count>> {
        let now = request::of(ctx).store.now();
        let identity = personal_identity_number
            .map(|number| IdentityNumber::input(&number, now, "personalIdentityNumber"))
            .transpose()?;
        let filter = Filter {
            unit: Some(self.0.id),
            citizen: None,
            identity,
            statuses: statuses(status),
            program: program_slug,
            therapist: assigned_to
                .map(|assignee| assignee.read(ctx, "assignedTo"))
                .transpose()?,
            unread,
            messages_handled_by: messages_handled_by
                .map(|assignee| assignee.read(ctx, "messagesHandledBy"))
                .transpose()?,
        };
        enrollments(ctx, filter, order_by.into(), first, after).await
    }

    /// The flags of enrollments at this unit, for those who treat here; those that stand, where no state is named.
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    #[graphql(complexity = "connection::STATEMENT + connection::cost(first, child_complexity)")]
    async fn flags(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        #[graphql(default_with = "vec![FlagStatus::Open, FlagStatus::Acknowledged]")] status: Vec<FlagStatus>,
        severity: Option<Vec<Severity>>,
        kind: Option<String>,
        #[graphql(default_with = "Some(Audience::Staff)")] audience: Option<Audience>,
        assigned_to: Option<AssigneeInput>,
        enrollment_id: Option<ID>,
        #[graphql(default)] order_by: FlagOrder,
    ) -> Result<FlagWorklist> {
        let enrollment = enrollment_id.as_ref();
        let filter = entity::flag::Filter {
            unit: self.0.id,
            statuses: status.into_iter().map(Into::into).collect(),
            severities: severity.into_iter().flatten().map(Into::into).collect(),
            kind,
            audience: audience.map(Into::into),
            assignee: assigned_to
                .map(|assignee| assignee.read(ctx, "assignedTo"))
                .transpose()?,
            enrollment: enrollment
                .map(|id| id::input(Kind::Enrollment, id, "enrollmentId"))
                .transpose()?,
        };
        flag::worklist(ctx, filter, order_by, first, after).await
    }
}

fn language<'a>(ctx: &Context<'a>, locale: Option<&'a String>) -> &'a str {
    locale.unwrap_or(&request::of(ctx).language)
}

/// The states that a list shows; all where none is named.
pub(super) fn statuses(statuses: Option<Vec<EnrollmentStatus>>) -> Vec<rules::facts::Status> {
    statuses.into_iter().flatten().map(Into::into).collect()
}

/// A page of those enrollments that the viewer may see.
pub(super) async fn enrollments(
    ctx: &Context<'_>,
    filter: Filter,
    order: Order,
    first: i32,
    after: Option<String>,
) -> Result<Connection<Enrollment, Count>> {
    let request = request::of(ctx);
    let first = connection::first(first);
    let page = record::page(&request.store, &request.viewer, &filter, order, first, after.as_deref()).await?;
    Ok(connection(page, after.is_some(), Count(filter), |row| {
        Enrollment::new(Arc::new(row))
    }))
}

/// Somebody who works with programs.
pub struct Staff(pub(super) staff::Model);

impl Staff {
    /// Those of these who are known.
    pub fn all(ctx: &Context<'_>, ids: impl IntoIterator<Item = Uuid>) -> Vec<Self> {
        let directory = request::of(ctx).store.directory();
        ids.into_iter()
            .filter_map(|id| directory.staff(id).cloned().map(Self))
            .collect()
    }
}

/// Somebody who works with programs (personal).
#[Object]
impl Staff {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Staff, self.0.id)
    }

    /// What the person is called.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// The profession, as the citizen reads it.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// The e-mail address. For administrators of the provider and themself.
    async fn email(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let request = request::of(ctx);
        let email = self.0.email(&request.store, &request.viewer);
        email.map_err(Into::into).transpose()
    }

    /// What they may do where and when: what they were given last, the oldest of it first. For auditors and administrators of the
    /// provider, and those of a unit as far as it holds there.
    #[graphql(complexity = "connection::cost(last, child_complexity)")]
    async fn assignments(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] last: i32,
        #[graphql(default_with = "vec![AssignmentStatus::Current, AssignmentStatus::Planned]")] status: Vec<
            AssignmentStatus,
        >,
    ) -> Result<Vec<Assignment>> {
        let key = AssignmentsOf {
            staff: self.0.id,
            statuses: status.into_iter().map(Into::into).collect(),
            last: connection::first(last),
        };
        let found = request::of(ctx).loads.load_one(key).await?;
        let found = found.iter().flat_map(|rows| rows.iter().cloned());
        Ok(found.map(Assignment).collect())
    }

    /// The last letter that invited them. For administrators.
    async fn invitation(&self, ctx: &Context<'_>) -> Option<Result<Invitation>> {
        let found = request::of(ctx).loads.load_one(InvitationOf(self.0.id)).await;
        found
            .map(|found| found.map(|row| Invitation((*row).clone())))
            .transpose()
    }
}

/// Asking for units.
#[derive(Default)]
pub struct CareQuery;

#[Object]
impl CareQuery {
    /// The unit that the viewer acts at, or for administrators of a care provider any of its units; any other is not there.
    async fn unit(&self, ctx: &Context<'_>, id: ID) -> Option<Unit> {
        Unit::find(ctx, id::of(Kind::Unit, &id)?)
    }
}
