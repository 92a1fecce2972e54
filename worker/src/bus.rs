//! The bus: tells other processes that something was committed. It carries hints, never truth: without it each process
//! finds the same work at its next tick.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use entity::store::{Hint, Store};
use futures_util::StreamExt;
use redis::{
    AsyncCommands, Client, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Redis;

/// Every hint: what may have been missed while nobody listened.
const ALL: [Hint; 3] = [Hint::Events, Hint::Due, Hint::Directory];

/// How long one command of Redis may take.
const COMMAND: Duration = Duration::from_secs(2);

/// How often a quiet subscription is asked whether it still lives.
const PULSE: Duration = Duration::from_secs(10);

/// The shortest and the longest wait before connecting again.
const BACKOFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// What travels.
#[derive(Debug, Serialize, Deserialize)]
struct Message {
    /// The process that committed, so that it passes over its own.
    from: Uuid,
    hints: BTreeSet<Hint>,
}

/// Passes hints between this process and others over Redis until `stop`. Without Redis in the configuration it returns at
/// once: the store's own hints serve the process. Redis may come and go; it is never an error.
pub async fn run(store: Store, redis: &Redis, stop: CancellationToken) {
    let Some(url) = &redis.url else { return };
    let settings = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_connection_timeout(Some(COMMAND))
        .set_response_timeout(Some(COMMAND));
    let client = Client::open(url.expose());
    // The address was checked with the configuration, and lazily nothing else can fail here.
    let opened = client.and_then(|client| Ok((client.get_connection_manager_lazy(settings)?, client)));
    let (publisher, client) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(
                reason = error.category(),
                "Redis cannot be used; hints stay in this process"
            );
            return;
        }
    };
    let me = store.id();
    // Subscribed before the first wait, so that nothing committed from here on is missed.
    let committed = store.committed();
    let work = async {
        tokio::join!(
            publish(committed, publisher, &redis.channel, me),
            listen(&store, &client, &redis.channel, me)
        )
    };
    tokio::select! {
        _ = work => {}
        () = stop.cancelled() => {}
    }
}

async fn publish(mut committed: Receiver<Hint>, mut redis: ConnectionManager, channel: &str, me: Uuid) {
    let health = Health::new("publishing hints");
    while let Some(hints) = next(&mut committed).await {
        let Ok(message) = serde_json::to_string(&Message { from: me, hints }) else {
            continue;
        };
        match timeout(COMMAND, redis.publish::<_, _, ()>(channel, message)).await {
            Ok(Ok(())) => health.well(),
            Ok(Err(error)) => health.ill(error.category()),
            Err(_) => health.ill("no answer"),
        }
    }
}

/// The next hints, those that came meanwhile taken together. `None` at the end.
async fn next(committed: &mut Receiver<Hint>) -> Option<BTreeSet<Hint>> {
    let mut hints = BTreeSet::new();
    match committed.recv().await {
        Ok(hint) => hints.insert(hint),
        Err(RecvError::Lagged(_)) => return Some(ALL.into()),
        Err(RecvError::Closed) => return None,
    };
    while let Ok(hint) = committed.try_recv() {
        hints.insert(hint);
    }
    Some(hints)
}

async fn listen(store: &Store, client: &Client, channel: &str, me: Uuid) {
    let health = Health::new("listening for hints");
    let [shortest, longest] = BACKOFF;
    let mut wait = shortest;
    loop {
        let ended = subscription(store, client, channel, me, || {
            health.well();
            wait = shortest;
        });
        match ended.await {
            Ok(()) => health.ill("the connection ended"),
            Err(error) => health.ill(error.category()),
        }
        sleep(wait.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
        wait = (wait * 2).min(longest);
    }
}

/// Listens until the connection ends. `connected` is called once it stands.
async fn subscription(
    store: &Store,
    client: &Client,
    channel: &str,
    me: Uuid,
    connected: impl FnOnce(),
) -> Result<(), RedisError> {
    let gone = || RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let pubsub = timeout(COMMAND, client.get_async_pubsub())
        .await
        .map_err(|_| gone())??;
    let (mut sink, mut messages) = pubsub.split();
    timeout(COMMAND, sink.subscribe(channel)).await.map_err(|_| gone())??;
    connected();
    for hint in ALL {
        store.hint_here(hint);
    }
    let mut pulse = interval(PULSE);
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return Ok(()) };
                // What another version of Handrail sends may not be understood: then the tick serves.
                let Ok(message) = serde_json::from_slice::<Message>(message.get_payload_bytes()) else { continue };
                if message.from != me {
                    for hint in message.hints {
                        store.hint_here(hint);
                    }
                }
            }
            _ = pulse.tick() => timeout(COMMAND, sink.ping::<redis::Value>()).await.map_err(|_| gone())?.map(drop)?,
        }
    }
}

/// Whether something works, logged when that changes.
struct Health {
    what: &'static str,
    well: AtomicBool,
}

