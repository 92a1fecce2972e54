//! Messages: written and begun, read, answered in time, handed over, with files, from templates, and to all of the unit.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Europe::Stockholm;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::client::text;

use crate::{
    ledger::{Rows, nodes, person, same, when},
    script::{CITIZEN, Script, THERAPIST, Who},
};

/// A file that goes with a message: its name, its media type, and every byte of it.
pub const FILE: (&str, &str, &[u8]) = (
    "dagbok.png",
    "image/png",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89 a diary",
);
/// The days on which the unit is closed: around Easter.
pub const CLOSED: [&str; 2] = ["2027-03-26", "2027-03-29"];
/// Within how many working days the unit promises to answer.
pub const PROMISE: usize = 2;

/// The thread of the treatment.
#[derive(Debug, Default)]
pub struct Thread {
    pub messages: Rows,
    /// The hand-overs, the latest first.
    pub hand_overs: Vec<Value>,
    pub handled_by: Option<Who>,
    /// What either side has begun to write.
    pub drafts: [Value; 2],
    pub templates: Rows,
    pub to_all: Vec<Value>,
}

/// Until when the unit promises to answer, by a formula of our own: it closes at five on weekdays that are not closed; the day
/// on which it can first be read counts for nothing.
fn answer_before(written: DateTime<Utc>) -> DateTime<Utc> {
    let close = NaiveTime::from_hms_opt(17, 0, 0).unwrap();
    let closed = CLOSED.map(|day| day.parse::<NaiveDate>().unwrap());
    let is_open = |day: &NaiveDate| day.weekday().number_from_monday() <= 5 && !closed.contains(day);
    let closes = |day: NaiveDate| Stockholm.from_local_datetime(&day.and_time(close)).unwrap().to_utc();
    let today = written.with_timezone(&Stockholm).date_naive();
    let days = (0..60).map(|after| today + Days::new(after)).filter(is_open);
    days.map(closes)
        .filter(|closes| *closes > written)
        .nth(PROMISE)
        .unwrap()
}

impl Script {
    /// Somebody writes a message, from their draft where they began one.
    pub async fn writes(&mut self, who: Who, body: &str, files: &[String]) -> String {
        let input = json!({ "enrollmentId": self.enrollment, "body": body, "attachmentIds": files });
        let sent = self.does(who, "sendMessage", input).await["message"].clone();
        let now = self.now();
        let attachments: Vec<Value> = files
            .iter()
            .map(|id| json!({ "id": id, "name": FILE.0, "mediaType": FILE.1, "size": FILE.2.len() }))
            .collect();
        let mut row = json!({ "id": sent["id"], "body": body, "from": "CITIZEN", "actor": "CITIZEN", "sentAt": when(now), "readAt": null,
            "readBy": null, "staff": null, "toAll": false, "answerBefore": when(answer_before(now)), "answeredAt": null,
            "attachments": attachments });
        if who != CITIZEN {
            row["from"] = json!("STAFF");
            row["actor"] = json!("STAFF");
            row["staff"] = person(&who.name());
            row["answerBefore"] = Value::Null;
            self.answered();
        }
        self.thread.drafts[usize::from(who != CITIZEN)] = Value::Null;
        let id = self.thread.messages.add(row);
        match who {
            CITIZEN => self.staff_hears("MessageReceived", &id),
            _ => self.citizen_hears("MessageReceived", &id),
        }
        // Nobody hears what they wrote themselves.
        if matches!(who, Who::Staff(_)) && who != THERAPIST {
            let sent = json!({ "about": { "body": body, "staff": person(&who.name()) } });
            self.staff_hears_of("MessageSent", &id, sent);
        }
        id
    }

    /// What the citizen wrote so far needs no answer any more.
    fn answered(&mut self) {
        let now = when(self.now());
        for row in self.thread.messages.all_mut() {
            if row["from"] == "CITIZEN" && row["answeredAt"].is_null() {
                row["answeredAt"] = now.clone();
            }
        }
    }

    /// Somebody begins to write, and goes away.
    pub async fn begins_to_write(&mut self, who: Who, body: &str) {
        let input = json!({ "enrollmentId": self.enrollment, "body": body });
        self.does(who, "saveMessageDraft", input).await;
        self.thread.drafts[usize::from(who != CITIZEN)] = json!({ "body": body, "savedAt": when(self.now()) });
    }

    /// Somebody throws away what they began to write.
    pub async fn thinks_better_of_it(&mut self, who: Who) {
        self.does(who, "discardMessageDraft", json!({ "enrollmentId": self.enrollment }))
            .await;
        self.thread.drafts[usize::from(who != CITIZEN)] = Value::Null;
    }

    /// Somebody reads what the other side wrote.
    pub async fn reads(&mut self, who: Who) {
        self.does(who, "markMessagesRead", json!({ "enrollmentId": self.enrollment }))
            .await;
        let (now, other) = (when(self.now()), if who == CITIZEN { "STAFF" } else { "CITIZEN" });
        for row in self.thread.messages.all_mut() {
            if row["from"] == other && row["readAt"].is_null() {
                row["readAt"] = now.clone();
                row["readBy"] = if who == CITIZEN {
                    Value::Null
                } else {
                    person(&who.name())
                };
            }
        }
        let actor = if who == CITIZEN { "CITIZEN" } else { "STAFF" };
        let enrollment = self.enrollment.clone();
        self.both_hear_of("MessagesRead", &enrollment, json!({ "actor": actor }));
    }

