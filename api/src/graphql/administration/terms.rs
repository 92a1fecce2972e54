//! Terms that were accepted for a unit.

use async_graphql::{Context, InputObject, Object};
use chrono::{DateTime, Utc};
use entity::{accepted_terms, action::unit::NewTerms};
use serde::Serialize;

use crate::graphql::{actor, care::Staff, error::Result, request};

/// A version of the terms that was accepted for a unit.
pub struct AcceptedTerms(pub(in crate::graphql) accepted_terms::Model);

/// A version of the terms that was accepted for a unit.
#[Object]
impl AcceptedTerms {
    /// Which version.
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// The name of who signed.
    async fn signed_by(&self, ctx: &Context<'_>) -> Result<String> {
        request::opened(ctx, &self.0.signed_by)
    }

    /// The title of who signed.
    async fn signer_title(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let title = self.0.signer_title.as_ref();
        title.map(|title| request::opened(ctx, title)).transpose()
    }

    /// When they signed.
    async fn signed_at(&self) -> DateTime<Utc> {
        self.0.signed_at
    }

    /// When it was written down here.
    async fn accepted_at(&self) -> DateTime<Utc> {
        self.0.accepted_at
    }

    /// Who wrote it down.
    async fn accepted_by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.0.actor.0)
    }
}

/// Terms that are accepted for a unit.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TermsInput {
    /// Which version, as whoever runs Handrail calls it.
    version: String,
    /// The name of who signed.
    signed_by: String,
    /// The title of who signed.
    signer_title: Option<String>,
    /// When they signed; now where absent.
    signed_at: Option<DateTime<Utc>>,
}

impl From<TermsInput> for NewTerms {
    fn from(input: TermsInput) -> Self {
        let TermsInput {
            version,
            signed_by,
            signer_title,
            signed_at,
        } = input;
        Self {
            version,
            signed_by,
            signer_title,
            signed_at,
        }
    }
}
