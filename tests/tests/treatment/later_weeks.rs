//! The second half of the twelve weeks, from the eighth to the last measure, and what is left after.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tests::client::text;

use crate::{
    flags::Raised,
    forms::{answers, days_later},
    ledger::{local, person, when},
    script::{CITIZEN, COLLEAGUE, ELSEWHERE, Script, THERAPIST, Who},
    weeks::SEVERE,
    world::{SUPPORT, WEEKLY},
};

const SLEEP: Raised = Raised {
    kind: "sleep",
    title: "Sover dåligt",
    severity: "INFO",
    audience: "STAFF",
};
const CALL: Raised = Raised {
    kind: "call",
    title: "Vill bli uppringd",
    severity: "WARNING",
    audience: "STAFF",
};
const HOMEWORK: Raised = Raised {
    kind: "homework",
    title: "Läs avsnittet igen",
    severity: "INFO",
    audience: "CITIZEN",
};

impl Script {
    /// The eighth week: no measure comes, but what the therapist sends by hand.
    pub async fn eighth_week(&mut self) {
        self.at("2027-04-26 08:00").await;
        // The rule fires, and its form is not sent.
        self.has_fired("weekly-measure");
        self.at("2027-04-26 12:00").await;
        self.weighs(79.8).await;
        self.at("2027-04-28 10:00").await;
        self.switches_schedule(true, "Hemma igen").await;
        let measure = self.plans_form(WEEKLY, local("2027-04-30 10:00")).await;
        self.moves_form(&measure, local("2027-05-01 10:00"), "Röd dag").await;
        let worry = self.plans_form("worry-measure", local("2027-05-05 10:00")).await;
        self.takes_form_back(&worry, "Behövs inte").await;
        self.reminds("Ta med dagboken på fredag", None).await;
        let moved = self
            .reminds("Ta med dagboken på måndag", Some(local("2027-05-02 10:00")))
            .await;
        self.moves_reminder(&moved, local("2027-05-01 10:30")).await;
        let taken_back = self.reminds("Ring mig", Some(local("2027-05-02 12:00"))).await;
        self.takes_reminder_back(&taken_back).await;
        self.at("2027-05-01 10:00").await;
        self.form_opens(&measure);
        self.at("2027-05-01 10:30").await;
        self.reminder_leaves(&moved);
        self.at("2027-05-01 11:00").await;
        self.answers(CITIZEN, &measure, answers(14, 0)).await;
        self.compare_calendar().await;
    }

    /// The ninth week: an answer was taken down wrong, and the limit of the rule is as it was.
    pub async fn ninth_week(&mut self, narrow: &str) {
        let measure = self.monday("2027-05-03").await;
        self.at("2027-05-03 12:00").await;
        let result = self.answers(CITIZEN, &measure, answers(16, 0)).await;
        self.has_fired("severe");
        let severe = self.flag_is_raised("severe", SEVERE).await;
        self.at("2027-05-04 10:00").await;
        self.amends(&result, answers(12, 0), "Läste fel").await;
        self.resolves_flag(THERAPIST, &severe, "Det var fel svar").await;
        self.gives_back(narrow, "Bättre nu").await;
        self.at("2027-05-06 19:00").await;
        self.weighs(79.1).await;
    }

    /// The tenth week: a result is voided, the thread handed over, and many flags are handled at once.
    pub async fn tenth_week(&mut self, risk: &str) {
        let measure = self.monday("2027-05-10").await;
        self.at("2027-05-10 12:00").await;
        let result = self.answers(CITIZEN, &measure, answers(10, 0)).await;
        self.at("2027-05-11 10:00").await;
        self.voids(&result, "Svarade någon annan").await;
        self.hands_over(
            THERAPIST,
            Some((COLLEAGUE, self.ids.colleague.clone())),
            "Ledig i veckan",
        )
        .await;
        let (own, other) = (self.enrollment.clone(), self.others[0].clone());
        let sleep = self.raises_flag(&own, SLEEP, "Enligt samtal").await;
        self.at("2027-05-11 10:01").await;
        let call = self.raises_flag(&other, CALL, "Ringde växeln").await;
        let homework = self.raises_flag(&own, HOMEWORK, "Inför nästa gång").await;
        self.at("2027-05-11 11:00").await;
        self.handles_flags("acknowledgeFlags", &[&sleep, &call], "Vi tar dem tillsammans")
            .await;
        self.at("2027-05-11 12:00").await;
        self.handles_flags("resolveFlags", &[risk, &sleep, &call], "Alla är klara")
            .await;
        self.resolves_flag(THERAPIST, &homework, "Läst").await;
        self.hides_for_both().await;
        self.the_others().await;
        self.at("2027-05-13 10:00").await;
        self.writes(COLLEAGUE, "Jag svarar den här veckan.", &[]).await;
        self.at("2027-05-13 19:00").await;
        self.weighs(78.9).await;
        self.hands_over(COLLEAGUE, None, "Alla kan svara").await;
    }

