//! Sends messages: claimed under a lease, handed over outside any transaction, and then written down.

use std::time::Duration;

use entity::{
    delivery::{self, Claimed, Outcome},
    error::Result,
    stored,
};
use futures_util::future::join_all;
use tokio::time::sleep;

use super::Context;
use crate::channel;

/// How many times something is tried to be written down of what is held: forgetting an outcome may send a message twice, and
/// what is not confirmed waits until its lease is over.
const WRITES: u32 = 6;

pub(super) async fn run(context: &Context) -> Result<usize> {
    if context.stop.is_cancelled() {
        return Ok(0);
    }
    // No more than are sent at once, so that none waits while its lease runs.
    let limit = u64::try_from(context.sending).unwrap_or(1);
    let claimed = delivery::claim(&context.store, &context.name, limit, context.lease).await?;
    let taken = claimed.len();
    hand_over(context, claimed).await?;
    Ok(taken)
}

/// Sends what was claimed, as far as it still applies.
async fn hand_over(context: &Context, claimed: Vec<Claimed>) -> Result<()> {
    if claimed.is_empty() {
        return Ok(());
    }
    let confirmed = write(|| delivery::confirm(&context.store, &claimed, context.lease)).await?;
    let sent = join_all(confirmed.iter().map(|delivery| send(context, delivery))).await;
    sent.into_iter().collect()
}

async fn send(context: &Context, claimed: &Claimed) -> Result<()> {
    let outcome = if context.stop.is_cancelled() {
        Outcome::GivenBack
    } else {
        channel::send(&context.mailer, &context.sign_in, claimed, context.store.now()).await
    };
    let channel = stored::word(&claimed.row.channel.0);
    metrics::counter!("handrail_deliveries_total", "channel" => channel, "outcome" => word(&outcome)).increment(1);
    write(|| delivery::finish(&context.store, claimed, &outcome))
        .await
        .map(drop)
}

/// Writes something down, again and again where what stops it may pass.
pub(super) async fn write<T, Attempt: Future<Output = Result<T>>>(attempt: impl Fn() -> Attempt) -> Result<T> {
    let mut wait = Duration::from_millis(100);
    for _ in 1..WRITES {
        match attempt().await {
            Err(error) if error.is_transient() => sleep(wait).await,
            written => return written,
        }
        wait *= 2;
    }
    attempt().await
}

/// The outcome's name in metrics.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent => "sent",
        Outcome::Retry { .. } => "retry",
        Outcome::Failed { .. } => "failed",
        Outcome::Unknown { .. } => "unknown",
        Outcome::GivenBack => "given back",
    }
}

#[cfg(test)]
mod tests {
    use entity::delivery::DeliveryStatus;
    use rules::facts::Channel;
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

    use super::*;
    use crate::jobs::{Job, world::World};

    #[tokio::test]
    async fn what_leaves_names_nobody_and_nothing() {
        let world = World::new().await;
        let person = world.enroll(0).await;
        world.remind(&person, "come-back", &[Channel::Email]).await;
        world.work().await;
        let [delivery] = &world.deliveries(&person).await[..] else {
            panic!("not one delivery")
        };
        assert_eq!(delivery.status.0, DeliveryStatus::Sent);
        let [mail] = &world.mails()[..] else {
            panic!("not one mail")
        };
        assert!(
            mail.contains("To: citizen0@home.example") && mail.contains("https://handrail.example"),
            "{mail}"
        );
        assert!(mail.contains(&delivery.message_id), "{mail}");
        for telling in ["Åsa", "=C3=85sa", "Öberg", "Må bättre", "mood", "Solrosen"] {
            assert!(!mail.contains(telling), "{mail}");
        }
    }

    #[tokio::test]
    async fn a_channel_without_a_provider_fails_with_its_reason() {
        let world = World::new().await;
        let person = world.enroll(0).await;
        world.remind(&person, "come-back", &[Channel::Sms]).await;
        world.work().await;
        let [delivery] = &world.deliveries(&person).await[..] else {
            panic!("not one delivery")
        };
        assert_eq!(delivery.status.0, DeliveryStatus::Failed);
        assert!(
            delivery.reason.as_ref().unwrap().starts_with("NO_PROVIDER"),
            "{:?}",
            delivery.reason
        );
    }

