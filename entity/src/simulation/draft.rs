//! A rule that is tried before it is saved.

use std::sync::Arc;

use rules::definition::RuleDefinition;
use uuid::Uuid;

use super::may_look;
use crate::{
    action::rule::{SaveRule, check},
    enrollment,
    error::{Result, UserError},
    store::Store,
    viewer::{Permission, Viewer},
};

/// A rule to be tried, checked against its program.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its key within the program.
    pub key: String,
    /// What it says.
    pub definition: Arc<RuleDefinition>,
    pub(super) program: Uuid,
    pub(super) unit: Option<Uuid>,
    pub(super) enrollment: Option<Uuid>,
    /// Tells its firings from those of stored versions.
    pub(super) version: Uuid,
}

/// Checks a rule as saving it would, without saving it. It is tried as if it was on.
///
/// # Errors
/// When the rule makes no sense, there is no such program, or the enrollment is not visible: every problem with its path, which
/// begins with `rule`; when the viewer may not look at the unit, at `unitId`.
pub async fn draft(store: &Store, viewer: &Viewer, unit: Uuid, input: &SaveRule) -> Result<Draft> {
    may_look(viewer, unit, "unitId")?;
    let draft = checked(store, viewer, unit, input).await;
    draft.map_err(|error| error.within("rule"))
}

async fn checked(store: &Store, viewer: &Viewer, unit: Uuid, input: &SaveRule) -> Result<Draft> {
    if input.unit_id.is_some_and(|named| named != unit) {
        return Err(UserError::not_found("unitId", "unit").into());
    }
    let directory = store.directory();
    let published = directory.programs().get(&input.program_slug);
    let published = published.ok_or_else(|| UserError::not_found("programSlug", "program"))?;
    let program = published.program.id;
    let mut version = published.version;
    if let Some(id) = input.enrollment_id {
        let found = enrollment::find(store, viewer, &[id]).await?.remove(&id);
        // As for saving it: numbers about one person tell what they answered.
        let row = found.filter(|row| viewer.may(Permission::Treat) && row.program_id == program);
        let row = row.ok_or_else(|| UserError::not_found("enrollmentId", "enrollment in this program"))?;
        version = row.version_id;
    }
    let content = store.library().content(store.connection(), version).await?;
    Ok(Draft {
        key: input.key.clone(),
        definition: Arc::new(check(input, &content)?),
        program,
        unit: input.unit_id,
        enrollment: input.enrollment_id,
        version: store.id(),
    })
}

impl Draft {
    /// Whether it could hold in an enrollment.
    pub(super) fn concerns(&self, row: &enrollment::Model) -> bool {
        row.program_id == self.program
            && self.unit.is_none_or(|unit| row.unit_id == unit)
            && self.enrollment.is_none_or(|id| row.id == id)
    }

    pub(super) fn breadth(&self) -> u8 {
        breadth(self.unit, self.enrollment)
    }
}

/// How wide a scope is: the narrower holds.
pub(super) fn breadth(unit: Option<Uuid>, enrollment: Option<Uuid>) -> u8 {
    match (unit, enrollment) {
        (_, Some(_)) => 0,
        (Some(_), None) => 1,
        (None, None) => 2,
    }
}