impl Health {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            well: AtomicBool::new(true),
        }
    }

    fn well(&self) {
        if !self.well.swap(true, Ordering::Relaxed) {
            tracing::info!(what = self.what, "Redis is back");
        }
    }

    fn ill(&self, reason: &str) {
        if self.well.swap(false, Ordering::Relaxed) {
            tracing::warn!(
                what = self.what,
                reason,
                "Redis is away; work is found at the next tick"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use entity::{clock::Clock, seal::Keyring};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Secret;

    async fn store(folder: &std::path::Path) -> Store {
        let url = format!("sqlite:{}/handrail.db", folder.display());
        let connection = entity::store::connect(&url, 2, COMMAND).await.unwrap();
        migration::migrate(&connection).await.unwrap();
        let keys = [(
            "a".to_owned(),
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
        )]
        .into();
        Store::new(connection, Clock::System, Keyring::new("a", &keys).unwrap())
            .await
            .unwrap()
    }

    fn redis(url: String) -> Redis {
        Redis {
            url: Some(Secret::new(url)),
            ..Redis::default()
        }
    }

    #[tokio::test]
    async fn without_redis_there_is_nothing_to_do() {
        let folder = tempfile::tempdir().unwrap();
        run(store(folder.path()).await, &Redis::default(), CancellationToken::new()).await;
    }

    #[tokio::test]
    async fn hints_reach_this_process_while_redis_refuses_and_it_still_stops() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let stop = CancellationToken::new();
        let settings = redis(format!("redis://127.0.0.1:{port}"));
        let bus = tokio::spawn({
            let (store, stop) = (store.clone(), stop.clone());
            async move { run(store, &settings, stop).await }
        });
        let mut hints = store.hints();
        store.hint(Hint::Events);
        assert_eq!(hints.recv().await.unwrap(), Hint::Events);
        stop.cancel();
        timeout(COMMAND, bus).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn hints_of_others_are_not_passed_on_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let (mut here, mut committed) = (store.hints(), store.committed());
        store.hint_here(Hint::Due);
        store.hint(Hint::Events);
        assert_eq!(
            [here.recv().await.unwrap(), here.recv().await.unwrap()],
            [Hint::Due, Hint::Events]
        );
        assert_eq!(next(&mut committed).await, Some([Hint::Events].into()));
    }

    #[tokio::test]
    async fn many_commits_make_one_message_and_lost_ones_count_as_all() {
        let (sender, mut committed) = tokio::sync::broadcast::channel(4);
        for hint in [Hint::Events, Hint::Due, Hint::Events] {
            sender.send(hint).unwrap();
        }
        assert_eq!(next(&mut committed).await, Some([Hint::Events, Hint::Due].into()));
        for _ in 0..10 {
            sender.send(Hint::Events).unwrap();
        }
        assert_eq!(next(&mut committed).await, Some(ALL.into()));
        drop(sender);
        while next(&mut committed).await.is_some() {}
    }

    /// The Redis that the whole run of tests brings with it.
    fn test_redis() -> Option<Redis> {
        let url = std::env::var("HANDRAIL_TEST_REDIS").ok().filter(|url| !url.is_empty());
        if url.is_none() {
            // Not `eprintln!`, which is heard only when the test fails.
            let _ = writeln!(
                std::io::stderr(),
                "left out: hints over Redis, since HANDRAIL_TEST_REDIS is not set (see ./tests/run)"
            );
        }
        let channel = format!("handrail:test:{}", rand::random::<u64>());
        Some(Redis { channel, ..redis(url?) })
    }

    /// Two processes as far as the bus can tell, both listening.
    async fn processes(settings: &Redis, folders: [&std::path::Path; 2]) -> [Store; 2] {
        let stores = [store(folders[0]).await, store(folders[1]).await];
        for store in &stores {
            let mut hints = store.hints();
            let (store, settings) = (store.clone(), settings.clone());
            tokio::spawn(async move { run(store, &settings, CancellationToken::new()).await });
            // All hints are given once the subscription stands.
            for _ in ALL {
                timeout(PATIENCE, hints.recv()).await.unwrap().unwrap();
            }
        }
        stores
    }

    /// Long enough for a slow machine; no test waits for it unless it fails.
    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_hint_reaches_the_other_process_once_and_never_comes_back() {
        let Some(settings) = test_redis() else { return };
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [one, other] = processes(&settings, [folders[0].path(), folders[1].path()]).await;
        let (mut at_one, mut at_other) = (one.hints(), other.hints());
        for hint in [Hint::Events, Hint::Directory] {
            one.hint(hint);
            assert_eq!(timeout(PATIENCE, at_other.recv()).await.unwrap().unwrap(), hint);
        }
        // An echo of those two would arrive before the answer.
        other.hint(Hint::Due);
        let mut heard = Vec::new();
        while heard.last() != Some(&Hint::Due) {
            heard.push(timeout(PATIENCE, at_one.recv()).await.unwrap().unwrap());
        }
        assert_eq!(heard, [Hint::Events, Hint::Directory, Hint::Due]);
        assert_eq!(at_other.try_recv(), Ok(Hint::Due));
        assert!(at_other.try_recv().is_err());
    }
}
