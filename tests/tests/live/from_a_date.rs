//! What was said of modules and sections from a date on is told once more when the date comes, once, to those for whom it changes
//! something.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use entity::event::{self, EventKind};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{both_databases, database::Kind, world::persist};

use crate::ward::{Ward, morning};

/// How many take part when several workers share what is due.
const CROWD: u32 = 8;

/// Hours after the morning.
fn hours(hours: i64) -> DateTime<Utc> {
    morning() + TimeDelta::hours(hours)
}

/// An instant as items write it.
fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339()
}

impl Ward {
    async fn says(&self, change: Value) {
        self.treat("changeVisibility", change, "enrollment { id }").await;
    }

    /// Works until an instant.
    async fn at(&self, at: DateTime<Utc>) {
        self.app.run_until(at).await;
    }
}

async fn it_is_told_when_it_comes(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let before = ward.app.last_cursor().await;
    let from = written(hours(1));
    ward.says(json!({ "moduleKey": "welcome", "visible": false, "visibleFrom": hours(1) }))
        .await;
    let said = format!("VisibilityChanged true welcome true - SAID {from}");
    ward.both(&said).await;
    ward.at(hours(1) - TimeDelta::seconds(1)).await;
    ward.nothing_more().await;
    ward.at(hours(1)).await;
    let hidden = "VisibilityChanged false welcome false - TOOK_EFFECT -";
    let not_there = "VisibilityChanged - - TOOK_EFFECT -";
    ward.told(&[hidden], &[not_there]).await;
    ward.nothing_more().await;

    ward.says(json!({ "moduleKey": "welcome", "visible": true, "visibleFrom": hours(2) }))
        .await;
    let from = written(hours(2));
    ward.told(
        &[&format!("VisibilityChanged false welcome false - SAID {from}")],
        &[&format!("VisibilityChanged - - SAID {from}")],
    )
    .await;
    ward.at(hours(2)).await;
    ward.both("VisibilityChanged true welcome true - TOOK_EFFECT -").await;

    // Opening is, as well.
    ward.says(json!({ "moduleKey": "activity", "opensAt": hours(3) })).await;
    ward.both("VisibilityChanged false activity true - SAID -").await;
    ward.at(hours(3)).await;
    ward.both("VisibilityChanged true activity true - TOOK_EFFECT -").await;

    // A section, of which two things come one after the other.
    ward.says(json!({ "sectionKey": "doing", "visible": false })).await;
    ward.told(
        &["VisibilityChanged - false doing false SAID -"],
        &["VisibilityChanged - - SAID -"],
    )
    .await;
    ward.says(json!({ "sectionKey": "doing", "visible": true, "visibleFrom": hours(4), "opensAt": hours(5) }))
        .await;
    let from = written(hours(4));
    ward.told(
        &[&format!("VisibilityChanged - false doing false SAID {from}")],
        &[&format!("VisibilityChanged - - SAID {from}")],
    )
    .await;
    ward.at(hours(4)).await;
    ward.both("VisibilityChanged - false doing true TOOK_EFFECT -").await;
    ward.at(hours(5)).await;
    ward.both("VisibilityChanged - true doing true TOOK_EFFECT -").await;
    ward.at(hours(6)).await;
    ward.nothing_more().await;

    // Whoever was away hears it when they are back, as everything is by now.
    ward.listen_after(&before).await;
    let shown = "VisibilityChanged true welcome true -";
    ward.both(&format!("{shown} SAID -")).await;
    ward.both("FlagRaised mark-1").await;
    ward.both(&format!("{shown} TOOK_EFFECT -")).await;
    ward.both("FlagRaised mark-2").await;
    ward.both(&format!("{shown} SAID -")).await;
    ward.both(&format!("{shown} TOOK_EFFECT -")).await;
}

async fn what_something_else_was_said_of_since_does_not_come(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let hidden_from = |at: DateTime<Utc>| json!({ "moduleKey": "welcome", "visible": false, "visibleFrom": at });
    let shown = json!({ "moduleKey": "welcome", "visible": true });
    let said = |from: &str| format!("VisibilityChanged true welcome true - SAID {from}");
    let came = "VisibilityChanged false welcome false - TOOK_EFFECT -";
    ward.says(hidden_from(hours(1))).await;
    ward.both(&said(&written(hours(1)))).await;
    ward.says(shown.clone()).await;
    ward.both(&said("-")).await;
    ward.at(hours(2)).await;
    ward.nothing_more().await;

    // Moved, it comes when it was moved to.
    for (from, told) in [(hours(3), written(hours(3))), (hours(4), written(hours(4)))] {
        ward.says(hidden_from(from)).await;
        ward.both(&said(&told)).await;
    }
    ward.at(hours(3)).await;
    ward.nothing_more().await;
    ward.at(hours(4)).await;
    ward.told(&[came], &["VisibilityChanged - - TOOK_EFFECT -"]).await;

    // No worker looked in time, and it is shown again by now.
    ward.says(shown.clone()).await;
    ward.both(&said("-")).await;
    ward.says(hidden_from(hours(5))).await;
    ward.both(&said(&written(hours(5)))).await;
    ward.app.clock.set(hours(6));
    ward.says(shown).await;
    ward.both(&said("-")).await;
    ward.app.work().await;
    ward.nothing_more().await;

    // What is shown already is not shown once more, and what was said to open at another time opens then.
    ward.says(json!({ "moduleKey": "activity", "visible": true, "visibleFrom": hours(7), "opensAt": hours(8) }))
        .await;
    let from = written(hours(7));
    ward.both(&format!("VisibilityChanged false activity true - SAID {from}"))
        .await;
    ward.says(json!({ "moduleKey": "activity", "opensAt": hours(9) })).await;
    ward.both(&format!("VisibilityChanged false activity true - SAID {from}"))
        .await;
    ward.at(hours(8)).await;
    ward.nothing_more().await;
    ward.at(hours(9)).await;
    ward.both("VisibilityChanged true activity true - TOOK_EFFECT -").await;
    ward.nothing_more().await;
}

