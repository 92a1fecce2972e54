//! Small groups are hidden, and nobody has them by subtraction.

use rules::facts::Status;
use serde_json::{Value, json};
use tests::{app::TestApp, both_databases, care, database::Kind, world::World};

use super::{
    Asked, Of, in_state, morning,
    population::{PROGRAMS, programs},
    statistics, told,
};

async fn started(kind: Kind) -> TestApp {
    let world = World::without_program(kind, morning()).await;
    programs(&world).await;
    TestApp::over(world).await
}

/// Enrolls so many people at a unit (0 is the first) and brings them into a state.
async fn put(app: &TestApp, unit: usize, program: &str, people: std::ops::Range<u32>, status: Status) {
    let (unit, therapist) = match unit {
        0 => (app.care.unit, app.care.therapist),
        _ => (app.care.other_unit, app.care.other_therapist),
    };
    for n in people {
        let enrollment = care::enroll_in(&app.store, program, unit, therapist, n, None).await;
        if status != Status::Active {
            care::change_status(&app.store, enrollment, status, None).await;
        }
    }
}

async fn a_small_group_takes_the_next_smallest_along(kind: Kind) {
    let app = started(kind).await;
    put(&app, 0, PROGRAMS[0], 0..6, Status::Active).await;
    put(&app, 0, PROGRAMS[0], 6..9, Status::Completed).await;
    put(&app, 0, PROGRAMS[0], 9..16, Status::Withdrawn).await;
    let found = statistics(&app, &app.therapist(), Of::Own, Asked::default()).await;
    assert_eq!(told(&found["enrollments"]), Some(16));
    let states = ["PLANNED", "ACTIVE", "PAUSED", "COMPLETED", "WITHDRAWN"].map(|state| in_state(&found, state));
    // Nobody is no group; the total less those that are told would tell of the three.
    assert_eq!(states, [Some(0), None, Some(0), None, Some(7)]);
    assert_eq!(told(&found["completion"]), None);
    assert_eq!(
        (&found["completion"]["share"], &found["completion"]["of"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(told(&found["dropOut"]["enrollments"]), Some(7));
    let modules = found["dropOut"]["byModule"].as_array().unwrap();
    assert_eq!((modules.len(), told(&modules[0]["enrollments"])), (1, Some(7)));
    assert!(modules[0]["moduleKey"].is_null() && modules[0]["moduleTitle"].is_null());
    assert_eq!(
        (told(&found["adherence"]), found["adherence"]["share"].as_f64()),
        (Some(0), None)
    );
    assert_eq!(told(&found["flagAcknowledgement"]["waited"]), Some(0));

    put(&app, 0, PROGRAMS[0], 16..18, Status::Completed).await;
    let found = statistics(&app, &app.therapist(), Of::Own, Asked::default()).await;
    let states = ["ACTIVE", "COMPLETED", "WITHDRAWN"].map(|state| in_state(&found, state));
    assert_eq!(states, [Some(6), Some(5), Some(7)]);
    assert_eq!(found["completion"]["share"].as_f64(), Some(5.0 / 12.0));
}

async fn of_four_people_nothing_is_told(kind: Kind) {
    let app = started(kind).await;
    put(&app, 0, PROGRAMS[0], 0..4, Status::Withdrawn).await;
    let found = statistics(&app, &app.therapist(), Of::Own, Asked::default()).await;
    assert_eq!(
        (told(&found["enrollments"]), in_state(&found, "WITHDRAWN")),
        (None, None)
    );
    assert_eq!(told(&found["dropOut"]["enrollments"]), None);
    assert_eq!(found["dropOut"]["byModule"], json!([]), "to name the module would tell");
    // What is 0 would tell that all of them withdrew.
    let states = ["PLANNED", "ACTIVE", "PAUSED", "COMPLETED"].map(|state| in_state(&found, state));
    assert_eq!(states, [None; 4]);
    // Four people who were sent many forms are still four people.
    for n in 0..4 {
        let (unit, therapist) = (app.care.unit, app.care.therapist);
        let enrollment = care::enroll_in(&app.store, PROGRAMS[1], unit, therapist, n, None).await;
        for _ in 0..3 {
            care::dispatch(&app.store, enrollment, "weekly-measure").await;
        }
    }
    let found = statistics(&app, &app.therapist(), Of::Own, Asked::default()).await;
    assert_eq!(told(&found["adherence"]), None);
}

async fn a_provider_gives_no_unit_away_and_a_unit_no_program(kind: Kind) {
    let app = started(kind).await;
    put(&app, 0, PROGRAMS[0], 0..9, Status::Active).await;
    put(&app, 0, PROGRAMS[0], 9..16, Status::Completed).await;
    put(&app, 1, PROGRAMS[0], 16..19, Status::Active).await;
    put(&app, 1, PROGRAMS[0], 19..27, Status::Completed).await;
    let administrator = app.staff("provider-administrator");
    let all = Asked::default();
    let own = statistics(&app, &administrator, Of::Own, all).await;
    assert_eq!(
        (in_state(&own, "ACTIVE"), in_state(&own, "COMPLETED")),
        (Some(9), Some(7))
    );
    let sibling = statistics(&app, &administrator, Of::Sibling, all).await;
    assert_eq!(
        (in_state(&sibling, "ACTIVE"), in_state(&sibling, "COMPLETED")),
        (None, None)
    );
    assert_eq!(told(&sibling["enrollments"]), Some(11));
    // All less those of the first unit would be those of the other.
    for program in [None, Some(PROGRAMS[0])] {
        let whole = statistics(&app, &administrator, Of::Provider, Asked { program, ..all }).await;
        assert_eq!(
            (in_state(&whole, "ACTIVE"), in_state(&whole, "COMPLETED")),
            (None, None),
            "{program:?}"
        );
        assert_eq!(told(&whole["enrollments"]), Some(27));
    }

    put(&app, 0, PROGRAMS[1], 27..30, Status::Active).await;
    let of = |program| Asked {
        program: Some(program),
        ..all
    };
    let first = statistics(&app, &app.therapist(), Of::Own, of(PROGRAMS[0])).await;
    let second = statistics(&app, &app.therapist(), Of::Own, of(PROGRAMS[1])).await;
    let both = statistics(&app, &app.therapist(), Of::Own, all).await;
    assert_eq!(
        (in_state(&first, "ACTIVE"), told(&first["enrollments"])),
        (Some(9), Some(16))
    );
    assert_eq!(
        (in_state(&second, "ACTIVE"), told(&second["enrollments"])),
        (None, None)
    );
    assert_eq!((in_state(&both, "ACTIVE"), told(&both["enrollments"])), (None, None));
    assert_eq!(in_state(&both, "COMPLETED"), None);
}

async fn who_takes_part_twice_is_one_of_a_group(kind: Kind) {
    let app = started(kind).await;
    put(&app, 0, PROGRAMS[0], 0..3, Status::Active).await;
    put(&app, 0, PROGRAMS[1], 0..3, Status::Active).await;
    put(&app, 1, PROGRAMS[1], 0..3, Status::Active).await;
    let administrator = app.staff("provider-administrator");
    for of in [Of::Own, Of::Provider] {
        let found = statistics(&app, &administrator, of, Asked::default()).await;
        assert_eq!(told(&found["enrollments"]), None, "{of:?}");
    }
    put(&app, 0, PROGRAMS[1], 3..6, Status::Active).await;
    let found = statistics(
        &app,
        &administrator,
        Of::Own,
        Asked {
            program: Some(PROGRAMS[1]),
            ..Asked::default()
        },
    )
    .await;
    assert_eq!(
        (told(&found["enrollments"]), in_state(&found, "ACTIVE")),
        (Some(6), Some(6))
    );
}

both_databases!(
    a_small_group_takes_the_next_smallest_along,
    of_four_people_nothing_is_told,
    a_provider_gives_no_unit_away_and_a_unit_no_program,
    who_takes_part_twice_is_one_of_a_group,
);
