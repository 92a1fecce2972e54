//! Whether the comparisons of a rule can be true together.
//!
//! The values that comparisons of one fact name cut what the fact can be into regions: below the lowest, the lowest itself,
//! between it and the next, and so on; and one for the fact missing. Within a region each of the comparisons comes to the same,
//! so a few regions stand for everything that the fact can be. What is said of one fact alone is weighed so; what only two
//! facts together make impossible is not found.

use std::cmp::Ordering;

use super::{
    ProgramShape, Report,
    condition::{Comparable, Range, comparable},
};
use crate::{
    answer::Answer,
    condition::compared,
    definition::{Compare, Condition, EventTrigger, Fact, RuleDefinition, Trigger},
    facts::{Sex, Status},
    form::{ItemKind, Operator},
    phrase::Language,
    score,
    trace::Verdict,
};

/// Weighs one condition of a rule that makes sense otherwise.
pub(super) struct Weighing<'a> {
    shape: &'a ProgramShape<'a>,
    /// The statuses in which the condition is looked at.
    statuses: Vec<Status>,
}

impl<'a> Weighing<'a> {
    /// Weighs what is looked at when the rule would fire.
    pub fn on_firing(rule: &RuleDefinition, shape: &'a ProgramShape<'a>) -> Self {
        let statuses = match &rule.trigger {
            Trigger::Event(EventTrigger::EnrollmentStarted(_)) => vec![Status::Active],
            Trigger::Event(EventTrigger::EnrollmentPaused(_)) => vec![Status::Paused],
            Trigger::Event(EventTrigger::EnrollmentEnded(_)) => vec![Status::Completed, Status::Withdrawn],
            _ => rule.statuses.clone(),
        };
        Self { shape, statuses }
    }

    /// Weighs what is looked at whatever the status.
    pub fn at_any_time(shape: &'a ProgramShape<'a>) -> Self {
        let statuses = Status::ALL.to_vec();
        Self { shape, statuses }
    }

    /// Names the parts that can never be true, given what must be true beside them, and the alternatives that always are.
    pub fn check(&self, report: &mut Report, condition: &Condition) {
        self.check_beside(report, condition, &[]);
    }

    /// Whether something is true whenever a condition is; a missing condition always is.
    pub fn implies(&self, condition: Option<&Condition>, then: &Condition) -> bool {
        if let Some(Condition::Any(alternatives)) = condition {
            return alternatives.iter().all(|one| self.implies(Some(one), then));
        }
        let parts = condition.map(conjuncts).unwrap_or_default();
        if parts.contains(&then) {
            return true;
        }
        let by_parts = match then {
            Condition::All(all) => all.iter().all(|one| self.implies(condition, one)),
            Condition::Any(any) => any.iter().any(|one| self.implies(condition, one)),
            Condition::Not(_) | Condition::Compare(_) => false,
        };
        by_parts
            || self.regions(then, &parts).is_some_and(|regions| {
                let mut held = regions.possible.iter().filter(|region| regions.all_hold(**region));
                held.all(|region| regions.verdict(then, *region) == Verdict::True)
            })
    }

    fn check_beside(&self, report: &mut Report, condition: &Condition, beside: &[&Condition]) {
        match condition {
            Condition::All(_) => self.check_all(report, condition, beside),
            Condition::Any(parts) => report.at("any", |report| {
                for (place, part) in parts.iter().enumerate() {
                    report.at(&place.to_string(), |report| self.check_beside(report, part, beside));
                }
                self.check_exhausted(report, parts);
            }),
            Condition::Not(part) => report.at("not", |report| {
                let before = report.problems.len();
                self.check_possible(report, condition, beside);
                if report.problems.len() == before {
                    self.check_beside(report, part, &[]);
                }
            }),
            Condition::Compare(_) => report.at("compare", |report| self.check_possible(report, condition, beside)),
        }
    }

