use std::net::TcpListener;

use chrono::TimeDelta;
use reqwest::{Client, Method, RequestBuilder, Response, header};
use serde_json::{Value, json};

use crate::testing::House;

const RESPONSE: &str = "application/graphql-response+json";
const QUERY: &str = "{ viewer { __typename } }";

impl House {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.server.address());
        Client::new().request(method, url).bearer_auth(self.token("ingrid"))
    }

    fn post(&self, body: &Value) -> RequestBuilder {
        let request = self.request(Method::POST, "/graphql");
        request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string())
    }
}

/// The status and the code of the first error.
async fn refused(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert!(body.get("data").is_none(), "{body}");
    (
        status,
        body["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    )
}

fn content_type(response: &Response) -> &str {
    response.headers()[header::CONTENT_TYPE].to_str().unwrap()
}

#[tokio::test]
async fn an_answer_comes_in_the_form_that_is_accepted() {
    let house = House::build().await;
    for accept in ["application/json", RESPONSE] {
        let response = house
            .post(&json!({ "query": QUERY }))
            .header(header::ACCEPT, accept)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert!(content_type(&response).starts_with(accept));
        assert!(response.headers().contains_key("x-request-id"));
        let body: Value = response.json().await.unwrap();
        assert_eq!(body, json!({ "data": { "viewer": { "__typename": "StaffViewer" } } }));
    }
    let query = [
        ("query", "query A { viewer { __typename } } query B { nothing }"),
        ("operationName", "A"),
        ("variables", "{}"),
    ];
    let response = house
        .request(Method::GET, "/graphql")
        .query(&query)
        .send()
        .await
        .unwrap();
    // B is not valid, so that nothing of the document is executed; older clients are told with 200.
    assert_eq!(response.status(), 200);
    let query = [
        ("query", "query A { viewer { __typename } } query B { __typename }"),
        ("operationName", "B"),
    ];
    let response = house
        .request(Method::GET, "/graphql")
        .query(&query)
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.json::<Value>().await.unwrap(),
        json!({ "data": { "__typename": "Query" } })
    );
}

#[tokio::test]
async fn what_is_not_executed_has_a_status_that_says_so() {
    let house = House::build().await;
    let accept = |request: RequestBuilder| request.header(header::ACCEPT, RESPONSE);
    for (query, code) in [
        ("{ viewer", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...a } fragment a on Query { ...a }", "GRAPHQL_VALIDATION_FAILED"),
        (&format!("{{ {} }}", "a: __typename ".repeat(50)), "LIMIT_EXCEEDED"),
    ] {
        let body = json!({ "query": query });
        assert_eq!(
            refused(accept(house.post(&body))).await,
            (400, code.to_owned()),
            "{query}"
        );
        assert_eq!(refused(house.post(&body)).await, (200, code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn requests_that_are_none_are_refused() {
    let house = House::build().await;
    let is = |status: u16, code: &str| (status, code.to_owned());
    let good = json!({ "query": QUERY });
    assert_eq!(refused(house.post(&json!([good]))).await, is(400, "BAD_REQUEST"));
    assert_eq!(refused(house.post(&json!({}))).await, is(400, "BAD_REQUEST"));
    assert_eq!(
        refused(house.post(&json!({ "query": QUERY, "variables": [] }))).await,
        is(400, "BAD_REQUEST")
    );
    assert_eq!(refused(house.post(&good).body("{")).await, is(400, "BAD_REQUEST"));
    assert_eq!(
        refused(house.post(&good).header(header::ACCEPT, "text/html")).await,
        is(406, "NOT_ACCEPTABLE")
    );
    let form = house.request(Method::POST, "/graphql").body(good.to_string());
    assert_eq!(refused(form).await, is(415, "UNSUPPORTED_MEDIA_TYPE"));
    let large = json!({ "query": QUERY, "variables": { "a": "x".repeat(2 << 20) } });
    assert_eq!(refused(house.post(&large)).await, is(413, "PAYLOAD_TOO_LARGE"));
    let subscription = json!({ "query": "subscription { unitActivity(unitId: \"x\") { __typename } }" });
    assert_eq!(refused(house.post(&subscription)).await, is(400, "BAD_REQUEST"));
    let change = house
        .request(Method::GET, "/graphql")
        .query(&[("query", "mutation { __typename }")]);
    let response = change.send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()[header::ALLOW], "POST");
}

#[tokio::test]
async fn nobody_asks_without_a_token_that_holds() {
    let house = House::build().await;
    let url = format!("http://{}/graphql", house.server.address());
    let ask = |token: Option<String>| {
        let request = Client::new().post(&url).json(&json!({ "query": QUERY }));
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    };
    let response = ask(None).send().await.unwrap();
    assert_eq!(
        response.headers()[header::WWW_AUTHENTICATE],
        "Bearer realm=\"handrail\""
    );
    let is = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(refused(ask(None)).await, is(401, "UNAUTHENTICATED"));
    assert_eq!(
        refused(ask(Some("nonsense".to_owned()))).await,
        is(401, "UNAUTHENTICATED")
    );
    assert_eq!(refused(ask(Some(house.token("stranger")))).await, is(403, "FORBIDDEN"));
    let token = house.token("ingrid");
    assert_eq!(ask(Some(token.clone())).send().await.unwrap().status(), 200);
    house.clock.advance(TimeDelta::hours(2));
    assert_eq!(refused(ask(Some(token))).await, is(401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn the_house_says_how_it_is() {
    let house = House::build().await;
    let text = async |path| {
        house
            .request(Method::GET, path)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    assert_eq!(text("/healthz").await, "ok\n");
    assert_eq!(text("/readyz").await, "ready\n");
    house.post(&json!({ "query": QUERY })).send().await.unwrap();
    assert!(
        text("/metrics")
            .await
            .contains("handrail_http_request_seconds_count{method=\"POST\",path=\"/graphql\",status=\"200\"}")
    );
    let headers = house
        .request(Method::GET, "/graphiql")
        .send()
        .await
        .unwrap()
        .headers()
        .clone();
    assert_eq!(headers["x-frame-options"], "DENY");
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("unpkg.com")
    );
}

#[tokio::test]
async fn measurements_are_served_apart_where_strangers_reach_the_api() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let house = House::configured(|config| {
        config.auth.development_issuer = Some(false);
        config.http.metrics_listen = Some(free);
    })
    .await;
    let get = async |address, path| reqwest::get(format!("http://{address}{path}")).await.unwrap();
    let public = house.server.address();
    for path in ["/metrics", "/graphiql"] {
        assert_eq!(get(public, path).await.status(), 404, "{path}");
    }
    assert_eq!(get(free, "/graphql").await.status(), 404);
    let measured = get(free, "/metrics").await;
    assert_eq!(measured.status(), 200);
    assert!(
        measured
            .text()
            .await
            .unwrap()
            .contains("handrail_http_request_seconds_count")
    );
}

#[tokio::test]
async fn pages_of_allowed_origins_and_our_own_may_call() {
    let house = House::configured(|config| {
        config.http.allowed_origins = vec!["https://app.example".to_owned()];
        config.http.public_url = Some("https://handrail.example".to_owned());
    })
    .await;
    let ask = async |origin: &str| {
        let request = house
            .post(&json!({ "query": QUERY }))
            .header(header::ORIGIN, origin.to_owned());
        request.send().await.unwrap()
    };
    let response = ask("https://app.example").await;
    assert_eq!(response.status(), 200);
    let allowed = &response.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN];
    assert_eq!(allowed, "https://app.example");
    let address = house.server.address();
    for ours in ["https://handrail.example".to_owned(), format!("http://{address}")] {
        assert_eq!(ask(&ours).await.status(), 200, "{ours}");
    }
    let port = address.port().wrapping_add(1);
    for other in [
        "https://other.example".to_owned(),
        format!("http://{}:{port}", address.ip()),
        "null".to_owned(),
    ] {
        let response = ask(&other).await;
        assert_eq!(response.status(), 403, "{other}");
        assert!(!response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}

#[tokio::test]
async fn only_a_websocket_is_one() {
    let house = House::build().await;
    let ask = || house.request(Method::GET, "/graphql").query(&[("query", QUERY)]);
    let other = ask()
        .header(header::UPGRADE, "h2c")
        .header(header::CONNECTION, "Upgrade");
    assert_eq!(other.send().await.unwrap().status(), 200);
    let broken = ask().header(header::UPGRADE, "websocket");
    assert_eq!(refused(broken).await, (400, "BAD_REQUEST".to_owned()));
}
