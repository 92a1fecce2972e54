//! Whether a rule makes sense.

use chrono::DateTime;
use chrono_tz::Tz;

use super::{
    Function, ProgramShape, Report,
    condition::{check_at, known_form, known_measurement, known_module, known_section, known_template},
    contradiction::Weighing,
    function::offered,
};
use crate::{
    definition::{
        Action, Anchor, Condition, DispatchForm, Escalate, EventTrigger, Fact, Limits, RuleDefinition, Schedule, Slot,
        Trigger,
    },
    facts::{Audience, Severity},
    period::Period,
    recurrence::Repeat,
};

const MAX_SLOTS: usize = 500;
const MAX_ACTIONS: usize = 20;
const MAX_REMINDERS: usize = 20;
const MAX_RUNGS: usize = 10;
const MAX_MESSAGE: usize = 5_000;
const MAX_FIRINGS: u32 = 1_000_000;

/// How far a slot may lie from its day of a recurrence. All the days in between are looked at whenever the rule is.
const MAX_REPEATED_OFFSET: Period = Period {
    months: 24,
    days: 0,
    seconds: 0,
};

pub(super) fn check(report: &mut Report, rule: &RuleDefinition, shape: &ProgramShape<'_>) {
    report.length("statuses", &rule.statuses, 5);
    report.distinct("statuses", &rule.statuses, None);
    report.at("trigger", |report| match &rule.trigger {
        Trigger::Schedule(schedule) => report.at("schedule", |report| check_schedule(report, schedule, shape)),
        Trigger::Event(event) => report.at("event", |report| check_event(report, event, shape)),
        Trigger::Whenever(whenever) => report.at("whenever", |report| {
            if let Some(held_for) = whenever.held_for
                && held_for.is_negative()
            {
                report.add_at("heldFor", "NEGATIVE", "Give a duration that is not negative");
            }
        }),
    });
    check_conditions(report, rule, shape);
    report.length("actions", &rule.actions, MAX_ACTIONS);
    report.each("actions", &rule.actions, |report, action| {
        check_action(report, action, rule, shape)
    });
    check_opposites(report, &rule.actions);
    report.at("limits", |report| check_limits(report, &rule.limits));
}

/// Checks the condition, and what would end or stop it.
fn check_conditions(report: &mut Report, rule: &RuleDefinition, shape: &ProgramShape<'_>) {
    let on_firing = Weighing::on_firing(rule, shape);
    let condition = rule.condition.as_ref();
    let is_well = match condition {
        Some(condition) => check_at(report, "condition", condition, shape, &on_firing),
        None if matches!(rule.trigger, Trigger::Whenever(_)) => {
            report.add_at("condition", "EMPTY", "A rule of the kind whenever needs a condition");
            false
        }
        None => true,
    };
    let never_fires = |then| is_well && on_firing.implies(condition, then);
    if let Trigger::Whenever(whenever) = &rule.trigger
        && let Some(release) = &whenever.release
    {
        report.at("trigger", |report| {
            report.at("whenever", |report| {
                let is_well = check_at(report, "release", release, shape, &Weighing::at_any_time(shape));
                if is_well && never_fires(release) {
                    report.add_at(
                        "release",
                        "NEVER_FIRES",
                        "This is true whenever the condition is, so that no episode could begin: release only when it is over",
                    );
                }
            });
        });
    }
    if let Some(stop_when) = &rule.limits.stop_when {
        report.at("limits", |report| {
            let is_well = check_at(report, "stopWhen", stop_when, shape, &on_firing);
            if is_well && never_fires(stop_when) {
                report.add_at(
                    "stopWhen",
                    "NEVER_FIRES",
                    "This is true whenever the condition is, so that the rule would never fire: stop it for something else",
                );
            }
        });
    }
}

/// A rule cannot open and hide the same.
fn check_opposites(report: &mut Report, actions: &[Action]) {
    report.each("actions", actions, |report, action| {
        let (opposite, name, field) = match action {
            Action::HideModule(of) => (Action::OpenModule(of.clone()), "hideModule", "module"),
            Action::HideSection(of) => (Action::OpenSection(of.clone()), "hideSection", "section"),
            _ => return,
        };
        if actions.contains(&opposite) {
            report.at(name, |report| {
                report.add_at(
                    field,
                    "CONTRADICTION",
                    "The rule opens this and hides it: do one of them",
                );
            });
        }
    });
}

