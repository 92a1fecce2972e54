//! Sends the letters that invite staff. What is taken and not written down, since a process ended, is sent again.

use entity::{delivery::Outcome, error::Result, invitation};
use futures_util::future::join_all;

use super::{Context, deliver::write};
use crate::{
    channel::mail::Email,
    template::{self, INVITATION},
};

pub(super) async fn run(context: &Context) -> Result<usize> {
    if context.stop.is_cancelled() {
        return Ok(0);
    }
    // No more than are sent at once, so that none waits while its lease runs.
    let limit = u64::try_from(context.sending).unwrap_or(1);
    let (looked_at, claimed) = invitation::claim(&context.store, limit, context.lease).await?;
    let sent = join_all(claimed.iter().map(|claimed| hand_over(context, claimed))).await;
    sent.into_iter().collect::<Result<()>>()?;
    Ok(looked_at)
}

async fn hand_over(context: &Context, claimed: &invitation::Claimed) -> Result<()> {
    let outcome = if context.stop.is_cancelled() {
        Outcome::GivenBack
    } else {
        send(context, claimed).await
    };
    write(|| invitation::finish(&context.store, claimed, &outcome)).await
}

async fn send(context: &Context, claimed: &invitation::Claimed) -> Outcome {
    let Ok(rendered) = template::render(INVITATION, &claimed.locale, &context.sign_in) else {
        return Outcome::Failed {
            reason: "BAD_TEMPLATE: its template cannot be written".to_owned(),
        };
    };
    let email = Email {
        to: &claimed.address,
        subject: rendered.subject,
        text: rendered.text,
        message_id: &claimed.message_id(),
        at: context.store.now(),
    };
    context.mailer.send(&email).await
}
