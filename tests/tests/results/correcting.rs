//! Answering on behalf, amending and voiding.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use entity::{action, event, event::EventKind, flag, response, stored::Stored, viewer::Viewer};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, refused, text},
    database::Kind,
};
use uuid::Uuid;

use crate::{ask, change, course, fhir::bundle, follow, guarded, id_of, mood_of, morning, sent, started, submit};

async fn staff_answer_on_behalf_and_it_says_so(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    let id = id_of(enrollment);
    let activity = "lastActivityAt";
    let before = ask(&app, &app.therapist(), &id, activity).await;
    let dispatch = sent(&app, enrollment, "mood").await;
    let input = json!({ "dispatchId": dispatch, "answers": mood_of(16, true) });
    for (token, code) in [
        (app.citizen(1), "NOT_ALLOWED"),
        (app.staff("citizen-administrator"), "NOT_ALLOWED"),
        (app.staff(care::OTHER_THERAPIST), "NOT_FOUND"),
    ] {
        assert_eq!(
            refused(&change(&app, &token, "answerOnBehalf", input.clone()).await)[0].0,
            code
        );
    }
    let missing = json!({ "dispatchId": dispatch, "answers": [{ "item": "q1", "value": "never" }] });
    let refusals = refused(&change(&app, &app.therapist(), "answerOnBehalf", missing).await);
    assert_eq!(refusals[0].1, "answers.q1");

    app.clock.advance(Duration::minutes(5));
    let answer = change(&app, &app.therapist(), "answerOnBehalf", input.clone()).await;
    let result = &done(&answer)["result"];
    assert_eq!(result["scores"][0]["value"], 16.0);
    let by = json!({ "as": "STAFF", "onBehalf": true, "staff": { "displayName": "Person therapist" } });
    assert_eq!(result["answeredBy"], by);
    let own = ask(
        &app,
        &app.citizen(1),
        &id,
        "results { answeredBy { as onBehalf staff { displayName } } amendment { at } }",
    )
    .await;
    assert_eq!(
        own["results"],
        json!([{ "answeredBy": by, "amendment": null }]),
        "the citizen sees it, too"
    );
    assert_eq!(
        ask(&app, &app.therapist(), &id, activity).await,
        before,
        "the citizen did nothing"
    );
    let again = refused(&change(&app, &app.therapist(), "answerOnBehalf", input).await);
    assert_eq!(again, [("ALREADY_ANSWERED".to_owned(), "dispatchId".to_owned())]);
    app.stop().await;
}

