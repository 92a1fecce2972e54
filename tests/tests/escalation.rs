//! Escalation from outside: until somebody takes an urgent flag on, one group of staff after the other is told, while the unit
//! is open.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use entity::{action, flag, reminder, staff, viewer::Viewer};
use futures_util::future::join_all;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, refused},
    database::Kind,
    world::World,
};
use uuid::Uuid;

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    at("2027-03-01T09:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn rung(key: &str, after: &str, to: &str) -> Value {
    json!({ "key": key, "after": after, "to": to, "template": "staff-escalation" })
}

/// Flags whoever answers the ninth item with more than some days, and escalates.
fn risk(rungs: Value, office_hours: bool) -> Value {
    json!({ "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } },
        "condition": { "compare": { "fact": { "answer": { "form": "weekly-measure", "item": "q9" } },
            "operator": "GTE", "value": 2 } },
        "actions": [
            { "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Thoughts of self-harm", "audience": "STAFF" } },
            { "escalate": { "kind": "risk", "rungs": rungs, "officeHours": office_hours } },
        ],
        "limits": { "quietHours": "BYPASS", "catchUp": "ALL" } })
}

fn ladder() -> Value {
    json!([
        rung("therapists", "PT0S", "THERAPISTS"),
        rung("unit", "PT30M", "UNIT_STAFF"),
        rung("administrators", "PT2H", "UNIT_ADMINISTRATORS"),
    ])
}

async fn world(kind: Kind, now: DateTime<Utc>, rungs: Value, office_hours: bool) -> World {
    let world = World::without_program(kind, now).await;
    care::import_content(&world.store).await;
    care::save_rule(&world.store, "risk-item", risk(rungs, office_hours)).await;
    world
}

/// Sends the measure to somebody and answers it for them, with thoughts of self-harm on most days.
async fn worrying_answer(world: &World, enrollment: Uuid) {
    let dispatch = care::dispatch(&world.store, enrollment, "weekly-measure").await;
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let answers = tests::client::weekly_measure(["no", "no", "no", "no", "no", "no", "no", "no", "most"]);
    let answers = answers.as_array().unwrap().iter().map(|answer| {
        let text = |field: &str| answer[field].as_str().unwrap().to_owned();
        (text("item"), rules::answer::Answer::Text(text("value")))
    });
    action::response::submit(&mut act, dispatch, &answers.collect())
        .await
        .unwrap();
    act.commit().await.unwrap();
}

/// Whom the mail went to so far, in the order in which it did; by the part before the @.
fn told(world: &World) -> Vec<String> {
    let to = |mail: tests::mail::Mail| mail.to.split('@').next().unwrap_or_default().to_owned();
    world.mail().into_iter().map(to).collect()
}

/// The rungs as they were planned: their key, and why they were skipped or that they left.
async fn rungs(world: &World) -> Vec<(String, String)> {
    let rows = reminder::Entity::find()
        .order_by_asc(reminder::Column::Opening)
        .order_by_asc(reminder::Column::RemindAt)
        .order_by_asc(reminder::Column::Id);
    let rows = rows.all(world.store.connection()).await.unwrap();
    let came_to = |row: &reminder::Model| match (row.skip_reason, row.sent_at) {
        (Some(reason), _) => format!("{:?}", reason.0),
        (None, Some(_)) => "sent".to_owned(),
        (None, None) => "waits".to_owned(),
    };
    rows.iter()
        .map(|row| (row.rung.clone().unwrap(), came_to(row)))
        .collect()
}

fn owned(rungs: &[(&str, &str)]) -> Vec<(String, String)> {
    rungs
        .iter()
        .map(|(key, came)| ((*key).to_owned(), (*came).to_owned()))
        .collect()
}

async fn the_flag(world: &World) -> flag::Model {
    let flags = flag::Entity::find().all(world.store.connection()).await.unwrap();
    assert_eq!(flags.len(), 1);
    flags.into_iter().next().unwrap()
}

