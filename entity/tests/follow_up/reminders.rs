//! Reminders: planned, stopped, held back by the night, and by who does not want them.

use chrono::Duration;
use entity::{
    action::{
        self,
        enrollment::StatusChange,
        reminder::{Plan, plan},
    },
    applies::SkipReason,
    contact_choice,
    delivery::DeliveryStatus,
    viewer::Viewer,
};
use rules::facts::{Audience, Channel, Status};
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use uuid::Uuid;

use super::world::{Person, START, World, answers, at};

impl World {
    pub fn reminder(&self, person: &Person) -> Plan {
        Plan {
            enrollment_id: person.enrollment,
            template: "come-back".to_owned(),
            channels: vec![],
            audience: Audience::Citizen,
            remind_at: None,
            dispatch_id: None,
            staff: Vec::new(),
            note: None,
            firing_id: None,
            bypass_quiet_hours: false,
            cause: self.system_cause(),
        }
    }

    pub async fn plan(&self, viewer: &Viewer, plans: &[Plan]) -> Vec<entity::error::Outcome<Uuid>> {
        let mut act = self.act(viewer).await;
        let outcomes = plan(&mut act, plans).await.unwrap();
        act.commit().await.unwrap();
        outcomes
    }

    pub async fn change_status(&self, person: &Person, status: Status) {
        let mut act = self.act(&Viewer::system()).await;
        let change = StatusChange {
            enrollment_id: person.enrollment,
            status,
            resumes_at: None,
            reason: None,
        };
        let cause = act.cause();
        let outcomes = action::enrollment::change_status(&mut act, &[change], cause)
            .await
            .unwrap();
        act.commit().await.unwrap();
        assert!(outcomes[0].is_ok());
    }

    pub async fn choose(&self, person: &Person, channel: Channel, enabled: bool) {
        let row = contact_choice::Model {
            citizen_id: person.citizen,
            channel: channel.into(),
            at: self.store.now(),
            enabled,
            actor: person.viewer.actor().into(),
        };
        row.into_active_model()
            .reset_all()
            .insert(self.store.connection())
            .await
            .unwrap();
    }

    pub async fn channels(&self, person: &Person) -> Vec<(Channel, DeliveryStatus, Option<String>)> {
        let rows = self.deliveries(person).await;
        rows.into_iter()
            .map(|row| (row.channel.0, row.status.0, row.reason))
            .collect()
    }
}

#[tokio::test]
async fn reminders_stop_on_the_answer() {
    let world = World::new().await;
    let (answering, silent) = (world.enroll(0).await, world.enroll(1).await);
    let dispatch = world.send(&answering, Some("P5D"), &["P1D", "P3D", "P6D"]).await;
    world.send(&silent, Some("P5D"), &["P1D", "P3D"]).await;
    assert_eq!(world.reminders(&answering).await.len(), 2, "none after the end");

    world.store.clock().set(at("2026-11-24T09:00:00Z"));
    world.work().await;
    assert_eq!(
        world.channels(&answering).await,
        [
            (Channel::Email, DeliveryStatus::Ready, None),
            (Channel::Inbox, DeliveryStatus::Sent, None)
        ]
    );
    world
        .submit(&answering.viewer, dispatch, &answers("no", "no"))
        .await
        .unwrap();
    world.store.clock().set(at("2026-11-26T09:00:00Z"));
    world.work().await;
    let reasons = |rows: Vec<entity::reminder::Model>| {
        rows.into_iter()
            .map(|row| row.skip_reason.map(|reason| reason.0))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        reasons(world.reminders(&answering).await),
        [None, Some(SkipReason::Answered)]
    );
    assert_eq!(reasons(world.reminders(&silent).await), [None, None]);
    let said = world.channels(&answering).await;
    assert!(said.contains(&(Channel::Email, DeliveryStatus::Skipped, Some("ANSWERED".to_owned()))));
    assert_eq!(said.len(), 3);
    assert_eq!(world.deliveries(&silent).await.len(), 4);
}

