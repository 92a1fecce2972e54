//! What citizens say of how they are reached: addresses, channels, quiet hours and language. Addresses that are wrong, staff put
//! right.

use std::collections::BTreeSet;

use rules::{
    facts::{Channel, Status},
    period::LocalTime,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseBackend, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    sea_query::{Expr, LockType},
};
use uuid::Uuid;

use super::staff;
use crate::{
    act::Act,
    citizen::{self, DEFAULT_LOCALE},
    contact_choice, enrollment,
    error::{Error, Result, UserError},
    input::{self, Complaints},
    stored::Stored,
    viewer::{Permission, Who},
};

/// Addresses; what is absent stays.
#[derive(Clone, Default)]
pub struct Details {
    /// The e-mail address; `Some(None)` for none.
    pub email: Option<Option<String>>,
    /// The phone number; `Some(None)` for none.
    pub phone: Option<Option<String>>,
}

/// For whom somebody does what citizens do for themselves: the citizen who asks or, where a guardian asks, the one that they name
/// of those they act for.
///
/// # Errors
/// `NOT_FOUND` at `citizenId`; `NOT_ALLOWED` for everybody else, in these words.
pub(super) fn oneself(act: &Act, named: Option<Uuid>, not_allowed: &str) -> Result<Uuid, UserError> {
    let own = match &act.viewer.who {
        Who::Citizen { id } => named.is_none_or(|named| named == *id).then_some(*id),
        Who::Guardian { citizens, .. } => named.filter(|named| citizens.contains(named)),
        Who::Staff { .. } | Who::System => return Err(UserError::not_allowed(not_allowed)),
    };
    own.ok_or_else(|| UserError::not_found("citizenId", "citizen"))
}

/// The citizen whom it is about, as [`oneself`] finds them, and whom nobody else changes until the end.
async fn own(act: &Act, named: Option<Uuid>) -> Result<citizen::Model> {
    let id = oneself(
        act,
        named,
        "Citizens say this of themselves, or a guardian for them; nobody else does.",
    )?;
    held(act, id).await
}

/// A citizen whom nobody else changes until the end.
///
/// # Errors
/// When they are not there.
pub(super) async fn held(act: &Act, id: Uuid) -> Result<citizen::Model> {
    let mut select = citizen::Entity::find_by_id(id);
    if act.store.backend() == DatabaseBackend::Postgres {
        // Rows that name the citizen can still be written.
        select = select.lock(LockType::NoKeyUpdate);
    }
    let row = select.one(&act.tx).await?;
    row.ok_or_else(|| Error::Corrupt("a citizen for whom somebody is signed in is missing".to_owned()))
}

/// Changes one's own addresses, or those of the citizen whom a guardian names; gives the citizen. Where none is given, nothing was
/// said.
///
/// # Errors
/// `NOT_ALLOWED`; `NOT_FOUND` at `citizenId`; `BAD_EMAIL` at `email`, `BAD_PHONE` at `phone`.
pub async fn set_details(act: &mut Act, named: Option<Uuid>, details: &Details) -> Result<Uuid> {
    let citizen = own(act, named).await?;
    let details = details.checked()?;
    if details.are_none() {
        return Ok(citizen.id);
    }
    write(act, citizen, details).await
}

/// Puts the addresses of a citizen right, whoever said them last; gives the citizen. Whoever administers enrollments at the unit may,
/// of whom they see there as long as an enrollment goes on. What is as it was is no change.
///
/// # Errors
/// At `citizenId` `NOT_FOUND`, and `ENDED` where every enrollment at the unit has; `BAD_EMAIL` at `email`, `BAD_PHONE` at `phone`.
pub async fn correct_details(act: &mut Act, citizen: Uuid, details: &Details) -> Result<Uuid> {
    let not_found = || UserError::not_found("citizenId", "citizen");
    if !act.viewer.may(Permission::Administer) {
        return Err(not_found().into());
    }
    let enrollments = enrollment::Entity::find()
        .filter(enrollment::visible_to(&act.viewer))
        .filter(enrollment::Column::CitizenId.eq(citizen))
        .all(&act.tx)
        .await?;
    if enrollments.is_empty() {
        return Err(not_found().into());
    }
    if enrollments.iter().all(enrollment::Model::has_ended) {
        let message =
            "The citizen takes part in nothing at this unit any more: they say themself how they are reached.";
        return Err(UserError::new("ENDED", "citizenId", message).into());
    }
    let Details { email, phone } = details.checked()?;
    let known = held(act, citizen).await?;
    let keyring = act.store.keyring();
    let details = Details {
        email: email.filter(|email| !keyring.seals(known.email.as_ref(), email.as_deref())),
        phone: phone.filter(|phone| !keyring.seals(known.phone.as_ref(), phone.as_deref())),
    };
    if details.are_none() {
        return Ok(citizen);
    }
    write(act, known, details).await
}

impl Details {
    /// The addresses in one form, where they are any.
    fn checked(&self) -> Result<Self> {
        let mut complaints = Complaints::default();
        let (email, phone) = (self.email.as_ref(), self.phone.as_ref());
        let checked = Self {
            email: email.map(|text| complaints.take(input::email(text.as_deref(), "email"))),
            phone: phone.map(|text| complaints.take(input::phone(text.as_deref(), "phone"))),
        };
        complaints.refuse()?;
        Ok(checked)
    }

    /// Whether nothing is said of either.
    fn are_none(&self) -> bool {
        self.email.is_none() && self.phone.is_none()
    }
}

