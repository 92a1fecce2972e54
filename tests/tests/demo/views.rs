//! Each view has something worth looking at: what the documents beside this file ask for says something for at least one
//! person of the demo.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::client::Client;

const CITIZEN: &str = include_str!("citizen.graphql");
const STAFF: &str = include_str!("staff.graphql");
const ADMINISTRATOR: &str = include_str!("administrator.graphql");

/// What has been asked for and what said something, by document, operation and path.
#[derive(Default)]
struct Seen {
    asked: BTreeSet<String>,
    told: BTreeSet<String>,
    /// The words that stood at a path.
    words: BTreeMap<String, BTreeSet<String>>,
}

impl Seen {
    fn note(&mut self, path: &str, value: &Value) {
        self.asked.insert(path.to_owned());
        match value {
            Value::Null => {}
            Value::Array(rows) => {
                for row in rows {
                    self.told.insert(path.to_owned());
                    self.note(path, row);
                }
            }
            Value::Object(fields) => {
                self.told.insert(path.to_owned());
                for (field, value) in fields {
                    self.note(&format!("{path}.{field}"), value);
                }
            }
            Value::String(word) => {
                if !word.is_empty() {
                    self.told.insert(path.to_owned());
                    self.words.entry(path.to_owned()).or_default().insert(word.clone());
                }
            }
            Value::Bool(_) | Value::Number(_) => {
                self.told.insert(path.to_owned());
                self.words.entry(path.to_owned()).or_default().insert(value.to_string());
            }
        }
    }

    /// Asserts that these words stand at a path, for somebody.
    fn has(&self, path: &str, words: &[&str]) {
        let found = self
            .words
            .get(path)
            .unwrap_or_else(|| panic!("nothing stands at {path}"));
        for word in words {
            assert!(found.contains(*word), "{path} is never {word}: {found:?}");
        }
    }
}

/// A client and what it has seen.
pub(crate) struct Views<'a> {
    client: &'a Client,
    now: DateTime<Utc>,
    seen: Seen,
}

impl<'a> Views<'a> {
    pub(crate) fn new(client: &'a Client, now: DateTime<Utc>) -> Self {
        let seen = Seen::default();
        Self { client, now, seen }
    }

    async fn ask(&mut self, token: &str, document: &str, operation: &str, variables: Value) -> Value {
        let data = self
            .client
            .query(token, &only(document, operation), variables)
            .await
            .data();
        let side = match document {
            CITIZEN => "citizen",
            STAFF => "staff",
            _ => "administrator",
        };
        self.seen.note(&format!("{side} {operation}"), &data);
        data
    }

    fn span(&self, id: &Value) -> Value {
        json!({ "id": id, "from": self.now - TimeDelta::days(80), "to": self.now + TimeDelta::days(40) })
    }

    /// Reads everything that a citizen, or a guardian, reads.
    pub(crate) async fn of_citizen(&mut self, token: &str) {
        let data = self.ask(token, CITIZEN, "People", json!({})).await;
        self.ask(token, CITIZEN, "Open", json!({})).await;
        let viewer = &data["viewer"];
        let guarded = viewer["citizens"].as_array().cloned().unwrap_or_default();
        let own = viewer.get("citizen").cloned();
        for citizen in own.into_iter().chain(guarded) {
            for enrollment in citizen["enrollments"]["nodes"].as_array().unwrap() {
                let id = &enrollment["id"];
                for operation in ["Content", "Messages"] {
                    self.ask(token, CITIZEN, operation, json!({ "id": id })).await;
                }
                for operation in ["Home", "Timeline"] {
                    self.ask(token, CITIZEN, operation, self.span(id)).await;
                }
            }
        }
    }

    /// Reads everything that somebody who treats reads.
    pub(crate) async fn of_staff(&mut self, token: &str, unit: &Value) {
        let data = self.ask(token, STAFF, "Today", json!({})).await;
        for program in ["low-mood", "after-heart-attack"] {
            self.ask(token, STAFF, "Rules", json!({ "program": program, "unit": unit }))
                .await;
        }
        let enrollments = &data["viewer"]["unit"]["enrollments"]["nodes"];
        for enrollment in enrollments.as_array().unwrap() {
            let id = &enrollment["id"];
            for operation in ["Citizen", "Messages", "Results", "Why"] {
                self.ask(token, STAFF, operation, json!({ "id": id })).await;
            }
            self.ask(token, STAFF, "Timeline", self.span(id)).await;
            for form in ["weekly-measure", "worry-measure", "confidence"] {
                self.ask(token, STAFF, "Series", json!({ "id": id, "form": form }))
                    .await;
            }
            for kind in ["mood", "sleep", "weight", "pulse", "steps"] {
                let mut variables = self.span(id);
                variables["kind"] = json!(kind);
                self.ask(token, STAFF, "Measurements", variables).await;
            }
        }
    }

