//! The numbers beside those of somebody who counts them one by one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use rules::facts::Status;
use serde_json::Value;
use tests::{app::TestApp, both_databases, database::Kind, world::World};

use super::{
    Asked, Of, in_state, morning,
    population::{PROGRAMS, Person, Wait, people, programs},
    statistics, told,
};

/// The standard error of the difference of two scores: 5 · √2 · √(1 − 0.84).
const ERROR: f64 = 2.828_427_124_746_19;
/// Beyond so many of it a change is reliable.
const RELIABLE: f64 = 1.96;

/// How many numbers are those that were counted, and how many are hidden; small ones always are.
#[derive(Default)]
struct Checked {
    shown: usize,
    hidden: usize,
    /// How often nothing needed to be hidden, and was not.
    whole: usize,
}

impl Checked {
    /// Where all groups are large, all of them are told.
    fn told_if(&mut self, are_large: bool, mut numbers: impl Iterator<Item = bool>) {
        if are_large {
            assert!(numbers.all(|is_told| is_told), "something is hidden for nothing");
            self.whole += 1;
        }
    }

    /// `of` are the citizens that were counted, as often as they were.
    fn number<'a>(&mut self, number: &Value, of: impl Iterator<Item = &'a Person>) {
        let all: Vec<&Person> = of.collect();
        let citizens: BTreeSet<u32> = all.iter().map(|person| person.citizen).collect();
        match told(number) {
            Some(count) => {
                self.shown += 1;
                assert_eq!(count, all.len() as u64);
                assert!(!(1..5).contains(&citizens.len()), "{count} of too few people are told");
            }
            None => self.hidden += 1,
        }
    }

    fn share(&mut self, share: &Value, count: usize, of: usize) {
        if told(share).is_none() {
            self.hidden += 1;
            assert!(share["share"].is_null() && share["of"].is_null(), "{share}");
            return;
        }
        self.shown += 1;
        assert_eq!(
            (share["count"].as_u64(), share["of"].as_u64()),
            (Some(count as u64), Some(of as u64))
        );
        let expected = (of > 0).then(|| count as f64 / of as f64);
        // What is read of JSON may be off by the last bit.
        let apart = share["share"]
            .as_f64()
            .zip(expected)
            .map(|(told, expected)| (told - expected).abs());
        assert!(
            share["share"].is_number() == expected.is_some() && apart.is_none_or(|apart| apart < 1e-12),
            "{share}: {expected:?}"
        );
    }

    fn waiting(&mut self, waiting: &Value, mut lengths: Vec<(i64, u32)>) {
        lengths.sort_unstable();
        let seconds = |part: f64| percentile(&lengths, part).map(|length| (length / 1e6) as i64);
        match told(&waiting["waited"]) {
            Some(count) => {
                self.shown += 1;
                assert_eq!(count, lengths.len() as u64);
                let near = |name: &str, expected: Option<i64>| {
                    let told = waiting[name].as_i64();
                    // Half a microsecond may make a second of it.
                    let apart = told.zip(expected).map_or(0, |(told, expected)| (told - expected).abs());
                    assert!(
                        told.is_some() == expected.is_some() && apart <= 1,
                        "{waiting}: {expected:?}"
                    );
                };
                near("medianSeconds", seconds(0.5));
                near("ninetiethPercentileSeconds", seconds(0.9));
            }
            None => {
                self.hidden += 1;
                assert!(waiting["medianSeconds"].is_null() && waiting["ninetiethPercentileSeconds"].is_null());
            }
        }
        let citizens: BTreeSet<u32> = lengths.iter().map(|(_, citizen)| *citizen).collect();
        if (1..5).contains(&citizens.len()) {
            assert_eq!(told(&waiting["waited"]), None);
        }
    }
}

/// Between the two nearest, as far as it lies between them.
fn percentile(sorted: &[(i64, u32)], part: f64) -> Option<f64> {
    let place = part * (sorted.len().checked_sub(1)? as f64);
    let (below, above) = (sorted[place as usize].0 as f64, sorted[place.ceil() as usize].0 as f64);
    Some(below + (above - below) * (place - place.floor()))
}

/// Whether there are at least five people or none of each kind at each unit and of each program, so that nothing need be hidden.
fn are_large<'a, K: Ord>(of: impl Iterator<Item = (K, &'a Person)>) -> bool {
    let mut groups: BTreeMap<(usize, &str, K), BTreeSet<u32>> = BTreeMap::new();
    for (kind, person) in of {
        let group = groups.entry((person.unit, person.program, kind)).or_default();
        group.insert(person.citizen);
    }
    groups.values().all(|people| people.len() >= 5)
}

