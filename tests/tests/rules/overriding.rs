//! A unit and an enrollment override a rule and give it back; what is wrong with that is refused.

use chrono::TimeDelta;
use entity::{
    access_log::{self, AccessAction},
    rule_version,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, refused, text},
    database::Kind,
};

use super::{OVERRIDE, PROMOTE, ask, flags_after, rule, send, started};

const RULES: &str = "query($slug: String!, $unit: ID, $enrollment: ID) { program(slug: $slug) {
    rules(unitId: $unit, enrollmentId: $enrollment) { id key scope enabled } } }";
const REMOVE: &str = "mutation($input: RemoveRuleOverrideInput!) { removeRuleOverride(input: $input) {
    rule { id version withdrawn } warnings { code message path } errors { code message path } } }";

/// The id of the program's rule with a key.
async fn rule_id(app: &TestApp, key: &str) -> String {
    let data = ask(app, &app.therapist(), RULES, json!({ "slug": care::PROGRAM })).await;
    let rules = data["program"]["rules"].as_array().unwrap();
    text(&rules.iter().find(|rule| rule["key"] == key).unwrap()["id"])
}

async fn changes(app: &TestApp) -> u64 {
    let log =
        access_log::Entity::find().filter(access_log::Column::Action.eq(entity::stored::Stored(AccessAction::Change)));
    log.count(app.store.connection()).await.unwrap()
}

async fn a_unit_and_an_enrollment_override_a_rule_and_give_it_back(kind: Kind) {
    let app = started(kind, 4).await;
    let therapist = app.therapist();
    let wide = rule_id(&app, "high-score").await;
    let unit = app.unit_id().await;
    let overridable = rule(&app, &therapist, &wide).await["overridable"].clone();
    assert_eq!(overridable, json!([{ "path": "condition.compare.value", "value": 15 }]));

    // Nine times "some" is 9 points: too few, until the unit says otherwise.
    assert_eq!(flags_after(&app, 1, "some").await, [] as [&str; 0]);
    let input = json!({ "ruleId": wide, "unitId": unit, "reason": "Äldre patienter",
        "values": [{ "path": "condition.compare.value", "value": 9 }] });
    let data = send(&app, &therapist, OVERRIDE, input).await;
    let narrow = done(&data)["rule"].clone();
    assert_eq!(
        (narrow["version"].clone(), &data["overrideRule"]["warnings"]),
        (json!(1), &json!([]))
    );
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(flags_after(&app, 2, "some").await, ["high-score"]);

    let narrow = text(&narrow["id"]);
    let seen = rule(&app, &therapist, &narrow).await;
    assert_eq!(
        (&seen["scope"], &seen["unit"]["name"]),
        (&json!("UNIT"), &json!("Solrosens vårdcentral"))
    );
    assert_eq!(seen["overridden"], json!({ "id": wide, "scope": "PROGRAM" }));
    assert_eq!(
        seen["overriddenValues"],
        json!([{ "path": "condition.compare.value", "value": 9, "wider": 15 }])
    );
    assert!(text(&seen["summary"]).contains('9'), "{seen}");
    let version = &seen["versions"]["nodes"][0];
    assert_eq!(version["actor"]["displayName"], "Person therapist");
    assert_eq!(version["reason"], "Äldre patienter");
    let wider = rule(&app, &therapist, &wide).await;
    assert_eq!(wider["overrides"]["nodes"], json!([{ "id": narrow, "scope": "UNIT" }]));
    assert_eq!(
        (&wider["overridden"], &wider["overriddenValues"]),
        (&Value::Null, &json!([]))
    );

    // For one citizen it is switched off, which is a change of theirs.
    let before = changes(&app).await;
    let enrollment = app.enrollment_of(3).await;
    let off = json!({ "ruleId": wide, "enrollmentId": enrollment, "enabled": false, "reason": "Känd sedan tidigare" });
    let own = text(&done(&send(&app, &therapist, OVERRIDE, off).await)["rule"]["id"]);
    assert_eq!(changes(&app).await, before + 1);
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(flags_after(&app, 3, "some").await, [] as [&str; 0]);
    let variables = json!({ "slug": care::PROGRAM, "unit": unit, "enrollment": enrollment });
    let data = ask(&app, &therapist, RULES, variables).await;
    let rules = data["program"]["rules"].as_array().unwrap();
    let scopes: Vec<&Value> = rules
        .iter()
        .filter(|rule| rule["key"] == "high-score")
        .map(|rule| &rule["scope"])
        .collect();
    assert_eq!(scopes.len(), 3, "{rules:?}");
    let seen = rule(&app, &therapist, &own).await;
    assert_eq!(seen["enrollment"]["id"].as_str(), Some(enrollment.as_str()));
    assert_eq!(seen["overridden"]["scope"], "UNIT");

    // Given back, the program's holds again, and what was said stays readable.
    let input = json!({ "ruleId": narrow, "reason": "Slut på försöket" });
    let data = send(&app, &therapist, REMOVE, input).await;
    assert_eq!(done(&data)["rule"]["withdrawn"], true);
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(flags_after(&app, 4, "some").await, [] as [&str; 0]);
    let history = rule(&app, &therapist, &narrow).await["versions"]["nodes"].clone();
    assert_eq!(
        (&history[0]["withdrawn"], &history[0]["reason"]),
        (&json!(true), &json!("Slut på försöket"))
    );
    assert_eq!(
        history[1]["overriddenValues"],
        json!([{ "path": "condition.compare.value", "value": 9 }])
    );
    assert_eq!(rule(&app, &therapist, &own).await["overridden"]["scope"], "PROGRAM");
    let nodes = rule(&app, &therapist, &wide).await["overrides"]["nodes"].clone();
    assert_eq!(nodes, json!([{ "id": own, "scope": "ENROLLMENT" }]));
    app.stop().await;
}

