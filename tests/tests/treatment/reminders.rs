//! Reminders: of forms by rules, and by hand to the citizen and to colleagues, now and later, moved and taken back, read.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tests::client::text;

use crate::{
    ledger::{nodes, person, same, when},
    script::{CITIZEN, COLLEAGUE, Script, THERAPIST, Who},
};

fn planned(id: &Value, template: &str, note: Option<&str>, at: DateTime<Utc>) -> Value {
    json!({ "id": id, "template": template, "note": note, "audience": "CITIZEN", "remindAt": when(at), "sentAt": null,
        "skippedAt": null, "skipReason": null, "readAt": null, "by": null, "staff": [], "dispatch": null, "deliveries": [] })
}

/// What leaves to the citizen, who is written to in their inbox and by e-mail.
fn to_citizen() -> Value {
    json!([{ "channel": "INBOX", "status": "SENT", "skipReason": null, "staff": null },
        { "channel": "EMAIL", "status": "SENT", "skipReason": null, "staff": null }])
}

/// What did not leave to the citizen, and why.
fn skipped(why: &str) -> Value {
    json!([{ "channel": "EMAIL", "status": "SKIPPED", "skipReason": why, "staff": null }])
}

impl Script {
    /// A form that was sent brought a reminder with it.
    pub async fn is_to_be_reminded_of(&mut self, dispatch: &str, at: DateTime<Utc>) {
        let found = self
            .all(
                THERAPIST,
                "Reminders",
                "reminders(first: 20, after: $after)",
                "id dispatch { id }",
            )
            .await;
        let found = found
            .iter()
            .find(|row| row["dispatch"]["id"] == dispatch)
            .expect("a reminder")
            .clone();
        let by_hand = self.dispatches.of(dispatch)["status"] == "SCHEDULED";
        let mut row = planned(&found["id"], "form-waiting", None, at);
        row["dispatch"] = json!({ "id": dispatch });
        row["by"] = if by_hand {
            person(&THERAPIST.name())
        } else {
            Value::Null
        };
        self.reminders.add(row);
    }

    /// The reminders of a form that have not left do not, for a reason.
    pub fn reminders_of(&mut self, dispatch: &str, why: &str) {
        let now = when(self.now());
        for row in self.reminders.all_mut() {
            if row["dispatch"]["id"] == dispatch && row["sentAt"].is_null() && row["skippedAt"].is_null() {
                row["skippedAt"] = now.clone();
                row["skipReason"] = json!(why);
                row["deliveries"] = skipped(why);
            }
        }
    }

    /// The reminder of a form moves with it.
    pub fn reminder_moves(&mut self, dispatch: &str, at: DateTime<Utc>) {
        let row = self
            .reminders
            .all_mut()
            .iter_mut()
            .find(|row| row["dispatch"]["id"] == dispatch);
        row.expect("a reminder")["remindAt"] = when(at);
    }

    /// The reminder of a form leaves just now, to the inbox and by e-mail.
    pub fn form_reminder_leaves(&mut self, dispatch: &str) {
        let now = when(self.now());
        let row = self
            .reminders
            .all_mut()
            .iter_mut()
            .find(|row| row["dispatch"]["id"] == dispatch);
        let row = row.expect("a reminder");
        assert_eq!(row["remindAt"], now);
        let id = text(&row["id"]);
        self.reminder_leaves(&id);
    }

    /// A reminder to the citizen leaves just now, to the inbox and by e-mail.
    pub fn reminder_leaves(&mut self, id: &str) {
        let now = when(self.now());
        self.reminders
            .set(id, json!({ "sentAt": now, "deliveries": to_citizen() }));
        self.mailed.push(self.life.email.clone());
        self.citizen_hears("ReminderArrived", id);
        let row = self.reminders.of(id).clone();
        let says = json!({ "about": { "template": row["template"], "note": row["note"] } });
        self.staff_hears_of("ReminderSent", id, says);
    }

    /// The therapist reminds the citizen, now or at an instant; gives the reminder.
    pub async fn reminds(&mut self, note: &str, at: Option<DateTime<Utc>>) -> String {
        let input = json!({ "enrollmentId": self.enrollment, "note": note, "at": at });
        let reminder = self.does(THERAPIST, "remindCitizen", input).await["reminder"].clone();
        let mut row = planned(&reminder["id"], "general", Some(note), at.unwrap_or(self.now()));
        row["by"] = person(&THERAPIST.name());
        let id = self.reminders.add(row);
        match at {
            Some(_) => self.both_hear_of_reminder(&id, "PLANNED"),
            None => self.reminder_leaves(&id),
        }
        id
    }

    /// The therapist lets a reminder leave at another time.
    pub async fn moves_reminder(&mut self, id: &str, at: DateTime<Utc>) {
        self.does(THERAPIST, "moveReminder", json!({ "reminderId": id, "at": at }))
            .await;
        self.reminders.set(id, json!({ "remindAt": when(at) }));
        self.both_hear_of_reminder(id, "MOVED");
    }

    /// The therapist takes a reminder back.
    pub async fn takes_reminder_back(&mut self, id: &str) {
        self.does(THERAPIST, "cancelReminder", json!({ "reminderId": id }))
            .await;
        self.reminders.set(
            id,
            json!({ "skippedAt": when(self.now()), "skipReason": "TAKEN_BACK", "deliveries": skipped("TAKEN_BACK") }),
        );
        self.both_hear_of_reminder(id, "CANCELLED");
    }