/// From when, until before when: Swedish months.
fn instants(asked: Asked<'_>, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let stockholm = Tz::Europe__Stockholm;
    let to = asked.to.unwrap_or_else(|| month(now) + Months::new(1));
    let from = asked.from.unwrap_or_else(|| to - Months::new(12));
    let midnight = |day: NaiveDate| {
        let local = day.and_hms_opt(0, 0, 0).unwrap().and_local_timezone(stockholm).unwrap();
        local.with_timezone(&Utc)
    };
    (midnight(from), midnight(to))
}

/// The first of a month.
fn month(at: DateTime<Utc>) -> NaiveDate {
    let day = at.with_timezone(&Tz::Europe__Stockholm).date_naive();
    day.with_day(1).unwrap()
}

/// Compares statistics with a count of the same people; gives how many numbers are told and how many hidden.
fn compare(statistics: &Value, people: &[&Person], (from, to): (DateTime<Utc>, DateTime<Utc>)) -> Checked {
    let during = |at: DateTime<Utc>| at >= from && at < to;
    let mut checked = Checked::default();
    let started: Vec<&Person> = people.iter().copied().filter(|person| during(person.start)).collect();
    let in_status = |status: Status| started.iter().copied().filter(move |person| person.status == status);
    checked.number(&statistics["enrollments"], started.iter().copied());
    for (status, word) in [
        (Status::Planned, "PLANNED"),
        (Status::Active, "ACTIVE"),
        (Status::Paused, "PAUSED"),
        (Status::Completed, "COMPLETED"),
        (Status::Withdrawn, "WITHDRAWN"),
    ] {
        let mut each = statistics["enrollmentsByStatus"].as_array().unwrap().iter();
        let number = &each.find(|each| each["status"] == word).unwrap()["enrollments"];
        checked.number(number, in_status(status));
    }
    let states = statistics["enrollmentsByStatus"].as_array().unwrap().iter();
    let numbers = states.map(|each| &each["enrollments"]);
    checked.told_if(
        are_large(started.iter().map(|person| (person.status, *person))),
        numbers
            .chain([&statistics["enrollments"]])
            .map(|number| told(number).is_some()),
    );
    let (completed, withdrawn) = (
        in_status(Status::Completed).count(),
        in_status(Status::Withdrawn).count(),
    );
    checked.share(&statistics["completion"], completed, completed + withdrawn);
    let both_told = ["COMPLETED", "WITHDRAWN"]
        .iter()
        .all(|state| in_state(statistics, state).is_some());
    assert_eq!(told(&statistics["completion"]).is_some(), both_told);

    checked.number(&statistics["dropOut"]["enrollments"], in_status(Status::Withdrawn));
    let modules = statistics["dropOut"]["byModule"].as_array().unwrap();
    let mut stops: BTreeMap<(&str, Option<&str>), Vec<&Person>> = BTreeMap::new();
    for person in in_status(Status::Withdrawn) {
        stops.entry((person.program, person.stopped)).or_default().push(person);
    }
    let is_large = are_large(in_status(Status::Withdrawn).map(|person| (person.stopped, person)));
    let states_are_large = are_large(started.iter().map(|person| (person.status, *person)));
    checked.told_if(is_large && states_are_large, [modules.len() == stops.len()].into_iter());
    for module in modules {
        let key = (module["programSlug"].as_str().unwrap(), module["moduleKey"].as_str());
        assert_eq!(
            module["moduleTitle"].as_str(),
            key.1,
            "modules are called as their keys"
        );
        checked.number(&module["enrollments"], stops[&key].iter().copied());
        assert!(told(&module["enrollments"]).is_some(), "no others are named");
    }

    let forms: Vec<(bool, &Person)> = people
        .iter()
        .flat_map(|person| person.forms.iter().map(|form| (*form, *person)))
        .filter_map(|((at, is_answered), person)| during(at).then_some((is_answered, person)))
        .collect();
    let answered = forms.iter().filter(|(is_answered, _)| *is_answered).count();
    checked.share(&statistics["adherence"], answered, forms.len());
    let adherence = told(&statistics["adherence"]).is_some();
    checked.told_if(are_large(forms.iter().copied()), [adherence].into_iter());

    let changes: Vec<(f64, f64, &Person)> = started
        .iter()
        .filter(|person| person.scores.len() > 1)
        .map(|person| (person.scores[0], *person.scores.last().unwrap(), *person))
        .collect();
    let outcomes = statistics["outcomes"].as_array().unwrap();
    let is_large = are_large(changes.iter().map(|(.., person)| ((), *person)));
    checked.told_if(is_large && !changes.is_empty(), [outcomes.len() == 1].into_iter());
    assert!(outcomes.len() <= usize::from(!changes.is_empty()));
    if let Some(outcome) = outcomes.first() {
        let names = ["formKey", "scaleKey", "formTitle", "scaleLabel"].map(|name| outcome[name].as_str().unwrap());
        assert_eq!(names, ["weekly-measure", "total", "weekly-measure", "Total"]);
        checked.number(&outcome["enrollments"], changes.iter().map(|(.., person)| *person));
        let n = changes.len() as f64;
        let first = changes.iter().map(|(first, ..)| first).sum::<f64>() / n;
        let last = changes.iter().map(|(_, last, _)| last).sum::<f64>() / n;
        for (name, expected) in [("meanFirst", first), ("meanLast", last), ("meanChange", last - first)] {
            let mean = outcome[name].as_f64();
            assert!(
                mean.is_some_and(|mean| (mean - expected).abs() < 1e-6),
                "{name} {mean:?} {expected}"
            );
        }
        let index = |(first, last, _): &&(f64, f64, &Person)| (last - first) / ERROR;
        let improved = changes.iter().filter(|change| index(change) < -RELIABLE).count();
        let deteriorated = changes.iter().filter(|change| index(change) > RELIABLE).count();
        checked.share(&outcome["reliablyImproved"], improved, changes.len());
        checked.share(&outcome["reliablyDeteriorated"], deteriorated, changes.len());
        let others = changes.len() - improved - deteriorated;
        checked.share(&outcome["notReliablyChanged"], others, changes.len());
    }

    let waits = |of: fn(&Person) -> &Vec<Wait>| -> Vec<(i64, u32)> {
        let each = people
            .iter()
            .flat_map(|person| of(person).iter().map(|wait| (*wait, person.citizen)));
        each.filter(|((since, _), _)| during(*since))
            .filter_map(|((_, length), citizen)| Some((length?, citizen)))
            .collect()
    };
    checked.waiting(&statistics["flagAcknowledgement"], waits(|person| &person.flags));
    checked.waiting(&statistics["messageAnswers"], waits(|person| &person.messages));
    checked
}

