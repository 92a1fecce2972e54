//! What citizens say of how they are reached, or guardians for them.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entity::action::contact::{self, Details};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use crate::graphql::{
    citizen::Citizen,
    error::{Result, UserError},
    id,
    mutation::{Done, mutate},
    reminder::Channel,
    scalar::{LocalTime, said},
};

/// One's own addresses. What is left out stays; null takes it away.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateMyContactDetailsInput {
    /// The e-mail address.
    #[graphql(secret)]
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    email: MaybeUndefined<String>,
    /// The phone number: `070-123 45 67`, or with the country, `+46 70 123 45 67`.
    #[graphql(secret)]
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    phone: MaybeUndefined<String>,
    /// Of whom, where a guardian says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    citizen_id: Option<ID>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Whether one wants to be reached on a channel.
#[derive(Clone, Debug, InputObject, Serialize)]
pub struct ChannelChoiceInput {
    /// The channel.
    channel: Channel,
    /// Whether it is wanted.
    enabled: bool,
}

/// On which channels one wants to be reached.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetMyNotificationChoicesInput {
    /// The channels; those that are not named stay as they are.
    channels: Vec<ChannelChoiceInput>,
    /// Of whom, where a guardian says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    citizen_id: Option<ID>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Local times between which one wants to hear nothing.
#[derive(Clone, Debug, InputObject, Serialize)]
pub struct QuietTimesInput {
    /// From when.
    from: LocalTime,
    /// Until when; the same time for no quiet at all.
    until: LocalTime,
}

/// When one wants to hear nothing.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetMyQuietHoursInput {
    /// Between which local times; from 21:00 until 07:00, as for everybody, where null.
    quiet_hours: Option<QuietTimesInput>,
    /// Of whom, where a guardian says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    citizen_id: Option<ID>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

macro_rules! payload {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// The citizen.
            citizen: Option<Citizen>,
            /// What can be mended.
            errors: Vec<UserError>,
        }

        impl From<Done<Uuid>> for $name {
            fn from(done: Done<Uuid>) -> Self {
                match done {
                    Ok(id) => Self { citizen: Some(Citizen(id)), errors: Vec::new() },
                    Err(errors) => Self { citizen: None, errors },
                }
            }
        }
    )*};
}

payload! {
    /// What came of changing one's addresses.
    UpdateMyContactDetailsPayload;
    /// What came of choosing channels.
    SetMyNotificationChoicesPayload;
    /// What came of choosing quiet hours.
    SetMyQuietHoursPayload;
}

/// What citizens say of how they are reached.
#[derive(Default)]
pub struct OwnContactMutation;

#[Object]
impl OwnContactMutation {
    /// Changes one's own e-mail address and phone number.
    async fn update_my_contact_details(
        &self,
        ctx: &Context<'_>,
        input: UpdateMyContactDetailsInput,
    ) -> Result<UpdateMyContactDetailsPayload> {
        let details = Details {
            email: said(&input.email),
            phone: said(&input.phone),
        };
        let citizen = input.citizen_id.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "updateMyContactDetails", key, &input, |act| {
            async move { contact::set_details(act, id::input_citizen(citizen.as_ref())?, &details).await }.boxed()
        });
        Ok(done.await?.into())
    }

    /// Says on which channels one wants to be reached.
    async fn set_my_notification_choices(
        &self,
        ctx: &Context<'_>,
        input: SetMyNotificationChoicesInput,
    ) -> Result<SetMyNotificationChoicesPayload> {
        let choices: Vec<_> = input
            .channels
            .iter()
            .map(|choice| (choice.channel.into(), choice.enabled))
            .collect();
        let citizen = input.citizen_id.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "setMyNotificationChoices", key, &input, |act| {
            async move { contact::choose_channels(act, id::input_citizen(citizen.as_ref())?, &choices).await }.boxed()
        });
        Ok(done.await?.into())
    }

    /// Says between which local times one wants to hear nothing.
    async fn set_my_quiet_hours(
        &self,
        ctx: &Context<'_>,
        input: SetMyQuietHoursInput,
    ) -> Result<SetMyQuietHoursPayload> {
        let hours = input.quiet_hours.as_ref().map(|hours| (hours.from.0, hours.until.0));
        let citizen = input.citizen_id.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "setMyQuietHours", key, &input, |act| {
            async move { contact::set_quiet_hours(act, id::input_citizen(citizen.as_ref())?, hours).await }.boxed()
        });
        Ok(done.await?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repetition is known by its input.
    #[test]
    fn what_is_left_out_differs_from_what_is_taken_away() {
        let input = |email| UpdateMyContactDetailsInput {
            email,
            phone: MaybeUndefined::Undefined,
            citizen_id: None,
            idempotency_key: None,
        };
        let written = |email| serde_json::to_value(input(email)).unwrap();
        assert_ne!(written(MaybeUndefined::Null), written(MaybeUndefined::Undefined));
    }
}
