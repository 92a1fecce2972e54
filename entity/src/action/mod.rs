//! Every way in which the record may change. Whether a person, a rule or the worker asks, it is the same function.

pub mod access_block;
pub mod activity;
mod answerable;
pub mod care;
pub mod citizen;
pub mod content_override;
pub(crate) mod delivery;
pub mod dispatch;
pub mod enrollment;
pub mod escalation;
pub mod evaluation;
mod firing;
pub mod flag;
pub mod form;
pub mod guardian;
pub mod message;
pub mod office_hours;
pub mod program;
pub mod reminder;
pub mod repeat;
pub mod response;
pub mod rule;
pub mod step;
