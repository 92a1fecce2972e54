//! Flags: raised by rules and by hand, given to one another, taken on, resolved, opened again, and many at once.

use serde_json::{Value, json};
use tests::client::text;

use crate::{
    ledger::{nodes, person, same, when},
    script::{CITIZEN, Script, THERAPIST, Who},
};

/// What a flag is when it has just been raised.
#[derive(Clone, Copy, Debug)]
pub struct Raised {
    pub kind: &'static str,
    pub title: &'static str,
    pub severity: &'static str,
    pub audience: &'static str,
}

impl Script {
    fn flag_row(&self, id: &Value, flag: Raised, actor: &str, by: Value, cause: Value) -> Value {
        let now = when(self.now());
        json!({ "id": id, "kind": flag.kind, "title": flag.title, "severity": flag.severity, "status": "OPEN",
            "audience": flag.audience, "raisedAt": now, "acknowledgedAt": null, "acknowledgedBy": null, "resolvedAt": null,
            "resolvedBy": null, "assignedTo": null, "openings": 1, "causeCount": 1, "causes": [cause],
            "history": [{ "at": now, "status": "OPEN", "note": null, "actor": actor, "by": by, "assignedTo": null }] })
    }

    /// A rule has raised a flag just now.
    pub async fn flag_is_raised(&mut self, rule: &str, flag: Raised) -> String {
        let fields = "flags(first: 20, status: [OPEN]) { nodes { id kind } }";
        let seen = self.sees(THERAPIST, "OpenFlags", fields).await;
        let found = nodes(&seen["flags"])
            .into_iter()
            .find(|row| row["kind"] == flag.kind)
            .expect(flag.kind);
        let cause = json!({ "at": when(self.now()), "endedAt": null, "note": null, "title": flag.title,
            "severity": flag.severity, "raisedBy": null, "firing": { "rule": { "key": rule } } });
        let row = self.flag_row(&found["id"], flag, "RULE", Value::Null, cause);
        let id = self.flags.add(row);
        self.staff_hears("FlagRaised", &id);
        id
    }

    /// The therapist raises a flag by hand in an enrollment; only those of the treatment are written down.
    pub async fn raises_flag(&mut self, enrollment: &str, flag: Raised, note: &str) -> String {
        let input = json!({ "enrollmentId": enrollment, "kind": flag.kind, "severity": flag.severity, "title": flag.title,
            "audience": flag.audience, "note": note });
        let raised = self.does(THERAPIST, "raiseFlag", input).await["flag"].clone();
        let by = person(&THERAPIST.name());
        let cause = json!({ "at": when(self.now()), "endedAt": null, "note": note, "title": flag.title,
            "severity": flag.severity, "raisedBy": by, "firing": null });
        let mut row = self.flag_row(&raised["id"], flag, "STAFF", by, cause);
        row["history"][0]["note"] = json!(note);
        row["enrollment"] = json!({ "id": enrollment });
        let id = self.flags.add(row);
        self.flag_heard(&id, "FlagRaised");
        id
    }

    /// Who must hear of a flag: the staff, and the citizen of what is for them in their treatment.
    fn flag_heard(&mut self, id: &str, what: &str) {
        self.staff_hears(what, id);
        let row = self.flags.of(id).clone();
        let of_citizen = row["enrollment"].is_null() || row["enrollment"]["id"] == self.enrollment.as_str();
        if row["audience"] == "CITIZEN" && of_citizen {
            self.citizen_hears(what, id);
        }
    }

    fn flag_changes(&mut self, who: Who, id: &str, status: Value, note: Value, to: Value) {
        let entry = json!({ "at": when(self.now()), "status": status, "note": note, "actor": "STAFF",
            "by": person(&who.name()), "assignedTo": to });
        self.flags.push(id, "history", entry);
    }

    /// Somebody gives a flag to somebody.
    pub async fn gives_flag(&mut self, who: Who, id: &str, to: Who, to_id: &str, note: &str) {
        self.does(
            who,
            "assignFlag",
            json!({ "flagId": id, "staffId": to_id, "note": note }),
        )
        .await;
        let to = person(&to.name());
        self.flags.set(id, json!({ "assignedTo": to }));
        self.flag_changes(who, id, Value::Null, json!(note), to);
        self.flag_heard(id, "FlagChanged");
    }

    /// Somebody takes a flag on; what nobody had is theirs.
    pub async fn takes_flag_on(&mut self, who: Who, id: &str, note: &str) {
        self.does(who, "acknowledgeFlag", json!({ "flagId": id, "note": note }))
            .await;
        self.flag_taken_on(who, id, note);
    }

    fn flag_taken_on(&mut self, who: Who, id: &str, note: &str) {
        let (now, me) = (when(self.now()), person(&who.name()));
        self.flags.set(
            id,
            json!({ "status": "ACKNOWLEDGED", "acknowledgedAt": now, "acknowledgedBy": me }),
        );
        self.flag_changes(who, id, json!("ACKNOWLEDGED"), json!(note), Value::Null);
        if self.flags.of(id)["assignedTo"].is_null() {
            self.flags.set(id, json!({ "assignedTo": me }));
            self.flag_changes(who, id, Value::Null, Value::Null, me);
        }
        self.flag_heard(id, "FlagChanged");
    }

    /// Somebody resolves a flag.
    pub async fn resolves_flag(&mut self, who: Who, id: &str, note: &str) {
        self.does(who, "resolveFlag", json!({ "flagId": id, "note": note }))
            .await;
        self.flag_resolved(who, id, note);
    }

