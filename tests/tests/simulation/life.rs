//! Many people who live through a program: every day's deeds are written when the day comes, and the worker judges them before
//! the next are there.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    action::{self, dispatch::Send, enrollment::StatusChange},
    dispatch,
    dispatch::DispatchStatus,
    enrollment, evaluation, event,
    event::EventKind,
    flag,
    flag::FlagStatus,
    response, step_progress,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
};
use futures_util::future::join_all;
use rules::{
    answer::{Answer, Answers},
    facts::Status,
    form::Form,
    period::Period,
    score::score,
};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, sea_query::Expr,
};
use tests::{care, database::Kind, world::World};
use uuid::Uuid;
use worker::Worker;

/// How people's lives differ between the tests.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub people: u32,
    pub days: i64,
    /// How far the clock is moved at least: what is due meanwhile is judged together, up to so much late.
    pub tick: TimeDelta,
    /// How many workers share the work.
    pub workers: usize,
    /// Whether staff take care of flags, and citizens answer what rules send.
    pub reacting: bool,
}

/// A world with people in it.
pub struct Life {
    pub world: World,
    pub begin: DateTime<Utc>,
    pub plan: Plan,
    pub people: Vec<Person>,
    workers: Vec<(Store, Worker)>,
    answers: Vec<(serde_json::Value, serde_json::Value)>,
}

pub struct Person {
    pub number: u32,
    pub enrollment: enrollment::Model,
    pub starts: DateTime<Utc>,
    /// How many steps were completed.
    pub steps: usize,
}

