//! What every mutation has in common: one unit of work, the first answer again for the same key, refusals as user errors.

use async_graphql::Context;
use entity::{act::Act, error::Error, idempotency};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    error::{Result, UserError},
    request::{self, Request},
};

/// What came of a mutation: what names the changed object, or what the person can mend.
pub type Done<A> = std::result::Result<A, Vec<UserError>>;

/// Does `action` in one unit of work. With an idempotency key, the same viewer, key and input gets the first answer again and
/// nothing is done twice.
///
/// # Errors
/// What nobody who asks can mend. Then nothing was changed.
pub async fn mutate<A, F>(
    ctx: &Context<'_>,
    operation: &str,
    key: Option<&str>,
    input: &(impl Serialize + Sync),
    action: F,
) -> Result<Done<A>>
where
    A: Serialize + DeserializeOwned + Send,
    F: for<'a> FnOnce(&'a mut Act) -> BoxFuture<'a, entity::error::Result<A>> + Send,
{
    let request = request::of(ctx);
    let answer = match key {
        None => once(request, action).await,
        Some(key) => keyed(request, operation, key, input, action).await,
    };
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(Error::Refused(errors)) => Ok(Err(errors.into_iter().map(Into::into).collect())),
        Err(error) => Err(error.into()),
    }
}

async fn once<A, F>(request: &Request, action: F) -> entity::error::Result<A>
where
    F: for<'a> FnOnce(&'a mut Act) -> BoxFuture<'a, entity::error::Result<A>> + Send,
{
    let mut act = request.store.act(&request.viewer).await?;
    let answer = action(&mut act).await;
    act.finish(answer).await
}

/// What is kept of the first answer to a key.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum First<A> {
    Done(A),
    Refused(Vec<entity::error::UserError>),
}

impl<A: Serialize + DeserializeOwned> First<A> {
    /// Takes the key, or gives what was answered to it first.
    async fn take(act: &Act, operation: &str, key: &str, input: &Value) -> entity::error::Result<Option<Self>> {
        let first = idempotency::first_answer(act, operation, key, input).await?;
        first.map(serde_json::from_value).transpose().map_err(unwritable)
    }

    async fn keep(self, act: Act, key: &str) -> entity::error::Result<A> {
        idempotency::keep(&act, key, serde_json::to_value(&self).map_err(unwritable)?).await?;
        act.commit().await?;
        self.again()
    }

    fn again(self) -> entity::error::Result<A> {
        match self {
            Self::Done(answer) => Ok(answer),
            Self::Refused(errors) => Err(Error::Refused(errors)),
        }
    }
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::Corrupt(format!("an answer cannot be kept: {error}"))
}

async fn keyed<A, F>(
    request: &Request,
    operation: &str,
    key: &str,
    input: &(impl Serialize + Sync),
    action: F,
) -> entity::error::Result<A>
where
    A: Serialize + DeserializeOwned + Send,
    F: for<'a> FnOnce(&'a mut Act) -> BoxFuture<'a, entity::error::Result<A>> + Send,
{
    let input = serde_json::to_value(input).map_err(unwritable)?;
    let mut act = request.store.act(&request.viewer).await?;
    if let Some(first) = First::take(&act, operation, key, &input).await? {
        return first.again();
    }
    match action(&mut act).await {
        Ok(answer) => First::Done(answer).keep(act, key).await,
        Err(Error::Refused(errors)) => {
            // What was done is undone, and the taking of the key with it: the refusal is kept in a unit of its own. Whoever was faster
            // with the same key has answered first.
            act.undo().await;
            let act = request.store.act(&request.viewer).await?;
            match First::take(&act, operation, key, &input).await? {
                Some(first) => first.again(),
                None => First::Refused(errors).keep(act, key).await,
            }
        }
        Err(error) => Err(error),
    }
}

/// The one outcome of an action on a slice of one.
///
/// # Errors
/// What it was refused for.
pub fn only<T>(outcomes: Vec<entity::error::Outcome<T>>) -> entity::error::Result<T> {
    let outcome = outcomes.into_iter().next();
    let outcome = outcome.ok_or_else(|| Error::Corrupt("an action said nothing of what became of it".to_owned()))?;
    outcome.map_err(Error::Refused)
}
