//! The words for periods, facts and comparisons, in English and Swedish.

mod rating;

use crate::{
    answer::Answer,
    definition::{AnyForm, Compare, Condition, Fact, Happening, MeasurementFact, Pick, RatingFact, ScoreFact},
    facts::{Sex, Status},
    form::Operator,
    period::Period,
    score,
};

/// Quotations are cut after so many characters.
const MAX_QUOTED: usize = 100;

/// Decimals of what was computed, as people read it.
const DECIMALS: u32 = 2;

/// No number that rules compute has more decimals.
const MOST_DECIMALS: u32 = 9;

/// A language that rules are described in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Swedish,
}

impl Language {
    /// The language of a locale (`sv-FI`); English for those that nobody has translated to yet.
    pub fn of(locale: &str) -> Self {
        match locale.split(['-', '_']).next() {
            Some(primary) if primary.eq_ignore_ascii_case("sv") => Self::Swedish,
            _ => Self::English,
        }
    }

    /// The text of this language.
    pub fn pick<'a>(self, english: &'a str, swedish: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Swedish => swedish,
        }
    }

    /// `a, b and c`.
    pub fn listed(self, parts: &[String]) -> String {
        self.joined(parts, self.pick("and", "och"))
    }

    /// `a, b or c`.
    pub fn either(self, parts: &[String]) -> String {
        self.joined(parts, self.pick("or", "eller"))
    }

    fn joined(self, parts: &[String], word: &str) -> String {
        match parts {
            [] => String::new(),
            [only] => only.clone(),
            [firsts @ .., last] => format!("{} {word} {last}", firsts.join(", ")),
        }
    }

    /// What somebody wrote, between quotation marks; shortened where it is long.
    pub fn quoted(self, text: &str) -> String {
        let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = words.char_indices().nth(MAX_QUOTED) {
            words.truncate(end);
            words.push('…');
        }
        format!("{}{words}”", self.pick("“", "”"))
    }

    /// `2 weeks and 3 hours`, whatever its sign.
    pub fn period(self, period: Period) -> String {
        let (months, days, seconds) = (
            period.months.unsigned_abs(),
            period.days.unsigned_abs(),
            period.seconds.unsigned_abs(),
        );
        let (weeks, days) = if days % 7 == 0 && days >= 14 {
            (days / 7, 0)
        } else {
            (0, days)
        };
        let amounts = [
            (u64::from(months / 12), "year", "years", "år", "år"),
            (u64::from(months % 12), "month", "months", "månad", "månader"),
            (u64::from(weeks), "week", "weeks", "vecka", "veckor"),
            (u64::from(days), "day", "days", "dag", "dagar"),
            (seconds / 3_600, "hour", "hours", "timme", "timmar"),
            (seconds % 3_600 / 60, "minute", "minutes", "minut", "minuter"),
            (seconds % 60, "second", "seconds", "sekund", "sekunder"),
        ];
        let parts: Vec<String> = amounts
            .into_iter()
            .filter(|(amount, ..)| *amount > 0)
            .map(|(amount, one, many, en, flera)| {
                let word = if amount == 1 {
                    self.pick(one, en)
                } else {
                    self.pick(many, flera)
                };
                format!("{amount} {word}")
            })
            .collect();
        if parts.is_empty() {
            self.pick("no time", "ingen tid").to_owned()
        } else {
            self.listed(&parts)
        }
    }

    /// A value as people write it.
    pub fn value(self, value: &Answer) -> String {
        match value {
            Answer::Boolean(true) => self.pick("yes", "ja").to_owned(),
            Answer::Boolean(false) => self.pick("no", "nej").to_owned(),
            Answer::Number(number) => match self {
                Self::English => number.to_string(),
                Self::Swedish => number.to_string().replace('.', ","),
            },
            Answer::Text(text) => text.clone(),
            Answer::Options(options) => self.listed(options),
        }
    }

    /// The value that a fact had, beside the one that it is compared with: what was computed is told with as many decimals as
    /// people need, and no more; what was scored, measured or answered, as it was.
    pub fn actual(self, fact: &Fact, actual: &Answer, compared_with: &Answer) -> String {
        match (actual, compared_with) {
            (Answer::Number(number), Answer::Number(other)) if is_computed(fact) => {
                self.value_of(fact, &Answer::Number(rounded(*number, *other)))
            }
            (Answer::Number(number), _) if is_computed(fact) => {
                self.value_of(fact, &Answer::Number(score::round(*number, DECIMALS)))
            }
            _ => self.value_of(fact, actual),
        }
    }

    /// A value of a fact: with its unit, and the names of what is chosen among.
    pub fn value_of(self, fact: &Fact, value: &Answer) -> String {
        match (fact, value) {
            (Fact::Status(_), Answer::Text(name)) => {
                let status = Status::ALL.into_iter().find(|status| status.name() == name);
                status.map_or_else(|| name.clone(), |status| self.status(status).to_owned())
            }
            (Fact::Sex(_), Answer::Text(name)) if name == Sex::Female.name() => {
                self.pick("female", "kvinna").to_owned()
            }
            (Fact::Sex(_), Answer::Text(name)) if name == Sex::Male.name() => self.pick("male", "man").to_owned(),
            (Fact::Measurement(of), Answer::Number(_)) if !is_percentage(fact) => match &of.unit {
                Some(unit) => format!("{} {}", self.value(value), self.pick(&unit.en, &unit.sv)),
                None => self.value(value),
            },
            (fact, Answer::Number(_)) if is_percentage(fact) => {
                // In Swedish a space that does not break the line stands before the sign.
                format!("{}{}", self.value(value), self.pick("%", "\u{a0}%"))
            }
            _ => self.value(value),
        }
    }

    /// What the enrollment is in a status.
    pub fn status(self, status: Status) -> &'static str {
        let (english, swedish) = match status {
            Status::Planned => ("planned", "planerat"),
            Status::Active => ("active", "aktivt"),
            Status::Paused => ("paused", "pausat"),
            Status::Completed => ("completed", "slutfört"),
            Status::Withdrawn => ("withdrawn", "avbrutet"),
        };
        self.pick(english, swedish)
    }

    /// What a fact is called, in the middle of a sentence.
    pub fn fact(self, fact: &Fact) -> String {
        let named = |english: &str, swedish: &str, key: &str| format!("{} {key}", self.pick(english, swedish));
        match fact {
            Fact::Score(of) => self.score(of),
            Fact::Answer(of) => match self {
                Self::English => format!("the answer to {} in {}", of.item, of.form),
                Self::Swedish => format!("svaret på {} i {}", of.item, of.form),
            },
            Fact::Measurement(of) => self.measurement(of),
            Fact::Rating(of) => self.rating(of),
            Fact::DaysSince(since) => {
                let (english, swedish) = match (since.event, &since.form) {
                    (Happening::SignIn, _) => ("the last sign-in", "senaste inloggningen"),
                    (Happening::Activity, _) => ("the last activity", "senaste aktiviteten"),
                    (Happening::Message, _) => ("the last message", "senaste meddelandet"),
                    (Happening::MessageFromCitizen, _) => {
                        ("the citizen's last message", "invånarens senaste meddelande")
                    }
                    (Happening::MessageFromStaff, _) => {
                        ("the last message from staff", "personalens senaste meddelande")
                    }
                    (Happening::UnansweredMessage, _) => (
                        "the citizen's oldest message without an answer",
                        "invånarens äldsta obesvarade meddelande",
                    ),
                    (Happening::FormCompleted, Some(_)) => ("the last answer to", "senaste svaret på"),
                    (Happening::Measurement, _) => match &since.kind {
                        Some(_) => ("the last measurement of", "senaste mätningen av"),
                        None => ("the last measurement", "senaste mätningen"),
                    },
                    (Happening::FormCompleted, None) => ("the last answer to a form", "senaste svaret på ett formulär"),
                };
                let days = named(
                    "the number of days since",
                    "antalet dagar sedan",
                    self.pick(english, swedish),
                );
                match since.form.as_ref().or(since.kind.as_ref()) {
                    Some(of) => format!("{days} {of}"),
                    None => days,
                }
            }
            Fact::OverdueDispatches(any) => {
                self.forms("the number of overdue forms", "antalet försenade formulär", any)
            }
            Fact::MissedDispatches(any) => self.forms(
                "the number of forms missed in a row",
                "antalet missade formulär i rad",
                any,
            ),
            Fact::ModuleProgress(of) => named("the progress through module", "framsteget i modul", &of.module),
            Fact::SectionProgress(of) => named("the progress through section", "framsteget i avsnitt", &of.section),
            Fact::ProgramProgress(_) => self
                .pick("the progress through the program", "framsteget i programmet")
                .to_owned(),
            Fact::MissedActivities(last) => match (self, last.days) {
                (Self::English, 1) => "the number of planned activities missed yesterday".to_owned(),
                (Self::Swedish, 1) => "antalet planerade aktiviteter som missades i går".to_owned(),
                (Self::English, days) => format!("the number of planned activities missed in the last {days} days"),
                (Self::Swedish, days) => format!("antalet planerade aktiviteter som missats de senaste {days} dagarna"),
            },
            Fact::ProgramWeek(_) => self.pick("the week of the program", "programveckan").to_owned(),
            Fact::Status(_) => self
                .pick("the status of the enrollment", "deltagandets status")
                .to_owned(),
            Fact::Age(_) => self.pick("the citizen's age", "invånarens ålder").to_owned(),
            Fact::Sex(_) => self.pick("the citizen's sex", "invånarens kön").to_owned(),
            Fact::OpenFlag(of) => self.flag(&of.kind, true),
        }
    }

    fn score(self, of: &ScoreFact) -> String {
        let (english, swedish) = match (of.pick, of.last) {
            (Pick::Latest, _) => ("the score", "poängen"),
            (Pick::First, _) => ("the first score", "den första poängen"),
            (Pick::Previous, _) => ("the previous score", "den föregående poängen"),
            (Pick::Mean, None) => ("the mean of all scores", "medelvärdet av alla poäng"),
            (Pick::Max, None) => ("the highest score", "den högsta poängen"),
            (Pick::Min, None) => ("the lowest score", "den lägsta poängen"),
            (Pick::Mean, Some(_)) => ("the mean of the last {} scores", "medelvärdet av de senaste {} poängen"),
            (Pick::Max, Some(_)) => (
                "the highest of the last {} scores",
                "den högsta av de senaste {} poängen",
            ),
            (Pick::Min, Some(_)) => (
                "the lowest of the last {} scores",
                "den lägsta av de senaste {} poängen",
            ),
            (
                Pick::ChangeFromFirst
                | Pick::PercentChangeFromFirst
                | Pick::ChangeFromPrevious
                | Pick::PercentChangeFromPrevious,
                _,
            ) => ("the change of", "förändringen av"),
            (Pick::ReliableChange, _) => (
                "the reliable change (RCI) of",
                "den tillförlitliga förändringen (RCI) av",
            ),
        };
        let since = self.since(of.pick);
        let last = of.last.unwrap_or_default().to_string();
        let what = self.pick(english, swedish).replace("{}", &last);
        format!("{what} {} {} {}{since}", of.scale, self.pick("of", "i"), of.form)
    }

    fn measurement(self, of: &MeasurementFact) -> String {
        let (english, swedish) = match (of.pick, of.last) {
            (Pick::Latest, _) => ("the latest measurement of", "den senaste mätningen av"),
            (Pick::First, _) => ("the first measurement of", "den första mätningen av"),
            (Pick::Previous, _) => ("the previous measurement of", "den föregående mätningen av"),
            (Pick::Mean, None) => ("the mean of all measurements of", "medelvärdet av alla mätningar av"),
            (Pick::Max, None) => ("the highest measurement of", "den högsta mätningen av"),
            (Pick::Min, None) => ("the lowest measurement of", "den lägsta mätningen av"),
            (Pick::Mean, Some(_)) => (
                "the mean of the last {} measurements of",
                "medelvärdet av de senaste {} mätningarna av",
            ),
            (Pick::Max, Some(_)) => (
                "the highest of the last {} measurements of",
                "den högsta av de senaste {} mätningarna av",
            ),
            (Pick::Min, Some(_)) => (
                "the lowest of the last {} measurements of",
                "den lägsta av de senaste {} mätningarna av",
            ),
            (
                Pick::ChangeFromFirst
                | Pick::PercentChangeFromFirst
                | Pick::ChangeFromPrevious
                | Pick::PercentChangeFromPrevious
                | Pick::ReliableChange,
                _,
            ) => ("the change of", "förändringen av"),
        };
        let last = of.last.unwrap_or_default().to_string();
        let what = self.pick(english, swedish).replace("{}", &last);
        format!("{what} {}{}", of.kind, self.since(of.pick))
    }

    /// What a change is counted from.
    fn since(self, pick: Pick) -> &'static str {
        match pick {
            Pick::ChangeFromFirst | Pick::PercentChangeFromFirst | Pick::ReliableChange => {
                self.pick(" since the first time", " sedan första gången")
            }
            Pick::ChangeFromPrevious | Pick::PercentChangeFromPrevious => {
                self.pick(" since the previous time", " sedan förra gången")
            }
            Pick::Latest | Pick::First | Pick::Previous | Pick::Mean | Pick::Max | Pick::Min => "",
        }
    }

    fn forms(self, english: &str, swedish: &str, any: &AnyForm) -> String {
        let what = self.pick(english, swedish);
        any.form
            .as_ref()
            .map_or_else(|| what.to_owned(), |form| format!("{what} ({form})"))
    }

    /// Whether a flag is open, as a clause.
    pub fn flag(self, kind: &str, open: bool) -> String {
        match (self, open) {
            (Self::English, true) => format!("a flag of the kind {kind} is open"),
            (Self::Swedish, true) => format!("en flagga av typen {kind} är öppen"),
            (Self::English, false) => format!("no flag of the kind {kind} is open"),
            (Self::Swedish, false) => format!("ingen flagga av typen {kind} är öppen"),
        }
    }

    /// How a fact stands to a value: `at least 2`.
    pub fn relation(self, fact: &Fact, operator: Operator, value: &Answer) -> String {
        let word = match operator {
            Operator::Eq => "",
            Operator::Ne => self.pick("other than ", "något annat än "),
            Operator::Gt => self.pick("above ", "över "),
            Operator::Gte => self.pick("at least ", "minst "),
            Operator::Lt => self.pick("below ", "under "),
            Operator::Lte => self.pick("at most ", "högst "),
            Operator::Exists => return self.existence(fact, *value != Answer::Boolean(false)).to_owned(),
        };
        format!("{word}{}", self.value_of(fact, value))
    }

    /// What a fact is that is there, or is not. In Swedish it follows the gender of the fact's name.
    pub fn existence(self, fact: &Fact, exists: bool) -> &'static str {
        let is_neuter = match fact {
            Fact::Score(ScoreFact { pick, .. })
            | Fact::Measurement(MeasurementFact { pick, .. })
            | Fact::Rating(RatingFact { pick, .. }) => *pick == Pick::Mean,
            Fact::ProgramWeek(_) | Fact::Status(_) | Fact::Age(_) | Fact::OpenFlag(_) => false,
            Fact::Answer(_)
            | Fact::DaysSince(_)
            | Fact::OverdueDispatches(_)
            | Fact::MissedDispatches(_)
            | Fact::ModuleProgress(_)
            | Fact::SectionProgress(_)
            | Fact::MissedActivities(_)
            | Fact::Sex(_)
            | Fact::ProgramProgress(_) => true,
        };
        match (self, exists, is_neuter) {
            (Self::English, true, _) => "known",
            (Self::English, false, _) => "missing",
            (Self::Swedish, true, true) => "känt",
            (Self::Swedish, true, false) => "känd",
            (Self::Swedish, false, true) => "okänt",
            (Self::Swedish, false, false) => "okänd",
        }
    }

    /// A condition as a clause: `the citizen's age is at least 18 and …`.
    pub fn condition(self, condition: &Condition) -> String {
        match condition {
            Condition::All(parts) => self.joined(&self.parts(parts), self.pick("and", "och")),
            Condition::Any(parts) => self.joined(&self.parts(parts), self.pick("or", "eller")),
            Condition::Not(part) => match open_flag(part) {
                Some((kind, open)) => self.flag(kind, !open),
                None => {
                    let not = self.pick("it is not so that", "det är inte så att");
                    format!("{not} {}", self.bracketed(part))
                }
            },
            Condition::Compare(compare) => self.comparison(compare),
        }
    }

    fn parts(self, parts: &[Condition]) -> Vec<String> {
        let only_one = parts.len() == 1;
        parts
            .iter()
            .map(|part| {
                if only_one {
                    self.condition(part)
                } else {
                    self.bracketed(part)
                }
            })
            .collect()
    }

    fn bracketed(self, part: &Condition) -> String {
        match part {
            Condition::All(parts) | Condition::Any(parts) if parts.len() > 1 => format!("({})", self.condition(part)),
            Condition::Compare(_) | Condition::All(_) | Condition::Any(_) => self.condition(part),
            Condition::Not(of) if open_flag(of).is_some() => self.condition(part),
            Condition::Not(_) => format!("({})", self.condition(part)),
        }
    }

    fn comparison(self, compare: &Compare) -> String {
        if let Some((kind, open)) = flag_compared(compare) {
            return self.flag(kind, open);
        }
        let Compare { fact, operator, value } = compare;
        format!(
            "{} {} {}",
            self.fact(fact),
            self.pick("is", "är"),
            self.relation(fact, *operator, value)
        )
    }
}

