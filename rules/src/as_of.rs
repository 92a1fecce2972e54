//! Reading facts as of an instant, and finding out when they could next be another.
//!
//! Nothing is allocated here, but where the days of a recurring activity are found out.

mod activities;
mod measurements;
mod pick;
mod ratings;

use chrono::{Datelike, Months, NaiveDate};
use uuid::Uuid;

use crate::{
    answer::Answer,
    change::{reliable_change_index, tidy},
    definition::{DaysSinceFact, Fact, Happening, Pick, ScoreFact},
    facts::{
        Audience, Dated, Dispatch, Facts, FlagState, Instant, Measurement, Message, Module, Registration, Response,
        Section, Status,
    },
    zone::{local_day, start_of_day},
};

/// Days that no threshold reaches beyond: a hundred years.
const FURTHEST_DAY: i64 = 36_525;

/// The facts of one enrollment as they were at an instant.
#[derive(Clone, Copy, Debug)]
pub struct AsOf<'a> {
    facts: &'a Facts,
    at: Instant,
    /// What is looked at, up to the one that is the latest; which of them count at that instant is asked of each.
    responses: &'a [Response],
    measurements: &'a [Measurement],
    registrations: &'a [Registration],
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

impl<'a> AsOf<'a> {
    /// The facts as of an instant: everything dated up to it, inclusive.
    pub fn new(facts: &'a Facts, at: Instant) -> Self {
        Self {
            facts,
            at,
            responses: &facts.responses,
            measurements: &facts.measurements,
            registrations: &facts.registrations,
        }
    }

    /// The facts as of the submission of a response: that response is the latest, whatever else was submitted at the same
    /// instant or, where it amends an older one, since then.
    pub fn of_response(facts: &'a Facts, at: Instant, response: Uuid) -> Self {
        Self {
            responses: up_to(&facts.responses, |known| known.id == response),
            ..Self::new(facts, at)
        }
    }

    /// The facts as of the registration of a measurement: that measurement is the latest, whatever was measured after it or
    /// registered at the same instant.
    pub fn of_measurement(facts: &'a Facts, at: Instant, measurement: Uuid) -> Self {
        Self {
            measurements: up_to(&facts.measurements, |known| known.id == measurement),
            ..Self::new(facts, at)
        }
    }

    /// The facts as of the registration of an activity: that registration is the latest, whatever else was registered at the
    /// same instant.
    pub fn of_registration(facts: &'a Facts, at: Instant, registration: Uuid) -> Self {
        Self {
            registrations: up_to(&facts.registrations, |known| known.id == registration),
            ..Self::new(facts, at)
        }
    }

    /// The enrollment's status; none before its first.
    pub fn status(&self) -> Option<Status> {
        Dated::latest(&self.facts.statuses, self.at).copied()
    }

