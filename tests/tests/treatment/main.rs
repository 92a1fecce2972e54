//! A treatment of twelve weeks, played through by a script of calls that frontends send, over HTTP and WebSocket, with a clock that
//! the test moves: a citizen and a therapist, and who else works at the unit. Every function is used; what the script did it wrote
//! down itself, and in the end everything is held against that, field by field.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod administration;
mod flags;
mod forms;
mod later_weeks;
mod ledger;
mod life;
mod live;
mod log;
mod messages;
mod operations;
mod outlook;
mod plan;
mod planning;
mod preparing;
mod reminders;
mod rules;
mod script;
mod series;
mod statistics;
mod weeks;
mod world;

use std::collections::BTreeSet;

use serde_json::json;
use tests::{both_databases, database::Kind};

use script::{CITIZEN, Script, THERAPIST};

async fn twelve_weeks_are_as_they_were_played(kind: Kind) {
    let mut script = Script::begin(kind).await;
    script.invites_the_colleague().await;
    script.renames_the_provider().await;
    script.connects_a_unit().await;
    script.prepare_unit().await;
    script.put_on_the_list().await;
    script.listen().await;
    let risk = script.first_day().await;
    script.heard().await;
    script.listen().await;
    let walk = script.first_week(&risk).await;
    script.second_week(&risk, &walk).await;
    script.heard().await;
    // What happens while they are away is heard when they are back.
    script.third_week(&walk).await;
    let narrow = script.fourth_week().await;
    let foretold = script.looks_ahead().await;
    script.listen().await;
    script.fifth_week(&walk).await;
    script.compare_outlook(&foretold).await;
    script.heard().await;
    script.listen().await;
    let walk = script.seventh_week(&walk).await;
    script.eighth_week().await;
    script.heard().await;
    script.listen().await;
    script.ninth_week(&narrow).await;
    script.tenth_week(&risk).await;
    script.heard().await;
    script.listen().await;
    script.eleventh_week(&walk).await;
    script.twelfth_week().await;
    script.compare_contact().await;
    script.compare_administration().await;
    script.last_day().await;

    script.at("2027-05-31 12:00").await;
    script.compare_life().await;
    for who in [THERAPIST, CITIZEN] {
        script.compare_plan(who).await;
        script.compare_planning(who).await;
        script.compare_content(who, &[]).await;
        script.compare_series(who).await;
    }
    script.compare_forms().await;
    script.compare_messages().await;
    script.compare_flags().await;
    script.compare_reminders().await;
    script.compare_rules().await;
    script.compare_schedule().await;
    script.compare_statistics().await;
    script.compare_log().await;
    script.afterwards().await;
    script.begins_again().await;
    script.heard().await;
    every_function_was_used(&script).await;
    script.app.stop().await;
}

/// Asks the server which mutations it has: the script has used each, but for those that are no part of a treatment.
async fn every_function_was_used(script: &Script) {
    let query = "{ __schema { mutationType { fields { name } } } }";
    let answer = script.asks(THERAPIST, query, json!({})).await;
    let fields = answer["__schema"]["mutationType"]["fields"].as_array().unwrap().clone();
    let there: BTreeSet<&str> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
    let unused: Vec<&&str> = there.iter().filter(|name| !script.used.contains(*name)).collect();
    assert!(unused.is_empty(), "the script has not used {unused:?}");
}

both_databases!(twelve_weeks_are_as_they_were_played);
