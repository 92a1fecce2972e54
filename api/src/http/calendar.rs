//! The calendar of a citizen, as iCalendar (RFC 5545), under its secret link: when something is planned, and never what.
//!
//! Each day is an event of its own with its instants in UTC, so that calendars need not know the zone's clock changes, and a day
//! that was moved is simply elsewhere.

use std::sync::Arc;

use chrono::TimeDelta;
use entity::{
    access_log::{self, AccessAction},
    calendar_feed, citizen,
    planned_activity::Occurrence,
    viewer::{Viewer, Who},
};
use icalendar::{Calendar, Class, Component, Event, EventLike, Property};
use poem::{
    Response, handler,
    http::{HeaderValue, header},
    web::{Data, Path},
};
use rules::text::Text;

use super::{
    log::Logged,
    refusal::{Refusal, in_time},
};
use crate::app::App;

/// How often calendars are asked to look for news.
const REFRESH: TimeDelta = TimeDelta::hours(6);

/// Who made it (RFC 5545, 3.7.3).
const PRODUCT: &str = "-//Handrail//Activity plan//EN";

/// How calendars end.
const END: &str = "END:VCALENDAR";

/// A time zone that nothing refers to, for calendars in which nothing is planned: they need at least one component (RFC 5545,
/// 3.6).
const UNIVERSAL_TIME: &str = "BEGIN:VTIMEZONE\r\nTZID:Etc/UTC\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n\
    TZOFFSETFROM:+0000\r\nTZOFFSETTO:+0000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";

/// The calendar that a secret opens; `404` where it opens none, or no more.
#[handler]
pub async fn feed(app: Data<&Arc<App>>, Path(file): Path<String>) -> Response {
    in_time(&app, find(&app, &file)).await
}

async fn find(app: &App, file: &str) -> Result<Response, Refusal> {
    let store = &app.store;
    let secret = file.strip_suffix(".ics").ok_or_else(Refusal::not_found)?;
    let citizen = calendar_feed::citizen_of(store, secret).await?;
    let citizen = citizen.ok_or_else(Refusal::not_found)?;
    let who = Who::Citizen { id: citizen };
    let viewer = Viewer::new(who.clone(), "calendarFeed");
    let person = citizen::find(store, &viewer, &[citizen]).await?.remove(&citizen);
    let person = person.ok_or_else(Refusal::not_found)?;
    let days = calendar_feed::days(store, &viewer, citizen).await?;
    let text = written(&days, &person.locale);
    // Nobody is shown what could not be logged.
    let (trail, now) = (viewer.take_trail(), store.now());
    access_log::write(store.connection(), &viewer, AccessAction::Read, &trail, now).await?;
    let mut response = Response::builder()
        .content_type("text/calendar; charset=utf-8")
        .body(text);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response.extensions_mut().insert(Logged::new("calendarFeed", &who));
    Ok(response)
}

fn written(days: &[Occurrence], locale: &str) -> String {
    let summary = words("Planerad aktivitet", "Planned activity");
    let name = words("Planerade aktiviteter", "Planned activities");
    let mut calendar = Calendar::empty();
    calendar
        .append_property(Property::new("VERSION", "2.0"))
        .append_property(Property::new("PRODID", PRODUCT))
        .append_property(Property::new("CALSCALE", "GREGORIAN"))
        .name(name.get(locale))
        .ttl(&REFRESH);
    for day in days {
        calendar.push(event(day, summary.get(locale)));
    }
    let text = calendar.to_string();
    match days.is_empty() {
        true => text.replace(END, &format!("{UNIVERSAL_TIME}{END}")),
        false => text,
    }
}

fn words(swedish: &str, english: &str) -> Text {
    Text(
        [("sv", swedish), ("en", english)]
            .map(|(locale, text)| (locale.to_owned(), text.to_owned()))
            .into(),
    )
}

fn event(day: &Occurrence, summary: &str) -> Event {
    let mut event = Event::new();
    event
        .uid(&format!("{}-{}@handrail", day.activity.id, day.day))
        .timestamp(day.said_at)
        .summary(summary)
        .class(Class::Private);
    if day.whole_day {
        event.starts(day.on);
        // The day after: the end is not part of it.
        event.ends(day.on.succ_opt().unwrap_or(day.on));
        event.add_property("TRANSP", "TRANSPARENT");
    } else {
        event.starts(day.starts_at);
        if let Some(ends_at) = day.ends_at {
            event.ends(ends_at);
        }
    }
    event.done()
}
