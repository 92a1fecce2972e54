//! Starting programs: for one citizen, for many at once, and by citizens themselves.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use rules::facts::Status;
use sea_orm::{ColumnTrait, DatabaseBackend, EntityTrait, QueryFilter, QuerySelect, sea_query::LockType};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FURTHEST, TICK, due_at, ends_at};
use crate::{
    access_block,
    act::{Act, BATCH},
    action::{
        citizen::{self as citizens, NewCitizen},
        contact::oneself,
        open_program, opening,
        unit::held,
    },
    assignment::Role,
    attention, citizen,
    content::Content,
    directory::Published,
    enrollment, enrollment_end, enrollment_status, enrollment_therapist,
    error::{Error, Outcome, Result, UserError},
    evaluation,
    event::EventKind,
    input::{self, Complaints},
    stored::Stored,
    unit,
    viewer::{Permission, Who},
};

/// A program to be started for a citizen.
#[derive(Clone, Default)]
pub struct StartEnrollment {
    /// The program, by its slug; its published version is taken.
    pub program_slug: String,
    /// The unit.
    pub unit_id: Uuid,
    /// The citizen.
    pub citizen: NewCitizen,
    /// When it starts; now where absent.
    pub starts_at: Option<DateTime<Utc>>,
    /// Who treats: staff with the role THERAPIST at the unit.
    pub therapist_ids: Vec<Uuid>,
    /// The IANA time zone; the unit's where absent.
    pub zone: Option<String>,
    /// The language, a BCP 47 tag; the citizen's where absent.
    pub locale: Option<String>,
}

/// A program that a citizen starts by themselves.
#[derive(Clone, Debug)]
pub struct EnrollMyself {
    /// The program, by its slug.
    pub program_slug: String,
    /// The unit, which has opened it.
    pub unit_id: Uuid,
    /// For whom, where a guardian asks; the citizen who asks where absent.
    pub citizen_id: Option<Uuid>,
}

/// A program that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// What somebody should look at although it was started: what was known otherwise of the citizen, and stays (`KEPT`).
    pub warnings: Vec<UserError>,
}

/// How many citizens a program is started for at once, at most.
pub const MOST: usize = 200;

/// What is the same for everybody for whom a program is started together.
struct Frame {
    unit: unit::Model,
    published: Published,
    zone: Tz,
    locale: Option<String>,
    starts_at: DateTime<Utc>,
    therapists: BTreeSet<Uuid>,
}

/// Starts a program for a citizen, at once or later; gives the enrollment. Whoever administers enrollments at the unit may, and
/// Handrail itself, which alone may start it in the past. Somebody whose former enrollment has ended may start again. What is known
/// of the citizen stays, and where it differs the answer warns of it.
///
/// # Errors
/// Refusals with paths as in the input: `unitId`, `programSlug`, `citizen.email` …; `ALREADY_ENROLLED`; `ACCESS_BLOCKED`.
pub async fn start(act: &mut Act, start: &StartEnrollment) -> Result<Started> {
    let mut complaints = Complaints::default();
    let frame = frame(act, start, &mut complaints).await?;
    // What is wrong with the citizen is told together with the rest.
    let checked = match citizens::check(act, &start.citizen, "citizen")? {
        Ok(checked) => Some(checked),
        Err(refused) => {
            complaints.extend(refused);
            None
        }
    };
    complaints.refuse()?;
    let checked: Vec<(String, citizens::Checked)> = checked
        .map(|checked| ("citizen".to_owned(), checked))
        .into_iter()
        .collect();
    let outcome = enroll_all(act, &frame, &checked).await?.pop();
    let outcome = outcome.unwrap_or_else(|| Err(vec![UserError::not_found("citizen", "citizen")]));
    outcome.map_err(Error::Refused)
}

/// Starts a program for many citizens; each gives the enrollment. What is said of `start.citizen` is not looked at. One who is
/// refused does not stop the others. As many statements for many as for one, but for those of whom something is filled in.
///
/// # Errors
/// What concerns all of them, as [`start`]; `REQUIRED` or `TOO_MANY` at `citizens`. What one is refused for stands in their
/// outcome, at `citizens.<place>`.
pub async fn start_all(act: &mut Act, start: &StartEnrollment, people: &[NewCitizen]) -> Result<Vec<Outcome<Started>>> {
    let mut complaints = Complaints::default();
    let frame = frame(act, start, &mut complaints).await?;
    if people.is_empty() {
        complaints.add(UserError::new(
            "REQUIRED",
            "citizens",
            "Name those who are to take part.",
        ));
    }
    if people.len() > MOST {
        let message = format!("At most {MOST} citizens at once: send the rest after them.");
        complaints.add(UserError::new("TOO_MANY", "citizens", message));
    }
    complaints.refuse()?;
    let mut outcomes: Vec<Option<Outcome<Started>>> = Vec::with_capacity(people.len());
    let (mut places, mut checked) = (Vec::new(), Vec::new());
    for (place, person) in people.iter().enumerate() {
        let path = format!("citizens.{place}");
        match citizens::check(act, person, &path)? {
            Ok(person) => {
                places.push(place);
                checked.push((path, person));
                outcomes.push(None);
            }
            Err(refused) => outcomes.push(Some(Err(refused))),
        }
    }
    let enrolled = enroll_all(act, &frame, &checked).await?;
    for (place, outcome) in places.into_iter().zip(enrolled) {
        if let Some(there) = outcomes.get_mut(place) {
            *there = Some(outcome);
        }
    }
    let lost = || Error::Corrupt("an enrollment has no outcome".to_owned());
    outcomes.into_iter().map(|outcome| outcome.ok_or_else(lost)).collect()
}

