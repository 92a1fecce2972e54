//! Measures of one person, from outside: switching the schedule of a form off and on, and moving or taking back what was sent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use api::graphql::{Kind as Of, id};
use chrono::{DateTime, TimeDelta, Utc};
use rules::facts::Status;
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
    world::World,
};
use uuid::Uuid;

const SWITCH: &str = "mutation($input: SwitchFormScheduleInput!) { switchFormSchedule(input: $input) {
    enrollment { formSchedules { form { key } on rules { key } nextAt changedBy { displayName } reason
        changes { on reason by { displayName } } } } errors { code message path } } }";
const SCHEDULES: &str =
    "query($id: ID!) { enrollment(id: $id) { formSchedules { form { key } on nextAt changedAt } } }";
const DISPATCHES: &str = "query($id: ID!) { enrollment(id: $id) {
    dispatches(first: 20) { nodes { id status form { key } availableAt expiresAt
        changes { status availableAt expiresAt reason by { displayName } } } }
    reminders(first: 20) { nodes { remindAt sentAt skipReason } } } }";
const SEND: &str = "mutation($input: DispatchFormInput!) { dispatchForm(input: $input) {
    dispatches { id status availableAt expiresAt } errors { code message path } } }";
const CANCEL: &str = "mutation($input: CancelDispatchInput!) { cancelDispatch(input: $input) {
    dispatch { id status changes { status reason by { displayName } } } errors { code message path } } }";
const MOVE: &str = "mutation($input: MoveDispatchInput!) { moveDispatch(input: $input) {
    dispatch { id status availableAt expiresAt } errors { code message path } } }";
const OUTLOOK: &str = "query($unitId: ID!) { unit(id: $unitId) { outlook(days: 17) {
    deliveries { count } items(first: 50) { nodes { at actions } } } } }";

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    at("2027-03-01T09:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Data with its instants as they are written here.
fn plain(data: &Value) -> Value {
    serde_json::from_str(&data.to_string().replace("+00:00\"", "Z\"")).unwrap()
}

/// A server with a citizen in a program that measures them every Monday at eight, and reminds them the day after.
struct Ward {
    app: TestApp,
    enrollment: Uuid,
}

impl Ward {
    async fn open(kind: Kind) -> Self {
        let world = World::without_program(kind, monday()).await;
        care::import_content(&world.store).await;
        let weekly = json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;INTERVAL=7",
                "slots": [{ "key": "morning", "offset": "P7D", "at": "08:00" }] } },
            "actions": [
                { "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D"] } },
                { "raiseFlag": { "kind": "measured", "severity": "INFO", "title": "Measured", "audience": "STAFF" } }] });
        care::save_rule(&world.store, "weekly-measure", weekly).await;
        let app = TestApp::over(world).await;
        let enrollment = app.enroll(1).await;
        app.work().await;
        Self { app, enrollment }
    }

    fn id(&self) -> String {
        id(Of::Enrollment, self.enrollment).to_string()
    }

    async fn send(&self, token: &str, mutation: &str, input: Value) -> Value {
        let answer = self.app.client.query(token, mutation, json!({ "input": input })).await;
        plain(&answer.data())
    }

    async fn done(&self, mutation: &str, input: Value) -> Value {
        done(&self.send(&self.app.therapist(), mutation, input).await).clone()
    }

    async fn refusal(&self, mutation: &str, input: Value) -> Vec<(String, String)> {
        refused(&self.send(&self.app.therapist(), mutation, input).await)
    }

    async fn switch(&self, on: bool, reason: &str) -> Value {
        let input = json!({ "enrollmentId": self.id(), "formKey": "weekly-measure", "on": on, "reason": reason });
        let done = self.done(SWITCH, input).await;
        done["enrollment"]["formSchedules"][0].clone()
    }

    async fn seen(&self) -> Value {
        let (token, variables) = (self.app.therapist(), json!({ "id": self.id() }));
        let answer = self.app.client.query(&token, DISPATCHES, variables).await;
        plain(&answer.data()["enrollment"])
    }

    /// The states of the measures, those that became available first at the front.
    async fn measures(&self) -> Vec<String> {
        let seen = self.seen().await;
        let nodes = seen["dispatches"]["nodes"].as_array().unwrap().iter().rev();
        nodes.map(|node| text(&node["status"])).collect()
    }

    /// Sends a measure by hand at a later time, with a reminder; gives the dispatch.
    async fn planned(&self, at: DateTime<Utc>) -> Value {
        let input = json!({ "enrollmentId": self.id(), "formKey": "weekly-measure", "at": at, "expiresAfter": "P3D",
            "remindAfter": ["P1D"] });
        self.done(SEND, input).await["dispatches"][0].clone()
    }
}

