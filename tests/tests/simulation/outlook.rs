//! What an outlook counts beside what rules send: reminders by hand, between colleagues, and rungs that wait for a unit to open.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use entity::{
    action::{
        self,
        content_override::{Change, Target},
        reminder::Plan,
    },
    delivery,
    delivery::DeliveryStatus,
    enrollment::DEFAULT_ZONE,
    outlook::outlook,
    step,
    viewer::Viewer,
};
use rules::{
    facts::{Audience, Channel, Status},
    zone::local_day,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{both_databases, care, database::Kind, world::World};
use uuid::Uuid;

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A world with the program and without its rules, and somebody who takes part.
async fn started(kind: Kind) -> (World, Uuid) {
    let world = World::without_program(kind, monday()).await;
    care::import_content(&world.store).await;
    let enrollment = world.enroll(1).await;
    world.work().await;
    (world, enrollment)
}

fn therapist(world: &World) -> Viewer {
    Viewer::new(world.store.directory().sign_in("therapist", None).unwrap(), "Test")
}

/// Plans a reminder by hand in so many hours; changed as told.
async fn remind(world: &World, enrollment: Uuid, hours: i64, change: impl FnOnce(&mut Plan)) {
    let mut act = world.store.act(&therapist(world)).await.unwrap();
    let mut plan = Plan {
        enrollment_id: enrollment,
        template: "come-back".to_owned(),
        channels: vec![Channel::Email],
        audience: Audience::Citizen,
        remind_at: Some(act.now + TimeDelta::hours(hours)),
        dispatch_id: None,
        staff: Vec::new(),
        note: None,
        firing_id: None,
        bypass_quiet_hours: false,
        cause: act.cause(),
    };
    change(&mut plan);
    action::reminder::plan(&mut act, &[plan])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    act.commit().await.unwrap();
}

fn to_staff(named: &[Uuid]) -> impl FnOnce(&mut Plan) {
    move |plan| {
        plan.audience = Audience::Staff;
        plan.template = "staff-attention".to_owned();
        plan.staff = named.to_vec();
    }
}

/// What an outlook of some days says of e-mail, after it came true.
pub async fn foretold(world: &World, days: u32) -> BTreeMap<NaiveDate, usize> {
    let told = outlook(&world.store, &Viewer::system(), world.care.unit, days)
        .await
        .unwrap();
    let of_mail =
        |(day, channel): (NaiveDate, Channel), count: usize| (channel == Channel::Email).then_some((day, count));
    let told: BTreeMap<NaiveDate, usize> = told
        .deliveries
        .into_iter()
        .filter_map(|(place, count)| of_mail(place, count))
        .collect();
    let now = world.clock.now();
    world.advance(TimeDelta::days(i64::from(days))).await;
    let mut real: BTreeMap<NaiveDate, usize> = BTreeMap::new();
    for row in delivery::Entity::find().all(world.store.connection()).await.unwrap() {
        let is_left = row.status.0 == DeliveryStatus::Sent && row.channel.0 == Channel::Email;
        if let Some(at) = row.sent_at.filter(|at| is_left && *at > now) {
            *real.entry(local_day(DEFAULT_ZONE, at)).or_default() += 1;
        }
    }
    assert_eq!(told, real);
    real
}

fn on(day: u32, count: usize) -> (NaiveDate, usize) {
    (NaiveDate::from_ymd_opt(2027, 3, day).unwrap(), count)
}

async fn colleagues_are_reminded_while_the_program_rests(kind: Kind) {
    let (world, enrollment) = started(kind).await;
    remind(&world, enrollment, 24, to_staff(&[])).await;
    remind(&world, enrollment, 24, |_| {}).await;
    care::change_status(&world.store, enrollment, Status::Paused, None).await;
    world.work().await;
    assert_eq!(
        foretold(&world, 3).await,
        BTreeMap::from([on(2, 1)]),
        "the citizen is left alone"
    );
    // And nobody once it has ended.
    remind(&world, enrollment, 24, to_staff(&[])).await;
    care::change_status(&world.store, enrollment, Status::Completed, None).await;
    world.work().await;
    assert_eq!(foretold(&world, 3).await, BTreeMap::new());
}

async fn who_is_named_is_reminded_and_nobody_else(kind: Kind) {
    let (world, enrollment) = started(kind).await;
    let colleague = care::colleague(&world.store, world.care.unit).await;
    remind(&world, enrollment, 24, to_staff(&[colleague])).await;
    remind(&world, enrollment, 48, to_staff(&[colleague, world.care.therapist])).await;
    remind(&world, enrollment, 72, to_staff(&[])).await;
    let real = foretold(&world, 5).await;
    assert_eq!(real, BTreeMap::from([on(2, 1), on(3, 2), on(4, 1)]));
}

async fn what_tells_of_the_same_is_told_once(kind: Kind) {
    let (world, enrollment) = started(kind).await;
    let dispatch = care::dispatch(&world.store, enrollment, "weekly-measure").await;
    let about = move |plan: &mut Plan| plan.dispatch_id = Some(dispatch);
    // At eleven and at midnight, when the citizen is left in peace: of one form, which the morning tells of once.
    remind(&world, enrollment, 13, about).await;
    remind(&world, enrollment, 14, about).await;
    // A word with it is to be read.
    for hours in [37, 38] {
        remind(&world, enrollment, hours, |plan| {
            about(plan);
            plan.note = Some("Hej".to_owned());
        })
        .await;
    }
    // Whoever asks for something by hand wants it told.
    remind(&world, enrollment, 61, |_| {}).await;
    remind(&world, enrollment, 62, |_| {}).await;
    assert_eq!(
        foretold(&world, 5).await,
        BTreeMap::from([on(2, 1), on(3, 2), on(4, 2)])
    );
}

async fn rungs_that_wait_together_are_one(kind: Kind) {
    let (world, _) = started(kind).await;
    care::colleague(&world.store, world.care.unit).await;
    let hours = json!([{ "day": "MO", "from": "08:00", "until": "17:00" }]);
    let hours: Vec<entity::office_hours::OpenHours> = serde_json::from_value(hours).unwrap();
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    action::office_hours::set(&mut act, world.care.unit, &hours, &[])
        .await
        .unwrap();
    act.commit().await.unwrap();
    world.store.refresh().await.unwrap();
    let rung = |key: &str, after: &str, to: &str, channel: &str| json!({ "key": key, "after": after, "to": to, "template": "staff-escalation", "channels": [channel] });
    let rule = |at: &str, kind: &str, rungs: Value, office_hours: bool| {
        json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "slots": [{ "key": "a", "offset": "P1D", "at": at }] } },
            "actions": [
                { "raiseFlag": { "kind": kind, "severity": "WARNING", "title": "Look", "audience": "STAFF" } },
                { "escalate": { "kind": kind, "rungs": rungs, "officeHours": office_hours } },
            ] })
    };
    // From Tuesday on the unit is closed until Monday. Its one therapist of the enrollment is told once then, both of the unit
    // once, and round the clock each rung is told.
    let waiting = json!([
        rung("a", "PT0S", "THERAPISTS", "INBOX"),
        rung("b", "PT2H", "THERAPISTS", "EMAIL"),
        rung("c", "P1D", "UNIT_STAFF", "EMAIL"),
        rung("d", "P2D", "UNIT_STAFF", "EMAIL"),
    ]);
    care::save_rule(&world.store, "waits", rule("12:00", "waits", waiting, true)).await;
    let at_once = json!([
        rung("a", "PT0S", "THERAPISTS", "EMAIL"),
        rung("b", "PT2H", "THERAPISTS", "EMAIL")
    ]);
    care::save_rule(&world.store, "goes", rule("13:00", "goes", at_once, false)).await;
    world.work().await;
    assert_eq!(foretold(&world, 10).await, BTreeMap::from([on(2, 2), on(8, 3)]));
}

