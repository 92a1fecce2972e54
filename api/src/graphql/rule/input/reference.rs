//! What rules name by key, and the word for nothing.

use async_graphql::InputObject;
use serde::Serialize;

/// Something that needs no further words.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NothingInput {
    /// A note to those who read the rule.
    note: Option<String>,
}

/// A module by key.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleRefInput {
    /// The module's key.
    module: String,
}

/// A section by key.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SectionRefInput {
    /// The section's key.
    section: String,
}

/// A form by key.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FormRefInput {
    /// The form's key.
    form: String,
}

/// A kind of flag.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlagRefInput {
    /// The flag's kind.
    kind: String,
}

/// A form by key, or any.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnyFormInput {
    /// The form's key.
    form: Option<String>,
}