impl Person {
    /// Something that is the same in every run, and different for every person, day and purpose.
    fn chance(&self, day: i64, purpose: u64) -> u64 {
        let mut mixed = (u64::from(self.number) << 32) ^ (u64::try_from(day).unwrap() << 8) ^ purpose;
        for _ in 0..3 {
            mixed ^= mixed >> 33;
            mixed = mixed.wrapping_mul(0xff51_afd7_ed55_8ccd);
        }
        mixed >> 40
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl Life {
    /// A world in which the rules have just been saved and the first of the people starts.
    pub async fn begin(kind: Kind, plan: Plan, rules: &[(&str, serde_json::Value)]) -> Self {
        let begin = at("2027-02-15T08:00:00Z");
        let world = World::configured(kind, begin, |config| config.worker.batch = 500).await;
        care::import_content(&world.store).await;
        for (key, definition) in rules {
            care::save_rule(&world.store, key, definition.clone()).await;
        }
        let mut workers = Vec::new();
        for _ in 1..plan.workers {
            workers.push(world.another_worker(3).await);
        }
        let form = care::measure("weekly-measure", 9);
        let answers = [("no", "no"), ("some", "no"), ("most", "some"), ("all", "most")];
        Self {
            answers: answers.map(|(others, risk)| answered(&form, others, risk)).into(),
            people: Vec::new(),
            begin,
            plan,
            world,
            workers,
        }
    }

    pub fn end(&self) -> DateTime<Utc> {
        self.begin + TimeDelta::days(self.plan.days)
    }

    /// Lives through every day.
    pub async fn live(&mut self) {
        let mut starting = self.copies().await;
        for day in 0..self.plan.days {
            let morning = self.begin + TimeDelta::days(day);
            self.work_until(morning).await;
            let today: Vec<_> = starting.extract_if(.., |copy| copy.day == day).collect();
            self.start(today).await;
            self.work_until(morning + TimeDelta::hours(2)).await;
            self.come_and_go(day).await;
            self.pause(day).await;
            self.send(day).await;
            self.work_until(morning + TimeDelta::hours(7)).await;
            self.answer(day).await;
            if self.plan.reacting {
                self.take_care(day).await;
            }
        }
        self.work_until(self.end()).await;
    }

    /// Lets the workers do what is due until an instant, and then moves the clock there. What becomes due at it is left for the
    /// deeds of that instant.
    async fn work_until(&self, instant: DateTime<Utc>) {
        loop {
            self.work().await;
            let now = self.world.clock.now();
            match self.world.next_due().await {
                Some(due) if due < instant => {
                    // The deeds of an instant are written before anything is judged at it.
                    let later = (now + self.plan.tick).min(instant - TimeDelta::seconds(1));
                    self.world.clock.set(due.max(later));
                }
                _ => break,
            }
        }
        self.world.clock.set(instant);
    }

    /// The workers share what is much; one alone does what is little.
    async fn work(&self) {
        let due = evaluation::Entity::find().filter(evaluation::Column::DueAt.lte(self.world.clock.now()));
        let is_much = due.count(self.world.store.connection()).await.unwrap() > self.world.config.worker.batch;
        let others = self.workers.iter().filter(|_| is_much);
        let others = join_all(others.map(|(_, worker)| worker.run_until_idle()));
        let (_, others) = tokio::join!(self.world.work(), others);
        for done in others {
            done.unwrap();
        }
    }

    pub async fn insert<E: EntityTrait>(&self, rows: Vec<E::Model>)
    where
        E::ActiveModel: ActiveModelTrait<Entity = E> + ActiveModelBehavior + std::marker::Send,
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        for chunk in rows.chunks(500) {
            let rows = chunk.iter().map(|row| row.clone().into_active_model().reset_all());
            E::insert_many(rows)
                .exec_without_returning(self.world.store.connection())
                .await
                .unwrap();
        }
    }

    /// Writes what happened at this instant, and makes the enrollments due, as whatever changes a fact does.
    pub async fn happened(&self, events: Vec<event::Model>) {
        let now = self.world.clock.now();
        let enrollments: Vec<Uuid> = events.iter().map(|event| event.enrollment_id).collect();
        for chunk in events.chunks(500) {
            let rows = chunk.iter().map(|row| {
                let mut row = row.clone().into_active_model().reset_all();
                row.position = NotSet;
                row
            });
            event::Entity::insert_many(rows)
                .exec_without_returning(self.world.store.connection())
                .await
                .unwrap();
        }
        for chunk in enrollments.chunks(500) {
            evaluation::Entity::update_many()
                .col_expr(evaluation::Column::DueAt, Expr::value(now))
                .filter(evaluation::Column::EnrollmentId.is_in(chunk.iter().copied()))
                .exec(self.world.store.connection())
                .await
                .unwrap();
        }
    }

    fn event(
        &self,
        person: &Person,
        kind: EventKind,
        subject: Option<Uuid>,
        key: Option<&str>,
        nth: i64,
    ) -> event::Model {
        event::Model {
            position: 0,
            at: self.world.clock.now() + TimeDelta::microseconds(nth),
            id: self.world.store.id(),
            kind: kind.into(),
            enrollment_id: person.enrollment.id,
            unit_id: person.enrollment.unit_id,
            citizen_id: person.enrollment.citizen_id,
            subject_id: subject,
            subject_key: key.map(str::to_owned),
            depth: 0,
            actor: Actor::Citizen(person.enrollment.citizen_id).into(),
        }
    }

    fn active(&self, day: i64) -> impl Iterator<Item = &Person> {
        let end = TimeDelta::weeks(10) - TimeDelta::days(1);
        self.people
            .iter()
            .filter(move |person| !person.is_paused(day, self.begin))
            .filter(move |person| self.world.clock.now() - person.starts < end)
    }

    /// People sign in, and some complete a step.
    async fn come_and_go(&mut self, day: i64) {
        let (store, now) = (&self.world.store, self.world.clock.now());
        let program = store.directory().programs()[care::PROGRAM].version;
        let content = store.library().content(store.connection(), program).await.unwrap();
        let steps: Vec<(Uuid, String, bool)> = content.modules[0]
            .sections
            .iter()
            .flat_map(|section| &section.steps)
            .map(|step| (step.row.id, step.row.key.clone()))
            .enumerate()
            .map(|(place, (id, key))| (id, key, place == 1))
            .collect();
        let (mut events, mut completed, mut further) = (Vec::new(), Vec::new(), Vec::new());
        for person in self
            .active(day)
            .filter(|person| person.chance(day, 1).is_multiple_of(30))
        {
            events.push(self.event(person, EventKind::SignedIn, None, None, 0));
            if let Some((id, key, is_last)) = steps.get(person.steps).filter(|_| person.chance(day, 2) % 4 != 0) {
                completed.push(step_progress::Model {
                    enrollment_id: person.enrollment.id,
                    step_id: *id,
                    completed_at: now,
                    actor: Actor::Citizen(person.enrollment.citizen_id).into(),
                });
                events.push(self.event(person, EventKind::StepCompleted, Some(*id), Some(key), 1));
                if *is_last {
                    let module = &content.modules[0].row;
                    events.push(self.event(
                        person,
                        EventKind::ModuleCompleted,
                        Some(module.id),
                        Some(&module.key),
                        2,
                    ));
                }
                further.push(person.number);
            }
        }
        self.insert::<step_progress::Entity>(completed).await;
        self.happened(events).await;
        for person in &mut self.people {
            person.steps += usize::from(further.contains(&person.number));
        }
    }

    /// Some are paused for a week.
    async fn pause(&self, day: i64) {
        let mut changes = Vec::new();
        for person in &self.people {
            let was = day > 0 && person.is_paused(day - 1, self.begin);
            let status = match (was, person.is_paused(day, self.begin)) {
                (false, true) => Status::Paused,
                (true, false) => Status::Active,
                _ => continue,
            };
            changes.push(StatusChange {
                enrollment_id: person.enrollment.id,
                status,
                resumes_at: None,
                reason: None,
            });
        }
        for chunk in changes.chunks(500) {
            let mut act = self.world.store.act(&Viewer::system()).await.unwrap();
            let cause = act.cause();
            for outcome in action::enrollment::change_status(&mut act, chunk, cause).await.unwrap() {
                outcome.unwrap();
            }
            act.commit().await.unwrap();
        }
    }

    /// Staff send a measure every seventh week.
    async fn send(&self, day: i64) {
        let due = self
            .active(day)
            .filter(|person| (day + i64::from(person.number)) % 49 == 3);
        let due: Vec<Uuid> = due.map(|person| person.enrollment.id).collect();
        for chunk in due.chunks(500) {
            let mut act = self.world.store.act(&Viewer::system()).await.unwrap();
            let cause = act.cause();
            let sends: Vec<Send> = chunk
                .iter()
                .map(|enrollment_id| Send {
                    enrollment_id: *enrollment_id,
                    form_key: "weekly-measure".to_owned(),
                    at: None,
                    expires_after: Some(Period::days(3)),
                    remind_after: Vec::new(),
                    firing_id: None,
                    cause,
                })
                .collect();
            for outcome in action::dispatch::send(&mut act, &sends).await.unwrap() {
                outcome.unwrap();
            }
            act.commit().await.unwrap();
        }
    }

    /// People answer some of what they were sent; what rules send only where they react to it.
    async fn answer(&self, day: i64) {
        let people: HashMap<Uuid, &Person> = self.active(day).map(|person| (person.enrollment.id, person)).collect();
        let now = self.world.clock.now();
        let open = dispatch::Entity::find()
            .filter(dispatch::Column::Status.eq(Stored(DispatchStatus::Available)))
            .filter(dispatch::Column::ExpiresAt.gt(now))
            .filter(dispatch::Column::FormKey.eq("weekly-measure"))
            .order_by_asc(dispatch::Column::EnrollmentId)
            .all(self.world.store.connection())
            .await
            .unwrap();
        let (mut events, mut responses) = (Vec::new(), Vec::new());
        for sent in open {
            let Some(person) = people.get(&sent.enrollment_id) else {
                continue;
            };
            if person.chance(day, 3).is_multiple_of(3) || (sent.firing_id.is_some() && !self.plan.reacting) {
                continue;
            }
            let (answers, scores) = &self.answers[usize::try_from(person.chance(day, 4)).unwrap() % self.answers.len()];
            let response = response::Model {
                id: self.world.store.id(),
                dispatch_id: sent.id,
                enrollment_id: sent.enrollment_id,
                form_key: sent.form_key.clone(),
                form_version_id: sent.form_version_id,
                submitted_at: now,
                actor: Actor::Citizen(person.enrollment.citizen_id).into(),
                answers: answers.clone(),
                texts: None,
                scores: scores.clone(),
                supersedes_id: None,
                superseded_at: None,
                answered_at: Some(now),
                answered_by: Some(Actor::Citizen(person.enrollment.citizen_id).into()),
                reason: None,
                voided_at: None,
                voided_by: None,
                void_reason: None,
            };
            events.push(self.event(
                person,
                EventKind::FormCompleted,
                Some(response.id),
                Some("weekly-measure"),
                0,
            ));
            responses.push(response);
        }
        let answered: Vec<Uuid> = responses.iter().map(|response| response.dispatch_id).collect();
        self.insert::<response::Entity>(responses).await;
        for chunk in answered.chunks(500) {
            dispatch::Entity::update_many()
                .col_expr(dispatch::Column::Status, Expr::value(Stored(DispatchStatus::Completed)))
                .col_expr(dispatch::Column::CompletedAt, Expr::value(now))
                .col_expr(dispatch::Column::EndedAt, Expr::value(now))
                .col_expr(dispatch::Column::DueAt, Expr::value(None::<DateTime<Utc>>))
                .filter(dispatch::Column::Id.is_in(chunk.iter().copied()))
                .exec(self.world.store.connection())
                .await
                .unwrap();
        }
        self.happened(events).await;
    }

    /// Staff resolve some of the flags of every third person.
    async fn take_care(&self, day: i64) {
        let people: HashMap<Uuid, &Person> = self
            .people
            .iter()
            .map(|person| (person.enrollment.id, person))
            .collect();
        let open = flag::Entity::find()
            .filter(flag::Column::Kind.is_in(["risk", "high"]))
            .filter(flag::Column::Status.eq(Stored(FlagStatus::Open)))
            .all(self.world.store.connection())
            .await
            .unwrap();
        for flag in open {
            let person = people[&flag.enrollment_id];
            if person.number.is_multiple_of(3) && person.chance(day, 5).is_multiple_of(4) {
                let mut act = self.world.store.act(&Viewer::system()).await.unwrap();
                action::flag::resolve(&mut act, flag.id, None).await.unwrap();
                act.commit().await.unwrap();
            }
        }
    }
}

impl Person {
    fn is_paused(&self, day: i64, begin: DateTime<Utc>) -> bool {
        let own = day - (self.starts - begin).num_days();
        self.number % 10 == 3 && (12..19).contains(&own)
    }
}

fn answered(form: &Form, others: &str, risk: &str) -> (serde_json::Value, serde_json::Value) {
    let answers: Answers = (1..=9)
        .map(|item| {
            (
                format!("q{item}"),
                Answer::Text((if item == 9 { risk } else { others }).to_owned()),
            )
        })
        .collect();
    let scores = score(form, &answers);
    (
        serde_json::to_value(answers).unwrap(),
        serde_json::to_value(scores).unwrap(),
    )
}
