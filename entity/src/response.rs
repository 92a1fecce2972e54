//! A submitted form, with its scores: the result.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rules::{answer::Answers, score::Score};
use sea_orm::{Condition, entity::prelude::*};

use crate::{
    error::{Error, Result},
    page,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible::{self, Listed},
};

/// A submitted form, with its scores: the result.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "response")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The dispatch.
    pub dispatch_id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The form's key within the program version.
    pub form_key: String,
    /// The version of the form.
    pub form_version_id: Uuid,
    /// When it was submitted.
    pub submitted_at: DateTime<Utc>,
    /// Who did it.
    pub actor: Stored<Actor>,
    /// Answers by item, but for free texts.
    pub answers: Json,
    /// Free-text answers by item, sealed JSON.
    pub texts: Option<Sealed>,
    /// The scores, see [`rules::score::Score`].
    pub scores: Json,
    /// The response that this one amends.
    pub supersedes_id: Option<Uuid>,
    /// When it was amended or voided.
    pub superseded_at: Option<DateTime<Utc>>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const LISTED: Listed<Entity> = Listed {
    id: Column::Id,
    enrollment: Column::EnrollmentId,
    at: Column::SubmittedAt,
    key: |row| (row.id, row.enrollment_id, row.submitted_at),
};

/// Responses by id.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    visible::by_id::<Entity>(store, viewer, ids, Column::Id, Column::EnrollmentId, |row| row.id).await
}

/// The last `n` responses of each enrollment (to one form, where it is named), oldest first, without those that were amended
/// or voided.
///
/// # Errors
/// When the database fails.
pub async fn last(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    form: Option<&str>,
    n: u64,
) -> Result<HashMap<Uuid, Vec<Model>>> {
    let mut filter = Condition::all().add(Column::SupersededAt.is_null());
    if let Some(form) = form {
        filter = filter.add(Column::FormKey.eq(form));
    }
    let mut found = LISTED
        .latest(store, viewer, enrollments, filter, page::clamp(n))
        .await?;
    for rows in found.values_mut() {
        rows.reverse();
    }
    Ok(found)
}

/// All answers of a response, free texts among them.
///
/// # Errors
/// When they cannot be opened or read.
pub fn answers(store: &Store, response: &Model) -> Result<Answers> {
    let corrupt = |error| Error::Corrupt(format!("the answers of response {}: {error}", response.id));
    let mut answers: Answers = serde_json::from_value(response.answers.clone()).map_err(corrupt)?;
    if let Some(texts) = store.keyring().open_option(response.texts.as_ref())? {
        answers.extend(serde_json::from_str::<Answers>(&texts).map_err(corrupt)?);
    }
    Ok(answers)
}

/// The scores of a response, one for each scale of its form.
///
/// # Errors
/// When they cannot be read.
pub fn scores(response: &Model) -> Result<Vec<Score>> {
    serde_json::from_value(response.scores.clone())
        .map_err(|error| Error::Corrupt(format!("the scores of response {}: {error}", response.id)))
}
