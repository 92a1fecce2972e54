//! What firings send: forms, reminders and messages.

use super::{
    effect::{Carried, Pen, World},
    notice::{Notice, Subject, To},
};
use crate::{
    as_of::AsOf,
    content::concerns,
    definition::{Action, DispatchForm, QuietHours, Recipients, Remind},
    evaluation::Firing,
    facts::{Audience, Dated, Dispatch, EventKind, Instant, Message, Status},
    validate::Function,
    window::Window,
};

impl World {
    /// Sends a form.
    pub(super) fn form(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
        let Action::DispatchForm(form) = action else { return };
        let zone = self.facts.zone;
        let sent = match &one.real {
            Some(real) => real
                .dispatches
                .iter()
                .find(|dispatch| dispatch.form == form.form)
                .cloned(),
            None => self.send(one.firing, form, pen),
        };
        let Some(sent) = sent.filter(|_| !self.lacking.functions.contains(&Function::Reminders)) else {
            return;
        };
        let window = Window::new(sent.available_at, form.expires_after, &form.remind_after, zone);
        let decided_in = AsOf::new(&self.facts, pen.now).status();
        let switches = self.switches.get(&form.form).cloned().unwrap_or_default();
        one.notices.extend(window.remind_at.into_iter().map(|at| Notice {
            at,
            to: To::Citizen,
            channels: Vec::new(),
            subject: Subject::Form(sent.id),
            about: concerns(one.definition),
            switches: switches.clone(),
            decided_in,
            between_staff: false,
            bypass_quiet_hours: false,
            office_hours: false,
        }));
    }

    /// Sends a form that nobody sent, unless the enrollment has ended, rules may not send it there, or its time is over.
    fn send(&mut self, firing: &Firing, form: &DispatchForm, pen: &mut Pen) -> Option<Dispatch> {
        let switches = self.switches.get(&form.form);
        let is_off = switches.is_some_and(|switches| Dated::latest(switches, pen.now) == Some(&false));
        if self.has_ended(pen.now) || is_off {
            return None;
        }
        let window = Window::new(firing.at, form.expires_after, &form.remind_after, self.facts.zone);
        if window.expires_at.is_some_and(|until| until <= pen.now) {
            return None;
        }
        // Who amends an answer answers nothing that was sent since.
        let answers = self.facts.responses.iter().filter(|response| {
            response.form == form.form
                && response.at == response.answered_at
                && response.at > pen.now
                && window.expires_at.is_none_or(|until| response.at < until)
        });
        let answer = answers.clone().find(|response| !self.claimed.contains(&response.id));
        let (answer, completed_at) = (answer.map(|response| response.id), answer.map(|response| response.at));
        self.claimed.extend(answer);
        let sent = Dispatch {
            id: self.id(),
            form: form.form.clone(),
            known_at: pen.now,
            available_at: window.available_at,
            overdue_at: window.overdue_at,
            expires_at: window.expires_at,
            completed_at,
            cancelled_at: None,
        };
        self.add_dispatch(sent.clone());
        self.write(pen, firing.depth, EventKind::FactChanged);
        Some(sent)
    }

    /// Reminds the citizen or the staff.
    pub(super) fn remind(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
        let Action::Remind(Remind { channels, audience, .. }) = action else {
            return;
        };
        // What it really opened was shown only then.
        let at = one.real.as_ref().map_or(pen.now, |real| real.done_at.max(pen.now));
        one.notices.push(Notice {
            at,
            to: match audience {
                Audience::Citizen => To::Citizen,
                Audience::Staff => To::Staff(Recipients::Therapists),
            },
            channels: channels.clone(),
            subject: Subject::Nothing,
            about: concerns(one.definition),
            switches: Vec::new(),
            decided_in: AsOf::new(&self.facts, at).status(),
            between_staff: false,
            bypass_quiet_hours: one.definition.limits.quiet_hours == QuietHours::Bypass,
            office_hours: false,
        });
        if one.real.is_none() {
            self.write(pen, one.firing.depth, EventKind::FactChanged);
        }
    }

    /// Writes to the citizen.
    pub(super) fn message(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
        let Action::SendMessage(_) = action else { return };
        if one.real.is_none() && !self.has_ended(pen.now) {
            let from = Audience::Staff;
            let message = Message {
                id: self.id(),
                at: pen.now,
                from,
                answer_before: None,
                answered_at: None,
            };
            self.add_message(message);
            self.write(pen, one.firing.depth, EventKind::MessageReceived { from });
        }
    }

    fn has_ended(&self, at: Instant) -> bool {
        let status = AsOf::new(&self.facts, at).status();
        matches!(status, None | Some(Status::Completed | Status::Withdrawn))
    }
}
