//! Keeping the texts that staff write messages from.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseBackend, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QuerySelect, sea_query::LockType,
};
use uuid::Uuid;

use crate::{
    act::Act,
    administration_log::{self, AdministrationAct, Details, Entry},
    error::{Error, Result, UserError},
    input::{self, Complaints},
    message_template::{self, Column, Entity, Model, writes_for},
};

/// The most templates of a unit.
const MOST: u64 = 200;

/// A text to be kept.
#[derive(Clone, Debug)]
pub struct SaveTemplate {
    /// The unit.
    pub unit_id: Uuid,
    /// The one that it takes the place of; a new one where absent.
    pub template_id: Option<Uuid>,
    /// What staff find it by.
    pub title: String,
    /// What it says.
    pub body: String,
    /// The language, a BCP 47 tag.
    pub locale: String,
}

/// Keeps a text, for those who treat at the unit and its administrators. Gives the template. What is as it was is no change.
///
/// # Errors
/// When the unit or the template is not there or not the viewer's, at `unitId` or `templateId`; `TOO_MANY`; what is wrong at
/// `title`, `body` and `locale`.
pub async fn save_template(act: &mut Act, save: &SaveTemplate) -> Result<Uuid> {
    if !writes_for(&act.viewer, save.unit_id) {
        return Err(UserError::not_found("unitId", "unit").into());
    }
    let mut before = None;
    if let Some(id) = save.template_id {
        let kept = held(act, id).await?.filter(|kept| kept.unit_id == save.unit_id);
        before = Some(kept.ok_or_else(|| UserError::not_found("templateId", "template"))?);
    } else if of_unit(save.unit_id).count(&act.tx).await? >= MOST {
        let message = format!("A unit has at most {MOST} templates: remove one that nobody uses.");
        return Err(UserError::new("TOO_MANY", "unitId", message).into());
    }
    let mut complaints = Complaints::default();
    let row = Model {
        id: save.template_id.unwrap_or_else(|| act.id()),
        unit_id: save.unit_id,
        locale: complaints.take(input::locale(&save.locale, "locale")),
        title: complaints.take(input::name(&save.title, "title")),
        body: complaints.take(input::plain_text(&save.body, "body")),
        changed_at: act.now,
        actor: act.viewer.actor().into(),
    };
    complaints.refuse()?;
    let id = row.id;
    let Some(before) = before else {
        log(act, &row, AdministrationAct::MessageTemplateAdded, Vec::new()).await?;
        act.insert::<Entity>(&[row]).await?;
        return Ok(id);
    };
    let changed = [
        ("title", before.title != row.title),
        ("body", before.body != row.body),
        ("locale", before.locale != row.locale),
    ];
    let changed: Vec<&str> = changed.iter().filter(|(_, is)| *is).map(|(field, _)| *field).collect();
    if !changed.is_empty() {
        let title_before = Some(before.title).filter(|title| *title != row.title);
        let details = vec![("fields", Some(changed.join(", "))), ("titleBefore", title_before)];
        log(act, &row, AdministrationAct::MessageTemplateChanged, details).await?;
        row.into_active_model().reset_all().update(&act.tx).await?;
    }
    Ok(id)
}

/// A template of the viewer's, which nobody else changes or throws away until the end.
async fn held(act: &Act, id: Uuid) -> Result<Option<Model>> {
    if act.store.backend() == DatabaseBackend::Postgres {
        let held = Entity::find_by_id(id).lock(LockType::Update);
        held.one(&act.tx).await?;
    }
    message_template::find(&act.tx, &act.viewer, id).await
}

/// Logs what was done to a template: its title and language, and not what it says.
async fn log(act: &Act, template: &Model, what: AdministrationAct, mut details: Details) -> Result<()> {
    let directory = act.store.directory();
    let unit = directory.unit(template.unit_id);
    let unit = unit.ok_or_else(|| Error::Corrupt("a message template is of no unit".to_owned()))?;
    details.extend([
        ("title", Some(template.title.clone())),
        ("locale", Some(template.locale.clone())),
    ]);
    administration_log::write(act, Entry::of_unit(what, unit, details)).await
}

fn of_unit(unit: Uuid) -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::UnitId.eq(unit))
}

/// Throws a text away, for those who may keep one. Messages that were written from it stay. Gives the unit.
///
/// # Errors
/// When it is not there or not the viewer's, at `templateId`.
pub async fn remove_template(act: &mut Act, template_id: Uuid) -> Result<Uuid> {
    let row = held(act, template_id).await?;
    let row = row.ok_or_else(|| UserError::not_found("templateId", "template"))?;
    Entity::delete_by_id(row.id).exec(&act.tx).await?;
    log(act, &row, AdministrationAct::MessageTemplateRemoved, Vec::new()).await?;
    Ok(row.unit_id)
}
