//! Reading facts as of an instant, and finding out when they could next be another.

use chrono::{Datelike, Months, NaiveDate};

use crate::{
    answer::Answer,
    definition::{DaysSinceFact, Fact, Happening, Pick, ScoreFact},
    facts::{Dispatch, Facts, Instant, Module, Response, Status},
    zone::{local_day, start_of_day},
};

/// Days that no threshold reaches beyond: a hundred years.
const FURTHEST_DAY: i64 = 36_525;

/// The facts of one enrollment as they were at an instant.
#[derive(Clone, Copy, Debug)]
pub struct AsOf<'a> {
    facts: &'a Facts,
    at: Instant,
    /// How many of the responses are known.
    responses: usize,
}

/// A fact's value. A missing fact has none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
    /// A text, a date or the key of an option.
    Text(&'a str),
    /// The keys of the chosen options.
    Options(&'a [String]),
}

impl<'a> From<&'a Answer> for Value<'a> {
    fn from(answer: &'a Answer) -> Self {
        match answer {
            Answer::Boolean(yes) => Self::Boolean(*yes),
            Answer::Number(number) => Self::Number(*number),
            Answer::Text(text) => Self::Text(text),
            Answer::Options(options) => Self::Options(options),
        }
    }
}

impl From<Value<'_>> for Answer {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Boolean(yes) => Self::Boolean(yes),
            Value::Number(number) => Self::Number(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Options(options) => Self::Options(options.to_vec()),
        }
    }
}

impl Status {
    /// The name that rules compare with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "PLANNED",
            Self::Active => "ACTIVE",
            Self::Paused => "PAUSED",
            Self::Completed => "COMPLETED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

impl<'a> AsOf<'a> {
    /// The facts as of an instant: everything dated up to it, inclusive.
    pub fn new(facts: &'a Facts, at: Instant) -> Self {
        Self {
            facts,
            at,
            responses: facts.responses.partition_point(|response| response.at <= at),
        }
    }

    /// The facts as of the submission of a response: that response is the latest, whatever else was submitted at the same
    /// instant.
    pub fn of_response(facts: &'a Facts, at: Instant, response: uuid::Uuid) -> Self {
        match facts.responses.iter().rposition(|known| known.id == response) {
            Some(index) => Self {
                facts,
                at,
                responses: index + 1,
            },
            None => Self::new(facts, at),
        }
    }

    /// The enrollment's status; none before its first.
    pub fn status(&self) -> Option<Status> {
        let known = self.facts.statuses.partition_point(|status| status.at <= self.at);
        self.facts.statuses[..known].last().map(|status| status.value)
    }

    /// A fact's value; none where it is missing.
    pub fn value(&self, fact: &Fact) -> Option<Value<'a>> {
        match fact {
            Fact::Score(score) => self.score(score).map(Value::Number),
            Fact::Answer(answer) => {
                let latest = self.responses(&answer.form).next_back()?;
                let (_, answer) = latest.answers.iter().find(|(item, _)| *item == answer.item)?;
                Some(answer.into())
            }
            Fact::DaysSince(since) => {
                let (from, today) = (local_day(self.facts.zone, self.last(since)?), self.today());
                Some(Value::Number((today - from).num_days() as f64))
            }
            Fact::OverdueDispatches(any) => {
                let overdue = self
                    .dispatches(any.form.as_deref())
                    .filter(|dispatch| self.is_overdue(dispatch));
                Some(Value::Number(overdue.count() as f64))
            }
            Fact::MissedDispatches(any) => Some(Value::Number(f64::from(self.missed(any.form.as_deref())))),
            Fact::ModuleProgress(of) => {
                self.progress(self.facts.modules.iter().filter(|module| module.key == of.module))
            }
            Fact::ProgramProgress(_) => self.progress(self.facts.modules.iter()),
            Fact::ProgramWeek(_) => {
                let days = (self.today() - local_day(self.facts.zone, self.started()?)).num_days();
                Some(Value::Number((days / 7 + 1) as f64))
            }
            Fact::Status(_) => self.status().map(|status| Value::Text(status.name())),
            Fact::Age(_) => age(self.facts.birth_date?, self.today()).map(|years| Value::Number(f64::from(years))),
            Fact::OpenFlag(of) => {
                let mut flags = self.facts.flags.iter().filter(|flag| flag.kind == of.kind);
                Some(Value::Boolean(flags.any(|flag| {
                    self.past(flag.raised_at) && !self.has_passed(flag.resolved_at)
                })))
            }
        }
    }

