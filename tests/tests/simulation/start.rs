//! People who are alike but for who they are and when they start.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{citizen, enrollment, enrollment_end, enrollment_status, enrollment_therapist, evaluation, event};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::life::{Life, Person};

/// Somebody who starts on a day.
pub struct Copy {
    pub day: i64,
    person: Person,
    citizen: citizen::Model,
    statuses: Vec<enrollment_status::Model>,
    ends: Vec<enrollment_end::Model>,
    therapists: Vec<enrollment_therapist::Model>,
    events: Vec<event::Model>,
    evaluation: evaluation::Model,
}

impl Life {
    /// Everybody as the first who was enrolled, each with an identity and a day of their own.
    pub async fn copies(&mut self) -> Vec<Copy> {
        let first = self.world.enroll(0).await;
        let connection = self.world.store.connection();
        macro_rules! of_first {
            ($table:ident) => {
                $table::Entity::find()
                    .filter($table::Column::EnrollmentId.eq(first))
                    .all(connection)
                    .await
                    .unwrap()
            };
        }
        let row = enrollment::Entity::find_by_id(first)
            .one(connection)
            .await
            .unwrap()
            .unwrap();
        let citizen = citizen::Entity::find_by_id(row.citizen_id)
            .one(connection)
            .await
            .unwrap()
            .unwrap();
        let (statuses, ends) = (of_first!(enrollment_status), of_first!(enrollment_end));
        let (therapists, events) = (of_first!(enrollment_therapist), of_first!(event));
        let evaluation = of_first!(evaluation).remove(0);
        self.people.push(Person {
            number: 0,
            starts: self.begin,
            enrollment: row.clone(),
            steps: 0,
        });
        let copy = |number: u32| {
            let day = i64::from(number % 10);
            let later = |at: DateTime<Utc>| at + TimeDelta::days(day);
            let (id, citizen_id) = (Uuid::from_u128(0x1000_0000 + u128::from(number)), self.world.store.id());
            let enrollment = enrollment::Model {
                id,
                citizen_id,
                starts_at: later(row.starts_at),
                started_at: row.started_at.map(later),
                ends_at: row.ends_at.map(later),
                due_at: row.due_at.map(later),
                created_at: later(row.created_at),
                ..row.clone()
            };
            Copy {
                day,
                citizen: citizen::Model {
                    id: citizen_id,
                    subject: None,
                    identity_hash: number.to_be_bytes().into(),
                    // Nobody gets e-mail: files of it are another test's concern.
                    email: None,
                    phone: None,
                    ..citizen.clone()
                },
                statuses: statuses
                    .iter()
                    .map(|status| enrollment_status::Model {
                        enrollment_id: id,
                        at: later(status.at),
                        ..status.clone()
                    })
                    .collect(),
                ends: ends
                    .iter()
                    .map(|end| enrollment_end::Model {
                        enrollment_id: id,
                        at: later(end.at),
                        ends_at: end.ends_at.map(later),
                        ..end.clone()
                    })
                    .collect(),
                therapists: therapists
                    .iter()
                    .map(|therapist| enrollment_therapist::Model {
                        enrollment_id: id,
                        valid_from: later(therapist.valid_from),
                        ..therapist.clone()
                    })
                    .collect(),
                events: events
                    .iter()
                    .map(|event| event::Model {
                        id: self.world.store.id(),
                        at: later(event.at),
                        enrollment_id: id,
                        citizen_id,
                        ..event.clone()
                    })
                    .collect(),
                evaluation: evaluation::Model {
                    enrollment_id: id,
                    due_at: evaluation.due_at.map(later),
                    evaluated_until: later(evaluation.evaluated_until),
                    ..evaluation.clone()
                },
                person: Person {
                    number,
                    starts: self.begin + TimeDelta::days(day),
                    enrollment,
                    steps: 0,
                },
            }
        };
        (1..self.plan.people).map(copy).collect()
    }

    /// Those who start now.
    pub async fn start(&mut self, copies: Vec<Copy>) {
        let mut all = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut therapists, mut events, mut evaluations) = (Vec::new(), Vec::new(), Vec::new());
        for copy in copies {
            all.0.push(copy.citizen);
            all.1.push(copy.person.enrollment.clone());
            all.2.extend(copy.statuses);
            all.3.extend(copy.ends);
            therapists.extend(copy.therapists);
            events.extend(copy.events);
            evaluations.push(copy.evaluation);
            self.people.push(copy.person);
        }
        let (citizens, enrollments, statuses, ends) = all;
        self.insert::<citizen::Entity>(citizens).await;
        self.insert::<enrollment::Entity>(enrollments).await;
        self.insert::<enrollment_status::Entity>(statuses).await;
        self.insert::<enrollment_end::Entity>(ends).await;
        self.insert::<enrollment_therapist::Entity>(therapists).await;
        self.insert::<evaluation::Entity>(evaluations).await;
        self.happened(events).await;
    }
}
