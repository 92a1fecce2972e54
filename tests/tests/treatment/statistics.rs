//! Statistics: of the few who take part here nothing is told, neither in the answer nor in the table; of a time when nobody did, that.

use serde_json::{Value, json};

use crate::{
    ledger::same,
    script::{ADMINISTRATOR, ELSEWHERE, Script, THERAPIST, Who},
};

const FIELDS: &str = "from to programSlug enrollments { count suppressed }
    enrollmentsByStatus { status enrollments { count suppressed } } completion { share count of suppressed }
    dropOut { enrollments { count suppressed } byModule { moduleKey } } adherence { share count of suppressed }
    outcomes { formKey } flagAcknowledgement { waited { count suppressed } medianSeconds ninetiethPercentileSeconds }
    messageAnswers { waited { count suppressed } medianSeconds ninetiethPercentileSeconds } tableUrl";

const STATES: [&str; 5] = ["PLANNED", "ACTIVE", "PAUSED", "COMPLETED", "WITHDRAWN"];

impl Script {
    /// What the unit counted in some months, asked for by somebody.
    async fn counts(&self, who: Who, unit: &str, from: &str, to: &str) -> Value {
        let query = format!(
            "query Statistics($id: ID!, $from: NaiveDate!, $to: NaiveDate!) {{ unit(id: $id) {{
                statistics(from: $from, to: $to) {{ {FIELDS} }} }} }}"
        );
        let variables = json!({ "id": unit, "from": from, "to": to });
        self.asks(who, &query, variables).await["unit"]["statistics"].clone()
    }
    /// The table of the same numbers, as its rows.
    async fn counts_table(&self, statistics: &Value) -> Vec<[String; 4]> {
        let csv = self.follow(&statistics["tableUrl"], "text/csv").await;
        let mut reader = csv::Reader::from_reader(csv.trim_start_matches('\u{FEFF}').as_bytes());
        assert_eq!(reader.headers().unwrap(), vec!["measure", "of", "figure", "value"]);
        let rows = reader.records().map(Result::unwrap);
        let mut rows: Vec<_> = rows
            .map(|row| [0, 1, 2, 3].map(|place| row[place].to_owned()))
            .collect();
        rows.sort();
        rows
    }

    /// The statistics of both units, and of the months before anybody took part, with their tables.
    pub async fn compare_statistics(&self) {
        let (own, other) = (self.ids.unit.clone(), self.ids.other_unit.clone());
        // Three people at the unit and one at the other, who was not sent any form there and wrote nothing.
        let mut of_other = all(&hidden());
        of_other["adherence"] = share(&nobody());
        of_other["messageAnswers"] = waiting(&nobody());
        for (who, unit, from, to, written) in [
            (THERAPIST, &own, "2026-07-01", "2027-07-01", all(&hidden())),
            (ADMINISTRATOR, &own, "2026-07-01", "2027-07-01", all(&hidden())),
            (ELSEWHERE, &other, "2026-07-01", "2027-07-01", of_other),
            (THERAPIST, &own, "2026-01-01", "2027-01-01", all(&nobody())),
        ] {
            let mut seen = self.counts(who, unit, from, to).await;
            let table = self.counts_table(&seen).await;
            seen.as_object_mut().unwrap().remove("tableUrl");
            let mut written = written;
            written["from"] = json!(from);
            written["to"] = json!(to);
            same(&format!("the statistics for {}", who.name()), &seen, &written);
            assert_eq!(table, rows(&written), "the table for {}", who.name());
        }
    }
}

/// A number of few people, which is not told.
fn hidden() -> Value {
    json!({ "count": null, "suppressed": true })
}

/// That there is nobody, which is told.
fn nobody() -> Value {
    json!({ "count": 0, "suppressed": false })
}

fn share(number: &Value) -> Value {
    json!({ "share": null, "count": number["count"], "of": number["count"], "suppressed": number["suppressed"] })
}

fn waiting(number: &Value) -> Value {
    json!({ "waited": number, "medianSeconds": null, "ninetiethPercentileSeconds": null })
}

/// Statistics in which each number is this.
fn all(number: &Value) -> Value {
    let by_status = STATES.map(|status| json!({ "status": status, "enrollments": number }));
    json!({ "programSlug": null, "enrollments": number, "enrollmentsByStatus": by_status, "completion": share(number),
        "dropOut": { "enrollments": number, "byModule": [] }, "adherence": share(number), "outcomes": [],
        "flagAcknowledgement": waiting(number), "messageAnswers": waiting(number) })
}

/// The rows that the table of some statistics must have.
fn rows(statistics: &Value) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    let mut add = |measure: &str, of: &str, figure: &str, value: &Value, suppressed: &Value| {
        let value = match (suppressed, value) {
            (Value::Bool(true), _) => "SUPPRESSED".to_owned(),
            (_, Value::Null) => String::new(),
            (_, value) => value.to_string(),
        };
        rows.push([measure.to_owned(), of.to_owned(), figure.to_owned(), value]);
    };
    let enrollments = &statistics["enrollments"];
    add(
        "enrollments",
        "",
        "count",
        &enrollments["count"],
        &enrollments["suppressed"],
    );
    for each in statistics["enrollmentsByStatus"].as_array().unwrap() {
        let (status, number) = (each["status"].as_str().unwrap(), &each["enrollments"]);
        add("enrollments", status, "count", &number["count"], &number["suppressed"]);
    }
    for measure in ["completion", "adherence"] {
        for figure in ["count", "of", "share"] {
            let share = &statistics[measure];
            add(measure, "", figure, &share[figure], &share["suppressed"]);
        }
    }
    let left = &statistics["dropOut"]["enrollments"];
    add("dropOut", "", "count", &left["count"], &left["suppressed"]);
    for (measure, field) in [
        ("flagAcknowledgement", "flagAcknowledgement"),
        ("messageAnswer", "messageAnswers"),
    ] {
        let (waiting, waited) = (&statistics[field], &statistics[field]["waited"]);
        add(measure, "", "count", &waited["count"], &waited["suppressed"]);
        for figure in ["medianSeconds", "ninetiethPercentileSeconds"] {
            add(measure, "", figure, &waiting[figure], &waited["suppressed"]);
        }
    }
    rows.sort();
    rows
}
