//! Raising flags and taking care of them.

use entity::{
    action::flag::{self, Ended, Raise},
    event::EventKind,
    facts::Needs,
    flag::{FlagStatus, What},
    viewer::Viewer,
};
use rules::facts::{Audience, Severity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::world::{Person, START, World, at, codes};

impl World {
    fn cause(&self, person: &Person, severity: Severity, occurrence: Option<&str>) -> Raise {
        Raise {
            enrollment_id: person.enrollment,
            kind: "risk".to_owned(),
            severity,
            title: format!("Risk {severity:?}"),
            note: Some("Se svar".to_owned()),
            audience: Audience::Staff,
            rule_key: occurrence.map(|_| "rule".to_owned()),
            occurrence: occurrence.map(str::to_owned),
            auto_resolve: occurrence.is_some(),
            cause: self.system_cause(),
        }
    }

    async fn raise(&self, raises: &[Raise]) -> Vec<Uuid> {
        let mut act = self.act(&Viewer::system()).await;
        let outcomes = flag::raise(&mut act, raises).await.unwrap();
        act.commit().await.unwrap();
        outcomes.into_iter().map(Result::unwrap).collect()
    }

    async fn end(&self, person: &Person, occurrence: &str) {
        let mut act = self.act(&Viewer::system()).await;
        let ended = Ended {
            enrollment_id: person.enrollment,
            rule_key: "rule".to_owned(),
            occurrence: occurrence.to_owned(),
            depth: 1,
        };
        flag::end_causes(&mut act, &[ended]).await.unwrap();
        act.commit().await.unwrap();
    }

    async fn count(&self, person: &Person, kind: EventKind) -> usize {
        let events = entity::event::Entity::find()
            .filter(entity::event::Column::EnrollmentId.eq(person.enrollment))
            .all(self.store.connection())
            .await
            .unwrap();
        events.iter().filter(|event| event.kind.0 == kind).count()
    }

    async fn attention(&self, person: &Person) -> String {
        let row = entity::enrollment::Entity::find_by_id(person.enrollment)
            .one(self.store.connection())
            .await;
        row.unwrap().unwrap().attention
    }
}

#[tokio::test]
async fn causes_of_a_kind_stand_in_one_flag_as_serious_as_the_worst() {
    let world = World::new().await;
    let (one, two) = (world.enroll(0).await, world.enroll(1).await);
    // Some in one batch, one later.
    let raised = world
        .raise(&[
            world.cause(&one, Severity::Info, None),
            world.cause(&one, Severity::Warning, None),
            world.cause(&two, Severity::Info, None),
        ])
        .await;
    assert_eq!(raised[0], raised[1]);
    assert_ne!(raised[0], raised[2]);
    assert_eq!(
        world.raise(&[world.cause(&one, Severity::Info, None)]).await,
        [raised[0]]
    );

    let row = world.flag(raised[0]).await;
    assert_eq!(
        (row.severity.0, world.open(&row.title).as_str(), row.status.0),
        (Severity::Warning, "Risk Warning", FlagStatus::Open)
    );
    let causes = entity::flag::causes(&world.store, &world.staff, &raised, 100)
        .await
        .unwrap();
    assert_eq!((causes[&raised[0]].len(), causes[&raised[2]].len()), (3, 1));
    assert_eq!(world.count(&one, EventKind::FlagRaised).await, 1);
    assert!(
        world.attention(&one).await.starts_with("1 "),
        "the worklist knows of the warning"
    );
    let cause = &causes[&raised[2]][0];
    assert_eq!(world.open(&cause.title), "Risk Info");
    assert_eq!(world.open(cause.note.as_ref().unwrap()), "Se svar");
}

#[tokio::test]
async fn a_new_urgent_cause_opens_an_acknowledged_flag_again() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let flag = world.raise(&[world.cause(&person, Severity::Warning, None)]).await[0];
    let mut act = world.act(&world.staff).await;
    flag::acknowledge(&mut act, flag, Some("Jag ringer")).await.unwrap();
    act.commit().await.unwrap();
    let row = world.flag(flag).await;
    assert_eq!(
        (row.status.0, row.acknowledged_by),
        (FlagStatus::Acknowledged, world.staff.staff())
    );

    world.raise(&[world.cause(&person, Severity::Warning, None)]).await;
    assert_eq!(world.flag(flag).await.status.0, FlagStatus::Acknowledged);
    assert_eq!(world.count(&person, EventKind::FlagRaised).await, 1);

    world.raise(&[world.cause(&person, Severity::Urgent, None)]).await;
    let row = world.flag(flag).await;
    assert_eq!(
        (row.status.0, row.severity.0, row.acknowledged_by),
        (FlagStatus::Open, Severity::Urgent, None)
    );
    assert_eq!(world.count(&person, EventKind::FlagRaised).await, 2);
    let history = entity::flag::history(&world.store, &world.staff, &[flag])
        .await
        .unwrap();
    let became: Vec<_> = history[&flag].iter().map(|change| change.what).collect();
    assert_eq!(
        became,
        [
            What::Status(FlagStatus::Open),
            What::Status(FlagStatus::Acknowledged),
            What::Assigned(world.staff.staff()),
            What::Status(FlagStatus::Open)
        ],
        "in their order, although the clock stood"
    );
}

