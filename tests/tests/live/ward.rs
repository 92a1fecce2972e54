//! Where people work and are told of it: a unit with a therapist and a colleague, and a citizen of theirs.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    care,
    client::{done, text},
    database::Kind,
    socket::Socket,
    world::World,
};

const ITEM: &str = "__typename ... on Activity { cursor at }
    ... on ActivityPlanChanged { activity { title } }
    ... on ActivityRegistered { entry { done } }
    ... on CitizenChanged { citizen { email locale } }
    ... on DispatchAvailable { dispatch { form { key } } }
    ... on DispatchChanged { dispatchEvent dispatch { form { key } } }
    ... on EnrollmentChanged { enrollmentEvent enrollment { status } }
    ... on EnrollmentLeft { enrollmentId }
    ... on FlagChanged { flag { kind status } }
    ... on FlagRaised { flag { kind } }
    ... on FormScheduleSwitched { formSchedule { on form { key } } }
    ... on MeasurementRegistered { measurement { value } }
    ... on MessageReceived { message { body } }
    ... on MessageSent { message { body } }
    ... on MessagesRead { actor }
    ... on ProgressMade { module { key } step { key } }
    ... on ReminderArrived { reminder { template } }
    ... on ReminderChanged { reminderEvent reminder { template } }
    ... on ReminderSent { reminder { template } }
    ... on ResponseSubmitted { result { form { key } } }
    ... on ResultCorrected { corrected { form { key } } }
    ... on UnitChanged { unit { answerWithinDays name phone } }
    ... on VisibilityChanged { visibilityEvent visibleFrom
        module { availability { open } key visible } section { availability { open } key visible } }";

/// A Monday, ten in the morning in Stockholm.
pub fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// A unit where a therapist works and a colleague of theirs listens, and a citizen who does, too.
pub struct Ward {
    pub app: TestApp,
    /// The citizen's.
    pub enrollment: String,
    pub colleague_id: String,
    colleague: Socket,
    citizen: Socket,
    /// How many marks there were.
    marks: u32,
}

async fn colleague_listens(app: &TestApp, after: &str) -> Socket {
    let query = format!(
        "subscription($unitId: ID!, $after: String) {{ activity: unitActivity(unitId: $unitId, after: $after) {{ {ITEM} }} }}"
    );
    let variables = json!({ "unitId": app.unit_id().await, "after": after });
    let mut socket = app.client.socket(&app.staff(care::COLLEAGUE)).await;
    socket.subscribe("1", &query, &variables).await;
    socket
}

async fn citizen_listens(app: &TestApp, after: &str) -> Socket {
    let query = format!("subscription($after: String) {{ activity: myActivity(after: $after) {{ {ITEM} }} }}");
    let mut socket = app.client.socket(&app.citizen(1)).await;
    socket.subscribe("1", &query, &json!({ "after": after })).await;
    socket
}

/// An item in short: its type, and what it says in the order of the names of its fields, `-` where it is null.
fn in_short(item: &Value) -> String {
    fn leaves(value: &Value, said: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields.values().for_each(|value| leaves(value, said)),
            Value::String(text) => said.push(text.clone()),
            Value::Null => said.push("-".to_owned()),
            other => said.push(other.to_string()),
        }
    }
    let mut item = item.clone();
    let fields = item.as_object_mut().unwrap();
    let mut said = vec![text(&fields.remove("__typename").unwrap())];
    assert!(fields.remove("cursor").is_some_and(|cursor| cursor.is_string()));
    assert!(fields.remove("at").is_some_and(|at| at.is_string()));
    leaves(&item, &mut said);
    said.join(" ")
}

impl Ward {
    pub async fn open(kind: Kind) -> Self {
        let world = World::new(kind, morning()).await;
        care::import_changed(&world.store, |program| {
            program["measurements"] = json!([{ "key": "weight", "title": { "sv": "Vikt" },
                "unit": { "code": "kg", "label": { "sv": "kg" } }, "min": 20, "max": 300, "decimals": 1 }]);
        })
        .await;
        Self::over(world).await
    }

    /// As [`Ward::open`], with the program of the tests changed, and none of its rules.
    pub async fn in_program(kind: Kind, change: impl FnOnce(&mut Value)) -> Self {
        let world = World::without_program(kind, morning()).await;
        care::import_changed(&world.store, change).await;
        Self::over(world).await
    }

