//! The worker was down for seven days, or an enrollment paused as long: what comes afterwards, and what does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod changed;
mod events;
mod policies;
mod reminders;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeZone, Utc};
use chrono_tz::Europe::Stockholm;
use entity::{applies::SkipReason, dispatch, firing, reminder};
use rules::facts::Audience;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use tests::world::{self, World};
use uuid::Uuid;

/// A local time in Stockholm, `2027-03-24 12:00`.
fn at(local: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").unwrap();
    Stockholm.from_local_datetime(&local).unwrap().to_utc()
}

/// A day of March 2027 in Stockholm, at a time.
fn march(day: u32, time: &str) -> DateTime<Utc> {
    at(&format!("2027-03-{day:02} {time}"))
}

/// A Monday on which people begin.
fn start() -> DateTime<Utc> {
    march(22, "09:00")
}

/// The worker stops. While it is down, on the 28th, the clocks are put forward.
fn down() -> DateTime<Utc> {
    march(24, "12:00")
}

/// Seven days later by the calendar.
fn back() -> DateTime<Utc> {
    march(31, "12:00")
}

/// The worker comes back: two of them at once, and nothing is left for a third.
async fn come_back(world: &World) {
    world.clock.set(back());
    let (_, one) = world.another_worker(3).await;
    let (_, other) = world.another_worker(3).await;
    tokio::join!(world::persist(&one), world::persist(&other));
    assert_eq!(world.work().await, 0, "nothing is left");
}

/// What fired in an enrollment after an instant, in the order of the rules and of time.
async fn fired_after(world: &World, enrollment: Uuid, after: DateTime<Utc>) -> Vec<firing::Model> {
    firing::Entity::find()
        .filter(firing::Column::EnrollmentId.eq(enrollment))
        .filter(firing::Column::FiredAt.gt(after))
        .order_by_asc(firing::Column::RuleKey)
        .order_by_asc(firing::Column::At)
        .order_by_asc(firing::Column::Occurrence)
        .all(world.store.connection())
        .await
        .unwrap()
}

async fn dispatches(world: &World, enrollment: Uuid) -> Vec<dispatch::Model> {
    dispatch::Entity::find()
        .filter(dispatch::Column::EnrollmentId.eq(enrollment))
        .order_by_asc(dispatch::Column::AvailableAt)
        .order_by_asc(dispatch::Column::Id)
        .all(world.store.connection())
        .await
        .unwrap()
}

/// The reminders to the citizen, in the order of their times.
async fn reminders(world: &World, enrollment: Uuid) -> Vec<reminder::Model> {
    reminder::Entity::find()
        .filter(reminder::Column::EnrollmentId.eq(enrollment))
        .filter(reminder::Column::Audience.eq(entity::stored::Stored(Audience::Citizen)))
        .order_by_asc(reminder::Column::RemindAt)
        .order_by_asc(reminder::Column::Id)
        .all(world.store.connection())
        .await
        .unwrap()
}

/// What became of a reminder: when it left, why it did not, or that it waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Left(DateTime<Utc>),
    Skipped(SkipReason),
    Waits,
}

impl Fate {
    fn of(reminder: &reminder::Model) -> Self {
        match (reminder.sent_at, reminder.skip_reason) {
            // What a rule does is dated a microsecond after what it judged.
            (Some(at), None) => Self::Left(at.trunc_subsecs(3)),
            (None, Some(reason)) => Self::Skipped(reason.0),
            (None, None) if reminder.due_at.is_some() => Self::Waits,
            _ => panic!("neither: {reminder:?}"),
        }
    }
}

/// The e-mails that were sent so far, by whom they went to.
fn mails(world: &World) -> BTreeMap<String, usize> {
    let mut mails = BTreeMap::new();
    for mail in world.mail() {
        *mails.entry(mail.to).or_default() += 1;
    }
    mails
}
