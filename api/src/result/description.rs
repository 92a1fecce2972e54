//! Results in words: what a picture of them shows, for those who do not see it.

use chrono_tz::Tz;
use entity::{
    error::Result,
    result_series::{Point, ResultSeries},
};
use rules::zone::local_day;

use super::words::Words;

/// How many scores are told one by one: the last.
const TOLD: usize = 100;

/// What a picture is of: the names of the forms and scales.
pub fn title(series: &[ResultSeries], locale: &str) -> Result<String> {
    let names: Result<Vec<String>> = series.iter().map(|one| name(one, locale)).collect();
    Ok(names?.join("; "))
}

/// The name of a form and of one of its scales.
pub fn name(series: &ResultSeries, locale: &str) -> Result<String> {
    let form = series.content.form.title.get(locale);
    Ok(format!("{form}: {}", series.scale()?.label.get(locale)))
}

/// What a picture of the series shows, in words: of each scale how many scores there are, how the latest differs from the first,
/// and the scores with their dates in `zone`; of very many, the last.
///
/// # Errors
/// None that can happen with series that were read.
pub fn description(series: &[ResultSeries], zone: Tz, locale: &str) -> Result<String> {
    let paragraphs: Result<Vec<String>> = series.iter().map(|one| paragraph(one, zone, locale)).collect();
    Ok(paragraphs?.join("\n"))
}

fn paragraph(series: &ResultSeries, zone: Tz, locale: &str) -> Result<String> {
    let words = Words::of(locale);
    let name = name(series, locale)?;
    let (Some(first), Some(latest)) = (series.points.first(), series.points.last()) else {
        return Ok(format!("{name}: {}.", words.no_results));
    };
    let scale = series.scale()?;
    let date = |point: &Point| words.date(local_day(zone, point.at));
    let score = |point: &Point| {
        let number = words.number(point.value, scale.decimals);
        let band = series.band(point).map(|band| band.label.get(locale));
        let incomplete = (!point.complete).then_some(words.incomplete);
        let notes: Vec<&str> = band.into_iter().chain(incomplete).collect();
        match notes.is_empty() {
            true => number,
            false => format!("{number} ({})", notes.join(", ")),
        }
    };
    let count = series.points.len();
    let mut text = match count {
        1 => format!("{name}: 1 {}, {}.", words.result, date(first)),
        _ => {
            let (from, to) = (date(first), date(latest));
            format!("{name}: {count} {}, {from} {} {to}.", words.results, words.until)
        }
    };
    let change = series.change()?;
    if let Some(difference) = change.from_first {
        let difference = words.difference(difference, scale.decimals);
        let percent = change
            .percent_from_first
            .map(|percent| format!(" ({} %)", words.difference(percent, 0)));
        let verdict = change.reliable.map(|reliable| words.verdict(reliable.verdict));
        text.push_str(&format!(
            " {} {}, {} {}, {} {difference}{}{}.",
            words.first,
            score(first),
            words.latest,
            score(latest),
            words.change,
            percent.unwrap_or_default(),
            verdict.map(|verdict| format!(", {verdict}")).unwrap_or_default(),
        ));
    }
    let told = series.points.get(count.saturating_sub(TOLD)..).unwrap_or_default();
    let list: Vec<String> = told
        .iter()
        .map(|point| format!("{}: {}", date(point), score(point)))
        .collect();
    match count > TOLD {
        true => text.push_str(&format!(" {} {TOLD}: {}.", words.the_last, list.join("; "))),
        false => text.push_str(&format!(" {}.", list.join("; "))),
    }
    Ok(text)
}
