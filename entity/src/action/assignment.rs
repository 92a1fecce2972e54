//! Giving staff roles for a time, changing that time, and taking roles back.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use super::unit::hold_provider;
use crate::{
    act::Act,
    administration_log::{self, AdministrationAct, Details, Entry, instant},
    assignment::{AssignmentStatus, Column, Entity, Model, Role},
    error::{Error, Result, UserError},
    input, staff,
    store::Hint,
    stored::{self, Stored},
    unit,
};

/// A role to be given.
#[derive(Clone, Debug)]
pub struct NewAssignment {
    /// The staff member.
    pub staff_id: Uuid,
    /// The unit; every unit of the staff member's provider where absent.
    pub unit_id: Option<Uuid>,
    /// The role.
    pub role: Role,
    /// From when; now where absent.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when; open where absent.
    pub valid_until: Option<DateTime<Utc>>,
}

/// The dates of an assignment.
#[derive(Clone, Debug)]
pub struct ChangeAssignment {
    /// The assignment.
    pub assignment_id: Uuid,
    /// From when; as it was where absent.
    pub valid_from: Option<DateTime<Utc>>,
    /// Until when, open where `None`; as it was where absent.
    pub valid_until: Option<Option<DateTime<Utc>>>,
}

/// Gives a staff member a role from now or later on; gives the assignment.
///
/// Administrators of the provider, and Handrail itself, give every role; those of a unit give others the ones of
/// [`Role::is_of_a_unit`] there.
///
/// # Errors
/// `NOT_FOUND` at `staffId` or `unitId`, `REQUIRED`, `WHOLE_PROVIDER` or `UNIT_DISCONNECTED` at `unitId`, `NOT_ALLOWED` at `role` or `staffId`;
/// `IN_THE_PAST`, `TOO_FAR_AHEAD` and `OVERLAP` at `validFrom`, `TOO_FAR_AHEAD` and `BAD_INTERVAL` at `validUntil`.
pub async fn grant(act: &mut Act, wanted: &NewAssignment) -> Result<Uuid> {
    let member = staff::Entity::find_by_id(wanted.staff_id).one(&act.tx).await?;
    let member = member.filter(|member| act.viewer.administers_at(member.provider_id));
    let member = member.ok_or_else(|| UserError::not_found("staffId", "staff member"))?;
    // So that of two who give the same role at this moment, or change its dates, not both are believed, and the unit stays connected.
    hold_provider(act, member.provider_id).await?;
    may_give(act, member.provider_id, wanted).await?;
    let from = match wanted.valid_from {
        Some(from) => later(act, from, "validFrom")?,
        None => act.now,
    };
    let until = end(act, from, wanted.valid_until)?;
    must_not_overlap(act, held_by(member.id, wanted.role, wanted.unit_id), from, until).await?;
    let row = Model {
        id: act.id(),
        staff_id: member.id,
        provider_id: member.provider_id,
        unit_id: wanted.unit_id,
        role: wanted.role.into(),
        valid_from: from,
        valid_until: until,
        granted_at: Some(act.now),
        granted_by: Some(act.viewer.actor().into()),
        changed_at: None,
        changed_by: None,
    };
    let details = vec![
        ("role", Some(stored::word(&wanted.role))),
        ("validFrom", Some(instant(from))),
        ("validUntil", until.map(instant)),
    ];
    log(act, &row, AdministrationAct::AssignmentGranted, details).await?;
    let id = row.id;
    act.insert::<Entity>(&[row]).await?;
    act.hint(Hint::Directory);
    Ok(id)
}

