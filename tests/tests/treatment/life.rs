//! The life of the enrollment: its states, its end, who treats; what is shown, opened and completed in it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tests::client::text;

use crate::{
    ledger::{person, same, when},
    script::{CITIZEN, Script, THERAPIST, Who},
};

/// What was written down of the enrollment itself.
#[derive(Debug, Default)]
pub struct Life {
    /// Its states, its end and who treats.
    pub row: Value,
    /// Its steps by key, as inputs take them.
    steps: BTreeMap<String, String>,
    /// When steps were completed.
    completed: BTreeMap<String, Value>,
    /// The modules that are hidden.
    hidden: Vec<&'static str>,
    /// What was hidden, shown again and completed: the kind of it in the planning view, when, and the title.
    pub changes: Vec<(&'static str, Value, &'static str)>,
    /// Each time that the schedule of the measure was switched.
    pub schedule: Vec<Value>,
    /// The citizen's address.
    pub email: String,
    /// How the citizen said that they want to be reached.
    pub me: Value,
}

impl Life {
    /// The id of a step.
    pub fn step(&self, key: &str) -> &str {
        &self.steps[key]
    }

    /// Writes down that content was hidden, shown again or completed.
    pub fn changed(&mut self, kind: &'static str, title: &'static str, at: DateTime<Utc>) {
        self.changes.push((kind, when(at), title));
    }
}

/// What a module of the treatment is called.
fn title(module: &str) -> &'static str {
    match module {
        "welcome" => "Välkommen",
        "activity" => "Aktivitet",
        _ => "Tillbakablick",
    }
}

/// The modules of the treatment with their steps.
const MODULES: [(&str, &[&str]); 3] = [
    ("welcome", &["hello", "write"]),
    ("activity", &["plan"]),
    ("looking-back", &["see"]),
];

impl Script {
    /// The therapist starts the treatment for the citizen, for later.
    pub async fn starts(&mut self, at: DateTime<Utc>, ends_at: DateTime<Utc>) {
        let input = json!({ "programSlug": crate::world::TREATMENT, "unitId": self.ids.unit, "citizen": person_to_start(1),
            "startsAt": at, "therapistIds": [self.ids.therapist], "locale": "sv" });
        let started = self.does(THERAPIST, "startEnrollment", input).await["enrollment"].clone();
        self.enrollment = text(&started["id"]);
        let by = person(&THERAPIST.name());
        let now = when(self.now());
        self.life.email = "citizen1@home.example".to_owned();
        self.life.row = json!({ "id": started["id"], "status": "PLANNED", "startsAt": when(at), "startedAt": null,
            "endsAt": when(ends_at), "endedAt": null, "resumesAt": null, "readableUntil": null, "therapists": [by],
            "statusHistory": [{ "at": now, "status": "PLANNED", "actor": "STAFF", "reason": null, "by": by }],
            "endHistory": [{ "at": now, "endsAt": when(ends_at), "reason": null, "by": by }], "transfers": [] });
        self.both_hear_of_life("PLANNED");
        let fields = "modules { sections { steps { id key } } }";
        let seen = self.sees(THERAPIST, "Steps", fields).await;
        let lists = seen["modules"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|module| module["sections"].as_array().unwrap());
        let steps = lists.flat_map(|section| section["steps"].as_array().unwrap());
        self.life.steps = steps.map(|step| (text(&step["key"]), text(&step["id"]))).collect();
    }

    /// The therapist starts the treatment for the citizen once more, now.
    pub async fn starts_again(&mut self) {
        let input = json!({ "programSlug": crate::world::TREATMENT, "unitId": self.ids.unit, "citizen": person_to_start(1),
            "therapistIds": [self.ids.therapist] });
        let started = self.does(THERAPIST, "startEnrollment", input).await["enrollment"].clone();
        assert_eq!(started["status"], "ACTIVE");
        self.enrollment = text(&started["id"]);
        self.both_hear_of_life("STARTED");
    }

    /// The therapist brings the enrollment into another state.
    pub async fn lives(&mut self, mutation: &'static str, status: &str, reason: &str, rest: Value) {
        let mut input = json!({ "enrollmentId": self.enrollment, "reason": reason });
        for (field, value) in rest.as_object().unwrap() {
            input[field] = value.clone();
        }
        self.does(THERAPIST, mutation, input).await;
        let (now, by) = (when(self.now()), person(&THERAPIST.name()));
        self.life.row["status"] = json!(status);
        let entry = json!({ "at": now, "status": status, "actor": "STAFF", "reason": reason, "by": by });
        self.life.row["statusHistory"].as_array_mut().unwrap().push(entry);
        // What is planned becomes active when it starts.
        self.both_hear_of_life(if status == "ACTIVE" { "STARTED" } else { status });
    }

    /// The pause has ended by itself just now.
    pub fn lives_on(&mut self) {
        self.life.row["status"] = json!("ACTIVE");
        self.life.row["resumesAt"] = Value::Null;
        let entry =
            json!({ "at": when(self.now()), "status": "ACTIVE", "actor": "SYSTEM", "reason": null, "by": null });
        self.life.row["statusHistory"].as_array_mut().unwrap().push(entry);
        self.both_hear_of_life("RESUMED");
    }

