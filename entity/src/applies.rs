//! Whether a reminder still applies: asked when it leaves, when each of its deliveries is claimed, and once more right before
//! that is handed over.

mod content;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::{
    definition::RuleDefinition,
    facts::{Audience, Status},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access_block,
    act::BATCH,
    dispatch::{self, DispatchStatus},
    enrollment, enrollment_status,
    error::Result,
    firing,
    flag::{self, FlagStatus},
    form_schedule, reminder,
    rule::RuleBook,
    store::Store,
    stored::Stored,
};

/// Why a reminder, or one of its deliveries, does not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SkipReason {
    /// The form is answered.
    Answered,
    /// The form was taken back, or declined.
    Cancelled,
    /// The form cannot be answered any more.
    Expired,
    /// Somebody switched the schedule of the form off for the enrollment.
    ScheduleOff,
    /// Somebody took the reminder back.
    TakenBack,
    /// A later one about the same is due, too: nobody is told twice at once.
    // While an update rolls out, processes of the release before it write the former words.
    #[serde(alias = "OVERTAKEN")]
    Superseded,
    /// The enrollment has not started.
    NotStarted,
    /// The enrollment is paused, or was when the reminder was due.
    #[serde(alias = "NOT_ACTIVE")]
    Paused,
    /// The enrollment has ended.
    Ended,
    /// What it is about is hidden from the citizen, or closed.
    ContentHidden,
    /// The rule that asked for it is switched off, for the program, the unit or the enrollment.
    RuleOff,
    /// The rule that asked for it is only tried now.
    RuleDryRun,
    /// Somebody has taken on the flag, or it is resolved.
    FlagHandled,
    /// The citizen does not want to be reached on the channel.
    OptedOut,
    /// There is no address on the channel.
    NoAddress,
    /// Nobody has the role of those who were to be reminded.
    Nobody,
    /// The staff member has no longer the role for which they were to be reminded.
    NotAssigned,
    /// The citizen has blocked the unit: its staff would find nothing.
    AccessBlocked,
}

