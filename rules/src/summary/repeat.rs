//! Recurrence rules in words.

use crate::phrase::Language;

/// A recurrence rule in words, as far as there are plain ones.
pub(super) fn repeat(language: Language, rule: &str) -> String {
    let rule = rule.trim().to_ascii_uppercase();
    let parts = || {
        rule.trim_start_matches("RRULE:")
            .split(';')
            .filter_map(|part| part.split_once('='))
    };
    let part = |wanted: &str| parts().find(|(name, _)| *name == wanted).map(|(_, value)| value);
    let interval = part("INTERVAL").unwrap_or("1");
    let (one, one_sv, many, many_sv) = match part("FREQ") {
        Some("DAILY") => ("every day", "varje dag", "days", "dag"),
        Some("WEEKLY") => ("every week", "varje vecka", "weeks", "vecka"),
        Some("MONTHLY") => ("every month", "varje månad", "months", "månad"),
        Some("YEARLY") => ("every year", "varje år", "years", "år"),
        _ => return rule.clone(),
    };
    let mut told = match (language, interval) {
        (_, "1") => language.pick(one, one_sv).to_owned(),
        (Language::English, interval) => format!("every {interval} {many}"),
        (Language::Swedish, interval) => every_nth(interval, many_sv),
    };
    for (name, value) in parts() {
        match name {
            "FREQ" | "INTERVAL" | "WKST" => {}
            "BYDAY" => {
                let within = if part("FREQ") == Some("YEARLY") && part("BYMONTH").is_none() {
                    language.pick("of the year", "på året")
                } else {
                    language.pick("of the month", "i månaden")
                };
                told.push_str(&format!(
                    " {} {}",
                    language.pick("on", "på"),
                    weekdays(language, value, within)
                ));
            }
            "BYMONTHDAY" => {
                let days: Option<Vec<String>> = value.split(',').map(|day| month_day(language, day)).collect();
                // Without a month, a year has them once a month.
                let within = match part("FREQ") == Some("YEARLY") && part("BYMONTH").is_none() {
                    true => language.pick(" of every month", " i varje månad"),
                    false => "",
                };
                told.push_str(&match days {
                    Some(days) => format!(" {} {}{within}", language.pick("on", "på"), language.listed(&days)),
                    None => format!(" ({name}={value})"),
                });
            }
            "COUNT" => told.push_str(&format!(", {value} {}", language.pick("times", "gånger"))),
            "UNTIL" => {
                let date = value
                    .get(..8)
                    .and_then(|date| Some((date.get(..4)?, date.get(4..6)?, date.get(6..8)?)));
                let date = date.map_or_else(
                    || value.to_owned(),
                    |(year, month, day)| format!("{year}-{month}-{day}"),
                );
                told.push_str(&format!(" {} {date}", language.pick("until", "till och med")));
            }
            _ => told.push_str(&format!(" ({name}={value})")),
        }
    }
    told
}

/// Swedish for every so many: `varannan vecka`, `vart 3:e år`, `var 21:a dag`.
fn every_nth(interval: &str, unit: &str) -> String {
    let is_neuter = unit == "år";
    match interval {
        "2" => format!("{} {unit}", if is_neuter { "vartannat" } else { "varannan" }),
        _ => {
            let every = if is_neuter { "vart" } else { "var" };
            let ends_in_a = interval.ends_with(['1', '2']) && !interval.ends_with("11") && !interval.ends_with("12");
            format!("{every} {interval}:{} {unit}", if ends_in_a { "a" } else { "e" })
        }
    }
}

/// A day of the month, where there are plain words for it.
fn month_day(language: Language, day: &str) -> Option<String> {
    match day.trim_start_matches('+') {
        "-1" => Some(language.pick("the last day", "sista dagen").to_owned()),
        day if day.starts_with('-') => None,
        day => Some(format!("{} {day}", language.pick("day", "dag"))),
    }
}

/// Weekdays, some of which may be counted within the month or year: `1MO,-1FR`.
fn weekdays(language: Language, days: &str, within: &str) -> String {
    let mut any_counted = false;
    let told: Vec<String> = days
        .split(',')
        .map(|day| {
            let (count, name) = day.split_at(day.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(0));
            any_counted |= !count.is_empty();
            nth_weekday(language, count, name).unwrap_or_else(|| day.to_owned())
        })
        .collect();
    let told = language.listed(&told);
    if any_counted { format!("{told} {within}") } else { told }
}

fn nth_weekday(language: Language, count: &str, day: &str) -> Option<String> {
    let weekday = weekday(language, day)?;
    let (english, swedish) = match count.trim_start_matches('+') {
        "" => return Some(weekday.to_owned()),
        "1" => ("first", "första"),
        "2" => ("second", "andra"),
        "3" => ("third", "tredje"),
        "4" => ("fourth", "fjärde"),
        "5" => ("fifth", "femte"),
        "-1" => ("last", "sista"),
        "-2" => ("last but one", "näst sista"),
        _ => return None,
    };
    Some(match language {
        Language::English => format!("the {english} {weekday}"),
        Language::Swedish => format!("{swedish} {weekday}en"),
    })
}

fn weekday(language: Language, day: &str) -> Option<&'static str> {
    let (english, swedish) = match day {
        "MO" => ("Monday", "måndag"),
        "TU" => ("Tuesday", "tisdag"),
        "WE" => ("Wednesday", "onsdag"),
        "TH" => ("Thursday", "torsdag"),
        "FR" => ("Friday", "fredag"),
        "SA" => ("Saturday", "lördag"),
        "SU" => ("Sunday", "söndag"),
        _ => return None,
    };
    Some(language.pick(english, swedish))
}
