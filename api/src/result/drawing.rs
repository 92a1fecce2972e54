//! Drawing scores over time.

use std::ops::Range;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;
use entity::{error::Result, result_series::ResultSeries};
use plotters::{
    coord::{Shift, combinators::BindKeyPoints},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use rules::{score, zone::utc_to_local};

use super::{description::name, words::Words};

/// The width of a picture, and the height of one scale in it.
const WIDTH: u32 = 900;
const HEIGHT: u32 = 320;
/// How much room the names of bands have at the right.
const MARGIN: u32 = 190;
/// How many dates stand at the axis at most.
const DATES: i64 = 9;
/// Up to how many scores are written beside their points.
const WRITTEN: usize = 20;
/// How many characters of a name are written.
const NAME: usize = 70;
const BAND: usize = 22;

/// How far a number stands from the middle of its point, and how much room it takes, in pixels.
const BESIDE: i32 = 9;
const NUMBER: i32 = 26;

/// Texts are about four fifths as high as the sizes say.
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(38, 38, 38);
const SOFT: RGBColor = RGBColor(90, 90, 90);
/// Blue and orange of Okabe and Ito, which colour-blind people tell apart.
const LINE: RGBColor = RGBColor(0, 90, 160);
const BASELINE: RGBColor = RGBColor(180, 80, 0);
/// Behind the bands, in turn: both light enough for every text on them.
const SHADES: [RGBColor; 2] = [RGBColor(247, 249, 252), RGBColor(228, 234, 242)];

/// One scale of a picture.
#[derive(Debug)]
pub struct Panel {
    name: String,
    decimals: u32,
    /// What the axis spans.
    values: Range<f64>,
    /// From where to where, and what it means; without gaps.
    bands: Vec<(Range<f64>, String)>,
    points: Vec<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Minutes of local time.
    at: i64,
    value: f64,
    complete: bool,
}

impl Panel {
    /// A scale with its scores.
    pub fn of(series: &ResultSeries, zone: Tz, locale: &str) -> Result<Self> {
        let scale = series.scale()?;
        let points: Vec<Mark> = series
            .points
            .iter()
            .map(|point| Mark {
                at: minutes(zone, point.at),
                value: point.value,
                complete: point.complete,
            })
            .collect();
        // The scores that there can be, else what the cut-offs span, which may be open at the ends.
        let ends = || scale.bands.iter().flat_map(|band| [band.from, band.to]).collect();
        let reach = score::reach(&series.content.form, scale);
        let spanned: Vec<f64> = reach.map_or_else(ends, |(low, high)| vec![low, high]);
        let all = points.iter().map(|point| point.value).chain(spanned);
        let (low, high) = all
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let values = match low < high {
            true => low..high,
            false if low.is_finite() => low - 1.0..low + 1.0,
            false => 0.0..1.0,
        };
        // Between two cut-offs of whole numbers lies a gap that no score falls into: the border is in its middle.
        let from = scale.bands.iter().map(|band| band.from).skip(1);
        let borders: Vec<f64> = scale
            .bands
            .iter()
            .zip(from)
            .map(|(band, next)| (band.to + next) / 2.0)
            .collect();
        let low = std::iter::once(scale.bands.first().map_or(values.start, |band| band.from));
        let high = std::iter::once(scale.bands.last().map_or(values.end, |band| band.to));
        let from = low.chain(borders.iter().copied());
        let to = borders.iter().copied().chain(high);
        let bands = scale.bands.iter().zip(from.zip(to)).map(|(band, (from, to))| {
            let shown = from.max(values.start)..to.min(values.end);
            (shown, shortened(band.label.get(locale), BAND))
        });
        Ok(Self {
            name: shortened(&name(series, locale)?, NAME),
            decimals: scale.decimals,
            bands: bands.filter(|(shown, _)| shown.start < shown.end).collect(),
            values,
            points,
        })
    }
}

const DAY: i64 = 24 * 60;

/// An instant as minutes of local time.
fn minutes(zone: Tz, at: DateTime<Utc>) -> i64 {
    let local = utc_to_local(zone, at);
    i64::from(local.date().to_epoch_days()) * DAY + i64::from(local.num_seconds_from_midnight() / 60)
}

fn day(minutes: i64) -> NaiveDate {
    let days = i32::try_from(minutes.div_euclid(DAY)).unwrap_or_default();
    NaiveDate::from_epoch_days(days).unwrap_or_default()
}

/// The time that all scales of a picture share, and the days that stand at its axis.
fn dates(panels: &[Panel]) -> (Range<i64>, Vec<i64>) {
    let all = || {
        panels
            .iter()
            .flat_map(|panel| panel.points.iter().map(|point| point.at))
    };
    let (Some(first), Some(last)) = (all().min(), all().max()) else {
        return (0..DAY, Vec::new());
    };
    let (from, to) = (first.div_euclid(DAY), last.div_euclid(DAY) + 1);
    let span = to - from;
    // Whole weeks from the first score on, where there is more than a week: most forms come again on the same weekday.
    let steps = [1, 2, 7, 14, 28, 56, 91, 182, 364, 1_820, 18_200];
    let step = steps.into_iter().find(|step| span / step < DATES).unwrap_or(span);
    let marks = (0..DATES).map(|mark| from + mark * step).filter(|mark| *mark < to);
    let room = (span * DAY) * 3 / 100;
    (
        from * DAY - room..to * DAY + room,
        marks.map(|mark| mark * DAY).collect(),
    )
}

/// Draws scales one below the other.
///
/// # Errors
/// What the drawing library says.
pub fn draw(panels: &[Panel], words: &Words) -> std::result::Result<String, String> {
    let mut svg = String::new();
    let rows = u32::try_from(panels.len()).unwrap_or(1).max(1);
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT * rows)).into_drawing_area();
        let said = |error: DrawingAreaErrorKind<std::io::Error>| error.to_string();
        root.fill(&WHITE).map_err(said)?;
        let (span, marks) = dates(panels);
        let areas = root.split_evenly((panels.len().max(1), 1));
        for (panel, area) in panels.iter().zip(&areas) {
            panel.draw(area, &span, &marks, words).map_err(said)?;
        }
        root.present().map_err(said)?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

