//! What firings would send.

use uuid::Uuid;

use crate::{
    as_of::AsOf,
    definition::Recipients,
    facts::{Channel, Facts, FlagState, Instant, Status},
};

/// Something that a firing would send, to one person or one group of staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When it is meant to leave.
    pub at: Instant,
    /// Who gets it.
    pub to: To,
    /// How; as the recipient chose where empty.
    pub channels: Vec<Channel>,
    /// What it is about.
    pub subject: Subject,
    /// The status of the enrollment when it was decided: it leaves in this one and while the enrollment is active.
    pub decided_in: Option<Status>,
    /// Whether it leaves whatever the hour.
    pub bypass_quiet_hours: bool,
    /// Whether it waits while the unit is closed.
    pub office_hours: bool,
}

/// Who gets a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The citizen.
    Citizen,
    /// Staff.
    Staff(Recipients),
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A form that waits: answered, it does not leave.
    Form(Uuid),
    /// A flag that nobody has handled: handled, it does not leave.
    Flag(Uuid),
    /// Nothing that could be over.
    Nothing,
}

impl Notice {
    /// Whether it still applies at the instant at which it leaves.
    pub fn applies(&self, facts: &Facts, at: Instant) -> bool {
        let passed = |instant: Option<Instant>| instant.is_some_and(|instant| instant <= at);
        let stands = match self.subject {
            Subject::Form(id) => facts.dispatches.iter().any(|dispatch| {
                let over = [dispatch.completed_at, dispatch.cancelled_at, dispatch.expires_at];
                dispatch.id == id && !over.into_iter().any(passed)
            }),
            Subject::Flag(id) => {
                let flag = facts.flags.iter().find(|flag| flag.id == id);
                flag.is_some_and(|flag| flag.state(at) == Some(FlagState::Open))
            }
            Subject::Nothing => true,
        };
        // A flag waits for somebody whatever becomes of the enrollment.
        let status = AsOf::new(facts, at).status();
        let goes_on = status == Some(Status::Active) || status == self.decided_in;
        stands && (goes_on || matches!(self.subject, Subject::Flag(_)))
    }
}
