//! Messages between citizen and staff.

use chrono::Duration;
use entity::{
    act::Cause,
    action::{
        enrollment::{self as life, StatusChange},
        message::{Send, mark_read, send},
    },
    enrollment,
    error::{Error, UserError},
    event::{self, EventKind},
    message::{self, Model},
    stored::Stored,
    viewer::{Actor, Viewer, Who},
};
use rules::facts::{Audience, Status};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::world::{Person, World, codes};

impl World {
    pub async fn write(&self, viewer: &Viewer, person: &Person, body: &str) -> Result<Uuid, Vec<UserError>> {
        let mut act = self.act(viewer).await;
        let send_this = Send {
            enrollment_id: person.enrollment,
            body: body.to_owned(),
            attachments: Vec::new(),
            firing_id: None,
            unit_message_id: None,
            cause: act.cause(),
        };
        let sent = send(&mut act, &[send_this]).await.unwrap().remove(0)?;
        act.commit().await.unwrap();
        Ok(sent)
    }

    async fn read(&self, viewer: &Viewer, person: &Person, until: Option<Uuid>) -> Result<Uuid, Error> {
        let mut act = self.act(viewer).await;
        let read = mark_read(&mut act, person.enrollment, until).await;
        act.finish(read).await
    }

    pub async fn enrollment(&self, person: &Person) -> enrollment::Model {
        let row = enrollment::Entity::find_by_id(person.enrollment);
        row.one(self.store.connection()).await.unwrap().unwrap()
    }

    /// What the staff and the citizen have not read.
    async fn unread(&self, person: &Person) -> (i32, i32) {
        let row = self.enrollment(person).await;
        (row.unread_by_staff, row.unread_by_citizen)
    }

    async fn thread(&self, viewer: &Viewer, person: &Person) -> Vec<Model> {
        let mut pages = message::page(&self.store, viewer, &[person.enrollment], 100, None)
            .await
            .unwrap();
        let page = pages.remove(&person.enrollment).unwrap_or_default();
        page.rows.into_iter().map(|(_, row)| row).collect()
    }

    pub async fn end(&self, person: &Person) {
        let mut act = self.act(&Viewer::system()).await;
        let change = StatusChange {
            enrollment_id: person.enrollment,
            status: Status::Withdrawn,
            resumes_at: None,
            reason: None,
        };
        life::change_status(&mut act, &[change], self.system_cause())
            .await
            .unwrap()
            .remove(0)
            .unwrap();
        act.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_thread_holds_what_both_sides_write() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let asked = world
        .write(&person.viewer, &person, " Hej!\r\nKan vi prata? ")
        .await
        .unwrap();
    world.store.clock().advance(Duration::minutes(5));
    let answered = world.write(&world.staff, &person, "Ja, i morgon.").await.unwrap();

    let thread = world.thread(&world.staff, &person).await;
    assert_eq!(thread.iter().map(|row| row.id).collect::<Vec<_>>(), [answered, asked]);
    assert_eq!(world.thread(&person.viewer, &person).await, thread);
    let (answer, question) = (&thread[0], &thread[1]);
    assert_eq!((question.sender.0, question.staff_id), (Audience::Citizen, None));
    assert_eq!(world.open(&question.body), "Hej!\nKan vi prata?");
    assert_eq!(
        (answer.sender.0, answer.staff_id),
        (Audience::Staff, world.staff.staff())
    );
    let row = world.enrollment(&person).await;
    assert_eq!(
        row.last_activity_at,
        Some(question.sent_at),
        "an answer is nothing that the citizen did"
    );

    let events = event::Entity::find()
        .filter(event::Column::Kind.eq(Stored(EventKind::MessageReceived)))
        .order_by_asc(event::Column::At);
    let events = events.all(world.store.connection()).await.unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.subject_id, event.subject_key.as_deref()))
        .collect();
    assert_eq!(told, [(Some(asked), Some("CITIZEN")), (Some(answered), Some("STAFF"))]);
}

#[tokio::test]
async fn each_side_counts_what_it_has_not_read() {
    let world = World::new().await;
    let (person, quiet) = (world.enroll(0).await, world.enroll(1).await);
    let mut sent = Vec::new();
    for body in ["Ett", "Två", "Tre"] {
        sent.push(world.write(&person.viewer, &person, body).await.unwrap());
        world.store.clock().advance(Duration::seconds(1));
    }
    world.write(&world.staff, &person, "Svar").await.unwrap();
    assert_eq!(world.unread(&person).await, (3, 1));
    let (waiting, nothing) = (world.enrollment(&person).await, world.enrollment(&quiet).await);
    assert!(
        waiting.attention < nothing.attention,
        "who waits for an answer comes first"
    );

    world.read(&world.staff, &person, Some(sent[1])).await.unwrap();
    assert_eq!(world.unread(&person).await, (1, 1), "one came after what was read");
    let read: Vec<bool> = world
        .thread(&world.staff, &person)
        .await
        .iter()
        .map(|row| row.read_at.is_some())
        .collect();
    assert_eq!(read, [false, false, true, true]);
    world.read(&person.viewer, &person, None).await.unwrap();
    world.read(&world.staff, &person, None).await.unwrap();
    assert_eq!(world.unread(&person).await, (0, 0));
    assert_eq!(world.enrollment(&person).await.attention, nothing.attention);
}

