//! Taking part: one citizen in one program at one unit.

mod content;
mod group;
mod hand_over;
mod history;
mod life;
mod list;
mod mutation;
mod open_program;
mod progress;
mod reading;
mod visibility;

pub use content::{EnrollmentModule, EnrollmentSection, EnrollmentStep};
pub use group::GroupMutation;
pub use hand_over::HandOverMutation;
pub use history::{EnrollmentEndChange, EnrollmentStatus, EnrollmentStatusChange, EnrollmentTransfer};
pub use life::LifeMutation;
pub use list::{Count, EnrollmentOrder};
pub use mutation::EnrollmentMutation;
pub use open_program::{OpenProgramMutation, OpenProgramQuery};
pub use progress::{Availability, Progress};
pub use visibility::{VisibilityChange, VisibilityMutation};

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entity::{enrollment, response, result_series::ScaleKey};

use super::{
    activity::{ActivityOccurrence, PlannedActivity},
    care::{Staff, Unit},
    citizen::Citizen,
    connection::{self, Connection},
    contact::Contact,
    dispatch::{Dispatch, DispatchStatus},
    error::Result,
    flag::{Flag, FlagStatus},
    form_schedule::FormSchedule,
    id::{self, Kind},
    loader::{
        AnswerBefore, DispatchesOf, EndsOf, FlagsOf, MessagesOf, PageOf, PlanOf, RemindersOf, ResponsesOf, StatusesOf,
        TransfersOf,
    },
    measurement::{MeasurementKind, MeasurementSeries},
    message::{Message, MessageDraft, MessageHandOver},
    program::{Program, ProgramFeatures, ProgramVersion},
    reminder::Reminder,
    request,
    result::{FormResult, ResultChart, ResultSeries, ScaleInput, series},
    rule::RuleEvaluation,
    timeline::TimelineEntry,
};

/// One citizen taking part in one program at one unit.
pub struct Enrollment {
    pub(super) row: Arc<enrollment::Model>,
    pub(super) locale: Arc<str>,
}

/// One citizen taking part in one program at one unit.
#[Object]
impl Enrollment {
    /// Identity.
    pub async fn id(&self) -> ID {
        id::id(Kind::Enrollment, self.row.id)
    }

    /// Where it is in its life.
    async fn status(&self) -> EnrollmentStatus {
        self.row.status.0.into()
    }

    /// When it is planned to start, or was.
    async fn starts_at(&self) -> DateTime<Utc> {
        self.row.starts_at
    }

