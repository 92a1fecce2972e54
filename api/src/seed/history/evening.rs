//! What citizens do in the evenings: they sign in, answer what waits for them, measure, and go on with their programs.

use std::collections::HashMap;

use anyhow::{Context, Result};
use chrono::Duration;
use entity::{
    act::Act,
    action::{self, measurement::Measured},
    content::Content,
    dispatch, progress,
    viewer::Viewer,
};
use rules::{
    answer::{Answer, Answers},
    facts::Status,
    form::Form,
};
use uuid::Uuid;

use super::{History, Part, first_day, is_active_on, today};
use crate::seed::{
    people::{Filled, TakingPart},
    told,
};

impl History<'_> {
    pub(super) async fn evening(&self, citizens: &[usize]) -> Result<()> {
        let mut present = Vec::new();
        let mut act = self.store.act(&Viewer::system()).await?;
        for &c in citizens {
            let citizen = self.people.citizens.get(c).context("no such citizen")?;
            let id = *self.ids.citizens.get(&citizen.key).context("not registered")?;
            let now = act.now;
            action::citizen::signed_in(&mut act, id, now).await?;
            present.push((c, citizen));
        }
        act.commit().await?;

        let day = today(self.store.now());
        for (c, citizen) in present {
            let mut act = self.store.act(&self.citizen(citizen)?).await?;
            for (e, part) in citizen.enrollments.iter().enumerate() {
                let Some(id) = self.started.get(&(c, e)) else { continue };
                if is_active_on(part, day, self.now) {
                    let done = self.take_part(&mut act, part, (c, e), *id).await;
                    done.with_context(|| citizen.key.clone())?;
                }
            }
            act.commit().await?;
        }
        Ok(())
    }

    async fn take_part(&self, act: &mut Act, part: &TakingPart, who: Part, id: Uuid) -> Result<()> {
        let row = act.enrollment(id, "").await.map_err(told)?;
        if row.status.0 != Status::Active {
            return Ok(());
        }
        let content = self.store.library().content(&act.tx, row.version_id).await?;
        self.answer(act, part, id, &content).await?;
        self.register(act, part, who).await?;
        measure(act, part, id, self.now).await?;

        let day = today(act.now);
        #[allow(clippy::cast_precision_loss, reason = "days of some weeks")]
        let lived = ((day - first_day(part, self.now)).num_days() + 1) as f64 / (7 * part.weeks_ago.max(1)) as f64;
        loop {
            let mut overlays = progress::load(&act.tx, &act.viewer, &[id]).await?;
            let overlay = overlays.remove(&id).unwrap_or_default();
            let progress = overlay.progress(&content, act.now);
            let aim = f64::from(progress.total) * part.completes * lived.min(1.0);
            if f64::from(progress.completed) >= aim.floor() {
                return Ok(());
            }
            let Some((.., step)) = overlay.next_step(&content, &row, act.now) else {
                return Ok(());
            };
            fill_in(act, part, id, step, &content).await?;
            action::step::complete(act, id, step).await.map_err(told)?;
        }
    }

    /// Answers the forms that wait, as the citizen's file says.
    async fn answer(&self, act: &mut Act, part: &TakingPart, id: Uuid, content: &Content) -> Result<()> {
        let mut dispatches = dispatch::page(self.store, &act.viewer, &[id], &[], 100, None)
            .await
            .map_err(told)?;
        let mut sent: Vec<dispatch::Model> = Vec::new();
        sent.extend(
            dispatches
                .remove(&id)
                .into_iter()
                .flat_map(|page| page.rows)
                .map(|(_, row)| row),
        );
        sent.sort_by_key(|row| (row.available_at, row.id));
        let mut times: HashMap<&str, usize> = HashMap::new();
        for dispatch in sent.iter().filter(|dispatch| dispatch.step_id.is_none()) {
            let time = times.entry(&dispatch.form_key).or_default();
            let filled = part
                .answers
                .get(&dispatch.form_key)
                .and_then(|answered| answered.nth(*time));
            *time += 1;
            let can_be = dispatch.status.0.is_open() && dispatch.available_at <= act.now;
            let (Some(filled), true) = (filled, can_be) else {
                continue;
            };
            let answers = answers(act, filled, form(content, &dispatch.form_key)?)?;
            let submitted = action::response::submit(act, dispatch.id, &answers).await;
            submitted
                .map_err(told)
                .with_context(|| format!("{} for the {time}th time", dispatch.form_key))?;
        }
        Ok(())
    }
}

