//! What is wrong of colleagues and of the care provider itself is put right by the provider's administrators, and logged.

use chrono::TimeDelta;
use entity::{administration_log, staff};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases,
    client::{done, one, refused, text},
    database::Kind,
};

use crate::{BOSS, HEAD, UNIT, member, morning, started, stranger, unit, when};

const STAFF: &str = "staff { id displayName title email }";

async fn update(app: &TestApp, token: &str, input: Value) -> Value {
    app.client.mutate(token, "updateStaff", input, STAFF).await
}

async fn rename(app: &TestApp, token: &str, id: &Value, name: &str) -> Value {
    let input = json!({ "providerId": id, "name": name });
    app.client
        .mutate(token, "renameProvider", input, "careProvider { id name }")
        .await
}

/// The latest that is logged of the staff member, or of everything: what was done, by whom, and its particulars.
async fn latest(app: &TestApp, of: Option<&str>) -> (String, String, Value) {
    let narrowed = of.map(|id| format!(", staffId: \"{id}\"")).unwrap_or_default();
    let query = format!(
        "{{ careProvider {{ administrationLog(first: 1{narrowed}) {{ nodes {{ act by {{ displayName }} details {{ name value }} }} }} }} }}"
    );
    let data = app.client.query(&app.staff(BOSS), &query, json!({})).await.data();
    let entry = &data["careProvider"]["administrationLog"]["nodes"][0];
    let details = entry["details"].as_array().unwrap().iter();
    let details = details.map(|detail| (text(&detail["name"]), detail["value"].clone()));
    (
        text(&entry["act"]),
        entry["by"]["displayName"].as_str().unwrap_or_default().to_owned(),
        Value::Object(details.collect()),
    )
}

async fn logged(app: &TestApp) -> u64 {
    let connection = app.store.connection();
    administration_log::Entity::find().count(connection).await.unwrap()
}

async fn a_colleague_is_put_right(kind: Kind) {
    let app = started(kind).await;
    let (boss, therapist) = (app.staff(BOSS), member(&app, "therapist").await);
    app.clock.advance(TimeDelta::minutes(1));
    // What is left out stays.
    let input = json!({ "staffId": therapist, "displayName": " Ingrid Ek ", "idempotencyKey": "name" });
    let changed = update(&app, &boss, input.clone()).await;
    let now = |name: &str, title: Value, email: Value| json!({ "id": therapist, "displayName": name, "title": title, "email": email });
    let named = now("Ingrid Ek", json!("Psykolog"), json!("therapist@care.example"));
    assert_eq!(done(&changed)["staff"], named);
    assert_eq!(
        latest(&app, Some(&therapist)).await,
        (
            "STAFF_CHANGED".to_owned(),
            format!("Person {BOSS}"),
            json!({ "displayName": "Ingrid Ek", "displayNameBefore": "Person therapist" })
        )
    );
    // The same again gets the first answer, and what changes nothing is not logged.
    let before = logged(&app).await;
    assert_eq!(done(&update(&app, &boss, input).await)["staff"], named);
    let same = json!({ "staffId": therapist, "displayName": "Ingrid Ek", "title": "Psykolog", "email": "therapist@care.example" });
    assert_eq!(done(&update(&app, &boss, same).await)["staff"], named);
    assert_eq!(logged(&app).await, before);

    app.clock.advance(TimeDelta::minutes(1));
    let input = json!({ "staffId": therapist, "title": "Överläkare", "email": "ingrid@care.example" });
    let changed = update(&app, &boss, input).await;
    assert_eq!(
        done(&changed)["staff"],
        now("Ingrid Ek", json!("Överläkare"), json!("ingrid@care.example"))
    );
    // That the address is another one is logged, and not which.
    assert_eq!(
        latest(&app, Some(&therapist)).await.2,
        json!({ "title": "Överläkare", "titleBefore": "Psykolog", "email": "CHANGED" })
    );
    // Colleagues read the name and the title at once; the address is for themself and who administers.
    let here = unit(&app, UNIT).await;
    let seen = async |token: &str| {
        let query = "query($id: ID!) { unit(id: $id) { therapists { displayName title email } } }";
        let data = app.client.query(token, query, json!({ "id": here })).await.data();
        data["unit"]["therapists"][0].clone()
    };
    let shown = |email: Value| json!({ "displayName": "Ingrid Ek", "title": "Överläkare", "email": email });
    for (who, email) in [
        (BOSS, json!("ingrid@care.example")),
        ("therapist", json!("ingrid@care.example")),
        (HEAD, Value::Null),
        ("citizen-administrator", Value::Null),
        ("auditor", Value::Null),
    ] {
        assert_eq!(seen(&app.staff(who)).await, shown(email), "{who}");
    }
    // Letters go there from now on.
    app.clock.advance(TimeDelta::minutes(1));
    let input = json!({ "staffId": therapist });
    let fields = "staff { invitation { invitedAt } }";
    let sent = app.client.mutate(&boss, "resendInvitation", input, fields).await;
    assert_eq!(
        done(&sent)["staff"]["invitation"]["invitedAt"],
        when(morning() + TimeDelta::minutes(3))
    );
    app.work().await;
    let letters: Vec<String> = app.mail().into_iter().map(|mail| mail.to).collect();
    assert_eq!(letters, ["ingrid@care.example"]);

    // Null takes away what may be left out.
    app.clock.advance(TimeDelta::minutes(1));
    let input = json!({ "staffId": therapist, "title": null, "email": null, "displayName": null });
    let changed = update(&app, &boss, input).await;
    assert_eq!(done(&changed)["staff"], now("Ingrid Ek", Value::Null, Value::Null));
    assert_eq!(
        latest(&app, Some(&therapist)).await.2,
        json!({ "titleBefore": "Överläkare", "email": "REMOVED" })
    );
    app.stop().await;
}

