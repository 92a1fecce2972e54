//! What will go out at a unit in the coming days, if nobody does anything: what is planned already, and what rules would do.
//!
//! The rules that act are lived through from now on, together, so that they feed one another; enrollments start, resume and
//! end as they are planned to. Forms stay unanswered and flags unhandled, so that every reminder is counted that could leave.
//! Nothing is written.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use rules::{
    definition::{Action, DispatchForm, Recipients as Group, Remind},
    evaluation::{RuleSet, State},
    facts::{Audience, Channel, Dated, Event, EventKind, Facts, Status},
    period::Period,
    simulation::{Notice, Record, Subject, To, replay},
    zone::local_day,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{
    act::TICK,
    delivery,
    delivery::DeliveryStatus,
    dispatch,
    dispatch::DispatchStatus,
    enrollment,
    error::{Result, UserError},
    evaluation,
    facts::{self, Needs, Part},
    page::{self, Page},
    reminder,
    rule::RuleBook,
    rule_state,
    simulation::{CHUNK, Recipients, causes, concerned, may_look, origins},
    store::Store,
    stored::Stored,
    viewer::{Permission, Viewer},
};

/// How many days can be looked ahead.
pub const FURTHEST: u32 = 92;

/// How many items an outlook may hold.
const MOST_ITEMS: usize = 200_000;

/// What will go out at a unit.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// How many messages leave, by local day of the unit and channel.
    pub deliveries: BTreeMap<(NaiveDate, Channel), usize>,
    /// What is planned and predicted, in order.
    items: Vec<Item>,
    zone: Tz,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// Something that will be done.
#[derive(Clone, Debug)]
pub struct Item {
    /// When.
    pub at: DateTime<Utc>,
    /// The enrollment.
    pub enrollment: Uuid,
    /// The rule that would do it; none for what is planned already.
    pub rule: Option<Uuid>,
    /// What is done.
    pub actions: Arc<[Action]>,
    /// Tells items of one instant and enrollment apart.
    key: String,
}

/// What will go out at a unit within so many days from now, at most [`FURTHEST`].
///
/// Those who treat at the unit and its administrators may; who does not treat sees numbers alone. That the enrollments were
/// read stands in the access log either way.
///
/// # Errors
/// `NOT_FOUND` for a unit where the viewer does not act in such a role, `BAD_DAYS`, `TOO_MANY`. When the database fails.
pub async fn outlook(store: &Store, viewer: &Viewer, unit: Uuid, days: u32) -> Result<Outlook> {
    may_look(viewer, unit, "unit")?;
    if !(1..=FURTHEST).contains(&days) {
        let message = format!("Between 1 and {FURTHEST} days can be looked ahead.");
        return Err(UserError::new("BAD_DAYS", "days", message).into());
    }
    let zone = store.directory().unit(unit).and_then(|unit| unit.zone.parse().ok());
    let (zone, now) = (zone.unwrap_or(enrollment::DEFAULT_ZONE), store.now());
    let mut outlook = Outlook {
        deliveries: BTreeMap::new(),
        items: Vec::new(),
        zone,
        now,
        until: Period::days(i32::try_from(days).unwrap_or(i32::MAX)).add_to(now, zone),
    };
    let mut after = None;
    loop {
        let mut select = enrollment::Entity::find()
            .filter(concerned(viewer, unit))
            .filter(enrollment::Column::Status.is_in([Status::Planned, Status::Active, Status::Paused].map(Stored)))
            .order_by_asc(enrollment::Column::Id)
            .limit(CHUNK);
        if let Some(after) = after {
            select = select.filter(enrollment::Column::Id.gt(after));
        }
        let rows = select.all(store.connection()).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        for row in &rows {
            viewer.saw(row.citizen_id);
        }
        outlook.predict(store, &rows).await?;
        if outlook.items.len() > MOST_ITEMS {
            let message = "So much will happen that it cannot all be told: look fewer days ahead.";
            return Err(UserError::new("TOO_MANY", "days", message).into());
        }
    }
    outlook.items.sort_by(|one, other| one.place().cmp(&other.place()));
    Ok(outlook)
}

impl Outlook {
    /// How much is planned and predicted.
    pub fn count(&self) -> usize {
        self.items.len()
    }

    /// What comes after the item with the cursor `after`, `first` of it. Nothing for those who do not treat.
    ///
    /// # Errors
    /// When the cursor is none of this list.
    pub fn page(&self, viewer: &Viewer, first: u64, after: Option<&str>) -> Result<Page<(String, Item)>> {
        if !viewer.may(Permission::Treat) {
            return Ok(Page::default());
        }
        let begin = match after {
            None => 0,
            Some(cursor) => {
                let [at, enrollment, key] = page::read_cursor(cursor)?;
                let at = DateTime::parse_from_rfc3339(&at).map_err(|_| page::bad_cursor())?;
                let enrollment = Uuid::parse_str(&enrollment).map_err(|_| page::bad_cursor())?;
                let known = (at.to_utc(), enrollment, key.as_str());
                self.items.partition_point(|item| item.place() <= known)
            }
        };
        let first = page::clamp(first);
        let wanted = usize::try_from(first).unwrap_or(usize::MAX).saturating_add(1);
        let rows = self.items.iter().skip(begin).take(wanted);
        Ok(Page::cut(
            rows.map(|item| (item.cursor(), item.clone())).collect(),
            first,
        ))
    }

