//! Rules from outside: overridden, tried, promoted, refused, and read ever after.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    access_log::{self, AccessAction},
    rule_version,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, refused, text, weekly_measure},
    database::Kind,
};

const RULES: &str = "query($slug: String!, $unit: ID, $enrollment: ID) { program(slug: $slug) {
    rules(unitId: $unit, enrollmentId: $enrollment) { id key scope enabled } } }";
const RULE: &str = "query($id: ID!) { node(id: $id) { ... on Rule {
    key name scope enabled dryRun withdrawn version stale summary definition
    unit { name } enrollment { id }
    overridable { path value }
    overridden { id scope } overriddenValues { path value wider }
    overrides(first: 5) { nodes { id scope } }
    versions(first: 10) { nodes { number actor { displayName } reason enabled dryRun withdrawn stale summary definition
        overriddenValues { path value } } } } } }";
const FIRINGS: &str = "query($id: ID!, $after: String) { node(id: $id) { ... on Rule { firingCount
    firings(first: 2, after: $after, outcome: DRY_RUN) { pageInfo { hasNextPage endCursor } nodes {
        at decidedAt outcome occurrence actions enrollment { id } rule { key version } trace { text verdict } } } } } }";
const SAVE: &str = "mutation($input: SaveRuleInput!) { saveRule(input: $input) {
    rule { id version dryRun definition } warnings { code message path } errors { code message path } } }";
const OVERRIDE: &str = "mutation($input: OverrideRuleInput!) { overrideRule(input: $input) {
    rule { id version enabled } warnings { code message path } errors { code message path } } }";
const REMOVE: &str = "mutation($input: RemoveRuleOverrideInput!) { removeRuleOverride(input: $input) {
    rule { id version withdrawn } warnings { code message path } errors { code message path } } }";
const PROMOTE: &str = "mutation($input: PromoteRuleInput!) { promoteRule(input: $input) {
    rule { id version dryRun } warnings { code message path } errors { code message path } } }";

fn morning() -> DateTime<Utc> {
    "2027-03-01T09:00:00Z".parse().unwrap()
}

/// Asks as somebody; gives the data.
async fn ask(app: &TestApp, token: &str, query: &str, variables: Value) -> Value {
    app.client.query(token, query, variables).await.data()
}

/// Sends a mutation as somebody; gives the data.
async fn send(app: &TestApp, token: &str, mutation: &str, input: Value) -> Value {
    ask(app, token, mutation, json!({ "input": input })).await
}

async fn rule(app: &TestApp, token: &str, id: &str) -> Value {
    ask(app, token, RULE, json!({ "id": id })).await["node"].take()
}

/// The id of the program's rule with a key.
async fn rule_id(app: &TestApp, key: &str) -> String {
    let data = ask(app, &app.therapist(), RULES, json!({ "slug": care::PROGRAM })).await;
    let rules = data["program"]["rules"].as_array().unwrap();
    text(&rules.iter().find(|rule| rule["key"] == key).unwrap()["id"])
}

/// The nth citizen answers the measure that waits, every item alike; gives the kinds of the flags that stand then.
async fn answer(app: &TestApp, n: u32, option: &str) -> Vec<String> {
    let dispatch = text(&app.home(n).await["dispatches"]["nodes"][0]["id"]);
    let submit =
        "mutation($input: SubmitResponseInput!) { submitResponse(input: $input) { errors { code message path } } }";
    let input = json!({ "dispatchId": dispatch, "answers": weekly_measure([option; 9]) });
    done(&send(app, &app.citizen(n), submit, input).await);
    app.work().await;
    let flags = "query($id: ID!) { enrollment(id: $id) { flags(first: 20) { nodes { kind } } } }";
    let data = ask(
        app,
        &app.therapist(),
        flags,
        json!({ "id": app.enrollment_of(n).await }),
    )
    .await;
    let nodes = data["enrollment"]["flags"]["nodes"].as_array().unwrap().clone();
    nodes.iter().map(|flag| text(&flag["kind"])).collect()
}

