//! The planning view: everything that happened, once, and after the end nothing that is still to come; and the switched schedule.

use serde_json::{Value, json};
use tests::client::text;

use crate::{
    ledger::{local, same},
    script::{CITIZEN, Script, THERAPIST, Who},
    world::WEEKLY,
};

/// An instant to the second: what is done at once is dated some microseconds apart.
fn second(at: &Value) -> String {
    text(at)[..19].to_owned()
}

impl Script {
    /// What happened by what was written down, as the planning view must show it to somebody: what, when, and its subject.
    fn happened(&self, who: Who) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        let mut add = |kind: &str, at: &Value, subject: &Value| {
            if !at.is_null() {
                found.push((second(at), kind.to_owned(), text(subject)));
            }
        };
        let staff = who != CITIZEN;
        let mut paused = false;
        for row in self.life.row["statusHistory"].as_array().unwrap() {
            let kind = match row["status"].as_str().unwrap() {
                "PLANNED" => "ENROLLMENT_PLANNED",
                "ACTIVE" if paused => "ENROLLMENT_RESUMES",
                "ACTIVE" => "ENROLLMENT_STARTS",
                "PAUSED" => "ENROLLMENT_PAUSES",
                _ => "ENROLLMENT_COMPLETES",
            };
            paused = row["status"] == "PAUSED";
            add(kind, &row["at"], &self.life.row["id"]);
        }
        for row in self.dispatches.all() {
            // Staff took one back before it opened; what was open at the end ended with it.
            let changes = row["changes"].as_array().unwrap();
            let taken_back = changes.iter().find(|change| change["status"] == "CANCELLED");
            if taken_back.is_none() {
                add("FORM_AVAILABLE", &row["availableAt"], &row["id"]);
            }
            if row["status"] == "CANCELLED" {
                add(
                    "FORM_CANCELLED",
                    taken_back.map_or(&self.life.row["endedAt"], |change| &change["at"]),
                    &row["id"],
                );
            }
            add("FORM_ANSWERED", &row["completedAt"], &row["id"]);
            if row["status"] == "EXPIRED" {
                add("FORM_EXPIRES", &row["expiresAt"], &row["id"]);
            }
        }
        for row in self
            .measurements
            .all()
            .iter()
            .filter(|row| row["supersededAt"].is_null())
        {
            add("MEASUREMENT", &row["at"], &row["id"]);
        }
        for row in self
            .reminders
            .all()
            .iter()
            .filter(|row| staff || row["audience"] == "CITIZEN")
        {
            add("REMINDER", &row["sentAt"], &row["id"]);
        }
        for row in self.thread.messages.all() {
            add("MESSAGE", &row["sentAt"], &row["id"]);
        }
        let own = |row: &&Value| row["enrollment"].is_null() || row["enrollment"]["id"] == self.enrollment.as_str();
        for row in self
            .flags
            .all()
            .iter()
            .filter(own)
            .filter(|row| staff || row["audience"] == "CITIZEN")
        {
            add("FLAG_RAISED", &row["raisedAt"], &row["id"]);
            add("FLAG_RESOLVED", &row["resolvedAt"], &row["id"]);
        }
        // What was hidden, and shown again, staff alone are told.
        for (kind, at, title) in &self.life.changes {
            if staff || *kind == "MODULE_COMPLETED" {
                add(kind, at, &json!(title));
            }
        }
        found.sort();
        found
    }

    /// The planning view of the whole treatment is as it was written down.
    pub async fn compare_planning(&mut self, who: Who) {
        let (from, to) = (
            local("2027-02-01 00:00").to_rfc3339(),
            local("2027-07-01 00:00").to_rfc3339(),
        );
        let fields = format!("timeline(from: {from:?}, to: {to:?}) {{ at kind title certainty subject {{ id }} }}");
        let seen = self.sees(who, "Planning", &fields).await["timeline"]
            .as_array()
            .unwrap()
            .clone();
        let at = |row: &Value| text(&row["at"]).parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        assert!(seen.is_sorted_by_key(at), "in order of time");
        let to_come: Vec<&Value> = seen.iter().filter(|row| row["certainty"] != "HAPPENED").collect();
        assert!(to_come.is_empty(), "{to_come:?}");
        let (plan, rest): (Vec<Value>, Vec<Value>) = seen
            .into_iter()
            .partition(|row| text(&row["kind"]).starts_with("ACTIVITY"));
        let (modules, rest): (Vec<Value>, Vec<Value>) = rest.into_iter().partition(|row| row["kind"] == "MODULE_OPENS");
        let is_content = |row: &Value| {
            ["MODULE", "SECTION"]
                .iter()
                .any(|piece| text(&row["kind"]).starts_with(piece))
        };
        let about = |row: &Value| match is_content(row) {
            true => text(&row["title"]),
            false => text(&row["subject"]["id"]),
        };
        let mut rest: Vec<(String, String, String)> = rest
            .iter()
            .map(|row| (second(&row["at"]), text(&row["kind"]), about(row)))
            .collect();
        rest.sort();
        same("what happened", &json!(rest), &json!(self.happened(who)));

        let registered = plan.iter().filter(|row| row["kind"] == "ACTIVITY_REGISTERED").count();
        assert_eq!(registered, self.entries.all().len(), "each day that was registered");
        // The last one by the program, which the therapist hid, and from when it was shown again.
        let opened: Vec<&Value> = modules.iter().map(|row| &row["title"]).collect();
        let written = ["Välkommen", "Aktivitet", "Tillbakablick", "Tillbakablick"];
        assert_eq!(opened, written, "the modules");
    }

    /// The schedule of the measure is as it was switched last.
    pub async fn compare_schedule(&mut self) {
        let seen = self.sees(THERAPIST, "Schedules", "...schedules").await["formSchedules"].clone();
        let last = self.life.schedule.last().unwrap();
        let written = json!([{ "form": { "key": WEEKLY }, "on": last["on"], "nextAt": null, "changedAt": last["at"],
            "reason": last["reason"], "changedBy": last["by"], "changes": self.life.schedule }]);
        same("the schedules", &seen, &written);
    }
}
