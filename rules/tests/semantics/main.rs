//! The semantics of forms and rules, case by case and by properties that hold for any.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod any_rule;
mod common;
mod comparisons;
mod episodes;
mod events;
mod facts;
mod forms;
mod properties;
mod recurrences;
mod schedules;
mod scoring;
mod summaries;
mod time;
mod validation;
mod world;
