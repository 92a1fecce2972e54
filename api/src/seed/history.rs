//! The weeks before today, lived through by the demo's people.

mod together;

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context, Result};
use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveTime, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::{Europe::Stockholm, Tz};
use entity::{
    act::Act,
    action::{
        self,
        enrollment::{StartEnrollment, StatusChange},
    },
    content::Content,
    dispatch,
    flag::{self, FlagStatus},
    progress,
    store::Store,
    viewer::{Viewer, Who},
};
use rules::{
    answer::{Answer, Answers},
    facts::{Audience, Status},
    form::Form,
};
use uuid::Uuid;

use super::{
    content::{Ids, registered},
    people::{Citizen, Filled, People, SignsIn, TakingPart},
    told,
    work::Work,
};

/// Where the demo's people live.
const ZONE: Tz = Stockholm;
/// When units start programs, look through their flags, change what has to be changed, and plan, local hour and minute.
const STARTS: (u32, u32) = (10, 0);
const ROUNDS: (u32, u32) = (9, 15);
const CHANGES: (u32, u32) = (20, 0);
const PLANS: (u32, u32) = (11, 0);
/// What the latest rounds have not reached yet, so that today's worklist is not empty, in days.
const LEFT: i64 = 6;
/// How long the pause of somebody who is away began ago and lasts from today, in days.
const AWAY: (i64, i64) = (6, 15);

/// Who takes part in what: the citizen and which of their enrollments, as `people.yaml` counts them.
type Part = (usize, usize);

/// Something that happens.
#[derive(Clone, Debug)]
enum Deed {
    /// A program is started, or planned.
    Start(Part),
    /// Citizens sign in and do what they do.
    Evening(Vec<usize>),
    /// Staff look through the flags.
    Rounds,
    /// An enrollment is paused or completed.
    Change(Part, Status),
    /// A message is written: one of those that `people.yaml` names.
    Write(Part, usize),
    /// An activity is planned, likewise.
    Plan(Part, usize),
}

pub(super) struct History<'a> {
    store: &'a Store,
    people: &'a People,
    ids: &'a Ids,
    now: DateTime<Utc>,
    script: BTreeMap<DateTime<Utc>, Vec<Deed>>,
    started: BTreeMap<Part, Uuid>,
    ended: HashSet<Part>,
    planned: HashMap<(Part, usize), Uuid>,
}

/// An instant of the demo's zone.
fn at(day: NaiveDate, (hour, minute): (u32, u32)) -> Result<DateTime<Utc>> {
    let time = NaiveTime::from_hms_opt(hour, minute, 0).context("no such time")?;
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
    at(first - Duration::days(1), ROUNDS)
}

/// Whether somebody who takes part does something that day.
fn is_active_on(part: &TakingPart, day: NaiveDate, now: DateTime<Utc>) -> bool {
    let since = (day - first_day(part, now)).num_days();
    part.status != Status::Planned
        && since >= 0
        && match part.signs_in {
            SignsIn::Daily => true,
            SignsIn::Weekly => since == 0 || matches!(since % 7, 2 | 6),
            SignsIn::StoppedDaysAgo(days) => day <= today(now) - Duration::days(days),
        }
}

