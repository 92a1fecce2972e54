//! The servers, the worker and Redis as processes, and people who write all the while.

use std::{
    path::PathBuf,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use entity::event;
use serde_json::{Value, json};
use tests::{
    care,
    client::{Client, done},
    database::{self, Kind},
    house::{House, Redis, citizen, therapist},
    process::{self, Process},
};
use tokio::task::JoinHandle;

use super::{
    PATIENCE,
    listener::{Listener, Who},
};

/// How many people somebody writes of all the while.
pub const WRITERS: u32 = 3;
/// Whose enrollment slow transactions write in.
const SLOW: u32 = 4;
/// What every listener hears between one fault and the next.
const MORE: usize = 4;

/// The servers as clients find them.
pub struct Servers([RwLock<Client>; 2]);

impl Servers {
    pub fn client(&self, place: usize) -> Client {
        self.0[place % 2].read().unwrap().clone()
    }

    /// Does something through one of the servers, and through the other where that one does not answer: the key makes it once.
    pub async fn put(&self, place: usize, token: &str, mutation: &str, mut input: Value, key: &str) {
        input["idempotencyKey"] = key.into();
        let (first, rest) = mutation.split_at(1);
        let kind = format!("{}{rest}Input", first.to_uppercase());
        let query =
            format!("mutation($input: {kind}!) {{ {mutation}(input: $input) {{ errors {{ code message path }} }} }}");
        let body = json!({ "query": query, "variables": { "input": input } });
        let began = Instant::now();
        for attempt in place.. {
            let client = self.client(attempt);
            let request = client
                .http()
                .post(client.url("/graphql"))
                .bearer_auth(token)
                .json(&body);
            let answer = match request.send().await {
                Ok(answer) => answer.json::<Value>().await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) if answer.get("errors").is_none() => {
                    done(&answer["data"]);
                    return;
                }
                Ok(answer) => {
                    // A server that is about to stop, or whose other self is still writing the same, says to come again.
                    let code = &answer["errors"][0]["extensions"]["code"];
                    assert!(
                        began.elapsed() < PATIENCE,
                        "{mutation} is refused with {code}: {answer}"
                    );
                }
                Err(error) => assert!(began.elapsed() < PATIENCE, "nobody answers: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Two servers, a worker and a Redis, and who is there.
pub struct Site {
    pub house: House,
    binary: PathBuf,
    pub redis: Redis,
    pub worker: Process,
    pub running: [Process; 2],
    pub servers: Arc<Servers>,
    unit: Value,
    /// The enrollments of the citizens from 1 on.
    enrollments: Vec<Value>,
    pub listeners: Vec<Listener>,
    /// How many transactions took long.
    pub slow: u32,
}

const SERVE: [&str; 3] = ["serve", "--no-worker", "--no-demo"];

impl Site {
    pub async fn open() -> Option<Self> {
        database::postgres()?;
        let (binary, worker) = (process::binary("handrail")?, process::binary("handrail-worker")?);
        let mut house = House::new(Kind::Postgres).await;
        let redis = house.redis().await;
        let worker = house.worker("the worker", &worker).await;
        let ((first, one), (second, other)) =
            tokio::join!(house.server(&binary, &SERVE), house.server(&binary, &SERVE));
        let servers = Arc::new(Servers([RwLock::new(one), RwLock::new(other)]));
        let me = "{ viewer { ... on StaffViewer { staff { id } unit { id } } } }";
        let me = servers.client(0).query(&therapist(), me, json!({})).await.data()["viewer"].clone();
        let mut site = Self {
            house,
            binary,
            redis,
            worker,
            running: [first, second],
            servers,
            unit: me["unit"]["id"].clone(),
            enrollments: Vec::new(),
            listeners: Vec::new(),
            slow: 0,
        };
        // Before anything happened, so that everything that ever did is to be heard.
        let start = event::now_cursor(&site.house.world.store).await.unwrap().to_string();
        for n in 1..=SLOW {
            let person = json!({ "personalIdentityNumber": care::identity_number(n), "givenName": format!("Given{n}"),
                "familyName": "Family" });
            let input = json!({ "programSlug": care::PROGRAM, "unitId": site.unit, "citizen": person,
                "therapistIds": [me["staff"]["id"]] });
            let client = site.servers.client(0);
            let started = client
                .mutate(&therapist(), "startEnrollment", input, "enrollment { id }")
                .await;
            site.enrollments.push(done(&started)["enrollment"]["id"].clone());
        }
        let unit = Who::Therapist {
            unit: site.unit.clone(),
        };
        for (place, who) in [(0, unit.clone()), (1, unit), (0, Who::Citizen(1)), (1, Who::Citizen(2))] {
            let last = match who {
                Who::Therapist { .. } => last_of(2),
                Who::Citizen(n) => last_of(n),
            };
            let listener = Listener::start(&site.servers, place, who, &start, last);
            site.listeners.push(listener);
        }
        Some(site)
    }

    pub fn enrollment(&self, n: u32) -> &Value {
        &self.enrollments[usize::try_from(n).unwrap() - 1]
    }

    /// Writes of the nth citizen until it is told to stop, each time something else and through the other server; gives what
    /// the unit is to hear of it.
    pub fn write(&self, n: u32, stop: &Arc<AtomicBool>) -> JoinHandle<Vec<String>> {
        let (servers, stop, enrollment) = (self.servers.clone(), stop.clone(), self.enrollment(n).clone());
        tokio::spawn(async move {
            let mut written = Vec::new();
            for turn in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let mark = format!("{n}-{turn}");
                let say = json!({ "enrollmentId": enrollment, "body": mark });
                let put = async |token: &str, mutation: &str, input: Value| {
                    servers.put(turn, token, mutation, input, &mark).await;
                };
                match turn % 4 {
                    0 => put(&therapist(), "raiseFlag", raised(&enrollment, &mark, "STAFF")).await,
                    1 => put(&citizen(n), "sendMessage", say).await,
                    2 => put(&therapist(), "raiseFlag", raised(&enrollment, &mark, "CITIZEN")).await,
                    _ => {
                        put(&therapist(), "sendMessage", say).await;
                        // Whoever listens for the unit wrote it.
                        continue;
                    }
                }
                written.push(mark);
            }
            written
        })
    }

    pub async fn more(&mut self) {
        for listener in &mut self.listeners {
            listener.more(MORE).await;
        }
    }

    pub async fn restart(&mut self, place: usize) {
        let (process, client) = self.house.server(&self.binary, &SERVE).await;
        self.running[place] = process;
        *self.servers.0[place].write().unwrap() = client;
    }
}

/// A flag that somebody raises.
pub fn raised(enrollment: &Value, mark: &str, audience: &str) -> Value {
    json!({ "enrollmentId": enrollment, "kind": mark, "severity": "INFO", "title": mark, "audience": audience })
}

/// The title of the last flag that is raised for the nth citizen.
pub fn last_of(n: u32) -> String {
    format!("the last of {n}")
}
