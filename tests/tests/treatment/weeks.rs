//! The first seven of the twelve weeks, from the first sign-in to the end of a pause.

use serde_json::{Value, json};
use tests::client::text;

use crate::{
    flags::Raised,
    forms::answers,
    ledger::{local, person, when},
    script::{ADMINISTRATOR, CITIZEN, COLLEAGUE, Script, THERAPIST},
    world::{self, SUPPORT, WEEKLY},
};

const RISK: Raised = Raised {
    kind: "risk",
    title: "Thoughts of self-harm",
    severity: "URGENT",
    audience: "STAFF",
};
pub const SEVERE: Raised = Raised {
    kind: "severe",
    title: "A high score",
    severity: "WARNING",
    audience: "STAFF",
};
const INACTIVE: Raised = Raised {
    kind: "inactive",
    title: "No sign-in for a week",
    severity: "WARNING",
    audience: "STAFF",
};

impl Script {
    /// A Monday at eight: the rule sends the measure.
    pub async fn monday(&mut self, day: &str) -> String {
        self.at(&format!("{day} 08:00")).await;
        self.has_fired("weekly-measure");
        self.measure_arrives().await
    }

    /// The first day: the treatment starts two days before it was planned to.
    pub async fn first_day(&mut self) -> String {
        self.at("2027-03-08 10:00").await;
        self.lives("activateEnrollment", "ACTIVE", "Ringde och ville börja", json!({}))
            .await;
        let now = self.now();
        self.life.row["startedAt"] = when(now);
        self.ends_later(local("2027-05-17 10:00"), None);
        self.has_fired("first-measure");
        let measure = self.measure_arrives().await;

        self.at("2027-03-08 12:00").await;
        self.says_how_to_be_reached().await;
        self.begins(&measure, json!([{ "item": "q1", "value": "most" }])).await;
        self.at("2027-03-08 12:20").await;
        self.answers(CITIZEN, &measure, answers(21, 2)).await;
        self.has_fired("risk-item");
        let risk = self.flag_is_raised("risk-item", RISK).await;
        self.has_fired("severe");

        self.at("2027-03-08 12:21").await;
        self.completes("hello").await;
        let diary = self.opens_form("write", "diary").await;
        self.answers(CITIZEN, &diary, json!([{ "item": "did", "value": "Gick ut" }]))
            .await;
        self.completes("write").await;
        self.has_fired("open-activity");
        self.both_hear_of_module("activity", true, "SAID");
        self.at("2027-03-08 12:22").await;
        self.compare_content(CITIZEN, &["welcome", "activity"]).await;
        self.writes_for_the_first_time().await;
        risk
    }

    async fn says_how_to_be_reached(&mut self) {
        let english = self.does(CITIZEN, "setMyLocale", json!({ "locale": "en" })).await;
        let own = text(&english["viewer"]["citizen"]["id"]);
        self.does(CITIZEN, "setMyLocale", json!({ "locale": "sv" })).await;
        self.does(
            CITIZEN,
            "setMyQuietHours",
            json!({ "quietHours": { "from": "22:00", "until": "06:30" } }),
        )
        .await;
        let channels = json!([{ "channel": "SMS", "enabled": false }, { "channel": "EMAIL", "enabled": true }]);
        self.does(CITIZEN, "setMyNotificationChoices", json!({ "channels": channels }))
            .await;
        let input = json!({ "email": "anna@home.example", "phone": "070-174 06 06" });
        let me = self.does(CITIZEN, "updateMyContactDetails", input).await["citizen"].clone();
        self.life.email = "anna@home.example".to_owned();
        for _said in 0..5 {
            self.both_hear("CitizenChanged", &own);
        }
        let calendar = self.does(CITIZEN, "createCalendarFeed", json!({})).await;
        self.calendar = text(&calendar["url"]);
        let choices = [("INBOX", true), ("EMAIL", true), ("SMS", false), ("WEB_PUSH", true)];
        let choices = choices.map(|(channel, enabled)| json!({ "channel": channel, "enabled": enabled }));
        self.life.me = json!({ "id": me["id"], "displayName": CITIZEN.name(), "email": "anna@home.example",
            "phone": "+46701740606", "contactChange": { "at": when(self.now()), "actor": "CITIZEN", "by": null },
            "locale": "sv", "quietHours": { "from": "22:00", "until": "06:30" }, "channels": choices,
            "calendarFeed": { "createdAt": when(self.now()) } });
        self.compare_me().await;
        // Calls, since a digit was wrong.
        self.at("2027-03-08 12:05").await;
        let right = json!({ "citizenId": me["id"], "phone": "070-174 06 08" });
        let by = json!({ "at": when(self.now()), "actor": "STAFF", "by": { "displayName": THERAPIST.name() } });
        let corrected = self.does(THERAPIST, "correctContactDetails", right).await["citizen"].clone();
        assert_eq!(
            (&corrected["phone"], &corrected["contactChange"]),
            (&json!("+46701740608"), &by)
        );
        self.both_hear("CitizenChanged", &own);
        self.life.me["phone"] = json!("+46701740608");
        self.life.me["contactChange"] = by;
        // The citizen reads that it was staff.
        self.life.me["contactChange"]["by"] = Value::Null;
        self.compare_me().await;
    }

