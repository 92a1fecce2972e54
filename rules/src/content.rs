//! What of a program's content a rule's reminders are about: hidden from the citizen, it needs no reminder.

use crate::{
    definition::{Action, Anchor, Condition, Fact, RuleDefinition, Trigger},
    facts::{Facts, Instant, Module},
};

/// A piece of content, by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A module.
    Module(String),
    /// A section.
    Section(String),
}

impl Piece {
    /// Whether it is shown at an instant. What the citizen's version does not have hides nothing.
    pub fn is_shown(&self, facts: &Facts, at: Instant) -> bool {
        match self {
            Self::Module(key) => {
                let module = facts.modules.iter().find(|module| module.key == *key);
                module.is_none_or(|module| module.is_shown(at))
            }
            Self::Section(key) => {
                let is_hidden = |module: &Module| {
                    let section = module.sections.iter().find(|section| section.key == *key);
                    section.is_some_and(|section| !module.is_shown(at) || !section.is_shown(at))
                };
                !facts.modules.iter().any(is_hidden)
            }
        }
    }
}

/// What a rule's reminders are about: the module whose opening it counts from, what it opens itself, and what it looks at the
/// progress of, unless it could fire without that.
pub fn concerns(rule: &RuleDefinition) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if let Trigger::Schedule(schedule) = &rule.trigger
        && let Anchor::ModuleOpened(to) = &schedule.anchor
    {
        pieces.push(Piece::Module(to.module.clone()));
    }
    for action in &rule.actions {
        match action {
            Action::OpenModule(to) => pieces.push(Piece::Module(to.module.clone())),
            Action::OpenSection(to) => pieces.push(Piece::Section(to.section.clone())),
            _ => {}
        }
    }
    if let Some(condition) = &rule.condition {
        required(condition, true, &mut pieces);
    }
    pieces
}

/// The content that must be compared for a condition to come to `verdict`.
fn required(condition: &Condition, verdict: bool, pieces: &mut Vec<Piece>) {
    match condition {
        Condition::Not(one) => required(one, !verdict, pieces),
        // One of several is enough for an `any` that holds, or an `all` that does not.
        Condition::All(parts) | Condition::Any(parts) => {
            if parts.len() == 1 || verdict == matches!(condition, Condition::All(_)) {
                parts.iter().for_each(|one| required(one, verdict, pieces));
            }
        }
        Condition::Compare(compare) => match &compare.fact {
            Fact::ModuleProgress(to) => pieces.push(Piece::Module(to.module.clone())),
            Fact::SectionProgress(to) => pieces.push(Piece::Section(to.section.clone())),
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
