//! Fields, types, rules, ids and people that make no sense.

use entity::{dispatch, rule_version};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{document, refused},
    database::Kind,
};

use super::started;

async fn fields_and_types_that_do_not_exist_are_named(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    let citizen = app.citizen(1);
    let expect = async |query: &str, variables: Value, word: &str| {
        let answer = app.client.query(&citizen, query, variables).await;
        assert!(
            answer.status.is_client_error() || answer.status.is_success(),
            "{}",
            answer.status
        );
        assert!(!answer.code().is_empty());
        assert!(
            answer.body["errors"][0]["message"].as_str().unwrap().contains(word),
            "{word}: {}",
            answer.body
        );
        assert!(answer.body.get("data").is_none_or(Value::is_null), "{}", answer.body);
    };
    expect("{ viewer { nonsense } }", json!({}), "nonsense").await;
    expect("{ viewer {", json!({}), "").await;
    expect("{ dispatch(id: 5.5) { id } }", json!({}), "").await;
    let submit = document("SubmitResponse");
    let unknown = json!({ "input": { "dispatchId": dispatch, "answers": [], "colour": "red" } });
    expect(submit, unknown, "colour").await;
    expect(
        submit,
        json!({ "input": { "dispatchId": dispatch, "answers": "all" } }),
        "",
    )
    .await;
    expect(submit, json!({ "input": { "answers": [] } }), "dispatchId").await;
    expect(submit, json!({}), "input").await;
    // What the rest of the page asks for is answered all the same.
    let variables = json!({ "now": "yesterday", "until": "2027-03-01T00:00:00Z" });
    let page = app.client.query(&citizen, document("CitizenHome"), variables).await;
    assert!(!page.code().is_empty());
    // What is no id at all is nothing that is there.
    let nothing = app
        .client
        .ask(
            &citizen,
            "FormToFill",
            json!({ "dispatchId": "1; drop table dispatch" }),
        )
        .await;
    assert_eq!(nothing["dispatch"], Value::Null);
    let input = json!({ "dispatchId": app.enrollment_of(1).await, "answers": [] });
    assert_eq!(
        refused(&app.client.input(&citizen, "SubmitResponse", input).await)[0].0,
        "NOT_FOUND",
        "an id of something else"
    );
}

async fn a_rule_that_makes_no_sense_is_refused_at_its_places(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let versions = async || {
        rule_version::Entity::find()
            .count(app.store.connection())
            .await
            .unwrap()
    };
    let before = versions().await;
    let save = async |trigger: Value, condition: Value, actions: Value| {
        let input = json!({ "programSlug": care::PROGRAM, "key": "new", "name": "New", "enabled": true, "trigger": trigger,
            "condition": condition, "actions": actions });
        app.client
            .query(&app.staff("designer"), document("SaveRule"), json!({ "input": input }))
            .await
    };
    let measured = json!({ "event": { "formCompleted": { "form": "weekly-measure" } } });
    let send = |form: &str| json!([{ "dispatchForm": { "form": form } }]);

    let errors = refused(&save(measured.clone(), Value::Null, send("no-such-form")).await.data());
    assert!(
        errors
            .iter()
            .any(|(code, path)| code == "UNKNOWN_FORM" && path.starts_with("actions.0")),
        "{errors:?}"
    );
    let unknown = json!({ "event": { "formCompleted": { "form": "no-such-form" } } });
    let errors = refused(&save(unknown, Value::Null, send("diary")).await.data());
    assert!(
        errors
            .iter()
            .any(|(code, path)| code == "UNKNOWN_FORM" && path.starts_with("trigger")),
        "{errors:?}"
    );
    let item = json!({ "compare": { "fact": { "answer": { "form": "weekly-measure", "item": "q99" } }, "operator": "GTE", "value": 2 } });
    let errors = refused(&save(measured.clone(), item, send("diary")).await.data());
    assert!(
        errors.iter().any(|(_, path)| path.starts_with("condition")),
        "{errors:?}"
    );
    let never = json!({ "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=SOMETIMES",
        "slots": [{ "key": "a", "offset": "P0D", "at": "09:30" }] } });
    let errors = refused(&save(never, Value::Null, send("diary")).await.data());
    assert!(
        errors
            .iter()
            .any(|(_, path)| path.starts_with("trigger.schedule.repeat")),
        "{errors:?}"
    );
    assert!(!refused(&save(measured.clone(), Value::Null, json!([])).await.data()).is_empty());
    // Two triggers at once are no trigger: the type says so.
    let two = json!({ "event": { "signedIn": {} }, "whenever": {} });
    assert!(!save(two, Value::Null, send("diary")).await.code().is_empty());
    assert_eq!(versions().await, before);
    // A therapist at another unit, a citizen: nobody of those writes the program's rules.
    let input = json!({ "programSlug": care::PROGRAM, "key": "new", "name": "New", "enabled": true, "trigger": measured,
        "actions": send("diary") });
    assert!(!refused(&app.client.input(&app.citizen(1), "SaveRule", input).await).is_empty());
    assert_eq!(versions().await, before);
}

