//! Results as a picture: an SVG that says in words what it shows.

use chrono_tz::Tz;
use entity::{
    error::{Error, Result},
    result_series::ResultSeries,
};
use quick_xml::escape::escape;

use super::{
    description::{description, title},
    drawing::{self, Panel},
    words::Words,
};

/// A picture of some scales, one below the other over the same dates, which are those of `zone`: the scores with the cut-off
/// intervals behind them and a line at the first score. It has a title and, in words, everything that it shows.
///
/// # Errors
/// None that can happen with series that were read.
pub fn chart(series: &[ResultSeries], zone: Tz, locale: &str) -> Result<String> {
    let panels: Result<Vec<Panel>> = series.iter().map(|one| Panel::of(one, zone, locale)).collect();
    let undrawn = |error: String| Error::Corrupt(format!("a picture cannot be drawn: {error}"));
    let drawn = drawing::draw(&panels?, Words::of(locale)).map_err(undrawn)?;
    let title = drawing::printable(&title(series, locale)?);
    let description = drawing::printable(&description(series, zone, locale)?);
    // What is drawn begins with the root element, which knows its size alone.
    let (root, content) = drawn.split_once('>').ok_or_else(|| undrawn("it is empty".to_owned()))?;
    Ok(format!(
        "{root} role=\"img\" lang=\"{}\" aria-labelledby=\"title description\">\n<title id=\"title\">{}</title>\n\
         <desc id=\"description\">{}</desc>{content}",
        Words::of(locale).locale,
        escape(title.as_str()),
        escape(description.as_str()),
    ))
}
