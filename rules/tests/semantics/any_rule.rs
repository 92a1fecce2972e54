//! Any rule.

use chrono::NaiveDate;
use proptest::prelude::*;
use rules::{
    answer::Answer,
    definition::*,
    facts::*,
    form::Operator,
    period::{LocalTime, Period},
};

use crate::any_history::{SPAN_MINUTES, any_flag};

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
        value: Answer::Number(value),
    })
}

fn any_pick() -> impl Strategy<Value = Pick> {
    prop::sample::select(vec![
        Pick::Latest,
        Pick::First,
        Pick::Previous,
        Pick::ChangeFromFirst,
        Pick::ChangeFromPrevious,
        Pick::Mean,
        Pick::Max,
        Pick::Min,
        Pick::PercentChangeFromFirst,
        Pick::PercentChangeFromPrevious,
        Pick::ReliableChange,
    ])
}

fn any_score() -> impl Strategy<Value = Fact> {
    (any_form(), any_pick(), prop::option::of(1..3_u32)).prop_map(|(form, pick, last)| {
        let last = last.filter(|_| matches!(pick, Pick::Mean | Pick::Max | Pick::Min));
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

fn any_kind() -> impl Strategy<Value = Option<String>> {
    prop::sample::select(vec![None, Some("weight".to_owned()), Some("pulse".to_owned())])
}

fn any_measurement() -> impl Strategy<Value = Fact> {
    (any_pick(), prop::option::of(1..3_u32)).prop_map(|(pick, last)| {
        let last = last.filter(|_| matches!(pick, Pick::Mean | Pick::Max | Pick::Min));
        Fact::Measurement(MeasurementFact {
            kind: "weight".to_owned(),
            pick,
            last,
            unit: None,
        })
    })
}

fn any_rating() -> impl Strategy<Value = Fact> {
    let of = prop::sample::select(vec![RatingOf::After, RatingOf::Before, RatingOf::Difference]);
    (of, any_pick(), prop::option::of(1..3_u32)).prop_map(|(of, pick, last)| {
        let last = last.filter(|_| matches!(pick, Pick::Mean | Pick::Max | Pick::Min));
        Fact::Rating(RatingFact { of, pick, last })
    })
}

fn any_number() -> impl Strategy<Value = Fact> {
    let happenings = vec![
        Happening::SignIn,
        Happening::Activity,
        Happening::FormCompleted,
        Happening::Message,
        Happening::MessageFromCitizen,
        Happening::MessageFromStaff,
        Happening::UnansweredMessage,
        Happening::Measurement,
    ];
    let module = || "one".to_owned();
    let form = || any_form().prop_map(|form| AnyForm { form: Some(form) });
    prop_oneof![
        2 => prop::sample::select(happenings).prop_map(|event| Fact::DaysSince(DaysSinceFact { event, form: None, kind: None })),
        1 => any_form().prop_map(|form| Fact::DaysSince(DaysSinceFact { event: Happening::FormCompleted, form: Some(form), kind: None })),
        1 => any_kind().prop_map(|kind| Fact::DaysSince(DaysSinceFact { event: Happening::Measurement, form: None, kind })),
        1 => Just(Fact::OverdueDispatches(AnyForm::default())),
        1 => form().prop_map(Fact::OverdueDispatches),
        1 => form().prop_map(Fact::MissedDispatches),
        1 => (1..3_u32).prop_map(|days| Fact::MissedActivities(LastDays { days })),
        1 => Just(Fact::ProgramWeek(Nothing::default())),
    ]
    .boxed()
    .prop_union(
        prop_oneof![
            Just(Fact::ModuleProgress(ModuleRef { module: module() })),
            Just(Fact::ProgramProgress(Nothing::default())),
            prop::sample::select(vec!["first", "third"])
                .prop_map(|section| Fact::SectionProgress(SectionRef { section: section.to_owned() })),
        ]
        .boxed(),
    )
}

fn equals(fact: Fact, value: Answer) -> Condition {
    Condition::Compare(Compare {
        fact,
        operator: Operator::Eq,
        value,
    })
}

fn any_comparison() -> impl Strategy<Value = Condition> {
    let item = |item: &'static str| {
        any_form().prop_map(move |form| {
            Fact::Answer(AnswerFact {
                form,
                item: item.to_owned(),
            })
        })
    };
    let name =
        |names: [&'static str; 2]| prop::sample::select(names.map(|name| Answer::Text(name.to_owned())).to_vec());
    prop_oneof![
        3 => (any_score(), any_operator(), 0..6).prop_map(|(fact, operator, value)| compare(fact, operator, f64::from(value))),
        2 => (any_measurement(), any_operator(), 0..6).prop_map(|(fact, operator, value)| compare(fact, operator, f64::from(value))),
        2 => (any_rating(), any_operator(), -2..6).prop_map(|(fact, operator, value)| compare(fact, operator, f64::from(value))),
        1 => (item("item"), any_operator(), 0..6).prop_map(|(fact, operator, value)| compare(fact, operator, f64::from(value))),
        5 => (any_number(), any_operator(), 0..4, any::<bool>(), any::<bool>()).prop_map(|(fact, operator, value, half, percent)| {
            let value = f64::from(value) + if half { 0.5 } else { 0.0 };
            compare(fact, operator, if percent { value * 25.0 } else { value })
        }),
        1 => (any_operator(), 29..32).prop_map(|(operator, value)| compare(Fact::Age(Nothing::default()), operator, f64::from(value))),
        1 => (any_flag(), any::<bool>()).prop_map(|(kind, open)| equals(Fact::OpenFlag(FlagRef { kind }), Answer::Boolean(open))),
        1 => name(["ACTIVE", "PAUSED"]).prop_map(|status| equals(Fact::Status(Nothing::default()), status)),
        1 => name(["FEMALE", "MALE"]).prop_map(|sex| equals(Fact::Sex(Nothing::default()), sex)),
        1 => (item("time"), any_operator()).prop_map(|(fact, operator)| {
            let value = Answer::Text("08:00".to_owned());
            Condition::Compare(Compare { fact, operator, value })
        }),
        1 => (any_score(), any::<bool>()).prop_map(|(fact, exists)| {
            Condition::Compare(Compare { fact, operator: Operator::Exists, value: Answer::Boolean(exists) })
        }),
    ]
}

pub fn any_condition() -> impl Strategy<Value = Condition> {
    any_comparison().prop_recursive(3, 8, 3, |inner| {
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
        1 => any_form().prop_map(|form| EventTrigger::FormCompleted(FormRef { form })),
        1 => Just(EventTrigger::SignedIn(Nothing::default())),
        1 => Just(EventTrigger::EnrollmentStarted(Nothing::default())),
        1 => Just(EventTrigger::EnrollmentPaused(Nothing::default())),
        1 => Just(EventTrigger::EnrollmentEnded(Nothing::default())),
        1 => any_flag().prop_map(|kind| EventTrigger::FlagRaised(FlagRef { kind })),
        1 => (any_flag(), any_period()).prop_map(|(kind, after)| EventTrigger::FlagUnhandled(UnhandledFlag { kind, after })),
        1 => prop::sample::select(vec![None, Some(Audience::Citizen), Some(Audience::Staff)])
            .prop_map(|from| EventTrigger::MessageReceived(AnySender { from })),
        2 => Just(EventTrigger::MessageUnanswered(Nothing::default())),
        1 => Just(EventTrigger::ActivityRegistered(Nothing::default())),
        1 => any_kind().prop_map(|kind| EventTrigger::MeasurementRegistered(AnyMeasurement { kind })),
        1 => Just(EventTrigger::ModuleCompleted(AnyModule::default())),
        1 => Just(EventTrigger::StepCompleted(AnyStep {
            step: Some("step".to_owned())
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

/// What a rule says from a minute on.
#[derive(Clone, Debug)]
pub struct AnyVersion {
    pub from: i64,
    pub enabled: bool,
    pub definition: RuleDefinition,
}

#[derive(Clone, Debug)]
enum Edit {
    /// Another rule altogether.
    Replace(Box<RuleDefinition>),
    /// The same at other times: slots move, also within the day, and flags are left unhandled for another while.
    Move(i32, i64),
    /// As it was at first: an override is taken back.
    Revert,
    Keep,
}

fn any_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        1 => any_definition().prop_map(|other| Edit::Replace(Box::new(other))),
        3 => (-1..2, -20..20_i64).prop_map(|(days, half_hours)| Edit::Move(days, half_hours)),
        1 => Just(Edit::Revert),
        2 => Just(Edit::Keep),
    ]
}

fn moved(mut definition: RuleDefinition, days: i32, half_hours: i64) -> RuleDefinition {
    let seconds = half_hours * 1_800;
    match &mut definition.trigger {
        Trigger::Schedule(schedule) => {
            for slot in &mut schedule.slots {
                slot.offset.days += days;
                match &mut slot.at {
                    Some(time) => time.0 = time.0.overflowing_add_signed(chrono::Duration::seconds(seconds)).0,
                    None => slot.offset.seconds = (slot.offset.seconds + seconds).max(0),
                }
            }
        }
        Trigger::Event(EventTrigger::FlagUnhandled(UnhandledFlag { after, .. })) => {
            after.days = (after.days + days).max(0);
            after.seconds = (after.seconds + seconds).max(0);
        }
        Trigger::Event(_) | Trigger::Whenever(_) => {}
    }
    definition
}

/// One rule, perhaps edited, overridden or switched off and on on the way.
pub fn any_rule() -> impl Strategy<Value = Vec<AnyVersion>> {
    let edit = (30..SPAN_MINUTES, prop::bool::weighted(0.75), any_edit());
    (any_definition(), prop::collection::vec(edit, 0..3)).prop_map(|(first, mut edits)| {
        let mut versions = vec![AnyVersion {
            from: -100_000,
            enabled: true,
            definition: first.clone(),
        }];
        edits.sort_by_key(|(from, ..)| *from);
        edits.dedup_by_key(|(from, ..)| *from);
        for (from, enabled, edit) in edits {
            let before = versions[versions.len() - 1].definition.clone();
            let definition = match edit {
                Edit::Replace(other) => *other,
                Edit::Move(days, half_hours) => moved(before, days, half_hours),
                Edit::Revert => first.clone(),
                Edit::Keep => before,
            };
            versions.push(AnyVersion {
                from,
                enabled,
                definition,
            });
        }
        versions
    })
}
