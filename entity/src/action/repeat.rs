//! Sending a form again and again: a rule of the one enrollment.

use chrono::{DateTime, Duration, Timelike, Utc};
use rules::{
    definition::{Action, Anchor, DateRef, DispatchForm, Limits, RuleDefinition, Schedule, Slot, Trigger},
    facts::Status,
    period::{LocalTime, Period},
    recurrence::{self, RepeatError, Timetable},
    zone,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    answerable::must_go_on,
    rule::{self, SaveRule},
};
use crate::{
    act::Act,
    dispatch::{DispatchStatus, Model},
    error::{Error, Result, UserError},
    form_schedule,
};

/// A form that is to be sent again and again.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The form's key within the program version.
    pub form_key: String,
    /// The first time, whose local time of day the others keep; the next whole minute where absent.
    pub at: Option<DateTime<Utc>>,
    /// An RFC 5545 recurrence rule that begins on the local day of `at`.
    pub repeat: String,
    /// For how long each can be answered; without end where absent.
    pub expires_after: Option<Period>,
    /// How long after each can be answered the citizen is reminded.
    pub remind_after: Vec<Period>,
}

/// What will be sent: the rule, and what it comes to in the next [`AHEAD`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Repeated {
    /// The enrollment.
    pub enrollment_id: Uuid,
    /// The rule.
    pub rule_id: Uuid,
    form_key: String,
    form_version_id: Uuid,
    planned_at: DateTime<Utc>,
    planned: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)>,
}

/// How far ahead it is told what will be sent.
pub const AHEAD: Duration = Duration::days(30);

/// Makes the rule that sends a form again and again.
///
/// # Errors
/// When the enrollment or the form is not there, the recurrence makes no sense (at `repeat`), or the rule is refused.
pub async fn dispatch_again(act: &mut Act, repeat: Repeat) -> Result<Repeated> {
    let enrollment = act.enrollment(repeat.enrollment_id, "enrollmentId").await?;
    must_go_on(
        &enrollment,
        "This enrollment has ended: no form is sent in it any more.",
    )?;
    let content = act.store.library().content(&act.tx, enrollment.version_id).await?;
    let form = content
        .forms
        .get(&repeat.form_key)
        .ok_or_else(|| UserError::not_found("formKey", "form in this program"))?;

    if form_schedule::off(&act.tx, [enrollment.id])
        .await?
        .contains(&(enrollment.id, repeat.form_key.clone()))
    {
        let message = "The schedule of this form is switched off in this enrollment: switch it on first.";
        return Err(UserError::new("SCHEDULE_OFF", "formKey", message).into());
    }

    let zone = enrollment.tz();
    // Now is over once the rule is saved; the next minute is not.
    let first = repeat.at.unwrap_or(act.now + Duration::minutes(1));
    let local = zone::utc_to_local(zone, first);
    let time = local.time().with_nanosecond(0).unwrap_or_default();
    let time = if repeat.at.is_some() {
        time
    } else {
        time.with_second(0).unwrap_or_default()
    };
    let refused = |error: RepeatError| UserError::new("BAD_REPEAT", "repeat", error.to_string());
    // What never comes must not be looked for.
    repeat
        .repeat
        .parse::<recurrence::Repeat>()
        .and_then(|rule| rule.check())
        .map_err(refused)?;
    let schedule = Schedule {
        anchor: Anchor::Date(DateRef { date: local.date() }),
        repeat: Some(repeat.repeat),
        slots: vec![Slot {
            key: "each".to_owned(),
            offset: Period::default(),
            at: Some(LocalTime(time)),
        }],
        until: None,
    };
    let timetable = Timetable::new(&schedule).map_err(refused)?;
    let comings = timetable.comings(zone::start_of_day(zone, local.date()), zone, act.now, act.now + AHEAD);
    let planned = comings.into_iter().map(|coming| {
        let until = repeat.expires_after.map(|period| period.add_to(coming.due, zone));
        (coming.due, until)
    });
    let planned = planned.collect();

    let definition = RuleDefinition {
        statuses: vec![Status::Active],
        trigger: Trigger::Schedule(schedule),
        condition: None,
        actions: vec![Action::DispatchForm(DispatchForm {
            form: repeat.form_key.clone(),
            expires_after: repeat.expires_after,
            remind_after: repeat.remind_after,
        })],
        limits: Limits::default(),
    };
    let save = SaveRule {
        program_slug: content.program.slug.clone(),
        unit_id: None,
        enrollment_id: Some(enrollment.id),
        key: format!("repeat-{}", act.id().simple()),
        name: form.form.title.get(&enrollment.locale).to_owned(),
        enabled: true,
        dry_run: false,
        definition: serde_json::to_value(definition)
            .map_err(|error| Error::Corrupt(format!("a rule cannot be written: {error}")))?,
    };
    Ok(Repeated {
        enrollment_id: enrollment.id,
        rule_id: rule::save(act, save).await?.rule_id,
        form_key: repeat.form_key,
        form_version_id: form.id,
        planned_at: act.now,
        planned,
    })
}

impl Repeated {
    /// What will be sent, as it will look. It is not stored: each is made when its time comes.
    pub fn dispatches(&self, viewer: &crate::viewer::Viewer) -> Vec<Model> {
        let planned = self.planned.iter().map(|(at, until)| Model {
            // The same each time that it is told, and no other dispatch's.
            id: Uuid::from_u64_pair(self.rule_id.as_u64_pair().1, at.timestamp_micros().unsigned_abs()),
            enrollment_id: self.enrollment_id,
            form_key: self.form_key.clone(),
            form_version_id: self.form_version_id,
            status: DispatchStatus::Scheduled.into(),
            step_id: None,
            firing_id: None,
            available_at: *at,
            overdue_at: None,
            expires_at: *until,
            started_at: None,
            completed_at: None,
            ended_at: None,
            due_at: None,
            draft: None,
            draft_saved_at: None,
            actor: viewer.actor().into(),
            created_at: self.planned_at,
        });
        planned.collect()
    }
}
