//! Pure tests of what is shown, open and done.

use rules::facts::Status;

use super::*;
use crate::{
    content::{ModuleContent, SectionContent, StepContent},
    module,
    program::{self, ProgramKind},
    program_version::{self, VersionStatus},
    section, step,
    viewer::Actor,
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Modules 1, 2 … that open like this, with the sections 11, 12, 21, 22 … of one step each: 111, 112, 121, 122 …
fn content(opens: &[&str]) -> Content {
    let modules = (1..).zip(opens).map(|(module, opens)| ModuleContent {
        row: module::Model {
            id: id(module),
            version_id: id(1000),
            key: format!("m{module}"),
            position: 0,
            opens: (*opens).to_owned(),
            prerequisites: serde_json::json!([]),
        },
        prerequisites: Vec::new(),
        sections: (1..=2)
            .map(|number| module * 10 + number)
            .map(|section| SectionContent {
                row: section::Model {
                    id: id(section),
                    version_id: id(1000),
                    module_id: id(module),
                    key: format!("s{section}"),
                    position: 0,
                },
                steps: vec![StepContent {
                    row: step::Model {
                        id: id(100 + section),
                        version_id: id(1000),
                        section_id: id(section),
                        key: format!("t{section}"),
                        position: 0,
                        estimated_minutes: None,
                    },
                    blocks: Vec::new(),
                }],
            })
            .collect(),
    });
    Content {
        program: program::Model {
            id: id(999),
            slug: "p".into(),
            kind: ProgramKind::Support.into(),
            created_at: at("2026-01-01T00:00:00Z"),
        },
        version: program_version::Model {
            id: id(1000),
            program_id: id(999),
            major: 1,
            minor: 0,
            status: VersionStatus::Published.into(),
            features: serde_json::json!({}),
            measurements: serde_json::json!([]),
            duration: None,
            readable_for: None,
            answer_within: None,
            published_at: None,
            created_at: at("2026-01-01T00:00:00Z"),
        },
        modules: modules.collect(),
        forms: Default::default(),
        texts: HashMap::new(),
    }
}

fn enrollment(status: Status) -> enrollment::Model {
    let start = at("2026-10-22T08:00:00Z");
    enrollment::Model {
        id: id(5000),
        citizen_id: id(5001),
        unit_id: id(5002),
        program_id: id(999),
        version_id: id(1000),
        status: status.into(),
        zone: "Europe/Stockholm".into(),
        locale: "sv".into(),
        starts_at: start,
        started_at: (status != Status::Planned).then_some(start),
        ends_at: None,
        ended_at: None,
        resumes_at: None,
        due_at: None,
        last_activity_at: None,
        unread_by_staff: 0,
        unread_by_citizen: 0,
        attention: String::new(),
        closed_at: None,
        created_at: start,
    }
}

fn said(module: Option<u128>, section: Option<u128>, when: &str) -> content_override::Model {
    content_override::Model {
        id: id(6000),
        enrollment_id: id(5000),
        module_id: module.map(id),
        section_id: section.map(id),
        visible: None,
        visible_from: None,
        opens_at: None,
        due_at: None,
        reason: None,
        actor: Actor::System.into(),
        at: at(when),
    }
}

fn completed(steps: &[u128]) -> HashMap<Uuid, DateTime<Utc>> {
    steps
        .iter()
        .map(|step| (id(*step), at("2026-10-23T08:00:00Z")))
        .collect()
}

fn reason(availability: &Availability) -> Option<&str> {
    availability.reason.as_deref()
}

#[test]
fn modules_open_at_the_start_after_a_while_or_never() {
    let content = content(&["START", "P7D", "LOCKED"]);
    let (overlay, row) = (Overlay::default(), enrollment(Status::Active));
    let now = at("2026-10-29T08:30:00Z");
    let of = |module| overlay.module_availability(&content, &row, id(module), now);
    assert!(of(1).open);
    // Seven calendar days over the end of summer time: 10:00 in Stockholm again, an hour later in UTC.
    assert_eq!(of(2).opens_at, Some(at("2026-10-29T09:00:00Z")));
    assert_eq!((of(2).open, reason(&of(2))), (false, Some("NOT_YET")));
    assert_eq!((of(3).opens_at, reason(&of(3))), (None, Some("LOCKED")));
    let later = at("2026-10-29T09:00:00Z");
    assert!(overlay.module_availability(&content, &row, id(2), later).open);
}

#[test]
fn nothing_is_open_unless_the_enrollment_is_active() {
    let content = content(&["START"]);
    let now = at("2026-10-30T00:00:00Z");
    for (status, why) in [
        (Status::Planned, "NOT_STARTED"),
        (Status::Paused, "PAUSED"),
        (Status::Completed, "ENDED"),
        (Status::Withdrawn, "ENDED"),
    ] {
        let (overlay, row) = (Overlay::default(), enrollment(status));
        assert_eq!(
            reason(&overlay.module_availability(&content, &row, id(1), now)),
            Some(why)
        );
        assert_eq!(
            reason(&overlay.section_availability(&content, &row, id(11), now)),
            Some(why)
        );
        assert_eq!(overlay.next_step(&content, &row, now), None);
    }
}

#[test]
fn the_latest_that_says_something_wins() {
    let content = content(&["LOCKED"]);
    let row = enrollment(Status::Active);
    let now = at("2026-10-30T00:00:00Z");
    let hidden = content_override::Model {
        visible: Some(false),
        ..said(Some(1), None, "2026-10-23T00:00:00Z")
    };
    let opened = content_override::Model {
        opens_at: Some(at("2026-10-24T00:00:00Z")),
        ..said(Some(1), None, "2026-10-24T00:00:00Z")
    };
    let shown = content_override::Model {
        visible: Some(true),
        ..said(Some(1), None, "2026-10-25T00:00:00Z")
    };

    let mut overlay = Overlay {
        overrides: vec![hidden, opened],
        ..Overlay::default()
    };
    assert!(!overlay.module_visible(id(1), now));
    let availability = overlay.module_availability(&content, &row, id(1), now);
    assert_eq!((availability.open, reason(&availability)), (false, Some("HIDDEN")));
    overlay.overrides.push(shown);
    assert!(overlay.module_visible(id(1), now));
    assert!(overlay.module_availability(&content, &row, id(1), now).open);
}

#[test]
fn a_section_opens_with_its_module_or_later() {
    let content = content(&["P7D"]);
    let row = enrollment(Status::Active);
    let earlier = content_override::Model {
        opens_at: Some(at("2026-10-23T00:00:00Z")),
        ..said(None, Some(11), "2026-10-23T00:00:00Z")
    };
    let later = content_override::Model {
        opens_at: Some(at("2026-11-05T00:00:00Z")),
        ..said(None, Some(12), "2026-10-23T00:00:00Z")
    };
    let overlay = Overlay {
        overrides: vec![earlier, later],
        ..Overlay::default()
    };
    let of = |section, now| overlay.section_availability(&content, &row, id(section), at(now));
    assert_eq!(reason(&of(11, "2026-10-24T00:00:00Z")), Some("NOT_YET"));
    assert!(of(11, "2026-10-29T09:00:00Z").open);
    assert_eq!(
        of(12, "2026-10-30T00:00:00Z").opens_at,
        Some(at("2026-11-05T00:00:00Z"))
    );
    assert!(of(12, "2026-11-05T00:00:00Z").open);
    assert_eq!(
        reason(&of(77, "2026-11-05T00:00:00Z")),
        Some("HIDDEN"),
        "no such section"
    );
}

#[test]
fn progress_counts_what_is_shown() {
    let content = content(&["START", "START"]);
    let row = enrollment(Status::Active);
    let now = at("2026-10-30T00:00:00Z");
    let mut overlay = Overlay {
        completed: completed(&[111, 121]),
        ..Overlay::default()
    };
    assert_eq!(overlay.progress(&content, now), Progress { completed: 2, total: 4 });
    assert_eq!(
        overlay.module_progress(&content, id(1), now),
        Progress { completed: 1, total: 2 }
    );
    assert_eq!(overlay.next_step(&content, &row, now), Some((id(1), id(12), id(112))));

    overlay.overrides = vec![
        content_override::Model {
            visible: Some(false),
            ..said(None, Some(12), "2026-10-23T00:00:00Z")
        },
        content_override::Model {
            visible: Some(false),
            ..said(None, Some(21), "2026-10-23T00:00:00Z")
        },
    ];
    assert_eq!(overlay.progress(&content, now), Progress { completed: 1, total: 2 });
    assert_eq!(overlay.next_step(&content, &row, now), Some((id(2), id(22), id(122))));

    overlay.overrides = vec![content_override::Model {
        visible: Some(false),
        ..said(Some(2), None, "2026-10-23T00:00:00Z")
    }];
    assert_eq!(overlay.progress(&content, now), Progress { completed: 1, total: 2 });
    assert_eq!(overlay.module_progress(&content, id(2), now), Progress::default());
}

#[test]
fn only_who_is_done_has_a_hundred_percent() {
    let percent = |completed, total| Progress { completed, total }.percent();
    assert_eq!((percent(0, 0), percent(199, 200), percent(200, 200)), (0, 99, 100));
}

#[test]
fn openings_are_what_happened_and_what_is_planned() {
    let content = content(&["START", "P7D", "LOCKED"]);
    let row = enrollment(Status::Active);
    let openings = |module, overrides: &[(&str, &str)]| {
        let overrides = overrides.iter().map(|(when, opens)| content_override::Model {
            opens_at: Some(at(opens)),
            ..said(Some(module), None, when)
        });
        let overlay = Overlay {
            overrides: overrides.collect(),
            ..Overlay::default()
        };
        overlay.module_openings(&content, &row, id(module))
    };
    let start = at("2026-10-22T08:00:00Z");
    assert_eq!(openings(1, &[]), [start]);
    assert_eq!(openings(2, &[]), [at("2026-10-29T09:00:00Z")]);
    assert!(openings(3, &[]).is_empty());
    let now = ("2026-10-25T08:00:00Z", "2026-10-25T08:00:00Z");
    assert_eq!(openings(3, &[now]), [at(now.0)]);
    assert_eq!(openings(1, &[now]), [start], "open already");
    assert_eq!(
        openings(2, &[now]),
        [at(now.0)],
        "earlier than by itself, and only once"
    );
    let later = ("2026-10-25T08:00:00Z", "2026-11-10T08:00:00Z");
    assert_eq!(openings(1, &[later]), [start, at(later.1)], "closed and to open again");
    assert_eq!(openings(2, &[later]), [at(later.1)], "put off before it opened");
    let past = ("2026-10-25T08:00:00Z", "2026-10-01T08:00:00Z");
    assert_eq!(
        openings(3, &[past]),
        [at(past.0)],
        "nothing opens before somebody says so"
    );
}

#[test]
fn what_is_planned_holds_from_its_date_unless_something_else_is_said_before() {
    let planned = |when: &str, from: &str, visible: bool| content_override::Model {
        visible: Some(visible),
        visible_from: Some(at(from)),
        ..said(Some(1), None, when)
    };
    let hidden_later = planned("2026-10-23T00:00:00Z", "2026-11-01T00:00:00Z", false);
    let mut overlay = Overlay {
        overrides: vec![hidden_later],
        ..Overlay::default()
    };
    let shown = |overlay: &Overlay, when: &str| overlay.module_visible(id(1), at(when));
    assert!(shown(&overlay, "2026-10-31T23:59:59Z"));
    assert!(!shown(&overlay, "2026-11-01T00:00:00Z"));
    // Shown again from another date on: hidden in between.
    let again = planned("2026-10-24T00:00:00Z", "2026-11-10T00:00:00Z", true);
    overlay.overrides.push(again);
    assert!(
        shown(&overlay, "2026-11-02T00:00:00Z"),
        "the later word took the plan's place"
    );
    overlay.overrides[1].at = at("2026-11-02T00:00:00Z");
    assert!(!shown(&overlay, "2026-11-09T00:00:00Z"));
    assert!(shown(&overlay, "2026-11-10T00:00:00Z"));
    // A date that has passed is at once.
    let late = planned("2026-11-12T00:00:00Z", "2026-01-01T00:00:00Z", false);
    overlay.overrides.push(late);
    assert!(shown(&overlay, "2026-11-11T00:00:00Z"));
    assert!(!shown(&overlay, "2026-11-12T00:00:00Z"));
}

/// Modules that open as in [`content`], each once the others are completed.
fn in_turn(opens: &[(&str, &[u128])]) -> Content {
    let own: Vec<&str> = opens.iter().map(|(opens, _)| *opens).collect();
    let mut content = content(&own);
    for (module, (_, before)) in content.modules.iter_mut().zip(opens) {
        module.prerequisites = before.iter().map(|module| id(*module)).collect();
    }
    content
}

fn hidden(module: Option<u128>, section: Option<u128>, when: &str) -> content_override::Model {
    content_override::Model {
        visible: Some(false),
        ..said(module, section, when)
    }
}

fn shown(module: u128, when: &str) -> content_override::Model {
    content_override::Model {
        visible: Some(true),
        ..said(Some(module), None, when)
    }
}

#[test]
fn a_module_opens_once_those_before_it_are_completed() {
    let content = in_turn(&[("START", &[]), ("START", &[1]), ("P7D", &[1, 2])]);
    let row = enrollment(Status::Active);
    let now = at("2026-10-24T00:00:00Z");
    let of = |overlay: &Overlay, module: u128| overlay.module_availability(&content, &row, id(module), now);
    let mut overlay = Overlay {
        completed: completed(&[111]),
        ..Overlay::default()
    };
    let second = of(&overlay, 2);
    assert_eq!(
        (second.open, reason(&second), second.opens_at),
        (false, Some("PREREQUISITE"), None)
    );
    assert_eq!(
        (second.awaits, of(&overlay, 3).awaits),
        (vec![id(1)], vec![id(1), id(2)])
    );
    let section = overlay.section_availability(&content, &row, id(21), now);
    assert_eq!(
        (reason(&section), section.awaits.clone()),
        (Some("PREREQUISITE"), vec![id(1)])
    );
    assert_eq!(
        overlay.progress(&content, now),
        Progress { completed: 1, total: 6 },
        "it is shown"
    );
    assert_eq!(overlay.next_step(&content, &row, now), Some((id(1), id(12), id(112))));

    overlay.completed.insert(id(112), at("2026-10-23T20:00:00Z"));
    let second = of(&overlay, 2);
    assert_eq!((second.open, second.opens_at), (true, Some(at("2026-10-23T20:00:00Z"))));
    assert_eq!(
        overlay.module_openings(&content, &row, id(2)),
        [at("2026-10-23T20:00:00Z")]
    );
    assert_eq!(overlay.next_step(&content, &row, now), Some((id(2), id(21), id(121))));
    assert_eq!(of(&overlay, 3).awaits, [id(2)]);

    // All is done, and its own time has not come.
    overlay.completed.extend(completed(&[121, 122]));
    let third = of(&overlay, 3);
    assert_eq!(
        (reason(&third), third.opens_at),
        (Some("NOT_YET"), Some(at("2026-10-29T09:00:00Z")))
    );
    assert!(third.awaits.is_empty());
}

#[test]
fn whoever_opens_a_module_opens_it_whatever_is_completed() {
    let content = in_turn(&[("START", &[]), ("START", &[1])]);
    let row = enrollment(Status::Active);
    let opened = content_override::Model {
        opens_at: Some(at("2026-10-24T00:00:00Z")),
        ..said(Some(2), None, "2026-10-23T00:00:00Z")
    };
    let overlay = Overlay {
        overrides: vec![opened],
        ..Overlay::default()
    };
    let of = |when: &str| overlay.module_availability(&content, &row, id(2), at(when));
    assert_eq!(reason(&of("2026-10-23T12:00:00Z")), Some("NOT_YET"));
    assert!(of("2026-10-24T00:00:00Z").open);
    assert_eq!(
        overlay.module_openings(&content, &row, id(2)),
        [at("2026-10-24T00:00:00Z")]
    );
}

#[test]
fn what_is_hidden_is_not_waited_for_but_what_it_waits_for_is() {
    let content = in_turn(&[("START", &[]), ("START", &[1]), ("START", &[2])]);
    let row = enrollment(Status::Active);
    let now = at("2026-10-26T00:00:00Z");
    let mut overlay = Overlay {
        overrides: vec![hidden(Some(2), None, "2026-10-23T00:00:00Z")],
        ..Overlay::default()
    };
    let third = |overlay: &Overlay| overlay.module_availability(&content, &row, id(3), now);
    assert_eq!(third(&overlay).awaits, [id(1)]);
    overlay.completed = completed(&[111, 112]);
    assert!(third(&overlay).open);
    // Shown again it is waited for again: until then the third was open.
    overlay.overrides.push(shown(2, "2026-10-25T00:00:00Z"));
    assert_eq!(third(&overlay).awaits, [id(2)]);
    assert_eq!(
        overlay.module_openings(&content, &row, id(3)),
        [at("2026-10-23T08:00:00Z")]
    );
    // A module whose every section is hidden has nothing to complete.
    overlay.overrides.pop();
    overlay.overrides = vec![
        hidden(None, Some(21), "2026-10-23T00:00:00Z"),
        hidden(None, Some(22), "2026-10-24T00:00:00Z"),
    ];
    assert_eq!(third(&overlay).opens_at, Some(at("2026-10-24T00:00:00Z")));
}

#[test]
fn completed_once_is_completed() {
    let content = in_turn(&[("START", &[]), ("START", &[1])]);
    let row = enrollment(Status::Active);
    let now = at("2026-10-26T00:00:00Z");
    // Completed without its second section, which is shown only then.
    let overlay = Overlay {
        overrides: vec![
            hidden(None, Some(12), "2026-10-22T08:00:00Z"),
            content_override::Model {
                visible: Some(true),
                ..said(None, Some(12), "2026-10-25T00:00:00Z")
            },
        ],
        completed: completed(&[111]),
    };
    assert!(overlay.module_availability(&content, &row, id(2), now).open);
    assert_eq!(overlay.module_progress(&content, id(1), now).percent(), 50);
}

#[test]
fn modules_that_wait_for_one_another_end_nowhere() {
    // Nothing of the kind is imported; what is stored must not hang a server.
    let content = in_turn(&[("START", &[2]), ("START", &[1])]);
    let row = enrollment(Status::Active);
    let overlay = Overlay::default();
    let first = overlay.module_availability(&content, &row, id(1), at("2026-10-26T00:00:00Z"));
    assert_eq!(first.awaits, [id(2)]);
}
