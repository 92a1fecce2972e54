//! Importing forms.

use async_graphql::{
    Context, Description, Enum, InputObject, InputValueError, InputValueResult, Object, Scalar, ScalarType,
    SimpleObject, Value,
};
use entity::{
    action::form::{Change, may_write},
    error::Error,
};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    error::{Result, UserError},
    form::{self, Form},
    mutation::mutate,
};
use crate::{
    fhir::{Note, NoteCode},
    form_import::{Format, Source},
};

/// A document: the JSON itself, or a string with its text.
#[derive(Clone, Debug, Description, Serialize)]
#[serde(transparent)]
pub struct FormDocument(String);

#[Scalar(use_type_description)]
impl ScalarType for FormDocument {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            object @ Value::Object(_) => match object.into_json() {
                Ok(json) => Ok(Self(json.to_string())),
                Err(_) => Err(InputValueError::custom("a document is JSON")),
            },
            _ => Err(InputValueError::custom(
                "a document is a JSON object, or a string with the text of one",
            )),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// What a form is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum, Serialize)]
#[graphql(remote = "Format")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FormFormat {
    /// A FHIR R4 Questionnaire in JSON; a scale file beside it says how it is scored.
    #[default]
    FhirQuestionnaire,
    /// A form as Handrail itself writes it, in JSON, with its scales.
    Handrail,
}

/// What an import comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Change")]
pub enum FormImportOutcome {
    /// The first version of a form.
    Created,
    /// A new version of a form, which differs from the newest.
    Changed,
    /// Nothing: the newest version says the same.
    Unchanged,
}

/// Why something of a document is not in the form as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "NoteCode")]
pub enum FormImportNoteCode {
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
    /// A condition in an expression language, which is never run: the item is shown always.
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
    /// A linkId that is missing or not unique.
    LinkId,
    /// An extension that is not understood.
    Extension,
    /// Terms of use that the importing person has to read.
    Terms,
}

/// Imports a form.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportFormInput {
    /// The form, at most 512 KiB.
    document: FormDocument,
    /// What it is written in.
    #[graphql(default)]
    format: FormFormat,
    /// How a Questionnaire is scored: items, reversals, bands and what options count for, in JSON or YAML, at most 128 KiB. It may
    /// also name the form's key and give its title in further languages.
    scale: Option<FormDocument>,
    /// The language of the texts (BCP 47), where the document does not say.
    #[graphql(default_with = "\"en\".to_owned()")]
    locale: String,
    /// Only say what would come of it: nothing is saved.
    #[graphql(default)]
    validate_only: bool,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of importing a form.
#[derive(SimpleObject)]
pub struct ImportFormPayload {
    /// The version that is the newest now; none where nothing was saved.
    form: Option<Form>,
    /// How it came to be, or with `validateOnly` how it would; none where it was refused.
    outcome: Option<FormImportOutcome>,
    /// The key of the form; none where it was refused.
    form_key: Option<String>,
    /// How many items the form has.
    item_count: Option<usize>,
    /// How many scales the form has.
    scale_count: Option<usize>,
    /// What could not be carried over, in the order of the document.
    notes: Vec<FormImportNote>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// Something that the form does not say as the document did.
#[derive(SimpleObject)]
pub struct FormImportNote {
    /// The linkId of the item; none where it is about the whole document.
    item: Option<String>,
    /// What kind of thing it is.
    code: FormImportNoteCode,
    /// What was left out or changed, and what happens instead.
    message: String,
}

impl From<Note> for FormImportNote {
    fn from(note: Note) -> Self {
        Self {
            item: note.item,
            code: note.code.into(),
            message: note.message,
        }
    }
}

/// What is kept of an import.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Imported {
    version_id: Option<Uuid>,
    change: Change,
    key: String,
    items: usize,
    scales: usize,
    notes: Vec<Note>,
}

/// What people do with forms of elsewhere.
#[derive(Default)]
pub struct FormImportMutation;

#[Object]
impl FormImportMutation {
    /// Imports a form, so that programs can use it: a new version where it differs from the newest of its key, else that one. What
    /// cannot be carried over is left out and named in `notes`. Nothing in a document is run or fetched. For designers.
    async fn import_form(&self, ctx: &Context<'_>, input: ImportFormInput) -> Result<ImportFormPayload> {
        let (key, wanted) = (input.idempotency_key.as_deref(), input.clone());
        let done = mutate(ctx, "importForm", key, &input, |act| {
            async move {
                may_write(&act.viewer)?;
                let source = Source {
                    format: wanted.format.into(),
                    document: wanted.document.0.as_bytes(),
                    scale: wanted.scale.as_ref().map(|scale| scale.0.as_bytes()),
                    locale: &wanted.locale,
                };
                let imported = source.read().map_err(Error::Refused)?;
                let (change, saved) = source.save(act, &imported, wanted.validate_only).await?;
                Ok(Imported {
                    version_id: saved.map(|saved| saved.version_id),
                    change,
                    items: imported.form.items.len(),
                    scales: imported.form.scales.len(),
                    key: imported.form.key,
                    notes: imported.notes,
                })
            }
            .boxed()
        });
        let imported = match done.await? {
            Ok(imported) => imported,
            Err(errors) => return Ok(ImportFormPayload::refused(errors)),
        };
        let form = match imported.version_id {
            Some(version) => Some(Form {
                content: form::content(ctx, version).await?,
                locale: input.locale.as_str().into(),
            }),
            None => None,
        };
        Ok(ImportFormPayload {
            form,
            outcome: Some(imported.change.into()),
            form_key: Some(imported.key),
            item_count: Some(imported.items),
            scale_count: Some(imported.scales),
            notes: imported.notes.into_iter().map(Into::into).collect(),
            errors: Vec::new(),
        })
    }
}

impl ImportFormPayload {
    fn refused(errors: Vec<UserError>) -> Self {
        Self {
            form: None,
            outcome: None,
            form_key: None,
            item_count: None,
            scale_count: None,
            notes: Vec::new(),
            errors,
        }
    }
}
