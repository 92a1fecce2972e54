//! A submitted form, with its scores: the result.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use rules::{answer::Answers, score::Score};
use sea_orm::{
    Condition,
    entity::prelude::*,
    sea_query::{Expr, Func},
};

use crate::{
    error::{Error, Result},
    page,
    seal::Sealed,
    store::Store,
    stored::Stored,
    viewer::{Actor, Viewer, Who},
    visible::{self, Listed},
};

/// A submitted form, with its scores: the result.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "response")]
pub struct Model {
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The dispatch.
    pub dispatch_id: Uuid,
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The form's key within the program version.
    pub form_key: String,
    /// The version of the form.
    pub form_version_id: Uuid,
    /// When it was submitted.
    pub submitted_at: DateTime<Utc>,
    /// Who did it.
    pub actor: Stored<Actor>,
    /// Answers by item, but for free texts.
    pub answers: Json,
    /// Free-text answers by item, sealed JSON.
    pub texts: Option<Sealed>,
    /// The scores, see [`rules::score::Score`].
    pub scores: Json,
    /// The response that this one amends.
    pub supersedes_id: Option<Uuid>,
    /// When it was amended or voided: it counts until then.
    pub superseded_at: Option<DateTime<Utc>>,
    /// As [`Model::answered_at`]; absent where a process that did not know of it yet took the answers.
    pub answered_at: Option<DateTime<Utc>>,
    /// As [`Model::answered_by`]; absent as [`Model::answered_at`].
    pub answered_by: Option<Stored<Actor>>,
    /// Why it amends another, sealed.
    pub reason: Option<Sealed>,
    /// When it was voided.
    pub voided_at: Option<DateTime<Utc>>,
    /// Who voided it.
    pub voided_by: Option<Stored<Actor>>,
    /// Why it was voided, sealed.
    pub void_reason: Option<Sealed>,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// When the form was answered: an amendment keeps that of what it amends.
    pub fn answered_at(&self) -> DateTime<Utc> {
        self.answered_at.unwrap_or(self.submitted_at)
    }

    /// Who answered the form: an amendment keeps that of what it amends.
    pub fn answered_by(&self) -> Actor {
        self.answered_by.unwrap_or(self.actor).0
    }
}

/// [`Model::answered_at`] in SQL, as it stands in the index.
pub(crate) fn answered_at() -> Expr {
    let columns = [Column::AnsweredAt.into_expr(), Column::SubmittedAt.into_expr()];
    Func::coalesce(columns).into()
}

const LISTED: Listed<Entity> = Listed {
    id: Column::Id,
    enrollment: Column::EnrollmentId,
    at: answered_at,
    key: |row| (row.id, row.enrollment_id, row.answered_at()),
};

/// How many results of an enrollment are read at once at most: those answered last.
pub const MOST: u64 = 5_000;

/// What the viewer may read of the responses of an enrollment that is visible to them: staff also what was amended or voided.
fn readable_by(viewer: &Viewer) -> Condition {
    match viewer.who {
        Who::Staff { .. } | Who::System => Condition::all(),
        Who::Citizen { .. } | Who::Guardian { .. } => standing(),
    }
}

/// Those that were neither amended nor voided.
fn standing() -> Condition {
    Condition::all().add(Column::SupersededAt.is_null())
}

/// Responses by id; staff find also those that were amended or voided.
///
/// # Errors
/// When the database fails.
pub async fn find(store: &Store, viewer: &Viewer, ids: &[Uuid]) -> Result<HashMap<Uuid, Model>> {
    let (id, of) = (Column::Id, Column::EnrollmentId);
    visible::by_id_if::<Entity>(store, viewer, ids, id, of, |row| row.id, readable_by(viewer)).await
}

/// Which responses a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Those to this form alone.
    pub form: Option<String>,
    /// Also those that were amended or voided, for staff.
    pub with_history: bool,
}