async fn ids_of_another_unit_are_not_there(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let elsewhere = care::enroll(&app.store, app.care.other_unit, app.care.other_therapist, 2, None).await;
    app.work().await;
    let before = dispatch::Entity::find().count(app.store.connection()).await.unwrap();
    let foreign = app.enrollment_of(2).await;
    let input = json!({ "enrollmentId": foreign, "formKey": "worry-measure" });
    assert_eq!(
        refused(&app.client.input(&app.therapist(), "DispatchForm", input).await),
        [("NOT_FOUND".to_owned(), "enrollmentId".to_owned())]
    );
    assert_eq!(
        dispatch::Entity::find().count(app.store.connection()).await.unwrap(),
        before,
        "{elsewhere}"
    );
    // A unit of the same provider where the viewer has no role.
    let other = app
        .client
        .ask(&app.staff(care::OTHER_THERAPIST), "WhoAmI", json!({}))
        .await;
    let input = json!({ "programSlug": care::PROGRAM, "unitId": other["viewer"]["unit"]["id"], "therapistIds": [],
        "citizen": { "personalIdentityNumber": care::identity_number(3), "givenName": "A", "familyName": "B" } });
    assert_eq!(
        refused(&app.client.input(&app.therapist(), "StartEnrollment", input).await)[0].0,
        "NOT_FOUND"
    );
}

async fn people_are_checked(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let me = app.client.ask(&app.therapist(), "WhoAmI", json!({})).await;
    let begin = async |changes: Value| {
        let mut citizen =
            json!({ "personalIdentityNumber": care::identity_number(9), "givenName": "A", "familyName": "B" });
        let mut input =
            json!({ "programSlug": care::PROGRAM, "unitId": me["viewer"]["unit"]["id"], "therapistIds": [] });
        for (key, value) in changes.as_object().unwrap() {
            if input.get(key).is_some() || key == "timeZone" {
                input[key] = value.clone();
            } else {
                citizen[key] = value.clone();
            }
        }
        input["citizen"] = citizen;
        refused(&app.client.input(&app.therapist(), "StartEnrollment", input).await)
    };
    for (changes, path) in [
        (
            json!({ "personalIdentityNumber": "19900101-0001" }),
            "citizen.personalIdentityNumber",
        ),
        (
            json!({ "personalIdentityNumber": "hello" }),
            "citizen.personalIdentityNumber",
        ),
        (json!({ "givenName": "" }), "citizen.givenName"),
        (json!({ "email": "nobody" }), "citizen.email"),
        (json!({ "timeZone": "Europe/Atlantis" }), "timeZone"),
        (json!({ "programSlug": "no-such-program" }), "programSlug"),
    ] {
        let errors = begin(changes).await;
        assert_eq!((errors.len(), errors[0].1.as_str()), (1, path), "{errors:?}");
    }
    // Somebody who takes part already does not begin twice.
    let errors = begin(json!({ "personalIdentityNumber": care::identity_number(1) })).await;
    assert_eq!(errors[0].0, "ALREADY_ENROLLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_and_types() {
    fields_and_types_that_do_not_exist_are_named(Kind::Sqlite).await;
}

both_databases!(
    a_rule_that_makes_no_sense_is_refused_at_its_places,
    ids_of_another_unit_are_not_there,
    people_are_checked,
);
