//! The typed inputs say everything that the rules crate can read, and nothing else; what it finds wrong has a field.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{
    InputType, ScalarType, Value as Graph,
    parser::{
        parse_schema,
        types::{BaseType, Type, TypeKind, TypeSystemDefinition},
    },
};
use entity::rule_version;
use rules::{
    definition::{self, RuleDefinition},
    facts,
    form::{Form, Operator},
    overrides::leaves,
    validate::{self, MeasurementShape, ProgramShape},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::mutation::SaveRuleInput;
use crate::graphql::{scalar, sdl};

/// The type of a field: its name, and how many lists it stands in.
type Field = (String, usize);

/// The input objects and enums of the schema, by name: what each has.
fn schema() -> BTreeMap<String, BTreeMap<String, Field>> {
    let document = parse_schema(sdl()).unwrap();
    let types = document
        .definitions
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some(definition.node),
            _ => None,
        });
    types
        .filter_map(|definition| {
            let has: BTreeMap<String, Field> = match definition.kind {
                TypeKind::InputObject(object) => object
                    .fields
                    .into_iter()
                    .map(|field| (field.node.name.to_string(), named(&field.node.ty.node)))
                    .collect(),
                TypeKind::Enum(values) => values
                    .values
                    .into_iter()
                    .map(|value| (value.node.value.to_string(), (String::new(), 0)))
                    .collect(),
                _ => return None,
            };
            Some((definition.name.to_string(), has))
        })
        .collect()
}

fn named(of: &Type) -> Field {
    match &of.base {
        BaseType::Named(name) => (name.to_string(), 0),
        BaseType::List(of) => {
            let (name, lists) = named(of);
            (name, lists + 1)
        }
    }
}

/// The names that serde expects where it finds one that it does not know.
fn expected<T: DeserializeOwned>(unknown: Value) -> BTreeSet<String> {
    let Err(error) = serde_json::from_value::<T>(unknown) else {
        panic!("{} takes anything", std::any::type_name::<T>());
    };
    let error = error.to_string();
    let names = error.split('`').skip(1).step_by(2).skip(1);
    names.map(str::to_owned).collect()
}

fn fields<T: DeserializeOwned>() -> BTreeSet<String> {
    expected::<T>(json!({ "?": {} }))
}

fn words<T: DeserializeOwned>() -> BTreeSet<String> {
    expected::<T>(json!("?"))
}

#[test]
fn inputs_have_the_fields_of_definitions() {
    let schema = schema();
    macro_rules! same {
        ($read:ident: $($input:literal = $definition:ty),* $(,)?) => {$(
            let has: BTreeSet<String> = schema[$input].keys().cloned().collect();
            assert_eq!(has, $read::<$definition>(), $input);
        )*};
    }
    same!(fields:
        "TriggerInput" = definition::Trigger,
        "ScheduleInput" = definition::Schedule,
        "SlotInput" = definition::Slot,
        "AnchorInput" = definition::Anchor,
        "NothingInput" = definition::Nothing,
        "ModuleRefInput" = definition::ModuleRef,
        "SectionRefInput" = definition::SectionRef,
        "FormRefInput" = definition::FormRef,
        "FlagRefInput" = definition::FlagRef,
        "DateRefInput" = definition::DateRef,
        "EventTriggerInput" = definition::EventTrigger,
        "UnhandledFlagInput" = definition::UnhandledFlag,
        "AnySenderInput" = definition::AnySender,
        "AnyModuleInput" = definition::AnyModule,
        "AnyStepInput" = definition::AnyStep,
        "AnyFormInput" = definition::AnyForm,
        "AnyMeasurementInput" = definition::AnyMeasurement,
        "WheneverInput" = definition::Whenever,
        "ConditionInput" = definition::Condition,
        "CompareInput" = definition::Compare,
        "FactInput" = definition::Fact,
        "ScoreFactInput" = definition::ScoreFact,
        "MeasurementFactInput" = definition::MeasurementFact,
        "RatingFactInput" = definition::RatingFact,
        "UnitOfMeasureInput" = definition::Unit,
        "LastDaysInput" = definition::LastDays,
        "AnswerFactInput" = definition::AnswerFact,
        "DaysSinceFactInput" = definition::DaysSinceFact,
        "ActionInput" = definition::Action,
        "DispatchFormActionInput" = definition::DispatchForm,
        "RaiseFlagActionInput" = definition::RaiseFlag,
        "RemindActionInput" = definition::Remind,
        "SendMessageActionInput" = definition::SendMessage,
        "EscalateActionInput" = definition::Escalate,
        "RungInput" = definition::Rung,
        "LimitsInput" = definition::Limits,
    );
    same!(words:
        "Pick" = definition::Pick,
        "RatingOf" = definition::RatingOf,
        "Happening" = definition::Happening,
        "QuietHours" = definition::QuietHours,
        "CatchUp" = definition::CatchUp,
        "Recipients" = definition::Recipients,
        "Severity" = facts::Severity,
        "Audience" = facts::Audience,
        "Channel" = facts::Channel,
        "EnrollmentStatus" = facts::Status,
        "Operator" = Operator,
    );
}

