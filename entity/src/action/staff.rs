//! What staff say of themselves, and what administrators put right of them.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr,
};
use uuid::Uuid;

use super::unit::hold_provider;
use crate::{
    act::Act,
    administration_log::{self, AdministrationAct, Entry},
    error::{Result, UserError},
    input::{self, Complaints},
    staff,
    store::Hint,
    viewer::Who,
};

/// What is another of a staff member; what is absent stays.
#[derive(Clone, Default)]
pub struct UpdateStaff {
    /// The staff member.
    pub staff_id: Uuid,
    /// What the person is called.
    pub display_name: Option<String>,
    /// A title, e.g. "Psykolog"; `Some(None)` for none.
    pub title: Option<Option<String>>,
    /// The e-mail address; `Some(None)` for none.
    pub email: Option<Option<String>>,
}

/// Puts right what is wrong of a staff member; gives them. Administrators of the provider may. The log says that the address is
/// another one, and not which.
///
/// # Errors
/// `NOT_FOUND` at `staffId`; at `displayName` and `title` as [`input::name`]; `BAD_EMAIL` at `email`.
pub async fn update(act: &mut Act, wanted: &UpdateStaff) -> Result<Uuid> {
    let not_found = || UserError::not_found("staffId", "staff member");
    let find = || staff::Entity::find_by_id(wanted.staff_id).one(&act.tx);
    let seen = find()
        .await?
        .filter(|member| act.viewer.administers_provider(member.provider_id));
    hold_provider(act, seen.ok_or_else(not_found)?.provider_id).await?;
    let member = find().await?.ok_or_else(not_found)?;
    let mut complaints = Complaints::default();
    let name = wanted.display_name.as_deref();
    let name = name.map(|name| complaints.take(input::name(name, "displayName")));
    let title = wanted.title.as_ref().map(|title| {
        let title = title.as_deref();
        title.map(|title| complaints.take(input::name(title, "title")))
    });
    let email = wanted.email.as_ref();
    let email = email.map(|email| complaints.take(input::email(email.as_deref(), "email")));
    complaints.refuse()?;

    let keyring = act.store.keyring();
    let email = email.filter(|email| !keyring.seals(member.email.as_ref(), email.as_deref()));
    let provider = member.provider_id;
    let (name_before, title_before) = (member.display_name.clone(), member.title.clone());
    let mut details = Vec::new();
    let mut row = member.into_active_model();
    if let Some(name) = name.filter(|name| *name != name_before) {
        details.extend([
            ("displayName", Some(name.clone())),
            ("displayNameBefore", Some(name_before)),
        ]);
        row.display_name = Set(name);
    }
    if let Some(title) = title.filter(|title| *title != title_before) {
        details.extend([("title", title.clone()), ("titleBefore", title_before)]);
        row.title = Set(title);
    }
    if let Some(email) = email {
        let became = if email.is_some() { "CHANGED" } else { "REMOVED" };
        details.push(("email", Some(became.to_owned())));
        row.email = Set(keyring.seal_option(email.as_deref())?);
    }
    if !details.is_empty() {
        row.update(&act.tx).await?;
        let entry = Entry::of_staff(AdministrationAct::StaffChanged, provider, wanted.staff_id, details);
        administration_log::write(act, entry).await?;
        act.hint(Hint::Directory);
    }
    Ok(wanted.staff_id)
}

/// Says in which language the viewer is written to: a BCP 47 tag, or the default again where absent. Gives the staff member. Only
/// staff may, each for themself.
///
/// # Errors
/// `NOT_ALLOWED` for everybody else; `BAD_LOCALE` at `locale`.
pub async fn set_locale(act: &mut Act, locale: Option<&str>) -> Result<Uuid> {
    let Who::Staff { id, .. } = act.viewer.who else {
        return Err(UserError::not_allowed("Only staff say here in which language they are written to.").into());
    };
    let locale = locale.map(|locale| input::locale(locale, "locale")).transpose()?;
    staff::Entity::update_many()
        .col_expr(staff::Column::Locale, Expr::value(locale))
        .filter(staff::Column::Id.eq(id))
        .exec(&act.tx)
        .await?;
    act.hint(Hint::Directory);
    Ok(id)
}
