//! A small world to test in: two units of one provider, staff in every role, a program with its forms and rules. Everything is
//! made through the actions that everybody else uses.

use chrono::{DateTime, Days, NaiveDate, Utc};
use entity::{
    action::{
        self,
        assignment::NewAssignment,
        care::{NewStaff, NewUnit},
        citizen::NewCitizen,
        dispatch::Send,
        enrollment::{StartEnrollment, StatusChange},
        rule::SaveRule,
    },
    assignment::Role,
    program_file::ProgramFile,
    store::Store,
    viewer::Viewer,
};
use rules::{facts::Status, form::Form, period::Period};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

/// The subject of a second therapist at the unit; see [`colleague`].
pub const COLLEAGUE: &str = "colleague";
/// The slug of the program.
pub const PROGRAM: &str = "low-mood";
/// Every role, with the subject of the one who has it at the first unit.
pub const STAFF: [(&str, Role); 7] = [
    ("therapist", Role::Therapist),
    ("citizen-administrator", Role::CitizenAdministrator),
    ("unit-administrator", Role::UnitAdministrator),
    ("provider-administrator", Role::ProviderAdministrator),
    ("designer", Role::Designer),
    ("publisher", Role::Publisher),
    ("auditor", Role::Auditor),
];
/// The subject of the therapist at the other unit.
pub const OTHER_THERAPIST: &str = "other-therapist";

/// What was made.
#[derive(Clone, Debug)]
pub struct Care {
    /// The unit where everybody works.
    pub unit: Uuid,
    /// Another unit of the same provider.
    pub other_unit: Uuid,
    /// The therapist at the unit.
    pub therapist: Uuid,
    /// The therapist at the other unit.
    pub other_therapist: Uuid,
}

/// Makes the world.
///
/// # Panics
/// When an action refuses.
pub async fn make(store: &Store) -> Care {
    let mut act = store.act(&Viewer::system()).await.unwrap();
    let provider = action::care::create_provider(&mut act, "Region Prov").await.unwrap();
    let mut units = Vec::new();
    for name in ["Solrosens vårdcentral", "Hjärtmottagningen"] {
        let unit = NewUnit {
            provider_id: provider,
            name: name.to_owned(),
            phone: Some("+46846500410".to_owned()),
            opening_hours: serde_json::from_value(json!({ "sv": "Mån–fre 8–17", "en": "Mon–Fri 8–17" })).unwrap(),
            zone: Some("Europe/Stockholm".to_owned()),
        };
        units.push(action::care::create_unit(&mut act, unit).await.unwrap());
    }
    let mut people = Vec::new();
    for (subject, role, unit) in STAFF.iter().map(|(subject, role)| (*subject, *role, units[0])).chain([(
        OTHER_THERAPIST,
        Role::Therapist,
        units[1],
    )]) {
        let staff = NewStaff {
            provider_id: provider,
            subject: subject.to_owned(),
            display_name: format!("Person {subject}"),
            title: Some("Psykolog".to_owned()),
            email: Some(format!("{subject}@care.example")),
        };
        let staff_id = action::care::create_staff(&mut act, staff).await.unwrap();
        let unit_id = (role != Role::ProviderAdministrator).then_some(unit);
        let assignment = NewAssignment {
            staff_id,
            unit_id,
            role,
            valid_from: None,
            valid_until: None,
        };
        action::assignment::grant(&mut act, &assignment).await.unwrap();
        people.push(staff_id);
    }
    act.commit().await.unwrap();
    store.refresh().await.unwrap();
    Care {
        unit: units[0],
        other_unit: units[1],
        therapist: people[0],
        other_therapist: people[STAFF.len()],
    }
}

/// Makes a second therapist at a unit; gives them.
///
/// # Panics
/// When an action refuses.
pub async fn colleague(store: &Store, unit: Uuid) -> Uuid {
    let mut act = store.act(&Viewer::system()).await.unwrap();
    let staff = NewStaff {
        provider_id: store.directory().unit(unit).unwrap().provider_id,
        subject: COLLEAGUE.to_owned(),
        display_name: format!("Person {COLLEAGUE}"),
        title: None,
        email: Some(format!("{COLLEAGUE}@care.example")),
    };
    let staff_id = action::care::create_staff(&mut act, staff).await.unwrap();
    let assignment = NewAssignment {
        staff_id,
        unit_id: Some(unit),
        role: Role::Therapist,
        valid_from: None,
        valid_until: None,
    };
    action::assignment::grant(&mut act, &assignment).await.unwrap();
    act.commit().await.unwrap();
    store.refresh().await.unwrap();
    staff_id
}

