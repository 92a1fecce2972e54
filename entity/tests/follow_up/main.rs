//! Forms, flags, reminders, deliveries and events, from outside, on a database of their own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod deliveries;
mod events;
mod flags;
mod forms;
mod reminders;
mod world;
