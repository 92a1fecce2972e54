//! The activity plan.

use std::collections::HashMap;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Europe::Stockholm;
use entity::{
    action::activity::{Plan, Register, end, plan, register},
    activity_entry,
    error::Error,
    event::{self, EventKind},
    planned_activity::{self, Occurrence},
    viewer::Viewer,
};
use sea_orm::{EntityTrait, PaginatorTrait};
use uuid::Uuid;

use super::world::{Person, START, World, at, codes, errors, period};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A walk on Mondays and Thursdays from the Monday on which everything begins.
pub fn walk(person: &Person) -> Plan {
    Plan {
        enrollment_id: person.enrollment,
        title: "Promenad".to_owned(),
        starts_on: day("2026-11-23"),
        time: Some("17:30".parse().unwrap()),
        duration: Some(period("PT30M")),
        repeat: Some("FREQ=WEEKLY;BYDAY=MO,TH".to_owned()),
    }
}

impl World {
    pub async fn plan(&self, viewer: &Viewer, wanted: &Plan) -> Result<Uuid, Error> {
        let mut act = self.act(viewer).await;
        let id = plan(&mut act, wanted).await;
        act.finish(id).await
    }

    pub async fn register(&self, viewer: &Viewer, activity_id: Uuid, on: &str) -> Result<Uuid, Error> {
        self.register_as(viewer, activity_id, on, |_| {}).await
    }

    pub async fn register_as(
        &self,
        viewer: &Viewer,
        activity_id: Uuid,
        on: &str,
        change: impl FnOnce(&mut Register),
    ) -> Result<Uuid, Error> {
        let mut wanted = Register {
            activity_id,
            occurrence: day(on),
            done: true,
            note: None,
            rating: None,
            rating_before: None,
        };
        change(&mut wanted);
        let mut act = self.act(viewer).await;
        let id = register(&mut act, &wanted).await;
        act.finish(id).await
    }

    async fn end_activity(&self, viewer: &Viewer, activity: Uuid) -> Result<Uuid, Error> {
        let mut act = self.act(viewer).await;
        let id = end(&mut act, activity).await;
        act.finish(id).await
    }

    async fn occurring(&self, viewer: &Viewer, person: &Person, from: &str, to: &str) -> Vec<Occurrence> {
        let enrollments = HashMap::from([(person.enrollment, Stockholm)]);
        let found = planned_activity::occurring(&self.store, viewer, &enrollments, at(from), at(to));
        found.await.unwrap().remove(&person.enrollment).unwrap_or_default()
    }