async fn nobody_else_puts_a_colleague_right(kind: Kind) {
    let app = started(kind).await;
    app.enroll(1).await;
    let (_, foreign) = stranger(&app, "stranger").await;
    let foreign = api::graphql::id(api::graphql::Kind::Staff, foreign).to_string();
    let therapist = member(&app, "therapist").await;
    let rows = async || staff::Entity::find().all(app.store.connection()).await.unwrap();
    let (before, entries) = (rows().await, logged(&app).await);
    let input = |id: &str| json!({ "staffId": id, "displayName": "Kim Ek" });
    let own = [
        "therapist",
        "citizen-administrator",
        HEAD,
        "designer",
        "publisher",
        "auditor",
        "stranger",
    ];
    for token in own.map(|who| app.staff(who)).into_iter().chain([app.citizen(1)]) {
        let answer = update(&app, &token, input(&therapist)).await;
        assert_eq!(refused(&answer), one("NOT_FOUND", "staffId"));
    }
    for id in [foreign.as_str(), "nobody"] {
        let answer = update(&app, &app.staff(BOSS), input(id)).await;
        assert_eq!(refused(&answer), one("NOT_FOUND", "staffId"), "{id}");
    }
    let wrong = json!({ "staffId": therapist, "displayName": " ", "title": "a\r\nb", "email": "kim" });
    assert_eq!(
        refused(&update(&app, &app.staff(BOSS), wrong).await),
        [
            one("REQUIRED", "displayName"),
            one("BAD_CHARACTER", "title"),
            one("BAD_EMAIL", "email")
        ]
        .concat()
    );
    assert_eq!((rows().await, logged(&app).await), (before, entries));
    app.stop().await;
}

async fn a_provider_gets_another_name(kind: Kind) {
    let app = started(kind).await;
    app.enroll(1).await;
    stranger(&app, "stranger").await;
    let query = "{ careProvider { id name } }";
    let of = async |who: &str| {
        let data = app.client.query(&app.staff(who), query, json!({})).await.data();
        data["careProvider"].clone()
    };
    let (boss, own) = (app.staff(BOSS), of(BOSS).await);
    let foreign = of("stranger").await["id"].clone();
    app.clock.advance(TimeDelta::minutes(1));
    let renamed = rename(&app, &boss, &own["id"], " Region Ny ").await;
    assert_eq!(
        done(&renamed)["careProvider"],
        json!({ "id": own["id"], "name": "Region Ny" })
    );
    assert_eq!(of("therapist").await["name"], "Region Ny");
    assert_eq!(
        latest(&app, None).await,
        (
            "PROVIDER_RENAMED".to_owned(),
            format!("Person {BOSS}"),
            json!({ "name": "Region Ny", "nameBefore": "Region Prov" })
        )
    );
    let entries = logged(&app).await;
    done(&rename(&app, &boss, &own["id"], "Region Ny").await);
    for (id, name, code, path) in [
        (&own["id"], "region ANNAN", "TAKEN", "name"),
        (&own["id"], " ", "REQUIRED", "name"),
        (&foreign, "Region Ny", "NOT_FOUND", "providerId"),
        (&json!("nothing"), "Region Ny", "NOT_FOUND", "providerId"),
    ] {
        assert_eq!(refused(&rename(&app, &boss, id, name).await), one(code, path), "{name}");
    }
    let others = [
        "therapist",
        "citizen-administrator",
        HEAD,
        "designer",
        "publisher",
        "auditor",
        "stranger",
    ];
    for token in others.map(|who| app.staff(who)).into_iter().chain([app.citizen(1)]) {
        let answer = rename(&app, &token, &own["id"], "Region Mitt").await;
        assert_eq!(refused(&answer), one("NOT_FOUND", "providerId"));
    }
    assert_eq!(logged(&app).await, entries);
    assert_eq!(of(BOSS).await["name"], "Region Ny");
    assert_eq!(of("stranger").await["name"], "Region Annan");
    // Nobody takes the name either.
    let input = json!({ "providerId": foreign, "name": "REGION NY" });
    let taken = app
        .client
        .mutate(&app.staff("stranger"), "renameProvider", input, "careProvider { id }")
        .await;
    assert_eq!(refused(&taken), one("TAKEN", "name"));
    app.stop().await;
}

both_databases!(
    a_colleague_is_put_right,
    nobody_else_puts_a_colleague_right,
    a_provider_gets_another_name,
);
