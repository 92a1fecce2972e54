//! Before anybody takes part: the unit says how it is reached and what it promises, texts and rules are written, people are put on
//! the list.

use serde_json::{Value, json};
use tests::client::text;

use crate::{
    ledger::{local, person, same, when},
    life::person_to_start,
    messages::{CLOSED, PROMISE},
    script::{ADMINISTRATOR, CITIZEN, DESIGNER, Script, THERAPIST},
    world::{self, SUPPORT},
};

/// How the unit says that it is reached.
fn contact() -> Value {
    json!({ "phones": [{ "label": "Mottagningen", "number": "+46812345678" }, { "label": null, "number": "1177" }],
        "emergencyText": "Ring 112", "openingHours": "Vardagar 8–17" })
}

fn hours() -> Value {
    ["MO", "TU", "WE", "TH", "FR"]
        .map(|day| json!({ "day": day, "from": "08:00", "until": "17:00" }))
        .as_slice()
        .into()
}

impl Script {
    /// The unit gets ready.
    pub async fn prepare_unit(&mut self) {
        let unit = self.ids.unit.clone();
        let words = |sv: &str| json!([{ "locale": "sv", "text": sv }]);
        let input = json!({ "unitId": unit, "emergencyText": words("Ring 112"), "openingHours": words("Vardagar 8–17"),
            "phones": [{ "number": "08-123 456 78", "label": words("Mottagningen") }, { "number": "1177" }] });
        self.does(ADMINISTRATOR, "updateUnitContact", input).await;
        let input = json!({ "unitId": unit, "officeHours": hours(), "closedDays": CLOSED });
        self.does(ADMINISTRATOR, "setOfficeHours", input).await;
        self.does(
            ADMINISTRATOR,
            "setAnswerPromise",
            json!({ "unitId": unit, "workingDays": PROMISE }),
        )
        .await;
        for _said in 0..3 {
            self.both_hear("UnitChanged", &unit);
        }
        let open = json!({ "unitId": unit, "programSlug": SUPPORT });
        self.does(ADMINISTRATOR, "openProgramForSelfEnrollment", open).await;

        let template = |title: &str, id: Value| json!({ "unitId": unit, "templateId": id, "title": title, "body": "Hej och välkommen!", "locale": "sv" });
        let kept = self
            .does(THERAPIST, "saveMessageTemplate", template("Hej", Value::Null))
            .await["template"]
            .clone();
        self.does(
            THERAPIST,
            "saveMessageTemplate",
            template("Välkommen", kept["id"].clone()),
        )
        .await;
        self.thread
            .templates
            .add(json!({ "id": kept["id"], "title": "Välkommen", "body": "Hej och välkommen!", "locale": "sv" }));
        let thrown = self
            .does(ADMINISTRATOR, "saveMessageTemplate", template("Fel", Value::Null))
            .await["template"]
            .clone();
        self.does(
            THERAPIST,
            "removeMessageTemplate",
            json!({ "templateId": thrown["id"] }),
        )
        .await;

        // A form for later, as FHIR writes forms.
        let question = json!({ "linkId": "slept", "type": "boolean", "text": "Sov du gott?" });
        let form = json!({ "resourceType": "Questionnaire", "name": "nights", "title": "Nätter", "item": [question] });
        let imported = self
            .does(DESIGNER, "importForm", json!({ "document": form, "locale": "sv" }))
            .await;
        assert_eq!(
            (&imported["formKey"], &imported["itemCount"]),
            (&json!("nights"), &json!(1))
        );
        assert_eq!(imported["form"]["items"], json!([{ "key": "slept" }]));

        for rule in world::rules() {
            self.saves_rule(rule).await;
        }
        self.saves_rule(world::severe()).await;
    }

    /// The citizen is put on the list for later, and two others start another program at once.
    pub async fn put_on_the_list(&mut self) {
        // Ten weeks, over the change of the clocks.
        self.starts(local("2027-03-15 10:00"), local("2027-05-24 10:00")).await;
        let input =
            json!({ "enrollmentId": self.enrollment, "startsAt": local("2027-03-10 10:00"), "reason": "Kan tidigare" });
        self.does(THERAPIST, "rescheduleStart", input).await;
        let entry = json!({ "at": when(self.now()), "status": "PLANNED", "actor": "STAFF", "reason": "Kan tidigare",
            "by": person(&THERAPIST.name()) });
        self.life.row["statusHistory"].as_array_mut().unwrap().push(entry);
        self.life.row["startsAt"] = when(local("2027-03-10 10:00"));
        self.ends_later(local("2027-05-19 10:00"), None);
        self.both_hear_of_life("RESCHEDULED");

        let input = json!({ "unitId": self.ids.unit, "programSlug": SUPPORT, "therapistIds": [self.ids.therapist],
            "citizens": [person_to_start(2), person_to_start(3), person_to_start(2)] });
        let outcomes = self.does(THERAPIST, "startEnrollments", input).await["outcomes"].clone();
        assert_eq!(outcomes[2]["errors"][0]["code"], "ALREADY_ENROLLED");
        self.others = (0..2).map(|place| text(&outcomes[place]["enrollment"]["id"])).collect();
        for other in self.others.clone() {
            self.staff_hears_of("EnrollmentChanged", &other, json!({ "enrollmentEvent": "STARTED" }));
        }
    }

    /// The contact view is as the unit said.
    pub async fn compare_contact(&mut self) {
        let fields = "contact { unit { id } phones { label number } emergencyText openingHours isOpenNow
            therapists { displayName } }";
        let seen = self.sees(CITIZEN, "Contact", fields).await["contact"].clone();
        let mut written = contact();
        written["unit"] = json!({ "id": self.ids.unit });
        // A Friday evening.
        written["isOpenNow"] = json!(false);
        written["therapists"] = self.life.row["therapists"].clone();
        same("the contact view", &seen, &written);
        let query =
            "query Unit($id: ID!) { unit(id: $id) { officeHours { day from until } closedDays answerWithinDays } }";
        let seen = self.asks(THERAPIST, query, json!({ "id": self.ids.unit })).await["unit"].clone();
        same(
            "the unit",
            &seen,
            &json!({ "officeHours": hours(), "closedDays": CLOSED, "answerWithinDays": PROMISE }),
        );
    }
}
