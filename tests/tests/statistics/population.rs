//! People who take part at random, and what is known of them because it was decided here.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    action::{self, flag::Raise, message::Send},
    step,
    viewer::{Viewer, Who},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rules::{
    answer::{Answer, Answers},
    facts::{Audience, Severity, Status},
};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tests::{
    care::{self, OTHER_THERAPIST},
    world::World,
};
use uuid::Uuid;

/// The slugs of the two programs.
pub const PROGRAMS: [&str; 2] = ["low-mood", "after-heart-attack"];
/// The keys of the modules of each, and of their steps.
const MODULES: [(&str, [&str; 2]); 2] = [("first", ["read", "think"]), ("second", ["do", "rest"])];
/// The states that they are in at last.
const STATES: [Status; 4] = [Status::Active, Status::Paused, Status::Completed, Status::Withdrawn];

/// Since when something waited, and for how many microseconds, where that is over.
pub type Wait = (DateTime<Utc>, Option<i64>);

/// What is known of an enrollment.
#[derive(Debug)]
pub struct Person {
    pub citizen: u32,
    /// 0 is the first unit.
    pub unit: usize,
    pub program: &'static str,
    pub start: DateTime<Utc>,
    pub status: Status,
    /// The module of the last step.
    pub stopped: Option<&'static str>,
    /// When forms could be answered, and whether they were.
    pub forms: Vec<(DateTime<Utc>, bool)>,
    pub scores: Vec<f64>,

    pub flags: Vec<Wait>,
    pub messages: Vec<Wait>,
}

/// The two programs, with a measure whose scale tells how reliable it is.
pub async fn programs(world: &World) {
    let mut measure = care::measure("weekly-measure", 9);
    for scale in &mut measure.scales {
        scale.standard_deviation = Some(5.0);
        scale.reliability = Some(0.84);
    }
    let text = |key: &str| json!({ "sv": key, "en": key });
    for slug in PROGRAMS {
        let modules: Vec<Value> = MODULES
            .iter()
            .map(|(module, steps)| {
                let steps: Vec<Value> = steps
                    .iter()
                    .map(|step| json!({ "key": step, "title": text(step), "blocks": [{ "text": text(step) }] }))
                    .collect();
                let section = json!({ "key": format!("{module}-section"), "title": text(module), "steps": steps });
                json!({ "key": module, "title": text(module), "opens": "START", "sections": [section] })
            })
            .collect();
        let program = json!({ "slug": slug, "kind": "TREATMENT", "version": "1.0", "title": text(slug),
            "summary": text(slug), "forms": ["weekly-measure"], "modules": modules });
        care::import(&world.store, program, std::slice::from_ref(&measure)).await;
    }
}

/// So many people of each unit and program, one after the other, with times in between that are all different.
pub async fn people(world: &World, seed: u64, of_each: u32) -> Vec<Person> {
    let mut random = StdRng::seed_from_u64(seed);
    let steps = step::Entity::find().all(world.store.connection()).await.unwrap();
    let mut people = Vec::new();
    for n in 0..of_each {
        for unit in 0..2 {
            for (place, program) in PROGRAMS.into_iter().enumerate() {
                // Every fourth takes part in both programs.
                let place = if n % 4 == 0 { 0 } else { u32::try_from(place).unwrap() };
                let citizen = n * 4 + u32::try_from(unit).unwrap() * 2 + place;
                people.push(person(world, &mut random, &steps, citizen, unit, program).await);
            }
        }
    }
    people
}

