//! The schema that is checked in is the schema that is served.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;

#[test]
fn schema_graphql_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema.graphql");
    let checked_in = std::fs::read_to_string(file).unwrap();
    let served = api::graphql::sdl();
    assert!(
        served == checked_in,
        "write it anew, and look at what changed: cargo run -- schema > schema.graphql"
    );
}
