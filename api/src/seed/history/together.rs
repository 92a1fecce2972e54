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
};
use rules::facts::Audience;
use sea_orm::EntityTrait;

use super::{History, Part, only, today};
use crate::seed::{DEMO, people::TakingPart, told};

impl History<'_> {
    /// Somebody writes a message, and has read the other side's.
    pub(super) async fn write(&self, who: Part, index: usize) -> Result<()> {
        let (citizen, part) = self.part(who)?;
        let message = part.messages.get(index).context("no such message")?;
        let enrollment_id = self.enrollment(who)?;
        let viewer = match message.from {
            Audience::Staff => self.therapist(part)?,
            Audience::Citizen => self.citizen(citizen)?,
        };
        let attachments = match &message.file {
            Some(name) => {
                let file = DEMO.get_file(format!("attachments/{name}"));
                let content = file.with_context(|| format!("there is no {name}"))?.contents();
                let uploaded = action::attachment::upload(self.store, self.files, &viewer, name, content).await;
                vec![uploaded.map_err(told)?]
            }
            None => Vec::new(),
        };
        let mut act = self.store.act(&viewer).await?;
        action::message::mark_read(&mut act, enrollment_id, None)
            .await
            .map_err(told)?;
        let send = Send {
            enrollment_id,
            body: message.text.clone(),
            attachments,
            firing_id: None,
            unit_message_id: None,
            cause: act.cause(),
        };
        only(action::message::send(&mut act, &[send]).await.map_err(told)?)?;
        act.commit().await?;
        Ok(())
    }

    /// The therapist, or the citizen themself, plans an activity that begins today.
    pub(super) async fn plan(&mut self, who: Part, index: usize) -> Result<()> {
        let (citizen, part) = self.part(who)?;
        let activity = part.activities.get(index).context("no such activity")?;
        let plan = Plan {
            enrollment_id: self.enrollment(who)?,
            title: activity.title.clone(),
            starts_on: today(self.store.now()),
            time: activity.time,
            duration: activity.duration,
            repeat: activity.repeat.clone(),
        };
        let viewer = match activity.by_themselves {
            true => self.citizen(citizen)?,
            false => self.therapist(part)?,
        };
        let mut act = self.store.act(&viewer).await?;
        let id = action::activity::plan(&mut act, &plan).await.map_err(told)?;
        act.commit().await?;
        self.planned.insert((who, index), id);
        Ok(())
    }

    /// The citizen registers what was planned for today, as their file says.
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
                rating_before: registered.before,
            };
            action::activity::register(act, &register).await.map_err(told)?;
        }
        Ok(())
    }
}
