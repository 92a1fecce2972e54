//! One citizen is found by their number, and threads by whether they are read, who looks after them, and what was promised.

use api::graphql::Kind as Of;
use chrono::TimeDelta;
use entity::access_log;
use sea_orm::{EntityTrait, PaginatorTrait, QueryOrder, QuerySelect};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{Answer, done, text},
    database::Kind,
};

use super::{monday, of};

const LIST: &str = "query($first: Int!, $after: String, $order: EnrollmentOrder = STARTED_AT, $number: String,
        $unread: Boolean, $handler: AssigneeInput) {
    viewer { ... on StaffViewer { unit { enrollments(first: $first, after: $after, orderBy: $order,
        personalIdentityNumber: $number, unread: $unread, messagesHandledBy: $handler) {
        totalCount nodes { id unreadMessageCount answerBefore messagesHandledBy { displayName } }
        pageInfo { hasNextPage endCursor } } } } } }";
/// A list with all filters and its count: who handles the messages and what was promised, and one access-log insert.
const STATEMENTS: u64 = 5;

/// The list with these variables, ten rows where they do not say.
async fn ask(app: &TestApp, token: &str, mut variables: Value) -> Answer {
    variables["first"] = variables["first"].as_i64().unwrap_or(10).into();
    app.client.query(token, LIST, variables).await
}

/// The list, as its rows and their ids.
async fn list(app: &TestApp, token: &str, variables: Value) -> (Value, Vec<String>) {
    let data = ask(app, token, variables).await.data();
    let list = data["viewer"]["unit"]["enrollments"].clone();
    let ids = list["nodes"].as_array().unwrap().iter().map(|node| text(&node["id"]));
    let ids = ids.collect();
    (list, ids)
}

async fn found(app: &TestApp, token: &str, variables: Value) -> Vec<String> {
    let (list, ids) = list(app, token, variables).await;
    assert_eq!(list["totalCount"], ids.len());
    ids
}

/// The nth citizen writes.
async fn write(app: &TestApp, n: u32, enrollment: &str) {
    let input = json!({ "enrollmentId": enrollment, "body": "Hej" });
    done(
        &app.client
            .mutate(&app.citizen(n), "sendMessage", input, "message { id }")
            .await,
    );
}

async fn hand_over(app: &TestApp, enrollment: &str, staff: Option<String>) {
    let input = json!({ "enrollmentId": enrollment, "staffId": staff });
    let fields = "enrollment { id }";
    done(
        &app.client
            .mutate(&app.therapist(), "handOverMessages", input, fields)
            .await,
    );
}

/// As many citizens at the unit, from the first on.
async fn ward(kind: Kind, people: u32) -> (TestApp, Vec<String>) {
    let app = TestApp::start(kind, monday()).await;
    let mut enrollments = Vec::new();
    for n in 1..=people {
        enrollments.push(of(Of::Enrollment, app.enroll(n).await));
        // Ids of one millisecond are in no order.
        app.clock.advance(TimeDelta::milliseconds(1));
    }
    app.work().await;
    (app, enrollments)
}

async fn a_citizen_is_found_by_their_number(kind: Kind) {
    let (app, enrollments) = ward(kind, 3).await;
    let elsewhere = (app.care.other_unit, app.care.other_therapist);
    care::enroll(&app.store, elsewhere.0, elsewhere.1, 4, None).await;
    let blocking = app.enroll(5).await;
    care::block(&app.store, blocking, app.care.unit).await;
    let number = care::identity_number(2);
    let short = format!("{}-{}", &number[2..8], &number[8..]);
    let log = access_log::Entity::find();
    let logged = async || log.clone().count(app.store.connection()).await.unwrap();

    for token in [app.therapist(), app.staff("citizen-administrator")] {
        for written in [&number, &short, &format!(" {} ", &number)] {
            let before = logged().await;
            let answer = ask(&app, &token, json!({ "number": written })).await;
            assert!(!answer.body.to_string().contains(&number[2..]), "{}", answer.body);
            assert_eq!(
                found(&app, &token, json!({ "number": written })).await,
                [enrollments[1].clone()]
            );
            assert_eq!(logged().await, before + 2, "as whatever a list shows");
        }
    }
    let last = log.clone().order_by_desc(access_log::Column::At).limit(1);
    let last = last.one(app.store.connection()).await.unwrap().unwrap();
    assert!(!format!("{last:?}").contains(&number[2..]), "{last:?}");

    // Whom the list would not show is not found, and nothing is told of them.
    let before = logged().await;
    for n in [4, 5, 6] {
        let number = json!({ "number": care::identity_number(n) });
        assert_eq!(found(&app, &app.therapist(), number).await, [""; 0], "{n}");
    }
    for who in ["unit-administrator", "designer"] {
        let number = json!({ "number": number });
        assert_eq!(found(&app, &app.staff(who), number).await, [""; 0], "{who}");
    }
    assert_eq!(logged().await, before);

    let wrong = format!("{}{}", &number[..11], (number[11..].parse::<u32>().unwrap() + 1) % 10);
    for written in [wrong.as_str(), "Anna", ""] {
        let answer = ask(&app, &app.therapist(), json!({ "number": written })).await;
        assert_eq!(answer.code(), "BAD_IDENTITY_NUMBER", "{written}");
        let error = &answer.body["errors"][0];
        assert_eq!(error["extensions"]["argument"], json!(["personalIdentityNumber"]));
        assert!(written.is_empty() || !answer.body.to_string().contains(written));
    }
    app.stop().await;
}

