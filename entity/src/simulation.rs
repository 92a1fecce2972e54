//! What a rule would have done: a draft replayed over the real history of a unit. Nothing is written.
//!
//! The draft counts as saved and switched on at the beginning of the window, in place of the rule of the same key and scope;
//! where an enrollment or unit has a narrower rule of its own, that one holds and the draft concerns nobody. What *other*
//! rules did is in the history already and stays as it was. What the rule of the same key really did within the window is
//! taken out, and put back where the draft fires for the same occurrence; what it opened or hid stays. How else people who
//! could not know of the draft are assumed to act is told in [`rules::simulation`].
//!
//! Counted are the messages that would have left within the window, on the channels that their recipients have chosen today,
//! outside their quiet hours, and where they still applied when they left: the form not answered, the flag not handled, the
//! enrollment not paused.

mod history;
mod recipients;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use rules::{
    definition::{Action, RuleDefinition},
    evaluation::{ActiveRule, RuleSet, State},
    facts::{Channel, Facts},
    simulation::{Fired, Record, Replay, judge, replay},
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

pub(crate) use history::{Origin, Past, causes, origins};
pub(crate) use recipients::Recipients;

use crate::{
    act::TICK,
    action::rule::{SaveRule, check},
    assignment::Role,
    enrollment,
    error::{Result, UserError},
    facts::{self, Needs, Part},
    page::{self, Page},
    rule::RuleBook,
    store::Store,
    viewer::{Permission, Viewer},
};

/// How many days a simulation may span.
pub const LONGEST: i64 = 366;

/// How many firings a simulation may find.
const MOST_FIRINGS: usize = 500_000;

/// In how few enrollments a rule may have fired so that those who do not treat are told of it: fewer single people out.
const FEWEST: usize = 5;

/// How many enrollments are looked at together: what is known of them is in memory at one time.
pub(crate) const CHUNK: u64 = 250;

/// A rule to be tried, checked against its program.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its key within the program.
    pub key: String,
    /// What it says.
    pub definition: Arc<RuleDefinition>,
    program: Uuid,
    unit: Option<Uuid>,
    enrollment: Option<Uuid>,
    /// Tells its firings from those of stored versions.
    version: Uuid,
}

/// Checks a rule as saving it would, without saving it. It is tried as if it was on.
///
/// # Errors
/// When the rule makes no sense: every problem with its path; when there is no such program, or the enrollment is not visible.
pub async fn draft(store: &Store, viewer: &Viewer, unit: Uuid, input: &SaveRule) -> Result<Draft> {
    may_look(viewer, unit, "unitId")?;
    if input.unit_id.is_some_and(|named| named != unit) {
        return Err(UserError::not_found("unitId", "unit").into());
    }
    let directory = store.directory();
    let published = directory.programs().get(&input.program_slug);
    let published = published.ok_or_else(|| UserError::not_found("programSlug", "program"))?;
    let program = published.program.id;
    let mut version = published.version;
    if let Some(id) = input.enrollment_id {
        let found = enrollment::find(store, viewer, &[id]).await?.remove(&id);
        // As for saving it: numbers about one person tell what they answered.
        let row = found.filter(|row| viewer.may(Permission::Treat) && row.program_id == program);
        let row = row.ok_or_else(|| UserError::not_found("enrollmentId", "enrollment in this program"))?;
        version = row.version_id;
    }
    let content = store.library().content(store.connection(), version).await?;
    Ok(Draft {
        key: input.key.clone(),
        definition: Arc::new(check(input, &content)?),
        program,
        unit: input.unit_id,
        enrollment: input.enrollment_id,
        version: store.id(),
    })
}

/// What rules would have done.
#[derive(Clone, Debug)]
pub struct Simulation {
    drafts: Vec<Draft>,
    unit: Uuid,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// How many enrollments the rules concerned within the window.
    pub considered: usize,
    /// In how many of them a rule would have fired.
    pub matched: usize,
    /// How many messages would have left, by channel.
    pub deliveries: BTreeMap<Channel, usize>,
    /// Every firing, in order.
    found: Vec<Found>,
}

/// Where a firing stands among the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Found {
    at: DateTime<Utc>,
    enrollment: Uuid,
    key: String,
    occurrence: String,
}

/// A firing that would have been.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// The enrollment.
    pub enrollment: enrollment::Model,
    /// What was decided, with the facts that it compared.
    pub fired: Fired,
    /// What the rule says.
    pub definition: Arc<RuleDefinition>,
}

