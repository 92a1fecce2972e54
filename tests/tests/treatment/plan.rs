//! The activity plan: what is planned by staff and by the citizen, changed, moved, cancelled, ended; what is registered and
//! measured; and the calendar of the citizen.

use calcard::icalendar::{ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Europe::Stockholm;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::client::text;

use crate::{
    ledger::{local, person, same, when},
    script::{CITIZEN, Script, THERAPIST, Who},
};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn instant(on: NaiveDate, time: &str) -> DateTime<Utc> {
    let time = NaiveTime::parse_from_str(time, "%H:%M").unwrap();
    Stockholm.from_local_datetime(&on.and_time(time)).unwrap().to_utc()
}

impl Script {
    /// Somebody plans something.
    pub async fn plans(&mut self, who: Who, title: &str, on: &str, time: &str, repeat: Option<&str>) -> String {
        let input = json!({ "enrollmentId": self.enrollment, "title": title, "startsOn": on, "time": time,
            "duration": "PT30M", "repeat": repeat });
        let planned = self.does(who, "planActivity", input).await["activity"].clone();
        let id = self.activities.add(
            json!({ "id": planned["id"], "title": title, "startsOn": on, "time": time,
            "duration": "PT30M", "repeat": repeat, "plannedAt": when(self.now()), "plannedByCitizen": who == CITIZEN,
            "endedAt": null, "replaces": null, "exceptions": [] }),
        );
        self.both_hear("ActivityPlanChanged", &id);
        id
    }

    /// The therapist moves a day of an activity.
    pub async fn moves_day(&mut self, id: &str, occurrence: &str, to: &str, time: Option<&str>, reason: &str) {
        let input = json!({ "activityId": id, "occurrence": occurrence, "to": to, "time": time, "reason": reason });
        self.does(THERAPIST, "moveOccurrence", input).await;
        let exception = json!({ "at": when(self.now()), "occurrence": occurrence, "movedTo": to, "time": time, "reason": reason,
            "actor": "STAFF", "by": person(&THERAPIST.name()) });
        self.activities.push(id, "exceptions", exception);
        self.both_hear("ActivityPlanChanged", id);
    }

    /// The therapist cancels a day of an activity.
    pub async fn cancels_day(&mut self, id: &str, occurrence: &str, reason: &str) {
        let input = json!({ "activityId": id, "occurrence": occurrence, "reason": reason });
        self.does(THERAPIST, "cancelOccurrence", input).await;
        let exception = json!({ "at": when(self.now()), "occurrence": occurrence, "movedTo": null, "time": null, "reason": reason,
            "actor": "STAFF", "by": person(&THERAPIST.name()) });
        self.activities.push(id, "exceptions", exception);
        self.both_hear("ActivityPlanChanged", id);
    }

    /// The therapist has an activity come at another time from a day on; gives the one that takes its place.
    pub async fn changes_activity(&mut self, id: &str, from: &str, time: &str) -> String {
        let input = json!({ "activityId": id, "from": from, "time": time });
        let changed = self.does(THERAPIST, "changeActivity", input).await["activity"].clone();
        let mut row = self.activities.of(id).clone();
        self.activities
            .set(id, json!({ "endedAt": when(instant(day(from), "00:00")) }));
        for (field, value) in [
            ("id", changed["id"].clone()),
            ("startsOn", json!(from)),
            ("time", json!(time)),
            ("plannedAt", when(self.now())),
            ("replaces", json!({ "id": id })),
            ("exceptions", json!([])),
        ] {
            row[field] = value;
        }
        let new = self.activities.add(row);
        self.both_hear("ActivityPlanChanged", &new);
        new
    }

    /// Somebody ends an activity.
    pub async fn ends_activity(&mut self, who: Who, id: &str) {
        self.does(who, "endActivity", json!({ "activityId": id })).await;
        self.activities.set(id, json!({ "endedAt": when(self.now()) }));
        self.both_hear("ActivityPlanChanged", id);
    }

    /// The citizen registers a day, or registers it again.
    pub async fn registers(
        &mut self,
        activity: &str,
        occurrence: &str,
        done: bool,
        ratings: Option<(i32, i32)>,
        note: Option<&str>,
    ) {
        let (before, after) = ratings.unzip();
        let input = json!({ "activityId": activity, "occurrence": occurrence, "done": done, "note": note,
            "ratingBefore": before, "rating": after });
        let entry = self.does(CITIZEN, "registerActivity", input).await["entry"].clone();
        let now = when(self.now());
        let known = self.entries.all().iter().any(|row| row["id"] == entry["id"]);
        let id = text(&entry["id"]);
        if known {
            self.entries.set(
                &id,
                json!({ "done": done, "note": note, "ratingBefore": before, "rating": after, "correctedAt": now }),
            );
        } else {
            self.entries.add(
                json!({ "id": id, "occurrence": occurrence, "done": done, "note": note, "rating": after,
                "ratingBefore": before, "registeredAt": now, "correctedAt": null, "activity": activity }),
            );
        }
        self.both_hear("ActivityRegistered", &id);
    }

    /// The citizen registers their weight.
    pub async fn weighs(&mut self, value: f64) -> String {
        let input = json!({ "enrollmentId": self.enrollment, "kind": "weight", "value": value, "note": "På morgonen" });
        let measured = self.does(CITIZEN, "registerMeasurement", input).await["measurement"].clone();
        let now = when(self.now());
        let id = self.measurements.add(
            json!({ "id": measured["id"], "kind": "weight", "value": value, "at": now,
            "note": "På morgonen", "registeredAt": now, "supersededAt": null, "corrects": null }),
        );
        self.both_hear("MeasurementRegistered", &id);
        id
    }

    /// The citizen corrects a weight.
    pub async fn corrects_weight(&mut self, id: &str, value: f64) -> String {
        let input = json!({ "measurementId": id, "value": value, "note": "Fel våg" });
        let measured = self.does(CITIZEN, "correctMeasurement", input).await["measurement"].clone();
        let now = when(self.now());
        let at = self.measurements.of(id)["at"].clone();
        self.measurements.set(id, json!({ "supersededAt": now }));
        let new = self.measurements.add(
            json!({ "id": measured["id"], "kind": "weight", "value": value, "at": at,
            "note": "Fel våg", "registeredAt": now, "supersededAt": null, "corrects": { "id": id } }),
        );
        self.both_hear("MeasurementRegistered", &new);
        new
    }

    /// The citizen takes a weight back.
    pub async fn takes_weight_back(&mut self, id: &str) {
        self.does(CITIZEN, "voidMeasurement", json!({ "measurementId": id }))
            .await;
        self.measurements.set(id, json!({ "supersededAt": when(self.now()) }));
        self.both_hear("MeasurementRegistered", id);
    }

    /// The days on which something comes, counted by a calendar of our own: for each its activity, the day as planned, the day
    /// on which it comes, and its beginning.
    fn days(&self, last: NaiveDate) -> Vec<(String, NaiveDate, NaiveDate, DateTime<Utc>)> {
        let mut found = Vec::new();
        for activity in self.activities.all() {
            let first = day(activity["startsOn"].as_str().unwrap());
            let ended = activity["endedAt"]
                .as_str()
                .map(|at| at.parse::<DateTime<Utc>>().unwrap());
            let walks = |on: &NaiveDate| matches!(on.weekday(), Weekday::Mon | Weekday::Thu);
            let repeats = !activity["repeat"].is_null();
            let days_of = first
                .iter_days()
                .take_while(|on| *on <= last)
                .filter(|on| *on == first || (repeats && walks(on)));
            for planned in days_of {
                let exceptions = activity["exceptions"].as_array().unwrap();
                let said = exceptions
                    .iter()
                    .rfind(|row| row["occurrence"] == planned.to_string().as_str());
                let (on, time) = match said {
                    None => (planned, activity["time"].clone()),
                    Some(row) if row["movedTo"].is_null() => continue,
                    Some(row) if row["time"].is_null() => {
                        (day(row["movedTo"].as_str().unwrap()), activity["time"].clone())
                    }
                    Some(row) => (day(row["movedTo"].as_str().unwrap()), row["time"].clone()),
                };
                // It stands on the days that begin before it has ended.
                if on <= last && ended.is_none_or(|ended| instant(on, "00:00") < ended) {
                    found.push((text(&activity["id"]), planned, on, instant(on, time.as_str().unwrap())));
                }
            }
        }
        found.sort_by_key(|(_, planned, _, starts)| (*starts, *planned));
        found
    }

    /// Everything that was planned, registered and measured is as it was written down.
    pub async fn compare_plan(&mut self, who: Who) {
        let (from, to) = (local("2027-03-01 00:00"), local("2027-07-01 00:00"));
        let span = format!("from: {:?}, to: {:?}", from.to_rfc3339(), to.to_rfc3339());
        let fields = format!(
            "activities({span}) {{ ...occurrence }} activityPlan {{ ...planned }}
            measurementSeries(kind: \"weight\", {span}) {{
                kind {{ key unit {{ code }} }} points {{ ...measurement }} }}"
        );
        let seen = self.sees(who, "Plan", &fields).await;
        let now = self.now();
        let written: Vec<Value> = self
            .days(day("2027-06-30"))
            .into_iter()
            .map(|(activity, planned, on, starts)| {
                let on_day = planned.to_string();
                let is_it = |row: &&Value| row["activity"] == activity.as_str() && row["occurrence"] == on_day.as_str();
                let entry = self.entries.all().iter().find(is_it).cloned().map(|mut row| {
                    row.as_object_mut().unwrap().remove("activity");
                    row
                });
                let row = self
                    .activities
                    .all()
                    .iter()
                    .find(|row| row["id"] == activity.as_str())
                    .unwrap();
                let over = instant(on + Days::new(1), "00:00");
                let ended = row["endedAt"].as_str().map(|at| at.parse::<DateTime<Utc>>().unwrap());
                // The day on which it ended was not missed: it did not have the whole day.
                let is_over = over <= now && ended.is_none_or(|ended| over <= ended);
                json!({ "day": planned, "movedTo": (on != planned).then_some(on), "title": row["title"],
                    "startsAt": when(starts),
                    "endsAt": when(starts + chrono::TimeDelta::minutes(30)), "activity": { "id": activity },
                    "done": entry.as_ref().is_some_and(|row| row["done"] == true),
                    "missed": entry.is_none() && is_over, "entry": entry })
            })
            .collect();
        assert!(written.len() > 20, "a plan of twelve weeks");
        same("the days of the plan", &seen["activities"], &json!(written));

        let standing: Vec<Value> = self
            .activities
            .all()
            .iter()
            .filter(|row| row["endedAt"].is_null())
            .cloned()
            .collect();
        let mut plan = standing.clone();
        let mut shown = seen["activityPlan"].as_array().unwrap().clone();
        if who == CITIZEN {
            // Why and who of them it was, staff wrote for one another.
            for row in plan
                .iter_mut()
                .flat_map(|row| row["exceptions"].as_array_mut().unwrap())
            {
                row["reason"] = Value::Null;
                row["by"] = Value::Null;
            }
        }
        plan.sort_by_key(|row| text(&row["id"]));
        shown.sort_by_key(|row| text(&row["id"]));
        same("the plan", &json!(shown), &json!(plan));

        let series = &seen["measurementSeries"];
        assert_eq!(series["kind"], json!({ "key": "weight", "unit": { "code": "kg" } }));
        let counts = self
            .measurements
            .all()
            .iter()
            .filter(|row| row["supersededAt"].is_null());
        same(
            "what was measured",
            &series["points"],
            &json!(counts.collect::<Vec<_>>()),
        );
        // What ended, was corrected or taken back is kept, and found by its id.
        if who == THERAPIST {
            for (rows, spread) in [
                (&self.activities, "... on PlannedActivity { ...planned }"),
                (&self.measurements, "... on Measurement { ...measurement }"),
            ] {
                for row in rows.all() {
                    let query = format!("query Kept($id: ID!) {{ node(id: $id) {{ {spread} }} }}");
                    let kept = self.asks(who, &query, json!({ "id": row["id"] })).await;
                    same("what is kept", &kept["node"], row);
                }
            }
            let kept = self.activities.all().len() + self.measurements.all().len();
            self.sent.extend(std::iter::repeat_n((who, "Kept".to_owned()), kept));
        }
    }

    /// The calendar under the secret link, read by another parser than wrote it, has the days to come and nothing else.
    pub async fn compare_calendar(&mut self) {
        let path = self
            .calendar
            .strip_prefix("https://handrail.example")
            .expect("the public address")
            .to_owned();
        let response = self
            .app
            .client
            .http()
            .get(self.app.client.url(&path))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let written = response.text().await.unwrap();
        for word in ["Promenad", "Läsa", "nedstämdhet", "Given1", "Regn"] {
            assert!(!written.contains(word), "{word} stands in the calendar");
        }
        let calendar = ICalendar::parse(&written).expect("iCalendar");
        let start = |event: &ICalendarComponent| {
            let value = event.property(&ICalendarProperty::Dtstart).unwrap().values[0]
                .as_partial_date_time()
                .unwrap();
            value.to_timestamp().unwrap()
        };
        let events = calendar
            .components
            .iter()
            .filter(|one| one.component_type == ICalendarComponentType::VEvent);
        // It reaches a month back: what is older by then is left out here.
        let from = (self.now() - Days::new(28)).timestamp();
        let mut seen: Vec<i64> = events.map(start).filter(|at| *at >= from).collect();
        seen.sort_unstable();
        let end: DateTime<Utc> = self.life.row["endsAt"].as_str().unwrap().parse().unwrap();
        let last = end.with_timezone(&Stockholm).date_naive();
        let days = self.days(last).into_iter().map(|(.., starts)| starts.timestamp());
        let expected: Vec<i64> = days.filter(|at| *at >= from).collect();
        assert_eq!(seen, expected, "the days in the calendar");
    }
}
