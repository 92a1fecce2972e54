//! The contact view: whom the citizen can turn to and when, and how the citizen is reached.

mod correction;
mod own;
mod unit;

pub use correction::{ContactChange, ContactCorrectionMutation};
pub use own::OwnContactMutation;
pub use unit::{PhoneInput, UnitContactMutation, WordsInput, unit_contact};

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{office_hours::OfficeHours, quiet_hours, unit as record};
use rules::{facts, text::Text};

use super::{
    care::{Staff, Unit},
    reminder::Channel,
    request,
    scalar::LocalTime,
};

/// A phone number with what it is for.
#[derive(SimpleObject)]
pub struct Phone {
    /// What it is for.
    label: Option<String>,
    /// The number: `+46…`, or a short one.
    number: String,
}

/// Local times between which nothing that makes a sound leaves. They may span midnight; equal ones mean no quiet at all.
#[derive(SimpleObject)]
pub struct QuietTimes {
    /// From when.
    from: LocalTime,
    /// Until when.
    until: LocalTime,
}

impl From<quiet_hours::QuietHours> for QuietTimes {
    fn from(hours: quiet_hours::QuietHours) -> Self {
        let time = |time| LocalTime(rules::period::LocalTime(time));
        Self {
            from: time(hours.from),
            until: time(hours.until),
        }
    }
}

/// Whether a citizen wants to be reached on a channel.
#[derive(SimpleObject)]
pub struct ChannelChoice {
    /// The channel.
    channel: Channel,
    /// Whether it is wanted: so it is until somebody says otherwise.
    enabled: bool,
}

impl ChannelChoice {
    /// Every channel, of which these are not wanted.
    pub fn all(declined: &[facts::Channel]) -> Vec<Self> {
        use facts::Channel::{Email, Inbox, Sms, WebPush};
        let all = [Inbox, Email, Sms, WebPush];
        all.map(|channel| Self {
            channel: channel.into(),
            enabled: !declined.contains(&channel),
        })
        .into()
    }
}

fn some(text: &Text, locale: &str) -> Option<String> {
    Some(text.get(locale).to_owned()).filter(|text| !text.is_empty())
}

/// How a unit is reached, in a language.
pub struct Reached<'a> {
    unit: &'a record::Model,
    locale: &'a str,
}

impl<'a> Reached<'a> {
    /// How a unit is reached, in a language.
    pub fn new(unit: &'a record::Model, locale: &'a str) -> Self {
        Self { unit, locale }
    }

    /// Its phone numbers.
    pub fn phones(&self) -> Vec<Phone> {
        let phones = self.unit.phones().into_iter();
        phones
            .map(|phone| Phone {
                label: some(&phone.label, self.locale),
                number: phone.number,
            })
            .collect()
    }

    /// What to do in an emergency.
    pub fn emergency(&self) -> Option<String> {
        some(&self.unit.emergency(), self.locale)
    }

    /// When it is open, in words.
    pub fn opening_hours(&self) -> Option<String> {
        some(&self.unit.opening_hours(), self.locale)
    }
}

/// Whether a unit is open at an instant; none where it did not say when it is.
pub fn is_open(unit: &record::Model, at: DateTime<Utc>) -> Option<bool> {
    let hours = said(unit)?;
    Some(hours.opening(at) == Some(at))
}

/// When a unit opens that is closed at an instant; none where it is open, closed for a year, or did not say when it is.
pub fn opens_at(unit: &record::Model, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    said(unit)?.opening(at).filter(|opening| *opening != at)
}

/// The office hours that a unit gave. One that gave none is no less open to rules than others, but nobody is told so.
fn said(unit: &record::Model) -> Option<OfficeHours> {
    Some(OfficeHours::of(unit)).filter(|hours| !hours.hours.is_empty())
}

/// Whom the citizen can turn to.
pub struct Contact {
    /// The unit.
    pub unit: record::Model,
    /// Who treats.
    pub therapists: Vec<Staff>,
    /// The enrollment's language.
    pub locale: Arc<str>,
}

impl Contact {
    fn reached<'a>(&'a self, locale: Option<&'a String>) -> Reached<'a> {
        Reached::new(&self.unit, locale.map_or(&*self.locale, String::as_str))
    }
}

/// Whom the citizen can turn to, in the enrollment's language where no other is asked for.
#[Object]
impl Contact {
    /// The unit.
    async fn unit(&self) -> Unit {
        Unit(self.unit.clone())
    }

    /// Who treats.
    async fn therapists(&self) -> &[Staff] {
        &self.therapists
    }

    /// The unit's phone numbers, the one to call first at the front.
    async fn phones(&self, locale: Option<String>) -> Vec<Phone> {
        self.reached(locale.as_ref()).phones()
    }

    /// What to do in an emergency.
    async fn emergency_text(&self, locale: Option<String>) -> Option<String> {
        self.reached(locale.as_ref()).emergency()
    }

    /// When the unit is open, in words.
    async fn opening_hours(&self, locale: Option<String>) -> Option<String> {
        self.reached(locale.as_ref()).opening_hours()
    }

    /// Whether the unit is open now; none where it did not say when it is.
    async fn is_open_now(&self, ctx: &Context<'_>) -> Option<bool> {
        is_open(&self.unit, request::of(ctx).store.now())
    }

    /// When the unit opens next; none where it is open, or did not say when it is.
    async fn opens_at(&self, ctx: &Context<'_>) -> Option<DateTime<Utc>> {
        opens_at(&self.unit, request::of(ctx).store.now())
    }
}