fn compared(fact: Value, operator: &str, value: Value) -> Value {
    json!({ "compare": { "fact": fact, "operator": operator, "value": value } })
}

/// Rules that together say everything that there is to say.
fn everything() -> Vec<Value> {
    let picked = |pick: &str| json!({ "score": { "form": "measure", "scale": "total", "pick": pick } });
    let since = |event: &str| compared(json!({ "daysSince": { "event": event } }), "GT", 2.into());
    let flag = json!({ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "Risk", "audience": "STAFF" } });
    let mut rules = vec![json!({
        "statuses": ["PLANNED", "ACTIVE", "PAUSED", "COMPLETED", "WITHDRAWN"],
        "trigger": { "whenever": { "heldFor": "P2D", "release": compared(picked("LATEST"), "LT", 3.into()) } },
        "condition": { "any": [
            { "all": [
                compared(picked("FIRST"), "GTE", 4.into()),
                compared(picked("PREVIOUS"), "LTE", 4.into()),
                compared(picked("CHANGE_FROM_FIRST"), "EQ", 4.into()),
                compared(picked("CHANGE_FROM_PREVIOUS"), "NE", 4.into()),
                compared(json!({ "score": { "form": "measure", "scale": "total", "pick": "MEAN", "last": 3 } }), "GT", json!(4.5)),
                compared(json!({ "score": { "form": "measure", "scale": "total", "pick": "MAX", "last": 3 } }), "GT", 4.into()),
                compared(json!({ "score": { "form": "measure", "scale": "total", "pick": "MIN" } }), "GT", 4.into()),
                compared(picked("PERCENT_CHANGE_FROM_FIRST"), "LT", (-50).into()),
                compared(picked("PERCENT_CHANGE_FROM_PREVIOUS"), "LT", (-50).into()),
                compared(picked("RELIABLE_CHANGE"), "LT", json!(-1.96)),
            ] },
            { "not": compared(json!({ "answer": { "form": "measure", "item": "q1" } }), "EXISTS", true.into()) },
            since("SIGN_IN"), since("ACTIVITY"), since("MESSAGE"), since("MESSAGE_FROM_CITIZEN"), since("MESSAGE_FROM_STAFF"), since("UNANSWERED_MESSAGE"), since("MEASUREMENT"),
            compared(json!({ "daysSince": { "event": "MEASUREMENT", "kind": "weight" } }), "GT", 2.into()),
            compared(json!({ "measurement": { "kind": "weight", "pick": "MEAN", "last": 3 } }), "GT", json!(90.5)),
            compared(json!({ "measurement": { "kind": "weight", "unit": { "en": "kg", "sv": "kg" } } }), "GT", 90.into()),
            compared(json!({ "rating": { "of": "AFTER" } }), "LTE", 3.into()),
            compared(json!({ "rating": { "of": "BEFORE", "pick": "MEAN", "last": 3 } }), "LT", json!(2.5)),
            compared(json!({ "rating": { "of": "DIFFERENCE" } }), "LT", 0.into()),
            compared(json!({ "daysSince": { "event": "FORM_COMPLETED", "form": "measure" } }), "GT", 2.into()),
            compared(json!({ "overdueDispatches": { "form": "measure" } }), "GTE", 1.into()),
            compared(json!({ "missedDispatches": {} }), "GTE", 1.into()),
            compared(json!({ "moduleProgress": { "module": "one" } }), "GTE", 50.into()),
            compared(json!({ "sectionProgress": { "section": "first" } }), "GTE", 50.into()),
            compared(json!({ "programProgress": {} }), "GTE", 50.into()),
            compared(json!({ "missedActivities": { "days": 7 } }), "GTE", 2.into()),
            compared(json!({ "programWeek": {} }), "GTE", 2.into()),
            compared(json!({ "status": {} }), "EQ", "ACTIVE".into()),
            compared(json!({ "age": {} }), "GTE", 65.into()),
            compared(json!({ "sex": {} }), "EQ", "FEMALE".into()),
            compared(json!({ "openFlag": { "kind": "call" } }), "EQ", true.into()),
        ] },
        "actions": [
            { "raiseFlag": { "kind": "risk", "severity": "INFO", "title": "Risk", "audience": "CITIZEN", "autoResolve": true } },
            { "raiseFlag": { "kind": "low", "severity": "WARNING", "title": "Low", "audience": "STAFF" } },
            { "remind": { "template": "come-back", "channels": ["EMAIL", "SMS", "WEB_PUSH", "INBOX"], "audience": "CITIZEN" } },
            { "openModule": { "module": "one" } }, { "hideModule": { "module": "one" } },
            { "openSection": { "section": "first" } }, { "hideSection": { "section": "first" } },
            { "sendMessage": { "body": "Hur går det?" } },
            { "escalate": { "kind": "risk", "officeHours": true, "rungs": [
                { "key": "a", "after": "PT1H", "to": "THERAPISTS", "template": "flag" },
                { "key": "b", "after": "PT4H", "to": "UNIT_STAFF", "template": "flag", "channels": ["SMS"] },
                { "key": "c", "after": "P1D", "to": "UNIT_ADMINISTRATORS", "template": "flag" } ] } },
        ],
        "limits": { "cooldown": "P7D", "maxFirings": 3, "quietHours": "BYPASS", "catchUp": "ALL", "grace": "P1D",
            "stopWhen": compared(json!({ "programWeek": {} }), "GT", 8.into()) },
    })];
    for event in [
        json!({ "formCompleted": { "form": "measure" } }),
        json!({ "moduleCompleted": { "module": "one" } }),
        json!({ "stepCompleted": { "step": "read" } }),
        json!({ "signedIn": {} }),
        json!({ "enrollmentStarted": {} }),
        json!({ "enrollmentPaused": {} }),
        json!({ "enrollmentEnded": { "note": "Efter samtal" } }),
        json!({ "flagRaised": { "kind": "risk" } }),
        json!({ "flagUnhandled": { "kind": "risk", "after": "PT4H" } }),
        json!({ "messageReceived": { "from": "CITIZEN" } }),
        json!({ "messageUnanswered": {} }),
        json!({ "activityRegistered": {} }),
        json!({ "measurementRegistered": { "kind": "weight" } }),
    ] {
        rules.push(json!({ "trigger": { "event": event }, "actions": [flag], "limits": { "catchUp": "SKIP" } }));
    }
    for anchor in [
        json!({ "enrollmentStart": {} }),
        json!({ "enrollmentEnd": {} }),
        json!({ "moduleOpened": { "module": "one" } }),
        json!({ "moduleCompleted": { "module": "one" } }),
        json!({ "formSent": { "form": "measure" } }),
        json!({ "formCompleted": { "form": "measure" } }),
        json!({ "flagRaised": { "kind": "risk" } }),
        json!({ "date": { "date": "2027-03-28" } }),
    ] {
        rules.push(json!({
            "trigger": { "schedule": { "anchor": anchor, "repeat": "FREQ=DAILY;INTERVAL=14", "until": "P12W",
                "slots": [{ "key": "a", "offset": "P1D", "at": "08:30" }, { "key": "b", "offset": "PT4H" }] } },
            "actions": [{ "dispatchForm": { "form": "measure", "expiresAfter": "P3D", "remindAfter": ["P1D", "P2D"] } }],
            "limits": { "quietHours": "HONOUR", "catchUp": "ONCE" },
        }));
    }
    rules
}

