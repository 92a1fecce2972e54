//! Reminders by hand, from outside: to citizens and to colleagues, now and later, taken back and moved.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod changing;
mod citizens;
mod colleagues;

use api::graphql::{Kind as Of, id};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    care,
    client::{done, refused, text},
    database::Kind,
    world::World,
};
use uuid::Uuid;

const REMIND: &str = "mutation($input: RemindCitizenInput!) { remindCitizen(input: $input) {
    reminder { id template note remindAt sentAt dispatch { id } deliveries { channel status } }
    errors { code message path } } }";
const REMIND_STAFF: &str = "mutation($input: RemindStaffInput!) { remindStaff(input: $input) {
    reminder { id note remindAt sentAt by { id } staff { displayName } deliveries { channel status staff { displayName } } }
    errors { code message path } } }";
const INBOX: &str = "query($first: Int!, $after: String, $unread: Boolean!) { viewer { ... on StaffViewer {
    unreadReminderCount
    reminders(first: $first, after: $after, unread: $unread) { nodes { id note readAt by { displayName }
        enrollment { citizen { displayName } } } pageInfo { hasNextPage endCursor } } } } }";
const REMINDER: &str = "query($id: ID!) { node(id: $id) { ... on Reminder { sentAt skipReason remindAt
    deliveries { channel status skipReason } } } }";

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    at("2027-03-01T09:00:00Z")
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A server with two citizens in a program without rules, and two therapists at the unit.
struct Ward {
    app: TestApp,
    enrollments: [Uuid; 2],
    colleague: Uuid,
}

impl Ward {
    async fn open(kind: Kind) -> Self {
        let world = World::without_program(kind, monday()).await;
        care::import_content(&world.store).await;
        let app = TestApp::over(world).await;
        let enrollments = [app.enroll(1).await, app.enroll(2).await];
        let colleague = care::colleague(&app.store, app.care.unit).await;
        app.work().await;
        Self {
            app,
            enrollments,
            colleague,
        }
    }

    fn enrollment(&self) -> String {
        id(Of::Enrollment, self.enrollments[0]).to_string()
    }

    fn colleague_id(&self) -> String {
        id(Of::Staff, self.colleague).to_string()
    }

    async fn send(&self, token: &str, mutation: &str, input: Value) -> Value {
        let answer = self.app.client.query(token, mutation, json!({ "input": input })).await;
        answer.data()
    }

    /// The therapist does something that is not refused; gives the reminder.
    async fn reminder(&self, mutation: &str, input: Value) -> Value {
        done(&self.send(&self.app.therapist(), mutation, input).await)["reminder"].clone()
    }

    async fn refusal(&self, mutation: &str, input: Value) -> Vec<(String, String)> {
        refused(&self.send(&self.app.therapist(), mutation, input).await)
    }

    async fn read(&self, reminder: &Value) -> Value {
        let (token, variables) = (self.app.therapist(), json!({ "id": reminder["id"] }));
        let answer = self.app.client.query(&token, REMINDER, variables).await;
        answer.data()["node"].clone()
    }

    async fn inbox(&self, token: &str, variables: Value) -> Value {
        let mut variables = variables;
        variables["first"] = variables["first"].as_i64().unwrap_or(10).into();
        variables["unread"] = variables["unread"].as_bool().unwrap_or_default().into();
        self.app.client.query(token, INBOX, variables).await.data()["viewer"].clone()
    }

    /// Whom the mail went to so far.
    fn told(&self) -> Vec<String> {
        let to = |mail: tests::mail::Mail| mail.to.split('@').next().unwrap_or_default().to_owned();
        self.app.mail().into_iter().map(to).collect()
    }
}

fn notes(inbox: &Value) -> Vec<String> {
    let nodes = inbox["reminders"]["nodes"].as_array().unwrap();
    nodes.iter().map(|node| text(&node["note"])).collect()
}