/// Writes down addresses that were checked, and who said them.
async fn write(act: &mut Act, citizen: citizen::Model, details: Details) -> Result<Uuid> {
    let id = citizen.id;
    let mut row = citizen.into_active_model();
    row.contact_set_at = Set(Some(act.now));
    row.contact_set_by = Set(Some(act.viewer.actor().into()));
    let keyring = act.store.keyring();
    if let Some(email) = details.email {
        row.email = Set(keyring.seal_option(email.as_deref())?);
    }
    if let Some(phone) = details.phone {
        row.phone = Set(keyring.seal_option(phone.as_deref())?);
    }
    save(act, id, row).await
}

/// Says on which channels one wants to be reached, or the citizen whom a guardian names; gives the citizen. Channels that are not
/// named stay as they are. What is so already is no change.
///
/// # Errors
/// `NOT_ALLOWED`; `NOT_FOUND` at `citizenId`; `NOT_UNIQUE` where a channel is named twice, `ALWAYS_ON` where the inbox is switched
/// off, at `channels.<place>.channel`.
pub async fn choose_channels(act: &mut Act, named: Option<Uuid>, choices: &[(Channel, bool)]) -> Result<Uuid> {
    let id = own(act, named).await?.id;
    let mut complaints = Complaints::default();
    let mut named = BTreeSet::new();
    for (place, (channel, enabled)) in choices.iter().enumerate() {
        let path = format!("channels.{place}.channel");
        if !named.insert(*channel) {
            complaints.add(UserError::new(
                "NOT_UNIQUE",
                &path,
                "This channel is named twice: say it once.",
            ));
        }
        if *channel == Channel::Inbox && !enabled {
            let message = "What is in the inbox makes no sound, and is always there: it cannot be switched off.";
            complaints.add(UserError::new("ALWAYS_ON", &path, message));
        }
    }
    complaints.refuse()?;
    let known = contact_choice::choices(&act.tx, &[id], act.now).await?;
    let is_new =
        |(channel, enabled): &&(Channel, bool)| known.get(&(id, *channel)).copied().unwrap_or(true) != *enabled;
    let rows: Vec<_> = choices
        .iter()
        .filter(is_new)
        .map(|(channel, enabled)| contact_choice::Model {
            citizen_id: id,
            channel: Stored(*channel),
            at: act.now,
            enabled: *enabled,
            actor: act.viewer.actor().into(),
        })
        .collect();
    if !rows.is_empty() {
        act.insert::<contact_choice::Entity>(&rows).await?;
        act.citizen_changed(id);
    }
    Ok(id)
}

/// Says between which local times one wants to hear nothing, or the citizen whom a guardian names; those of everybody who said
/// nothing, where absent. Equal ones mean no quiet at all. Gives the citizen. What is so already is no change.
///
/// # Errors
/// `NOT_ALLOWED`; `NOT_FOUND` at `citizenId`.
pub async fn set_quiet_hours(
    act: &mut Act,
    named: Option<Uuid>,
    hours: Option<(LocalTime, LocalTime)>,
) -> Result<Uuid> {
    let citizen = own(act, named).await?;
    let id = citizen.id;
    let text = |time: LocalTime| time.0.format("%H:%M").to_string();
    let (from, until) = (hours.map(|(from, _)| text(from)), hours.map(|(_, until)| text(until)));
    if from == citizen.quiet_from && until == citizen.quiet_until {
        return Ok(id);
    }
    let mut row = citizen.into_active_model();
    row.quiet_from = Set(from);
    row.quiet_until = Set(until);
    save(act, id, row).await
}

/// Says in which language one reads and is written to, or the citizen whom a guardian names; the default where absent. For
/// citizens it is also that of the programs that they take part in. Gives the citizen or the staff member. What a citizen reads in
/// already is no change.
///
/// # Errors
/// `NOT_ALLOWED`; `NOT_FOUND` at `citizenId`; `BAD_LOCALE` at `locale`.
pub async fn set_locale(act: &mut Act, named: Option<Uuid>, locale: Option<&str>) -> Result<Uuid> {
    use enrollment::Column;
    if matches!(act.viewer.who, Who::Staff { .. }) && named.is_none() {
        return staff::set_locale(act, locale).await;
    }
    let not_allowed =
        "Everybody says for themselves in which language they are written to, or a guardian for their child.";
    let id = oneself(act, named, not_allowed)?;
    let locale = input::locale(locale.unwrap_or(DEFAULT_LOCALE), "locale")?;
    let going_on = Condition::all()
        .add(Column::CitizenId.eq(id))
        .add(Column::Status.is_in([Status::Planned, Status::Active, Status::Paused].map(Stored)));
    let select = enrollment::Entity::find().select_only().column(Column::Id);
    let ids: Vec<Uuid> = select.filter(going_on.clone()).into_tuple().all(&act.tx).await?;
    // Enrollments first, in their order, and then the citizen, as everywhere: so nobody waits for each other.
    act.enrollments(&ids).await?;
    let citizen = held(act, id).await?;
    let spoken_to = enrollment::Entity::update_many()
        .col_expr(Column::Locale, Expr::value(locale.as_str()))
        .filter(Column::Id.is_in(ids))
        .filter(going_on)
        .filter(Column::Locale.ne(locale.as_str()))
        .exec(&act.tx)
        .await?;
    if spoken_to.rows_affected == 0 && locale == citizen.locale {
        return Ok(id);
    }
    let mut row = citizen.into_active_model();
    row.locale = Set(locale);
    save(act, id, row).await
}

async fn save(act: &mut Act, id: Uuid, row: citizen::ActiveModel) -> Result<Uuid> {
    row.update(&act.tx).await?;
    act.citizen_changed(id);
    Ok(id)
}
