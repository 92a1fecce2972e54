//! Counting in the database: a number of statements that does not depend on how many enrollments there are.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use rules::{change, facts::Status};
use sea_orm::{DatabaseBackend, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::{Answered, ByPart, Counted, Judged, Part, Place, Stop, suppression::Figure};
use crate::{
    error::{Error, Result},
    result_series::ScaleKey,
    store::Store,
    stored,
};

/// What is counted: at a place, from an instant on and before another, of a program where one is named.
struct Scope {
    place: Place,
    during: (DateTime<Utc>, DateTime<Utc>),
    program: Option<Uuid>,
}

/// How long things waited, in microseconds, in the whole scope.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    /// Flags.
    pub acknowledged: Vec<i64>,
    /// Messages.
    pub answered: Vec<i64>,
}

/// Of which rows something is counted.
struct Where {
    sql: String,
    values: Vec<Value>,
}

impl Where {
    /// The enrollments (`e`) of a scope whose `at` lies in its period.
    fn during(scope: &Scope, at: &str) -> Self {
        let (sql, place) = match scope.place {
            Place::Unit(unit) => ("e.unit_id = $1", unit),
            Place::Provider(provider) => ("e.unit_id in (select id from unit where provider_id = $1)", provider),
        };
        let mut rows = Self {
            sql: sql.to_owned(),
            values: vec![place.into()],
        };
        if let Some(program) = scope.program {
            rows.and("e.program_id =", program);
        }
        let (from, to) = scope.during;
        rows.and(&format!("{at} >="), from);
        rows.and(&format!("{at} <"), to);
        rows
    }

    /// `compared` with a value.
    fn and(&mut self, compared: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.sql.push_str(&format!(" and {compared} ${}", self.values.len()));
    }
}

/// When an enrollment started, or is to start.
const START: &str = "coalesce(e.started_at, e.starts_at)";

/// Counts everything that statistics tell, by unit and program, and how long things waited in all of them. Databases give a
/// row for each citizen, so that who takes part in several programs is one.
pub(super) async fn count(
    store: &Store,
    place: Place,
    during: (DateTime<Utc>, DateTime<Utc>),
    program: Option<Uuid>,
) -> Result<(ByPart, Lengths)> {
    let scope = Scope { place, during, program };
    let mut parts = ByPart::new();
    enrollments(store, &scope, &mut parts).await?;
    stops(store, &scope, &mut parts).await?;
    forms(store, &scope, &mut parts).await?;
    outcomes(store, &scope, &mut parts).await?;
    let lengths = Lengths {
        acknowledged: acknowledged(store, &scope, &mut parts).await?,
        answered: answered(store, &scope, &mut parts).await?,
    };
    Ok((parts, lengths))
}

fn statement(store: &Store, sql: String, rows: Where) -> Statement {
    Statement::from_sql_and_values(store.backend(), sql, rows.values)
}

/// A count is never negative.
fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

fn part(parts: &mut ByPart, unit_id: Uuid, program_id: Uuid) -> &mut Counted {
    parts.entry(Part { unit_id, program_id }).or_default()
}

#[derive(FromQueryResult)]
struct InState {
    unit_id: Uuid,
    program_id: Uuid,
    citizen_id: Uuid,
    status: String,
    count: i64,
}