#[tokio::test]
async fn the_state_of_a_flag_can_be_read_as_of_any_instant() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let urgent = |occurrence| world.cause(&person, Severity::Urgent, Some(occurrence));
    let hour = |hours: i64| at(START) + chrono::Duration::hours(hours);
    let flag = world.raise(&[urgent("1")]).await[0];
    world.store.clock().set(hour(1));
    let mut act = world.act(&world.staff).await;
    flag::acknowledge(&mut act, flag, None).await.unwrap();
    act.commit().await.unwrap();
    world.store.clock().set(hour(2));
    world.raise(&[urgent("2")]).await;
    world.store.clock().set(hour(3));
    world.end(&person, "1").await;
    world.store.clock().set(hour(4));
    world.end(&person, "2").await;

    let row = entity::enrollment::Entity::find_by_id(person.enrollment);
    let row = row.one(world.store.connection()).await.unwrap().unwrap();
    let facts = entity::facts::load(&world.store, world.store.connection(), &[row], &Needs::all(), None)
        .await
        .unwrap();
    let read = &facts[&person.enrollment].flags[0];
    let soon = chrono::Duration::seconds(1);
    let states = (0..5).map(|hours| read.state(hour(hours) + soon));
    use rules::facts::FlagState::{Acknowledged, Open, Resolved};
    assert_eq!(
        states.collect::<Vec<_>>(),
        [Open, Acknowledged, Open, Open, Resolved].map(Some)
    );
    assert_eq!(read.state(hour(0) - soon), None);
    assert_eq!(read.openings().count(), 2);

    // What was judged keeps its date: what comes at the same instant comes after it.
    let judged = hour(6);
    entity::evaluation::Entity::update_many()
        .col_expr(entity::evaluation::Column::EvaluatedUntil, Expr::value(judged))
        .filter(entity::evaluation::Column::EnrollmentId.eq(person.enrollment))
        .exec(world.store.connection())
        .await
        .unwrap();
    world.store.clock().set(judged);
    let next = world.raise(&[urgent("3")]).await[0];
    let history = entity::flag::history(&world.store, &world.staff, &[next])
        .await
        .unwrap();
    assert!(history[&next][0].at > judged);
}

#[tokio::test]
async fn a_flag_resolves_itself_when_its_last_cause_ends() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let flag = world
        .raise(&[
            world.cause(&person, Severity::Urgent, Some("1")),
            world.cause(&person, Severity::Warning, Some("2")),
        ])
        .await[0];
    world.end(&person, "another").await;
    assert_eq!(world.flag(flag).await.severity.0, Severity::Urgent);
    world.end(&person, "1").await;
    let row = world.flag(flag).await;
    assert_eq!(
        (row.severity.0, world.open(&row.title).as_str(), row.status.0),
        (Severity::Warning, "Risk Warning", FlagStatus::Open)
    );
    world.end(&person, "2").await;
    let row = world.flag(flag).await;
    assert_eq!(row.status.0, FlagStatus::AutoResolved);
    assert!(row.resolved_at.is_some());
    assert_eq!(world.count(&person, EventKind::FlagResolved).await, 1);
    assert!(world.attention(&person).await.starts_with("3 "));

    // The next one is a flag of its own; what a person raised beside it stays.
    let next = world.raise(&[world.cause(&person, Severity::Info, Some("3"))]).await[0];
    assert_ne!(flag, next);
    world.raise(&[world.cause(&person, Severity::Info, None)]).await;
    world.end(&person, "3").await;
    assert_eq!(world.flag(next).await.status.0, FlagStatus::Open);
}

