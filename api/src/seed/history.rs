//! The weeks before today, lived through by the demo's people.

mod at_unit;
mod deeds;
mod evening;
mod together;

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::{Europe::Stockholm, Tz};
use entity::{
    action::{
        self,
        enrollment::{EnrollMyself, StartEnrollment},
    },
    error::{Error, Outcome},
    files::Files,
    flag::{self, FlagStatus},
    store::Store,
    viewer::{Viewer, Who},
};
use rules::{facts::Audience, period::LocalTime};
use uuid::Uuid;

use super::{
    content::{Ids, registered},
    deed::Deed,
    people::{Citizen, People, SignsIn, TakingPart},
    told,
    work::Work,
};

/// Where the demo's people live.
const ZONE: Tz = Stockholm;
/// When units start programs, look through their flags, and plan, local hour and minute.
const STARTS: (u32, u32) = (10, 0);
const ROUNDS: (u32, u32) = (9, 15);
const PLANS: (u32, u32) = (11, 0);
/// On which days staff look through their flags.
const ROUNDS_ON: [Weekday; 2] = [Weekday::Mon, Weekday::Thu];
/// What the latest rounds have not reached yet, so that today's worklist is not empty, in days.
const LEFT: i64 = 6;
/// After how many days staff resolve what they acknowledged.
const RESOLVED_AFTER: i64 = 7;

/// Who takes part in what: the citizen and which of their enrollments, as the files count them.
type Part = (usize, usize);

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    /// A program is started, or planned.
    Start(Part),
    /// Citizens sign in and do what they do.
    Evening(Vec<usize>),
    /// Staff look through the flags.
    Rounds,
    /// A message is written: one of those that the citizen's file names.
    Write(Part, usize),
    /// An activity is planned, likewise.
    Plan(Part, usize),
    /// Something else is done, likewise.
    Do(Part, usize),
    /// Something is done for a whole unit: which of them, and which of its deeds.
    AtUnit(usize, usize),
}

pub(super) struct History<'a> {
    store: &'a Store,
    files: &'a Files,
    people: &'a People,
    ids: &'a Ids,
    now: DateTime<Utc>,
    script: BTreeMap<DateTime<Utc>, Vec<Happening>>,
    started: BTreeMap<Part, Uuid>,
    planned: HashMap<(Part, usize), Uuid>,
}

/// A local time of day.
fn clock_time((hour, minute): (u32, u32)) -> Result<LocalTime> {
    let time = NaiveTime::from_hms_opt(hour, minute, 0).context("no such time")?;
    Ok(LocalTime(time))
}

/// An instant of the demo's zone.
fn at(day: NaiveDate, time: NaiveTime) -> Result<DateTime<Utc>> {
    let local = ZONE.from_local_datetime(&day.and_time(time)).earliest();
    Ok(local.context("no such local time")?.to_utc())
}

fn today(now: DateTime<Utc>) -> NaiveDate {
    now.with_timezone(&ZONE).date_naive()
}

/// The day on which somebody started.
fn first_day(part: &TakingPart, now: DateTime<Utc>) -> NaiveDate {
    today(now) - Duration::weeks(part.weeks_ago)
}

/// When everything was put in place: the day before the first start.
pub(super) fn begin(people: &People, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let parts = people.citizens.iter().flat_map(|citizen| &citizen.enrollments);
    let first = parts
        .map(|part| first_day(part, now))
        .min()
        .unwrap_or_else(|| today(now));
    at(first - Duration::days(1), clock_time(ROUNDS)?.0)
}

/// What has come of the one thing that was asked for.
fn only<T>(outcomes: Vec<Outcome<T>>) -> Result<T> {
    let outcome = outcomes.into_iter().next().context("nothing came of it")?;
    outcome.map_err(|refused| told(Error::Refused(refused)))
}

/// Whether somebody who takes part does something that day.
fn is_active_on(part: &TakingPart, day: NaiveDate, now: DateTime<Utc>) -> bool {
    let since = (day - first_day(part, now)).num_days();
    part.starts_in_days.is_none()
        && since >= 0
        && match part.signs_in {
            SignsIn::Daily => true,
            SignsIn::Weekly => since == 0 || matches!(since % 7, 2 | 6),
            SignsIn::StoppedDaysAgo(days) => day <= today(now) - Duration::days(days),
        }
}