/// A rule as it is written through the typed input.
fn written(rule: Value) -> Result<Value, String> {
    let mut input = json!({ "programSlug": "sleep", "key": "a", "name": "A" });
    input.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
    let input = SaveRuleInput::parse(Some(Graph::from_json(input).unwrap()));
    let input = input.map_err(|error| error.into_server_error(Default::default()).message)?;
    Ok(input.definition().unwrap())
}

#[test]
fn everything_that_can_be_said_is_written_and_read_alike() {
    let mut said = BTreeSet::new();
    for rule in everything() {
        collect(&rule, &mut said);
        let wanted: RuleDefinition = serde_json::from_value(rule.clone()).unwrap();
        let read: RuleDefinition = serde_json::from_value(written(rule).unwrap()).unwrap();
        assert_eq!(read, wanted);
        // And what is shown can be written again.
        let stored = version(serde_json::to_value(&wanted).unwrap());
        let shown = ScalarType::to_value(&scalar::RuleDefinition::from(&stored))
            .into_json()
            .unwrap();
        let again: RuleDefinition = serde_json::from_value(written(shown).unwrap()).unwrap();
        assert_eq!(again, wanted);
    }
    let all = [
        fields::<definition::Trigger>(),
        fields::<definition::Anchor>(),
        fields::<definition::EventTrigger>(),
        fields::<definition::Condition>(),
        fields::<definition::Fact>(),
        fields::<definition::Action>(),
        fields::<definition::Limits>(),
        words::<definition::Pick>(),
        words::<definition::RatingOf>(),
        words::<definition::Happening>(),
        words::<definition::QuietHours>(),
        words::<definition::CatchUp>(),
        words::<definition::Recipients>(),
        words::<Operator>(),
        words::<facts::Channel>(),
    ];
    let unsaid: Vec<&String> = all.iter().flatten().filter(|word| !said.contains(*word)).collect();
    assert!(unsaid.is_empty(), "the test says nothing of {unsaid:?}");
}