async fn a_schedule_is_switched_off_and_on(kind: Kind) {
    let ward = Ward::open(kind).await;
    let eight = |day: u32| at(&format!("2027-03-{day:02}T07:00:00Z"));
    let answer = ward
        .app
        .client
        .query(&ward.app.therapist(), SCHEDULES, json!({ "id": ward.id() }))
        .await;
    let schedules = plain(&answer.data()["enrollment"]["formSchedules"]);
    assert_eq!(
        schedules,
        json!([{ "form": { "key": "weekly-measure" }, "on": true, "nextAt": "2027-03-08T07:00:00Z", "changedAt": null }])
    );
    ward.app.run_until(eight(8)).await;
    assert_eq!(ward.measures().await, ["AVAILABLE"]);
    let planned = ward.planned(eight(12)).await;
    assert_eq!(planned["status"], "SCHEDULED");

    let off = ward.switch(false, "Resa i tre veckor").await;
    assert_eq!(
        (&off["on"], &off["nextAt"], &off["reason"]),
        (&json!(false), &Value::Null, &json!("Resa i tre veckor"))
    );
    assert_eq!(off["changedBy"]["displayName"], "Person therapist");
    assert_eq!(off["rules"], json!([{ "key": "weekly-measure" }]));
    // What was planned by hand stays; what waits for its answer does, too, but is not reminded of.
    assert_eq!(ward.measures().await, ["AVAILABLE", "SCHEDULED"]);
    let input = json!({ "dispatchId": planned["id"], "reason": "Resa i tre veckor" });
    ward.done(CANCEL, input).await;
    assert_eq!(ward.measures().await, ["AVAILABLE", "CANCELLED"]);
    ward.app.run_until(eight(9) + TimeDelta::hours(3)).await;
    let mut reasons: Vec<String> = ward.seen().await["reminders"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| text(&row["skipReason"]))
        .collect();
    reasons.sort();
    assert_eq!(reasons, ["CANCELLED", "SCHEDULE_OFF"]);
    assert_eq!(ward.app.mail().len(), 0);

    // The outlook knows; what the rule does besides goes on.
    let outlook = async || {
        let variables = json!({ "unitId": id(Of::Unit, ward.app.care.unit) });
        let answer = ward.app.client.query(&ward.app.therapist(), OUTLOOK, variables).await;
        answer.data()["unit"]["outlook"].clone()
    };
    let foreseen = outlook().await;
    let items = foreseen["items"]["nodes"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{foreseen}");
    assert!(
        items.iter().all(|item| item["actions"].as_array().unwrap().len() == 1),
        "{foreseen}"
    );
    assert_eq!(foreseen["deliveries"], json!([]));
    ward.app.run_until(eight(15) + TimeDelta::hours(1)).await;
    assert_eq!(ward.measures().await, ["EXPIRED", "CANCELLED"]);
    // Not as a repetition either, but by hand it is sent all the same.
    let again = json!({ "enrollmentId": ward.id(), "formKey": "weekly-measure", "repeat": "FREQ=DAILY" });
    assert_eq!(ward.refusal(SEND, again).await, one("SCHEDULE_OFF", "formKey"));
    let input = json!({ "enrollmentId": ward.id(), "formKey": "weekly-measure", "expiresAfter": "P1D" });
    ward.done(SEND, input).await;
    assert_eq!(ward.measures().await, ["EXPIRED", "CANCELLED", "AVAILABLE"]);

    // On again, what lapsed does not come after it; the next one does. Switched twice, it is as once.
    let on = ward.switch(true, "Hemma igen").await;
    assert_eq!(
        (&on["on"], &on["nextAt"]),
        (&json!(true), &json!("2027-03-22T07:00:00Z"))
    );
    ward.switch(true, "Hemma igen").await;
    let on = ward.switch(true, "Hemma igen").await;
    assert_eq!(
        on["changes"],
        json!([
            { "on": false, "reason": "Resa i tre veckor", "by": { "displayName": "Person therapist" } },
            { "on": true, "reason": "Hemma igen", "by": { "displayName": "Person therapist" } },
        ])
    );
    assert!(
        outlook().await["items"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| { item["actions"].as_array().is_some_and(|actions| actions.len() == 2) })
    );
    ward.app.run_until(eight(22) + TimeDelta::hours(1)).await;
    assert_eq!(ward.measures().await, ["EXPIRED", "CANCELLED", "EXPIRED", "AVAILABLE"]);
    ward.app.run_until(eight(23) + TimeDelta::hours(3)).await;
    assert_eq!(ward.app.mail().len(), 1);
}

async fn nobody_else_switches_a_schedule(kind: Kind) {
    let ward = Ward::open(kind).await;
    let input =
        |form: &str, reason: &str| json!({ "enrollmentId": ward.id(), "formKey": form, "on": false, "reason": reason });
    for token in [
        ward.app.staff(care::OTHER_THERAPIST),
        ward.app.staff("citizen-administrator"),
        ward.app.staff("unit-administrator"),
        ward.app.citizen(1),
    ] {
        let data = ward.send(&token, SWITCH, input("weekly-measure", "Därför")).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "enrollmentId"));
    }
    assert_eq!(
        ward.refusal(SWITCH, input("nonsense", "Därför")).await,
        one("NOT_FOUND", "formKey")
    );
    assert_eq!(
        ward.refusal(SWITCH, input("weekly-measure", "  ")).await,
        one("REQUIRED", "reason")
    );
    for token in [ward.app.staff("citizen-administrator"), ward.app.citizen(1)] {
        let answer = ward
            .app
            .client
            .query(&token, SCHEDULES, json!({ "id": ward.id() }))
            .await;
        assert_eq!(answer.data()["enrollment"]["formSchedules"], json!([]));
    }
    care::change_status(&ward.app.store, ward.enrollment, Status::Completed, None).await;
    assert_eq!(
        ward.refusal(SWITCH, input("weekly-measure", "Därför")).await[0].0,
        "ENDED"
    );
    care::block(&ward.app.store, ward.enrollment, ward.app.care.unit).await;
    assert_eq!(
        ward.refusal(SWITCH, input("weekly-measure", "Därför")).await,
        one("NOT_FOUND", "enrollmentId")
    );
}

