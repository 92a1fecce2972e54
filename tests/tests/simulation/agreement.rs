//! What a simulation tells is, firing by firing, what the worker really does on the same history.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    action::rule::SaveRule,
    firing,
    simulation::{self, Draft, Simulation},
    store::Store,
    viewer::Viewer,
};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{
    care,
    database::{self, Kind},
};
use uuid::Uuid;

use crate::life::{Life, Plan};

/// Rules of every kind, with limits, some of which feed others.
fn rules() -> Vec<(&'static str, Value)> {
    let compare = |fact: Value, operator: &str, value: Value| json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
    let flag = |kind: &str, severity: &str| json!({ "raiseFlag": { "kind": kind, "severity": severity, "title": kind, "audience": "STAFF" } });
    let send = |form: &str| json!({ "dispatchForm": { "form": form, "expiresAfter": "P2D" } });
    let measured = json!({ "event": { "formCompleted": { "form": "weekly-measure" } } });
    let idle =
        |operator: &str, days: u32| compare(json!({ "daysSince": { "event": "SIGN_IN" } }), operator, json!(days));
    let open = |kind: &str| compare(json!({ "openFlag": { "kind": kind } }), "EQ", json!(true));
    let total = |pick: &str| json!({ "score": { "form": "weekly-measure", "scale": "total", "pick": pick } });
    let since_start = |repeat: &str, at: &str, condition: Value, actions: Value, limits: Value| {
        json!({ "condition": condition, "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": repeat,
            "slots": [{ "key": "slot", "at": at }], "until": "P8W" } }, "actions": actions, "limits": limits })
    };
    vec![
        (
            "sends",
            since_start(
                "FREQ=DAILY;INTERVAL=14",
                "10:30",
                idle("GTE", 20),
                json!([send("worry-measure")]),
                json!({ "catchUp": "ALL" }),
            ),
        ),
        // The local time that the clocks skip on 28 March.
        (
            "sundays",
            since_start(
                "FREQ=WEEKLY;INTERVAL=3;BYDAY=SU",
                "02:30",
                compare(total("LATEST"), "GTE", json!(5)),
                json!([flag("noted", "INFO")]),
                json!({ "maxFirings": 2 }),
            ),
        ),
        (
            "risk",
            json!({ "trigger": measured, "actions": [flag("risk", "URGENT")], "limits": { "cooldown": "P20D" },
                "condition": compare(json!({ "answer": { "form": "weekly-measure", "item": "q9" } }), "GTE", json!(1)) }),
        ),
        (
            "high",
            json!({ "trigger": measured, "actions": [flag("high", "WARNING")],
                "condition": { "any": [compare(total("LATEST"), "GTE", json!(15)), compare(total("CHANGE_FROM_FIRST"), "GTE", json!(5))] },
                "limits": { "maxFirings": 2, "stopWhen": open("high") } }),
        ),
        (
            "idle",
            json!({ "trigger": { "whenever": { "release": idle("LT", 3) } }, "condition": idle("GTE", 28),
                "actions": [{ "raiseFlag": { "kind": "idle", "severity": "INFO", "title": "idle", "audience": "STAFF", "autoResolve": true } },
                    { "remind": { "template": "come-back", "audience": "CITIZEN", "channels": ["INBOX"] } }] }),
        ),
        (
            "missed",
            json!({ "trigger": { "whenever": { "heldFor": "P1D" } }, "actions": [{ "openModule": { "module": "activity" } }],
                "condition": compare(json!({ "missedDispatches": { "form": "worry-measure" } }), "GTE", json!(2)),
                "limits": { "cooldown": "P30D" } }),
        ),
        // Fed by `risk`.
        (
            "followed",
            json!({ "trigger": { "event": { "flagRaised": { "kind": "risk" } } }, "actions": [send("worry-measure")] }),
        ),
        (
            "unhandled",
            json!({ "trigger": { "event": { "flagUnhandled": { "kind": "risk", "after": "P2D" } } },
                "actions": [{ "escalate": { "kind": "risk", "rungs": [
                    { "key": "first", "after": "PT1H", "to": "THERAPISTS", "template": "staff-attention", "channels": ["INBOX"] }] } }] }),
        ),
        // Fed by `missed`.
        (
            "opened",
            json!({ "trigger": { "schedule": { "anchor": { "moduleOpened": { "module": "activity" } }, "slots": [{ "key": "slot", "offset": "P1D", "at": "12:00" }] } },
                "actions": [{ "sendMessage": { "body": "Nu är nästa modul öppen." } }] }),
        ),
        // Fed by `opened`.
        (
            "written",
            json!({ "trigger": { "event": { "messageReceived": { "from": "STAFF" } } }, "actions": [flag("written", "INFO")] }),
        ),
        (
            "done",
            json!({ "trigger": { "event": { "moduleCompleted": { "module": "welcome" } } }, "actions": [flag("noted", "INFO")] }),
        ),
        (
            "rests",
            json!({ "trigger": { "event": { "enrollmentPaused": {} } }, "actions": [{ "hideModule": { "module": "looking-back" } }] }),
        ),
        (
            "ending",
            json!({ "trigger": { "schedule": { "anchor": { "enrollmentEnd": {} }, "slots": [{ "key": "slot", "offset": "-P7D", "at": "08:00" }] } },
                "condition": { "not": open("idle") }, "actions": [flag("noted", "INFO")] }),
        ),
    ]
}

/// Enrollment, rule, occurrence and instant.
type Firing = (Uuid, String, String, DateTime<Utc>);

