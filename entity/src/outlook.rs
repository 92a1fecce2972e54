//! What will go out at a unit in the coming days, if nobody does anything: what is planned already, and what rules would do.
//!
//! The rules that act are lived through from now on, together, so that they feed one another; enrollments start, resume and
//! end as they are planned to. Forms stay unanswered and flags unhandled, so that every reminder is counted that could leave.
//! Nothing is written.

mod planned;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use rules::{
    content::concerns,
    definition::{Action, DispatchForm, Recipients as Group, Remind},
    evaluation::{RuleSet, State},
    facts::{Audience, Channel, Dated, Event, EventKind, Facts, Status},
    period::Period,
    simulation::{Notice, Record, Subject, To, replay},
    zone::local_day,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use planned::{Planned, PlannedReminder};

use crate::{
    act::TICK,
    delivery, enrollment,
    error::{Result, UserError},
    evaluation,
    facts::{self, Needs, Part, modules},
    form_schedule,
    page::{self, Page},
    progress,
    rule::RuleBook,
    rule_state,
    simulation::{CHUNK, Recipients, Told, causes, concerned, lacking, may_look, origins},
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
    may_look(viewer, unit, "")?;
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

/// What rules would do in some enrollments from now on and before an instant, in no order. A constant number of statements.
///
/// # Errors
/// When the database fails.
pub(crate) async fn predicted(store: &Store, rows: &[enrollment::Model], until: DateTime<Utc>) -> Result<Vec<Item>> {
    let mut outlook = Outlook {
        deliveries: BTreeMap::new(),
        items: Vec::new(),
        zone: enrollment::DEFAULT_ZONE,
        now: store.now(),
        until,
    };
    let going_on: Vec<enrollment::Model> = rows.iter().filter(|row| !row.has_ended()).cloned().collect();
    if outlook.now < until && !going_on.is_empty() {
        outlook.predict(store, &going_on).await?;
    }
    outlook.items.retain(|item| item.rule.is_some());
    Ok(outlook.items)
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
        let judged = evaluation::judged_until(connection, &ids).await?;
        let since = judged.values().min().copied().unwrap_or(self.now);
        let book = RuleBook::read(connection, rows, since).await?;
        let mut switches = form_schedule::switched(connection, ids.iter().copied()).await?;
        let sets: Vec<Arc<RuleSet>> = rows.iter().map(|row| book.of(row)).collect();
        let versions = || sets.iter().flat_map(|set| set.versions());
        let definitions = versions().map(|version| version.definition.as_ref());
        let about = versions().flat_map(|version| concerns(&version.definition));
        let needs = Needs::of(definitions).and([Part::Dispatches, Part::Flags]);
        let needs = needs.and(about.map(|_| Part::Modules));
        let mut planned = Planned::read(store, rows, self.until).await?;
        let needs = needs.and(planned.is_about_content().then_some(Part::Modules));
        let started: Vec<enrollment::Model> = rows.iter().map(|row| self.started(row)).collect();
        let overlays = match needs.has(Part::Modules) {
            true => progress::load(connection, &Viewer::system(), &ids).await?,
            false => HashMap::new(),
        };
        let needs = needs.without(Part::Modules);
        let mut known = facts::load(store, connection, &started, &needs, Some(since)).await?;
        let mut states = rule_state::remembered(connection, &ids).await?;
        let mut causes = causes(connection, &ids).await?;
        let keys: BTreeSet<&str> = versions().map(|version| version.key.as_str()).collect();
        let origins = origins(connection, &book, rows, &Vec::from_iter(keys)).await?;
        let recipients = Recipients::read(store, rows).await?;
        for (row, set) in started.iter().zip(&sets) {
            let Some(mut facts) = known.remove(&row.id) else {
                continue;
            };
            let content = store.library().content(connection, row.version_id).await?;
            let overlay = overlays.get(&row.id);
            facts.modules = overlay.map_or_else(Vec::new, |overlay| modules::of(&content, row, overlay));
            self.foresee(row, &mut facts);
            let state = State {
                evaluated_until: judged.get(&row.id).copied().unwrap_or(self.now),
                rules: states.remove(&row.id).unwrap_or_default(),
            };
            let record = Record {
                causes: causes.remove(&row.id).unwrap_or_default(),
                switches: switches.remove(&row.id).unwrap_or_default(),
                modules: overlay.map_or_else(Vec::new, |overlay| overlay.histories(&content, row)),
                lacking: lacking(&content, set.versions().map(|version| version.definition.as_ref())),
                ..Record::from(facts)
            };
            let (switches, lacking) = (record.switches.clone(), record.lacking.clone());
            let is_possible = |action: &&Action| match action {
                Action::DispatchForm(sent) if is_off(&switches, &sent.form, self.now) => false,
                action => lacking.allows(action),
            };
            let replay = replay(set, record, state, self.until - TICK);
            let mut notices = Vec::new();
            for one in &replay.fired {
                let version = set.in_effect(&one.firing.rule, one.firing.at);
                let Some(version) = version.filter(|_| !one.firing.refused) else {
                    continue;
                };
                let actions: Vec<Action> = version.definition.actions.iter().filter(is_possible).cloned().collect();
                if actions.is_empty() {
                    continue;
                }
                self.items.push(Item {
                    at: one.firing.at.max(self.now),
                    enrollment: row.id,
                    rule: origins.get(&version.version).map(|origin| origin.rule),
                    actions: actions.into(),
                    key: format!("{}/{}", one.firing.rule, one.firing.occurrence),
                });
                notices.extend(one.notices.iter().map(|notice| Told {
                    notice,
                    item: delivery::Item::of_notice(notice, &version.key, &version.definition),
                    named: &[],
                }));
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
            let reminders = planned.reminders.remove(&row.id).unwrap_or_default();
            let reminders: Vec<(Notice, PlannedReminder)> = reminders
                .into_iter()
                .map(|reminder| (self.notice(&reminder, &replay.facts), reminder))
                .filter(|(notice, reminder)| {
                    let section = reminder.section.as_ref();
                    section.is_none_or(|section| replay.is_open(section, notice.at))
                })
                .filter(|(notice, reminder)| {
                    let alone = [reminder.told(notice)];
                    !recipients.deliveries(row, alone, &replay.facts).is_empty()
                })
                .collect();
            notices.extend(reminders.iter().map(|(notice, reminder)| reminder.told(notice)));
            self.deliver(recipients.deliveries(row, notices, &replay.facts));
            for (notice, PlannedReminder { row: reminder, .. }) in &reminders {
                let action = Action::Remind(Remind {
                    template: reminder.template.clone(),
                    channels: notice.channels.clone(),
                    audience: reminder.audience.0,
                });
                self.items.push(self.planned(row, notice.at, reminder.id, action));
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

    fn notice(&self, planned: &PlannedReminder, facts: &Facts) -> Notice {
        let reminder = &planned.row;
        // No rule knows of a form inside a step; that it is not over was looked at already.
        let is_known = |dispatch: &Uuid| facts.dispatches.iter().any(|known| known.id == *dispatch);
        Notice {
            at: reminder.remind_at.max(self.now),
            to: match reminder.audience.0 {
                Audience::Citizen => To::Citizen,
                Audience::Staff => To::Staff(reminder.recipients.map_or(Group::Therapists, |group| group.0)),
            },
            channels: serde_json::from_value(reminder.channels.clone()).unwrap_or_default(),
            subject: match (reminder.dispatch_id.filter(is_known), reminder.flag_id) {
                (Some(dispatch), _) => Subject::Form(dispatch),
                (None, Some(flag)) => Subject::Flag(flag),
                (None, None) => Subject::Nothing,
            },
            about: planned.about.clone(),
            switches: Vec::new(),
            decided_in: Some(reminder.decided_in.0),
            between_staff: reminder.is_between_staff(),
            bypass_quiet_hours: reminder.bypass_quiet_hours,
            office_hours: reminder.office_hours,
        }
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

/// Whether rules may not send a form.
fn is_off(switches: &BTreeMap<String, Vec<Dated<bool>>>, form: &str, now: DateTime<Utc>) -> bool {
    let switch = switches.get(form).and_then(|changes| Dated::latest(changes, now));
    switch == Some(&false)
}
