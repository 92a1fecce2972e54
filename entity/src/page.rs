//! Pages of long lists. A page goes on after a cursor, which is the sort key of the row that it stands for.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::error::UserError;

/// Some rows of a list, and whether there are more.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows, in order.
    pub rows: Vec<T>,
    /// Whether others come after them.
    pub has_next: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            has_next: false,
        }
    }
}

impl<T> Page<T> {
    /// Makes a page of `first` rows of what was read, which is one row more where there are others.
    pub fn cut(mut rows: Vec<T>, first: u64) -> Self {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let has_next = rows.len() > first;
        rows.truncate(first);
        Self { rows, has_next }
    }
}

/// How many rows a page holds: what was asked for, but at least 1 and at most 100.
pub fn clamp(first: u64) -> u64 {
    first.clamp(1, 100)
}

/// A cursor of the parts of a sort key.
pub fn cursor(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(parts.join("\n"))
}

/// The refusal of a text that is no cursor of the list.
pub fn bad_cursor() -> UserError {
    UserError::new(
        "BAD_CURSOR",
        "after",
        "This is not a cursor of this list: take one that a page gave.",
    )
}

/// The `N` parts of a cursor's sort key.
///
/// # Errors
/// When the text is not a cursor of such a list.
pub fn read_cursor<const N: usize>(cursor: &str) -> Result<[String; N], UserError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad_cursor())?;
    let text = String::from_utf8(bytes).map_err(|_| bad_cursor())?;
    let parts: Vec<String> = text.split('\n').map(str::to_owned).collect();
    parts.try_into().map_err(|_| bad_cursor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_gives_back_its_parts() {
        let cursor = cursor(&["0 2026-11-23", "id"]);
        assert_eq!(read_cursor::<2>(&cursor).unwrap(), ["0 2026-11-23", "id"]);
        assert!(read_cursor::<3>(&cursor).is_err());
        assert!(read_cursor::<2>("no cursor!").is_err());
    }

    #[test]
    fn a_page_says_whether_there_is_more() {
        assert_eq!(
            Page::cut(vec![1, 2, 3], 2),
            Page {
                rows: vec![1, 2],
                has_next: true
            }
        );
        assert!(!Page::cut(vec![1, 2], 2).has_next);
        assert_eq!((clamp(0), clamp(1000)), (1, 100));
    }
}