#[tokio::test]
async fn the_night_is_quiet_unless_it_is_urgent() {
    let world = World::new().await;
    let (usual, late_riser) = (
        world.enroll(0).await,
        world
            .enroll_as(1, |citizen| {
                citizen.quiet_from = Some("22:00".to_owned());
                citizen.quiet_until = Some("11:00".to_owned());
            })
            .await,
    );
    world.store.clock().set(at("2026-11-23T21:30:00Z"));
    let urgent = Plan {
        bypass_quiet_hours: true,
        ..world.reminder(&usual)
    };
    let plans = [world.reminder(&usual), world.reminder(&late_riser), urgent];
    let ids: Vec<Uuid> = world
        .plan(&world.staff, &plans)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let deliveries = entity::reminder::deliveries(&world.store, &world.staff, &ids)
        .await
        .unwrap();
    let due = |id| {
        deliveries[id]
            .iter()
            .find(|row| row.channel.0 == Channel::Email)
            .unwrap()
            .due_at
    };
    assert_eq!(due(&ids[0]), Some(at("2026-11-24T06:00:00Z")));
    assert_eq!(due(&ids[1]), Some(at("2026-11-24T10:00:00Z")));
    assert_eq!(due(&ids[2]), Some(at("2026-11-23T21:30:00Z")));
    // The service itself makes no sound.
    assert!(
        deliveries
            .values()
            .flatten()
            .any(|row| row.channel.0 == Channel::Inbox && row.sent_at.is_some())
    );
}

#[tokio::test]
async fn who_cannot_or_does_not_want_to_be_reached_is_shown() {
    let world = World::new().await;
    let person = world.enroll_as(0, |citizen| citizen.email = None).await;
    world
        .plan(
            &world.staff,
            &[Plan {
                channels: vec![Channel::Email],
                ..world.reminder(&person)
            }],
        )
        .await;
    let skipped = |reason: &str| (Channel::Email, DeliveryStatus::Skipped, Some(reason.to_owned()));
    assert_eq!(world.channels(&person).await, [skipped("NO_ADDRESS")]);
    assert_eq!(
        world.reminders(&person).await[0].skip_reason,
        Some(SkipReason::NoAddress.into())
    );

    let person = world.enroll(1).await;
    world.choose(&person, Channel::Email, false).await;
    world.plan(&world.staff, &[world.reminder(&person)]).await;
    assert_eq!(
        world.channels(&person).await,
        [(Channel::Inbox, DeliveryStatus::Sent, None)]
    );
    world.store.clock().advance(Duration::hours(1));
    world
        .plan(
            &world.staff,
            &[Plan {
                channels: vec![Channel::Email],
                ..world.reminder(&person)
            }],
        )
        .await;
    assert_eq!(world.channels(&person).await[1], skipped("OPTED_OUT"));
    world.store.clock().advance(Duration::hours(1));
    world.choose(&person, Channel::Email, true).await;
    world.plan(&world.staff, &[world.reminder(&person)]).await;
    assert!(
        world
            .channels(&person)
            .await
            .contains(&(Channel::Email, DeliveryStatus::Ready, None))
    );
}

#[tokio::test]
async fn who_pauses_is_left_in_peace() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let later = Plan {
        remind_at: Some(at(START) + Duration::days(1)),
        ..world.reminder(&person)
    };
    let much_later = Plan {
        remind_at: Some(at(START) + Duration::days(3)),
        ..world.reminder(&person)
    };
    world.plan(&Viewer::system(), &[later, much_later]).await;
    world.change_status(&person, Status::Paused).await;
    world.store.clock().advance(Duration::days(1));
    world.work().await;
    // What was decided during the pause, for instance that it has lasted long, leaves.
    world.plan(&Viewer::system(), &[world.reminder(&person)]).await;
    world.change_status(&person, Status::Active).await;
    world.store.clock().advance(Duration::days(2));
    world.work().await;
    let mut reasons: Vec<_> = world
        .reminders(&person)
        .await
        .into_iter()
        .map(|row| row.skip_reason.map(|reason| reason.0))
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [None, None, Some(SkipReason::Paused)]);
}