    /// Reads everything that an administrator of the care provider reads.
    pub(crate) async fn of_administrator(&mut self, token: &str) {
        self.ask(token, ADMINISTRATOR, "Provider", json!({})).await;
    }

    /// Follows a link that needs no token; gives its kind.
    pub(crate) async fn follows(&self, url: &str) -> (String, Vec<u8>) {
        let response = self.client.http().get(self.client.url(url)).send().await.unwrap();
        assert!(response.status().is_success(), "{} at {url}", response.status());
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, response.bytes().await.unwrap().to_vec())
    }

    /// Asserts that everything that was asked for says something for somebody, and that what people do is there in its kinds.
    pub(crate) async fn say_something(self) {
        let silent: Vec<&String> = self.seen.asked.difference(&self.seen.told).collect();
        assert!(silent.is_empty(), "at {} nobody has anything at {silent:#?}", self.now);
        assert!(self.seen.asked.len() > 300, "{}", self.seen.asked.len());

        let blocks = "citizen Content.enrollment.modules.sections.steps.blocks.__typename";
        self.seen.has(
            blocks,
            &[
                "TextBlock",
                "ImageBlock",
                "VideoBlock",
                "AudioBlock",
                "FileBlock",
                "FormBlock",
            ],
        );
        self.seen.has(
            "staff Citizen.enrollment.status",
            &["PLANNED", "ACTIVE", "PAUSED", "COMPLETED", "WITHDRAWN"],
        );
        let dispatches = "staff Citizen.enrollment.dispatches.nodes.status";
        self.seen.has(
            dispatches,
            &["SCHEDULED", "AVAILABLE", "STARTED", "COMPLETED", "EXPIRED", "CANCELLED"],
        );
        let today = "staff Today.viewer.unit.flags.nodes";
        self.seen
            .has(&format!("{today}.severity"), &["INFO", "WARNING", "URGENT"]);
        self.seen.has(&format!("{today}.status"), &["OPEN", "ACKNOWLEDGED"]);
        let certainties = ["HAPPENED", "PLANNED", "PREDICTED"];
        self.seen
            .has("staff Timeline.enrollment.timeline.certainty", &certainties);
        self.seen
            .has("citizen Timeline.enrollment.timeline.certainty", &certainties);
        let answered = "staff Results.enrollment.results.answeredBy.as";
        self.seen.has(answered, &["CITIZEN", "STAFF"]);
        let reliable = "staff Series.enrollment.resultSeries.change.reliable.verdict";
        self.seen.has(reliable, &["RELIABLE_IMPROVEMENT", "NO_RELIABLE_CHANGE"]);
        let attached = "citizen Messages.enrollment.messages.nodes.attachments";
        self.seen
            .has(&format!("{attached}.mediaType"), &["image/png", "application/pdf"]);

        for (path, start) in [
            (format!("{attached}.url"), &b""[..]),
            ("staff Series.enrollment.resultSeries.chartUrl".to_owned(), &b"<svg"[..]),
            ("staff Results.enrollment.resultTableUrl".to_owned(), &b""[..]),
            ("staff Results.enrollment.resultBundleUrl".to_owned(), &b"{"[..]),
        ] {
            let url = self.seen.words[&path].first().unwrap();
            let (kind, content) = self.follows(url).await;
            assert!(content.starts_with(start) && !content.is_empty(), "{kind} at {path}");
        }
    }
}

/// One operation of a document, with the fragments that it uses.
fn only(document: &str, operation: &str) -> String {
    let pieces = || document.split("\n\n");
    let name = |piece: &str| piece.split([' ', '(']).nth(1).unwrap_or_default().to_owned();
    let asked = pieces()
        .find(|piece| piece.starts_with("query ") && name(piece) == operation)
        .unwrap_or_else(|| panic!("there is no {operation}"));
    let used = |piece: &&str| piece.starts_with("fragment ") && asked.contains(&format!("...{}", name(piece)));
    pieces()
        .filter(used)
        .fold(asked.to_owned(), |whole, piece| format!("{whole}\n{piece}"))
}

/// Whether somebody has a role.
pub(crate) fn has_role(me: &Value, role: &str) -> bool {
    let roles = me["viewer"]["roles"].as_array();
    roles.is_some_and(|roles| roles.iter().any(|known| known == role))
}
