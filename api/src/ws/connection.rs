//! One socket from its first message to its close.
//!
//! A socket is one task that reads, executes and writes in turn. Nothing is queued: a client that does not read keeps the
//! task waiting on its next write, subscriptions wait with it (they read on from their cursor), and one that does not read
//! for long is let go.

use std::{borrow::Cow, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_graphql::{Response, ServerError, parser::types::OperationType};
use entity::viewer::Who;
use futures_util::{FutureExt, SinkExt, Stream, StreamExt, stream};
use poem::web::websocket::{Message, WebSocketStream};
use serde_json::{Map, Value};
use std::pin::Pin;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_stream::StreamMap;

use super::message::{Close, FromClient, FromServer, token};
use crate::{
    app::App,
    auth::{AuthError, SignedIn},
    http::graphql::was_executed,
    limits::{LIMIT_EXCEEDED, coded},
    request::Asked,
};

/// How long a client may take to sign in.
const INIT: Duration = Duration::from_secs(10);
/// How often the end of a token is looked at, and the place of staff anew.
const GLANCE: Duration = Duration::from_secs(1);
/// How often a client is pinged.
const PULSE: Duration = Duration::from_secs(15);
/// How long nothing may come from a client.
const SILENCE: Duration = Duration::from_secs(45);
/// How long one message may wait for a client to read.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a client may take to answer a close.
const FAREWELL: Duration = Duration::from_secs(2);

/// What one operation sends: its responses, and `None` when it is done.
type Responses = Pin<Box<dyn Stream<Item = Option<Response>> + Send>>;

struct Connection {
    socket: WebSocketStream,
    app: Arc<App>,
    language: Option<String>,
    signed_in: Option<SignedIn>,
    running: StreamMap<String, Responses>,
    heard: Instant,
}

/// Why a socket ends.
enum End {
    /// We close it.
    Close(Cow<'static, str>, u16),
    /// The client closed it, or is gone.
    Gone,
}

impl From<Close> for End {
    fn from(Close(code, reason): Close) -> Self {
        Self::Close(Cow::Borrowed(reason), code)
    }
}

/// An open socket, as it is measured.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("handrail_sockets").increment(1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("handrail_sockets").decrement(1);
    }
}

/// Serves a socket until it is closed.
pub(super) async fn serve(socket: WebSocketStream, app: Arc<App>, speaks: bool, language: Option<String>) {
    let _counted = Counted::new();
    let mut connection = Connection {
        socket,
        app,
        language,
        signed_in: None,
        running: StreamMap::new(),
        heard: Instant::now(),
    };
    let end = match speaks {
        true => AssertUnwindSafe(connection.run())
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                tracing::error!("a socket panicked");
                Close::FAULT.into()
            }),
        false => Close::NO_PROTOCOL.into(),
    };
    connection.running.clear();
    if let End::Close(reason, code) = end {
        let _ = timeout(FAREWELL, connection.close(reason, code)).await;
    }
}

/// Goes on where whoever signed in is still who they were.
async fn still(app: &App, signed_in: &SignedIn) -> Result<(), End> {
    match app.sign_in.is_still(signed_in).await {
        Ok(true) | Err(AuthError::Unavailable) => Ok(()),
        _ => Err(Close::FORBIDDEN.into()),
    }
}

impl Connection {
    async fn run(&mut self) -> End {
        let stop = self.app.stop.clone();
        let init = sleep_until(Instant::now() + INIT);
        tokio::pin!(init);
        let (mut glance, mut pulse) = (interval(GLANCE), interval(PULSE));
        glance.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = stop.cancelled() => Err(Close::GOING_AWAY.into()),
                () = &mut init, if self.signed_in.is_none() => Err(Close::INIT_TIMEOUT.into()),
                _ = glance.tick() => self.glance().await,
                _ = pulse.tick() => self.pulse().await,
                message = self.socket.next() => self.receive(message).await,
                Some((id, response)) = self.running.next() => self.next(&id, response).await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Lets go of people whose token has expired, and of staff who lost their place since they signed in, whom memory knows.
    async fn glance(&mut self) -> Result<(), End> {
        match &self.signed_in {
            Some(signed_in) if self.app.store.now() >= signed_in.until => Err(Close::EXPIRED.into()),
            Some(signed_in) if matches!(signed_in.who, Who::Staff { .. }) => still(&self.app, signed_in).await,
            _ => Ok(()),
        }
    }

    /// Lets go of guardians who lost their place, whom memory does not know, before anything more is done for them.
    async fn guardian(&mut self) -> Result<(), End> {
        match &self.signed_in {
            Some(signed_in) if matches!(signed_in.who, Who::Guardian { .. }) => still(&self.app, signed_in).await,
            _ => Ok(()),
        }
    }

    /// Lets go of clients that are gone, and of everybody who lost their place.
    async fn pulse(&mut self) -> Result<(), End> {
        if self.heard.elapsed() >= SILENCE {
            return Err(End::Gone);
        }
        if let Some(signed_in) = &self.signed_in {
            still(&self.app, signed_in).await?;
        }
        self.write(Message::Ping(Vec::new())).await
    }

    async fn receive(&mut self, message: Option<std::io::Result<Message>>) -> Result<(), End> {
        self.heard = Instant::now();
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            // Pings are answered below us.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => return Err(Close::INVALID_MESSAGE.into()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
        };
        match serde_json::from_str(&text).map_err(|_| Close::INVALID_MESSAGE)? {
            FromClient::ConnectionInit { payload } => self.init(&payload.unwrap_or_default()).await,
            FromClient::Ping { payload } => self.send(&FromServer::Pong { payload }).await,
            FromClient::Pong {} => Ok(()),
            FromClient::Subscribe { id, payload } => self.subscribe(id, payload).await,
            FromClient::Complete { id } => {
                self.running.remove(&id);
                Ok(())
            }
        }
    }

