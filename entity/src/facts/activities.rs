//! The activity plan as rules know it.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use rules::facts::{Dated, DayException, Facts, PlannedActivity, Ratings, Registration};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationDef,
};
use uuid::Uuid;

use super::{Needs, Part};
use crate::{activity_correction, activity_entry, activity_exception, error::Result, planned_activity};

/// What is planned and which of its days were moved, where that is needed, and what was registered of it.
pub(super) async fn read(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
    needs: &Needs,
    facts: &mut HashMap<Uuid, Facts>,
) -> Result<()> {
    if needs.has(Part::Activities) && !plans(connection, ids, facts).await? {
        return Ok(());
    }
    registrations(connection, ids, facts).await
}

/// What is planned, and which of its days were moved. Tells whether anything is.
async fn plans(connection: &impl ConnectionTrait, ids: &[Uuid], facts: &mut HashMap<Uuid, Facts>) -> Result<bool> {
    let planned = planned_activity::Entity::find()
        .filter(planned_activity::Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(planned_activity::Column::CreatedAt)
        .order_by_asc(planned_activity::Column::Id)
        .all(connection)
        .await?;
    if planned.is_empty() {
        return Ok(false);
    }
    let mut exceptions: HashMap<Uuid, Vec<Dated<DayException>>> = HashMap::new();
    for row in activity_exception::said(connection, ids).await? {
        exceptions.entry(row.activity_id).or_default().push(row.fact());
    }
    for row in planned {
        let exceptions = exceptions.remove(&row.id).unwrap_or_default();
        if let Some(facts) = facts.get_mut(&row.enrollment_id) {
            facts.planned.push(PlannedActivity {
                exceptions,
                ..row.fact()?
            });
        }
    }
    Ok(true)
}

/// A registration, and something that it said before.
#[derive(FromQueryResult)]
struct Registered {
    id: Uuid,
    enrollment_id: Uuid,
    activity_id: Uuid,
    occurrence: NaiveDate,
    registered_at: DateTime<Utc>,
    corrected_at: Option<DateTime<Utc>>,
    rating_before: Option<i32>,
    rating: Option<i32>,
    said_at: Option<DateTime<Utc>>,
    said_until: Option<DateTime<Utc>>,
    said_before: Option<i32>,
    said_after: Option<i32>,
}

impl Registered {
    fn now(&self) -> (Span, Ratings) {
        let since = self.corrected_at.unwrap_or(self.registered_at);
        ((since, None), ratings(self.rating_before, self.rating))
    }

    fn before(&self) -> Option<(Span, Ratings)> {
        let span = (self.said_at?, self.said_until);
        Some((span, ratings(self.said_before, self.said_after)))
    }
}

/// What was registered and corrected; one statement.
async fn registrations(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
    facts: &mut HashMap<Uuid, Facts>,
) -> Result<()> {
    use activity_correction::Column as Former;
    use activity_entry::Column;
    let corrections: RelationDef = activity_entry::Entity::belongs_to(activity_correction::Entity)
        .from(Column::Id)
        .to(Former::EntryId)
        .into();
    let rows: Vec<Registered> = activity_entry::Entity::find()
        .select_only()
        .columns([Column::Id, Column::EnrollmentId, Column::ActivityId, Column::Occurrence])
        .columns([Column::RegisteredAt, Column::CorrectedAt])
        .columns([Column::RatingBefore, Column::Rating])
        .column(Former::SaidAt)
        .column_as(Former::CorrectedAt, "said_until")
        .column_as(Former::RatingBefore, "said_before")
        .column_as(Former::Rating, "said_after")
        .join(JoinType::LeftJoin, corrections)
        .filter(Column::EnrollmentId.is_in(ids.iter().copied()))
        .order_by_asc(Column::RegisteredAt)
        .order_by_asc(Column::Id)
        .order_by_asc(Former::CorrectedAt)
        .into_model()
        .all(connection)
        .await?;
    let mut entries: HashMap<Uuid, Vec<Dated<NaiveDate>>> = HashMap::new();
    for rows in rows.chunk_by(|row, next| row.id == next.id) {
        let Some(entry) = rows.first() else { continue };
        entries.entry(entry.activity_id).or_default().push(Dated {
            at: entry.registered_at,
            value: entry.occurrence,
        });
        if let Some(facts) = facts.get_mut(&entry.enrollment_id) {
            let former = rows.iter().filter_map(Registered::before);
            facts.registrations.push(Registration {
                id: entry.id,
                at: entry.registered_at,
                said: said(former.chain([entry.now()])),
            });
        }
    }
    for planned in facts.values_mut().flat_map(|facts| &mut facts.planned) {
        planned.entries = entries.remove(&planned.id).unwrap_or_default();
    }
    Ok(())
}

fn ratings(before: Option<i32>, after: Option<i32>) -> Ratings {
    Ratings {
        before: before.map(f64::from),
        after: after.map(f64::from),
    }
}

/// A span of time, open where it lasts.
type Span = (DateTime<Utc>, Option<DateTime<Utc>>);

/// What was said from when on, of what was said from when until when. In between, where nothing was kept, nobody knows.
fn said(spans: impl Iterator<Item = (Span, Ratings)>) -> Vec<Dated<Ratings>> {
    let mut said: Vec<Dated<Ratings>> = Vec::new();
    let mut ended: Option<DateTime<Utc>> = None;
    for ((at, until), value) in spans {
        said.extend(ended.filter(|ended| *ended < at).map(|at| Dated {
            at,
            value: Ratings::default(),
        }));
        said.push(Dated { at, value });
        ended = until;
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn told(spans: &[(i64, Option<i64>, i32)]) -> Vec<(i64, Option<f64>)> {
        let spans = spans.iter().map(|(from, until, rating)| {
            let span = (at(*from), until.map(at));
            (span, ratings(None, Some(*rating)))
        });
        let told = said(spans).into_iter();
        told.map(|said| ((said.at - at(0)).num_seconds(), said.value.after))
            .collect()
    }

    #[test]
    fn what_nobody_kept_is_not_known() {
        assert_eq!(told(&[(0, None, 3)]), [(0, Some(3.0))]);
        assert_eq!(
            told(&[(0, Some(5), 3), (5, Some(7), 4), (7, None, 5)]),
            [(0, Some(3.0)), (5, Some(4.0)), (7, Some(5.0))]
        );
        // Corrected in between by a process that did not keep what was there.
        assert_eq!(
            told(&[(0, Some(5), 3), (9, None, 5)]),
            [(0, Some(3.0)), (5, None), (9, Some(5.0))]
        );
    }
}
