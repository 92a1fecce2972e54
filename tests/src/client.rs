//! A client of the API, over HTTP and WebSocket.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{contract, socket::Socket};

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    http: reqwest::Client,
}

impl Client {
    /// A client of the server at `address` (`127.0.0.1:8800`).
    pub fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            http: reqwest::Client::new(),
        }
    }

    /// The client of HTTP.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a request of GraphQL.
    ///
    /// # Panics
    /// When the server does not answer, or not with JSON.
    pub async fn post(&self, token: &str, body: &Value) -> Answer {
        let request = self.http.post(self.url("/graphql")).bearer_auth(token).json(body);
        let response = request.send().await.unwrap();
        Answer {
            status: response.status(),
            body: response.json().await.unwrap(),
        }
    }

    /// Sends a document with its variables.
    pub async fn query(&self, token: &str, query: &str, variables: Value) -> Answer {
        self.post(token, &json!({ "query": query, "variables": variables }))
            .await
    }

    /// Sends an operation of the contract verbatim; gives its data.
    ///
    /// # Panics
    /// When the contract does not have it, or the answer has errors.
    pub async fn ask(&self, token: &str, operation: &str, variables: Value) -> Value {
        self.query(token, document(operation), variables).await.data()
    }

    /// Sends a mutation of the contract verbatim with its one input; gives its data.
    ///
    /// # Panics
    /// As [`Client::ask`].
    pub async fn input(&self, token: &str, operation: &str, input: Value) -> Value {
        self.ask(token, operation, json!({ "input": input })).await
    }

    /// Sends a mutation that the contract does not have, with its one input, asking for these fields; gives its data.
    ///
    /// # Panics
    /// When the answer has errors.
    pub async fn mutate(&self, token: &str, mutation: &str, input: Value, fields: &str) -> Value {
        let (first, rest) = mutation.split_at(1);
        let kind = format!("{}{rest}Input", first.to_uppercase());
        let document = format!(
            "mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {fields} errors {{ code message path }} }} }}"
        );
        self.query(token, &document, json!({ "input": input })).await.data()
    }

    /// Opens a socket for somebody.
    pub async fn socket(&self, token: &str) -> Socket {
        Socket::signed_in(&format!("ws://{}/graphql", self.address), token).await
    }

    /// As [`Client::socket`]; none where the server does not answer any more.
    pub async fn try_socket(&self, token: &str) -> Option<Socket> {
        Socket::try_signed_in(&format!("ws://{}/graphql", self.address), token).await
    }
}

/// What the server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status of HTTP.
    pub status: StatusCode,
    /// The body.
    pub body: Value,
}

impl Answer {
    /// The data of an answer without errors.
    ///
    /// # Panics
    /// When there are errors.
    pub fn data(self) -> Value {
        assert!(self.body.get("errors").is_none(), "{}", self.body);
        assert_eq!(self.status, StatusCode::OK);
        self.body["data"].clone()
    }

    /// The code of the first error of GraphQL.
    ///
    /// # Panics
    /// When there is no error, or it has no code or no message.
    pub fn code(&self) -> &str {
        let error = &self.body["errors"][0];
        assert!(
            error["message"].as_str().is_some_and(|message| !message.is_empty()),
            "{}",
            self.body
        );
        error["extensions"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("an error without a code: {}", self.body))
    }
}

/// A text of an answer.
///
/// # Panics
/// When it is none.
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("a text was expected, not {value}"))
        .to_owned()
}

/// The answers to the weekly measure: an option for each of the nine items.
pub fn weekly_measure(options: [&str; 9]) -> Value {
    let answers = options.iter().enumerate();
    answers
        .map(|(place, option)| json!({ "item": format!("q{}", place + 1), "value": option }))
        .collect()
}

/// The payload of the only mutation in an answer, which must have no errors.
///
/// # Panics
/// When it has any.
pub fn done(data: &Value) -> &Value {
    let payload = data.as_object().unwrap().values().next().unwrap();
    assert_eq!(payload["errors"], json!([]), "{data}");
    payload
}

/// The codes and paths of what the only mutation in an answer was refused for.
///
/// # Panics
/// When it was not refused, or an error has no words.
pub fn refused(data: &Value) -> Vec<(String, String)> {
    let payload = data.as_object().unwrap().values().next().unwrap();
    let errors = payload["errors"].as_array().unwrap();
    assert!(!errors.is_empty(), "it was not refused: {data}");
    errors
        .iter()
        .map(|error| {
            assert!(
                error["message"].as_str().is_some_and(|message| message.len() > 5),
                "{error}"
            );
            let path: Vec<&str> = error["path"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            (error["code"].as_str().unwrap().to_owned(), path.join("."))
        })
        .collect()
}

/// One refusal, as [`refused`] gives it.
pub fn one(code: &str, path: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), path.to_owned())]
}

/// An operation of the contract as it is written.
///
/// # Panics
/// When there is no contract, or it does not have it.
pub fn document(operation: &str) -> &'static str {
    let operations = contract::operations().expect("tests of the contract ask whether there is one");
    operations
        .get(operation)
        .unwrap_or_else(|| panic!("the contract has no {operation}"))
}
