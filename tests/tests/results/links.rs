//! Links to downloads.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Duration;
use entity::{access_log, assignment};
use reqwest::StatusCode;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
};
use serde_json::{Value, json};
use tests::{both_databases, client::text, database::Kind};

use crate::{ask, course, follow, id_of};

async fn a_link_is_for_its_viewer_its_enrollment_and_some_minutes(kind: Kind) {
    let (app, enrollment) = course(kind).await;
    let others = id_of(app.enroll(2).await);
    let fields = "resultSeries(form: \"mood\", scale: \"total\") { chartUrl } resultTableUrl resultBundleUrl";
    let links = async |token: &str, enrollment: &str| -> Vec<Value> {
        let asked = ask(&app, token, enrollment, fields).await;
        vec![
            asked["resultSeries"]["chartUrl"].clone(),
            asked["resultTableUrl"].clone(),
            asked["resultBundleUrl"].clone(),
        ]
    };
    assert_eq!(
        ask(&app, &app.citizen(2), &enrollment, fields).await,
        Value::Null,
        "nobody else gets a link"
    );
    let administrator = app.staff("citizen-administrator");
    assert_eq!(
        links(&administrator, &enrollment).await,
        [Value::Null, Value::Null, Value::Null],
        "who does not treat sees no results"
    );

    let refused = async |link: &str| {
        let response = follow(&app, &json!(link)).await;
        let status = response.status();
        let body = response.text().await.unwrap();
        assert!(
            body.len() < 300 && !body.contains("mood") && !body.contains("Given1"),
            "{body}"
        );
        status
    };
    let (mine, theirs) = (
        links(&app.citizen(1), &enrollment).await,
        links(&app.citizen(2), &others).await,
    );
    for (mine, theirs) in mine.iter().zip(&theirs) {
        let (mine, theirs) = (text(mine), text(theirs));
        assert_eq!(follow(&app, &json!(mine)).await.status(), StatusCode::OK);
        assert!(
            !opened(&mine).contains("mood"),
            "an address does not tell what it shows"
        );
        // Another's enrollment in one's own link, in any of its parts.
        let enrollment_in = |link: &str| link.split('/').nth(2).unwrap().to_owned();
        let swapped = mine.replace(&enrollment_in(&mine), &enrollment_in(&theirs));
        let signature = |link: &str| link.rsplit_once("signature=").unwrap().1.to_owned();
        let other_signature = mine.replace(&signature(&mine), &signature(&theirs));
        for link in [
            swapped,
            other_signature,
            mine.replace("of=", "of=e"),
            format!("{mine}x"),
            mine.replace("&until=1", "&until=9"),
        ] {
            assert!(
                [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&refused(&link).await),
                "{link}"
            );
        }
    }
    // Who is not at the unit any more sees nothing, though the link is right.
    let staffs = links(&app.therapist(), &enrollment).await;
    let assigned = assignment::Entity::find()
        .filter(assignment::Column::StaffId.eq(app.care.therapist))
        .one(app.store.connection())
        .await
        .unwrap();
    let mut assigned = assigned.unwrap().into_active_model();
    assigned.valid_until = Set(Some(app.clock.now()));
    assigned.update(app.store.connection()).await.unwrap();
    app.store.refresh().await.unwrap();
    for link in &staffs {
        assert_eq!(refused(&text(link)).await, StatusCode::NOT_FOUND);
    }
    app.clock
        .advance(api::http::download_link::LIFETIME + Duration::seconds(1));
    for link in &mine {
        assert_eq!(refused(&text(link)).await, StatusCode::GONE);
    }
    let reads = access_log::Entity::find().filter(access_log::Column::Operation.starts_with("result"));
    assert_eq!(
        reads.count(app.store.connection()).await.unwrap(),
        3,
        "what was refused was not read"
    );
    app.stop().await;
}

/// What somebody reads who decodes the parameter of a link.
fn opened(link: &str) -> String {
    let of = link.split(['=', '&']).nth(1).unwrap();
    String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(of).unwrap()).into_owned()
}

both_databases!(a_link_is_for_its_viewer_its_enrollment_and_some_minutes,);
