//! What somebody does, however much there is of it already.

use entity::dispatch;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, weekly_measure},
    contract,
    database::Kind,
};

use super::{Counting, crowd, morning, plan, raise, register, write};

/// One thing that somebody does or looks at, however much there was of it before.
const THINGS: [(&str, u64); 19] = [
    ("WhoAmI", 2),
    ("Catalogue", 0),
    ("TakePart", 5),
    ("FormToFill", 3),
    ("SaveDraft", 9),
    ("SubmitResponse", 17),
    ("OpenForm", 13),
    ("CompleteStep", 13),
    ("SendMessage", 13),
    ("RegisterActivity", 13),
    ("EnrollmentResults", 5),
    ("SendMessage", 11),
    ("ChangeVisibility", 12),
    ("DispatchForm", 10),
    ("RaiseFlag", 15),
    ("AcknowledgeFlag", 20),
    ("ResolveFlag", 19),
    ("RemindCitizen", 15),
    ("StartEnrollment", 17),
];

/// Does each of the things once, for a new citizen of whom there is so much of everything already; gives what each took.
async fn things(app: &TestApp, n: u32, much: usize) -> Vec<(&'static str, u64)> {
    let id = app.enroll(n).await;
    for _ in 0..much {
        care::dispatch(&app.store, id, "worry-measure").await;
    }
    write(app, id, much).await;
    let activity = plan(app, id).await;
    register(app, activity, 1..i64::try_from(much).unwrap()).await;
    app.work().await;
    let (citizen, therapist, unit) = (app.citizen(n), app.therapist(), app.unit_id().await);
    let home = app.home(n).await;
    let enrollment = &home["id"];
    raise(app, &therapist, enrollment, much).await;
    let measures = dispatch::Entity::find()
        .filter(dispatch::Column::EnrollmentId.eq(id))
        .filter(dispatch::Column::FormKey.eq("weekly-measure"));
    let measure = measures.one(app.store.connection()).await.unwrap().unwrap().id;
    let measure = api::graphql::id(api::graphql::Kind::Dispatch, measure);
    let today = home["activities"].as_array().unwrap()[0]["id"].clone();
    // Content is read once per process.
    let part = app
        .client
        .ask(&citizen, "TakePart", json!({ "enrollmentId": enrollment }))
        .await;
    let steps = &part["enrollment"]["modules"][0]["sections"][0]["steps"];

    let mut took = Vec::new();
    let mut ask = async |token: &str, operation: &'static str, variables: Value| {
        let (data, statements) = Counting(app).ask(token, operation, variables).await;
        took.push((operation, statements));
        data
    };
    let answers = weekly_measure(["some"; 9]);
    ask(&citizen, "WhoAmI", json!({})).await;
    ask(&citizen, "Catalogue", json!({ "first": 10 })).await;
    ask(&citizen, "TakePart", json!({ "enrollmentId": enrollment })).await;
    ask(&citizen, "FormToFill", json!({ "dispatchId": measure })).await;
    let input = json!({ "dispatchId": measure, "answers": answers });
    done(&ask(&citizen, "SaveDraft", json!({ "input": input })).await);
    done(&ask(&citizen, "SubmitResponse", json!({ "input": input })).await);
    let input = json!({ "enrollmentId": enrollment, "stepId": steps[1]["id"], "formKey": "diary" });
    done(&ask(&citizen, "OpenForm", json!({ "input": input })).await);
    let input = json!({ "enrollmentId": enrollment, "stepId": steps[0]["id"] });
    done(&ask(&citizen, "CompleteStep", json!({ "input": input })).await);
    let message = json!({ "enrollmentId": enrollment, "body": "Hej" });
    done(&ask(&citizen, "SendMessage", json!({ "input": message })).await);
    let input = json!({ "activityId": today, "occurrence": app.clock.now().date_naive(), "done": true });
    done(&ask(&citizen, "RegisterActivity", json!({ "input": input })).await);

    let variables = json!({ "enrollmentId": enrollment, "form": "weekly-measure", "scale": "total" });
    ask(&therapist, "EnrollmentResults", variables).await;
    done(&ask(&therapist, "SendMessage", json!({ "input": message })).await);
    let input = json!({ "enrollmentId": enrollment, "moduleKey": "activity", "visible": false });
    done(&ask(&therapist, "ChangeVisibility", json!({ "input": input })).await);
    let input = json!({ "enrollmentId": enrollment, "formKey": "worry-measure", "remindAfter": ["P1D"] });
    done(&ask(&therapist, "DispatchForm", json!({ "input": input })).await);
    let input =
        json!({ "enrollmentId": enrollment, "kind": "call", "severity": "INFO", "title": "Ring", "audience": "STAFF" });
    let raised = ask(&therapist, "RaiseFlag", json!({ "input": input })).await;
    let flag = json!({ "flagId": done(&raised)["flag"]["id"], "note": "Ringer" });
    done(&ask(&therapist, "AcknowledgeFlag", json!({ "input": flag })).await);
    done(&ask(&therapist, "ResolveFlag", json!({ "input": flag })).await);
    let input = json!({ "enrollmentId": enrollment, "template": "come-back" });
    done(&ask(&therapist, "RemindCitizen", json!({ "input": input })).await);
    let new =
        json!({ "personalIdentityNumber": care::identity_number(n + 100), "givenName": "Åsa", "familyName": "Öberg" });
    let input = json!({ "programSlug": care::PROGRAM, "unitId": unit, "citizen": new });
    let administrator = app.staff("citizen-administrator");
    done(&ask(&administrator, "StartEnrollment", json!({ "input": input })).await);
    took
}

async fn what_somebody_does_takes_the_same_however_much_there_is(kind: Kind) {
    if contract::operations().is_none() {
        return;
    }
    let app = TestApp::start(kind, morning()).await;
    assert_eq!(things(&app, 1, 5).await, THINGS);
    crowd(&app, 2..50).await;
    assert_eq!(things(&app, 51, 50).await, THINGS);
}

both_databases!(what_somebody_does_takes_the_same_however_much_there_is);