async fn real(store: &Store) -> BTreeMap<String, BTreeSet<Firing>> {
    let mut real: BTreeMap<String, BTreeSet<Firing>> = BTreeMap::new();
    for row in firing::Entity::find().all(store.connection()).await.unwrap() {
        let key = row.rule_key.clone();
        let is_new = real
            .entry(key)
            .or_default()
            .insert((row.enrollment_id, row.rule_key, row.occurrence, row.at));
        assert!(is_new, "an occurrence is unique");
    }
    real
}

fn told(simulation: &Simulation) -> BTreeSet<Firing> {
    simulation
        .occurrences()
        .map(|(enrollment, key, occurrence, at)| (enrollment, key.to_owned(), occurrence.to_owned(), at))
        .collect()
}

async fn draft(life: &Life, key: &str, definition: &Value) -> Draft {
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
    simulation::draft(&life.world.store, &Viewer::system(), life.world.care.unit, &rule)
        .await
        .unwrap()
}

/// What the drafts would have done, from beginning to end.
fn simulate(life: &Life, drafts: Vec<Draft>) -> impl Future<Output = Simulation> + std::marker::Send + 'static {
    let (store, unit) = (life.world.store.clone(), life.world.care.unit);
    let (begin, end) = (life.begin, life.end());
    async move {
        let viewer = Viewer::system();
        simulation::simulate(&store, &viewer, &drafts, unit, begin, end)
            .await
            .unwrap()
    }
}

/// Lives through the plan, and simulates each rule on the history that came of it.
async fn each_rule_agrees(kind: Kind, plan: Plan) {
    let began = Instant::now();
    let rules = rules();
    let mut life = Life::begin(kind, plan, &rules).await;
    life.live().await;
    let real = real(&life.world.store).await;
    println!(
        "{} people lived {} days after {:?}",
        plan.people,
        plan.days,
        began.elapsed()
    );
    let began = Instant::now();
    // Two at a time, on machines of two cores.
    for some in rules.chunks(2) {
        let mut simulations = Vec::new();
        for (key, definition) in some {
            let drafts = vec![draft(&life, key, definition).await];
            simulations.push((*key, tokio::spawn(simulate(&life, drafts))));
        }
        for (key, simulation) in simulations {
            agrees(key, plan, &simulation.await.unwrap(), &real);
        }
    }
    println!("simulated after {:?}", began.elapsed());
}

fn agrees(key: &str, plan: Plan, simulation: &Simulation, real: &BTreeMap<String, BTreeSet<Firing>>) {
    let (told, real) = (told(simulation), real.get(key).cloned().unwrap_or_default());
    let missing: Vec<_> = real.difference(&told).take(3).collect();
    let invented: Vec<_> = told.difference(&real).take(3).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "{key}: of {} the simulation misses {missing:?} and invents {invented:?}",
        real.len()
    );
    println!("{key}: {} firings in {} enrollments", real.len(), simulation.matched);
    assert_eq!(simulation.considered, usize::try_from(plan.people).unwrap());
    assert!(
        real.len() >= usize::try_from(plan.people).unwrap() / 25,
        "{key} hardly fires: {}",
        real.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_people_in_ninety_days() {
    if database::postgres().is_none() {
        return;
    }
    let plan = Plan {
        people: 5_000,
        days: 90,
        tick: TimeDelta::hours(8),
        workers: 2,
        reacting: true,
    };
    each_rule_agrees(Kind::Postgres, plan).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_people_in_ninety_days() {
    let plan = Plan {
        people: 100,
        days: 90,
        tick: TimeDelta::hours(8),
        workers: 1,
        reacting: true,
    };
    each_rule_agrees(Kind::Sqlite, plan).await;
}

/// The rules are replayed together on the history in which none of them acted, and the worker lets them act on the same.
#[tokio::test(flavor = "multi_thread")]
async fn rules_that_feed_one_another_do_so_in_a_simulation() {
    let plan = Plan {
        people: 30,
        days: 60,
        tick: TimeDelta::zero(),
        workers: 1,
        reacting: false,
    };
    let rules = rules();
    let mut without = Life::begin(Kind::Sqlite, plan, &[]).await;
    without.live().await;
    assert_eq!(real(&without.world.store).await.len(), 0);
    let mut drafts = Vec::new();
    for (key, definition) in &rules {
        drafts.push(draft(&without, key, definition).await);
    }
    let told = told(&simulate(&without, drafts).await);
    let mut with = Life::begin(Kind::Sqlite, plan, &rules).await;
    with.live().await;
    let real: BTreeSet<Firing> = real(&with.world.store).await.into_values().flatten().collect();
    let (told, real) = (alike(told), alike(real));
    let missing: Vec<_> = real.difference(&told).take(5).collect();
    let invented: Vec<_> = told.difference(&real).take(5).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "misses {missing:?} and invents {invented:?}"
    );
    let fed = ["followed", "opened", "written"];
    for key in fed {
        assert!(told.iter().any(|(_, rule, ..)| rule == key), "{key} fires");
    }
}

/// Firings as they are told apart between two runs: the ids of what was made differ, and by some microseconds its instants.
fn alike(firings: BTreeSet<Firing>) -> BTreeSet<(u128, String, String, i64)> {
    let people: BTreeSet<Uuid> = firings.iter().map(|(enrollment, ..)| *enrollment).collect();
    let first = people.last().copied();
    firings
        .into_iter()
        .map(|(enrollment, rule, occurrence, at)| {
            // The first of the people alone has an id that was not chosen.
            let enrollment = if Some(enrollment) == first {
                0
            } else {
                enrollment.as_u128()
            };
            let made = occurrence.split('/').map(|part| match Uuid::parse_str(part) {
                Ok(_) => "…",
                Err(_) if part.starts_with("opened-") => "opened",
                Err(_) => part,
            });
            let occurrence: Vec<&str> = made.collect();
            (enrollment, rule, occurrence.join("/"), at.timestamp_millis())
        })
        .collect()
}
