//! Any rule.

use chrono::NaiveDate;
use proptest::prelude::*;
use rules::{
    definition::*,
    facts::*,
    form::Operator,
    period::{LocalTime, Period},
};

use crate::world::SPAN_MINUTES;

fn any_operator() -> impl Strategy<Value = Operator> {
    prop::sample::select(vec![
        Operator::Eq,
        Operator::Ne,
        Operator::Gt,
        Operator::Gte,
        Operator::Lt,
        Operator::Lte,
    ])
}

pub fn compare(fact: Fact, operator: Operator, value: f64) -> Condition {
    Condition::Compare(Compare {
        fact,
        operator,
        value: rules::answer::Answer::Number(value),
    })
}

fn any_score() -> impl Strategy<Value = Fact> {
    let pick = prop::sample::select(vec![
        Pick::Latest,
        Pick::First,
        Pick::Previous,
        Pick::ChangeFromFirst,
        Pick::ChangeFromPrevious,
        Pick::Mean,
    ]);
    (any_form(), pick).prop_map(|(form, pick)| {
        let last = (pick == Pick::Mean).then_some(2);
        Fact::Score(ScoreFact {
            form,
            scale: "total".to_owned(),
            pick,
            last,
        })
    })
}

pub fn any_form() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["measure".to_owned(), "diary".to_owned()])
}

fn any_comparison() -> impl Strategy<Value = Condition> {
    let since = prop::sample::select(vec![Happening::SignIn, Happening::Activity, Happening::FormCompleted])
        .prop_map(|event| Fact::DaysSince(DaysSinceFact { event, form: None }));
    let flag = || {
        Fact::OpenFlag(FlagRef {
            kind: "risk".to_owned(),
        })
    };
    prop_oneof![
        (any_score(), any_operator(), 0..6).prop_map(|(fact, operator, value)| compare(
            fact,
            operator,
            f64::from(value)
        )),
        (since, any_operator(), 0..4, any::<bool>()).prop_map(|(fact, operator, value, half)| compare(
            fact,
            operator,
            f64::from(value) + if half { 0.5 } else { 0.0 }
        )),
        (any_operator(), 0..3).prop_map(|(operator, value)| {
            compare(Fact::OverdueDispatches(AnyForm::default()), operator, f64::from(value))
        }),
        (any_operator(), 0..3).prop_map(|(operator, value)| {
            compare(
                Fact::MissedDispatches(AnyForm {
                    form: Some("diary".to_owned()),
                }),
                operator,
                f64::from(value),
            )
        }),
        (any_operator(), 0..3).prop_map(|(operator, value)| compare(
            Fact::ProgramWeek(Nothing::default()),
            operator,
            f64::from(value)
        )),
        (any_operator(), 29..32).prop_map(|(operator, value)| compare(
            Fact::Age(Nothing::default()),
            operator,
            f64::from(value)
        )),
        (any_operator(), 0..4).prop_map(|(operator, value)| {
            compare(
                Fact::ModuleProgress(ModuleRef {
                    module: "one".to_owned(),
                }),
                operator,
                f64::from(value) * 25.0,
            )
        }),
        any::<bool>().prop_map(move |open| {
            let value = rules::answer::Answer::Boolean(open);
            Condition::Compare(Compare {
                fact: flag(),
                operator: Operator::Eq,
                value,
            })
        }),
        Just(Condition::Compare(Compare {
            fact: Fact::Status(Nothing::default()),
            operator: Operator::Eq,
            value: rules::answer::Answer::Text("ACTIVE".to_owned()),
        })),
        (any_score(), any::<bool>()).prop_map(|(fact, exists)| {
            let value = rules::answer::Answer::Boolean(exists);
            Condition::Compare(Compare {
                fact,
                operator: Operator::Exists,
                value,
            })
        }),
    ]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    any_comparison().prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Condition::Any),
            inner.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