    fn flag_resolved(&mut self, who: Who, id: &str, note: &str) {
        let now = when(self.now());
        self.flags.set(
            id,
            json!({ "status": "RESOLVED", "resolvedAt": now, "resolvedBy": person(&who.name()) }),
        );
        for cause in self.flags.of(id)["causes"].as_array_mut().unwrap() {
            if cause["endedAt"].is_null() {
                cause["endedAt"] = now.clone();
            }
        }
        self.flag_changes(who, id, json!("RESOLVED"), json!(note), Value::Null);
        self.flag_heard(id, "FlagChanged");
    }

    /// Somebody opens a resolved flag again: it stands for their sake.
    pub async fn opens_flag_again(&mut self, who: Who, id: &str, note: &str) {
        self.does(who, "reopenFlag", json!({ "flagId": id, "note": note }))
            .await;
        let (now, row) = (when(self.now()), self.flags.of(id).clone());
        self.flags.set(
            id,
            json!({ "status": "OPEN", "acknowledgedAt": null, "acknowledgedBy": null, "resolvedAt": null,
            "resolvedBy": null, "openings": row["openings"].as_i64().unwrap() + 1,
            "causeCount": row["causeCount"].as_i64().unwrap() + 1 }),
        );
        let cause = json!({ "at": now, "endedAt": null, "note": note, "title": row["title"], "severity": row["severity"],
            "raisedBy": person(&who.name()), "firing": null });
        self.flags.push(id, "causes", cause);
        self.flag_changes(who, id, json!("OPEN"), json!(note), Value::Null);
        self.flag_heard(id, "FlagRaised");
    }

    /// The therapist takes several on, or resolves them, at once: one after the other in the order in which they were raised.
    pub async fn handles_flags(&mut self, mutation: &'static str, ids: &[&str], note: &str) {
        let payload = self
            .does(THERAPIST, mutation, json!({ "flagIds": ids, "note": note }))
            .await;
        let outcomes = payload["outcomes"].as_array().unwrap();
        assert!(
            outcomes.iter().all(|outcome| outcome["errors"] == json!([])),
            "{payload}"
        );
        for id in ids {
            match mutation {
                "acknowledgeFlags" => self.flag_taken_on(THERAPIST, id, note),
                _ => self.flag_resolved(THERAPIST, id, note),
            }
        }
    }

    /// The condition of a rule does not hold any more: its flag is resolved without anybody.
    pub fn flag_lapses(&mut self, id: &str) {
        let now = when(self.now());
        self.flags
            .set(id, json!({ "status": "AUTO_RESOLVED", "resolvedAt": now }));
        for cause in self.flags.of(id)["causes"].as_array_mut().unwrap() {
            cause["endedAt"] = now.clone();
        }
        let entry = json!({ "at": now, "status": "AUTO_RESOLVED", "note": null, "actor": "SYSTEM", "by": null, "assignedTo": null });
        self.flags.push(id, "history", entry);
        self.flag_heard(id, "FlagChanged");
    }

    /// Every flag is as it was written down, for staff, for the citizen, and on the unit's worklist.
    pub async fn compare_flags(&mut self) {
        let own = self.enrollment.clone();
        let is_own = |row: &Value| row["enrollment"].is_null() || row["enrollment"]["id"] == own.as_str();
        let mut written: Vec<Value> = self.flags.all().iter().filter(|row| is_own(row)).cloned().collect();
        for row in &mut written {
            row.as_object_mut().unwrap().remove("enrollment");
        }
        let order = |row: &Value| text(&row["id"]);
        let mut seen = self
            .all(THERAPIST, "Flags", "flags(first: 3, after: $after)", "...flag")
            .await;
        seen.sort_by_key(order);
        written.sort_by_key(order);
        same("flags", &json!(seen), &json!(written));

        // The citizen sees what is for them, and nothing of what staff wrote for one another.
        let fields = "id title status raisedAt resolvedAt";
        let mut seen = self
            .all(CITIZEN, "MyFlags", "flags(first: 20, after: $after)", fields)
            .await;
        seen.sort_by_key(order);
        let to_citizen = written.iter().filter(|row| row["audience"] == "CITIZEN");
        let to_citizen: Vec<Value> = to_citizen
            .map(|row| {
                json!({ "id": row["id"], "title": row["title"], "status": row["status"],
                "raisedAt": row["raisedAt"], "resolvedAt": row["resolvedAt"] })
            })
            .collect();
        same("the citizen's flags", &json!(seen), &json!(to_citizen));

        let worklist = "query Worklist($unitId: ID!) { unit(id: $unitId) { flags(first: 20, audience: null) {
            totalCount nodes { id } } } }";
        let seen = self.asks(THERAPIST, worklist, json!({ "unitId": self.ids.unit })).await["unit"]["flags"].clone();
        let stands = |row: &&Value| row["status"] == "OPEN" || row["status"] == "ACKNOWLEDGED";
        let mut standing: Vec<String> = self.flags.all().iter().filter(stands).map(order).collect();
        let mut listed: Vec<String> = nodes(&seen).iter().map(order).collect();
        standing.sort();
        listed.sort();
        assert_eq!(
            (listed, &seen["totalCount"]),
            (standing.clone(), &json!(standing.len())),
            "the worklist"
        );
    }
}
