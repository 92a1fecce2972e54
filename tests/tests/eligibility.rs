//! Nothing leaves that does not apply any more: each thing that may change between the decision and the sending, and what the
//! record says of what did not leave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    action::{self, rule::SaveRule},
    citizen, contact_choice,
    delivery::{self, DeliveryStatus},
    viewer::{Actor, Viewer},
};
use rules::facts::{Channel, Status};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, sea_query::Expr};
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, care, client::text, database::Kind, world::World};
use uuid::Uuid;

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    at("2027-03-01T09:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Reminds the citizen by mail at ten in the evening of the first day, when it is too late to be heard: the letter waits for
/// the morning.
fn in_the_evening(anchor: Value) -> Value {
    json!({ "trigger": { "schedule": { "anchor": anchor, "slots": [{ "key": "evening", "at": "22:00" }] } },
        "actions": [{ "remind": { "template": "come-back", "channels": ["EMAIL"], "audience": "CITIZEN" } }] })
}

fn nudge() -> Value {
    in_the_evening(json!({ "enrollmentStart": {} }))
}

fn look() -> Value {
    in_the_evening(json!({ "moduleOpened": { "module": "welcome" } }))
}

/// Sends a form at the start; the reminder of it comes on the morning of the third day.
fn measure() -> Value {
    json!({ "trigger": { "event": { "enrollmentStarted": {} } },
        "actions": [{ "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P4D", "remindAfter": ["P2D"] } }] })
}

/// Saves a rule for the one enrollment, which stands before that of the whole program.
async fn own_rule(world: &World, enrollment: Uuid, unit: Option<Uuid>, key: &str, enabled: bool, dry_run: bool) {
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let rule = SaveRule {
        program_slug: care::PROGRAM.to_owned(),
        unit_id: unit,
        enrollment_id: unit.is_none().then_some(enrollment),
        key: key.to_owned(),
        name: key.to_owned(),
        enabled,
        dry_run,
        definition: if key == "nudge" { nudge() } else { measure() },
    };
    action::rule::save(&mut act, rule).await.unwrap();
    act.commit().await.unwrap();
}

async fn citizen_of(world: &World, enrollment: Uuid) -> Uuid {
    let row = entity::enrollment::Entity::find_by_id(enrollment);
    row.one(world.store.connection()).await.unwrap().unwrap().citizen_id
}

async fn refuse_mail(world: &World, enrollment: Uuid) {
    let citizen = citizen_of(world, enrollment).await;
    let choice = contact_choice::Model {
        citizen_id: citizen,
        channel: Channel::Email.into(),
        at: world.clock.now(),
        enabled: false,
        actor: Actor::Citizen(citizen).into(),
    };
    let choice = choice.into_active_model().reset_all();
    choice.insert(world.store.connection()).await.unwrap();
}

async fn forget_address(world: &World, enrollment: Uuid) {
    citizen::Entity::update_many()
        .col_expr(citizen::Column::Email, Expr::value(None::<Vec<u8>>))
        .filter(citizen::Column::Id.eq(citizen_of(world, enrollment).await))
        .exec(world.store.connection())
        .await
        .unwrap();
}

async fn take_back_forms(world: &World, enrollment: Uuid) {
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let forms = entity::dispatch::Entity::find().filter(entity::dispatch::Column::EnrollmentId.eq(enrollment));
    for form in forms.all(world.store.connection()).await.unwrap() {
        action::dispatch::cancel(&mut act, form.id).await.unwrap();
    }
    act.commit().await.unwrap();
}

async fn answer(app: &TestApp, n: u32) {
    let query = "{ viewer { ... on CitizenViewer { citizen { enrollments(first: 1) { nodes {
        dispatches(first: 5) { nodes { id } } } } } } } }";
    let found = app.client.query(&app.citizen(n), query, json!({})).await.data();
    let form = &found["viewer"]["citizen"]["enrollments"]["nodes"][0]["dispatches"]["nodes"][0]["id"];
    let answers = tests::client::weekly_measure(["no"; 9]);
    let submit = "mutation($input: SubmitResponseInput!) { submitResponse(input: $input) { errors { code } } }";
    let input = json!({ "input": { "dispatchId": form, "answers": answers } });
    let done = app.client.query(&app.citizen(n), submit, input).await.data();
    assert_eq!(done["submitResponse"]["errors"], json!([]));
}

