//! Words in several languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The same text in several languages, by BCP 47 language tag (`sv`, `en`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(pub BTreeMap<String, String>);

impl Text {
    /// A text in one language.
    pub fn new(locale: &str, text: impl Into<String>) -> Self {
        Self(BTreeMap::from([(locale.to_owned(), text.into())]))
    }

    /// The text in `locale`, else in its primary language (`sv` for `sv-FI`), else in Swedish, English or whatever there is.
    pub fn get(&self, locale: &str) -> &str {
        let primary = locale.split(['-', '_']).next().unwrap_or(locale);
        [locale, primary, "sv", "en"]
            .iter()
            .find_map(|wanted| self.0.get(*wanted))
            .or_else(|| self.0.values().next())
            .map_or("", String::as_str)
    }

    /// True where no language has any text.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(String::is_empty)
    }
}