async fn what_stays_hidden_or_closed_does_not_come(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    ward.says(json!({ "moduleKey": "activity", "visible": false })).await;
    ward.says(json!({ "moduleKey": "activity", "opensAt": hours(1) })).await;
    ward.says(json!({ "sectionKey": "doing", "visible": false, "visibleFrom": hours(2) }))
        .await;
    let from = written(hours(2));
    let module = "VisibilityChanged false activity false - SAID -";
    ward.told(
        &[
            module,
            module,
            &format!("VisibilityChanged - false doing true SAID {from}"),
        ],
        &[
            "VisibilityChanged - - SAID -",
            "VisibilityChanged - - SAID -",
            &format!("VisibilityChanged - - SAID {from}"),
        ],
    )
    .await;
    ward.at(hours(3)).await;
    ward.nothing_more().await;
    ward.says(json!({ "moduleKey": "activity", "visible": true })).await;
    ward.both("VisibilityChanged true activity true - SAID -").await;

    // In a pause nothing opens; what is hidden is hidden all the same.
    ward.says(json!({ "moduleKey": "looking-back", "opensAt": hours(4) }))
        .await;
    ward.both("VisibilityChanged false looking-back true - SAID -").await;
    ward.says(json!({ "moduleKey": "welcome", "visible": false, "visibleFrom": hours(5) }))
        .await;
    let from = written(hours(5));
    ward.both(&format!("VisibilityChanged true welcome true - SAID {from}"))
        .await;
    ward.treat("pauseEnrollment", json!({ "reason": "Resa" }), "enrollment { id }")
        .await;
    ward.both("EnrollmentChanged PAUSED PAUSED").await;
    ward.at(hours(5)).await;
    ward.told(
        &["VisibilityChanged false welcome false - TOOK_EFFECT -"],
        &["VisibilityChanged - - TOOK_EFFECT -"],
    )
    .await;
    ward.nothing_more().await;
}

async fn nothing_comes_after_the_end(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    ward.says(json!({ "moduleKey": "welcome", "visible": false, "visibleFrom": hours(1) }))
        .await;
    ward.says(json!({ "moduleKey": "activity", "opensAt": hours(1) })).await;
    let from = written(hours(1));
    ward.both(&format!("VisibilityChanged true welcome true - SAID {from}"))
        .await;
    ward.both("VisibilityChanged false activity true - SAID -").await;
    ward.treat("completeEnrollment", json!({}), "enrollment { id }").await;
    ward.both("EnrollmentChanged COMPLETED COMPLETED").await;
    ward.both("DispatchChanged weekly-measure CANCELLED").await;
    ward.at(hours(2)).await;
    ward.nothing_more_until_they_start_anew().await;
}

async fn it_comes_once_however_late_and_many_workers_look(kind: Kind) {
    let mut ward = Ward::open(kind).await;
    let mut enrollments = vec![ward.enrollment.clone()];
    for n in 2..=CROWD {
        ward.app.enroll(n).await;
        enrollments.push(ward.app.enrollment_of(n).await);
    }
    ward.app.work().await;
    let change = json!({ "enrollmentIds": enrollments, "moduleKey": "activity", "visible": false,
        "visibleFrom": hours(1), "opensAt": hours(2) });
    ward.treat("changeVisibilities", change, "outcomes { errors { code } }")
        .await;
    // Both have come when somebody looks: that is told together.
    ward.app.clock.set(hours(3));
    let before = ward.app.last_cursor().await;
    let ((_one, first), (_other, second)) = tokio::join!(ward.app.another_worker(3), ward.app.another_worker(3));
    tokio::join!(persist(&first), persist(&second));
    assert_eq!(ward.app.work().await, 0, "nothing is left to do");
    ward.listen_after(&before).await;
    let came = "VisibilityChanged false activity false - TOOK_EFFECT -";
    ward.told(&[came; CROWD as usize], &["VisibilityChanged - - TOOK_EFFECT -"])
        .await;
    let events = event::Entity::find().all(ward.app.store.connection()).await.unwrap();
    let came = events
        .iter()
        .filter(|event| event.kind.0 == EventKind::ContentTookEffect);
    let told: Vec<_> = came.map(|event| event.enrollment_id).collect();
    let each: BTreeSet<_> = told.iter().collect();
    assert_eq!((told.len(), each.len()), (enrollments.len(), enrollments.len()));
    ward.nothing_more().await;
}

both_databases!(
    it_is_told_when_it_comes,
    what_something_else_was_said_of_since_does_not_come,
    what_stays_hidden_or_closed_does_not_come,
    nothing_comes_after_the_end,
    it_comes_once_however_late_and_many_workers_look,
);
