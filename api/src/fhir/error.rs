//! Why a Questionnaire cannot be imported.

use rules::validate::Problem;

use super::note::Note;

/// What is wrong with the files, in words for the person who chose them.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The bytes are no JSON.
    #[error("the questionnaire is not JSON ({0}); a FHIR Questionnaire in XML has to be converted to JSON first")]
    NotJson(String),
    /// The JSON is another kind of resource.
    #[error("the file holds {0}, not a FHIR Questionnaire; give the file of one Questionnaire")]
    NotAQuestionnaire(String),
    /// The resource does not follow FHIR R4.
    #[error("the questionnaire does not follow FHIR R4 at {path}: {message}")]
    Malformed {
        /// Where, as a path into the JSON.
        path: String,
        /// What is wrong there.
        message: String,
    },
    /// Nothing that a person could answer is left.
    #[error("the questionnaire has no item that a person could answer{}", reasons(.0))]
    NothingToAsk(Vec<Note>),
    /// The scale file cannot be read.
    #[error("the scale file cannot be read: {0}")]
    ScaleFile(String),
    /// The scale file names what the form does not have.
    #[error("the scale file does not fit the questionnaire: {}", .0.join("; "))]
    Unknown(Vec<String>),
    /// It has more items than anybody reads at once.
    #[error("the questionnaire has {items} items, at most {most}: split it into several")]
    TooMany {
        /// How many it has.
        items: usize,
        /// How many it may have.
        most: usize,
    },
    /// The form that came out breaks rules that every form keeps.
    #[error("the form that came out is not valid: {}", named(.0))]
    Invalid(Vec<Problem>),
}

fn reasons(notes: &[Note]) -> String {
    notes.iter().map(|note| format!("; {note}")).collect()
}

fn named(problems: &[Problem]) -> String {
    let each = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.place(), problem.message));
    each.collect::<Vec<_>>().join("; ")
}
