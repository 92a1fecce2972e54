//! How the child is reached, as a guardian says it for them.

use entity::contact_choice;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{
    both_databases,
    client::{done, one, refused},
    database::Kind,
};

use crate::family;

const REACHED: &str = "citizen { id email phone locale quietHours { from until } channels { channel enabled } }";

async fn a_guardian_says_how_the_child_is_reached(kind: Kind) {
    let family = family(kind).await;
    let (app, guardian, child) = (&family.app, family.token(), family.app.citizen(1));
    let id_of = async |n: u32| family.home(&app.citizen(n)).await["citizen"]["id"].clone();
    let (mine, other) = (id_of(1).await, id_of(2).await);
    let deeds = [
        ("updateMyContactDetails", json!({ "phone": "070-174 06 06" }), REACHED),
        (
            "setMyNotificationChoices",
            json!({ "channels": [{ "channel": "SMS", "enabled": false }] }),
            REACHED,
        ),
        (
            "setMyQuietHours",
            json!({ "quietHours": { "from": "19:30", "until": "08:00" } }),
            REACHED,
        ),
        ("setMyLocale", json!({ "locale": "en" }), "viewer { __typename }"),
    ];
    for (mutation, deed, fields) in &deeds {
        let of = async |token: &str, citizen: &Value| {
            let mut input = deed.clone();
            input["citizenId"] = citizen.clone();
            family.send(token, mutation, fields, input).await
        };
        let not_found = one("NOT_FOUND", "citizenId");
        for named in [&Value::Null, &other, &json!("nobody")] {
            assert_eq!(refused(&of(&guardian, named).await), not_found, "{mutation} of {named}");
        }
        assert_eq!(refused(&of(&child, &other).await), not_found, "{mutation}");
        let by_staff = refused(&of(&app.therapist(), &mine).await);
        assert_eq!(by_staff, one("NOT_ALLOWED", ""), "{mutation}");
        done(&of(&guardian, &mine).await);
    }
    let seen = async |n: u32| {
        let query = format!("{{ viewer {{ ... on CitizenViewer {{ {REACHED} }} }} }}");
        let data = app.client.query(&app.citizen(n), &query, json!({})).await.data();
        data["viewer"]["citizen"].clone()
    };
    let reached = seen(1).await;
    assert_eq!(
        (&reached["phone"], &reached["email"], &reached["locale"]),
        (&json!("+46701740606"), &json!("citizen1@home.example"), &json!("en"))
    );
    assert_eq!(reached["quietHours"], json!({ "from": "19:30", "until": "08:00" }));
    let off = |channels: &Value| -> Vec<Value> {
        let channels = channels.as_array().unwrap().iter();
        let off = channels.filter(|choice| choice["enabled"] == false);
        off.map(|choice| choice["channel"].clone()).collect()
    };
    assert_eq!(off(&reached["channels"]), ["SMS"]);
    let enrolled = family.seen(&child, &family.enrollment, "locale").await;
    assert_eq!(enrolled["locale"], "en", "the program speaks so as well");
    // Who chose is written down, and nobody else's choices are touched.
    let chosen = contact_choice::Entity::find()
        .all(app.store.connection())
        .await
        .unwrap();
    let actors: Vec<String> = chosen.iter().map(|row| row.actor.0.to_string()).collect();
    assert_eq!(actors, [format!("GUARDIAN:{}", family.guardian)]);
    let others = seen(2).await;
    assert_eq!(
        (&others["phone"], &others["locale"], off(&others["channels"]).len()),
        (&json!("+46701740605"), &json!("sv"), 0)
    );

    // A citizen may name themself, and the link of a calendar is nobody's but theirs.
    let input = json!({ "citizenId": mine, "phone": null });
    let changed = family.send(&child, "updateMyContactDetails", REACHED, input).await;
    assert_eq!(done(&changed)["citizen"]["phone"], Value::Null);
    let link = family.send(&guardian, "createCalendarFeed", "url", json!({})).await;
    assert_eq!(refused(&link), one("NOT_ALLOWED", ""));
    family.release().await;
    let input = json!({ "citizenId": mine, "phone": "070-174 06 06" });
    let late = family.send(&guardian, "updateMyContactDetails", REACHED, input).await;
    assert_eq!(refused(&late), one("NOT_FOUND", "citizenId"));
}

both_databases!(a_guardian_says_how_the_child_is_reached,);