async fn one_after_the_other_is_told_until_somebody_takes_it_on(kind: Kind) {
    let app = TestApp::over(world(kind, monday(), ladder(), false).await).await;
    let world = &app.world;
    let enrollment = world.enroll(1).await;
    worrying_answer(world, enrollment).await;
    world.work().await;
    assert_eq!(told(world), ["therapist"], "at once");

    let id = api::graphql::id(api::graphql::Kind::Flag, the_flag(world).await.id);
    let query = "query($id: ID!) { node(id: $id) { ... on Flag { status nextEscalationAt escalations {
        rung recipients remindAt sentAt skipReason deliveries { status staff { displayName } } } } } }";
    let ask = async || {
        let answer = app.client.query(&app.therapist(), query, json!({ "id": id })).await;
        answer.data()["node"].clone()
    };
    let flag = ask().await;
    assert_eq!(
        flag["nextEscalationAt"].as_str().map(at),
        Some(monday() + TimeDelta::minutes(30))
    );
    let first = &flag["escalations"][0];
    assert_eq!(
        (&first["rung"], &first["recipients"], &first["deliveries"]),
        (
            &json!("therapists"),
            &json!("THERAPISTS"),
            &json!([{ "status": "SENT", "staff": { "displayName": "Person therapist" } }])
        )
    );
    assert_eq!(flag["escalations"].as_array().unwrap().len(), 3);

    world.run_until(monday() + TimeDelta::minutes(29)).await;
    assert_eq!(told(world).len(), 1);
    world.run_until(monday() + TimeDelta::minutes(30)).await;
    assert_eq!(told(world), ["therapist", "therapist"], "all who treat at the unit");
    for mail in world.mail() {
        let said = mail.whole.to_lowercase();
        for telling in ["given1", "family1", "risk", "harm", "nedstämd", "low-mood", "solrosen"] {
            assert!(!said.contains(telling), "{telling}: {said}");
        }
        assert!(mail.text.contains("https://handrail.example"));
    }

    // Taken on before the administrators would be told.
    let acknowledge = "mutation($input: AcknowledgeFlagInput!) { acknowledgeFlag(input: $input) { flag { nextEscalationAt } errors { code } } }";
    let answer = app
        .client
        .query(&app.therapist(), acknowledge, json!({ "input": { "flagId": id } }))
        .await;
    assert_eq!(
        answer.data()["acknowledgeFlag"],
        json!({ "flag": { "nextEscalationAt": null }, "errors": [] })
    );
    world.run_until(monday() + TimeDelta::days(2)).await;
    assert_eq!(told(world).len(), 2);
    assert_eq!(ask().await["escalations"][2]["skipReason"], "FLAG_HANDLED");

    // A new urgent cause opens it again: a ladder of its own, from the first rung to the last.
    worrying_answer(world, enrollment).await;
    world.run_until(monday() + TimeDelta::days(3)).await;
    assert_eq!(told(world)[2..], ["therapist", "therapist", "unit-administrator"]);
    assert_eq!(ask().await["nextEscalationAt"], Value::Null);
    let again = ["sent"; 3];
    let expected = ["therapists", "unit", "administrators"];
    let first = [
        ("therapists", "sent"),
        ("unit", "sent"),
        ("administrators", "FlagHandled"),
    ];
    let second: Vec<_> = expected.into_iter().zip(again).collect();
    assert_eq!(rungs(world).await, [owned(&first), owned(&second)].concat());

    // A third answer while it is open already: what has been told is told.
    worrying_answer(world, enrollment).await;
    world.run_until(monday() + TimeDelta::days(4)).await;
    assert_eq!(told(world).len(), 5);
    app.stop().await;
}