/// Replays drafts over the history of a unit, from an instant and before another; together, so that they feed one another.
///
/// Those who treat at the unit and its administrators may; who does not treat sees numbers alone (see [`Simulation::page`]),
/// and those as 0 where a rule would have fired in fewer than five enrollments: they would tell about people.
/// That the histories were read stands in the access log either way.
///
/// # Errors
/// `NOT_FOUND` for a unit where the viewer does not act in such a role; `BAD_WINDOW` and `TOO_LONG` for what is no window;
/// `TOO_MANY` firings.
pub async fn simulate(
    store: &Store,
    viewer: &Viewer,
    drafts: &[Draft],
    unit: Uuid,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Simulation> {
    may_look(viewer, unit, "unitId")?;
    check_window(from, to)?;
    let mut simulation = Simulation {
        drafts: drafts.to_vec(),
        unit,
        from,
        to,
        considered: 0,
        matched: 0,
        deliveries: BTreeMap::new(),
        found: Vec::new(),
    };
    let mut after = None;
    loop {
        let rows = simulation.chunk(store, viewer, after).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        let recipients = Recipients::read(store, &rows).await?;
        for (row, replay) in simulation.replay(store, viewer, rows).await? {
            simulation.count(&row, &replay, &recipients);
            if simulation.found.len() > MOST_FIRINGS {
                let message = "The rule would have fired too many times to tell them all: choose a shorter window.";
                return Err(UserError::new("TOO_MANY", "to", message).into());
            }
        }
    }
    if !viewer.may(Permission::Treat) && simulation.matched < FEWEST {
        simulation.matched = 0;
        simulation.deliveries.clear();
        simulation.found.clear();
    }
    simulation.found.sort_unstable();
    Ok(simulation)
}

fn check_window(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<(), UserError> {
    if to <= from {
        let message = "The window must end after it begins: choose a later end.";
        return Err(UserError::new("BAD_WINDOW", "to", message));
    }
    if to - from > Duration::days(LONGEST) {
        let message = format!("At most {LONGEST} days at a time, please.");
        return Err(UserError::new("TOO_LONG", "to", message));
    }
    Ok(())
}

/// Whether the viewer may look into what rules do at a unit: who treats there, and its administrators.
pub(crate) fn may_look(viewer: &Viewer, unit: Uuid, path: &str) -> Result<(), UserError> {
    let at_unit = viewer.unit().is_none_or(|own| own == unit);
    if at_unit && (viewer.may(Permission::Treat) || viewer.has_role(Role::UnitAdministrator)) {
        Ok(())
    } else {
        Err(UserError::not_found(path, "unit"))
    }
}

/// The enrollments of a unit into which the viewer may look: those whose citizen has not blocked it.
pub(crate) fn concerned(viewer: &Viewer, unit: Uuid) -> Condition {
    let of_unit = Condition::all().add(enrollment::Column::UnitId.eq(unit));
    match viewer.unit() {
        Some(unit) => of_unit.add(enrollment::not_blocked_at(unit)),
        None => of_unit,
    }
}

impl Simulation {
    /// How many times a rule would have fired.
    pub fn firings(&self) -> usize {
        self.found.len()
    }

    /// The firings after the one with the cursor `after`, in the order of time, `first` of them. Their facts are read again:
    /// so many histories are never in memory at once. None for those who do not treat.
    ///
    /// # Errors
    /// When the cursor is none of this list, or the database fails.
    pub async fn page(
        &self,
        store: &Store,
        viewer: &Viewer,
        first: u64,
        after: Option<&str>,
    ) -> Result<Page<(String, Simulated)>> {
        if !viewer.may(Permission::Treat) {
            return Ok(Page::default());
        }
        let first = usize::try_from(page::clamp(first)).unwrap_or(usize::MAX);
        let begin = match after {
            None => 0,
            Some(cursor) => {
                let known = Found::read(cursor)?;
                self.found.partition_point(|found| *found <= known)
            }
        };
        let wanted: Vec<&Found> = self.found.iter().skip(begin).take(first).collect();
        let ids: BTreeSet<Uuid> = wanted.iter().map(|found| found.enrollment).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let rows: Vec<enrollment::Model> = enrollment::find(store, viewer, &ids).await?.into_values().collect();
        let mut fired: HashMap<Found, Simulated> = HashMap::new();
        for (row, replay) in self.replay(store, viewer, rows).await? {
            for one in replay.fired {
                let definition = self.drafts.iter().find(|draft| draft.key == one.firing.rule);
                if let Some(draft) = definition {
                    let simulated = Simulated {
                        enrollment: row.clone(),
                        fired: one,
                        definition: draft.definition.clone(),
                    };
                    fired.insert(Found::of(row.id, &simulated.fired), simulated);
                }
            }
        }
        let rows = wanted
            .into_iter()
            .filter_map(|found| Some((found.cursor(), fired.remove(found)?)))
            .collect();
        Ok(Page {
            rows,
            has_next: begin + first < self.found.len(),
        })
    }

    /// Every firing as enrollment, key, occurrence and instant, in the order of time.
    pub fn occurrences(&self) -> impl Iterator<Item = (Uuid, &str, &str, DateTime<Utc>)> {
        self.found.iter().map(|found| {
            (
                found.enrollment,
                found.key.as_str(),
                found.occurrence.as_str(),
                found.at,
            )
        })
    }

    /// The next enrollments that the drafts may concern, by id.
    async fn chunk(&self, store: &Store, viewer: &Viewer, after: Option<Uuid>) -> Result<Vec<enrollment::Model>> {
        use enrollment::Column;
        let ended = Condition::any()
            .add(Column::EndedAt.is_null())
            .add(Column::EndedAt.gte(self.from));
        let mut of_drafts = Condition::any();
        for draft in &self.drafts {
            let of_draft = Condition::all()
                .add(Column::ProgramId.eq(draft.program))
                .add_option(draft.unit.map(|unit| Column::UnitId.eq(unit)))
                .add_option(draft.enrollment.map(|id| Column::Id.eq(id)));
            of_drafts = of_drafts.add(of_draft);
        }
        let mut select = enrollment::Entity::find()
            .filter(concerned(viewer, self.unit))
            .filter(of_drafts)
            .filter(Column::CreatedAt.lt(self.to))
            .filter(ended)
            .order_by_asc(Column::Id)
            .limit(CHUNK);
        if let Some(after) = after {
            select = select.filter(Column::Id.gt(after));
        }
        Ok(select.all(store.connection()).await?)
    }

    /// Lives again through the histories of enrollments. A constant number of statements.
    async fn replay(
        &self,
        store: &Store,
        viewer: &Viewer,
        rows: Vec<enrollment::Model>,
    ) -> Result<Vec<(enrollment::Model, Replay)>> {
        let connection = store.connection();
        let book = RuleBook::read(connection, &rows, DateTime::UNIX_EPOCH).await?;
        let needs = self.needs(&book, &rows);
        let mut facts = facts::load(store, connection, &rows, &needs, None).await?;
        let keys: Vec<&str> = self.drafts.iter().map(|draft| draft.key.as_str()).collect();
        let origins = origins(connection, &book, &rows, &keys).await?;
        let mut past = Past::read(connection, &rows, &keys).await?;
        let mut replays = Vec::with_capacity(rows.len());
        for row in rows {
            viewer.saw(row.citizen_id);
            let Some(mut known) = facts.remove(&row.id) else {
                continue;
            };
            let rules = self.rules(&book, &origins, &row);
            if rules.is_empty() {
                continue;
            }
            let rules = RuleSet::new(rules);
            let state = self.state(&rules, &row, &known, &past);
            let record = past.take_out(&row, &mut known, self.from);
            let record = Record { facts: known, ..record };
            let mut replay = replay(&rules, record, state, self.to - TICK);
            replay.fired.retain(|one| self.is_of_draft(one));
            replays.push((row, replay));
        }
        Ok(replays)
    }

    /// What is to be known: what the drafts, and what held before them, look at and change.
    fn needs(&self, book: &RuleBook, rows: &[enrollment::Model]) -> Needs {
        let sets: Vec<Arc<RuleSet>> = rows.iter().map(|row| book.of(row)).collect();
        let is_same = |version: &&ActiveRule| self.drafts.iter().any(|draft| draft.key == version.key);
        let before = sets.iter().flat_map(|set| set.versions()).filter(is_same);
        let drafts = || self.drafts.iter().map(|draft| &draft.definition);
        let definitions = before.map(|version| &version.definition).chain(drafts());
        let changed = drafts()
            .flat_map(|definition| &definition.actions)
            .flat_map(|action| match action {
                Action::DispatchForm(_) => vec![Part::Dispatches, Part::Responses],
                Action::RaiseFlag(_) | Action::Escalate(_) => vec![Part::Flags],
                Action::OpenModule(_) | Action::HideModule(_) | Action::OpenSection(_) | Action::HideSection(_) => {
                    vec![Part::Modules]
                }
                Action::SendMessage(_) => vec![Part::Messages],
                Action::Remind(_) => Vec::new(),
            });
        Needs::of(definitions.map(AsRef::as_ref)).and(changed)
    }

    fn is_of_draft(&self, one: &Fired) -> bool {
        self.drafts.iter().any(|draft| draft.version == one.firing.version)
    }

    /// The drafts that hold for an enrollment, with what held before them.
    fn rules(&self, book: &RuleBook, origins: &HashMap<Uuid, Origin>, row: &enrollment::Model) -> Vec<ActiveRule> {
        let known = book.of(row);
        let mut rules = Vec::new();
        for draft in self.drafts.iter().filter(|draft| draft.concerns(row)) {
            let same: Vec<&ActiveRule> = known.versions().filter(|version| version.key == draft.key).collect();
            let holds_in_window = |version: &ActiveRule| {
                version.effective_from < self.to && version.effective_until.is_none_or(|until| until > self.from)
            };
            let is_narrower = |version: &ActiveRule| {
                let origin = origins.get(&version.version);
                origin.is_some_and(|rule| breadth(rule.unit, rule.enrollment) < draft.breadth())
            };
            if same
                .iter()
                .any(|version| holds_in_window(version) && is_narrower(version))
            {
                continue;
            }
            let before = same.into_iter().filter(|version| version.effective_from < self.from);
            rules.extend(before.cloned().map(|version| ActiveRule {
                effective_until: Some(version.effective_until.map_or(self.from, |until| until.min(self.from))),
                ..version
            }));
            rules.push(ActiveRule {
                key: draft.key.clone(),
                version: draft.version,
                definition: draft.definition.clone(),
                enabled: true,
                effective_from: self.from,
                effective_until: None,
            });
        }
        rules
    }

    /// What is remembered when the window begins: of the rules that the drafts replace, what came of them until then.
    fn state(&self, rules: &RuleSet, row: &enrollment::Model, facts: &Facts, past: &Past) -> State {
        let before = self.from - TICK;
        let replaces_any = rules.versions().any(|version| version.effective_from < self.from);
        if !replaces_any {
            return State {
                evaluated_until: before,
                rules: BTreeMap::new(),
            };
        }
        let mut state = judge(rules, facts, &fresh(row, facts, before), before).state;
        past.correct(row.id, &mut state);
        state
    }

    fn count(&mut self, row: &enrollment::Model, replay: &Replay, recipients: &Recipients) {
        self.considered += 1;
        self.matched += usize::from(!replay.fired.is_empty());
        for one in &replay.fired {
            self.found.push(Found::of(row.id, one));
            for notice in &one.notices {
                for (channel, at) in recipients.deliveries(row, notice, &replay.facts) {
                    if at < self.to {
                        *self.deliveries.entry(channel).or_default() += 1;
                    }
                }
            }
        }
    }
}

impl Draft {
    fn concerns(&self, row: &enrollment::Model) -> bool {
        row.program_id == self.program
            && self.unit.is_none_or(|unit| row.unit_id == unit)
            && self.enrollment.is_none_or(|id| row.id == id)
    }

    fn breadth(&self) -> u8 {
        breadth(self.unit, self.enrollment)
    }
}

/// How wide a scope is: the narrower holds.
fn breadth(unit: Option<Uuid>, enrollment: Option<Uuid>) -> u8 {
    match (unit, enrollment) {
        (_, Some(_)) => 0,
        (Some(_), None) => 1,
        (None, None) => 2,
    }
}

/// What is remembered before anything happened in an enrollment, or before an instant where that is earlier.
pub(crate) fn fresh(row: &enrollment::Model, facts: &Facts, before: DateTime<Utc>) -> State {
    let first = facts.statuses.first().map(|status| status.at);
    let begin = [Some(row.created_at), first, row.started_at]
        .into_iter()
        .flatten()
        .min();
    State {
        evaluated_until: begin.map_or(before, |begin| (begin - TICK).min(before)),
        rules: BTreeMap::new(),
    }
}

impl Found {
    fn of(enrollment: Uuid, one: &Fired) -> Self {
        Self {
            at: one.firing.at,
            enrollment,
            key: one.firing.rule.clone(),
            occurrence: one.firing.occurrence.clone(),
        }
    }

    fn cursor(&self) -> String {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Micros, true);
        page::cursor(&[&at, &self.enrollment.to_string(), &self.key, &self.occurrence])
    }

    fn read(cursor: &str) -> Result<Self, UserError> {
        let [at, enrollment, key, occurrence] = page::read_cursor(cursor)?;
        match (DateTime::parse_from_rfc3339(&at), Uuid::parse_str(&enrollment)) {
            (Ok(at), Ok(enrollment)) => Ok(Self {
                at: at.to_utc(),
                enrollment,
                key,
                occurrence,
            }),
            _ => Err(page::bad_cursor()),
        }
    }
}