/// Starts a program that a unit has opened, now, for the citizen who asks or, where a guardian asks, for somebody they act for.
/// Gives the enrollment.
///
/// # Errors
/// `NOT_ALLOWED` to everybody else; `NOT_FOUND` at `citizenId`, or at `programSlug` where the unit has not opened it;
/// `UNIT_DISCONNECTED` at `unitId`; `ALREADY_ENROLLED`; `ACCESS_BLOCKED`.
pub async fn enroll_myself(act: &mut Act, wanted: &EnrollMyself) -> Result<Uuid> {
    let not_allowed = "Citizens start open programs by themselves; staff start them with startEnrollment.";
    let own = oneself(act, wanted.citizen_id, not_allowed)?;
    let not_open = || UserError::not_found("programSlug", "program that this unit has opened");
    let unit = held(act, wanted.unit_id).await?.ok_or_else(not_open)?;
    let published = act.store.directory().programs().get(&wanted.program_slug).cloned();
    let published = published.ok_or_else(not_open)?;
    let open = open_program::standing_at(act, unit.id, published.program.id).await?;
    open.ok_or_else(not_open)?;
    unit.must_be_connected("unitId")?;

    let mut select = citizen::Entity::find_by_id(own);
    if act.store.backend() == DatabaseBackend::Postgres {
        select = select.lock(LockType::NoKeyUpdate);
    }
    let person = select.one(&act.tx).await?;
    let person = person.ok_or_else(|| UserError::not_found("citizenId", "citizen"))?;
    let frame = Frame {
        zone: unit.zone.parse().unwrap_or(enrollment::DEFAULT_ZONE),
        unit,
        published,
        locale: None,
        starts_at: act.now,
        therapists: BTreeSet::new(),
    };
    let mut obstacles = Obstacles::read(act, &frame, &[person.id]).await?;
    if let Some(refused) = obstacles.of(person.id, "") {
        return Err(refused.into());
    }
    let mut enrolled = enroll(act, &frame, &[&person]).await?;
    enrolled
        .pop()
        .ok_or_else(|| Error::Corrupt("an enrollment has no outcome".to_owned()))
}

/// What everybody has in common, with what is wrong with it added to the complaints.
async fn frame(act: &Act, start: &StartEnrollment, complaints: &mut Complaints) -> Result<Frame> {
    let unit = administered(act, start.unit_id).await?;
    let published = act.store.directory().programs().get(&start.program_slug).cloned();
    let published = published.ok_or_else(|| UserError::not_found("programSlug", "published program"))?;
    let zone = complaints.take(input::zone(start.zone.as_deref().unwrap_or(&unit.zone), "timeZone"));
    let locale = start
        .locale
        .as_deref()
        .map(|locale| complaints.take(input::locale(locale, "locale")));
    let starts_at = start.starts_at.map_or(act.now, |at| at.trunc_subsecs(6));
    if let Err(error) = sensible(act, starts_at, zone) {
        complaints.add(error);
    }
    let therapists = therapists(act, &start.therapist_ids, unit.id, complaints);
    Ok(Frame {
        unit,
        published,
        zone,
        locale,
        starts_at,
        therapists,
    })
}

/// The unit, where the viewer may start enrollments there.
async fn administered(act: &Act, id: Uuid) -> Result<unit::Model> {
    let here = act.viewer.who == Who::System || act.viewer.unit() == Some(id);
    let unit = held(act, id).await?;
    let unit = unit.filter(|_| here && act.viewer.may(Permission::Administer));
    let unit = unit.ok_or_else(|| UserError::not_found("unitId", "unit"))?;
    unit.must_be_connected("unitId")?;
    Ok(unit)
}

/// Whether a start is not before today and not absurdly far ahead.
fn sensible(act: &Act, starts_at: DateTime<Utc>, zone: Tz) -> Result<(), UserError> {
    let today = rules::zone::start_of_day(zone, rules::zone::local_day(zone, act.now));
    if starts_at < today && act.viewer.who != Who::System {
        return Err(UserError::new(
            "IN_THE_PAST",
            "startsAt",
            "A program can start today or later.",
        ));
    }
    not_too_far(act, starts_at)
}

