//! The scale file: what a Questionnaire does not say about its scores.

use std::collections::BTreeMap;

use rules::{
    form::{Form, Scale},
    text::Text,
};
use serde::Deserialize;

use super::{
    error::ImportError,
    item::{Source, Sources},
    option,
};

/// A scale file, in YAML or JSON. Items are named by their `linkId` or by their key in the form, options by their code.
///
/// ```yaml
/// key: sleep                  # of the form; where absent, made of the Questionnaire's name
/// title: { sv: Sömn }         # further languages for what the form is called
/// instructions: { sv: "Tänk på den senaste veckan." }
/// values:                     # what options count for, where the Questionnaire has no ordinal values
///   /rested: { never: 0, sometimes: 1, often: 2 }
/// scales:
///   - key: total
///     label: { sv: Sömnpoäng, en: Sleep score }
///     method: SUM             # or MEAN, COUNT
///     items: [/fall-asleep, /wake-up, /rested]
///     reversed: [/rested]     # those that count backwards
///     missing: PRORATE        # or REFUSE (the default), IGNORE
///     minimumAnswered: 2
///     decimals: 0
///     standardDeviation: 1.4  # of the norm group, and how reliable the scores are: for the reliable change
///     reliability: 0.84
///     direction: HIGHER_IS_WORSE  # or HIGHER_IS_BETTER: whether a reliable change is for the better
///     bands:                  # both ends belong to the interval
///       - { key: good, label: { sv: God, en: Good }, from: 0, to: 2 }
///       - { key: poor, label: { sv: Dålig, en: Poor }, from: 3, to: 6 }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaleFile {
    /// The key of the form, instead of the one made of the Questionnaire's name.
    #[serde(default)]
    pub key: Option<String>,
    /// The form's title in these languages.
    #[serde(default)]
    pub title: Text,
    /// What the citizen reads before the first item.
    #[serde(default)]
    pub instructions: Text,
    /// The scores.
    #[serde(default)]
    pub scales: Vec<Scale>,
    /// What options count for, by item and code.
    #[serde(default)]
    pub values: BTreeMap<String, BTreeMap<String, f64>>,
}

impl ScaleFile {
    /// Reads a scale file of YAML or JSON.
    ///
    /// # Errors
    /// When it is neither, or says something that a scale file does not have.
    pub fn read(bytes: &[u8]) -> Result<Self, ImportError> {
        let error = |message: String| ImportError::ScaleFile(message);
        if bytes.trim_ascii_start().starts_with(b"{") {
            let json = &mut serde_json::Deserializer::from_slice(bytes);
            return serde_path_to_error::deserialize(json).map_err(|reason| error(reason.to_string()));
        }
        serde_saphyr::from_slice(bytes).map_err(|reason| error(reason.to_string()))
    }

    /// Gives the form its scales and the rest of what the file says.
    pub(super) fn apply(self, form: &mut Form, sources: &Sources) -> Result<(), ImportError> {
        let mut unknown = Vec::new();
        if let Some(key) = self.key {
            form.key = key;
        }
        form.title.0.extend(self.title.0);
        form.instructions.0.extend(self.instructions.0);
        for (name, values) in &self.values {
            let options = match sources.get(name) {
                Some(Source::Kept { options, .. }) => Some(options),
                _ => None,
            };
            let key = key(name, form, sources).unwrap_or_else(|reason| {
                unknown.push(reason);
                String::new()
            });
            if let Some(item) = form.items.iter_mut().find(|item| item.key == key) {
                let missing = option::set_values(item, values, options);
                unknown.extend(
                    missing
                        .iter()
                        .map(|code| format!("the item {name} has no option “{code}”")),
                );
            }
        }
        for mut scale in self.scales {
            for name in scale.items.iter_mut().chain(&mut scale.reversed) {
                match key(name, form, sources) {
                    Ok(key) => *name = key,
                    Err(reason) => unknown.push(format!("scale {}: {reason}", scale.key)),
                }
            }
            form.scales.push(scale);
        }
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(ImportError::Unknown(unknown))
        }
    }
}

/// The key of the item that is named by its `linkId` or key.
fn key(name: &str, form: &Form, sources: &Sources) -> Result<String, String> {
    match sources.get(name) {
        Some(Source::Kept { key, .. }) => Ok(key.clone()),
        Some(Source::LeftOut(_)) => Err(format!("the item {name} is not part of the form")),
        None if form.item(name).is_some() => Ok(name.to_owned()),
        None => Err(format!("there is no item {name}")),
    }
}
