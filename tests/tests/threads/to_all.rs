//! What a unit writes to all its citizens, and the templates that it keeps.

use chrono::TimeDelta;
use entity::{
    access_log::{self, AccessAction},
    action, enrollment, message, unit_message,
    viewer::{Actor, Viewer},
};
use rules::facts::Status;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, sea_query::Expr};
use serde_json::{Value, json};
use tests::{
    app::TestApp,
    both_databases, care,
    client::{done, one, refused},
    database::Kind,
    world::World,
};
use uuid::Uuid;

use super::{TO_ALL, change, morning, started, thread, unit};

const SAVE_TEMPLATE: &str = "mutation($input: SaveMessageTemplateInput!) { saveMessageTemplate(input: $input) {
    template { id title body locale } errors { code message path } } }";
const REMOVE_TEMPLATE: &str = "mutation($input: RemoveMessageTemplateInput!) { removeMessageTemplate(input: $input) {
    unit { messageTemplates { id } } errors { code message path } } }";

async fn templates_are_the_units(kind: Kind) {
    let (app, ..) = started(kind).await;
    let (therapist, administrator) = (app.therapist(), app.staff("unit-administrator"));
    let unit_id = app.unit_id().await;
    let template = |title: &str, locale: &str| json!({ "unitId": unit_id, "title": title, "body": "Hej!\r\nVälkommen.", "locale": locale });
    let kept = change(&app, &therapist, SAVE_TEMPLATE, template("Välkommen", "sv")).await;
    let kept = done(&kept)["template"].clone();
    assert_eq!(kept["body"], "Hej!\nVälkommen.");
    done(&change(&app, &administrator, SAVE_TEMPLATE, template("Appointment", "en")).await);
    let mut changed = template("Vi ses", "sv");
    changed["templateId"] = kept["id"].clone();
    let saved = change(&app, &administrator, SAVE_TEMPLATE, changed.clone()).await;
    assert_eq!(
        (&done(&saved)["template"]["id"], &done(&saved)["template"]["title"]),
        (&kept["id"], &json!("Vi ses"))
    );
    let seen = unit(&app, &therapist, &unit_id).await;
    assert_eq!(seen["messageTemplates"].as_array().unwrap().len(), 2);
    assert_eq!(seen["messageTemplates"][0]["title"], "Appointment");
    assert_eq!(seen["swedish"], json!([{ "title": "Vi ses" }]));
    assert_eq!(
        unit(&app, &app.staff("citizen-administrator"), &unit_id).await["messageTemplates"],
        json!([])
    );

    let wrong = json!({ "unitId": unit_id, "title": " ", "body": "", "locale": "svenska!" });
    let problems = refused(&change(&app, &therapist, SAVE_TEMPLATE, wrong).await);
    assert_eq!(
        problems,
        [
            one("BAD_LOCALE", "locale"),
            one("REQUIRED", "title"),
            one("REQUIRED", "body")
        ]
        .concat()
    );
    let other = app.staff(care::OTHER_THERAPIST);
    for token in [&other, &app.citizen(1), &app.staff("designer")] {
        let data = change(&app, token, SAVE_TEMPLATE, template("Hej", "sv")).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "unitId"));
        let data = change(&app, token, REMOVE_TEMPLATE, json!({ "templateId": kept["id"] })).await;
        assert_eq!(refused(&data), one("NOT_FOUND", "templateId"));
    }
    // Nor is one of another unit taken over.
    let theirs = api::graphql::id(api::graphql::Kind::Unit, app.care.other_unit);
    changed["unitId"] = json!(theirs);
    let data = change(&app, &other, SAVE_TEMPLATE, changed).await;
    assert_eq!(refused(&data), one("NOT_FOUND", "templateId"));
    let removed = change(&app, &therapist, REMOVE_TEMPLATE, json!({ "templateId": kept["id"] })).await;
    assert_eq!(done(&removed)["unit"]["messageTemplates"].as_array().unwrap().len(), 1);
    app.stop().await;
}

