//! What is done with what somebody held who does not treat at the unit any more: it is nobody's, and others find it.

use api::graphql::Kind as Of;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused, text},
    database::Kind,
};
use uuid::Uuid;

use super::{assignment_of, monday, of};

const LISTS: &str = "query($who: AssigneeInput!) { viewer { ... on StaffViewer { unit {
    enrollments(first: 10, assignedTo: $who) { totalCount nodes { id therapists { displayName } } }
    flags(first: 10, assignedTo: $who) { totalCount nodes { id assignedTo { displayName } } } } } } }";
const CONTACT: &str = "{ viewer { ... on CitizenViewer { citizen { enrollments(first: 1) { nodes {
    therapists { displayName } contact { therapists { displayName } } } } } } } }";
const FLAG: &str = "query($id: ID!) { node(id: $id) { ... on Flag {
    assignedTo { displayName } history { assignedTo { displayName } } } } }";

/// A unit with the therapist, who has a patient and a flag, and a colleague who has others.
struct Ward {
    app: TestApp,
    patient: String,
    others: String,
    flag: String,
    others_flag: String,
}

/// What lists of somebody's show: enrollments and flags.
type Held = (Vec<String>, Vec<String>);

impl Ward {
    async fn open(kind: Kind) -> Self {
        let app = TestApp::start(kind, monday()).await;
        let (unit, colleague) = (app.care.unit, care::colleague(&app.store, app.care.unit).await);
        let patient = of(Of::Enrollment, app.enroll(1).await);
        let others = care::enroll(&app.store, unit, colleague, 2, None).await;
        let others = of(Of::Enrollment, others);
        app.work().await;
        let own = given(&app, &patient, app.care.therapist).await;
        let others_flag = given(&app, &others, colleague).await;
        Self {
            app,
            patient,
            others,
            flag: own,
            others_flag,
        }
    }

    /// What the colleague finds of somebody's, or of nobody's.
    async fn held(&self, who: Value) -> Held {
        let token = self.app.staff(care::COLLEAGUE);
        let data = self.app.client.query(&token, LISTS, json!({ "who": who })).await.data();
        let ids = |list: &str| {
            let list = &data["viewer"]["unit"][list];
            let nodes = list["nodes"].as_array().unwrap();
            assert_eq!(list["totalCount"], nodes.len());
            nodes.iter().map(|node| text(&node["id"])).collect()
        };
        (ids("enrollments"), ids("flags"))
    }

    async fn nobodys(&self) -> Held {
        self.held(json!({ "is": "NOBODY" })).await
    }

    async fn therapists(&self) -> Held {
        self.held(json!({ "staffId": of(Of::Staff, self.app.care.therapist) }))
            .await
    }

    async fn contact(&self) -> Value {
        let data = self
            .app
            .client
            .query(&self.app.citizen(1), CONTACT, json!({}))
            .await
            .data();
        data["viewer"]["citizen"]["enrollments"]["nodes"][0].clone()
    }

    async fn flag(&self) -> Value {
        let token = self.app.staff(care::COLLEAGUE);
        let data = self.app.client.query(&token, FLAG, json!({ "id": self.flag })).await;
        data.data()["node"].clone()
    }

    /// The therapist holds their patient and their flag.
    async fn is_the_therapists(&self) {
        let named = json!([{ "displayName": "Person therapist" }]);
        assert_eq!(
            self.contact().await,
            json!({ "therapists": named, "contact": { "therapists": named } })
        );
        assert_eq!(self.nobodys().await, (vec![], vec![]));
        assert_eq!(
            self.therapists().await,
            (vec![self.patient.clone()], vec![self.flag.clone()])
        );
        assert_eq!(self.flag().await["assignedTo"], named[0]);
    }

    /// Nobody holds what was the therapist's; the colleague holds what was theirs.
    async fn is_nobodys(&self) {
        assert_eq!(
            self.contact().await,
            json!({ "therapists": [], "contact": { "therapists": [] } })
        );
        assert_eq!(
            self.nobodys().await,
            (vec![self.patient.clone()], vec![self.flag.clone()])
        );
        assert_eq!(self.therapists().await, (vec![], vec![]));
        assert_eq!(
            self.held(json!({ "is": "ME" })).await,
            (vec![self.others.clone()], vec![self.others_flag.clone()])
        );
        let flag = self.flag().await;
        assert_eq!(flag["assignedTo"], Value::Null);
        let given = flag["history"].as_array().unwrap().iter();
        let given: Vec<&Value> = given
            .map(|change| &change["assignedTo"])
            .filter(|to| !to.is_null())
            .collect();
        assert_eq!(given, [&json!({ "displayName": "Person therapist" })]);
    }