impl<'a> History<'a> {
    /// Writes down who does what when, up to `now`.
    pub(super) fn new(store: &'a Store, people: &'a People, ids: &'a Ids, now: DateTime<Utc>) -> Result<Self> {
        let mut script: BTreeMap<DateTime<Utc>, Vec<Deed>> = BTreeMap::new();
        let mut note = |when: DateTime<Utc>, deed: Deed| {
            if when < now {
                script.entry(when).or_default().push(deed);
            }
        };
        let today = today(now);
        let parts = || {
            let all = people.citizens.iter().enumerate();
            all.flat_map(|(c, citizen)| {
                citizen
                    .enrollments
                    .iter()
                    .enumerate()
                    .map(move |(e, part)| ((c, e), part))
            })
        };
        for (who, part) in parts() {
            let yesterday = today - Duration::days(1);
            match part.status {
                Status::Planned => note(at(yesterday, STARTS)?, Deed::Start(who)),
                _ => note(at(first_day(part, now), STARTS)?, Deed::Start(who)),
            }
            match part.status {
                Status::Paused => note(
                    at(today - Duration::days(AWAY.0), CHANGES)?,
                    Deed::Change(who, part.status),
                ),
                Status::Completed => note(at(yesterday, CHANGES)?, Deed::Change(who, part.status)),
                _ => {}
            }
            for (index, message) in part.messages.iter().enumerate() {
                let day = today - Duration::days(message.days_ago);
                let time = message.at.0;
                note(at(day, (time.hour(), time.minute()))?, Deed::Write(who, index));
            }
            for (index, activity) in part.activities.iter().enumerate() {
                let day = today - Duration::days(activity.days_ago);
                note(at(day, PLANS)?, Deed::Plan(who, index));
            }
        }
        let first = begin(people, now)?.with_timezone(&ZONE).date_naive();
        for day in first.iter_days().take_while(|day| *day <= today) {
            let active = people
                .citizens
                .iter()
                .enumerate()
                .filter(|(_, citizen)| citizen.enrollments.iter().any(|part| is_active_on(part, day, now)));
            // Not always at the same minute.
            let minute = day.num_days_from_ce().unsigned_abs() * 7 % 45;
            note(at(day, (18, minute))?, Deed::Evening(active.map(|(c, _)| c).collect()));
            if day.weekday() == Weekday::Mon && day < today - Duration::days(LEFT) {
                note(at(day, ROUNDS)?, Deed::Rounds);
            }
        }
        Ok(Self {
            store,
            people,
            ids,
            now,
            script,
            started: BTreeMap::new(),
            ended: HashSet::new(),
            planned: HashMap::new(),
        })
    }

    /// Lives it.
    pub(super) async fn live(mut self, progress: impl Fn(f64, &str)) -> Result<()> {
        let script = std::mem::take(&mut self.script);
        let whole = script.len() + 1;
        let work = Work::new(self.store);
        for (done, (when, deeds)) in script.into_iter().enumerate() {
            #[allow(clippy::cast_precision_loss, reason = "a few hundred at most")]
            progress(
                done as f64 / whole as f64,
                &when.with_timezone(&ZONE).format("%-d %B").to_string(),
            );
            work.until(when).await?;
            for deed in deeds {
                self.do_(&deed).await.with_context(|| format!("{when}: {deed:?}"))?;
                work.now().await?;
            }
        }
        work.until(self.now).await
    }

    async fn do_(&mut self, deed: &Deed) -> Result<()> {
        match deed {
            Deed::Start(part) => self.start(*part).await,
            Deed::Evening(citizens) => self.evening(citizens).await,
            Deed::Rounds => self.rounds().await,
            Deed::Change(part, status) => self.change(*part, *status).await,
            Deed::Write(part, index) => self.write(*part, *index).await,
            Deed::Plan(part, index) => self.plan(*part, *index).await,
        }
    }

    fn part(&self, (c, e): Part) -> Result<(&'a Citizen, &'a TakingPart)> {
        let citizen = self.people.citizens.get(c).context("no such citizen")?;
        Ok((citizen, citizen.enrollments.get(e).context("no such enrollment")?))
    }

    /// Their therapist at the unit.
    fn therapist(&self, part: &TakingPart) -> Result<Viewer> {
        let unit = self.ids.units.get(&part.unit).copied();
        let key = part.therapists.first().context("nobody treats")?;
        let who = self.store.directory().sign_in(key, unit);
        Ok(Viewer::new(
            who.with_context(|| format!("{key} has no role at {}", part.unit))?,
            "demo",
        ))
    }

