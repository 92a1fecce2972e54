//! The people of the demo, as `demo/people.yaml` describes them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use entity::{assignment::Role, office_hours::Opening};
use rules::{
    answer::Answer,
    facts::{Audience, Status},
    period::{LocalTime, Period},
    text::Text,
};
use serde::Deserialize;

use super::file;
use crate::auth::Kind;

/// Everybody in the demo and what they did.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct People {
    pub provider: Provider,
    pub units: Vec<Unit>,
    pub staff: Vec<Staff>,
    pub citizens: Vec<Citizen>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Unit {
    pub key: String,
    pub name: String,
    pub phone: Option<String>,
    pub opening_hours: Text,
    pub office_hours: Vec<Opening>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Staff {
    pub key: String,
    pub name: String,
    pub title: Option<String>,
    pub assignments: Vec<Assigned>,
}

/// Roles at a unit, or without one at the whole provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assigned {
    pub unit: Option<String>,
    pub roles: Vec<Role>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Citizen {
    pub key: String,
    pub identity: String,
    pub given: String,
    pub family: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub locale: String,
    pub enrollments: Vec<TakingPart>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TakingPart {
    pub program: String,
    pub unit: String,
    pub therapists: Vec<String>,
    /// Whole weeks since the start; a planned one has not started.
    pub weeks_ago: i64,
    /// How it stands today.
    pub status: Status,
    /// The part of the steps that are done today, 0 to 1.
    pub completes: f64,
    pub signs_in: SignsIn,
    /// By form, what is answered each time that it is sent.
    pub answers: BTreeMap<String, Answered>,
    /// What they and their therapist write to each other.
    #[serde(default)]
    pub messages: Vec<Written>,
    /// What is planned for them.
    #[serde(default)]
    pub activities: Vec<Activity>,
}

/// A message.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Written {
    pub days_ago: i64,
    /// The local time of day, before noon or after seven in the evening, when nothing else happens.
    pub at: LocalTime,
    pub from: Audience,
    pub text: String,
}

/// Something that the therapist plans with them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Activity {
    pub title: String,
    /// When it is planned, and its first day.
    pub days_ago: i64,
    /// The local time of day.
    pub time: Option<LocalTime>,
    pub duration: Option<Period>,
    pub repeat: Option<String>,
    /// What they register of one day after the other; the last ones, and those that are null, they do not.
    pub registered: Vec<Option<Registered>>,
}

/// What they say of one day.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registered {
    pub done: bool,
    pub rating: Option<i32>,
    pub note: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum SignsIn {
    Daily,
    /// On the day of the weekly measure, and once between.
    Weekly,
    /// Daily until so many days ago.
    StoppedDaysAgo(i64),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Answered {
    /// One after the other; the last ones, and those that are null, are not answered.
    Each(Vec<Option<Filled>>),
    /// Round and round.
    Pattern(Pattern),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Pattern {
    pub pattern: Vec<Filled>,
    /// Every so manieth is not answered.
    pub miss_every: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Filled {
    /// The values of the options chosen in the items of the form's first scale.
    Values(Vec<f64>),
    /// Answers by item.
    Answers(BTreeMap<String, Answer>),
}

impl People {
    pub(super) fn read() -> Result<Self> {
        serde_saphyr::from_str(file("people.yaml")?).context("demo/people.yaml cannot be read")
    }
}

impl Answered {
    /// What is answered the `n`th time, counted from 0.
    pub(super) fn nth(&self, n: usize) -> Option<&Filled> {
        match self {
            Self::Each(each) => each.get(n)?.as_ref(),
            Self::Pattern(Pattern { miss_every, .. }) if *miss_every > 0 && (n + 1).is_multiple_of(*miss_every) => None,
            Self::Pattern(Pattern { pattern, .. }) => pattern.get(n.checked_rem(pattern.len())?),
        }
    }
}

/// Somebody whom the development issuer signs in.
#[derive(Clone, Debug)]
pub struct Persona {
    /// What `token --as` takes, and the subject of their tokens.
    pub key: String,
    /// What they are called.
    pub name: String,
    /// As what they sign in.
    pub kind: Kind,
    /// What they are, in a few words.
    pub role: String,
}

/// Everybody whom the development issuer signs in, staff first.
///
/// # Errors
/// When the demo's file cannot be read.
pub fn personas() -> Result<Vec<Persona>> {
    let people = People::read()?;
    let staff = people.staff.iter().map(|staff| {
        let mut roles: Vec<String> = staff
            .assignments
            .iter()
            .flat_map(|assigned| &assigned.roles)
            .filter_map(|role| {
                Some(
                    serde_json::to_value(role)
                        .ok()?
                        .as_str()?
                        .to_lowercase()
                        .replace('_', " "),
                )
            })
            .collect();
        roles.dedup();
        Persona {
            key: staff.key.clone(),
            name: staff.name.clone(),
            kind: Kind::Staff,
            role: roles.join(", "),
        }
    });
    let citizens = people.citizens.iter().map(|citizen| Persona {
        key: citizen.key.clone(),
        name: format!("{} {}", citizen.given, citizen.family),
        kind: Kind::Citizen,
        role: "citizen".to_owned(),
    });
    Ok(staff.chain(citizens).collect())
}
