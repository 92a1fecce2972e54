//! Forms: sent by rules and by hand, moved, taken back, begun, answered by the citizen and in their place, put right.

use chrono::{DateTime, Days, TimeZone, Utc};
use chrono_tz::Europe::Stockholm;
use serde_json::{Value, json};
use tests::client::{text, weekly_measure};

use crate::{
    ledger::{person, same, when},
    script::{CITIZEN, Script, THERAPIST, Who},
    world::WEEKLY,
};

/// The options of the weekly measure, from 0 to 3.
const OPTIONS: [&str; 4] = ["no", "some", "most", "all"];

/// The same local time so many days later.
pub fn days_later(at: DateTime<Utc>, days: u64) -> DateTime<Utc> {
    let local = at.with_timezone(&Stockholm).naive_local() + Days::new(days);
    Stockholm.from_local_datetime(&local).single().unwrap().to_utc()
}

/// Answers to the weekly measure that add up to a total; the last item gets `last`, the others as much as fits.
pub fn answers(total: usize, last: usize) -> Value {
    let mut left = total - last;
    let mut options = [OPTIONS[0]; 9];
    for option in &mut options[..8] {
        let points = left.min(3);
        left -= points;
        *option = OPTIONS[points];
    }
    options[8] = OPTIONS[last];
    assert_eq!(left, 0, "nine items have no {total} points");
    weekly_measure(options)
}

/// What the weekly measure must be scored as, by a formula of our own: the sum, and the cut-offs of the PHQ-9.
pub fn scores(answers: &Value) -> Value {
    let points = answers.as_array().unwrap().iter().filter_map(|answer| {
        let is_scored = answer["item"].as_str().unwrap().starts_with('q');
        is_scored.then(|| OPTIONS.iter().position(|option| answer["value"] == *option).unwrap())
    });
    let total: usize = points.sum();
    let band = match total {
        0..=4 => "minimal",
        5..=9 => "mild",
        10..=14 => "moderate",
        _ => "severe",
    };
    json!([{ "scale": { "key": "total" }, "value": total, "complete": true, "band": { "key": band } }])
}

fn given(answers: &Value) -> Value {
    let given = answers.as_array().unwrap().iter();
    given
        .map(|answer| json!({ "item": { "key": answer["item"] }, "value": answer["value"] }))
        .collect()
}

fn sent(id: &str, form: &str, available_at: DateTime<Utc>, expires_at: Value, status: &str) -> Value {
    json!({ "id": id, "status": status, "form": { "key": form }, "availableAt": when(available_at), "expiresAt": expires_at,
        "startedAt": null, "completedAt": null, "draft": null, "changes": [] })
}

impl Script {
    /// A rule has sent the weekly measure just now, for three days and with a reminder after one.
    pub async fn measure_arrives(&mut self) -> String {
        let from = self.now();
        let fields = "dispatches(first: 1, status: [AVAILABLE]) { nodes { id } }";
        let seen = self.sees(THERAPIST, "WhatWaits", fields).await;
        let id = text(&seen["dispatches"]["nodes"][0]["id"]);
        self.dispatches
            .add(sent(&id, WEEKLY, from, when(days_later(from, 3)), "AVAILABLE"));
        self.both_hear("DispatchAvailable", &id);
        self.is_to_be_reminded_of(&id, days_later(from, 1)).await;
        id
    }

    /// The citizen opens the form of a step.
    pub async fn opens_form(&mut self, step: &str, form: &str) -> String {
        let input = json!({ "enrollmentId": self.enrollment, "stepId": self.life.step(step), "formKey": form });
        let opened = self.does(CITIZEN, "openForm", input).await["dispatch"].clone();
        let id = text(&opened["id"]);
        self.dispatches
            .add(sent(&id, form, self.now(), Value::Null, "AVAILABLE"));
        self.both_hear("DispatchAvailable", &id);
        id
    }

    /// The therapist plans a form, with a reminder a day after it opens.
    pub async fn plans_form(&mut self, form: &str, at: DateTime<Utc>) -> String {
        let input = json!({ "enrollmentId": self.enrollment, "formKey": form, "at": at, "expiresAfter": "P3D",
            "remindAfter": ["P1D"] });
        let planned = self.does(THERAPIST, "dispatchForm", input).await["dispatches"].clone();
        assert_eq!(planned.as_array().unwrap().len(), 1);
        let id = text(&planned[0]["id"]);
        self.dispatches
            .add(sent(&id, form, at, when(days_later(at, 3)), "SCHEDULED"));
        self.both_hear_of_form(&id, "SCHEDULED");
        self.is_to_be_reminded_of(&id, days_later(at, 1)).await;
        id
    }