fn check_schedule(report: &mut Report, schedule: &Schedule, shape: &ProgramShape<'_>) {
    report.at("anchor", |report| match &schedule.anchor {
        Anchor::EnrollmentStart(_) | Anchor::EnrollmentEnd(_) | Anchor::Date(_) => {}
        Anchor::ModuleOpened(of) => report.at("moduleOpened", |report| known_module(report, &of.module, shape)),
        Anchor::ModuleCompleted(of) => report.at("moduleCompleted", |report| known_module(report, &of.module, shape)),
        Anchor::FormSent(of) => report.at("formSent", |report| {
            known_form(report, &of.form, shape);
        }),
        Anchor::FormCompleted(of) => report.at("formCompleted", |report| {
            known_form(report, &of.form, shape);
        }),
        Anchor::FlagRaised(of) => report.at("flagRaised", |report| check_flag(report, &of.kind, shape)),
    });
    let readable = |repeat: &str| repeat.parse::<Repeat>().and_then(|repeat| repeat.check());
    if let Some(Err(error)) = schedule.repeat.as_deref().map(readable) {
        report.add_at("repeat", "BAD_REPEAT", error.to_string());
    } else if let (Anchor::Date(of), Some(Ok(repeat))) =
        (&schedule.anchor, schedule.repeat.as_deref().map(str::parse::<Repeat>))
        && repeat.days(of.date, of.date).next().is_none()
    {
        report.add_at(
            "repeat",
            "NEVER_COMES",
            "This ends before the date that is counted from: end it later",
        );
    }
    if schedule.until.is_some_and(|until| !is_positive(until)) {
        report.add_at("until", "NOT_POSITIVE", "Give a duration above zero");
    }
    report.length("slots", &schedule.slots, MAX_SLOTS);
    report.distinct("slots", schedule.slots.iter().map(|slot| &slot.key), Some("key"));
    report.each("slots", &schedule.slots, |report, slot| {
        check_slot(report, slot, schedule)
    });
}

fn check_slot(report: &mut Report, slot: &Slot, schedule: &Schedule) {
    report.key("key", &slot.key);
    if slot.at.is_some() && slot.offset.seconds != 0 {
        report.add_at(
            "offset",
            "CONTRADICTION",
            "With a time of day, give the offset in whole days, weeks or months: hours would move the time",
        );
    }
    if schedule.repeat.is_some() && is_shorter(MAX_REPEATED_OFFSET, length(slot.offset)) {
        report.add_at(
            "offset",
            "TOO_LONG",
            "With a recurrence, at most two years: leave out the recurrence, or begin it nearer",
        );
    }
    let is_foreseen = matches!(schedule.anchor, Anchor::EnrollmentEnd(_) | Anchor::Date(_));
    if slot.offset.is_negative() && schedule.repeat.is_none() && !is_foreseen {
        report.add_at(
            "offset",
            "NEVER_COMES",
            "Before this has happened nobody knows when it will: give an offset after it",
        );
    }
    let never = schedule
        .until
        .is_some_and(|until| is_positive(until) && !is_shorter(slot.offset, until));
    if never {
        report.add_at(
            "offset",
            "NEVER_COMES",
            "The schedule ends before this slot comes: give a shorter offset or a later end",
        );
    }
}

