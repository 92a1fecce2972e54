//! Administration: a unit is connected under accepted terms, staff are invited, roles given, changed and taken back.

use serde_json::{Value, json};
use tests::{care, client::text};

use crate::{
    ledger::{local, nodes, same, when},
    script::{COLLEAGUE, Script, Who},
};

/// Who administers the care provider.
const PROVIDER: Who = Who::Staff("provider-administrator");

impl Script {
    /// Writes down what the administrator of the provider did just now.
    fn administered(&mut self, acts: &[&str]) {
        let at = when(self.now());
        for act in acts {
            let entry = json!({ "at": at, "act": act, "by": { "displayName": PROVIDER.name() } });
            self.administered.push(entry);
        }
    }

    /// The colleague is invited to the unit, by a letter that is sent again to the right address.
    pub async fn invites_the_colleague(&mut self) {
        let role = json!({ "role": "THERAPIST", "unitId": self.ids.unit });
        let input = json!({ "subject": care::COLLEAGUE, "displayName": COLLEAGUE.name(), "title": "Psykolog",
            "email": "wrong@care.example", "assignments": [role] });
        let staff = self.does(PROVIDER, "inviteStaff", input).await["staff"].clone();
        self.administered(&["STAFF_ADDED", "ASSIGNMENT_GRANTED", "STAFF_INVITED"]);
        self.ids.colleague = text(&staff["id"]);
        let input = json!({ "staffId": staff["id"], "email": "colleague@care.example" });
        self.does(PROVIDER, "resendInvitation", input).await;
        self.administered(&["STAFF_INVITED"]);
        self.mailed
            .extend(["wrong@care.example", "colleague@care.example"].map(str::to_owned));
        let input = json!({ "staffId": staff["id"], "title": "Leg. psykolog" });
        let right = self.does(PROVIDER, "updateStaff", input).await["staff"].clone();
        self.administered(&["STAFF_CHANGED"]);
        let written = json!({ "id": staff["id"], "displayName": COLLEAGUE.name(), "title": "Leg. psykolog",
            "email": "colleague@care.example" });
        same("the colleague", &right, &written);
    }

    /// The care provider gets another name.
    pub async fn renames_the_provider(&mut self) {
        let query = "query Provider { careProvider { id } }";
        let provider = self.asks(PROVIDER, query, json!({})).await["careProvider"]["id"].clone();
        let input = json!({ "providerId": provider, "name": "Region Prov och Pröva" });
        let renamed = self.does(PROVIDER, "renameProvider", input).await["careProvider"].clone();
        self.administered(&["PROVIDER_RENAMED"]);
        let written = json!({ "id": provider, "name": "Region Prov och Pröva" });
        same("the care provider", &renamed, &written);
    }

    /// A unit is connected, gets another name and newer terms, is disconnected for a while; a role there is given and taken back.
    pub async fn connects_a_unit(&mut self) {
        let terms =
            |version: &str| json!({ "version": version, "signedBy": "Vera Chef", "signerTitle": "Verksamhetschef" });
        let words = json!([{ "locale": "sv", "text": "Ring 112" }]);
        let input = json!({ "name": "Nya mottagningen", "terms": terms("2027-1"), "phones": [{ "number": "1177" }],
            "emergencyText": words, "closedDays": ["2027-12-24"],
            "officeHours": [{ "day": "MO", "from": "08:00", "until": "12:00" }] });
        let unit = self.does(PROVIDER, "connectUnit", input).await["unit"].clone();
        self.administered(&[
            "UNIT_CONNECTED",
            "TERMS_ACCEPTED",
            "UNIT_CONTACT_CHANGED",
            "OFFICE_HOURS_CHANGED",
        ]);
        let of_unit = |rest: Value| {
            let mut input = json!({ "unitId": unit["id"] });
            for (field, value) in rest.as_object().unwrap() {
                input[field] = value.clone();
            }
            input
        };
        self.does(PROVIDER, "renameUnit", of_unit(json!({ "name": "Mottagning Norr" })))
            .await;
        self.administered(&["UNIT_RENAMED"]);
        self.does(PROVIDER, "acceptTerms", of_unit(json!({ "terms": terms("2027-2") })))
            .await;
        self.administered(&["TERMS_ACCEPTED"]);
        self.does(PROVIDER, "disconnectUnit", of_unit(json!({ "reason": "Ombyggnad" })))
            .await;
        self.administered(&["UNIT_DISCONNECTED"]);
        self.does(PROVIDER, "reconnectUnit", of_unit(json!({}))).await;
        self.administered(&["UNIT_RECONNECTED"]);

        let input = of_unit(json!({ "staffId": self.ids.colleague, "role": "CITIZEN_ADMINISTRATOR" }));
        let granted = self.does(PROVIDER, "grantAssignment", input).await["assignment"].clone();
        self.administered(&["ASSIGNMENT_GRANTED"]);
        let until = local("2027-05-01 00:00");
        let input = json!({ "assignmentId": granted["id"], "validUntil": until });
        let changed = self.does(PROVIDER, "changeAssignment", input).await["assignment"].clone();
        self.administered(&["ASSIGNMENT_CHANGED"]);
        let written = json!({ "id": granted["id"], "role": "CITIZEN_ADMINISTRATOR", "status": "CURRENT",
            "validFrom": when(self.now()), "validUntil": when(until), "staff": { "displayName": COLLEAGUE.name() },
            "unit": { "id": unit["id"] } });
        same("the role", &changed, &written);
        self.app.clock.advance(chrono::TimeDelta::minutes(1));
        self.does(PROVIDER, "revokeAssignment", json!({ "assignmentId": granted["id"] }))
            .await;
        self.administered(&["ASSIGNMENT_REVOKED"]);
    }

    /// What was administered stands in the log, with who did it and when.
    pub async fn compare_administration(&mut self) {
        let query = "query Administration { careProvider { administrationLog(first: 100) { nodes { at act by { displayName } } } } }";
        let seen = self.asks(PROVIDER, query, json!({})).await["careProvider"]["administrationLog"].clone();
        let by_provider = |row: &Value| row["by"]["displayName"] == PROVIDER.name().as_str();
        let mut seen: Vec<Value> = nodes(&seen).into_iter().filter(by_provider).collect();
        seen.reverse();
        // Acts of one instant stand in no order.
        let order = |row: &Value| (text(&row["at"]), text(&row["act"]));
        seen.sort_by_key(order);
        let mut written = self.administered.clone();
        written.sort_by_key(order);
        same("the log of administration", &json!(seen), &json!(written));
    }
}