#[tokio::test]
async fn a_flag_is_taken_care_of_once() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let flag = world.raise(&[world.cause(&person, Severity::Info, None)]).await[0];
    let mut act = world.act(&world.staff).await;
    flag::acknowledge(&mut act, flag, None).await.unwrap();
    flag::acknowledge(&mut act, flag, None).await.unwrap();
    act.commit().await.unwrap();
    let mut act = world.act(&Viewer::system()).await;
    assert_eq!(
        codes(flag::acknowledge(&mut act, flag, None).await.unwrap_err()),
        ["ALREADY_ACKNOWLEDGED"]
    );
    drop(act);
    let mut act = world.act(&world.staff).await;
    flag::resolve(&mut act, flag, Some("Klart")).await.unwrap();
    act.commit().await.unwrap();
    let mut act = world.act(&world.staff).await;
    assert_eq!(
        codes(flag::resolve(&mut act, flag, None).await.unwrap_err()),
        ["ALREADY_RESOLVED"]
    );
    assert_eq!(
        codes(flag::acknowledge(&mut act, flag, None).await.unwrap_err()),
        ["ALREADY_RESOLVED"]
    );
    let causes = entity::flag::causes(&world.store, &world.staff, &[flag], 100)
        .await
        .unwrap();
    assert!(causes[&flag][0].ended_at.is_some());
}

#[tokio::test]
async fn flags_of_staff_are_for_those_who_treat() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let to_staff = world.cause(&person, Severity::Info, None);
    let to_citizen = Raise {
        audience: Audience::Citizen,
        ..to_staff.clone()
    };
    let flags = world.raise(&[to_staff.clone(), to_citizen]).await;
    assert_ne!(flags[0], flags[1]);
    for (viewer, seen) in [
        (&world.staff, vec![flags[0], flags[1]]),
        (&world.administrator, vec![]),
        (&world.other_unit, vec![]),
        (&person.viewer, vec![flags[1]]),
    ] {
        let mut found: Vec<_> = entity::flag::find(&world.store, viewer, &flags)
            .await
            .unwrap()
            .into_keys()
            .collect();
        found.sort_by_key(|id| flags.iter().position(|flag| flag == id));
        assert_eq!(found, seen, "{:?}", viewer.who);
        let pages = entity::flag::page(
            &world.store,
            viewer,
            &[person.enrollment],
            &[FlagStatus::Open],
            10,
            None,
        )
        .await;
        let listed = pages.unwrap().get(&person.enrollment).map_or(0, |page| page.rows.len());
        assert_eq!(listed, seen.len());
    }
    for viewer in [&world.administrator, &world.other_unit, &person.viewer] {
        let mut act = world.act(viewer).await;
        let outcomes = flag::raise(&mut act, std::slice::from_ref(&to_staff)).await.unwrap();
        assert_eq!(outcomes[0].as_ref().unwrap_err()[0].code, "NOT_FOUND");
        assert_eq!(
            codes(flag::acknowledge(&mut act, flags[0], None).await.unwrap_err()),
            ["NOT_FOUND"]
        );
    }
    let mut act = world.act(&world.staff).await;
    let nameless = Raise {
        title: " ".to_owned(),
        kind: String::new(),
        ..to_staff
    };
    let outcomes = flag::raise(&mut act, &[nameless]).await.unwrap();
    let codes: Vec<_> = outcomes[0]
        .as_ref()
        .unwrap_err()
        .iter()
        .map(|error| error.path[0].as_str())
        .collect();
    assert_eq!(codes, ["kind", "title"]);
}