async fn the_numbers_are_those_of_an_independent_count(kind: Kind) {
    let world = World::without_program(kind, morning()).await;
    programs(&world).await;
    let people = people(&world, 20_261_123, 60).await;
    let app = TestApp::over(world).await;
    app.store.refresh().await.unwrap();
    let (administrator, therapist) = (app.staff("provider-administrator"), app.therapist());
    let now = app.clock.now();
    let middle = month(people[people.len() / 2].start);
    let periods = [
        (None, None),
        (Some(middle), None),
        (None, Some(middle)),
        (Some(month(morning())), Some(month(now) + Months::new(2))),
    ];
    let mut all = Checked::default();
    for (from, to) in periods {
        for program in [None, Some(PROGRAMS[0]), Some(PROGRAMS[1])] {
            let asked = Asked { from, to, program };
            for (of, unit) in [(Of::Own, Some(0)), (Of::Sibling, Some(1)), (Of::Provider, None)] {
                let found = statistics(&app, &administrator, of, asked).await;
                let counted = people
                    .iter()
                    .filter(|person| unit.is_none_or(|unit| person.unit == unit));
                let counted: Vec<&Person> = counted
                    .filter(|person| program.is_none_or(|slug| person.program == slug))
                    .collect();
                let checked = compare(&found, &counted, instants(asked, now));
                all.shown += checked.shown;
                all.hidden += checked.hidden;
                all.whole += checked.whole;
                if of == Of::Own {
                    let same = statistics(&app, &therapist, of, asked).await;
                    let without_link = |mut statistics: Value| {
                        statistics["tableUrl"].take();
                        statistics
                    };
                    assert_eq!(without_link(same), without_link(found), "everybody is told the same");
                }
            }
        }
    }
    let Checked { shown, hidden, whole } = all;
    assert!(
        shown > hidden && whole > 50,
        "{shown} told, {hidden} hidden, {whole} times nothing"
    );
}

both_databases!(the_numbers_are_those_of_an_independent_count);