async fn threads_are_found_by_what_is_unread_and_who_looks_after_them(kind: Kind) {
    let (app, enrollments) = ward(kind, 3).await;
    let colleague = care::colleague(&app.store, app.care.unit).await;
    let [one, two, three] = [0, 1, 2].map(|n| enrollments[n].clone());
    let (therapist, administrator) = (app.therapist(), app.staff("citizen-administrator"));
    let find = async |variables: Value| {
        let mut ids = found(&app, &app.therapist(), variables).await;
        ids.sort_by_key(|id| enrollments.iter().position(|known| known == id));
        ids
    };
    write(&app, 2, &two).await;
    assert_eq!(find(json!({ "unread": true })).await, std::slice::from_ref(&two));
    assert_eq!(find(json!({ "unread": false })).await, [one.clone(), three.clone()]);
    let answer = json!({ "enrollmentId": one, "body": "Hej" });
    done(
        &app.client
            .mutate(&therapist, "sendMessage", answer, "message { id }")
            .await,
    );
    assert_eq!(
        find(json!({ "unread": true })).await,
        std::slice::from_ref(&two),
        "what the citizen wrote"
    );

    let (me, nobody) = (json!({ "is": "ME" }), json!({ "is": "NOBODY" }));
    let staff = |id| of(Of::Staff, id);
    let theirs = json!({ "staffId": staff(colleague) });
    hand_over(&app, &one, Some(staff(colleague))).await;
    hand_over(&app, &two, Some(staff(colleague))).await;
    app.clock.advance(TimeDelta::minutes(1));
    hand_over(&app, &two, Some(staff(app.care.therapist))).await;
    assert_eq!(find(json!({ "handler": me })).await, std::slice::from_ref(&two));
    assert_eq!(find(json!({ "handler": theirs })).await, std::slice::from_ref(&one));
    assert_eq!(find(json!({ "handler": nobody })).await, std::slice::from_ref(&three));
    assert_eq!(find(json!({ "handler": me, "unread": false })).await, [""; 0]);
    app.clock.advance(TimeDelta::minutes(1));
    hand_over(&app, &one, None).await;
    assert_eq!(find(json!({ "handler": nobody })).await, [one.clone(), three.clone()]);
    hand_over(&app, &three, Some(staff(colleague))).await;

    // Whoever sees no messages learns nothing of them.
    for (variables, all) in [
        (json!({ "unread": true }), 0),
        (json!({ "unread": false }), 3),
        (json!({ "handler": theirs }), 0),
        (json!({ "handler": nobody }), 3),
    ] {
        let ids = found(&app, &administrator, variables.clone()).await;
        assert_eq!(ids.len(), all, "{variables}");
    }

    // What is looked after by who does not treat there any more is looked after by nobody.
    let held = super::assignment_of(&app, colleague).await;
    let revoke = json!({ "assignmentId": held });
    let head = app.staff("unit-administrator");
    done(
        &app.client
            .mutate(&head, "revokeAssignment", revoke, "assignment { id }")
            .await,
    );
    app.store.refresh().await.unwrap();
    assert_eq!(find(json!({ "handler": theirs })).await, [""; 0]);
    assert_eq!(find(json!({ "handler": nobody })).await, [one, three]);
    app.stop().await;
}

