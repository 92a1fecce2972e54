//! The rules that look at messages and activities, and at their absence.

use chrono::TimeDelta;
use entity::{
    event::{self, EventKind},
    flag, message, reminder,
};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tests::{both_databases, care, client::done, database::Kind};

use super::{daily_walk, say, started, thread};

/// A rule answers what the citizen registers, and flags what they write.
async fn rules_are_triggered_by_what_people_do(kind: Kind) {
    let Some((app, id, enrollment)) = started(kind).await else {
        return;
    };
    let wrote = json!({ "trigger": { "event": { "messageReceived": { "from": "CITIZEN" } } },
        "actions": [{ "raiseFlag": { "kind": "wrote", "severity": "INFO", "title": "Wrote", "audience": "STAFF" } }] });
    let registered = json!({ "trigger": { "event": { "activityRegistered": {} } },
        "actions": [{ "sendMessage": { "body": "Bra gjort!" } }] });
    care::save_rule(&app.store, "wrote", wrote).await;
    care::save_rule(&app.store, "praise", registered).await;
    app.advance(TimeDelta::seconds(1)).await;
    let citizen = app.citizen(1);
    let mut mine = app.subscribe(&citizen, "MyActivity", json!({})).await;

    done(&say(&app, &app.therapist(), &enrollment, "Välkommen").await);
    app.work().await;
    let flags = flag::Entity::find().all(app.store.connection()).await.unwrap();
    assert!(flags.is_empty(), "the staff wrote that");
    done(&say(&app, &citizen, &enrollment, "Tack").await);
    let activity = daily_walk(&app, &enrollment).await;
    let input = json!({ "activityId": activity, "occurrence": "2027-03-01", "done": true });
    done(&app.client.input(&citizen, "RegisterActivity", input).await);
    app.work().await;
    app.advance(TimeDelta::hours(1)).await;

    let flags = flag::Entity::find().all(app.store.connection()).await.unwrap();
    assert_eq!(
        flags.iter().map(|flag| flag.kind.as_str()).collect::<Vec<_>>(),
        ["wrote"]
    );
    assert_eq!(mine.item().await["myActivity"]["message"]["body"], "Välkommen");
    for expected in ["ActivityPlanChanged", "ActivityRegistered"] {
        assert_eq!(mine.item().await["myActivity"]["__typename"], expected);
    }
    assert_eq!(mine.item().await["myActivity"]["message"]["body"], "Bra gjort!");
    let sent = message::Entity::find()
        .order_by_asc(message::Column::SentAt)
        .all(app.store.connection())
        .await
        .unwrap();
    let by_rule: Vec<_> = sent.iter().filter(|row| row.firing_id.is_some()).collect();
    assert_eq!((sent.len(), by_rule.len(), by_rule[0].staff_id), (3, 1, None));
    let written = thread(&app, &citizen, &enrollment).await["messages"]["nodes"][0].clone();
    assert_eq!((&written["from"], &written["staff"]), (&json!("STAFF"), &Value::Null));
    assert_eq!(app.home(1).await["unreadMessageCount"], 2);
    // What a rule wrote carries how deep it is.
    let events = event::Entity::find().order_by_asc(event::Column::At);
    let events = events.all(app.store.connection()).await.unwrap();
    let depths: Vec<i32> = events
        .iter()
        .filter(|event| event.kind.0 == EventKind::MessageReceived && event.enrollment_id == id)
        .map(|event| event.depth)
        .collect();
    assert_eq!(depths, [0, 0, 1]);
    app.stop().await;
}

/// Time alone makes these true: nobody writes for three days, three days with an activity pass without a word.
async fn silence_is_noticed(kind: Kind) {
    let Some((app, _, enrollment)) = started(kind).await else {
        return;
    };
    let silent = json!({ "trigger": { "whenever": {} },
        "condition": { "compare": { "fact": { "daysSince": { "event": "MESSAGE_FROM_STAFF" } }, "operator": "GTE", "value": 3 } },
        "actions": [{ "raiseFlag": { "kind": "silent", "severity": "INFO", "title": "Silent", "audience": "STAFF", "autoResolve": true } }] });
    let missed = json!({ "trigger": { "whenever": {} },
        "condition": { "compare": { "fact": { "missedActivities": { "days": 7 } }, "operator": "GTE", "value": 3 } },
        "actions": [{ "remind": { "template": "general", "audience": "CITIZEN" } }] });
    care::save_rule(&app.store, "silent", silent).await;
    care::save_rule(&app.store, "missed", missed).await;
    app.advance(TimeDelta::seconds(1)).await;
    let activity = daily_walk(&app, &enrollment).await;
    done(&say(&app, &app.therapist(), &enrollment, "Hej").await);
    let input = json!({ "activityId": activity, "occurrence": "2027-03-01", "done": false });
    done(&app.client.input(&app.citizen(1), "RegisterActivity", input).await);

    let flags = async || flag::Entity::find().all(app.store.connection()).await.unwrap();
    let reminders = async || {
        let all = reminder::Entity::find().all(app.store.connection()).await.unwrap();
        all.into_iter()
            .filter(|row| row.template == "general")
            .collect::<Vec<_>>()
    };
    app.run_until("2027-03-03T22:59:59Z".parse().unwrap()).await;
    assert_eq!((flags().await.len(), reminders().await.len()), (0, 0));
    // Three days after the message begin at midnight in Stockholm.
    app.run_until("2027-03-03T23:00:00Z".parse().unwrap()).await;
    assert_eq!(
        flags().await.iter().map(|flag| flag.kind.as_str()).collect::<Vec<_>>(),
        ["silent"]
    );
    assert!(
        reminders().await.is_empty(),
        "the first day was registered, the second and third were not"
    );
    app.run_until("2027-03-04T23:00:00Z".parse().unwrap()).await;
    assert_eq!(reminders().await.len(), 1, "three days in a row");
    // A message ends the silence, and its flag.
    done(&say(&app, &app.therapist(), &enrollment, "Hur går det?").await);
    app.advance(TimeDelta::seconds(1)).await;
    assert!(flags().await[0].resolved_at.is_some());
    app.stop().await;
}

both_databases!(rules_are_triggered_by_what_people_do, silence_is_noticed);
