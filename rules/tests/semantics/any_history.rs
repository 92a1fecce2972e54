//! Any history: what people and rules may do in an enrollment.

use chrono::{Duration, Months, NaiveDate, TimeZone};
use chrono_tz::Tz;
use proptest::{prelude::*, sample::Index};
use rules::{answer::Answer, facts::*};

use crate::{
    any_rule::any_form,
    common::{self, id},
};

/// How much of history the tests live through.
pub const SPAN_MINUTES: i64 = 3 * 24 * 60;

#[derive(Clone, Debug)]
enum Deed {
    SignIn,
    Submit {
        form: String,
        score: Option<u8>,
        late: bool,
    },
    Amend {
        which: Index,
        score: Option<u8>,
    },
    Complete {
        section: Index,
    },
    Show {
        section: Option<Index>,
        visible: bool,
    },
    OpenModule,
    Flag {
        kind: String,
        changes: Vec<(i64, FlagState)>,
    },
    Status(Status),
    Dispatch {
        form: String,
        made: Option<i64>,
        overdue: Option<i64>,
        window: Option<i64>,
        answered: Option<i64>,
        cancelled: Option<i64>,
    },
    SetEnd {
        after_minutes: Option<i64>,
    },
    Message {
        from: Audience,
        promised: Option<i64>,
        answered: Option<i64>,
    },
    Measure {
        kind: &'static str,
        value: u8,
        /// How many minutes before it is registered.
        ago: i64,
        /// After how many minutes it is taken back, or corrected to another number.
        changed: Option<(i64, Option<u8>)>,
    },
    Plan {
        from_day: i64,
        repeat: Option<&'static str>,
        ended: Option<i64>,
        registered: Vec<Register>,
        /// Which day is moved to which or cancelled, and after how many minutes.
        moved: Vec<(i64, Option<i64>, i64)>,
    },
    /// What a rule did, which triggers none.
    Effect,
}

/// A day of an activity that is registered, and corrected.
#[derive(Clone, Debug)]
struct Register {
    /// How many days after the first.
    day: i64,
    minutes: i64,
    ratings: Ratings,
    /// After how many further minutes each, and to what.
    corrected: Vec<(i64, Ratings)>,
}

fn any_ratings() -> impl Strategy<Value = Ratings> {
    let rating = || prop::option::weighted(0.8, (0..6_u8).prop_map(f64::from));
    (rating(), rating()).prop_map(|(before, after)| Ratings { before, after })
}

fn any_register() -> impl Strategy<Value = Register> {
    let corrected = prop::collection::vec((1..1_500_i64, any_ratings()), 0..3);
    (0..3_i64, 0..3_000_i64, any_ratings(), corrected).prop_map(|(day, minutes, ratings, corrected)| Register {
        day,
        minutes,
        ratings,
        corrected,
    })
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let minutes = || prop::option::of(1..2_000_i64);
    let score = || prop::option::weighted(0.85, 0..7_u8);
    let state = prop::sample::select(vec![FlagState::Open, FlagState::Acknowledged, FlagState::Resolved]);
    prop_oneof![
        2 => Just(Deed::SignIn),
        4 => (any_form(), score(), any::<bool>()).prop_map(|(form, score, late)| Deed::Submit { form, score, late }),
        1 => (any::<Index>(), score()).prop_map(|(which, score)| Deed::Amend { which, score }),
        3 => any::<Index>().prop_map(|section| Deed::Complete { section }),
        1 => (prop::option::of(any::<Index>()), any::<bool>())
            .prop_map(|(section, visible)| Deed::Show { section, visible }),
        1 => Just(Deed::OpenModule),
        2 => (any_flag(), prop::collection::vec((1..2_000_i64, state), 0..4))
            .prop_map(|(kind, changes)| Deed::Flag { kind, changes }),
        2 => prop::sample::select(vec![Status::Active, Status::Paused, Status::Active, Status::Completed])
            .prop_map(Deed::Status),
        3 => (any_form(), prop::option::of(-600..600_i64), minutes(), minutes(), minutes(), prop::option::weighted(0.2, -900..2_000_i64))
            .prop_map(|(form, made, overdue, window, answered, cancelled)| Deed::Dispatch { form, made, overdue, window, answered, cancelled }),
        1 => prop::option::weighted(0.8, 1..6_000_i64).prop_map(|after_minutes| Deed::SetEnd { after_minutes }),
        2 => (prop::sample::select(vec![Audience::Citizen, Audience::Citizen, Audience::Staff]), minutes(), minutes())
            .prop_map(|(from, promised, answered)| Deed::Message { from, promised, answered }),
        2 => (
            prop::sample::select(vec!["weight", "pulse"]),
            0..6_u8,
            prop_oneof![Just(0), 1..3_000_i64],
            prop::option::weighted(0.3, (0..2_000_i64, prop::option::of(0..6_u8))),
        )
            .prop_map(|(kind, value, ago, changed)| Deed::Measure { kind, value, ago, changed }),
        1 => (
            -2..3_i64,
            prop::sample::select(vec![None, Some("FREQ=DAILY"), Some("FREQ=DAILY;INTERVAL=2")]),
            minutes(),
            prop::collection::vec(any_register(), 0..3),
            prop::collection::vec((0..4_i64, prop::option::of(0..5_i64), 0..3_000_i64), 0..3),
        )
            .prop_map(|(from_day, repeat, ended, registered, moved)| Deed::Plan { from_day, repeat, ended, registered, moved }),
        1 => Just(Deed::Effect),
    ]
}

