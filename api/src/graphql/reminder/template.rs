//! The letters that reminders leave as.

use async_graphql::SimpleObject;
use entity::{error::Error, template};

use crate::graphql::{error::Result, flag::Audience};

/// A letter that rules and people remind with.
#[derive(SimpleObject)]
pub struct ReminderTemplate {
    /// Names it in `remindCitizen` and in rules.
    key: &'static str,
    /// Whom it is written to.
    audience: Audience,
    /// What is read in lists: the subject of the letter.
    title: String,
}

impl ReminderTemplate {
    /// Those that are written to an audience, or all, in a language.
    pub fn all(audience: Option<Audience>, locale: &str) -> Result<Vec<Self>> {
        let templates = template::templates(audience.map(Into::into));
        templates
            .map(|template| {
                Ok(Self {
                    key: template.key,
                    audience: template.audience.into(),
                    title: title(template.key, locale)?,
                })
            })
            .collect()
    }
}

/// The subject of a letter in a language. It says nothing of anybody.
pub(super) fn title(key: &str, locale: &str) -> Result<String> {
    let letter = worker::template::render(key, locale, "");
    let letter = letter.map_err(|error| Error::Corrupt(format!("a template: {error}")))?;
    Ok(letter.subject)
}
