//! Saying how a unit is reached, and what to do in an emergency.

use rules::text::Text;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    act::Act,
    administration_log::{self, AdministrationAct, Entry},
    error::{Error, Result, UserError},
    input::{self, Complaints},
    store::Hint,
    unit::{self, Phone},
};

/// A text in one language.
#[derive(Clone, Debug)]
pub struct Words {
    /// The language, a BCP 47 tag.
    pub locale: String,
    /// The text.
    pub text: String,
}

/// A phone number with what it is for.
#[derive(Clone, Debug)]
pub struct NewPhone {
    /// What it is for, by language.
    pub label: Vec<Words>,
    /// The number.
    pub number: String,
}

/// How a unit is reached; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct UnitContact {
    /// The unit.
    pub unit_id: Uuid,
    /// Its phone numbers, the one to call first at the front.
    pub phones: Option<Vec<NewPhone>>,
    /// What to do in an emergency, by language.
    pub emergency: Option<Vec<Words>>,
    /// When it is open, in words, by language.
    pub opening_hours: Option<Vec<Words>>,
}

/// The most phone numbers of a unit.
const MOST_PHONES: usize = 10;
/// The longest label of a phone number, in characters.
const LABEL: usize = 100;
/// The longest text about a unit, in characters.
const TEXT: usize = 1_000;

/// Says how a unit is reached; gives the unit. What is so already is no change. Administrators of the unit and of its provider may,
/// and Handrail itself.
///
/// # Errors
/// When the unit is not there or not the viewer's, at `unitId`; `TOO_MANY` at `phones`; `BAD_PHONE`, `BAD_LOCALE`, `NOT_UNIQUE`,
/// `REQUIRED` or `TOO_LONG` at the field.
pub async fn set(act: &mut Act, contact: &UnitContact) -> Result<Uuid> {
    let unit = unit::Entity::find_by_id(contact.unit_id).one(&act.tx).await?;
    let unit = unit.filter(|unit| act.viewer.administers_unit(unit));
    let unit = unit.ok_or_else(|| UserError::not_found("unitId", "unit"))?;
    let mut complaints = Complaints::default();
    let Reached {
        phones,
        emergency,
        opening_hours,
    } = contact.checked(&mut complaints);
    complaints.refuse()?;
    let mut fields = Vec::new();
    let mut row = unit.clone().into_active_model();
    if let Some(phones) = phones.filter(|phones| *phones != unit.phones()) {
        fields.push("phones");
        row.phone = Set(phones.first().map(|phone| phone.number.clone()));
        row.phones = Set(written(&phones)?);
    }
    if let Some(emergency) = emergency.filter(|emergency| *emergency != unit.emergency()) {
        fields.push("emergencyText");
        row.emergency = Set(written(&emergency)?);
    }
    if let Some(opening_hours) = opening_hours.filter(|hours| *hours != unit.opening_hours()) {
        fields.push("openingHours");
        row.opening_hours = Set(written(&opening_hours)?);
    }
    if !fields.is_empty() {
        row.update(&act.tx).await?;
        let details = vec![("fields", Some(fields.join(", ")))];
        let entry = Entry::of_unit(AdministrationAct::UnitContactChanged, &unit, details);
        administration_log::write(act, entry).await?;
        act.hint(Hint::Directory);
        act.unit_changed(contact.unit_id);
    }
    Ok(contact.unit_id)
}

/// How a unit is reached, where that makes sense; what is absent stays.
pub(super) struct Reached {
    phones: Option<Vec<Phone>>,
    emergency: Option<Text>,
    opening_hours: Option<Text>,
}

impl UnitContact {
    /// What is said, with complaints about what does not make sense.
    pub(super) fn checked(&self, complaints: &mut Complaints) -> Reached {
        let (phones, emergency) = (self.phones.as_deref(), self.emergency.as_deref());
        let opening_hours = self.opening_hours.as_deref();
        Reached {
            phones: phones.map(|phones| phones_of(complaints, phones)),
            emergency: emergency.map(|words| text(complaints, words, "emergencyText", TEXT)),
            opening_hours: opening_hours.map(|words| text(complaints, words, "openingHours", TEXT)),
        }
    }
}

fn written(value: &impl Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|error| Error::Corrupt(format!("how a unit is reached: {error}")))
}

fn phones_of(complaints: &mut Complaints, phones: &[NewPhone]) -> Vec<Phone> {
    if phones.len() > MOST_PHONES {
        let message = format!("At most {MOST_PHONES} phone numbers, please.");
        complaints.add(UserError::new("TOO_MANY", "phones", message));
        return Vec::new();
    }
    let phones = phones.iter().enumerate();
    phones
        .map(|(place, phone)| Phone {
            label: text(complaints, &phone.label, &format!("phones.{place}.label"), LABEL),
            number: complaints.take(number(&phone.number, &format!("phones.{place}.number"))),
        })
        .collect()
}

/// A phone number, or one of the short ones that a whole country knows (1177).
fn number(text: &str, path: &str) -> std::result::Result<String, UserError> {
    let short = text.trim();
    if (3..=6).contains(&short.len()) && short.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(short.to_owned());
    }
    let number = input::phone(Some(text), path)?;
    number.ok_or_else(|| UserError::new("REQUIRED", path, "This must be filled in."))
}

/// A text by language; none where nothing is given.
fn text(complaints: &mut Complaints, words: &[Words], path: &str, most: usize) -> Text {
    let mut text = Text::default();
    for (place, words) in words.iter().enumerate() {
        let path = format!("{path}.{place}");
        let locale = complaints.take(input::locale(&words.locale, &format!("{path}.locale")));
        let written = complaints.take(input::plain_text(&words.text, &format!("{path}.text")));
        if written.chars().count() > most {
            let message = format!("At most {most} characters, please.");
            complaints.add(UserError::new("TOO_LONG", &format!("{path}.text"), message));
        }
        if text.0.insert(locale, written).is_some() {
            let message = "There are two texts in this language: keep one.";
            complaints.add(UserError::new("NOT_UNIQUE", &format!("{path}.locale"), message));
        }
    }
    text
}