    /// Adds what will happen in some enrollments. A constant number of statements.
    async fn predict(&mut self, store: &Store, rows: &[enrollment::Model]) -> Result<()> {
        let connection = store.connection();
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let judged: Vec<(Uuid, DateTime<Utc>)> = evaluation::Entity::find()
            .select_only()
            .columns([evaluation::Column::EnrollmentId, evaluation::Column::EvaluatedUntil])
            .filter(evaluation::Column::EnrollmentId.is_in(ids.iter().copied()))
            .into_tuple()
            .all(connection)
            .await?;
        let judged: HashMap<Uuid, DateTime<Utc>> = judged.into_iter().collect();
        let since = judged.values().min().copied().unwrap_or(self.now);
        let book = RuleBook::read(connection, rows, since).await?;
        let sets: Vec<Arc<RuleSet>> = rows.iter().map(|row| book.of(row)).collect();
        let versions = || sets.iter().flat_map(|set| set.versions());
        let definitions = versions().map(|version| version.definition.as_ref());
        let needs = Needs::of(definitions).and([Part::Dispatches, Part::Flags]);
        let started: Vec<enrollment::Model> = rows.iter().map(|row| self.started(row)).collect();
        let mut known = facts::load(store, connection, &started, &needs, Some(since)).await?;
        let mut states = rule_state::remembered(connection, &ids).await?;
        let mut causes = causes(connection, &ids).await?;
        let keys: BTreeSet<&str> = versions().map(|version| version.key.as_str()).collect();
        let origins = origins(connection, &book, rows, &Vec::from_iter(keys)).await?;
        let recipients = Recipients::read(store, rows).await?;
        let mut planned = Planned::read(store, &ids, self.until).await?;
        for (row, set) in rows.iter().zip(&sets) {
            let Some(mut facts) = known.remove(&row.id) else {
                continue;
            };
            self.foresee(row, &mut facts);
            let state = State {
                evaluated_until: judged.get(&row.id).copied().unwrap_or(self.now),
                rules: states.remove(&row.id).unwrap_or_default(),
            };
            let mut record = Record::from(facts);
            record.causes = causes.remove(&row.id).unwrap_or_default();
            let replay = replay(set, record, state, self.until - TICK);
            for one in &replay.fired {
                let version = set.in_effect(&one.firing.rule, one.firing.at);
                let Some(version) = version.filter(|_| !one.firing.refused) else {
                    continue;
                };
                self.items.push(Item {
                    at: one.firing.at.max(self.now),
                    enrollment: row.id,
                    rule: origins.get(&version.version).map(|origin| origin.rule),
                    actions: version.definition.actions.as_slice().into(),
                    key: format!("{}/{}", one.firing.rule, one.firing.occurrence),
                });
                for notice in &one.notices {
                    self.deliver(recipients.deliveries(row, notice, &replay.facts));
                }
            }
            for dispatch in planned.dispatches.remove(&row.id).unwrap_or_default() {
                let form = DispatchForm {
                    form: dispatch.form_key,
                    expires_after: None,
                    remind_after: Vec::new(),
                };
                let action = Action::DispatchForm(form);
                self.items
                    .push(self.planned(row, dispatch.available_at, dispatch.id, action));
            }
            for reminder in planned.reminders.remove(&row.id).unwrap_or_default() {
                self.remind(row, reminder, &recipients, &replay.facts);
            }
            self.deliver(planned.deliveries.remove(&row.id).unwrap_or_default());
        }
        Ok(())
    }

    /// The enrollment as it will have been started.
    fn started(&self, row: &enrollment::Model) -> enrollment::Model {
        let starts = row.status.0 == Status::Planned && row.starts_at < self.until;
        enrollment::Model {
            started_at: row.started_at.or(starts.then_some(row.starts_at)),
            ..row.clone()
        }
    }

