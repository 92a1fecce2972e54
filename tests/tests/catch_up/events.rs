//! What happened meanwhile is judged as of itself: a worker that slept decides what one that was awake decided.

use std::collections::BTreeSet;

use chrono::{DateTime, SubsecRound, Utc};
use entity::{firing, flag};
use rules::facts::Status;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, care, client::weekly_measure, database::Kind, world::World};
use uuid::Uuid;

use crate::{Fate, at, back, come_back, down, fired_after, mails, march, reminders, start};

fn compare(fact: Value, operator: &str, value: Value) -> Value {
    json!({ "compare": { "fact": fact, "operator": operator, "value": value } })
}

fn flag_of(kind: &str, resolves: bool) -> Value {
    json!({ "raiseFlag": { "kind": kind, "severity": "WARNING", "title": "Look", "audience": "STAFF", "autoResolve": resolves } })
}

/// Rules on events and on conditions, and when each of them fires in the week.
fn rules() -> Vec<(&'static str, Value, Vec<DateTime<Utc>>)> {
    let measured = json!({ "event": { "formCompleted": { "form": "weekly-measure" } } });
    let score = |pick: &str, least: i32| {
        let fact = json!({ "score": { "form": "weekly-measure", "scale": "total", "pick": pick } });
        compare(fact, "GTE", json!(least))
    };
    let answer = json!({ "answer": { "form": "weekly-measure", "item": "q9" } });
    let missed = json!({ "missedDispatches": { "form": "diary" } });
    let away = json!({ "daysSince": { "event": "SIGN_IN" } });
    let come_back = json!({ "remind": { "template": "come-back", "audience": "CITIZEN" } });
    // Catch-up concerns schedules alone: no answer is too old to be looked at.
    let impatient = json!({ "catchUp": "SKIP", "grace": "PT1M" });
    vec![
        (
            "risk",
            json!({ "trigger": measured, "condition": compare(answer, "GTE", json!(2)), "actions": [flag_of("risk", false)],
                "limits": impatient }),
            vec![march(25, "10:00")],
        ),
        (
            "high",
            json!({ "trigger": measured, "condition": score("LATEST", 15), "actions": [flag_of("high", false)],
                "limits": impatient }),
            vec![march(25, "10:00"), march(29, "10:00")],
        ),
        (
            "high-seldom",
            json!({ "trigger": measured, "condition": score("LATEST", 15), "actions": [flag_of("high", false)],
                "limits": { "cooldown": "P7D" } }),
            vec![march(25, "10:00")],
        ),
        (
            "worse",
            json!({ "trigger": measured, "condition": score("CHANGE_FROM_PREVIOUS", 10), "actions": [flag_of("high", false)] }),
            vec![march(29, "10:00")],
        ),
        (
            "here",
            json!({ "trigger": { "event": { "signedIn": {} } }, "actions": [flag_of("here", false)] }),
            vec![march(25, "10:00"), march(26, "09:00"), march(29, "10:00")],
        ),
        (
            "paused",
            json!({ "trigger": { "event": { "enrollmentPaused": {} } }, "actions": [flag_of("paused", false)] }),
            vec![march(27, "10:00")],
        ),
        (
            "severe",
            json!({ "trigger": { "whenever": {} }, "condition": score("LATEST", 15), "actions": [flag_of("severe", true)] }),
            vec![march(25, "10:00"), march(29, "10:00")],
        ),
        (
            // The first time it did not last a day.
            "severe-for-a-day",
            json!({ "trigger": { "whenever": { "heldFor": "P1D" } }, "condition": score("LATEST", 15),
                "actions": [flag_of("lasting", true)] }),
            vec![march(30, "10:00")],
        ),
        (
            "missed",
            json!({ "trigger": { "whenever": {} }, "condition": compare(missed, "GTE", json!(2)),
                "actions": [flag_of("missed", true)] }),
            vec![march(29, "12:00")],
        ),
        (
            "away",
            json!({ "trigger": { "whenever": {} }, "condition": compare(away, "GTE", json!(3)), "actions": [come_back] }),
            vec![march(25, "00:00"), march(29, "00:00"), at("2027-04-01 00:00")],
        ),
    ]
}

