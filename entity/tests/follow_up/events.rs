//! Reading what happened, after a cursor.

use entity::{
    action::flag::{Raise, raise},
    event::{self, Cursor, EventKind, Scope, Told},
    viewer::Viewer,
};
use rules::facts::{Audience, Severity};

use super::world::{Person, World};

impl World {
    async fn flag_for(&self, person: &Person, audience: Audience) {
        let mut act = self.act(&Viewer::system()).await;
        let flag = Raise {
            enrollment_id: person.enrollment,
            kind: "risk".to_owned(),
            severity: Severity::Urgent,
            title: "Risk".to_owned(),
            note: None,
            audience,
            rule_key: None,
            occurrence: None,
            auto_resolve: false,
            cause: self.system_cause(),
        };
        raise(&mut act, &[flag]).await.unwrap();
        act.commit().await.unwrap();
    }

    /// As [`World::events`], once there are at least so many: on PostgreSQL they come to light when everything that was
    /// written before them is settled, in other databases of the server, too.
    async fn settled(&self, scope: &Scope, cursor: Option<Cursor>, count: usize) -> Vec<Told> {
        let reading = async {
            loop {
                let events = self.events(&self.staff, scope, cursor, &[]).await;
                if events.len() >= count {
                    return events;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), reading)
            .await
            .unwrap()
    }

    async fn events(&self, viewer: &Viewer, scope: &Scope, cursor: Option<Cursor>, kinds: &[EventKind]) -> Vec<Told> {
        event::after(&self.store, viewer, scope, cursor, kinds, 100)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was() {
    let world = World::new().await;
    let person = world.enroll(0).await;
    let unit = &Scope::Unit(world.unit);
    world.settled(unit, None, 1).await;
    let start = event::now_cursor(&world.store).await.unwrap();
    assert!(world.events(&world.staff, unit, Some(start), &[]).await.is_empty());
    world.send(&person, None, &[]).await;
    world.flag_for(&person, Audience::Staff).await;
    let kinds = |events: &[Told]| events.iter().map(|event| event.kind.0).collect::<Vec<_>>();
    let seen = world.settled(unit, Some(start), 2).await;
    assert_eq!(kinds(&seen), [EventKind::DispatchAvailable, EventKind::FlagRaised]);

    let cursor: Cursor = seen[0].cursor().to_string().parse().unwrap();
    assert_eq!(
        kinds(&world.events(&world.staff, unit, Some(cursor), &[]).await),
        [EventKind::FlagRaised]
    );
    let only = [EventKind::FlagRaised];
    assert_eq!(kinds(&world.events(&world.staff, unit, None, &only).await), only);
    assert!("nonsense".parse::<Cursor>().is_err());
    let all = world.events(&world.staff, unit, None, &[]).await;
    let page = event::after(&world.store, &world.staff, unit, None, &[], 1)
        .await
        .unwrap();
    assert_eq!(page, all[..1]);
}

#[tokio::test]
async fn everybody_reads_their_own() {
    let world = World::new().await;
    let (person, other) = (world.enroll(0).await, world.enroll(1).await);
    world.flag_for(&person, Audience::Staff).await;
    world.flag_for(&person, Audience::Citizen).await;
    world.flag_for(&other, Audience::Citizen).await;
    world.settled(&Scope::Unit(world.unit), None, 5).await;
    let flags = [EventKind::FlagRaised];
    let unit = Scope::Unit(world.unit);
    let of = |person: &Person| Scope::Citizens(vec![person.citizen]);
    for (viewer, scope, count) in [
        (&world.staff, unit.clone(), 3),
        (&world.administrator, unit.clone(), 0),
        (&world.other_unit, unit, 0),
        (&person.viewer, of(&person), 1),
        (&person.viewer, of(&other), 0),
    ] {
        assert_eq!(
            world.events(viewer, &scope, None, &flags).await.len(),
            count,
            "{:?}",
            viewer.who
        );
    }
    assert!(person.viewer.take_trail().contains(&person.citizen), "reading is noted");
    assert!(!person.viewer.take_trail().contains(&other.citizen));
}