    async fn writes_for_the_first_time(&mut self) {
        self.begins_to_write(CITIZEN, "Hej, jag").await;
        let file = self.uploads().await;
        self.writes(CITIZEN, "Hej, jag skickar min dagbok.", &[file]).await;
        self.at("2027-03-08 13:00").await;
        self.reads(THERAPIST).await;
        self.begins_to_write(THERAPIST, "Fel person").await;
        self.thinks_better_of_it(THERAPIST).await;
        self.writes(THERAPIST, "Tack, jag läser den.", &[]).await;
        self.at("2027-03-08 13:30").await;
        self.reads(CITIZEN).await;
        self.begins_to_write(CITIZEN, "En sak till").await;
    }

    /// The rest of the first week: a plan, the flag that the measure raised, and another program that the citizen starts.
    pub async fn first_week(&mut self, risk: &str) -> String {
        self.at("2027-03-08 14:00").await;
        let walk = self
            .plans(
                THERAPIST,
                "Promenad",
                "2027-03-08",
                "17:30",
                Some("FREQ=WEEKLY;BYDAY=MO,TH"),
            )
            .await;
        let read = self.plans(CITIZEN, "Läsa", "2027-03-10", "20:00", None).await;
        self.shows("looking-back", false, None, "Inte än").await;
        self.gives_flag(THERAPIST, risk, COLLEAGUE, &self.ids.colleague.clone(), "Tar du den?")
            .await;
        self.at("2027-03-08 14:10").await;
        self.takes_flag_on(COLLEAGUE, risk, "Jag ringer").await;
        let own = json!({ "unitId": self.ids.unit, "programSlug": SUPPORT });
        let support = self.does(CITIZEN, "enrollMyself", own.clone()).await["enrollment"]["id"].clone();
        self.both_hear_of(
            "EnrollmentChanged",
            &text(&support),
            json!({ "enrollmentEvent": "STARTED" }),
        );
        self.does(ADMINISTRATOR, "closeProgramForSelfEnrollment", own).await;
        self.weighs(82.5).await;

        self.at("2027-03-09 09:00").await;
        self.resolves_flag(COLLEAGUE, risk, "Planen är uppdaterad").await;
        self.at("2027-03-11 19:00").await;
        self.registers(&walk, "2027-03-08", true, Some((3, 5)), Some("Regn"))
            .await;
        self.registers(&walk, "2027-03-11", true, None, None).await;
        self.registers(&read, "2027-03-10", false, None, None).await;
        self.at("2027-03-11 19:05").await;
        self.registers(&read, "2027-03-10", true, Some((4, 6)), Some("Kom ihåg att jag läste"))
            .await;
        walk
    }

    /// The second week: the flag stands again, days are moved, a rule is tried.
    pub async fn second_week(&mut self, risk: &str, walk: &str) {
        let measure = self.monday("2027-03-15").await;
        self.at("2027-03-15 12:00").await;
        self.answers(CITIZEN, &measure, answers(22, 0)).await;
        self.has_fired("severe");
        self.opens_flag_again(THERAPIST, risk, "Vi följer upp").await;
        self.moves_day(walk, "2027-03-18", "2027-03-19", Some("16:00"), "Regn")
            .await;
        self.cancels_day(walk, "2027-03-22", "Resa").await;
        let reminder = self.reminds_staff("Ring Given1 på onsdag").await;
        self.at("2027-03-15 12:30").await;
        self.has_read_reminder(&reminder).await;
        self.compare_calendar().await;
        self.at("2027-03-19 19:00").await;
        self.registers(walk, "2027-03-15", true, None, None).await;
        self.registers(walk, "2027-03-18", true, None, None).await;
    }

    /// The third week: a reminder brings the answer; the rule that was tried acts from now on.
    pub async fn third_week(&mut self, walk: &str) {
        let measure = self.monday("2027-03-22").await;
        self.at("2027-03-23 08:00").await;
        self.form_reminder_leaves(&measure);
        self.at("2027-03-23 12:00").await;
        self.answers(CITIZEN, &measure, answers(20, 1)).await;
        self.has_fired("severe");
        self.completes("plan").await;
        self.at("2027-03-25 19:00").await;
        self.registers(walk, "2027-03-25", false, None, Some("Ont i foten"))
            .await;
        let told = self.simulates(&world::severe()).await;
        assert_eq!(
            (&told["enrollmentsMatched"], &told["firingCount"]),
            (&json!(1), &json!(3)),
            "{told}"
        );
        self.promotes("severe").await;
    }