    /// Adds the changes of status that are planned.
    fn foresee(&self, row: &enrollment::Model, facts: &mut Facts) {
        let mut changes = Vec::new();
        match row.status.0 {
            Status::Planned => changes.push((Some(row.starts_at), Status::Active)),
            Status::Paused => changes.push((row.resumes_at, Status::Active)),
            _ => {}
        }
        changes.push((row.ends_at, Status::Completed));
        for (number, (at, value)) in (0_u128..).zip(changes) {
            let Some(at) = at.filter(|at| *at < self.until) else {
                continue;
            };
            let at = at.max(self.now);
            facts.statuses.push(Dated { at, value });
            if (row.status.0, value) != (Status::Paused, Status::Active) {
                facts.events.push(Event {
                    id: Uuid::from_u128(u128::MAX - number),
                    at,
                    depth: 0,
                    kind: EventKind::StatusChanged(value),
                });
            }
        }
        facts.statuses.sort_by_key(|status| status.at);
        facts.events.sort_by_key(|event| (event.at, event.id));
    }

    fn remind(&mut self, row: &enrollment::Model, reminder: reminder::Model, recipients: &Recipients, facts: &Facts) {
        let channels: Vec<Channel> = serde_json::from_value(reminder.channels).unwrap_or_default();
        let notice = Notice {
            at: reminder.remind_at.max(self.now),
            to: match reminder.audience.0 {
                Audience::Citizen => To::Citizen,
                Audience::Staff => To::Staff(reminder.recipients.map_or(Group::Therapists, |group| group.0)),
            },
            channels: channels.clone(),
            subject: match (reminder.dispatch_id, reminder.flag_id) {
                (Some(dispatch), _) => Subject::Form(dispatch),
                (None, Some(flag)) => Subject::Flag(flag),
                (None, None) => Subject::Nothing,
            },
            decided_in: Some(reminder.decided_in.0),
            bypass_quiet_hours: reminder.bypass_quiet_hours,
            office_hours: reminder.office_hours,
        };
        let deliveries = recipients.deliveries(row, &notice, facts);
        if deliveries.is_empty() {
            return;
        }
        let action = Action::Remind(Remind {
            template: reminder.template,
            channels,
            audience: reminder.audience.0,
        });
        self.items.push(self.planned(row, notice.at, reminder.id, action));
        self.deliver(deliveries);
    }

    fn planned(&self, row: &enrollment::Model, at: DateTime<Utc>, id: Uuid, action: Action) -> Item {
        Item {
            at: at.max(self.now),
            enrollment: row.id,
            rule: None,
            actions: Arc::new([action]),
            key: id.to_string(),
        }
    }

    fn deliver(&mut self, deliveries: Vec<(Channel, DateTime<Utc>)>) {
        for (channel, at) in deliveries {
            let at = at.max(self.now);
            if at < self.until {
                *self.deliveries.entry((local_day(self.zone, at), channel)).or_default() += 1;
            }
        }
    }
}

impl Item {
    fn place(&self) -> (DateTime<Utc>, Uuid, &str) {
        (self.at, self.enrollment, &self.key)
    }

    fn cursor(&self) -> String {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Micros, true);
        page::cursor(&[&at, &self.enrollment.to_string(), &self.key])
    }
}

/// What is planned already, by enrollment.
#[derive(Default)]
struct Planned {
    dispatches: HashMap<Uuid, Vec<dispatch::Model>>,
    reminders: HashMap<Uuid, Vec<reminder::Model>>,
    /// Messages that only wait for their time.
    deliveries: HashMap<Uuid, Vec<(Channel, DateTime<Utc>)>>,
}

impl Planned {
    /// Reads what is planned until an instant; three statements.
    async fn read(store: &Store, ids: &[Uuid], until: DateTime<Utc>) -> Result<Self> {
        let mut planned = Self::default();
        let dispatches = dispatch::Entity::find()
            .filter(dispatch::Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(dispatch::Column::Status.eq(Stored(DispatchStatus::Scheduled)))
            .filter(dispatch::Column::AvailableAt.lt(until));
        for row in dispatches.all(store.connection()).await? {
            planned.dispatches.entry(row.enrollment_id).or_default().push(row);
        }
        let reminders = reminder::Entity::find()
            .filter(reminder::Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(reminder::Column::DueAt.is_not_null())
            .filter(reminder::Column::RemindAt.lt(until));
        for row in reminders.all(store.connection()).await? {
            planned.reminders.entry(row.enrollment_id).or_default().push(row);
        }
        let deliveries: Vec<(Uuid, Stored<Channel>, DateTime<Utc>)> = delivery::Entity::find()
            .select_only()
            .columns([
                delivery::Column::EnrollmentId,
                delivery::Column::Channel,
                delivery::Column::DueAt,
            ])
            .filter(delivery::Column::EnrollmentId.is_in(ids.iter().copied()))
            .filter(delivery::Column::Status.eq(Stored(DeliveryStatus::Ready)))
            .filter(delivery::Column::DueAt.lt(until))
            .into_tuple()
            .all(store.connection())
            .await?;
        for (enrollment, channel, at) in deliveries {
            planned.deliveries.entry(enrollment).or_default().push((channel.0, at));
        }
        Ok(planned)
    }
}
