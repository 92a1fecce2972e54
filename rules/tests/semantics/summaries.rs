//! Rules told in a sentence.

use crate::{common::definition, validation::rule_with};
use rules::summary::summary;
use serde_json::{Value, json};

#[test]
fn rules_are_told_in_a_sentence() {
    let risk = definition(rule_with(|_| {}));
    assert_eq!(
        summary(&risk, "en"),
        "When weekly-measure is answered, if the answer to q9 in weekly-measure is at least 2 or (the score total of weekly-measure is \
         at least 5 and no flag of the kind risk is open): raise an urgent flag of the kind risk to staff (“Thoughts of self-harm”); at most once in \
         1 day; also in quiet hours."
    );
    assert_eq!(
        summary(&risk, "sv"),
        "När weekly-measure har besvarats, om svaret på q9 i weekly-measure är minst 2 eller (poängen total i weekly-measure är minst 5 \
         och ingen flagga av typen risk är öppen): höj en brådskande flagga av typen risk till personalen (”Thoughts of self-harm”); högst en gång \
         på 1 dag; även under tysta timmar."
    );
    let weekly = definition(json!({
        "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY;INTERVAL=14", "slots": [{ "key": "morning", "at": "09:30" }], "until": "P12W" } },
        "actions": [{ "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D", "P2D"] } }]
    }));
    assert_eq!(
        summary(&weekly, "en"),
        "At 09:30, from the start every 14 days, for 12 weeks: send weekly-measure (open for 3 days, reminding after 1 day and 2 days)."
    );
    assert_eq!(
        summary(&weekly, "sv-SE"),
        "Klockan 09:30, från starten var 14:e dag, i 12 veckor: skicka weekly-measure (öppet i 3 dagar, med påminnelse efter 1 dag och 2 dagar)."
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
            let from = if locale == "en" {
                "from the start "
            } else {
                "från starten "
            };
            told.split_once(from).unwrap().1.to_owned()
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
            "FREQ=MONTHLY;BYMONTHDAY=-1",
            "every month on the last day",
            "varje månad på sista dagen",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=1,15",
            "every month on day 1 and day 15",
            "varje månad på dag 1 och dag 15",
        ),
        (
            "FREQ=YEARLY;BYMONTHDAY=-1",
            "every year on the last day of every month",
            "varje år på sista dagen i varje månad",
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

/// Rules as people write them, with what is told of them in English and in Swedish.
fn told() -> Vec<(Value, &'static str, &'static str)> {
    let score = |pick: &str, operator: &str, value: f64| {
        let fact = json!({ "score": { "form": "phq9", "scale": "total", "pick": pick } });
        json!({ "compare": { "fact": fact, "operator": operator, "value": value } })
    };
    let compare = |fact: Value, operator: &str, value: Value| json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
    let flag = |kind: &str, title: &str, resolves: bool| json!([{ "raiseFlag": { "kind": kind, "severity": "WARNING", "title": title, "audience": "STAFF", "autoResolve": resolves } }]);
    let remind = json!([{ "remind": { "template": "come-back", "audience": "CITIZEN" } }]);
    let start = |slots: Value, repeat: Value, limits: Value| {
        json!({
            "trigger": { "schedule": { "anchor": { "enrollmentStart": {} }, "repeat": repeat, "slots": slots } },
            "actions": [{ "dispatchForm": { "form": "diary", "expiresAfter": "PT4H" } }], "limits": limits
        })
    };
    let from = |anchor: Value, slot: Value| {
        json!({
            "trigger": { "schedule": { "anchor": anchor, "slots": [slot] } }, "actions": remind
        })
    };
    let whenever = |trigger: Value, condition: Value, actions: Value| {
        json!({
            "trigger": { "whenever": trigger }, "condition": condition, "actions": actions
        })
    };
    let event = |event: Value, actions: Value| json!({ "trigger": { "event": event }, "actions": actions });
    vec![
        (
            start(
                json!([{ "key": "a", "at": "08:00" }, { "key": "b", "at": "20:00" }]),
                json!("FREQ=DAILY"),
                json!({ "catchUp": "SKIP" }),
            ),
            "At 08:00 and 20:00, from the start every day: send diary (open for 4 hours); missed times are skipped.",
            "Klockan 08:00 och 20:00, från starten varje dag: skicka diary (öppet i 4 timmar); missade tillfällen hoppas över.",
        ),
        (
            start(
                json!([{ "key": "a", "offset": "P6D", "at": "08:00" }]),
                json!("FREQ=DAILY;INTERVAL=7"),
                json!({ "catchUp": "ONCE", "grace": "P3D" }),
            ),
            "At 08:00, 6 days after the start, every 7 days: send diary (open for 4 hours); of missed times the latest is made up for within 3 days.",
            "Klockan 08:00, 6 dagar efter starten, var 7:e dag: skicka diary (öppet i 4 timmar); av missade tillfällen tas det senaste igen inom 3 dagar.",
        ),
        (
            start(
                json!([{ "key": "a", "at": "08:00" }, { "key": "b", "offset": "P1D", "at": "20:00" }]),
                json!(null),
                json!({ "catchUp": "ALL" }),
            ),
            "At 08:00 on the day of the start and at 20:00, 1 day after the start: send diary (open for 4 hours); all missed times are made up for.",
            "Klockan 08:00 samma dag som starten och klockan 20:00, 1 dag efter starten: skicka diary (öppet i 4 timmar); alla missade tillfällen tas igen.",
        ),
        (
            start(
                json!([{ "key": "a", "at": "08:00" }]),
                json!("FREQ=WEEKLY;BYDAY=MO,TH;COUNT=8"),
                json!({ "catchUp": "SKIP", "grace": "PT8H" }),
            ),
            "At 08:00, from the start every week on Monday and Thursday, 8 times: send diary (open for 4 hours); missed times are made up for within 8 hours.",
            "Klockan 08:00, från starten varje vecka på måndag och torsdag, 8 gånger: skicka diary (öppet i 4 timmar); missade tillfällen tas igen inom 8 timmar.",
        ),
        (
            from(
                json!({ "enrollmentEnd": {} }),
                json!({ "key": "a", "offset": "-P7D", "at": "09:00" }),
            ),
            "At 09:00, 7 days before the planned end: remind the citizen (come-back).",
            "Klockan 09:00, 7 dagar före det planerade slutet: påminn invånaren (come-back).",
        ),
        (
            from(
                json!({ "date": { "date": "2027-03-01" } }),
                json!({ "key": "a", "at": "09:00" }),
            ),
            "At 09:00 on 2027-03-01: remind the citizen (come-back).",
            "Klockan 09:00 den 2027-03-01: påminn invånaren (come-back).",
        ),
        (
            from(
                json!({ "flagRaised": { "kind": "risk" } }),
                json!({ "key": "a", "offset": "PT2H" }),
            ),
            "2 hours after the raising of a flag of the kind risk: remind the citizen (come-back).",
            "2 timmar efter höjandet av en flagga av typen risk: påminn invånaren (come-back).",
        ),
        (
            from(
                json!({ "moduleOpened": { "module": "medicines" } }),
                json!({ "key": "a", "offset": "P2D", "at": "16:00" }),
            ),
            "At 16:00, 2 days after the opening of module medicines: remind the citizen (come-back).",
            "Klockan 16:00, 2 dagar efter öppnandet av modul medicines: påminn invånaren (come-back).",
        ),
        (
            whenever(
                json!({}),
                compare(
                    json!({ "daysSince": { "event": "MESSAGE_FROM_STAFF" } }),
                    "GTE",
                    json!(14),
                ),
                flag("silence", "Inget meddelande på två veckor", true),
            ),
            "As soon as the number of days since the last message from staff is at least 14: raise a warning flag of the kind silence to staff (“Inget meddelande på två veckor”, which resolves itself when this ends).",
            "Så snart antalet dagar sedan personalens senaste meddelande är minst 14: höj en varningsflagga av typen silence till personalen (”Inget meddelande på två veckor”, som åtgärdas av sig själv när detta upphör).",
        ),
        (
            whenever(
                json!({ "heldFor": "P2D" }),
                json!({ "all": [compare(json!({ "programWeek": {} }), "GTE", json!(2)), compare(json!({ "moduleProgress": { "module": "welcome" } }), "LT", json!(50))] }),
                json!([flag("not-started", "Har inte börjat", true)[0], remind[0]]),
            ),
            "As soon as the week of the program is at least 2 and the progress through module welcome is below 50%, and it has been so for 2 days: raise a warning flag of the kind not-started to staff (“Har inte börjat”, which resolves itself when this ends) and remind the citizen (come-back).",
            "Så snart programveckan är minst 2 och framsteget i modul welcome är under 50\u{a0}%, och det har varit så i 2 dagar: höj en varningsflagga av typen not-started till personalen (”Har inte börjat”, som åtgärdas av sig själv när detta upphör) och påminn invånaren (come-back).",
        ),
        (
            whenever(
                json!({ "release": score("LATEST", "LT", 10.0) }),
                score("MEAN", "GTE", 12.5),
                flag("low", "Lågt", true),
            ),
            "As soon as the mean of all scores total of phq9 is at least 12.5 (then not again until the score total of phq9 is below 10): raise a warning flag of the kind low to staff (“Lågt”, which resolves itself when this ends).",
            "Så snart medelvärdet av alla poäng total i phq9 är minst 12,5 (sedan inte igen förrän poängen total i phq9 är under 10): höj en varningsflagga av typen low till personalen (”Lågt”, som åtgärdas av sig själv när detta upphör).",
        ),
        (
            whenever(
                json!({}),
                compare(json!({ "missedActivities": { "days": 7 } }), "GTE", json!(3)),
                flag("passive", "Missar aktiviteter", false),
            ),
            "As soon as the number of planned activities missed in the last 7 days is at least 3: raise a warning flag of the kind passive to staff (“Missar aktiviteter”).",
            "Så snart antalet planerade aktiviteter som missats de senaste 7 dagarna är minst 3: höj en varningsflagga av typen passive till personalen (”Missar aktiviteter”).",
        ),
        (
            whenever(
                json!({}),
                compare(json!({ "missedActivities": { "days": 1 } }), "GTE", json!(1)),
                remind.clone(),
            ),
            "As soon as the number of planned activities missed yesterday is at least 1: remind the citizen (come-back).",
            "Så snart antalet planerade aktiviteter som missades i går är minst 1: påminn invånaren (come-back).",
        ),
        (
            whenever(
                json!({}),
                score("RELIABLE_CHANGE", "GTE", 1.96),
                flag("worse", "Säker försämring", true),
            ),
            "As soon as the reliable change (RCI) of total of phq9 since the first time is at least 1.96: raise a warning flag of the kind worse to staff (“Säker försämring”, which resolves itself when this ends).",
            "Så snart den tillförlitliga förändringen (RCI) av total i phq9 sedan första gången är minst 1,96: höj en varningsflagga av typen worse till personalen (”Säker försämring”, som åtgärdas av sig själv när detta upphör).",
        ),
        (
            whenever(
                json!({}),
                score("PERCENT_CHANGE_FROM_FIRST", "LTE", -50.0),
                flag("better", "Halverade besvär", false),
            ),
            "As soon as the change of total of phq9 since the first time is at most -50%: raise a warning flag of the kind better to staff (“Halverade besvär”).",
            "Så snart förändringen av total i phq9 sedan första gången är högst -50\u{a0}%: höj en varningsflagga av typen better till personalen (”Halverade besvär”).",
        ),
        (
            whenever(
                json!({}),
                json!({ "all": [compare(json!({ "sex": {} }), "EQ", json!("FEMALE")), compare(json!({ "age": {} }), "GTE", json!(65)), compare(json!({ "status": {} }), "NE", json!("PAUSED"))] }),
                flag("older", "Äldre", false),
            ),
            "As soon as the citizen's sex is female, the citizen's age is at least 65 and the status of the enrollment is other than paused: raise a warning flag of the kind older to staff (“Äldre”).",
            "Så snart invånarens kön är kvinna, invånarens ålder är minst 65 och deltagandets status är något annat än pausat: höj en varningsflagga av typen older till personalen (”Äldre”).",
        ),
        (
            whenever(
                json!({}),
                compare(
                    json!({ "score": { "form": "phq9", "scale": "total", "pick": "MAX", "last": 3 } }),
                    "LT",
                    json!(5),
                ),
                flag("well", "Mår bra", false),
            ),
            "As soon as the highest of the last 3 scores total of phq9 is below 5: raise a warning flag of the kind well to staff (“Mår bra”).",
            "Så snart den högsta av de senaste 3 poängen total i phq9 är under 5: höj en varningsflagga av typen well till personalen (”Mår bra”).",
        ),
        (
            event(
                json!({ "messageReceived": { "from": "CITIZEN" } }),
                json!([{ "sendMessage": { "body": "Tack!\nVi svarar inom två dagar." } }]),
            ),
            "When the citizen sends a message: send the citizen a message (“Tack! Vi svarar inom två dagar.”).",
            "När invånaren skickar ett meddelande: skicka ett meddelande till invånaren (”Tack! Vi svarar inom två dagar.”).",
        ),
        (
            event(
                json!({ "activityRegistered": {} }),
                json!([{ "openSection": { "section": "reward" } }]),
            ),
            "When the citizen registers an activity: open section reward.",
            "När invånaren registrerar en aktivitet: öppna avsnitt reward.",
        ),
        (
            event(
                json!({ "flagUnhandled": { "kind": "risk", "after": "PT30M" } }),
                json!([{ "escalate": { "kind": "risk", "officeHours": true, "rungs": [
            { "key": "a", "after": "PT0S", "to": "THERAPISTS", "template": "staff-attention", "channels": ["SMS", "EMAIL"] },
            { "key": "b", "after": "PT2H", "to": "UNIT_STAFF", "template": "staff-attention" },
            { "key": "c", "after": "P1D", "to": "UNIT_ADMINISTRATORS", "template": "staff-attention" }
        ] } }]),
            ),
            "When nobody has handled a flag of the kind risk within 30 minutes: escalate the flag of the kind risk until it is handled (to the therapists at once by SMS and e-mail, to the staff of the unit after 2 hours and to the administrators of the unit after 1 day, in the unit's opening hours).",
            "När ingen har hanterat en flagga av typen risk inom 30 minuter: eskalera flaggan av typen risk tills den är hanterad (till behandlarna genast via sms och e-post, till enhetens personal efter 2 timmar och till enhetens administratörer efter 1 dag, under enhetens öppettider).",
        ),
        (
            {
                let mut rule = event(json!({ "enrollmentPaused": {} }), remind.clone());
                rule["statuses"] = json!(["PAUSED", "ACTIVE"]);
                rule["limits"] = json!({ "maxFirings": 1, "stopWhen": compare(json!({ "openFlag": { "kind": "risk" } }), "EQ", json!(true)) });
                rule
            },
            "When the enrollment is paused: remind the citizen (come-back); only once; but not while a flag of the kind risk is open.",
            "När deltagandet pausas: påminn invånaren (come-back); bara en gång; men inte medan en flagga av typen risk är öppen.",
        ),
        (
            event(
                json!({ "stepCompleted": { "step": "plan" } }),
                json!([{ "hideModule": { "module": "intro" } }]),
            ),
            "When step plan is completed: hide module intro.",
            "När steg plan har slutförts: dölj modul intro.",
        ),
    ]
}

#[test]
fn rules_are_told_in_good_language() {
    for (rule, english, swedish) in told() {
        let rule = definition(rule);
        assert_eq!(summary(&rule, "en"), english);
        assert_eq!(summary(&rule, "sv"), swedish);
    }
}
