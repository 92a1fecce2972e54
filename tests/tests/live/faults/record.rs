//! What there was to be heard, as the database has it.

use entity::{
    event::{self, EventKind},
    flag,
    viewer::Actor,
};
use rules::facts::Audience;
use sea_orm::{EntityTrait, QueryOrder};
use uuid::Uuid;

use super::site::Site;

/// Everything that happened, as the table has it.
pub struct Record {
    events: Vec<event::Model>,
    /// The flags that are for citizens.
    flags: Vec<Uuid>,
    citizens: Vec<Uuid>,
    therapist: Uuid,
}

impl Record {
    pub async fn read(site: &Site) -> Self {
        let store = &site.house.world.store;
        let events = event::Entity::find()
            .order_by_asc(event::Column::Position)
            .order_by_asc(event::Column::Id);
        let flags = flag::Entity::find().all(store.connection()).await.unwrap();
        let enrollments = entity::enrollment::Entity::find().order_by_asc(entity::enrollment::Column::CreatedAt);
        let enrollments = enrollments.all(store.connection()).await.unwrap();
        Self {
            events: events.all(store.connection()).await.unwrap(),
            flags: flags
                .iter()
                .filter(|flag| flag.audience.0 == Audience::Citizen)
                .map(|flag| flag.id)
                .collect(),
            citizens: enrollments.iter().map(|row| row.citizen_id).collect(),
            therapist: site.house.world.care.therapist,
        }
    }

    /// What the therapist is to hear, in order, up to the last.
    pub fn of_unit(&self) -> Vec<String> {
        let own = |event: &event::Model| {
            event.kind.0 == EventKind::MessageReceived && event.actor.0 == Actor::Staff(self.therapist)
        };
        self.told(1, |event| !own(event))
    }

    /// What the nth citizen is to hear, in order, up to the last.
    pub fn of_citizen(&self, n: usize) -> Vec<String> {
        let citizen = self.citizens[n - 1];
        self.told(n - 1, |event| {
            let is_for_them = match event.kind.0 {
                EventKind::FlagRaised => self.flags.contains(&event.subject_id.unwrap()),
                EventKind::MessageReceived => event.subject_key.as_deref() == Some("STAFF"),
                _ => true,
            };
            event.citizen_id == citizen && is_for_them
        })
    }

    /// Signing in is told to nobody. The last is the flag that was raised last for one of the citizens.
    fn told(&self, last_of: usize, is_told: impl Fn(&event::Model) -> bool) -> Vec<String> {
        let is_last = |event: &event::Model| {
            event.kind.0 == EventKind::FlagRaised
                && event.citizen_id == self.citizens[last_of]
                && self.flags.contains(&event.subject_id.unwrap())
        };
        let last = self.events.iter().rposition(is_last).unwrap();
        self.events[..=last]
            .iter()
            .filter(|event| event.kind.0 != EventKind::SignedIn && is_told(event))
            .map(|event| event.cursor().to_string())
            .collect()
    }
}