async fn forms_are_moved_with_their_reminders(kind: Kind) {
    let ward = Ward::open(kind).await;
    // The clocks go forward in the night to 28 March: what came at eight still does.
    let planned = ward.planned(at("2027-03-26T07:00:00Z")).await;
    let move_to = |to: &str| json!({ "dispatchId": planned["id"], "availableAt": to, "reason": "Semester" });
    let moved = ward.done(MOVE, move_to("2027-03-30T06:00:00Z")).await["dispatch"].clone();
    assert_eq!(
        (&moved["availableAt"], &moved["expiresAt"]),
        (&json!("2027-03-30T06:00:00Z"), &json!("2027-04-02T06:00:00Z"))
    );
    let seen = ward.seen().await;
    assert_eq!(seen["reminders"]["nodes"][0]["remindAt"], "2027-03-31T06:00:00Z");
    let of_planned = seen["dispatches"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|node| node["id"] == planned["id"]);
    let change = &of_planned.unwrap()["changes"][0];
    assert_eq!(
        (
            &change["status"],
            &change["availableAt"],
            &change["reason"],
            &change["by"]["displayName"]
        ),
        (
            &json!("SCHEDULED"),
            &json!("2027-03-30T06:00:00Z"),
            &json!("Semester"),
            &json!("Person therapist")
        )
    );
    // Forward to a time that has passed: at once. Its window comes along.
    let moved = ward.done(MOVE, move_to("2027-02-01T06:00:00Z")).await["dispatch"].clone();
    assert_eq!(moved["availableAt"].as_str().map(at), Some(monday()));
    ward.app.work().await;
    assert_eq!(ward.measures().await, ["AVAILABLE"]);
    assert_eq!(
        ward.refusal(MOVE, move_to("2027-03-30T06:00:00Z")).await,
        one("ALREADY_AVAILABLE", "availableAt")
    );
    // It can be open longer, for ever, or shorter, but not for no time.
    let until = |until: Value| json!({ "dispatchId": planned["id"], "expiresAt": until });
    let longer = ward.done(MOVE, until(json!("2027-04-10T06:00:00Z"))).await["dispatch"].clone();
    assert_eq!(longer["expiresAt"], "2027-04-10T06:00:00Z");
    let input = json!({ "dispatchId": planned["id"], "neverExpires": true });
    assert_eq!(ward.done(MOVE, input).await["dispatch"]["expiresAt"], Value::Null);
    let input = json!({ "dispatchId": planned["id"], "neverExpires": true, "expiresAt": "2027-04-10T06:00:00Z" });
    assert_eq!(ward.refusal(MOVE, input).await, one("CONTRADICTION", "neverExpires"));
    assert_eq!(
        ward.refusal(MOVE, until(json!(monday()))).await,
        one("BAD_PERIOD", "expiresAt")
    );
    let shorter = monday() + TimeDelta::hours(2);
    ward.done(MOVE, until(json!(shorter))).await;
    ward.app.run_until(shorter).await;
    assert_eq!(ward.measures().await, ["EXPIRED"]);
    assert_eq!(
        ward.refusal(MOVE, until(json!("2027-04-10T06:00:00Z"))).await,
        one("EXPIRED", "dispatchId")
    );
}