async fn a_closed_unit_is_told_when_it_opens(kind: Kind) {
    // A quarter to five in the afternoon.
    let mut rungs_of = ladder();
    let again = rung("again", "P1D", "THERAPISTS");
    rungs_of.as_array_mut().unwrap().push(again);
    let app = TestApp::over(world(kind, at("2027-03-01T15:45:00Z"), rungs_of, true).await).await;
    let world = &app.world;
    let unit = api::graphql::id(api::graphql::Kind::Unit, world.care.unit);
    let set = "mutation($input: SetOfficeHoursInput!) { setOfficeHours(input: $input) {
        unit { officeHours { day from until } closedDays } errors { code path message } } }";
    let weekdays = ["MO", "TU", "WE", "TH", "FR"].map(|day| json!({ "day": day, "from": "08:00", "until": "17:00" }));
    let input = |hours: &Value, closed: Value| json!({ "input": { "unitId": unit, "officeHours": hours, "closedDays": closed } });
    let hours = json!(weekdays);
    let token = app.staff("unit-administrator");
    let answer = app
        .client
        .query(&token, set, input(&hours, json!(["2027-03-02"])))
        .await
        .data();
    assert_eq!(
        answer["setOfficeHours"],
        json!({ "unit": { "officeHours": weekdays, "closedDays": ["2027-03-02"] }, "errors": [] })
    );
    // Others may not, and hours end after they begin.
    let answer = app
        .client
        .query(&app.therapist(), set, input(&hours, json!([])))
        .await
        .data();
    assert_eq!(refused(&answer), [("NOT_FOUND".to_owned(), "unitId".to_owned())]);
    let wrong = json!([{ "day": "MO", "from": "17:00", "until": "08:00" }]);
    let answer = app.client.query(&token, set, input(&wrong, json!([]))).await.data();
    assert_eq!(
        refused(&answer),
        [("BAD_INTERVAL".to_owned(), "officeHours.0.until".to_owned())]
    );

    worrying_answer(world, world.enroll(1).await).await;
    world.work().await;
    assert_eq!(told(world), ["therapist"], "still open");
    // The second would come at a quarter past five, when nobody is there; Tuesday is closed.
    assert_eq!(the_flag(world).await.escalate_at, Some(at("2027-03-03T07:00:00Z")));
    world.run_until(at("2027-03-03T06:59:00Z")).await;
    assert_eq!(told(world).len(), 1);
    world.run_until(at("2027-03-03T07:00:00Z")).await;
    let mut since = told(world)[1..].to_vec();
    since.sort();
    assert_eq!(since, ["therapist", "therapist", "unit-administrator"]);

    // On Wednesday evening; then the unit says that it is open all night.
    world.run_until(at("2027-03-03T18:00:00Z")).await;
    worrying_answer(world, world.enroll(2).await).await;
    world.work().await;
    assert_eq!(told(world).len(), 4);
    let answer = app.client.query(&token, set, input(&json!([]), json!([]))).await.data();
    assert_eq!(answer["setOfficeHours"]["errors"], json!([]));
    world.work().await;
    assert_eq!(told(world).len(), 5, "what waited for it to open is looked at again");
    app.stop().await;
}

async fn rungs_wait_for_nobody_who_is_not_there(kind: Kind) {
    let rungs_of = json!([
        rung("administrators", "PT0S", "UNIT_ADMINISTRATORS"),
        rung("unit", "P1D", "UNIT_STAFF"),
    ]);
    let world = world(kind, monday(), rungs_of, false).await;
    // The other unit has no administrator.
    let enrollment = care::enroll(&world.store, world.care.other_unit, world.care.other_therapist, 1, None).await;
    worrying_answer(&world, enrollment).await;
    world.work().await;
    assert_eq!(told(&world), ["other-therapist"], "at once, not in a day");
    assert_eq!(
        rungs(&world).await,
        owned(&[("administrators", "Nobody"), ("unit", "sent")])
    );
    world.run_until(monday() + TimeDelta::days(3)).await;
    assert_eq!(told(&world).len(), 1);
}

async fn two_ladders_stand_each_for_itself_and_a_pause_stops_neither(kind: Kind) {
    let world = world(kind, monday(), ladder(), false).await;
    let rungs_of = json!([rung("a", "PT0S", "THERAPISTS"), rung("b", "PT1H", "UNIT_STAFF")]);
    care::save_rule(&world.store, "also", risk(rungs_of, false)).await;
    let enrollment = world.enroll(1).await;
    worrying_answer(&world, enrollment).await;
    world.work().await;
    assert_eq!(told(&world), ["therapist", "therapist"]);
    care::change_status(&world.store, enrollment, rules::facts::Status::Paused, None).await;
    world.run_until(monday() + TimeDelta::hours(3)).await;
    let expected = [["therapist"; 4].as_slice(), &["unit-administrator"]].concat();
    assert_eq!(told(&world), expected);
    assert!(rungs(&world).await.iter().all(|(_, came)| came == "sent"));
}

