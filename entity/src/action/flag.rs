//! Raising flags and taking care of them.
//!
//! Of a kind and audience an enrollment has one unresolved flag, with its causes beside it. It is as serious as the most
//! serious of the causes that stand.

mod assigning;
mod ending;
mod handling;
mod history;
mod reopening;

pub use assigning::assign;
pub(super) use assigning::release;
pub use ending::{Ended, end_causes};
pub use handling::{acknowledge, acknowledge_each, resolve, resolve_each};
pub use reopening::{Reopened, reopen};

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rules::{
    facts::{Audience, Severity},
    validate::{Function, MAX_KIND},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter};
use uuid::Uuid;

use self::history::History;
use crate::{
    act::{Act, BATCH, Cause},
    action::offered::Missing,
    enrollment,
    error::{Outcome, Result, UserError},
    event::EventKind,
    flag::{ActiveModel, Column, Entity, FlagStatus, Model},
    flag_cause, input,
    seal::Sealed,
    stored::Stored,
};

/// A flag to be raised.
#[derive(Clone, Debug)]
pub struct Raise {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// Its kind.
    pub kind: String,
    /// How serious.
    pub severity: Severity,
    /// What is read in lists.
    pub title: String,
    /// What is said about it.
    pub note: Option<String>,
    /// Whom it is for.
    pub audience: Audience,
    /// The key of the rule that raises it.
    pub rule_key: Option<String>,
    /// The occurrence for which the rule raises it.
    pub occurrence: Option<String>,
    /// Whether this cause ends with its occurrence; see [`end_causes`].
    pub auto_resolve: bool,
    /// Who.
    pub cause: Cause,
}

/// What tells the unresolved flags apart.
type Key = (Uuid, String, Audience);

/// A flag that is being raised, and what of it is to be written.
struct Raised {
    row: Model,
    is_new: bool,
    is_changed: bool,
}

/// Raises flags; each gives the flag, which is the one that stands already where there is one of its kind. A more serious
/// cause makes it more serious; an urgent one opens it again where somebody had taken it on, and is published again.
///
/// # Errors
/// When the database fails. What one is refused for stands in its outcome: `NOT_FOUND`, `NOT_OFFERED`, `REQUIRED`,
/// `TOO_LONG`.
pub async fn raise(act: &mut Act, raises: &[Raise]) -> Result<Vec<Outcome<Uuid>>> {
    let ids: Vec<Uuid> = raises.iter().map(|raise| raise.enrollment_id).collect();
    let enrollments = act.treated(&ids).await?;
    let missing = Missing::read(act, Function::Flags, enrollments.values()).await?;
    let kinds: BTreeSet<&str> = raises.iter().map(|raise| raise.kind.trim()).collect();
    let mut flags = unresolved(act, &enrollments, &kinds).await?;
    let mut history = History::read(act, enrollments.keys(), flags.values().map(|raised| &raised.row)).await?;
    let mut causes = Vec::new();
    // The flags of a rule are called alike: sealed once, they are also written together.
    let mut titles: HashMap<String, Sealed> = HashMap::new();
    let mut outcomes = Vec::with_capacity(raises.len());
    for raise in raises {
        let Some(enrollment) = enrollments.get(&raise.enrollment_id) else {
            outcomes.push(Err(vec![UserError::not_found("enrollmentId", "enrollment")]));
            continue;
        };
        let offered = missing.refuse(enrollment, "enrollmentId");
        let raise = match offered.map_err(|error| vec![error]).and_then(|()| checked(raise)) {
            Ok(raise) => raise,
            Err(errors) => {
                outcomes.push(Err(errors));
                continue;
            }
        };
        let note = act.store.keyring().seal_option(raise.note.as_deref())?;
        let title = match titles.get(&raise.title) {
            Some(title) => title.clone(),
            None => {
                let title = act.store.keyring().seal(&raise.title)?;
                titles.insert(raise.title.clone(), title.clone());
                title
            }
        };
        let key = (enrollment.id, raise.kind.clone(), raise.audience);
        let raised = flags.entry(key).or_insert_with(|| Raised {
            row: new(act, &raise, title.clone()),
            is_new: true,
            is_changed: false,
        });
        let is_first = raised.is_new
            && !causes
                .iter()
                .any(|cause: &flag_cause::Model| cause.flag_id == raised.row.id);
        let opened = is_first || merge(raised, &raise, &title);
        let flag_id = raised.row.id;
        causes.push(cause(act, flag_id, &raise, title, note.clone()));
        if opened {
            history.add(act, &raised.row, FlagStatus::Open, note, raise.cause);
        }
        if opened || raise.severity == Severity::Urgent {
            let kind = EventKind::FlagRaised;
            act.happened(enrollment, kind, raise.cause, Some(flag_id), Some(&raise.kind));
        }
        act.changed(enrollment.citizen_id);
        act.attention(enrollment.id);
        outcomes.push(Ok(flag_id));
    }
    let new: Vec<Model> = flags
        .values()
        .filter(|flag| flag.is_new)
        .map(|flag| flag.row.clone())
        .collect();
    act.insert::<Entity>(&new).await?;
    let changed = flags.into_values().filter(|flag| flag.is_changed && !flag.is_new);
    write(act, changed.map(|flag| flag.row)).await?;
    act.insert::<flag_cause::Entity>(&causes).await?;
    history.write(act).await?;
    Ok(outcomes)
}