impl<'a> History<'a> {
    /// Writes down who does what when, up to `now`.
    pub(super) fn new(
        store: &'a Store,
        files: &'a Files,
        people: &'a People,
        ids: &'a Ids,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let mut history = Self {
            store,
            files,
            people,
            ids,
            now,
            script: BTreeMap::new(),
            started: BTreeMap::new(),
            planned: HashMap::new(),
        };
        for (c, citizen) in people.citizens.iter().enumerate() {
            for (e, part) in citizen.enrollments.iter().enumerate() {
                history.note_part((c, e), part)?;
            }
        }
        for (u, unit) in people.units.iter().enumerate() {
            for (index, occasion) in unit.deeds.iter().enumerate() {
                history.note(occasion.days_ago, occasion.at, Happening::AtUnit(u, index))?;
            }
        }
        history.note_days()?;
        Ok(history)
    }

    /// Writes down what happens to one who takes part.
    fn note_part(&mut self, who: Part, part: &TakingPart) -> Result<()> {
        let started = match part.starts_in_days {
            Some(_) => 1,
            None => Duration::weeks(part.weeks_ago).num_days(),
        };
        self.note(started, clock_time(STARTS)?, Happening::Start(who))?;
        for (index, message) in part.messages.iter().enumerate() {
            self.note(message.days_ago, message.at, Happening::Write(who, index))?;
        }
        for (index, activity) in part.activities.iter().enumerate() {
            self.note(activity.days_ago, clock_time(PLANS)?, Happening::Plan(who, index))?;
        }
        for (index, occasion) in part.deeds.iter().enumerate() {
            self.note(occasion.days_ago, occasion.at, Happening::Do(who, index))?;
        }
        Ok(())
    }

    /// Writes down the evenings and the rounds.
    fn note_days(&mut self) -> Result<()> {
        let today = today(self.now);
        let first = begin(self.people, self.now)?.with_timezone(&ZONE).date_naive();
        for day in first.iter_days().take_while(|day| *day <= today) {
            let active = self
                .people
                .citizens
                .iter()
                .enumerate()
                .filter(|(_, citizen)| citizen.enrollments.iter().any(|part| is_active_on(part, day, self.now)));
            // Not always at the same minute.
            let minute = day.num_days_from_ce().unsigned_abs() * 7 % 45;
            let evening = Happening::Evening(active.map(|(c, _)| c).collect());
            let days_ago = (today - day).num_days();
            self.note(days_ago, clock_time((18, minute))?, evening)?;
            if ROUNDS_ON.contains(&day.weekday()) && days_ago > LEFT {
                self.note(days_ago, clock_time(ROUNDS)?, Happening::Rounds)?;
            }
        }
        Ok(())
    }

    /// Writes down what happens, unless it is still to come.
    fn note(&mut self, days_ago: i64, time: LocalTime, happening: Happening) -> Result<()> {
        let when = at(today(self.now) - Duration::days(days_ago), time.0)?;
        if when < self.now {
            self.script.entry(when).or_default().push(happening);
        }
        Ok(())
    }

    /// Lives it.
    pub(super) async fn live(mut self, progress: impl Fn(f64, &str)) -> Result<()> {
        let script = std::mem::take(&mut self.script);
        let whole = script.len() + 1;
        let work = Work::new(self.store);
        for (done, (when, happenings)) in script.into_iter().enumerate() {
            #[allow(clippy::cast_precision_loss, reason = "a few hundred at most")]
            progress(
                done as f64 / whole as f64,
                &when.with_timezone(&ZONE).format("%-d %B").to_string(),
            );
            work.until(when).await?;
            for happening in happenings {
                let happened = self.happen(&happening).await;
                happened.with_context(|| format!("{when}: {}", self.told_of(&happening)))?;
                work.now().await?;
            }
        }
        work.until(self.now).await
    }

    async fn happen(&mut self, happening: &Happening) -> Result<()> {
        match happening {
            Happening::Start(part) => self.start(*part).await,
            Happening::Evening(citizens) => self.evening(citizens).await,
            Happening::Rounds => self.rounds().await,
            Happening::Write(part, index) => self.write(*part, *index).await,
            Happening::Plan(part, index) => self.plan(*part, *index).await,
            Happening::Do(part, index) => self.do_(*part, *index).await,
            Happening::AtUnit(unit, index) => self.at_unit(*unit, *index).await,
        }
    }

    /// What happens, for whoever wrote the file in which it stands.
    fn told_of(&self, happening: &Happening) -> String {
        let part = match happening {
            Happening::Start(part) | Happening::Write(part, _) | Happening::Plan(part, _) => Some(*part),
            Happening::Do(part, _) => Some(*part),
            Happening::Evening(_) | Happening::Rounds | Happening::AtUnit(..) => None,
        };
        let citizen = part.and_then(|(c, _)| self.people.citizens.get(c));
        format!("{happening:?} {}", citizen.map_or("", |citizen| &citizen.key))
    }

    fn part(&self, (c, e): Part) -> Result<(&'a Citizen, &'a TakingPart)> {
        let citizen = self.people.citizens.get(c).context("no such citizen")?;
        Ok((citizen, citizen.enrollments.get(e).context("no such enrollment")?))
    }

    /// The enrollment of somebody who takes part.
    fn enrollment(&self, who: Part) -> Result<Uuid> {
        self.started.get(&who).copied().context("not started")
    }

    /// Somebody of the staff, at a unit where they work there, else where they work.
    fn staff(&self, key: &str, unit: &str) -> Result<Viewer> {
        let unit = self.ids.units.get(unit).copied();
        let directory = self.store.directory();
        let who = directory.sign_in(key, unit).or_else(|| directory.sign_in(key, None));
        Ok(Viewer::new(
            who.with_context(|| format!("nobody of the staff is called {key}"))?,
            "demo",
        ))
    }

    /// The therapist who looks after somebody: where they were transferred to, from the day after on.
    fn therapist(&self, part: &TakingPart) -> Result<Viewer> {
        let lived = (today(self.now) - today(self.store.now())).num_days();
        let transferred = part.deeds.iter().find_map(|occasion| match &occasion.deed {
            Deed::Transfer { unit, therapists, .. } if occasion.days_ago > lived => Some((unit, therapists)),
            _ => None,
        });
        let (unit, therapists) = transferred.unwrap_or((&part.unit, &part.therapists));
        self.staff(therapists.first().context("nobody treats")?, unit)
    }

    fn staff_ids(&self, keys: &[String]) -> Result<Vec<Uuid>> {
        let id = |key: &String| self.ids.staff.get(key).copied();
        let ids = keys
            .iter()
            .map(|key| id(key).with_context(|| format!("there is no {key}")));
        ids.collect()
    }

    /// A citizen, about themself.
    fn citizen(&self, citizen: &Citizen) -> Result<Viewer> {
        let id = self.ids.citizens.get(&citizen.key).copied();
        let id = id.with_context(|| format!("{} is not registered", citizen.key))?;
        Ok(Viewer::new(Who::Citizen { id }, "demo"))
    }

    async fn start(&mut self, who: Part) -> Result<()> {
        let (citizen, part) = self.part(who)?;
        let unit_id = *self.ids.units.get(&part.unit).context("no such unit")?;
        if part.by_themselves {
            let wanted = EnrollMyself {
                program_slug: part.program.clone(),
                unit_id,
                citizen_id: None,
            };
            let mut act = self.store.act(&self.citizen(citizen)?).await?;
            let id = action::enrollment::enroll_myself(&mut act, &wanted)
                .await
                .map_err(told)?;
            act.commit().await?;
            self.started.insert(who, id);
            return Ok(());
        }
        let starts_at = part
            .starts_in_days
            .map(|days| at(today(self.now) + Duration::days(days), clock_time(STARTS)?.0));
        let start = StartEnrollment {
            program_slug: part.program.clone(),
            unit_id,
            citizen: registered(citizen),
            starts_at: starts_at.transpose()?,
            therapist_ids: self.staff_ids(&part.therapists)?,
            zone: None,
            locale: None,
        };
        let mut act = self.store.act(&self.therapist(part)?).await?;
        let started = action::enrollment::start(&mut act, &start).await.map_err(told)?;
        act.commit().await?;
        self.started.insert(who, started.enrollment_id);
        Ok(())
    }

    /// Therapists acknowledge what is new, and resolve what they acknowledged a while ago.
    async fn rounds(&self) -> Result<()> {
        for (who, id) in &self.started {
            let (_, part) = self.part(*who)?;
            let viewer = self.therapist(part)?;
            let unresolved = [FlagStatus::Open, FlagStatus::Acknowledged];
            let mut flags = flag::page(self.store, &viewer, &[*id], &unresolved, 100, None)
                .await
                .map_err(told)?;
            let flags = flags.remove(id).into_iter().flat_map(|page| page.rows);
            for (_, flag) in flags.filter(|(_, flag)| flag.audience.0 == Audience::Staff) {
                let known = flag
                    .acknowledged_at
                    .filter(|_| flag.status.0 == FlagStatus::Acknowledged);
                if known.is_some_and(|since| self.store.now() - since < Duration::days(RESOLVED_AFTER)) {
                    continue;
                }
                let mut act = self.store.act(&viewer).await?;
                let done = match known {
                    None => action::flag::acknowledge(&mut act, flag.id, None).await,
                    Some(_) => action::flag::resolve(&mut act, flag.id, Some("Pratat om det i veckans samtal.")).await,
                };
                done.map_err(told)?;
                act.commit().await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_the_same_every_time_and_ends_before_now() {
        let people = People::read().unwrap();
        let now = Utc.with_ymd_and_hms(2026, 11, 23, 3, 0, 0).unwrap();
        let start = begin(&people, now).unwrap();
        assert_eq!(start, Utc.with_ymd_and_hms(2026, 9, 13, 7, 15, 0).unwrap());
        let karin = people.citizens.iter().find(|citizen| citizen.key == "karin").unwrap();
        assert!(is_active_on(&karin.enrollments[0], today(now), now));
        let johan = people.citizens.iter().find(|citizen| citizen.key == "johan").unwrap();
        assert!(!is_active_on(
            &johan.enrollments[0],
            today(now) - Duration::days(8),
            now
        ));
        assert!(is_active_on(&johan.enrollments[0], today(now) - Duration::days(9), now));
    }
}