    async fn entry(&self, id: Uuid) -> activity_entry::Model {
        let row = activity_entry::Entity::find_by_id(id)
            .one(self.store.connection())
            .await;
        row.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_plan_comes_on_its_days_at_its_local_time() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    world.plan(&world.staff, &walk(&person)).await.unwrap();
    let whole_day = Plan {
        title: "Ringa en vän".to_owned(),
        starts_on: day("2026-11-26"),
        time: None,
        duration: None,
        repeat: None,
        ..walk(&person)
    };
    world.plan(&world.staff, &whole_day).await.unwrap();

    // The clocks go forward in the night to 28 March: half past five is an hour earlier.
    let spring = world.occurring(&person.viewer, &person, "2027-03-25T00:00:00Z", "2027-03-30T00:00:00Z");
    let times: Vec<DateTime<Utc>> = spring.await.iter().map(|one| one.starts_at).collect();
    assert_eq!(times, [at("2027-03-25T16:30:00Z"), at("2027-03-29T15:30:00Z")]);

    let days = world
        .occurring(&person.viewer, &person, START, "2026-11-27T00:00:00Z")
        .await;
    let shown: Vec<_> = days
        .iter()
        .map(|one| (world.open(&one.activity.title), one.starts_at, one.ends_at))
        .collect();
    let expected = [
        ("Promenad", "2026-11-23T16:30:00Z", "2026-11-23T17:00:00Z"),
        ("Ringa en vän", "2026-11-25T23:00:00Z", "2026-11-26T23:00:00Z"),
        ("Promenad", "2026-11-26T16:30:00Z", "2026-11-26T17:00:00Z"),
    ];
    let expected = expected.map(|(title, from, to)| (title.to_owned(), at(from), Some(at(to))));
    assert_eq!(shown, expected);
    // What has begun and is not over is there, what is over is not.
    for (from, count) in [("2026-11-23T16:45:00Z", 1), ("2026-11-23T17:00:00Z", 0)] {
        let found = world
            .occurring(&world.staff, &person, from, "2026-11-24T00:00:00Z")
            .await;
        assert_eq!(found.len(), count, "from {from}");
    }
    for viewer in [&world.other_unit, &world.administrator, &world.enroll(1).await.viewer] {
        let nothing = world.occurring(viewer, &person, START, "2026-12-01T00:00:00Z").await;
        assert!(nothing.is_empty(), "{:?}", viewer.who);
    }
    let enrollments = HashMap::from([(person.enrollment, Stockholm)]);
    for (from, to) in [
        ("2026-11-23T00:00:00Z", "2027-11-25T00:00:00Z"),
        ("2026-11-23T00:00:00Z", "2026-11-22T00:00:00Z"),
    ] {
        let found = planned_activity::occurring(&world.store, &world.staff, &enrollments, at(from), at(to)).await;
        assert_eq!(codes(found.unwrap_err()), ["BAD_RANGE"]);
    }
}

#[tokio::test]
async fn a_plan_is_made_by_those_who_treat_and_must_make_sense() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    for (viewer, code) in [
        (&person.viewer, "NOT_ALLOWED"),
        (&world.other_unit, "NOT_FOUND"),
        (&world.administrator, "NOT_FOUND"),
    ] {
        assert_eq!(codes(world.plan(viewer, &walk(&person)).await.unwrap_err()), [code]);
    }
    type Change = fn(&mut Plan);
    let wrong: [(Change, &str, &str); 9] = [
        (|plan| plan.title = " ".to_owned(), "REQUIRED", "title"),
        (|plan| plan.starts_on = day("2026-11-22"), "IN_THE_PAST", "startsOn"),
        (|plan| plan.starts_on = day("2029-01-01"), "TOO_FAR_AHEAD", "startsOn"),
        (|plan| plan.starts_on = NaiveDate::MAX, "TOO_FAR_AHEAD", "startsOn"),
        (|plan| plan.time = None, "BAD_DURATION", "duration"),
        (|plan| plan.duration = Some(period("P1D")), "BAD_DURATION", "duration"),
        (|plan| plan.duration = Some(period("-PT5M")), "BAD_DURATION", "duration"),
        (
            |plan| plan.repeat = Some("FREQ=HOURLY".to_owned()),
            "BAD_REPEAT",
            "repeat",
        ),
        (
            |plan| plan.repeat = Some("FREQ=DAILY;UNTIL=20200101".to_owned()),
            "BAD_REPEAT",
            "repeat",
        ),
    ];
    for (change, code, path) in wrong {
        let mut wanted = walk(&person);
        change(&mut wanted);
        let refused = errors(world.plan(&world.staff, &wanted).await.unwrap_err()).remove(0);
        assert_eq!((refused.code.as_ref(), refused.path.join(".").as_str()), (code, path));
    }
    world.end(&person).await;
    assert_eq!(
        codes(world.plan(&world.staff, &walk(&person)).await.unwrap_err()),
        ["ENDED"]
    );
}

#[tokio::test]
async fn only_so_many_activities_are_planned_at_a_time() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let mut last = Uuid::nil();
    for _ in 0..30 {
        last = world.plan(&world.staff, &walk(&person)).await.unwrap();
    }
    assert_eq!(
        codes(world.plan(&world.staff, &walk(&person)).await.unwrap_err()),
        ["TOO_MANY"]
    );
    world.end_activity(&world.staff, last).await.unwrap();
    world.plan(&world.staff, &walk(&person)).await.unwrap();
}

