//! A form that a citizen is asked to fill in (utskick).

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::answer::Answers;
use sea_orm::{Condition, QueryOrder, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::{
    act::BATCH,
    error::{Error, Result},
    page::Page,
    progress,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer, Who},
    visible::{self, Listed},
};

/// A form that a citizen is asked to fill in (utskick).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "dispatch")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The form's key within the program version.
    pub form_key: String,
    /// The version of the form.
    pub form_version_id: Uuid,
    /// Its state.
    pub status: Stored<DispatchStatus>,
    /// The step.
    pub step_id: Option<Uuid>,
    /// The firing of a rule that made it, if one did.
    pub firing_id: Option<Uuid>,
    /// From when it can be answered.
    pub available_at: DateTime<Utc>,
    /// From when it counts as overdue.
    pub overdue_at: Option<DateTime<Utc>>,
    /// Until when it can be answered.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the citizen opened it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was completed.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// When the worker must act next; never where absent.
    pub due_at: Option<DateTime<Utc>>,
    /// Saved answers, sealed JSON.
    pub draft: Option<Sealed>,
    /// When the draft was saved.
    pub draft_saved_at: Option<DateTime<Utc>>,
    /// Who did it.
    pub actor: Stored<Actor>,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The life of a dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DispatchStatus {
    /// It cannot be answered yet.
    Scheduled,
    /// It can be answered.
    Available,
    /// The citizen has saved something.
    Started,
    /// It is answered.
    Completed,
    /// Its time passed without an answer.
    Expired,
    /// The citizen would rather not.
    Declined,
    /// Staff or a rule took it back.
    Cancelled,
}

impl DispatchStatus {
    /// Whether it can be answered, now or later.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Scheduled | Self::Available | Self::Started)
    }
}

const LISTED: Listed<Entity> = Listed {
    id: Column::Id,
    enrollment: Column::EnrollmentId,
    at: || Column::AvailableAt.into_expr(),
    key: |row| (row.id, row.enrollment_id, row.available_at),
};

/// Dispatches by id. A form that waits in a step that is hidden from the viewer is not there.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let mut found =
        visible::by_id::<Entity>(store, viewer, ids, Column::Id, Column::EnrollmentId, |row| row.id).await?;
    let hidden = hidden(store, store.connection(), viewer, found.values(), store.now()).await?;
    found.retain(|id, _| !hidden.contains(id));
    Ok(found)
}

/// Those that wait in steps that are hidden from the viewer: nothing leads there. What was answered remains.
///
/// # Errors
/// When the database fails.
pub(crate) async fn hidden(
    store: &Store,
    connection: &impl ConnectionTrait,
    viewer: &Viewer,
    rows: impl Iterator<Item = &Model>,
    now: DateTime<Utc>,
) -> Result<HashSet<Uuid>> {
    if sees_all(viewer) {
        return Ok(HashSet::new());
    }
    let waiting = rows.filter(|row| row.status.0.is_open());
    let waiting: Vec<(&Model, Uuid)> = waiting.filter_map(|row| Some((row, row.step_id?))).collect();
    let ids: BTreeSet<Uuid> = waiting.iter().map(|(row, _)| row.enrollment_id).collect();
    let shown = shown_steps(store, connection, viewer, &Vec::from_iter(ids), now).await?;
    let is_shown = |row: &Model, step| shown.get(&row.enrollment_id).is_some_and(|steps| steps.contains(step));
    let hidden = waiting.iter().filter(|(row, step)| !is_shown(row, step));
    Ok(hidden.map(|(row, _)| row.id).collect())
}

/// Whether the viewer also sees what is hidden from the citizen.
fn sees_all(viewer: &Viewer) -> bool {
    matches!(viewer.who, Who::Staff { .. } | Who::System)
}