    /// The therapist reminds the colleague and themself, in the inbox and by e-mail.
    pub async fn reminds_staff(&mut self, note: &str) -> String {
        let staff = [&self.ids.colleague, &self.ids.therapist];
        let input =
            json!({ "enrollmentId": self.enrollment, "note": note, "staffIds": staff, "channels": ["INBOX", "EMAIL"] });
        let reminder = self.does(THERAPIST, "remindStaff", input).await["reminder"].clone();
        let people = [COLLEAGUE, THERAPIST].map(|who| person(&who.name()));
        let deliveries: Vec<Value> = people
            .iter()
            .flat_map(|who| {
                ["INBOX", "EMAIL"]
                    .map(|channel| json!({ "channel": channel, "status": "SENT", "skipReason": null, "staff": who }))
            })
            .collect();
        let mut row = planned(&reminder["id"], "staff-attention", Some(note), self.now());
        for (field, value) in [
            ("audience", json!("STAFF")),
            ("by", person(&THERAPIST.name())),
            ("staff", json!(people)),
            ("sentAt", when(self.now())),
            ("deliveries", json!(deliveries)),
        ] {
            row[field] = value;
        }
        let id = self.reminders.add(row);
        for who in [COLLEAGUE, THERAPIST] {
            self.mailed
                .push(format!("{}@care.example", who.name().trim_start_matches("Person ")));
        }
        self.staff_hears("ReminderArrived", &id);
        id
    }

    /// Somebody of the staff is told in their inbox of a thread that the therapist handed over to them.
    pub async fn is_told(&mut self, who: Who, note: &str) {
        let found = self
            .all(
                THERAPIST,
                "Reminders",
                "reminders(first: 20, after: $after)",
                "id remindAt audience",
            )
            .await;
        let now = when(self.now());
        let is_it = |row: &&Value| row["remindAt"] == now && row["audience"] == "STAFF";
        let id = found.iter().find(is_it).expect("a reminder")["id"].clone();
        let mut row = planned(&id, "staff-attention", Some(note), self.now());
        for (field, value) in [
            ("audience", json!("STAFF")),
            ("by", person(&THERAPIST.name())),
            ("staff", json!([person(&who.name())])),
            ("sentAt", now),
            (
                "deliveries",
                json!([{ "channel": "INBOX", "status": "SENT", "skipReason": null, "staff": person(&who.name()) }]),
            ),
        ] {
            row[field] = value;
        }
        self.reminders.add(row);
    }

    /// The therapist marks a reminder of their own as read.
    pub async fn has_read_reminder(&mut self, id: &str) {
        self.does(THERAPIST, "markReminderRead", json!({ "reminderId": id }))
            .await;
        self.reminders.set(id, json!({ "readAt": when(self.now()) }));
    }

    /// Every reminder is as it was written down, for staff, in their inbox and for the citizen; and so is the mail that went out.
    pub async fn compare_reminders(&mut self) {
        let arrange = |rows: &mut Vec<Value>| {
            for row in rows.iter_mut() {
                let key = |one: &Value| (one["staff"].to_string(), one["channel"].to_string());
                row["deliveries"].as_array_mut().unwrap().sort_by_key(key);
                row["staff"].as_array_mut().unwrap().sort_by_key(Value::to_string);
            }
            rows.sort_by_key(|row| text(&row["id"]));
        };
        let mut seen = self
            .all(
                THERAPIST,
                "Reminders",
                "reminders(first: 20, after: $after)",
                "...reminder",
            )
            .await;
        let mut written = self.reminders.all().to_vec();
        arrange(&mut seen);
        arrange(&mut written);
        same("reminders", &json!(seen), &json!(written));

        // The citizen sees theirs, without what staff planned behind them.
        let fields = "id note template remindAt sentAt skipReason";
        let mut seen = self
            .all(CITIZEN, "MyReminders", "reminders(first: 20, after: $after)", fields)
            .await;
        let mut written: Vec<Value> = written.into_iter().filter(|row| row["audience"] == "CITIZEN").collect();
        written = written
            .iter()
            .map(|row| {
                let keys = ["id", "note", "template", "remindAt", "sentAt", "skipReason"];
                keys.into_iter()
                    .map(|key| (key.to_owned(), row[key].clone()))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            })
            .collect();
        let order = |row: &Value| text(&row["id"]);
        seen.sort_by_key(order);
        written.sort_by_key(order);
        same("the citizen's reminders", &json!(seen), &json!(written));

        let inbox = "query Inbox { viewer { ... on StaffViewer { unreadReminderCount reminders(first: 20) {
            nodes { id note readAt by { displayName } } } } } }";
        for (who, unread) in [(THERAPIST, 0), (COLLEAGUE, 2)] {
            let seen = self.asks(who, inbox, json!({})).await["viewer"].clone();
            let came = |row: &&Value| row["staff"].as_array().unwrap().contains(&person(&who.name()));
            let to_staff = self.reminders.all().iter().rev().filter(came);
            let written: Vec<Value> = to_staff
                .map(|row| {
                    let read = if who == THERAPIST {
                        row["readAt"].clone()
                    } else {
                        Value::Null
                    };
                    json!({ "id": row["id"], "note": row["note"], "readAt": read, "by": row["by"] })
                })
                .collect();
            same("an inbox", &json!(nodes(&seen["reminders"])), &json!(written));
            assert_eq!(seen["unreadReminderCount"], unread);
        }

        let mut mailed: Vec<String> = self.app.mail().into_iter().map(|mail| mail.to).collect();
        let address = |to: &String| to.rsplit('<').next().unwrap().trim_end_matches('>').to_owned();
        mailed = mailed.iter().map(address).collect();
        mailed.sort();
        self.mailed.sort();
        assert_eq!(mailed, self.mailed, "whom e-mail went to");
        for mail in self.app.mail() {
            for word in ["nedstämdhet", "Given1", "Thoughts", "Ring", "dagboken", "sömn"] {
                assert!(!mail.whole.contains(word), "{word} left the house");
            }
        }
    }
}
