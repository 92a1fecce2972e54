//! A rule in one sentence.

use crate::{
    definition::{Action, Anchor, EventTrigger, Limits, QuietHours, RuleDefinition, Schedule, Slot, Trigger},
    facts::{Audience, Severity, Status},
    phrase::{Language, capitalised},
};

/// More slots than this are counted rather than told.
const TOLD_SLOTS: usize = 3;

/// What the rule does, in one plain sentence in the language of a locale: English, or Swedish.
pub fn summary(definition: &RuleDefinition, locale: &str) -> String {
    let language = Language::of(locale);
    let mut sentence = trigger(language, definition);
    let actions: Vec<String> = definition
        .actions
        .iter()
        .map(|action| self::action(language, action))
        .collect();
    sentence.push_str(": ");
    sentence.push_str(&language.listed(&actions));
    for limit in limits(language, definition) {
        sentence.push_str("; ");
        sentence.push_str(&limit);
    }
    sentence.push('.');
    capitalised(&sentence)
}

fn trigger(language: Language, rule: &RuleDefinition) -> String {
    let condition = rule.condition.as_ref().map(|condition| language.condition(condition));
    let when = match &rule.trigger {
        Trigger::Schedule(schedule) => self::schedule(language, schedule),
        Trigger::Event(event) => format!("{} {}", language.pick("when", "när"), self::event(language, event)),
        Trigger::Whenever(whenever) => {
            let mut when = format!(
                "{} {}",
                language.pick("as soon as", "så snart"),
                condition.unwrap_or_default()
            );
            if let Some(held_for) = whenever.held_for.filter(|held_for| !held_for.is_zero()) {
                let so = language.pick("and has been so for", "och har varit så i");
                when.push_str(&format!(", {so} {}", language.period(held_for)));
            }
            if let Some(release) = &whenever.release {
                let again = language.pick("then not again before", "sedan inte igen förrän");
                when.push_str(&format!(" ({again} {})", language.condition(release)));
            }
            return when;
        }
    };
    match condition {
        Some(condition) => format!("{when}, {} {condition}", language.pick("if", "om")),
        None => when,
    }
}

fn schedule(language: Language, schedule: &Schedule) -> String {
    let anchor = anchor(language, &schedule.anchor);
    let mut told = if schedule.slots.len() > TOLD_SLOTS {
        let times = language.pick("times counted from", "tillfällen räknade från");
        format!(
            "{} {} {times} {anchor}",
            language.pick("at", "vid"),
            schedule.slots.len()
        )
    } else {
        let slots: Vec<String> = schedule
            .slots
            .iter()
            .map(|slot| self::slot(language, slot, &anchor))
            .collect();
        language.listed(&slots)
    };
    if let Some(repeat) = &schedule.repeat {
        told.push_str(", ");
        told.push_str(&self::repeat(language, repeat));
    }
    if let Some(until) = schedule.until {
        told.push_str(&format!(", {} {}", language.pick("for", "i"), language.period(until)));
    }
    told
}

fn slot(language: Language, slot: &Slot, anchor: &str) -> String {
    let offset = slot.offset;
    let way = if offset.is_negative() {
        language.pick("before", "före")
    } else {
        language.pick("after", "efter")
    };
    match (slot.at, offset.is_zero()) {
        (Some(at), true) => {
            let on_the_day = language.pick("on the day of", "samma dag som");
            format!("{} {at} {on_the_day} {anchor}", language.pick("at", "klockan"))
        }
        (Some(at), false) => {
            format!(
                "{} {at}, {} {way} {anchor}",
                language.pick("at", "klockan"),
                language.period(offset)
            )
        }
        (None, true) => format!("{} {anchor}", language.pick("at", "vid")),
        (None, false) => format!("{} {way} {anchor}", language.period(offset)),
    }
}

fn anchor(language: Language, anchor: &Anchor) -> String {
    match anchor {
        Anchor::EnrollmentStart(_) => language.pick("the start", "starten").to_owned(),
        Anchor::EnrollmentEnd(_) => language.pick("the planned end", "det planerade slutet").to_owned(),
        Anchor::ModuleOpened(of) => format!(
            "{} {}",
            language.pick("the opening of module", "öppnandet av modul"),
            of.module
        ),
        Anchor::ModuleCompleted(of) => {
            format!(
                "{} {}",
                language.pick("the completion of module", "slutförandet av modul"),
                of.module
            )
        }
        Anchor::FormSent(of) => format!("{} {}", language.pick("the sending of", "utskicket av"), of.form),
        Anchor::FormCompleted(of) => format!("{} {}", language.pick("the answer to", "svaret på"), of.form),
        Anchor::FlagRaised(of) => format!(
            "{} {}",
            language.pick("a flag of the kind", "en flagga av typen"),
            of.kind
        ),
        Anchor::Date(of) => of.date.to_string(),
    }
}

