//! Import of forms that other systems hold as FHIR R4 Questionnaires (<https://hl7.org/fhir/R4/questionnaire.html>).
//!
//! [`import`] is pure: bytes in, a form and notes out. Whatever a form cannot say (a condition or a total that only an
//! expression language could compute, a code that is not among the options, …) is left out and named in a [`Note`],
//! item by item, and the import goes on. Scores are not part of a Questionnaire; a [`ScaleFile`] beside it gives them.
//!
//! And the way back: results as QuestionnaireResponses and Observations, see [`Export`].

mod circle;
mod condition;
mod error;
mod export;
mod extension;
mod item;
mod key;
mod kind;
mod losses;
mod note;
mod option;
mod questionnaire;
mod scale_file;
mod wording;

#[cfg(test)]
mod tests;

pub use error::ImportError;
pub use export::Export;
pub use note::{Note, NoteCode};
pub use scale_file::ScaleFile;

use rules::form::{Form, ItemKind};

/// How many items a Questionnaire may have, those that a form leaves out among them.
const MOST_ITEMS: usize = 2_000;

/// A form made of a Questionnaire.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The form, valid by `rules::validate::form`.
    pub form: Form,
    /// What could not be carried over, in the order of the Questionnaire's items.
    pub notes: Vec<Note>,
}

/// Makes a form of a FHIR R4 Questionnaire (JSON) and, optionally, of a scale file (YAML or JSON).
///
/// The texts are in `Questionnaire.language`, or in `locale` where the file does not say; `translation` extensions add
/// further languages.
///
/// # Errors
/// When one of the files cannot be read, when nothing of the Questionnaire can be asked, or when the scale file names
/// something that the form does not have.
pub fn import(questionnaire: &[u8], scale: Option<&[u8]>, locale: &str) -> Result<Imported, ImportError> {
    let source = questionnaire::Questionnaire::read(questionnaire)?;
    let items = questionnaire::count(&source.item);
    if items > MOST_ITEMS {
        return Err(ImportError::TooMany {
            items,
            most: MOST_ITEMS,
        });
    }
    let scale = scale.map(ScaleFile::read).transpose()?;
    let locale = source.language.clone().unwrap_or_else(|| locale.to_owned());

    let mut importer = item::Importer::new(&locale, &source.contained);
    importer.questionnaire(&source);
    let (items, sources, notes) = importer.finish();
    if items
        .iter()
        .all(|item| matches!(item.kind, ItemKind::Group | ItemKind::Display))
    {
        return Err(ImportError::NothingToAsk(notes));
    }

    let named = |names: [&Option<String>; 3]| {
        let name = names.into_iter().flatten().find(|name| !name.trim().is_empty());
        name.cloned().unwrap_or_else(|| "Form".to_owned())
    };
    let title = named([&source.title, &source.name, &source.id]);
    let mut form = Form {
        key: key::slug(&named([&source.name, &source.id, &source.title])),
        title: wording::text(&locale, &title, source.title_element.as_ref()),
        instructions: rules::text::Text::default(),
        items,
        scales: Vec::new(),
    };
    if let Some(scale) = scale {
        scale.apply(&mut form, &sources)?;
    }
    rules::validate::form(&form).map_err(ImportError::Invalid)?;
    Ok(Imported { form, notes })
}
