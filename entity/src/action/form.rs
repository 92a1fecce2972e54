//! Saving forms.

use rules::form::Form;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, DatabaseBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockType, OnConflict},
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    act::Act,
    assignment::Role,
    error::{Error, Result, UserError},
    form, form_version,
    input::{self, Complaints},
};

/// Saves a form: a new version where it differs from the newest, else that one. Gives the version. Designers may, and Handrail
/// itself.
///
/// # Errors
/// When the form does not make sense, with the path to what does not.
pub async fn save(act: &mut Act, form: &Form) -> Result<Uuid> {
    if !act.viewer.has_role(Role::Designer) {
        return Err(UserError::not_allowed("Only designers write forms.").into());
    }
    let mut complaints = Complaints::default();
    complaints.take(input::key(&form.key, "key"));
    if let Err(problems) = rules::validate::form(form) {
        complaints.extend(input::problems(problems, ""));
    }
    complaints.refuse()?;

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
    let newest = form_version::Entity::find()
        .filter(form_version::Column::FormId.eq(held.id))
        .order_by_desc(form_version::Column::Number)
        .one(&act.tx)
        .await?;
    let number = match newest {
        Some(newest) if Form::deserialize(&newest.definition).is_ok_and(|newest| newest == *form) => {
            return Ok(newest.id);
        }
        Some(newest) => newest.number + 1,
        None => 1,
    };
    let id = act.id();
    form_version::ActiveModel {
        id: Set(id),
        form_id: Set(held.id),
        number: Set(number),
        definition: Set(serde_json::to_value(form).map_err(|error| Error::Corrupt(error.to_string()))?),
        created_at: Set(act.now),
    }
    .insert(&act.tx)
    .await?;
    Ok(id)
}
