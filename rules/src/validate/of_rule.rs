//! Whether a rule makes sense.

use chrono::DateTime;
use chrono_tz::Tz;

use super::{
    ProgramShape, Report,
    condition::{check_at, known_form, known_module},
};
use crate::{
    definition::{
        Action, Anchor, Condition, DispatchForm, EventTrigger, Fact, Limits, RuleDefinition, Schedule, Slot, Trigger,
    },
    period::Period,
    recurrence::Repeat,
};

const MAX_SLOTS: usize = 500;
const MAX_ACTIONS: usize = 20;
const MAX_REMINDERS: usize = 20;
const MAX_FIRINGS: u32 = 1_000_000;

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
            if let Some(release) = &whenever.release {
                check_at(report, "release", release, shape);
            }
        }),
    });
    match &rule.condition {
        Some(condition) => check_at(report, "condition", condition, shape),
        None if matches!(rule.trigger, Trigger::Whenever(_)) => {
            report.add_at("condition", "EMPTY", "A rule of the kind whenever needs a condition");
        }
        None => {}
    }
    report.length("actions", &rule.actions, MAX_ACTIONS);
    report.each("actions", &rule.actions, |report, action| {
        check_action(report, action, rule, shape)
    });
    report.at("limits", |report| check_limits(report, &rule.limits, shape));
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
        Anchor::FlagRaised(of) => report.at("flagRaised", |report| report.key("kind", &of.kind)),
    });
    let readable = |repeat: &str| repeat.parse::<Repeat>().and_then(|repeat| repeat.check());
    if let Some(Err(error)) = schedule.repeat.as_deref().map(readable) {
        report.add_at("repeat", "BAD_REPEAT", error.to_string());
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
        EventTrigger::FlagRaised(of) => report.at("flagRaised", |report| report.key("kind", &of.kind)),
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
            report.key("kind", &flag.kind);
            report.title("title", &flag.title);
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
            report.key("template", &remind.template);
            report.distinct("channels", &remind.channels, None);
        }),
        Action::OpenModule(of) => report.at("openModule", |report| known_module(report, &of.module, shape)),
        Action::HideModule(of) => report.at("hideModule", |report| known_module(report, &of.module, shape)),
        Action::OpenSection(of) => report.at("openSection", |report| known_section(report, &of.section, shape)),
        Action::HideSection(of) => report.at("hideSection", |report| known_section(report, &of.section, shape)),
    }
}

fn known_section(report: &mut Report, key: &str, shape: &ProgramShape<'_>) {
    if !shape.sections.contains(&key) {
        report.add_at(
            "section",
            "UNKNOWN_SECTION",
            format!("The program has no section “{key}”"),
        );
    }
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

fn check_limits(report: &mut Report, limits: &Limits, shape: &ProgramShape<'_>) {
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
    if let Some(stop_when) = &limits.stop_when {
        check_at(report, "stopWhen", stop_when, shape);
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

/// Compares two periods from a day on which months are long and no clock changes.
fn is_shorter(one: Period, other: Period) -> bool {
    let some_day = DateTime::UNIX_EPOCH;
    one.add_to(some_day, Tz::UTC) < other.add_to(some_day, Tz::UTC)
}
