//! What people do with the forms of one enrollment.

use anyhow::{Context, Result};
use entity::{
    act::Act,
    action::{
        self,
        dispatch::{Expiry, Move, Send},
        repeat::Repeat,
    },
    content::Content,
    dispatch,
    response::{self, Filter},
};
use uuid::Uuid;

use super::Here;
use crate::seed::{
    deed::{Answering, Deed},
    history::{
        History,
        evening::{answers, form},
        only,
    },
    told,
};

impl History<'_> {
    pub(super) async fn form(&self, act: &mut Act, here: &Here<'_>, deed: &Deed) -> Result<()> {
        match deed {
            Deed::SendForm {
                form,
                in_days,
                expires_after,
                remind_after,
            } => {
                let send = Send {
                    enrollment_id: here.id,
                    form_key: form.clone(),
                    at: in_days.map(|days| self.in_days(days)).transpose()?,
                    expires_after: *expires_after,
                    remind_after: remind_after.clone(),
                    firing_id: None,
                    cause: act.cause(),
                };
                only(action::dispatch::send(act, &[send]).await.map_err(told)?)?;
            }
            Deed::SendFormAgain {
                form,
                in_days,
                repeat,
                expires_after,
            } => {
                let repeat = Repeat {
                    enrollment_id: here.id,
                    form_key: form.clone(),
                    at: Some(self.in_days(*in_days)?),
                    repeat: repeat.clone(),
                    expires_after: *expires_after,
                    remind_after: Vec::new(),
                };
                action::repeat::dispatch_again(act, repeat).await.map_err(told)?;
            }
            Deed::CancelForm { form, reason } => {
                let dispatch = self.open_form(act, here.id, form).await?;
                let done = action::dispatch::cancel(act, dispatch, Some(reason)).await;
                done.map_err(told)?;
            }
            Deed::MoveForm {
                form,
                expires_in_days,
                reason,
            } => {
                let wanted = Move {
                    dispatch_id: self.open_form(act, here.id, form).await?,
                    available_at: None,
                    expires_at: Expiry::At(self.in_days(*expires_in_days)?),
                    reason: Some(reason.clone()),
                };
                let done = action::dispatch::reschedule(act, wanted).await;
                done.map_err(told)?;
            }
            Deed::SwitchForm { form, on, reason } => {
                let done = action::form_schedule::switch(act, here.id, form, *on, reason).await;
                done.map_err(told)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The form of a key that can be answered.
    async fn open_form(&self, act: &Act, id: Uuid, key: &str) -> Result<Uuid> {
        let mut dispatches = dispatch::page(self.store, &act.viewer, &[id], &[], 100, None)
            .await
            .map_err(told)?;
        let rows = dispatches.remove(&id).into_iter().flat_map(|page| page.rows);
        let open = rows
            .map(|(_, row)| row)
            .find(|row| row.form_key == key && row.status.0.is_open());
        Ok(open.with_context(|| format!("no {key} waits to be answered"))?.id)
    }

    pub(super) async fn result(&self, act: &mut Act, here: &Here<'_>, deed: &Deed) -> Result<()> {
        let row = act.enrollment(here.id, "").await.map_err(told)?;
        let content = self.store.library().content(&act.tx, row.version_id).await?;
        let answered = |act: &Act, content: &Content, answering: &Answering| {
            answers(act, &answering.answers, form(content, &answering.form)?)
        };
        let done = match deed {
            Deed::BeginForm(answering) => {
                let answers = answered(act, &content, answering)?;
                let dispatch = self.open_form(act, here.id, &answering.form).await?;
                action::dispatch::save_draft(act, dispatch, &answers).await
            }
            Deed::AnswerOnBehalf(answering) => {
                let answers = answered(act, &content, answering)?;
                let dispatch = self.open_form(act, here.id, &answering.form).await?;
                action::response::submit_on_behalf(act, dispatch, &answers).await
            }
            Deed::AmendResult {
                form: key,
                answers: filled,
                reason,
            } => {
                let answers = answers(act, filled, form(&content, key)?)?;
                let response = self.last_result(act, here.id, key).await?;
                action::response::amend(act, response, &answers, reason).await
            }
            Deed::VoidResult { form, reason } => {
                let response = self.last_result(act, here.id, form).await?;
                action::response::void(act, response, reason).await
            }
            _ => return Ok(()),
        };
        done.map_err(told)?;
        Ok(())
    }

    async fn last_result(&self, act: &Act, id: Uuid, key: &str) -> Result<Uuid> {
        let filter = Filter {
            form: Some(key.to_owned()),
            ..Filter::default()
        };
        let mut last = response::last(self.store, &act.viewer, &[id], &filter, 1)
            .await
            .map_err(told)?;
        let last = last.remove(&id).into_iter().flatten().next();
        Ok(last.with_context(|| format!("{key} was never answered"))?.id)
    }
}