    /// The therapist finds that what the citizen wrote needs no answer.
    pub async fn settles(&mut self) {
        self.does(THERAPIST, "settleMessages", json!({ "enrollmentId": self.enrollment }))
            .await;
        self.answered();
        let enrollment = self.enrollment.clone();
        self.staff_hears("MessagesSettled", &enrollment);
    }

    /// Somebody hands the thread over.
    pub async fn hands_over(&mut self, who: Who, to: Option<(Who, String)>, note: &str) {
        let (to, id) = to.unzip();
        let input = json!({ "enrollmentId": self.enrollment, "staffId": id, "note": note });
        self.does(who, "handOverMessages", input).await;
        let receiver = to.map_or(Value::Null, |to| person(&to.name()));
        let entry = json!({ "at": when(self.now()), "note": note, "to": receiver, "by": person(&who.name()) });
        self.thread.hand_overs.insert(0, entry);
        self.thread.handled_by = to;
        if let Some(to) = to {
            self.is_told(to, note).await;
        }
        let enrollment = self.enrollment.clone();
        self.staff_hears("MessagesHandedOver", &enrollment);
    }

    /// The citizen uploads the file; gives its id.
    pub async fn uploads(&mut self) -> String {
        let request = self.app.client.http().post(self.app.client.url("/attachments"));
        let request = request.bearer_auth(self.token(CITIZEN)).header("X-File-Name", FILE.0);
        let response = request.body(FILE.2.to_vec()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        text(&response.json::<Value>().await.unwrap()["id"])
    }

    /// The unit writes to all who take part in the treatment: the citizen among so many.
    pub async fn unit_writes(&mut self, who: Who, body: &str, to: usize) {
        let input = json!({ "unitId": self.ids.unit, "body": body, "programSlug": crate::world::TREATMENT });
        let sent = self.does(who, "sendUnitMessage", input).await["message"].clone();
        let now = when(self.now());
        self.thread.to_all.insert(
            0,
            json!({ "id": sent["id"], "body": body, "sentAt": now, "recipientCount": to,
            "sentCount": to, "statuses": ["ACTIVE"], "by": person(&who.name()) }),
        );
        let fields = "messages(first: 1) { nodes { id } }";
        let seen = self.sees(THERAPIST, "LastMessage", fields).await;
        let row = json!({ "id": seen["messages"]["nodes"][0]["id"], "body": body, "from": "STAFF", "actor": "STAFF", "sentAt": now,
            "readAt": null, "readBy": null, "staff": null, "toAll": true, "answerBefore": null, "answeredAt": null,
            "attachments": [] });
        let id = self.thread.messages.add(row);
        self.citizen_hears("MessageReceived", &id);
    }

    /// The thread is as it was written down, as both sides see it; the file is the one that was sent.
    pub async fn compare_messages(&mut self) {
        for who in [THERAPIST, CITIZEN] {
            let mut seen = self
                .all(who, "Messages", "messages(first: 4, after: $after)", "...message")
                .await;
            let mut files = Vec::new();
            for file in seen
                .iter_mut()
                .flat_map(|row| row["attachments"].as_array_mut().unwrap())
            {
                files.push(text(&file.as_object_mut().unwrap().remove("url").unwrap()));
            }
            assert_eq!(files.len(), 1);
            for url in files {
                let file = self
                    .app
                    .client
                    .http()
                    .get(self.app.client.url(&url))
                    .send()
                    .await
                    .unwrap();
                assert_eq!(file.status(), StatusCode::OK);
                assert_eq!(file.headers()["content-type"], FILE.1);
                assert_eq!(file.bytes().await.unwrap(), FILE.2, "the bytes that were sent");
            }
            let mut written: Vec<Value> = self.thread.messages.all().iter().rev().cloned().collect();
            if who == CITIZEN {
                // Who of the staff read it, staff know alone.
                written.iter_mut().for_each(|row| row["readBy"] = Value::Null);
            }
            same("messages", &json!(seen), &json!(written));

            let other = if who == CITIZEN { "STAFF" } else { "CITIZEN" };
            let unread = written
                .iter()
                .filter(|row| row["from"] == other && row["readAt"].is_null())
                .count();
            let waiting = written
                .iter()
                .filter(|row| row["from"] == "CITIZEN" && row["answeredAt"].is_null());
            let of_staff = who != CITIZEN;
            let thread = json!({
                "unreadMessageCount": unread,
                "answerBefore": waiting.map(|row| row["answerBefore"].clone()).next_back(),
                "messageDraft": self.thread.drafts[usize::from(of_staff)],
                "messagesHandledBy": self.thread.handled_by.filter(|_| of_staff).map(|who| person(&who.name())),
                "messageHandOvers": if of_staff { json!(self.thread.hand_overs) } else { json!([]) },
            });
            let seen = self.sees(who, "Thread", "...thread").await;
            same("the thread", &seen, &thread);
        }
        let query = "query OfUnit($id: ID!) { unit(id: $id) { messageTemplates { id title body locale }
            messagesToAll(first: 10) { nodes { id body sentAt recipientCount sentCount statuses by { displayName } } } } }";
        let seen = self.asks(THERAPIST, query, json!({ "id": self.ids.unit })).await["unit"].clone();
        same(
            "templates",
            &seen["messageTemplates"],
            &json!(self.thread.templates.all()),
        );
        same(
            "messages to all",
            &json!(nodes(&seen["messagesToAll"])),
            &json!(self.thread.to_all),
        );
    }
}
