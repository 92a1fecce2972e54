//! Results as a table: CSV after RFC 4180.

use std::sync::Arc;

use chrono_tz::Tz;
use entity::{content::FormContent, error::Result, response, response::Recorded, viewer::Actor};
use rules::{
    answer::{Answer, Answers},
    form::ItemKind,
};

use crate::spreadsheet::{Spreadsheet, defused};

/// A result that goes into a table, with the form that it answers and what was answered.
#[derive(Debug)]
pub struct Row {
    /// The response.
    pub recorded: Recorded,
    /// The form in the version that was answered.
    pub content: Arc<FormContent>,
    /// The answers.
    pub answers: Answers,
}

/// What one column holds, of the results of one form.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    form: String,
    part: Part,
    key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Score,
    Band,
    Item,
}

/// A table of results, one row for each: when it was answered (local time with its offset), form, version, by whom; then the
/// value and band of each scale and the answer to each item of its form, in columns that are named
/// `FORM/scale/KEY`, `FORM/band/KEY` and `FORM/item/KEY`. Choices are written as the keys of their options. Free texts are left
/// out unless `with_texts`.
///
/// What a spreadsheet would take for a formula has an apostrophe before it, also within a cell where a spreadsheet that parts
/// cells at semicolons or tabs would let one begin (OWASP, “CSV injection”); numbers stay numbers. The table begins with a
/// byte order mark, without which some spreadsheets do not read UTF-8.
///
/// # Errors
/// When stored scores cannot be read.
pub fn table(rows: &[Row], zone: Tz, with_texts: bool) -> Result<String> {
    let columns = columns(rows, with_texts);
    let mut sheet = Spreadsheet::new();
    let names = columns.iter().map(|column| defused(&column.name()));
    let head = ["date", "form", "version", "answered_by"].map(str::to_owned);
    sheet.write(head.into_iter().chain(names))?;
    for row in rows {
        let response = &row.recorded.row;
        let scores = response::scores(response)?;
        let mut cells = vec![
            response.answered_at().with_timezone(&zone).to_rfc3339(),
            defused(&response.form_key),
            row.content.number.to_string(),
            answered_by(response.answered_by()).to_owned(),
        ];
        cells.extend(columns.iter().map(|column| {
            if column.form != response.form_key {
                return String::new();
            }
            let score = scores.iter().find(|score| score.scale == column.key);
            match column.part {
                Part::Score => score.and_then(|score| score.value).map(|value| value.to_string()),
                Part::Band => score.and_then(|score| score.band.as_deref()).map(defused),
                Part::Item => row.answers.get(&column.key).map(cell),
            }
            .unwrap_or_default()
        }));
        sheet.write(cells)?;
    }
    sheet.finish()
}

/// The columns of all forms and versions, each form's together, in the order of their latest version.
fn columns(rows: &[Row], with_texts: bool) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    let mut forms: Vec<&str> = Vec::new();
    for row in rows {
        let form = row.recorded.row.form_key.as_str();
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    for form in forms {
        let mut versions: Vec<&FormContent> = rows
            .iter()
            .filter(|row| row.recorded.row.form_key == form)
            .map(|row| row.content.as_ref())
            .collect();
        versions.sort_by_key(|content| std::cmp::Reverse(content.number));
        versions.dedup_by_key(|content| content.id);
        for content in &versions {
            for scale in &content.form.scales {
                add(&mut columns, form, Part::Score, &scale.key);
                add(&mut columns, form, Part::Band, &scale.key);
            }
        }
        for content in &versions {
            for item in &content.form.items {
                let takes_answer = !matches!(item.kind, ItemKind::Group | ItemKind::Display);
                if takes_answer && (with_texts || item.kind != ItemKind::Text) {
                    add(&mut columns, form, Part::Item, &item.key);
                }
            }
        }
    }
    columns
}

fn add(columns: &mut Vec<Column>, form: &str, part: Part, key: &str) {
    let column = Column {
        form: form.to_owned(),
        part,
        key: key.to_owned(),
    };
    if !columns.contains(&column) {
        columns.push(column);
    }
}

impl Column {
    fn name(&self) -> String {
        let part = match self.part {
            Part::Score => "scale",
            Part::Band => "band",
            Part::Item => "item",
        };
        format!("{}/{part}/{}", self.form, self.key)
    }
}

fn answered_by(actor: Actor) -> &'static str {
    match actor {
        Actor::Citizen(_) => "CITIZEN",
        Actor::Guardian(_) => "GUARDIAN",
        Actor::Staff(_) => "STAFF",
        Actor::Rule(_) | Actor::System => "SYSTEM",
    }
}

fn cell(answer: &Answer) -> String {
    match answer {
        Answer::Boolean(yes) => yes.to_string(),
        Answer::Number(number) => number.to_string(),
        Answer::Text(text) => defused(text),
        Answer::Options(keys) => defused(&keys.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_formula_is_a_text() {
        for text in ["=1+1", "+46", "-1", "@SUM(A1)", "\tx", "\rx"] {
            assert_eq!(cell(&Answer::Text(text.to_owned())), format!("'{text}"));
        }
        assert_eq!(cell(&Answer::Number(-1.5)), "-1.5");
        assert_eq!(cell(&Answer::Options(vec!["=a".to_owned(), "b".to_owned()])), "'=a; b");
        for (text, safe) in [
            ("a;=1+1", "a;'=1+1"),
            ("a; =1+1", "a; '=1+1"),
            ("a;\"=1+1\"", "a;\"'=1+1\""),
            ("a\r\n@SUM(A1)", "a\r\n'@SUM(A1)"),
            ("a\n-1", "a\n'-1"),
            ("a\t+1", "a\t'+1"),
            ("\t=1", "'\t'=1"),
            ("", ""),
        ] {
            assert_eq!(cell(&Answer::Text(text.to_owned())), safe);
        }
        assert_eq!(cell(&Answer::Text("a=b".to_owned())), "a=b");
    }
}
