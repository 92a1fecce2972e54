//! The real server on a free port, over a world whose clock and worker the test drives.

use std::ops::Deref;

use api::server::Server;
use chrono::{DateTime, TimeDelta, Utc};
use entity::event;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};

use crate::{
    care,
    client::{Client, document, done, text},
    database::Kind,
    issuer,
    socket::Socket,
    world::World,
};

/// A running server and what belongs to it.
#[derive(Debug)]
pub struct TestApp {
    /// The world below.
    pub world: World,
    /// A client of the server.
    pub client: Client,
    server: Server,
}

impl Deref for TestApp {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl TestApp {
    /// Starts a server over a world with the program of the tests; its clock stands at `now`.
    ///
    /// # Panics
    /// When it cannot start.
    pub async fn start(kind: Kind, now: DateTime<Utc>) -> Self {
        Self::over(World::new(kind, now).await).await
    }

    /// Starts a server over a world.
    ///
    /// # Panics
    /// When it cannot start.
    pub async fn over(mut world: World) -> Self {
        let mut config = world.config.clone();
        config.worker.embedded = false;
        let server = Server::start(config, world.clock.clone()).await.unwrap();
        world.share(server.store());
        let client = Client::new(&server.address().to_string());
        Self { world, client, server }
    }

    /// A token of one of the staff.
    pub fn staff(&self, subject: &str) -> String {
        issuer::sign(&issuer::claims(subject, "staff", self.clock.now()))
    }

    /// A token of the therapist at the unit.
    pub fn therapist(&self) -> String {
        self.staff("therapist")
    }

    /// A token of the nth citizen, as an issuer that knows identity numbers makes it.
    pub fn citizen(&self, n: u32) -> String {
        let mut claims = issuer::claims(&care::citizen_subject(n), "citizen", self.clock.now());
        claims["personal_identity_number"] = care::identity_number(n).into();
        issuer::sign(&claims)
    }

    /// Subscribes to an operation of the contract: to what happens from now on, unless the variables say after what.
    ///
    /// # Panics
    /// When the contract does not have it.
    pub async fn subscribe(&self, token: &str, operation: &str, mut variables: Value) -> Socket {
        // Nothing in the protocol tells when a subscription begins: with a cursor it does not matter.
        if variables["after"].is_null() {
            variables["after"] = self.last_cursor().await.into();
        }
        let mut socket = self.client.socket(token).await;
        socket.subscribe("1", document(operation), &variables).await;
        socket
    }

    /// The cursor of what happened last. Unlike that of now it leaves out all that happened before, whatever other databases of
    /// the server are busy with.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn last_cursor(&self) -> String {
        let last = event::Entity::find()
            .order_by_desc(event::Column::Position)
            .order_by_desc(event::Column::Id);
        match last.one(self.store.connection()).await.unwrap() {
            Some(last) => last.cursor().to_string(),
            None => event::now_cursor(&self.store).await.unwrap().to_string(),
        }
    }

    /// The id of a citizen's only enrollment as clients see it.
    ///
    /// # Panics
    /// When they have none.
    pub async fn enrollment_of(&self, n: u32) -> String {
        let query = "{ viewer { ... on CitizenViewer { citizen { enrollments(first: 2) { nodes { id } } } } } }";
        let data = self.client.query(&self.citizen(n), query, json!({})).await.data();
        let nodes = data["viewer"]["citizen"]["enrollments"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 1, "{nodes:?}");
        text(&nodes[0]["id"])
    }

    /// A citizen's only enrollment as their start page shows it.
    ///
    /// # Panics
    /// When they have none.
    pub async fn home(&self, n: u32) -> Value {
        let now = self.clock.now();
        let variables = json!({ "now": now, "until": now + TimeDelta::days(7) });
        let data = self.client.ask(&self.citizen(n), "CitizenHome", variables).await;
        let nodes = data["viewer"]["citizen"]["enrollments"]["nodes"]
            .as_array()
            .unwrap()
            .clone();
        assert_eq!(nodes.len(), 1, "{nodes:?}");
        nodes[0].clone()
    }

    /// The nth citizen answers the form of this key that has waited the longest in their only enrollment.
    ///
    /// # Panics
    /// When none waits, or the answers are refused.
    pub async fn answer(&self, n: u32, form: &str, answers: Value) {
        let citizen = self.citizen(n);
        let waiting = "{ viewer { ... on CitizenViewer { citizen { enrollments(first: 1) { nodes {
            dispatches(first: 50, status: [AVAILABLE]) { nodes { id availableAt form { key } } } } } } } } }";
        let data = self.client.query(&citizen, waiting, json!({})).await.data();
        let nodes = &data["viewer"]["citizen"]["enrollments"]["nodes"][0]["dispatches"]["nodes"];
        let of_form = nodes
            .as_array()
            .unwrap()
            .iter()
            .filter(|node| node["form"]["key"] == form);
        let longest = of_form.min_by_key(|node| text(&node["availableAt"])).expect("it waits");
        let submit = "mutation($input: SubmitResponseInput!) {
            submitResponse(input: $input) { errors { code message path } } }";
        let input = json!({ "dispatchId": longest["id"], "answers": answers });
        let answer = self.client.query(&citizen, submit, json!({ "input": input })).await;
        done(&answer.data());
    }

    /// The unit's id as the therapist sees it.
    ///
    /// # Panics
    /// When the therapist acts at none.
    pub async fn unit_id(&self) -> String {
        let query = "{ viewer { ... on StaffViewer { unit { id } } } }";
        let data = self.client.query(&self.therapist(), query, json!({})).await.data();
        text(&data["viewer"]["unit"]["id"])
    }

    /// Stops the server.
    ///
    /// # Panics
    /// When something did not end as it should.
    pub async fn stop(self) -> World {
        self.server.stop().await.unwrap();
        self.world
    }
}