    /// The fourth week: the therapist takes the answers down on the phone; the limit of the rule is lowered for the citizen.
    pub async fn fourth_week(&mut self) -> String {
        let measure = self.monday("2027-03-29").await;
        self.at("2027-03-29 12:00").await;
        self.weighs(81.9).await;
        self.answers(THERAPIST, &measure, answers(20, 0)).await;
        self.has_fired("severe");
        let severe = self.flag_is_raised("severe", SEVERE).await;
        self.at("2027-03-30 09:00").await;
        self.takes_flag_on(THERAPIST, &severe, "Vi ses i morgon").await;
        self.resolves_flag(THERAPIST, &severe, "Vi har pratat").await;
        let narrow = self
            .overrides("severe", "condition.compare.value", 15, "Vill veta tidigare")
            .await;
        let (verdict, trace) = self.explains("severe").await;
        assert!(trace.contains("20") && trace.contains("15"), "{verdict}: {trace}");
        narrow
    }

    /// The fifth week: nobody answers; then the citizen is away for eleven days.
    pub async fn fifth_week(&mut self, walk: &str) {
        let measure = self.monday("2027-04-05").await;
        self.at("2027-04-05 12:00").await;
        self.weighs(81.0).await;
        self.at("2027-04-06 08:00").await;
        self.form_reminder_leaves(&measure);
        self.at("2027-04-08 08:00").await;
        self.form_expires(&measure);
        self.at("2027-04-08 19:00").await;
        self.registers(walk, "2027-04-05", true, None, None).await;
        self.at("2027-04-09 10:00").await;
        self.unit_writes(ADMINISTRATOR, "Vi har fått en ny telefon.", 1).await;
        self.at("2027-04-09 12:00").await;
        self.reads(CITIZEN).await;
        let back = local("2027-04-20 09:00");
        self.lives("pauseEnrollment", "PAUSED", "Bortrest", json!({ "resumesAt": back }))
            .await;
        self.life.row["resumesAt"] = when(back);
    }

    /// The seventh week: the pause has ended by itself; the plan and the end are changed.
    pub async fn seventh_week(&mut self, walk: &str) -> String {
        self.at("2027-04-20 09:00").await;
        self.lives_on();
        // Of the measures that the pause held back, the latest comes now.
        self.has_fired("weekly-measure");
        let measure = self.measure_arrives().await;
        self.has_fired("inactive");
        let inactive = self.flag_is_raised("inactive", INACTIVE).await;
        self.at("2027-04-20 12:00").await;
        self.weighs(80.2).await;
        // Signed in, which is what the flag waited for.
        self.flag_lapses(&inactive);
        self.answers(CITIZEN, &measure, answers(13, 0)).await;

        self.at("2027-04-21 10:00").await;
        let end = local("2027-05-31 10:00");
        let input = json!({ "enrollmentId": self.enrollment, "endsAt": end, "reason": "Två veckor till" });
        self.does(THERAPIST, "prolongEnrollment", input).await;
        self.ends_later(end, Some("Två veckor till"));
        self.both_hear_of_life("RESCHEDULED");
        let input =
            json!({ "enrollmentId": self.enrollment, "therapistIds": [self.ids.therapist, self.ids.colleague] });
        self.does(THERAPIST, "setTherapists", input).await;
        self.life.row["therapists"] = json!([person(&THERAPIST.name()), person(&COLLEAGUE.name())]);
        self.both_hear_of_life("THERAPISTS_CHANGED");
        self.shows("looking-back", true, Some(local("2027-04-22 08:00")), "Nu passar det")
            .await;
        self.switches_schedule(false, "Resa").await;
        let later = self.changes_activity(walk, "2027-04-22", "18:30").await;
        self.compare_content(THERAPIST, &["welcome", "activity"]).await;
        self.at("2027-04-22 08:00").await;
        self.both_hear_of_module("looking-back", true, "TOOK_EFFECT");
        self.at("2027-04-22 19:30").await;
        self.compare_content(CITIZEN, &["welcome", "activity", "looking-back"])
            .await;
        self.completes("see").await;
        self.registers(&later, "2027-04-22", true, Some((5, 7)), None).await;
        later
    }

    /// The therapist switches the schedule of the measure.
    pub async fn switches_schedule(&mut self, on: bool, reason: &str) {
        let input = json!({ "enrollmentId": self.enrollment, "formKey": WEEKLY, "on": on, "reason": reason });
        self.does(THERAPIST, "switchFormSchedule", input).await;
        let entry = json!({ "at": when(self.now()), "on": on, "reason": reason, "by": person(&THERAPIST.name()) });
        self.life.schedule.push(entry);
        let enrollment = self.enrollment.clone();
        let switched = json!({ "formSchedule": { "form": { "key": WEEKLY } } });
        self.staff_hears_of("FormScheduleSwitched", &enrollment, switched);
    }
}
