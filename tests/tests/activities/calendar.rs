//! The calendar under the secret link.

use calcard::icalendar::{ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty};
use chrono::{DateTime, Utc};
use entity::access_log;
use reqwest::StatusCode;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;
use tests::{
    app::TestApp,
    both_databases,
    client::{done, one, refused, text},
    database::Kind,
};

use super::{plan, started, walking};

/// The calendar under an address, read by another parser than wrote it.
async fn calendar(app: &TestApp, url: &str) -> (String, Vec<ICalendarComponent>) {
    let path = url
        .strip_prefix("https://handrail.example")
        .expect("the public address");
    let response = app.client.http().get(app.client.url(path)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/calendar; charset=utf-8");
    assert_eq!(header("cache-control"), "private, no-store");
    let written = response.text().await.unwrap();
    let calendar = ICalendar::parse(&written).expect("iCalendar");
    let whole = calendar
        .components
        .iter()
        .find(|one| one.component_type == ICalendarComponentType::VCalendar)
        .unwrap();
    for property in [
        ICalendarProperty::Version,
        ICalendarProperty::Prodid,
        ICalendarProperty::RefreshInterval,
    ] {
        assert!(whole.has_property(&property), "{property:?}");
    }
    let events = calendar
        .components
        .iter()
        .filter(|one| one.component_type == ICalendarComponentType::VEvent);
    (written.clone(), events.cloned().collect())
}

/// When an event starts or ends; none where it is told as a date.
fn instant(event: &ICalendarComponent, property: ICalendarProperty) -> Option<i64> {
    let value = event.property(&property).unwrap().values[0]
        .as_partial_date_time()
        .unwrap()
        .clone();
    value.to_timestamp()
}

fn at(text: &str) -> Option<i64> {
    Some(text.parse::<DateTime<Utc>>().unwrap().timestamp())
}

async fn the_calendar_says_when_and_never_what(kind: Kind) {
    let (app, _, enrollment) = started(kind).await;
    let (citizen, therapist) = (app.citizen(1), app.therapist());
    let walk_id = walking(&app, &enrollment).await;
    let whole = json!({ "enrollmentId": enrollment, "title": "Ring mamma", "startsOn": "2027-03-02" });
    done(&plan(&app, &therapist, whole).await);
    let shift = json!({ "activityId": walk_id, "occurrence": "2027-03-04", "to": "2027-03-05" });
    done(
        &app.client
            .mutate(&therapist, "moveOccurrence", shift, "occurrence { id }")
            .await,
    );
    let cancel = json!({ "activityId": walk_id, "occurrence": "2027-03-08", "reason": "Resa" });
    done(
        &app.client
            .mutate(&therapist, "cancelOccurrence", cancel, "activity { id }")
            .await,
    );

    let make = async |token: &str, key: Option<&str>| {
        app.client
            .mutate(token, "createCalendarFeed", json!({ "idempotencyKey": key }), "url")
            .await
    };
    assert_eq!(refused(&make(&therapist, None).await), one("NOT_ALLOWED", ""));
    let url = text(&done(&make(&citizen, Some("once")).await)["url"]);
    assert_eq!(
        text(&done(&make(&citizen, Some("once")).await)["url"]),
        url,
        "the first answer again"
    );
    let has_feed = async || {
        let query = "{ viewer { ... on CitizenViewer { citizen { calendarFeed { createdAt } } } } }";
        app.client.query(&citizen, query, json!({})).await.data()["viewer"]["citizen"]["calendarFeed"].is_object()
    };
    assert!(has_feed().await);

    let reads = async || {
        let rows = access_log::Entity::find().filter(access_log::Column::Operation.eq("calendarFeed"));
        rows.count(app.store.connection()).await.unwrap()
    };
    let before = reads().await;
    let (written, events) = calendar(&app, &url).await;
    assert_eq!(reads().await, before + 1, "the reading is in the access log");
    for word in ["Promenad", "mamma", "Regn", "Resa", "nedstämdhet", "Given1"] {
        assert!(!written.contains(word), "{word}");
    }
    // Seven walks of eight, one of them a day later, and a whole day.
    assert_eq!(events.len(), 8);
    for event in &events {
        let summary = event.property(&ICalendarProperty::Summary).unwrap();
        assert_eq!(summary.values[0].as_text(), Some("Planerad aktivitet"));
        assert!(event.has_property(&ICalendarProperty::Dtstamp));
    }
    let starts: Vec<Option<i64>> = events
        .iter()
        .map(|event| instant(event, ICalendarProperty::Dtstart))
        .collect();
    assert_eq!(starts[0], at("2027-03-01T16:30:00Z"));
    assert_eq!(
        instant(&events[0], ICalendarProperty::Dtend),
        at("2027-03-01T17:00:00Z")
    );
    // The whole day is a date, without a time or zone.
    assert_eq!(starts[1], None);
    assert!(written.contains("DTSTART;VALUE=DATE:20270302") && written.contains("DTEND;VALUE=DATE:20270303"));
    assert_eq!(starts[2], at("2027-03-05T16:30:00Z"));
    let uids = |events: &[ICalendarComponent]| -> Vec<String> {
        events.iter().map(|event| event.uid().unwrap().to_owned()).collect()
    };
    let known = uids(&events);
    assert_eq!(known.iter().collect::<std::collections::BTreeSet<_>>().len(), 8);
    // Fetched again, also after another move, each day keeps its identity.
    let shift = json!({ "activityId": walk_id, "occurrence": "2027-03-04", "to": "2027-03-06" });
    done(
        &app.client
            .mutate(&therapist, "moveOccurrence", shift, "occurrence { id }")
            .await,
    );
    let (_, moved) = calendar(&app, &url).await;
    assert_eq!(uids(&moved), known);
    assert_eq!(
        instant(&moved[2], ICalendarProperty::Dtstart),
        at("2027-03-06T16:30:00Z")
    );

    let status = async |path: &str| {
        app.client
            .http()
            .get(app.client.url(path))
            .send()
            .await
            .unwrap()
            .status()
    };
    let path = |url: &str| url.strip_prefix("https://handrail.example").unwrap().to_owned();
    let old = path(&url);
    let new = text(&done(&make(&citizen, None).await)["url"]);
    assert_ne!(new, url);
    assert_eq!(
        (status(&old).await, status(&path(&new)).await),
        (StatusCode::NOT_FOUND, StatusCode::OK)
    );
    for wrong in ["/calendar/.ics", "/calendar/AAAA.ics", old.trim_end_matches(".ics")] {
        assert_eq!(status(wrong).await, StatusCode::NOT_FOUND, "{wrong}");
    }
    assert_eq!(
        refused(
            &app.client
                .mutate(&therapist, "revokeCalendarFeed", json!({}), "citizen { id }")
                .await
        ),
        one("NOT_ALLOWED", "")
    );
    done(
        &app.client
            .mutate(&citizen, "revokeCalendarFeed", json!({}), "citizen { id }")
            .await,
    );
    assert_eq!(status(&path(&new)).await, StatusCode::NOT_FOUND);
    assert!(!has_feed().await);
}

async fn a_calendar_without_anything_planned_is_one(kind: Kind) {
    let (app, ..) = started(kind).await;
    let citizen = app.citizen(1);
    let made = app
        .client
        .mutate(&citizen, "createCalendarFeed", json!({}), "url")
        .await;
    let url = text(&done(&made)["url"]);
    let (written, events) = calendar(&app, &url).await;
    assert!(events.is_empty(), "{written}");
    let whole = ICalendar::parse(&written).unwrap();
    let zone = whole.components.iter();
    let zones: Vec<_> = zone
        .filter(|one| one.component_type == ICalendarComponentType::VTimezone)
        .collect();
    assert_eq!(zones.len(), 1, "RFC 5545, 3.6: at least one component: {written}");
    assert!(zones[0].has_property(&ICalendarProperty::Tzid));
    let standard = whole.components.iter();
    let mut standard = standard.filter(|one| one.component_type == ICalendarComponentType::Standard);
    let standard = standard.next().expect("RFC 5545, 3.6.5: a zone has an observance");
    for property in [
        ICalendarProperty::Dtstart,
        ICalendarProperty::Tzoffsetfrom,
        ICalendarProperty::Tzoffsetto,
    ] {
        assert!(standard.has_property(&property), "{property:?}");
    }
    app.stop().await;
}

both_databases!(
    the_calendar_says_when_and_never_what,
    a_calendar_without_anything_planned_is_one,
);