async fn a_unit_writes_to_all_its_citizens(kind: Kind) {
    // In slices of two.
    let world = World::configured(kind, morning(), |config| config.worker.batch = 2).await;
    care::import_program(&world.store).await;
    let app = TestApp::over(world).await;
    let mut people = Vec::new();
    for n in 1..=7 {
        people.push(app.enroll(n).await);
    }
    care::enroll(&app.store, app.care.other_unit, app.care.other_therapist, 8, None).await;
    app.work().await;
    care::change_status(&app.store, people[5], Status::Completed, None).await;
    care::change_status(&app.store, people[4], Status::Paused, None).await;
    let mut act = app.store.act(&Viewer::system()).await.unwrap();
    let blocking = enrollment::Entity::find_by_id(people[6])
        .one(&act.tx)
        .await
        .unwrap()
        .unwrap();
    action::access_block::set(&mut act, blocking.citizen_id, app.care.unit)
        .await
        .unwrap();
    act.commit().await.unwrap();

    let (administrator, unit_id) = (app.staff("unit-administrator"), app.unit_id().await);
    let to_all = json!({ "unitId": unit_id, "body": "Vi har stängt på fredag.", "programSlug": care::PROGRAM });
    let sent = change(&app, &administrator, TO_ALL, to_all.clone()).await;
    assert_eq!(
        (
            &done(&sent)["message"]["recipientCount"],
            &done(&sent)["message"]["sentCount"]
        ),
        (&json!(4), &json!(0))
    );
    // Who starts after it was sent does not get it; who ends before their turn neither.
    app.clock.advance(TimeDelta::seconds(1));
    app.enroll(9).await;
    care::change_status(&app.store, people[3], Status::Withdrawn, None).await;
    app.work().await;
    let rows = message::Entity::find().all(app.store.connection()).await.unwrap();
    let mut reached: Vec<Uuid> = rows.iter().map(|row| row.enrollment_id).collect();
    reached.sort_unstable();
    let mut wanted = people[..3].to_vec();
    wanted.sort_unstable();
    assert_eq!(reached, wanted);
    assert!(
        rows.iter()
            .all(|row| row.staff_id.is_none() && row.unit_message_id.is_some())
    );
    let enrollment = app.enrollment_of(1).await;
    let seen = thread(&app, &app.citizen(1), &enrollment).await["messages"]["nodes"].clone();
    assert_eq!(
        (&seen[0]["body"], &seen[0]["toAll"], &seen[0]["staff"]),
        (&json!("Vi har stängt på fredag."), &json!(true), &Value::Null)
    );
    let unread = "query($id: ID!) { enrollment(id: $id) { unreadMessageCount } }";
    let asked = json!({ "id": enrollment });
    let data = app.client.query(&app.citizen(1), unread, asked).await.data();
    assert_eq!(data["enrollment"]["unreadMessageCount"], 1);

    let paused = json!({ "unitId": unit_id, "body": "Hör av dig.", "statuses": ["PAUSED"] });
    done(&change(&app, &app.therapist(), TO_ALL, paused).await);
    app.work().await;
    let of = async |id: Uuid| {
        let all = message::Entity::find().filter(message::Column::EnrollmentId.eq(id));
        all.count(app.store.connection()).await.unwrap()
    };
    assert_eq!((of(people[4]).await, of(people[0]).await), (1, 1));
    let all = unit(&app, &administrator, &unit_id).await["messagesToAll"]["nodes"].clone();
    let programs = (&all[0]["program"], &all[1]["program"]["slug"]);
    assert_eq!(programs, (&Value::Null, &json!(care::PROGRAM)));
    assert_eq!(
        (
            &all[0]["body"],
            &all[0]["statuses"],
            &all[0]["by"]["displayName"],
            &all[0]["sentCount"]
        ),
        (
            &json!("Hör av dig."),
            &json!(["PAUSED"]),
            &json!("Person therapist"),
            &json!(1)
        )
    );
    assert_eq!(
        (&all[1]["recipientCount"], &all[1]["sentCount"]),
        (&json!(4), &json!(3))
    );
    assert!(all[1]["finishedAt"].is_string());

    let with = |key: &str, value: Value| {
        let mut input = to_all.clone();
        input[key] = value;
        input
    };
    for (input, refusal) in [
        (
            with("statuses", json!(["ACTIVE", "COMPLETED"])),
            one("ENDED", "statuses"),
        ),
        (with("programSlug", json!("nothing")), one("NOT_FOUND", "programSlug")),
        (with("statuses", json!(["PLANNED"])), one("NOBODY", "")),
        (with("body", json!(" ")), one("REQUIRED", "body")),
    ] {
        assert_eq!(refused(&change(&app, &administrator, TO_ALL, input).await), refusal);
    }
    for token in [
        app.citizen(1),
        app.staff(care::OTHER_THERAPIST),
        app.staff("citizen-administrator"),
    ] {
        assert_eq!(
            refused(&change(&app, &token, TO_ALL, to_all.clone()).await),
            one("NOT_FOUND", "unitId")
        );
    }
    let hidden = unit(&app, &app.staff("citizen-administrator"), &unit_id).await;
    assert_eq!(hidden["messagesToAll"]["nodes"], json!([]));
    app.stop().await;
}

