//! What citizens and therapists do together: messages, and the activity plan.

use anyhow::{Context, Result};
use entity::{
    act::Act,
    action::{
        self,
        activity::{Plan, Register},
        message::Send,
    },
    planned_activity,
    viewer::{Viewer, Who},
};
use rules::facts::Audience;
use sea_orm::EntityTrait;
use uuid::Uuid;

use super::{History, Part, today};
use crate::seed::{people::TakingPart, told};

impl History<'_> {
    /// Somebody writes a message, and has read the other side's.
    pub(super) async fn write(&self, who: Part, index: usize) -> Result<()> {
        let (citizen, part) = self.part(who)?;
        let message = part.messages.get(index).context("no such message")?;
        let enrollment_id = self.enrollment(who)?;
        let viewer = match message.from {
            Audience::Staff => self.therapist(part)?,
            Audience::Citizen => {
                let id = self.ids.citizens.get(&citizen.key).context("not registered")?;
                Viewer::new(Who::Citizen { id: *id }, "demo")
            }
        };
        let mut act = self.store.act(&viewer).await?;
        action::message::mark_read(&mut act, enrollment_id, None)
            .await
            .map_err(told)?;
        let send = Send {
            enrollment_id,
            body: message.text.clone(),
            firing_id: None,
            cause: act.cause(),
        };
        let outcomes = action::message::send(&mut act, &[send]).await.map_err(told)?;
        if let Some(Err(refused)) = outcomes.into_iter().next() {
            return Err(told(entity::error::Error::Refused(refused)));
        }
        act.commit().await?;
        Ok(())
    }

    /// The therapist plans an activity that begins today.
    pub(super) async fn plan(&mut self, who: Part, index: usize) -> Result<()> {
        let (_, part) = self.part(who)?;
        let activity = part.activities.get(index).context("no such activity")?;
        let plan = Plan {
            enrollment_id: self.enrollment(who)?,
            title: activity.title.clone(),
            starts_on: today(self.store.now()),
            time: activity.time,
            duration: activity.duration,
            repeat: activity.repeat.clone(),
        };
        let mut act = self.store.act(&self.therapist(part)?).await?;
        let id = action::activity::plan(&mut act, &plan).await.map_err(told)?;
        act.commit().await?;
        self.planned.insert((who, index), id);
        Ok(())
    }

    /// The citizen registers what was planned for today, as `people.yaml` says.
    pub(super) async fn register(&self, act: &mut Act, part: &TakingPart, who: Part) -> Result<()> {
        let day = today(act.now);
        for (index, activity) in part.activities.iter().enumerate() {
            let Some(activity_id) = self.planned.get(&(who, index)).copied() else {
                continue;
            };
            let row = planned_activity::Entity::find_by_id(activity_id).one(&act.tx).await?;
            let planned = row.context("an activity is gone")?.fact().map_err(told)?;
            if planned.next_day(day) != Some(day) {
                continue;
            }
            let before = planned.days(planned.starts_on, day).count();
            let Some(registered) = activity.registered.get(before).and_then(Option::as_ref) else {
                continue;
            };
            let register = Register {
                activity_id,
                occurrence: day,
                done: registered.done,
                note: registered.note.clone(),
                rating: registered.rating,
            };
            action::activity::register(act, &register).await.map_err(told)?;
        }
        Ok(())
    }

    fn enrollment(&self, who: Part) -> Result<Uuid> {
        self.started.get(&who).copied().context("not started")
    }
}
