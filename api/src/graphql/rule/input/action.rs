//! What a rule does.

use async_graphql::{Enum, InputObject, OneofObject};
use rules::definition;
use serde::Serialize;

use super::reference::{ModuleRefInput, SectionRefInput};
use crate::graphql::{
    flag::{Audience, Severity},
    reminder::Channel,
    scalar::Duration,
};

/// What a rule does.
#[derive(Clone, Debug, OneofObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ActionInput {
    /// Asks the citizen to fill in a form.
    DispatchForm(DispatchFormActionInput),
    /// Raises a flag, or adds a cause to the unresolved one of its kind.
    RaiseFlag(RaiseFlagActionInput),
    /// Reminds the citizen or the staff.
    Remind(RemindActionInput),
    /// Opens and shows a module.
    OpenModule(ModuleRefInput),
    /// Hides a module.
    HideModule(ModuleRefInput),
    /// Opens and shows a section.
    OpenSection(SectionRefInput),
    /// Hides a section.
    HideSection(SectionRefInput),
    /// Sends the citizen a message from the unit.
    SendMessage(SendMessageActionInput),
    /// Starts an escalation ladder for the open flag of a kind.
    Escalate(EscalateActionInput),
}

/// Sends the citizen a message in the thread of the enrollment.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessageActionInput {
    /// What it says.
    body: String,
}

/// An escalation ladder: until somebody acknowledges or resolves the flag, one recipient after the other is reminded of it.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EscalateActionInput {
    /// The kind of the flag to staff.
    kind: String,
    /// The rungs, from the first to the last.
    rungs: Vec<RungInput>,
    /// Whether a rung that would come while the unit is closed waits until it opens; it does not where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    office_hours: Option<bool>,
}

/// One rung of an escalation ladder. Each comes once for each time that the flag is opened.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RungInput {
    /// Stable and unique within the ladder.
    key: String,
    /// How long after the firing.
    after: Duration,
    /// Who is reminded.
    to: Recipients,
    /// The key of the message template.
    template: String,
    /// How it is sent; by e-mail where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<Channel>>,
}

/// Staff who are reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "definition::Recipients")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Recipients {
    /// The therapists of the enrollment.
    Therapists,
    /// All who treat at the unit.
    UnitStaff,
    /// The administrators of the unit.
    UnitAdministrators,
}

/// Asks the citizen to fill in a form.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DispatchFormActionInput {
    /// The form's key.
    form: String,
    /// How long it can be answered; for ever where absent.
    expires_after: Option<Duration>,
    /// When the citizen is reminded, counted from when it became available, until they answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    remind_after: Option<Vec<Duration>>,
}

/// Raises a flag.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RaiseFlagActionInput {
    /// What it is about.
    kind: String,
    /// How serious it is.
    severity: Severity,
    /// What is read in lists.
    title: String,
    /// Whom it is shown to.
    audience: Audience,
    /// Whether it resolves itself when the episode that raised it ends (`whenever` alone).
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_resolve: Option<bool>,
}

/// Reminds somebody.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemindActionInput {
    /// The key of the message template.
    template: String,
    /// How; as the recipient chose where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<Channel>>,
    /// Who is reminded: the citizen, or those who treat.
    audience: Audience,
}
