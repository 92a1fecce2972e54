//! Rules: saved, tried, simulated, promoted, overridden for one citizen and given back, explained.

use serde_json::{Value, json};
use tests::client::text;

use crate::{
    ledger::{local, nodes, same, when},
    script::{DESIGNER, Script, THERAPIST},
};

impl Script {
    /// The designer saves a rule of the whole program.
    pub async fn saves_rule(&mut self, rule: Value) -> String {
        let saved = self.does(DESIGNER, "saveRule", rule.clone()).await["rule"].clone();
        self.rules.add(
            json!({ "id": saved["id"], "key": rule["key"], "name": rule["name"], "enabled": true,
            "dryRun": rule["dryRun"] == true, "version": 1, "scope": "PROGRAM", "withdrawn": false, "firingCount": 0,
            "lastFiredAt": null }),
        )
    }

    /// A rule has fired just now.
    pub fn has_fired(&mut self, key: &str) {
        let now = when(self.now());
        let of_key = |row: &&mut Value| row["key"] == key && row["withdrawn"] == false;
        // The narrowest that holds is the one that fires.
        let row = self.rules.all_mut().iter_mut().rev().find(of_key).expect(key);
        row["firingCount"] = json!(row["firingCount"].as_i64().unwrap() + 1);
        row["lastFiredAt"] = now;
    }

    /// The id of a rule of the whole program.
    pub fn rule(&self, key: &str) -> String {
        text(&self.rules.all().iter().find(|row| row["key"] == key).unwrap()["id"])
    }

    /// The designer lets a rule act that was tried.
    pub async fn promotes(&mut self, key: &str) {
        let id = self.rule(key);
        self.does(DESIGNER, "promoteRule", json!({ "ruleId": id })).await;
        self.rules.set(&id, json!({ "dryRun": false, "version": 2 }));
    }

    /// The therapist sets another number in a rule for the citizen.
    pub async fn overrides(&mut self, key: &str, path: &str, value: i32, reason: &str) -> String {
        let wide = self.rule(key);
        let input = json!({ "ruleId": wide, "enrollmentId": self.enrollment, "reason": reason,
            "values": [{ "path": path, "value": value }] });
        let saved = self.does(THERAPIST, "overrideRule", input).await["rule"].clone();
        let mut row = self.rules.of(&wide).clone();
        for (field, value) in [
            ("id", saved["id"].clone()),
            ("scope", json!("ENROLLMENT")),
            ("version", json!(1)),
            ("firingCount", json!(0)),
            ("lastFiredAt", Value::Null),
        ] {
            row[field] = value;
        }
        self.rules.add(row)
    }

    /// The therapist gives the place of the override back.
    pub async fn gives_back(&mut self, id: &str, reason: &str) {
        self.does(
            THERAPIST,
            "removeRuleOverride",
            json!({ "ruleId": id, "reason": reason }),
        )
        .await;
        self.rules
            .set(id, json!({ "withdrawn": true, "enabled": false, "version": 2 }));
    }

    /// What a rule would have done since the treatment began: how many times it would have fired.
    pub async fn simulates(&mut self, rule: &Value) -> Value {
        let query = "query SimulateRule($rule: SaveRuleInput!, $unitId: ID!, $from: DateTime!, $to: DateTime!) {
            simulateRule(rule: $rule, unitId: $unitId, from: $from, to: $to) { enrollmentsConsidered enrollmentsMatched firingCount
                firings(first: 20) { nodes { at enrollment { id } } } } }";
        let variables =
            json!({ "rule": rule, "unitId": self.ids.unit, "from": local("2027-03-01 10:00"), "to": self.now() });
        let told = self.asks(THERAPIST, query, variables).await["simulateRule"].clone();
        self.sent.push((THERAPIST, "SimulateRule".to_owned()));
        told
    }

    /// Why a rule fires now or does not: its verdict, and what it compared.
    pub async fn explains(&mut self, key: &str) -> (String, String) {
        let fields = "ruleEvaluations { rule { key } verdict trace { text } }";
        let seen = self.sees(THERAPIST, "ExplainRules", fields).await;
        let found = seen["ruleEvaluations"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["rule"]["key"] == key)
            .unwrap()
            .clone();
        let trace = found["trace"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| text(&line["text"]));
        (text(&found["verdict"]), trace.collect::<Vec<_>>().join("; "))
    }

    /// Every rule is as it was written down, with how many times it fired, and when last.
    pub async fn compare_rules(&mut self) {
        for written in self.rules.all().to_vec() {
            let query = "query OneRule($id: ID!) { node(id: $id) { ... on Rule { ...rule
                firings(first: 50) { nodes { at enrollment { id } outcome } } } } }";
            let mut seen = self.asks(THERAPIST, query, json!({ "id": written["id"] })).await["node"].clone();
            let firings = nodes(&seen.as_object_mut().unwrap().remove("firings").unwrap());
            same("a rule", &seen, &written);
            assert_eq!(json!(firings.len()), written["firingCount"], "{written}");
        }
    }
}
