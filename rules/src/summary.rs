//! A rule in one sentence.

mod repeat;

use repeat::repeat;

use crate::{
    definition::{
        Action, Anchor, CatchUp, EventTrigger, Limits, QuietHours, Recipients, RuleDefinition, Rung, Schedule, Slot,
        Trigger,
    },
    facts::{Audience, Channel, Severity, Status},
    period::Period,
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

/// What the rule does when it fires, action by action, in the language of a locale.
pub fn actions(definition: &RuleDefinition, locale: &str) -> Vec<String> {
    let actions = definition.actions.iter();
    actions.map(|action| action_told(action, locale)).collect()
}

/// What an action does, in the language of a locale.
pub fn action_told(action: &Action, locale: &str) -> String {
    capitalised(&self::action(Language::of(locale), action))
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
                let so = language.pick("and it has been so for", "och det har varit så i");
                when.push_str(&format!(", {so} {}", language.period(held_for)));
            }
            if let Some(release) = &whenever.release {
                let again = language.pick("then not again until", "sedan inte igen förrän");
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
    let slots = &schedule.slots;
    let repeat = schedule.repeat.as_ref().map(|rule| repeat(language, rule));
    let each_round = slots.iter().all(|slot| slot.offset.is_zero() && slot.at.is_some());
    let mut told = match repeat {
        _ if slots.len() > TOLD_SLOTS => {
            let at = language.pick("at", "vid");
            let times = language.pick("times counted from", "tillfällen räknade från");
            let round = repeat.map(|repeat| format!(", {repeat}")).unwrap_or_default();
            format!("{at} {} {times} {anchor}{round}", slots.len())
        }
        Some(repeat) if each_round => {
            let from = language.pick("from", "från");
            format!("{}, {from} {anchor} {repeat}", times(language, slots))
        }
        _ => {
            let same_offset =
                |one: &Slot, other: &Slot| one.offset == other.offset && one.at.is_some() == other.at.is_some();
            let offsets = slots.chunk_by(same_offset);
            let offsets: Vec<String> = offsets
                .map(|slots| self::slots(language, slots, &schedule.anchor))
                .collect();
            let round = repeat.map(|repeat| format!(", {repeat}")).unwrap_or_default();
            format!("{}{round}", language.listed(&offsets))
        }
    };
    if let Some(until) = schedule.until {
        told.push_str(&format!(", {} {}", language.pick("for", "i"), language.period(until)));
    }
    told
}

/// `at 08:00 and 20:00`.
fn times(language: Language, slots: &[Slot]) -> String {
    let times: Vec<String> = slots.iter().filter_map(|slot| Some(slot.at?.to_string())).collect();
    format!("{} {}", language.pick("at", "klockan"), language.listed(&times))
}

/// Slots of the same offset: `at 08:00 and 20:00, 3 days after the start`.
fn slots(language: Language, slots: &[Slot], counted_from: &Anchor) -> String {
    let anchor = anchor(language, counted_from);
    let offset = slots.first().map(|slot| slot.offset).unwrap_or_default();
    let day = match counted_from {
        _ if !offset.is_zero() => {
            let way = if offset.is_negative() {
                language.pick("before", "före")
            } else {
                language.pick("after", "efter")
            };
            format!("{} {way} {anchor}", language.period(offset))
        }
        Anchor::Date(_) => format!("{} {anchor}", language.pick("on", "den")),
        _ => format!("{} {anchor}", language.pick("on the day of", "samma dag som")),
    };
    let has_time = slots.iter().any(|slot| slot.at.is_some());
    match (has_time, offset.is_zero()) {
        (true, true) => format!("{} {day}", times(language, slots)),
        (true, false) => format!("{}, {day}", times(language, slots)),
        (false, true) if !matches!(counted_from, Anchor::Date(_)) => {
            format!("{} {anchor}", language.pick("at", "vid"))
        }
        (false, _) => day,
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
            language.pick("the raising of a flag of the kind", "höjandet av en flagga av typen"),
            of.kind
        ),
        Anchor::Date(of) => of.date.to_string(),
    }
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
        EventTrigger::FlagUnhandled(of) => match language {
            Language::English => format!(
                "nobody has handled a flag of the kind {} within {}",
                of.kind,
                language.period(of.after)
            ),
            Language::Swedish => format!(
                "ingen har hanterat en flagga av typen {} inom {}",
                of.kind,
                language.period(of.after)
            ),
        },
        EventTrigger::MessageReceived(any) => match any.from {
            Some(Audience::Citizen) => fixed("the citizen sends a message", "invånaren skickar ett meddelande"),
            Some(Audience::Staff) => fixed("the staff send a message", "personalen skickar ett meddelande"),
            None => fixed("a message is sent", "ett meddelande skickas"),
        },
        EventTrigger::MessageUnanswered(_) => fixed(
            "a message from the citizen is not answered as promised",
            "ett meddelande från invånaren inte har besvarats som utlovat",
        ),
        EventTrigger::MeasurementRegistered(any) => {
            let registers = language.pick(
                "the citizen registers a measurement",
                "invånaren registrerar en mätning",
            );
            match &any.kind {
                Some(kind) => format!("{registers} {} {kind}", language.pick("of", "av")),
                None => registers.to_owned(),
            }
        }
        EventTrigger::ActivityRegistered(_) => fixed(
            "the citizen registers an activity",
            "invånaren registrerar en aktivitet",
        ),
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
            let mut details = Vec::new();
            if let Some(expires) = dispatch.expires_after {
                details.push(format!(
                    "{} {}",
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
                details.push(format!("{reminding} {}", language.listed(&after)));
            }
            let told = format!("{} {}", language.pick("send", "skicka"), dispatch.form);
            with_details(told, &details)
        }
        Action::RaiseFlag(flag) => {
            let severity = match flag.severity {
                Severity::Info => language.pick("an informative flag", "en informationsflagga"),
                Severity::Warning => language.pick("a warning flag", "en varningsflagga"),
                Severity::Urgent => language.pick("an urgent flag", "en brådskande flagga"),
            };
            let of_kind = format!("{} {}", language.pick("of the kind", "av typen"), flag.kind);
            let to = match flag.audience {
                Audience::Staff => language.pick("to staff", "till personalen"),
                Audience::Citizen => language.pick("to the citizen", "till invånaren"),
            };
            let mut details = vec![language.quoted(&flag.title)];
            if flag.auto_resolve {
                let resolves = language.pick(
                    "which resolves itself when this ends",
                    "som åtgärdas av sig själv när detta upphör",
                );
                details.push(resolves.to_owned());
            }
            let told = format!("{} {severity} {of_kind} {to}", language.pick("raise", "höj"));
            with_details(told, &details)
        }
        Action::Remind(remind) => {
            let whom = match remind.audience {
                Audience::Staff => language.pick("the therapists", "behandlarna"),
                Audience::Citizen => language.pick("the citizen", "invånaren"),
            };
            let told = format!(
                "{} {whom}{}",
                language.pick("remind", "påminn"),
                by(language, &remind.channels)
            );
            with_details(told, std::slice::from_ref(&remind.template))
        }
        Action::OpenModule(of) => format!("{} {}", language.pick("open module", "öppna modul"), of.module),
        Action::HideModule(of) => format!("{} {}", language.pick("hide module", "dölj modul"), of.module),
        Action::OpenSection(of) => format!("{} {}", language.pick("open section", "öppna avsnitt"), of.section),
        Action::SendMessage(message) => {
            let told = language.pick("send the citizen a message", "skicka ett meddelande till invånaren");
            with_details(told.to_owned(), &[language.quoted(&message.body)])
        }
        Action::Escalate(escalate) => {
            let rungs: Vec<String> = escalate.rungs.iter().map(|rung| self::rung(language, rung)).collect();
            let mut details = vec![language.listed(&rungs)];
            if escalate.office_hours {
                let hours = language.pick("in the unit's opening hours", "under enhetens öppettider");
                details.push(hours.to_owned());
            }
            let told = match language {
                Language::English => format!("escalate the flag of the kind {} until it is handled", escalate.kind),
                Language::Swedish => format!("eskalera flaggan av typen {} tills den är hanterad", escalate.kind),
            };
            with_details(told, &details)
        }
        Action::HideSection(of) => format!("{} {}", language.pick("hide section", "dölj avsnitt"), of.section),
    }
}