async fn planned_rungs_that_wait_together_are_one(kind: Kind) {
    let (world, _) = started(kind).await;
    let hours = json!([{ "day": "MO", "from": "08:00", "until": "17:00" }]);
    let hours: Vec<entity::office_hours::OpenHours> = serde_json::from_value(hours).unwrap();
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    action::office_hours::set(&mut act, world.care.unit, &hours, &[])
        .await
        .unwrap();
    act.commit().await.unwrap();
    world.store.refresh().await.unwrap();
    let rung = |key: &str, after: &str| json!({ "key": key, "after": after, "to": "THERAPISTS", "template": "staff-escalation" });
    let ladder = json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "slots": [{ "key": "a", "offset": "PT12H" }] } },
        "actions": [
            { "raiseFlag": { "kind": "risk", "severity": "WARNING", "title": "Look", "audience": "STAFF" } },
            { "escalate": { "kind": "risk", "rungs": [rung("a", "PT0S"), rung("b", "PT2H"), rung("c", "P9D")], "officeHours": true } },
        ] });
    care::save_rule(&world.store, "risk", ladder).await;
    world.work().await;
    // The ladder has been started by now.
    world.advance(TimeDelta::hours(20)).await;
    assert_eq!(foretold(&world, 20).await, BTreeMap::from([on(8, 1), on(15, 1)]));
}

