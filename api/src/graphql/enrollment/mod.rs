//! Taking part: one citizen in one program at one unit.

mod content;
mod mutation;
mod progress;

pub use content::{EnrollmentModule, EnrollmentSection, EnrollmentStep};
pub use mutation::EnrollmentMutation;
pub use progress::{Availability, Progress};

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use entity::{
    content::Content,
    enrollment::{self, Filter, Order},
    progress::Overlay,
    viewer::Who,
};
use serde::Serialize;

use self::content::Taken;
use super::{
    activity::{ActivityOccurrence, PlannedActivity},
    care::{Citizen, Staff, Unit},
    connection::{self, Connection, connection},
    dispatch::{Dispatch, DispatchStatus},
    error::Result,
    flag::{Flag, FlagStatus},
    id::{self, Kind},
    loader::{
        DispatchesOf, EnrollmentKey, FlagsOf, MessagesOf, OccurrencesOf, OverlayOf, PageOf, PlanOf, RemindersOf,
        ResponsesOf, TherapistsOf,
    },
    message::Message,
    program::Program,
    reminder::Reminder,
    request,
    result::{FormResult, ResultSeries},
    rule::RuleEvaluation,
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

/// The order of a list of enrollments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
pub enum EnrollmentOrder {
    /// The highest open severity first, then the oldest flag, then unread messages.
    NeedsAttention,
    /// The newest first.
    #[default]
    StartedAt,
}

impl From<EnrollmentOrder> for Order {
    fn from(order: EnrollmentOrder) -> Self {
        match order {
            EnrollmentOrder::NeedsAttention => Self::NeedsAttention,
            EnrollmentOrder::StartedAt => Self::StartedAt,
        }
    }
}

/// How many enrollments there are on all pages: counted only when it is asked for.
pub struct Count(pub(super) Filter);

#[Object]
impl Count {
    /// How many there are on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<u64> {
        let request = request::of(ctx);
        Ok(enrollment::count(&request.store, &request.viewer, &self.0).await?)
    }
}

/// Whom the citizen can turn to.
pub struct Contact {
    unit: Unit,
    therapists: Vec<Staff>,
}

/// Whom the citizen can turn to.
#[Object]
impl Contact {
    /// The unit.
    async fn unit(&self) -> &Unit {
        &self.unit
    }

    /// Who treats.
    async fn therapists(&self) -> &[Staff] {
        &self.therapists
    }
}

/// One citizen taking part in one program at one unit.
pub struct Enrollment {
    pub(super) row: Arc<enrollment::Model>,
    pub(super) locale: Arc<str>,
}

impl Enrollment {
    /// An enrollment, read in its own language.
    pub fn new(row: Arc<enrollment::Model>) -> Self {
        Self {
            locale: row.locale.as_str().into(),
            row,
        }
    }

