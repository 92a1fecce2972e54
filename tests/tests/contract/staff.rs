//! What staff read and do: the worklist and its flags, starting, sending and planning.

use chrono::{DateTime, TimeDelta, Utc};
use entity::dispatch;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{
    both_databases, care,
    client::{done, text, weekly_measure},
    database::Kind,
};

use super::{is_at, morning, started};

async fn the_worklist_and_flags(kind: Kind) {
    let Some((app, enrollment)) = started(kind).await else {
        return;
    };
    let therapist = app.therapist();
    let answers = weekly_measure(["all", "all", "all", "all", "all", "all", "no", "no", "most"]);
    app.answer(1, "weekly-measure", answers).await;
    app.work().await;
    let unit = app.unit_id().await;
    let data = app
        .client
        .ask(&therapist, "Worklist", json!({ "unitId": unit, "first": 10 }))
        .await;
    assert_eq!(
        (&data["unit"]["id"], &data["unit"]["enrollments"]["totalCount"]),
        (&json!(unit), &json!(1))
    );
    let node = &data["unit"]["enrollments"]["nodes"][0];
    assert_eq!((&node["id"], &node["status"]), (&json!(enrollment), &json!("ACTIVE")));
    assert_eq!(
        (&node["citizen"]["displayName"], &node["citizen"]["age"]),
        (&json!("Given1 Family1"), &json!(47))
    );
    assert!(is_at(&node["lastActivityAt"], morning()));
    assert_eq!(node["therapists"][0]["displayName"], "Person therapist");
    assert_eq!(node["progress"]["percent"], 0);
    assert_eq!(node["results"][0]["form"]["title"], "weekly-measure");
    assert_eq!(node["results"][0]["scores"][0]["value"], 20.0);
    let flags = node["flags"]["nodes"].as_array().unwrap();
    let mut kinds: Vec<_> = flags
        .iter()
        .map(|flag| (text(&flag["kind"]), text(&flag["severity"])))
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            ("high-score".to_owned(), "WARNING".to_owned()),
            ("risk".to_owned(), "URGENT".to_owned())
        ]
    );

    let input = json!({ "enrollmentId": enrollment, "kind": "call", "severity": "INFO", "title": "Call", "note": "Today", "audience": "STAFF" });
    let raised = app.client.input(&therapist, "RaiseFlag", input).await;
    let flag = &done(&raised)["flag"];
    assert_eq!((&flag["status"], &flag["severity"]), (&json!("OPEN"), &json!("INFO")));
    let acknowledged = app
        .client
        .input(
            &therapist,
            "AcknowledgeFlag",
            json!({ "flagId": flag["id"], "note": "Calling" }),
        )
        .await;
    let me = app.client.ask(&therapist, "WhoAmI", json!({})).await;
    assert_eq!(done(&acknowledged)["flag"]["status"], "ACKNOWLEDGED");
    assert_eq!(
        done(&acknowledged)["flag"]["acknowledgedBy"]["id"],
        me["viewer"]["staff"]["id"]
    );
    let resolved = app
        .client
        .input(
            &therapist,
            "ResolveFlag",
            json!({ "flagId": flag["id"], "note": "Called" }),
        )
        .await;
    assert_eq!(done(&resolved)["flag"]["status"], "RESOLVED");
    assert!(is_at(&done(&resolved)["flag"]["resolvedAt"], morning()));
}