    /// The therapist moves a form that has not opened; its reminder moves as far.
    pub async fn moves_form(&mut self, id: &str, at: DateTime<Utc>, reason: &str) {
        let expires_at = days_later(at, 3);
        let input = json!({ "dispatchId": id, "availableAt": at, "expiresAt": expires_at, "reason": reason });
        self.does(THERAPIST, "moveDispatch", input).await;
        let now = when(self.now());
        self.dispatches
            .set(id, json!({ "availableAt": when(at), "expiresAt": when(expires_at) }));
        self.dispatches.push(
            id,
            "changes",
            json!({ "at": now, "status": "SCHEDULED", "availableAt": when(at),
            "expiresAt": when(expires_at), "reason": reason, "by": person(&THERAPIST.name()) }),
        );
        self.reminder_moves(id, days_later(at, 1));
        self.both_hear_of_form(id, "MOVED");
    }

    /// The therapist takes a form back.
    pub async fn takes_form_back(&mut self, id: &str, reason: &str) {
        self.does(
            THERAPIST,
            "cancelDispatch",
            json!({ "dispatchId": id, "reason": reason }),
        )
        .await;
        let (now, row) = (when(self.now()), self.dispatches.of(id).clone());
        self.dispatches.set(id, json!({ "status": "CANCELLED" }));
        self.dispatches.push(
            id,
            "changes",
            json!({ "at": now, "status": "CANCELLED", "availableAt": row["availableAt"],
            "expiresAt": row["expiresAt"], "reason": reason, "by": person(&THERAPIST.name()) }),
        );
        self.reminders_of(id, "CANCELLED");
        self.both_hear_of_form(id, "CANCELLED");
    }

    /// A form that was planned by hand opens just now.
    pub fn form_opens(&mut self, id: &str) {
        let now = when(self.now());
        assert_eq!(self.dispatches.of(id)["availableAt"], now);
        self.dispatches.set(id, json!({ "status": "AVAILABLE" }));
        self.both_hear("DispatchAvailable", id);
    }

    /// Nobody answered: the form closes.
    pub fn form_expires(&mut self, id: &str) {
        self.dispatches.set(id, json!({ "status": "EXPIRED" }));
        self.reminders_of(id, "EXPIRED");
        self.both_hear_of_form(id, "EXPIRED");
    }

    /// The citizen saves some answers and goes away.
    pub async fn begins(&mut self, id: &str, some: Value) {
        self.does(CITIZEN, "saveDraft", json!({ "dispatchId": id, "answers": some }))
            .await;
        let now = when(self.now());
        self.dispatches.set(
            id,
            json!({ "status": "STARTED", "startedAt": now,
            "draft": { "savedAt": now, "answers": given(&some) } }),
        );
    }

    /// Somebody answers a form; gives the result.
    pub async fn answers(&mut self, who: Who, id: &str, answers: Value) -> String {
        let mutation = if who == CITIZEN {
            "submitResponse"
        } else {
            "answerOnBehalf"
        };
        let input = json!({ "dispatchId": id, "answers": answers });
        let result = self.does(who, mutation, input).await["result"].clone();
        let (now, form) = (when(self.now()), self.dispatches.of(id)["form"].clone());
        if self.dispatches.of(id)["startedAt"].is_null() {
            self.dispatches.set(id, json!({ "startedAt": now }));
        }
        self.dispatches
            .set(id, json!({ "status": "COMPLETED", "completedAt": now, "draft": null }));
        self.reminders_of(id, "ANSWERED");
        let by = match who {
            Who::Citizen(_) => json!({ "as": "CITIZEN", "onBehalf": false, "staff": null }),
            Who::Staff(_) => json!({ "as": "STAFF", "onBehalf": true, "staff": person(&who.name()) }),
        };
        let scores = if form["key"] == WEEKLY {
            scores(&answers)
        } else {
            json!([])
        };
        let result = self.results.add(
            json!({ "id": result["id"], "completedAt": now, "form": form, "scores": scores,
            "answers": given(&answers), "answeredBy": by, "amendment": null, "supersededAt": null, "supersedes": null,
            "voidedAt": null, "voiding": null }),
        );
        self.both_hear("ResponseSubmitted", &result);
        result
    }