/// A recurrence rule in words, as far as there are plain ones.
fn repeat(language: Language, rule: &str) -> String {
    let rule = rule.trim().to_ascii_uppercase();
    let parts = || {
        rule.trim_start_matches("RRULE:")
            .split(';')
            .filter_map(|part| part.split_once('='))
    };
    let part = |wanted: &str| parts().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    let interval = part("INTERVAL").unwrap_or("1");
    let (one, one_sv, many, many_sv) = match part("FREQ") {
        Some("DAILY") => ("every day", "varje dag", "days", "dag"),
        Some("WEEKLY") => ("every week", "varje vecka", "weeks", "vecka"),
        Some("MONTHLY") => ("every month", "varje månad", "months", "månad"),
        Some("YEARLY") => ("every year", "varje år", "years", "år"),
        _ => return rule.clone(),
    };
    let mut told = match (language, interval) {
        (_, "1") => language.pick(one, one_sv).to_owned(),
        (Language::English, interval) => format!("every {interval} {many}"),
        (Language::Swedish, interval) => every_nth(interval, many_sv),
    };
    for (name, value) in parts() {
        match name {
            "FREQ" | "INTERVAL" | "WKST" => {}
            "BYDAY" => {
                let within = if part("FREQ") == Some("YEARLY") && part("BYMONTH").is_none() {
                    language.pick("of the year", "på året")
                } else {
                    language.pick("of the month", "i månaden")
                };
                told.push_str(&format!(
                    " {} {}",
                    language.pick("on", "på"),
                    weekdays(language, value, within)
                ));
            }
            "COUNT" => told.push_str(&format!(", {value} {}", language.pick("times", "gånger"))),
            "UNTIL" => {
                let date = value
                    .get(..8)
                    .and_then(|date| Some((date.get(..4)?, date.get(4..6)?, date.get(6..8)?)));
                let date = date.map_or_else(
                    || value.to_owned(),
                    |(year, month, day)| format!("{year}-{month}-{day}"),
                );
                told.push_str(&format!(" {} {date}", language.pick("until", "till och med")));
            }
            _ => told.push_str(&format!(" ({name}={value})")),
        }
    }
    told
}

/// Swedish for every so many: `varannan vecka`, `vart 3:e år`, `var 21:a dag`.
fn every_nth(interval: &str, unit: &str) -> String {
    let is_neuter = unit == "år";
    match interval {
        "2" => format!("{} {unit}", if is_neuter { "vartannat" } else { "varannan" }),
        _ => {
            let every = if is_neuter { "vart" } else { "var" };
            let ends_in_a = interval.ends_with(['1', '2']) && !interval.ends_with("11") && !interval.ends_with("12");
            format!("{every} {interval}:{} {unit}", if ends_in_a { "a" } else { "e" })
        }
    }
}

/// Weekdays, some of which may be counted within the month or year: `1MO,-1FR`.
fn weekdays(language: Language, days: &str, within: &str) -> String {
    let mut any_counted = false;
    let told: Vec<String> = days
        .split(',')
        .map(|day| {
            let (count, name) = day.split_at(day.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(0));
            any_counted |= !count.is_empty();
            nth_weekday(language, count, name).unwrap_or_else(|| day.to_owned())
        })
        .collect();
    let told = language.listed(&told);
    if any_counted { format!("{told} {within}") } else { told }
}

fn nth_weekday(language: Language, count: &str, day: &str) -> Option<String> {
    let weekday = weekday(language, day)?;
    let (english, swedish) = match count.trim_start_matches('+') {
        "" => return Some(weekday.to_owned()),
        "1" => ("first", "första"),
        "2" => ("second", "andra"),
        "3" => ("third", "tredje"),
        "4" => ("fourth", "fjärde"),
        "5" => ("fifth", "femte"),
        "-1" => ("last", "sista"),
        "-2" => ("last but one", "näst sista"),
        _ => return None,
    };
    Some(match language {
        Language::English => format!("the {english} {weekday}"),
        Language::Swedish => format!("{swedish} {weekday}en"),
    })
}

fn weekday(language: Language, day: &str) -> Option<&'static str> {
    let (english, swedish) = match day {
        "MO" => ("Monday", "måndag"),
        "TU" => ("Tuesday", "tisdag"),
        "WE" => ("Wednesday", "onsdag"),
        "TH" => ("Thursday", "torsdag"),
        "FR" => ("Friday", "fredag"),
        "SA" => ("Saturday", "lördag"),
        "SU" => ("Sunday", "söndag"),
        _ => return None,
    };
    Some(language.pick(english, swedish))
}

