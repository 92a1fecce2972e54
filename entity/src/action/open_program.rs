//! Opening programs for citizens to start by themselves, and closing them.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::unit::held;
use crate::{
    act::Act,
    administration_log::{self, AdministrationAct, Entry},
    assignment::Role,
    directory::Published,
    error::{Error, Result, UserError},
    open_program::{Column, Entity, Model, standing},
    program::{self, ProgramKind},
    stored::Stored,
    unit,
    viewer::Who,
};

/// Opens a published program at a unit; where it is open already, gives that. A treatment is opened only where
/// `allow_treatment` says so: whoever opens it answers for nobody having judged whether it suits those who start it. The
/// unit's administrators may, and Handrail itself.
///
/// # Errors
/// When the unit is not there or not the viewer's (at `unitId`), or the program is not there (at `programSlug`);
/// `TREATMENT_PROGRAM` at `allowTreatment`.
pub async fn open(act: &mut Act, program_slug: &str, unit_id: Uuid, allow_treatment: bool) -> Result<Uuid> {
    let unit = administered(act, unit_id).await?;
    unit.must_be_connected("unitId")?;
    let program = published(act, program_slug)?.program;
    if program.kind.0 == ProgramKind::Treatment && !allow_treatment {
        let message = "This is a treatment, which staff start for those whom it suits. Set allowTreatment to let citizens \
                       start it by themselves all the same.";
        return Err(UserError::new("TREATMENT_PROGRAM", "allowTreatment", message).into());
    }
    let row = Model {
        id: act.id(),
        unit_id,
        program_id: program.id,
        opened_at: act.now,
        opened_by: act.viewer.actor().into(),
        closed_at: None,
        closed_by: None,
    };
    // Somebody may be opening the same one at this moment.
    let opened = Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(&act.tx)
        .await?;
    if opened > 0 {
        log(act, AdministrationAct::ProgramOpened, &unit, program_slug).await?;
    }
    let open = standing_at(act, unit_id, program.id).await?;
    open.map(|row| row.id)
        .ok_or_else(|| Error::Corrupt("a program is open and is not there".to_owned()))
}

/// Closes a program at a unit: nobody starts it by themselves any more, and those who did go on. Nothing happens where it is not
/// open. Gives the unit. Who may open it may close it.
///
/// # Errors
/// As [`open`].
pub async fn close(act: &mut Act, program_slug: &str, unit_id: Uuid) -> Result<Uuid> {
    let unit = administered(act, unit_id).await?;
    let program = published(act, program_slug)?.program;
    close_one(act, &unit, program.id, program_slug).await?;
    Ok(unit_id)
}

/// Closes whatever is open at a unit that is disconnected.
pub(super) async fn close_all(act: &Act, unit: &unit::Model) -> Result<()> {
    let open = Entity::find()
        .filter(standing())
        .filter(Column::UnitId.eq(unit.id))
        .all(&act.tx)
        .await?;
    let programs = program::Entity::find()
        .filter(program::Column::Id.is_in(open.iter().map(|row| row.program_id)))
        .all(&act.tx)
        .await?;
    for program in programs {
        close_one(act, unit, program.id, &program.slug).await?;
    }
    Ok(())
}

async fn close_one(act: &Act, unit: &unit::Model, program: Uuid, program_slug: &str) -> Result<()> {
    let closed = Entity::update_many()
        .col_expr(Column::ClosedAt, Expr::value(act.now))
        .col_expr(Column::ClosedBy, Expr::value(Stored(act.viewer.actor())))
        .filter(standing())
        .filter(Column::UnitId.eq(unit.id))
        .filter(Column::ProgramId.eq(program))
        .exec(&act.tx)
        .await?;
    match closed.rows_affected {
        0 => Ok(()),
        _ => log(act, AdministrationAct::ProgramClosed, unit, program_slug).await,
    }
}

async fn log(act: &Act, what: AdministrationAct, unit: &unit::Model, program_slug: &str) -> Result<()> {
    let details = vec![("program", Some(program_slug.to_owned()))];
    administration_log::write(act, Entry::of_unit(what, unit, details)).await
}

/// The unit, where the viewer may open programs there.
async fn administered(act: &Act, unit_id: Uuid) -> Result<unit::Model> {
    let here = act.viewer.who == Who::System || act.viewer.unit() == Some(unit_id);
    let unit = held(act, unit_id).await?;
    let unit = unit.filter(|_| here && act.viewer.has_role(Role::UnitAdministrator));
    unit.ok_or_else(|| UserError::not_found("unitId", "unit").into())
}

fn published(act: &Act, program_slug: &str) -> Result<Published> {
    let published = act.store.directory().programs().get(program_slug).cloned();
    published.ok_or_else(|| UserError::not_found("programSlug", "published program").into())
}

/// What is open of a program at a unit.
pub(super) async fn standing_at(act: &Act, unit: Uuid, program: Uuid) -> Result<Option<Model>> {
    let found = Entity::find()
        .filter(standing())
        .filter(Column::UnitId.eq(unit))
        .filter(Column::ProgramId.eq(program));
    Ok(found.one(&act.tx).await?)
}
