//! Rules told in a sentence.

use crate::{common::definition, validation::rule_with};
use rules::summary::summary;
use serde_json::json;

#[test]
fn rules_are_told_in_a_sentence() {
    let risk = definition(rule_with(|_| {}));
    assert_eq!(
        summary(&risk, "en"),
        "When weekly-measure is answered, if the answer to q9 in weekly-measure is at least 2 or (the score total of weekly-measure is \
         at least 5 and no flag of the kind risk is open): raise an urgent flag to staff, “Thoughts of self-harm”; at most once in \
         1 day; also in quiet hours."
    );
    assert_eq!(
        summary(&risk, "sv"),
        "När weekly-measure har besvarats, om svaret på q9 i weekly-measure är minst 2 eller (poängen total i weekly-measure är minst 5 \
         och ingen flagga av typen risk är öppen): höj en brådskande flagga till personalen, “Thoughts of self-harm”; högst en gång \
         på 1 dag; även under tysta timmar."
    );
    let weekly = definition(json!({
        "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;INTERVAL=14", "slots": [{ "key": "morning", "at": "09:30" }], "until": "P12W" } },
        "actions": [{ "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D", "P2D"] } }]
    }));
    assert_eq!(
        summary(&weekly, "en"),
        "At 09:30 on the day of the start, every 14 days, for 12 weeks: send weekly-measure, open for 3 days, reminding after 1 day and 2 days."
    );
    assert_eq!(
        summary(&weekly, "sv-SE"),
        "Klockan 09:30 samma dag som starten, var 14:e dag, i 12 veckor: skicka weekly-measure, öppet i 3 dagar, med påminnelse efter 1 dag och 2 dagar."
    );
    let repeated = |repeat: &str| {
        let schedule =
            json!({ "anchor": { "enrollmentStart": {} }, "repeat": repeat, "slots": [{ "key": "a", "at": "09:30" }] });
        let rule = definition(
            json!({ "trigger": { "schedule": schedule }, "actions": [{ "openModule": { "module": "one" } }] }),
        );
        let told = |locale: &str| {
            let told = summary(&rule, locale);
            let told = told.rsplit_once(": ").unwrap().0;
            told.split(", ").nth(1).unwrap().to_owned()
        };
        (told("en"), told("sv"))
    };
    for (repeat, english, swedish) in [
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
            "every 2 weeks on Monday",
            "varannan vecka på måndag",
        ),
        ("FREQ=YEARLY;INTERVAL=2", "every 2 years", "vartannat år"),
        ("FREQ=DAILY;INTERVAL=21", "every 21 days", "var 21:a dag"),
        ("FREQ=DAILY;INTERVAL=12", "every 12 days", "var 12:e dag"),
        (
            "FREQ=MONTHLY;BYDAY=1MO",
            "every month on the first Monday of the month",
            "varje månad på första måndagen i månaden",
        ),
        (
            "FREQ=MONTHLY;BYDAY=1MO,-1FR",
            "every month on the first Monday and the last Friday of the month",
            "varje månad på första måndagen och sista fredagen i månaden",
        ),
        (
            "FREQ=YEARLY;BYDAY=-2SU",
            "every year on the last but one Sunday of the year",
            "varje år på näst sista söndagen på året",
        ),
    ] {
        assert_eq!(repeated(repeat), (english.to_owned(), swedish.to_owned()));
    }
    let away = definition(json!({
        "trigger": { "whenever": { "heldFor": "PT0S" } },
        "condition": { "compare": { "fact": { "daysSince": { "event": "SIGN_IN" } }, "operator": "GTE", "value": 7 } },
        "actions": [{ "remind": { "template": "come-back", "audience": "CITIZEN" } }],
        "limits": { "maxFirings": 3 }
    }));
    assert_eq!(
        summary(&away, "en"),
        "As soon as the number of days since the last sign-in is at least 7: remind the citizen (come-back); at most 3 times."
    );
    assert_eq!(
        summary(&away, "sv"),
        "Så snart antalet dagar sedan senaste inloggningen är minst 7: påminn invånaren (come-back); högst 3 gånger."
    );
}

#[test]
fn contraries_and_what_is_missing_are_told_plainly() {
    let told = |condition: serde_json::Value, locale: &str| {
        let rule = definition(json!({
            "trigger": { "event": { "signedIn": {} } }, "condition": condition,
            "actions": [{ "openModule": { "module": "one" } }]
        }));
        let told = summary(&rule, locale);
        let condition = told.split_once(", ").and_then(|(_, rest)| rest.rsplit_once(": "));
        condition.map(|(condition, _)| condition.to_owned()).unwrap_or_default()
    };
    let compare = |fact: serde_json::Value, operator: &str, value: serde_json::Value| json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
    let age = compare(json!({ "age": {} }), "LT", json!(18));
    let not =
        json!({ "not": { "any": [age, compare(json!({ "openFlag": { "kind": "risk" } }), "EQ", json!(false))] } });
    assert_eq!(
        told(not.clone(), "en"),
        "if it is not so that (the citizen's age is below 18 or no flag of the kind risk is open)"
    );
    assert_eq!(
        told(not, "sv"),
        "om det är inte så att (invånarens ålder är under 18 eller ingen flagga av typen risk är öppen)"
    );
    let score = json!({ "score": { "form": "f", "scale": "s" } });
    assert_eq!(
        told(compare(score, "EXISTS", json!(false)), "sv"),
        "om poängen s i f är okänd"
    );
    let answer = json!({ "answer": { "form": "f", "item": "q" } });
    assert_eq!(
        told(compare(answer, "EXISTS", json!(false)), "sv"),
        "om svaret på q i f är okänt"
    );
}