/// The last `n` responses of each enrollment, at most a hundred, in the order in which the forms were answered.
///
/// # Errors
/// When the database fails.
pub async fn last(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    filter: &Filter,
    n: u64,
) -> Result<HashMap<Uuid, Vec<Model>>> {
    let shown = if filter.with_history {
        readable_by(viewer)
    } else {
        standing()
    };
    let of_form = filter.form.as_ref().map(|form| Column::FormKey.eq(form));
    let mut found = LISTED
        .latest(store, viewer, enrollments, shown.add_option(of_form), page::clamp(n))
        .await?;
    for rows in found.values_mut() {
        rows.reverse();
    }
    Ok(found)
}

/// The responses to some forms, by enrollment and form, in the order in which the forms were answered; at most [`MOST`] of an
/// enrollment, without those that were amended or voided. One statement.
///
/// # Errors
/// When the database fails.
pub async fn of_forms(
    store: &Store,
    viewer: &Viewer,
    enrollments: &[Uuid],
    forms: &BTreeSet<&str>,
) -> Result<HashMap<(Uuid, String), Vec<Model>>> {
    let of_forms = standing().add(Column::FormKey.is_in(forms.iter().copied()));
    let mut found: HashMap<_, Vec<Model>> = HashMap::new();
    for (enrollment, rows) in LISTED.latest(store, viewer, enrollments, of_forms, MOST).await? {
        for row in rows.into_iter().rev() {
            found.entry((enrollment, row.form_key.clone())).or_default().push(row);
        }
    }
    Ok(found)
}

/// A response as the record is handed on.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The response.
    pub row: Model,
    /// The response that was first given and that this one amends; itself where it amends none. It stays when amendments come.
    pub origin: Uuid,
}

/// The responses of an enrollment (to one form, where it is named) as they are to be handed on, in the order in which the forms
/// were answered: each as last amended, for staff also those that were voided. At most [`MOST`], in one statement.
///
/// # Errors
/// When the database fails.
pub async fn record(store: &Store, viewer: &Viewer, enrollment: Uuid, form: Option<&str>) -> Result<Vec<Recorded>> {
    // Also for those who do not read what was amended: amendments are known by what was given first.
    let of_form = Condition::all().add_option(form.map(|form| Column::FormKey.eq(form)));
    let mut found = LISTED.latest(store, viewer, &[enrollment], of_form, MOST).await?;
    let rows = found.remove(&enrollment).unwrap_or_default();
    let mut origins: HashMap<Uuid, Uuid> = HashMap::new();
    let mut record = Vec::new();
    for row in rows.into_iter().rev() {
        let origin = row
            .supersedes_id
            .map_or(row.id, |former| *origins.get(&former).unwrap_or(&former));
        origins.insert(row.id, origin);
        let is_standing = row.superseded_at.is_none();
        let is_told = row.voided_at.is_some() && matches!(viewer.who, Who::Staff { .. } | Who::System);
        if is_standing || is_told {
            record.push(Recorded { row, origin });
        }
    }
    Ok(record)
}

/// All answers of a response, free texts among them.
///
/// # Errors
/// When they cannot be opened or read.
pub fn answers(store: &Store, response: &Model) -> Result<Answers> {
    let corrupt = |error| Error::Corrupt(format!("the answers of response {}: {error}", response.id));
    let mut answers: Answers = serde_json::from_value(response.answers.clone()).map_err(corrupt)?;
    if let Some(texts) = store.keyring().open_option(response.texts.as_ref())? {
        answers.extend(serde_json::from_str::<Answers>(&texts).map_err(corrupt)?);
    }
    Ok(answers)
}

/// The scores of a response, one for each scale of its form.
///
/// # Errors
/// When they cannot be read.
pub fn scores(response: &Model) -> Result<Vec<Score>> {
    serde_json::from_value(response.scores.clone())
        .map_err(|error| Error::Corrupt(format!("the scores of response {}: {error}", response.id)))
}