    async fn start(&mut self, who: Part) -> Result<()> {
        let (citizen, part) = self.part(who)?;
        let known = |key: &String| {
            self.ids
                .staff
                .get(key)
                .copied()
                .with_context(|| format!("there is no {key}"))
        };
        let planned = (part.status == Status::Planned).then(|| at(today(self.now) + Duration::days(6), STARTS));
        let start = StartEnrollment {
            program_slug: part.program.clone(),
            unit_id: *self.ids.units.get(&part.unit).context("no such unit")?,
            citizen: registered(citizen),
            starts_at: planned.transpose()?,
            therapist_ids: part.therapists.iter().map(known).collect::<Result<_>>()?,
            zone: None,
            locale: None,
        };
        let mut act = self.store.act(&self.therapist(part)?).await?;
        let id = action::enrollment::start(&mut act, &start).await.map_err(told)?;
        act.commit().await?;
        self.started.insert(who, id);
        Ok(())
    }

    async fn change(&mut self, who: Part, status: Status) -> Result<()> {
        let (_, part) = self.part(who)?;
        let away = status == Status::Paused;
        let change = StatusChange {
            enrollment_id: *self.started.get(&who).context("not started")?,
            status,
            resumes_at: away
                .then(|| at(today(self.now) + Duration::days(AWAY.1), STARTS))
                .transpose()?,
            reason: away.then(|| "Bortrest några veckor.".to_owned()),
        };
        let mut act = self.store.act(&self.therapist(part)?).await?;
        let cause = act.cause();
        let outcomes = action::enrollment::change_status(&mut act, &[change], cause)
            .await
            .map_err(told)?;
        if let Some(Err(refused)) = outcomes.into_iter().next() {
            return Err(told(entity::error::Error::Refused(refused)));
        }
        act.commit().await?;
        self.ended.insert(who);
        Ok(())
    }

    /// Citizens sign in, answer what waits for them, and go on with their programs.
    async fn evening(&self, citizens: &[usize]) -> Result<()> {
        let mut present = Vec::new();
        let mut act = self.store.act(&Viewer::system()).await?;
        for &c in citizens {
            let key = &self.people.citizens.get(c).context("no such citizen")?.key;
            let id = *self
                .ids
                .citizens
                .get(key)
                .with_context(|| format!("{key} is not registered"))?;
            let now = act.now;
            action::citizen::signed_in(&mut act, id, now).await?;
            present.push((c, Viewer::new(Who::Citizen { id }, "demo")));
        }
        act.commit().await?;

        let day = today(self.store.now());
        for (c, viewer) in present {
            let mut act = self.store.act(&viewer).await?;
            let citizen = self.people.citizens.get(c).context("no such citizen")?;
            for (e, part) in citizen.enrollments.iter().enumerate() {
                let Some(id) = self.started.get(&(c, e)) else { continue };
                if is_active_on(part, day, self.now) && !self.ended.contains(&(c, e)) {
                    self.take_part(&mut act, part, *id)
                        .await
                        .with_context(|| citizen.key.clone())?;
                    self.register(&mut act, part, (c, e))
                        .await
                        .with_context(|| citizen.key.clone())?;
                }
            }
            act.commit().await?;
        }
        Ok(())
    }

    async fn take_part(&self, act: &mut Act, part: &TakingPart, id: Uuid) -> Result<()> {
        let row = act.enrollment(id, "").await.map_err(told)?;
        let content = self.store.library().content(&act.tx, row.version_id).await?;
        self.answer(act, part, id, &content).await?;

        let day = today(act.now);
        #[allow(clippy::cast_precision_loss, reason = "days of some weeks")]
        let lived = ((day - first_day(part, self.now)).num_days() + 1) as f64 / (7 * part.weeks_ago.max(1)) as f64;
        loop {
            let mut overlays = progress::load(&act.tx, &act.viewer, &[id]).await?;
            let overlay = overlays.remove(&id).unwrap_or_default();
            let progress = overlay.progress(&content);
            let aim = f64::from(progress.total) * part.completes * lived.min(1.0);
            if f64::from(progress.completed) >= aim.floor() {
                return Ok(());
            }
            let Some((.., step)) = overlay.next_step(&content, &row, act.now) else {
                return Ok(());
            };
            action::step::complete(act, id, step).await.map_err(told)?;
        }
    }

