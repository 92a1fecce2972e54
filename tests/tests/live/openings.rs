//! Modules that open by themselves are told when they open, once, where that is open to the citizen.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    enrollment,
    event::{self, EventKind},
};
use sea_orm::{EntityTrait, sea_query::Expr};
use serde_json::{Value, json};
use tests::{both_databases, care, database::Kind, world::persist};

use crate::ward::{Ward, morning};

/// How many take part when several workers share what is due.
const CROWD: u32 = 8;

const ACTIVITY: &str = "VisibilityChanged true activity true - OPENED -";
const LOOKING_BACK: &str = "VisibilityChanged true looking-back true - OPENED -";

/// Days and hours after the start.
fn after(days: i64, hours: i64) -> DateTime<Utc> {
    morning() + TimeDelta::days(days) + TimeDelta::hours(hours)
}

/// Modules that open a day and two days after the start.
fn day_by_day(program: &mut Value) {
    program["modules"][1]["opens"] = "P1D".into();
    program["modules"][2]["opens"] = "P2D".into();
}

/// As [`day_by_day`], the last not before the first is completed.
fn day_by_day_and_in_turn(program: &mut Value) {
    day_by_day(program);
    program["modules"][2]["prerequisites"] = json!(["welcome"]);
}

/// Modules that open one after the other.
fn in_turn(program: &mut Value) {
    for (module, before) in [(1, "welcome"), (2, "activity")] {
        program["modules"][module]["opens"] = "START".into();
        program["modules"][module]["prerequisites"] = json!([before]);
    }
}

impl Ward {
    /// Works until an instant.
    async fn until(&self, at: DateTime<Utc>) {
        self.app.run_until(at).await;
    }

    async fn changes(&self, change: Value) {
        self.treat("changeVisibility", change, "enrollment { id }").await;
    }
}

async fn it_is_told_when_its_time_comes_or_what_it_waits_for_is_completed(kind: Kind) {
    let mut ward = Ward::in_program(kind, day_by_day_and_in_turn).await;
    let before = ward.app.last_cursor().await;
    let later = Some(after(0, 1));
    care::enroll(&ward.app.store, ward.app.care.unit, ward.app.care.therapist, 2, later).await;
    ward.told(&["EnrollmentChanged PLANNED PLANNED"], &[]).await;
    ward.until(after(0, 1)).await;
    ward.told(&["EnrollmentChanged ACTIVE STARTED"], &[]).await;
    ward.until(after(1, 0) - TimeDelta::seconds(1)).await;
    ward.nothing_more().await;
    ward.until(after(1, 0) + TimeDelta::seconds(1)).await;
    ward.both(ACTIVITY).await;
    ward.until(after(1, 1)).await;
    ward.told(&[ACTIVITY], &[]).await;
    ward.until(after(2, 2)).await;
    ward.nothing_more().await;

    ward.complete(0).await;
    for told in [
        "ProgressMade - hello",
        "ProgressMade - write",
        "ProgressMade welcome -",
        LOOKING_BACK,
    ] {
        ward.both(told).await;
    }
    ward.complete(2).await;
    ward.both("ProgressMade - see").await;
    ward.both("ProgressMade looking-back -").await;
    ward.until(after(9, 0)).await;
    ward.nothing_more().await;

    // Whoever was away hears it when they are back.
    ward.listen_after(&before).await;
    ward.told(
        &["EnrollmentChanged ACTIVE PLANNED", "EnrollmentChanged ACTIVE STARTED"],
        &[],
    )
    .await;
    ward.both("FlagRaised mark-1").await;
    ward.told(&[ACTIVITY, ACTIVITY], &[ACTIVITY]).await;
    ward.both("FlagRaised mark-2").await;
    for told in [
        "ProgressMade - hello",
        "ProgressMade - write",
        "ProgressMade welcome -",
        LOOKING_BACK,
    ] {
        ward.both(told).await;
    }
}

async fn it_is_told_once_where_both_come_at_one_instant(kind: Kind) {
    let mut ward = Ward::in_program(kind, day_by_day_and_in_turn).await;
    ward.until(after(1, 12)).await;
    ward.both(ACTIVITY).await;
    // A second passes with each of the two steps.
    ward.app.clock.set(after(2, 0) - TimeDelta::seconds(2));
    ward.complete(0).await;
    assert_eq!(ward.app.clock.now(), after(2, 0));
    for told in [
        "ProgressMade - hello",
        "ProgressMade - write",
        "ProgressMade welcome -",
        LOOKING_BACK,
    ] {
        ward.both(told).await;
    }
    ward.until(after(3, 0)).await;
    ward.nothing_more().await;
}

async fn it_is_told_later_where_it_could_not_be_told_in_time(kind: Kind) {
    let mut ward = Ward::in_program(kind, day_by_day).await;
    // An enrollment that cannot be read is set aside for a while, as after any fault in one alone.
    let says = |status: &'static str| {
        let rows = enrollment::Entity::update_many().col_expr(enrollment::Column::Status, Expr::value(status));
        let connection = ward.app.store.connection().clone();
        async move { rows.exec(&connection).await.unwrap() }
    };
    says("UNHEARD_OF").await;
    ward.until(after(1, 0)).await;
    says("ACTIVE").await;
    ward.until(after(1, 1)).await;
    ward.both(ACTIVITY).await;
    ward.nothing_more().await;
}

