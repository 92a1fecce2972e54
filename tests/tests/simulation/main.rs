//! Simulations agree with what the worker does, look ahead as it will act, write nothing, and explain what it did.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod agreement;
mod asking;
mod life;
mod outlook;
mod start;
mod versions;
