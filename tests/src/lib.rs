//! The harness of the tests that look at the whole system from outside: databases, the real server, its worker, people,
//! sockets, mail and processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::io::Write;

pub mod app;
pub mod care;
pub mod client;
pub mod contract;
pub mod data;
pub mod database;
pub mod demo;
pub mod house;
pub mod issuer;
pub mod mail;
pub mod process;
pub mod socket;
pub mod world;

/// Says what is left out, and why. Unlike a print, this is seen when the tests pass.
pub fn left_out(what: &str) {
    // Where nobody listens, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "left out: {what}");
}
