//! What changes between the firing and the sending.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{
    action::{self, reminder::Plan, rule::SaveRule},
    citizen, contact_choice,
    delivery::{self, DeliveryStatus},
    viewer::{Actor, Viewer},
};
use rules::facts::{Audience, Channel, Status};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, text, weekly_measure},
    database::Kind,
    world::World,
};
use uuid::Uuid;

use super::{at, in_the_evening, monday, nudge, statuses};

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
        action::dispatch::cancel(&mut act, form.id, None).await.unwrap();
    }
    act.commit().await.unwrap();
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
    let answers = weekly_measure(["no"; 9]);
    app.answer(people["answer"].0, "weekly-measure", answers).await;
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

/// The nth citizen opens the diary in its step; gives its dispatch.
async fn open_diary(app: &TestApp, n: u32, enrollment: Uuid) -> Uuid {
    let id = api::graphql::id(api::graphql::Kind::Enrollment, enrollment);
    let content = "query($id: ID!) { enrollment(id: $id) { modules { sections { steps { id key } } } } }";
    let content = app
        .client
        .query(&app.citizen(n), content, json!({ "id": id }))
        .await
        .data();
    let steps = content["enrollment"]["modules"][0]["sections"][0]["steps"]
        .as_array()
        .unwrap();
    let step = steps.iter().find(|step| step["key"] == "write").unwrap();
    let open = "mutation($input: OpenFormInput!) { openForm(input: $input) { errors { code message path } } }";
    let input = json!({ "enrollmentId": id, "stepId": step["id"], "formKey": "diary" });
    let opened = app.client.query(&app.citizen(n), open, json!({ "input": input })).await;
    done(&opened.data());
    let of_it = entity::dispatch::Entity::find()
        .filter(entity::dispatch::Column::EnrollmentId.eq(enrollment))
        .filter(entity::dispatch::Column::FormKey.eq("diary"));
    let dispatch = of_it.one(app.store.connection()).await.unwrap().unwrap();
    assert!(dispatch.step_id.is_some());
    dispatch.id
}

/// Reminds by mail of the form at this instant.
async fn remind_of(world: &World, enrollment_id: Uuid, form: Uuid, remind_at: DateTime<Utc>) {
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let plan = Plan {
        enrollment_id,
        template: "form-waiting".to_owned(),
        channels: vec![Channel::Email],
        audience: Audience::Citizen,
        remind_at: Some(remind_at),
        dispatch_id: Some(form),
        staff: Vec::new(),
        note: None,
        firing_id: None,
        bypass_quiet_hours: false,
        cause: act.cause(),
    };
    let planned = action::reminder::plan(&mut act, &[plan]).await.unwrap();
    planned.into_iter().next().unwrap().unwrap();
    act.commit().await.unwrap();
}

/// A form that stands in a step is reminded of while the citizen sees the step: hidden before the reminder leaves or before its
/// letter does, none comes, and the delivery says why.
async fn a_form_in_a_hidden_step_is_not_reminded_of(kind: Kind) {
    let app = TestApp::over(World::without_program(kind, monday()).await).await;
    let world = &app.world;
    care::import_content(&world.store).await;
    let mut people = Vec::new();
    for n in 1..=4 {
        let enrollment = world.enroll(n).await;
        let form = open_diary(&app, n, enrollment).await;
        // Ten in the evening: the letter waits for the morning.
        remind_of(world, enrollment, form, at("2027-03-01T21:00:00Z")).await;
        people.push(enrollment);
    }
    let [shown, at_once, in_the_night, and_back] = people[..] else {
        unreachable!("four people");
    };
    hide(&app, at_once, false).await;
    world.run_until(at("2027-03-01T22:00:00Z")).await;
    hide(&app, in_the_night, false).await;
    hide(&app, and_back, false).await;
    hide(&app, and_back, true).await;
    world.run_until(at("2027-03-02T12:00:00Z")).await;

    for (enrollment, expected) in [
        (shown, "SENT"),
        (at_once, "CONTENT_HIDDEN"),
        (in_the_night, "CONTENT_HIDDEN"),
        (and_back, "SENT"),
    ] {
        let found = mails(&app, enrollment).await;
        assert_eq!(found, [("form-waiting".to_owned(), expected.to_owned())]);
    }
    let mut got: Vec<String> = world.mail().into_iter().map(|mail| mail.to).collect();
    got.sort();
    assert_eq!(got, ["citizen1@home.example", "citizen4@home.example"]);
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

both_databases!(
    what_changes_before_the_morning_stops_what_it_concerns,
    a_form_in_a_hidden_step_is_not_reminded_of,
    a_rule_that_is_switched_off_sends_nothing_more_until_it_is_on_again,
);
