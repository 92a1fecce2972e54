//! Schedules that came due meanwhile: each catch-up policy, with and without a grace.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, SubsecRound, Utc};
use chrono_tz::Europe::Stockholm;
use entity::{
    applies::SkipReason,
    firing::{self, Outcome},
};
use rules::facts::Status;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{both_databases, care, database::Kind, world::World};
use uuid::Uuid;

use crate::{Fate, at, back, come_back, dispatches, down, fired_after, mails, march, reminders, start};

/// A rule's key, its limits, and the days of March whose 08:00 it fires for at noon of the 31st, having slept since noon of
/// the 24th.
type Policy = (&'static str, &'static str, &'static [u32]);

const POLICIES: [Policy; 10] = [
    ("all", r#"{ "catchUp": "ALL" }"#, &[25, 26, 27, 28, 29, 30, 31]),
    // Four calendar days and three hours after 08:00 of the 27th it was 11:00, although …
    (
        "all-calendar",
        r#"{ "catchUp": "ALL", "grace": "P4DT3H" }"#,
        &[28, 29, 30, 31],
    ),
    // … 99 hours and a half have not passed, for the night between was an hour shorter.
    (
        "all-elapsed",
        r#"{ "catchUp": "ALL", "grace": "PT99H30M" }"#,
        &[27, 28, 29, 30, 31],
    ),
    ("all-grace", r#"{ "catchUp": "ALL", "grace": "P2D" }"#, &[30, 31]),
    ("default", "{}", &[31]),
    ("once", r#"{ "catchUp": "ONCE" }"#, &[31]),
    ("once-grace", r#"{ "catchUp": "ONCE", "grace": "P2D" }"#, &[31]),
    // The latest is four hours old.
    ("once-short-grace", r#"{ "catchUp": "ONCE", "grace": "PT3H" }"#, &[]),
    ("skip", r#"{ "catchUp": "SKIP" }"#, &[]),
    ("skip-grace", r#"{ "catchUp": "SKIP", "grace": "P2D" }"#, &[30, 31]),
];

/// Every morning a form that is open for three days, with two reminders, and an encouragement.
async fn save(world: &World, policies: &[Policy]) {
    for (key, limits, _) in policies {
        let limits: Value = serde_json::from_str(limits).unwrap();
        let slots = json!([{ "key": "morning", "at": "08:00" }]);
        let schedule = json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY", "slots": slots });
        let form = json!({ "form": "diary", "expiresAfter": "P3D", "remindAfter": ["P1D", "P2D"] });
        let actions =
            json!([{ "dispatchForm": form }, { "remind": { "template": "come-back", "audience": "CITIZEN" } }]);
        let rule = json!({ "trigger": { "schedule": schedule }, "actions": actions, "limits": limits });
        care::save_rule(&world.store, key, rule).await;
    }
}

async fn world(kind: Kind) -> World {
    let world = World::without_program(kind, start()).await;
    care::import_content(&world.store).await;
    save(&world, &POLICIES).await;
    world
}

/// So many days later by the calendar of Stockholm.
fn days_after(at: DateTime<Utc>, days: u64) -> DateTime<Utc> {
    (at.with_timezone(&Stockholm) + Days::new(days)).to_utc()
}

/// A firing as it was decided: by which rule, for which day of March, as of when, and what came of it.
type Decision = (String, u32, DateTime<Utc>, Outcome);

fn decision(row: &firing::Model) -> Decision {
    let day = row.occurrence.strip_prefix("enrollmentStart/morning/2027-03-");
    let day = day.unwrap_or_else(|| panic!("an occurrence of March: {}", row.occurrence));
    (row.rule_key.clone(), day.parse().unwrap(), row.at, row.outcome.0)
}

/// Asserts that after the sleep exactly what the policies say was decided and done, as of `judged` or, where that is none, of
/// each slot's own time. Days before `first` do not count.
async fn assert_caught_up(world: &World, enrollment: Uuid, first: u32, judged: Option<DateTime<Utc>>) {
    let mut decided: Vec<Decision> = Vec::new();
    let mut asked = BTreeSet::new();
    let mut told = Vec::new();
    for (key, _, days) in &POLICIES {
        for day in days.iter().copied().filter(|day| *day >= first) {
            let opens = judged.unwrap_or(march(day, "08:00"));
            let closes = days_after(opens, 3);
            told.push((key.to_string(), day, "come-back", Fate::Left(back())));
            // Nobody could answer any more what has closed by now.
            if closes <= back() {
                decided.push((key.to_string(), day, opens, Outcome::Undone));
                continue;
            }
            decided.push((key.to_string(), day, opens, Outcome::Done));
            asked.insert((key.to_string(), day, opens, closes));
            // Of the reminders of a form that are due already the latest leaves, and no other.
            let (one, two) = (days_after(opens, 1), days_after(opens, 2));
            let fates = if two <= back() {
                [Fate::Skipped(SkipReason::Superseded), Fate::Left(back())]
            } else if one <= back() {
                [Fate::Left(back()), Fate::Waits]
            } else {
                [Fate::Waits, Fate::Waits]
            };
            told.extend(fates.map(|fate| (key.to_string(), day, "form-waiting", fate)));
        }
    }
    told.sort();

    let rows = fired_after(world, enrollment, down()).await;
    let mut found: Vec<Decision> = rows.iter().map(decision).collect();
    found.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    assert_eq!(found, decided);
    assert!(rows.iter().all(|row| row.fired_at == back()));
    let by_firing: BTreeMap<Uuid, (String, u32)> = rows
        .iter()
        .map(|row| (row.id, decision(row)))
        .map(|(id, (rule, day, ..))| (id, (rule, day)))
        .collect();

    let found: Vec<_> = dispatches(world, enrollment)
        .await
        .into_iter()
        .filter_map(|row| {
            let (rule, day) = by_firing.get(&row.firing_id?)?.clone();
            Some((rule, day, row.available_at, row.expires_at?))
        })
        .collect();
    assert_eq!(found.len(), asked.len(), "each once: {found:?}");
    assert_eq!(BTreeSet::from_iter(found), asked);

    let reminders = reminders(world, enrollment).await;
    let mut found: Vec<_> = reminders
        .iter()
        .filter_map(|row| {
            let (rule, day) = by_firing.get(&row.firing_id?)?.clone();
            Some((rule, day, row.template.as_str(), Fate::of(row)))
        })
        .collect();
    found.sort();
    assert_eq!(found, told);
    // Whatever the tables above say: with ONCE nobody is told anything twice.
    for rule in ["default", "once", "once-grace", "once-short-grace"] {
        for template in ["come-back", "form-waiting"] {
            let left = |(key, _, of, fate): &&(String, u32, &str, Fate)| {
                key == rule && *of == template && *fate == Fate::Left(back())
            };
            assert!(found.iter().filter(left).count() <= 1, "{rule} {template}");
        }
    }
    // Of what was asked before nothing is left: the time of those forms was over meanwhile.
    for row in reminders.iter().filter(|row| row.created_at < down()) {
        assert!(row.sent_at.is_none_or(|sent| sent < down()), "{row:?}");
        assert_ne!(Fate::of(row), Fate::Waits, "{row:?}");
    }
}

/// Asserts that before the sleep every rule fired at its minute, and after it does so again, whatever its policy.
async fn assert_on_time(world: &World, enrollment: Uuid, days: &[&str]) {
    let end = at(&format!("{} 12:00", days.last().unwrap()));
    let rows = firing::Entity::find().all(world.store.connection()).await.unwrap();
    for (key, ..) in &POLICIES {
        let mut found: Vec<DateTime<Utc>> = rows
            .iter()
            .filter(|row| row.enrollment_id == enrollment && row.rule_key == *key)
            .filter(|row| row.fired_at.trunc_subsecs(3) == row.at && row.at != back() && row.fired_at <= end)
            .map(|row| row.at)
            .collect();
        found.sort();
        let expected: Vec<DateTime<Utc>> = days.iter().map(|day| at(&format!("{day} 08:00"))).collect();
        assert_eq!(found, expected, "{key}");
    }
}

async fn a_worker_that_was_down_catches_up_as_the_policies_say(kind: Kind) {
    let world = world(kind).await;
    let awake = world.enroll(1).await;
    let (unit, therapist) = (world.care.unit, world.care.therapist);
    let planned = care::enroll(&world.store, unit, therapist, 2, Some(march(27, "00:00"))).await;
    let resuming = world.enroll(3).await;
    let pausing = world.enroll(4).await;
    world.run_until(march(24, "11:00")).await;
    care::change_status(&world.store, resuming, Status::Paused, Some(march(28, "12:00"))).await;
    world.run_until(down()).await;
    let told: usize = mails(&world).values().sum();

    // Nobody works. People go on: the clerk pauses an enrollment, and lets it go on three days later.
    world.clock.set(march(26, "12:00"));
    care::change_status(&world.store, pausing, Status::Paused, None).await;
    world.clock.set(march(29, "12:00"));
    care::change_status(&world.store, pausing, Status::Active, None).await;
    assert!(fired_after(&world, pausing, down()).await.is_empty());
    come_back(&world).await;

    assert_caught_up(&world, awake, 25, None).await;
    // It started as of when it was planned, which became so now: everything since is judged as of now, and what was due before
    // the start lapses.
    assert_caught_up(&world, planned, 27, Some(back())).await;
    // Its pause should have ended on the 28th, and ended now: everything is judged as of the end of the pause.
    assert_caught_up(&world, resuming, 25, Some(back())).await;
    // What was due in the pause was judged when it ended, and then with the rest.
    let found: BTreeSet<(String, u32)> = fired_after(&world, pausing, down())
        .await
        .iter()
        .map(decision)
        .map(|(rule, day, ..)| (rule, day))
        .collect();
    let of = |rule: &str| -> Vec<u32> {
        let days = found.iter().filter(|(key, _)| key == rule);
        days.map(|(_, day)| *day).collect()
    };
    assert_eq!(of("all"), [25, 26, 27, 28, 29, 30, 31]);
    for rule in ["once", "default", "once-grace"] {
        assert_eq!(of(rule), [31], "{rule}");
    }
    for rule in ["skip", "once-short-grace"] {
        assert!(of(rule).is_empty(), "{rule}");
    }

    // Each reminder that left is an e-mail, but that nobody hears twice at once of the same form, or of the same rule unless
    // it catches up with all.
    let mut items = BTreeSet::new();
    for person in [awake, planned, resuming, pausing] {
        let firings = fired_after(&world, person, down()).await;
        let rules: BTreeMap<Uuid, String> = firings.into_iter().map(|row| (row.id, row.rule_key)).collect();
        for row in reminders(&world, person).await {
            let rule = row.firing_id.and_then(|firing| rules.get(&firing));
            let Some(rule) = rule.filter(|_| Fate::of(&row) == Fate::Left(back())) else {
                continue;
            };
            let item = match row.dispatch_id {
                Some(form) => form.to_string(),
                None if rule.starts_with("all") => row.id.to_string(),
                None => rule.clone(),
            };
            items.insert((person, item));
        }
    }
    assert_eq!(mails(&world).values().sum::<usize>(), told + items.len());

    world.run_until(at("2027-04-02 12:00")).await;
    assert_on_time(&world, awake, &["2027-03-23", "2027-03-24", "2027-04-01", "2027-04-02"]).await;
    assert_on_time(&world, planned, &["2027-04-01", "2027-04-02"]).await;
}

async fn a_pause_is_caught_up_as_the_policies_say(kind: Kind) {
    let world = world(kind).await;
    let [by_hand, by_itself] = [world.enroll(1).await, world.enroll(2).await];
    world.run_until(down()).await;
    care::change_status(&world.store, by_hand, Status::Paused, None).await;
    care::change_status(&world.store, by_itself, Status::Paused, Some(back())).await;
    let told = mails(&world);
    world.run_until(march(31, "11:59")).await;
    for person in [by_hand, by_itself] {
        assert!(
            fired_after(&world, person, down()).await.is_empty(),
            "nothing in the pause"
        );
        for row in dispatches(&world, person).await {
            assert_eq!(row.ended_at, row.expires_at, "its time was over all the same");
        }
    }
    assert_eq!(mails(&world), told, "nothing leaves in the pause");

    world.clock.set(back());
    care::change_status(&world.store, by_hand, Status::Active, None).await;
    world.work().await;
    for person in [by_hand, by_itself] {
        assert_caught_up(&world, person, 25, Some(back())).await;
    }
    world.run_until(at("2027-04-02 12:00")).await;
    for person in [by_hand, by_itself] {
        assert_on_time(
            &world,
            person,
            &["2027-03-23", "2027-03-24", "2027-04-01", "2027-04-02"],
        )
        .await;
    }
}

async fn what_is_due_now_or_was_a_moment_ago_is_not_late(kind: Kind) {
    let world = World::without_program(kind, start()).await;
    care::import_content(&world.store).await;
    let slots: Vec<Value> = ["11:44", "11:45", "12:00"]
        .map(|at| json!({ "key": at.replace(':', "-"), "at": at }))
        .into();
    for policy in ["SKIP", "ONCE", "ALL"] {
        let schedule = json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY", "slots": slots });
        let rule = json!({ "trigger": { "schedule": schedule }, "actions": [{ "dispatchForm": { "form": "diary" } }],
            "limits": { "catchUp": policy } });
        care::save_rule(&world.store, &policy.to_lowercase(), rule).await;
    }
    let person = world.enroll(1).await;
    world.run_until(down()).await;
    come_back(&world).await;
    let rows = fired_after(&world, person, down()).await;
    let found = |rule: &str| -> Vec<&str> {
        let rows = rows.iter().filter(|row| row.rule_key == rule);
        rows.map(|row| row.occurrence.strip_prefix("enrollmentStart/").unwrap())
            .collect()
    };
    let on_time = ["11-45/2027-03-31", "12-00/2027-03-31"];
    assert_eq!(found("skip"), on_time);
    assert_eq!(found("once"), on_time, "the latest of what is late is not the latest");
    assert_eq!(found("all").len(), 3 * 7);
}

both_databases!(
    a_worker_that_was_down_catches_up_as_the_policies_say,
    a_pause_is_caught_up_as_the_policies_say,
    what_is_due_now_or_was_a_moment_ago_is_not_late
);
