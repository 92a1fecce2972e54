//! Whom notices would reach, on which channels and when.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::{
    definition,
    facts::{Channel, Facts},
    simulation::{Notice, To},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    action::delivery::channels_to_citizen, assignment::Role, citizen, contact_choice, delivery::Item, enrollment,
    error::Result, office_hours::OfficeHours, quiet_hours::QuietHours, store::Store, viewer::Viewer,
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

    /// The deliveries of what would be told in one enrollment that leave, each on which channel and when: of those that apply both
    /// when they are made and when they leave, and of those that wait to tell the same person of the same, or of rungs that leave
    /// together, only the last.
    pub fn deliveries<'a>(
        &self,
        row: &enrollment::Model,
        told: impl IntoIterator<Item = Told<'a>>,
        facts: &Facts,
    ) -> Vec<(Channel, DateTime<Utc>)> {
        let told = told.into_iter();
        let mut applying: Vec<Told<'a>> = told.filter(|one| one.notice.applies(facts, one.notice.at)).collect();
        applying.sort_by_key(|one| one.notice.at);
        let mut made = Vec::new();
        let mut rungs = HashSet::new();
        for one in applying.iter().rev() {
            let reached = match one.notice.to {
                To::Citizen => self.to_citizen(row, one.notice),
                To::Staff(who) => self.to_staff(row, one, who),
            };
            if let (Some(rung @ Item::Rung { .. }), Some((.., leaves_at))) = (&one.item, reached.first())
                && !rungs.insert((rung, *leaves_at))
            {
                continue;
            }
            made.extend(reached.into_iter().map(|(staff, channel, leaves_at)| Made {
                notice: one.notice,
                item: one.item.as_ref(),
                staff,
                channel,
                leaves_at,
            }));
        }
        made.reverse();
        let mut leaving = Vec::new();
        let mut later = made.as_slice();
        while let Some((delivery, rest)) = later.split_first() {
            later = rest;
            let is_superseded = delivery.is_superseded(rest);
            if !is_superseded && delivery.notice.applies(facts, delivery.leaves_at) {
                leaving.push((delivery.channel, delivery.leaves_at));
            }
        }
        leaving
    }

    /// To whom of the staff, if to any, on which channel and when it would leave.
    fn to_citizen(&self, row: &enrollment::Model, notice: &Notice) -> Vec<(Option<Uuid>, Channel, DateTime<Utc>)> {
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
                Channel::Inbox => (None, channel, notice.at),
                _ => (None, channel, leave_at),
            })
            .collect()
    }

    fn to_staff(
        &self,
        row: &enrollment::Model,
        told: &Told<'_>,
        who: definition::Recipients,
    ) -> Vec<(Option<Uuid>, Channel, DateTime<Utc>)> {
        let (notice, directory) = (told.notice, self.store.directory());
        let treats = |staff: &&Uuid| directory.has_role(**staff, row.unit_id, Role::Therapist);
        let still_there = |staff: &[Uuid]| staff.iter().filter(treats).copied().collect::<Vec<_>>();
        let staff = match who {
            // Nobody else is told where they do not treat there any more.
            _ if !told.named.is_empty() => still_there(told.named),
            // Where nobody is named, every therapist of the unit: somebody must get to know.
            definition::Recipients::Therapists => (self.therapists.get(&row.id).cloned())
                .unwrap_or_else(|| directory.staff_of(row.unit_id, Role::Therapist)),
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
            .map(|(id, channel)| (Some(*id), channel, leave_at))
            .collect()
    }
}

/// Something that would be told.
pub(crate) struct Told<'a> {
    /// To whom, when and how.
    pub notice: &'a Notice,
    /// What it tells of as one of several; none where each is to be told.
    pub item: Option<Item>,
    /// The staff whom it names; none where it is for a group.
    pub named: &'a [Uuid],
}

/// A delivery that is made when its notice is due, and leaves then or later.
struct Made<'a> {
    notice: &'a Notice,
    item: Option<&'a Item>,
    /// Who of the staff gets it; none where the citizen does.
    staff: Option<Uuid>,
    channel: Channel,
    leaves_at: DateTime<Utc>,
}

impl Made<'_> {
    /// Whether another one about the same is made while it waits.
    fn is_superseded(&self, later: &[Self]) -> bool {
        let meanwhile = later.iter().take_while(|other| other.notice.at < self.leaves_at);
        let mut same = meanwhile.filter(|other| other.staff == self.staff && other.channel == self.channel);
        self.item.is_some() && same.any(|other| other.item == self.item)
    }
}
