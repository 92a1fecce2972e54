//! Who did something, in histories.

use async_graphql::{Context, Enum};
use entity::viewer::Actor;

use super::{care::Staff, request};

/// What did something: a person on one side or the other, a rule, or Handrail itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ActorKind {
    /// The citizen.
    Citizen,
    /// A guardian of the citizen.
    Guardian,
    /// Somebody of the staff.
    Staff,
    /// A rule.
    Rule,
    /// Handrail itself.
    System,
}

impl From<Actor> for ActorKind {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::Citizen(_) => Self::Citizen,
            Actor::Guardian(_) => Self::Guardian,
            Actor::Staff(_) => Self::Staff,
            Actor::Rule(_) => Self::Rule,
            Actor::System => Self::System,
        }
    }
}

/// Who of the staff did something, for their colleagues.
pub fn colleague(ctx: &Context<'_>, actor: Actor) -> Option<Staff> {
    Staff::all(ctx, request::of(ctx).viewer.colleague(actor)).pop()
}

/// The staff member who did something, where it was one.
pub fn staff(ctx: &Context<'_>, actor: Actor) -> Option<Staff> {
    match actor {
        Actor::Staff(id) => Staff::all(ctx, [id]).pop(),
        _ => None,
    }
}
