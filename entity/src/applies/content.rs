//! Whether what reminders are about is shown to the citizen.

use std::collections::{HashMap, HashSet};

use rules::definition::{Action, Anchor, Condition, Fact, RuleDefinition, Trigger};
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
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// A module, by key.
    Module(&'a str),
    /// A section, by key.
    Section(&'a str),
    /// A step, by id.
    Step(Uuid),
}

/// The reminders about something that is hidden from the citizen now.
pub(super) async fn hidden(
    store: &Store,
    connection: &impl ConnectionTrait,
    reminders: &[reminder::Model],
    enrollments: &HashMap<Uuid, enrollment::Model>,
    dispatches: &HashMap<Uuid, Form>,
    asked: &Asked,
) -> Result<HashMap<Uuid, SkipReason>> {
    let mut about: Vec<(&reminder::Model, Vec<Piece<'_>>)> = Vec::new();
    // A flag that stands waits for somebody whatever the citizen sees.
    for reminder in reminders.iter().filter(|reminder| reminder.flag_id.is_none()) {
        let form = reminder.dispatch_id.and_then(|id| dispatches.get(&id));
        let step = form.and_then(|form| form.step).map(Piece::Step);
        let definition = asked.rule(reminder).and_then(|(_, definition)| definition);
        let pieces = definition.map(concerns).into_iter().flatten();
        let pieces: Vec<Piece<'_>> = step.into_iter().chain(pieces).collect();
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
        if pieces.iter().any(|piece| !is_shown(&content, overlay, piece)) {
            hidden.insert(reminder.id, SkipReason::ContentHidden);
        }
    }
    Ok(hidden)
}

/// Whether a piece of content is shown. What the citizen's version does not have hides nothing.
fn is_shown(content: &Content, overlay: &Overlay, piece: &Piece<'_>) -> bool {
    let (module, section) = match piece {
        Piece::Module(key) => (content.module_by_key(key), None),
        Piece::Section(key) => {
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
    module.is_none_or(|module| overlay.module_visible(module.row.id))
        && section.is_none_or(|section| overlay.section_visible(section))
}

/// What a rule's reminders are about: the module whose opening it counts from, what it opens itself, and what it looks at the
/// progress of, unless it could fire without that.
fn concerns(rule: &RuleDefinition) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    if let Trigger::Schedule(schedule) = &rule.trigger
        && let Anchor::ModuleOpened(to) = &schedule.anchor
    {
        pieces.push(Piece::Module(&to.module));
    }
    for action in &rule.actions {
        match action {
            Action::OpenModule(to) => pieces.push(Piece::Module(&to.module)),
            Action::OpenSection(to) => pieces.push(Piece::Section(&to.section)),
            _ => {}
        }
    }
    if let Some(condition) = &rule.condition {
        required(condition, true, &mut pieces);
    }
    pieces
}

/// The content that must be compared for a condition to come to `verdict`.
fn required<'a>(condition: &'a Condition, verdict: bool, pieces: &mut Vec<Piece<'a>>) {
    match condition {
        Condition::Not(one) => required(one, !verdict, pieces),
        // One of several is enough for an `any` that holds, or an `all` that does not.
        Condition::All(parts) | Condition::Any(parts) => {
            if parts.len() == 1 || verdict == matches!(condition, Condition::All(_)) {
                parts.iter().for_each(|one| required(one, verdict, pieces));
            }
        }
        Condition::Compare(compare) => match &compare.fact {
            Fact::ModuleProgress(to) => pieces.push(Piece::Module(&to.module)),
            Fact::SectionProgress(to) => pieces.push(Piece::Section(&to.section)),
            _ => {}
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(rule: Value) -> Vec<String> {
        let rule: RuleDefinition = serde_json::from_value(rule).unwrap();
        let pieces = concerns(&rule);
        pieces.iter().map(|piece| format!("{piece:?}")).collect()
    }

    #[test]
    fn a_reminder_is_about_what_its_rule_cannot_do_without() {
        let progress = |module: &str| json!({ "compare": { "fact": { "moduleProgress": { "module": module } }, "operator": "LT", "value": 100 } });
        let away = json!({ "compare": {
            "fact": { "daysSince": { "event": "SIGN_IN" } }, "operator": "GTE", "value": 7 } });
        let remind = json!({ "remind": { "template": "come-back", "audience": "CITIZEN" } });
        let rule = |trigger: Value, condition: Value, actions: Value| json!({ "trigger": trigger, "condition": condition, "actions": actions });
        let opened = json!({ "schedule": { "anchor": { "moduleOpened": { "module": "m3" } },
            "slots": [{ "key": "a", "offset": "P3D", "at": "09:00" }] } });
        let whenever = json!({ "whenever": {} });
        assert_eq!(
            of(rule(opened, json!({ "not": progress("m2") }), json!([remind]))),
            [r#"Module("m3")"#, r#"Module("m2")"#]
        );
        // Away for a week is reason enough, whatever is hidden.
        let any = json!({ "any": [progress("m2"), away] });
        assert_eq!(of(rule(whenever.clone(), any, json!([remind]))), [""; 0]);
        let all = json!({ "all": [away, { "compare": { "fact": { "sectionProgress": { "section": "s1" } },
            "operator": "EQ", "value": 0 } }] });
        assert_eq!(
            of(rule(
                whenever,
                all,
                json!([{ "openModule": { "module": "m4" } }, remind])
            )),
            [r#"Module("m4")"#, r#"Section("s1")"#]
        );
    }
}
