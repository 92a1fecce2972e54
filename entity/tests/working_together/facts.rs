//! What rules know of enrollments.

use chrono::{DateTime, Duration, Utc};
use entity::{
    act::Cause,
    action::{
        activity::Register,
        citizen::signed_in,
        flag::{Raise, acknowledge, raise, resolve},
        step,
    },
    activity_correction, enrollment,
    facts::{self, Needs},
    viewer::Actor,
};
use rules::{
    definition::RuleDefinition,
    facts::{Audience, Dated, Event, EventKind, Facts, FlagState, Ratings, Severity, Sex},
};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::{
    activities::walk,
    world::{Person, START, World, answers, at},
};

impl World {
    /// The facts of somebody, and how many statements it took to read those of everybody.
    async fn facts(&self, person: &Person, needs: &Needs, since: Option<DateTime<Utc>>) -> (Facts, u64) {
        let connection = self.store.connection();
        let enrollments = enrollment::Entity::find().all(connection).await.unwrap();
        // Content is read once per process.
        facts::load(&self.store, connection, &enrollments, needs, since)
            .await
            .unwrap();
        let before = self.store.statements();
        let mut found = facts::load(&self.store, connection, &enrollments, needs, since)
            .await
            .unwrap();
        let statements = self.store.statements() - before;
        (found.remove(&person.enrollment).unwrap(), statements)
    }

    /// Whatever can happen to somebody, an hour apart.
    async fn lived(&self, n: u32) -> Person {
        self.store.clock().set(at(START));
        let person = self.enroll(n).await;
        let hour = || self.store.clock().advance(Duration::hours(1));
        let activity = self.plan(&self.staff, &walk(&person)).await.unwrap();
        hour();
        let mut act = self.act(&person.viewer).await;
        let now = act.now;
        signed_in(&mut act, person.citizen, now).await.unwrap();
        act.commit().await.unwrap();
        hour();
        self.write(&person.viewer, &person, "Hej").await.unwrap();
        hour();
        self.write(&self.staff, &person, "Hej hej").await.unwrap();
        hour();
        self.register(&person.viewer, activity, "2026-11-23").await.unwrap();
        hour();
        let sent = self.send(&person, Some("P2D"), &[]).await;
        self.submit(&person.viewer, sent, &answers("some", "no")).await.unwrap();
        hour();
        let mut act = self.act(&self.staff).await;
        let flag = Raise {
            enrollment_id: person.enrollment,
            kind: "risk".to_owned(),
            severity: Severity::Warning,
            title: "Risk".to_owned(),
            note: None,
            audience: Audience::Staff,
            rule_key: None,
            occurrence: None,
            auto_resolve: false,
            cause: Cause {
                actor: Actor::System,
                depth: 0,
            },
        };
        let flag = raise(&mut act, &[flag]).await.unwrap().remove(0).unwrap();
        act.commit().await.unwrap();
        hour();
        let mut act = self.act(&self.staff).await;
        acknowledge(&mut act, flag, None).await.unwrap();
        act.commit().await.unwrap();
        hour();
        let mut act = self.act(&self.staff).await;
        resolve(&mut act, flag, None).await.unwrap();
        act.commit().await.unwrap();
        person
    }
}

fn hours(n: i64) -> DateTime<Utc> {
    at(START) + Duration::hours(n)
}

fn rule(condition: Value) -> RuleDefinition {
    serde_json::from_value(json!({ "trigger": { "whenever": {} }, "condition": condition, "actions": [] })).unwrap()
}

#[tokio::test]
async fn everything_is_known_with_its_date() {
    let world = World::new().await;
    let person = world.lived(3).await;
    let (facts, _) = world.facts(&person, &Needs::all(), None).await;
    // The number's last digit but one is odd.
    assert_eq!(
        (facts.sex, facts.birth_date),
        (Some(Sex::Male), "1980-01-01".parse().ok())
    );
    assert_eq!(facts.sign_ins, [hours(1)]);
    let messages: Vec<_> = facts
        .messages
        .iter()
        .map(|message| (message.at, message.from))
        .collect();
    assert_eq!(messages, [(hours(2), Audience::Citizen), (hours(3), Audience::Staff)]);
    assert_eq!(
        facts.activities,
        [hours(2), hours(4), hours(5)],
        "a message from the staff is none of them"
    );
    let planned = &facts.planned[0];
    assert_eq!((planned.known_at, planned.ended_at), (hours(0), None));
    let entry = Dated {
        at: hours(4),
        value: "2026-11-23".parse().unwrap(),
    };
    assert_eq!(planned.entries, [entry]);
    let said = Dated {
        at: hours(4),
        value: Ratings::default(),
    };
    assert_eq!(
        (facts.registrations[0].at, &facts.registrations[0].said),
        (hours(4), &vec![said])
    );
    assert_eq!(
        planned.next_day("2026-11-24".parse().unwrap()),
        "2026-11-26".parse().ok()
    );
    assert_eq!(facts.responses[0].at, hours(5));
    let changes: Vec<_> = facts.flags[0]
        .changes
        .iter()
        .map(|change| (change.at, change.value))
        .collect();
    assert_eq!(
        changes,
        [
            (hours(6), FlagState::Open),
            (hours(7), FlagState::Acknowledged),
            (hours(8), FlagState::Resolved)
        ]
    );
    let from = |kind: &EventKind| facts.events.iter().any(|Event { kind: event, .. }| event == kind);
    for kind in [
        EventKind::MessageReceived {
            from: Audience::Citizen,
        },
        EventKind::MessageReceived { from: Audience::Staff },
        EventKind::ActivityRegistered {
            registration: facts.registrations[0].id,
        },
        EventKind::SignedIn,
    ] {
        assert!(from(&kind), "{kind:?}");
    }
}

