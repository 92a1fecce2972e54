//! Modules that wait for others, and people who take part in an older version of the program: what rules do is foretold as the
//! worker does it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    action::{self, rule::SaveRule},
    enrollment, firing,
    outlook::outlook,
    rule,
    simulation::{self, Draft, Simulation},
    viewer::Viewer,
};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{both_databases, care, database::Kind, world::World};
use uuid::Uuid;

use crate::outlook::foretold;

/// How many days are lived through.
const DAYS: i64 = 30;

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// The program, each of whose modules waits for the one before it.
fn in_turn() -> Value {
    let mut program = care::program();
    for (place, before) in [(1, "welcome"), (2, "activity")] {
        program["modules"][place]["opens"] = "START".into();
        program["modules"][place]["prerequisites"] = json!([before]);
    }
    program
}

/// Its first version: without the last module and one of the forms, and without flags, reminders and messages.
fn older() -> Value {
    let mut program = in_turn();
    program["modules"].as_array_mut().unwrap().truncate(2);
    program["forms"] = json!(["weekly-measure", "diary"]);
    program["features"] = json!({ "flags": false, "reminders": false, "messages": false });
    program
}

fn newer() -> Value {
    let mut program = in_turn();
    program["version"] = "2.0".into();
    program
}

/// Rules that hide and open modules, and others that count from what waited for those, or from what only the newer version has.
fn rules() -> Vec<(&'static str, Value)> {
    let after = |anchor: Value, offset: &str| json!({ "schedule": { "anchor": anchor, "slots": [{ "key": "slot", "offset": offset, "at": "12:00" }] } });
    let started = |offset: &str| after(json!({ "enrollmentStart": {} }), offset);
    let opened = |module: &str| after(json!({ "moduleOpened": { "module": module } }), "P1D");
    let progress = |operator: &str, value: u32| {
        json!({ "compare": {
        "fact": { "moduleProgress": { "module": "welcome" } }, "operator": operator, "value": value } })
    };
    let flag =
        |kind: &str| json!({ "raiseFlag": { "kind": kind, "severity": "INFO", "title": kind, "audience": "STAFF" } });
    let remind = json!({ "remind": { "template": "come-back", "audience": "CITIZEN", "channels": ["EMAIL"] } });
    let send = json!({ "dispatchForm": { "form": "worry-measure", "expiresAfter": "P2D", "remindAfter": ["P1D"] } });
    let missed = json!({ "compare": { "fact": { "missedDispatches": { "form": "worry-measure" } }, "operator": "GTE", "value": 1 } });
    let about = |module: &str| json!({ "module": module });
    vec![
        (
            "hides-first",
            json!({ "trigger": started("P4D"), "condition": progress("LT", 100),
                "actions": [{ "hideModule": about("welcome") }] }),
        ),
        (
            "hides-second",
            json!({ "trigger": started("P8D"), "actions": [{ "hideModule": about("activity") }] }),
        ),
        (
            "shows-first",
            json!({ "trigger": started("P12D"), "actions": [{ "openModule": about("welcome") }] }),
        ),
        (
            "opens-last",
            json!({ "trigger": started("P20D"), "actions": [{ "openModule": about("looking-back") }] }),
        ),
        (
            "hidden-form",
            json!({ "trigger": started("P13D"), "actions": [{ "hideSection": { "section": "seeing" } }] }),
        ),
        (
            "second",
            json!({ "trigger": opened("activity"), "actions": [flag("second"), { "sendMessage": { "body": "Nu är nästa modul öppen." } }] }),
        ),
        (
            "last",
            json!({ "trigger": opened("looking-back"), "actions": [send, remind] }),
        ),
        (
            "half",
            json!({ "trigger": { "whenever": {} }, "condition": progress("GTE", 50), "actions": [remind] }),
        ),
        (
            "written",
            json!({ "trigger": { "event": { "messageReceived": { "from": "STAFF" } } }, "actions": [flag("written")] }),
        ),
        (
            "raised",
            json!({ "trigger": { "event": { "flagRaised": { "kind": "second" } } }, "actions": [send] }),
        ),
        (
            "missed",
            json!({ "trigger": { "whenever": {} }, "condition": missed, "actions": [flag("missed")] }),
        ),
        // What every version has.
        (
            "weekly",
            json!({ "trigger": opened("activity"), "actions": [{ "dispatchForm": { "form": "weekly-measure" } }] }),
        ),
    ]
}

/// Two who take part in the older version, and four in the newer, with the rules that are given.
struct People {
    world: World,
    enrollments: Vec<Uuid>,
}