async fn hide(app: &TestApp, enrollment: Uuid, visible: bool) {
    let change = "mutation($input: ChangeVisibilityInput!) { changeVisibility(input: $input) { errors { code } } }";
    let enrollment = api::graphql::id(api::graphql::Kind::Enrollment, enrollment);
    let input = json!({ "input": { "enrollmentId": enrollment, "moduleKey": "welcome", "visible": visible } });
    let done = app.client.query(&app.therapist(), change, input).await.data();
    assert_eq!(done["changeVisibility"]["errors"], json!([]));
}

/// What a therapist reads of an enrollment's reminders, by template, and by the place of the reminder of it: whether a mail was
/// sent, or why none was.
async fn mails(app: &TestApp, enrollment: Uuid) -> Vec<(String, String)> {
    let query = "query($id: ID!) { enrollment(id: $id) { reminders(first: 50) { nodes {
        template remindAt skipReason deliveries { channel status skipReason } } } } }";
    let id = api::graphql::id(api::graphql::Kind::Enrollment, enrollment);
    let data = app
        .client
        .query(&app.therapist(), query, json!({ "id": id }))
        .await
        .data();
    let mut mails: Vec<(String, String, String)> = Vec::new();
    for reminder in data["enrollment"]["reminders"]["nodes"].as_array().unwrap() {
        let deliveries = reminder["deliveries"].as_array().unwrap();
        let mail = deliveries.iter().find(|delivery| delivery["channel"] == "EMAIL");
        let what = match mail {
            None => "no mail".to_owned(),
            Some(mail) if mail["status"] == "SKIPPED" => text(&mail["skipReason"]),
            Some(mail) => text(&mail["status"]),
        };
        mails.push((text(&reminder["remindAt"]), text(&reminder["template"]), what));
    }
    mails.sort();
    mails.into_iter().map(|(_, template, what)| (template, what)).collect()
}

/// Every change once between the firing and the morning on which the letters would leave, and so two days before the reminder
/// of the form would: nothing leaves that the change concerns, everything else does, and each delivery says which.
async fn what_changes_before_the_morning_stops_what_it_concerns(kind: Kind) {
    let app = TestApp::over(World::without_program(kind, monday()).await).await;
    let world = &app.world;
    care::import_content(&world.store).await;
    let rules = [("measure", measure()), ("nudge", nudge()), ("look", look())];
    for (key, rule) in rules {
        care::save_rule(&world.store, key, rule).await;
    }
    // What becomes of the nudge, of the letter about the module, and of the reminder of the form.
    let changes = [
        ("nothing", ["SENT", "SENT", "SENT"]),
        ("pause", ["PAUSED", "PAUSED", "PAUSED"]),
        // What lapsed in the pause stays so; what comes later is as if there had been none.
        ("pause and resume", ["PAUSED", "PAUSED", "SENT"]),
        ("end", ["ENDED", "ENDED", "CANCELLED"]),
        // It is still to be found in the service.
        ("opt out", ["OPTED_OUT", "OPTED_OUT", "no mail"]),
        ("no address", ["NO_ADDRESS", "NO_ADDRESS", "no mail"]),
        ("hide the module", ["SENT", "CONTENT_HIDDEN", "SENT"]),
        ("hide and show", ["SENT", "SENT", "SENT"]),
        ("answer", ["SENT", "SENT", "ANSWERED"]),
        ("take the form back", ["SENT", "SENT", "CANCELLED"]),
        ("off for the enrollment", ["RULE_OFF", "SENT", "SENT"]),
        ("off for the form", ["SENT", "SENT", "RULE_OFF"]),
        ("only tried", ["RULE_DRY_RUN", "SENT", "SENT"]),
    ];
    let mut people = BTreeMap::new();
    for (n, (change, _)) in (1..).zip(changes) {
        people.insert(change, (n, world.enroll(n).await));
    }
    // Somebody at another unit, whose rule is switched off for all of the unit.
    let elsewhere = care::enroll(
        &world.store,
        world.care.other_unit,
        world.care.other_therapist,
        50,
        None,
    )
    .await;

    world.run_until(at("2027-03-01T22:00:00Z")).await;
    assert_eq!(world.mail(), [], "the night is quiet");
    let waiting = delivery::Entity::find().filter(delivery::Column::DueAt.is_not_null());
    let waiting = waiting.all(world.store.connection()).await.unwrap();
    assert_eq!(
        waiting.len(),
        2 * (changes.len() + 1),
        "both letters to everybody are decided"
    );

    let of = |change: &str| people[change].1;
    care::change_status(&world.store, of("pause"), Status::Paused, None).await;
    care::change_status(&world.store, of("pause and resume"), Status::Paused, None).await;
    care::change_status(&world.store, of("end"), Status::Withdrawn, None).await;
    refuse_mail(world, of("opt out")).await;
    forget_address(world, of("no address")).await;
    hide(&app, of("hide the module"), false).await;
    hide(&app, of("hide and show"), false).await;
    answer(&app, people["answer"].0).await;
    take_back_forms(world, of("take the form back")).await;
    own_rule(world, of("off for the enrollment"), None, "nudge", false, false).await;
    own_rule(world, of("off for the form"), None, "measure", false, false).await;
    own_rule(world, of("only tried"), None, "nudge", true, true).await;
    own_rule(world, elsewhere, Some(world.care.other_unit), "nudge", false, false).await;
    hide(&app, of("hide and show"), true).await;

    world.run_until(at("2027-03-02T12:00:00Z")).await;
    care::change_status(&world.store, of("pause and resume"), Status::Active, None).await;
    world.run_until(at("2027-03-03T12:00:00Z")).await;

    let mut sent = BTreeMap::new();
    for (change, expected) in changes {
        let found = mails(&app, of(change)).await;
        let templates = ["come-back", "come-back", "form-waiting"];
        let mut expected: Vec<(String, String)> = templates
            .iter()
            .zip(expected)
            .map(|(template, what)| ((*template).to_owned(), what.to_owned()))
            .collect();
        let mut sorted = found.clone();
        sorted.sort();
        expected.sort();
        assert_eq!(sorted, expected, "{change}");
        let letters = expected.iter().filter(|(_, what)| what == "SENT").count();
        sent.insert(format!("citizen{}@home.example", people[change].0), letters);
    }
    sent.insert("citizen50@home.example".to_owned(), 2);
    let rows = delivery::Entity::find().filter(delivery::Column::EnrollmentId.eq(elsewhere));
    let rows = rows.all(world.store.connection()).await.unwrap();
    assert!(
        rows.iter().any(|row| row.reason.as_deref() == Some("RULE_OFF")),
        "switched off for the unit: {rows:?}"
    );

    // What the mail server was given, person by person.
    let mut got: BTreeMap<String, usize> = sent.keys().map(|to| (to.clone(), 0)).collect();
    for mail in world.mail() {
        *got.get_mut(&mail.to).unwrap() += 1;
    }
    assert_eq!(got, sent);
    app.stop().await;
}

