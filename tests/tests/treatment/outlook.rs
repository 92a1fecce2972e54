//! The outlook: what the therapist is told of the coming days, held against what then happened.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Europe::Stockholm;
use serde_json::{Value, json};
use tests::client::text;

use crate::{
    ledger::{local, nodes, same, when},
    script::{Script, THERAPIST},
    world::TREATMENT,
};

/// How many days the therapist looks ahead.
const DAYS: u32 = 9;

impl Script {
    /// The therapist looks ahead at the end of March; gives what they are told.
    pub async fn looks_ahead(&mut self) -> Value {
        let query = "query Outlook($id: ID!, $days: Int!) { unit(id: $id) { outlook(days: $days) {
            deliveries { date channel count }
            items(first: 50) { totalCount nodes { at certainty enrollment { id program { slug } } rule { key } } } } } }";
        let variables = json!({ "id": self.ids.unit, "days": DAYS });
        let told = self.asks(THERAPIST, query, variables).await["unit"]["outlook"].clone();
        self.sent.push((THERAPIST, "Outlook".to_owned()));
        let at = |time: &str, rule: &str| {
            json!({ "at": when(local(time)), "certainty": "PREDICTED", "rule": { "key": rule },
                "enrollment": { "id": self.enrollment, "program": { "slug": TREATMENT } } })
        };
        let items = json!([
            at("2027-04-05 00:00", "inactive"),
            at("2027-04-05 08:00", "weekly-measure")
        ]);
        let of_day = |channel: &str| json!({ "date": "2027-04-06", "channel": channel, "count": 1 });
        let written = json!({ "deliveries": [of_day("EMAIL"), of_day("INBOX")],
            "items": { "totalCount": 2, "nodes": items } });
        same("the outlook", &told, &written);
        told
    }
    /// After those days: what was foretold came, but for what the citizen turned away by signing in, and nothing else did.
    pub async fn compare_outlook(&mut self, told: &Value) {
        let (from, until) = (local("2027-03-30 09:00"), local("2027-04-08 09:00"));
        let within = |at: &Value| at.as_str().is_some_and(|at| (from..until).contains(&instant(at)));
        let fields = "dispatches(first: 20) { nodes { availableAt form { key } } }
            flags(first: 20) { nodes { raisedAt } }
            reminders(first: 20) { nodes { sentAt deliveries { channel status } } }";
        let seen = self.sees(THERAPIST, "CameTrue", fields).await;

        let foretold = |rule: &str| -> Vec<Value> {
            let items = nodes(&told["items"]);
            let of_rule = items.iter().filter(|item| item["rule"]["key"] == rule);
            of_rule.map(|item| item["at"].clone()).collect()
        };
        let happened = |list: &str, at: &str| -> Vec<Value> {
            let instants = nodes(&seen[list]).into_iter().map(|row| row[at].clone());
            instants.filter(within).collect()
        };
        assert_eq!(happened("dispatches", "availableAt"), foretold("weekly-measure"));
        // The citizen signed in before it came to that.
        assert_eq!(foretold("inactive").len(), 1);
        assert_eq!(happened("flags", "raisedAt"), [Value::Null; 0]);

        let mut left: BTreeMap<(String, String), u64> = BTreeMap::new();
        for reminder in nodes(&seen["reminders"]).iter().filter(|row| within(&row["sentAt"])) {
            let day = instant(&text(&reminder["sentAt"]))
                .with_timezone(&Stockholm)
                .date_naive();
            for delivery in reminder["deliveries"].as_array().unwrap() {
                if delivery["status"] == "SENT" {
                    *left.entry((day.to_string(), text(&delivery["channel"]))).or_default() += 1;
                }
            }
        }
        let counted = told["deliveries"].as_array().unwrap().iter().map(|count| {
            let place = (text(&count["date"]), text(&count["channel"]));
            (place, count["count"].as_u64().unwrap())
        });
        assert_eq!(left, counted.collect(), "by local day and channel");
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
