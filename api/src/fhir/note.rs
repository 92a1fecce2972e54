//! What an import names because it could not be carried over.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that the form does not say as the Questionnaire did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// The `linkId` of the item; none where the note is about the whole Questionnaire.
    pub item: Option<String>,
    /// What kind of thing it is.
    pub code: NoteCode,
    /// What was left out or changed, and what happens instead, for the person who imports.
    pub message: String,
}

/// What is named, before it is known of which item.
pub type Named = (NoteCode, String);

/// The kinds of notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteCode {
    /// An item whose answer is computed: left out.
    Calculated,
    /// An item that is never shown: left out.
    Hidden,
    /// An item that nobody may answer: left out.
    ReadOnly,
    /// An item of a type that forms do not have: left out.
    UnsupportedType,
    /// A text that has no words: left out.
    Empty,
    /// A text that explains an item that was left out: left out with it.
    Orphan,
    /// A condition in an expression language: the item is shown always.
    Expression,
    /// A condition that cannot be asked here: left out, the item is shown.
    Condition,
    /// A condition on a code that is not among the options: left out, the item is shown.
    DanglingCode,
    /// Options that are missing or cannot be carried over.
    Options,
    /// A choice with an own answer: asked as an option and a text.
    OpenChoice,
    /// An item that may be answered several times: asked once.
    Repeats,
    /// An answer of a type that forms do not have: asked as the nearest that they have.
    Type,
    /// A limit on the answer that is not checked.
    Limit,
    /// An answer that is filled in beforehand: asked without.
    InitialValue,
    /// Words, a picture or an emphasis that got lost.
    Wording,
    /// A `linkId` that is missing or not unique.
    LinkId,
    /// An extension that is not understood.
    Extension,
    /// Terms of use that the importing person has to read.
    Terms,
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.item {
            Some(item) => write!(formatter, "{item}: {}", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}