async fn starting_sending_and_reminding(kind: Kind) {
    let Some((app, _)) = started(kind).await else { return };
    let administrator = app.staff("citizen-administrator");
    let me = app.client.ask(&app.therapist(), "WhoAmI", json!({})).await;
    let citizen = json!({ "personalIdentityNumber": care::identity_number(2), "givenName": "Åsa", "familyName": "Öberg",
        "email": "asa@home.example", "phone": "+46701740605" });
    let input = json!({ "programSlug": care::PROGRAM, "unitId": me["viewer"]["unit"]["id"], "citizen": citizen,
        "startsAt": morning() + TimeDelta::days(1), "therapistIds": [me["viewer"]["staff"]["id"]],
        "timeZone": "Europe/Stockholm", "locale": "sv", "idempotencyKey": "once" });
    let begun = app.client.input(&administrator, "StartEnrollment", input.clone()).await;
    assert_eq!(done(&begun)["enrollment"]["status"], "PLANNED");
    assert_eq!(
        app.client.input(&administrator, "StartEnrollment", input).await,
        begun,
        "the same key gives the first answer"
    );
    app.advance(TimeDelta::days(1)).await;
    let therapist = app.therapist();
    let unit = app.unit_id().await;
    let data = app
        .client
        .ask(&therapist, "Worklist", json!({ "unitId": unit, "first": 10 }))
        .await;
    assert_eq!(data["unit"]["enrollments"]["totalCount"], 2, "it has started by itself");

    let enrollment = &done(&begun)["enrollment"]["id"];
    let now = app.clock.now();
    let input = json!({ "enrollmentId": enrollment, "formKey": "worry-measure", "at": now + TimeDelta::hours(1),
        "expiresAfter": "P2D", "remindAfter": ["P1D"] });
    let sent = app.client.input(&therapist, "DispatchForm", input).await;
    let dispatch = &done(&sent)["dispatches"][0];
    assert_eq!(dispatch["status"], "SCHEDULED");
    assert!(is_at(&dispatch["availableAt"], now + TimeDelta::hours(1)));
    assert!(is_at(&dispatch["expiresAt"], now + TimeDelta::hours(49)));

    let mails = app.mail().len();
    let input = json!({ "enrollmentId": enrollment, "template": "come-back", "channels": ["EMAIL"] });
    let reminded = app.client.input(&therapist, "RemindCitizen", input).await;
    let deliveries = &done(&reminded)["reminder"]["deliveries"];
    assert_eq!(deliveries, &json!([{ "channel": "EMAIL", "status": "READY" }]));
    app.work().await;
    assert_eq!(app.mail().len(), mails + 1);
    assert!(app.mail().iter().any(|mail| mail.to == "asa@home.example"));
}

/// DispatchForm with `repeat` becomes a rule of the enrollment.
async fn sending_again_and_again(kind: Kind) {
    let Some((app, enrollment)) = started(kind).await else {
        return;
    };
    let input = json!({ "enrollmentId": enrollment, "formKey": "worry-measure", "at": "2027-03-02T08:00:00+01:00",
        "expiresAfter": "P2D", "repeat": "FREQ=WEEKLY;COUNT=6" });
    let sent = app.client.input(&app.therapist(), "DispatchForm", input).await;
    let expected = [
        "2027-03-02T07:00:00Z",
        "2027-03-09T07:00:00Z",
        "2027-03-16T07:00:00Z",
        "2027-03-23T07:00:00Z",
        "2027-03-30T06:00:00Z",
    ];
    let shown = done(&sent)["dispatches"].as_array().unwrap().clone();
    let shown: Vec<_> = shown
        .iter()
        .map(|dispatch| text(&dispatch["availableAt"]).parse::<DateTime<Utc>>().unwrap())
        .collect();
    let expected: Vec<DateTime<Utc>> = expected.iter().map(|at| at.parse().unwrap()).collect();
    assert_eq!(shown, expected, "the next thirty days");
    app.advance(TimeDelta::days(30)).await;
    let rows = dispatch::Entity::find().all(app.store.connection()).await.unwrap();
    let mut sent: Vec<_> = rows
        .into_iter()
        .filter(|row| row.form_key == "worry-measure")
        .map(|row| row.available_at)
        .collect();
    sent.sort();
    assert_eq!(sent, expected);
}