pub fn any_flag() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["risk".to_owned(), "silence".to_owned()])
}

/// Zones with their clock changes, a leap day, a month's end, and none of it.
fn any_place() -> impl Strategy<Value = (Tz, NaiveDate)> {
    let places = [
        (Tz::Europe__Stockholm, "2027-03-27"),
        (Tz::Europe__Stockholm, "2027-10-30"),
        (Tz::Europe__Stockholm, "2026-12-30"),
        (Tz::Australia__Lord_Howe, "2027-04-03"),
        (Tz::Australia__Lord_Howe, "2027-10-02"),
        (Tz::America__St_Johns, "2027-03-13"),
        (Tz::Africa__Casablanca, "2027-02-06"),
        (Tz::Asia__Kolkata, "2027-05-30"),
        (Tz::UTC, "2028-02-27"),
    ];
    prop::sample::select(places.map(|(zone, day)| (zone, day.parse().unwrap())).to_vec())
}

fn section(key: &str, steps: u32) -> Section {
    Section {
        key: key.to_owned(),
        visible: Vec::new(),
        steps,
        completed: Vec::new(),
    }
}

fn module(key: &str, sections: Vec<Section>) -> Module {
    Module {
        key: key.to_owned(),
        opened: Vec::new(),
        visible: Vec::new(),
        sections,
    }
}

prop_compose! {
    /// The instant at which it begins, and the facts.
    pub fn any_history()(
        (zone, day) in any_place(),
        start_minute in prop::option::weighted(0.95, 0..1_500_i64),
        planned in any::<bool>(),
        deeds in prop::collection::vec((0..SPAN_MINUTES * 60, any_deed()), 0..16),
        born in prop::option::of(-2..3_i64),
        sex in prop::sample::select(vec![None, Some(Sex::Female), Some(Sex::Male)]),
    ) -> (Instant, Facts) {
        let begin = zone.from_local_datetime(&day.and_hms_opt(0, 0, 0).unwrap()).unwrap().to_utc();
        let mut facts = common::started(zone, begin);
        facts.statuses.clear();
        facts.started_at = start_minute.map(|minute| begin + Duration::minutes(minute));
        facts.started_known_at = facts.started_at;
        facts.birth_date = born.map(|days| day - Months::new(12 * 30) + Duration::days(days));
        facts.sex = sex;
        facts.modules = vec![
            module("one", vec![section("first", 2), section("second", 1)]),
            module("two", vec![section("third", 1)]),
        ];
        if planned {
            facts.statuses.push(Dated { at: begin, value: Status::Planned });
        }
        if let Some(start) = facts.started_at {
            common::change(&mut facts, 0, start, Status::Active);
        }
        let mut history = History { begin, day, facts };
        let mut deeds = deeds;
        deeds.sort_by_key(|(second, _)| *second);
        for (number, (second, deed)) in deeds.into_iter().enumerate() {
            history.live(number as u128 + 1, begin + Duration::seconds(second), deed);
        }
        history.in_order();
        (begin, history.facts)
    }
}

struct History {
    begin: Instant,
    day: NaiveDate,
    facts: Facts,
}

