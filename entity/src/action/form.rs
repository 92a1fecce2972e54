//! Saving forms.

use rules::form::Form;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, DatabaseBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockType, OnConflict},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    act::Act,
    assignment::Role,
    error::{Error, Result, UserError},
    form, form_version,
    input::{self, Complaints},
    viewer::Viewer,
};

/// What saving a form comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The first version of a form.
    Created,
    /// A new version, which differs from the newest.
    Changed,
    /// Nothing: the newest version is the same.
    Unchanged,
}

/// A form that was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The version that is the newest now.
    pub version_id: Uuid,
    /// How it came to be.
    pub change: Change,
}

/// Refuses those who may not write forms: designers may, and Handrail itself.
///
/// # Errors
/// `NOT_ALLOWED`.
pub fn may_write(viewer: &Viewer) -> Result<()> {
    match viewer.has_role(Role::Designer) {
        true => Ok(()),
        false => Err(UserError::not_allowed("Only designers write forms.").into()),
    }
}

/// Saves a form: a new version where it differs from the newest, else that one.
///
/// # Errors
/// As [`may_write`]. When the form does not make sense, with the path to what does not.
pub async fn save(act: &mut Act, form: &Form) -> Result<Saved> {
    check(&act.viewer, form)?;
    let row = form::ActiveModel {
        id: Set(act.id()),
        key: Set(form.key.clone()),
        created_at: Set(act.now),
    };
    form::Entity::insert(row)
        .on_conflict(OnConflict::column(form::Column::Key).do_nothing().to_owned())
        .exec_without_returning(&act.tx)
        .await?;
    // Held until the end, so that two who save the same form count its versions one after the other.
    let mut held = form::Entity::find().filter(form::Column::Key.eq(form.key.as_str()));
    if act.store.backend() == DatabaseBackend::Postgres {
        held = held.lock(LockType::Update);
    }
    let held = held.one(&act.tx).await?;
    let held = held.ok_or_else(|| Error::Corrupt("a form that was just written is missing".into()))?;
    let newest = newest(act, held.id).await?;
    let change = change(newest.as_ref(), form);
    if let (Some(newest), Change::Unchanged) = (&newest, change) {
        return Ok(Saved {
            version_id: newest.id,
            change,
        });
    }
    let version_id = act.id();
    form_version::ActiveModel {
        id: Set(version_id),
        form_id: Set(held.id),
        number: Set(newest.map_or(1, |newest| newest.number + 1)),
        definition: Set(serde_json::to_value(form).map_err(|error| Error::Corrupt(error.to_string()))?),
        created_at: Set(act.now),
    }
    .insert(&act.tx)
    .await?;
    Ok(Saved { version_id, change })
}

/// What saving a form would come to. Nothing is written.
///
/// # Errors
/// As [`save`].
pub async fn preview(act: &Act, form: &Form) -> Result<Change> {
    check(&act.viewer, form)?;
    let known = form::Entity::find().filter(form::Column::Key.eq(form.key.as_str()));
    let newest = match known.one(&act.tx).await? {
        Some(known) => newest(act, known.id).await?,
        None => None,
    };
    Ok(change(newest.as_ref(), form))
}

fn check(viewer: &Viewer, form: &Form) -> Result<()> {
    may_write(viewer)?;
    let mut complaints = Complaints::default();
    complaints.take(input::key(&form.key, "key"));
    if let Err(problems) = rules::validate::form(form) {
        complaints.extend(input::problems(problems, ""));
    }
    complaints.refuse()
}

async fn newest(act: &Act, form_id: Uuid) -> Result<Option<form_version::Model>> {
    let versions = form_version::Entity::find()
        .filter(form_version::Column::FormId.eq(form_id))
        .order_by_desc(form_version::Column::Number);
    Ok(versions.one(&act.tx).await?)
}

fn change(newest: Option<&form_version::Model>, form: &Form) -> Change {
    match newest {
        None => Change::Created,
        Some(newest) if Form::deserialize(&newest.definition).is_ok_and(|newest| newest == *form) => Change::Unchanged,
        Some(_) => Change::Changed,
    }
}
