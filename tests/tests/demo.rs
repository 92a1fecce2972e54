//! The first start on a machine: one command, and there are people, programs and something to see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use entity::clock::Clock;
use serde_json::{Value, json};
use tests::{
    client::{Client, document, done, text},
    contract,
    process::{self, Process},
};

/// How long an urgent flag may take to be seen. It takes well under a second; a busy machine may need more.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The tokens that were printed, by persona: each in the line after its name.
fn tokens(output: &str) -> BTreeMap<String, String> {
    let lines: Vec<&str> = output.lines().collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let (who, token) = (pair[0].trim().split_once(" – ")?.0, pair[1].trim());
        token.starts_with("eyJ").then(|| (who.to_owned(), token.to_owned()))
    });
    pairs.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_gives_a_demo_that_works() {
    let (Some(_), Some(binary)) = (contract::operations(), process::binary("handrail")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // The heartbeat is slow, so that only what is told at once comes at once.
    let environment = [
        ("HANDRAIL_HTTP__LISTEN", "127.0.0.1:0"),
        ("HANDRAIL_WORKER__TICK", "15s"),
    ];
    let mut command = process::command(&binary, folder.path(), &environment);
    let began = Instant::now();
    let mut process = Process::start("handrail", &mut command);
    let address = process
        .line(|line| line.strip_prefix("Handrail is ready: http://").map(str::to_owned))
        .await;
    let ready = Instant::now();
    println!("ready after {:?}", began.elapsed());
    process.line(|line| line.starts_with("Try:").then_some(())).await;
    let tokens = tokens(&process.output());
    let client = Client::new(&address);
    let therapist = &tokens["therapist"];
    let me = client.ask(therapist, "WhoAmI", json!({})).await;
    assert!(ready.elapsed() < Duration::from_secs(1), "it answers within a second");
    assert!(tokens.len() >= 15, "{:?}", tokens.keys());
    for (who, token) in &tokens {
        let viewer = client.ask(token, "WhoAmI", json!({})).await["viewer"].clone();
        assert!(viewer["__typename"].is_string(), "{who}: {viewer}");
    }

    // There is something to see.
    let unit = &me["viewer"]["unit"]["id"];
    let worklist = client
        .ask(therapist, "Worklist", json!({ "unitId": unit, "first": 20 }))
        .await;
    let nodes = worklist["unit"]["enrollments"]["nodes"].as_array().unwrap();
    assert!(nodes.len() >= 4, "{}", nodes.len());
    assert!(
        nodes[0]["flags"]["nodes"]
            .as_array()
            .is_some_and(|flags| !flags.is_empty()),
        "the first needs attention"
    );
    let longest = nodes
        .iter()
        .max_by_key(|node| node["results"].as_array().unwrap().len())
        .unwrap();
    let variables = json!({ "enrollmentId": longest["id"], "form": "weekly-measure", "scale": "total" });
    let results = client.ask(therapist, "EnrollmentResults", variables).await;
    assert!(
        results["enrollment"]["resultSeries"]["points"]
            .as_array()
            .unwrap()
            .len()
            >= 3,
        "{results}"
    );
    for slug in ["low-mood", "after-heart-attack"] {
        for locale in ["sv", "en"] {
            let tree = client
                .ask(therapist, "ProgramTree", json!({ "slug": slug, "locale": locale }))
                .await;
            let modules = tree["program"]["publishedVersion"]["modules"].as_array().unwrap();
            assert!(modules.len() >= 4, "{slug}");
        }
        let rules = client.ask(therapist, "Rules", json!({ "programSlug": slug })).await;
        assert!(rules["program"]["rules"].as_array().unwrap().len() >= 5, "{slug}");
    }

    // What is ready to click on the page is answered, with the page's own tokens and variables.
    let page = client
        .http()
        .get(client.url("/graphiql"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let tabs = page
        .lines()
        .find_map(|line| line.trim().strip_prefix("const tabs = "))
        .expect("the page has tabs");
    let tabs: Vec<Value> = serde_json::from_str(tabs.trim_end_matches(';')).unwrap();
    assert!(tabs.len() >= 25, "{}", tabs.len());
    for tab in &tabs {
        let query = tab["query"].as_str().unwrap();
        // These come below, together, or are never done.
        if query.contains("subscription ") || query.contains("mutation SubmitResponse") {
            continue;
        }
        let headers: BTreeMap<String, String> = serde_json::from_str(tab["headers"].as_str().unwrap()).unwrap();
        let token = headers["Authorization"].trim_start_matches("Bearer ");
        let variables = serde_json::from_str(tab["variables"].as_str().unwrap()).unwrap();
        let data = client.query(token, query, variables).await.data();
        for (field, answer) in data.as_object().unwrap() {
            assert!(!answer.is_null(), "{field} answers nothing to\n{query}");
            let refusals = answer["errors"].as_array().map_or(0, Vec::len);
            assert_eq!(refusals, 0, "{answer}\n{query}");
        }
    }

    // Anna's weekly measure waits. With the risk item at 2 the therapist sees an urgent flag at once, and why.
    let anna = &tokens["anna"];
    let now = Clock::System.now();
    let home = client
        .ask(
            anna,
            "CitizenHome",
            json!({ "now": now, "until": now + TimeDelta::days(7) }),
        )
        .await;
    let enrollment = &home["viewer"]["citizen"]["enrollments"]["nodes"][0];
    let mut waiting = None;
    for dispatch in enrollment["dispatches"]["nodes"].as_array().unwrap() {
        let asked = client
            .ask(anna, "FormToFill", json!({ "dispatchId": dispatch["id"] }))
            .await["dispatch"]
            .clone();
        if asked["form"]["key"] == "weekly-measure" {
            waiting = Some(asked);
        }
    }
    let asked = waiting.expect("the weekly measure waits");
    let required = asked["form"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["required"] == true);
    let answers: Vec<Value> = required
        .map(|item| {
            let option = if item["key"] == "q9" { 2 } else { 0 };
            json!({ "item": item["key"], "value": item["options"][option]["key"] })
        })
        .collect();

    let mut socket = client.socket(therapist).await;
    socket
        .subscribe("1", document("UnitActivity"), &json!({ "unitId": unit }))
        .await;
    // Nothing in the protocol tells when a subscription begins: a flag raised until one comes does.
    for n in 0..10 {
        let input = json!({ "enrollmentId": enrollment["id"], "kind": format!("probe-{n}"), "severity": "INFO",
            "title": "Probe", "audience": "STAFF" });
        done(&client.input(therapist, "RaiseFlag", input).await);
        if tokio::time::timeout(Duration::from_secs(2), socket.item())
            .await
            .is_ok()
        {
            break;
        }
    }
    let began = Instant::now();
    done(
        &client
            .input(
                anna,
                "SubmitResponse",
                json!({ "dispatchId": asked["id"], "answers": answers }),
            )
            .await,
    );
    let flag = loop {
        let item = socket.item().await["unitActivity"].clone();
        if item["flag"]["severity"] == "URGENT" {
            break item["flag"].clone();
        }
    };
    println!("the urgent flag was seen {:?} after the answer", began.elapsed());
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    let why = "query($id: ID!) { node(id: $id) { ... on Flag { causes { firing { trace { text verdict } } } } } }";
    let causes = client.query(therapist, why, json!({ "id": flag["id"] })).await.data();
    let trace = causes["node"]["causes"][0]["firing"]["trace"].as_array().unwrap();
    assert!(
        !trace.is_empty() && trace.iter().all(|line| !text(&line["text"]).is_empty()),
        "{causes}"
    );
    println!(
        "{}",
        trace
            .iter()
            .map(|line| text(&line["text"]))
            .collect::<Vec<_>>()
            .join("\n")
    );

    process.terminate().await;
    assert!(process.ended().await.success(), "{}", process.output());
    assert!(!process.output().contains("panicked"), "{}", process.output());
}
