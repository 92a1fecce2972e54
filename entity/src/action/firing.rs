//! Recording what rules decided, and carrying it out: each kind of action of all firings as one slice.

use std::collections::{BTreeSet, HashSet};

use rules::{
    definition::{Action, QuietHours, RuleDefinition},
    evaluation::Firing,
    facts::Facts,
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, sea_query::Expr};
use uuid::Uuid;

use super::{
    content_override::{self, Change, Target},
    dispatch::{self, Send},
    escalation::{self, Ladder},
    evaluation::Decided,
    flag::{self, Raise},
    message,
    reminder::{self, Plan},
};
use crate::{
    act::{Act, BATCH, Cause, TICK},
    enrollment,
    error::{Error, Outcome, Result},
    firing::{Column, Entity, Model, Outcome as FiringOutcome},
    rule::{self, RuleBook},
    stored::Stored,
    viewer::Actor,
};

/// A firing that is to be carried out.
pub(super) struct ToDo<'a> {
    id: Uuid,
    enrollment: &'a enrollment::Model,
    facts: &'a Facts,
    firing: &'a Firing,
    definition: &'a RuleDefinition,
}

impl ToDo<'_> {
    fn cause(&self) -> Cause {
        Cause {
            actor: Actor::Rule(self.id),
            depth: self.firing.depth,
        }
    }

    fn change(&self, target: Target, open: bool) -> Change {
        Change {
            enrollment_id: self.enrollment.id,
            target,
            visible: Some(open),
            visible_from: None,
            opens_at: None,
            open,
            reason: None,
            cause: self.cause(),
        }
    }
}

/// Records the firings, and returns those that are to be carried out: not what has fired before as the same occurrence, not
/// what is only tried, not what was refused.
pub(super) async fn write<'a>(act: &Act, book: &'a RuleBook, decided: &'a [Decided]) -> Result<Vec<ToDo<'a>>> {
    let firings = |one: &'a Decided| one.evaluation.firings.iter();
    let all = decided
        .iter()
        .flat_map(|one| firings(one).map(move |firing| (one, firing)));
    let all: Vec<(&Decided, &Firing, (String, String))> = all
        .map(|(one, firing)| (one, firing, rule::recorded(&firing.rule, &firing.occurrence)))
        .collect();
    let mut known: HashSet<(Uuid, String, String)> = HashSet::new();
    for chunk in all.chunks(BATCH) {
        let rows: Vec<(Uuid, String, String)> = Entity::find()
            .select_only()
            .columns([Column::EnrollmentId, Column::RuleKey, Column::Occurrence])
            .filter(Column::EnrollmentId.is_in(chunk.iter().map(|(one, ..)| one.enrollment.id)))
            .filter(Column::Occurrence.is_in(chunk.iter().map(|(.., (_, occurrence))| occurrence.as_str())))
            .into_tuple()
            .all(&act.tx)
            .await?;
        known.extend(rows);
    }
    let mut rows = Vec::new();
    let mut to_do = Vec::new();
    for (one, firing, (rule_key, occurrence)) in all {
        if !known.insert((one.enrollment.id, rule_key.clone(), occurrence.clone())) {
            continue;
        }
        let Some((definition, dry_run)) = book.version(firing.version) else {
            continue;
        };
        let id = act.id();
        let outcome = match (firing.refused, dry_run) {
            (true, _) => FiringOutcome::Refused,
            (false, true) => FiringOutcome::DryRun,
            (false, false) => FiringOutcome::Done,
        };
        let row = Model {
            id,
            enrollment_id: one.enrollment.id,
            rule_key,
            occurrence,
            rule_version_id: firing.version,
            at: firing.at,
            fired_at: act.now,
            depth: i32::try_from(firing.depth).unwrap_or(i32::MAX),
            outcome: outcome.into(),
            trace: serde_json::to_value(&firing.trace)
                .map_err(|error| Error::Corrupt(format!("a trace cannot be written: {error}")))?,
        };
        rows.push(row.into_active_model().reset_all());
        if outcome == FiringOutcome::Done {
            to_do.push(ToDo {
                id,
                enrollment: &one.enrollment,
                facts: &one.facts,
                firing,
                definition,
            });
        }
    }
    for chunk in rows.chunks(BATCH) {
        Entity::insert_many(chunk.iter().cloned())
            .exec_without_returning(&act.tx)
            .await?;
    }
    Ok(to_do)
}

/// What is asked for of one kind, each with the firing that asks.
struct Slice<T> {
    firings: Vec<Uuid>,
    asked: Vec<T>,
}

impl<T> Slice<T> {
    fn new() -> Self {
        Self {
            firings: Vec::new(),
            asked: Vec::new(),
        }
    }

    fn push(&mut self, firing: &ToDo<'_>, asked: T) {
        self.firings.push(firing.id);
        self.asked.push(asked);
    }

