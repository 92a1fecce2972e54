//! Whether what reminders are about is shown to the citizen, and can be opened.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rules::content::{self, concerns};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{Asked, Form, SkipReason};
use crate::{
    content::Content,
    enrollment,
    error::Result,
    progress::{self, Overlay},
    reminder,
    store::Store,
    viewer::Viewer,
};

/// A piece of content that a reminder is about.
enum Piece {
    /// What its rule is about.
    OfRule(content::Piece),
    /// The step that its form belongs to.
    Step(Uuid),
}

/// The reminders about something that is hidden from the citizen at `now`, or when they leave if that is later, or about a form
/// in a step that is closed then.
pub(super) async fn hidden(
    store: &Store,
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
    dispatches: &HashMap<Uuid, Form>,
    asked: &Asked,
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, SkipReason>> {
    let mut about: Vec<(&reminder::Model, Vec<Piece>)> = Vec::new();
    // A flag that stands waits for somebody whatever the citizen sees.
    for reminder in reminders.iter().filter(|reminder| reminder.flag_id.is_none()) {
        let form = reminder.dispatch_id.and_then(|id| dispatches.get(&id));
        let step = form.and_then(|form| form.step).map(Piece::Step);
        let definition = asked.rule(reminder).and_then(|(_, definition)| definition);
        let pieces = definition.map(concerns).into_iter().flatten().map(Piece::OfRule);
        let pieces: Vec<Piece> = step.into_iter().chain(pieces).collect();
        if !pieces.is_empty() {
            about.push((reminder, pieces));
        }
    }
    let ids: HashSet<Uuid> = about.iter().map(|(reminder, _)| reminder.enrollment_id).collect();
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let overlays = progress::load(connection, &Viewer::system(), &ids).await?;
    let mut hidden = HashMap::new();
    for (reminder, pieces) in about {
        let Some(enrollment) = enrollments.get(&reminder.enrollment_id) else {
            continue;
        };
        let content = store.library().content(connection, enrollment.version_id).await?;
        let nothing = Overlay::default();
        let overlay = overlays.get(&enrollment.id).unwrap_or(&nothing);
        let now = now.max(reminder.remind_at);
        if pieces
            .iter()
            .any(|piece| !is_shown(&content, overlay, enrollment, piece, now))
        {
            hidden.insert(reminder.id, SkipReason::ContentHidden);
        }
    }
    Ok(hidden)
}

/// Whether a piece of content is shown. What the citizen's version does not have hides nothing.
fn is_shown(
    content: &Content,
    overlay: &Overlay,
    enrollment: &enrollment::Model,
    piece: &Piece,
    now: DateTime<Utc>,
) -> bool {
    let (module, section) = match piece {
        Piece::OfRule(content::Piece::Module(key)) => (content.module_by_key(key), None),
        Piece::OfRule(content::Piece::Section(key)) => {
            let section = content.section_by_key(key).map(|section| section.row.id);
            let module = section.and_then(|section| content.section(section));
            (module.map(|(module, _)| module), section)
        }
        Piece::Step(id) => {
            let found = content.step(*id);
            let (module, section) = found.map(|(module, section, _)| (module, section.row.id)).unzip();
            (module, section)
        }
    };
    let is_closed = |section| overlay.is_closed(content, enrollment, section, now);
    module.is_none_or(|module| overlay.module_visible(module.row.id, now))
        && section.is_none_or(|section| overlay.section_visible(section, now))
        && !(matches!(piece, Piece::Step(_)) && section.is_some_and(is_closed))
}