async fn person(
    world: &World,
    random: &mut StdRng,
    steps: &[step::Model],
    citizen: u32,
    unit: usize,
    program: &'static str,
) -> Person {
    let care = &world.care;
    let (unit_id, therapist, subject) = match unit {
        0 => (care.unit, care.therapist, "therapist"),
        _ => (care.other_unit, care.other_therapist, OTHER_THERAPIST),
    };
    let mut person = Person {
        citizen,
        unit,
        program,
        start: pass(world, random),
        status: Status::Active,
        stopped: None,
        forms: Vec::new(),
        scores: Vec::new(),
        flags: Vec::new(),
        messages: Vec::new(),
    };
    if random.random_ratio(1, 6) {
        person.start = world.clock.now() + TimeDelta::days(5);
        person.status = Status::Planned;
        care::enroll_in(&world.store, program, unit_id, therapist, citizen, Some(person.start)).await;
        return person;
    }
    let id = care::enroll_in(&world.store, program, unit_id, therapist, citizen, None).await;
    let row = entity::enrollment::Entity::find_by_id(id)
        .one(world.store.connection())
        .await
        .unwrap()
        .unwrap();
    let treats = Viewer::new(world.store.directory().sign_in(subject, None).unwrap(), "test");
    let takes_part = Viewer::new(Who::Citizen { id: row.citizen_id }, "test");

    let walked = MODULES
        .iter()
        .flat_map(|(module, steps)| steps.map(|step| (*module, step)));
    for (module, key) in walked.take(random.random_range(0..=4)) {
        pass(world, random);
        let found = steps
            .iter()
            .find(|step| step.version_id == row.version_id && step.key == key);
        let mut act = world.store.act(&takes_part).await.unwrap();
        action::step::complete(&mut act, id, found.unwrap().id).await.unwrap();
        act.commit().await.unwrap();
        person.stopped = Some(module);
    }
    for _ in 0..random.random_range(0..4) {
        let at = pass(world, random);
        let dispatch = care::dispatch(&world.store, id, "weekly-measure").await;
        let is_answered = random.random_ratio(2, 3);
        person.forms.push((at, is_answered));
        if is_answered {
            pass(world, random);
            let (answers, score) = answers(random);
            let mut act = world.store.act(&takes_part).await.unwrap();
            action::response::submit(&mut act, dispatch, &answers).await.unwrap();
            act.commit().await.unwrap();
            person.scores.push(score);
        }
    }
    for kind in ["worry", "silence"].into_iter().take(random.random_range(0..=2)) {
        let flag = raise(world, random, id, kind, &mut person).await;
        if random.random_ratio(3, 4) {
            let raised = person.flags.last().unwrap().0;
            let length = (pass(world, random) - raised).num_microseconds();
            let mut act = world.store.act(&treats).await.unwrap();
            match random.random_bool(0.5) {
                true => action::flag::acknowledge(&mut act, flag, None).await.unwrap(),
                false => action::flag::resolve(&mut act, flag, None).await.unwrap(),
            };
            act.commit().await.unwrap();
            person.flags.last_mut().unwrap().1 = length;
        }
    }
    for _ in 0..random.random_range(0..3) {
        let at = pass(world, random);
        say(world, &takes_part, id).await;
        person.messages.push((at, None));
        if random.random_ratio(2, 3) {
            let now = pass(world, random);
            say(world, &treats, id).await;
            for (sent, length) in &mut person.messages {
                *length = length.or_else(|| (now - *sent).num_microseconds());
            }
        }
    }
    person.status = STATES[random.random_range(0..STATES.len())];
    if person.status != Status::Active {
        pass(world, random);
        care::change_status(&world.store, id, person.status, None).await;
    }
    if matches!(person.status, Status::Completed | Status::Withdrawn) {
        // What still waited at the end was taken back.
        person.forms.retain(|(_, is_answered)| *is_answered);
    }
    person
}

/// Lets some time pass; gives the instant.
fn pass(world: &World, random: &mut StdRng) -> DateTime<Utc> {
    world.clock.advance(TimeDelta::seconds(random.random_range(60..20_000)));
    world.clock.now()
}

fn answers(random: &mut StdRng) -> (Answers, f64) {
    let options = ["no", "some", "most", "all"];
    // All alike or each its own, so that sums lie far apart.
    let leaning = random.random_range(0..4);
    let mut sum = 0;
    let items = (1..=9).map(|item| {
        let chosen = if random.random_ratio(2, 3) {
            leaning
        } else {
            random.random_range(0..4)
        };
        sum += chosen;
        (format!("q{item}"), Answer::Text(options[chosen].to_owned()))
    });
    let answers = items.collect();
    (answers, f64::from(u32::try_from(sum).unwrap()))
}

async fn raise(world: &World, random: &mut StdRng, id: Uuid, kind: &str, person: &mut Person) -> Uuid {
    person.flags.push((pass(world, random), None));
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let raise = Raise {
        enrollment_id: id,
        kind: kind.to_owned(),
        severity: Severity::Warning,
        title: kind.to_owned(),
        note: None,
        audience: Audience::Staff,
        rule_key: None,
        occurrence: None,
        auto_resolve: false,
        cause: act.cause(),
    };
    let flag = action::flag::raise(&mut act, &[raise])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    act.commit().await.unwrap();
    flag
}

async fn say(world: &World, viewer: &Viewer, id: Uuid) {
    let mut act = world.store.act(viewer).await.unwrap();
    let send = Send {
        enrollment_id: id,
        body: "Hej".to_owned(),
        attachments: Vec::new(),
        firing_id: None,
        unit_message_id: None,
        cause: act.cause(),
    };
    action::message::send(&mut act, &[send])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    act.commit().await.unwrap();
}