/// Says that the unit is open on Mondays from eight to five, or always.
async fn open_on_mondays(world: &World, only: bool) {
    let hours = json!([{ "day": "MO", "from": "08:00", "until": "17:00" }]);
    let hours: Vec<entity::office_hours::OpenHours> = serde_json::from_value(hours).unwrap();
    let hours = if only { hours.as_slice() } else { &[] };
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    action::office_hours::set(&mut act, world.care.unit, hours, &[])
        .await
        .unwrap();
    act.commit().await.unwrap();
}

async fn a_ladder_round_the_clock_does_not_wait_for_one_in_office_hours(kind: Kind) {
    // A Friday evening.
    let rungs_of = json!([rung("therapists", "PT0S", "THERAPISTS")]);
    let world = world(kind, at("2027-03-05T19:00:00Z"), rungs_of.clone(), false).await;
    care::save_rule(&world.store, "in-hours", risk(rungs_of, true)).await;
    open_on_mondays(&world, true).await;
    worrying_answer(&world, world.enroll(1).await).await;
    world.work().await;
    assert_eq!(told(&world), ["therapist"]);
    world.run_until(at("2027-03-08T07:00:00Z")).await;
    assert_eq!(told(&world), ["therapist", "therapist"]);
}

async fn a_rung_whose_address_cannot_be_read_waits_for_nobody(kind: Kind) {
    let rungs_of = json!([
        rung("therapists", "PT0S", "THERAPISTS"),
        rung("administrators", "P1D", "UNIT_ADMINISTRATORS"),
    ]);
    let world = world(kind, monday(), rungs_of, false).await;
    // Of another installation.
    let key = std::collections::BTreeMap::from([("other".to_owned(), format!("{}=", "A".repeat(43)))]);
    let email = entity::seal::Keyring::new("other", &key).unwrap().seal("x@y.example");
    staff::Entity::update_many()
        .set(staff::ActiveModel {
            email: Set(Some(email.unwrap())),
            ..staff::ActiveModel::default()
        })
        .filter(staff::Column::Id.eq(world.care.therapist))
        .exec(world.store.connection())
        .await
        .unwrap();
    worrying_answer(&world, world.enroll(1).await).await;
    world.work().await;
    assert_eq!(told(&world), ["unit-administrator"], "at once, not in a day");
    assert_eq!(the_flag(&world).await.escalate_at, None);
}

async fn new_office_hours_let_no_rung_leave_early(kind: Kind) {
    let rungs_of = json!([
        rung("therapists", "PT0S", "THERAPISTS"),
        rung("unit", "P2D", "UNIT_STAFF")
    ]);
    let world = world(kind, monday(), rungs_of, true).await;
    worrying_answer(&world, world.enroll(1).await).await;
    world.work().await;
    // In two days, a Wednesday; or on the Monday after it.
    for (only, due) in [
        (true, at("2027-03-08T07:00:00Z")),
        (false, monday() + TimeDelta::days(2)),
    ] {
        open_on_mondays(&world, only).await;
        let rows = reminder::Entity::find().all(world.store.connection()).await.unwrap();
        let waits: Vec<_> = rows.iter().filter_map(|row| row.due_at).collect();
        assert_eq!(waits, [due]);
        assert_eq!(the_flag(&world).await.escalate_at, Some(due));
    }
}