async fn started(kind: Kind, citizens: u32) -> TestApp {
    let app = TestApp::start(kind, morning()).await;
    for n in 1..=citizens {
        app.enroll(n).await;
    }
    app.work().await;
    app
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
    assert_eq!(answer(&app, 1, "some").await, [] as [&str; 0]);
    let input = json!({ "ruleId": wide, "unitId": unit, "reason": "Äldre patienter",
        "values": [{ "path": "condition.compare.value", "value": 9 }] });
    let data = send(&app, &therapist, OVERRIDE, input).await;
    let narrow = done(&data)["rule"].clone();
    assert_eq!(
        (narrow["version"].clone(), &data["overrideRule"]["warnings"]),
        (json!(1), &json!([]))
    );
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(answer(&app, 2, "some").await, ["high-score"]);

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
    assert_eq!(answer(&app, 3, "some").await, [] as [&str; 0]);
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
    assert_eq!(answer(&app, 4, "some").await, [] as [&str; 0]);
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

fn measured(condition: Value, title: &str) -> Value {
    json!({ "programSlug": care::PROGRAM, "key": "tried", "name": "Tried",
        "trigger": { "event": { "formCompleted": { "form": "weekly-measure" } } }, "condition": condition,
        "actions": [{ "raiseFlag": { "kind": "tried", "severity": "WARNING", "title": title, "audience": "STAFF" } }] })
}

fn scored(at_least: i32) -> Value {
    json!({ "compare": { "fact": { "score": { "form": "weekly-measure", "scale": "total", "pick": "LATEST" } },
        "operator": "GTE", "value": at_least } })
}

async fn a_rule_is_tried_and_then_promoted(kind: Kind) {
    let app = started(kind, 4).await;
    let (therapist, designer) = (app.therapist(), app.staff("designer"));
    let mut input = measured(scored(9), "Tried");
    input["dryRun"] = true.into();
    let saved = send(&app, &designer, SAVE, input).await;
    assert_eq!(done(&saved)["rule"]["dryRun"], true);
    let id = text(&saved["saveRule"]["rule"]["id"]);
    app.clock.advance(TimeDelta::minutes(1));
    for n in 1..=3 {
        app.clock.advance(TimeDelta::minutes(1));
        assert_eq!(answer(&app, n, "some").await, [] as [&str; 0], "it does nothing");
    }
    let page = ask(&app, &therapist, FIRINGS, json!({ "id": id })).await["node"].clone();
    assert_eq!(page["firingCount"], 3);
    let nodes = page["firings"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2);
    assert_eq!(
        nodes[0]["enrollment"]["id"].as_str(),
        Some(app.enrollment_of(3).await.as_str())
    );
    assert_eq!(nodes[0]["outcome"], "DRY_RUN");
    assert_eq!(nodes[0]["rule"], json!({ "key": "tried", "version": 1 }));
    assert!(
        text(&nodes[0]["actions"][0]).contains("Tried"),
        "what it would have done: {}",
        nodes[0]
    );
    assert_eq!(nodes[0]["trace"][0]["verdict"], "TRUE");
    let after = page["firings"]["pageInfo"]["endCursor"].clone();
    let rest = ask(&app, &therapist, FIRINGS, json!({ "id": id, "after": after })).await["node"].clone();
    assert_eq!(rest["firings"]["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(rest["firings"]["pageInfo"]["hasNextPage"], false);
    // A designer counts them, and sees of nobody; another unit had none.
    for (token, count) in [(&designer, 3), (&app.staff(care::OTHER_THERAPIST), 0)] {
        let page = ask(&app, token, FIRINGS, json!({ "id": id })).await["node"].clone();
        assert_eq!(
            (page["firingCount"].clone(), &page["firings"]["nodes"]),
            (json!(count), &json!([]))
        );
    }

    let promoted = send(&app, &designer, PROMOTE, json!({ "ruleId": id })).await;
    assert_eq!(
        done(&promoted)["rule"],
        json!({ "id": id, "version": 2, "dryRun": false })
    );
    app.clock.advance(TimeDelta::minutes(1));
    app.work().await;
    assert_eq!(answer(&app, 4, "some").await, ["tried"]);
    app.stop().await;
}

async fn a_warning_that_was_only_tried_is_given_when_the_rule_is_promoted(kind: Kind) {
    let app = started(kind, 1).await;
    let designer = app.staff("designer");
    let mut input = measured(
        json!({ "compare": { "fact": { "programWeek": {} }, "operator": "GTE", "value": 1 } }),
        "Here",
    );
    input["trigger"] = json!({ "whenever": {} });
    input["dryRun"] = true.into();
    app.clock.advance(TimeDelta::minutes(1));
    let id = text(&done(&send(&app, &designer, SAVE, input).await)["rule"]["id"]);
    app.clock.advance(TimeDelta::minutes(1));
    app.work().await;
    let flags = "query($id: ID!) { enrollment(id: $id) { flags(first: 20) { nodes { kind causes { firing { outcome occurrence } } } } } }";
    let flags = async || {
        let data = ask(
            &app,
            &app.therapist(),
            flags,
            json!({ "id": app.enrollment_of(1).await }),
        )
        .await;
        data["enrollment"]["flags"]["nodes"].clone()
    };
    assert_eq!(flags().await, json!([]));
    done(&send(&app, &designer, PROMOTE, json!({ "ruleId": id })).await);
    app.clock.advance(TimeDelta::minutes(1));
    app.work().await;
    let firing = json!({ "outcome": "DONE", "occurrence": "episode-1" });
    assert_eq!(
        flags().await,
        json!([{ "kind": "tried", "causes": [{ "firing": firing }] }])
    );
    app.stop().await;
}

async fn a_rule_saved_anew_warns_of_what_no_longer_fits(kind: Kind) {
    let app = started(kind, 1).await;
    let (therapist, designer) = (app.therapist(), app.staff("designer"));
    let wide = text(&done(&send(&app, &designer, SAVE, measured(scored(9), "One")).await)["rule"]["id"]);
    let narrow = json!({ "ruleId": wide, "enrollmentId": app.enrollment_of(1).await, "reason": "Prov",
        "values": [{ "path": "condition.compare.value", "value": 20 }] });
    let narrow = text(&done(&send(&app, &therapist, OVERRIDE, narrow).await)["rule"]["id"]);

    let data = send(&app, &designer, SAVE, measured(scored(10), "Two")).await;
    assert_eq!(
        (&done(&data)["rule"]["version"], &data["saveRule"]["warnings"]),
        (&json!(2), &json!([]))
    );
    let seen = rule(&app, &therapist, &narrow).await;
    assert_eq!(seen["definition"]["condition"]["compare"]["value"], 20);
    assert_eq!(seen["definition"]["actions"][0]["raiseFlag"]["title"], "Two");
    assert_eq!((&seen["version"], &seen["stale"]), (&json!(2), &Value::Null));

    let week = json!({ "compare": { "fact": { "programWeek": {} }, "operator": "GTE", "value": 2 } });
    let data = send(&app, &designer, SAVE, measured(week, "Three")).await;
    assert_eq!(done(&data)["rule"]["version"], 3, "it is saved");
    let warning = &data["saveRule"]["warnings"][0];
    assert_eq!(
        (&warning["code"], &warning["path"]),
        (&json!("OVERRIDE_STALE"), &json!([]))
    );
    let message = text(&warning["message"]);
    assert!(
        message.contains("Solrosens") && message.contains("condition.compare.value"),
        "{message}"
    );
    let seen = rule(&app, &therapist, &narrow).await;
    assert!(text(&seen["stale"]).contains("condition.compare.value"));
    assert_eq!(
        seen["definition"]["actions"][0]["raiseFlag"]["title"], "Two",
        "it goes on saying what it said"
    );
    assert_eq!(seen["versions"]["nodes"].as_array().unwrap().len(), 3);
    app.stop().await;
}

async fn what_was_saved_is_shown_as_it_was_written_and_read_ever_after(kind: Kind) {
    let app = started(kind, 1).await;
    let (therapist, designer) = (app.therapist(), app.staff("designer"));
    let event = |event: Value| json!({ "event": event });
    let flag = json!({ "raiseFlag": { "kind": "a", "severity": "INFO", "title": "A", "audience": "STAFF", "autoResolve": false } });
    let limits = json!({ "quietHours": "HONOUR", "catchUp": "ONCE" });
    let schedule = json!({ "schedule": { "anchor": { "date": { "date": "2027-03-28" } }, "repeat": "FREQ=WEEKLY;BYDAY=MO",
        "slots": [{ "key": "a", "offset": "P0D", "at": "08:30" }], "until": "P84D" } });
    let ladder = json!({ "escalate": { "kind": "risk", "officeHours": true, "rungs": [
        { "key": "first", "after": "PT1H", "to": "THERAPISTS", "template": "staff-attention" },
        { "key": "last", "after": "P1D", "to": "UNIT_ADMINISTRATORS", "template": "staff-attention", "channels": ["EMAIL"] } ] } });
    let mut saved = Vec::new();
    for (place, (trigger, actions)) in [
        (
            event(json!({ "messageReceived": { "from": "CITIZEN" } })),
            json!([flag]),
        ),
        (
            event(json!({ "activityRegistered": {} })),
            json!([{ "sendMessage": { "body": "Bra!" } }]),
        ),
        (
            event(json!({ "flagUnhandled": { "kind": "risk", "after": "PT4H" } })),
            json!([flag]),
        ),
        (event(json!({ "flagRaised": { "kind": "risk" } })), json!([ladder])),
        (
            schedule,
            json!([{ "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D"] } }]),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let condition = scored(2);
        let input = json!({ "programSlug": care::PROGRAM, "key": format!("shown-{place}"), "name": "Shown", "statuses": ["ACTIVE"],
            "trigger": trigger, "condition": condition, "actions": actions, "limits": limits });
        let data = send(&app, &designer, SAVE, input.clone()).await;
        let shown = &done(&data)["rule"]["definition"];
        for part in ["statuses", "trigger", "condition", "actions", "limits"] {
            assert_eq!(shown[part], input[part], "{part}");
        }
        saved.push(text(&data["saveRule"]["rule"]["id"]));
    }

    // Saved by another Handrail, long ago.
    let old = json!({ "when": { "the": "moon" }, "is": 3 });
    rule_version::Entity::update_many()
        .set(rule_version::ActiveModel {
            definition: Set(old.clone()),
            ..<rule_version::ActiveModel as Default>::default()
        })
        .filter(rule_version::Column::Name.eq("Shown"))
        .exec(app.store.connection())
        .await
        .unwrap();
    let seen = rule(&app, &therapist, &saved[0]).await;
    assert_eq!(
        (&seen["definition"], &seen["summary"], &seen["overridable"]),
        (&old, &Value::Null, &json!([]))
    );
    assert_eq!(seen["versions"]["nodes"][0]["definition"], old);
    // Off already, it can be said to be off; to give it other values, it must be mended first.
    let unit = app.unit_id().await;
    let off = json!({ "ruleId": saved[0], "unitId": unit, "enabled": false, "reason": "Trasig" });
    done(&send(&app, &therapist, OVERRIDE, off).await);
    let values =
        json!({ "ruleId": saved[1], "unitId": unit, "reason": "Trasig", "values": [{ "path": "is", "value": 4 }] });
    assert_eq!(
        refused(&send(&app, &therapist, OVERRIDE, values).await),
        [("UNREADABLE".to_owned(), "ruleId".to_owned())]
    );
    app.stop().await;
}

both_databases!(
    a_unit_and_an_enrollment_override_a_rule_and_give_it_back,
    what_is_wrong_or_not_theirs_is_refused_at_its_field,
    a_rule_is_tried_and_then_promoted,
    a_warning_that_was_only_tried_is_given_when_the_rule_is_promoted,
    a_rule_saved_anew_warns_of_what_no_longer_fits,
    what_was_saved_is_shown_as_it_was_written_and_read_ever_after,
);