    /// Notes the firings that could not be carried out. That is no failure of the batch: a module may be gone, an enrollment
    /// have ended.
    fn settle(&self, action: &'static str, outcomes: Vec<Outcome<Uuid>>, undone: &mut BTreeSet<Uuid>) {
        for (firing, outcome) in self.firings.iter().zip(outcomes) {
            if let Err(errors) = outcome {
                let codes: Vec<&str> = errors.iter().map(|error| error.code.as_ref()).collect();
                tracing::warn!(%firing, action, ?codes, "an action of a rule was refused");
                undone.insert(*firing);
            }
        }
    }
}

/// Carries out the actions of all firings. Where one is not possible any more, its firing says so.
///
/// # Errors
/// When the database fails.
pub(super) async fn carry_out(act: &mut Act, firings: &[ToDo<'_>]) -> Result<()> {
    let (mut sends, mut reminders) = (Slice::new(), Slice::new());
    let (mut flags, mut changes, mut messages) = (Slice::new(), Slice::new(), Slice::new());
    let mut ladders = Slice::new();
    let mut undone = BTreeSet::new();
    for firing in firings {
        for action in &firing.definition.actions {
            match action {
                Action::DispatchForm(form) => {
                    let window = form
                        .expires_after
                        .map(|window| window.add_to(firing.firing.at, firing.facts.zone));
                    if window.is_some_and(|until| until <= act.now) {
                        // After downtime its window is over: nobody could answer it any more.
                        undone.insert(firing.id);
                        continue;
                    }
                    sends.push(
                        firing,
                        Send {
                            enrollment_id: firing.enrollment.id,
                            form_key: form.form.clone(),
                            at: Some(firing.firing.at),
                            expires_after: form.expires_after,
                            remind_after: form.remind_after.clone(),
                            firing_id: Some(firing.id),
                            cause: firing.cause(),
                        },
                    );
                }
                Action::RaiseFlag(flag) => flags.push(
                    firing,
                    Raise {
                        enrollment_id: firing.enrollment.id,
                        kind: flag.kind.clone(),
                        severity: flag.severity,
                        title: flag.title.clone(),
                        note: None,
                        audience: flag.audience,
                        rule_key: Some(firing.firing.rule.clone()),
                        occurrence: Some(firing.firing.occurrence.clone()),
                        auto_resolve: flag.auto_resolve,
                        cause: firing.cause(),
                    },
                ),
                Action::Remind(remind) => reminders.push(
                    firing,
                    Plan {
                        enrollment_id: firing.enrollment.id,
                        template: remind.template.clone(),
                        channels: remind.channels.clone(),
                        audience: remind.audience,
                        remind_at: None,
                        dispatch_id: None,
                        staff: Vec::new(),
                        note: None,
                        firing_id: Some(firing.id),
                        bypass_quiet_hours: firing.definition.limits.quiet_hours == QuietHours::Bypass,
                        cause: firing.cause(),
                    },
                ),
                Action::SendMessage(message) => messages.push(
                    firing,
                    message::Send {
                        enrollment_id: firing.enrollment.id,
                        body: message.body.clone(),
                        attachments: Vec::new(),
                        firing_id: Some(firing.id),
                        unit_message_id: None,
                        cause: firing.cause(),
                    },
                ),
                Action::Escalate(escalate) => ladders.push(
                    firing,
                    Ladder {
                        enrollment_id: firing.enrollment.id,
                        kind: escalate.kind.clone(),
                        rungs: escalate.rungs.clone(),
                        office_hours: escalate.office_hours,
                        rule_key: firing.firing.rule.clone(),
                        firing_id: firing.id,
                        at: firing.firing.at,
                        cause: firing.cause(),
                    },
                ),
                Action::OpenModule(to) => changes.push(firing, firing.change(Target::Module(to.module.clone()), true)),
                Action::HideModule(to) => changes.push(firing, firing.change(Target::Module(to.module.clone()), false)),
                Action::OpenSection(to) => {
                    changes.push(firing, firing.change(Target::Section(to.section.clone()), true))
                }
                Action::HideSection(to) => {
                    changes.push(firing, firing.change(Target::Section(to.section.clone()), false))
                }
            }
        }
    }
    // Schedules count from what is made here: dated with what was judged already, it would look judged itself.
    act.now += TICK;
    sends.settle("dispatchForm", dispatch::send(act, &sends.asked).await?, &mut undone);
    reminders.settle("remind", reminder::plan(act, &reminders.asked).await?, &mut undone);
    flags.settle("raiseFlag", flag::raise(act, &flags.asked).await?, &mut undone);
    ladders.settle(
        "escalate",
        escalation::escalate(act, &ladders.asked).await?,
        &mut undone,
    );
    changes.settle(
        "changeContent",
        content_override::change(act, &changes.asked).await?,
        &mut undone,
    );
    messages.settle("sendMessage", message::send(act, &messages.asked).await?, &mut undone);
    write_undone(act, &undone).await
}

async fn write_undone(act: &Act, firings: &BTreeSet<Uuid>) -> Result<()> {
    for chunk in firings.iter().copied().collect::<Vec<_>>().chunks(BATCH) {
        Entity::update_many()
            .col_expr(Column::Outcome, Expr::value(Stored(FiringOutcome::Undone)))
            .filter(Column::Id.is_in(chunk.iter().copied()))
            .exec(&act.tx)
            .await?;
    }
    Ok(())
}