fn event(language: Language, event: &EventTrigger) -> String {
    let fixed = |english: &str, swedish: &str| language.pick(english, swedish).to_owned();
    match event {
        EventTrigger::FormCompleted(of) => format!("{} {}", of.form, language.pick("is answered", "har besvarats")),
        EventTrigger::ModuleCompleted(any) => match &any.module {
            Some(module) => {
                format!(
                    "{} {module} {}",
                    language.pick("module", "modul"),
                    language.pick("is completed", "har slutförts")
                )
            }
            None => fixed("a module is completed", "en modul har slutförts"),
        },
        EventTrigger::StepCompleted(any) => match &any.step {
            Some(step) => {
                format!(
                    "{} {step} {}",
                    language.pick("step", "steg"),
                    language.pick("is completed", "har slutförts")
                )
            }
            None => fixed("a step is completed", "ett steg har slutförts"),
        },
        EventTrigger::SignedIn(_) => fixed("the citizen signs in", "invånaren loggar in"),
        EventTrigger::EnrollmentStarted(_) => fixed("the enrollment starts", "deltagandet startar"),
        EventTrigger::EnrollmentPaused(_) => fixed("the enrollment is paused", "deltagandet pausas"),
        EventTrigger::EnrollmentEnded(_) => fixed("the enrollment ends", "deltagandet avslutas"),
        EventTrigger::FlagRaised(of) => {
            format!(
                "{} {}",
                language.pick("a flag is raised of the kind", "en flagga höjs av typen"),
                of.kind
            )
        }
    }
}

fn action(language: Language, action: &Action) -> String {
    match action {
        Action::DispatchForm(dispatch) => {
            let mut told = format!("{} {}", language.pick("send", "skicka"), dispatch.form);
            if let Some(expires) = dispatch.expires_after {
                told.push_str(&format!(
                    ", {} {}",
                    language.pick("open for", "öppet i"),
                    language.period(expires)
                ));
            }
            if !dispatch.remind_after.is_empty() {
                let after: Vec<String> = dispatch
                    .remind_after
                    .iter()
                    .map(|after| language.period(*after))
                    .collect();
                let reminding = language.pick("reminding after", "med påminnelse efter");
                told.push_str(&format!(", {reminding} {}", language.listed(&after)));
            }
            told
        }
        Action::RaiseFlag(flag) => {
            let severity = match flag.severity {
                Severity::Info => language.pick("an informative flag", "en informationsflagga"),
                Severity::Warning => language.pick("a warning flag", "en varningsflagga"),
                Severity::Urgent => language.pick("an urgent flag", "en brådskande flagga"),
            };
            let to = match flag.audience {
                Audience::Staff => language.pick("to staff", "till personalen"),
                Audience::Citizen => language.pick("to the citizen", "till invånaren"),
            };
            let mut told = format!("{} {severity} {to}, “{}”", language.pick("raise", "höj"), flag.title);
            if flag.auto_resolve {
                let resolves = language.pick(
                    "which resolves itself when this ends",
                    "som åtgärdas av sig själv när detta upphör",
                );
                told.push_str(&format!(", {resolves}"));
            }
            told
        }
        Action::Remind(remind) => {
            let whom = match remind.audience {
                Audience::Staff => language.pick("the therapists", "behandlarna"),
                Audience::Citizen => language.pick("the citizen", "invånaren"),
            };
            format!("{} {whom} ({})", language.pick("remind", "påminn"), remind.template)
        }
        Action::OpenModule(of) => format!("{} {}", language.pick("open module", "öppna modul"), of.module),
        Action::HideModule(of) => format!("{} {}", language.pick("hide module", "dölj modul"), of.module),
        Action::OpenSection(of) => format!("{} {}", language.pick("open section", "öppna avsnitt"), of.section),
        Action::HideSection(of) => format!("{} {}", language.pick("hide section", "dölj avsnitt"), of.section),
    }
}

fn limits(language: Language, rule: &RuleDefinition) -> Vec<String> {
    let Limits {
        cooldown,
        max_firings,
        stop_when,
        quiet_hours,
        catch_up: _,
        grace: _,
    } = &rule.limits;
    let mut told = Vec::new();
    if let Some(cooldown) = cooldown {
        told.push(format!(
            "{} {}",
            language.pick("at most once in", "högst en gång på"),
            language.period(*cooldown)
        ));
    }
    match max_firings {
        Some(1) => told.push(language.pick("only once", "bara en gång").to_owned()),
        Some(most) => told.push(format!(
            "{} {most} {}",
            language.pick("at most", "högst"),
            language.pick("times", "gånger")
        )),
        None => {}
    }
    if let Some(stop_when) = stop_when {
        let while_so = language.pick("but not while", "men inte medan");
        told.push(format!("{while_so} {}", language.condition(stop_when)));
    }
    if *quiet_hours == QuietHours::Bypass {
        told.push(
            language
                .pick("also in quiet hours", "även under tysta timmar")
                .to_owned(),
        );
    }
    if rule.statuses != [Status::Active] {
        let names: Vec<String> = rule.statuses.iter().map(|status| status.name().to_owned()).collect();
        let only = language.pick("only while the status is", "bara medan status är");
        told.push(format!("{only} {}", names.join(language.pick(" or ", " eller "))));
    }
    told
}