impl Panel {
    fn draw(&self, area: &Area<'_>, span: &Range<i64>, marks: &[i64], words: &Words) -> Drawn {
        let room = (self.values.end - self.values.start) * 0.06;
        let values = self.values.start - room..self.values.end + room;
        let text = |size: u32| (FONT, size).into_font().color(&INK);
        let mut chart = ChartBuilder::on(area)
            .caption(&self.name, text(22))
            .margin(10)
            .margin_right(MARGIN)
            .x_label_area_size(32)
            .y_label_area_size(48)
            .build_cartesian_2d(span.clone().with_key_points(marks.to_vec()), values.clone())?;

        for (place, (band, _)) in self.bands.iter().enumerate() {
            let shade = if place % 2 == 0 { SHADES[0] } else { SHADES[1] };
            let corners = [(span.start, band.start), (span.end, band.end)];
            chart.draw_series([Rectangle::new(corners, shade.filled())])?;
            if place > 0 {
                let border = vec![(span.start, band.start), (span.end, band.start)];
                chart.draw_series([PathElement::new(border, INK.mix(0.45))])?;
            }
        }
        let with_year = |mark: i64| {
            let earlier = marks.iter().rev().find(|earlier| **earlier < mark);
            earlier.is_none_or(|earlier| day(*earlier).year() != day(mark).year())
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .bold_line_style(INK.mix(0.12))
            .light_line_style(TRANSPARENT)
            .axis_style(SOFT)
            .label_style(text(16))
            .y_labels(7)
            .x_label_formatter(&|mark| words.short_date(day(*mark), with_year(*mark)))
            .y_label_formatter(&|value| words.number(*value, self.decimals))
            .draw()?;

        let labels = (FONT, 16).into_font().color(&INK);
        let right = labels.pos(Pos::new(HPos::Left, VPos::Center));
        for (band, label) in &self.bands {
            let middle = (band.start + band.end) / 2.0;
            let (x, y) = chart.backend_coord(&(span.end, middle));
            let (left, top) = area.get_pixel_range();
            area.draw(&Text::new(
                label.as_str(),
                (x - left.start + 8, y - top.start),
                right.clone(),
            ))?;
        }

        let Some(first) = self.points.first() else {
            let middle = ((span.start + span.end) / 2, (values.start + values.end) / 2.0);
            let centred = text(18).pos(Pos::new(HPos::Center, VPos::Center));
            chart.draw_series([Text::new(words.no_results, middle, centred)])?;
            return Ok(());
        };
        let across = [(span.start, first.value), (span.end, first.value)];
        chart.draw_series(DashedLineSeries::new(across, 6, 5, BASELINE.stroke_width(2)))?;
        let line = self.points.iter().map(|point| (point.at, point.value));
        chart.draw_series(LineSeries::new(line, LINE.stroke_width(2)))?;
        for point in &self.points {
            let at = (point.at, point.value);
            chart.draw_series([Circle::new(at, 5, if point.complete { LINE } else { WHITE }.filled())])?;
            chart.draw_series([Circle::new(at, 5, LINE.stroke_width(2))])?;
        }
        if self.points.len() <= WRITTEN {
            let baseline = chart.backend_coord(&(span.start, first.value)).1;
            for point in &self.points {
                let at = (point.at, point.value);
                // Below, where the line of the first score would run through it.
                let below_line = chart.backend_coord(&at).1 - baseline;
                let (down, side) = match below_line > 0 && below_line < NUMBER {
                    true => (BESIDE, VPos::Top),
                    false => (-BESIDE, VPos::Bottom),
                };
                let style = text(17).pos(Pos::new(HPos::Center, side));
                let number = words.number(point.value, self.decimals);
                chart.draw_series([EmptyElement::at(at) + Text::new(number, (0, down), style)])?;
            }
        }
        let orange = (FONT, 16)
            .into_font()
            .color(&BASELINE)
            .pos(Pos::new(HPos::Right, VPos::Bottom));
        let baseline = format!("{} {}", words.baseline, words.number(first.value, self.decimals));
        let at_end = EmptyElement::at((span.end, first.value)) + Text::new(baseline, (-4, -4), orange);
        chart.draw_series([at_end])?;
        Ok(())
    }
}

/// At most so many characters, in one line.
fn shortened(text: &str, most: usize) -> String {
    let text = printable(text);
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text,
    }
}

/// Without the characters that XML cannot hold.
pub fn printable(text: &str) -> String {
    text.chars()
        .filter(|sign| !sign.is_control() || *sign == '\n')
        .collect()
}
