//! Ids as clients see them: opaque, and typed so that one kind of thing is never taken for another.

use async_graphql::ID;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::NaiveDate;
use entity::{
    error::{Result, UserError},
    stored,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an id is of; its word is the GraphQL type's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Program,
    ProgramVersion,
    Module,
    Section,
    Step,
    Block,
    Form,
    CareProvider,
    Unit,
    Staff,
    Assignment,
    Citizen,
    Guardian,
    Enrollment,
    EnrollmentModule,
    EnrollmentSection,
    EnrollmentStep,
    EnrollmentBlock,
    Dispatch,
    Result,
    Flag,
    Reminder,
    Delivery,
    Rule,
    Message,
    MessageHandOver,
    MessageTemplate,
    UnitMessage,
    Attachment,
    PlannedActivity,
    ActivityOccurrence,
    ActivityEntry,
    Measurement,
}

/// An id taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalId {
    /// What it is of.
    pub kind: Kind,
    /// The enrollment that it stands below, if it does.
    pub enrollment: Option<Uuid>,
    /// The day that it is, if it is one day of something.
    pub day: Option<NaiveDate>,
    /// Which one.
    pub id: Uuid,
}

/// The id of something.
pub fn id(kind: Kind, id: Uuid) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{}:{id}", stored::word(&kind))))
}

/// The id of a piece of content as one enrollment has it.
pub fn id_below(kind: Kind, enrollment: Uuid, id: Uuid) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{}:{enrollment}:{id}", stored::word(&kind))))
}

/// The id of one day of something.
pub fn id_of_day(kind: Kind, id: Uuid, day: NaiveDate) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{}:{id}:{day}", stored::word(&kind))))
}

/// Takes an id apart; none where it is not one of ours.
pub fn read(id: &ID) -> Option<GlobalId> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id.as_str()).ok()?).ok()?;
    let mut parts = text.split(':');
    let kind = stored::parse(parts.next()?)?;
    let first = Uuid::try_parse(parts.next()?).ok()?;
    let second = parts.next();
    if parts.next().is_some() {
        return None;
    }
    let alone = GlobalId {
        kind,
        enrollment: None,
        day: None,
        id: first,
    };
    Some(match second {
        None => alone,
        Some(day) if kind == Kind::ActivityOccurrence => GlobalId {
            day: Some(day.parse().ok()?),
            ..alone
        },
        Some(id) => GlobalId {
            enrollment: Some(first),
            id: Uuid::try_parse(id).ok()?,
            ..alone
        },
    })
}

/// Which one of its kind; none where it is an id of something else.
pub fn of(kind: Kind, id: &ID) -> Option<Uuid> {
    read(id)
        .filter(|read| read.kind == kind && read.enrollment.is_none())
        .map(|read| read.id)
}

/// As [`of`], for an input's field.
///
/// # Errors
/// That there is nothing with this id, at `path`.
pub fn input(kind: Kind, id: &ID, path: &str) -> Result<Uuid> {
    of(kind, id).ok_or_else(|| UserError::not_found(path, &stored::word(&kind).to_lowercase()).into())
}

/// The citizen for whom a guardian asks; nobody where none is named.
///
/// # Errors
/// That there is nobody with this id, at `citizenId`.
pub fn input_citizen(id: Option<&ID>) -> Result<Option<Uuid>> {
    id.map(|id| input(Kind::Citizen, id, "citizenId")).transpose()
}

/// A step by its own id or by the id that it has below this enrollment.
///
/// # Errors
/// That there is nothing with this id, at `path`.
pub fn input_step(id: &ID, enrollment: Uuid, path: &str) -> Result<Uuid> {
    read(id)
        .filter(|read| match read.kind {
            Kind::Step => read.enrollment.is_none(),
            Kind::EnrollmentStep => read.enrollment == Some(enrollment),
            _ => false,
        })
        .map(|read| read.id)
        .ok_or_else(|| UserError::not_found(path, "step").into())
}

/// A planned activity by its own id or by that of one of its days.
///
/// # Errors
/// That there is nothing with this id, at `path`.
pub fn input_activity(id: &ID, path: &str) -> Result<Uuid> {
    activity(id)
        .map(|read| read.id)
        .ok_or_else(|| UserError::not_found(path, "activity").into())
}

/// A planned activity on a day, by its own id or by that of this day.
///
/// # Errors
/// That there is nothing with this id, at `activityId`; `ANOTHER_DAY` at `occurrence` where it is the id of another day.
pub fn input_activity_on(id: &ID, day: NaiveDate) -> Result<Uuid> {
    let read = activity(id).ok_or_else(|| UserError::not_found("activityId", "activity"))?;
    if read.day.is_some_and(|own| own != day) {
        let message = "This is the id of another day: give that day here, or the id of the activity itself.";
        return Err(UserError::new("ANOTHER_DAY", "occurrence", message).into());
    }
    Ok(read.id)
}

fn activity(id: &ID) -> Option<GlobalId> {
    read(id).filter(|read| {
        matches!(read.kind, Kind::PlannedActivity | Kind::ActivityOccurrence) && read.enrollment.is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_one_kind_only() {
        let (unit, enrollment, step) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        assert_eq!(of(Kind::Unit, &id(Kind::Unit, unit)), Some(unit));
        assert_eq!(of(Kind::Flag, &id(Kind::Unit, unit)), None);
        assert_eq!(of(Kind::Unit, &ID(unit.to_string())), None);
        assert_eq!(
            of(Kind::EnrollmentStep, &id_below(Kind::EnrollmentStep, enrollment, step)),
            None
        );
    }

    #[test]
    fn a_step_is_named_by_either_id_but_not_by_another_enrollments() {
        let (one, other, step) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        assert_eq!(input_step(&id(Kind::Step, step), one, "stepId").unwrap(), step);
        let below = id_below(Kind::EnrollmentStep, one, step);
        assert_eq!(input_step(&below, one, "stepId").unwrap(), step);
        assert!(input_step(&below, other, "stepId").is_err());
        assert!(input_step(&id_below(Kind::Step, one, step), one, "stepId").is_err());
    }

    #[test]
    fn an_activity_is_named_by_its_own_id_or_by_a_days() {
        let (activity, day) = (Uuid::from_u128(1), "2027-03-28".parse().unwrap());
        let of_day = id_of_day(Kind::ActivityOccurrence, activity, day);
        assert_eq!(read(&of_day).unwrap().day, Some(day));
        for id in [&of_day, &id(Kind::PlannedActivity, activity)] {
            assert_eq!(input_activity(id, "activityId").unwrap(), activity);
            assert_eq!(input_activity_on(id, day).unwrap(), activity);
        }
        let next = day.succ_opt().unwrap();
        assert!(input_activity_on(&of_day, next).is_err());
        assert_eq!(
            input_activity_on(&id(Kind::PlannedActivity, activity), next).unwrap(),
            activity
        );
        assert!(input_activity(&id(Kind::Message, activity), "activityId").is_err());
        let no_day = ID(URL_SAFE_NO_PAD.encode(format!("ActivityOccurrence:{activity}:today")));
        assert!(read(&no_day).is_none());
    }
}