/// Why reminders do not apply any more, by reminder; those that do are absent.
///
/// # Errors
/// When the database fails.
pub(crate) async fn obstacles(
    store: &Store,
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, SkipReason>> {
    let asked = Asked::read(connection, reminders, enrollments, now).await?;
    obstacles_of_asked(store, connection, reminders, enrollments, &asked, now).await
}

/// As [`obstacles`], where it is known already what rules asked for them.
///
/// # Errors
/// When the database fails.
pub(crate) async fn obstacles_of_asked(
    store: &Store,
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
    asked: &Asked,
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, SkipReason>> {
    let mut obstacles = HashMap::new();
    let mut add = |found: HashMap<Uuid, SkipReason>| {
        for (reminder, reason) in found {
            obstacles.entry(reminder).or_insert(reason);
        }
    };
    let dispatches = dispatches(connection, reminders).await?;
    add(reminders
        .iter()
        .filter_map(|reminder| Some((reminder.id, dispatches.get(&reminder.dispatch_id?)?.over(now)?)))
        .collect());
    add(schedule_off(connection, reminders, &dispatches).await?);
    add(handled(connection, reminders).await?);
    add(inactive(connection, reminders, enrollments, asked).await?);
    add(blocked(connection, reminders, enrollments).await?);
    add(asked.switched_off(reminders, now));
    add(content::hidden(store, connection, reminders, enrollments, &dispatches, asked, now).await?);
    Ok(obstacles)
}

/// How far a form has come.
struct Form {
    key: String,
    status: DispatchStatus,
    expires_at: Option<DateTime<Utc>>,
    step: Option<Uuid>,
}

impl Form {
    /// Why it needs no reminder.
    fn over(&self, now: DateTime<Utc>) -> Option<SkipReason> {
        match self.status {
            DispatchStatus::Completed => Some(SkipReason::Answered),
            DispatchStatus::Cancelled | DispatchStatus::Declined => Some(SkipReason::Cancelled),
            DispatchStatus::Expired => Some(SkipReason::Expired),
            DispatchStatus::Scheduled | DispatchStatus::Available | DispatchStatus::Started => {
                let is_over = self.expires_at.is_some_and(|until| until <= now);
                is_over.then_some(SkipReason::Expired)
            }
        }
    }
}

async fn dispatches(connection: &impl ConnectionTrait, reminders: &[reminder::Model]) -> Result<HashMap<Uuid, Form>> {
    use dispatch::Column;
    type Row = (
        Uuid,
        String,
        Stored<DispatchStatus>,
        Option<DateTime<Utc>>,
        Option<Uuid>,
    );
    let ids: Vec<Uuid> = reminders.iter().filter_map(|reminder| reminder.dispatch_id).collect();
    let mut found = HashMap::new();
    for chunk in ids.chunks(BATCH) {
        let rows: Vec<Row> = dispatch::Entity::find()
            .select_only()
            .columns([
                Column::Id,
                Column::FormKey,
                Column::Status,
                Column::ExpiresAt,
                Column::StepId,
            ])
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(connection)
            .await?;
        found.extend(rows.into_iter().map(|(id, key, status, expires_at, step)| {
            let status = status.0;
            let form = Form {
                key,
                status,
                expires_at,
                step,
            };
            (id, form)
        }));
    }
    Ok(found)
}

/// Those that a rule's form brought with it, where no rule may send the form any more.
async fn schedule_off(
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
    dispatches: &HashMap<Uuid, Form>,
) -> Result<HashMap<Uuid, SkipReason>> {
    let by_rule = reminders.iter().filter(|reminder| reminder.firing_id.is_some());
    let concerned: Vec<(&reminder::Model, &Form)> = by_rule
        .filter_map(|reminder| Some((reminder, dispatches.get(&reminder.dispatch_id?)?)))
        .collect();
    let off = form_schedule::off(connection, concerned.iter().map(|(row, _)| row.enrollment_id)).await?;
    Ok(concerned
        .into_iter()
        .filter(|(reminder, form)| off.contains(&(reminder.enrollment_id, form.key.clone())))
        .map(|(reminder, _)| (reminder.id, SkipReason::ScheduleOff))
        .collect())
}

/// The rungs whose flag somebody has handled. Opened again it is another opening, which has rungs of its own.
async fn handled(
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
) -> Result<HashMap<Uuid, SkipReason>> {
    let flags: HashSet<Uuid> = reminders.iter().filter_map(|reminder| reminder.flag_id).collect();
    let flags: Vec<Uuid> = flags.into_iter().collect();
    let mut open = HashSet::new();
    for chunk in flags.chunks(BATCH) {
        let ids: Vec<Uuid> = flag::Entity::find()
            .select_only()
            .column(flag::Column::Id)
            .filter(flag::Column::Id.is_in(chunk.iter().copied()))
            .filter(flag::Column::Status.eq(Stored(FlagStatus::Open)))
            .into_tuple()
            .all(connection)
            .await?;
        open.extend(ids);
    }
    let openings = flag::openings(connection, &flags).await?;
    let is_handled = |reminder: &&reminder::Model| {
        let stands = |flag| open.contains(&flag) && openings.get(&flag).copied() == reminder.opening;
        reminder.flag_id.is_some_and(|flag| !stands(flag))
    };
    let handled = reminders.iter().filter(is_handled);
    Ok(handled.map(|reminder| (reminder.id, SkipReason::FlagHandled)).collect())
}

/// Those of enrollments that do not take place now, or did not when the reminder was due: what lapsed in a pause does not
/// come after it. A reminder that was decided in such a state leaves in it. A flag that stands waits for somebody whatever
/// becomes of the enrollment, and what colleagues remind one another of may be just that it rests.
async fn inactive(
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
    asked: &Asked,
) -> Result<HashMap<Uuid, SkipReason>> {
    let concerned: Vec<&reminder::Model> = reminders.iter().filter(|row| row.flag_id.is_none()).collect();
    let ids: HashSet<Uuid> = concerned.iter().map(|row| row.enrollment_id).collect();
    let mut statuses: HashMap<Uuid, Vec<(DateTime<Utc>, Status)>> = HashMap::new();
    for chunk in ids.into_iter().collect::<Vec<_>>().chunks(BATCH) {
        let rows = enrollment_status::Entity::find()
            .filter(enrollment_status::Column::EnrollmentId.is_in(chunk.iter().copied()))
            .order_by_asc(enrollment_status::Column::At);
        for row in rows.all(connection).await? {
            let status = (row.at, row.status.0);
            statuses.entry(row.enrollment_id).or_default().push(status);
        }
    }
    let obstacle = |reminder: &reminder::Model| {
        let Some(enrollment) = enrollments.get(&reminder.enrollment_id) else {
            return Some(SkipReason::Ended);
        };
        let as_of = |instant| {
            let history = statuses.get(&reminder.enrollment_id).into_iter().flatten();
            let known = history.take_while(|(at, _)| *at <= instant);
            known.last().map(|(_, status)| *status)
        };
        // After downtime a rule decides as of when it should have: meanwhile the enrollment may have come to another state.
        let decided_in = asked
            .fired_at(reminder)
            .and_then(as_of)
            .unwrap_or(reminder.decided_in.0);
        let is_or_was = |status: &Status| *status == Status::Active || *status == decided_in;
        let then = as_of(reminder.remind_at.max(reminder.created_at));
        let hindrance = [Some(enrollment.status.0), then].into_iter().flatten();
        let hindrance = hindrance.filter(|status| !is_or_was(status)).filter_map(why_inactive);
        let mut hindrance = hindrance.filter(|reason| *reason == SkipReason::Ended || !reminder.is_between_staff());
        hindrance.next()
    };
    Ok(concerned
        .into_iter()
        .filter_map(|reminder| Some((reminder.id, obstacle(reminder)?)))
        .collect())
}

fn why_inactive(status: Status) -> Option<SkipReason> {
    match status {
        Status::Planned => Some(SkipReason::NotStarted),
        Status::Active => None,
        Status::Paused => Some(SkipReason::Paused),
        Status::Completed | Status::Withdrawn => Some(SkipReason::Ended),
    }
}

/// Those to the staff of units that the citizen has blocked.
async fn blocked(
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
) -> Result<HashMap<Uuid, SkipReason>> {
    let to_staff = reminders.iter().filter(|row| row.audience.0 == Audience::Staff);
    let concerned: Vec<(Uuid, &enrollment::Model)> = to_staff
        .filter_map(|row| Some((row.id, enrollments.get(&row.enrollment_id)?)))
        .collect();
    let mut blocks = HashSet::new();
    for chunk in concerned.chunks(BATCH) {
        let rows = access_block::Entity::find()
            .filter(access_block::Column::CitizenId.is_in(chunk.iter().map(|(_, row)| row.citizen_id)))
            .filter(access_block::Column::LiftedAt.is_null());
        blocks.extend(
            rows.all(connection)
                .await?
                .into_iter()
                .map(|row| (row.citizen_id, row.unit_id)),
        );
    }
    Ok(concerned
        .into_iter()
        .filter(|(_, row)| blocks.contains(&(row.citizen_id, row.unit_id)))
        .map(|(reminder, _)| (reminder, SkipReason::AccessBlocked))
        .collect())
}

/// What rules asked for reminders, and the rules as they are now.
pub(crate) struct Asked {
    book: RuleBook,
    /// By firing: the key of its rule, the version that fired, and the instant that was judged.
    firings: HashMap<Uuid, (String, Uuid, DateTime<Utc>)>,
    enrollments: HashMap<Uuid, enrollment::Model>,
}

impl Asked {
    /// Reads the firings of reminders, and the rules of their enrollments from then on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(
        connection: &impl ConnectionTrait,
        reminders: &[reminder::Model],
        enrollments: &HashMap<Uuid, enrollment::Model>,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        use firing::Column;
        let by_rule = || reminders.iter().filter(|reminder| reminder.firing_id.is_some());
        let ids: Vec<Uuid> = by_rule().filter_map(|reminder| reminder.firing_id).collect();
        let mut firings = HashMap::new();
        let mut since = now;
        for chunk in ids.chunks(BATCH) {
            let rows: Vec<(Uuid, String, Uuid, DateTime<Utc>)> = firing::Entity::find()
                .select_only()
                .columns([Column::Id, Column::RuleKey, Column::RuleVersionId, Column::At])
                .filter(Column::Id.is_in(chunk.iter().copied()))
                .into_tuple()
                .all(connection)
                .await?;
            for (id, key, version, at) in rows {
                since = since.min(at);
                firings.insert(id, (key, version, at));
            }
        }
        let concerned: HashMap<Uuid, enrollment::Model> = by_rule()
            .filter_map(|reminder| enrollments.get(&reminder.enrollment_id))
            .map(|enrollment| (enrollment.id, enrollment.clone()))
            .collect();
        let rows: Vec<enrollment::Model> = concerned.values().cloned().collect();
        let book = match rows.is_empty() {
            true => RuleBook::default(),
            // As far back as they fired: what fired may have been changed since.
            false => RuleBook::read(connection, &rows, since).await?,
        };
        Ok(Self {
            book,
            firings,
            enrollments: concerned,
        })
    }

    /// The key of the rule that asked for a reminder, and what it said.
    pub fn rule(&self, reminder: &reminder::Model) -> Option<(&str, Option<&RuleDefinition>)> {
        let (key, version, _) = self.firings.get(&reminder.firing_id?)?;
        let definition = self.book.version(*version).map(|(definition, _)| definition);
        Some((key, definition))
    }

    /// The instant that the rule that asked for a reminder judged.
    fn fired_at(&self, reminder: &reminder::Model) -> Option<DateTime<Utc>> {
        self.firings.get(&reminder.firing_id?).map(|(.., at)| *at)
    }

    /// The reminders whose rule is off, or only tried, now in their enrollment.
    fn switched_off(&self, reminders: &[reminder::Model], now: DateTime<Utc>) -> HashMap<Uuid, SkipReason> {
        let reason = |reminder: &reminder::Model| {
            let (key, ..) = self.firings.get(&reminder.firing_id?)?;
            let enrollment = self.enrollments.get(&reminder.enrollment_id)?;
            let rules = self.book.of(enrollment);
            let Some(rule) = rules.in_effect(key, now) else {
                return Some(SkipReason::RuleOff);
            };
            // A rule that is only tried is off in what acts.
            let is_tried = self.book.version(rule.version).is_some_and(|(_, dry_run)| dry_run);
            match (rule.enabled, is_tried) {
                (true, false) => None,
                (_, true) => Some(SkipReason::RuleDryRun),
                (false, false) => Some(SkipReason::RuleOff),
            }
        };
        reminders
            .iter()
            .filter_map(|reminder| Some((reminder.id, reason(reminder)?)))
            .collect()
    }
}
