//! Whether rules may send a form in an enrollment, over time.
//!
//! Off, no rule sends the form there and none of its reminders leave; whoever treats may still send it by hand. What the rule
//! does besides goes on: that is what overriding a rule is for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::{
    definition::{Action, RuleDefinition, Trigger},
    evaluation::{ActiveRule, RuleSet, State, evaluate},
    facts::Dated,
};
use sea_orm::{QueryOrder, entity::prelude::*};

use crate::{
    act::BATCH,
    enrollment,
    error::Result,
    evaluation,
    facts::{self, Needs},
    rule::RuleBook,
    rule_state,
    seal::Sealed,
    simulation::origins,
    store::Store,
    stored::Stored,
    viewer::{Actor, Permission, Viewer},
};

/// From an instant on, rules may send a form in an enrollment, or may not.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "form_schedule")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The form's key within the program version.
    pub form_key: String,
    /// From when.
    pub at: DateTime<Utc>,
    /// Whether rules may send it.
    pub enabled: bool,
    /// Why, sealed text.
    pub reason: Option<Sealed>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A form that rules send in an enrollment.
#[derive(Clone, Debug)]
pub struct FormSchedule {
    /// The form's key within the program version.
    pub form_key: String,
    /// The rules that are on and send it, by their keys.
    pub rules: Vec<Uuid>,
    /// Whether they may.
    pub is_on: bool,
    /// When one of them that keeps a schedule is looked at next; none where only something that happens sets them off, and
    /// while it is off.
    pub next_at: Option<DateTime<Utc>>,
    /// Who switched it off and on, oldest first.
    pub changes: Vec<Model>,
}

/// The forms that no rule may send now: enrollment and the form's key.
///
/// # Errors
/// When the database fails.
pub(crate) async fn off(
    connection: &impl ConnectionTrait,
    enrollments: impl IntoIterator<Item = Uuid>,
) -> Result<HashSet<(Uuid, String)>> {
    let switches = switches(connection, enrollments).await?;
    Ok(switches
        .into_iter()
        .filter(|(_, changes)| changes.last().is_some_and(|last| !last.enabled))
        .map(|(switch, _)| switch)
        .collect())
}

/// Every switch, by enrollment and form: its changes, oldest first.
async fn switches(
    connection: &impl ConnectionTrait,
    enrollments: impl IntoIterator<Item = Uuid>,
) -> Result<BTreeMap<(Uuid, String), Vec<Model>>> {
    let enrollments: BTreeSet<Uuid> = enrollments.into_iter().collect();
    let enrollments: Vec<Uuid> = enrollments.into_iter().collect();
    let mut found: BTreeMap<(Uuid, String), Vec<Model>> = BTreeMap::new();
    for chunk in enrollments.chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .order_by_asc(Column::At);
        for row in rows.all(connection).await? {
            let switch = (row.enrollment_id, row.form_key.clone());
            found.entry(switch).or_default().push(row);
        }
    }
    Ok(found)
}