async fn workers_that_race_or_were_away_tell_each_rung_once(kind: Kind) {
    let world = world(kind, monday(), ladder(), false).await;
    for n in 1..=4 {
        worrying_answer(&world, world.enroll(n).await).await;
    }
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(world.another_worker(3).await);
    }
    for instant in [
        monday(),
        monday() + TimeDelta::minutes(30),
        monday() + TimeDelta::days(1),
    ] {
        world.clock.set(instant);
        let done = join_all(workers.iter().map(|(_, worker)| worker.run_until_idle())).await;
        assert!(done.iter().all(Result::is_ok), "{done:?}");
        world.work().await;
    }
    let mut all = told(&world);
    all.sort();
    let expected = [["therapist"; 8].as_slice(), ["unit-administrator"; 4].as_slice()].concat();
    assert_eq!(all, expected);
    assert!(rungs(&world).await.iter().all(|(_, came)| came == "sent"));
}

/// Nobody evaluated for six hours: the flag could not be taken on before it was there, so that its ladder begins then.
async fn a_ladder_begins_when_the_flag_can_be_seen(kind: Kind) {
    let world = world(kind, monday(), ladder(), false).await;
    worrying_answer(&world, world.enroll(1).await).await;
    world.clock.set(monday() + TimeDelta::hours(6));
    world.work().await;
    assert_eq!(told(&world), ["therapist"]);
    world
        .run_until(monday() + TimeDelta::hours(6) + TimeDelta::minutes(31))
        .await;
    assert_eq!(told(&world), ["therapist", "therapist"]);
}

async fn staff_are_written_to_in_their_own_language(kind: Kind) {
    const SET: &str = "mutation($input: SetMyLocaleInput!) { setMyLocale(input: $input) {
        viewer { ... on StaffViewer { locale staff { displayName } } } errors { code message path } } }";
    let rungs_of = json!([
        rung("therapists", "PT0S", "THERAPISTS"),
        rung("administrators", "PT30M", "UNIT_ADMINISTRATORS"),
    ]);
    let app = TestApp::over(world(kind, monday(), rungs_of, false).await).await;
    let world = &app.world;
    let therapist = app.therapist();
    let set = async |token: &str, locale: Value| {
        let input = json!({ "input": { "locale": locale } });
        app.client.query(token, SET, input).await.data()
    };
    let english = set(&therapist, json!("en-GB")).await;
    assert_eq!(
        done(&english)["viewer"],
        json!({ "locale": "en-GB", "staff": { "displayName": "Person therapist" } })
    );
    let one = |code: &str, path: &str| vec![(code.to_owned(), path.to_owned())];
    assert_eq!(
        refused(&set(&therapist, json!("English")).await),
        one("BAD_LOCALE", "locale")
    );
    worrying_answer(world, world.enroll(1).await).await;
    world.advance(TimeDelta::minutes(31)).await;
    // Citizens say it of themselves.
    done(&set(&app.citizen(1), json!("sv")).await);

    // Nothing chosen is the default, as before.
    let default = set(&therapist, Value::Null).await;
    assert_eq!(done(&default)["viewer"]["locale"], Value::Null);
    worrying_answer(world, world.enroll(2).await).await;
    world.work().await;
    let (swedish, english) = (
        "Något väntar på att någon tar sig an det",
        "Something is waiting for somebody to take it on",
    );
    let found: Vec<_> = world.mail().into_iter().map(|mail| (mail.to, mail.subject)).collect();
    let expected = [
        ("therapist", english),
        ("unit-administrator", swedish),
        ("therapist", swedish),
    ];
    assert_eq!(
        found,
        expected.map(|(to, subject)| (format!("{to}@care.example"), subject.to_owned()))
    );
    app.stop().await;
}

both_databases!(
    staff_are_written_to_in_their_own_language,
    one_after_the_other_is_told_until_somebody_takes_it_on,
    a_closed_unit_is_told_when_it_opens,
    rungs_wait_for_nobody_who_is_not_there,
    two_ladders_stand_each_for_itself_and_a_pause_stops_neither,
    a_ladder_round_the_clock_does_not_wait_for_one_in_office_hours,
    a_rung_whose_address_cannot_be_read_waits_for_nobody,
    new_office_hours_let_no_rung_leave_early,
    workers_that_race_or_were_away_tell_each_rung_once,
    a_ladder_begins_when_the_flag_can_be_seen,
);