async fn forms_are_taken_back(kind: Kind) {
    let ward = Ward::open(kind).await;
    let planned = ward.planned(monday() + TimeDelta::days(1)).await;
    let input = json!({ "dispatchId": planned["id"], "reason": "Fel formulär" });
    for token in [
        ward.app.staff(care::OTHER_THERAPIST),
        ward.app.staff("citizen-administrator"),
        ward.app.citizen(1),
    ] {
        assert_eq!(
            refused(&ward.send(&token, CANCEL, input.clone()).await),
            one("NOT_FOUND", "dispatchId")
        );
        let moved = json!({ "dispatchId": planned["id"], "availableAt": monday() });
        assert_eq!(
            refused(&ward.send(&token, MOVE, moved).await),
            one("NOT_FOUND", "dispatchId")
        );
    }
    let long = json!({ "dispatchId": planned["id"], "reason": "ö".repeat(10_001) });
    for mutation in [CANCEL, MOVE] {
        assert_eq!(ward.refusal(mutation, long.clone()).await, one("TOO_LONG", "reason"));
    }
    let taken_back = ward.done(CANCEL, input.clone()).await["dispatch"].clone();
    assert_eq!(
        (&taken_back["status"], &taken_back["changes"][0]["reason"]),
        (&json!("CANCELLED"), &json!("Fel formulär"))
    );
    // The citizen sees that it was taken back, and not what colleagues say of it.
    let answer = ward
        .app
        .client
        .query(&ward.app.citizen(1), DISPATCHES, json!({ "id": ward.id() }))
        .await;
    let change = answer.data()["enrollment"]["dispatches"]["nodes"][0]["changes"][0].clone();
    assert_eq!(
        (&change["status"], &change["reason"]),
        (&json!("CANCELLED"), &Value::Null)
    );
    assert_eq!(ward.refusal(CANCEL, input).await, one("CANCELLED", "dispatchId"));
    ward.app.run_until(monday() + TimeDelta::days(3)).await;
    assert_eq!(
        (ward.measures().await, ward.app.mail().len()),
        (vec!["CANCELLED".to_owned()], 0)
    );

    let next = ward.planned(monday() + TimeDelta::days(5)).await;
    care::block(&ward.app.store, ward.enrollment, ward.app.care.unit).await;
    let input = json!({ "dispatchId": next["id"] });
    for mutation in [CANCEL, MOVE] {
        assert_eq!(
            ward.refusal(mutation, input.clone()).await,
            one("NOT_FOUND", "dispatchId")
        );
    }
}

both_databases!(
    a_schedule_is_switched_off_and_on,
    nobody_else_switches_a_schedule,
    forms_are_moved_with_their_reminders,
    forms_are_taken_back,
);