async fn it_opens_when_what_it_waits_for_is_hidden(kind: Kind) {
    let mut ward = Ward::in_program(kind, in_turn).await;
    ward.changes(json!({ "moduleKey": "welcome", "visible": false })).await;
    ward.told(
        &["VisibilityChanged false welcome false - SAID -", ACTIVITY],
        &["VisibilityChanged - - SAID -", ACTIVITY],
    )
    .await;
    let from = after(0, 1);
    ward.changes(json!({ "moduleKey": "activity", "visible": false, "visibleFrom": from }))
        .await;
    ward.both(&format!(
        "VisibilityChanged true activity true - SAID {}",
        from.to_rfc3339()
    ))
    .await;
    ward.until(from).await;
    ward.told(
        &["VisibilityChanged false activity false - TOOK_EFFECT -", LOOKING_BACK],
        &["VisibilityChanged - - TOOK_EFFECT -", LOOKING_BACK],
    )
    .await;
    ward.nothing_more().await;
    // Shown again, what waits for it is closed, and that it is shown says so.
    ward.changes(json!({ "moduleKey": "activity", "visible": true })).await;
    ward.both("VisibilityChanged true activity true - SAID -").await;
    ward.nothing_more().await;
}

async fn what_stays_closed_to_the_citizen_is_not_told(kind: Kind) {
    let mut ward = Ward::in_program(kind, day_by_day).await;
    // Hidden when its time comes; or to open at another time, as somebody said.
    ward.changes(json!({ "moduleKey": "activity", "visible": false })).await;
    ward.told(
        &["VisibilityChanged false activity false - SAID -"],
        &["VisibilityChanged - - SAID -"],
    )
    .await;
    ward.changes(json!({ "moduleKey": "looking-back", "opensAt": after(3, 0) }))
        .await;
    ward.both("VisibilityChanged false looking-back true - SAID -").await;
    ward.until(after(2, 12)).await;
    ward.nothing_more().await;
    ward.until(after(3, 0)).await;
    ward.both("VisibilityChanged true looking-back true - TOOK_EFFECT -")
        .await;
    ward.changes(json!({ "moduleKey": "activity", "visible": true })).await;
    ward.both("VisibilityChanged true activity true - SAID -").await;
    ward.nothing_more().await;
}

async fn nothing_opens_in_a_pause_or_after_the_end(kind: Kind) {
    let mut ward = Ward::in_program(kind, day_by_day).await;
    ward.treat("pauseEnrollment", json!({ "reason": "Resa" }), "enrollment { id }")
        .await;
    ward.both("EnrollmentChanged PAUSED PAUSED").await;
    ward.until(after(1, 1)).await;
    ward.treat("resumeEnrollment", json!({}), "enrollment { id }").await;
    ward.both("EnrollmentChanged ACTIVE RESUMED").await;
    ward.treat("completeEnrollment", json!({}), "enrollment { id }").await;
    ward.both("EnrollmentChanged COMPLETED COMPLETED").await;
    ward.until(after(3, 0)).await;
    ward.nothing_more_until_they_start_anew().await;
}

async fn it_is_told_once_however_late_and_many_workers_look(kind: Kind) {
    let ward = Ward::in_program(kind, day_by_day_and_in_turn).await;
    for n in 2..=CROWD {
        ward.app.enroll(n).await;
    }
    ward.app.work().await;
    // The time of both has come when somebody looks, and what the last waits for is completed after it.
    ward.app.clock.set(after(3, 0));
    ward.complete(0).await;
    let ((_one, first), (_other, second)) = tokio::join!(ward.app.another_worker(3), ward.app.another_worker(3));
    tokio::join!(persist(&first), persist(&second));
    assert_eq!(ward.app.work().await, 0, "nothing is left to do");
    let events = event::Entity::find().all(ward.app.store.connection()).await.unwrap();
    let mut told: BTreeMap<(String, uuid::Uuid), u32> = BTreeMap::new();
    for event in events
        .into_iter()
        .filter(|event| event.kind.0 == EventKind::ContentOpened)
    {
        *told
            .entry((event.subject_key.unwrap(), event.enrollment_id))
            .or_default() += 1;
    }
    let of = |key: &str| told.keys().filter(|(module, _)| module == key).count();
    assert_eq!((of("activity"), of("looking-back")), (CROWD as usize, 1));
    assert!(told.values().all(|times| *times == 1), "{told:?}");
}

both_databases!(
    it_is_told_when_its_time_comes_or_what_it_waits_for_is_completed,
    it_is_told_once_where_both_come_at_one_instant,
    it_is_told_later_where_it_could_not_be_told_in_time,
    it_opens_when_what_it_waits_for_is_hidden,
    what_stays_closed_to_the_citizen_is_not_told,
    nothing_opens_in_a_pause_or_after_the_end,
    it_is_told_once_however_late_and_many_workers_look,
);
