//! What subscribers hear: the therapist at the unit and the citizen, each over connections that are lost again and again.

use std::collections::{BTreeSet, VecDeque};

use entity::event;
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    client::text,
    socket::{Received, Socket},
};

use crate::{
    ledger::{same, when},
    script::{CITIZEN, Script, THERAPIST},
};

const OF_UNIT: &str = "subscription UnitActivity($unitId: ID!, $after: String) {
    unitActivity(unitId: $unitId, after: $after) { __typename cursor at ...of } }";
const OF_CITIZEN: &str = "subscription MyActivity($after: String) {
    myActivity(after: $after) { __typename cursor at ...of } }";
const OF: &str = "fragment of on Activity {
    ... on ActivityPlanChanged { about: activity { id } }
    ... on ActivityRegistered { about: entry { id } }
    ... on CitizenChanged { about: citizen { id } }
    ... on DispatchAvailable { about: dispatch { id } }
    ... on DispatchChanged { about: dispatch { id form { key } } dispatchEvent }
    ... on EnrollmentChanged { about: enrollment { id } enrollmentEvent }
    ... on EnrollmentLeft { enrollmentId }
    ... on FlagChanged { about: flag { id } }
    ... on FlagRaised { about: flag { id } }
    ... on FormScheduleSwitched { about: enrollment { id } formSchedule { form { key } } }
    ... on MeasurementRegistered { about: measurement { id } }
    ... on MessageReceived { about: message { id } }
    ... on MessageSent { about: message { id body staff { displayName } } }
    ... on MessagesHandedOver { about: enrollment { id } }
    ... on MessagesRead { about: enrollment { id } actor }
    ... on MessagesSettled { about: enrollment { id } }
    ... on ProgressMade { about: enrollment { id } module { key } step { key } }
    ... on ReminderArrived { about: reminder { id } }
    ... on ReminderChanged { about: reminder { id } reminderEvent }
    ... on ReminderSent { about: reminder { id template note } }
    ... on ResponseSubmitted { about: result { id } }
    ... on ResultCorrected { about: enrollment { id } corrected { id form { key } } }
    ... on UnitChanged { about: unit { id } }
    ... on VisibilityChanged { about: enrollment { id } visibilityEvent module { key } section { key } } }";

/// One who listens.
#[derive(Debug)]
struct Listener {
    /// The last that they heard.
    after: String,
    /// What they must hear, in order.
    expected: Vec<Value>,
    /// How much of it they have heard.
    heard: usize,
    /// The cursors of everything that came.
    cursors: BTreeSet<String>,
    socket: Option<Socket>,
    /// What came before anybody waited for it.
    early: VecDeque<Value>,
}

/// Both who listen.
#[derive(Debug)]
pub struct Live {
    staff: Listener,
    citizen: Listener,
}

impl Live {
    /// Listens from now on.
    pub async fn begin(app: &TestApp) -> Self {
        let now = event::now_cursor(&app.store).await.unwrap().to_string();
        let listener = || Listener {
            after: now.clone(),
            expected: Vec::new(),
            heard: 0,
            cursors: BTreeSet::new(),
            socket: None,
            early: VecDeque::new(),
        };
        Self {
            staff: listener(),
            citizen: listener(),
        }
    }
}

impl Listener {
    /// Connects, and waits until the server has taken the subscription on: who signs in by it does so now, and not when the clock
    /// has moved.
    async fn listen(&mut self, app: &TestApp, token: &str, document: &str, mut variables: Value) {
        variables["after"] = json!(self.after);
        let mut socket = app.client.socket(token).await;
        socket.subscribe("1", &format!("{document}\n{OF}"), &variables).await;
        socket.send(&json!({ "type": "ping" })).await;
        self.early.clear();
        loop {
            match socket.receive().await {
                Received::Message(message) if message["type"] == "pong" => break,
                Received::Message(message) if message["type"] == "next" => {
                    assert!(message["payload"].get("errors").is_none(), "{message}");
                    self.early.push_back(message["payload"]["data"].clone());
                }
                other => panic!("an item or a pong was expected, not {other:?}"),
            }
        }
        self.socket = Some(socket);
    }

    /// Hears what is due, and loses the connection.
    async fn hear(&mut self, name: &str) {
        let mut socket = self.socket.take().expect("somebody listens");
        while let Some(expected) = self.expected.get(self.heard) {
            let item = match self.early.pop_front() {
                Some(item) => item,
                None => socket.item().await,
            };
            let mut item = item[name].clone();
            self.after = text(&item.as_object_mut().unwrap().remove("cursor").unwrap());
            assert!(self.cursors.insert(self.after.clone()), "it came twice: {item}");
            self.heard += 1;
            same(&format!("{name}, item {}", self.heard), &item, expected);
        }
        socket.close().await;
    }
}