/// Whether a fact is computed of others, and may have more decimals than any of them.
fn is_computed(fact: &Fact) -> bool {
    match fact {
        Fact::Score(ScoreFact { pick, .. })
        | Fact::Measurement(MeasurementFact { pick, .. })
        | Fact::Rating(RatingFact { pick, .. })
            if matches!(pick, Pick::Mean | Pick::ReliableChange) =>
        {
            true
        }
        _ => is_percentage(fact),
    }
}

/// A number with the fewest decimals, from [`DECIMALS`] on, with which it still stands to another as it does: 14.996 is not told
/// as 15 where it should be at least that.
fn rounded(number: f64, other: f64) -> f64 {
    let mut candidates = (DECIMALS..=MOST_DECIMALS).map(|decimals| score::round(number, decimals));
    let stands = |candidate: &f64| candidate.partial_cmp(&other) == number.partial_cmp(&other);
    candidates.find(stands).unwrap_or(number)
}

/// Whether a fact is counted in percent.
fn is_percentage(fact: &Fact) -> bool {
    match fact {
        Fact::Score(ScoreFact { pick, .. })
        | Fact::Measurement(MeasurementFact { pick, .. })
        | Fact::Rating(RatingFact { pick, .. }) => {
            matches!(pick, Pick::PercentChangeFromFirst | Pick::PercentChangeFromPrevious)
        }
        Fact::ModuleProgress(_) | Fact::SectionProgress(_) | Fact::ProgramProgress(_) => true,
        _ => false,
    }
}

/// The kind of flag that a condition is about alone, and whether it must be open.
fn open_flag(condition: &Condition) -> Option<(&str, bool)> {
    match condition {
        Condition::Compare(compare) => flag_compared(compare),
        Condition::All(_) | Condition::Any(_) | Condition::Not(_) => None,
    }
}

fn flag_compared(compare: &Compare) -> Option<(&str, bool)> {
    match (&compare.fact, compare.operator, &compare.value) {
        (Fact::OpenFlag(of), Operator::Eq, Answer::Boolean(open)) => Some((&of.kind, *open)),
        (Fact::OpenFlag(of), Operator::Ne, Answer::Boolean(open)) => Some((&of.kind, !*open)),
        _ => None,
    }
}

/// With a capital letter first.
pub(crate) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}