    /// The enrollment, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Self>> {
        Ok(request::of(ctx).loads.load_one(EnrollmentKey(id)).await?.map(Self::new))
    }

    async fn content(&self, ctx: &Context<'_>) -> Result<Arc<Content>> {
        let store = &request::of(ctx).store;
        Ok(store.library().content(store.connection(), self.row.version_id).await?)
    }

    async fn overlay(&self, ctx: &Context<'_>) -> Result<Arc<Overlay>> {
        Ok(request::of(ctx)
            .loads
            .load_one(OverlayOf(self.row.id))
            .await?
            .unwrap_or_default())
    }

    /// The content as this enrollment has it.
    async fn taken(&self, ctx: &Context<'_>) -> Result<Arc<Taken>> {
        Ok(Arc::new(Taken {
            enrollment: self.row.clone(),
            content: self.content(ctx).await?,
            overlay: self.overlay(ctx).await?,
            locale: self.locale.clone(),
            now: request::of(ctx).store.now(),
            // Staff see also what is hidden.
            shows_hidden: matches!(request::of(ctx).viewer.who, Who::Staff { .. } | Who::System),
        }))
    }

    /// A module of it that the viewer sees.
    pub async fn module(&self, ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<EnrollmentModule>> {
        Ok(self.taken(ctx).await?.module_by_id(id))
    }

    /// A section of it that the viewer sees.
    pub async fn section(&self, ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<EnrollmentSection>> {
        Ok(self.taken(ctx).await?.section_by_id(id))
    }

    /// A step of it that the viewer sees.
    pub async fn step(&self, ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<EnrollmentStep>> {
        Ok(self.taken(ctx).await?.step_by_id(id))
    }

    /// What comes of the activity plan in a span of time.
    pub async fn activities_between(
        &self,
        ctx: &Context<'_>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<ActivityOccurrence>> {
        let key = OccurrencesOf {
            enrollment: self.row.id,
            zone: self.row.tz(),
            from,
            to,
        };
        let days = request::of(ctx).loads.load_one(key).await?.unwrap_or_default();
        Ok(days.iter().cloned().map(ActivityOccurrence).collect())
    }

    async fn therapist_ids(&self, ctx: &Context<'_>) -> Result<Vec<uuid::Uuid>> {
        Ok(request::of(ctx)
            .loads
            .load_one(TherapistsOf(self.row.id))
            .await?
            .unwrap_or_default())
    }
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
        let viewer = &request::of(ctx).viewer;
        match viewer.who {
            Who::Staff { .. } if !viewer.sees_health() => 0,
            Who::Staff { .. } | Who::System => self.row.unread_by_staff,
            Who::Citizen { .. } | Who::Guardian { .. } => self.row.unread_by_citizen,
        }
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

    /// Whom the citizen can turn to.
    async fn contact(&self, ctx: &Context<'_>) -> Option<Result<Contact>> {
        let unit = Unit(request::of(ctx).store.directory().unit(self.row.unit_id)?.clone());
        let therapists = self.therapist_ids(ctx).await;
        Some(therapists.map(|ids| Contact {
            unit,
            therapists: Staff::all(ctx, ids),
        }))
    }

    /// Who treats now.
    async fn therapists(&self, ctx: &Context<'_>) -> Result<Vec<Staff>> {
        Ok(Staff::all(ctx, self.therapist_ids(ctx).await?))
    }

    /// How far the citizen has come.
    async fn progress(&self, ctx: &Context<'_>) -> Result<Progress> {
        let content = self.content(ctx).await?;
        Ok(self.overlay(ctx).await?.progress(&content).into())
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

    /// Forms that were or will be sent, those that become available last first.
    #[graphql(complexity = "connection::cost(first, child_complexity)")]
    async fn dispatches(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        status: Option<Vec<DispatchStatus>>,
    ) -> Result<Connection<Dispatch>> {
        let statuses = status.into_iter().flatten().map(Into::into).collect();
        let page = PageOf {
            statuses,
            first: connection::first(first),
            after,
        };
        let continued = page.after.is_some();
        let found = request::of(ctx)
            .loads
            .load_one(DispatchesOf {
                enrollment: self.row.id,
                page,
            })
            .await?;
        let page = found.map(|page| (*page).clone()).unwrap_or_default();
        Ok(connection(page, continued, Default::default(), |row| Dispatch {
            row: Arc::new(row),
            locale: self.locale.clone(),
        }))
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
        let statuses = status.into_iter().flatten().map(Into::into).collect();
        let page = PageOf {
            statuses,
            first: connection::first(first),
            after,
        };
        let continued = page.after.is_some();
        let found = request::of(ctx)
            .loads
            .load_one(FlagsOf {
                enrollment: self.row.id,
                page,
            })
            .await?;
        let page = found.map(|page| (*page).clone()).unwrap_or_default();
        Ok(connection(page, continued, Default::default(), |row| {
            Flag(Arc::new(row))
        }))
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

    /// The thread between citizen and staff, the latest message first.
    #[graphql(complexity = "connection::cost(first, child_complexity)")]
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
    ) -> Result<Connection<Message>> {
        let continued = after.is_some();
        let page = MessagesOf {
            enrollment: self.row.id,
            first: connection::first(first),
            after,
        };
        let found = request::of(ctx).loads.load_one(page).await?;
        let page = found.map(|page| (*page).clone()).unwrap_or_default();
        Ok(connection(page, continued, Default::default(), |row| {
            Message(Arc::new(row))
        }))
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
        let page = RemindersOf {
            enrollment: self.row.id,
            first: connection::first(first),
            after,
        };
        let found = request::of(ctx).loads.load_one(page).await?;
        let page = found.map(|page| (*page).clone()).unwrap_or_default();
        Ok(connection(page, continued, Default::default(), |row| {
            Reminder(Arc::new(row))
        }))
    }

    /// The last results, oldest first, of one form where it is named by its key.
    #[graphql(complexity = "connection::cost(last, child_complexity)")]
    async fn results(
        &self,
        ctx: &Context<'_>,
        form: Option<String>,
        #[graphql(default = 20)] last: i32,
    ) -> Result<Vec<FormResult>> {
        let key = ResponsesOf {
            enrollment: self.row.id,
            form,
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
    async fn rule_evaluations(&self, ctx: &Context<'_>, at: Option<DateTime<Utc>>) -> Result<Vec<RuleEvaluation>> {
        RuleEvaluation::all(ctx, self.row.id, at, self.locale.clone()).await
    }

    /// How a score has changed over time; none where the form has no such scale.
    #[graphql(complexity = "200 + 20 * child_complexity")]
    async fn result_series(&self, ctx: &Context<'_>, form: String, scale: String) -> Option<Result<ResultSeries>> {
        let content = match self.content(ctx).await {
            Ok(content) => content,
            Err(failure) => return Some(Err(failure)),
        };
        let content = content
            .forms
            .get(&form)
            .filter(|content| content.form.scale(&scale).is_some())?
            .clone();
        let key = ResponsesOf {
            enrollment: self.row.id,
            form: Some(form),
            last: ResultSeries::MOST,
        };
        let found = request::of(ctx).loads.load_one(key).await;
        Some(found.and_then(|rows| ResultSeries::new(content, &scale, &rows.unwrap_or_default(), self.locale.clone())))
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