    /// The first instant after this one at which the verdict of comparing the fact with `value` could be another, if nothing
    /// else happens than what is known.
    pub fn next_change(&self, fact: &Fact, value: &Answer) -> Option<Instant> {
        match fact {
            Fact::Score(score) => self.next_response(Some(&score.form)),
            Fact::Answer(answer) => self.next_response(Some(&answer.form)),
            Fact::DaysSince(since) => {
                let happens = match since.event {
                    Happening::SignIn => first_after(&self.facts.sign_ins, self.at),
                    Happening::Activity => first_after(&self.facts.activities, self.at),
                    Happening::FormCompleted => {
                        return self.sooner(since, value, self.next_response(since.form.as_deref()));
                    }
                };
                self.sooner(since, value, self.sooner_of(happens, self.facts.started_at))
            }
            Fact::OverdueDispatches(any) | Fact::MissedDispatches(any) => {
                let form = any.form.as_deref();
                self.first_future(self.dispatches(form).flat_map(|dispatch| {
                    let Dispatch {
                        known_at,
                        available_at,
                        overdue_at,
                        expires_at,
                        completed_at,
                        cancelled_at,
                        ..
                    } = dispatch;
                    [
                        Some(*known_at),
                        Some(*available_at),
                        *overdue_at,
                        *expires_at,
                        *completed_at,
                        *cancelled_at,
                    ]
                }))
            }
            Fact::ModuleProgress(of) => self.first_future(
                self.facts
                    .modules
                    .iter()
                    .filter(|module| module.key == of.module)
                    .map(|module| first_after(&module.completed, self.at)),
            ),
            Fact::ProgramProgress(_) => self.first_future(
                self.facts
                    .modules
                    .iter()
                    .map(|module| first_after(&module.completed, self.at)),
            ),
            Fact::ProgramWeek(_) => match self.started() {
                None => self.first_future([self.facts.started_at]),
                Some(started) => {
                    let first_day = local_day(self.facts.zone, started);
                    let days = thresholds(value).map(|week| week.map(|week| (week - 1).saturating_mul(7)));
                    self.first_of_days(first_day, days)
                }
            },
            Fact::Status(_) => self.next_status_change(),
            Fact::Age(_) => {
                let born = self.facts.birth_date?;
                let birthdays = thresholds(value)
                    .into_iter()
                    .flatten()
                    .filter_map(|years| birthday(born, years));
                self.first_future(birthdays.map(|day| Some(start_of_day(self.facts.zone, day))))
            }
            Fact::OpenFlag(of) => self.first_future(
                self.facts
                    .flags
                    .iter()
                    .filter(|flag| flag.kind == of.kind)
                    .flat_map(|flag| [Some(flag.raised_at), flag.resolved_at]),
            ),
        }
    }

    /// When the status changes next.
    pub fn next_status_change(&self) -> Option<Instant> {
        let known = self.facts.statuses.partition_point(|status| status.at <= self.at);
        self.facts.statuses.get(known).map(|status| status.at)
    }

    fn past(&self, instant: Instant) -> bool {
        instant <= self.at
    }

    fn has_passed(&self, instant: Option<Instant>) -> bool {
        instant.is_some_and(|instant| self.past(instant))
    }

    fn today(&self) -> NaiveDate {
        local_day(self.facts.zone, self.at)
    }

    fn started(&self) -> Option<Instant> {
        self.facts.started_at.filter(|started| self.past(*started))
    }