fn check_event(report: &mut Report, event: &EventTrigger, shape: &ProgramShape<'_>) {
    match event {
        EventTrigger::FormCompleted(of) => report.at("formCompleted", |report| {
            known_form(report, &of.form, shape);
        }),
        EventTrigger::ModuleCompleted(any) => report.at("moduleCompleted", |report| {
            if let Some(module) = &any.module {
                known_module(report, module, shape);
            }
        }),
        EventTrigger::StepCompleted(any) => report.at("stepCompleted", |report| {
            if let Some(step) = any.step.as_deref()
                && !shape.steps.contains(&step)
            {
                report.add_at("step", "UNKNOWN_STEP", format!("The program has no step “{step}”"));
            }
        }),
        EventTrigger::FlagRaised(of) => report.at("flagRaised", |report| check_flag(report, &of.kind, shape)),
        EventTrigger::FlagUnhandled(of) => report.at("flagUnhandled", |report| {
            check_flag(report, &of.kind, shape);
            if !is_positive(of.after) {
                report.add_at("after", "NOT_POSITIVE", "Give a duration above zero");
            }
        }),
        EventTrigger::MessageReceived(_) => {
            report.at("messageReceived", |report| {
                _ = offered(report, Function::Messages, shape)
            });
        }
        EventTrigger::MessageUnanswered(_) => {
            report.at("messageUnanswered", |report| {
                _ = offered(report, Function::Messages, shape);
            });
        }
        EventTrigger::MeasurementRegistered(any) => report.at("measurementRegistered", |report| {
            if let Some(kind) = &any.kind {
                known_measurement(report, kind, shape);
            }
        }),
        EventTrigger::ActivityRegistered(_) => {
            report.at("activityRegistered", |report| {
                _ = offered(report, Function::ActivityPlan, shape);
            });
        }
        EventTrigger::SignedIn(_)
        | EventTrigger::EnrollmentStarted(_)
        | EventTrigger::EnrollmentPaused(_)
        | EventTrigger::EnrollmentEnded(_) => {}
    }
}

fn check_action(report: &mut Report, action: &Action, rule: &RuleDefinition, shape: &ProgramShape<'_>) {
    match action {
        Action::DispatchForm(dispatch) => report.at("dispatchForm", |report| check_dispatch(report, dispatch, rule, shape)),
        Action::RaiseFlag(flag) => report.at("raiseFlag", |report| {
            check_flag(report, &flag.kind, shape);
            report.title("title", &flag.title);
            if let Trigger::Event(EventTrigger::FlagRaised(of)) = &rule.trigger
                && of.kind == flag.kind
                && flag.severity == Severity::Urgent
            {
                report.add_at(
                    "kind",
                    "LOOP",
                    "An urgent flag is told of each time it is raised, and the rule would raise it again: raise another kind",
                );
            }
            if !flag.auto_resolve {
                return;
            }
            match &rule.trigger {
                Trigger::Whenever(whenever) => {
                    let conditions = rule.condition.iter().chain(&whenever.release);
                    if conditions.into_iter().any(|condition| looks_at_flag(condition, &flag.kind)) {
                        report.add_at(
                            "autoResolve",
                            "LOOP",
                            "The rule would raise and resolve its own flag in turn: leave the flag out of its condition",
                        );
                    }
                }
                _ => report.add_at("autoResolve", "CONTRADICTION", "Only a rule of the kind whenever knows when its reason has ended"),
            }
        }),
        Action::Remind(remind) => report.at("remind", |report| {
            offered(report, Function::Reminders, shape);
            known_template(report, &remind.template, shape);
            report.distinct("channels", &remind.channels, None);
        }),
        Action::OpenModule(of) => report.at("openModule", |report| known_module(report, &of.module, shape)),
        Action::HideModule(of) => report.at("hideModule", |report| known_module(report, &of.module, shape)),
        Action::OpenSection(of) => report.at("openSection", |report| known_section(report, &of.section, shape)),
        Action::SendMessage(message) => report.at("sendMessage", |report| {
            offered(report, Function::Messages, shape);
            let length = message.body.trim().chars().count();
            if length == 0 {
                report.add_at("body", "EMPTY", "Write what the message says");
            } else if length > MAX_MESSAGE {
                report.add_at("body", "TOO_LONG", format!("At most {MAX_MESSAGE} characters"));
            }
            if let Trigger::Event(EventTrigger::MessageReceived(any)) = &rule.trigger
                && any.from != Some(Audience::Citizen)
            {
                report.add(
                    "LOOP",
                    "The rule would answer its own messages, which come from the staff: trigger it by those from the citizen",
                );
            }
        }),
        Action::Escalate(escalate) => report.at("escalate", |report| check_ladder(report, escalate, shape)),
        Action::HideSection(of) => report.at("hideSection", |report| known_section(report, &of.section, shape)),
    }
}

