//! What the demo shows whoever it is that looks, and whenever.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::client::{Client, text};

use crate::views::{Views, has_role};

/// Somebody who goes through the demo with everybody's tokens.
pub(crate) struct Look<'a> {
    pub(crate) client: &'a Client,
    /// By persona.
    pub(crate) tokens: &'a BTreeMap<String, String>,
    pub(crate) now: DateTime<Utc>,
}

impl Look<'_> {
    /// Asserts that there is all that the demo promises.
    pub(crate) async fn at_everything(&self) {
        self.at_views().await;
        self.at_the_worklist().await;
        self.at_the_statistics().await;
        self.at_the_programs().await;
        self.at_the_page().await;
        self.at_the_promise().await;
        self.at_the_waiting_measure().await;
    }

    fn therapist(&self) -> &str {
        &self.tokens["therapist"]
    }

    /// The unit at which the therapist works.
    pub(crate) async fn unit(&self) -> Value {
        let me = self.client.ask(self.therapist(), "WhoAmI", json!({})).await;
        me["viewer"]["unit"]["id"].clone()
    }

    /// Every view says something for somebody.
    async fn at_views(&self) {
        let mut views = Views::new(self.client, self.now);
        for (who, token) in self.tokens {
            let me = self.client.ask(token, "WhoAmI", json!({})).await;
            match text(&me["viewer"]["__typename"]).as_str() {
                "StaffViewer" if has_role(&me, "THERAPIST") => views.of_staff(token, &me["viewer"]["unit"]["id"]).await,
                "StaffViewer" if has_role(&me, "PROVIDER_ADMINISTRATOR") => views.of_administrator(token).await,
                "StaffViewer" => {}
                "CitizenViewer" | "GuardianViewer" => views.of_citizen(token).await,
                other => panic!("{who} is a {other}"),
            }
        }
        views.say_something().await;
    }

    /// Somebody needs attention, and Anna has results over time.
    async fn at_the_worklist(&self) {
        let variables = json!({ "unitId": self.unit().await, "first": 20 });
        let worklist = self.client.ask(self.therapist(), "Worklist", variables).await;
        let nodes = worklist["unit"]["enrollments"]["nodes"].as_array().unwrap();
        assert!(nodes.len() >= 4, "{}", nodes.len());
        assert!(
            nodes[0]["flags"]["nodes"]
                .as_array()
                .is_some_and(|flags| !flags.is_empty()),
            "the first needs attention"
        );
        let anna = nodes
            .iter()
            .find(|node| node["citizen"]["displayName"] == "Anna Lindvall")
            .expect("Anna takes part");
        let variables = json!({ "enrollmentId": anna["id"], "form": "weekly-measure", "scale": "total" });
        let results = self.client.ask(self.therapist(), "EnrollmentResults", variables).await;
        let points = results["enrollment"]["resultSeries"]["points"].as_array().unwrap();
        assert!(points.len() >= 3, "{results}");
    }

    /// The programs are there in both languages, with their rules.
    async fn at_the_programs(&self) {
        let (client, therapist) = (self.client, self.therapist());
        for slug in ["low-mood", "after-heart-attack"] {
            for locale in ["sv", "en"] {
                let variables = json!({ "slug": slug, "locale": locale });
                let tree = client.ask(therapist, "ProgramTree", variables).await;
                let modules = tree["program"]["publishedVersion"]["modules"].as_array().unwrap();
                assert!(modules.len() >= 4, "{slug}");
            }
            let rules = client.ask(therapist, "Rules", json!({ "programSlug": slug })).await;
            assert!(rules["program"]["rules"].as_array().unwrap().len() >= 5, "{slug}");
        }
    }

    /// What is ready to click on the page is answered, with the page's own tokens and variables.
    async fn at_the_page(&self) {
        let page = self.client.http().get(self.client.url("/graphiql")).send().await;
        let page = page.unwrap().text().await.unwrap();
        let tabs = page
            .lines()
            .find_map(|line| line.trim().strip_prefix("const tabs = "))
            .expect("the page has tabs");
        let tabs: Vec<Value> = serde_json::from_str(tabs.trim_end_matches(';')).unwrap();
        assert!(tabs.len() >= 35, "{}", tabs.len());
        for tab in &tabs {
            let query = tab["query"].as_str().unwrap();
            // These are done on their own, together, or never.
            if query.contains("subscription ") || query.contains("mutation SubmitResponse") {
                continue;
            }
            let headers: BTreeMap<String, String> = serde_json::from_str(tab["headers"].as_str().unwrap()).unwrap();
            let token = headers["Authorization"].trim_start_matches("Bearer ");
            let variables = serde_json::from_str(tab["variables"].as_str().unwrap()).unwrap();
            let data = self.client.query(token, query, variables).await.data();
            for (field, answer) in data.as_object().unwrap() {
                assert!(!answer.is_null(), "{field} answers nothing to\n{query}");
                let refusals = answer["errors"].as_array().map_or(0, Vec::len);
                assert_eq!(refusals, 0, "{answer}\n{query}");
            }
        }
    }

    /// Both units tell in numbers how they do.
    async fn at_the_statistics(&self) {
        let query = "{ viewer { ... on StaffViewer { unit { name statistics {
            enrollments { count } adherence { share } flagAcknowledgement { medianSeconds } messageAnswers { medianSeconds }
            outcomes { meanFirst meanLast } } } } } }";
        for (who, also) in [("therapist", "flagAcknowledgement"), ("nurse", "messageAnswers")] {
            let data = self.client.query(&self.tokens[who], query, json!({})).await.data();
            let statistics = &data["viewer"]["unit"]["statistics"];
            println!("{who} at {}: {statistics}", self.now);
            assert!(statistics["enrollments"]["count"].is_number(), "{data}");
            assert!(statistics["adherence"]["share"].is_number(), "{data}");
            assert!(statistics[also]["medianSeconds"].is_number(), "{data}");
            assert!(statistics["outcomes"][0]["meanLast"].is_number(), "{data}");
        }
    }

    /// Maria wrote, and the time within which she was promised an answer has passed.
    async fn at_the_promise(&self) {
        let query = "{ viewer { ... on StaffViewer { unit { enrollments(first: 50) { nodes {
            citizen { displayName } answerBefore } } } } } }";
        let data = self.client.query(self.therapist(), query, json!({})).await.data();
        let nodes = data["viewer"]["unit"]["enrollments"]["nodes"].as_array().unwrap();
        let maria = nodes.iter().find(|node| node["citizen"]["displayName"] == "Maria Fors");
        let promised: DateTime<Utc> = text(&maria.expect("Maria takes part")["answerBefore"]).parse().unwrap();
        assert!(promised < self.now, "{promised} at {}", self.now);
    }

    /// Anna's weekly measure waits; gives her enrollment's id and what she is asked.
    pub(crate) async fn at_the_waiting_measure(&self) -> (Value, Value) {
        let anna = &self.tokens["anna"];
        let variables = json!({ "now": self.now, "until": self.now + TimeDelta::days(7) });
        let home = self.client.ask(anna, "CitizenHome", variables).await;
        let enrollment = &home["viewer"]["citizen"]["enrollments"]["nodes"][0];
        let mut waiting = None;
        for dispatch in enrollment["dispatches"]["nodes"].as_array().unwrap() {
            let variables = json!({ "dispatchId": dispatch["id"] });
            let asked = self.client.ask(anna, "FormToFill", variables).await["dispatch"].clone();
            if asked["form"]["key"] == "weekly-measure" {
                waiting = Some(asked);
            }
        }
        (enrollment["id"].clone(), waiting.expect("the weekly measure waits"))
    }
}