impl History {
    fn live(&mut self, number: u128, at: Instant, deed: Deed) {
        let after = |minutes: i64| at + Duration::minutes(minutes);
        match deed {
            Deed::SignIn => {
                self.facts.sign_ins.push(at);
                self.facts.activities.push(at);
                self.happened(number, at, EventKind::SignedIn);
            }
            Deed::Submit { form, score, late } => self.submit(number, at, &form, score, late),
            Deed::Amend { which, score } => {
                let standing = self.facts.responses.iter_mut();
                let mut standing: Vec<_> = standing
                    .filter(|response| response.superseded_at.is_none() && response.at < at)
                    .collect();
                if standing.is_empty() {
                    return;
                }
                let former = standing.remove(which.index(standing.len()));
                former.superseded_at = Some(at);
                let (form, answered_at) = (former.form.clone(), former.answered_at);
                self.submit(number, at, &form, score, false);
                if let Some(amendment) = self.facts.responses.last_mut() {
                    amendment.answered_at = answered_at;
                }
            }
            Deed::Complete { section } => {
                let mut sections: Vec<_> = self.sections();
                let section = sections.remove(section.index(sections.len()));
                if section.completed.len() < section.steps as usize {
                    section.completed.push(at);
                    self.facts.activities.push(at);
                    let step = "step".to_owned();
                    self.happened(number, at, EventKind::StepCompleted { step });
                    let module = "one".to_owned();
                    self.happened(number + 1_000, at, EventKind::ModuleCompleted { module });
                }
            }
            Deed::Show { section, visible } => {
                let change = Dated { at, value: visible };
                let mut sections: Vec<_> = self.sections();
                match section {
                    Some(section) => sections.remove(section.index(sections.len())).visible.push(change),
                    None => self.facts.modules[0].visible.push(change),
                }
            }
            Deed::OpenModule => self.facts.modules[0].opened.push(at),
            Deed::Flag { kind, changes } => {
                let mut states = vec![(at, FlagState::Open)];
                for (minutes, state) in changes {
                    let (last, before) = states[states.len() - 1];
                    if state != before {
                        states.push((last + Duration::minutes(minutes), state));
                    }
                }
                for (place, (opened, _)) in states
                    .iter()
                    .enumerate()
                    .filter(|(_, (_, state))| *state == FlagState::Open)
                {
                    let kind = kind.clone();
                    self.happened(
                        number + 2_000 * (place as u128 + 1),
                        *opened,
                        EventKind::FlagRaised { kind },
                    );
                }
                self.facts.flags.push(common::flag(number, &kind, &states));
            }
            Deed::Status(status) => {
                if self.facts.started_at.is_some_and(|start| start < at) {
                    common::change(&mut self.facts, number, at, status);
                }
            }
            Deed::Dispatch {
                form,
                made,
                overdue,
                window,
                answered,
                cancelled,
            } => {
                // Planned from the beginning, made some time ahead, or dated back.
                let known_at = made.map_or(self.begin, after).max(self.begin);
                let done = |minutes: i64| after(minutes).max(known_at);
                let expires_at = window.map(after);
                let answered = answered
                    .map(done)
                    .filter(|answered| expires_at.is_none_or(|end| *answered < end));
                self.facts.dispatches.push(Dispatch {
                    id: id(number),
                    form,
                    known_at,
                    available_at: at,
                    overdue_at: overdue.map(after),
                    expires_at,
                    completed_at: answered,
                    cancelled_at: cancelled.map(done),
                });
            }
            Deed::SetEnd { after_minutes } => {
                let value = after_minutes.map(after);
                self.facts.ends.push(Dated { at, value });
            }
            Deed::Message {
                from,
                promised,
                answered,
            } => {
                let of_citizen = |minutes: Option<i64>| minutes.map(after).filter(|_| from == Audience::Citizen);
                let answered_at = of_citizen(answered);
                self.facts.messages.push(Message {
                    id: id(number),
                    at,
                    from,
                    answer_before: of_citizen(promised),
                    answered_at,
                });
                if from == Audience::Citizen {
                    self.facts.activities.push(at);
                }
                self.happened(number, at, EventKind::MessageReceived { from });
                if let Some(answered_at) = answered_at {
                    self.happened(number + 4_000_000, answered_at, EventKind::FactChanged);
                }
            }
            Deed::Measure {
                kind,
                value,
                ago,
                changed,
            } => {
                let mut registered = Measurement {
                    id: id(number),
                    kind: kind.to_owned(),
                    at,
                    measured_at: after(-ago),
                    value: f64::from(value),
                    superseded_at: changed.map(|(minutes, _)| after(minutes)),
                };
                self.facts.measurements.push(registered.clone());
                self.facts.activities.push(at);
                let (kind, measurement) = (registered.kind.clone(), registered.id);
                self.happened(number, at, EventKind::MeasurementRegistered { kind, measurement });
                if let Some((minutes, corrected)) = changed {
                    self.happened(number + 5_000_000, after(minutes), EventKind::FactChanged);
                    registered.superseded_at = None;
                    self.facts.measurements.extend(corrected.map(|value| Measurement {
                        id: id(number + 5_000_000),
                        at: after(minutes),
                        value: f64::from(value),
                        ..registered
                    }));
                }
            }
            Deed::Plan {
                from_day,
                repeat,
                ended,
                registered,
                moved,
            } => {
                let starts_on = self.day + Duration::days(from_day);
                let mut entries: Vec<Dated<NaiveDate>> = Vec::new();
                for Register {
                    day,
                    minutes,
                    ratings,
                    corrected,
                } in registered
                {
                    let mut at = after(minutes);
                    entries.push(Dated {
                        at,
                        value: starts_on + Duration::days(day),
                    });
                    self.facts.activities.push(at);
                    let place = entries.len() as u128;
                    let registration = id(number + 20_000 * place);
                    self.happened(
                        number + 20_000 * place,
                        at,
                        EventKind::ActivityRegistered { registration },
                    );
                    let mut registration = Registration {
                        id: registration,
                        at,
                        said: vec![Dated { at, value: ratings }],
                    };
                    for (minutes, value) in corrected {
                        at += Duration::minutes(minutes);
                        registration.said.push(Dated { at, value });
                        let times = registration.said.len() as u128;
                        let number = number + 20_000 * place + 10_000_000 * times;
                        self.happened(number, at, EventKind::FactChanged);
                    }
                    self.facts.registrations.push(registration);
                }
                entries.sort_by_key(|entry| entry.at);
                let mut exceptions: Vec<Dated<DayException>> = Vec::new();
                for (day, to, minutes) in moved {
                    let value = DayException {
                        day: starts_on + Duration::days(day),
                        to: to.map(|to| starts_on + Duration::days(to)),
                    };
                    exceptions.push(Dated {
                        at: after(minutes),
                        value,
                    });
                    let place = exceptions.len() as u128;
                    self.happened(number + 100_000 * place, after(minutes), EventKind::FactChanged);
                }
                exceptions.sort_by_key(|exception| exception.at);
                self.facts.planned.push(PlannedActivity {
                    id: id(number),
                    known_at: at,
                    ended_at: ended.map(after),
                    starts_on,
                    repeat: repeat.map(|repeat| repeat.parse().unwrap()),
                    entries,
                    exceptions,
                });
            }
            Deed::Effect => self.happened(number, at, EventKind::FactChanged),
        }
    }