fn any_anchor() -> impl Strategy<Value = Anchor> {
    prop_oneof![
        4 => Just(Anchor::EnrollmentStart(Nothing::default())),
        1 => Just(Anchor::EnrollmentEnd(Nothing::default())),
        1 => Just(Anchor::ModuleOpened(ModuleRef { module: "one".to_owned() })),
        1 => Just(Anchor::ModuleCompleted(ModuleRef { module: "one".to_owned() })),
        1 => any_form().prop_map(|form| Anchor::FormSent(FormRef { form })),
        1 => any_form().prop_map(|form| Anchor::FormCompleted(FormRef { form })),
        1 => Just(Anchor::FlagRaised(FlagRef { kind: "risk".to_owned() })),
        1 => Just(Anchor::Date(DateRef { date: NaiveDate::from_ymd_opt(2027, 3, 27).unwrap() })),
    ]
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let slot = (-2..3, prop::option::of((0..24_u32, 0..4_u32)), 0..40_i64).prop_map(|(days, at, half_hours)| {
        let at = at.map(|(hour, quarter)| LocalTime(chrono::NaiveTime::from_hms_opt(hour, quarter * 15, 0).unwrap()));
        let seconds = if at.is_none() { half_hours * 1_800 } else { 0 };
        Slot {
            key: String::new(),
            offset: Period {
                months: 0,
                days,
                seconds,
            },
            at,
        }
    });
    let repeat = prop::sample::select(vec![
        None,
        Some("FREQ=DAILY"),
        Some("FREQ=DAILY;INTERVAL=2"),
        Some("FREQ=WEEKLY;BYDAY=MO,SU"),
        Some("FREQ=DAILY;COUNT=3"),
        Some("FREQ=MONTHLY;BYMONTHDAY=-1"),
    ]);
    let until = prop::option::of((1..3, 0..2_i64).prop_map(|(days, hours)| Period {
        months: 0,
        days,
        seconds: hours * 3_600,
    }));
    (any_anchor(), repeat, prop::collection::vec(slot, 1..4), until).prop_map(|(anchor, repeat, mut slots, until)| {
        for (index, slot) in slots.iter_mut().enumerate() {
            slot.key = format!("slot{index}");
        }
        Schedule {
            anchor,
            repeat: repeat.map(str::to_owned),
            slots,
            until,
        }
    })
}

fn any_event_trigger() -> impl Strategy<Value = EventTrigger> {
    prop_oneof![
        any_form().prop_map(|form| EventTrigger::FormCompleted(FormRef { form })),
        Just(EventTrigger::SignedIn(Nothing::default())),
        Just(EventTrigger::EnrollmentStarted(Nothing::default())),
        Just(EventTrigger::EnrollmentPaused(Nothing::default())),
        Just(EventTrigger::EnrollmentEnded(Nothing::default())),
        Just(EventTrigger::FlagRaised(FlagRef {
            kind: "risk".to_owned()
        })),
    ]
}

fn any_period() -> impl Strategy<Value = Period> {
    prop_oneof![
        (0..3).prop_map(Period::days),
        (1..30_i64).prop_map(|hours| Period::seconds(hours * 3_600)),
        (1..90_i64).prop_map(|minutes| Period::seconds(minutes * 60 + 7)),
    ]
}

prop_compose! {
    fn any_limits()(
        cooldown in prop::option::of(any_period()),
        max_firings in prop::option::of(1..4_u32),
        stop_when in prop::option::weighted(0.2, any_condition()),
        catch_up in prop::sample::select(vec![CatchUp::Skip, CatchUp::Once, CatchUp::All]),
        grace in prop::option::of(any_period()),
    ) -> Limits {
        Limits { cooldown, max_firings, stop_when, quiet_hours: QuietHours::Honour, catch_up, grace }
    }
}

prop_compose! {
    fn any_definition()(
        trigger in prop_oneof![
            any_schedule().prop_map(Trigger::Schedule),
            any_event_trigger().prop_map(Trigger::Event),
            (prop::option::of(any_period()), prop::option::weighted(0.3, any_condition()))
                .prop_map(|(held_for, release)| Trigger::Whenever(Whenever { held_for, release })),
        ],
        condition in any_condition(),
        unconditional in prop::bool::weighted(0.3),
        statuses in prop_oneof![
            4 => Just(vec![Status::Active]),
            1 => Just(vec![Status::Active, Status::Paused]),
            1 => Just(vec![Status::Planned, Status::Paused, Status::Completed]),
        ],
        limits in any_limits(),
    ) -> RuleDefinition {
        let conditional = matches!(trigger, Trigger::Whenever(_)) || !unconditional;
        RuleDefinition { statuses, trigger, condition: conditional.then_some(condition), actions: Vec::new(), limits }
    }
}

/// One rule, perhaps edited or switched off once on the way.
pub fn any_rule() -> impl Strategy<Value = Vec<(i64, bool, RuleDefinition)>> {
    let edit = (30..SPAN_MINUTES, any::<bool>(), any_definition(), any::<bool>());
    (any_definition(), prop::option::weighted(0.4, edit)).prop_map(|(first, edit)| {
        let mut versions = vec![(-100_000, true, first.clone())];
        if let Some((minute, enabled, other, keeps)) = edit {
            versions.push((minute, enabled, if keeps { first } else { other }));
        }
        versions
    })
}