    /// The enrollment is to end at another instant, as the therapist decided, or as follows from another start.
    pub fn ends_later(&mut self, ends_at: DateTime<Utc>, reason: Option<&str>) {
        let entry = json!({ "at": when(self.now()), "endsAt": when(ends_at), "reason": reason, "by": person(&THERAPIST.name()) });
        self.life.row["endsAt"] = when(ends_at);
        self.life.row["endHistory"].as_array_mut().unwrap().push(entry);
    }

    /// The citizen completes a step, and with the last of a module the module.
    pub async fn completes(&mut self, step: &str) {
        let input = json!({ "enrollmentId": self.enrollment, "stepId": self.life.step(step) });
        self.does(CITIZEN, "completeStep", input).await;
        self.life.completed.insert(step.to_owned(), when(self.now()));
        self.both_hear_of_progress(None, Some(step));
        let module = MODULES.iter().find(|(_, steps)| steps.contains(&step));
        let (module, steps) = module.expect("a step of the treatment");
        if steps.iter().all(|step| self.life.completed.contains_key(*step)) {
            self.both_hear_of_progress(Some(module), None);
            let now = self.now();
            self.life.changed("MODULE_COMPLETED", title(module), now);
        }
    }

    /// The therapist hides a module, or shows it again, to be open from an instant on.
    pub async fn shows(&mut self, module: &'static str, visible: bool, opens_at: Option<DateTime<Utc>>, reason: &str) {
        let input = json!({ "enrollmentId": self.enrollment, "moduleKey": module, "visible": visible, "opensAt": opens_at,
            "reason": reason });
        self.does(THERAPIST, "changeVisibility", input).await;
        if visible == self.life.hidden.contains(&module) {
            let kind = if visible { "MODULE_SHOWN" } else { "MODULE_HIDDEN" };
            let now = self.now();
            self.life.changed(kind, title(module), now);
        }
        self.life.hidden.retain(|hidden| *hidden != module);
        if !visible {
            self.life.hidden.push(module);
        }
        self.both_hear_of_module(module, visible, "SAID");
    }

    /// The enrollment is as it was written down: for staff with their reasons, for the citizen without.
    pub async fn compare_life(&mut self) {
        let seen = self.sees(THERAPIST, "Life", "...life").await;
        let mut written = self.life.row.clone();
        same("the enrollment", &seen, &written);
        for list in ["statusHistory", "endHistory"] {
            for row in written[list].as_array_mut().unwrap() {
                row["reason"] = Value::Null;
                row["by"] = Value::Null;
            }
        }
        let seen = self.sees(CITIZEN, "Life", "...life").await;
        same("the enrollment as the citizen sees it", &seen, &written);
    }

    /// What is shown and done is as it was written down. `open` are the modules that are open now.
    pub async fn compare_content(&mut self, who: Who, open: &[&str]) {
        let seen = self.sees(who, "Content", "...content nextStep { key }").await;
        let shown = |module: &str| who != CITIZEN || !self.life.hidden.contains(&module);
        let counted = |module: &str| !self.life.hidden.contains(&module);
        let is_done = |step: &&str| self.life.completed.contains_key(*step);
        let mut modules = Vec::new();
        let (mut done, mut total) = (0, 0);
        let mut next = Value::Null;
        for (module, steps) in MODULES {
            let completed = steps.iter().copied().filter(|step| is_done(step)).count();
            if counted(module) {
                (done, total) = (done + completed, total + steps.len());
            }
            if next.is_null() && open.contains(&module) && counted(module) {
                next = steps
                    .iter()
                    .find(|step| !is_done(step))
                    .map_or(Value::Null, |step| json!({ "key": step }));
            }
            if shown(module) {
                let steps = steps
                    .iter()
                    .map(|step| json!({ "key": step, "completedAt": self.life.completed.get(*step) }));
                modules.push(
                    json!({ "key": module, "visible": counted(module), "open": open.contains(&module),
                    "steps": steps.collect::<Vec<_>>() }),
                );
            }
        }
        let seen_modules = seen["modules"].as_array().unwrap().iter().map(|module| {
            let steps = module["sections"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|one| one["steps"].as_array().unwrap());
            let steps = steps.map(|step| json!({ "key": step["key"], "completedAt": step["completedAt"] }));
            json!({ "key": module["key"], "visible": module["visible"], "open": module["availability"]["open"],
                "steps": steps.collect::<Vec<_>>() })
        });
        same("the content", &json!(seen_modules.collect::<Vec<_>>()), &json!(modules));
        let percent = 100 * done / total;
        let progress = json!({ "completedSteps": done, "totalSteps": total, "percent": percent });
        same("the progress", &seen["progress"], &progress);
        same("the next step", &seen["nextStep"], &next);
    }

    /// What the citizen said of how they are reached is as it was written down.
    pub async fn compare_me(&self) {
        let query = "query Me { viewer { ... on CitizenViewer { citizen { ...me } } } }";
        let seen = self.asks(CITIZEN, query, json!({})).await["viewer"]["citizen"].clone();
        same("the citizen", &seen, &self.life.me);
    }
}

/// The nth citizen as staff write them down.
pub fn person_to_start(n: u32) -> Value {
    json!({ "personalIdentityNumber": tests::care::identity_number(n), "givenName": format!("Given{n}"),
        "familyName": format!("Family{n}"), "email": format!("citizen{n}@home.example"), "phone": "+46701740605" })
}
