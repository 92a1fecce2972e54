//! How much of the way in which a care provider is administered somebody reads.

use uuid::Uuid;

use crate::{
    assignment::Role,
    directory::Directory,
    unit,
    viewer::{Viewer, Who},
};

/// How much of the way in which a care provider is administered somebody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of it.
    Provider,
    /// What is about one unit.
    Unit(Uuid),
    /// Nothing.
    Nothing,
}

impl Reach {
    /// What the viewer reads of a provider: its administrators and auditors everything, auditors of a unit what is about that unit.
    /// Administrators of a unit look after theirs beside that: see [`Reach::holds`].
    pub fn of(directory: &Directory, viewer: &Viewer, provider: Uuid) -> Self {
        if viewer.administers_provider(provider) {
            return Self::Provider;
        }
        match &viewer.who {
            Who::Staff {
                id,
                unit,
                provider: own,
                roles,
            } if *own == provider && roles.contains(&Role::Auditor) => {
                match directory.has_role_everywhere(*id, provider, Role::Auditor) {
                    true => Self::Provider,
                    false => Self::Unit(*unit),
                }
            }
            _ => Self::Nothing,
        }
    }

    /// Whether a viewer reads how this unit is administered: who reaches it, and who looks after it.
    pub fn holds(directory: &Directory, viewer: &Viewer, of: &unit::Model) -> bool {
        viewer.administers_unit(of)
            || match Self::of(directory, viewer, of.provider_id) {
                Self::Provider => true,
                Self::Unit(unit) => unit == of.id,
                Self::Nothing => false,
            }
    }
}