/// A rule that is switched off for the whole program while its letters wait.
async fn a_rule_that_is_switched_off_sends_nothing_more_until_it_is_on_again(kind: Kind) {
    let world = World::without_program(kind, monday()).await;
    care::import_content(&world.store).await;
    care::save_rule(&world.store, "nudge", nudge()).await;
    world.enroll(1).await;
    world.run_until(at("2027-03-01T22:00:00Z")).await;
    care::switch_off(&world.store, "nudge", nudge()).await;
    world.run_until(at("2027-03-02T12:00:00Z")).await;
    assert_eq!(world.mail(), []);
    assert_eq!(
        statuses(&world).await,
        [(DeliveryStatus::Skipped, Some("RULE_OFF".to_owned()))]
    );

    // Off and on again before the morning, it is as if nothing had been.
    care::save_rule(&world.store, "nudge", nudge()).await;
    world.enroll(2).await;
    world.run_until(at("2027-03-02T22:00:00Z")).await;
    care::switch_off(&world.store, "nudge", nudge()).await;
    care::save_rule(&world.store, "nudge", nudge()).await;
    world.run_until(at("2027-03-03T12:00:00Z")).await;
    assert_eq!(world.mail().len(), 1);
}

/// The deliveries, the oldest first: their state, and why.
async fn statuses(world: &World) -> Vec<(DeliveryStatus, Option<String>)> {
    let rows = delivery::Entity::find()
        .order_by_asc(delivery::Column::CreatedAt)
        .order_by_asc(delivery::Column::Id);
    let rows = rows.all(world.store.connection()).await.unwrap();
    rows.into_iter().map(|row| (row.status.0, row.reason)).collect()
}