#[tokio::test]
async fn nobody_else_writes_or_reads() {
    let world = World::new().await;
    let (person, other) = (world.enroll(0).await, world.enroll(1).await);
    world.write(&person.viewer, &person, "Hej").await.unwrap();
    for viewer in [&world.other_unit, &world.administrator, &other.viewer] {
        let refused = world.write(viewer, &person, "Hej").await.unwrap_err();
        assert_eq!(
            (refused[0].code.as_ref(), refused[0].path.as_slice()),
            ("NOT_FOUND", &["enrollmentId".to_owned()][..])
        );
        assert_eq!(
            codes(world.read(viewer, &person, None).await.unwrap_err()),
            ["NOT_FOUND"]
        );
        assert!(world.thread(viewer, &person).await.is_empty());
    }
    assert_eq!(world.unread(&person).await, (1, 0));
    let strange = world.write(&other.viewer, &other, "Hej").await.unwrap();
    let refused = world.read(&world.staff, &person, Some(strange)).await.unwrap_err();
    assert_eq!(codes(refused), ["NOT_FOUND"], "a message of somebody else's thread");

    let guardian = Who::Guardian {
        id: Uuid::from_u128(1),
        citizens: vec![person.citizen],
    };
    let guardian = Viewer::new(guardian, "test");
    world.store.clock().advance(Duration::seconds(1));
    let id = world.write(&guardian, &person, "Vi undrar en sak.").await.unwrap();
    let row = world.thread(&world.staff, &person).await.remove(0);
    assert_eq!(
        (row.id, row.sender.0),
        (id, Audience::Citizen),
        "a guardian writes for the citizen"
    );
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    for (body, code) in [
        ("", "REQUIRED"),
        (" \n\t", "REQUIRED"),
        (&"å".repeat(10_001), "TOO_LONG"),
    ] {
        let refused = world.write(&person.viewer, &person, body).await.unwrap_err();
        assert_eq!(
            (refused[0].code.as_ref(), refused[0].path.as_slice()),
            (code, &["body".to_owned()][..])
        );
    }
    world.write(&world.staff, &person, "Lycka till!").await.unwrap();
    world.end(&person).await;
    for viewer in [&person.viewer, &world.staff, &Viewer::system()] {
        let refused = world.write(viewer, &person, "Tack").await.unwrap_err();
        assert_eq!(refused[0].code, "ENDED");
    }
    world.read(&person.viewer, &person, None).await.unwrap();
    assert_eq!(world.unread(&person).await, (0, 0), "reading is possible after the end");
    assert_eq!(world.thread(&person.viewer, &person).await.len(), 1);
}

#[tokio::test]
async fn a_rule_writes_to_many_for_the_unit() {
    let world = World::new().await;
    let people = [world.enroll(0).await, world.enroll(1).await, world.enroll(2).await];
    world.end(&people[1]).await;
    let mut act = world.act(&Viewer::system()).await;
    let cause = Cause {
        actor: Actor::Rule(act.id()),
        depth: 2,
    };
    let to = |person: &Person| Send {
        enrollment_id: person.enrollment,
        body: "Nu är halva programmet gjort.".to_owned(),
        attachments: Vec::new(),
        firing_id: None,
        unit_message_id: None,
        cause,
    };
    let sends: Vec<Send> = people.iter().chain([&people[0]]).map(to).collect();
    let outcomes = send(&mut act, &sends).await.unwrap();
    act.commit().await.unwrap();
    let done: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, false, true, true]);
    assert_eq!(world.unread(&people[0]).await, (0, 2));
    assert_eq!(world.unread(&people[2]).await, (0, 1));
    let row = world.thread(&people[2].viewer, &people[2]).await.remove(0);
    assert_eq!((row.sender.0, row.staff_id), (Audience::Staff, None));
    let events = event::Entity::find().all(world.store.connection()).await.unwrap();
    let mut written = events.iter().filter(|event| event.kind.0 == EventKind::MessageReceived);
    assert!(written.all(|event| event.depth == 2));
}