async fn what_is_wrong_or_not_theirs_is_refused_at_its_field(kind: Kind) {
    let app = started(kind, 1).await;
    let (therapist, other) = (app.therapist(), app.staff(care::OTHER_THERAPIST));
    let wide = rule_id(&app, "high-score").await;
    let (unit, enrollment) = (app.unit_id().await, app.enrollment_of(1).await);
    let versions = async || {
        rule_version::Entity::find()
            .count(app.store.connection())
            .await
            .unwrap()
    };
    let before = versions().await;
    let with = |at: Value, values: Value| {
        let mut input = json!({ "ruleId": wide, "reason": "Prov", "values": values });
        input.as_object_mut().unwrap().extend(at.as_object().unwrap().clone());
        input
    };
    let here = json!({ "unitId": unit });
    let value = |value: Value| json!([{ "path": "condition.compare.value", "value": value }]);
    for (token, input, code, path) in [
        (&therapist, with(here.clone(), json!([])), "REQUIRED", "values"),
        (
            &therapist,
            with(here.clone(), value(json!(28))),
            "OUT_OF_REACH",
            "values.0.value",
        ),
        (
            &therapist,
            with(here.clone(), value(json!(true))),
            "WRONG_TYPE",
            "values.0.value",
        ),
        (
            &therapist,
            with(here.clone(), json!([{ "path": "limits.cooldown", "value": "P1D" }])),
            "UNKNOWN_PATH",
            "values.0.path",
        ),
        (
            &therapist,
            with(
                here.clone(),
                json!([{ "path": "condition.compare.operator", "value": "LT" }]),
            ),
            "NOT_OVERRIDABLE",
            "values.0.path",
        ),
        (&therapist, with(json!({}), value(json!(9))), "REQUIRED", "unitId"),
        (
            &therapist,
            with(json!({ "unitId": wide }), value(json!(9))),
            "NOT_FOUND",
            "unitId",
        ),
        (&other, with(here.clone(), value(json!(9))), "NOT_FOUND", "unitId"),
        (
            &other,
            with(json!({ "enrollmentId": enrollment }), value(json!(9))),
            "NOT_FOUND",
            "enrollmentId",
        ),
        (
            &app.staff("designer"),
            with(json!({ "enrollmentId": enrollment }), value(json!(9))),
            "NOT_FOUND",
            "enrollmentId",
        ),
        (
            &app.staff("auditor"),
            with(here.clone(), value(json!(9))),
            "NOT_FOUND",
            "ruleId",
        ),
        (
            &app.staff("citizen-administrator"),
            with(here.clone(), value(json!(9))),
            "NOT_FOUND",
            "ruleId",
        ),
        (
            &app.citizen(1),
            with(json!({ "enrollmentId": enrollment }), value(json!(9))),
            "NOT_FOUND",
            "ruleId",
        ),
    ] {
        let told = input.to_string();
        let refusal = refused(&send(&app, token, OVERRIDE, input).await);
        assert_eq!(refusal, [(code.to_owned(), path.to_owned())], "{told}");
    }
    let no_reason = json!({ "input": { "ruleId": wide, "unitId": unit, "enabled": false } });
    assert!(
        !app.client
            .query(&therapist, OVERRIDE, no_reason)
            .await
            .code()
            .is_empty()
    );
    let blank = json!({ "ruleId": wide, "unitId": unit, "enabled": false, "reason": " " });
    assert_eq!(
        refused(&send(&app, &therapist, OVERRIDE, blank).await),
        [("REQUIRED".to_owned(), "reason".to_owned())]
    );
    let program = json!({ "ruleId": wide, "reason": "Prov" });
    assert_eq!(
        refused(&send(&app, &therapist, REMOVE, program).await),
        [("NOT_AN_OVERRIDE".to_owned(), "ruleId".to_owned())]
    );
    assert_eq!(
        refused(&send(&app, &therapist, PROMOTE, json!({ "ruleId": wide })).await),
        [("FORBIDDEN".to_owned(), "ruleId".to_owned())]
    );
    assert_eq!(versions().await, before);

    // A unit administrator may; who treats elsewhere does not see it; and the same key gets the first answer again.
    let administrator = app.staff("unit-administrator");
    let mut input = with(here, value(json!(9)));
    input["idempotencyKey"] = "en gång".into();
    let first = send(&app, &administrator, OVERRIDE, input.clone()).await;
    let narrow = text(&done(&first)["rule"]["id"]);
    assert_eq!(send(&app, &administrator, OVERRIDE, input).await, first);
    assert_eq!(versions().await, before + 1);
    for token in [&other, &app.citizen(1), &app.staff("auditor")] {
        assert_eq!(rule(&app, token, &narrow).await, Value::Null);
        let remove = json!({ "ruleId": narrow, "reason": "Prov" });
        assert_eq!(
            refused(&send(&app, token, REMOVE, remove).await),
            [("NOT_FOUND".to_owned(), "ruleId".to_owned())]
        );
    }
    app.stop().await;
}

both_databases!(
    a_unit_and_an_enrollment_override_a_rule_and_give_it_back,
    what_is_wrong_or_not_theirs_is_refused_at_its_field,
);
