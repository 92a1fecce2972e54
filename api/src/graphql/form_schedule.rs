//! The forms that rules send in an enrollment, and switching them off and on.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    action,
    content::FormContent,
    form_schedule::{self as record, Model},
};
use futures_util::FutureExt;
use serde::Serialize;

use super::{
    actor,
    care::Staff,
    enrollment::Enrollment,
    error::{Result, UserError},
    form::Form,
    id::{self, Kind},
    loader::{FormSchedulesOf, RuleKey},
    mutation::mutate,
    request,
    rule::Rule,
};

/// A form that rules send in an enrollment.
pub struct FormSchedule {
    found: record::FormSchedule,
    content: Arc<FormContent>,
    locale: Arc<str>,
}

impl FormSchedule {
    /// The forms that rules send in an enrollment.
    pub async fn all(ctx: &Context<'_>, enrollment: &Enrollment) -> Result<Vec<Self>> {
        let request = request::of(ctx);
        let found = request.loads.load_one(FormSchedulesOf(enrollment.row.id)).await?;
        let Some(found) = found.filter(|found| !found.is_empty()) else {
            return Ok(Vec::new());
        };
        let (library, version) = (request.store.library(), enrollment.row.version_id);
        let content = library.content(request.store.connection(), version).await?;
        let schedules = found.iter().filter_map(|found| {
            // A rule may name a form that this version of the program has not.
            Some(Self {
                content: content.forms.get(&found.form_key)?.clone(),
                found: found.clone(),
                locale: enrollment.locale.clone(),
            })
        });
        Ok(schedules.collect())
    }

    /// The schedule of one form in an enrollment, if rules send it.
    pub async fn of_form(ctx: &Context<'_>, enrollment: &Enrollment, form_key: &str) -> Result<Option<Self>> {
        let mut all = Self::all(ctx, enrollment).await?.into_iter();
        Ok(all.find(|schedule| schedule.found.form_key == form_key))
    }

    fn last(&self) -> Option<&Model> {
        self.found.changes.last()
    }
}

/// A form that rules send in an enrollment.
#[Object]
impl FormSchedule {
    /// The form.
    async fn form(&self) -> Form {
        Form {
            content: self.content.clone(),
            locale: self.locale.clone(),
        }
    }

    /// The rules that are on and send it.
    #[graphql(complexity = "1 + 3 * child_complexity")]
    async fn rules(&self, ctx: &Context<'_>) -> Result<Vec<Rule>> {
        let keys = self.found.rules.iter().copied().map(RuleKey);
        let rules = request::of(ctx).loads.load_many(keys).await?;
        let in_order = self.found.rules.iter().filter_map(|id| rules.get(&RuleKey(*id)));
        Ok(in_order.cloned().map(Rule).collect())
    }

    /// Whether they may send it here.
    async fn on(&self) -> bool {
        self.found.is_on
    }

    /// When one of them that keeps a schedule is looked at next. None where only something that happens sets them off, and while
    /// it is off.
    async fn next_at(&self) -> Option<DateTime<Utc>> {
        self.found.next_at
    }

    /// When it was switched last; none where it never was.
    async fn changed_at(&self) -> Option<DateTime<Utc>> {
        self.last().map(|last| last.at)
    }

    /// Who switched it last.
    async fn changed_by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.last()?.actor.0)
    }

    /// Why it was switched last.
    async fn reason(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let reason = self.last()?.reason.as_ref()?;
        Some(request::opened(ctx, reason))
    }

    /// Each time that it was switched, oldest first.
    #[graphql(complexity = "1 + 3 * child_complexity")]
    async fn changes(&self) -> Vec<FormScheduleChange> {
        self.found.changes.iter().cloned().map(FormScheduleChange).collect()
    }
}

/// A time that the schedule of a form was switched.
pub struct FormScheduleChange(Model);

/// A time that the schedule of a form was switched.
#[Object]
impl FormScheduleChange {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Whether rules could send the form from then on.
    async fn on(&self) -> bool {
        self.0.enabled
    }

    /// Why.
    async fn reason(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.0.reason.as_ref().map(|reason| request::opened(ctx, reason))
    }

    /// Who did it.
    async fn by(&self, ctx: &Context<'_>) -> Option<Staff> {
        actor::staff(ctx, self.0.actor.0)
    }
}

/// Says whether rules may send a form in an enrollment.
#[derive(Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SwitchFormScheduleInput {
    /// The enrollment.
    enrollment_id: ID,
    /// The form's key.
    form_key: String,
    /// Whether they may.
    on: bool,
    /// Why, for colleagues.
    #[graphql(secret)]
    reason: String,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of switching the schedule of a form.
#[derive(SimpleObject)]
pub struct SwitchFormSchedulePayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// Switching the schedules of forms.
#[derive(Default)]
pub struct FormScheduleMutation;

#[Object]
impl FormScheduleMutation {
    /// Says whether rules may send a form in an enrollment. Off, what rules have sent can still be answered, but they remind of it
    /// no more; what staff planned stays, and whoever treats may still send it by hand.
    async fn switch_form_schedule(
        &self,
        ctx: &Context<'_>,
        input: SwitchFormScheduleInput,
    ) -> Result<SwitchFormSchedulePayload> {
        let wanted = input.clone();
        let key = input.idempotency_key.as_deref();
        let done = mutate(ctx, "switchFormSchedule", key, &input, |act| {
            async move {
                let enrollment = id::input(Kind::Enrollment, &wanted.enrollment_id, "enrollmentId")?;
                action::form_schedule::switch(act, enrollment, &wanted.form_key, wanted.on, &wanted.reason).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SwitchFormSchedulePayload {
                enrollment: Enrollment::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SwitchFormSchedulePayload {
                enrollment: None,
                errors,
            },
        })
    }
}
