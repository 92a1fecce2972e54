//! The operations that frontends send, each with a persona's token and with variables that exist here.

use chrono::{Duration, SecondsFormat};
use serde_json::{Value, json};

use crate::{app::App, request::Asked};

/// What frontends send.
const OPERATIONS: &str = include_str!("operations.graphql");

/// The personas of the examples.
const CITIZEN: &str = "anna";
const THERAPIST: &str = "therapist";
const DESIGNER: &str = "designer";
const ADMINISTRATOR: &str = "provider-administrator";

/// How long the tokens of the page hold.
const LIFETIME: Duration = Duration::hours(12);

/// What a citizen's examples are about.
const CITIZEN_THINGS: &str = "query($from: DateTime!, $to: DateTime!) { viewer { ... on CitizenViewer { citizen {
    enrollments(first: 1, status: [ACTIVE]) { nodes {
    id nextStep { id }
    activities(from: $from, to: $to) { id day }
    modules { sections { steps { id blocks { ... on FormBlock { form { key } } } } } }
    dispatches(first: 10, status: [AVAILABLE, STARTED]) { nodes { id form { key } } } } } } } } }";

/// What a therapist's examples are about.
const THERAPIST_THINGS: &str = "{ viewer { ... on StaffViewer { unit { id
    enrollments(first: 1, status: [ACTIVE], orderBy: NEEDS_ATTENTION) { nodes {
        id therapists { id } modules { key } flags(first: 1, status: OPEN) { nodes { id } } } } } } } }";

