//! Statistics as a table.

use entity::{
    error::Result,
    statistics::{
        Judged, Statistics, Waiting,
        suppression::{Cell, Share},
    },
    stored,
};
use rules::facts::Status;

use crate::spreadsheet::{Spreadsheet, defused};

/// What a cell holds whose number tells about too few people.
const SUPPRESSED: &str = "SUPPRESSED";

/// Statistics as a table of `measure`, `of` (a state, `PROGRAM/MODULE` or `FORM/SCALE`), `figure` and `value`: one row for each
/// number. Shares are from 0 to 1, times in seconds; what is hidden says [`SUPPRESSED`], and what cannot be said, as there is
/// nothing to divide by, is empty. Of modules and scales there are those of which the number is told.
///
/// # Errors
/// None that can happen.
pub fn table(statistics: &Statistics) -> Result<String> {
    let mut rows = Rows(Spreadsheet::new());
    rows.add("measure", "of", "figure", "value".to_owned())?;
    rows.add("enrollments", "", "count", count(&statistics.enrollments.total))?;
    for status in Status::ALL {
        let cell = statistics.enrollments.cell(&status);
        rows.add("enrollments", &stored::word(&status), "count", count(cell))?;
    }
    rows.share("completion", "", "", statistics.completion())?;
    rows.add("dropOut", "", "count", count(&statistics.stops.total))?;
    for (stop, cell) in statistics.stops.told() {
        let program = statistics.programs.get(&stop.program_id).map_or("", String::as_str);
        let place = format!("{program}/{}", stop.module.as_deref().unwrap_or_default());
        rows.add("dropOut", &place, "count", count(cell))?;
    }
    rows.share("adherence", "", "", statistics.adherence())?;
    for (key, outcome) in &statistics.outcomes {
        let of = format!("{}/{}", key.form, key.scale);
        rows.add("outcome", &of, "count", count(&outcome.changes.total))?;
        let (first, last) = outcome.means().unzip();
        let told = |mean: Option<f64>| mean.map_or_else(|| SUPPRESSED.to_owned(), |mean| mean.to_string());
        rows.add("outcome", &of, "meanFirst", told(first))?;
        rows.add("outcome", &of, "meanLast", told(last))?;
        rows.add("outcome", &of, "meanChange", told(outcome.mean_change()))?;
        if outcome.is_judged() {
            for (figure, judged) in [
                ("reliablyImproved", Judged::Improved),
                ("notReliablyChanged", Judged::Unchanged),
                ("reliablyDeteriorated", Judged::Deteriorated),
            ] {
                rows.share("outcome", &of, figure, outcome.share(judged))?;
            }
        }
    }
    rows.waiting("flagAcknowledgement", &statistics.acknowledged)?;
    rows.waiting("messageAnswer", &statistics.answered)?;
    rows.0.finish()
}

struct Rows(Spreadsheet);

impl Rows {
    fn add(&mut self, measure: &str, of: &str, figure: &str, value: String) -> Result<()> {
        self.0
            .write([measure.to_owned(), defused(of), figure.to_owned(), value])
    }

    /// A share with what it is of; `figure` stands before their names.
    fn share(&mut self, measure: &str, of: &str, figure: &str, share: Option<Share>) -> Result<()> {
        let name = |part: &str| match figure {
            "" => part.to_lowercase(),
            figure => format!("{figure}{part}"),
        };
        let told = |value: fn(&Share) -> String| share.as_ref().map_or_else(|| SUPPRESSED.to_owned(), value);
        self.add(measure, of, &name("Count"), told(|share| share.count.to_string()))?;
        self.add(measure, of, &name("Of"), told(|share| share.of.to_string()))?;
        let part = told(|share| share.share().map(|share| share.to_string()).unwrap_or_default());
        self.add(measure, of, &name("Share"), part)
    }

    fn waiting(&mut self, measure: &str, waiting: &Waiting) -> Result<()> {
        self.add(measure, "", "count", count(&waiting.cell))?;
        for (figure, part) in [("medianSeconds", 0.5), ("ninetiethPercentileSeconds", 0.9)] {
            let seconds = waiting.percentile(part).map(|length| length.num_seconds().to_string());
            let value = match waiting.cell.is_hidden() {
                true => SUPPRESSED.to_owned(),
                false => seconds.unwrap_or_default(),
            };
            self.add(measure, "", figure, value)?;
        }
        Ok(())
    }
}

fn count(cell: &Cell) -> String {
    cell.count()
        .map_or_else(|| SUPPRESSED.to_owned(), |count| count.to_string())
}
