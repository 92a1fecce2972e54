//! The server as a whole: record, sign-in, routes, bus and, unless it runs elsewhere, the worker.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use entity::{clock::Clock, store::Store};
use jsonwebtoken::{Algorithm, jwk::JwkSet};
use poem::listener::{Acceptor, Listener, TcpAcceptor, TcpListener};
use sea_orm::DatabaseConnection;
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use worker::{
    Worker, bus,
    channel::mail::Mailer,
    config::{self, Config},
    database, files,
};

use crate::{
    app::App,
    auth::{DevelopmentIssuer, Issuer, Keys, SignIn, Verifier, development},
    graphql, http,
    limits::Limits,
};

/// How often an issuer is asked for a key that it did not have a moment ago.
const PAUSE: Duration = Duration::from_secs(30);
/// How long a connection may be silent, in either direction.
const IDLE: Duration = Duration::from_secs(75);
/// How long sockets may take to be closed.
const FAREWELL: Duration = Duration::from_secs(5);

/// A running server.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    address: SocketAddr,
    background: JoinSet<()>,
    /// What ends when the server stops: serving and, where it is embedded, the worker.
    parts: JoinSet<Result<()>>,
}

impl Server {
    /// Starts serving on the configured address. The database must be migrated.
    ///
    /// # Errors
    /// What is wrong with the configuration, the database, the place of files or the address, and what to do.
    pub async fn start(config: Config, clock: Clock) -> Result<Self> {
        http::metrics::record();
        let connection = open(&config).await?;
        files::check(&config).await?;
        let store = database::record(&config, connection, clock).await?;

        let issuer = development_issuer(&config)?;
        let sign_in = SignIn::new(store.clone(), verifier(&config, issuer.as_ref())?);
        let stop = CancellationToken::new();
        let app = Arc::new(App {
            schema: graphql::schema(&config),
            limits: limits(&config.limits),
            store: store.clone(),
            files: config.files(),
            sign_in,
            issuer,
            stop: stop.clone(),
            sockets: TaskTracker::new(),
            config,
        });

        let acceptor = listen(app.config.http.listen, "`handrail serve --listen`").await?;
        let measured = match app.config.http.metrics_listen {
            Some(address) => Some(listen(address, "http.metrics_listen").await?),
            None => None,
        };
        let address = acceptor
            .local_addr()
            .iter()
            .find_map(|address| address.as_socket_addr().copied());
        let address = address.context("the server has no address")?;

        let mut parts = JoinSet::new();
        if app.config.worker.embedded {
            let worker = Worker::new(store.clone(), &app.config, Mailer::new(&app.config.mail)?);
            let stop = stop.clone();
            parts.spawn(async move { worker.run(stop).await.context("the worker stopped") });
        }
        let mut background = JoinSet::new();
        background.spawn(store.clone().keep_fresh());
        let (redis, stopped) = (app.config.redis.clone(), stop.clone());
        background.spawn(async move { bus::run(store, &redis, stopped).await });
        if let Some(acceptor) = measured {
            background.spawn(async move {
                let server = poem::Server::new_with_acceptor(acceptor).idle_timeout(IDLE);
                if let Err(error) = server.run(http::measurements()).await {
                    tracing::error!(%error, "measurements are not served any more");
                }
            });
        }

        let within = app.config.http.stop_within;
        let serving = poem::Server::new_with_acceptor(acceptor)
            .idle_timeout(IDLE)
            .run_with_graceful_shutdown(http::routes(&app), stop.cancelled_owned(), Some(within));
        parts.spawn(async move { serving.await.context("the server stopped") });
        Ok(Self {
            app,
            address,
            background,
            parts,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its requests share.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The record.
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// Cancelled, it makes [`Server::wait`] return.
    pub fn stop_token(&self) -> CancellationToken {
        self.app.stop.clone()
    }

    /// Waits until it is asked to stop, or stops by itself because something failed; then finishes what is under way.
    ///
    /// # Errors
    /// Why it stopped by itself.
    pub async fn wait(mut self) -> Result<()> {
        let stop = self.app.stop.clone();
        let ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            Some(ended) = self.parts.join_next() => ended.context("a part of the server panicked").flatten(),
        };
        stop.cancel();
        ended.and(self.finish().await)
    }

    /// Stops: nothing new is accepted, requests and jobs under way are finished, sockets are closed.
    ///
    /// # Errors
    /// When something did not end as it should.
    pub async fn stop(self) -> Result<()> {
        self.app.stop.cancel();
        self.finish().await
    }

    async fn finish(mut self) -> Result<()> {
        self.app.sockets.close();
        if tokio::time::timeout(FAREWELL, self.app.sockets.wait()).await.is_err() {
            tracing::warn!("some sockets did not close in time");
        }
        let mut finished = Ok(());
        while let Some(ended) = self.parts.join_next().await {
            finished = finished.and(ended.context("a part of the server panicked").flatten());
        }
        self.background.shutdown().await;
        finished
    }
}

/// Listens on an address; `choice` names what chooses another.
async fn listen(address: SocketAddr, choice: &str) -> Result<TcpAcceptor> {
    let listening = TcpListener::bind(address).into_acceptor().await;
    listening.with_context(|| {
        format!("nothing can listen on {address}: stop what does, or choose another address with {choice}")
    })
}

/// Opens a database that is up to date.
///
/// # Errors
/// When it is away, or of another version.
pub async fn open(config: &Config) -> Result<DatabaseConnection> {
    let connection = database::open(&config.database).await?;
    let pending = migration::pending(&connection)
        .await
        .context("the database's version cannot be read")?;
    ensure!(
        pending == 0,
        "the database is of an older version: run `handrail migrate` first"
    );
    Ok(connection)
}

/// Handrail's own issuer, with its key beside the database.
///
/// # Errors
/// When its key cannot be read or made.
pub fn development_issuer(config: &Config) -> Result<Option<DevelopmentIssuer>> {
    if !config.has_development_issuer() {
        return Ok(None);
    }
    let file = config.folder().join("handrail-issuer.pem");
    DevelopmentIssuer::open(&file, &config.auth.audience).map(Some)
}

fn verifier(config: &Config, development: Option<&DevelopmentIssuer>) -> Result<Verifier> {
    let auth = &config.auth;
    let accepted: Vec<Algorithm> = auth.algorithms.iter().copied().map(algorithm).collect();
    let mut issuers = Vec::new();
    if let Some(issuer) = development {
        issuers.push(Issuer {
            name: development::ISSUER.to_owned(),
            keys: issuer.keys(),
        });
    }
    if let Some(name) = &auth.issuer {
        let keys = match (&auth.jwks_url, &auth.keys_file) {
            (Some(url), _) => Keys::fetched(url, &accepted, auth.refresh, PAUSE)?,
            (None, Some(file)) => {
                let shown = file.display();
                let text = std::fs::read(file).with_context(|| format!("auth.keys_file: {shown} cannot be read"))?;
                let set: JwkSet = serde_json::from_slice(&text)
                    .with_context(|| format!("auth.keys_file: {shown} is no JSON Web Key Set"))?;
                Keys::given(&set, &accepted)
            }
            (None, None) => Keys::given(&JwkSet { keys: Vec::new() }, &accepted),
        };
        issuers.push(Issuer {
            name: name.clone(),
            keys,
        });
    }
    let leeway = TimeDelta::from_std(auth.leeway).context("auth.leeway is too long")?;
    Ok(Verifier::new(issuers, &auth.audience, leeway))
}

fn algorithm(named: config::Algorithm) -> Algorithm {
    match named {
        config::Algorithm::Rs256 => Algorithm::RS256,
        config::Algorithm::Ps256 => Algorithm::PS256,
        config::Algorithm::Es256 => Algorithm::ES256,
        config::Algorithm::EdDsa => Algorithm::EdDSA,
    }
}

fn limits(limits: &config::Limits) -> Limits {
    let most = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    Limits {
        selections: most(limits.selections),
        depth: most(limits.depth),
        aliases: most(limits.aliases),
        ..Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::testing::House;

    #[tokio::test]
    async fn a_server_that_has_ended_already_when_it_is_asked_to_stop_stops_in_peace() {
        // Which end is noticed first is chance.
        for _ in 0..8 {
            let house = House::configured(|config| config.worker.embedded = true).await;
            house.server.stop_token().cancel();
            while tokio::net::TcpStream::connect(house.server.address()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            house.server.wait().await.unwrap();
        }
    }
}