#[tokio::test]
async fn a_day_is_registered_once_and_can_be_corrected() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let activity = world.plan(&world.staff, &walk(&person)).await.unwrap();
    world.store.clock().set(at("2026-11-26T18:00:00Z"));
    let say = |register: &mut Register| {
        register.note = Some("Skönt.".to_owned());
        register.rating = Some(7);
    };
    let entry = world
        .register_as(&person.viewer, activity, "2026-11-26", say)
        .await
        .unwrap();
    let first = world.entry(entry).await;
    assert_eq!((first.done, first.rating, first.corrected_at), (true, Some(7), None));
    assert_eq!(world.open(first.note.as_ref().unwrap()), "Skönt.");

    world.store.clock().set(at("2026-11-27T08:00:00Z"));
    let take_back = |register: &mut Register| register.done = false;
    let again = world
        .register_as(&person.viewer, activity, "2026-11-26", take_back)
        .await
        .unwrap();
    let corrected = world.entry(again).await;
    assert_eq!((again, corrected.registered_at), (entry, first.registered_at));
    assert_eq!((corrected.done, corrected.rating, corrected.note), (false, None, None));
    assert_eq!(corrected.corrected_at, Some(at("2026-11-27T08:00:00Z")));
    // Yesterday's day can be registered late.
    world.register(&person.viewer, activity, "2026-11-23").await.unwrap();

    let events = event::Entity::find().all(world.store.connection()).await.unwrap();
    let count = |kind| events.iter().filter(|event| event.kind.0 == kind).count();
    assert_eq!(
        (count(EventKind::ActivityPlanned), count(EventKind::ActivityRegistered)),
        (1, 2)
    );
    assert_eq!(
        world.enrollment(&person).await.last_activity_at,
        Some(at("2026-11-27T08:00:00Z"))
    );
    let days = world
        .occurring(&world.staff, &person, "2026-11-23T00:00:00Z", "2026-12-01T00:00:00Z")
        .await;
    let done: Vec<_> = days
        .iter()
        .map(|one| one.entry.as_ref().map(|entry| entry.done))
        .collect();
    assert_eq!(done, [Some(true), Some(false), None]);
}

#[tokio::test]
async fn only_a_planned_day_that_has_come_is_registered_by_the_citizen() {
    let world = World::new().await;
    let (person, other) = (world.enroll(0).await, world.enroll(1).await);
    let activity = world.plan(&world.staff, &walk(&person)).await.unwrap();
    world.store.clock().set(at("2026-11-26T18:00:00Z"));
    for (on, code) in [
        ("2026-11-25", "NOT_PLANNED"),
        ("2026-11-19", "NOT_PLANNED"),
        ("2026-11-30", "NOT_YET"),
    ] {
        let refused = errors(world.register(&person.viewer, activity, on).await.unwrap_err()).remove(0);
        assert_eq!(
            (refused.code.as_ref(), refused.path.as_slice()),
            (code, &["occurrence".to_owned()][..]),
            "{on}"
        );
    }
    let refused = world.register_as(&person.viewer, activity, "2026-11-26", |register| {
        register.rating = Some(11)
    });
    assert_eq!(codes(refused.await.unwrap_err()), ["OUT_OF_RANGE"]);
    for (viewer, code) in [
        (&other.viewer, "NOT_FOUND"),
        (&world.staff, "NOT_ALLOWED"),
        (&world.other_unit, "NOT_ALLOWED"),
    ] {
        assert_eq!(
            codes(world.register(viewer, activity, "2026-11-26").await.unwrap_err()),
            [code]
        );
    }
    world.end(&person).await;
    assert_eq!(
        codes(
            world
                .register(&person.viewer, activity, "2026-11-26")
                .await
                .unwrap_err()
        ),
        ["ENDED"]
    );
    let entries = activity_entry::Entity::find()
        .count(world.store.connection())
        .await
        .unwrap();
    assert_eq!(entries, 0);
}

#[tokio::test]
async fn what_has_ended_comes_no_more() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let activity = world.plan(&world.staff, &walk(&person)).await.unwrap();
    world.store.clock().set(at("2026-11-25T12:00:00Z"));
    for (viewer, code) in [
        (&person.viewer, "NOT_ALLOWED"),
        (&world.other_unit, "NOT_FOUND"),
        (&world.administrator, "NOT_FOUND"),
    ] {
        assert_eq!(codes(world.end_activity(viewer, activity).await.unwrap_err()), [code]);
    }
    for _ in 0..2 {
        world.end_activity(&world.staff, activity).await.unwrap();
        world.store.clock().advance(Duration::days(1));
    }
    let days = world
        .occurring(&person.viewer, &person, "2026-11-23T00:00:00Z", "2026-12-10T00:00:00Z")
        .await;
    assert_eq!(days.iter().map(|one| one.day).collect::<Vec<_>>(), [day("2026-11-23")]);
    let refused = world
        .register(&person.viewer, activity, "2026-11-26")
        .await
        .unwrap_err();
    assert_eq!(codes(refused), ["NOT_PLANNED"]);
    world.register(&person.viewer, activity, "2026-11-23").await.unwrap();
    let standing = planned_activity::plans(&world.store, &world.staff, &[person.enrollment])
        .await
        .unwrap();
    assert!(standing.is_empty());
}