async fn an_amendment_takes_the_place_and_keeps_what_was_there(kind: Kind) {
    let (app, enrollment) = course(kind).await;
    let therapist = app.therapist();
    let results = ask(
        &app,
        &therapist,
        &enrollment,
        "results(form: \"mood\") { id completedAt }",
    )
    .await;
    let (first, at) = (
        text(&results["results"][0]["id"]),
        results["results"][0]["completedAt"].clone(),
    );
    let input = json!({ "resultId": first, "answers": mood_of(12, true), "reason": "Typed wrongly from paper" });
    for (token, code) in [
        (app.citizen(1), "NOT_ALLOWED"),
        (app.staff(care::OTHER_THERAPIST), "NOT_FOUND"),
    ] {
        assert_eq!(
            refused(&change(&app, &token, "amendResult", input.clone()).await)[0].0,
            code
        );
    }
    for (field, value, path) in [
        ("reason", json!("  "), "reason"),
        ("answers", json!([{ "item": "q1", "value": "never" }]), "answers.q1"),
        ("resultId", json!("nothing"), "resultId"),
    ] {
        let mut wrong = input.clone();
        wrong[field] = value;
        assert_eq!(
            refused(&change(&app, &therapist, "amendResult", wrong).await)[0].1,
            path
        );
    }
    app.clock.advance(Duration::days(1));
    let answer = change(&app, &app.therapist(), "amendResult", input.clone()).await;
    let amended = done(&answer)["result"].clone();
    assert_eq!(
        amended["scores"][0],
        json!({ "value": 12.0, "complete": true, "band": { "key": "moderate" } })
    );
    assert_eq!(amended["completedAt"], at, "it counts as answered when the first was");
    assert_eq!(amended["answeredBy"]["as"], "CITIZEN");
    assert_eq!(amended["amendment"]["reason"], "Typed wrongly from paper");
    assert_eq!(amended["amendment"]["by"]["displayName"], "Person therapist");
    let former = &amended["supersedes"];
    assert_eq!(
        (&former["id"], &former["scores"][0]["value"]),
        (&json!(first), &json!(21.0))
    );
    assert_eq!(former["answers"].as_array().unwrap().len(), 9);
    assert_eq!(former["supersededAt"], amended["amendment"]["at"]);
    assert_eq!(
        refused(&change(&app, &app.therapist(), "amendResult", input).await),
        [("NOT_CURRENT".to_owned(), "resultId".to_owned())]
    );

    // It stands first, and everything is counted from it: 6 − 12.
    let fields =
        "resultSeries(form: \"mood\", scale: \"total\") { points { value } change { fromFirst reliable { verdict } } }
        results(form: \"mood\") { id amendment { reason } supersedes { id } }
        history: results(form: \"mood\", withHistory: true) { id supersededAt }";
    let seen = ask(&app, &app.therapist(), &enrollment, fields).await;
    assert_eq!(seen["resultSeries"]["points"][0]["value"], 12.0);
    assert_eq!(seen["resultSeries"]["points"].as_array().unwrap().len(), 8);
    // −6 ÷ 3.6 is −1.67.
    assert_eq!(
        seen["resultSeries"]["change"],
        json!({ "fromFirst": -6.0, "reliable": { "verdict": "NO_RELIABLE_CHANGE" } })
    );
    assert_eq!(seen["results"].as_array().unwrap().len(), 8);
    assert_eq!(seen["history"].as_array().unwrap().len(), 9);
    let own = ask(&app, &app.citizen(1), &enrollment, fields).await;
    assert_eq!(
        own["results"][0]["amendment"],
        json!({ "reason": null }),
        "why is for staff"
    );
    assert_eq!(own["results"][0]["supersedes"], Value::Null);
    assert_eq!(own["history"].as_array().unwrap().len(), 8, "and so is what was there");

    let resources = bundle(&app, &app.therapist(), &enrollment).await;
    assert_eq!(resources.len(), 32);
    let amended: Vec<&Value> = resources
        .iter()
        .filter(|resource| resource["status"] == "amended")
        .collect();
    assert_eq!(amended.len(), 2);
    let first = api_id(&first);
    assert_eq!(amended[0]["id"], first, "an amended resource keeps its id");
    assert_eq!(amended[1]["valueQuantity"]["value"], 12);
    app.stop().await;
}

/// The identity inside a client's id.
fn api_id(id: &str) -> String {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).unwrap()).unwrap();
    text.split_once(':').unwrap().1.to_owned()
}

