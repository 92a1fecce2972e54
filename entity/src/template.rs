//! The message templates that a rule or a person may name. Their texts are the worker's, which is tested to have each of them.

use rules::facts::Audience;
use uuid::Uuid;

/// A message template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Names it.
    pub key: &'static str,
    /// Whom it is written to.
    pub audience: Audience,
}

/// The template of a reminder to a citizen that has none of its own.
const GENERAL: &str = "general";
/// The template of a form that waits.
pub(crate) const FORM_WAITING: &str = "form-waiting";
/// The template of what colleagues remind one another of: the letter says nothing of what it is about.
pub(crate) const STAFF_ATTENTION: &str = "staff-attention";

/// All of them, by key.
pub const TEMPLATES: [Template; 8] = [
    to_citizen("come-back"),
    to_citizen(FORM_WAITING),
    to_citizen(GENERAL),
    to_citizen("message-waiting"),
    to_citizen("new-content"),
    to_citizen("program-ending"),
    to_staff(STAFF_ATTENTION),
    to_staff("staff-escalation"),
];

const fn to_citizen(key: &'static str) -> Template {
    let audience = Audience::Citizen;
    Template { key, audience }
}

const fn to_staff(key: &'static str) -> Template {
    let audience = Audience::Staff;
    Template { key, audience }
}

/// The template that somebody named for a reminder, or where nobody did, that of what it is about.
pub fn chosen(named: Option<String>, audience: Audience, form: Option<Uuid>) -> String {
    let own = match (audience, form) {
        (Audience::Staff, _) => STAFF_ATTENTION,
        (Audience::Citizen, Some(_)) => FORM_WAITING,
        (Audience::Citizen, None) => GENERAL,
    };
    named.unwrap_or_else(|| own.to_owned())
}

/// Those that are written to an audience, or all, by key.
pub fn templates(audience: Option<Audience>) -> impl Iterator<Item = Template> {
    let is_for = move |template: &Template| audience.is_none_or(|audience| template.audience == audience);
    TEMPLATES.into_iter().filter(is_for)
}