/// Changes from when or until when an assignment holds; gives it. What has been stays: one that has begun keeps its beginning,
/// and one that has ended is over. Who gives a role may change its dates; administrators of a unit do not prolong their own.
///
/// # Errors
/// At `assignmentId` `NOT_FOUND`, `NOT_ALLOWED`, `ENDED` and `LAST_ADMINISTRATOR`; `HAS_BEGUN` at `validFrom`; `IN_THE_PAST` at
/// either date; otherwise as [`grant`].
pub async fn change(act: &mut Act, wanted: &ChangeAssignment) -> Result<Uuid> {
    let row = under_way(act, wanted.assignment_id).await?;
    let from = match wanted.valid_from {
        Some(from) if from != row.valid_from => {
            if row.status(act.now) == AssignmentStatus::Current {
                let message = "This assignment has begun: when it began cannot be changed any more.";
                return Err(UserError::new("HAS_BEGUN", "validFrom", message).into());
            }
            later(act, from, "validFrom")?
        }
        _ => row.valid_from,
    };
    let until = match wanted.valid_until {
        Some(until) => end(act, from, until)?,
        None => must_be_forward(from, row.valid_until)?,
    };
    if is_longer((row.valid_from, row.valid_until), (from, until)) && is_own(act, row.provider_id, row.staff_id) {
        return Err(not_to_oneself("assignmentId").into());
    }
    if until.is_some_and(|until| until <= act.now) {
        let message = "Choose a time that is not over, or take the assignment back now with revokeAssignment.";
        return Err(UserError::new("IN_THE_PAST", "validUntil", message).into());
    }
    let others = held_by(row.staff_id, row.role.0, row.unit_id).add(Column::Id.ne(row.id));
    must_not_overlap(act, others, from, until).await?;
    let details = vec![
        ("role", Some(stored::word(&row.role.0))),
        ("validFrom", Some(instant(from))),
        ("validUntil", until.map(instant)),
        ("validFromBefore", Some(instant(row.valid_from))),
        ("validUntilBefore", row.valid_until.map(instant)),
    ];
    redate(act, row, (from, until), AdministrationAct::AssignmentChanged, details).await
}

/// Takes an assignment back now; one that has not begun never will. Gives it. Who gives a role may take it back.
///
/// Enrollments in which the staff member treats stay as they are: where nobody is left who treats in one, everybody who treats
/// at the unit is told of what happens there.
///
/// # Errors
/// At `assignmentId` `NOT_FOUND`, `NOT_ALLOWED`, `ENDED` and `LAST_ADMINISTRATOR`.
pub async fn revoke(act: &mut Act, id: Uuid) -> Result<Uuid> {
    let row = under_way(act, id).await?;
    let details = vec![
        ("role", Some(stored::word(&row.role.0))),
        ("validFrom", Some(instant(row.valid_from))),
        ("validUntil", Some(instant(act.now))),
        ("validUntilBefore", row.valid_until.map(instant)),
    ];
    let term = (row.valid_from.min(act.now), Some(act.now));
    redate(act, row, term, AdministrationAct::AssignmentRevoked, details).await
}

/// From when and until when something holds; open where the end is absent.
type Term = (DateTime<Utc>, Option<DateTime<Utc>>);

async fn redate(act: &mut Act, row: Model, term: Term, what: AdministrationAct, details: Details) -> Result<Uuid> {
    if row.role.0 == Role::ProviderAdministrator {
        must_leave_an_administrator(act, &row, term).await?;
    }
    log(act, &row, what, details).await?;
    let id = row.id;
    let mut row = row.into_active_model();
    row.valid_from = Set(term.0);
    row.valid_until = Set(term.1);
    row.changed_at = Set(Some(act.now));
    row.changed_by = Set(Some(act.viewer.actor().into()));
    row.update(&act.tx).await?;
    act.hint(Hint::Directory);
    Ok(id)
}

async fn log(act: &Act, row: &Model, what: AdministrationAct, details: Details) -> Result<()> {
    let entry = Entry {
        unit: row.unit_id,
        ..Entry::of_staff(what, row.provider_id, row.staff_id, details)
    };
    administration_log::write(act, entry).await
}