async fn what_is_voided_counts_nowhere_and_is_kept(kind: Kind) {
    let (app, enrollment) = course(kind).await;
    let results = ask(&app, &app.therapist(), &enrollment, "results(form: \"mood\") { id }").await;
    let last = text(&results["results"][7]["id"]);
    let input = json!({ "resultId": last, "reason": "Answered by somebody else" });
    for (token, code) in [
        (app.citizen(1), "NOT_ALLOWED"),
        (app.staff(care::OTHER_THERAPIST), "NOT_FOUND"),
    ] {
        assert_eq!(
            refused(&change(&app, &token, "voidResult", input.clone()).await)[0].0,
            code
        );
    }
    let answer = change(&app, &app.therapist(), "voidResult", input.clone()).await;
    let voided = &done(&answer)["result"];
    assert_eq!(voided["voiding"]["reason"], "Answered by somebody else");
    assert_eq!(voided["voiding"]["at"], voided["voidedAt"]);
    assert_eq!(voided["scores"][0]["value"], 6.0, "what was there is kept");
    let again = refused(&change(&app, &app.therapist(), "voidResult", input).await);
    assert_eq!(again, [("NOT_CURRENT".to_owned(), "resultId".to_owned())]);

    let fields = "resultSeries(form: \"mood\", scale: \"total\") { points { value } change { fromFirst } }
        results(form: \"mood\") { id } history: results(form: \"mood\", withHistory: true) { id }
        dispatches(first: 100, status: [COMPLETED]) { nodes { id } } resultTableUrl(form: \"mood\")";
    for (token, history) in [(app.therapist(), 8), (app.citizen(1), 7)] {
        let seen = ask(&app, &token, &enrollment, fields).await;
        assert_eq!(seen["resultSeries"]["points"].as_array().unwrap().len(), 7);
        assert_eq!(seen["resultSeries"]["change"]["fromFirst"], -13.0);
        assert_eq!(seen["results"].as_array().unwrap().len(), 7);
        assert_eq!(seen["history"].as_array().unwrap().len(), history);
        assert_eq!(
            seen["dispatches"]["nodes"].as_array().unwrap().len(),
            16,
            "the form stays answered"
        );
        let csv = guarded(follow(&app, &seen["resultTableUrl"]).await, "text/csv; charset=utf-8").await;
        assert_eq!(csv.lines().count(), 8);
        let node = "query($id: ID!) { result(id: $id) { id } }";
        let found = app.client.query(&token, node, json!({ "id": last })).await.data();
        assert_eq!(
            found["result"].is_null(),
            history == 7,
            "a citizen does not find it any more"
        );
    }
    let resources = bundle(&app, &app.therapist(), &enrollment).await;
    let wrong: Vec<&Value> = resources
        .iter()
        .filter(|resource| resource["status"] == "entered-in-error")
        .collect();
    assert_eq!(wrong.len(), 2);
    assert_eq!(wrong[0]["id"], api_id(&last));
    assert!(
        wrong
            .iter()
            .all(|resource| resource["item"].is_null() && resource["valueQuantity"].is_null())
    );
    assert_eq!(bundle(&app, &app.citizen(1), &enrollment).await.len(), 30);
    app.stop().await;
}

/// Rules judge by what counts at each instant: a flag that a wrong answer raised stays, and resolves itself once it is amended;
/// what is voided is as if it were not there, from then on.
async fn rules_follow_what_is_put_right(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    let score = json!({ "score": { "form": "mood", "scale": "total", "pick": "LATEST" } });
    let high = json!({ "trigger": { "whenever": {} },
        "condition": { "compare": { "fact": score, "operator": "GTE", "value": 15 } },
        "actions": [{ "raiseFlag": { "kind": "high", "severity": "WARNING", "title": "High", "audience": "STAFF", "autoResolve": true } }] });
    care::save_rule(&app.store, "high", high).await;
    app.work().await;
    let flags = async || -> Vec<String> {
        let rows = flag::Entity::find().all(app.store.connection()).await.unwrap();
        rows.iter().map(|row| entity::stored::word(&row.status.0)).collect()
    };
    let step = async || {
        app.clock.advance(Duration::hours(1));
        app.work().await;
    };
    let low = submit(&app, enrollment, "mood", mood_of(8, true)).await;
    step().await;
    let high = submit(&app, enrollment, "mood", mood_of(20, true)).await;
    step().await;
    assert_eq!(flags().await, ["OPEN"]);

    let input = json!({ "resultId": high, "answers": mood_of(10, true), "reason": "Wrong person's paper" });
    let answer = change(&app, &app.therapist(), "amendResult", input).await;
    let amended = text(&done(&answer)["result"]["id"]);
    step().await;
    assert_eq!(
        flags().await,
        ["AUTO_RESOLVED"],
        "the cause ended, and the flag with it"
    );

    // The first answer is put right: it does not become the latest.
    let input = json!({ "resultId": low, "answers": mood_of(25, true), "reason": "Wrong paper, too" });
    done(&change(&app, &app.therapist(), "amendResult", input).await);
    step().await;
    assert_eq!(flags().await, ["AUTO_RESOLVED"]);
    // Without the second answer, the first is the latest again.
    let input = json!({ "resultId": amended, "reason": "Not hers" });
    done(&change(&app, &app.therapist(), "voidResult", input).await);
    step().await;
    let mut now = flags().await;
    now.sort();
    assert_eq!(now, ["AUTO_RESOLVED", "OPEN"]);

    let kinds = [EventKind::ResponseAmended, EventKind::ResponseVoided];
    let events = event::Entity::find().filter(event::Column::Kind.is_in(kinds.map(Stored)));
    assert_eq!(events.count(app.store.connection()).await.unwrap(), 3);
    // At that hour it was a high score, and it still is what the rule saw.
    let then = morning() + Duration::hours(2) - Duration::minutes(1);
    let query =
        "query($id: ID!, $at: DateTime) { enrollment(id: $id) { ruleEvaluations(at: $at) { trace { verdict } } } }";
    let id = id_of(enrollment);
    let variables = json!({ "id": id, "at": then });
    let data = app.client.query(&app.therapist(), query, variables).await.data();
    assert_eq!(
        data["enrollment"]["ruleEvaluations"][0]["trace"][0]["verdict"], "TRUE",
        "{data}"
    );
    app.stop().await;
}

/// A correction is possible also after the end, and while nobody answers.
async fn a_record_is_put_right_after_the_end(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    let result = submit(&app, enrollment, "mood", mood_of(8, true)).await;
    care::change_status(&app.store, enrollment, rules::facts::Status::Completed, None).await;
    let input = json!({ "resultId": result, "answers": mood_of(9, true), "reason": "Found on paper" });
    let answer = change(&app, &app.therapist(), "amendResult", input).await;
    assert_eq!(done(&answer)["result"]["scores"][0]["value"], 9.0);
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let voided = action::response::void(&mut act, Uuid::nil(), "x").await;
    assert!(voided.is_err());
    app.stop().await;
}

/// During an upgrade, processes that do not know yet that answers can be corrected do not say when a form was answered and by whom.
async fn what_an_older_process_took_counts_as_answered_when_it_was_submitted(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    for total in [3, 9] {
        submit(&app, enrollment, "mood", mood_of(total, true)).await;
        app.clock.advance(Duration::days(7));
    }
    response::Entity::update_many()
        .col_expr(response::Column::AnsweredAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(response::Column::AnsweredBy, Expr::value(None::<String>))
        .filter(response::Column::SubmittedAt.gt(morning()))
        .exec(app.store.connection())
        .await
        .unwrap();
    submit(&app, enrollment, "mood", mood_of(6, true)).await;
    let fields = "results(last: 10) { completedAt answeredBy { as } scores { value } }";
    let seen = ask(&app, &app.therapist(), &id_of(enrollment), fields).await;
    let given = |weeks: i64, value: f64| {
        json!({ "completedAt": (morning() + Duration::days(7 * weeks)).to_rfc3339(), "answeredBy": { "as": "CITIZEN" },
            "scores": [{ "value": value }] })
    };
    assert_eq!(seen["results"], json!([given(0, 3.0), given(1, 9.0), given(2, 6.0)]));
}

both_databases!(
    what_an_older_process_took_counts_as_answered_when_it_was_submitted,
    staff_answer_on_behalf_and_it_says_so,
    an_amendment_takes_the_place_and_keeps_what_was_there,
    what_is_voided_counts_nowhere_and_is_kept,
    rules_follow_what_is_put_right,
    a_record_is_put_right_after_the_end,
);
