//! Where deliveries that are due go, as far as they still apply.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::facts::Channel;
use sea_orm::{DatabaseTransaction, entity::prelude::*};

use super::{ADDRESS_UNREADABLE, DeliveryStatus, Model, claiming::Claimed, role_of};
use crate::{
    applies::{self, SkipReason},
    assignment::{Posts, Role},
    citizen::{self, DEFAULT_LOCALE},
    contact_choice, enrollment,
    error::Result,
    office_hours::OfficeHours,
    quiet_hours::QuietHours,
    reminder, staff,
    store::Store,
    stored,
};

/// What becomes of a delivery that is due and not handed over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Instead {
    /// It ends, and why.
    Ended(DeliveryStatus, String),
    /// It waits until the quiet hours end, or the unit opens.
    Waits(DateTime<Utc>),
}

impl Instead {
    fn skipped(reason: SkipReason) -> Self {
        Self::Ended(DeliveryStatus::Skipped, stored::word(&reason))
    }

    /// Whether somebody is not told who was to be: it is for want of an address or a role, and not since nothing is to be told
    /// any more.
    pub(super) fn misses_somebody(&self) -> bool {
        let for_want_of = [SkipReason::NotAssigned, SkipReason::NoAddress];
        match self {
            Self::Ended(DeliveryStatus::Failed, _) => true,
            Self::Ended(_, _) => for_want_of.into_iter().any(|reason| *self == Self::skipped(reason)),
            Self::Waits(_) => false,
        }
    }
}

/// What tells whether deliveries still apply, and where they go.
pub(super) struct People {
    reminders: HashMap<Uuid, reminder::Model>,
    obstacles: HashMap<Uuid, SkipReason>,
    enrollments: HashMap<Uuid, enrollment::Model>,
    citizens: HashMap<Uuid, citizen::Model>,
    choices: HashMap<(Uuid, Channel), bool>,
    staff: HashMap<Uuid, staff::Model>,
    posts: Posts,
    hours: HashMap<Uuid, OfficeHours>,
}

impl People {
    pub(super) async fn read(
        store: &Store,
        tx: &DatabaseTransaction,
        due: &[Model],
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let citizens: Vec<Uuid> = due.iter().filter_map(|row| row.citizen_id).collect();
        let reminders = reminder::Entity::find()
            .filter(reminder::Column::Id.is_in(due.iter().map(|row| row.reminder_id)))
            .all(tx)
            .await?;
        let enrollments = enrollment::Entity::find()
            .filter(enrollment::Column::Id.is_in(due.iter().map(|row| row.enrollment_id)))
            .all(tx)
            .await?;
        let enrollments: HashMap<Uuid, enrollment::Model> = enrollments.into_iter().map(|row| (row.id, row)).collect();
        let to_staff = due.iter().filter(|row| row.staff_id.is_some());
        let units = to_staff.filter_map(|row| Some(enrollments.get(&row.enrollment_id)?.unit_id));
        let units: HashSet<Uuid> = units.collect();
        let roles = [Role::Therapist, Role::UnitAdministrator];
        let posts = Posts::read(tx, &store.directory(), &units, &roles, now).await?;
        let choices = contact_choice::choices(tx, &citizens, now).await?;
        let citizens = citizen::Entity::find()
            .filter(citizen::Column::Id.is_in(citizens))
            .all(tx)
            .await?;
        let staff = staff::Entity::find()
            .filter(staff::Column::Id.is_in(due.iter().filter_map(|row| row.staff_id)))
            .all(tx)
            .await?;
        Ok(Self {
            obstacles: applies::obstacles(store, tx, &reminders, &enrollments, now).await?,
            reminders: reminders.into_iter().map(|row| (row.id, row)).collect(),
            enrollments,
            citizens: citizens.into_iter().map(|row| (row.id, row)).collect(),
            choices,
            staff: staff.into_iter().map(|row| (row.id, row)).collect(),
            hours: OfficeHours::of_units(tx, units).await?,
            posts,
        })
    }

    /// The delivery with where it goes, or what becomes of it instead.
    pub(super) fn check(&self, store: &Store, row: Model, now: DateTime<Utc>) -> Result<Claimed, Instead> {
        if let Some(reason) = self.obstacles.get(&row.reminder_id) {
            return Err(Instead::skipped(*reason));
        }
        let (Some(reminder), Some(enrollment)) = (
            self.reminders.get(&row.reminder_id),
            self.enrollments.get(&row.enrollment_id),
        ) else {
            return Err(Instead::skipped(SkipReason::Ended));
        };
        let channel = row.channel.0;
        let (sealed, locale) = match (row.citizen_id, row.staff_id) {
            (Some(citizen), _) => {
                if self.choices.get(&(citizen, channel)) == Some(&false) {
                    return Err(Instead::skipped(SkipReason::OptedOut));
                }
                let citizen = self.citizens.get(&citizen);
                // After an attempt that failed, or an hour in which nobody worked, it may be night again.
                if let Some(citizen) = citizen.filter(|_| !reminder.bypass_quiet_hours) {
                    let leave_at = QuietHours::of(citizen).leave_at(now, enrollment.tz());
                    if leave_at > now {
                        return Err(Instead::Waits(leave_at));
                    }
                }
                let sealed = citizen.and_then(|citizen| match channel {
                    Channel::Email => citizen.email.as_ref(),
                    Channel::Sms => citizen.phone.as_ref(),
                    Channel::WebPush | Channel::Inbox => None,
                });
                (sealed, enrollment.locale.as_str())
            }
            (None, Some(staff)) if channel == Channel::Email => {
                if !self.posts.has(staff, enrollment.unit_id, role_of(reminder)) {
                    return Err(Instead::skipped(SkipReason::NotAssigned));
                }
                let hours = self.hours.get(&enrollment.unit_id).filter(|_| reminder.office_hours);
                if let Some(opens) = hours.map(|hours| hours.next(now)).filter(|opens| *opens > now) {
                    return Err(Instead::Waits(opens));
                }
                let staff = self.staff.get(&staff);
                let locale = staff.and_then(|staff| staff.locale.as_deref());
                let sealed = staff.and_then(|staff| staff.email.as_ref());
                (sealed, locale.unwrap_or(DEFAULT_LOCALE))
            }
            _ => (None, DEFAULT_LOCALE),
        };
        let sealed = sealed.ok_or_else(|| Instead::skipped(SkipReason::NoAddress))?;
        // One address that cannot be opened must not stop the others.
        let address = store.keyring().open(sealed).map_err(|error| {
            tracing::error!(delivery = %row.id, %error, "the address of a delivery cannot be opened");
            Instead::Ended(DeliveryStatus::Failed, ADDRESS_UNREADABLE.to_owned())
        })?;
        Ok(Claimed {
            address,
            locale: locale.to_owned(),
            template: reminder.template.clone(),
            audience: reminder.audience.0,
            row,
        })
    }
}
