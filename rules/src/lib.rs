//! The pure heart of Handrail: what a form is and how it is scored, what a rule is and what it decides.
//!
//! Nothing here is async, reads a clock, touches a database or does any other I/O. Instants, zones and histories are
//! passed in, and the same input always gives the same output.

pub mod answer;
pub mod as_of;
pub mod change;
pub mod condition;
pub mod content;
pub mod definition;
pub mod evaluation;
pub mod explanation;
pub mod facts;
pub mod form;
pub mod opening;
pub mod overrides;
pub mod period;
mod phrase;
pub mod recurrence;
pub mod score;
pub mod simulation;
pub mod summary;
pub mod text;
pub mod trace;
pub mod units;
pub mod validate;
pub mod window;
pub mod zone;
