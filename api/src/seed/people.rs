//! The people of the demo: those who give care as `demo/people.yaml` describes them, and a file in `demo/citizens` for each of
//! those who take part.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use entity::{assignment::Role, office_hours::OpenHours, unit::Phone};
use rules::{
    answer::Answer,
    facts::Audience,
    period::{LocalTime, Period},
    text::Text,
};
use serde::Deserialize;

use super::{
    DEMO,
    deed::{AtUnit, Deed, Occasion},
    file,
};
use crate::auth::Kind;

/// Everybody in the demo and what they did.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct People {
    pub provider: Provider,
    pub units: Vec<Unit>,
    pub staff: Vec<Staff>,
    pub guardians: Vec<Guardian>,
    /// Each from a file of their own.
    #[serde(skip)]
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
    /// What was signed for it.
    pub terms: Terms,
    /// The one to call first at the front.
    pub phones: Vec<Phone>,
    pub opening_hours: Text,
    pub office_hours: Vec<OpenHours>,
    /// The days of the year on which it is closed all the same: `12-24`.
    pub closed_on: Vec<String>,
    /// What to do in an emergency.
    pub emergency: Text,
    /// Within how many working days it promises to answer.
    pub answers_within: i32,
    /// What its staff write messages from.
    pub templates: Vec<Template>,
    /// The programs that citizens start here by themselves.
    #[serde(default)]
    pub opens: Vec<String>,
    /// What its staff do for the whole unit.
    #[serde(default)]
    pub deeds: Vec<Occasion<AtUnit>>,
}

/// Terms that were accepted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Terms {
    pub version: String,
    pub signed_by: String,
    pub title: String,
}

/// A text that messages are written from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    pub title: String,
    pub body: String,
    pub locale: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Staff {
    pub key: String,
    pub name: String,
    pub title: Option<String>,
    /// What they are worth looking at for.
    pub see: String,
    pub assignments: Vec<Assigned>,
}

/// Roles at a unit, or without one at the whole provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assigned {
    pub unit: Option<String>,
    pub roles: Vec<Role>,
}

/// Somebody who acts for others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Guardian {
    pub key: String,
    pub identity: String,
    pub given: String,
    pub family: String,
    /// What they are worth looking at for.
    pub see: String,
    /// The keys of the citizens for whom they act.
    pub of: Vec<String>,
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
    /// What they are worth looking at for.
    pub see: String,
    pub enrollments: Vec<TakingPart>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TakingPart {
    pub program: String,
    pub unit: String,
    /// Who treats, the one first who looks after it.
    pub therapists: Vec<String>,
    /// Whether the citizen started it by themselves, and had no therapist of their own then.
    #[serde(default)]
    pub by_themselves: bool,
    /// Whole weeks since the start.
    pub weeks_ago: i64,
    /// In how many days it starts, where it was planned yesterday.
    pub starts_in_days: Option<i64>,
    /// The part of the steps that are done today, 0 to 1.
    pub completes: f64,
    pub signs_in: SignsIn,
    /// By form, what is answered each time that it is sent, or in the step where it stands.
    #[serde(default)]
    pub answers: BTreeMap<String, Answered>,
    /// By kind, what they measure in the evenings.
    #[serde(default)]
    pub measurements: BTreeMap<String, Measurements>,
    /// What they and their therapist write to each other.
    #[serde(default)]
    pub messages: Vec<Written>,
    /// What is planned for them.
    #[serde(default)]
    pub activities: Vec<Activity>,
    /// What else is done.
    #[serde(default)]
    pub deeds: Vec<Occasion<Deed>>,
}

/// A measurement now and then.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Measurements {
    /// The first evening.
    pub days_ago: i64,
    /// Every so manieth evening.
    pub every: i64,
    /// One after the other; those that are null are not measured.
    pub values: Vec<Option<f64>>,
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
    /// The name of a file in `demo/attachments` that goes with it.
    pub file: Option<String>,
}

/// Something that the therapist plans with them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Activity {
    /// Whether the citizen plans it, and not the therapist.
    #[serde(default)]
    pub by_themselves: bool,
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
    /// How it was beforehand and afterwards.
    pub before: Option<i32>,
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
        let mut people: Self =
            serde_saphyr::from_str(file("people.yaml")?).context("demo/people.yaml cannot be read")?;
        let mut files: Vec<_> = DEMO.get_dir("citizens").context("no citizens")?.files().collect();
        files.sort_by_key(|file| file.path());
        let citizens = files.into_iter().map(|file| {
            let text = file.contents_utf8().unwrap_or_default();
            serde_saphyr::from_str(text).with_context(|| format!("{} cannot be read", file.path().display()))
        });
        people.citizens = citizens.collect::<Result<_>>()?;
        Ok(people)
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
    /// What they are worth looking at for, in a line.
    pub see: String,
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
            see: staff.see.clone(),
        }
    });
    let guardians = people.guardians.iter().map(|guardian| Persona {
        key: guardian.key.clone(),
        name: format!("{} {}", guardian.given, guardian.family),
        kind: Kind::Guardian,
        role: "guardian".to_owned(),
        see: guardian.see.clone(),
    });
    let citizens = people.citizens.iter().map(|citizen| Persona {
        key: citizen.key.clone(),
        name: format!("{} {}", citizen.given, citizen.family),
        kind: Kind::Citizen,
        role: "citizen".to_owned(),
        see: citizen.see.clone(),
    });
    Ok(staff.chain(citizens).chain(guardians).collect())
}