    /// A fact's value; none where it is missing.
    // Inlined into the comparison, which then has the value at hand.
    #[inline(always)]
    pub fn value(&self, fact: &Fact) -> Option<Value<'a>> {
        match fact {
            Fact::Score(score) => self.score(score).map(Value::Number),
            Fact::Answer(answer) => {
                let latest = self.responses(Some(&answer.form)).next_back()?;
                latest.answer(&answer.item).map(Value::from)
            }
            Fact::Measurement(measured) => self.measured(measured).map(Value::Number),
            Fact::Rating(rating) => self.rated(rating).map(Value::Number),
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
            Fact::SectionProgress(of) => {
                let shown = self
                    .sections(&of.section)
                    .filter(|(module, _)| module.is_shown(self.at));
                percent(shown.map(|(_, section)| section.progress(self.at)))
            }
            Fact::ProgramProgress(_) => self.progress(self.facts.modules.iter()),
            Fact::MissedActivities(last) => Some(Value::Number(self.missed_activities(last.days) as f64)),
            Fact::ProgramWeek(_) => {
                let days = (self.today() - local_day(self.facts.zone, self.started()?)).num_days();
                Some(Value::Number((days / 7 + 1) as f64))
            }
            Fact::Status(_) => self.status().map(|status| Value::Text(status.name())),
            Fact::Age(_) => age(self.facts.birth_date?, self.today()).map(|years| Value::Number(f64::from(years))),
            Fact::Sex(_) => self.facts.sex.map(|sex| Value::Text(sex.name())),
            Fact::OpenFlag(of) => {
                let mut flags = self.facts.flags.iter().filter(|flag| flag.kind == of.kind);
                Some(Value::Boolean(flags.any(|flag| {
                    flag.state(self.at).is_some_and(|state| state != FlagState::Resolved)
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
            Fact::Measurement(measured) => self.next_measurement(Some(&measured.kind)),
            Fact::Rating(_) => self.next_registration(),
            Fact::DaysSince(since) => {
                let crossed = self
                    .last(since)
                    .and_then(|last| self.first_of_days(local_day(self.facts.zone, last), thresholds(value)));
                self.first_future([self.next_happening(since), crossed])
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
                    .flat_map(|module| module.changes_after(self.at))
                    .map(Some),
            ),
            Fact::SectionProgress(of) => self.first_future(self.sections(&of.section).flat_map(|(module, section)| {
                let shown = Dated::next(&module.visible, self.at);
                section.changes_after(self.at).chain(shown).map(Some)
            })),
            Fact::ProgramProgress(_) => self.first_future(
                self.facts
                    .modules
                    .iter()
                    .flat_map(|module| module.changes_after(self.at))
                    .map(Some),
            ),
            Fact::MissedActivities(last) => self.next_missed_activities(last.days),
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
                    .flat_map(|flag| flag.changes.iter().map(|change| Some(change.at))),
            ),
            // What never changes.
            Fact::Sex(_) => None,
        }
    }

    /// When the status changes next.
    pub fn next_status_change(&self) -> Option<Instant> {
        Dated::next(&self.facts.statuses, self.at)
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

    /// The responses that count, in the order in which they were answered.
    fn responses<'f>(&self, form: Option<&'f str>) -> impl DoubleEndedIterator<Item = &'a Response> + use<'a, 'f> {
        let at = self.at;
        self.responses
            .iter()
            .filter(move |response| is_of(&response.form, form) && response.counts(at))
    }

    /// The sections of a key, with their modules.
    fn sections<'f>(&self, key: &'f str) -> impl Iterator<Item = (&'a Module, &'a Section)> + use<'a, 'f> {
        let sections = |module: &'a Module| module.sections.iter().map(move |section| (module, section));
        let all = self.facts.modules.iter().flat_map(sections);
        all.filter(move |(_, section)| section.key == key)
    }

    fn score(&self, fact: &ScoreFact) -> Option<f64> {
        let scored = |response: &'a Response| response.scores.iter().find(|scored| scored.scale == fact.scale);
        let mut responses = self.responses(Some(&fact.form));
        match fact.pick {
            Pick::Latest => Some(scored(responses.next_back()?)?.value),
            Pick::ReliableChange => {
                let (latest, first) = (scored(responses.next_back()?)?, scored(responses.next()?)?);
                reliable_change_index(latest.value, first.value, latest.error_of_difference?)
            }
            pick => {
                let scores = responses.map(|response| Some(scored(response)?.value));
                pick::pick(scores, pick, fact.last)
            }
        }
    }

    /// When it happened last; signing in and doing something count from the start, where they never happened since.
    fn last(&self, since: &DaysSinceFact) -> Option<Instant> {
        let since_start = |last: Option<Instant>| {
            let started = self.started()?;
            Some(last.map_or(started, |last| started.max(last)))
        };
        match since.event {
            Happening::SignIn => since_start(last_until(&self.facts.sign_ins, self.at)),
            Happening::Activity => since_start(last_until(&self.facts.activities, self.at)),
            Happening::Message | Happening::MessageFromCitizen | Happening::MessageFromStaff => {
                let mut latest_first = self.messages().0.iter().rev();
                let latest = latest_first.find(|message| is_of_kind(message, since.event));
                latest.map(|message| message.at)
            }
            Happening::UnansweredMessage => {
                let mut oldest_first = self.messages().0.iter();
                let oldest = oldest_first
                    .find(|message| is_of_kind(message, since.event) && !self.has_passed(message.answered_at));
                oldest.map(|message| message.at)
            }
            Happening::FormCompleted => {
                let latest = self.responses(since.form.as_deref()).next_back();
                latest.map(|response| response.answered_at)
            }
            Happening::Measurement => {
                let latest = self.measurements(since.kind.as_deref()).next_back();
                latest.map(|measurement| measurement.measured_at)
            }
        }
    }

    /// When it happens next, or begins to be counted.
    fn next_happening(&self, since: &DaysSinceFact) -> Option<Instant> {
        let or_start = |next: Option<Instant>| self.first_future([next, self.facts.started_at]);
        match since.event {
            Happening::SignIn => or_start(first_after(&self.facts.sign_ins, self.at)),
            Happening::Activity => or_start(first_after(&self.facts.activities, self.at)),
            Happening::Message | Happening::MessageFromCitizen | Happening::MessageFromStaff => {
                let mut later = self.messages().1.iter();
                let next = later.find(|message| is_of_kind(message, since.event));
                next.map(|message| message.at)
            }
            Happening::UnansweredMessage => {
                let (sent, later) = self.messages();
                let next = later.iter().find(|message| is_of_kind(message, since.event));
                let answered = sent.iter().map(|message| message.answered_at);
                self.first_future(answered.chain([next.map(|message| message.at)]))
            }
            Happening::FormCompleted => self.next_response(since.form.as_deref()),
            Happening::Measurement => self.next_measurement(since.kind.as_deref()),
        }
    }

    /// The messages that have been sent, and those to come.
    fn messages(&self) -> (&'a [Message], &'a [Message]) {
        let sent = self.facts.messages.partition_point(|message| self.past(message.at));
        self.facts.messages.split_at(sent)
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
        percent(modules.map(|module| module.progress(self.at)))
    }

    /// When a response to the form is submitted next, amended or voided.
    fn next_response(&self, form: Option<&str>) -> Option<Instant> {
        let answered = self
            .facts
            .responses
            .partition_point(|response| self.past(response.answered_at));
        let (known, later) = self.facts.responses.split_at(answered);
        // Whatever amends a response comes when that is superseded. Few ever are: the form is looked at last.
        let superseded = known.iter().filter_map(|response| {
            let at = response.superseded_at.filter(|at| !self.past(*at))?;
            is_of(&response.form, form).then_some(at)
        });
        let next = later.iter().find(|response| is_of(&response.form, form));
        superseded.chain(next.map(|response| response.at)).min()
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

/// All up to the one that is meant, inclusive; all of them where it is not among them.
fn up_to<T>(known: &[T], is_meant: impl FnMut(&T) -> bool) -> &[T] {
    // What has just come is most often the last.
    let meant = known.iter().rposition(is_meant);
    meant.and_then(|meant| known.get(..=meant)).unwrap_or(known)
}

/// Percent of the steps that are completed; missing where there are none.
fn percent<'a>(progress: impl Iterator<Item = (usize, u32)>) -> Option<Value<'a>> {
    let (completed, steps) = progress.fold((0.0, 0.0), |(completed, steps), (done, of)| {
        (completed + done as f64, steps + f64::from(of))
    });
    (steps > 0.0).then(|| Value::Number(tidy(100.0 * completed / steps)))
}

/// Whether a form is the one that is meant, or any is.
fn is_of(form: &str, meant: Option<&str>) -> bool {
    meant.is_none_or(|meant| meant == form)
}

/// Whether a message is one of those that days are counted since.
fn is_of_kind(message: &Message, of: Happening) -> bool {
    match of {
        Happening::MessageFromCitizen | Happening::UnansweredMessage => message.from == Audience::Citizen,
        Happening::MessageFromStaff => message.from == Audience::Staff,
        _ => true,
    }
}

/// The last of ascending instants up to another.
fn last_until(instants: &[Instant], at: Instant) -> Option<Instant> {
    let known = instants.partition_point(|instant| *instant <= at);
    instants[..known].last().copied()
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