/// Shows or hides the first module from a day of the month on, at once where none is given.
async fn show(world: &World, enrollment: Uuid, visible: bool, from: Option<&str>) {
    let mut act = world.store.act(&therapist(world)).await.unwrap();
    let change = Change {
        enrollment_id: enrollment,
        target: Target::Module("welcome".to_owned()),
        visible: Some(visible),
        visible_from: from.map(|from| from.parse().unwrap()),
        opens_at: None,
        open: false,
        reason: None,
        cause: act.cause(),
    };
    let made = action::content_override::change(&mut act, &[change]).await.unwrap();
    assert!(made.iter().all(Result::is_ok));
    act.commit().await.unwrap();
}

async fn what_is_hidden_is_judged_when_the_reminder_leaves(kind: Kind) {
    let (world, enrollment) = started(kind).await;
    let step = step::Entity::find().filter(step::Column::Key.eq("write"));
    let step = step.one(world.store.connection()).await.unwrap().unwrap();
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let form = action::dispatch::open_form(&mut act, enrollment, step.id, "diary")
        .await
        .unwrap();
    act.commit().await.unwrap();
    let about = move |plan: &mut Plan| plan.dispatch_id = Some(form);
    // On Thursday and on Saturday; what they are about is hidden, and shown from Friday.
    remind(&world, enrollment, 3 * 24, about).await;
    remind(&world, enrollment, 5 * 24, about).await;
    show(&world, enrollment, false, None).await;
    show(&world, enrollment, true, Some("2027-03-05T09:00:00Z")).await;
    world.work().await;
    assert_eq!(foretold(&world, 7).await, BTreeMap::from([on(6, 1)]));
    // And the week after the other way round.
    remind(&world, enrollment, 3 * 24, about).await;
    remind(&world, enrollment, 5 * 24, about).await;
    show(&world, enrollment, false, Some("2027-03-12T09:00:00Z")).await;
    world.work().await;
    assert_eq!(foretold(&world, 7).await, BTreeMap::from([on(11, 1)]));
}

/// A rule hides the module of a form on the fourth day, and another shows it again on the tenth.
async fn what_rules_will_hide_and_show_is_reminded_of_as_they_do(kind: Kind) {
    let (world, enrollment) = started(kind).await;
    let step = step::Entity::find().filter(step::Column::Key.eq("write"));
    let step = step.one(world.store.connection()).await.unwrap().unwrap();
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let form = action::dispatch::open_form(&mut act, enrollment, step.id, "diary")
        .await
        .unwrap();
    act.commit().await.unwrap();
    let about = move |plan: &mut Plan| plan.dispatch_id = Some(form);
    for (key, offset, action) in [("hides", "P4D", "hideModule"), ("shows", "P10D", "openModule")] {
        let trigger = json!({ "schedule": { "anchor": { "enrollmentStart": {} }, "slots": [{ "key": "a", "offset": offset, "at": "12:00" }] } });
        let rule = json!({ "trigger": trigger, "actions": [{ action: { "module": "welcome" } }] });
        care::save_rule(&world.store, key, rule).await;
    }
    // On Thursday and on Saturday.
    remind(&world, enrollment, 3 * 24, about).await;
    remind(&world, enrollment, 5 * 24, about).await;
    world.work().await;
    assert_eq!(foretold(&world, 7).await, BTreeMap::from([on(4, 1)]));
    // And in the week after.
    remind(&world, enrollment, 3 * 24, about).await;
    remind(&world, enrollment, 5 * 24, about).await;
    world.work().await;
    assert_eq!(foretold(&world, 7).await, BTreeMap::from([on(13, 1)]));
}

both_databases!(
    what_rules_will_hide_and_show_is_reminded_of_as_they_do,
    what_is_hidden_is_judged_when_the_reminder_leaves,
    colleagues_are_reminded_while_the_program_rests,
    who_is_named_is_reminded_and_nobody_else,
    what_tells_of_the_same_is_told_once,
    rungs_that_wait_together_are_one,
    planned_rungs_that_wait_together_are_one,
);
