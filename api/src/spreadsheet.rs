//! Tables that spreadsheets read: CSV after RFC 4180.

use csv::{Terminator, Writer, WriterBuilder};
use entity::error::{Error, Result};

/// Says that what follows is UTF-8; without it some spreadsheets do not believe so.
const BYTE_ORDER_MARK: &str = "\u{FEFF}";

/// A table in the making.
pub struct Spreadsheet(Writer<Vec<u8>>);

impl Spreadsheet {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "nobody needs one by default")]
    pub fn new() -> Self {
        let begun = BYTE_ORDER_MARK.as_bytes().to_vec();
        Self(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(begun))
    }

    /// Adds a row. Texts that people wrote are to be [`defused`] before.
    ///
    /// # Errors
    /// When it has another number of cells than the first.
    pub fn write(&mut self, cells: impl IntoIterator<Item = String>) -> Result<()> {
        self.0.write_record(cells).map_err(|error| unwritable(&error))
    }

    /// The whole table.
    ///
    /// # Errors
    /// None that can happen with rows of texts.
    pub fn finish(self) -> Result<String> {
        let bytes = self.0.into_inner().map_err(|error| unwritable(error.error()))?;
        String::from_utf8(bytes).map_err(|error| unwritable(&error))
    }
}

fn unwritable(error: &dyn std::error::Error) -> Error {
    Error::Corrupt(format!("a table: {error}"))
}

/// A text of which no spreadsheet takes any part for a formula, whichever signs it parts cells at.
pub fn defused(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    let mut begins = true;
    for sign in text.chars() {
        if begins && matches!(sign, '=' | '+' | '-' | '@' | '\t' | '\r') {
            safe.push('\'');
        }
        safe.push(sign);
        // Spreadsheets overlook spaces, and quotation marks that they take for those around a cell.
        begins = matches!(sign, ';' | '\r' | '\n' | '\t') || (begins && matches!(sign, ' ' | '"'));
    }
    safe
}