/// Has the citizen of an enrollment block a unit.
///
/// # Panics
/// When it is refused.
pub async fn block(store: &Store, enrollment: Uuid, unit: Uuid) {
    let row = entity::enrollment::Entity::find_by_id(enrollment);
    let citizen = row.one(store.connection()).await.unwrap().unwrap().citizen_id;
    let mut act = store.act(&Viewer::system()).await.unwrap();
    action::access_block::set(&mut act, citizen, unit).await.unwrap();
    act.commit().await.unwrap();
}

/// Imports the program with its forms and rules.
///
/// # Panics
/// When an action refuses.
pub async fn import_program(store: &Store) {
    import_content(store).await;
    for (key, definition) in program_rules() {
        save_rule(store, key, definition).await;
    }
}

/// Imports the program with its forms and no rules.
///
/// # Panics
/// When an action refuses.
pub async fn import_content(store: &Store) {
    import(
        store,
        program(),
        &[measure("weekly-measure", 9), measure("worry-measure", 7), diary()],
    )
    .await;
}

/// Imports a second version of the program, changed, with the same forms; whoever is enrolled from now on takes part in it.
///
/// # Panics
/// When an action refuses.
pub async fn import_changed(store: &Store, change: impl FnOnce(&mut Value)) {
    let mut program = program();
    program["version"] = "2.0".into();
    change(&mut program);
    let forms = [measure("weekly-measure", 9), measure("worry-measure", 7), diary()];
    import(store, program, &forms).await;
}

/// Imports a program of these forms.
///
/// # Panics
/// When an action refuses.
pub async fn import(store: &Store, program: Value, forms: &[Form]) {
    let file: ProgramFile = serde_json::from_value(program).unwrap();
    let mut act = store.act(&Viewer::system()).await.unwrap();
    action::program::import(&mut act, &file, forms).await.unwrap();
    act.commit().await.unwrap();
    store.refresh().await.unwrap();
}

/// Saves a rule of the program.
///
/// # Panics
/// When it is refused.
pub async fn save_rule(store: &Store, key: &str, definition: Value) {
    save(store, key, definition, true).await;
}

/// Saves a rule of the program, switched off.
///
/// # Panics
/// When it is refused.
pub async fn switch_off(store: &Store, key: &str, definition: Value) {
    save(store, key, definition, false).await;
}

async fn save(store: &Store, key: &str, definition: Value, enabled: bool) {
    let mut act = store.act(&Viewer::system()).await.unwrap();
    let rule = SaveRule {
        program_slug: PROGRAM.to_owned(),
        unit_id: None,
        enrollment_id: None,
        key: key.to_owned(),
        name: format!("Rule {key}"),
        enabled,
        dry_run: false,
        definition,
    };
    action::rule::save(&mut act, rule).await.unwrap();
    act.commit().await.unwrap();
}

/// The subject of the nth citizen's tokens.
pub fn citizen_subject(n: u32) -> String {
    format!("citizen-{n}")
}

/// The nth citizen as somebody writes them down.
pub fn citizen(n: u32) -> NewCitizen {
    NewCitizen {
        personal_identity_number: identity_number(n),
        given_name: format!("Given{n}"),
        family_name: format!("Family{n}"),
        email: Some(format!("citizen{n}@home.example")),
        phone: Some("+46701740605".to_owned()),
        locale: Some("sv".to_owned()),
        subject: Some(citizen_subject(n)),
        ..NewCitizen::default()
    }
}