    async fn over(world: World) -> Self {
        // Before the server starts: what it knows of staff may be a second old.
        let colleague = care::colleague(&world.store, world.care.unit).await;
        let app = TestApp::over(world).await;
        app.enroll(1).await;
        app.work().await;
        let enrollment = app.enrollment_of(1).await;
        let after = app.last_cursor().await;
        Self {
            colleague: colleague_listens(&app, &after).await,
            citizen: citizen_listens(&app, &after).await,
            colleague_id: api::graphql::id(api::graphql::Kind::Staff, colleague).to_string(),
            enrollment,
            marks: 0,
            app,
        }
    }

    /// Sends a mutation about the enrollment, where the input names nothing else; gives its payload.
    pub async fn send(&self, token: &str, mutation: &str, mut input: Value, fields: &str) -> Value {
        let names_another = [
            "dispatchId",
            "resultId",
            "flagId",
            "activityId",
            "measurementId",
            "reminderId",
            "enrollmentId",
            "enrollmentIds",
        ];
        if !names_another.iter().any(|name| input.get(name).is_some()) {
            input["enrollmentId"] = self.enrollment.clone().into();
        }
        self.say(token, mutation, input, fields).await
    }

    /// Sends a mutation that is about no enrollment; gives its payload.
    pub async fn say(&self, token: &str, mutation: &str, input: Value, fields: &str) -> Value {
        self.app.clock.advance(TimeDelta::seconds(1));
        done(&self.app.client.mutate(token, mutation, input, fields).await).clone()
    }

    /// As [`Ward::send`], by the therapist.
    pub async fn treat(&self, mutation: &str, input: Value, fields: &str) -> Value {
        self.send(&self.app.therapist(), mutation, input, fields).await
    }

    /// The citizen completes the steps of a module, the first of which is the 0th.
    pub async fn complete(&self, module: usize) {
        let query = "query($id: ID!) { enrollment(id: $id) { modules { sections { steps { id } } } } }";
        let (citizen, variables) = (self.app.citizen(1), json!({ "id": self.enrollment }));
        let found = self.app.client.query(&citizen, query, variables).await.data();
        let sections = found["enrollment"]["modules"][module]["sections"].as_array().unwrap();
        for step in sections.iter().flat_map(|section| section["steps"].as_array().unwrap()) {
            let input = json!({ "stepId": step["id"] });
            self.send(&citizen, "completeStep", input, "enrollment { id }").await;
        }
    }

    /// What the colleague and the citizen are told next. Whatever else came before fails this.
    pub async fn told(&mut self, colleague: &[&str], citizen: &[&str]) {
        for (socket, expected, who) in [
            (&mut self.colleague, colleague, "the colleague"),
            (&mut self.citizen, citizen, "the citizen"),
        ] {
            for expected in expected {
                assert_eq!(in_short(&socket.item().await["activity"]), *expected, "{who}");
            }
        }
    }

    /// As [`Ward::told`], of both the same.
    pub async fn both(&mut self, told: &str) {
        self.told(&[told], &[told]).await;
    }

    /// Both lose their connections, and go on after a cursor.
    pub async fn listen_after(&mut self, cursor: &str) {
        self.colleague = colleague_listens(&self.app, cursor).await;
        self.citizen = citizen_listens(&self.app, cursor).await;
    }

    /// Both are told of something else next: nothing came besides what they were told.
    pub async fn nothing_more(&mut self) {
        self.marks += 1;
        let kind = format!("mark-{}", self.marks);
        let input = json!({ "kind": kind, "severity": "INFO", "title": kind, "audience": "CITIZEN" });
        self.treat("raiseFlag", input, "flag { id }").await;
        self.both(&format!("FlagRaised {kind}")).await;
    }

    /// The citizen starts anew after the end, of which both are told next: nothing came besides what they were told.
    pub async fn nothing_more_until_they_start_anew(&mut self) {
        self.app.clock.advance(TimeDelta::seconds(1));
        self.app.enroll(1).await;
        self.both("EnrollmentChanged ACTIVE STARTED").await;
    }

    /// The colleague is told of something else next.
    pub async fn marker(&mut self, enrollment: &str, kind: &str) {
        let input =
            json!({ "enrollmentId": enrollment, "kind": kind, "severity": "INFO", "title": kind, "audience": "STAFF" });
        self.treat("raiseFlag", input, "flag { id }").await;
        self.told(&[&format!("FlagRaised {kind}")], &[]).await;
    }
}