/// What happened last before the instants that are judged is known however long ago it was.
#[tokio::test]
async fn what_was_before_is_known_as_far_as_it_counts() {
    let world = World::new().await;
    let person = world.lived(0).await;
    let mut act = world.act(&person.viewer).await;
    let content = world
        .store
        .library()
        .content(&act.tx, world.enrollment(&person).await.version_id);
    let step = content.await.unwrap().modules[0].sections[0].steps[0].row.id;
    act.now = hours(10);
    step::complete(&mut act, person.enrollment, step).await.unwrap();
    act.commit().await.unwrap();
    let (facts, _) = world.facts(&person, &Needs::all(), Some(hours(9))).await;
    assert_eq!(facts.sign_ins, [hours(1)]);
    assert_eq!(facts.activities.first(), Some(&hours(2)));
    assert!(
        facts.activities.contains(&hours(4)),
        "the last of each kind: {:?}",
        facts.activities
    );
    assert_eq!(facts.activities.last(), Some(&hours(10)));
    assert!(facts.activities.is_sorted());
    assert!(facts.events.iter().all(|event| event.at > hours(9)));
    assert_eq!(facts.messages.len(), 2);
}

#[tokio::test]
async fn only_what_rules_look_at_is_read_and_as_many_for_all_as_for_one() {
    let world = World::new().await;
    let person = world.lived(0).await;
    let messages =
        rule(json!({ "compare": { "fact": { "daysSince": { "event": "MESSAGE" } }, "operator": "GTE", "value": 2 } }));
    let missed =
        rule(json!({ "compare": { "fact": { "missedActivities": { "days": 7 } }, "operator": "GTE", "value": 3 } }));
    let rated = rule(json!({ "compare": { "fact": { "rating": {} }, "operator": "LTE", "value": 3 } }));
    let of_rules = [
        (Needs::default(), 2),
        (Needs::of([&messages]), 3),
        (Needs::of([&messages, &missed]), 6),
        (Needs::of([&messages, &missed, &rated]), 6),
        (Needs::all(), 15),
    ];
    for people in [1, 4] {
        for n in 1..people {
            world.lived(n).await;
        }
        for (needs, expected) in &of_rules {
            let (facts, statements) = world.facts(&person, needs, None).await;
            assert_eq!(statements, *expected, "{needs:?} for {people}");
            assert_eq!(facts.messages.is_empty(), *needs == Needs::default());
        }
    }
    let (facts, _) = world.facts(&person, &Needs::of([&messages]), None).await;
    assert!(facts.planned.is_empty() && facts.flags.is_empty() && facts.modules.is_empty() && facts.sex.is_none());
    assert_eq!(facts.activities.len(), 3, "what the citizen did is always known");
}

#[tokio::test]
async fn what_was_registered_is_known_as_it_was_said_then() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let activity = world.plan(&world.staff, &walk(&person)).await.unwrap();
    let rate = async |before, after| {
        world.store.clock().advance(Duration::hours(1));
        let rated = |register: &mut Register| (register.rating_before, register.rating) = (before, after);
        world
            .register_as(&person.viewer, activity, "2026-11-23", rated)
            .await
            .unwrap()
    };
    let id = rate(Some(2), Some(7)).await;
    rate(None, Some(3)).await;
    rate(Some(0), None).await;
    let rated = rule(json!({ "compare": { "fact": { "rating": {} }, "operator": "LTE", "value": 3 } }));
    let said = async || {
        let (facts, statements) = world.facts(&person, &Needs::of([&rated]), None).await;
        assert_eq!(statements, 3);
        let [known] = &facts.registrations[..] else {
            panic!("{:?}", facts.registrations)
        };
        assert_eq!((known.id, known.at), (id, hours(1)));
        let said = known.said.iter();
        said.map(|said| (said.at, said.value.before, said.value.after))
            .collect::<Vec<_>>()
    };
    let last = (hours(3), Some(0.0), None);
    assert_eq!(
        said().await,
        [(hours(1), Some(2.0), Some(7.0)), (hours(2), None, Some(3.0)), last]
    );
    // Nobody knows any more what was overwritten before anything was kept.
    activity_correction::Entity::delete_many()
        .exec(world.store.connection())
        .await
        .unwrap();
    assert_eq!(said().await, [last]);
}
