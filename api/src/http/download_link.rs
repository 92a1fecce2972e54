//! Links to downloads, which browsers follow without a token.
//!
//! A link is signed for one address, parameters included, for one viewer, and works for a few minutes. It lets nobody see more
//! than they may: whoever follows it is looked up again with the roles of that moment, and asks as themself.
//!
//! Its text is `/path?…&for=VIEWER&until=SECONDS&signature=MAC`: HMAC-SHA-256 over everything before `&signature=`, by a key
//! of the keyring and for this purpose alone.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use entity::{error::Error, guardian, store::Store, viewer::Who};
use poem::{Request, http::StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::refusal::Refusal;

/// How long a link works.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(5);

const SIGNATURE: &str = "&signature=";

/// A link for a viewer to an address of this server, which begins with `/` and may have parameters of its own.
///
/// # Errors
/// None that can happen with a keyring that was read.
pub fn sign(store: &Store, who: &Who, address: &str) -> Result<String, Error> {
    let first = if address.contains('?') { '&' } else { '?' };
    let until = (store.now() + LIFETIME).timestamp();
    let text = format!("{address}{first}for={}&until={until}", written(who));
    let signature = store.keyring().sign_link(&text)?;
    Ok(format!("{text}{SIGNATURE}{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// As [`sign`], with what is asked for in a parameter. It is sealed: addresses are kept in more places than their answers, and
/// what somebody asks for says much.
///
/// # Errors
/// None that can happen with a keyring that was read.
pub fn sign_sealed(store: &Store, who: &Who, path: &str, of: &impl Serialize) -> Result<String, Error> {
    let of = serde_json::to_vec(of).map_err(|error| Error::Corrupt(format!("a link: {error}")))?;
    let of = URL_SAFE_NO_PAD.encode(store.keyring().seal_file(&of, path)?);
    sign(store, who, &format!("{path}?of={of}"))
}

/// What a link that was made by [`sign_sealed`] asks for.
///
/// # Errors
/// `NOT_FOUND` where it asks for nothing.
pub fn open<Of: DeserializeOwned>(store: &Store, request: &Request) -> Result<Of, Refusal> {
    #[derive(Deserialize)]
    struct Parameters {
        of: String,
    }
    let of = request.params::<Parameters>().ok();
    let of = of.and_then(|parameters| URL_SAFE_NO_PAD.decode(parameters.of).ok());
    let path = request.original_uri().path();
    let of = of.and_then(|of| store.keyring().open_file(&of, path).ok());
    let of = of.and_then(|of| serde_json::from_slice(&of).ok());
    of.ok_or_else(Refusal::not_found)
}

/// The address that a request was sent to, as [`verify`] takes it.
pub fn address(request: &Request) -> &str {
    let address = request.original_uri().path_and_query();
    address.map(|address| address.as_str()).unwrap_or_default()
}

/// Who follows a link: `address` is the path with its parameters, as it was requested.
///
/// # Errors
/// `BAD_LINK` where it was not made here, or was altered; `LINK_EXPIRED`; `NOT_FOUND` where the viewer may not be here any more.
pub async fn verify(store: &Store, address: &str) -> Result<Who, Refusal> {
    let bad = || {
        let message = "This link is not right: ask for what you want to download once more.";
        Refusal::new(StatusCode::FORBIDDEN, "BAD_LINK", message)
    };
    let (text, signature) = address.rsplit_once(SIGNATURE).ok_or_else(bad)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| bad())?;
    if !store.keyring().signed_link(text, &signature) {
        return Err(bad());
    }
    let (text, until) = text.rsplit_once("&until=").ok_or_else(bad)?;
    let until: i64 = until.parse().map_err(|_| bad())?;
    if until < store.now().timestamp() {
        let message = "This link has expired: ask for what you want to download once more.";
        return Err(Refusal::new(StatusCode::GONE, "LINK_EXPIRED", message));
    }
    let (_, viewer) = text.rsplit_once("for=").ok_or_else(bad)?;
    read(store, viewer).await?.ok_or_else(Refusal::not_found)
}

/// A viewer as a link names them; roles and whom somebody acts for are looked up when it is followed.
fn written(who: &Who) -> String {
    match who {
        Who::Citizen { id } => format!("CITIZEN.{id}"),
        Who::Guardian { id, .. } => format!("GUARDIAN.{id}"),
        Who::Staff { id, unit, .. } => format!("STAFF.{id}.{unit}"),
        Who::System => "SYSTEM".to_owned(),
    }
}

async fn read(store: &Store, viewer: &str) -> Result<Option<Who>, Error> {
    let parts: Vec<&str> = viewer.split('.').collect();
    let id = |text: &str| Uuid::try_parse(text).ok();
    Ok(match parts.as_slice() {
        ["CITIZEN", citizen] => id(citizen).map(|id| Who::Citizen { id }),
        ["GUARDIAN", guardian] => match id(guardian) {
            Some(id) => Some(Who::Guardian {
                id,
                citizens: guardian::acts_for(store, id, store.now()).await?,
            }),
            None => None,
        },
        ["STAFF", staff, unit] => id(staff).zip(id(unit)).and_then(|(staff, unit)| {
            let directory = store.directory();
            let subject = &directory.staff(staff)?.subject;
            directory.sign_in(subject, Some(unit))
        }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use poem::Response;

    use super::*;
    use crate::testing::House;

    #[tokio::test]
    async fn a_link_is_for_one_viewer_and_one_address() {
        let house = House::build().await;
        let store = house.server.store();
        let who = store.directory().sign_in("ingrid", None).unwrap();
        let link = sign(store, &who, "/attachments/1?a=b").unwrap();
        assert_eq!(verify(store, &link).await.unwrap(), who);
        let forged = [
            link.replace("/attachments/1", "/attachments/2"),
            link.replace("a=b", "a=c"),
            link.replace("for=STAFF", "for=CITIZEN"),
            link.replace("&until=1", "&until=2"),
            link.split(SIGNATURE).next().unwrap().to_owned(),
            format!("{link}A"),
            String::new(),
        ];
        for address in forged {
            let refused = Response::from(verify(store, &address).await.unwrap_err());
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{address}");
        }
    }

    #[tokio::test]
    async fn a_link_works_for_a_few_minutes() {
        let house = House::build().await;
        let store = house.server.store();
        let who = store.directory().sign_in("ingrid", None).unwrap();
        let link = sign(store, &who, "/attachments/1").unwrap();
        house.clock.advance(LIFETIME);
        assert!(verify(store, &link).await.is_ok());
        house.clock.advance(TimeDelta::seconds(1));
        let refused = Response::from(verify(store, &link).await.unwrap_err());
        assert_eq!(refused.status(), StatusCode::GONE);
    }
}
