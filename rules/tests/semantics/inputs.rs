//! Whatever is given as a rule is read or refused, with a place, and never makes anything panic.

#[path = "../../fuzz/judge.rs"]
mod judge;

use std::{fs, path::Path, sync::LazyLock};

use judge::Fate;
use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use crate::common::cases;

/// Rules that make sense, by name: the seeds of the fuzz target.
static SEEDS: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut seeds: Vec<(String, Value)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).unwrap();
            (
                entry.file_name().into_string().unwrap(),
                serde_json::from_str(&text).unwrap(),
            )
        })
        .collect();
    seeds.sort_by(|a, b| a.0.cmp(&b.0));
    seeds
});

#[test]
fn every_seed_makes_sense() {
    for (name, seed) in SEEDS.iter() {
        assert_eq!(judge::rule(seed), Fate::Evaluated, "{name}");
    }
}

/// What nobody means.
fn any_garbage() -> impl Strategy<Value = Value> {
    let words = [
        "P999999999D",
        "-P100Y",
        "PT876600H",
        "P0D",
        "P1.5D",
        "99:99",
        "23:59:60",
        "02:30",
        "NaN",
        "inf",
        "",
        " ",
        "\u{0}",
        "0001-01-01",
        "9999-12-31",
        "-262143-01-01",
        "2028-02-29",
        "ACTIVE",
        "MEAN",
        "GTE",
        "EXISTS",
        "measure",
        "total",
        "item",
        "one",
        "risk",
    ];
    let recurrences = [
        "FREQ=SECONDLY;COUNT=1000000000",
        "FREQ=DAILY;COUNT=1000",
        "FREQ=DAILY;INTERVAL=65535",
        "FREQ=DAILY;INTERVAL=99999999999",
        "FREQ=YEARLY;BYYEARDAY=366;INTERVAL=3",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29,30",
        "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO",
        "FREQ=MONTHLY;BYDAY=1MO,2TU,3WE,4TH,5FR,-1SA,-2SU;BYSETPOS=-1",
        "FREQ=WEEKLY;BYDAY=MO,MO,MO,MO,MO,MO,MO,MO;WKST=SU",
        "FREQ=DAILY;UNTIL=00010101",
        "FREQ=DAILY;UNTIL=99991231T235959Z",
        "FREQ=DAILY;BYMONTHDAY=31;BYMONTH=2",
        "FREQ=",
        "RRULE:RRULE:FREQ=DAILY",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0_i64, -1, 1, 7, 1_000_000_000, i64::MAX, i64::MIN]).prop_map(Value::from),
        Just(json!(u64::MAX)),
        prop::sample::select(vec![
            f64::MAX,
            f64::MIN_POSITIVE,
            -0.0,
            0.5,
            1e15,
            f64::NAN,
            f64::INFINITY
        ])
        .prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
        prop::sample::select(recurrences.to_vec()).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        (0..600_usize).prop_map(|length| json!("x".repeat(length * 20))),
        Just(json!({})),
        Just(json!([])),
        (1..200_usize).prop_map(nested),
        (1..200_usize).prop_map(|length| json!(vec![json!({ "key": "a", "at": "08:00" }); length])),
    ]
}

/// A condition of so many levels.
fn nested(levels: usize) -> Value {
    let leaf = json!({ "compare": { "fact": { "age": {} }, "operator": "GT", "value": 1 } });
    (0..levels).fold(leaf, |inner, _| {
        let mut not = Map::new();
        not.insert("not".to_owned(), inner);
        Value::Object(not)
    })
}

/// How many places a value has, itself among them.
fn places(json: &Value) -> usize {
    match json {
        Value::Array(entries) => 1 + entries.iter().map(places).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(places).sum::<usize>(),
        _ => 1,
    }
}

/// What is done to one place of a rule.
#[derive(Clone, Debug)]
enum Harm {
    Replace(Value),
    /// Put beside what is there, under a name of the language or none.
    Add(String, Value),
    Remove(Index),
    /// The value of another place of this or another rule.
    Graft(Index, Index),
    /// A character more in a text.
    Type(Index, char),
}

fn any_harm() -> impl Strategy<Value = Harm> {
    let names = [
        "offset",
        "at",
        "until",
        "repeat",
        "condition",
        "release",
        "heldFor",
        "grace",
        "cooldown",
        "pick",
        "last",
        "form",
        "unknown",
        "all",
        "any",
        "compare",
        "status",
    ];
    prop_oneof![
        4 => any_garbage().prop_map(Harm::Replace),
        1 => (prop::sample::select(names.to_vec()), any_garbage()).prop_map(|(name, value)| Harm::Add(name.to_owned(), value)),
        1 => any::<Index>().prop_map(Harm::Remove),
        3 => (any::<Index>(), any::<Index>()).prop_map(|(rule, place)| Harm::Graft(rule, place)),
        3 => any::<(Index, char)>().prop_map(|(place, typed)| Harm::Type(place, typed)),
    ]
}