async fn unit_activity(kind: Kind) {
    let Some((app, enrollment)) = started(kind).await else {
        return;
    };
    let therapist = app.therapist();
    let unit = app.unit_id().await;
    let mut socket = app
        .subscribe(&therapist, "UnitActivity", json!({ "unitId": unit }))
        .await;
    let raise = async |kind: &str| {
        let input = json!({ "enrollmentId": enrollment, "kind": kind, "severity": "WARNING", "title": kind, "audience": "STAFF" });
        done(&app.client.input(&therapist, "RaiseFlag", input).await)["flag"]["id"].clone()
    };
    let first = raise("one").await;
    let item = socket.item().await["unitActivity"].clone();
    assert_eq!(
        (&item["__typename"], &item["flag"]["id"]),
        (&json!("FlagRaised"), &first)
    );
    assert!(item["at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap() - morning() < TimeDelta::seconds(1));
    drop(socket);

    // Whoever comes back resumes after the last thing they saw.
    let (second, third) = (raise("two").await, raise("three").await);
    let variables = json!({ "unitId": unit, "after": item["cursor"] });
    let mut socket = app.subscribe(&therapist, "UnitActivity", variables).await;
    for expected in [second, third] {
        assert_eq!(socket.item().await["unitActivity"]["flag"]["id"], expected);
    }
}

async fn planning(kind: Kind) {
    let Some((app, enrollment)) = started(kind).await else {
        return;
    };
    let read = async |token: &str| {
        let variables =
            json!({ "enrollmentId": enrollment, "from": "2027-02-28T00:00:00Z", "to": "2027-03-10T00:00:00Z" });
        let data = app.client.ask(token, "Planning", variables).await;
        let entries = data["enrollment"]["timeline"].as_array().unwrap().clone();
        let written = |entry: &Value| {
            let at = text(&entry["at"])
                .parse::<DateTime<Utc>>()
                .unwrap()
                .format("%m-%d %H:%M");
            let subject = &entry["subject"];
            assert!(subject["id"].is_string(), "{entry}");
            format!(
                "{at} {} {} {} {}",
                text(&entry["certainty"]),
                text(&entry["kind"]),
                text(&subject["__typename"]),
                text(&entry["title"])
            )
        };
        entries.iter().map(written).collect::<Vec<String>>()
    };
    let staff = read(&app.therapist()).await;
    let expected = [
        "03-01 09:00 HAPPENED ENROLLMENT_STARTS Enrollment Programmet börjar",
        "03-01 09:00 HAPPENED MODULE_OPENS EnrollmentModule Välkommen",
        "03-01 09:00 HAPPENED FORM_AVAILABLE Dispatch weekly-measure",
        "03-02 09:00 PLANNED REMINDER Reminder Något väntar på dig",
        "03-03 09:00 PLANNED REMINDER Reminder Något väntar på dig",
        "03-04 09:00 PLANNED FORM_EXPIRES Dispatch weekly-measure",
        "03-07 23:00 PREDICTED FLAG_RAISED Enrollment Höj en varningsflagga av typen inactive till personalen (”No sign-in for a week”, som åtgärdas av sig själv när detta upphör)",
        "03-07 23:00 PREDICTED REMINDER Enrollment Påminn invånaren (come-back)",
        "03-08 07:00 PREDICTED FORM_AVAILABLE Form weekly-measure",
        "03-08 09:00 PLANNED MODULE_OPENS EnrollmentModule Tillbakablick",
    ];
    assert_eq!(staff, expected);
    // The citizen is told neither of flags nor in the words of rules.
    let citizen = read(&app.citizen(1)).await;
    assert!(
        citizen.contains(&"03-07 23:00 PREDICTED REMINDER Enrollment Påminnelse".to_owned()),
        "{citizen:?}"
    );
    assert_eq!(citizen.len(), expected.len() - 1);
}

both_databases!(
    the_worklist_and_flags,
    starting_sending_and_reminding,
    sending_again_and_again,
    unit_activity,
    planning,
);