/// Whether a start is not absurdly far ahead.
pub(super) fn not_too_far(act: &Act, starts_at: DateTime<Utc>) -> Result<(), UserError> {
    if starts_at > act.now + FURTHEST {
        return Err(UserError::new(
            "TOO_FAR_AHEAD",
            "startsAt",
            "A program can be planned two years ahead at most.",
        ));
    }
    Ok(())
}

/// Those for whom nothing stands in the way are registered and enrolled.
async fn enroll_all(
    act: &mut Act,
    frame: &Frame,
    people: &[(String, citizens::Checked)],
) -> Result<Vec<Outcome<Started>>> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let checked: Vec<&citizens::Checked> = people.iter().map(|(_, checked)| checked).collect();
    let found = citizens::find_or_make(act, &checked).await?;
    let ids: Vec<Uuid> = found.iter().map(|citizen| citizen.id).collect();
    let mut obstacles = Obstacles::read(act, frame, &ids).await?;
    let obstacles: Vec<Option<UserError>> = people
        .iter()
        .zip(&ids)
        .map(|((path, _), id)| obstacles.of(*id, path))
        .collect();
    let mut warnings = Vec::new();
    for ((path, checked), (citizen, _)) in people
        .iter()
        .zip(found.iter().zip(&obstacles))
        .filter(|(_, (_, obstacle))| obstacle.is_none())
    {
        warnings.push(citizens::kept(act, citizen, checked, path)?);
        citizens::fill_in(act, citizen.clone(), checked).await?;
    }
    let free = found.iter().zip(&obstacles).filter(|(_, obstacle)| obstacle.is_none());
    let free: Vec<&citizen::Model> = free.map(|(citizen, _)| citizen).collect();
    let mut enrolled = enroll(act, frame, &free).await?.into_iter().zip(warnings);
    let lost = || Error::Corrupt("an enrollment has no outcome".to_owned());
    obstacles
        .into_iter()
        .map(|obstacle| match obstacle {
            Some(refused) => Ok(Err(vec![refused])),
            None => {
                let started = enrolled.next().map(|(enrollment_id, warnings)| Started {
                    enrollment_id,
                    warnings,
                });
                started.map(Ok).ok_or_else(lost)
            }
        })
        .collect()
}

/// What keeps citizens from starting.
pub(super) struct Obstacles {
    blocked: HashSet<Uuid>,
    taking_part: HashSet<Uuid>,
}

impl Obstacles {
    async fn read(act: &Act, frame: &Frame, citizens: &[Uuid]) -> Result<Self> {
        Self::at(act, frame.unit.id, frame.published.program.id, citizens).await
    }

    /// Reads what keeps these citizens from taking part in a program at a unit. Blocks do not keep Handrail itself.
    pub(super) async fn at(act: &Act, unit: Uuid, program: Uuid, citizens: &[Uuid]) -> Result<Self> {
        let mut obstacles = Self {
            blocked: HashSet::new(),
            taking_part: HashSet::new(),
        };
        let going_on = [Status::Planned, Status::Active, Status::Paused].map(Stored);
        for chunk in citizens.chunks(BATCH) {
            if act.viewer.who != Who::System {
                let blocks: Vec<Uuid> = access_block::Entity::find()
                    .select_only()
                    .column(access_block::Column::CitizenId)
                    .filter(access_block::Column::CitizenId.is_in(chunk.iter().copied()))
                    .filter(access_block::Column::UnitId.eq(unit))
                    .filter(access_block::Column::LiftedAt.is_null())
                    .into_tuple()
                    .all(&act.tx)
                    .await?;
                obstacles.blocked.extend(blocks);
            }
            let same: Vec<Uuid> = enrollment::Entity::find()
                .select_only()
                .column(enrollment::Column::CitizenId)
                .filter(enrollment::Column::CitizenId.is_in(chunk.iter().copied()))
                .filter(enrollment::Column::UnitId.eq(unit))
                .filter(enrollment::Column::ProgramId.eq(program))
                .filter(enrollment::Column::Status.is_in(going_on))
                .into_tuple()
                .all(&act.tx)
                .await?;
            obstacles.taking_part.extend(same);
        }
        Ok(obstacles)
    }

    /// Why this citizen cannot start; otherwise they take part from now on, and cannot start a second time.
    pub(super) fn of(&mut self, citizen: Uuid, path: &str) -> Option<UserError> {
        if self.blocked.contains(&citizen) {
            let message = "The citizen has blocked this unit: they have to lift the block first.";
            return Some(UserError::new("ACCESS_BLOCKED", path, message));
        }
        if !self.taking_part.insert(citizen) {
            let message = "The citizen takes part in this program at this unit already: end that first.";
            return Some(UserError::new("ALREADY_ENROLLED", path, message));
        }
        None
    }
}

