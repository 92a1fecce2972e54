//! Days of a planned activity that were moved or cancelled. The latest that was said of a day holds.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use rules::facts::{Dated, DayException};
use sea_orm::{QueryOrder, entity::prelude::*};

use crate::{
    act::BATCH,
    error::Result,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer},
    visible,
};

/// A day of a planned activity that was moved or cancelled.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_exception")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The planned activity.
    pub activity_id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The local day as the recurrence has it.
    pub occurrence: NaiveDate,
    /// The local day to which it was moved; cancelled where absent.
    pub moved_to: Option<NaiveDate>,
    /// At which local time then, `HH:MM`; as planned where absent.
    pub at_time: Option<String>,
    /// Why, sealed text.
    pub reason: Option<Sealed>,
    /// When it was said.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: Stored<Actor>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// It as rules know it.
    pub fn fact(&self) -> Dated<DayException> {
        Dated {
            at: self.at,
            value: DayException {
                day: self.occurrence,
                to: self.moved_to,
            },
        }
    }
}

/// What holds of the days of activities: by activity and day.
pub(crate) type Exceptions = HashMap<Uuid, BTreeMap<NaiveDate, Model>>;

/// What holds of the days of the activities of enrollments. Only for enrollments that the viewer has been found to see.
///
/// # Errors
/// When the database fails.
pub(crate) async fn holding(connection: &impl ConnectionTrait, enrollments: &[Uuid]) -> Result<Exceptions> {
    let mut found = Exceptions::new();
    for chunk in enrollments.chunks(BATCH) {
        for row in said(connection, chunk).await? {
            found.entry(row.activity_id).or_default().insert(row.occurrence, row);
        }
    }
    Ok(found)
}

/// Everything that was said of the days of the activities of enrollments, oldest first.
///
/// # Errors
/// When the database fails.
pub(crate) async fn said(connection: &impl ConnectionTrait, enrollments: &[Uuid]) -> Result<Vec<Model>> {
    let rows = Entity::find()
        .filter(Column::EnrollmentId.is_in(enrollments.iter().copied()))
        .order_by_asc(Column::At)
        .order_by_asc(Column::Id);
    Ok(rows.all(connection).await?)
}

/// What holds of the days of each of the activities, by day, as far as the viewer may see it; the reasons as far as they may
/// read them.
///
/// # Errors
/// When the database fails.
pub async fn of_activities(store: &Store, viewer: &Viewer, activities: &[Uuid]) -> Result<HashMap<Uuid, Vec<Model>>> {
    let mut found = Exceptions::new();
    for chunk in activities.chunks(BATCH) {
        let select = Entity::find()
            .filter(Column::ActivityId.is_in(chunk.iter().copied()))
            .order_by_asc(Column::At)
            .order_by_asc(Column::Id);
        for mut row in visible::read(store.connection(), viewer, select, Column::EnrollmentId).await? {
            row.reason = row.reason.filter(|_| viewer.reads_reason_of(row.actor.0));
            found.entry(row.activity_id).or_default().insert(row.occurrence, row);
        }
    }
    let in_order = |days: BTreeMap<NaiveDate, Model>| days.into_values().collect();
    Ok(found
        .into_iter()
        .map(|(activity, days)| (activity, in_order(days)))
        .collect())
}