impl Script {
    /// Both connect, and go on after what they heard last.
    pub async fn listen(&mut self) {
        let (staff, citizen) = (self.token(THERAPIST), self.token(CITIZEN));
        let of_unit = json!({ "unitId": self.ids.unit });
        self.live.staff.listen(&self.app, &staff, OF_UNIT, of_unit).await;
        self.live
            .citizen
            .listen(&self.app, &citizen, OF_CITIZEN, json!({}))
            .await;
    }

    /// Both have heard everything that was done so far, in order and once, and lose their connections. Something that was heard
    /// besides would be what they hear first when they connect again.
    pub async fn heard(&mut self) {
        self.live.staff.hear("unitActivity").await;
        self.live.citizen.hear("myActivity").await;
    }

    /// The staff must hear this, now.
    pub fn staff_hears(&mut self, what: &str, about: &str) {
        self.staff_hears_of(what, about, json!({}));
    }

    /// The citizen must hear this, now.
    pub fn citizen_hears(&mut self, what: &str, about: &str) {
        self.citizen_hears_of(what, about, json!({}));
    }

    /// Both must hear this, now.
    pub fn both_hear(&mut self, what: &str, about: &str) {
        self.both_hear_of(what, about, json!({}));
    }

    /// The staff must hear this, now, with what it says.
    pub fn staff_hears_of(&mut self, what: &str, about: &str, says: Value) {
        let item = self.item(what, about, says);
        self.live.staff.expected.push(item);
    }

    /// The citizen must hear this, now, with what it says.
    pub fn citizen_hears_of(&mut self, what: &str, about: &str, says: Value) {
        let item = self.item(what, about, says);
        self.live.citizen.expected.push(item);
    }

    /// Both must hear this, now, with what it says.
    pub fn both_hear_of(&mut self, what: &str, about: &str, says: Value) {
        self.staff_hears_of(what, about, says.clone());
        self.citizen_hears_of(what, about, says);
    }

    /// An item that comes now; `says` is what it has besides, with what it says of the thing itself under `about`.
    fn item(&self, what: &str, about: &str, mut says: Value) -> Value {
        says["__typename"] = json!(what);
        says["at"] = when(self.now());
        says["about"]["id"] = json!(about);
        says
    }

    /// Both must hear that something became of the treatment, now.
    pub fn both_hear_of_life(&mut self, event: &str) {
        let enrollment = self.enrollment.clone();
        self.both_hear_of("EnrollmentChanged", &enrollment, json!({ "enrollmentEvent": event }));
    }

    /// The staff must hear that somebody went to another unit, now.
    pub fn staff_hears_that_it_left(&mut self, enrollment: &str) {
        let item = json!({ "__typename": "EnrollmentLeft", "at": when(self.now()), "enrollmentId": enrollment });
        self.live.staff.expected.push(item);
    }

    /// Both must hear what became of a form, now.
    pub fn both_hear_of_form(&mut self, id: &str, event: &str) {
        let form = self.dispatches.of(id)["form"].clone();
        self.both_hear_of(
            "DispatchChanged",
            id,
            json!({ "about": { "form": form }, "dispatchEvent": event }),
        );
    }

    /// Both must hear what became of a reminder, now.
    pub fn both_hear_of_reminder(&mut self, id: &str, event: &str) {
        self.both_hear_of("ReminderChanged", id, json!({ "reminderEvent": event }));
    }

    /// Both must hear what the citizen completed, now.
    pub fn both_hear_of_progress(&mut self, module: Option<&str>, step: Option<&str>) {
        let enrollment = self.enrollment.clone();
        let key = |key: Option<&str>| key.map(|key| json!({ "key": key }));
        self.both_hear_of(
            "ProgressMade",
            &enrollment,
            json!({ "module": key(module), "step": key(step) }),
        );
    }

    /// The staff must hear that a module is shown, hidden or open, now; and so must the citizen, without its name while it is hidden.
    pub fn both_hear_of_module(&mut self, module: &str, visible: bool, event: &str) {
        let enrollment = self.enrollment.clone();
        let says = |shown: bool| json!({ "visibilityEvent": event, "module": shown.then(|| json!({ "key": module })), "section": null });
        self.staff_hears_of("VisibilityChanged", &enrollment, says(true));
        self.citizen_hears_of("VisibilityChanged", &enrollment, says(visible));
    }
}
