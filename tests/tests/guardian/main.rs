//! Guardians (ombud), who act for a child: what they read and do as the child would, who is told that it was they, and that
//! nothing of anybody else is theirs, nor of the child once they act for them no more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod contact;
mod listening;
mod reading;
mod starting;
mod together;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    access_log,
    action::{self, guardian::NewGuardian},
    citizen,
    viewer::Viewer,
};
use reqwest::Response;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{app::TestApp, care, database::Kind, issuer, socket::Socket, world::World};
use uuid::Uuid;

/// What a start page shows of a citizen, to themself or to their guardian.
const HOME: &str = "query($now: DateTime!, $until: DateTime!) { viewer { __typename
        ... on CitizenViewer { citizen { ...Home } } ... on GuardianViewer { id citizens { ...Home } } } }
    fragment Home on Citizen { id displayName email phone locale enrollments(first: 10, status: [ACTIVE, PAUSED]) { nodes {
        id status startedAt endsAt program { id title kind } progress { completedSteps totalSteps percent }
        nextStep { id title module { id title } } unreadMessageCount
        dispatches(first: 20, status: [AVAILABLE, STARTED]) { nodes { id status form { id title key } availableAt expiresAt } }
        activities(from: $now, to: $until) { id title startsAt endsAt done }
        flags(first: 10, status: OPEN) { nodes { id title raisedAt } }
        contact { unit { id name phone openingHours } therapists { id displayName title } } } } }";
const MINE: &str = "subscription($after: String) { myActivity(after: $after) { __typename
    ... on Activity { cursor } ... on MessageReceived { message { body } } } }";
const SUBJECT: &str = "guardian";

/// A Monday.
fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A child in a program that lets them plan, whose guardian is known, and another child at the same unit.
struct Family {
    app: TestApp,
    guardian: Uuid,
    child: Uuid,
    /// The enrollment of the child, and of the other child.
    enrollment: String,
    others: String,
}

async fn family(kind: Kind) -> Family {
    let world = World::new(kind, morning()).await;
    care::import_changed(&world.store, |program| {
        program["features"] = json!({ "citizenPlansActivities": true });
    })
    .await;
    let app = TestApp::over(world).await;
    app.enroll(1).await;
    app.enroll(2).await;
    app.work().await;
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let new = NewGuardian {
        personal_identity_number: care::identity_number(90),
        given_name: "Eva".to_owned(),
        family_name: "Family1".to_owned(),
        locale: None,
        subject: Some(SUBJECT.to_owned()),
    };
    let guardian = action::guardian::register(&mut act, &new).await.unwrap();
    act.commit().await.unwrap();
    let (enrollment, others) = (app.enrollment_of(1).await, app.enrollment_of(2).await);
    let child = row_of(&app, 1).await;
    entrust(&app, guardian, child, None).await;
    Family {
        app,
        guardian,
        child,
        enrollment,
        others,
    }
}

/// The nth citizen's own id.
async fn row_of(app: &TestApp, n: u32) -> Uuid {
    let found = citizen::by_subject(&app.store, &care::citizen_subject(n))
        .await
        .unwrap();
    found.unwrap()
}

async fn entrust(app: &TestApp, guardian: Uuid, citizen: Uuid, until: Option<DateTime<Utc>>) {
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    action::guardian::entrust(&mut act, guardian, citizen, until)
        .await
        .unwrap();
    act.commit().await.unwrap();
}

impl Family {
    fn token(&self) -> String {
        issuer::sign(&issuer::claims(SUBJECT, "guardian", self.app.clock.now()))
    }

    /// The guardian acts for the child no more.
    async fn release(&self) {
        let mut act = self.app.store.act(&Viewer::system()).await.unwrap();
        action::guardian::release(&mut act, self.guardian, self.child)
            .await
            .unwrap();
        act.commit().await.unwrap();
    }

    async fn home(&self, token: &str) -> Value {
        let now = self.app.clock.now();
        let variables = json!({ "now": now, "until": now + TimeDelta::days(7) });
        self.app.client.query(token, HOME, variables).await.data()["viewer"].clone()
    }

    /// Sends a mutation of this input; gives its data.
    async fn send(&self, token: &str, mutation: &str, fields: &str, input: Value) -> Value {
        self.app.client.mutate(token, mutation, input, fields).await
    }

    /// Fields of an enrollment as somebody sees them; null where they see none.
    async fn seen(&self, token: &str, enrollment: &str, fields: &str) -> Value {
        let query = format!("query($id: ID!) {{ enrollment(id: $id) {{ {fields} }} }}");
        let data = self.app.client.query(token, &query, json!({ "id": enrollment })).await;
        data.data()["enrollment"].clone()
    }

    /// The first form that waits in an enrollment, as its citizen sees it.
    async fn waiting(&self, n: u32) -> Value {
        let home = self.home(&self.app.citizen(n)).await;
        home["citizen"]["enrollments"]["nodes"][0]["dispatches"]["nodes"][0]["id"].clone()
    }

    async fn download(&self, link: &Value) -> Response {
        let url = self.app.client.url(link.as_str().unwrap());
        self.app.client.http().get(url).send().await.unwrap()
    }

    async fn listen(&self, token: &str) -> Socket {
        let after = self.app.last_cursor().await;
        let mut socket = self.app.client.socket(token).await;
        socket.subscribe("1", MINE, &json!({ "after": after })).await;
        socket
    }

    /// Whose data the guardian read or changed with an operation, as it is written down.
    async fn logged(&self, operation: &str) -> Vec<Uuid> {
        let rows = access_log::Entity::find()
            .filter(access_log::Column::Viewer.eq(format!("GUARDIAN:{}", self.guardian)))
            .filter(access_log::Column::Operation.eq(operation));
        let rows = rows.all(self.app.store.connection()).await.unwrap();
        rows.iter().map(|row| row.citizen_id).collect()
    }
}
