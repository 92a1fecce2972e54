//! Forms that come from elsewhere, by the command as by the API: read, checked, and saved as a version.
//!
//! Nothing in a document is ever executed or fetched: expressions are left out and named, addresses stay addresses.

use entity::{
    act::Act,
    action::form::{self, Change, Saved},
    error::{Error, Result, UserError},
};
use rules::validate::Problem;

use crate::fhir::{self, ImportError, Imported};

/// How many bytes a document may have, and a scale file.
const LARGEST: usize = 512 * 1024;
const LARGEST_SCALE_FILE: usize = 128 * 1024;

/// What a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A FHIR R4 Questionnaire in JSON, with a scale file beside it where it is scored; see [`fhir::import`].
    FhirQuestionnaire,
    /// A form as Handrail itself writes it, in JSON; see [`rules::form::Form`].
    Handrail,
}

/// A form to be imported.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What the document is written in.
    pub format: Format,
    /// The document.
    pub document: &'a [u8],
    /// Its scales, where the document cannot say them.
    pub scale: Option<&'a [u8]>,
    /// The language of its texts, where the document does not say.
    pub locale: &'a str,
}

impl Source<'_> {
    /// The form, and what could not be carried over.
    ///
    /// # Errors
    /// `TOO_LARGE`, `NOT_JSON`, `NOT_A_QUESTIONNAIRE`, `MALFORMED`, `TOO_MANY`, `NOTHING_TO_ASK`, `BAD_SCALE_FILE`, `UNKNOWN_ITEM`,
    /// `NOT_NEEDED`, and what every form is checked for; at `document` or `scale`, and below where that can be said.
    pub fn read(&self) -> std::result::Result<Imported, Vec<UserError>> {
        let scale = self.scale.unwrap_or_default();
        for (bytes, most, path) in [
            (self.document, LARGEST, "document"),
            (scale, LARGEST_SCALE_FILE, "scale"),
        ] {
            if bytes.len() > most {
                let message = format!(
                    "At most {} KiB, please: this is no form that anybody would fill in.",
                    most / 1024
                );
                return Err(vec![UserError::new("TOO_LARGE", path, message)]);
            }
        }
        match self.format {
            Format::FhirQuestionnaire => fhir::import(self.document, self.scale, self.locale).map_err(refused),
            Format::Handrail if self.scale.is_some() => {
                let message = "A form of Handrail's own says its scales itself: leave the scale file out.";
                Err(vec![UserError::new("NOT_NEEDED", "scale", message)])
            }
            Format::Handrail => own(self.document),
        }
    }

    /// Saves what was read as the newest version of its form; none and nothing where it is only to be seen what would come of it.
    ///
    /// # Errors
    /// As [`form::save`], at `document` or `scale`.
    pub async fn save(
        &self,
        act: &mut Act,
        imported: &Imported,
        only_validate: bool,
    ) -> Result<(Change, Option<Saved>)> {
        let saved = match only_validate {
            true => form::preview(act, &imported.form).await.map(|change| (change, None)),
            false => form::save(act, &imported.form)
                .await
                .map(|saved| (saved.change, Some(saved))),
        };
        saved.map_err(|error| match error {
            Error::Refused(errors) => {
                let placed = errors.into_iter().map(|error| match error.path.is_empty() {
                    true => error,
                    false => UserError {
                        path: self.format.place(error.path),
                        ..error
                    },
                });
                Error::Refused(placed.collect())
            }
            error => error,
        })
    }
}

impl Format {
    /// Where that of which something is said of a form stands in what it was made of.
    fn place(self, of_form: Vec<String>) -> Vec<String> {
        let is_scale = of_form.first().is_some_and(|part| part == "scales");
        match self {
            Self::Handrail => below("document", of_form),
            Self::FhirQuestionnaire if is_scale => below("scale", of_form),
            Self::FhirQuestionnaire => vec!["document".to_owned()],
        }
    }
}

/// A form of Handrail's own.
fn own(document: &[u8]) -> std::result::Result<Imported, Vec<UserError>> {
    let json: serde_json::Value = serde_json::from_slice(document).map_err(|error| not_json(&error.to_string()))?;
    let form = serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        malformed(&path, &error.into_inner().to_string())
    })?;
    match rules::validate::form(&form) {
        Ok(()) => Ok(Imported {
            form,
            notes: Vec::new(),
        }),
        Err(problems) => Err(invalid(problems, Format::Handrail)),
    }
}

fn refused(error: ImportError) -> Vec<UserError> {
    let message = sentence(&error.to_string());
    let one = |code, path| vec![UserError::new(code, path, message.clone())];
    match error {
        ImportError::NotJson(reason) => not_json(&reason),
        ImportError::NotAQuestionnaire(_) => one("NOT_A_QUESTIONNAIRE", "document"),
        ImportError::Malformed { path, message } => malformed(&path, &message),
        ImportError::TooMany { .. } => one("TOO_MANY", "document"),
        ImportError::NothingToAsk(_) => one("NOTHING_TO_ASK", "document"),
        ImportError::ScaleFile(_) => one("BAD_SCALE_FILE", "scale"),
        ImportError::Unknown(names) => {
            let each = names
                .iter()
                .map(|name| UserError::new("UNKNOWN_ITEM", "scale", sentence(name)));
            each.collect()
        }
        ImportError::Invalid(problems) => invalid(problems, Format::FhirQuestionnaire),
    }
}

fn not_json(reason: &str) -> Vec<UserError> {
    let message = format!("This is not JSON ({reason}). What is written in XML has to be converted to JSON first.");
    vec![UserError::new("NOT_JSON", "document", message)]
}

/// `path` is one into JSON: `item[0].answerOption[1]`.
fn malformed(path: &str, reason: &str) -> Vec<UserError> {
    let parts = path
        .split(['.', '[', ']'])
        .filter(|part| !part.is_empty() && *part != "?");
    let error = UserError {
        path: below("document", parts.map(str::to_owned).collect()),
        ..UserError::new("MALFORMED", "", sentence(reason))
    };
    vec![error]
}

fn invalid(problems: Vec<Problem>, format: Format) -> Vec<UserError> {
    let each = problems.into_iter().map(|problem| {
        let place = problem.place();
        let path = format.place(problem.path);
        // What stands elsewhere in a Questionnaire is named as it stands in the form.
        let message = match path.len() {
            1 => format!("{place}: {}", problem.message),
            _ => problem.message,
        };
        UserError {
            path,
            ..UserError::new(problem.code, "", message)
        }
    });
    each.collect()
}

fn below(field: &str, path: Vec<String>) -> Vec<String> {
    std::iter::once(field.to_owned()).chain(path).collect()
}

/// Words as a sentence.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    let end = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), letters.as_str())
}