    /// The therapist hides a section for the citizen and another at once, and shows it to both again.
    async fn hides_for_both(&mut self) {
        for visible in [false, true] {
            let input = json!({ "enrollmentIds": [self.enrollment, self.others[1]], "sectionKey": "seeing", "visible": visible,
                "reason": "Provar" });
            let outcomes = self.does(THERAPIST, "changeVisibilities", input).await["outcomes"].clone();
            let kind = if visible { "SECTION_SHOWN" } else { "SECTION_HIDDEN" };
            let now = self.now();
            self.life.changed(kind, "seeing", now);
            let enrollment = self.enrollment.clone();
            let section = |shown: bool| {
                json!({ "visibilityEvent": "SAID", "module": null,
                "section": shown.then(|| json!({ "key": "seeing" })) })
            };
            self.staff_hears_of("VisibilityChanged", &enrollment, section(true));
            self.citizen_hears_of("VisibilityChanged", &enrollment, section(visible));
            // Before it changes again: items tell how things are when they are heard.
            self.heard().await;
            self.listen().await;
            let section = &outcomes[0]["enrollment"]["modules"][2]["sections"][0];
            assert_eq!(
                (&section["key"], &section["visible"]),
                (&json!("seeing"), &json!(visible))
            );
            self.app.advance(TimeDelta::minutes(1)).await;
            // The other takes part in another program, which has no such section.
            assert_eq!(outcomes[1]["errors"][0]["code"], "NOT_FOUND");
        }
    }

    /// What else becomes of the two others: one rests and goes to another unit, one breaks off.
    async fn the_others(&mut self) {
        let [moving, leaving] = [self.others[0].clone(), self.others[1].clone()];
        self.does(
            THERAPIST,
            "pauseEnrollment",
            json!({ "enrollmentId": moving, "reason": "Sjuk" }),
        )
        .await;
        self.staff_hears_of("EnrollmentChanged", &moving, json!({ "enrollmentEvent": "PAUSED" }));
        self.at("2027-05-11 13:00").await;
        self.does(
            THERAPIST,
            "resumeEnrollment",
            json!({ "enrollmentId": moving, "reason": "Frisk" }),
        )
        .await;
        self.staff_hears_of("EnrollmentChanged", &moving, json!({ "enrollmentEvent": "RESUMED" }));
        // Before it moves: the unit hears nothing of it then.
        self.heard().await;
        self.listen().await;
        let input = json!({ "enrollmentId": moving, "unitId": self.ids.other_unit, "therapistIds": [self.ids.other_therapist],
            "reason": "Flyttar" });
        self.does(THERAPIST, "transferEnrollment", input).await;
        self.staff_hears_that_it_left(&moving);
        self.does(
            THERAPIST,
            "withdrawEnrollment",
            json!({ "enrollmentId": leaving, "reason": "Vill inte" }),
        )
        .await;
        self.staff_hears_of("EnrollmentChanged", &leaving, json!({ "enrollmentEvent": "WITHDRAWN" }));

        let history = "status statusHistory { status reason actor } therapists { displayName }
            transfers { from { id } to { id } reason by { displayName } }";
        let began = json!({ "status": "ACTIVE", "reason": null, "actor": "STAFF" });
        let seen = self.sees_of(ELSEWHERE, &moving, "Moved", history).await;
        let written = json!({ "status": "ACTIVE", "statusHistory": [began,
                { "status": "PAUSED", "reason": "Sjuk", "actor": "STAFF" }, { "status": "ACTIVE", "reason": "Frisk", "actor": "STAFF" }],
            "therapists": [person(&ELSEWHERE.name())], "transfers": [{ "from": { "id": self.ids.unit },
                "to": { "id": self.ids.other_unit }, "reason": "Flyttar", "by": person(&THERAPIST.name()) }] });
        crate::ledger::same("the one who moved", &seen, &written);
        assert_eq!(self.sees_of(THERAPIST, &moving, "Moved", "id").await, Value::Null);
        let seen = self
            .sees_of(
                THERAPIST,
                &leaving,
                "Left",
                "status statusHistory { status reason actor } transfers { reason }",
            )
            .await;
        let written = json!({ "status": "WITHDRAWN", "transfers": [],
            "statusHistory": [began, { "status": "WITHDRAWN", "reason": "Vill inte", "actor": "STAFF" }] });
        crate::ledger::same("the one who left", &seen, &written);
    }