fn rung(language: Language, rung: &Rung) -> String {
    let to = match rung.to {
        Recipients::Therapists => language.pick("to the therapists", "till behandlarna"),
        Recipients::UnitStaff => language.pick("to the staff of the unit", "till enhetens personal"),
        Recipients::UnitAdministrators => {
            language.pick("to the administrators of the unit", "till enhetens administratörer")
        }
    };
    let when = if rung.after.is_zero() {
        language.pick("at once", "genast").to_owned()
    } else {
        format!("{} {}", language.pick("after", "efter"), language.period(rung.after))
    };
    format!("{to} {when}{}", by(language, &rung.channels))
}

/// How something is sent, where that is named: ` by e-mail and SMS`.
fn by(language: Language, channels: &[Channel]) -> String {
    let channels: Vec<String> = channels
        .iter()
        .map(|channel| {
            let (english, swedish) = match channel {
                Channel::Email => ("e-mail", "e-post"),
                Channel::Sms => ("SMS", "sms"),
                Channel::WebPush => ("web push", "webbnotis"),
                Channel::Inbox => ("inbox", "inkorg"),
            };
            language.pick(english, swedish).to_owned()
        })
        .collect();
    if channels.is_empty() {
        return String::new();
    }
    format!(" {} {}", language.pick("by", "via"), language.listed(&channels))
}