/// The nth identity number of the series that is set aside for tests, with its check digit (Luhn over the ten digits).
pub fn identity_number(n: u32) -> String {
    let date = NaiveDate::from_ymd_opt(1980, 1, 1).unwrap() + Days::new(u64::from(n / 19));
    let digits = format!("{}{}", date.format("%Y%m%d"), 980 + n % 19);
    let sum: u32 = digits
        .chars()
        .skip(2)
        .enumerate()
        .map(|(place, digit)| {
            let product = digit.to_digit(10).unwrap() * if place % 2 == 0 { 2 } else { 1 };
            product / 10 + product % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// Starts the program for the nth citizen at a unit.
///
/// # Panics
/// When it is refused.
pub async fn enroll(store: &Store, unit: Uuid, therapist: Uuid, n: u32, starts_at: Option<DateTime<Utc>>) -> Uuid {
    enroll_in(store, PROGRAM, unit, therapist, n, starts_at).await
}

/// Starts a program for the nth citizen at a unit.
///
/// # Panics
/// When it is refused.
pub async fn enroll_in(
    store: &Store,
    program: &str,
    unit: Uuid,
    therapist: Uuid,
    n: u32,
    starts_at: Option<DateTime<Utc>>,
) -> Uuid {
    let mut act = store.act(&Viewer::system()).await.unwrap();
    let start = StartEnrollment {
        program_slug: program.to_owned(),
        unit_id: unit,
        citizen: citizen(n),
        starts_at,
        therapist_ids: vec![therapist],
        ..StartEnrollment::default()
    };
    let started = action::enrollment::start(&mut act, &start).await.unwrap();
    act.commit().await.unwrap();
    started.enrollment_id
}

/// Sends a form now.
///
/// # Panics
/// When it is refused.
pub async fn dispatch(store: &Store, enrollment_id: Uuid, form: &str) -> Uuid {
    let mut act = store.act(&Viewer::system()).await.unwrap();
    let send = Send {
        enrollment_id,
        form_key: form.to_owned(),
        at: None,
        expires_after: Some(Period::days(3)),
        remind_after: Vec::new(),
        firing_id: None,
        cause: act.cause(),
    };
    let sent = action::dispatch::send(&mut act, &[send])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    act.commit().await.unwrap();
    sent
}

/// Brings an enrollment into a state, a pause until `resumes_at` where that is given.
///
/// # Panics
/// When it is refused.
pub async fn change_status(store: &Store, enrollment_id: Uuid, status: Status, resumes_at: Option<DateTime<Utc>>) {
    let mut act = store.act(&Viewer::system()).await.unwrap();
    let change = StatusChange {
        enrollment_id,
        status,
        resumes_at,
        reason: None,
    };
    let cause = act.cause();
    let outcomes = action::enrollment::change_status(&mut act, &[change], cause).await;
    outcomes.unwrap().remove(0).unwrap();
    act.commit().await.unwrap();
}

/// A form of choices from 0 to 3 (`no`, `some`, `most`, `all`) with the cut-offs of the PHQ-9 or the GAD-7.
pub fn measure(key: &str, items: usize) -> Form {
    let text = |sv: &str| json!({ "sv": sv, "en": sv });
    let options: Vec<Value> = [("no", 0), ("some", 1), ("most", 2), ("all", 3)]
        .map(|(key, value)| json!({ "key": key, "value": value, "label": text(key) }))
        .into();
    let names: Vec<String> = (1..=items).map(|number| format!("q{number}")).collect();
    let mut asked: Vec<Value> = names
        .iter()
        .map(|name| json!({ "key": name, "kind": "CHOICE", "required": true, "text": text(name), "options": options }))
        .collect();
    asked.push(json!({ "key": "note", "kind": "TEXT", "text": text("Note"),
        "enableWhen": { "behavior": "ANY", "conditions": [{ "item": "q1", "operator": "EQ", "answer": "all" }] } }));
    let greatest = 3 * items;
    let bands: Vec<Value> = [
        ("minimal", 0, 4),
        ("mild", 5, 9),
        ("moderate", 10, 14),
        ("severe", 15, greatest),
    ]
    .map(|(key, from, to)| json!({ "key": key, "label": text(key), "from": from, "to": to }))
    .into();
    let scale = json!({ "key": "total", "label": text("Total"), "method": "SUM", "items": names, "bands": bands });
    let form =
        json!({ "key": key, "title": text(key), "instructions": text("Answer."), "items": asked, "scales": [scale] });
    serde_json::from_value(form).unwrap()
}

/// An exercise: a form without scales.
pub fn diary() -> Form {
    let text = |sv: &str| json!({ "sv": sv, "en": sv });
    let item = json!({ "key": "did", "kind": "TEXT", "required": true, "text": text("What did you do?") });
    serde_json::from_value(json!({ "key": "diary", "title": text("Diary"), "items": [item] })).unwrap()
}

/// The program of the tests, as its file has it.
pub fn program() -> Value {
    let text = |sv: &str| json!({ "sv": sv, "en": format!("{sv} (en)") });
    let step = |key: &str, blocks: Value| json!({ "key": key, "title": text(key), "minutes": 5, "blocks": blocks });
    let section = |key: &str, steps: Value| json!({ "key": key, "title": text(key), "steps": steps });
    let page = |words: &str| json!([{ "text": text(words) }]);
    json!({
        "slug": PROGRAM, "kind": "TREATMENT", "version": "1.0", "duration": "P10W",
        "title": text("Vägar ur nedstämdhet"), "summary": text("Ett program."),
        "forms": ["weekly-measure", "worry-measure", "diary"],
        "modules": [
            { "key": "welcome", "title": text("Välkommen"), "opens": "START", "sections": [
                section("beginning", json!([
                    step("hello", json!([{ "text": text("<p>Hej <strong>du</strong></p>") },
                        { "image": { "url": "https://media.example.org/a.svg", "alt": text("En bild") } }])),
                    step("write", json!([{ "exercise": "diary" }])),
                ])),
            ] },
            { "key": "activity", "title": text("Aktivitet"), "opens": "LOCKED", "sections": [
                section("doing", json!([step("plan", page("<p>Planera</p>"))])),
            ] },
            { "key": "looking-back", "title": text("Tillbakablick"), "opens": "P7D", "sections": [
                section("seeing", json!([step("see", page("<p>Se</p>"))])),
            ] },
        ],
    })
}

/// One rule of each kind of trigger, and a few more.
fn program_rules() -> Vec<(&'static str, Value)> {
    let measured = json!({ "event": { "formCompleted": { "form": "weekly-measure" } } });
    let flag = |kind: &str, severity: &str, title: &str| json!([{ "raiseFlag": { "kind": kind, "severity": severity, "title": title, "audience": "STAFF" } }]);
    let send =
        json!([{ "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D", "P2D"] } }]);
    vec![
        (
            "first-measure",
            json!({ "trigger": { "event": { "enrollmentStarted": {} } }, "actions": send }),
        ),
        (
            "weekly-measure",
            json!({ "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;INTERVAL=7",
                        "slots": [{ "key": "morning", "offset": "P7D", "at": "08:00" }] } }, "actions": send,
                    "limits": { "catchUp": "ONCE", "grace": "P3D" } }),
        ),
        (
            "risk-item",
            json!({ "trigger": measured,
                    "condition": { "compare": { "fact": { "answer": { "form": "weekly-measure", "item": "q9" } },
                        "operator": "GTE", "value": 2 } },
                    "actions": flag("risk", "URGENT", "Thoughts of self-harm"),
                    "limits": { "quietHours": "BYPASS", "catchUp": "ALL" } }),
        ),
        (
            "high-score",
            json!({ "trigger": measured,
                    "condition": { "compare": { "fact": { "score": { "form": "weekly-measure", "scale": "total" } },
                        "operator": "GTE", "value": 15 } },
                    "actions": flag("high-score", "WARNING", "A high score") }),
        ),
        (
            "inactive",
            json!({ "trigger": { "whenever": {} },
                    "condition": { "compare": { "fact": { "daysSince": { "event": "SIGN_IN" } }, "operator": "GTE", "value": 7 } },
                    "actions": [{ "raiseFlag": { "kind": "inactive", "severity": "WARNING", "title": "No sign-in for a week",
                        "audience": "STAFF", "autoResolve": true } },
                        { "remind": { "template": "come-back", "audience": "CITIZEN" } }] }),
        ),
        (
            "open-activity",
            json!({ "trigger": { "event": { "moduleCompleted": { "module": "welcome" } } },
                    "actions": [{ "openModule": { "module": "activity" } }] }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn identity_numbers_have_their_check_digit() {
        for n in 0..100 {
            let number = super::identity_number(n);
            let sum: u32 = number[2..]
                .bytes()
                .enumerate()
                .map(|(place, digit)| {
                    let product = u32::from(digit - b'0') * if place % 2 == 0 { 2 } else { 1 };
                    product / 10 + product % 10
                })
                .sum();
            assert_eq!((number.len(), sum % 10), (12, 0), "{number}");
        }
    }
}
