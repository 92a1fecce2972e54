//! Inviting staff: whom the identity provider signs in under a subject, with the roles that they have from when on.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::{
    assignment::{self, NewAssignment},
    care::{self, NewStaff},
};
use crate::{
    act::Act,
    administration_log::{self, AdministrationAct, Details, Entry},
    delivery::DeliveryStatus,
    error::{Result, UserError},
    input::{self, Complaints},
    invitation, staff,
    store::Hint,
    viewer::Who,
};

/// Somebody to be invited to the viewer's care provider.
#[derive(Clone, Debug)]
pub struct Invite {
    /// The `sub` of their sign-in tokens, as the identity provider knows them.
    pub subject: String,
    /// What the person is called.
    pub display_name: String,
    /// A title, e.g. "Psykolog".
    pub title: Option<String>,
    /// Where the invitation goes.
    pub email: String,
    /// Their roles; whose they are said to be does not count.
    pub assignments: Vec<NewAssignment>,
}

/// The most roles that somebody is invited with.
const MOST: usize = 20;

/// Adds a staff member with their roles and has an e-mail sent to them that says where to sign in; gives the staff member.
/// Who may give the roles may invite.
///
/// # Errors
/// `NOT_ALLOWED` for everybody else; `REQUIRED` at `email` and, where there are none, at `assignments`, `TOO_MANY` there; `TAKEN` at
/// `subject`; `BAD_EMAIL`, `TOO_LONG` …; below `assignments.<place>` as [`assignment::grant`].
pub async fn invite(act: &mut Act, invite: Invite) -> Result<Uuid> {
    let provider_id = match &act.viewer.who {
        Who::Staff { provider, .. } if act.viewer.administers_at(*provider) => *provider,
        _ => return Err(UserError::not_allowed("Administrators invite staff.").into()),
    };
    let mut complaints = Complaints::default();
    if invite.email.trim().is_empty() {
        let message = "Say where the invitation is to go.";
        complaints.add(UserError::new("REQUIRED", "email", message));
    }
    match invite.assignments.len() {
        0 => {
            let message = "Give them at least one role: without any nobody can sign in.";
            complaints.add(UserError::new("REQUIRED", "assignments", message));
        }
        1..=MOST => {}
        _ => complaints.add(UserError::new(
            "TOO_MANY",
            "assignments",
            format!("At most {MOST} roles, please."),
        )),
    }
    complaints.refuse()?;
    let new = NewStaff {
        provider_id,
        subject: invite.subject,
        display_name: invite.display_name,
        title: invite.title,
        email: Some(invite.email),
    };
    let staff_id = care::add_staff(act, new).await?;
    let mut complaints = Complaints::default();
    for (place, wanted) in invite.assignments.into_iter().enumerate() {
        let wanted = NewAssignment { staff_id, ..wanted };
        let granted = assignment::grant(act, &wanted).await;
        complaints.note(granted.map_err(|error| error.within(&place.to_string()).within("assignments")))?;
    }
    complaints.refuse()?;
    send(act, provider_id, staff_id, Vec::new()).await?;
    Ok(staff_id)
}

/// Sends an invitation again, to another address where one is given, which is theirs from then on; gives the staff member. One
/// that has not left is taken back.
/// Administrators of the provider may.
///
/// # Errors
/// `NOT_FOUND` at `staffId`; `BAD_EMAIL` at `email`, and `REQUIRED` where none is known.
pub async fn send_again(act: &mut Act, staff_id: Uuid, email: Option<&str>) -> Result<Uuid> {
    let member = staff::Entity::find_by_id(staff_id).one(&act.tx).await?;
    let member = member.filter(|member| act.viewer.administers_provider(member.provider_id));
    let member = member.ok_or_else(|| UserError::not_found("staffId", "staff member"))?;
    let email = input::email(email, "email")?;
    if email.is_none() && member.email.is_none() {
        let message = "No address of theirs is known: say where the invitation is to go.";
        return Err(UserError::new("REQUIRED", "email", message).into());
    }
    let provider = member.provider_id;
    let keyring = act.store.keyring();
    let known = member.email.as_ref().map(|known| keyring.open(known));
    // One that cannot be read any more is another one.
    let other = email.filter(|email| !matches!(&known, Some(Ok(known)) if known == email));
    let changed = other.is_some().then(|| "CHANGED".to_owned());
    if let Some(email) = other {
        let mut row = member.into_active_model();
        row.email = Set(Some(keyring.seal(&email)?));
        row.update(&act.tx).await?;
        act.hint(Hint::Directory);
    }
    invitation::take_back(&act.store, &act.tx, staff_id).await?;
    send(act, provider, staff_id, vec![("email", changed)]).await?;
    Ok(staff_id)
}

/// Has the worker send an invitation.
async fn send(act: &mut Act, provider: Uuid, staff_id: Uuid, details: Details) -> Result<()> {
    let row = invitation::Model {
        id: act.id(),
        staff_id,
        created_at: act.now,
        actor: act.viewer.actor().into(),
        status: DeliveryStatus::Ready.into(),
        due_at: Some(act.at_once()),
        leased_until: None,
        attempts: 0,
        sent_at: None,
        reason: None,
    };
    act.insert::<invitation::Entity>(&[row]).await?;
    let entry = Entry::of_staff(AdministrationAct::StaffInvited, provider, staff_id, details);
    administration_log::write(act, entry).await?;
    act.hint(Hint::Due);
    Ok(())
}
