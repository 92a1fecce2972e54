//! What staff do for their whole unit.

use anyhow::{Context, Result};
use chrono::Duration;
use entity::action::{
    self, assignment::NewAssignment, enrollment::StartEnrollment, invitation::Invite, message::ToAll,
};
use uuid::Uuid;

use super::{History, STARTS, at, clock_time, only, today};
use crate::seed::{
    content::{registered, save_rule},
    deed::AtUnit,
    told,
};

impl History<'_> {
    /// Does one of the deeds that `people.yaml` names for a unit.
    pub(super) async fn at_unit(&self, unit: usize, index: usize) -> Result<()> {
        let unit = self.people.units.get(unit).context("no such unit")?;
        let unit_id = *self.ids.units.get(&unit.key).context("no such unit")?;
        let occasion = unit.deeds.get(index).context("no such deed")?;
        let by = occasion.by.as_deref().context("nobody does it")?;
        let mut act = self.store.act(&self.staff(by, &unit.key)?).await?;
        match &occasion.deed {
            AtUnit::WriteToAll { program, text } => {
                let to_all = ToAll {
                    unit_id,
                    program_slug: Some(program.clone()),
                    statuses: Vec::new(),
                    body: text.clone(),
                };
                action::message::send_to_all(&mut act, &to_all).await.map_err(told)?;
            }
            AtUnit::SaveRule { program, dry_run, rule } => {
                save_rule(&mut act, program, Some(unit_id), *dry_run, rule.clone()).await?;
            }
            AtUnit::OverrideRule { program, overriding } => {
                self.override_rule(&mut act, program, None, overriding).await?;
            }
            AtUnit::Invite {
                name,
                title,
                email,
                roles,
                in_days,
            } => {
                let valid_from = Some(self.in_days(*in_days)?);
                let assignments = roles.iter().map(|&role| NewAssignment {
                    // Whoever is invited.
                    staff_id: Uuid::nil(),
                    unit_id: Some(unit_id),
                    role,
                    valid_from,
                    valid_until: None,
                });
                let invite = Invite {
                    subject: email.clone(),
                    display_name: name.clone(),
                    title: Some(title.clone()),
                    email: email.clone(),
                    assignments: assignments.collect(),
                };
                action::invitation::invite(&mut act, invite).await.map_err(told)?;
            }
            AtUnit::StartGroup {
                program,
                citizens,
                therapists,
                in_days,
            } => {
                let people = citizens.iter().map(|key| {
                    let mut known = self.people.citizens.iter();
                    let citizen = known.find(|citizen| citizen.key == *key);
                    Ok(registered(citizen.with_context(|| format!("there is no {key}"))?))
                });
                let people: Vec<_> = people.collect::<Result<_>>()?;
                let day = today(self.store.now()) + Duration::days(*in_days);
                let start = StartEnrollment {
                    program_slug: program.clone(),
                    unit_id,
                    citizen: people.first().context("a group of nobody")?.clone(),
                    starts_at: Some(at(day, clock_time(STARTS)?.0)?),
                    therapist_ids: self.staff_ids(therapists)?,
                    zone: None,
                    locale: None,
                };
                for outcome in action::enrollment::start_all(&mut act, &start, &people)
                    .await
                    .map_err(told)?
                {
                    only(vec![outcome])?;
                }
            }
        }
        act.commit().await?;
        Ok(())
    }
}