    #[tokio::test]
    async fn one_poisoned_address_stops_no_other() {
        let world = World::new().await;
        let people = [world.enroll(0).await, world.enroll(1).await];
        let poison = world
            .store
            .keyring()
            .seal("a@b\r\nBcc: everybody@home.example")
            .unwrap();
        entity::citizen::Entity::update_many()
            .col_expr(entity::citizen::Column::Email, Expr::value(poison))
            .filter(entity::citizen::Column::Id.eq(world.enrollment(&people[0]).await.citizen_id))
            .exec(world.store.connection())
            .await
            .unwrap();
        for person in &people {
            world.remind(person, "come-back", &[Channel::Email]).await;
        }
        world.work().await;
        let status = async |n: usize| world.deliveries(&people[n]).await[0].status.0;
        assert_eq!(
            [status(0).await, status(1).await],
            [DeliveryStatus::Failed, DeliveryStatus::Sent]
        );
        assert_eq!(world.mails().len(), 1);
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_tried_again_later() {
        let mut world = World::new().await;
        let person = world.enroll(0).await;
        let folder = world.config.mail.folder.clone();
        // A file where the folder should be.
        std::fs::write(&folder, "").unwrap();
        world.remind(&person, "come-back", &[Channel::Email]).await;
        world.work().await;
        let waiting = &world.deliveries(&person).await[0];
        assert_eq!((waiting.status.0, waiting.attempts), (DeliveryStatus::Ready, 1));
        world.config.mail.folder = folder.with_extension("new");
        assert_eq!(world.work().await, 0);
        world.set("2026-11-23T09:10:00Z");
        world.work().await;
        assert_eq!(world.deliveries(&person).await[0].status.0, DeliveryStatus::Sent);
    }

    #[tokio::test]
    async fn workers_that_race_send_each_message_once() {
        let world = World::new().await;
        for n in 0..6 {
            let person = world.enroll(n).await;
            world.remind(&person, "come-back", &[Channel::Email]).await;
        }
        let workers = [world.worker(), world.worker(), world.worker()];
        let done = futures_util::future::join_all(workers.iter().map(|worker| worker.run_until_idle())).await;
        assert!(done.iter().all(Result::is_ok), "{done:?}");
        assert_eq!(world.mails().len(), 6);
        let attempts = entity::delivery::Entity::find()
            .all(world.store.connection())
            .await
            .unwrap();
        assert!(
            attempts
                .iter()
                .filter(|row| row.channel.0 == Channel::Email)
                .all(|row| row.attempts == 1)
        );
    }

    #[tokio::test]
    async fn what_is_set_aside_hides_nothing_behind_it() {
        let world = World::new().await;
        let mut context = world.context();
        context.sending = 1;
        let people = [world.enroll(0).await, world.enroll(1).await];
        for (person, instant) in people.iter().zip(["2026-11-23T09:00:00Z", "2026-11-23T09:01:00Z"]) {
            world.set(instant);
            world.remind(person, "come-back", &[Channel::Email]).await;
            Job::Reminders.run(&context).await.unwrap();
        }
        entity::citizen::Entity::update_many()
            .col_expr(entity::citizen::Column::Email, Expr::value(None::<Vec<u8>>))
            .filter(entity::citizen::Column::Id.eq(world.enrollment(&people[0]).await.citizen_id))
            .exec(world.store.connection())
            .await
            .unwrap();
        assert_eq!(run(&context).await.unwrap(), 1);
        let status = async |n: usize| world.deliveries(&people[n]).await[0].status.0;
        assert_eq!(
            [status(0).await, status(1).await],
            [DeliveryStatus::Skipped, DeliveryStatus::Sent]
        );
        assert_eq!(run(&context).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_changed_since_it_was_claimed_is_not_handed_over() {
        let world = World::new().await;
        let people = [world.enroll(0).await, world.enroll(1).await];
        let form = world.send(&people[0], "P3D", &["PT1H"]).await;
        world.send(&people[1], "P3D", &["PT1H"]).await;
        world.set("2026-11-23T10:00:00Z");
        let context = world.context();
        Job::Reminders.run(&context).await.unwrap();
        let claimed = delivery::claim(&world.store, &context.name, 8, context.lease)
            .await
            .unwrap();
        assert_eq!(claimed.len(), 2);
        world.answer(&people[0], form, "no").await;
        hand_over(&context, claimed).await.unwrap();
        let mail = async |n: usize| {
            let rows = world.deliveries(&people[n]).await;
            let mail = rows.into_iter().find(|row| row.channel.0 == Channel::Email).unwrap();
            (mail.status.0, mail.reason)
        };
        assert_eq!(mail(0).await, (DeliveryStatus::Skipped, Some("ANSWERED".to_owned())));
        assert_eq!(mail(1).await, (DeliveryStatus::Sent, None));
        assert_eq!(world.mails().len(), 1);
        assert_eq!(run(&context).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_letter_to_staff_that_fails_for_good_brings_the_next_rung_at_once() {
        let mut world = World::new().await;
        let rung = |key: &str, after: &str| serde_json::json!({ "key": key, "after": after, "to": "UNIT_STAFF", "template": "staff-escalation" });
        let rule = serde_json::json!({
            "trigger": { "event": { "enrollmentStarted": {} } },
            "actions": [
                { "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Risk", "audience": "STAFF" } },
                { "escalate": { "kind": "risk", "rungs": [rung("a", "PT0S"), rung("b", "P2D")] } },
            ],
        });
        world.save_rule("risk", rule).await;
        let person = world.enroll(0).await;
        let folder = world.config.mail.folder.clone();
        // A file where the folder should be.
        std::fs::write(&folder, "").unwrap();
        world.work().await;
        assert_eq!(world.deliveries(&person).await.len(), 1);
        for hour in 10..20 {
            world.set(&format!("2026-11-23T{hour}:00:00Z"));
            world.work().await;
        }
        let rows = world.deliveries(&person).await;
        assert_eq!(rows[0].status.0, DeliveryStatus::Failed);
        assert_eq!(rows.len(), 2, "the next rung did not wait for two days");
        world.config.mail.folder = folder.with_extension("new");
        world.set("2026-11-24T09:00:00Z");
        world.work().await;
        assert_eq!(world.deliveries(&person).await[1].status.0, DeliveryStatus::Sent);
    }

    #[tokio::test]
    async fn stopping_gives_back_what_was_only_claimed() {
        let world = World::new().await;
        let person = world.enroll(0).await;
        world.remind(&person, "come-back", &[Channel::Email]).await;
        let context = world.context();
        let claimed = delivery::claim(&world.store, &context.name, 8, context.lease)
            .await
            .unwrap();
        context.stop.cancel();
        send(&context, &claimed[0]).await.unwrap();
        let row = &world.deliveries(&person).await[0];
        assert_eq!(
            (row.status.0, row.attempts, row.lease.as_deref()),
            (DeliveryStatus::Ready, 0, None)
        );
        assert!(world.mails().is_empty());
        assert_eq!(run(&context).await.unwrap(), 0);
    }
}
