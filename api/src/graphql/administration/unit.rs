//! Connecting units, accepting terms for them, renaming and disconnecting them.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::NaiveDate;
use entity::action::unit::{self, ConnectUnit};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::terms::TermsInput;
use crate::graphql::{
    care::Unit,
    contact::{PhoneInput, WordsInput, unit_contact},
    error::{Result, UserError},
    id::{self, Kind},
    mutation::{Done, mutate},
    office_hours::OfficeHoursInput,
};

/// Connects a unit.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectUnitInput {
    /// What it is called.
    name: String,
    /// The IANA time zone; Europe/Stockholm where absent.
    time_zone: Option<String>,
    /// The terms that were accepted for it.
    terms: TermsInput,
    /// Its phone numbers, the one to call first at the front.
    phones: Option<Vec<PhoneInput>>,
    /// What to do in an emergency, by language.
    emergency_text: Option<Vec<WordsInput>>,
    /// When it is open, in words, by language.
    opening_hours: Option<Vec<WordsInput>>,
    /// When it is open every week, as times; always, where empty.
    #[graphql(default)]
    office_hours: Vec<OfficeHoursInput>,
    /// The local dates on which it is closed all the same.
    #[graphql(default)]
    closed_days: Vec<NaiveDate>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Accepts a version of the terms for a unit.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptTermsInput {
    /// The unit.
    unit_id: ID,
    /// What is accepted.
    terms: TermsInput,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Gives a unit another name.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RenameUnitInput {
    /// The unit.
    unit_id: ID,
    /// What it is called from now on.
    name: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Disconnects a unit.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DisconnectUnitInput {
    /// The unit, where no enrollment is running.
    unit_id: ID,
    /// Why; it stands in the log.
    reason: Option<String>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Connects a disconnected unit again.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReconnectUnitInput {
    /// The unit.
    unit_id: ID,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of changing a unit.
#[derive(SimpleObject)]
pub struct UnitPayload {
    /// The unit.
    unit: Option<Unit>,
    /// What can be mended.
    errors: Vec<UserError>,
}

impl UnitPayload {
    async fn of(ctx: &Context<'_>, done: Done<Uuid>) -> Result<Self> {
        Ok(match done {
            Ok(id) => Self {
                unit: Unit::anew(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => Self { unit: None, errors },
        })
    }
}

/// Connecting and disconnecting units.
#[derive(Default)]
pub struct UnitMutation;

#[Object]
impl UnitMutation {
    /// Connects a unit of one's care provider. Administrators of the provider do.
    async fn connect_unit(&self, ctx: &Context<'_>, input: ConnectUnitInput) -> Result<UnitPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "connectUnit", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let connect = ConnectUnit {
                    name: wanted.name,
                    zone: wanted.time_zone,
                    terms: wanted.terms.into(),
                    contact: unit_contact(
                        Uuid::nil(),
                        wanted.phones.as_deref(),
                        wanted.emergency_text.as_deref(),
                        wanted.opening_hours.as_deref(),
                    ),
                    office_hours: wanted.office_hours.iter().map(Into::into).collect(),
                    closed_days: wanted.closed_days,
                };
                unit::connect(act, connect).await
            }
            .boxed()
        });
        UnitPayload::of(ctx, done.await?).await
    }

    /// Accepts a version of the terms for a unit; those before stay to be read. Administrators of the provider do.
    async fn accept_terms(&self, ctx: &Context<'_>, input: AcceptTermsInput) -> Result<UnitPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "acceptTerms", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let unit = id::input(Kind::Unit, &wanted.unit_id, "unitId")?;
                unit::accept_terms(act, unit, &wanted.terms.into()).await
            }
            .boxed()
        });
        UnitPayload::of(ctx, done.await?).await
    }

    /// Gives a unit another name. Administrators of the provider do.
    async fn rename_unit(&self, ctx: &Context<'_>, input: RenameUnitInput) -> Result<UnitPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "renameUnit", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let unit = id::input(Kind::Unit, &wanted.unit_id, "unitId")?;
                unit::rename(act, unit, &wanted.name).await
            }
            .boxed()
        });
        UnitPayload::of(ctx, done.await?).await
    }

    /// Disconnects a unit at which every enrollment has ended: nobody can be enrolled there any more, and its open programs are
    /// closed. Its staff read what is there until their assignments end. Administrators of the provider do.
    async fn disconnect_unit(&self, ctx: &Context<'_>, input: DisconnectUnitInput) -> Result<UnitPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "disconnectUnit", key, &input, |act| {
            async move {
                let unit = id::input(Kind::Unit, &wanted.unit_id, "unitId")?;
                unit::disconnect(act, unit, wanted.reason.as_deref()).await
            }
            .boxed()
        });
        UnitPayload::of(ctx, done.await?).await
    }

    /// Connects a disconnected unit again. Administrators of the provider do.
    async fn reconnect_unit(&self, ctx: &Context<'_>, input: ReconnectUnitInput) -> Result<UnitPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "reconnectUnit", key, &input, |act| {
            async move {
                let unit = id::input(Kind::Unit, &wanted.unit_id, "unitId")?;
                unit::reconnect(act, unit).await
            }
            .boxed()
        });
        UnitPayload::of(ctx, done.await?).await
    }
}
