//! Two servers, Redis and a worker as real processes, stopped and started while people listen: nobody misses anything, and nobody
//! who goes on after their last cursor hears anything twice.

mod listener;
mod record;
mod site;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use entity::{
    action::{self, flag::Raise},
    viewer::Viewer,
};
use rules::facts::{Audience, Severity};
use sea_orm::{EntityTrait, QueryOrder};
use tests::{client::done, house::therapist};
use tokio::time::timeout;
use uuid::Uuid;

use self::{
    listener::Heard,
    record::Record,
    site::{Site, WRITERS, last_of, raised},
};

/// How long a test waits for what must come; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(60);
/// The variable that repeats a run whose faults came by chance.
const SEED: &str = "HANDRAIL_TEST_SEED";

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Redis dies, and comes back empty.
    Redis,
    /// One of the servers dies on the spot.
    Killed(usize),
    /// One of the servers is told to stop.
    Stopped(usize),
    /// Redis dies, a server dies before it is back.
    RedisAndKilled(usize),
    /// A transaction takes long: others that began after it commit before it.
    Slow,
}

const FAULTS: [Fault; 8] = [
    Fault::Redis,
    Fault::Killed(0),
    Fault::Killed(1),
    Fault::Slow,
    Fault::Stopped(0),
    Fault::Stopped(1),
    Fault::RedisAndKilled(1),
    Fault::RedisAndKilled(0),
];

impl Site {
    /// Has something go wrong, and then go well again, while everybody hears more.
    async fn suffer(&mut self, fault: Fault) -> Option<String> {
        println!("{fault:?}");
        match fault {
            Fault::Redis => {
                self.redis.kill().await;
                self.more().await;
                self.redis.restart(&self.house).await;
            }
            Fault::Killed(place) => {
                self.running[place].kill().await;
                self.more().await;
                self.restart(place).await;
            }
            Fault::Stopped(place) => {
                self.running[place].terminate().await;
                let status = self.running[place].ended().await;
                assert!(status.success(), "{status}\n{}", self.running[place].output());
                self.more().await;
                self.restart(place).await;
            }
            Fault::RedisAndKilled(place) => {
                self.redis.kill().await;
                self.running[place].kill().await;
                self.more().await;
                self.redis.restart(&self.house).await;
                self.restart(place).await;
            }
            Fault::Slow => {
                let mark = self.slowly().await;
                self.more().await;
                return Some(mark);
            }
        }
        self.more().await;
        None
    }

    /// Raises a flag in a transaction that others overtake; gives its title.
    async fn slowly(&mut self) -> String {
        self.slow += 1;
        let mark = format!("slow-{}", self.slow);
        let store = &self.house.world.store;
        let enrollments = entity::enrollment::Entity::find().order_by_asc(entity::enrollment::Column::CreatedAt);
        let last = enrollments.all(store.connection()).await.unwrap().pop().unwrap();
        let mut act = store.act(&Viewer::system()).await.unwrap();
        let flag = Raise {
            enrollment_id: last.id,
            kind: mark.clone(),
            severity: Severity::Info,
            title: mark.clone(),
            note: None,
            audience: Audience::Staff,
            rule_key: None,
            occurrence: None,
            auto_resolve: false,
            cause: act.cause(),
        };
        let outcomes = action::flag::raise(&mut act, &[flag]).await.unwrap();
        assert!(outcomes[0].is_ok());
        // What others begin now they end before this one does.
        let client = self.servers.client(0);
        for n in 0..5 {
            let overtaking = raised(self.enrollment(1), &format!("{mark}-overtaken-{n}"), "STAFF");
            done(
                &client
                    .mutate(&therapist(), "raiseFlag", overtaking, "flag { id }")
                    .await,
            );
        }
        act.commit().await.unwrap();
        mark
    }
}

/// Lets these faults happen one after the other, while people write and others listen, and compares what each of them heard with
/// what is written.
async fn suffer(faults: &[Fault]) {
    let Some(mut site) = Site::open().await else { return };
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..=WRITERS).map(|n| site.write(n, &stop)).collect();
    site.more().await;
    let mut written: Vec<String> = Vec::new();
    for fault in faults {
        written.extend(site.suffer(*fault).await);
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        written.extend(timeout(PATIENCE, writer).await.unwrap().unwrap());
    }
    for n in 1..=2 {
        let last = last_of(n);
        let input = raised(site.enrollment(n), &last, "CITIZEN");
        site.servers.put(0, &therapist(), "raiseFlag", input, &last).await;
    }

    let listeners = std::mem::take(&mut site.listeners);
    let mut heard = Vec::new();
    for listener in listeners {
        let all = timeout(PATIENCE, listener.task).await;
        heard.push(
            all.unwrap_or_else(|_| panic!("{} never heard the last", listener.name))
                .unwrap(),
        );
    }
    let record = Record::read(&site).await;
    let [first, second, one, two] = heard.as_slice() else {
        panic!("four listen")
    };
    println!("{} and {} and {} things were heard", first.len(), one.len(), two.len());
    let cursors = |heard: &[Heard]| heard.iter().map(|heard| heard.cursor.clone()).collect::<Vec<_>>();
    assert_eq!(cursors(first), record.of_unit());
    assert_eq!(cursors(second), record.of_unit());
    assert_eq!(cursors(one), record.of_citizen(1));
    assert_eq!(cursors(two), record.of_citizen(2));
    for mark in &written {
        let times = first.iter().filter(|heard| heard.mark.as_ref() == Some(mark)).count();
        assert_eq!(times, 1, "{mark} was done once");
    }
    let Site { running, worker, .. } = site;
    let [one, other] = running;
    for mut process in [one, other, worker] {
        process.terminate().await;
        let status = process.ended().await;
        assert!(
            status.success() && !process.output().contains("panicked"),
            "{}",
            process.output()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_comes_twice_whatever_is_stopped_and_started() {
    suffer(&[
        Fault::Redis,
        Fault::Killed(0),
        Fault::Slow,
        Fault::Killed(1),
        Fault::Stopped(0),
        Fault::RedisAndKilled(1),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_in_whatever_order() {
    let seed = std::env::var(SEED).map_or_else(|_| Uuid::new_v4(), |seed| seed.parse().unwrap());
    println!("{SEED}={seed}");
    let bytes = seed.as_bytes().iter().take(6);
    let faults: Vec<Fault> = bytes.map(|byte| FAULTS[usize::from(*byte) % FAULTS.len()]).collect();
    suffer(&faults).await;
}