impl People {
    async fn begin(kind: Kind, rules: &[(&str, Value)]) -> Self {
        let world = World::without_program(kind, monday()).await;
        let forms = [
            care::measure("weekly-measure", 9),
            care::measure("worry-measure", 7),
            care::diary(),
        ];
        care::import(&world.store, older(), &forms).await;
        let mut enrollments = vec![world.enroll(1).await, world.enroll(2).await];
        care::import(&world.store, newer(), &forms).await;
        for (key, definition) in rules {
            care::save_rule(&world.store, key, definition.clone()).await;
        }
        for n in 3..=6 {
            enrollments.push(world.enroll(n).await);
        }
        world.work().await;
        Self { world, enrollments }
    }

    /// Completes a step of the first module.
    async fn complete(&self, person: usize, step: &str) {
        let (store, id) = (&self.world.store, self.enrollments[person]);
        let row = enrollment::Entity::find_by_id(id).one(store.connection()).await;
        let version = row.unwrap().unwrap().version_id;
        let content = store.library().content(store.connection(), version).await.unwrap();
        let (.., step) = content.steps().find(|(.., one)| one.row.key == step).unwrap();
        let mut act = store.act(&Viewer::system()).await.unwrap();
        action::step::complete(&mut act, id, step.row.id).await.unwrap();
        act.commit().await.unwrap();
        self.world.work().await;
    }

    /// One of each version completes the first module soon, and another of each comes half the way and completes it once the
    /// rules show it again.
    async fn live(&self) {
        for (day, deeds) in [
            (2, [(0, "hello"), (3, "hello")]),
            (3, [(0, "write"), (3, "write")]),
            (3, [(1, "hello"), (4, "hello")]),
            (15, [(1, "write"), (4, "write")]),
        ] {
            self.world.run_until(monday() + TimeDelta::days(day)).await;
            for (person, step) in deeds {
                self.complete(person, step).await;
            }
        }
        self.world.run_until(monday() + TimeDelta::days(DAYS)).await;
    }

    async fn draft(&self, key: &str, definition: &Value) -> Draft {
        let rule = SaveRule {
            program_slug: care::PROGRAM.to_owned(),
            unit_id: None,
            enrollment_id: None,
            key: key.to_owned(),
            name: key.to_owned(),
            enabled: true,
            dry_run: false,
            definition: definition.clone(),
        };
        let (store, unit) = (&self.world.store, self.world.care.unit);
        simulation::draft(store, &Viewer::system(), unit, &rule).await.unwrap()
    }

    async fn simulate(&self, drafts: &[Draft]) -> Simulation {
        let (store, unit) = (&self.world.store, self.world.care.unit);
        let (from, to) = (monday(), monday() + TimeDelta::days(DAYS));
        let simulation = simulation::simulate(store, &Viewer::system(), drafts, unit, from, to).await;
        simulation.unwrap()
    }

    /// What a simulation found.
    fn told(&self, simulation: &Simulation) -> BTreeSet<Firing> {
        let all = simulation.occurrences();
        all.map(|(enrollment, key, _, at)| self.firing(enrollment, key, at))
            .collect()
    }

    /// What the worker really did, as far as the outcome is one of those that are meant.
    async fn real(&self, is_meant: impl Fn(firing::Outcome) -> bool) -> BTreeSet<Firing> {
        let rows = firing::Entity::find().all(self.world.store.connection()).await.unwrap();
        let meant = rows.into_iter().filter(|row| is_meant(row.outcome.0));
        meant
            .map(|row| self.firing(row.enrollment_id, &row.rule_key, row.at))
            .collect()
    }

    /// A firing as it is told apart between two runs: by some microseconds instants differ.
    fn firing(&self, enrollment: Uuid, key: &str, at: DateTime<Utc>) -> Firing {
        let person = self.enrollments.iter().position(|id| *id == enrollment).unwrap();
        (person, key.to_owned(), at.timestamp_millis())
    }
}

/// Person, rule and instant.
type Firing = (usize, String, i64);

fn agree(what: &str, told: &BTreeSet<Firing>, real: &BTreeSet<Firing>) {
    let missing: Vec<_> = real.difference(told).collect();
    let invented: Vec<_> = told.difference(real).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "{what}: misses {missing:?} and invents {invented:?}"
    );
}

/// How often a rule fires for those of the older and of the newer version.
fn counts(firings: &BTreeSet<Firing>, key: &str) -> (usize, usize) {
    let of_rule = || firings.iter().filter(|(_, rule, _)| rule == key);
    let older = of_rule().filter(|(person, ..)| *person < 2).count();
    (older, of_rule().count() - older)
}

