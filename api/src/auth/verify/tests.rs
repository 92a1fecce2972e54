use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use poem::{
    EndpointExt, Route, get, handler,
    listener::{Acceptor, Listener, TcpListener},
    web::{Data, Json},
};
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://login.example";
const NOW: i64 = 1_795_392_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

/// A key that the tests' issuer signs with.
struct Signer(SigningKey);

impl Signer {
    fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    fn public(&self, id: &str) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": id, "x": x })
    }

    fn sign(&self, id: &str, claims: &Value) -> String {
        let key = self.0.to_pkcs8_der().unwrap();
        let header = Header {
            kid: Some(id.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        encode(&header, claims, &EncodingKey::from_ed_der(key.as_bytes())).unwrap()
    }
}

fn claims() -> Value {
    json!({ "sub": "anna", "iss": ISSUER, "aud": "handrail", "exp": NOW + 60, "nbf": NOW - 60, "kind": "citizen" })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    claims
}

fn verifier(keys: Keys) -> Verifier {
    let issuer = Issuer {
        name: ISSUER.to_owned(),
        keys,
    };
    Verifier::new(vec![issuer], "handrail", Duration::seconds(10))
}

fn given(keys: &Value) -> Keys {
    Keys::given(
        &serde_json::from_value(json!({ "keys": keys })).unwrap(),
        &[Algorithm::EdDSA],
    )
}

async fn check(claims: &Value) -> Result<Claims, AuthError> {
    let signer = Signer::new(1);
    verifier(given(&json!([signer.public("a")])))
        .verify(&signer.sign("a", claims), now())
        .await
}

#[tokio::test]
async fn a_good_token_says_who_it_is() {
    let claims = check(&claims()).await.unwrap();
    assert_eq!(
        (claims.sub.as_str(), claims.kind),
        ("anna", super::super::Kind::Citizen)
    );
    assert!(check(&with("aud", json!(["other", "handrail"]))).await.is_ok());
    assert!(check(&with("nbf", Value::Null)).await.is_ok());
}

#[tokio::test]
async fn a_missing_claim_is_refused() {
    for name in ["sub", "iss", "aud", "exp", "kind"] {
        assert_eq!(
            check(&with(name, Value::Null)).await.unwrap_err(),
            AuthError::Claims,
            "{name}"
        );
    }
    assert_eq!(check(&with("exp", json!("soon"))).await.unwrap_err(), AuthError::Claims);
    assert_eq!(check(&with("exp", json!(1e300))).await.unwrap_err(), AuthError::Claims);
    assert_eq!(
        check(&with("kind", json!("system"))).await.unwrap_err(),
        AuthError::Claims
    );
}

#[tokio::test]
async fn another_issuer_or_audience_is_refused() {
    assert_eq!(
        check(&with("iss", json!("https://other.example"))).await.unwrap_err(),
        AuthError::Elsewhere
    );
    assert_eq!(
        check(&with("aud", json!("other"))).await.unwrap_err(),
        AuthError::Elsewhere
    );
}

#[tokio::test]
async fn time_counts_with_a_little_leeway() {
    assert!(check(&with("exp", json!(NOW - 9))).await.is_ok());
    assert_eq!(
        check(&with("exp", json!(NOW - 10))).await.unwrap_err(),
        AuthError::Expired
    );
    assert!(check(&with("nbf", json!(NOW + 10))).await.is_ok());
    assert_eq!(
        check(&with("nbf", json!(NOW + 11))).await.unwrap_err(),
        AuthError::NotYet
    );
}

#[tokio::test]
async fn another_algorithm_or_key_is_refused() {
    let signer = Signer::new(1);
    let keys = || given(&json!([signer.public("a")]));
    let public = signer.0.verifying_key();
    let header = |alg| Header {
        kid: Some("a".to_owned()),
        ..Header::new(alg)
    };
    // The public key as the secret of an HMAC: the classic confusion.
    let hmac = encode(
        &header(Algorithm::HS256),
        &claims(),
        &EncodingKey::from_secret(public.as_bytes()),
    )
    .unwrap();
    assert_eq!(
        verifier(keys()).verify(&hmac, now()).await.unwrap_err(),
        AuthError::Invalid
    );
    let none = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let unsigned = format!("{}.{}.", none(&json!({ "alg": "none", "kid": "a" })), none(&claims()));
    assert_eq!(
        verifier(keys()).verify(&unsigned, now()).await.unwrap_err(),
        AuthError::Invalid
    );
    let forged = Signer::new(2).sign("a", &claims());
    assert_eq!(
        verifier(keys()).verify(&forged, now()).await.unwrap_err(),
        AuthError::Invalid
    );
    let unknown = signer.sign("b", &claims());
    assert_eq!(
        verifier(keys()).verify(&unknown, now()).await.unwrap_err(),
        AuthError::Invalid
    );
    assert_eq!(
        verifier(keys()).verify("no.token", now()).await.unwrap_err(),
        AuthError::Invalid
    );
    let encryption = {
        let mut key = signer.public("a");
        key["use"] = json!("enc");
        key
    };
    let token = signer.sign("a", &claims());
    assert_eq!(
        verifier(given(&json!([encryption])))
            .verify(&token, now())
            .await
            .unwrap_err(),
        AuthError::Invalid
    );
}

type Published = Arc<Mutex<(Vec<Value>, u32)>>;

#[handler]
fn publish(published: Data<&Published>) -> Json<Value> {
    let mut published = published.lock().unwrap();
    published.1 += 1;
    Json(json!({ "keys": published.0 }))
}

/// An issuer that publishes keys over HTTP and counts how often it is asked.
async fn issuer(keys: Vec<Value>) -> (String, Published) {
    let published = Arc::new(Mutex::new((keys, 0)));
    let app = Route::new().at("/keys", get(publish)).data(published.clone());
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr().remove(0).as_socket_addr().copied().unwrap();
    tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(app));
    (format!("http://{address}/keys"), published)
}

