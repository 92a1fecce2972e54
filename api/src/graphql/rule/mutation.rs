//! Saving rules.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::{action::rule::SaveRule, error::Error};
use futures_util::FutureExt;
use serde::Serialize;

use super::{
    Rule,
    input::{ActionInput, ConditionInput, DefinitionInput, LimitsInput, TriggerInput},
};
use crate::graphql::{
    enrollment::EnrollmentStatus,
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
};

/// Saves a rule as a new version. The narrowest of program, unit and enrollment that is given is its scope.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveRuleInput {
    /// The program's slug.
    program_slug: String,
    /// The unit where it holds.
    unit_id: Option<ID>,
    /// The enrollment where it holds.
    enrollment_id: Option<ID>,
    /// Names the rule within the program; in a narrower scope it overrides the wider rule of the same key.
    key: String,
    /// What it is called.
    name: String,
    /// Whether it is on.
    #[graphql(default = true)]
    enabled: bool,
    /// Whether it is only tried: it evaluates and records, and does nothing.
    #[graphql(default)]
    dry_run: bool,
    /// The statuses of the enrollment in which it may fire; `ACTIVE` where absent.
    statuses: Option<Vec<EnrollmentStatus>>,
    /// When it is looked at.
    trigger: TriggerInput,
    /// If it then fires; always, where absent.
    condition: Option<ConditionInput>,
    /// What it does.
    actions: Vec<ActionInput>,
    /// How often, and what about downtime.
    limits: Option<LimitsInput>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

impl SaveRuleInput {
    /// The JSON of what it says.
    fn definition(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(DefinitionInput {
            statuses: self.statuses.as_deref(),
            trigger: &self.trigger,
            condition: self.condition.as_ref(),
            actions: &self.actions,
            limits: self.limits.as_ref(),
        })
    }
}

/// What came of saving a rule.
#[derive(SimpleObject)]
pub struct SaveRulePayload {
    /// The rule.
    rule: Option<Rule>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What people do with rules.
#[derive(Default)]
pub struct RuleMutation;

#[Object]
impl RuleMutation {
    /// Saves a rule as a new version, unless it says just what the newest one says.
    async fn save_rule(&self, ctx: &Context<'_>, input: SaveRuleInput) -> Result<SaveRulePayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "saveRule", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let definition = wanted.definition();
                let (unit, enrollment) = (&wanted.unit_id, &wanted.enrollment_id);
                let save = SaveRule {
                    definition: definition
                        .map_err(|error| Error::Corrupt(format!("a rule cannot be written: {error}")))?,
                    unit_id: unit
                        .as_ref()
                        .map(|id| id::input(Kind::Unit, id, "unitId"))
                        .transpose()?,
                    enrollment_id: enrollment
                        .as_ref()
                        .map(|id| id::input(Kind::Enrollment, id, "enrollmentId"))
                        .transpose()?,
                    program_slug: wanted.program_slug,
                    key: wanted.key,
                    name: wanted.name,
                    enabled: wanted.enabled,
                    dry_run: wanted.dry_run,
                };
                entity::action::rule::save(act, save).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => SaveRulePayload {
                rule: Rule::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => SaveRulePayload { rule: None, errors },
        })
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{InputType, Value};
    use rules::definition::RuleDefinition;
    use serde_json::json;

    use super::*;

    fn saved(parts: serde_json::Value) -> RuleDefinition {
        let mut input = json!({ "programSlug": "low-mood", "key": "a", "name": "A" });
        input
            .as_object_mut()
            .unwrap()
            .extend(parts.as_object().unwrap().clone());
        let input = SaveRuleInput::parse(Some(Value::from_json(input).unwrap()));
        let input = input
            .map_err(|error| error.into_server_error(Default::default()))
            .unwrap();
        serde_json::from_value(input.definition().unwrap()).unwrap()
    }

    /// What is written through the typed inputs is what the rules crate reads from the same JSON.
    #[test]
    fn inputs_have_the_shape_of_definitions() {
        let flag =
            json!({ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Risk", "audience": "STAFF" } });
        for parts in [
            json!({
                "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } },
                "condition": { "any": [
                    { "compare": { "fact": { "answer": { "form": "weekly-measure", "item": "q9" } }, "operator": "GTE", "value": 2 } },
                    { "all": [
                        { "compare": { "fact": { "score": { "form": "weekly-measure", "scale": "total", "pick": "LATEST" } }, "operator": "GTE", "value": 20 } },
                        { "not": { "compare": { "fact": { "openFlag": { "kind": "risk" } }, "operator": "EQ", "value": true } } },
                    ] },
                ] },
                "actions": [flag],
                "limits": { "cooldown": "P1D", "maxFirings": null, "quietHours": "BYPASS", "catchUp": "ALL", "grace": "P7D" },
            }),
            json!({
                "statuses": ["ACTIVE", "PAUSED"],
                "trigger": { "schedule": {
                    "anchor": { "enrollmentStart": {} },
                    "repeat": "FREQ=DAILY;INTERVAL=14",
                    "slots": [{ "key": "morning", "offset": "P0D", "at": "09:30" }],
                    "until": "P12W",
                } },
                "actions": [
                    { "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D", "P2D"] } },
                    { "remind": { "template": "come-back", "channels": ["EMAIL", "INBOX"], "audience": "CITIZEN" } },
                    { "openModule": { "module": "two" } }, { "hideSection": { "section": "three" } },
                ],
            }),
            json!({
                "trigger": { "whenever": { "heldFor": "PT0S" } },
                "condition": { "compare": { "fact": { "daysSince": { "event": "SIGN_IN" } }, "operator": "GTE", "value": 7 } },
                "actions": [flag],
            }),
            json!({
                "trigger": { "schedule": { "anchor": { "date": { "date": "2027-03-28" } }, "slots": [{ "key": "a" }] } },
                "actions": [{ "dispatchForm": { "form": "weekly-measure" } }],
            }),
        ] {
            let wanted: RuleDefinition = serde_json::from_value(parts.clone()).unwrap();
            assert_eq!(saved(parts), wanted);
        }
    }

    #[test]
    fn a_trigger_is_one_thing_only() {
        let both = json!({ "programSlug": "a", "key": "a", "name": "A", "actions": [], "trigger": {
            "whenever": {}, "event": { "signedIn": {} },
        } });
        assert!(SaveRuleInput::parse(Some(Value::from_json(both).unwrap())).is_err());
    }
}
