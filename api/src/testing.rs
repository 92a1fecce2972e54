//! A small house for tests: a server with a database of its own, in which one therapist works.

use chrono::{DateTime, TimeDelta};
use entity::{
    action::{
        assignment::{self, NewAssignment},
        care::{self, NewStaff, NewUnit},
    },
    assignment::Role,
    clock::Clock,
    store::Store,
    viewer::Viewer,
};
use tempfile::TempDir;
use uuid::Uuid;
use worker::config::{Config, Secret};

use crate::{auth::Kind, server::Server};

/// A server of its own database in which one therapist works.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) unit: Uuid,
    pub(crate) clock: Clock,
    _folder: TempDir,
}

impl House {
    pub(crate) async fn build() -> Self {
        Self::configured(|_| {}).await
    }

    /// With a configuration of its own.
    pub(crate) async fn configured(configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.database.url = Secret::new(format!("sqlite:{}/handrail.db", folder.path().display()));
        config.attachments.folder = folder.path().join("attachments");
        config.http.listen = ([127, 0, 0, 1], 0).into();
        config.worker.embedded = false;
        config.limits.subscriptions = 2;
        configure(&mut config);
        let clock = Clock::manual(DateTime::from_timestamp(1_795_392_000, 0).unwrap());
        let connection = worker::database::open(&config.database).await.unwrap();
        migration::migrate(&connection).await.unwrap();
        let store = Store::new(connection, clock.clone(), config.keyring().unwrap())
            .await
            .unwrap();
        let mut act = store.act(&Viewer::system()).await.unwrap();
        let provider_id = care::create_provider(&mut act, "Region").await.unwrap();
        let unit = NewUnit {
            provider_id,
            name: "Unit".into(),
            ..NewUnit::default()
        };
        let unit_id = care::create_unit(&mut act, unit).await.unwrap();
        let staff = NewStaff {
            provider_id,
            subject: "ingrid".into(),
            display_name: "Ingrid".into(),
            ..NewStaff::default()
        };
        let staff_id = care::create_staff(&mut act, staff).await.unwrap();
        let role = Role::Therapist;
        let assignment = NewAssignment {
            staff_id,
            unit_id: Some(unit_id),
            role,
            valid_from: None,
            valid_until: None,
        };
        assignment::grant(&mut act, &assignment).await.unwrap();
        act.commit().await.unwrap();
        let server = Server::start(config, clock.clone()).await.unwrap();
        Self {
            server,
            unit: unit_id,
            clock,
            _folder: folder,
        }
    }

    /// A staff member's token that holds for an hour.
    pub(crate) fn token(&self, subject: &str) -> String {
        self.token_of(Kind::Staff, subject)
    }

    /// A token that holds for an hour.
    pub(crate) fn token_of(&self, kind: Kind, subject: &str) -> String {
        let issuer = self.server.app().issuer.as_ref().unwrap();
        issuer
            .token(subject, kind, None, self.clock.now(), TimeDelta::hours(1))
            .unwrap()
    }
}
