//! Showing, hiding and opening modules and sections for one enrollment, at once or from an instant on.

mod effect;

pub use effect::run;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::opening;
use crate::{
    act::{Act, BATCH, Cause},
    content::Content,
    content_override, enrollment,
    error::{Outcome, Result, UserError},
    event::EventKind,
    input,
    progress::{self, Overlay},
    viewer::Permission,
};

/// What is changed, by its key within the program version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A module.
    Module(String),
    /// A section.
    Section(String),
}

/// A change for one enrollment.
#[derive(Clone, Debug)]
pub struct Change {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// What is changed.
    pub target: Target,
    /// Shown or hidden; as it was where absent.
    pub visible: Option<bool>,
    /// From when it is shown or hidden; at once where absent. Whatever is said of that later takes its place.
    pub visible_from: Option<DateTime<Utc>>,
    /// From when it is open; as it was where absent.
    pub opens_at: Option<DateTime<Utc>>,
    /// Opens it now, unless it is open.
    pub open: bool,
    /// Why.
    pub reason: Option<String>,
    /// Who.
    pub cause: Cause,
}

/// How many enrollments can be changed at once by hand.
pub const MOST: usize = 100;

/// Makes the same change in several enrollments; each has its outcome. One that is named twice is changed once.
///
/// # Errors
/// `TOO_MANY` at `enrollmentIds`. When the database fails.
pub async fn change_each(act: &mut Act, enrollments: &[Uuid], change: &Change) -> Result<Vec<Outcome<Uuid>>> {
    if enrollments.len() > MOST {
        let message = format!("At most {MOST} enrollments at once, please.");
        return Err(UserError::new("TOO_MANY", "enrollmentIds", message).into());
    }
    let each: BTreeSet<Uuid> = enrollments.iter().copied().collect();
    let changes = each.iter().map(|id| Change {
        enrollment_id: *id,
        ..change.clone()
    });
    let outcomes = self::change(act, &changes.collect::<Vec<_>>()).await?;
    let outcomes: BTreeMap<Uuid, Outcome<Uuid>> = each.into_iter().zip(outcomes).collect();
    Ok(enrollments.iter().filter_map(|id| outcomes.get(id).cloned()).collect())
}

/// Makes the changes; each gives the enrollment. Who treats at the unit may, and Handrail itself.
///
/// # Errors
/// When the database fails. What one change is refused for stands in its outcome.
pub async fn change(act: &mut Act, changes: &[Change]) -> Result<Vec<Outcome<Uuid>>> {
    let ids: Vec<Uuid> = changes.iter().map(|change| change.enrollment_id).collect();
    let enrollments = act.enrollments(&ids).await?;
    let mut overlays = progress::load(&act.tx, &act.viewer, &ids).await?;
    let mut outcomes = Vec::with_capacity(changes.len());
    let mut rows = Vec::new();
    for change in changes {
        let row = enrollments.get(&change.enrollment_id);
        let Some(row) = row.filter(|_| act.viewer.may(Permission::Treat)) else {
            outcomes.push(Err(vec![UserError::not_found("enrollmentId", "enrollment")]));
            continue;
        };
        let content = act.store.library().content(&act.tx, row.version_id).await?;
        let overlay = overlays.entry(row.id).or_default();
        match one(act, &content, row, overlay, change)? {
            Ok(made) => {
                outcomes.push(Ok(row.id));
                rows.extend(made);
            }
            Err(refused) => outcomes.push(Err(vec![refused])),
        }
    }
    for chunk in rows.chunks(BATCH) {
        let rows = chunk
            .iter()
            .map(|row: &content_override::Model| row.clone().into_active_model().reset_all());
        content_override::Entity::insert_many(rows)
            .exec_without_returning(&act.tx)
            .await?;
    }
    Ok(outcomes)
}

/// The override that a change makes; none where it is so already.
fn one(
    act: &mut Act,
    content: &Content,
    row: &enrollment::Model,
    overlay: &mut Overlay,
    change: &Change,
) -> Result<std::result::Result<Option<content_override::Model>, UserError>> {
    let (id, key, opens_at) = match &change.target {
        Target::Module(key) => match content.module_by_key(key) {
            Some(module) => (
                module.row.id,
                key,
                overlay.module_opens_at(content, row, module.row.id, act.now),
            ),
            None => return Ok(Err(UserError::not_found("moduleKey", "module"))),
        },
        Target::Section(key) => match content.section_by_key(key) {
            // Where nothing was said, the section opens with its module, and is not what keeps it closed.
            Some(section) => (
                section.row.id,
                key,
                overlay.section_opens_at(section.row.id).or(Some(row.created_at)),
            ),
            None => return Ok(Err(UserError::not_found("sectionKey", "section"))),
        },
    };
    if change.visible.is_none() && change.opens_at.is_none() && !change.open {
        let message = "Say what to change: whether it is shown, or from when it is open.";
        return Ok(Err(UserError::new("REQUIRED", "visible", message)));
    }
    let said = match said(act, change) {
        Ok(said) => said,
        Err(refused) => return Ok(Err(refused)),
    };
    let is_open = opens_at.is_some_and(|at| at <= act.now);
    let opens_at = said.opens_at.or((change.open && !is_open).then_some(act.now));
    if change.visible.is_none() && opens_at.is_none() {
        return Ok(Ok(None));
    }
    let is_module = matches!(change.target, Target::Module(_));
    // Each is later than the one before it, so that the latest is the latest.
    let after = overlay.overrides.last().map(|last| last.at + Duration::microseconds(1));
    let at = after.map_or(act.now, |after| after.max(act.now));
    let mut made = content_override::Model {
        id: act.id(),
        enrollment_id: row.id,
        module_id: is_module.then_some(id),
        section_id: (!is_module).then_some(id),
        visible: change.visible,
        visible_from: said.visible_from,
        opens_at,
        due_at: None,
        reason: act.store.keyring().seal_option(said.reason.as_deref())?,
        actor: change.cause.actor.into(),
        at,
    };
    made.due_at = made.comes_after(at);
    let mut before = opening::open_by_themselves(act, content, row, overlay);
    overlay.overrides.push(made.clone());
    act.happened(row, EventKind::ContentChanged, change.cause, Some(id), Some(key));
    // What is changed itself is told already.
    before.insert(id);
    let open = opening::open_by_themselves(act, content, row, overlay);
    opening::tell(act, content, row, open.difference(&before).copied(), change.cause);
    Ok(Ok(Some(made)))
}

/// What of a change is written as it was said, once it is checked.
struct Said {
    visible_from: Option<DateTime<Utc>>,
    opens_at: Option<DateTime<Utc>>,
    reason: Option<String>,
}

fn said(act: &Act, change: &Change) -> std::result::Result<Said, UserError> {
    if change.visible_from.is_some() && change.visible.is_none() {
        let message = "Say whether it is shown or hidden from then on.";
        return Err(UserError::new("REQUIRED", "visible", message));
    }
    let instant = |at: Option<DateTime<Utc>>, path| at.map(|at| input::instant(at, act.now, path)).transpose();
    Ok(Said {
        // From a time that has passed is at once.
        visible_from: instant(change.visible_from, "visibleFrom")?.filter(|from| *from > act.now),
        opens_at: instant(change.opens_at, "opensAt")?,
        reason: input::note(change.reason.as_deref(), "reason")?,
    })
}
