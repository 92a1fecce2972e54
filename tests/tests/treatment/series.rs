//! Results over time: the numbers by a formula of our own, the picture, the table and the FHIR resources of the same.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::client::text;

use crate::{
    ledger::same,
    script::{CITIZEN, Script, Who},
    world::{RELIABILITY, STANDARD_DEVIATION, WEEKLY},
};

/// Beyond this, a change is hardly chance: 1.96 standard errors.
const RELIABLE: f64 = 1.96;

impl Script {
    /// What a link that an answer gave leads to, of a kind.
    pub async fn follow(&self, link: &Value, kind: &str) -> String {
        let response = self
            .app
            .client
            .http()
            .get(self.app.client.url(&text(link)))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(content_type.starts_with(kind), "{content_type}");
        response.text().await.unwrap()
    }

    /// The weekly measure over the treatment, in numbers, as a picture, a table and FHIR resources.
    pub async fn compare_series(&mut self, who: Who) {
        let fields = format!(
            "resultSeries(form: \"{WEEKLY}\", scale: \"total\") {{ ...series }}
            resultTableUrl(form: \"{WEEKLY}\") resultBundleUrl(form: \"{WEEKLY}\")
            resultChart(scales: [{{ form: \"{WEEKLY}\", scale: \"total\" }}]) {{ chartUrl series {{ points {{ value }} }} }}"
        );
        let mut seen = self.sees(who, "Series", &fields).await;
        let results: Vec<Value> = self
            .current_results()
            .into_iter()
            .filter(|row| row["form"]["key"] == WEEKLY)
            .collect();
        let points: Vec<Value> = results
            .iter()
            .map(|row| {
                json!({ "at": row["completedAt"], "value": row["scores"][0]["value"], "complete": true,
                "resultId": row["id"], "band": row["scores"][0]["band"] })
            })
            .collect();
        let values: Vec<f64> = points.iter().map(|point| point["value"].as_f64().unwrap()).collect();
        let (first, previous, last) = (values[0], values[values.len() - 2], values[values.len() - 1]);
        // Jacobson & Truax 1991: the change over the standard error of a difference.
        let error = STANDARD_DEVIATION * (2.0 * (1.0 - RELIABILITY)).sqrt();
        let index = (last - first) / error;
        let verdict = match index {
            index if index <= -RELIABLE => "RELIABLE_IMPROVEMENT",
            index if index >= RELIABLE => "RELIABLE_DETERIORATION",
            _ => "NO_RELIABLE_CHANGE",
        };
        let series = seen["resultSeries"].as_object_mut().unwrap();
        let chart = series.remove("chartUrl").unwrap();
        same(
            "the series",
            &seen["resultSeries"],
            &json!({ "points": points, "baseline": { "at": points[0]["at"], "value": first },
                "change": { "fromFirst": last - first, "fromPrevious": last - previous,
                    "percentFromFirst": 100.0 * (last - first) / first,
                    "reliable": { "index": index, "verdict": verdict } } }),
        );

        for link in [&chart, &seen["resultChart"]["chartUrl"]] {
            let svg = self.follow(link, "image/svg+xml").await;
            assert!(
                svg.contains("role=\"img\"") && svg.contains("<title") && svg.contains("<desc"),
                "{svg}"
            );
            // Each value stands beside its point.
            for value in &values {
                assert!(
                    svg.contains(&format!(">{value}<")) || svg.contains(&format!("\n{value}\n")),
                    "{value} is not in the picture"
                );
            }
        }

        let csv = self.follow(&seen["resultTableUrl"], "text/csv").await;
        let mut reader = csv::Reader::from_reader(csv.trim_start_matches('\u{FEFF}').as_bytes());
        let heads: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let table: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(table.len(), results.len(), "a row for each result");
        for (row, result) in table.iter().zip(&results) {
            let cell = |name: &str| row[heads.iter().position(|head| head == name).expect(name)].to_owned();
            let score = &result["scores"][0];
            assert_eq!(cell(&format!("{WEEKLY}/scale/total")), score["value"].to_string());
            assert_eq!(json!(cell(&format!("{WEEKLY}/band/total"))), score["band"]["key"]);
            for answer in result["answers"].as_array().unwrap() {
                let item = text(&answer["item"]["key"]);
                assert_eq!(json!(cell(&format!("{WEEKLY}/item/{item}"))), answer["value"], "{item}");
            }
            let at = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
            assert_eq!(at(&cell("date")), at(&text(&result["completedAt"])));
            assert_eq!(json!(cell("answered_by")), result["answeredBy"]["as"]);
        }

        let bundle: Value =
            serde_json::from_str(&self.follow(&seen["resultBundleUrl"], "application/fhir+json").await).unwrap();
        // For staff, what was voided is there as what it is, without what it said.
        let resources = bundle["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["resource"]);
        let (wrong, resources): (Vec<&Value>, Vec<&Value>) =
            resources.partition(|one| one["status"] == "entered-in-error");
        let of = |kind: &str, resources: &[&'_ Value]| -> Vec<Value> {
            let of_kind = resources.iter().filter(|one| one["resourceType"] == kind);
            of_kind.map(|one| (*one).clone()).collect()
        };
        let is_voided = |row: &&Value| who != CITIZEN && !row["voidedAt"].is_null();
        let voided = self.results.all().iter().filter(is_voided).count();
        assert_eq!(of("QuestionnaireResponse", &wrong).len(), voided);
        let observed: Vec<f64> = of("Observation", &resources)
            .iter()
            .map(|one| one["valueQuantity"]["value"].as_f64().unwrap())
            .collect();
        assert_eq!(observed, values, "an Observation for each score");
        let responses = of("QuestionnaireResponse", &resources);
        assert_eq!(responses.len(), results.len());
        for (response, result) in responses.iter().zip(&results) {
            let amended = !result["amendment"].is_null();
            assert_eq!(response["status"], if amended { "amended" } else { "completed" });
            let items = response["item"].as_array().unwrap();
            assert_eq!(items.len(), result["answers"].as_array().unwrap().len());
            for (item, answer) in items.iter().zip(result["answers"].as_array().unwrap()) {
                assert_eq!(item["linkId"], answer["item"]["key"]);
                assert_eq!(item["answer"][0]["valueCoding"]["code"], answer["value"]);
            }
        }
    }
}
