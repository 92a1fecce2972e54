//! Whose something is, in the filters of lists.

use async_graphql::{Context, Enum, ID, OneofObject};
use entity::assignee::Assignee;

use super::{
    error::Result,
    id::{self, Kind},
    request,
};

/// The viewer, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AssigneeIs {
    /// The viewer.
    Me,
    /// Nobody in particular.
    Nobody,
}

/// Who is to see to something.
#[derive(Clone, Debug, OneofObject)]
pub enum AssigneeInput {
    /// The viewer, or nobody.
    Is(AssigneeIs),
    /// This staff member.
    StaffId(ID),
}

impl AssigneeInput {
    /// Who that is for the viewer who asks. For who is no staff member, nothing is theirs.
    ///
    /// # Errors
    /// When there is no such staff member, at `path`.
    pub fn read(&self, ctx: &Context<'_>, path: &str) -> Result<Assignee> {
        Ok(match self {
            Self::Is(AssigneeIs::Nobody) => Assignee::Nobody,
            Self::Is(AssigneeIs::Me) => Assignee::Staff(request::of(ctx).viewer.staff().unwrap_or_default()),
            Self::StaffId(id) => Assignee::Staff(id::input(Kind::Staff, id, path)?),
        })
    }
}