/// Checks a kind of flags, in a program that has flags.
fn check_flag(report: &mut Report, kind: &str, shape: &ProgramShape<'_>) {
    offered(report, Function::Flags, shape);
    report.kind(kind);
}

fn check_ladder(report: &mut Report, escalate: &Escalate, shape: &ProgramShape<'_>) {
    check_flag(report, &escalate.kind, shape);
    offered(report, Function::Reminders, shape);
    report.length("rungs", &escalate.rungs, MAX_RUNGS);
    report.distinct("rungs", escalate.rungs.iter().map(|rung| &rung.key), Some("key"));
    let mut former: Option<Period> = None;
    report.each("rungs", &escalate.rungs, |report, rung| {
        report.key("key", &rung.key);
        known_template(report, &rung.template, shape);
        report.distinct("channels", &rung.channels, None);
        if rung.after.is_negative() {
            report.add_at("after", "NEGATIVE", "Give a duration that is not negative");
        } else if former.is_some_and(|former| is_shorter(rung.after, former)) {
            report.add_at(
                "after",
                "CONTRADICTION",
                "A later rung cannot come earlier: put them in order",
            );
        }
        former = Some(rung.after);
    });
}

fn check_dispatch(report: &mut Report, dispatch: &DispatchForm, rule: &RuleDefinition, shape: &ProgramShape<'_>) {
    known_form(report, &dispatch.form, shape);
    if let Trigger::Schedule(Schedule {
        anchor: Anchor::FormSent(of),
        ..
    }) = &rule.trigger
        && of.form == dispatch.form
    {
        report.add_at(
            "form",
            "LOOP",
            "The rule would send the form because it was sent, for ever: count from something else",
        );
    }
    if dispatch.expires_after.is_some_and(|expires| !is_positive(expires)) {
        report.add_at("expiresAfter", "NOT_POSITIVE", "Give a duration above zero");
    }
    if !dispatch.remind_after.is_empty() {
        report.at("remindAfter", |report| _ = offered(report, Function::Reminders, shape));
    }
    if dispatch.remind_after.len() > MAX_REMINDERS {
        report.add_at("remindAfter", "TOO_MANY", format!("At most {MAX_REMINDERS}"));
    }
    report.each("remindAfter", &dispatch.remind_after, |report, remind| {
        if !is_positive(*remind) {
            report.add("NOT_POSITIVE", "Give a duration above zero");
        } else if dispatch
            .expires_after
            .is_some_and(|expires| is_positive(expires) && !is_shorter(*remind, expires))
        {
            report.add("NEVER_COMES", "The form has expired by then: remind earlier");
        }
    });
}

fn check_limits(report: &mut Report, limits: &Limits) {
    if limits.cooldown.is_some_and(|cooldown| !is_positive(cooldown)) {
        report.add_at("cooldown", "NOT_POSITIVE", "Give a duration above zero");
    }
    if limits.max_firings.is_some_and(|most| most == 0 || most > MAX_FIRINGS) {
        report.add_at(
            "maxFirings",
            "OUT_OF_RANGE",
            format!("From 1 to {MAX_FIRINGS}; to stop the rule, switch it off"),
        );
    }
    if limits.grace.is_some_and(Period::is_negative) {
        report.add_at("grace", "NEGATIVE", "Give a duration that is not negative");
    }
}

/// Whether a condition depends on an open flag of the kind.
fn looks_at_flag(condition: &Condition, kind: &str) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|part| looks_at_flag(part, kind)),
        Condition::Not(part) => looks_at_flag(part, kind),
        Condition::Compare(compare) => matches!(&compare.fact, Fact::OpenFlag(of) if of.kind == kind),
    }
}

fn is_positive(period: Period) -> bool {
    !period.is_zero() && !period.is_negative()
}

/// A period without its sign.
fn length(period: Period) -> Period {
    Period {
        months: period.months.saturating_abs(),
        days: period.days.saturating_abs(),
        seconds: period.seconds.saturating_abs(),
    }
}

/// Compares two periods from a day on which months are long and no clock changes.
fn is_shorter(one: Period, other: Period) -> bool {
    let some_day = DateTime::UNIX_EPOCH;
    one.add_to(some_day, Tz::UTC) < other.add_to(some_day, Tz::UTC)
}