/// Has the unit promise to answer within so many working days.
async fn promise(app: &TestApp, days: u32) {
    let input = json!({ "unitId": of(Of::Unit, app.care.unit), "workingDays": days });
    let head = app.staff("unit-administrator");
    done(&app.client.mutate(&head, "setAnswerPromise", input, "unit { id }").await);
}

async fn whoever_is_to_be_answered_first_comes_first(kind: Kind) {
    let (app, enrollments) = ward(kind, 5).await;
    // Nothing is promised to the fifth, the third is promised more than the first, and the fourth has not asked.
    write(&app, 5, &enrollments[4]).await;
    promise(&app, 5).await;
    write(&app, 3, &enrollments[2]).await;
    promise(&app, 2).await;
    write(&app, 1, &enrollments[0]).await;
    app.clock.advance(TimeDelta::days(1));
    write(&app, 2, &enrollments[1]).await;
    write(&app, 1, &enrollments[0]).await;
    let expected = [0, 1, 2, 3, 4].map(|n: usize| enrollments[n].clone());

    let order = json!({ "order": "ANSWER_BEFORE" });
    let (all, ids) = list(&app, &app.therapist(), order.clone()).await;
    assert_eq!(ids, expected);
    let promised = all["nodes"].as_array().unwrap().iter();
    let promised: Vec<Option<&str>> = promised.map(|node| node["answerBefore"].as_str()).collect();
    assert!(
        promised[..3].is_sorted() && promised[..3].iter().all(Option::is_some),
        "{promised:?}"
    );
    assert_eq!(promised[3..], [None, None]);

    // Page by page: also from one promise to the next, and from the last one on.
    for first in [1, 2] {
        let (mut seen, mut after, mut more) = (Vec::new(), Value::Null, true);
        while more {
            let variables = json!({ "first": first, "after": after, "order": "ANSWER_BEFORE" });
            let (page, ids) = list(&app, &app.therapist(), variables).await;
            seen.extend(ids);
            more = page["pageInfo"]["hasNextPage"].as_bool().unwrap();
            after = page["pageInfo"]["endCursor"].clone();
        }
        assert_eq!(seen, expected, "{first}");
    }
    let wrong = json!({ "after": "bm9uc2Vuc2UKeA", "order": "ANSWER_BEFORE" });
    assert_eq!(ask(&app, &app.therapist(), wrong).await.code(), "BAD_CURSOR");

    // It tells whoever sees no messages nothing: theirs is the order of ids, on every page.
    let mut by_id: Vec<String> = Vec::new();
    let mut after = Value::Null;
    for _ in 0..5 {
        let variables = json!({ "first": 1, "after": after, "order": "ANSWER_BEFORE" });
        let (page, ids) = list(&app, &app.staff("citizen-administrator"), variables).await;
        by_id.extend(ids);
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(by_id, expected, "they were enrolled in this order");
    app.stop().await;
}

async fn the_list_takes_as_many_statements_for_fifty_as_for_five(kind: Kind) {
    let (app, mut enrollments) = ward(kind, 5).await;
    promise(&app, 2).await;
    let mut counts = Vec::new();
    for shown in [5, 50] {
        for n in enrollments.len() + 1..=shown {
            let n = u32::try_from(n).unwrap();
            enrollments.push(of(Of::Enrollment, app.enroll(n).await));
        }
        for (n, enrollment) in (1..).zip(&enrollments) {
            write(&app, n, enrollment).await;
            hand_over(&app, enrollment, Some(of(Of::Staff, app.care.therapist))).await;
        }
        let me = json!({ "is": "ME" });
        let variables = json!({ "first": shown, "order": "ANSWER_BEFORE", "unread": true, "handler": me });
        let before = app.store.statements();
        let (_, ids) = list(&app, &app.therapist(), variables).await;
        counts.push(app.store.statements() - before);
        assert_eq!(ids.len(), shown);
    }
    assert_eq!(counts, [STATEMENTS, STATEMENTS]);
    app.stop().await;
}

both_databases!(
    a_citizen_is_found_by_their_number,
    threads_are_found_by_what_is_unread_and_who_looks_after_them,
    whoever_is_to_be_answered_first_comes_first,
    the_list_takes_as_many_statements_for_fifty_as_for_five,
);
