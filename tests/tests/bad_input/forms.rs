//! Forms that cannot be answered, and answers that do not fit.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::{
    both_databases,
    client::{done, refused, weekly_measure},
    database::Kind,
};

use super::{responses, started};

async fn a_form_is_answered_once(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    let citizen = app.citizen(1);
    let submit = async |options| {
        let input = json!({ "dispatchId": dispatch, "answers": weekly_measure(options) });
        app.client.input(&citizen, "SubmitResponse", input).await
    };
    let first = done(&submit(["no"; 9]).await)["result"].clone();
    let again = submit(["all"; 9]).await;
    assert_eq!(
        refused(&again),
        [("ALREADY_ANSWERED".to_owned(), "dispatchId".to_owned())]
    );
    let draft = json!({ "dispatchId": dispatch, "answers": weekly_measure(["all"; 9]) });
    assert_eq!(
        refused(&app.client.input(&citizen, "SaveDraft", draft).await)[0].0,
        "ALREADY_ANSWERED"
    );
    assert_eq!(responses(&app).await, 1);
    assert_eq!(first["scores"][0]["value"], 0.0);
}

async fn two_at_once_answer_once(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    let citizen = app.citizen(1);
    let submit = async || {
        let input = json!({ "dispatchId": dispatch, "answers": weekly_measure(["some"; 9]) });
        app.client.input(&citizen, "SubmitResponse", input).await
    };
    let both = futures_util::future::join_all((0..5).map(|_| submit())).await;
    let accepted = both
        .iter()
        .filter(|data| data["submitResponse"]["errors"] == json!([]))
        .count();
    assert_eq!((accepted, responses(&app).await), (1, 1));
}

async fn an_expired_form_is_not_answered(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    // The worker has not come round yet: the clock alone decides.
    app.clock.advance(TimeDelta::days(3));
    let input = json!({ "dispatchId": dispatch, "answers": weekly_measure(["no"; 9]) });
    let late = app.client.input(&app.citizen(1), "SubmitResponse", input.clone()).await;
    assert_eq!(refused(&late), [("EXPIRED".to_owned(), "dispatchId".to_owned())]);
    app.work().await;
    let late = app.client.input(&app.citizen(1), "SubmitResponse", input).await;
    assert_eq!(refused(&late), [("EXPIRED".to_owned(), "dispatchId".to_owned())]);
    assert_eq!(responses(&app).await, 0);
}

async fn answers_that_do_not_fit_are_named_and_the_draft_stays(kind: Kind) {
    let Some((app, dispatch)) = started(kind).await else {
        return;
    };
    let citizen = app.citizen(1);
    let draft = json!([{ "item": "q1", "value": "most" }]);
    done(
        &app.client
            .input(
                &citizen,
                "SaveDraft",
                json!({ "dispatchId": dispatch, "answers": draft }),
            )
            .await,
    );
    let submit = async |answers: Value| {
        let input = json!({ "dispatchId": dispatch, "answers": answers });
        refused(&app.client.input(&citizen, "SubmitResponse", input).await)
    };
    let missing = submit(json!([{ "item": "q1", "value": "no" }])).await;
    let paths: Vec<_> = missing.iter().map(|(_, path)| path.as_str()).collect();
    assert_eq!(
        paths,
        (2..=9).map(|n| format!("answers.q{n}")).collect::<Vec<_>>(),
        "{missing:?}"
    );
    assert!(missing.iter().all(|(code, _)| code == "REQUIRED"), "{missing:?}");

    let with = |item: &str, value: Value| {
        let mut answers = weekly_measure(["no"; 9]);
        let list = answers.as_array_mut().unwrap();
        list.retain(|answer| answer["item"] != item);
        list.push(json!({ "item": item, "value": value }));
        answers
    };
    for (item, value) in [
        ("q3", json!("maybe")),
        ("q3", json!(2)),
        ("q3", json!(true)),
        ("q3", json!(["no"])),
        ("q10", json!("no")),
    ] {
        let found = submit(with(item, value.clone())).await;
        assert_eq!(found.len(), 1, "{item} {value}: {found:?}");
        assert_eq!(found[0].1, format!("answers.{item}"), "{value}: {found:?}");
    }
    // Hidden by enableWhen, since q1 is not "all".
    assert_eq!(submit(with("note", json!("hidden"))).await[0].1, "answers.note");
    assert_eq!(responses(&app).await, 0);
    let kept = app
        .client
        .ask(&citizen, "FormToFill", json!({ "dispatchId": dispatch }))
        .await;
    assert_eq!(
        kept["dispatch"]["draft"]["answers"],
        json!([{ "item": { "key": "q1" }, "value": "most" }])
    );
}

both_databases!(
    a_form_is_answered_once,
    two_at_once_answer_once,
    an_expired_form_is_not_answered,
    answers_that_do_not_fit_are_named_and_the_draft_stays,
);
