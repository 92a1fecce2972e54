//! Putting a citizen's addresses right, by staff.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    action::contact::{self, Details},
    viewer::Actor,
};
use futures_util::FutureExt;
use serde::Serialize;

use crate::graphql::{
    actor::ActorKind,
    care::Staff,
    citizen::Citizen,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
    request,
    scalar::said,
};

/// That somebody said a citizen's addresses.
pub struct ContactChange {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
}

/// That somebody said a citizen's addresses.
#[Object]
impl ContactChange {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// Which side did it.
    async fn actor(&self) -> ActorKind {
        self.actor.into()
    }

    /// Who of the staff did it, for those who act at the same unit.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        let request = request::of(ctx);
        let by = request
            .store
            .directory()
            .colleague_at_the_unit(&request.viewer, self.actor);
        Staff::all(ctx, by).pop()
    }
}

/// The addresses of a citizen as they are right. What is left out stays; null takes it away.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CorrectContactDetailsInput {
    /// The citizen.
    citizen_id: ID,
    /// The e-mail address.
    #[graphql(secret)]
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    email: MaybeUndefined<String>,
    /// The phone number: `070-123 45 67`, or with the country, `+46 70 123 45 67`.
    #[graphql(secret)]
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    phone: MaybeUndefined<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of putting a citizen's addresses right.
#[derive(SimpleObject)]
pub struct CorrectContactDetailsPayload {
    /// The citizen.
    citizen: Option<Citizen>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// Putting addresses right.
#[derive(Default)]
pub struct ContactCorrectionMutation;

#[Object]
impl ContactCorrectionMutation {
    /// Puts the e-mail address or phone number of a citizen right, who takes part in something at the unit. Whoever administers
    /// enrollments there does; `Citizen.contactChange` says who did last.
    async fn correct_contact_details(
        &self,
        ctx: &Context<'_>,
        input: CorrectContactDetailsInput,
    ) -> Result<CorrectContactDetailsPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "correctContactDetails", key, &input, |act| {
            async move {
                let citizen = id::input(Kind::Citizen, &wanted.citizen_id, "citizenId")?;
                let details = Details {
                    email: said(&wanted.email),
                    phone: said(&wanted.phone),
                };
                contact::correct_details(act, citizen, &details).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => CorrectContactDetailsPayload {
                citizen: Some(Citizen(id)),
                errors: Vec::new(),
            },
            Err(errors) => CorrectContactDetailsPayload { citizen: None, errors },
        })
    }
}