/// Enrollments by state.
async fn enrollments(store: &Store, scope: &Scope, parts: &mut ByPart) -> Result<()> {
    let rows = Where::during(scope, START);
    let sql = format!(
        "select e.unit_id, e.program_id, e.citizen_id, e.status, count(*) as count
         from enrollment e where {} group by e.unit_id, e.program_id, e.citizen_id, e.status",
        rows.sql
    );
    let found = InState::find_by_statement(statement(store, sql, rows));
    let mut found = found.stream(store.connection()).await?;
    while let Some(row) = found.try_next().await? {
        let status = stored::parse::<Status>(&row.status);
        let status = status.ok_or_else(|| Error::Corrupt(format!("an enrollment is in the state {}", row.status)))?;
        let counts = &mut part(parts, row.unit_id, row.program_id).enrollments;
        counts.count(status, row.citizen_id, number(row.count));
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct StoppedIn {
    unit_id: Uuid,
    program_id: Uuid,
    citizen_id: Uuid,
    module: Option<String>,
}

/// Withdrawn enrollments by the module of the step that was completed last.
async fn stops(store: &Store, scope: &Scope, parts: &mut ByPart) -> Result<()> {
    let mut rows = Where::during(scope, START);
    rows.and("e.status =", stored::word(&Status::Withdrawn));
    let sql = format!(
        "select unit_id, program_id, citizen_id, module from (
           select e.unit_id, e.program_id, e.citizen_id, module.key as module, row_number() over (partition by e.id
             order by done.completed_at desc, module.position desc, section.position desc, step.position desc) as place
           from enrollment e
             left join step_progress done on done.enrollment_id = e.id
             left join step on step.id = done.step_id
             left join section on section.id = step.section_id
             left join module on module.id = section.module_id
           where {}
         ) stopped where place = 1",
        rows.sql
    );
    let found = StoppedIn::find_by_statement(statement(store, sql, rows));
    let mut found = found.stream(store.connection()).await?;
    while let Some(row) = found.try_next().await? {
        let stop = Stop {
            program_id: row.program_id,
            module: row.module,
        };
        let stops = &mut part(parts, row.unit_id, row.program_id).stops;
        stops.entry(stop).or_default().count(row.citizen_id, 1);
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Offered {
    unit_id: Uuid,
    program_id: Uuid,
    citizen_id: Uuid,
    count: i64,
    completed: i64,
}

/// Forms that could be answered from some instant of the period on, and those of them that were.
async fn forms(store: &Store, scope: &Scope, parts: &mut ByPart) -> Result<()> {
    let rows = Where::during(scope, "d.available_at");
    let sql = format!(
        "select e.unit_id, e.program_id, e.citizen_id, count(*) as count,
           count(case when d.status = 'COMPLETED' then 1 end) as completed
         from enrollment e join dispatch d on d.enrollment_id = e.id
         where {} and d.status not in ('SCHEDULED', 'CANCELLED') group by e.unit_id, e.program_id, e.citizen_id",
        rows.sql
    );
    let found = Offered::find_by_statement(statement(store, sql, rows));
    let mut found = found.stream(store.connection()).await?;
    while let Some(row) = found.try_next().await? {
        let forms = &mut part(parts, row.unit_id, row.program_id).forms;
        forms.count(Answered::Yes, row.citizen_id, number(row.completed));
        forms.count(Answered::No, row.citizen_id, number(row.count - row.completed));
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Ends {
    unit_id: Uuid,
    program_id: Uuid,
    version_id: Uuid,
    citizen_id: Uuid,
    form_key: String,
    scale: String,
    earliest: f64,
    latest: f64,
}

/// First and last scores of each scale, of enrollments that have at least two.
async fn outcomes(store: &Store, scope: &Scope, parts: &mut ByPart) -> Result<()> {
    let rows = Where::during(scope, START);
    let scores = match store.backend() {
        DatabaseBackend::Postgres => "jsonb_array_elements(r.scores) as score (value)",
        _ => "json_each(r.scores) score",
    };
    let same = "enrollment_id, form_key, scale";
    let sql = format!(
        "with scored as (
           select e.unit_id, e.program_id, e.version_id, e.citizen_id, r.enrollment_id, r.form_key, r.id,
             coalesce(r.answered_at, r.submitted_at) as at, score.value ->> 'scale' as scale,
             cast(score.value ->> 'value' as double precision) as value
           from enrollment e join response r on r.enrollment_id = e.id cross join {scores}
           where {} and r.superseded_at is null and (score.value ->> 'value') is not null
         ), placed as (
           select scored.*, first_value(value) over ordered as earliest, row_number() over ordered as place,
             count(*) over (partition by {same}) as scores
           from scored window ordered as (partition by {same} order by at, id)
         )
         select unit_id, program_id, version_id, citizen_id, form_key, scale, earliest, value as latest
         from placed where place = scores and scores > 1",
        rows.sql
    );
    let found = Ends::find_by_statement(statement(store, sql, rows));
    for row in found.all(store.connection()).await? {
        let content = store.library().content(store.connection(), row.version_id).await?;
        let form = content.forms.get(&row.form_key);
        let scale = form.and_then(|content| content.form.scales.iter().find(|scale| scale.key == row.scale));
        let reliable = scale.and_then(|scale| change::reliable_change(scale, row.latest, row.earliest));
        let judged = reliable.map_or(Judged::NotJudged, |change| change.verdict.into());
        let key = ScaleKey {
            form: row.form_key,
            scale: row.scale,
        };
        let outcomes = &mut part(parts, row.unit_id, row.program_id).outcomes;
        let changes = outcomes.entry(key).or_default();
        changes.version = changes.version.max(Some(row.version_id));
        changes.count(judged, row.citizen_id, row.earliest, row.latest);
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Waited {
    unit_id: Uuid,
    program_id: Uuid,
    citizen_id: Uuid,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// How long flags waited until somebody took them on or resolved them, for the first time.
async fn acknowledged(store: &Store, scope: &Scope, parts: &mut ByPart) -> Result<Vec<i64>> {
    let rows = Where::during(scope, "f.raised_at");
    let sql = format!(
        "select e.unit_id, e.program_id, e.citizen_id, f.raised_at as since, min(c.at) as until
         from enrollment e join flag f on f.enrollment_id = e.id join flag_change c on c.flag_id = f.id
         where {} and f.audience = 'STAFF' and c.status in ('ACKNOWLEDGED', 'RESOLVED')
         group by e.unit_id, e.program_id, e.citizen_id, f.id, f.raised_at",
        rows.sql
    );
    let waits = statement(store, sql, rows);
    lengths(store, waits, parts, |counted| &mut counted.acknowledged).await
}

/// How long messages of citizens waited for an answer, or until somebody found that they need none.
async fn answered(store: &Store, scope: &Scope, parts: &mut ByPart) -> Result<Vec<i64>> {
    let rows = Where::during(scope, "m.sent_at");
    let sql = format!(
        "select e.unit_id, e.program_id, e.citizen_id, m.sent_at as since, m.answered_at as until
         from enrollment e join message m on m.enrollment_id = e.id
         where {} and m.sender = 'CITIZEN' and m.answered_at is not null",
        rows.sql
    );
    let waits = statement(store, sql, rows);
    lengths(store, waits, parts, |counted| &mut counted.answered).await
}

/// Databases have no median in common: each wait is read, one after the other.
async fn lengths(
    store: &Store,
    statement: Statement,
    parts: &mut ByPart,
    of: impl Fn(&mut Counted) -> &mut Figure,
) -> Result<Vec<i64>> {
    let mut found = Waited::find_by_statement(statement).stream(store.connection()).await?;
    let mut lengths = Vec::new();
    while let Some(row) = found.try_next().await? {
        of(part(parts, row.unit_id, row.program_id)).count(row.citizen_id, 1);
        lengths.push((row.until - row.since).num_microseconds().unwrap_or(i64::MAX));
    }
    Ok(lengths)
}