/// The assignments by which a staff member has a role at a place.
fn held_by(staff: Uuid, role: Role, unit: Option<Uuid>) -> Condition {
    Condition::all()
        .add(Column::StaffId.eq(staff))
        .add(Column::Role.eq(Stored(role)))
        .add(match unit {
            Some(unit) => Column::UnitId.eq(unit),
            None => Column::UnitId.is_null(),
        })
}

/// The assignment, where the viewer may take it back and it is not over. Nobody else administers the provider meanwhile.
async fn under_way(act: &Act, id: Uuid) -> Result<Model> {
    let not_found = || UserError::not_found("assignmentId", "assignment");
    let find = || Entity::find_by_id(id).one(&act.tx);
    let seen = find().await?.filter(|row| {
        act.viewer.administers_provider(row.provider_id)
            || (row.unit_id.is_some_and(|unit| act.viewer.unit() == Some(unit))
                && act.viewer.administers_at(row.provider_id))
    });
    let seen = seen.ok_or_else(not_found)?;
    if !(act.viewer.administers_provider(seen.provider_id) || seen.role.0.is_of_a_unit()) {
        return Err(of_the_provider("assignmentId").into());
    }
    hold_provider(act, seen.provider_id).await?;
    let row = find().await?.ok_or_else(not_found)?;
    if row.status(act.now) == AssignmentStatus::Ended {
        let message = "This assignment is over: to go on, give the role anew.";
        return Err(UserError::new("ENDED", "assignmentId", message).into());
    }
    Ok(row)
}

fn of_the_provider(path: &str) -> UserError {
    let message = "Administrators of the care provider give this role and take it back.";
    UserError::new("NOT_ALLOWED", path, message)
}

/// Whether an assignment at a provider is the viewer's own, and theirs only through others: administrators of the provider look
/// after every assignment there.
fn is_own(act: &Act, provider: Uuid, staff: Uuid) -> bool {
    act.viewer.staff() == Some(staff) && !act.viewer.administers_provider(provider)
}

fn not_to_oneself(path: &str) -> UserError {
    let message =
        "Administrators of a unit give roles to others: ask another one, or who administers the care provider.";
    UserError::new("NOT_ALLOWED", path, message)
}

/// Refuses what the viewer may not give: a role beyond theirs, at a unit that is not theirs, or to themself.
async fn may_give(act: &Act, provider: Uuid, wanted: &NewAssignment) -> Result<()> {
    let whole = act.viewer.administers_provider(provider);
    if !whole && !wanted.role.is_of_a_unit() {
        return Err(of_the_provider("role").into());
    }
    if is_own(act, provider, wanted.staff_id) {
        return Err(not_to_oneself("staffId").into());
    }
    let Some(unit) = wanted.unit_id else {
        if wanted.role.is_of_a_unit() {
            let message = "This role is given at one unit: name it.";
            return Err(UserError::new("REQUIRED", "unitId", message).into());
        }
        return Ok(());
    };
    let unit = unit::Entity::find_by_id(unit).one(&act.tx).await?;
    let unit = unit.filter(|unit| unit.provider_id == provider && act.viewer.administers_unit(unit));
    let unit = unit.ok_or_else(|| UserError::not_found("unitId", "unit"))?;
    unit.must_be_connected("unitId")?;
    if wanted.role == Role::ProviderAdministrator {
        let message = "Administrators of the care provider look after all of its units: leave the unit out.";
        return Err(UserError::new("WHOLE_PROVIDER", "unitId", message).into());
    }
    Ok(())
}

/// An instant that is not over.
fn later(act: &Act, at: DateTime<Utc>, path: &str) -> Result<DateTime<Utc>> {
    let at = input::instant(at, act.now, path)?;
    if at < act.now {
        let message = "Nobody is given a role for a time that is over: leave it out to begin now.";
        return Err(UserError::new("IN_THE_PAST", path, message).into());
    }
    Ok(at)
}