/// The rules are replayed together on a history in which none of them acted, and the worker lets them act on the same.
async fn what_rules_hide_and_open_opens_what_waits_for_it(kind: Kind) {
    let rules = rules();
    let without = People::begin(kind, &[]).await;
    without.live().await;
    assert_eq!(without.real(|_| true).await, BTreeSet::new());
    let mut drafts = Vec::new();
    for (key, definition) in &rules {
        drafts.push(without.draft(key, definition).await);
    }
    let told = without.told(&without.simulate(&drafts).await);
    let with = People::begin(kind, &rules).await;
    with.live().await;
    let real = with.real(|_| true).await;
    agree("together", &told, &real);
    // On the third day, when the first is hidden on the fourth, and again where it is completed after it was shown.
    assert_eq!(counts(&real, "second"), (3, 5));
    assert_eq!(counts(&real, "last").0, 0, "the older version has no such module");
    assert!(counts(&real, "last").1 >= 4);
    for fed in ["written", "raised", "missed"] {
        assert_eq!(
            counts(&real, fed).0,
            0,
            "{fed}: nothing sets it off in the older version"
        );
        assert!(counts(&real, fed).1 >= 4, "{fed} fires");
    }
}

/// Each rule alone is simulated on the history in which all of them acted.
async fn each_rule_alone_agrees(kind: Kind) {
    let rules = rules();
    let people = People::begin(kind, &rules).await;
    people.live().await;
    let real = people.real(|_| true).await;
    for (key, definition) in &rules {
        let draft = people.draft(key, definition).await;
        let told = people.told(&people.simulate(&[draft]).await);
        let own = real.iter().filter(|(_, rule, _)| rule == key).cloned().collect();
        agree(key, &told, &own);
    }
}

/// A rule that hid something would, simulated later, not have hidden it: what waited does not open.
async fn what_an_edited_rule_hid_it_would_not_have_hidden(kind: Kind) {
    let rules = rules();
    let people = People::begin(kind, &rules).await;
    people.live().await;
    let definition = |key: &str| rules.iter().find(|(rule, _)| *rule == key).unwrap().1.clone();
    let mut later = definition("hides-first");
    later["trigger"]["schedule"]["slots"][0]["offset"] = "P6D".into();
    let drafts = [
        people.draft("hides-first", &later).await,
        people.draft("weekly", &definition("weekly")).await,
    ];
    let told = people.told(&people.simulate(&drafts).await);
    let days = |key: &str, person: usize| -> Vec<i64> {
        let own = told.iter().filter(|(who, rule, _)| *who == person && rule == key);
        own.map(|(.., at)| (DateTime::from_timestamp_millis(*at).unwrap() - monday()).num_days())
            .collect()
    };
    // Whoever has completed the first module is not concerned; for others the second opens on the sixth day.
    assert_eq!(days("weekly", 3), [4]);
    assert_eq!(days("weekly", 5), [7]);
    assert_eq!(days("hides-first", 5), [6]);
}

/// What an outlook tells of the coming days, in which nobody does anything, comes true.
async fn an_outlook_is_what_comes(kind: Kind) {
    let rules = rules();
    let people = People::begin(kind, &rules).await;
    let (store, unit) = (&people.world.store, people.world.care.unit);
    let viewer = Viewer::system();
    let days = u32::try_from(DAYS).unwrap();
    let told = outlook(store, &viewer, unit, days).await.unwrap();
    let mut keys: BTreeMap<Uuid, String> = BTreeMap::new();
    for rule in rule::Entity::find().all(store.connection()).await.unwrap() {
        keys.insert(rule.id, rule.key);
    }
    let (mut items, mut after) = (BTreeSet::new(), None);
    loop {
        let page = told.page(&viewer, 100, after.as_deref()).unwrap();
        for (_, item) in &page.rows {
            // What is planned already is none of a rule.
            let key = item.rule.map(|rule| keys[&rule].clone());
            items.extend(key.map(|key| people.firing(item.enrollment, &key, item.at)));
        }
        after = page.rows.last().map(|(cursor, _)| cursor.clone());
        if !page.has_next {
            break;
        }
    }
    let mail = foretold(&people.world, days).await;
    assert!(!mail.is_empty());
    // What is not possible in the older version is not done there; that it was decided is recorded all the same.
    agree(
        "outlook",
        &items,
        &people.real(|outcome| outcome == firing::Outcome::Done).await,
    );
    assert_eq!(counts(&items, "weekly"), (2, 4));
    assert_eq!(counts(&items, "second"), (0, 4));
    let undone = people.real(|outcome| outcome == firing::Outcome::Undone).await;
    assert_eq!(counts(&undone, "second"), (2, 0));
}

both_databases!(
    what_rules_hide_and_open_opens_what_waits_for_it,
    each_rule_alone_agrees,
    what_an_edited_rule_hid_it_would_not_have_hidden,
    an_outlook_is_what_comes,
);
