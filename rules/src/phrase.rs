//! The words for periods, facts and comparisons, in English and Swedish.

use crate::{
    answer::Answer,
    definition::{AnyForm, Compare, Condition, Fact, Happening, Pick},
    form::Operator,
    period::Period,
};

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

    fn joined(self, parts: &[String], word: &str) -> String {
        match parts {
            [] => String::new(),
            [only] => only.clone(),
            [firsts @ .., last] => format!("{} {word} {last}", firsts.join(", ")),
        }
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

    /// What a fact is called, in the middle of a sentence.
    pub fn fact(self, fact: &Fact) -> String {
        match fact {
            Fact::Score(of) => {
                let (form, scale) = (&of.form, &of.scale);
                match (self, of.pick, of.last) {
                    (Self::English, Pick::Latest, _) => format!("the score {scale} of {form}"),
                    (Self::Swedish, Pick::Latest, _) => format!("poängen {scale} i {form}"),
                    (Self::English, Pick::First, _) => format!("the first score {scale} of {form}"),
                    (Self::Swedish, Pick::First, _) => format!("den första poängen {scale} i {form}"),
                    (Self::English, Pick::Previous, _) => format!("the previous score {scale} of {form}"),
                    (Self::Swedish, Pick::Previous, _) => format!("den föregående poängen {scale} i {form}"),
                    (Self::English, Pick::ChangeFromFirst, _) => {
                        format!("the change of {scale} in {form} since the first time")
                    }
                    (Self::Swedish, Pick::ChangeFromFirst, _) => {
                        format!("förändringen av {scale} i {form} sedan första gången")
                    }
                    (Self::English, Pick::ChangeFromPrevious, _) => {
                        format!("the change of {scale} in {form} since the previous time")
                    }
                    (Self::Swedish, Pick::ChangeFromPrevious, _) => {
                        format!("förändringen av {scale} i {form} sedan föregående gång")
                    }
                    (Self::English, Pick::Mean, Some(last)) => {
                        format!("the mean of the last {last} scores {scale} of {form}")
                    }
                    (Self::Swedish, Pick::Mean, Some(last)) => {
                        format!("medelvärdet av de senaste {last} poängen {scale} i {form}")
                    }
                    (Self::English, Pick::Mean, None) => format!("the mean of all scores {scale} of {form}"),
                    (Self::Swedish, Pick::Mean, None) => format!("medelvärdet av alla poäng {scale} i {form}"),
                }
            }
            Fact::Answer(of) => match self {
                Self::English => format!("the answer to {} in {}", of.item, of.form),
                Self::Swedish => format!("svaret på {} i {}", of.item, of.form),
            },
            Fact::DaysSince(since) => {
                let form = since.form.as_deref();
                let happened = match (since.event, form) {
                    (Happening::SignIn, _) => self.pick("the last sign-in", "senaste inloggningen").to_owned(),
                    (Happening::Activity, _) => self.pick("the last activity", "senaste aktiviteten").to_owned(),
                    (Happening::FormCompleted, Some(form)) => {
                        format!("{} {form}", self.pick("the last answer to", "senaste svaret på"))
                    }
                    (Happening::FormCompleted, None) => self
                        .pick("the last answer to a form", "senaste svaret på ett formulär")
                        .to_owned(),
                };
                format!(
                    "{} {happened}",
                    self.pick("the number of days since", "antalet dagar sedan")
                )
            }
            Fact::OverdueDispatches(any) => {
                self.forms("the number of overdue forms", "antalet försenade formulär", any)
            }
            Fact::MissedDispatches(any) => self.forms(
                "the number of forms missed in a row",
                "antalet missade formulär i rad",
                any,
            ),
            Fact::ModuleProgress(of) => match self {
                Self::English => format!("the progress through module {}, in percent,", of.module),
                Self::Swedish => format!("framsteget i modul {}, i procent,", of.module),
            },
            Fact::ProgramProgress(_) => self
                .pick(
                    "the progress through the program, in percent,",
                    "framsteget i programmet, i procent,",
                )
                .to_owned(),
            Fact::ProgramWeek(_) => self.pick("the week of the program", "programveckan").to_owned(),
            Fact::Status(_) => self
                .pick("the status of the enrollment", "deltagandets status")
                .to_owned(),
            Fact::Age(_) => self.pick("the citizen's age", "invånarens ålder").to_owned(),
            Fact::OpenFlag(of) => self.flag(&of.kind, true),
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
        format!("{word}{}", self.value(value))
    }

    /// What a fact is that is there, or is not. In Swedish it follows the gender of the fact's name.
    pub fn existence(self, fact: &Fact, exists: bool) -> &'static str {
        let is_neuter = match fact {
            Fact::Score(of) => of.pick == Pick::Mean,
            Fact::ProgramWeek(_) | Fact::Status(_) | Fact::Age(_) | Fact::OpenFlag(_) => false,
            Fact::Answer(_)
            | Fact::DaysSince(_)
            | Fact::OverdueDispatches(_)
            | Fact::MissedDispatches(_)
            | Fact::ModuleProgress(_)
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