/// The end of what begins at `from`.
fn end(act: &Act, from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>> {
    let Some(until) = until else {
        return Ok(None);
    };
    must_be_forward(from, Some(input::instant(until, act.now, "validUntil")?))
}

/// The end, where it comes after what begins at `from`.
fn must_be_forward(from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>> {
    if until.is_some_and(|until| until <= from) {
        let message = "An assignment must end after it begins.";
        return Err(UserError::new("BAD_INTERVAL", "validUntil", message).into());
    }
    Ok(until)
}

/// Whether a term reaches beyond what it was, at either end.
fn is_longer(before: Term, after: Term) -> bool {
    let end = |term: Term| term.1.unwrap_or(DateTime::<Utc>::MAX_UTC);
    after.0 < before.0 || end(after) > end(before)
}

/// Refuses a time in which the staff member has the same role at the same place already.
async fn must_not_overlap(act: &Act, same: Condition, from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> Result<()> {
    let others = Entity::find().filter(same).all(&act.tx).await?;
    let meets = |other: &&Model| {
        let (begins, ends) = (other.valid_from, other.valid_until);
        ends.is_none_or(|ends| ends > from && ends > begins) && until.is_none_or(|until| begins < until)
    };
    match others.iter().find(meets) {
        None => Ok(()),
        Some(_) => {
            let message = "They have this role there in that time already: change that assignment instead.";
            Err(Error::from(UserError::new("OVERLAP", "validFrom", message)))
        }
    }
}

/// Refuses to end an assignment sooner where nobody would look after the provider then.
async fn must_leave_an_administrator(act: &Act, row: &Model, term: Term) -> Result<()> {
    let all = Entity::find()
        .filter(Column::ProviderId.eq(row.provider_id))
        .filter(Column::UnitId.is_null())
        .filter(Column::Role.eq(Stored(Role::ProviderAdministrator)))
        .all(&act.tx)
        .await?;
    let before: Vec<Term> = all.iter().map(|row| (row.valid_from, row.valid_until)).collect();
    let others = all.iter().filter(|other| other.id != row.id);
    let after = others.map(|row| (row.valid_from, row.valid_until));
    let after: Vec<Term> = after.chain([term]).collect();
    if covered_until(&after, act.now) < covered_until(&before, act.now) {
        let message = "Nobody would administer the care provider then: give somebody else the role first.";
        return Err(UserError::new("LAST_ADMINISTRATOR", "assignmentId", message).into());
    }
    Ok(())
}

/// Until when one of these holds at every instant from `now` on.
fn covered_until(terms: &[Term], now: DateTime<Utc>) -> DateTime<Utc> {
    let mut at = now;
    loop {
        let holding = terms
            .iter()
            .filter(|(from, until)| *from <= at && until.is_none_or(|until| until > at));
        let reach = holding
            .map(|(_, until)| until.unwrap_or(DateTime::<Utc>::MAX_UTC))
            .max();
        match reach {
            Some(reach) if reach > at => at = reach,
            _ => return at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> DateTime<Utc> {
        format!("2027-03-{day:02}T00:00:00Z").parse().unwrap()
    }

    #[test]
    fn terms_that_meet_cover_what_lies_between_and_a_gap_ends_it() {
        let now = day(1);
        assert_eq!(covered_until(&[], now), now);
        assert_eq!(covered_until(&[(day(2), None)], now), now, "it begins later");
        assert_eq!(covered_until(&[(day(1), Some(day(5)))], now), day(5));
        let meeting = [(day(5), Some(day(9))), (day(1), Some(day(5)))];
        assert_eq!(covered_until(&meeting, now), day(9));
        let gap = [(day(1), Some(day(5))), (day(6), None)];
        assert_eq!(covered_until(&gap, now), day(5));
        let open = [(day(1), Some(day(5))), (day(4), None)];
        assert_eq!(covered_until(&open, now), DateTime::<Utc>::MAX_UTC);
    }
}
