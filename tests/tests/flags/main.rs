//! The flags of a unit from outside: the worklist, giving flags to one another, taking care of them, and flags to the citizen.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod assigning;
mod handling;
mod reopening;
mod taking_on;
mod worklist;

use api::graphql::{Kind as Of, id};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    care,
    client::{done, text},
    database::Kind,
    world::World,
};
use uuid::Uuid;

const RAISE: &str = "mutation($input: RaiseFlagInput!) { raiseFlag(input: $input) {
    flag { id status severity causeCount } errors { code message path } } }";
const ACKNOWLEDGE: &str = "mutation($input: AcknowledgeFlagInput!) { acknowledgeFlag(input: $input) {
    flag { id status acknowledgedBy { id } assignedTo { id } } errors { code message path } } }";
const RESOLVE: &str = "mutation($input: ResolveFlagInput!) { resolveFlag(input: $input) {
    flag { id status resolvedAt resolvedBy { id } } errors { code message path } } }";
const REOPEN: &str = "mutation($input: ReopenFlagInput!) { reopenFlag(input: $input) {
    flag { id status acknowledgedBy { id } resolvedAt openings causes { endedAt note raisedBy { id } } }
    errors { code message path } } }";
const ASSIGN: &str = "mutation($input: AssignFlagInput!) { assignFlag(input: $input) {
    flag { id status assignedTo { id displayName } } errors { code message path } } }";
const WORKLIST: &str =
    "query($unitId: ID!, $first: Int!, $after: String, $status: [FlagStatus!] = [OPEN, ACKNOWLEDGED],
        $severity: [Severity!], $kind: String, $audience: Audience = STAFF, $assignedTo: AssigneeInput,
        $enrollmentId: ID, $orderBy: FlagOrder = NEED) {
    unit(id: $unitId) { flags(first: $first, after: $after, status: $status, severity: $severity, kind: $kind,
        audience: $audience, assignedTo: $assignedTo, enrollmentId: $enrollmentId, orderBy: $orderBy) {
        totalCount nodes { id title kind enrollment { citizen { displayName } } }
        pageInfo { hasNextPage endCursor } } } }";
const HISTORY: &str = "query($id: ID!) { node(id: $id) { ... on Flag { history {
    at status assignedTo { displayName } note actor by { displayName } } } } }";

/// A Monday, ten in Stockholm.
fn monday() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A server with so many citizens who take part in a program without rules, and a second therapist at the unit.
struct Ward {
    app: TestApp,
    enrollments: Vec<Uuid>,
    colleague: Uuid,
}

impl Ward {
    async fn open(kind: Kind, people: u32) -> Self {
        let world = World::without_program(kind, monday()).await;
        care::import_content(&world.store).await;
        let app = TestApp::over(world).await;
        let mut enrollments = Vec::new();
        for n in 1..=people {
            enrollments.push(app.enroll(n).await);
        }
        let colleague = care::colleague(&app.store, app.care.unit).await;
        app.work().await;
        Self {
            app,
            enrollments,
            colleague,
        }
    }

    fn enrollment(&self, n: usize) -> String {
        id(Of::Enrollment, self.enrollments[n - 1]).to_string()
    }

    fn unit(&self) -> String {
        id(Of::Unit, self.app.care.unit).to_string()
    }

    fn therapist_id(&self) -> String {
        id(Of::Staff, self.app.care.therapist).to_string()
    }

    fn colleague_id(&self) -> String {
        id(Of::Staff, self.colleague).to_string()
    }

    async fn send(&self, token: &str, mutation: &str, input: Value) -> Value {
        let answer = self.app.client.query(token, mutation, json!({ "input": input })).await;
        answer.data()
    }

    /// The therapist does something that is not refused; gives the flag.
    async fn flag(&self, mutation: &str, input: Value) -> Value {
        done(&self.send(&self.app.therapist(), mutation, input).await)["flag"].clone()
    }

    async fn raise(&self, n: usize, kind: &str, severity: &str, audience: &str) -> String {
        let title = format!("{kind} {n}");
        let input = json!({ "enrollmentId": self.enrollment(n), "kind": kind, "severity": severity, "title": title,
            "audience": audience });
        let flag = self.flag(RAISE, input).await;
        self.app.clock.advance(TimeDelta::minutes(1));
        text(&flag["id"])
    }

    async fn list(&self, token: &str, mut variables: Value) -> Value {
        variables["unitId"] = self.unit().into();
        variables["first"] = variables["first"].as_i64().unwrap_or(20).into();
        let data = self.app.client.query(token, WORKLIST, variables).await.data();
        data["unit"]["flags"].clone()
    }

    async fn titles(&self, variables: Value) -> Vec<String> {
        let list = self.list(&self.app.therapist(), variables).await;
        titles(&list)
    }

    async fn block(&self, n: usize) {
        care::block(&self.app.store, self.enrollments[n - 1], self.app.care.unit).await;
    }
}

fn titles(list: &Value) -> Vec<String> {
    let nodes = list["nodes"].as_array().unwrap();
    nodes.iter().map(|node| text(&node["title"])).collect()
}

/// Those whom the flags of citizen 1 do not concern.
fn strangers(ward: &Ward) -> [String; 4] {
    [
        ward.app.staff(care::OTHER_THERAPIST),
        ward.app.staff("citizen-administrator"),
        ward.app.staff("unit-administrator"),
        ward.app.citizen(1),
    ]
}