    /// Changes or revokes the therapist's assignment.
    async fn assign(&self, mutation: &str, mut input: Value) {
        input["assignmentId"] = assignment_of(&self.app, self.app.care.therapist).await.into();
        let head = self.app.staff("unit-administrator");
        done(
            &self
                .app
                .client
                .mutate(&head, mutation, input, "assignment { id }")
                .await,
        );
        self.app.store.refresh().await.unwrap();
    }

    async fn set(&self, now: DateTime<Utc>) {
        self.app.clock.set(now);
        self.app.store.refresh().await.unwrap();
    }
}

/// Raises a flag and gives it to one of the staff.
async fn given(app: &TestApp, enrollment: &str, staff: Uuid) -> String {
    let token = app.staff(care::COLLEAGUE);
    let raise = json!({ "enrollmentId": enrollment, "kind": "call", "severity": "WARNING", "title": "Ring",
        "audience": "STAFF" });
    let raised = app.client.mutate(&token, "raiseFlag", raise, "flag { id }").await;
    let flag = text(&done(&raised)["flag"]["id"]);
    let assign = json!({ "flagId": flag, "staffId": of(Of::Staff, staff) });
    done(&app.client.mutate(&token, "assignFlag", assign, "flag { id }").await);
    flag
}

async fn what_somebody_held_who_was_taken_their_role_is_nobodys(kind: Kind) {
    let ward = Ward::open(kind).await;
    ward.is_the_therapists().await;
    ward.assign("revokeAssignment", json!({})).await;
    ward.is_nobodys().await;

    // Whoever takes it on has it, as everything that is nobody's.
    let (token, input) = (ward.app.staff(care::COLLEAGUE), json!({ "flagId": ward.flag }));
    let fields = "flag { assignedTo { displayName } }";
    let taken = ward.app.client.mutate(&token, "acknowledgeFlag", input, fields).await;
    assert_eq!(done(&taken)["flag"]["assignedTo"]["displayName"], "Person colleague");
    assert_eq!(ward.nobodys().await, (vec![ward.patient.clone()], vec![]));
    ward.app.stop().await;
}

async fn what_somebody_took_on_who_was_taken_their_role_is_there_to_be_taken_on(kind: Kind) {
    let ward = Ward::open(kind).await;
    let fields = "flag { status assignedTo { displayName } }";
    let take_on = async |token: String| {
        let input = json!({ "flagId": ward.flag });
        ward.app.client.mutate(&token, "acknowledgeFlag", input, fields).await
    };
    done(&take_on(ward.app.therapist()).await);
    let refused = refused(&take_on(ward.app.staff(care::COLLEAGUE)).await);
    assert_eq!(refused, one("ALREADY_ACKNOWLEDGED", "flagId"));
    ward.assign("revokeAssignment", json!({})).await;
    let taken = take_on(ward.app.staff(care::COLLEAGUE)).await;
    let colleagues = json!({ "status": "ACKNOWLEDGED", "assignedTo": { "displayName": "Person colleague" } });
    assert_eq!(done(&taken)["flag"], colleagues);
    ward.app.stop().await;
}

async fn what_somebody_held_whose_role_ran_out_is_nobodys(kind: Kind) {
    let ward = Ward::open(kind).await;
    let end = monday() + TimeDelta::days(7);
    ward.assign("changeAssignment", json!({ "validUntil": end })).await;
    ward.set(end - TimeDelta::minutes(1)).await;
    ward.is_the_therapists().await;
    ward.set(end).await;
    ward.is_nobodys().await;

    // Who comes back has what nobody else took meanwhile.
    let therapist = of(Of::Staff, ward.app.care.therapist);
    let again = json!({ "staffId": therapist, "unitId": of(Of::Unit, ward.app.care.unit), "role": "THERAPIST" });
    let head = ward.app.staff("unit-administrator");
    let granted = ward
        .app
        .client
        .mutate(&head, "grantAssignment", again, "assignment { id }")
        .await;
    done(&granted);
    ward.app.store.refresh().await.unwrap();
    ward.is_the_therapists().await;
    ward.app.stop().await;
}

both_databases!(
    what_somebody_held_who_was_taken_their_role_is_nobodys,
    what_somebody_took_on_who_was_taken_their_role_is_there_to_be_taken_on,
    what_somebody_held_whose_role_ran_out_is_nobodys,
);