    fn submit(&mut self, number: u128, at: Instant, form: &str, score: Option<u8>, late: bool) {
        let score = score.map(f64::from);
        let scores: Vec<(&str, f64)> = score.iter().map(|score| ("total", *score)).collect();
        common::submit(&mut self.facts, number, form, at, &scores, 0);
        if let Some(response) = self.facts.responses.last_mut() {
            for scored in &mut response.scores {
                scored.error_of_difference = Some(1.5);
            }
            let time = if late { "23:15" } else { "07:30:00" };
            response
                .answers
                .push(("time".to_owned(), Answer::Text(time.to_owned())));
            if let Some(score) = score {
                response.answers.push(("item".to_owned(), Answer::Number(score)));
            }
        }
        self.facts.activities.push(at);
    }

    fn sections(&mut self) -> Vec<&mut Section> {
        self.facts
            .modules
            .iter_mut()
            .flat_map(|module| &mut module.sections)
            .collect()
    }

    fn happened(&mut self, number: u128, at: Instant, kind: EventKind) {
        let depth = (number % 8) as u32;
        self.facts.events.push(Event {
            id: id(300_000 + number),
            at,
            depth,
            kind,
        });
    }

    /// As facts are: every list in ascending order.
    fn in_order(&mut self) {
        self.facts.events.sort_by_key(|event| (event.at, event.id));
        self.facts.activities.sort_unstable();
        self.facts
            .responses
            .sort_by_key(|response| (response.answered_at, response.at));
        self.facts
            .measurements
            .sort_by_key(|measurement| (measurement.measured_at, measurement.at));
        self.facts
            .registrations
            .sort_by_key(|registration| (registration.at, registration.id));
        self.facts
            .dispatches
            .sort_by_key(|dispatch| (dispatch.available_at, dispatch.id));
    }
}