/// The value at the nth place, in reading order.
fn place_mut<'a>(json: &'a mut Value, nth: &mut usize) -> Option<&'a mut Value> {
    if *nth == 0 {
        return Some(json);
    }
    *nth -= 1;
    match json {
        Value::Array(entries) => entries.iter_mut().find_map(|entry| place_mut(entry, nth)),
        Value::Object(fields) => fields.values_mut().find_map(|field| place_mut(field, nth)),
        _ => None,
    }
}

fn harmed(rule: &mut Value, place: Index, harm: Harm) {
    let mut nth = place.index(places(rule));
    let Some(value) = place_mut(rule, &mut nth) else { return };
    match harm {
        Harm::Replace(garbage) => *value = garbage,
        Harm::Add(name, garbage) => match value {
            Value::Object(fields) => {
                fields.insert(name, garbage);
            }
            Value::Array(entries) => entries.push(garbage),
            _ => *value = garbage,
        },
        Harm::Remove(index) => match value {
            Value::Object(fields) if !fields.is_empty() => {
                let key = fields.keys().nth(index.index(fields.len())).cloned().unwrap();
                fields.remove(&key);
            }
            Value::Array(entries) if !entries.is_empty() => {
                entries.remove(index.index(entries.len()));
            }
            _ => *value = Value::Null,
        },
        Harm::Graft(rule, place) => {
            let mut from = rule.get(&SEEDS).1.clone();
            let mut nth = place.index(places(&from));
            if let Some(graft) = place_mut(&mut from, &mut nth) {
                *value = graft.take();
            }
        }
        Harm::Type(place, typed) => {
            if let Value::String(text) = value {
                let mut characters: Vec<char> = text.chars().collect();
                characters.insert(place.index(characters.len() + 1), typed);
                *text = characters.into_iter().collect();
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn a_rule_that_is_harmed_is_refused_with_a_place_or_lives(seed in any::<Index>(), harms in prop::collection::vec((any::<Index>(), any_harm()), 1..4)) {
        let mut rule = seed.get(&SEEDS).1.clone();
        for (place, harm) in harms {
            harmed(&mut rule, place, harm);
        }
        judge::rule(&rule);
        // As it would come over the wire, and cut off.
        let text = rule.to_string();
        judge::bytes(text.as_bytes());
        judge::bytes(&text.as_bytes()[..text.len() / 2]);
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[{}\\[\\]\":,a-z0-9.eE+-]{0,80}") {
        prop_assert!(matches!(judge::bytes(&bytes), Fate::NotJson | Fate::Unread));
        prop_assert!(matches!(judge::bytes(text.as_bytes()), Fate::NotJson | Fate::Unread));
    }
}

#[test]
fn a_list_is_no_object() {
    for trigger in [
        json!({ "event": { "stepCompleted": ["step"] } }),
        json!({ "event": { "signedIn": [] } }),
    ] {
        assert_eq!(
            judge::rule(&json!({ "trigger": trigger, "actions": [] })),
            Fate::Unread,
            "{trigger}"
        );
    }
    assert_eq!(
        judge::rule(&json!([["ACTIVE"], { "event": { "signedIn": {} } }, null, []])),
        Fate::Unread
    );
}

#[test]
fn what_cannot_be_read_is_named_by_its_field() {
    let trigger = json!({ "event": { "signedIn": {} } });
    let compare = json!({ "compare": { "fact": { "age": {} }, "value": 1 } });
    let cases = [
        (json!({}), "trigger"),
        (json!({ "trigger": trigger }), "actions"),
        (json!({ "trigger": trigger, "actions": [], "when": 1 }), "when"),
        (json!({ "trigger": trigger, "actions": 1 }), "actions"),
        (
            json!({ "trigger": trigger, "actions": [], "condition": nested(100) }),
            "condition",
        ),
        (
            json!({ "trigger": trigger, "actions": [], "condition": { "all": [compare] } }),
            "condition.all[0].compare.operator",
        ),
        (
            json!({ "trigger": trigger, "actions": [{ "openModule": {} }] }),
            "actions[0].openModule.module",
        ),
    ];
    for (rule, place) in cases {
        let problems = rules::validate::parse(rule.clone()).unwrap_err();
        let places: Vec<String> = problems.iter().map(|problem| problem.place()).collect();
        assert_eq!(places, [place], "{rule}: {problems:?}");
    }
}

#[test]
fn what_is_nested_ten_thousand_levels_deep_is_refused() {
    for (open, close) in [("[", "]"), ("{\"not\":", "}"), ("{\"all\":[", "]}")] {
        let condition = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let rule = format!("{{\"trigger\":{{\"whenever\":{{}}}},\"condition\":{condition},\"actions\":[]}}");
        assert_eq!(judge::bytes(rule.as_bytes()), Fate::NotJson);
    }
    // What was read by another reader than JSON's is refused, too.
    for levels in [100, 1_000] {
        let rule = json!({ "trigger": { "whenever": {} }, "condition": nested(levels), "actions": [] });
        assert_eq!(judge::rule(&rule), Fate::Unread);
    }
}