/// Fills in the forms of a step that the citizen's file has answers to.
async fn fill_in(act: &mut Act, part: &TakingPart, id: Uuid, step: Uuid, content: &Content) -> Result<()> {
    let (.., found) = content.step(step).context("a step is gone")?;
    let keys = found.blocks.iter().filter_map(|block| block.form_key.as_deref());
    for key in keys {
        let Some(filled) = part.answers.get(key).and_then(|answered| answered.nth(0)) else {
            continue;
        };
        let answers = answers(act, filled, form(content, key)?)?;
        let dispatch = action::dispatch::open_form(act, id, step, key).await.map_err(told)?;
        let submitted = action::response::submit(act, dispatch, &answers).await;
        submitted.map_err(told).with_context(|| key.to_owned())?;
    }
    Ok(())
}

/// Registers what is measured this evening.
async fn measure(act: &mut Act, part: &TakingPart, id: Uuid, now: chrono::DateTime<chrono::Utc>) -> Result<()> {
    let day = today(act.now);
    for (kind, series) in &part.measurements {
        let since = (day - (today(now) - Duration::days(series.days_ago))).num_days();
        let place = match (since >= 0, since % series.every) {
            (true, 0) => usize::try_from(since / series.every)?,
            _ => continue,
        };
        let Some(value) = series.values.get(place).copied().flatten() else {
            continue;
        };
        let measured = Measured {
            enrollment_id: id,
            kind: kind.clone(),
            value,
            at: None,
            note: None,
        };
        let registered = action::measurement::register(act, &measured).await;
        registered.map_err(told).with_context(|| kind.clone())?;
    }
    Ok(())
}

/// A form of a program.
pub(super) fn form<'c>(content: &'c Content, key: &str) -> Result<&'c Form> {
    let found = content.forms.get(key);
    Ok(&found.with_context(|| format!("the program has no form {key}"))?.form)
}

/// Answers as a citizen would give them. `today-3` is the day three days ago.
pub(super) fn answers(act: &Act, filled: &Filled, form: &Form) -> Result<Answers> {
    let values = match filled {
        Filled::Answers(answers) => {
            let dated = answers
                .iter()
                .map(|(key, answer)| Ok((key.clone(), dated(act, answer)?)));
            return dated.collect();
        }
        Filled::Values(values) => values,
    };
    let scale = form
        .scales
        .first()
        .with_context(|| format!("{} has no scale", form.key))?;
    anyhow::ensure!(
        values.len() == scale.items.len(),
        "{} takes {} values",
        form.key,
        scale.items.len()
    );
    let chosen = scale.items.iter().zip(values).map(|(key, value)| {
        let item = form.item(key).with_context(|| format!("{} has no {key}", form.key))?;
        let option = item.options.iter().find(|option| option.value == Some(*value));
        let option = option.with_context(|| format!("{key} has no option worth {value}"))?;
        Ok((key.clone(), Answer::Text(option.key.clone())))
    });
    chosen.collect()
}

fn dated(act: &Act, answer: &Answer) -> Result<Answer> {
    let Answer::Text(text) = answer else {
        return Ok(answer.clone());
    };
    let Some(days) = text.strip_prefix("today") else {
        return Ok(answer.clone());
    };
    let days = match days {
        "" => 0,
        days => days.parse().with_context(|| format!("{text} is no day"))?,
    };
    Ok(Answer::Text((today(act.now) + Duration::days(days)).to_string()))
}