    fn responses(&self, form: &str) -> impl DoubleEndedIterator<Item = &'a Response> {
        self.facts.responses[..self.responses]
            .iter()
            .filter(move |response| response.form == form)
    }

    fn score(&self, fact: &ScoreFact) -> Option<f64> {
        let of = |response: &Response| {
            let (_, score) = response.scores.iter().find(|(scale, _)| *scale == fact.scale)?;
            Some(*score)
        };
        let mut responses = self.responses(&fact.form);
        match fact.pick {
            Pick::Latest => of(responses.next_back()?),
            Pick::First => of(responses.next()?),
            Pick::Previous => of(responses.nth_back(1)?),
            Pick::ChangeFromFirst => {
                let latest = of(responses.next_back()?)?;
                Some(tidy(latest - of(responses.next()?)?))
            }
            Pick::ChangeFromPrevious => {
                let latest = of(responses.next_back()?)?;
                Some(tidy(latest - of(responses.next_back()?)?))
            }
            Pick::Mean => {
                let wanted = fact.last.map(|last| last as usize);
                let (mut sum, mut count) = (0.0, 0_usize);
                for score in responses.rev().filter_map(of).take(wanted.unwrap_or(usize::MAX)) {
                    sum += score;
                    count += 1;
                }
                (count > 0 && wanted.is_none_or(|wanted| count == wanted)).then(|| tidy(sum / count as f64))
            }
        }
    }

    /// When it happened last.
    fn last(&self, since: &DaysSinceFact) -> Option<Instant> {
        match since.event {
            Happening::SignIn => self.last_or_start(&self.facts.sign_ins),
            Happening::Activity => self.last_or_start(&self.facts.activities),
            Happening::FormCompleted => {
                let known = self.facts.responses[..self.responses].iter();
                let mut of_form = known.filter(|response| is_of(&response.form, since.form.as_deref()));
                of_form.next_back().map(|response| response.at)
            }
        }
    }

    /// The last of the instants, but none before the start; nothing before the start at all.
    fn last_or_start(&self, instants: &[Instant]) -> Option<Instant> {
        let started = self.started()?;
        let known = instants.partition_point(|instant| self.past(*instant));
        Some(instants[..known].last().map_or(started, |last| started.max(*last)))
    }

    fn dispatches<'f>(&self, form: Option<&'f str>) -> impl Iterator<Item = &'a Dispatch> + use<'a, 'f> {
        self.facts
            .dispatches
            .iter()
            .filter(move |dispatch| is_of(&dispatch.form, form))
    }

    fn is_sent(&self, dispatch: &Dispatch) -> bool {
        self.past(dispatch.known_at) && self.past(dispatch.available_at)
    }

    fn is_overdue(&self, dispatch: &Dispatch) -> bool {
        let over = [dispatch.completed_at, dispatch.cancelled_at, dispatch.expires_at];
        self.is_sent(dispatch)
            && self.has_passed(dispatch.overdue_at)
            && !over.into_iter().any(|over| self.has_passed(over))
    }

    /// How many of the last dispatches in a row expired: those still open, and those cancelled, say nothing.
    fn missed(&self, form: Option<&str>) -> u32 {
        let sent = self.facts.dispatches.iter().rev();
        let mut missed = 0;
        for dispatch in sent.filter(|dispatch| is_of(&dispatch.form, form) && self.is_sent(dispatch)) {
            if self.has_passed(dispatch.completed_at) {
                break;
            }
            if !self.has_passed(dispatch.cancelled_at) && self.has_passed(dispatch.expires_at) {
                missed += 1;
            }
        }
        missed
    }

    /// Percent of the steps that are completed; missing where there are none.
    fn progress<'m>(&self, modules: impl Iterator<Item = &'m Module>) -> Option<Value<'a>> {
        let (mut completed, mut steps) = (0.0, 0.0);
        for module in modules {
            let done = module.completed.partition_point(|step| self.past(*step));
            steps += f64::from(module.steps);
            completed += f64::from(u32::try_from(done).unwrap_or(u32::MAX).min(module.steps));
        }
        (steps > 0.0).then(|| Value::Number(tidy(100.0 * completed / steps)))
    }

    fn next_response(&self, form: Option<&str>) -> Option<Instant> {
        let later = self.facts.responses.partition_point(|response| self.past(response.at));
        let mut of_form = self.facts.responses[later..]
            .iter()
            .filter(|response| is_of(&response.form, form));
        of_form.next().map(|response| response.at)
    }

    /// The next happening, or the day on which the count since the last one crosses the threshold before it.
    fn sooner(&self, since: &DaysSinceFact, value: &Answer, happens: Option<Instant>) -> Option<Instant> {
        let crossed = self
            .last(since)
            .and_then(|last| self.first_of_days(local_day(self.facts.zone, last), thresholds(value)));
        self.sooner_of(happens, crossed)
    }

    fn sooner_of(&self, one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
        self.first_future([one, other])
    }

    /// The first of these numbers of days after a day that has not begun yet.
    fn first_of_days(&self, from: NaiveDate, days: [Option<i64>; 2]) -> Option<Instant> {
        let reachable = days
            .into_iter()
            .flatten()
            .filter(|days| (0..=FURTHEST_DAY).contains(days));
        let days = reachable.filter_map(|days| from.checked_add_signed(chrono::Duration::days(days)));
        self.first_future(days.map(|day| Some(start_of_day(self.facts.zone, day))))
    }

    fn first_future(&self, instants: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
        instants
            .into_iter()
            .flatten()
            .filter(|instant| !self.past(*instant))
            .min()
    }
}

/// Whether a form is the one that is meant, or any is.
fn is_of(form: &str, meant: Option<&str>) -> bool {
    meant.is_none_or(|meant| meant == form)
}

/// The first of ascending instants after another.
fn first_after(instants: &[Instant], at: Instant) -> Option<Instant> {
    instants
        .get(instants.partition_point(|instant| *instant <= at))
        .copied()
}

/// The whole numbers at which a growing count, compared with `value` in any way, can change the verdict: the first that is
/// not below it, and the first that is above it.
fn thresholds(value: &Answer) -> [Option<i64>; 2] {
    match value {
        Answer::Number(number) if number.abs() < 1e9 => [Some(number.ceil() as i64), Some(number.floor() as i64 + 1)],
        _ => [None, None],
    }
}

/// Removes what binary fractions leave behind: 12.3 − 10.1 is 2.2.
fn tidy(number: f64) -> f64 {
    let tidied = (number * 1e9).round() / 1e9;
    if tidied == 0.0 || !tidied.is_finite() {
        0.0
    } else {
        tidied
    }
}

/// Whole years between a birth and a day. Who is born on 29 February grows older on 1 March of other years.
fn age(born: NaiveDate, today: NaiveDate) -> Option<u32> {
    today.years_since(born)
}

/// The day on which somebody becomes so many years old.
fn birthday(born: NaiveDate, years: i64) -> Option<NaiveDate> {
    let months = u32::try_from(years)
        .ok()?
        .checked_mul(12)
        .filter(|months| *months <= 12 * 200)?;
    let day = born.checked_add_months(Months::new(months))?;
    if day.day() == born.day() {
        Some(day)
    } else {
        day.succ_opt()
    }
}
