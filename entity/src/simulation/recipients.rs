//! Whom notices would reach, on which channels and when.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use rules::{
    definition,
    facts::{Channel, Facts},
    simulation::{Notice, To},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    action::delivery::channels_to_citizen, assignment::Role, citizen, contact_choice, enrollment, error::Result,
    office_hours::OfficeHours, quiet_hours::QuietHours, store::Store, viewer::Viewer,
};

/// Whom notices about some enrollments would reach.
#[derive(Debug)]
pub(crate) struct Recipients {
    store: Store,
    citizens: HashMap<Uuid, citizen::Model>,
    choices: HashMap<(Uuid, Channel), bool>,
    therapists: HashMap<Uuid, Vec<Uuid>>,
    hours: HashMap<Uuid, OfficeHours>,
}

impl Recipients {
    /// Reads them as they are today; four statements.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(store: &Store, enrollments: &[enrollment::Model]) -> Result<Self> {
        let citizens: BTreeSet<Uuid> = enrollments.iter().map(|row| row.citizen_id).collect();
        let citizens: Vec<Uuid> = citizens.into_iter().collect();
        let rows = citizen::Entity::find()
            .filter(citizen::Column::Id.is_in(citizens.iter().copied()))
            .all(store.connection())
            .await?;
        let ids: Vec<Uuid> = enrollments.iter().map(|row| row.id).collect();
        let units = enrollments.iter().map(|row| row.unit_id);
        Ok(Self {
            hours: OfficeHours::of_units(store.connection(), units).await?,
            choices: contact_choice::choices(store.connection(), &citizens, store.now()).await?,
            citizens: rows.into_iter().map(|row| (row.id, row)).collect(),
            therapists: enrollment::therapists(store, &Viewer::system(), &ids).await?,
            store: store.clone(),
        })
    }

    /// The deliveries of a notice that still applies when they leave: on which channel, and when.
    pub fn deliveries(&self, row: &enrollment::Model, notice: &Notice, facts: &Facts) -> Vec<(Channel, DateTime<Utc>)> {
        let mut deliveries = match notice.to {
            To::Citizen => self.to_citizen(row, notice),
            To::Staff(who) => self.to_staff(row, notice, who),
        };
        deliveries.retain(|(_, at)| notice.applies(facts, *at));
        deliveries
    }

    fn to_citizen(&self, row: &enrollment::Model, notice: &Notice) -> Vec<(Channel, DateTime<Utc>)> {
        let Some(citizen) = self.citizens.get(&row.citizen_id) else {
            return Vec::new();
        };
        let leave_at = match notice.bypass_quiet_hours {
            true => notice.at,
            false => QuietHours::of(citizen).leave_at(notice.at, row.tz()),
        };
        channels_to_citizen(citizen, &notice.channels, &self.choices)
            .into_iter()
            .filter(|(_, reached)| reached.is_ok())
            .map(|(channel, _)| match channel {
                Channel::Inbox => (channel, notice.at),
                _ => (channel, leave_at),
            })
            .collect()
    }

    fn to_staff(
        &self,
        row: &enrollment::Model,
        notice: &Notice,
        who: definition::Recipients,
    ) -> Vec<(Channel, DateTime<Utc>)> {
        let directory = self.store.directory();
        let named = || self.therapists.get(&row.id).filter(|named| !named.is_empty()).cloned();
        let staff = match who {
            // Where nobody is named, every therapist of the unit: somebody must get to know.
            definition::Recipients::Therapists => {
                named().unwrap_or_else(|| directory.staff_of(row.unit_id, Role::Therapist))
            }
            definition::Recipients::UnitStaff => directory.staff_of(row.unit_id, Role::Therapist),
            definition::Recipients::UnitAdministrators => directory.staff_of(row.unit_id, Role::UnitAdministrator),
        };
        let channels = match notice.channels.is_empty() {
            true => &[Channel::Email][..],
            false => &notice.channels,
        };
        let is_reached = |id: &Uuid, channel: Channel| match channel {
            Channel::Email => directory.staff(*id).is_some_and(|staff| staff.email.is_some()),
            Channel::Inbox => true,
            Channel::Sms | Channel::WebPush => false,
        };
        let hours = self.hours.get(&row.unit_id).filter(|_| notice.office_hours);
        let leave_at = hours.map_or(notice.at, |hours| hours.next(notice.at));
        let all = staff
            .iter()
            .flat_map(|id| channels.iter().map(move |channel| (id, *channel)));
        all.filter(|(id, channel)| is_reached(id, *channel))
            .map(|(_, channel)| (channel, leave_at))
            .collect()
    }
}
