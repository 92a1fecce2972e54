//! What administrators do: who, acting where, did what, about which unit and whom, and when. Append-only.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{Condition, IntoActiveModel, QueryOrder, QuerySelect, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::{
    act::Act,
    administration::Reach,
    error::{Error, Result},
    page::{self, Page},
    seal::{Keyring, Sealed},
    store::Store,
    stored::Stored,
    unit,
    viewer::{Actor, Viewer},
};

/// Something that an administrator did.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "administration_log")]
pub struct Model {
    /// When.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: DateTime<Utc>,
    /// Identity, a UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The care provider.
    pub provider_id: Uuid,
    /// The unit that who did it acted at; none for Handrail itself.
    pub acting_unit_id: Option<Uuid>,
    /// The unit that it is about.
    pub unit_id: Option<Uuid>,
    /// The staff member whom it is about.
    pub staff_id: Option<Uuid>,
    /// Who.
    pub actor: Stored<Actor>,
    /// What.
    pub act: Stored<AdministrationAct>,
    /// Particulars by name, as JSON; see [`Model::details`]. Names and free text are among them.
    pub details: Sealed,
}

/// Rows are joined by their ids; see the queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What administrators do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AdministrationAct {
    /// A care provider was connected.
    ProviderConnected,
    /// A care provider got another name.
    ProviderRenamed,
    /// A unit was connected.
    UnitConnected,
    /// A unit got another name.
    UnitRenamed,
    /// A unit was disconnected.
    UnitDisconnected,
    /// A disconnected unit was connected again.
    UnitReconnected,
    /// A version of the terms was accepted for a unit.
    TermsAccepted,
    /// It was said how a unit is reached.
    UnitContactChanged,
    /// It was said when a unit is open.
    OfficeHoursChanged,
    /// It was said within how many days a unit answers.
    AnswerPromiseChanged,
    /// A text that messages are written from was kept for the first time.
    MessageTemplateAdded,
    /// A text that messages are written from was changed.
    MessageTemplateChanged,
    /// A text that messages are written from was thrown away.
    MessageTemplateRemoved,
    /// A program was opened for citizens to start by themselves.
    ProgramOpened,
    /// A program was closed to them.
    ProgramClosed,
    /// A staff member was added.
    StaffAdded,
    /// What was wrong of a staff member was put right.
    StaffChanged,
    /// A staff member was invited by e-mail.
    StaffInvited,
    /// A role was given.
    AssignmentGranted,
    /// The dates of a role were changed.
    AssignmentChanged,
    /// A role was taken back.
    AssignmentRevoked,
}

impl Model {
    /// Particulars by name: `role`, `validUntil`, `version` …
    ///
    /// # Errors
    /// When they cannot be opened.
    pub fn details(&self, keyring: &Keyring) -> Result<BTreeMap<String, String>> {
        let details = keyring.open(&self.details)?;
        serde_json::from_str(&details).map_err(|error| Error::Corrupt(error.to_string()))
    }

    fn cursor(&self) -> String {
        page::cursor_at(self.at, self.id)
    }
}

/// An instant as it stands in the particulars.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// What is to be logged.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What.
    pub act: AdministrationAct,
    /// The care provider.
    pub provider: Uuid,
    /// The unit that it is about.
    pub unit: Option<Uuid>,
    /// The staff member whom it is about.
    pub staff: Option<Uuid>,
    /// Particulars; those without a value are left out.
    pub details: Details,
}

/// Particulars by name; those without a value are left out.
pub(crate) type Details = Vec<(&'static str, Option<String>)>;

impl Entry {
    /// Something about a care provider as a whole.
    pub fn of_provider(act: AdministrationAct, provider: Uuid, details: Details) -> Self {
        Self {
            act,
            provider,
            unit: None,
            staff: None,
            details,
        }
    }

    /// Something about a unit.
    pub fn of_unit(act: AdministrationAct, unit: &unit::Model, details: Details) -> Self {
        Self {
            unit: Some(unit.id),
            ..Self::of_provider(act, unit.provider_id, details)
        }
    }

    /// Something about a staff member of a provider.
    pub fn of_staff(act: AdministrationAct, provider: Uuid, staff: Uuid, details: Details) -> Self {
        Self {
            staff: Some(staff),
            ..Self::of_provider(act, provider, details)
        }
    }
}

/// Writes down what is done, in the same unit of work.
///
/// # Errors
/// When the database fails. What was to be done must then not be.
pub(crate) async fn write(act: &Act, entry: Entry) -> Result<()> {
    let details: BTreeMap<&str, String> = entry
        .details
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let details = serde_json::to_string(&details).map_err(|error| Error::Corrupt(error.to_string()))?;
    let row = Model {
        at: act.now,
        id: act.id(),
        provider_id: entry.provider,
        acting_unit_id: act.viewer.unit(),
        unit_id: entry.unit,
        staff_id: entry.staff,
        actor: act.viewer.actor().into(),
        act: entry.act.into(),
        details: act.store.keyring().seal(&details)?,
    };
    Entity::insert(row.into_active_model().reset_all())
        .exec_without_returning(&act.tx)
        .await?;
    Ok(())
}

/// Which rows a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only from this instant on.
    pub from: Option<DateTime<Utc>>,
    /// Only before this instant.
    pub to: Option<DateTime<Utc>>,
    /// Only what is about this unit.
    pub unit: Option<Uuid>,
    /// Only what is about this staff member.
    pub staff: Option<Uuid>,
}

/// What was done at a provider, the latest first, after the row with the cursor `after`. For its administrators and auditors;
/// auditors of a unit see what is about that unit, everybody else nothing. One statement.
///
/// # Errors
/// When the cursor is none of this list, or the database fails.
pub async fn page(
    store: &Store,
    viewer: &Viewer,
    provider: Uuid,
    filter: &Filter,
    first: u64,
    after: Option<&str>,
) -> Result<Page<(String, Model)>> {
    let only = match Reach::of(&store.directory(), viewer, provider) {
        Reach::Provider => None,
        Reach::Unit(unit) => Some(Column::UnitId.eq(unit)),
        Reach::Nothing => return Ok(Page::default()),
    };
    let first = page::clamp(first);
    let mut shown = Condition::all()
        .add(Column::ProviderId.eq(provider))
        .add_option(only)
        .add_option(filter.from.map(|from| Column::At.gte(from)))
        .add_option(filter.to.map(|to| Column::At.lt(to)))
        .add_option(filter.unit.map(|unit| Column::UnitId.eq(unit)))
        .add_option(filter.staff.map(|staff| Column::StaffId.eq(staff)));
    if let Some(after) = after {
        shown = shown.add(page::after(after, Column::At.into_expr(), Column::Id)?);
    }
    let rows = Entity::find()
        .filter(shown)
        .order_by_desc(Column::At)
        .order_by_desc(Column::Id)
        .limit(first + 1)
        .all(store.connection())
        .await?;
    Ok(Page::cut(
        rows.into_iter().map(|row| (row.cursor(), row)).collect(),
        first,
    ))
}