    /// Parts about a single fact are weighed one by one against those before, then what is made of several against all of them;
    /// the parts of an `all` within it are its own.
    fn check_all(&self, report: &mut Report, all: &Condition, beside: &[&Condition]) {
        let mut held = beside.to_vec();
        let (single, several): (Vec<_>, Vec<_>) = placed_conjuncts(all)
            .into_iter()
            .partition(|(_, part)| only_fact(part).is_some());
        for (place, part) in single {
            report.at_all(&place, |report| self.check_beside(report, part, &held));
            held.push(part);
        }
        for (place, part) in several {
            report.at_all(&place, |report| self.check_beside(report, part, &held));
        }
    }

    fn check_possible(&self, report: &mut Report, condition: &Condition, beside: &[&Condition]) {
        let can_be = |beside: &[&Condition]| {
            self.regions(condition, beside).is_none_or(|regions| {
                let mut held = regions.possible.iter().filter(|region| regions.all_hold(**region));
                held.any(|region| regions.verdict(condition, *region) == Verdict::True)
            })
        };
        if !can_be(&[]) {
            report.add("NEVER_TRUE", "This can never be true: change or remove it");
        } else if let Some(other) = beside.iter().find(|other| !can_be(&[other])) {
            let other = Language::English.condition(other);
            report.add(
                "NEVER_TRUE",
                format!("This can never be true when “{other}” is, as it must be: change or remove one of them"),
            );
        } else if !can_be(beside) {
            report.add(
                "NEVER_TRUE",
                "This can never be true together with all that must be true beside it: change or remove one of them",
            );
        }
    }

    /// Names the alternative with which nothing is left that the alternatives about its fact leave out.
    fn check_exhausted(&self, report: &mut Report, alternatives: &[Condition]) {
        for (place, part) in alternatives.iter().enumerate() {
            let Some(fact) = only_fact(part) else { continue };
            let of_fact = |upto: usize| {
                let some = alternatives.iter().take(upto);
                some.filter(|one| only_fact(one) == Some(fact)).collect::<Vec<_>>()
            };
            let exhausts = |alternatives: &[&Condition]| {
                !alternatives.is_empty()
                    && self.regions(part, alternatives).is_some_and(|regions| {
                        regions.possible.iter().all(|region| {
                            let mut verdicts = alternatives.iter().map(|one| regions.verdict(one, *region));
                            match region {
                                Region::Missing => verdicts.any(|verdict| verdict != Verdict::False),
                                Region::Place(_) => verdicts.any(|verdict| verdict == Verdict::True),
                            }
                        })
                    })
            };
            if exhausts(&of_fact(place + 1)) && !exhausts(&of_fact(place)) {
                let fact = Language::English.fact(fact);
                report.add_at(
                    &place.to_string(),
                    "ALWAYS_TRUE",
                    format!(
                        "With this, the alternatives are true whatever {fact} is: narrow it, or ask with EXISTS whether it is known"
                    ),
                );
            }
        }
    }

