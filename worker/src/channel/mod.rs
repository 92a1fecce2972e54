//! The ways to reach people.

pub mod mail;
mod smtp;

use entity::delivery::{Claimed, Outcome};
use rules::facts::Channel;

use self::mail::{Email, Mailer};
use crate::template;

/// Sends one delivery on its channel. Nothing here touches the database.
pub(crate) async fn send(
    mailer: &Mailer,
    sign_in: &str,
    delivery: &Claimed,
    at: chrono::DateTime<chrono::Utc>,
) -> Outcome {
    let no_provider = |what: &str| Outcome::Failed {
        reason: format!("NO_PROVIDER: this Handrail has no provider of {what}"),
    };
    match delivery.row.channel.0 {
        Channel::Email => match template::render(&delivery.template, &delivery.locale, sign_in) {
            Ok(rendered) => {
                let email = Email {
                    to: &delivery.address,
                    subject: rendered.subject,
                    text: rendered.text,
                    message_id: &delivery.row.message_id,
                    at,
                };
                mailer.send(&email).await
            }
            Err(_) => Outcome::Failed {
                reason: "BAD_TEMPLATE: its template cannot be written".to_owned(),
            },
        },
        Channel::Sms => no_provider("text messages"),
        Channel::WebPush => no_provider("push notifications"),
        // It is there to be read once it counts as sent.
        Channel::Inbox => Outcome::Sent,
    }
}