/// What a worker has taken is looked at again right before it hands it over; what another takes over from a dead one, too. What
/// had left before stays sent.
async fn what_changes_while_a_worker_holds_it_stops_it(kind: Kind) {
    let world = World::without_program(kind, monday()).await;
    care::import_content(&world.store).await;
    care::save_rule(&world.store, "nudge", nudge()).await;
    for n in 1..=3 {
        world.enroll(n).await;
    }
    world.run_until(at("2027-03-01T22:00:00Z")).await;
    world.clock.set(at("2027-03-02T06:00:00Z"));

    // One leaves before anything changes.
    let first = delivery::claim(&world.store, "first", 1, Duration::from_secs(60))
        .await
        .unwrap();
    let first = delivery::confirm(&world.store, first, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(first.len(), 1, "nothing has changed");
    assert!(
        delivery::finish(&world.store, &first[0], &delivery::Outcome::Sent)
            .await
            .unwrap()
    );

    // One is held by a worker that stands still, and one by a worker that dies at once.
    let held = delivery::claim(&world.store, "still", 1, Duration::from_secs(60))
        .await
        .unwrap();
    let dead = delivery::claim(&world.store, "dead", 1, Duration::ZERO).await.unwrap();
    assert_eq!((held.len(), dead.len()), (1, 1));
    let all = entity::enrollment::Entity::find()
        .all(world.store.connection())
        .await
        .unwrap();
    for enrollment in all {
        care::change_status(&world.store, enrollment.id, Status::Paused, None).await;
    }
    assert!(
        delivery::confirm(&world.store, held, Duration::from_secs(60))
            .await
            .unwrap()
            .is_empty()
    );
    tokio::time::timeout(Duration::from_secs(20), async {
        while statuses(&world)
            .await
            .iter()
            .any(|(status, _)| *status == DeliveryStatus::Sending)
        {
            world.work().await;
        }
    })
    .await
    .unwrap();
    let mut found = statuses(&world).await;
    found.sort();
    let paused = || (DeliveryStatus::Skipped, Some("PAUSED".to_owned()));
    assert_eq!(found, [(DeliveryStatus::Sent, None), paused(), paused()]);
    assert_eq!(world.mail(), [], "the test sent the one by hand");
    // Whose lease is over holds nothing.
    assert!(
        delivery::confirm(&world.store, dead, Duration::from_secs(60))
            .await
            .unwrap()
            .is_empty()
    );
}

/// However often a rule came due in the night, one letter leaves in the morning; all of them where it is to catch up with all.
async fn the_night_makes_no_pile(kind: Kind) {
    for (catch_up, letters) in [("ONCE", 1), ("ALL", 3)] {
        let world = World::without_program(kind, monday()).await;
        care::import_content(&world.store).await;
        let slots = ["22:00", "23:00", "23:30"].map(|at| json!({ "key": at.replace(':', "-"), "at": at }));
        let rule = json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "slots": slots } },
            "actions": [{ "remind": { "template": "come-back", "channels": ["EMAIL"], "audience": "CITIZEN" } }],
            "limits": { "catchUp": catch_up } });
        care::save_rule(&world.store, "pile", rule).await;
        world.enroll(1).await;
        world.run_until(at("2027-03-02T12:00:00Z")).await;
        assert_eq!(world.mail().len(), letters, "{catch_up}");
        let superseded = (DeliveryStatus::Skipped, Some("SUPERSEDED".to_owned()));
        let found = statuses(&world).await;
        assert_eq!(found.len(), 3);
        assert_eq!(found.iter().filter(|one| **one == superseded).count(), 3 - letters);
        assert_eq!(found[2].0, DeliveryStatus::Sent, "the last of them stands");
    }
}

/// The night is the citizen's, in the zone of the enrollment, over a change of the clocks; what is urgent leaves at once.
async fn the_morning_is_local_over_a_clock_change(kind: Kind) {
    // The clocks go forward in the night to Sunday 28 March 2027.
    let world = World::without_program(kind, at("2027-03-27T09:00:00Z")).await;
    care::import_content(&world.store).await;
    care::save_rule(&world.store, "nudge", nudge()).await;
    let mut urgent = nudge();
    urgent["limits"] = json!({ "quietHours": "BYPASS" });
    care::save_rule(&world.store, "urgent", urgent).await;
    world.enroll(1).await;
    world.run_until(at("2027-03-27T21:00:00Z")).await;
    assert_eq!(world.mail().len(), 1, "the urgent one");
    world.run_until(at("2027-03-28T04:59:59Z")).await;
    assert_eq!(world.mail().len(), 1);
    // Seven in the morning is five in UTC from that day on.
    world
        .run_until(at("2027-03-28T05:00:00Z") + TimeDelta::seconds(1))
        .await;
    assert_eq!(world.mail().len(), 2);
}

both_databases!(
    what_changes_before_the_morning_stops_what_it_concerns,
    a_rule_that_is_switched_off_sends_nothing_more_until_it_is_on_again,
    what_changes_while_a_worker_holds_it_stops_it,
    the_night_makes_no_pile,
    the_morning_is_local_over_a_clock_change,
);