/// Every name of a field, and every text.
fn collect(json: &Value, said: &mut BTreeSet<String>) {
    match json {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            said.insert(name.clone());
            collect(field, said);
        }),
        Value::Array(entries) => entries.iter().for_each(|entry| collect(entry, said)),
        Value::String(text) => _ = said.insert(text.clone()),
        _ => {}
    }
}

fn version(definition: Value) -> rule_version::Model {
    rule_version::Model {
        id: Uuid::nil(),
        rule_id: Uuid::nil(),
        number: 1,
        name: "A".to_owned(),
        enabled: true,
        dry_run: false,
        definition,
        effective_at: chrono::DateTime::UNIX_EPOCH,
        actor: entity::viewer::Actor::System.into(),
        overrides: None,
        reason: None,
        withdrawn: false,
    }
}

#[test]
fn what_cannot_be_read_any_more_is_shown_as_it_was_saved() {
    let old = json!({ "of": { "another": ["time", 1.5, 2] } });
    let shown = ScalarType::to_value(&scalar::RuleDefinition::from(&version(old.clone())));
    assert_eq!(shown.into_json().unwrap(), old);
}

/// The places of a JSON, each with what stands there.
fn places(json: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    found.push((path.to_owned(), json.clone()));
    match json {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, field)| places(field, &format!("{path}/{name}"), found)),
        Value::Array(entries) => entries
            .iter()
            .enumerate()
            .for_each(|(index, entry)| places(entry, &format!("{path}/{index}"), found)),
        _ => {}
    }
}

