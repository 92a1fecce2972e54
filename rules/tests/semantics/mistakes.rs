//! What rules are refused for, mistake by mistake.

use serde_json::{Value, json};

use crate::validation::{found, problems, rule_with};

/// Rules with what is wrong with them.
fn mistakes() -> Vec<(Value, &'static [&'static str])> {
    let schedule = |schedule: Value| {
        rule_with(|rule| {
            rule["trigger"] = json!({ "schedule": schedule });
        })
    };
    let slot = |slot: Value| schedule(json!({ "anchor": { "enrollmentStart": {} }, "slots": [slot] }));
    let compare = |fact: Value, operator: &str, value: Value| {
        rule_with(|rule| {
            rule["condition"] = json!({ "compare": { "fact": fact, "operator": operator, "value": value } });
        })
    };
    let answer = |item: &str, operator: &str, value: Value| {
        compare(
            json!({ "answer": { "form": "weekly-measure", "item": item } }),
            operator,
            value,
        )
    };
    let score = |pick: &str, value: i64| {
        compare(
            json!({ "score": { "form": "weekly-measure", "scale": "total", "pick": pick } }),
            "GTE",
            json!(value),
        )
    };
    let action = |action: Value| {
        rule_with(|rule| {
            rule["actions"] = json!([action]);
        })
    };
    vec![
        (
            rule_with(|rule| {
                rule["colour"] = json!("red");
            }),
            &["colour INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["limits"]["catchUp"] = json!("SOMETIMES");
            }),
            &["limits.catchUp INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["limits"]["cooldown"] = json!("one day");
            }),
            &["limits.cooldown INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "formCompleted": { "form": "weekly-measure", "scale": 1 } } });
            }),
            &["trigger.event.formCompleted.scale INVALID"],
        ),
        (
            slot(json!({ "key": "a", "offset": "P1.5D" })),
            &["trigger.schedule.slots[0].offset INVALID"],
        ),
        (
            slot(json!({ "key": "a", "at": "8" })),
            &["trigger.schedule.slots[0].at INVALID"],
        ),
        (
            slot(json!({ "key": "a", "offset": "PT3H", "at": "08:00" })),
            &["trigger.schedule.slots[0].offset CONTRADICTION"],
        ),
        (
            slot(json!({ "key": "a", "offset": "-P3D", "at": "08:00" })),
            &["trigger.schedule.slots[0].offset NEVER_COMES"],
        ),
        (
            slot(json!({ "key": "", "at": "08:00" })),
            &["trigger.schedule.slots[0].key EMPTY"],
        ),
        (
            schedule(json!({ "anchor": { "enrollmentEnd": {} }, "slots": [] })),
            &["trigger.schedule.slots EMPTY"],
        ),
        (
            schedule(
                json!({ "anchor": { "enrollmentEnd": {} }, "slots": [{ "key": "a", "offset": "-P3D", "at": "08:00" }] }),
            ),
            &[],
        ),
        (
            schedule(
                json!({ "anchor": { "moduleOpened": { "module": "none" } }, "repeat": "FREQ=HOURLY", "until": "P0D", "slots": [{ "key": "a" }, { "key": "a" }] }),
            ),
            &[
                "trigger.schedule.anchor.moduleOpened.module UNKNOWN_MODULE",
                "trigger.schedule.repeat BAD_REPEAT",
                "trigger.schedule.until NOT_POSITIVE",
                "trigger.schedule.slots[1].key DUPLICATE",
            ],
        ),
        (
            schedule(
                json!({ "anchor": { "enrollmentStart": {} }, "until": "P1D", "slots": [{ "key": "a", "offset": "P3D" }] }),
            ),
            &["trigger.schedule.slots[0].offset NEVER_COMES"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "formCompleted": { "form": "none" } } });
            }),
            &["trigger.event.formCompleted.form UNKNOWN_FORM"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "stepCompleted": { "step": "none" } } });
            }),
            &["trigger.event.stepCompleted.step UNKNOWN_STEP"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "whenever": { "heldFor": "-PT1S" } });
                rule["condition"] = json!(null);
            }),
            &["trigger.whenever.heldFor NEGATIVE", "condition EMPTY"],
        ),
        (
            rule_with(|rule| {
                rule["condition"]["any"][1]["all"][0]["compare"]["fact"]["score"]["scale"] = json!("none");
            }),
            &["condition.any[1].all[0].compare.fact.score.scale UNKNOWN_SCALE"],
        ),
        (
            rule_with(|rule| {
                rule["condition"]["any"][0]["compare"]["fact"]["answer"]["form"] = json!("none");
            }),
            &["condition.any[0].compare.fact.answer.form UNKNOWN_FORM"],
        ),
        (
            rule_with(|rule| {
                rule["condition"] = json!({ "all": [] });
            }),
            &["condition.all EMPTY"],
        ),
        (score("LATEST", 6), &[]),
        (score("LATEST", 7), &["condition.compare.value OUT_OF_REACH"]),
        (score("CHANGE_FROM_FIRST", -6), &[]),
        (
            score("CHANGE_FROM_PREVIOUS", 7),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "total", "last": 3 } }),
                "GT",
                json!(1),
            ),
            &["condition.compare.fact.score.last CONTRADICTION"],
        ),
        (
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "total" } }),
                "GT",
                json!("1"),
            ),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "total" } }),
                "EXISTS",
                json!(1),
            ),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            answer("intro", "EQ", json!(1)),
            &["condition.compare.fact.answer.item NOT_ANSWERABLE"],
        ),
        (
            answer("none", "EQ", json!(1)),
            &["condition.compare.fact.answer.item UNKNOWN_ITEM"],
        ),
        (answer("q9", "EQ", json!("o2")), &["condition.compare.value WRONG_TYPE"]),
        (answer("q9", "GTE", json!(4)), &["condition.compare.value OUT_OF_REACH"]),
        (answer("plain", "EQ", json!("yes")), &[]),
        (
            answer("plain", "EQ", json!("maybe")),
            &["condition.compare.value NOT_AN_OPTION"],
        ),
        (
            answer("plain", "GT", json!("yes")),
            &["condition.compare.operator OPERATOR"],
        ),
        (answer("plain", "EQ", json!(1)), &["condition.compare.value WRONG_TYPE"]),
        (answer("several", "EQ", json!("o1")), &[]),
        (
            answer("several", "EQ", json!(["o1", "o9"])),
            &["condition.compare.value NOT_AN_OPTION"],
        ),
        (answer("when", "GT", json!("2027-01-01")), &[]),
        (
            answer("when", "GT", json!("yesterday")),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            answer("free", "GT", json!("a")),
            &["condition.compare.operator OPERATOR"],
        ),
        (answer("smoker", "EQ", json!(true)), &[]),
        (
            answer("smoker", "EQ", json!(1)),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            compare(json!({ "status": {} }), "EQ", json!("ASLEEP")),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            compare(json!({ "status": {} }), "EQ", json!("PAUSED")),
            &["condition.compare NEVER_TRUE"],
        ),
        (
            compare(json!({ "openFlag": { "kind": "risk" } }), "GT", json!(true)),
            &["condition.compare.operator OPERATOR"],
        ),
        (
            compare(json!({ "moduleProgress": { "module": "one" } }), "GTE", json!(101)),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            compare(json!({ "moduleProgress": { "module": "two" } }), "GTE", json!(100)),
            &["condition.compare.fact.moduleProgress.module UNKNOWN_MODULE"],
        ),
        (
            compare(
                json!({ "daysSince": { "event": "SIGN_IN", "form": "weekly-measure" } }),
                "GTE",
                json!(7),
            ),
            &["condition.compare.fact.daysSince.form CONTRADICTION"],
        ),
        (
            compare(json!({ "daysSince": { "event": "SIGN_IN" } }), "GTE", json!(-1)),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            rule_with(|rule| {
                rule["actions"] = json!([]);
            }),
            &["actions EMPTY"],
        ),
        (
            rule_with(|rule| {
                rule["statuses"] = json!([]);
            }),
            &["statuses EMPTY"],
        ),
        (
            rule_with(|rule| {
                rule["statuses"] = json!(["ACTIVE", "ACTIVE"]);
            }),
            &["statuses[1] DUPLICATE"],
        ),
        (
            action(
                json!({ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "x".repeat(201), "audience": "STAFF" } }),
            ),
            &["actions[0].raiseFlag.title TOO_LONG"],
        ),
        (
            action(
                json!({ "raiseFlag": { "kind": "risk", "severity": "URGENT", "title": "x", "audience": "STAFF", "autoResolve": true } }),
            ),
            &["actions[0].raiseFlag.autoResolve CONTRADICTION"],
        ),
        (
            action(
                json!({ "dispatchForm": { "form": "weekly-measure", "expiresAfter": "P3D", "remindAfter": ["P1D", "P3D", "PT0S"] } }),
            ),
            &[
                "actions[0].dispatchForm.remindAfter[1] NEVER_COMES",
                "actions[0].dispatchForm.remindAfter[2] NOT_POSITIVE",
            ],
        ),
        (
            action(json!({ "openModule": { "module": "two" } })),
            &["actions[0].openModule.module UNKNOWN_MODULE"],
        ),
        (
            action(json!({ "hideSection": { "section": "none" } })),
            &["actions[0].hideSection.section UNKNOWN_SECTION"],
        ),
        (action(json!({ "openSection": { "section": "part" } })), &[]),
        (
            rule_with(|rule| {
                rule["limits"] =
                    json!({ "cooldown": "PT0S", "maxFirings": 0, "grace": "-P1D", "stopWhen": { "any": [] } });
            }),
            &[
                "limits.stopWhen.any EMPTY",
                "limits.cooldown NOT_POSITIVE",
                "limits.maxFirings OUT_OF_RANGE",
                "limits.grace NEGATIVE",
            ],
        ),
        (
            rule_with(|rule| {
                rule["limits"]["maxFirings"] = json!(-1);
            }),
            &["limits.maxFirings INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "schedule": { "anchor": { "formSent": { "form": "weekly-measure" } }, "slots": [{ "key": "a" }] } });
                rule["actions"] = json!([{ "dispatchForm": { "form": "weekly-measure" } }]);
            }),
            &["actions[0].dispatchForm.form LOOP"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "whenever": {} });
                rule["actions"][0]["raiseFlag"]["autoResolve"] = json!(true);
            }),
            &["actions[0].raiseFlag.autoResolve LOOP"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "unheardOf": {} } });
            }),
            &["trigger.event INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagUnhandled": { "kind": "", "after": "PT0S" } } });
            }),
            &[
                "trigger.event.flagUnhandled.kind EMPTY",
                "trigger.event.flagUnhandled.after NOT_POSITIVE",
            ],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "messageReceived": { "from": "NOBODY" } } });
            }),
            &["trigger.event.messageReceived.from INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "messageReceived": {} } });
                rule["actions"] = json!([{ "sendMessage": { "body": "Thank you!" } }]);
            }),
            &["actions[0].sendMessage LOOP"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "messageReceived": { "from": "CITIZEN" } } });
                rule["actions"] = json!([{ "sendMessage": { "body": "Thank you!" } }]);
            }),
            &[],
        ),
        (
            action(json!({ "sendMessage": { "body": " \n" } })),
            &["actions[0].sendMessage.body EMPTY"],
        ),
        (
            action(json!({ "sendMessage": { "body": "x".repeat(5_001) } })),
            &["actions[0].sendMessage.body TOO_LONG"],
        ),
        (
            action(json!({ "remind": { "template": "unheard-of", "audience": "STAFF" } })),
            &["actions[0].remind.template UNKNOWN_TEMPLATE"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagRaised": { "kind": "k".repeat(65) } } });
                rule["condition"] = json!({ "compare": { "fact": { "openFlag": { "kind": "risk " } }, "operator": "EQ", "value": true } });
                rule["actions"] = json!([
                    { "raiseFlag": { "kind": "å".repeat(65), "severity": "URGENT", "title": "x", "audience": "STAFF" } },
                    { "raiseFlag": { "kind": "å".repeat(64), "severity": "URGENT", "title": "x", "audience": "STAFF" } },
                    { "escalate": { "kind": " risk", "rungs": [{ "key": "a", "after": "PT1H", "to": "THERAPISTS", "template": "staff-attention" }] } },
                ]);
            }),
            &[
                "trigger.event.flagRaised.kind TOO_LONG",
                "condition.compare.fact.openFlag.kind SPACES",
                "actions[0].raiseFlag.kind TOO_LONG",
                "actions[2].escalate.kind SPACES",
            ],
        ),
        (
            schedule(json!({ "anchor": { "flagRaised": { "kind": "risk " } }, "slots": [{ "key": "a" }] })),
            &["trigger.schedule.anchor.flagRaised.kind SPACES"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagUnhandled": { "kind": "\trisk", "after": "PT1H" } } });
            }),
            &["trigger.event.flagUnhandled.kind SPACES"],
        ),
        // Raised again and again.
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagRaised": { "kind": "risk" } } });
            }),
            &["actions[0].raiseFlag.kind LOOP"],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagRaised": { "kind": "risk" } } });
                rule["actions"][0]["raiseFlag"]["severity"] = json!("WARNING");
            }),
            &[],
        ),
        (
            rule_with(|rule| {
                rule["trigger"] = json!({ "event": { "flagRaised": { "kind": "worse" } } });
            }),
            &[],
        ),
        // Centuries of days would be gone through.
        (
            schedule(
                json!({ "anchor": { "enrollmentStart": {} }, "repeat": "FREQ=DAILY", "slots": [
                { "key": "a", "offset": "P2Y", "at": "08:00" }, { "key": "b", "offset": "-P2Y", "at": "08:00" },
                { "key": "c", "offset": "P23M40D", "at": "08:00" }, { "key": "d", "offset": "-P100Y" }, { "key": "e", "offset": "PT17521H" },
            ] }),
            ),
            &[
                "trigger.schedule.slots[2].offset TOO_LONG",
                "trigger.schedule.slots[3].offset TOO_LONG",
                "trigger.schedule.slots[4].offset TOO_LONG",
            ],
        ),
        (slot(json!({ "key": "a", "offset": "P5Y" })), &[]),
        (
            action(json!({ "escalate": { "kind": "", "rungs": [] } })),
            &["actions[0].escalate.kind EMPTY", "actions[0].escalate.rungs EMPTY"],
        ),
        (
            action(json!({ "escalate": { "kind": "risk", "officeHours": true, "rungs": [
                { "key": "a", "after": "PT0S", "to": "THERAPISTS", "template": "staff-attention" },
                { "key": "b", "after": "PT2H", "to": "UNIT_STAFF", "template": "staff-attention", "channels": ["SMS", "EMAIL"] }
            ] } })),
            &[],
        ),
        (
            action(json!({ "escalate": { "kind": "risk", "rungs": [
                { "key": "a", "after": "-PT1H", "to": "THERAPISTS", "template": "staff-attention" },
                { "key": "b", "after": "PT4H", "to": "UNIT_STAFF", "template": "none" },
                { "key": "b", "after": "PT2H", "to": "UNIT_ADMINISTRATORS", "template": "staff-attention", "channels": ["SMS", "SMS"] }
            ] } })),
            &[
                "actions[0].escalate.rungs[2].key DUPLICATE",
                "actions[0].escalate.rungs[0].after NEGATIVE",
                "actions[0].escalate.rungs[1].template UNKNOWN_TEMPLATE",
                "actions[0].escalate.rungs[2].channels[1] DUPLICATE",
                "actions[0].escalate.rungs[2].after CONTRADICTION",
            ],
        ),
        (
            action(
                json!({ "escalate": { "kind": "risk", "rungs": [{ "key": "a", "after": "PT1H", "to": "CITIZEN", "template": "staff-attention" }] } }),
            ),
            &["actions[0].escalate.rungs[0].to INVALID"],
        ),
        (
            rule_with(|rule| {
                rule["actions"] = json!([
                    { "openModule": { "module": "one" } }, { "hideModule": { "module": "one" } },
                    { "hideSection": { "section": "part" } }, { "openSection": { "section": "part" } }
                ]);
            }),
            &[
                "actions[1].hideModule.module CONTRADICTION",
                "actions[2].hideSection.section CONTRADICTION",
            ],
        ),
        (
            schedule(
                json!({ "anchor": { "date": { "date": "2027-03-01" } }, "repeat": "FREQ=DAILY;UNTIL=20270228", "slots": [{ "key": "a" }] }),
            ),
            &["trigger.schedule.repeat NEVER_COMES"],
        ),
        (
            schedule(
                json!({ "anchor": { "date": { "date": "2027-03-01" } }, "repeat": "FREQ=DAILY;UNTIL=20270301", "slots": [{ "key": "a" }] }),
            ),
            &[],
        ),
        (score("PERCENT_CHANGE_FROM_FIRST", -50), &[]),
        (score("PERCENT_CHANGE_FROM_PREVIOUS", 900), &[]),
        (score("MAX", 7), &["condition.compare.value OUT_OF_REACH"]),
        (score("MIN", 6), &[]),
        (
            score("RELIABLE_CHANGE", 2),
            &["condition.compare.fact.score.pick UNKNOWN_RELIABILITY"],
        ),
        (
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "known", "pick": "RELIABLE_CHANGE" } }),
                "LTE",
                json!(-1.96),
            ),
            &[],
        ),
        (
            // The error of a difference is 1, and the scale reaches from 0 to 6.
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "known", "pick": "RELIABLE_CHANGE" } }),
                "LTE",
                json!(-6.1),
            ),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (
            compare(
                json!({ "score": { "form": "weekly-measure", "scale": "total", "pick": "MAX", "last": 0 } }),
                "GT",
                json!(1),
            ),
            &["condition.compare.fact.score.last OUT_OF_RANGE"],
        ),
        (
            compare(json!({ "sectionProgress": { "section": "none" } }), "GTE", json!(50)),
            &["condition.compare.fact.sectionProgress.section UNKNOWN_SECTION"],
        ),
        (
            compare(json!({ "sectionProgress": { "section": "part" } }), "GTE", json!(50)),
            &[],
        ),
        (
            compare(json!({ "missedActivities": { "days": 0 } }), "GTE", json!(1)),
            &["condition.compare.fact.missedActivities.days OUT_OF_RANGE"],
        ),
        (
            compare(json!({ "missedActivities": { "days": 7 } }), "GTE", json!(-1)),
            &["condition.compare.value OUT_OF_REACH"],
        ),
        (compare(json!({ "sex": {} }), "EQ", json!("FEMALE")), &[]),
        (
            compare(json!({ "sex": {} }), "EQ", json!("OTHER")),
            &["condition.compare.value WRONG_TYPE"],
        ),
        (
            compare(json!({ "sex": {} }), "GT", json!("FEMALE")),
            &["condition.compare.operator OPERATOR"],
        ),
        (
            compare(
                json!({ "daysSince": { "event": "MESSAGE_FROM_STAFF", "form": "weekly-measure" } }),
                "GTE",
                json!(7),
            ),
            &["condition.compare.fact.daysSince.form CONTRADICTION"],
        ),
    ]
}

