//! Whose something is, in the filters of lists.

use sea_orm::sea_query::{ExprTrait, SimpleExpr};
use uuid::Uuid;

use crate::{assignment::Role, directory::Directory};

/// Who is to see to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assignee {
    /// Nobody in particular.
    Nobody,
    /// This staff member.
    Staff(Uuid),
}

impl Assignee {
    /// What is theirs at a unit, where `held` picks what is held by one of some staff. Whoever does not treat there any more holds
    /// nothing: it is nobody's in particular.
    pub(crate) fn holds(
        self,
        directory: &Directory,
        unit: Option<Uuid>,
        held: impl FnOnce(Vec<Uuid>) -> SimpleExpr,
    ) -> SimpleExpr {
        let mut there = unit.map_or_else(Vec::new, |unit| directory.staff_of(unit, Role::Therapist));
        match self {
            Self::Nobody => held(there).not(),
            Self::Staff(id) => {
                there.retain(|staff| *staff == id);
                held(there)
            }
        }
    }
}
