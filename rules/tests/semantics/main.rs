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
mod explanations;
mod facts;
mod forms;
mod functions;
mod inputs;
mod known;
mod measurements;
mod missed_activities;
mod mistakes;
mod next_change;
mod promises;
mod properties;
mod ratings;
mod recurrences;
mod schedules;
mod scoring;
mod simulation;
mod simulation_content;
mod summaries;
mod time;
mod validation;
mod world;
