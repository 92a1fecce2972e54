//! Living again through the histories of enrollments, with the drafts that hold there.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use rules::{
    content::concerns,
    definition::Action,
    evaluation::{ActiveRule, RuleSet, State},
    facts::Facts,
    simulation::{Fired, Record, Replay, judge, replay},
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{
    CHUNK, Simulation, concerned,
    draft::breadth,
    history::{Origin, Past, origins},
    lacking::lacking,
};
use crate::{
    act::TICK,
    enrollment,
    error::Result,
    facts::{self, Needs, Part, modules},
    form_schedule, progress,
    rule::RuleBook,
    store::Store,
    viewer::Viewer,
};

impl Simulation {
    /// The next enrollments that the drafts may concern, by id.
    pub(super) async fn chunk(
        &self,
        store: &Store,
        viewer: &Viewer,
        after: Option<Uuid>,
    ) -> Result<Vec<enrollment::Model>> {
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
    pub(super) async fn replay(
        &self,
        store: &Store,
        viewer: &Viewer,
        rows: Vec<enrollment::Model>,
    ) -> Result<Vec<(enrollment::Model, Replay)>> {
        let connection = store.connection();
        let book = RuleBook::read(connection, &rows, DateTime::UNIX_EPOCH).await?;
        let needs = self.needs(&book, &rows);
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let overlays = match needs.has(Part::Modules) {
            true => progress::load(connection, &Viewer::system(), &ids).await?,
            false => HashMap::new(),
        };
        let mut facts = facts::load(store, connection, &rows, &needs.without(Part::Modules), None).await?;
        let keys: Vec<&str> = self.drafts.iter().map(|draft| draft.key.as_str()).collect();
        let origins = origins(connection, &book, &rows, &keys).await?;
        let mut past = Past::read(connection, &rows, &keys).await?;
        let mut switches = form_schedule::switched(connection, rows.iter().map(|row| row.id)).await?;
        let mut replays = Vec::with_capacity(rows.len());
        for row in rows {
            viewer.saw(row.citizen_id);
            let Some(mut known) = facts.remove(&row.id) else {
                continue;
            };
            let content = store.library().content(connection, row.version_id).await?;
            let overlay = overlays.get(&row.id);
            known.modules = overlay.map_or_else(Vec::new, |overlay| modules::of(&content, &row, overlay));
            let rules = self.rules(&book, &origins, &row);
            if rules.is_empty() {
                continue;
            }
            let rules = RuleSet::new(rules);
            let state = self.state(&rules, &row, &known, &past);
            let does_the_same = |key: &str, version: Uuid| {
                let real = book.version(version).map(|(definition, _)| &definition.actions);
                let draft = rules.in_effect(key, self.from);
                draft.is_some_and(|draft| Some(&draft.definition.actions) == real)
            };
            let mut record = Record {
                switches: switches.remove(&row.id).unwrap_or_default(),
                modules: overlay.map_or_else(Vec::new, |overlay| overlay.histories(&content, &row)),
                lacking: lacking(&content, rules.versions().map(|version| version.definition.as_ref())),
                ..Record::from(known)
            };
            past.take_out(&mut record, self.from, does_the_same);
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
        let about = drafts().flat_map(|definition| concerns(definition));
        let about = about.map(|_| Part::Modules);
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
        Needs::of(definitions.map(AsRef::as_ref)).and(changed).and(about)
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