fn checked(raise: &Raise) -> Result<Raise, Vec<UserError>> {
    let mut errors = Vec::new();
    let mut keep = |checked: Result<String, UserError>| checked.map_err(|error| errors.push(error)).unwrap_or_default();
    let kind = keep(input::name(&raise.kind, "kind"));
    let title = keep(input::name(&raise.title, "title"));
    if kind.chars().count() > MAX_KIND {
        let message = format!("At most {MAX_KIND} characters, please.");
        errors.push(UserError::new("TOO_LONG", "kind", message));
    }
    let note = input::note(raise.note.as_deref(), "note").map_err(|error| errors.push(error));
    match note {
        Ok(note) if errors.is_empty() => Ok(Raise {
            kind,
            title,
            note,
            ..raise.clone()
        }),
        _ => Err(errors),
    }
}

/// Adds a cause to a flag that stands. True where that opens it again.
fn merge(raised: &mut Raised, raise: &Raise, title: &Sealed) -> bool {
    let row = &mut raised.row;
    if raise.severity > row.severity.0 {
        row.severity = raise.severity.into();
        row.title.clone_from(title);
        raised.is_changed = true;
    }
    if raise.severity < Severity::Urgent || row.status.0 == FlagStatus::Open {
        return false;
    }
    row.status = FlagStatus::Open.into();
    row.acknowledged_at = None;
    row.acknowledged_by = None;
    raised.is_changed = true;
    true
}

fn new(act: &Act, raise: &Raise, title: Sealed) -> Model {
    Model {
        id: act.id(),
        enrollment_id: raise.enrollment_id,
        kind: raise.kind.clone(),
        audience: raise.audience.into(),
        severity: raise.severity.into(),
        status: FlagStatus::Open.into(),
        title,
        raised_at: act.now,
        acknowledged_at: None,
        acknowledged_by: None,
        resolved_at: None,
        resolved_by: None,
        escalate_at: None,
        assigned_to: None,
    }
}

fn cause(act: &Act, flag_id: Uuid, raise: &Raise, title: Sealed, note: Option<Sealed>) -> flag_cause::Model {
    flag_cause::Model {
        id: act.id(),
        flag_id,
        severity: raise.severity.into(),
        title,
        note,
        actor: raise.cause.actor.into(),
        rule_key: raise.rule_key.clone(),
        occurrence: raise.occurrence.clone(),
        auto_resolve: raise.auto_resolve,
        raised_at: act.now,
        ended_at: None,
    }
}

/// The unresolved flags of these kinds.
async fn unresolved(
    act: &Act,
    enrollments: &BTreeMap<Uuid, enrollment::Model>,
    kinds: &BTreeSet<&str>,
) -> Result<HashMap<Key, Raised>> {
    let mut found = HashMap::new();
    let ids: Vec<Uuid> = enrollments.keys().copied().collect();
    for chunk in ids.chunks(BATCH) {
        let rows = Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(Column::Kind.is_in(kinds.iter().copied()))
            .filter(is_unresolved())
            .all(&act.tx)
            .await?;
        found.extend(rows.into_iter().map(|row| {
            let raised = Raised {
                is_new: false,
                is_changed: false,
                row,
            };
            let row = &raised.row;
            ((row.enrollment_id, row.kind.clone(), row.audience.0), raised)
        }));
    }
    Ok(found)
}

fn is_unresolved() -> Condition {
    let unresolved = [FlagStatus::Open, FlagStatus::Acknowledged].map(Stored);
    Condition::all().add(Column::Status.is_in(unresolved))
}

/// Writes how serious flags are, what they are called and whether they are open again: one statement for those that become
/// alike.
async fn write(act: &Act, rows: impl Iterator<Item = Model>) -> Result<()> {
    let mut alike: BTreeMap<(Severity, Sealed, bool), Vec<Uuid>> = BTreeMap::new();
    for row in rows {
        let is_open = row.status.0 == FlagStatus::Open;
        alike
            .entry((row.severity.0, row.title, is_open))
            .or_default()
            .push(row.id);
    }
    for ((severity, title, is_open), ids) in alike {
        let mut set = ActiveModel {
            severity: Set(severity.into()),
            title: Set(title),
            ..ActiveModel::default()
        };
        if is_open {
            set.status = Set(FlagStatus::Open.into());
            set.acknowledged_at = Set(None);
            set.acknowledged_by = Set(None);
        }
        for chunk in ids.chunks(BATCH) {
            Entity::update_many()
                .set(set.clone())
                .filter(Column::Id.is_in(chunk.iter().copied()))
                .exec(&act.tx)
                .await?;
        }
    }
    Ok(())
}
