//! What people do in one enrollment beside their daily ways.

mod forms;

use anyhow::{Context, Result};
use chrono::{DateTime, Duration, Utc};
use entity::{
    act::Act,
    action::{
        self,
        activity::changing::{Change as ActivityChange, Move},
        contact::Details,
        content_override::{Change, Target},
        enrollment::{StatusChange, Transfer},
        flag::Raise,
        measurement::Correction,
        message::Send as MessageSend,
        reminder::Plan,
        rule::OverrideRule,
    },
    enrollment, flag, measurement, rule,
    viewer::{Viewer, Who},
};
use rules::{
    facts::{Audience, Status},
    period::LocalTime,
};
use uuid::Uuid;

use super::{History, PLANS, Part, at, clock_time, only, today};
use crate::seed::{
    deed::{Deed, OfFlag, Overriding, Showing},
    people::{Citizen, TakingPart},
    told,
};

/// One enrollment in which somebody does something.
struct Here<'a> {
    citizen: &'a Citizen,
    part: &'a TakingPart,
    who: Part,
    id: Uuid,
}

impl History<'_> {
    /// Does one of the deeds that the citizen's file names.
    pub(super) async fn do_(&self, who: Part, index: usize) -> Result<()> {
        let (citizen, part) = self.part(who)?;
        let id = self.enrollment(who)?;
        let occasion = part.deeds.get(index).context("no such deed")?;
        let viewer = match occasion.by.as_deref() {
            None => self.citizen(citizen)?,
            Some(key) => match self.ids.guardians.get(key) {
                Some(guardian) => self.guardian(key, *guardian)?,
                None => self.staff(key, &part.unit)?,
            },
        };
        let here = Here { citizen, part, who, id };
        let mut act = self.store.act(&viewer).await?;
        self.does(&mut act, &here, &occasion.deed).await?;
        act.commit().await?;
        Ok(())
    }

    fn guardian(&self, key: &str, id: Uuid) -> Result<Viewer> {
        let guardian = self.people.guardians.iter().find(|guardian| guardian.key == key);
        let of = &guardian.context("no such guardian")?.of;
        let citizens = of.iter().filter_map(|key| self.ids.citizens.get(key).copied());
        let citizens = citizens.collect();
        Ok(Viewer::new(Who::Guardian { id, citizens }, "demo"))
    }

    /// Some days from now, at a time of day when people are up.
    pub(super) fn in_days(&self, days: i64) -> Result<DateTime<Utc>> {
        at(today(self.store.now()) + Duration::days(days), clock_time(PLANS)?.0)
    }

    async fn does(&self, act: &mut Act, here: &Here<'_>, deed: &Deed) -> Result<()> {
        match deed {
            Deed::Write(_) | Deed::Draft(_) | Deed::HandOver { .. } | Deed::Settle(_) => {
                self.message(act, here, deed).await
            }
            Deed::RaiseFlag { .. }
            | Deed::AssignFlag { .. }
            | Deed::AcknowledgeFlag(_)
            | Deed::ResolveFlag(_)
            | Deed::ReopenFlag(_) => self.flag(act, here, deed).await,
            Deed::RemindCitizen { .. } | Deed::RemindStaff { .. } => self.remind(act, here, deed).await,
            Deed::SendForm { .. }
            | Deed::SendFormAgain { .. }
            | Deed::CancelForm { .. }
            | Deed::MoveForm { .. }
            | Deed::SwitchForm { .. } => self.form(act, here, deed).await,
            Deed::BeginForm(_) | Deed::AnswerOnBehalf(_) | Deed::AmendResult { .. } | Deed::VoidResult { .. } => {
                self.result(act, here, deed).await
            }
            Deed::ShowModule(showing) => self.show(act, here, Target::Module(showing.key.clone()), showing).await,
            Deed::ShowSection(showing) => {
                self.show(act, here, Target::Section(showing.key.clone()), showing)
                    .await
            }
            Deed::MoveDay { .. } | Deed::CancelDay { .. } | Deed::ChangeActivity { .. } => {
                self.activity(act, here, deed).await
            }
            Deed::CorrectMeasurement { kind, value, note } => self.correct(act, here, kind, *value, note).await,
            Deed::Pause { .. }
            | Deed::Complete { .. }
            | Deed::Withdraw { .. }
            | Deed::Prolong { .. }
            | Deed::Transfer { .. }
            | Deed::Treat(_) => self.life(act, here, deed).await,
            Deed::OverrideRule(overriding) => {
                self.override_rule(act, &here.part.program, Some(here.id), overriding)
                    .await
            }
            Deed::ContactDetails { .. } | Deed::Channels(_) | Deed::QuietHours { .. } | Deed::CalendarFeed(_) => {
                own(act, deed).await
            }
        }
    }

    async fn message(&self, act: &mut Act, here: &Here<'_>, deed: &Deed) -> Result<()> {
        match deed {
            Deed::Write(body) => {
                let send = MessageSend {
                    enrollment_id: here.id,
                    body: body.clone(),
                    attachments: Vec::new(),
                    firing_id: None,
                    unit_message_id: None,
                    cause: act.cause(),
                };
                only(action::message::send(act, &[send]).await.map_err(told)?)?;
                return Ok(());
            }
            Deed::Draft(body) => action::message::save_draft(act, here.id, body).await,
            Deed::HandOver { to, note } => {
                let to = self.staff_ids(std::slice::from_ref(to))?;
                action::message::hand_over(act, here.id, to.first().copied(), Some(note)).await
            }
            _ => action::message::settle(act, here.id).await,
        }
        .map_err(told)?;
        Ok(())
    }

    async fn flag(&self, act: &mut Act, here: &Here<'_>, deed: &Deed) -> Result<()> {
        match deed {
            Deed::RaiseFlag {
                kind,
                severity,
                title,
                note,
                audience,
            } => {
                let raise = Raise {
                    enrollment_id: here.id,
                    kind: kind.clone(),
                    severity: *severity,
                    title: title.clone(),
                    note: note.clone(),
                    audience: audience.unwrap_or(Audience::Staff),
                    rule_key: None,
                    occurrence: None,
                    auto_resolve: false,
                    cause: act.cause(),
                };
                only(action::flag::raise(act, &[raise]).await.map_err(told)?)?;
            }
            Deed::AssignFlag { kind, to, note } => {
                let flag = self.flag_of(act, here.id, kind).await?;
                let to = self.staff_ids(std::slice::from_ref(to))?;
                let assigned = action::flag::assign(act, flag, to.first().copied(), note.as_deref()).await;
                assigned.map_err(told)?;
            }
            Deed::AcknowledgeFlag(OfFlag { kind, note }) => {
                let flag = self.flag_of(act, here.id, kind).await?;
                let done = action::flag::acknowledge(act, flag, note.as_deref()).await;
                done.map_err(told)?;
            }
            Deed::ReopenFlag(OfFlag { kind, note }) => {
                let flag = self.flag_of(act, here.id, kind).await?;
                let done = action::flag::reopen(act, flag, note.as_deref()).await;
                done.map_err(told)?;
            }
            Deed::ResolveFlag(OfFlag { kind, note }) => {
                let flag = self.flag_of(act, here.id, kind).await?;
                let done = action::flag::resolve(act, flag, note.as_deref()).await;
                done.map_err(told)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The latest flag of a kind.
    async fn flag_of(&self, act: &Act, id: Uuid, kind: &str) -> Result<Uuid> {
        let mut flags = flag::page(self.store, &act.viewer, &[id], &[], 100, None)
            .await
            .map_err(told)?;
        let flags = flags.remove(&id).into_iter().flat_map(|page| page.rows);
        let latest = flags.map(|(_, flag)| flag).filter(|flag| flag.kind == kind);
        let latest = latest.max_by_key(|flag| (flag.raised_at, flag.id));
        Ok(latest.with_context(|| format!("there is no flag {kind}"))?.id)
    }

    async fn remind(&self, act: &mut Act, here: &Here<'_>, deed: &Deed) -> Result<()> {
        let plan = Plan {
            enrollment_id: here.id,
            template: "general".to_owned(),
            channels: Vec::new(),
            audience: Audience::Staff,
            remind_at: None,
            dispatch_id: None,
            staff: Vec::new(),
            note: None,
            firing_id: None,
            bypass_quiet_hours: false,
            cause: act.cause(),
        };
        let at = |in_days: &Option<i64>| in_days.map(|days| self.in_days(days)).transpose();
        let plan = match deed {
            Deed::RemindCitizen {
                template,
                channels,
                in_days,
            } => Plan {
                template: template.clone(),
                channels: channels.clone(),
                audience: Audience::Citizen,
                remind_at: at(in_days)?,
                ..plan
            },
            Deed::RemindStaff { to, note, in_days } => Plan {
                template: "staff-attention".to_owned(),
                staff: self.staff_ids(to)?,
                note: Some(note.clone()),
                remind_at: at(in_days)?,
                ..plan
            },
            _ => plan,
        };
        only(action::reminder::plan(act, &[plan]).await.map_err(told)?)?;
        Ok(())
    }

    async fn show(&self, act: &mut Act, here: &Here<'_>, target: Target, showing: &Showing) -> Result<()> {
        let change = Change {
            enrollment_id: here.id,
            target,
            visible: showing.visible,
            visible_from: None,
            opens_at: showing.opens_in_days.map(|days| self.in_days(days)).transpose()?,
            open: false,
            reason: Some(showing.reason.clone()),
            cause: act.cause(),
        };
        only(action::content_override::change(act, &[change]).await.map_err(told)?)?;
        Ok(())
    }

    async fn activity(&self, act: &mut Act, here: &Here<'_>, deed: &Deed) -> Result<()> {
        let (Deed::MoveDay { activity, .. } | Deed::CancelDay { activity, .. } | Deed::ChangeActivity { activity, .. }) =
            deed
        else {
            return Ok(());
        };
        let place = here.part.activities.iter().position(|known| known.title == *activity);
        let place = place.with_context(|| format!("{} has no activity {activity}", here.citizen.key))?;
        let id = self.planned.get(&(here.who, place)).copied();
        let activity_id = id.context("it is not planned yet")?;
        let row = entity::planned_activity::find(self.store, &act.viewer, &[activity_id]).await;
        let row = row.map_err(told)?.remove(&activity_id).context("an activity is gone")?;
        let tomorrow = today(act.now) + Duration::days(1);
        let next = row.fact().map_err(told)?.next_day(tomorrow);
        let occurrence = next.context("it comes no more")?;
        let done = match deed {
            Deed::MoveDay { by_days, reason, .. } => {
                let shift = Move {
                    activity_id,
                    occurrence,
                    to: occurrence + Duration::days(*by_days),
                    time: None,
                    reason: Some(reason.clone()),
                };
                action::activity::changing::shift(act, &shift).await
            }
            Deed::CancelDay { reason, .. } => {
                action::activity::changing::cancel(act, activity_id, occurrence, reason).await
            }
            Deed::ChangeActivity { time, repeat, .. } => {
                let change = ActivityChange {
                    activity_id,
                    from: Some(tomorrow),
                    title: None,
                    time: time.map(Some),
                    duration: None,
                    repeat: repeat.clone().map(Some),
                };
                action::activity::changing::change(act, &change).await
            }
            _ => return Ok(()),
        };
        done.map_err(told)?;
        Ok(())
    }

    async fn correct(&self, act: &mut Act, here: &Here<'_>, kind: &str, value: f64, note: &str) -> Result<()> {
        let (from, to) = (act.now - Duration::days(30), act.now);
        let mut series = measurement::series(self.store, &act.viewer, &[here.id], kind, from, to)
            .await
            .map_err(told)?;
        let last = series.remove(&here.id).and_then(|mut rows| rows.pop());
        let correction = Correction {
            measurement_id: last.with_context(|| format!("{kind} was not measured"))?.id,
            value,
            at: None,
            note: Some(note.to_owned()),
        };
        action::measurement::correct(act, &correction).await.map_err(told)?;
        Ok(())
    }

    async fn life(&self, act: &mut Act, here: &Here<'_>, deed: &Deed) -> Result<()> {
        let change = |status, reason: &String, resumes_at| StatusChange {
            enrollment_id: here.id,
            status,
            resumes_at,
            reason: Some(reason.clone()),
        };
        let change = match deed {
            Deed::Pause {
                resumes_in_days,
                reason,
            } => change(Status::Paused, reason, Some(self.in_days(*resumes_in_days)?)),
            Deed::Complete { reason } => change(Status::Completed, reason, None),
            Deed::Withdraw { reason } => change(Status::Withdrawn, reason, None),
            Deed::Prolong { by_days, reason } => {
                let row: enrollment::Model = act.enrollment(here.id, "").await.map_err(told)?;
                let ends_at = row.ends_at.context("it has no end")? + Duration::days(*by_days);
                let done = action::enrollment::set_end(act, here.id, ends_at, Some(reason)).await;
                done.map_err(told)?;
                return Ok(());
            }
            Deed::Transfer {
                unit,
                therapists,
                reason,
            } => {
                let transfer = Transfer {
                    enrollment_id: here.id,
                    unit_id: *self.ids.units.get(unit).context("no such unit")?,
                    therapist_ids: self.staff_ids(therapists)?,
                    reason: Some(reason.clone()),
                };
                let done = action::enrollment::transfer(act, &transfer).await;
                done.map_err(told)?;
                return Ok(());
            }
            Deed::Treat(therapists) => {
                let therapists = self.staff_ids(therapists)?;
                let done = action::enrollment::set_therapists(act, here.id, &therapists).await;
                done.map_err(told)?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        let cause = act.cause();
        let changed = action::enrollment::change_status(act, &[change], cause).await;
        only(changed.map_err(told)?)?;
        Ok(())
    }

    /// Overrides a rule of a program in an enrollment, or in the unit at which the viewer acts.
    pub(super) async fn override_rule(
        &self,
        act: &mut Act,
        program: &str,
        enrollment_id: Option<Uuid>,
        overriding: &Overriding,
    ) -> Result<()> {
        let directory = self.store.directory();
        let program = directory.programs().get(program).context("no such program")?;
        let rules = rule::of_program(self.store, &act.viewer, program.program.id, None, None).await;
        let rules = rules.map_err(told)?;
        let wider = rules.iter().find(|known| known.rule.key == overriding.rule);
        let input = OverrideRule {
            rule_id: wider
                .with_context(|| format!("there is no rule {}", overriding.rule))?
                .rule
                .id,
            unit_id: act.viewer.unit().filter(|_| enrollment_id.is_none()),
            enrollment_id,
            enabled: overriding.enabled,
            values: overriding.values.clone(),
            reason: overriding.reason.clone(),
        };
        action::rule::override_rule(act, input).await.map_err(told)?;
        Ok(())
    }
}

/// What citizens say of themselves.
async fn own(act: &mut Act, deed: &Deed) -> Result<()> {
    let done = match deed {
        Deed::ContactDetails { email, phone } => {
            let details = Details {
                email: email.clone().map(Some),
                phone: phone.clone().map(Some),
            };
            action::contact::set_details(act, None, &details).await
        }
        Deed::Channels(choices) => action::contact::choose_channels(act, None, choices).await,
        Deed::QuietHours { from, until } => {
            let hours: (LocalTime, LocalTime) = (*from, *until);
            action::contact::set_quiet_hours(act, None, Some(hours)).await
        }
        Deed::CalendarFeed(_) => action::calendar_feed::create(act).await,
        _ => return Ok(()),
    };
    done.map_err(told)?;
    Ok(())
}