/// Moves the clock, working on the way or not.
async fn until(app: &TestApp, end: DateTime<Utc>, awake: bool) {
    if awake {
        app.run_until(end).await;
    } else {
        app.clock.set(end);
    }
}

/// A week of one who takes part, and of another who does not; gives the two enrollments.
async fn week(app: &TestApp, awake: bool) -> (Uuid, Uuid) {
    care::import_content(&app.store).await;
    for (key, rule, _) in rules() {
        care::save_rule(&app.store, key, rule).await;
    }
    let (person, silent) = (app.enroll(1).await, app.enroll(2).await);
    app.run_until(march(24, "10:00")).await;
    for _ in 0..3 {
        crate::reminders::send(app, person, "weekly-measure", None, None, &[]).await;
    }
    for open_for in ["P2D", "P5DT2H"] {
        crate::reminders::send(app, person, "diary", None, Some(open_for), &[]).await;
    }
    app.run_until(down()).await;
    until(app, march(25, "10:00"), awake).await;
    app.answer(1, "weekly-measure", weekly_measure(["all"; 9])).await;
    until(app, march(26, "09:00"), awake).await;
    app.answer(1, "weekly-measure", weekly_measure(["no"; 9])).await;
    until(app, march(27, "10:00"), awake).await;
    care::change_status(&app.store, person, Status::Paused, None).await;
    until(app, march(28, "10:00"), awake).await;
    care::change_status(&app.store, person, Status::Active, None).await;
    until(app, march(29, "10:00"), awake).await;
    app.answer(
        1,
        "weekly-measure",
        weekly_measure(["all", "all", "all", "all", "all", "all", "no", "no", "no"]),
    )
    .await;
    if awake {
        app.run_until(back()).await;
    } else {
        assert!(fired_after(app, person, down()).await.is_empty());
        come_back(app).await;
    }
    (person, silent)
}

/// The unresolved flags, by kind.
async fn standing(app: &TestApp, enrollment: Uuid) -> BTreeSet<String> {
    let rows = flag::Entity::find().filter(flag::Column::EnrollmentId.eq(enrollment));
    let rows = rows.all(app.store.connection()).await.unwrap();
    rows.into_iter()
        .filter(|row| row.status.0.is_unresolved())
        .map(|row| row.kind)
        .collect()
}

async fn judged(kind: Kind, awake: bool) {
    let app = TestApp::over(World::without_program(kind, start()).await).await;
    let (person, silent) = week(&app, awake).await;
    // The one who does not take part is reminded of it once, however long ago the third day was.
    let told = reminders(&app, silent).await;
    let when = if awake { march(25, "00:00") } else { back() };
    assert_eq!(told.iter().map(Fate::of).collect::<Vec<_>>(), [Fate::Left(when)]);
    assert_eq!(mails(&app)["citizen2@home.example"], 1);

    app.run_until(at("2027-04-02 12:00")).await;
    assert_eq!(reminders(&app, silent).await.len(), 1);
    let firings = fired_after(&app, person, down()).await;
    for (rule, _, expected) in rules() {
        let found: Vec<_> = firings.iter().filter(|row| row.rule_key == rule).collect();
        let judged: Vec<DateTime<Utc>> = found.iter().map(|row| row.at.trunc_subsecs(3)).collect();
        assert_eq!(judged, expected, "{rule}");
        assert!(found.iter().all(|row| row.outcome.0 == firing::Outcome::Done), "{rule}");
        let late = |row: &&firing::Model| row.fired_at.trunc_subsecs(3) != row.at.trunc_subsecs(3).max(back());
        assert!(awake || !found.iter().any(late), "{rule}");
    }
    let kinds = ["here", "high", "lasting", "missed", "paused", "risk", "severe"];
    assert_eq!(standing(&app, person).await, kinds.map(str::to_owned).into());
}

async fn a_worker_that_slept_decides_what_an_awake_one_decided(kind: Kind) {
    judged(kind, true).await;
    judged(kind, false).await;
}

both_databases!(a_worker_that_slept_decides_what_an_awake_one_decided);
