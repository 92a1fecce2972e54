//! Why a rule fires for somebody at an instant, or why it does not.

use crate::{
    answer::Answer,
    as_of::AsOf,
    condition,
    definition::{EventTrigger, Trigger},
    evaluation::{ActiveRule, Evaluation, MAX_DEPTH, RuleSet, RuleState},
    facts::{Facts, Instant, Status},
    phrase::{Language, capitalised},
    trace::{RenderedLine, Trace, Verdict},
    zone::utc_to_local,
};

/// What a rule comes to for one enrollment at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It fired then, what it fired for still holds, or it would fire if its trigger came then.
    Fires,
    /// Its condition holds, but something holds it back.
    HoldsBack,
    /// Its condition does not hold.
    False,
    /// Whether its condition holds cannot be told: a fact is missing.
    Unknown,
    /// It is switched off.
    Off,
}

/// Something besides the condition that decides whether a rule fires.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// It is switched off.
    Off,
    /// The enrollment is in a status that the rule does not apply in.
    Status {
        /// The status; none before the first.
        is: Option<Status>,
        /// Those that it applies in.
        wanted: Vec<Status>,
    },
    /// It fired a short while ago.
    Cooldown {
        /// When it fired.
        fired_at: Instant,
        /// Until when it is held back.
        until: Instant,
    },
    /// It has fired as often as it may.
    Capped {
        /// How often that is.
        most: u32,
    },
    /// Its stop condition holds, compared as follows.
    Stopped(Trace),
    /// The condition must hold for longer.
    Holding {
        /// Since when it has.
        since: Instant,
        /// Until when it must.
        until: Instant,
    },
    /// What would end the episode holds already, compared as follows.
    Released(Trace),
    /// It fired for this and was refused: too many firings had caused one another.
    TooDeep,
    /// It has fired for this, and what it fired for is not over.
    Stands {
        /// Since when it has held.
        since: Instant,
    },
}

/// Why a rule fires for somebody at an instant, or why it does not.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What it comes to.
    pub standing: Standing,
    /// What decides besides the condition.
    pub reasons: Vec<Reason>,
    /// What the condition compared; empty where there is none.
    pub trace: Trace,
}

/// Explains the one rule of the set at an instant up to which it was judged: `judged` is what came of that, and `memory` what
/// is remembered of the rule. None where no version of it is in effect then.
pub fn explain(
    rule: &RuleSet,
    facts: &Facts,
    judged: &Evaluation,
    memory: &RuleState,
    at: Instant,
) -> Option<Explanation> {
    let rule = rule.versions().find_map(|version| rule.in_effect(&version.key, at))?;
    let as_of = AsOf::new(facts, at);
    let (holds, trace) = match &rule.definition.condition {
        Some(condition) => condition::trace(condition, &as_of),
        None => (Verdict::True, Trace::default()),
    };
    let told = |standing, reasons| Explanation {
        standing,
        reasons,
        trace: trace.clone(),
    };
    if !rule.enabled {
        return Some(told(Standing::Off, vec![Reason::Off]));
    }
    if let Some(firing) = judged.firings.iter().rev().find(|firing| firing.at == at) {
        let (standing, reasons) = match firing.refused {
            true => (Standing::HoldsBack, vec![Reason::TooDeep]),
            false => (Standing::Fires, Vec::new()),
        };
        return Some(Explanation {
            standing,
            reasons,
            trace: firing.trace.clone(),
        });
    }
    if let Some(since) = memory.episode_since.filter(|_| memory.episode_fired) {
        // The last that fired is the episode that is open.
        return Some(match judged.firings.last().is_some_and(|firing| firing.refused) {
            true => told(Standing::HoldsBack, vec![Reason::TooDeep]),
            false => told(Standing::Fires, vec![Reason::Stands { since }]),
        });
    }
    Some(match holds {
        Verdict::False => told(Standing::False, Vec::new()),
        Verdict::Unknown => told(Standing::Unknown, Vec::new()),
        Verdict::True => {
            let reasons = obstacles(rule, facts, &as_of, memory, at);
            let standing = match reasons.is_empty() {
                true => Standing::Fires,
                false => Standing::HoldsBack,
            };
            told(standing, reasons)
        }
    })
}