#[tokio::test]
async fn staff_are_reached_by_mail_at_any_hour() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    world.store.clock().set(at("2026-11-23T23:00:00Z"));
    let to_staff = Plan {
        audience: Audience::Staff,
        ..world.reminder(&person)
    };
    let id = *world.plan(&Viewer::system(), &[to_staff]).await[0].as_ref().unwrap();
    let rows = world.deliveries(&person).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].staff_id, rows[0].citizen_id), (world.staff.staff(), None));
    assert_eq!(rows[0].due_at, Some(world.store.now()));
    let seen = entity::reminder::find(&world.store, &person.viewer, &[id])
        .await
        .unwrap();
    assert!(seen.is_empty(), "what is for staff is not for the citizen");
    let seen = entity::reminder::deliveries(&world.store, &person.viewer, &[id])
        .await
        .unwrap();
    assert!(seen.is_empty());
}

#[tokio::test]
async fn what_cannot_be_planned_is_refused() {
    let world = World::new().await;
    let (person, other) = (world.enroll(0).await, world.enroll(1).await);
    let of_other = world.send(&other, None, &[]).await;
    let plans = [
        Plan {
            template: "Not a key".to_owned(),
            ..world.reminder(&person)
        },
        Plan {
            dispatch_id: Some(of_other),
            ..world.reminder(&person)
        },
        world.reminder(&person),
    ];
    let outcomes = world.plan(&world.staff, &plans).await;
    let code = |place: usize| outcomes[place].as_ref().unwrap_err()[0].code.as_ref();
    assert_eq!((code(0), code(1)), ("BAD_KEY", "NOT_FOUND"));
    assert!(outcomes[2].is_ok());
    for viewer in [&world.administrator, &world.other_unit, &person.viewer] {
        let outcomes = world.plan(viewer, &[world.reminder(&person)]).await;
        assert_eq!(outcomes[0].as_ref().unwrap_err()[0].code, "NOT_FOUND");
    }
}

#[tokio::test]
async fn after_downtime_only_the_latest_reminder_of_a_form_leaves() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    for _ in 0..2 {
        world.send(&person, Some("P9D"), &["P1D", "P2D", "P3D", "P5D"]).await;
    }
    world.store.clock().advance(Duration::days(4));
    // However little is looked at in one go.
    loop {
        let mut act = world.act(&Viewer::system()).await;
        let looked_at = action::reminder::leave(&mut act, 1).await.unwrap();
        act.commit().await.unwrap();
        if looked_at == 0 {
            break;
        }
    }
    let rows = world.reminders(&person).await;
    let came_to = |row: &entity::reminder::Model| (row.sent_at.is_some(), row.skip_reason.map(|reason| reason.0));
    let superseded = || (false, Some(SkipReason::Superseded));
    for day in rows
        .chunks(2)
        .zip([superseded(), superseded(), (true, None), (false, None)])
    {
        assert_eq!(day.0.iter().map(came_to).collect::<Vec<_>>(), [day.1, day.1]);
    }
    assert!(rows[6].due_at.is_some(), "the one of tomorrow waits");
    let left = world.deliveries(&person).await;
    let left = left.iter().filter(|row| row.status.0 != DeliveryStatus::Skipped);
    assert_eq!(left.count(), 4);
}

#[tokio::test]
async fn two_workers_share_what_is_due() {
    let world = World::new().await;
    if world.store.backend() != sea_orm::DatabaseBackend::Postgres {
        // SQLite has one writer.
        return;
    }
    for n in 0..4 {
        let person = world.enroll(n).await;
        world.send(&person, None, &["P1D"]).await;
    }
    world.store.clock().advance(Duration::days(1));
    let (mut one, mut two) = (world.act(&Viewer::system()).await, world.act(&Viewer::system()).await);
    assert_eq!(action::reminder::leave(&mut one, 2).await.unwrap(), 2);
    assert_eq!(action::reminder::leave(&mut two, 2).await.unwrap(), 2);
    one.commit().await.unwrap();
    two.commit().await.unwrap();
    let mut none = world.act(&Viewer::system()).await;
    assert_eq!(action::reminder::leave(&mut none, 2).await.unwrap(), 0);
}

#[test]
fn what_the_release_before_writes_is_read_while_an_update_rolls_out() {
    let read = |word: &str| entity::stored::parse::<SkipReason>(word);
    assert_eq!(read("OVERTAKEN"), Some(SkipReason::Superseded));
    assert_eq!(read("NOT_ACTIVE"), Some(SkipReason::Paused));
    assert_eq!(entity::stored::word(&SkipReason::Superseded), "SUPERSEDED");
}