fn with_details(told: String, details: &[String]) -> String {
    if details.is_empty() {
        told
    } else {
        format!("{told} ({})", details.join(", "))
    }
}

fn limits(language: Language, rule: &RuleDefinition) -> Vec<String> {
    let Limits {
        cooldown,
        max_firings,
        stop_when,
        quiet_hours,
        catch_up,
        grace,
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
    if matches!(rule.trigger, Trigger::Schedule(_)) {
        told.extend(catching_up(language, *catch_up, *grace));
    }
    if rule.statuses != [Status::Active] && !is_of_status(&rule.trigger) {
        let names: Vec<String> = rule
            .statuses
            .iter()
            .map(|status| language.status(*status).to_owned())
            .collect();
        let only = language.pick("only while the enrollment is", "bara medan deltagandet är");
        told.push(format!("{only} {}", language.either(&names)));
    }
    told
}

/// Whether the trigger is a change of status, which the rule's statuses do not concern.
fn is_of_status(trigger: &Trigger) -> bool {
    matches!(
        trigger,
        Trigger::Event(
            EventTrigger::EnrollmentStarted(_) | EventTrigger::EnrollmentPaused(_) | EventTrigger::EnrollmentEnded(_)
        )
    )
}

/// What happens to missed times, where it is not the default: that the latest is made up for.
fn catching_up(language: Language, catch_up: CatchUp, grace: Option<Period>) -> Option<String> {
    let missed = match (catch_up, grace) {
        (CatchUp::Once, None) => return None,
        (_, Some(grace)) if grace.is_zero() => return catching_up(language, CatchUp::Skip, None),
        (CatchUp::Skip, None) => language.pick("missed times are skipped", "missade tillfällen hoppas över"),
        (CatchUp::Once, Some(_)) => language.pick(
            "of missed times the latest is made up for",
            "av missade tillfällen tas det senaste igen",
        ),
        (CatchUp::Skip, Some(_)) => language.pick("missed times are made up for", "missade tillfällen tas igen"),
        (CatchUp::All, _) => language.pick("all missed times are made up for", "alla missade tillfällen tas igen"),
    };
    let within = grace.map(|grace| format!(" {} {}", language.pick("within", "inom"), language.period(grace)));
    Some(format!("{missed}{}", within.unwrap_or_default()))
}
