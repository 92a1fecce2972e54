//! A database with people in it, a clock that tests move, and a worker that tests drive.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Duration, Utc};
use entity::{
    attachment, clock::Clock, content_override, delivery, dispatch, enrollment, evaluation, opening, reminder,
    store::Store,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;
use worker::{
    Worker,
    channel::mail::Mailer,
    config::{Config, Secret},
};

use crate::{
    care::{self, Care},
    database::{Database, Kind},
    issuer,
    mail::{self, Mail},
};

/// How many connections the store of a test holds.
const CONNECTIONS: u32 = 5;

/// A small world in a database of its own.
#[derive(Debug)]
pub struct World {
    /// The clock that everything reads.
    pub clock: Clock,
    /// The configuration: everything by default, but for the database and the folder of mail.
    pub config: Config,
    /// The record.
    pub store: Store,
    /// Who is there.
    pub care: Care,
    /// Where it is kept; gone with the world.
    pub database: Database,
    worker: Worker,
}

/// The key of all tests, `test`, as the configuration writes it.
pub fn key() -> String {
    STANDARD.encode([7; 32])
}

impl World {
    /// A world with units and staff, and no program yet.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn without_program(kind: Kind, now: DateTime<Utc>) -> Self {
        Self::configured(kind, now, |_| {}).await
    }

    /// A world with units and staff, no program yet, and a configuration of its own.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn configured(kind: Kind, now: DateTime<Utc>, configure: impl FnOnce(&mut Config)) -> Self {
        let database = Database::new(kind).await;
        let clock = Clock::manual(now);
        let mut config = Config::default();
        config.database.url = Secret::new(database.url.as_str());
        config.keys.current = Some("test".to_owned());
        config.keys.values.insert("test".to_owned(), Secret::new(key()));
        let keys = database.folder.path().join("issuer.json");
        issuer::publish(&keys);
        config.auth.issuer = Some(issuer::ISSUER.to_owned());
        config.auth.keys_file = Some(keys);
        config.auth.development_issuer = Some(false);
        config.attachments.folder = database.folder.path().join("attachments");
        config.mail.folder = database.folder.path().join("mail");
        config.http.listen = ([127, 0, 0, 1], 0).into();
        config.http.public_url = Some("https://handrail.example".to_owned());
        configure(&mut config);
        let store = Store::new(
            database.connect(CONNECTIONS).await,
            clock.clone(),
            config.keyring().unwrap(),
        )
        .await
        .unwrap();
        let care = care::make(&store).await;
        let worker = Worker::new(store.clone(), &config, Mailer::new(&config.mail).unwrap());
        Self {
            clock,
            config,
            store,
            care,
            database,
            worker,
        }
    }

    /// A world with units, staff and the program of the tests.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn new(kind: Kind, now: DateTime<Utc>) -> Self {
        let world = Self::without_program(kind, now).await;
        care::import_program(&world.store).await;
        world
    }

    /// Starts the program for the nth citizen at the unit now, without doing what follows from it.
    pub async fn enroll(&self, n: u32) -> Uuid {
        care::enroll(&self.store, self.care.unit, self.care.therapist, n, None).await
    }

    /// Lets the worker do everything that is due.
    ///
    /// # Panics
    /// When a job fails.
    pub async fn work(&self) -> usize {
        self.worker.run_until_idle().await.unwrap()
    }

    /// Moves the clock, stopping to work at each instant at which something is due. Gives how many there were.
    pub async fn advance(&self, by: Duration) -> usize {
        self.run_until(self.clock.now() + by).await
    }

    /// Moves the clock to an instant, stopping to work at each instant at which something is due. Gives how many there were.
    ///
    /// # Panics
    /// When something stays due that the worker does not do.
    pub async fn run_until(&self, end: DateTime<Utc>) -> usize {
        let mut instants = 0;
        loop {
            self.work().await;
            let now = self.clock.now();
            match self.next_due().await {
                Some(due) if due <= end => {
                    assert!(due > now, "something is due at {due} and not done at {now}");
                    self.clock.set(due);
                    instants += 1;
                }
                _ => break,
            }
        }
        self.clock.set(end);
        self.work().await;
        instants
    }

    /// The earliest instant at which anything is due.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn next_due(&self) -> Option<DateTime<Utc>> {
        let connection = self.store.connection();
        macro_rules! first {
            ($($table:ident),+) => {
                [$($table::Entity::find()
                    .select_only()
                    .column($table::Column::DueAt)
                    .filter($table::Column::DueAt.is_not_null())
                    .order_by_asc($table::Column::DueAt)
                    .limit(1)
                    .into_tuple::<DateTime<Utc>>()
                    .one(connection)
                    .await
                    .unwrap()),+]
            };
        }
        first!(
            evaluation,
            content_override,
            opening,
            dispatch,
            reminder,
            delivery,
            enrollment,
            attachment
        )
        .into_iter()
        .flatten()
        .min()
    }

    /// The e-mail that was written so far.
    pub fn mail(&self) -> Vec<Mail> {
        mail::in_folder(&self.config.mail.folder)
    }

    /// Uses a store that somebody else opened over the same database.
    pub(crate) fn share(&mut self, store: &Store) {
        self.store = store.clone();
        self.worker = Worker::new(store.clone(), &self.config, Mailer::new(&self.config.mail).unwrap());
    }

    /// Another worker over the same database, with connections of its own, as another process would have.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn another_worker(&self, connections: u32) -> (Store, Worker) {
        let connection = self.database.connect(connections).await;
        let store = Store::new(connection, self.clock.clone(), self.config.keyring().unwrap())
            .await
            .unwrap();
        let worker = Worker::new(store.clone(), &self.config, Mailer::new(&self.config.mail).unwrap());
        (store, worker)
    }
}

/// Works until nothing is due; what the worker's own loop would try again is tried again.
///
/// # Panics
/// When a job fails for good.
pub async fn persist(worker: &Worker) {
    while let Err(error) = worker.run_until_idle().await {
        assert!(error.is_transient(), "{error}");
    }
}
