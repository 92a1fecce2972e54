//! Pages of long lists. A page goes on after a cursor, which is the sort key of the row that it stands for.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{
    ColumnTrait, Condition,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

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

/// A page of a list that is in memory, by the names and ids of its rows, after the row with the cursor `after`.
///
/// # Errors
/// When the cursor is none of this list.
pub fn by_name<T>(
    rows: impl Iterator<Item = (String, Uuid, T)>,
    first: u64,
    after: Option<&str>,
) -> Result<Page<(String, T)>, UserError> {
    let after = match after {
        Some(after) => {
            let [name, id] = read_cursor(after)?;
            Some((name, Uuid::parse_str(&id).map_err(|_| bad_cursor())?))
        }
        None => None,
    };
    let mut rows: Vec<((String, Uuid), T)> = rows
        .map(|(name, id, row)| ((name.to_lowercase(), id), row))
        .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
        .collect();
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let with_cursor = |((name, id), row): ((String, Uuid), T)| (cursor(&[&name, &id.to_string()]), row);
    Ok(Page::cut(rows.into_iter().map(with_cursor).collect(), clamp(first)))
}

/// How many rows a page holds: what was asked for, but at least 1 and at most 100.
pub fn clamp(first: u64) -> u64 {
    first.clamp(1, 100)
}

/// A cursor of the parts of a sort key.
pub fn cursor(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(parts.join("\n"))
}

/// The cursor of a row in a list that has the latest first, and the greatest id first of those at the same instant.
pub(crate) fn cursor_at(at: DateTime<Utc>, id: Uuid) -> String {
    cursor(&[&at.to_rfc3339_opts(SecondsFormat::Micros, true), &id.to_string()])
}

/// What comes after a cursor of such a list.
///
/// # Errors
/// When the text is not a cursor of such a list.
pub(crate) fn after(text: &str, at: Expr, id: impl ColumnTrait) -> Result<Condition, UserError> {
    let [instant, row] = read_cursor(text)?;
    let instant: DateTime<Utc> = instant.parse().map_err(|_| bad_cursor())?;
    let row = Uuid::parse_str(&row).map_err(|_| bad_cursor())?;
    let at_once = Condition::all().add(at.clone().eq(instant)).add(id.lt(row));
    Ok(Condition::any().add(at.lt(instant)).add(at_once))
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
    fn a_list_in_memory_goes_on_by_name_after_its_cursor() {
        let rows = || {
            let names = ["beta", "Alfa", "alfa", "Gamma"];
            names
                .into_iter()
                .zip(1..)
                .map(|(name, id)| (name.to_owned(), Uuid::from_u128(id), id))
        };
        let mut seen = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = by_name(rows(), 1, after.as_deref()).unwrap();
            seen.extend(page.rows.iter().map(|(_, id)| *id));
            after = page.rows.last().map(|(cursor, _)| cursor.clone());
            if !page.has_next {
                break;
            }
        }
        assert_eq!(seen, [2, 3, 1, 4]);
        assert!(by_name(rows(), 1, Some("nonsense")).is_err());
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