/// The tabs: one for every operation and whoever sends it.
pub(super) async fn tabs(app: &App) -> Vec<Value> {
    let now = app.store.now();
    let at = |days| (now + Duration::days(days)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let citizen = things(app, CITIZEN, CITIZEN_THINGS, json!({ "from": at(-7), "to": at(0) })).await;
    let citizen = &citizen["viewer"]["citizen"]["enrollments"]["nodes"][0];
    let therapist = things(app, THERAPIST, THERAPIST_THINGS, json!({})).await;
    let unit = &therapist["viewer"]["unit"];
    let enrollment = &unit["enrollments"]["nodes"][0];
    let flag = &enrollment["flags"]["nodes"][0]["id"];
    let form = citizen["modules"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(first_form)
        .unwrap_or_default();
    let dispatch = measure(citizen);
    let activity = &citizen["activities"][0];
    let answers: Vec<Value> = (1..=9)
        .map(|n| json!({ "item": format!("q{n}"), "value": if n == 9 { "most-days" } else { "some-days" } }))
        .collect();

    let rule = rule();
    let examples = [
        (CITIZEN, "WhoAmI", json!({})),
        (CITIZEN, "ProgramTree", json!({ "slug": "low-mood", "locale": "en" })),
        (CITIZEN, "Catalogue", json!({ "first": 10 })),
        (CITIZEN, "CitizenHome", json!({ "now": at(0), "until": at(14) })),
        (CITIZEN, "TakePart", json!({ "enrollmentId": citizen["id"] })),
        (
            CITIZEN,
            "CompleteStep",
            json!({ "input": { "enrollmentId": citizen["id"], "stepId": citizen["nextStep"]["id"] } }),
        ),
        (
            CITIZEN,
            "OpenForm",
            json!({ "input": { "enrollmentId": citizen["id"], "stepId": form["step"], "formKey": form["key"] } }),
        ),
        (CITIZEN, "FormToFill", json!({ "dispatchId": dispatch })),
        (
            CITIZEN,
            "SaveDraft",
            json!({ "input": { "dispatchId": dispatch, "answers": answers.get(..3) } }),
        ),
        (
            CITIZEN,
            "SubmitResponse",
            json!({ "input": { "dispatchId": dispatch, "answers": answers } }),
        ),
        (
            CITIZEN,
            "SendMessage",
            json!({ "input": { "enrollmentId": citizen["id"], "body": "Tack! Jag prövar i morgon." } }),
        ),
        (
            CITIZEN,
            "RegisterActivity",
            json!({ "input": {
            "activityId": activity["id"], "occurrence": activity["day"], "done": true, "note": "Det gick bra.", "rating": 7,
        } }),
        ),
        (
            CITIZEN,
            "ActivityPlan",
            json!({ "enrollmentId": citizen["id"], "from": at(-7), "to": at(14) }),
        ),
        (CITIZEN, "Contact", json!({ "enrollmentId": citizen["id"] })),
        (CITIZEN, "MyActivity", json!({})),
        (THERAPIST, "UnitActivity", json!({ "unitId": unit["id"] })),
        (THERAPIST, "Worklist", json!({ "unitId": unit["id"], "first": 50 })),
        (
            THERAPIST,
            "EnrollmentResults",
            json!({ "enrollmentId": enrollment["id"], "form": "weekly-measure", "scale": "total" }),
        ),
        (THERAPIST, "Results", json!({ "enrollmentId": enrollment["id"] })),
        (THERAPIST, "Messages", json!({ "enrollmentId": enrollment["id"] })),
        (
            THERAPIST,
            "Planning",
            json!({ "enrollmentId": enrollment["id"], "from": at(-14), "to": at(28) }),
        ),
        (THERAPIST, "UnitStatistics", json!({ "unitId": unit["id"] })),
        (THERAPIST, "Outlook", json!({ "unitId": unit["id"] })),
        (
            THERAPIST,
            "StartEnrollment",
            json!({ "input": {
            "programSlug": "low-mood", "unitId": unit["id"], "therapistIds": [enrollment["therapists"][0]["id"]],
            "citizen": { "personalIdentityNumber": "199003132397", "givenName": "Nils", "familyName": "Berg", "email": "nils@example.org" },
        } }),
        ),
        (
            THERAPIST,
            "ChangeVisibility",
            json!({ "input": {
            "enrollmentId": enrollment["id"], "moduleKey": enrollment["modules"][1]["key"], "visible": true,
            "reason": "Agreed in today's conversation",
        } }),
        ),
        (
            THERAPIST,
            "DispatchForm",
            json!({ "input": {
            "enrollmentId": enrollment["id"], "formKey": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D"],
        } }),
        ),
        (
            THERAPIST,
            "RaiseFlag",
            json!({ "input": {
            "enrollmentId": enrollment["id"], "kind": "call", "severity": "INFO", "title": "Call on Thursday", "audience": "STAFF",
        } }),
        ),
        (
            THERAPIST,
            "AcknowledgeFlag",
            json!({ "input": { "flagId": flag, "note": "I call today" } }),
        ),
        (
            THERAPIST,
            "ResolveFlag",
            json!({ "input": { "flagId": flag, "note": "We spoke; all is well" } }),
        ),
        (
            THERAPIST,
            "RemindCitizen",
            json!({ "input": {
            "enrollmentId": enrollment["id"], "template": "come-back", "channels": ["EMAIL", "INBOX"],
        } }),
        ),
        (
            THERAPIST,
            "Rules",
            json!({ "programSlug": "low-mood", "unitId": unit["id"] }),
        ),
        (
            THERAPIST,
            "SimulateRule",
            json!({ "rule": rule, "unitId": unit["id"], "from": at(-56), "to": at(0) }),
        ),
        (
            THERAPIST,
            "ExplainRules",
            json!({ "enrollmentId": enrollment["id"], "at": at(-7) }),
        ),
        (DESIGNER, "SaveRule", json!({ "input": rule })),
        (ADMINISTRATOR, "Administration", json!({})),
    ];
    // The demo goes on: whoever has answered the weekly measure has none to answer, until the next comes.
    let answering = ["FormToFill", "SaveDraft", "SubmitResponse"];
    let there = examples
        .into_iter()
        .filter(|(_, name, _)| !dispatch.is_null() || !answering.contains(name));
    let tabs = there.filter_map(|(persona, name, variables)| {
        let variables = serde_json::to_string_pretty(&variables).ok()?;
        let headers = headers(app, persona).map(|headers| headers.to_string());
        let query = format!("# as {persona}\n{}\n", operation(name)?);
        Some(json!({ "query": query, "variables": variables, "headers": headers }))
    });
    tabs.collect()
}

/// A rule to save, or to try on what has happened.
fn rule() -> Value {
    json!({
        "programSlug": "low-mood", "key": "severe-score", "name": "Severe low mood", "enabled": true,
        "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } },
        "condition": { "compare": {
            "fact": { "score": { "form": "weekly-measure", "scale": "total", "pick": "LATEST" } }, "operator": "GTE", "value": 20,
        } },
        "actions": [{ "raiseFlag": {
            "kind": "severe-score", "severity": "URGENT", "title": "20 points or more", "audience": "STAFF",
        } }],
        "limits": { "cooldown": "P1D", "quietHours": "BYPASS", "catchUp": "ALL", "grace": "P7D" },
    })
}

/// The text of one operation.
fn operation(name: &str) -> Option<&'static str> {
    ["query", "mutation", "subscription"].iter().find_map(|kind| {
        let start = OPERATIONS
            .match_indices(&format!("\n{kind} {name}"))
            .find_map(|(at, found)| {
                let after = OPERATIONS.get(at + found.len()..)?.chars().next()?;
                (!after.is_alphanumeric()).then_some(at + 1)
            })?;
        let text = OPERATIONS.get(start..)?;
        text.get(..text.find("\n}")? + 2)
    })
}

/// The Authorization header of a persona, where Handrail signs in its own.
fn headers(app: &App, persona: &str) -> Option<Value> {
    let token = app.token(persona, LIFETIME).ok()?;
    Some(json!({ "Authorization": format!("Bearer {token}") }))
}

/// What a persona's examples are about, as that persona sees it; null where they see nothing.
async fn things(app: &App, persona: &str, query: &str, variables: Value) -> Value {
    let Ok(token) = app.token(persona, LIFETIME) else {
        return Value::Null;
    };
    let Ok(signed_in) = app.sign_in.with(&token).await else {
        return Value::Null;
    };
    let Ok(asked) = Asked::read(json!({ "query": query, "variables": variables })) else {
        return Value::Null;
    };
    let Ok(prepared) = asked.prepare(&app.limits) else {
        return Value::Null;
    };
    let response = app.execute(prepared, signed_in.who, None).await;
    response.data.into_json().unwrap_or_default()
}

/// The first step of a module that holds a form.
fn first_form(module: &Value) -> Option<Value> {
    let sections = module["sections"].as_array()?;
    let mut steps = sections
        .iter()
        .filter_map(|section| section["steps"].as_array())
        .flatten();
    steps.find_map(|step| {
        let mut keys = step["blocks"].as_array()?.iter().map(|block| &block["form"]["key"]);
        let key = keys.find(|key| key.is_string())?;
        Some(json!({ "step": step["id"], "key": key }))
    })
}

/// The weekly measure that waits; null where none does.
fn measure(enrollment: &Value) -> Value {
    let mut waiting = enrollment["dispatches"]["nodes"].as_array().into_iter().flatten();
    let weekly = waiting.find(|dispatch| dispatch["form"]["key"] == "weekly-measure");
    weekly.map_or(Value::Null, |dispatch| dispatch["id"].clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::personas;

    #[test]
    fn an_operation_is_found_by_its_whole_name() {
        let text = operation("SaveRule").unwrap();
        assert!(
            text.starts_with("mutation SaveRule(") && text.ends_with("\n}"),
            "{text}"
        );
        assert_eq!(text.matches("\n}").count(), 1);
        assert!(operation("Save").is_none());
    }

    #[test]
    fn every_operation_is_graphql() {
        for line in OPERATIONS
            .lines()
            .filter(|line| line.ends_with("{") && !line.starts_with(' '))
        {
            let name = line.split([' ', '(']).nth(1).unwrap();
            let text = operation(name).unwrap();
            assert!(async_graphql::parser::parse_query(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn the_examples_personas_exist() {
        let known = personas().unwrap();
        for persona in [CITIZEN, THERAPIST, DESIGNER, ADMINISTRATOR] {
            assert!(known.iter().any(|known| known.key == persona), "{persona}");
        }
    }
}