/// The steps that are shown, by enrollment; of those that the viewer may see. One statement for hundreds, where the content
/// has been read.
async fn shown_steps(
    store: &Store,
    connection: &impl ConnectionTrait,
    viewer: &Viewer,
    enrollments: &[Uuid],
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, HashSet<Uuid>>> {
    let mut shown = HashMap::new();
    for chunk in enrollments.chunks(BATCH) {
        for (enrollment, overlay) in progress::visibility(connection, viewer, chunk).await? {
            let content = store.library().content(connection, enrollment.version_id).await?;
            let steps = content.steps().map(|(.., step)| step.row.id);
            let steps = steps.filter(|step| overlay.step_visible(&content, *step, now));
            shown.insert(enrollment.id, steps.collect());
        }
    }
    Ok(shown)
}

/// What the viewer may see of the dispatches of enrollments, in SQL, so that a page is full: all but those of [`hidden`].
async fn not_hidden(store: &Store, viewer: &Viewer, enrollments: &[Uuid]) -> Result<Condition> {
    if sees_all(viewer) {
        return Ok(Condition::all());
    }
    let open = [
        DispatchStatus::Scheduled,
        DispatchStatus::Available,
        DispatchStatus::Started,
    ];
    let shown = shown_steps(store, store.connection(), viewer, enrollments, store.now()).await?;
    let anyway = Condition::any()
        .add(Column::StepId.is_null())
        .add(Column::Status.is_not_in(open.map(Stored)));
    Ok(shown.into_iter().fold(anyway, |condition, (enrollment, steps)| {
        let of_this = Condition::all().add(Column::EnrollmentId.eq(enrollment));
        condition.add(of_this.add(Column::StepId.is_in(steps)))
    }))
}

/// The dispatches of each enrollment in one of the states (any where none is named), those that became available last first,
/// at most `first` of each, after the row with the cursor `after`.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn page(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    statuses: &[DispatchStatus],
    first: u64,
    after: Option<&str>,
) -> Result<HashMap<Uuid, Page<(String, Model)>>> {
    let mut filter = Condition::all();
    if !statuses.is_empty() {
        filter = filter.add(Column::Status.is_in(statuses.iter().map(|status| Stored(*status))));
    }
    let pages = LISTED
        .page(store, viewer, enrollments, filter.clone(), first, after)
        .await?;
    let rows = pages.values().flat_map(|page| &page.rows).map(|(_, row)| row);
    if hidden(store, store.connection(), viewer, rows, store.now())
        .await?
        .is_empty()
    {
        return Ok(pages);
    }
    // Read again without what is hidden, so that each page is full.
    let filter = filter.add(not_hidden(store, viewer, enrollments).await?);
    LISTED.page(store, viewer, enrollments, filter, first, after).await
}

/// The dispatches of forms within steps, by enrollment, step and the form's key: the one that can be answered, else the
/// latest.
///
/// # Errors
/// When the database fails.
pub async fn of_steps(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
) -> Result<HashMap<(Uuid, Uuid, String), Model>> {
    let mut found: HashMap<(Uuid, Uuid, String), Model> = HashMap::new();
    for chunk in enrollments.chunks(BATCH) {
        let select = Entity::find()
            .filter(Column::EnrollmentId.is_in(chunk.iter().copied()))
            .filter(Column::StepId.is_not_null())
            .order_by_asc(Column::AvailableAt)
            .order_by_asc(Column::Id);
        for row in visible::read(store.connection(), viewer, select, Column::EnrollmentId).await? {
            let Some(step) = row.step_id else { continue };
            let key = (row.enrollment_id, step, row.form_key.clone());
            let open = found.get(&key).is_some_and(|other| other.status.0.is_open());
            if !open || row.status.0.is_open() {
                found.insert(key, row);
            }
        }
    }
    Ok(found)
}

/// The saved answers of a dispatch that is not submitted.
///
/// # Errors
/// When they cannot be opened or read.
pub fn draft(store: &Store, dispatch: &Model) -> Result<Option<Answers>> {
    let Some(text) = store.keyring().open_option(dispatch.draft.as_ref())? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Error::Corrupt(format!("the draft of dispatch {}: {error}", dispatch.id)))
}