    /// The therapist puts other answers in the place of those of a result; gives the one that counts now.
    pub async fn amends(&mut self, former: &str, answers: Value, reason: &str) -> String {
        let input = json!({ "resultId": former, "answers": answers, "reason": reason });
        let amended = self.does(THERAPIST, "amendResult", input).await["result"].clone();
        let (now, mut row) = (when(self.now()), self.results.of(former).clone());
        row["id"] = amended["id"].clone();
        row["scores"] = scores(&answers);
        row["answers"] = given(&answers);
        row["amendment"] = json!({ "at": now, "reason": reason, "by": person(&THERAPIST.name()) });
        row["supersedes"] = json!({ "id": former });
        self.results.set(former, json!({ "supersededAt": now }));
        let (form, id) = (row["form"].clone(), self.results.add(row));
        let enrollment = self.enrollment.clone();
        let corrected = json!({ "corrected": { "id": id, "form": form } });
        self.both_hear_of("ResultCorrected", &enrollment, corrected);
        id
    }

    /// The therapist voids a result.
    pub async fn voids(&mut self, id: &str, reason: &str) {
        self.does(THERAPIST, "voidResult", json!({ "resultId": id, "reason": reason }))
            .await;
        let now = when(self.now());
        self.results.set(
            id,
            json!({ "supersededAt": now, "voidedAt": now,
            "voiding": { "at": now, "reason": reason, "by": person(&THERAPIST.name()) } }),
        );
        let (enrollment, form) = (self.enrollment.clone(), self.results.of(id)["form"].clone());
        let corrected = json!({ "corrected": { "id": id, "form": form } });
        self.staff_hears_of("ResultCorrected", &enrollment, corrected);
        // Citizens see no result that counts nowhere.
        self.citizen_hears_of("ResultCorrected", &enrollment, json!({ "corrected": null }));
    }

    /// The results that count, in the order in which they were answered.
    pub fn current_results(&self) -> Vec<Value> {
        let counts = |row: &&Value| row["supersededAt"].is_null() && row["voidedAt"].is_null();
        let mut rows: Vec<Value> = self.results.all().iter().filter(counts).cloned().collect();
        rows.sort_by_key(|row| text(&row["completedAt"]));
        rows
    }

    /// Every form that was sent and everything that was answered is as it was written down.
    pub async fn compare_forms(&mut self) {
        let mut seen = self
            .all(THERAPIST, "Forms", "dispatches(first: 7, after: $after)", "...dispatch")
            .await;
        let mut written = self.dispatches.all().to_vec();
        let order = |row: &Value| (text(&row["availableAt"]), text(&row["id"]));
        assert!(
            seen.is_sorted_by_key(|row| std::cmp::Reverse(text(&row["availableAt"]))),
            "the last first"
        );
        seen.sort_by_key(order);
        written.sort_by_key(order);
        same("dispatches", &json!(seen), &json!(written));

        let fields = "results(last: 100) { ...result } history: results(last: 100, withHistory: true) { ...result }";
        let results = self.sees(THERAPIST, "Results", fields).await;
        same("results", &results["results"], &json!(self.current_results()));
        let mut history = results["history"].as_array().unwrap().clone();
        let mut written = self.results.all().to_vec();
        let order = |row: &Value| text(&row["id"]);
        history.sort_by_key(order);
        written.sort_by_key(order);
        same("results with their history", &json!(history), &json!(written));
        // Each is found by its id, too.
        for row in written {
            let query = "query OneResult($id: ID!) { result(id: $id) { ...result } }";
            let seen = self.asks(THERAPIST, query, json!({ "id": row["id"] })).await;
            same("result", &seen["result"], &row);
            self.sent.push((THERAPIST, "OneResult".to_owned()));
        }
        for row in self.dispatches.all().to_vec() {
            let query = "query OneForm($id: ID!) { dispatch(id: $id) { ...dispatch } }";
            let seen = self.asks(THERAPIST, query, json!({ "id": row["id"] })).await;
            same("dispatch", &seen["dispatch"], &row);
            self.sent.push((THERAPIST, "OneForm".to_owned()));
        }
    }
}