    /// The eleventh week: weights are put right, and the walks end.
    pub async fn eleventh_week(&mut self, walk: &str) {
        let measure = self.monday("2027-05-17").await;
        self.at("2027-05-17 12:00").await;
        self.answers(CITIZEN, &measure, answers(9, 0)).await;
        let wrong = self.weighs(97.8).await;
        self.at("2027-05-17 12:05").await;
        let right = self.corrects_weight(&wrong, 78.7).await;
        let twice = self.weighs(78.7).await;
        self.at("2027-05-17 12:10").await;
        self.takes_weight_back(&twice).await;
        assert_ne!(right, twice);
        self.at("2027-05-20 12:00").await;
        self.registers(walk, "2027-05-17", true, None, None).await;
        self.ends_activity(THERAPIST, walk).await;
    }

    /// The twelfth week: the last measure that is answered; the citizen says thanks, and leaves the other program.
    pub async fn twelfth_week(&mut self) {
        let measure = self.monday("2027-05-24").await;
        self.at("2027-05-24 12:00").await;
        self.answers(CITIZEN, &measure, answers(6, 0)).await;
        self.writes(CITIZEN, "Tack för allt!", &[]).await;
        self.at("2027-05-24 13:00").await;
        self.settles().await;
        let query = "query Mine { viewer { ... on CitizenViewer { citizen { enrollments(first: 5) { nodes { id program { slug } } } } } } }";
        let mine = self.asks(CITIZEN, query, json!({})).await["viewer"]["citizen"]["enrollments"]["nodes"].clone();
        let support = mine
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["program"]["slug"] == SUPPORT)
            .unwrap()["id"]
            .clone();
        let left = self
            .does(
                CITIZEN,
                "withdrawEnrollment",
                json!({ "enrollmentId": support, "reason": "Sover gott" }),
            )
            .await;
        self.both_hear_of(
            "EnrollmentChanged",
            &text(&support),
            json!({ "enrollmentEvent": "WITHDRAWN" }),
        );
        let history = left["enrollment"]["statusHistory"].clone();
        let told: Vec<(&Value, &Value)> = history
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (&row["status"], &row["actor"]))
            .collect();
        assert_eq!(
            told,
            [
                (&json!("ACTIVE"), &json!("CITIZEN")),
                (&json!("WITHDRAWN"), &json!("CITIZEN"))
            ]
        );
        self.at("2027-05-28 19:00").await;
        self.begins_to_write(CITIZEN, "Jag glömde").await;
    }

    /// The last day: the measure comes once more; then the treatment is completed.
    pub async fn last_day(&mut self) {
        let measure = self.monday("2027-05-31").await;
        self.at("2027-05-31 09:30").await;
        self.lives("completeEnrollment", "COMPLETED", "Målet nått", json!({}))
            .await;
        let now = self.now();
        self.life.row["endedAt"] = when(now);
        self.life.row["readableUntil"] = when(days_later(now, 30));
        self.dispatches.set(&measure, json!({ "status": "CANCELLED" }));
        self.reminders_of(&measure, "CANCELLED");
        self.both_hear_of_form(&measure, "CANCELLED");
    }

    /// Nobody writes in it any more; the citizen reads it for thirty days; then another begins.
    pub async fn afterwards(&mut self) {
        let say = json!({ "enrollmentId": self.enrollment, "body": "Hej?" });
        for who in [CITIZEN, THERAPIST] {
            assert_eq!(self.may_not(who, "sendMessage", say.clone()).await, "ENDED");
        }
        let plan = json!({ "enrollmentId": self.enrollment, "title": "Promenad", "startsOn": "2027-06-01" });
        assert_eq!(self.may_not(THERAPIST, "planActivity", plan).await, "ENDED");
        let send = json!({ "enrollmentId": self.enrollment, "formKey": WEEKLY });
        assert_eq!(self.may_not(THERAPIST, "dispatchForm", send).await, "ENDED");
        self.at("2027-06-30 09:29").await;
        assert_eq!(self.sees(CITIZEN, "Read", "status").await["status"], "COMPLETED");
        self.at("2027-06-30 09:30").await;
        assert_eq!(self.sees(CITIZEN, "Read", "status").await, Value::Null);
        assert_eq!(self.sees(THERAPIST, "Read", "status").await["status"], "COMPLETED");
        self.does(CITIZEN, "revokeCalendarFeed", json!({})).await;
        let path = self
            .calendar
            .strip_prefix("https://handrail.example")
            .unwrap()
            .to_owned();
        let gone = self
            .app
            .client
            .http()
            .get(self.app.client.url(&path))
            .send()
            .await
            .unwrap();
        assert_eq!(gone.status(), reqwest::StatusCode::NOT_FOUND);
    }

    /// The citizen starts again. This is also what both subscribers hear last: had they heard anything besides what they should,
    /// it would have come before.
    pub async fn begins_again(&mut self) {
        let first = self.enrollment.clone();
        self.at("2027-07-01 10:00").await;
        self.starts_again().await;
        assert_ne!(self.enrollment, first);
        let measure = self.measure_arrives().await;
        self.answers(Who::Citizen(1), &measure, answers(5, 0)).await;
    }
}
