//! Showing, hiding and opening modules and sections, for one enrollment or for several, and who did.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    act::Act,
    action::content_override::{self, Change, Target},
    content_override::Model,
    error::{Outcome, UserError as Refusal},
    viewer::Permission,
};
use futures_util::FutureExt;
use serde::Serialize;
use uuid::Uuid;

use super::{
    Enrollment,
    content::{EnrollmentModule, EnrollmentSection, Taken},
    mutation::changed,
};
use crate::graphql::{
    actor::{self, ActorKind},
    care::Staff,
    connection,
    error::{Result, UserError},
    id::{self, Kind},
    loader::EnrollmentKey,
    mutation::{Done, mutate, only},
    request,
};

/// What is to be shown, hidden or opened, and how.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VisibilityInput {
    /// The module, or else `sectionKey`.
    module_key: Option<String>,
    /// The section, or else `moduleKey`.
    section_key: Option<String>,
    /// Whether it is shown; as it was where absent.
    visible: Option<bool>,
    /// From when it is shown or hidden; at once where absent. What is said of it later takes its place.
    visible_from: Option<DateTime<Utc>>,
    /// From when it is open, whatever must be completed before; as it was where absent.
    opens_at: Option<DateTime<Utc>>,
    /// Why. Staff read it.
    #[graphql(secret)]
    reason: Option<String>,
}

impl VisibilityInput {
    /// The change of one enrollment.
    fn read(self, act: &Act, enrollment_id: Uuid) -> entity::error::Result<Change> {
        let target = match (self.module_key, self.section_key) {
            (Some(module), None) => Target::Module(module),
            (None, Some(section)) => Target::Section(section),
            _ => {
                let message = "Name either a module or a section.";
                return Err(Refusal::new("REQUIRED", "moduleKey", message).into());
            }
        };
        Ok(Change {
            enrollment_id,
            target,
            visible: self.visible,
            visible_from: self.visible_from,
            opens_at: self.opens_at,
            open: false,
            reason: self.reason,
            cause: act.cause(),
        })
    }
}

/// Shows, hides or opens a module or a section for one enrollment.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeVisibilityInput {
    /// The enrollment.
    enrollment_id: ID,
    /// What, and how.
    #[graphql(flatten)]
    #[serde(flatten)]
    wanted: VisibilityInput,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Shows, hides or opens a module or a section for several enrollments.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeVisibilitiesInput {
    /// The enrollments, at most 100.
    enrollment_ids: Vec<ID>,
    /// What, and how.
    #[graphql(flatten)]
    #[serde(flatten)]
    wanted: VisibilityInput,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of showing or hiding something.
#[derive(SimpleObject)]
pub struct ChangeVisibilityPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of showing or hiding something for one of several.
#[derive(SimpleObject)]
pub struct VisibilityOutcome {
    /// As it was asked for.
    enrollment_id: ID,
    /// The enrollment, where it was done.
    enrollment: Option<Enrollment>,
    /// What can be mended; paths are as if it had been asked for alone.
    errors: Vec<UserError>,
}

/// What came of showing or hiding something for several.
#[derive(SimpleObject)]
pub struct ChangeVisibilitiesPayload {
    /// What came of each, in the order in which they were asked for.
    outcomes: Vec<VisibilityOutcome>,
    /// What can be mended of all of them: then nothing was done.
    errors: Vec<UserError>,
}

/// Showing, hiding and opening.
#[derive(Default)]
pub struct VisibilityMutation;

#[Object]
impl VisibilityMutation {
    /// Shows, hides or opens a module or a section for one enrollment.
    async fn change_visibility(
        &self,
        ctx: &Context<'_>,
        input: ChangeVisibilityInput,
    ) -> Result<ChangeVisibilityPayload> {
        let (enrollment, wanted) = (input.enrollment_id.clone(), input.wanted.clone());
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "changeVisibility", key, &input, |act| {
            async move {
                let id = id::input(Kind::Enrollment, &enrollment, "enrollmentId")?;
                let change = wanted.read(act, id)?;
                only(content_override::change(act, &[change]).await?)
            }
            .boxed()
        });
        let (enrollment, errors) = changed(ctx, done.await?).await?;
        Ok(ChangeVisibilityPayload { enrollment, errors })
    }

    /// Shows, hides or opens a module or a section for several enrollments, at most 100: for each where it can be.
    #[graphql(complexity = "1 + input.enrollment_ids.len() * child_complexity")]
    async fn change_visibilities(
        &self,
        ctx: &Context<'_>,
        input: ChangeVisibilitiesInput,
    ) -> Result<ChangeVisibilitiesPayload> {
        let (enrollments, wanted) = (ids(&input.enrollment_ids), input.wanted.clone());
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "changeVisibilities", key, &input, |act| {
            async move {
                // Whichever each of them is.
                let change = wanted.read(act, Uuid::nil())?;
                content_override::change_each(act, &enrollments, &change).await
            }
            .boxed()
        });
        let done = done.await?;
        let (outcomes, errors) = outcomes(ctx, input.enrollment_ids, done).await?;
        Ok(ChangeVisibilitiesPayload { outcomes, errors })
    }
}

