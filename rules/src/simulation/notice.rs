//! What firings would send.

use uuid::Uuid;

use crate::{
    as_of::AsOf,
    content::Piece,
    definition::Recipients,
    facts::{Channel, Dated, Facts, FlagState, Instant, Status},
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
    /// The content that it is about: while any of it is hidden from the citizen, it does not leave.
    pub about: Vec<Piece>,
    /// Whether rules may send its form, every change, oldest first: while they may not, it does not leave. They may before the
    /// first.
    pub switches: Vec<Dated<bool>>,
    /// The status of the enrollment when it was decided: it leaves in this one and while the enrollment is active.
    pub decided_in: Option<Status>,
    /// Whether colleagues remind one another: it leaves in any status, until the enrollment has ended.
    pub between_staff: bool,
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
        // A flag waits for somebody whatever becomes of the enrollment, and whatever the citizen sees.
        let status = AsOf::new(facts, at).status();
        let has_ended = matches!(status, Some(Status::Completed | Status::Withdrawn));
        let is_decided = status == Some(Status::Active) || status == self.decided_in;
        let goes_on = is_decided || self.between_staff && !has_ended;
        let is_on = Dated::latest(&self.switches, at).copied().unwrap_or(true);
        let is_shown = || self.about.iter().all(|piece| piece.is_shown(facts, at));
        stands && is_on && (matches!(self.subject, Subject::Flag(_)) || goes_on && is_shown())
    }
}
