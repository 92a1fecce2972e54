//! The first start on a machine: one command, and there are people, programs and something to see.

#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod instants;
mod interruption;
mod look;
mod views;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use entity::clock::Clock;
use serde_json::{Value, json};
use tests::{
    client::{document, done, text},
    contract,
    demo::Demo,
};

use crate::look::Look;

/// One seeding at a time: they take all that the machine has.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How long an urgent flag may take to be seen. It takes well under a second; a busy machine may need more.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Whether a line of its own says of everybody what they are worth looking at for.
fn worth_looking_at(output: &str, tokens: &BTreeMap<String, String>) -> bool {
    tokens.keys().all(|who| {
        let mut lines = output.lines().filter_map(|line| line.trim().strip_prefix(who.as_str()));
        let line = lines.find_map(|rest| rest.strip_prefix(" – "));
        let see = line.and_then(|line| Some(line.split_once(": ")?.1));
        see.is_some_and(|see| see.len() > 20)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_gives_a_demo_that_works() {
    if contract::operations().is_none() {
        return;
    }
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let Some(demo) = Demo::start(folder.path()).await else {
        return;
    };
    let Demo {
        mut process,
        client,
        tokens,
        ready,
    } = demo;
    println!("ready after {:?}", ready - began);
    let therapist = &tokens["therapist"];
    client.ask(therapist, "WhoAmI", json!({})).await;
    assert!(ready.elapsed() < Duration::from_secs(1), "it answers within a second");
    assert!(tokens.len() >= 15, "{:?}", tokens.keys());
    assert!(worth_looking_at(&process.output(), &tokens), "{}", process.output());
    let look = Look {
        client: &client,
        tokens: &tokens,
        now: Clock::System.now(),
    };
    look.at_everything().await;

    // Anna's weekly measure waits. With the risk item at 2 the therapist sees an urgent flag at once, and why.
    let anna = &tokens["anna"];
    let unit = look.unit().await;
    let (enrollment, asked) = look.at_the_waiting_measure().await;
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
    let mut listens = false;
    for n in 0..10 {
        let input = json!({ "enrollmentId": enrollment, "kind": format!("probe-{n}"), "severity": "INFO",
            "title": "Probe", "audience": "STAFF" });
        done(&client.input(therapist, "RaiseFlag", input).await);
        if tokio::time::timeout(Duration::from_secs(2), socket.item())
            .await
            .is_ok()
        {
            listens = true;
            break;
        }
    }
    assert!(listens, "nothing comes");
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