/// What holds back a rule whose condition holds.
fn obstacles(rule: &ActiveRule, facts: &Facts, as_of: &AsOf<'_>, memory: &RuleState, at: Instant) -> Vec<Reason> {
    let (definition, limits) = (&rule.definition, &rule.definition.limits);
    let mut reasons = Vec::new();
    let status = as_of.status();
    let concerns_status = !matches!(
        definition.trigger,
        Trigger::Event(
            EventTrigger::EnrollmentStarted(_) | EventTrigger::EnrollmentPaused(_) | EventTrigger::EnrollmentEnded(_)
        )
    );
    if concerns_status && !status.is_some_and(|status| definition.statuses.contains(&status)) {
        reasons.push(Reason::Status {
            is: status,
            wanted: definition.statuses.clone(),
        });
    }
    if let Some(most) = limits.max_firings.filter(|most| memory.firings >= *most) {
        reasons.push(Reason::Capped { most });
    }
    if let Some((cooldown, fired_at)) = limits.cooldown.zip(memory.last_fired_at) {
        let until = cooldown.add_to(fired_at, facts.zone);
        if at < until {
            reasons.push(Reason::Cooldown { fired_at, until });
        }
    }
    if let Some(stop) = &limits.stop_when
        && let (Verdict::True, trace) = condition::trace(stop, as_of)
    {
        reasons.push(Reason::Stopped(trace));
    }
    if let Trigger::Whenever(whenever) = &definition.trigger {
        if let Some(release) = &whenever.release
            && let (Verdict::True, trace) = condition::trace(release, as_of)
        {
            reasons.push(Reason::Released(trace));
        } else if let Some((held_for, since)) = whenever.held_for.zip(memory.episode_since) {
            let until = held_for.add_to(since, facts.zone);
            if at < until {
                reasons.push(Reason::Holding { since, until });
            }
        }
    }
    reasons
}

impl Explanation {
    /// The explanation in the language of a locale, English or Swedish: the reasons, then what the condition compared.
    /// Instants are told in the enrollment's zone.
    pub fn render(&self, locale: &str, zone: chrono_tz::Tz) -> Vec<RenderedLine> {
        let language = Language::of(locale);
        let mut lines = Vec::new();
        for reason in &self.reasons {
            let stands = matches!(reason, Reason::Stands { .. });
            lines.push(RenderedLine {
                text: capitalised(&sentence(language, reason, zone)),
                verdict: if stands { Verdict::True } else { Verdict::False },
                fact: None,
                value: None::<Answer>,
                depth: 0,
            });
            if let Reason::Stopped(trace) | Reason::Released(trace) = reason {
                lines.extend(trace.render(locale).into_iter().map(|line| RenderedLine {
                    depth: line.depth + 1,
                    ..line
                }));
            }
        }
        lines.extend(self.trace.render(locale));
        lines
    }
}

fn sentence(language: Language, reason: &Reason, zone: chrono_tz::Tz) -> String {
    let time = |at: &Instant| utc_to_local(zone, *at).format("%Y-%m-%d %H:%M").to_string();
    match (reason, language) {
        (Reason::Off, _) => language
            .pick("the rule is switched off", "regeln är avstängd")
            .to_owned(),
        (Reason::Status { is, wanted }, _) => {
            let wanted: Vec<String> = wanted
                .iter()
                .map(|status| language.status(*status).to_owned())
                .collect();
            let (wanted, is) = (language.either(&wanted), is.map(|is| language.status(is)));
            match (language, is) {
                (Language::English, Some(is)) => {
                    format!("the enrollment is {is}, and the rule applies only while it is {wanted}")
                }
                (Language::Swedish, Some(is)) => {
                    format!("deltagandet är {is}, och regeln gäller bara när det är {wanted}")
                }
                (Language::English, None) => format!("the rule applies only while the enrollment is {wanted}"),
                (Language::Swedish, None) => format!("regeln gäller bara när deltagandet är {wanted}"),
            }
        }
        (Reason::Cooldown { fired_at, until }, Language::English) => {
            format!(
                "the rule fired {} and is held back until {}",
                time(fired_at),
                time(until)
            )
        }
        (Reason::Cooldown { fired_at, until }, Language::Swedish) => {
            format!("regeln löste ut {} och vilar till {}", time(fired_at), time(until))
        }
        (Reason::Capped { most: 1 }, Language::English) => "the rule has fired once, as often as it may".to_owned(),
        (Reason::Capped { most }, Language::English) => format!("the rule has fired {most} times, as often as it may"),
        (Reason::Capped { most: 1 }, Language::Swedish) => "regeln har löst ut en gång, så ofta som den får".to_owned(),
        (Reason::Capped { most }, Language::Swedish) => {
            format!("regeln har löst ut {most} gånger, så ofta som den får")
        }
        (Reason::Stopped(_), _) => language
            .pick("what stops the rule holds", "det som stoppar regeln stämmer")
            .to_owned(),
        (Reason::Holding { since, until }, Language::English) => {
            format!(
                "this has been so since {} and must be so until {}",
                time(since),
                time(until)
            )
        }
        (Reason::Holding { since, until }, Language::Swedish) => {
            format!(
                "så har det varit sedan {} och måste vara till {}",
                time(since),
                time(until)
            )
        }
        (Reason::Released(_), _) => language
            .pick("what ends it holds already", "det som avslutar det stämmer redan")
            .to_owned(),
        (Reason::TooDeep, Language::English) => {
            format!("the rule was refused for this, as more than {MAX_DEPTH} rules had set one another off")
        }
        (Reason::TooDeep, Language::Swedish) => {
            format!("regeln fick inte lösa ut för detta, eftersom fler än {MAX_DEPTH} regler hade utlöst varandra")
        }
        (Reason::Stands { since }, Language::English) => {
            format!(
                "the rule has fired for this, which began {} and is not over",
                time(since)
            )
        }
        (Reason::Stands { since }, Language::Swedish) => {
            format!(
                "regeln har löst ut för detta, som började {} och inte är över",
                time(since)
            )
        }
    }
}