/// It is in the access log of each citizen as what it is, by whoever sent it; and one that cannot be read stops no other.
async fn what_a_unit_writes_to_all_is_written_down(kind: Kind) {
    let app = TestApp::start(kind, morning()).await;
    let mut citizens = Vec::new();
    for n in 1..=3 {
        let id = app.enroll(n).await;
        let row = enrollment::Entity::find_by_id(id).one(app.store.connection()).await;
        citizens.push(row.unwrap().unwrap().citizen_id);
    }
    app.work().await;
    let (therapist, unit_id) = (app.therapist(), app.unit_id().await);
    let all = |body: &str| json!({ "unitId": unit_id, "body": body });
    done(&change(&app, &therapist, TO_ALL, all("Oläsligt")).await);
    unit_message::Entity::update_many()
        .col_expr(unit_message::Column::Body, Expr::value(vec![0_u8; 40]))
        .exec(app.store.connection())
        .await
        .unwrap();
    app.clock.advance(TimeDelta::seconds(1));
    done(&change(&app, &therapist, TO_ALL, all("Läsligt")).await);
    app.work().await;

    let sent = message::Entity::find().count(app.store.connection()).await.unwrap();
    assert_eq!(sent, 3, "the one that can be read");
    let rows = unit_message::Entity::find()
        .order_by_asc(unit_message::Column::SentAt)
        .all(app.store.connection())
        .await
        .unwrap();
    assert_eq!((rows[0].sent, rows[0].finished_at), (0, None));
    assert!(
        rows[0].due_at.is_some_and(|due| due > app.clock.now()),
        "it is set aside for a while"
    );
    assert_eq!((rows[1].sent, rows[1].due_at), (3, None));

    let logged = access_log::Entity::find()
        .filter(access_log::Column::Operation.eq("sendMessageToAll"))
        .all(app.store.connection())
        .await
        .unwrap();
    let mut of: Vec<Uuid> = logged.iter().map(|row| row.citizen_id).collect();
    of.sort_unstable();
    citizens.sort_unstable();
    assert_eq!(of, citizens);
    let by = Actor::Staff(app.care.therapist).to_string();
    for row in &logged {
        assert_eq!((row.unit_id, &row.viewer), (Some(app.care.unit), &by));
        assert_eq!(row.action.0, AccessAction::Change);
    }
}

both_databases!(
    templates_are_the_units,
    a_unit_writes_to_all_its_citizens,
    what_a_unit_writes_to_all_is_written_down,
);
