//! Renaming a care provider.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::action::care;
use futures_util::FutureExt;
use serde::Serialize;

use super::CareProvider;
use crate::graphql::{
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
};

/// Gives a care provider another name.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RenameProviderInput {
    /// The care provider.
    provider_id: ID,
    /// What it is called from now on.
    name: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of renaming a care provider.
#[derive(SimpleObject)]
pub struct RenameProviderPayload {
    /// The care provider.
    care_provider: Option<CareProvider>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// Renaming care providers.
#[derive(Default)]
pub struct ProviderMutation;

#[Object]
impl ProviderMutation {
    /// Gives a care provider another name. Its administrators do.
    async fn rename_provider(&self, ctx: &Context<'_>, input: RenameProviderInput) -> Result<RenameProviderPayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "renameProvider", key, &input, |act| {
            async move {
                let provider = id::input(Kind::CareProvider, &wanted.provider_id, "providerId")?;
                care::rename_provider(act, provider, &wanted.name).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => RenameProviderPayload {
                care_provider: CareProvider::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => RenameProviderPayload {
                care_provider: None,
                errors,
            },
        })
    }
}