    /// The regions of the one fact that a condition is about, cut by its values and those of what is said of the fact beside it;
    /// none where it is about several facts, or about one whose values have no order.
    fn regions<'c>(&self, condition: &'c Condition, beside: &[&'c Condition]) -> Option<Regions<'c>> {
        let fact = only_fact(condition)?;
        let beside: Vec<&Condition> = beside
            .iter()
            .copied()
            .filter(|other| only_fact(other) == Some(fact))
            .collect();
        let mut named: Vec<&Answer> = Vec::new();
        for one in beside.iter().chain([&condition]) {
            collect_values(one, &mut named);
        }
        let has_order = named
            .iter()
            .all(|one| named.iter().all(|other| order(one, other).is_some()));
        if !has_order {
            return None;
        }
        // Each is put in its place: a sort may panic over texts of which some are equal as times of day (08:30, 08:30:00).
        let mut values: Vec<&Answer> = Vec::new();
        for value in named {
            let place = values.binary_search_by(|known| order(known, value).unwrap_or(Ordering::Equal));
            if let Err(place) = place {
                values.insert(place, value);
            }
        }

        let domain = self.domain(fact)?;
        let missing = (!is_always_known(fact)).then_some(Region::Missing);
        let places = (0..=2 * values.len()).filter(|place| {
            let value = |index: usize| values.get(index).copied();
            match place % 2 {
                1 => value(place / 2).is_some_and(|value| domain.holds(value)),
                _ => domain.reaches_between((place / 2).checked_sub(1).and_then(value), value(place / 2)),
            }
        });
        let possible = missing.into_iter().chain(places.map(Region::Place)).collect();
        Some(Regions {
            beside,
            values,
            possible,
        })
    }

    /// What a fact can be; none where that cannot be told.
    fn domain(&self, fact: &Fact) -> Option<Domain> {
        let texts =
            |names: Vec<&str>| Domain::Among(names.into_iter().map(|name| Answer::Text(name.to_owned())).collect());
        Some(match comparable(fact, self.shape)? {
            Comparable::Number(range) => Domain::Numbers(range),
            Comparable::Boolean => Domain::Among(vec![Answer::Boolean(false), Answer::Boolean(true)]),
            Comparable::Status => texts(self.statuses.iter().map(|status| status.name()).collect()),
            Comparable::Sex => texts(Sex::ALL.iter().map(|sex| sex.name()).collect()),
            Comparable::Options(item) if item.kind == ItemKind::Choice => {
                let seen = item.options.iter().map(|option| {
                    let key = || Answer::Text(option.key.clone());
                    option.value.map_or_else(key, Answer::Number)
                });
                Domain::Among(seen.collect())
            }
            // Several options can be chosen at once.
            Comparable::Options(_) => return None,
            Comparable::Date | Comparable::Time | Comparable::Text => Domain::Anything,
        })
    }
}

/// What a fact can be.
enum Domain {
    /// Numbers.
    Numbers(Range),
    /// One of these.
    Among(Vec<Answer>),
    /// Any value of its type.
    Anything,
}

impl Domain {
    fn holds(&self, value: &Answer) -> bool {
        match (self, value) {
            (Self::Numbers(range), Answer::Number(number)) => {
                let within = range.reach.is_none_or(|(low, high)| (low..=high).contains(number));
                within
                    && range
                        .decimals
                        .is_none_or(|decimals| score::round(*number, decimals) == *number)
            }
            (Self::Numbers(_), _) => false,
            (Self::Among(values), _) => values.contains(value),
            (Self::Anything, _) => true,
        }
    }

    /// Whether it holds anything between two values, exclusive; with none, from its lowest or up to its highest.
    fn reaches_between(&self, below: Option<&Answer>, above: Option<&Answer>) -> bool {
        match self {
            Self::Numbers(range) => {
                let number = |value: Option<&Answer>| match value {
                    Some(Answer::Number(number)) => Some(*number),
                    _ => None,
                };
                numbers_between(*range, number(below), number(above))
            }
            Self::Among(values) => values.iter().any(|value| {
                let is = |other: Option<&Answer>, wanted| other.is_none_or(|other| order(value, other) == Some(wanted));
                is(below, Ordering::Greater) && is(above, Ordering::Less)
            }),
            Self::Anything => true,
        }
    }
}

fn numbers_between(range: Range, below: Option<f64>, above: Option<f64>) -> bool {
    let (low, high) = range.reach.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let is_below_end = |number: f64| number <= high && above.is_none_or(|above| number < above);
    match (range.decimals, below.filter(|below| *below >= low)) {
        (Some(decimals), Some(below)) => {
            // The first number of so many decimals that is above it.
            let unit = 10_f64.powi(-i32::try_from(decimals).unwrap_or_default());
            let next = score::round(below, decimals);
            is_below_end(if next > below {
                next
            } else {
                score::round(next + unit, decimals)
            })
        }
        (None, Some(below)) => below < high && above.is_none_or(|above| below < above),
        (_, None) => low == f64::NEG_INFINITY || is_below_end(low),
    }
}

/// Some of what a fact can be.
#[derive(Clone, Copy)]
enum Region {
    Missing,
    /// An odd place is that of the value at half of it, an even one lies before that value.
    Place(usize),
}

/// Everything that a fact can be, cut by the values that comparisons name.
struct Regions<'c> {
    /// What else is said of the fact.
    beside: Vec<&'c Condition>,
    /// Ascending.
    values: Vec<&'c Answer>,
    possible: Vec<Region>,
}

