//! The script: who does what through the API, and what it has written down of it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    care,
    client::{done, refused, text},
    database::Kind,
    world::World,
};

use crate::{
    ledger::{Rows, local, nodes},
    life::Life,
    live::Live,
    messages::Thread,
    operations, world,
};

/// The citizen whose treatment it is.
pub const CITIZEN: Who = Who::Citizen(1);
/// The therapist.
pub const THERAPIST: Who = Who::Staff("therapist");
/// Another therapist at the unit.
pub const COLLEAGUE: Who = Who::Staff(care::COLLEAGUE);
/// Who administers the unit.
pub const ADMINISTRATOR: Who = Who::Staff("unit-administrator");
/// Who writes the rules of the program.
pub const DESIGNER: Who = Who::Staff("designer");
/// The therapist of the sibling unit.
pub const ELSEWHERE: Who = Who::Staff(care::OTHER_THERAPIST);

/// Somebody who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The nth citizen.
    Citizen(u32),
    /// One of the staff, by the subject of their tokens.
    Staff(&'static str),
}

impl Who {
    /// As answers name one of the staff.
    pub fn name(self) -> String {
        match self {
            Self::Staff(subject) => format!("Person {subject}"),
            Self::Citizen(n) => format!("Given{n} Family{n}"),
        }
    }
}

/// The ids of what is there before the script begins.
#[derive(Debug)]
pub struct Ids {
    pub unit: String,
    pub other_unit: String,
    pub therapist: String,
    pub colleague: String,
    pub other_therapist: String,
}

/// The script.
#[derive(Debug)]
pub struct Script {
    pub app: TestApp,
    pub ids: Ids,
    /// The mutations that were used.
    pub used: BTreeSet<&'static str>,
    /// Every operation about the citizen that somebody sent: who, and its name.
    pub sent: Vec<(Who, String)>,
    pub live: Live,
    pub life: Life,
    pub dispatches: Rows,
    pub results: Rows,
    pub thread: Thread,
    pub activities: Rows,
    pub entries: Rows,
    pub measurements: Rows,
    pub flags: Rows,
    pub reminders: Rows,
    pub rules: Rows,
    /// What the administrator of the care provider did.
    pub administered: Vec<Value>,
    /// Whom e-mail went to.
    pub mailed: Vec<String>,
    /// The enrollment of the treatment.
    pub enrollment: String,
    /// Those of the two others, in which some functions are used besides.
    pub others: Vec<String>,
    /// Where the citizen's calendar is.
    pub calendar: String,
    keys: u32,
}

impl Script {
    /// A server with two units and their staff, two programs, and nobody who takes part in them; it is Monday, the 1st of March 2027.
    pub async fn begin(kind: Kind) -> Self {
        let world = World::without_program(kind, local("2027-03-01 10:00")).await;
        let forms = world::forms();
        care::import(&world.store, world::treatment(), &forms).await;
        care::import(&world.store, world::support(), &forms).await;
        let app = TestApp::over(world).await;
        let query = "query Units { viewer { ... on StaffViewer { unit { id therapists { id displayName }
            siblingUnits { id therapists { id } } } } } }";
        let unit = app.client.query(&app.therapist(), query, json!({})).await.data()["viewer"]["unit"].clone();
        let of = |name: &str| {
            let people = unit["therapists"].as_array().unwrap();
            text(&people.iter().find(|one| one["displayName"] == name).unwrap()["id"])
        };
        let ids = Ids {
            unit: text(&unit["id"]),
            other_unit: text(&unit["siblingUnits"][0]["id"]),
            therapist: of(&THERAPIST.name()),
            colleague: String::new(),
            other_therapist: text(&unit["siblingUnits"][0]["therapists"][0]["id"]),
        };
        let live = Live::begin(&app).await;
        Self {
            app,
            ids,
            used: BTreeSet::new(),
            sent: Vec::new(),
            live,
            life: Life::default(),
            dispatches: Rows::default(),
            results: Rows::default(),
            thread: Thread::default(),
            activities: Rows::default(),
            entries: Rows::default(),
            measurements: Rows::default(),
            flags: Rows::default(),
            reminders: Rows::default(),
            rules: Rows::default(),
            administered: Vec::new(),
            mailed: Vec::new(),
            enrollment: String::new(),
            others: Vec::new(),
            calendar: String::new(),
            keys: 0,
        }
    }

    /// What the clock shows.
    pub fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    /// The token of somebody.
    pub fn token(&self, who: Who) -> String {
        match who {
            Who::Citizen(n) => self.app.citizen(n),
            Who::Staff(subject) => self.app.staff(subject),
        }
    }

    /// Moves the clock to a time in Stockholm, working at every instant at which something is due.
    pub async fn at(&mut self, time: &str) {
        self.app.run_until(local(time)).await;
    }

    /// Somebody does something, which is not refused; gives the payload. A frontend that did not hear the answer sends it again:
    /// it is done once all the same. Then the worker does what follows.
    pub async fn does(&mut self, who: Who, mutation: &'static str, mut input: Value) -> Value {
        self.keys += 1;
        input["idempotencyKey"] = json!(format!("script-{}", self.keys));
        let (token, document) = (self.token(who), operations::mutation(mutation));
        let mut payload = Value::Null;
        for _ in 0..2 {
            let answer = self
                .app
                .client
                .query(&token, &document, json!({ "input": input }))
                .await;
            payload = done(&answer.data()).clone();
        }
        self.used.insert(mutation);
        self.sent.push((who, operations::pascal(mutation)));
        self.app.work().await;
        payload
    }

    /// Somebody does something and is refused; gives the code.
    pub async fn may_not(&mut self, who: Who, mutation: &'static str, input: Value) -> String {
        let document = operations::mutation(mutation);
        let answer = self
            .app
            .client
            .query(&self.token(who), &document, json!({ "input": input }))
            .await;
        refused(&answer.data()).remove(0).0
    }

    /// Somebody asks for fields of the enrollment of the treatment, null where they do not see it.
    pub async fn sees(&mut self, who: Who, name: &str, fields: &str) -> Value {
        let enrollment = self.enrollment.clone();
        self.sees_of(who, &enrollment, name, fields).await
    }

    /// Somebody asks for fields of an enrollment.
    pub async fn sees_of(&mut self, who: Who, enrollment: &str, name: &str, fields: &str) -> Value {
        let document = format!("query {name}($id: ID!) {{ enrollment(id: $id) {{ {fields} }} }}");
        let data = self.asks(who, &document, json!({ "id": enrollment })).await;
        if enrollment == self.enrollment && !data["enrollment"].is_null() {
            self.sent.push((who, name.to_owned()));
        }
        data["enrollment"].clone()
    }

    /// Somebody asks for something.
    pub async fn asks(&self, who: Who, document: &str, variables: Value) -> Value {
        let document = operations::with_fragments(document.to_owned());
        self.app
            .client
            .query(&self.token(who), &document, variables)
            .await
            .data()
    }

    /// All nodes of a connection of the enrollment, page by page.
    pub async fn all(&mut self, who: Who, name: &str, connection: &str, fields: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut after = Value::Null;
        loop {
            let document = format!(
                "query {name}($id: ID!, $after: String) {{ enrollment(id: $id) {{ page: {connection} {{
                    nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
            );
            let variables = json!({ "id": self.enrollment, "after": after });
            let page = self.asks(who, &document, variables).await["enrollment"]["page"].clone();
            self.sent.push((who, name.to_owned()));
            found.extend(nodes(&page));
            if page["pageInfo"]["hasNextPage"] == false {
                return found;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }
}