/// Whether rules may send forms, by enrollment and the form's key: every change, oldest first. They may before the first.
///
/// # Errors
/// When the database fails.
pub(crate) async fn switched(
    connection: &impl ConnectionTrait,
    enrollments: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, BTreeMap<String, Vec<Dated<bool>>>>> {
    let mut switched: HashMap<Uuid, BTreeMap<String, Vec<Dated<bool>>>> = HashMap::new();
    for ((enrollment, form), changes) in switches(connection, enrollments).await? {
        let dated = |change: Model| Dated {
            at: change.at,
            value: change.enabled,
        };
        let changes = changes.into_iter().map(dated).collect();
        switched.entry(enrollment).or_default().insert(form, changes);
    }
    Ok(switched)
}

/// The forms that rules send in each of these enrollments, and those that were switched, by their keys. For those who treat;
/// nothing for everybody else. A constant number of statements.
///
/// # Errors
/// When the database fails.
pub async fn schedules(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
) -> Result<HashMap<Uuid, Vec<FormSchedule>>> {
    if !viewer.may(Permission::Treat) {
        return Ok(HashMap::new());
    }
    let rows: Vec<enrollment::Model> = enrollment::find(store, viewer, enrollments)
        .await?
        .into_values()
        .collect();
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let (connection, now) = (store.connection(), store.now());
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let book = RuleBook::read(connection, &rows, now).await?;
    let sets: HashMap<Uuid, Vec<ActiveRule>> = rows.iter().map(|row| (row.id, sending(&book, row, now))).collect();
    let needs = Needs::of(sets.values().flatten().map(|rule| rule.definition.as_ref()));
    let facts = facts::load(store, connection, &rows, &needs, None).await?;
    let mut states = rule_state::remembered(connection, &ids).await?;
    let judged = evaluation::judged_until(connection, &ids).await?;
    let keys: BTreeSet<&str> = sets.values().flatten().map(|rule| rule.key.as_str()).collect();
    let origins = origins(connection, &book, &rows, &Vec::from_iter(keys)).await?;
    let mut switches = switches(connection, ids.iter().copied()).await?;
    let mut found = HashMap::new();
    for row in &rows {
        let content = store.library().content(connection, row.version_id).await?;
        let mut forms: BTreeMap<String, FormSchedule> = BTreeMap::new();
        let new = |form_key: &str| FormSchedule {
            form_key: form_key.to_owned(),
            rules: Vec::new(),
            is_on: true,
            next_at: None,
            changes: Vec::new(),
        };
        let state = State {
            evaluated_until: judged.get(&row.id).copied().unwrap_or(now),
            rules: states.remove(&row.id).unwrap_or_default(),
        };
        for rule in sets.get(&row.id).into_iter().flatten() {
            let next = match (&rule.definition.trigger, facts.get(&row.id)) {
                (Trigger::Schedule(_), Some(facts)) => {
                    evaluate(&RuleSet::new(vec![rule.clone()]), facts, &state, now).wake_at
                }
                _ => None,
            };
            for form in sent(&rule.definition).filter(|form| content.forms.contains_key(*form)) {
                let schedule = forms.entry(form.to_owned()).or_insert_with(|| new(form));
                schedule
                    .rules
                    .extend(origins.get(&rule.version).map(|origin| origin.rule));
                schedule.next_at = schedule.next_at.into_iter().chain(next).min();
            }
        }
        let others: Vec<(Uuid, String)> = switches.keys().filter(|(id, _)| *id == row.id).cloned().collect();
        for switch in others {
            let changes = switches.remove(&switch).unwrap_or_default();
            let schedule = forms.entry(switch.1).or_insert_with_key(|form| new(form));
            schedule.is_on = changes.last().is_none_or(|last| last.enabled);
            schedule.next_at = schedule.next_at.filter(|_| schedule.is_on);
            schedule.changes = changes;
        }
        found.insert(row.id, forms.into_values().collect());
    }
    Ok(found)
}

/// The rules of an enrollment that are on now and send forms, by key.
fn sending(book: &RuleBook, row: &enrollment::Model, now: DateTime<Utc>) -> Vec<ActiveRule> {
    let rules = book.of(row);
    let keys: BTreeSet<&str> = rules.versions().map(|version| version.key.as_str()).collect();
    let in_effect = keys.into_iter().filter_map(|key| rules.in_effect(key, now));
    in_effect
        .filter(|rule| rule.enabled && sent(&rule.definition).next().is_some())
        .cloned()
        .collect()
}

/// The forms that a rule sends.
fn sent(definition: &RuleDefinition) -> impl Iterator<Item = &str> {
    definition.actions.iter().filter_map(|action| match action {
        Action::DispatchForm(sent) => Some(sent.form.as_str()),
        _ => None,
    })
}
