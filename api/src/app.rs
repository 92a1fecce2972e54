//! What every request needs: the record, the schema, signing in and the limits.

use std::pin::Pin;

use anyhow::{Context, Result};
use async_graphql::{Response, ServerError};
use chrono::Duration;
use entity::{
    files::Files,
    store::Store,
    viewer::{Viewer, Who},
};
use futures_util::Stream;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use worker::config::Config;

use crate::{
    auth::{DevelopmentIssuer, SignIn},
    graphql,
    limits::{Limits, coded},
    request::Prepared,
    seed::personas,
};

/// The code of a request that took too long.
pub const TIMEOUT: &str = "TIMEOUT";

/// Shared by every request of the process.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The record.
    pub store: Store,
    /// Where attached files are kept.
    pub files: Files,
    /// What can be asked.
    pub schema: graphql::Schema,
    /// Who asks.
    pub sign_in: SignIn,
    /// Signs in the personas of the demo, in development.
    pub issuer: Option<DevelopmentIssuer>,
    /// How much may be asked at once.
    pub limits: Limits,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// The open sockets.
    pub sockets: TaskTracker,
}

/// What an operation sends.
pub type Responses = Pin<Box<dyn Stream<Item = Response> + Send>>;

impl App {
    /// Executes a query or a mutation.
    pub async fn execute(&self, prepared: Prepared, who: Who, language: Option<&str>) -> Response {
        let viewer = Viewer::new(who, &prepared.name);
        let kind = prepared.kind;
        let executed = graphql::execute(&self.schema, prepared.request, kind, &self.store, &viewer, language);
        timeout(self.config.http.timeout, executed).await.unwrap_or_else(|_| {
            let advice = graphql::advice(kind);
            let message =
                format!("The request took too long and was given up. {advice} Asking for less takes less time.");
            Response::from_errors(vec![*coded(ServerError::new(message, None), TIMEOUT)])
        })
    }

    /// Executes a subscription.
    pub fn subscribe(&self, prepared: Prepared, who: Who, language: Option<&str>) -> Responses {
        let viewer = Viewer::new(who, &prepared.name);
        Box::pin(graphql::execute_stream(
            &self.schema,
            prepared.request,
            &self.store,
            &viewer,
            language,
        ))
    }

    /// A token of a persona of the demo.
    ///
    /// # Errors
    /// Where Handrail does not sign people in by itself, or there is no such persona.
    pub fn token(&self, persona: &str, lifetime: Duration) -> Result<String> {
        let issuer = self.issuer.as_ref().context("the development issuer is off")?;
        let personas = personas()?;
        let persona = personas
            .iter()
            .find(|known| known.key == persona)
            .context("there is no such persona")?;
        issuer.token(&persona.key, persona.kind, None, self.store.now(), lifetime)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("App")
    }
}