#[test]
fn each_mistake_is_named_with_its_place() {
    let differ = |(rule, expected): &(Value, &[&str])| problems(rule.clone()) != *expected;
    for (rule, expected) in mistakes().iter().filter(|case| differ(case)) {
        println!("{rule:#}: {:?} instead of {expected:?}", problems(rule.clone()));
    }
    assert!(!mistakes().iter().any(differ), "see above");
}

#[test]
fn each_place_is_one_in_the_rule() {
    let broken = mistakes().into_iter().map(|(rule, _)| rule);
    for rule in broken.chain(crate::contradictions::rules()) {
        for problem in found(rule.clone()) {
            let (last, way) = problem.path.split_last().unwrap();
            let mut place = &rule;
            for segment in way {
                let next = segment
                    .parse()
                    .map_or_else(|_| place.get(segment), |index: usize| place.get(index));
                place = next.unwrap_or_else(|| panic!("{:?} leads nowhere in {rule:#}", problem.path));
            }
            // The field itself may be what is missing.
            let is_there = match place {
                Value::Object(_) => last.parse::<usize>().is_err(),
                Value::Array(entries) => last.parse().is_ok_and(|index: usize| index < entries.len()),
                _ => false,
            };
            assert!(is_there, "{:?} leads nowhere in {rule:#}", problem.path);
            assert!(
                !problem.message.is_empty() && !problem.message.ends_with('.'),
                "{}",
                problem.message
            );
        }
    }
}
