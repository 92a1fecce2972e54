//! What is read in the planning view.

use async_graphql::Context;
use entity::{
    error::Error,
    timeline::{Change, Entry, What},
    viewer::Who,
};
use rules::{definition::Action, facts::Audience, summary};

use crate::graphql::{enrollment::Enrollment, error::Result, request};

/// The title of an entry, in the enrollment's language.
pub async fn of(ctx: &Context<'_>, entry: &Entry, enrollment: &Enrollment) -> Result<String> {
    let locale = &*enrollment.locale;
    let content = enrollment.content(ctx).await?;
    let form = |key: &str| match content.forms.get(key) {
        Some(form) => form.form.title.get(locale).to_owned(),
        None => key.to_owned(),
    };
    let piece = |id| content.text(id, "title", locale).to_owned();
    Ok(match &entry.what {
        What::Status(change) => words(locale, status(*change)).to_owned(),
        What::ModuleOpens(id)
        | What::SectionOpens(id)
        | What::ModuleVisibility(id, _)
        | What::SectionVisibility(id, _)
        | What::ModuleCompleted(id) => piece(*id),
        What::FormAvailable(row) | What::FormAnswered(row) | What::FormExpires(row) | What::FormCancelled(row) => {
            form(&row.form_key)
        }
        What::Activity(one) => request::opened(ctx, &one.activity.title)?,
        What::Measured(row) => {
            let kinds = content.version.measurement_kinds()?;
            let kind = kinds.iter().find(|kind| kind.key == row.kind);
            kind.map_or(row.kind.as_str(), |kind| kind.title.get(locale)).to_owned()
        }
        What::Reminder(row) => {
            let message = worker::template::render(&row.template, locale, "");
            let message = message.map_err(|error| Error::Corrupt(format!("a template: {error}")))?;
            message.subject
        }
        What::Message(row) => words(locale, message(row.sender.0)).to_owned(),
        What::FlagRaised(row) | What::FlagResolved(row) => request::opened(ctx, &row.title)?,
        What::Action { action, .. } => match (action, &request::of(ctx).viewer.who) {
            (Action::DispatchForm(send), _) => form(&send.form),
            (Action::OpenModule(open), _) => {
                let module = content.module_by_key(&open.module);
                module.map_or_else(|| open.module.clone(), |module| piece(module.row.id))
            }
            (Action::OpenSection(open), _) => {
                let section = content.section_by_key(&open.section);
                section.map_or_else(|| open.section.clone(), |section| piece(section.row.id))
            }
            (_, Who::Staff { .. } | Who::System) => summary::action_told(action, locale),
            // How a rule says it is for staff.
            (Action::SendMessage(_), _) => words(locale, message(Audience::Staff)).to_owned(),
            (_, Who::Citizen { .. } | Who::Guardian { .. }) => words(locale, ("Påminnelse", "Reminder")).to_owned(),
        },
    })
}

/// Swedish and English words for the same.
type Words = (&'static str, &'static str);

fn words(locale: &str, (swedish, english): Words) -> &'static str {
    match locale.split(['-', '_']).next() {
        Some("en") => english,
        _ => swedish,
    }
}

fn status(change: Change) -> Words {
    match change {
        Change::Planned => ("Programmet planeras", "The program is planned"),
        Change::Starts => ("Programmet börjar", "The program begins"),
        Change::Pauses => ("Programmet pausas", "The program is paused"),
        Change::Resumes => ("Programmet fortsätter", "The program goes on"),
        Change::Completes => ("Programmet avslutas", "The program ends"),
        Change::Withdraws => ("Programmet avbryts", "The program is broken off"),
    }
}

fn message(sender: Audience) -> Words {
    match sender {
        Audience::Citizen => ("Meddelande från invånaren", "Message from the citizen"),
        Audience::Staff => ("Meddelande från personalen", "Message from the staff"),
    }
}
