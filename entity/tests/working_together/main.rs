//! Messages, the activity plan, and what rules know of both and of everything else, on a database of their own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod activities;
mod facts;
mod messages;
#[path = "../follow_up/world.rs"]
#[allow(dead_code, reason = "others use the rest")]
mod world;
