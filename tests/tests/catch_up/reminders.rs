//! Forms that were sent before: what became of them and of their reminders meanwhile.

use chrono::{DateTime, Utc};
use entity::{
    action::{
        self,
        dispatch::Send,
        reminder::{Plan, plan},
    },
    applies::SkipReason,
    dispatch::DispatchStatus,
    viewer::Viewer,
};
use rules::facts::Audience;
use serde_json::json;
use tests::{app::TestApp, both_databases, care, database::Kind, world::World};
use uuid::Uuid;

use crate::{Fate, at, back, come_back, dispatches, down, mails, march, reminders, start};

/// Sends a form now or later, open for so long, with reminders.
pub async fn send(
    world: &World,
    enrollment_id: Uuid,
    form: &str,
    opens: Option<DateTime<Utc>>,
    expires_after: Option<&str>,
    remind_after: &[&str],
) -> Uuid {
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let send = Send {
        enrollment_id,
        form_key: form.to_owned(),
        at: opens,
        expires_after: expires_after.map(|after| after.parse().unwrap()),
        remind_after: remind_after.iter().map(|after| after.parse().unwrap()).collect(),
        firing_id: None,
        cause: act.cause(),
    };
    let sent = action::dispatch::send(&mut act, &[send]).await.unwrap().remove(0);
    act.commit().await.unwrap();
    sent.unwrap()
}

/// What became of the reminders of a form, in the order of their times.
async fn fates(world: &World, enrollment: Uuid, form: Uuid) -> Vec<Fate> {
    let rows = reminders(world, enrollment).await;
    rows.iter()
        .filter(|row| row.dispatch_id == Some(form))
        .map(Fate::of)
        .collect()
}

/// The state of a form and when it ended.
async fn state(world: &World, enrollment: Uuid, form: Uuid) -> (DispatchStatus, Option<DateTime<Utc>>) {
    let rows = dispatches(world, enrollment).await;
    let row = rows.into_iter().find(|row| row.id == form).unwrap();
    (row.status.0, row.ended_at)
}

async fn of_each_form_at_most_one_reminder_is_left(kind: Kind) {
    let app = TestApp::over(World::without_program(kind, start()).await).await;
    care::import_content(&app.store).await;
    let person = app.enroll(1).await;
    app.run_until(march(24, "10:00")).await;
    let every_day = ["P1D", "P2D", "P3D", "P4D", "P5D", "P6D", "P9D"];
    let waiting = send(&app, person, "diary", None, None, &every_day).await;
    let answered = send(&app, person, "worry-measure", None, None, &every_day).await;
    let expiring = send(&app, person, "diary", None, Some("P3D"), &["P1D", "P2D"]).await;
    // It can still be answered when the worker is back, for an hour.
    let closing = send(&app, person, "diary", None, Some("P7DT3H"), &["P5D", "P6D"]).await;
    let taken_back = send(&app, person, "diary", None, None, &every_day).await;
    // These open while nobody works: the one for two days, the other for good.
    let missed = send(&app, person, "diary", Some(march(26, "10:00")), Some("P2D"), &["P1D"]).await;
    let opening = send(
        &app,
        person,
        "diary",
        Some(march(29, "10:00")),
        None,
        &["P1D", "P2D", "P3D"],
    )
    .await;
    // And somebody asked for a reminder on the 26th.
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let asked = Plan {
        enrollment_id: person,
        template: "come-back".to_owned(),
        channels: Vec::new(),
        audience: Audience::Citizen,
        remind_at: Some(march(26, "10:00")),
        dispatch_id: None,
        staff: Vec::new(),
        note: None,
        firing_id: None,
        bypass_quiet_hours: false,
        cause: act.cause(),
    };
    plan(&mut act, &[asked]).await.unwrap().remove(0).unwrap();
    act.commit().await.unwrap();
    app.run_until(down()).await;
    let none_yet = mails(&app);
    assert!(none_yet.is_empty(), "{none_yet:?}");

    // Nobody works. The citizen answers on the 26th, and the therapist takes a form back on the 27th.
    app.clock.set(march(26, "11:00"));
    let answers: Vec<_> = (1..=7)
        .map(|n| json!({ "item": format!("q{n}"), "value": "no" }))
        .collect();
    app.answer(1, "worry-measure", json!(answers)).await;
    app.clock.set(march(27, "11:00"));
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    action::dispatch::cancel(&mut act, taken_back, None).await.unwrap();
    act.commit().await.unwrap();
    come_back(&app).await;

    let fates = async |form| fates(&app, person, form).await;
    let state = async |form| state(&app, person, form).await;
    let skipped = Fate::Skipped;
    let left = || Fate::Left(back());
    let overtaken = || skipped(SkipReason::Superseded);
    assert_eq!(
        fates(waiting).await,
        [
            overtaken(),
            overtaken(),
            overtaken(),
            overtaken(),
            overtaken(),
            left(),
            Fate::Waits
        ]
    );
    assert_eq!(fates(answered).await, vec![skipped(SkipReason::Answered); 7]);
    assert_eq!(fates(expiring).await, vec![skipped(SkipReason::Expired); 2]);
    assert_eq!(fates(closing).await, [overtaken(), left()]);
    assert_eq!(fates(taken_back).await, vec![skipped(SkipReason::Cancelled); 7]);
    assert_eq!(fates(missed).await, [skipped(SkipReason::Expired)]);
    assert_eq!(fates(opening).await, [overtaken(), left(), Fate::Waits]);
    // Each ended when its time was over, not when the worker came to it.
    assert_eq!(state(waiting).await, (DispatchStatus::Available, None));
    assert_eq!(
        state(expiring).await,
        (DispatchStatus::Expired, Some(march(27, "10:00")))
    );
    assert_eq!(state(closing).await, (DispatchStatus::Available, None));
    assert_eq!(
        state(taken_back).await,
        (DispatchStatus::Cancelled, Some(march(27, "11:00")))
    );
    assert_eq!(state(missed).await, (DispatchStatus::Expired, Some(march(28, "10:00"))));
    assert_eq!(state(opening).await, (DispatchStatus::Available, None));
    assert_eq!(state(answered).await.0, DispatchStatus::Completed);
    // One e-mail for each of the three forms that still wait, and what was asked for by hand.
    assert_eq!(mails(&app).values().sum::<usize>(), 3 + 1);

    app.run_until(at("2027-04-03 12:00")).await;
    let last = |reached: DateTime<Utc>| Some(Fate::Left(reached));
    assert_eq!(fates(waiting).await.last().cloned(), last(at("2027-04-02 10:00")));
    assert_eq!(fates(opening).await.last().cloned(), last(at("2027-04-01 10:00")));
    assert_eq!(
        state(closing).await,
        (DispatchStatus::Expired, Some(march(31, "13:00")))
    );
    assert_eq!(mails(&app).values().sum::<usize>(), 4 + 2);
}

both_databases!(of_each_form_at_most_one_reminder_is_left);