fn fetched(url: &str, refresh: u64, pause: u64) -> Verifier {
    let seconds = std::time::Duration::from_secs;
    verifier(Keys::fetched(url, &[Algorithm::EdDSA], seconds(refresh), seconds(pause)).unwrap())
}

#[tokio::test]
async fn a_new_key_of_the_issuer_is_found_and_an_old_one_is_forgotten() {
    let (old, new) = (Signer::new(1), Signer::new(2));
    let (url, published) = issuer(vec![old.public("old")]).await;
    let verifier = fetched(&url, 3600, 0);
    let (first, second) = (old.sign("old", &claims()), new.sign("new", &claims()));
    assert!(verifier.verify(&first, now()).await.is_ok());
    assert_eq!(verifier.verify(&second, now()).await.unwrap_err(), AuthError::Invalid);
    published.lock().unwrap().0 = vec![new.public("new")];
    assert!(verifier.verify(&second, now()).await.is_ok());
    assert_eq!(verifier.verify(&first, now()).await.unwrap_err(), AuthError::Invalid);
}

#[tokio::test]
async fn invented_key_ids_do_not_ask_the_issuer_each_time() {
    let signer = Signer::new(1);
    let (url, published) = issuer(vec![signer.public("a")]).await;
    let verifier = fetched(&url, 3600, 3600);
    for n in 0..5 {
        let token = signer.sign(&format!("invented-{n}"), &claims());
        assert_eq!(verifier.verify(&token, now()).await.unwrap_err(), AuthError::Invalid);
    }
    assert!(verifier.verify(&signer.sign("a", &claims()), now()).await.is_ok());
    assert_eq!(published.lock().unwrap().1, 1);
}

#[tokio::test]
async fn an_issuer_that_is_away_is_not_the_tokens_fault() {
    let signer = Signer::new(1);
    let token = signer.sign("a", &claims());
    // Port 9 of this machine: nobody listens there.
    assert_eq!(
        fetched("http://127.0.0.1:9/keys", 60, 0)
            .verify(&token, now())
            .await
            .unwrap_err(),
        AuthError::Unavailable
    );
}
