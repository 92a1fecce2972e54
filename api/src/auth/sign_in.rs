//! From verified claims to who asks.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{action, citizen, guardian, identity::IdentityNumber, store::Store, viewer::Viewer, viewer::Who};
use moka::future::Cache;
use uuid::Uuid;

use super::{AuthError, Claims, Kind, Verifier};

/// How long a citizen's id is remembered by subject.
const REMEMBERED: Duration = Duration::from_secs(600);
/// How often a citizen's presence is noted at most.
const NOTED: TimeDelta = TimeDelta::minutes(1);

/// Signs people in.
#[derive(Debug)]
pub struct SignIn {
    store: Store,
    verifier: Verifier,
    citizens: Cache<String, Uuid>,
    noted: Cache<Uuid, DateTime<Utc>>,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    claims: Claims,
    /// Who.
    pub who: Who,
    /// Until when.
    pub until: DateTime<Utc>,
}

impl SignIn {
    /// Signs in with tokens that `verifier` accepts.
    pub fn new(store: Store, verifier: Verifier) -> Self {
        Self {
            store,
            verifier,
            citizens: Cache::builder().max_capacity(100_000).time_to_live(REMEMBERED).build(),
            noted: Cache::new(100_000),
        }
    }

    /// Who holds this token. A citizen's request is noted, since being active is a fact that rules ask for.
    ///
    /// # Errors
    /// Why they are not let in.
    pub async fn with(&self, token: &str) -> Result<SignedIn, AuthError> {
        let now = self.store.now();
        let claims = self.verifier.verify(token, now).await?;
        let until = self.verifier.ends(&claims)?;
        let who = self.who(&claims, now).await?;
        self.note(&who).await;
        Ok(SignedIn { claims, who, until })
    }

    /// Whether somebody who signed in earlier would still be let in as the same, with the same roles.
    ///
    /// # Errors
    /// Why they would not be let in at all.
    pub async fn is_still(&self, signed_in: &SignedIn) -> Result<bool, AuthError> {
        Ok(self.who(&signed_in.claims, self.store.now()).await? == signed_in.who)
    }

    async fn who(&self, claims: &Claims, now: DateTime<Utc>) -> Result<Who, AuthError> {
        match claims.kind {
            Kind::Staff => {
                let directory = self.store.directory();
                directory.sign_in(&claims.sub, claims.unit).ok_or(AuthError::Unknown)
            }
            Kind::Guardian => {
                let found = guardian::by_subject(&self.store, &claims.sub, now).await;
                let (id, citizens) = found.map_err(unavailable)?.ok_or(AuthError::Unknown)?;
                Ok(Who::Guardian { id, citizens })
            }
            Kind::Citizen => {
                if let Some(id) = self.citizens.get(&claims.sub).await {
                    return Ok(Who::Citizen { id });
                }
                let id = self.citizen(claims, now).await?.ok_or(AuthError::Unknown)?;
                self.citizens.insert(claims.sub.clone(), id).await;
                Ok(Who::Citizen { id })
            }
        }
    }

    async fn citizen(&self, claims: &Claims, now: DateTime<Utc>) -> Result<Option<Uuid>, AuthError> {
        if let Some(id) = citizen::by_subject(&self.store, &claims.sub)
            .await
            .map_err(unavailable)?
        {
            return Ok(Some(id));
        }
        let Some(number) = &claims.personal_identity_number else {
            return Ok(None);
        };
        let number = IdentityNumber::parse(number, now.date_naive()).map_err(|_| AuthError::Claims)?;
        citizen::by_identity(&self.store, &number).await.map_err(unavailable)
    }

    /// Notes that a citizen is here. Never in the way of the request: what fails is logged and tried again with the next one.
    pub async fn note(&self, who: &Who) {
        let Who::Citizen { id: citizen } = *who else {
            return;
        };
        let now = self.store.now();
        if self.noted.get(&citizen).await.is_some_and(|at| now - at < NOTED) {
            return;
        }
        self.noted.insert(citizen, now).await;
        let noted = async {
            let mut act = self.store.act(&Viewer::system()).await?;
            action::citizen::signed_in(&mut act, citizen, now).await?;
            act.commit().await
        };
        if let Err(error) = noted.await {
            self.noted.invalidate(&citizen).await;
            tracing::warn!(error = error.kind(), "a sign-in could not be noted");
        }
    }
}

fn unavailable(error: entity::error::Error) -> AuthError {
    tracing::error!(error = error.kind(), "signing in failed");
    AuthError::Unavailable
}