impl Regions<'_> {
    /// Whether everything that is said beside is true in a region.
    fn all_hold(&self, region: Region) -> bool {
        self.beside
            .iter()
            .all(|other| self.verdict(other, region) == Verdict::True)
    }

    fn verdict(&self, condition: &Condition, region: Region) -> Verdict {
        let mut parts = match condition {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().map(|part| self.verdict(part, region)),
            Condition::Not(part) => return self.verdict(part, region).contrary(),
            Condition::Compare(compare) => return self.compare(compare, region),
        };
        let decides = match condition {
            Condition::Any(_) => Verdict::True,
            _ => Verdict::False,
        };
        parts
            .try_fold(decides.contrary(), |joined, verdict| match verdict {
                decisive if decisive == decides => Err(decides),
                Verdict::Unknown => Ok(Verdict::Unknown),
                _ => Ok(joined),
            })
            .unwrap_or_else(|decided| decided)
    }

    fn compare(&self, compare: &Compare, region: Region) -> Verdict {
        let decided = |holds: bool| if holds { Verdict::True } else { Verdict::False };
        let place = match region {
            _ if compare.operator == Operator::Exists => {
                let is_known = !matches!(region, Region::Missing);
                return decided(compare.value == Answer::Boolean(is_known));
            }
            Region::Missing => return Verdict::Unknown,
            Region::Place(place) => place,
        };
        let same = |value: &&Answer| order(value, &compare.value) == Some(Ordering::Equal);
        let Some(value) = self.values.iter().position(same) else {
            return Verdict::Unknown;
        };
        let ordering = place.cmp(&(2 * value + 1));
        decided(match compare.operator {
            Operator::Eq => ordering.is_eq(),
            Operator::Ne => ordering.is_ne(),
            Operator::Gt => ordering.is_gt(),
            Operator::Gte => ordering.is_ge(),
            Operator::Lt => ordering.is_lt(),
            Operator::Lte => ordering.is_le(),
            Operator::Exists => return Verdict::Unknown,
        })
    }
}

/// What must be true for a condition to be.
fn conjuncts(condition: &Condition) -> Vec<&Condition> {
    placed_conjuncts(condition).into_iter().map(|(_, part)| part).collect()
}

/// What must be true for a condition to be, and where in it that stands.
fn placed_conjuncts(condition: &Condition) -> Vec<(Vec<String>, &Condition)> {
    let Condition::All(parts) = condition else {
        return vec![(Vec::new(), condition)];
    };
    let placed = parts.iter().enumerate().flat_map(|(index, part)| {
        let parts = placed_conjuncts(part).into_iter();
        parts.map(move |(place, part)| ([vec!["all".to_owned(), index.to_string()], place].concat(), part))
    });
    placed.collect()
}

/// The one fact that a condition is about.
fn only_fact(condition: &Condition) -> Option<&Fact> {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            let (first, rest) = parts.split_first()?;
            let fact = only_fact(first)?;
            rest.iter().all(|part| only_fact(part) == Some(fact)).then_some(fact)
        }
        Condition::Not(part) => only_fact(part),
        Condition::Compare(compare) => Some(&compare.fact),
    }
}

fn collect_values<'c>(condition: &'c Condition, values: &mut Vec<&'c Answer>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| collect_values(part, values)),
        Condition::Not(part) => collect_values(part, values),
        Condition::Compare(compare) if compare.operator == Operator::Exists => {}
        Condition::Compare(compare) => values.push(&compare.value),
    }
}

/// Facts that are never missing: what has not happened counts as none.
fn is_always_known(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::OverdueDispatches(_)
            | Fact::MissedDispatches(_)
            | Fact::MissedActivities(_)
            | Fact::OpenFlag(_)
            | Fact::Status(_)
    )
}

/// How two values of one type are ordered, as comparisons see them.
fn order(one: &Answer, other: &Answer) -> Option<Ordering> {
    let is = |operator| compared(one.into(), operator, other.into());
    Some(match (is(Operator::Lt)?, is(Operator::Eq)?) {
        (true, _) => Ordering::Less,
        (_, true) => Ordering::Equal,
        _ => Ordering::Greater,
    })
}
