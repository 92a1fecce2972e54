//! The semantics of forms and rules, case by case and by properties that hold for any.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod any_history;
mod any_rule;
mod clock_changes;
mod common;
mod comparisons;
mod contradictions;
mod episodes;
mod events;
mod facts;
mod forms;
mod inputs;
mod missed_activities;
mod mistakes;
mod next_change;
mod properties;
mod recurrences;
mod schedules;
mod scoring;
mod simulation;
mod summaries;
mod time;
mod validation;
mod world;