    /// Answers the forms that wait, as `people.yaml` says.
    async fn answer(&self, act: &mut Act, part: &TakingPart, id: Uuid, content: &Content) -> Result<()> {
        let mut dispatches = dispatch::page(self.store, &act.viewer, &[id], &[], 100, None)
            .await
            .map_err(told)?;
        let mut sent: Vec<dispatch::Model> = Vec::new();
        sent.extend(
            dispatches
                .remove(&id)
                .into_iter()
                .flat_map(|page| page.rows)
                .map(|(_, row)| row),
        );
        sent.sort_by_key(|row| (row.available_at, row.id));
        let mut times: HashMap<&str, usize> = HashMap::new();
        for dispatch in sent.iter().filter(|dispatch| dispatch.step_id.is_none()) {
            let time = times.entry(&dispatch.form_key).or_default();
            let filled = part
                .answers
                .get(&dispatch.form_key)
                .and_then(|answered| answered.nth(*time));
            *time += 1;
            let (Some(filled), true) = (filled, dispatch.status.0.is_open()) else {
                continue;
            };
            let form = content
                .forms
                .get(&dispatch.form_key)
                .context("the program has no such form")?;
            let answers = answers(filled, &form.form)?;
            let submitted = action::response::submit(act, dispatch.id, &answers).await;
            submitted
                .map_err(told)
                .with_context(|| format!("{} for the {time}th time", dispatch.form_key))?;
        }
        Ok(())
    }

    /// Therapists acknowledge what is new, and resolve what they acknowledged a week ago.
    async fn rounds(&self) -> Result<()> {
        for (who, id) in &self.started {
            let (_, part) = self.part(*who)?;
            let viewer = self.therapist(part)?;
            let unresolved = [FlagStatus::Open, FlagStatus::Acknowledged];
            let mut flags = flag::page(self.store, &viewer, &[*id], &unresolved, 100, None)
                .await
                .map_err(told)?;
            let flags = flags.remove(id).into_iter().flat_map(|page| page.rows);
            let mut act = self.store.act(&viewer).await?;
            for (_, flag) in flags.filter(|(_, flag)| flag.audience.0 == Audience::Staff) {
                let done = match flag.status.0 {
                    FlagStatus::Open => action::flag::acknowledge(&mut act, flag.id, None).await,
                    _ => action::flag::resolve(&mut act, flag.id, Some("Pratat om det i veckans samtal.")).await,
                };
                done.map_err(told)?;
            }
            act.commit().await?;
        }
        Ok(())
    }
}

/// Answers as a citizen would give them.
fn answers(filled: &Filled, form: &Form) -> Result<Answers> {
    let values = match filled {
        Filled::Answers(answers) => return Ok(answers.clone()),
        Filled::Values(values) => values,
    };
    let scale = form
        .scales
        .first()
        .with_context(|| format!("{} has no scale", form.key))?;
    anyhow::ensure!(
        values.len() == scale.items.len(),
        "{} takes {} values",
        form.key,
        scale.items.len()
    );
    let chosen = scale.items.iter().zip(values).map(|(key, value)| {
        let item = form.item(key).with_context(|| format!("{} has no {key}", form.key))?;
        let option = item.options.iter().find(|option| option.value == Some(*value));
        let option = option.with_context(|| format!("{key} has no option worth {value}"))?;
        Ok((key.clone(), Answer::Text(option.key.clone())))
    });
    chosen.collect()
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