    async fn init(&mut self, payload: &Map<String, Value>) -> Result<(), End> {
        if self.signed_in.is_some() {
            return Err(Close::TOO_MANY_INITS.into());
        }
        let token = token(payload).ok_or(Close::FORBIDDEN)?;
        let signed_in = self.app.sign_in.with(token).await.map_err(|error| match error {
            AuthError::Unavailable => Close::TRY_AGAIN_LATER,
            AuthError::Expired => Close::EXPIRED,
            _ => Close::FORBIDDEN,
        })?;
        self.signed_in = Some(signed_in);
        self.send(&FromServer::ConnectionAck).await
    }

    async fn subscribe(&mut self, id: String, payload: Value) -> Result<(), End> {
        let who = match &self.signed_in {
            Some(signed_in) => signed_in.who.clone(),
            None => return Err(Close::UNAUTHORIZED.into()),
        };
        self.guardian().await?;
        self.app.sign_in.note(&who).await;
        if self.running.contains_key(&id) {
            // A close frame carries 123 bytes at most.
            let id: String = id.chars().take(20).collect();
            return Err(End::Close(format!("Subscriber for {id} already exists").into(), 4409));
        }
        let most = self.app.config.limits.subscriptions;
        if self.running.len() >= most {
            let message =
                format!("At most {most} operations run over one socket: complete one, or open another socket.");
            return self
                .refuse(&id, *coded(ServerError::new(message, None), LIMIT_EXCEEDED))
                .await;
        }
        let asked = Asked::read(payload).map_err(|_| Close::INVALID_MESSAGE)?;
        let prepared = match asked.prepare(&self.app.limits) {
            Ok(prepared) => prepared,
            Err(error) => return self.refuse(&id, *error).await,
        };
        let language = self.language.clone();
        let app = self.app.clone();
        let responses = match prepared.kind {
            OperationType::Subscription => app.subscribe(prepared, who, language.as_deref()),
            _ => Box::pin(stream::once(async move {
                app.execute(prepared, who, language.as_deref()).await
            })),
        };
        let responses = responses.map(Some).chain(stream::once(async { None }));
        self.running.insert(id, Box::pin(responses));
        Ok(())
    }

    async fn next(&mut self, id: &str, response: Option<Response>) -> Result<(), End> {
        let Some(response) = response else {
            self.running.remove(id);
            return self.send(&FromServer::Complete { id }).await;
        };
        self.guardian().await?;
        if was_executed(&response) {
            let payload = (&response).into();
            return self.send(&FromServer::Next { id, payload }).await;
        }
        // Refused before anything was executed: an error ends the operation.
        self.running.remove(id);
        let payload = &response.errors;
        self.send(&FromServer::Error { id, payload }).await
    }

    async fn refuse(&mut self, id: &str, error: ServerError) -> Result<(), End> {
        let payload = &[error];
        self.send(&FromServer::Error { id, payload }).await
    }

    async fn send(&mut self, message: &FromServer<'_>) -> Result<(), End> {
        match serde_json::to_string(message) {
            Ok(text) => self.write(Message::Text(text)).await,
            Err(error) => {
                tracing::error!(%error, "a message could not be written");
                Err(End::Gone)
            }
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match timeout(PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    /// Closes and waits for the client's answer: what it still sends would make the system drop our reason.
    async fn close(&mut self, reason: Cow<'static, str>, code: u16) {
        if self
            .socket
            .send(Message::Close(Some((code.into(), reason.into_owned()))))
            .await
            .is_ok()
        {
            while let Some(Ok(_)) = self.socket.next().await {}
        }
    }
}
