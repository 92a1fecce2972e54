//! Refusing what a program does not offer.

use std::collections::BTreeSet;

use rules::validate::Function;
use uuid::Uuid;

use crate::{
    act::Act,
    enrollment,
    error::{Result, UserError},
};

/// Which of some enrollments take part in a version of their program that does not offer a function.
pub(super) struct Missing {
    function: Function,
    versions: BTreeSet<Uuid>,
}

impl Missing {
    /// Looks at the versions of enrollments.
    pub async fn read(
        act: &Act,
        function: Function,
        enrollments: impl IntoIterator<Item = &enrollment::Model>,
    ) -> Result<Self> {
        let mut versions: BTreeSet<Uuid> = enrollments.into_iter().map(|row| row.version_id).collect();
        for version in versions.clone() {
            let content = act.store.library().content(&act.tx, version).await?;
            if content.version.features().offers(function) {
                versions.remove(&version);
            }
        }
        Ok(Self { function, versions })
    }

    /// Whether an enrollment has to do without.
    pub fn is_missed_by(&self, enrollment: &enrollment::Model) -> bool {
        self.versions.contains(&enrollment.version_id)
    }

    /// Refuses what needs the function where it is missing: `NOT_OFFERED` at a path.
    pub fn refuse(&self, enrollment: &enrollment::Model, path: &str) -> Result<(), UserError> {
        match self.is_missed_by(enrollment) {
            true => {
                let message = format!("This program has no {}.", self.function.name());
                Err(UserError::new("NOT_OFFERED", path, message))
            }
            false => Ok(()),
        }
    }
}