    /// When it was started.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.row.started_at
    }

    /// When it is planned to end.
    async fn ends_at(&self) -> Option<DateTime<Utc>> {
        self.row.ends_at
    }

    /// When it ended.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.row.ended_at
    }

    /// When a pause ends by itself.
    async fn resumes_at(&self) -> Option<DateTime<Utc>> {
        self.row.resumes_at
    }

    /// Until when the citizen can read it after its end; none before the end, and where they can without end.
    async fn readable_until(&self, ctx: &Context<'_>) -> Option<Result<DateTime<Utc>>> {
        let content = self.content(ctx).await;
        content
            .map(|content| self.row.readable_until(&content.version))
            .transpose()
    }

    /// Its states so far, the first one first.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn status_history(&self, ctx: &Context<'_>) -> Result<Vec<EnrollmentStatusChange>> {
        let found = request::of(ctx).loads.load_one(StatusesOf(self.row.id)).await?;
        let found = found.unwrap_or_default();
        Ok(found.iter().cloned().map(EnrollmentStatusChange).collect())
    }

    /// When it was to end so far, the first decision first.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn end_history(&self, ctx: &Context<'_>) -> Result<Vec<EnrollmentEndChange>> {
        let found = request::of(ctx).loads.load_one(EndsOf(self.row.id)).await?;
        let found = found.unwrap_or_default();
        Ok(found.iter().cloned().map(EnrollmentEndChange).collect())
    }

    /// The units that it was at before, the first transfer first.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn transfers(&self, ctx: &Context<'_>) -> Result<Vec<EnrollmentTransfer>> {
        let found = request::of(ctx).loads.load_one(TransfersOf(self.row.id)).await?;
        let found = found.unwrap_or_default();
        Ok(found.iter().cloned().map(EnrollmentTransfer).collect())
    }

    /// When the citizen last did something.
    async fn last_activity_at(&self) -> Option<DateTime<Utc>> {
        self.row.last_activity_at
    }

    /// The IANA time zone in which its local times are meant.
    async fn time_zone(&self) -> &str {
        &self.row.zone
    }

    /// The language (BCP 47).
    async fn locale(&self) -> &str {
        &self.row.locale
    }

    /// Messages that the viewer's side has not read.
    async fn unread_message_count(&self, ctx: &Context<'_>) -> i32 {
        self.row.unread(&request::of(ctx).viewer)
    }

    /// Who takes part.
    async fn citizen(&self) -> Citizen {
        Citizen(self.row.citizen_id)
    }

    /// In what.
    async fn program(&self, ctx: &Context<'_>) -> Result<Program> {
        Ok(Program {
            content: self.content(ctx).await?,
            locale: self.locale.clone(),
        })
    }

    /// The version of the program that is taken: it stays the same while later ones are published.
    async fn program_version(&self, ctx: &Context<'_>) -> Result<ProgramVersion> {
        Ok(ProgramVersion {
            content: self.content(ctx).await?,
            locale: self.locale.clone(),
        })
    }

    /// The unit where it is.
    async fn unit(&self, ctx: &Context<'_>) -> Result<Unit> {
        let directory = request::of(ctx).store.directory();
        let unit = directory.unit(self.row.unit_id).cloned().map(Unit);
        Ok(unit.ok_or_else(|| entity::error::Error::Corrupt("an enrollment is at no unit".to_owned()))?)
    }

    /// Whom the citizen can turn to; none where the program has no contact view.
    async fn contact(&self, ctx: &Context<'_>) -> Option<Result<Contact>> {
        let unit = request::of(ctx).store.directory().unit(self.row.unit_id)?.clone();
        self.contact_at(ctx, unit).await.transpose()
    }

    /// Who treats now.
    async fn therapists(&self, ctx: &Context<'_>) -> Result<Vec<Staff>> {
        Ok(Staff::all(ctx, self.therapist_ids(ctx).await?))
    }

    /// How far the citizen has come.
    async fn progress(&self, ctx: &Context<'_>) -> Result<Progress> {
        let content = self.content(ctx).await?;
        let now = request::of(ctx).store.now();
        Ok(self.overlay(ctx).await?.progress(&content, now).into())
    }

    /// The first step that is open and not completed.
    async fn next_step(&self, ctx: &Context<'_>) -> Option<Result<EnrollmentStep>> {
        self.taken(ctx).await.map(|taken| taken.next_step()).transpose()
    }

    /// The modules, in order. Citizens see those that are visible; staff also those that are hidden.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn modules(&self, ctx: &Context<'_>) -> Result<Vec<EnrollmentModule>> {
        Ok(self.taken(ctx).await?.modules())
    }

    /// The last times that somebody showed, hid or opened something, the latest first. For staff who treat; nothing for everybody
    /// else.
    #[graphql(complexity = "connection::cost(last, child_complexity)")]
    async fn visibility_history(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] last: i32,
    ) -> Result<Vec<VisibilityChange>> {
        Ok(VisibilityChange::last(ctx, &self.taken(ctx).await?, last, |_| true))
    }

    /// Forms that were or will be sent, those that become available last first.
    #[graphql(complexity = "connection::cost(first, child_complexity)")]
    async fn dispatches(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        status: Option<Vec<DispatchStatus>>,
    ) -> Result<Connection<Dispatch>> {
        let continued = after.is_some();
        let key = DispatchesOf {
            enrollment: self.row.id,
            page: PageOf::new(status.into_iter().flatten(), first, after),
        };
        connection::loaded(ctx, key, continued, |row| Dispatch {
            row: Arc::new(row),
            locale: self.locale.clone(),
        })
        .await
    }

    /// Flags, those that were raised last first. Citizens see those that are for them.
    #[graphql(complexity = "connection::cost(first, child_complexity)")]
    async fn flags(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        status: Option<Vec<FlagStatus>>,
    ) -> Result<Connection<Flag>> {
        let continued = after.is_some();
        let key = FlagsOf {
            enrollment: self.row.id,
            page: PageOf::new(status.into_iter().flatten(), first, after),
        };
        connection::loaded(ctx, key, continued, |row| Flag(Arc::new(row))).await
    }

    /// What comes of the activity plan in a span of at most a year, in order: what has begun and is not over, and what begins.
    #[graphql(complexity = "occurrences(from, to) * child_complexity + 1")]
    async fn activities(
        &self,
        ctx: &Context<'_>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<ActivityOccurrence>> {
        self.activities_between(ctx, from, to).await
    }

    /// What is planned for the citizen to do, without what has ended.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn activity_plan(&self, ctx: &Context<'_>) -> Result<Vec<PlannedActivity>> {
        let plan = request::of(ctx).loads.load_one(PlanOf(self.row.id)).await?;
        let plan = plan.unwrap_or_default();
        Ok(plan.iter().cloned().map(|row| PlannedActivity(Arc::new(row))).collect())
    }

    /// The planning view: what happened, what is planned, and what rules are predicted to do in the next 92 days, from an instant
    /// and before another at most a year later, in order of time. Citizens see what is theirs. None where the program has no
    /// planning view.
    #[graphql(complexity = "2_000 + occurrences(from, to) * child_complexity")]
    async fn timeline(
        &self,
        ctx: &Context<'_>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Option<Result<Vec<TimelineEntry>>> {
        TimelineEntry::all(ctx, Self::new(self.row.clone()), from, to)
            .await
            .transpose()
    }

    /// Which functions the program offers here.
    async fn features(&self, ctx: &Context<'_>) -> Result<ProgramFeatures> {
        Ok(self.content(ctx).await?.version.features().into())
    }

    /// What the citizen can measure and register.
    #[graphql(complexity = "1 + 10 * child_complexity")]
    async fn measurement_kinds(&self, ctx: &Context<'_>) -> Result<Vec<MeasurementKind>> {
        let kinds = self.content(ctx).await?.version.measurement_kinds()?;
        let kinds = kinds.iter().map(|kind| MeasurementKind::new(kind, &self.locale));
        Ok(kinds.collect())
    }

    /// What the citizen measured of a kind, from an instant and before another; none where the program has no such kind.
    #[graphql(complexity = "100 + child_complexity")]
    async fn measurement_series(
        &self,
        ctx: &Context<'_>,
        kind: String,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Option<Result<MeasurementSeries>> {
        MeasurementSeries::find(ctx, self, kind, from, to).await.transpose()
    }

    /// The thread between citizen and staff, the latest message first.
    #[graphql(complexity = "connection::cost(first, child_complexity)")]
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<Message>> {
        let continued = after.is_some();
        let key = MessagesOf {
            enrollment: self.row.id,
            first: connection::first(first),
            after,
        };
        connection::loaded(ctx, key, continued, |row| Message(Arc::new(row))).await
    }

    /// What the viewer has begun to write in the thread.
    async fn message_draft(&self, ctx: &Context<'_>) -> Option<Result<MessageDraft>> {
        MessageDraft::of(ctx, self.row.id).await.transpose()
    }

    /// Who of the staff looks after the messages; all who treat where nobody is named. For staff.
    async fn messages_handled_by(&self, ctx: &Context<'_>) -> Option<Result<Staff>> {
        MessageHandOver::responsible(ctx, &self.row).await.transpose()
    }

    /// Every hand-over of the messages, the latest first. For staff.
    #[graphql(complexity = "1 + 5 * child_complexity")]
    async fn message_hand_overs(&self, ctx: &Context<'_>) -> Result<Vec<MessageHandOver>> {
        MessageHandOver::history(ctx, self.row.id).await
    }

    /// Until when the unit promised to answer the oldest message of the citizen that nobody has answered.
    async fn answer_before(&self, ctx: &Context<'_>) -> Option<Result<DateTime<Utc>>> {
        request::of(ctx)
            .loads
            .load_one(AnswerBefore(self.row.id))
            .await
            .transpose()
    }

    /// What somebody was or is to be reminded of, the latest first. Citizens see what is for them.
    #[graphql(complexity = "connection::cost(first, child_complexity)")]
    async fn reminders(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<Reminder>> {
        let continued = after.is_some();
        let key = RemindersOf {
            enrollment: self.row.id,
            first: connection::first(first),
            after,
        };
        connection::loaded(ctx, key, continued, |row| Reminder(Arc::new(row))).await
    }

    /// The last results in the order in which the forms were answered, of one form where it is named by its key. Staff may ask
    /// also for those that were amended or voided.
    #[graphql(complexity = "connection::cost(last, child_complexity)")]
    async fn results(
        &self,
        ctx: &Context<'_>,
        form: Option<String>,
        #[graphql(default = 20)] last: i32,
        #[graphql(default)] with_history: bool,
    ) -> Result<Vec<FormResult>> {
        let key = ResponsesOf {
            enrollment: self.row.id,
            filter: response::Filter { form, with_history },
            last: connection::first(last),
        };
        let found = request::of(ctx).loads.load_one(key).await?.unwrap_or_default();
        Ok(found
            .iter()
            .map(|row| FormResult {
                row: Arc::new(row.clone()),
                locale: self.locale.clone(),
            })
            .collect())
    }

    /// Why each rule in force fires for this person at an instant, now where absent, or why it does not; by the keys of the
    /// rules. For those who treat; nothing for everybody else.
    #[graphql(complexity = "2 * connection::STATEMENT + 20 * child_complexity")]
    async fn rule_evaluations(
        &self,
        ctx: &Context<'_>,
        at: Option<DateTime<Utc>>,
    ) -> Option<Result<Vec<RuleEvaluation>>> {
        Some(RuleEvaluation::all(ctx, self.row.id, at, self.locale.clone()).await)
    }

    /// The forms that rules send here, and those whose schedules were switched off or on. For those who treat; nothing for
    /// everybody else.
    #[graphql(complexity = "connection::STATEMENT + 10 * child_complexity")]
    async fn form_schedules(&self, ctx: &Context<'_>) -> Result<Vec<FormSchedule>> {
        FormSchedule::all(ctx, self).await
    }

    /// How a score has changed over time; none where the form has no such scale.
    #[graphql(complexity = "200 + child_complexity")]
    async fn result_series(&self, ctx: &Context<'_>, form: String, scale: String) -> Option<Result<ResultSeries>> {
        let found = async {
            let content = self.content(ctx).await?;
            ResultSeries::find(ctx, self, &content, vec![ScaleKey { form, scale }]).await
        };
        found.await.map(|mut series| series.pop()).transpose()
    }

    /// How several scores have changed, at most six, to be shown together: one below the other over the same dates. Scales that
    /// the program does not have are left out.
    #[graphql(complexity = "200 + scales.len() * child_complexity")]
    async fn result_chart(&self, ctx: &Context<'_>, scales: Vec<ScaleInput>) -> Option<Result<ResultChart>> {
        // Every enrollment has one, even if it is empty: it is nullable so that too many scales do not fail its siblings.
        Some(ResultChart::find(ctx, self, scales).await)
    }

    /// Where the results are as a table (CSV), of one form where it is named: an address of this server that works for the
    /// viewer for some minutes, without a token. Free texts are in it for staff alone.
    async fn result_table_url(&self, ctx: &Context<'_>, form: Option<String>) -> Option<Result<String>> {
        series::table_url(ctx, self, form)
    }

    /// Where the results are as FHIR R4 resources, as `resultTableUrl`.
    async fn result_bundle_url(
        &self,
        ctx: &Context<'_>,
        form: Option<String>,
        locale: Option<String>,
    ) -> Option<Result<String>> {
        series::bundle_url(ctx, self, form, locale)
    }
}

/// Asking for enrollments.
#[derive(Default)]
pub struct EnrollmentQuery;

#[Object]
impl EnrollmentQuery {
    /// An enrollment that the viewer may see.
    async fn enrollment(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Enrollment>> {
        Enrollment::find(ctx, id::of(Kind::Enrollment, &id)?).await.transpose()
    }
}

/// What the complexity limit counts a span of the activity plan for: some activities a day, as many days as it has.
fn occurrences(from: DateTime<Utc>, to: DateTime<Utc>) -> usize {
    usize::try_from((to - from).num_days().clamp(10, 366)).unwrap_or(366)
}