/// What is no enrollment's id is not there, as any other that is not.
fn ids(enrollments: &[ID]) -> Vec<Uuid> {
    let id = |enrollment| id::of(Kind::Enrollment, enrollment).unwrap_or_default();
    enrollments.iter().map(id).collect()
}

async fn outcomes(
    ctx: &Context<'_>,
    asked: Vec<ID>,
    done: Done<Vec<Outcome<Uuid>>>,
) -> Result<(Vec<VisibilityOutcome>, Vec<UserError>)> {
    let done = match done {
        Ok(done) => done,
        Err(errors) => return Ok((Vec::new(), errors)),
    };
    let keys = done.iter().flatten().copied().map(EnrollmentKey);
    let enrollments: HashMap<EnrollmentKey, _> = request::of(ctx).loads.load_many(keys).await?;
    let outcomes = asked.into_iter().zip(done).map(|(enrollment_id, done)| match done {
        Ok(id) => VisibilityOutcome {
            enrollment_id,
            enrollment: enrollments.get(&EnrollmentKey(id)).cloned().map(Enrollment::new),
            errors: Vec::new(),
        },
        Err(errors) => VisibilityOutcome {
            enrollment_id,
            enrollment: None,
            errors: errors.into_iter().map(Into::into).collect(),
        },
    });
    Ok((outcomes.collect(), Vec::new()))
}

/// A time that somebody, or a rule, showed, hid or opened a module or a section of an enrollment.
pub struct VisibilityChange {
    taken: Arc<Taken>,
    row: Model,
}

impl VisibilityChange {
    /// The last of those that are meant, the latest first: for staff who treat alone.
    pub(super) fn last(
        ctx: &Context<'_>,
        taken: &Arc<Taken>,
        last: i32,
        is_meant: impl Fn(&Model) -> bool,
    ) -> Vec<Self> {
        if !request::of(ctx).viewer.may(Permission::Treat) {
            return Vec::new();
        }
        let most = usize::try_from(connection::first(last)).unwrap_or(usize::MAX);
        let latest = taken.overlay.overrides.iter().rev().filter(|row| is_meant(row));
        let latest = latest.take(most).map(|row| Self {
            taken: taken.clone(),
            row: row.clone(),
        });
        latest.collect()
    }
}

/// A time that somebody, or a rule, showed, hid or opened a module or a section of an enrollment.
#[Object]
impl VisibilityChange {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.row.at
    }

    /// The module, where it was one.
    async fn module(&self) -> Option<EnrollmentModule> {
        self.taken.module_by_id(self.row.module_id?)
    }

    /// The section, where it was one.
    async fn section(&self) -> Option<EnrollmentSection> {
        self.taken.section_by_id(self.row.section_id?)
    }

    /// Whether it was shown or hidden; none where that stayed as it was.
    async fn visible(&self) -> Option<bool> {
        self.row.visible
    }

    /// From when it was to be shown or hidden; none where that stayed as it was.
    async fn visible_from(&self) -> Option<DateTime<Utc>> {
        self.row.visibility().map(|change| change.at)
    }

    /// From when it was to be open; none where that stayed as it was.
    async fn opens_at(&self) -> Option<DateTime<Utc>> {
        self.row.opens_at
    }

    /// Why.
    async fn reason(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.row.reason.as_ref().map(|reason| request::opened(ctx, reason))
    }

    /// Who of the staff did it.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.row.actor.0)
    }

    /// Which side did it.
    async fn actor(&self) -> ActorKind {
        self.row.actor.0.into()
    }
}