/// Writes the enrollments of citizens for whom nothing stands in the way, in their order.
async fn enroll(act: &mut Act, frame: &Frame, citizens: &[&citizen::Model]) -> Result<Vec<Uuid>> {
    let content = act.store.library().content(&act.tx, frame.published.version).await?;
    let rows: Vec<enrollment::Model> = citizens
        .iter()
        .map(|citizen| row(act, frame, &content, citizen))
        .collect();
    let at = frame.starts_at.min(act.now);
    let actor = act.cause().actor.into();
    let histories: Vec<enrollment_status::Model> = rows
        .iter()
        .map(|row| enrollment_status::Model {
            enrollment_id: row.id,
            at,
            status: row.status,
            reason: None,
            actor,
        })
        .collect();
    let ends: Vec<enrollment_end::Model> = rows
        .iter()
        .filter(|row| row.ends_at.is_some())
        .map(|row| enrollment_end::Model {
            enrollment_id: row.id,
            at,
            ends_at: row.ends_at,
            reason: None,
            actor,
        })
        .collect();
    let treated: HashMap<Uuid, &BTreeSet<Uuid>> = rows.iter().map(|row| (row.id, &frame.therapists)).collect();
    let evaluations: Vec<evaluation::Model> = rows
        .iter()
        .map(|row| evaluation::Model {
            enrollment_id: row.id,
            due_at: Some(act.now),
            // What happens at the very start is still to be judged.
            evaluated_until: at - TICK,
            failures: 0,
            failed_at: None,
        })
        .collect();
    act.insert::<enrollment::Entity>(&rows).await?;
    act.insert::<enrollment_status::Entity>(&histories).await?;
    act.insert::<enrollment_end::Entity>(&ends).await?;
    treat(act, &treated).await?;
    act.insert::<evaluation::Entity>(&evaluations).await?;
    let started = rows.iter().filter(|row| row.started_at.is_some());
    opening::begin(act, &started.cloned().collect::<Vec<_>>()).await?;
    let cause = act.cause();
    for row in &rows {
        let kind = match row.status.0 {
            Status::Planned => EventKind::EnrollmentPlanned,
            _ => EventKind::EnrollmentStarted,
        };
        act.happened(row, kind, cause, None, None);
    }
    Ok(rows.into_iter().map(|row| row.id).collect())
}

fn row(act: &Act, frame: &Frame, content: &Content, citizen: &citizen::Model) -> enrollment::Model {
    let Frame { starts_at, zone, .. } = *frame;
    let active = starts_at <= act.now;
    let mut row = enrollment::Model {
        id: act.id(),
        citizen_id: citizen.id,
        unit_id: frame.unit.id,
        program_id: frame.published.program.id,
        version_id: frame.published.version,
        status: Stored(if active { Status::Active } else { Status::Planned }),
        zone: zone.name().to_owned(),
        locale: frame.locale.clone().unwrap_or_else(|| citizen.locale.clone()),
        starts_at,
        started_at: active.then_some(starts_at),
        ends_at: ends_at(&content.version, starts_at, zone),
        ended_at: None,
        resumes_at: None,
        due_at: None,
        last_activity_at: None,
        unread_by_staff: 0,
        unread_by_citizen: 0,
        attention: attention::key(None, None, 0),
        closed_at: None,
        created_at: act.now,
    };
    row.due_at = due_at(&row, &content.version);
    row
}

/// These staff; those who do not treat at the unit are complained of, at `therapistIds.<place>`.
pub(super) fn therapists(act: &Act, ids: &[Uuid], unit: Uuid, complaints: &mut Complaints) -> BTreeSet<Uuid> {
    let directory = act.store.directory();
    for (place, staff) in ids.iter().enumerate() {
        if !directory.has_role(*staff, unit, Role::Therapist) {
            let path = format!("therapistIds.{place}");
            complaints.add(UserError::not_found(&path, "therapist of this unit"));
        }
    }
    ids.iter().copied().collect()
}

/// Has staff treat from now on.
pub(super) async fn treat(act: &Act, therapists: &HashMap<Uuid, &BTreeSet<Uuid>>) -> Result<()> {
    let rows: Vec<enrollment_therapist::Model> = therapists
        .iter()
        .flat_map(|(enrollment, staff)| staff.iter().map(|staff| (*enrollment, *staff)))
        .map(|(enrollment_id, staff_id)| enrollment_therapist::Model {
            enrollment_id,
            staff_id,
            valid_from: act.now,
            valid_until: None,
        })
        .collect();
    act.insert::<enrollment_therapist::Entity>(&rows).await
}
