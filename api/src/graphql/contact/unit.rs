//! Saying how a unit is reached, and what to do in an emergency.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::action::{
    self,
    unit_contact::{NewPhone, UnitContact, Words},
};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use crate::graphql::{
    care::Unit,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
};

/// A text in one language.
#[derive(Clone, Debug, InputObject, Serialize)]
pub struct WordsInput {
    /// The language (BCP 47).
    locale: String,
    /// The text.
    text: String,
}

/// A phone number with what it is for.
#[derive(Clone, Debug, InputObject, Serialize)]
pub struct PhoneInput {
    /// What it is for, by language.
    #[graphql(default)]
    label: Vec<WordsInput>,
    /// The number: `08-123 456 78`, with the country, or a short one such as 1177.
    number: String,
}

/// How a unit is reached. What is left out stays; an empty list takes it away.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateUnitContactInput {
    /// The unit.
    unit_id: ID,
    /// Its phone numbers, the one to call first at the front.
    phones: Option<Vec<PhoneInput>>,
    /// What to do in an emergency, by language.
    emergency_text: Option<Vec<WordsInput>>,
    /// When it is open, in words, by language; `setOfficeHours` says it as times.
    opening_hours: Option<Vec<WordsInput>>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of saying how a unit is reached.
#[derive(SimpleObject)]
pub struct UpdateUnitContactPayload {
    /// The unit.
    unit: Option<Unit>,
    /// What can be mended.
    errors: Vec<UserError>,
}

fn words(inputs: &[WordsInput]) -> Vec<Words> {
    let inputs = inputs.iter().cloned();
    inputs
        .map(|WordsInput { locale, text }| Words { locale, text })
        .collect()
}

/// How a unit is to be reached; what is absent stays.
pub fn unit_contact(
    unit_id: Uuid,
    phones: Option<&[PhoneInput]>,
    emergency: Option<&[WordsInput]>,
    opening_hours: Option<&[WordsInput]>,
) -> UnitContact {
    let phone = |phone: &PhoneInput| NewPhone {
        label: words(&phone.label),
        number: phone.number.clone(),
    };
    UnitContact {
        unit_id,
        phones: phones.map(|phones| phones.iter().map(phone).collect()),
        emergency: emergency.map(words),
        opening_hours: opening_hours.map(words),
    }
}

/// Saying how units are reached.
#[derive(Default)]
pub struct UnitContactMutation;

#[Object]
impl UnitContactMutation {
    /// Says how a unit is reached, and what to do in an emergency. Administrators of the unit or its provider do.
    async fn update_unit_contact(
        &self,
        ctx: &Context<'_>,
        input: UpdateUnitContactInput,
    ) -> Result<UpdateUnitContactPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "updateUnitContact", key, &input, |act| {
            async move {
                let contact = unit_contact(
                    id::input(Kind::Unit, &wanted.unit_id, "unitId")?,
                    wanted.phones.as_deref(),
                    wanted.emergency_text.as_deref(),
                    wanted.opening_hours.as_deref(),
                );
                action::unit_contact::set(act, &contact).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => UpdateUnitContactPayload {
                unit: Unit::anew(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => UpdateUnitContactPayload { unit: None, errors },
        })
    }
}