/// Whether a path leads to a field of the input.
fn leads(schema: &BTreeMap<String, BTreeMap<String, Field>>, path: &[String]) -> bool {
    let mut place: Field = ("SaveRuleInput".to_owned(), 0);
    for segment in path {
        let (name, lists) = place;
        let next = if lists > 0 {
            segment.parse::<usize>().ok().map(|_| (name, lists - 1))
        } else {
            schema.get(&name).and_then(|fields| fields.get(segment)).cloned()
        };
        match next {
            Some(next) => place = next,
            None => return false,
        }
    }
    true
}

#[test]
fn whatever_is_wrong_has_a_field_of_the_input() {
    let form: Form = serde_json::from_value(json!({ "key": "measure", "title": { "en": "M" },
        "items": [{ "key": "q1", "kind": "INTEGER", "min": 0, "max": 10, "text": { "en": "?" } }],
        "scales": [{ "key": "total", "label": { "en": "T" }, "method": "SUM", "items": ["q1"] }] }))
    .unwrap();
    let shape = ProgramShape {
        forms: vec![&form],
        modules: vec!["one"],
        sections: vec!["first"],
        steps: vec!["read"],
        measurements: vec![MeasurementShape {
            key: "weight".to_owned(),
            unit: definition::Unit {
                en: "kg".to_owned(),
                sv: "kg".to_owned(),
            },
            min: 30.0,
            max: 300.0,
            decimals: 1,
        }],
        templates: vec!["come-back", "flag"],
        lacks: Vec::new(),
    };
    let schema = schema();
    assert!(leads(
        &schema,
        &["limits", "stopWhen", "all", "3", "compare", "value"].map(str::to_owned)
    ));
    assert!(!leads(&schema, &["limits", "stop_when"].map(str::to_owned)));
    let wrong = [
        json!(""),
        json!("no-such-thing"),
        json!("\u{7}"),
        json!("x".repeat(20_001)),
        json!("-P1D"),
        json!("PT0S"),
        json!("25:00"),
        json!(-1),
        json!(0),
        json!(1_000_000_000),
        json!(true),
        json!([]),
        json!({}),
    ];
    let mut codes = BTreeSet::new();
    for rule in everything() {
        let mut found = Vec::new();
        places(&rule, "", &mut found);
        for (place, was) in found {
            let doubled = was
                .as_array()
                .map(|entries| json!([entries.clone(), entries.clone()].concat()));
            for instead in wrong.iter().cloned().chain(doubled) {
                let mut rule = rule.clone();
                *rule.pointer_mut(&place).unwrap() = instead.clone();
                let problems = match validate::parse(rule) {
                    Err(problems) => problems,
                    Ok(definition) => validate::rule(&definition, &shape),
                };
                for problem in problems {
                    let told = format!("{problem:?} of {instead} at {place}");
                    assert!(leads(&schema, &problem.path), "{told}");
                    assert!(problem.message.len() > 5, "{told}");
                    codes.insert(problem.code);
                }
            }
        }
    }
    assert!(codes.len() > 15, "{codes:?}");
}

#[test]
fn what_can_be_overridden_has_a_field_of_the_input() {
    let schema = schema();
    for rule in everything() {
        let definition: RuleDefinition = serde_json::from_value(rule).unwrap();
        for leaf in leaves(&definition) {
            let path: Vec<String> = leaf.path.split('.').map(str::to_owned).collect();
            assert!(leads(&schema, &path), "{leaf:?}");
        }
    }
}

#[test]
fn a_definition_is_of_the_inputs_shape() {
    // What the input writes is exactly the part of it that is the definition.
    let schema = schema();
    let of_input: BTreeSet<&String> = schema["SaveRuleInput"].keys().collect();
    let of_definition = fields::<RuleDefinition>();
    assert!(of_definition.iter().all(|field| of_input.contains(field)));
}
