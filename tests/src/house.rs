//! What the real processes share when they run together: a database with people in it, their configuration, and a Redis.

use std::{path::Path, process::Stdio};

use serde_json::Value;
use tokio::process::Command;

use crate::{
    care,
    client::Client,
    database::Kind,
    issuer,
    process::{self, Process},
    world::{self, World},
};
use entity::clock::Clock;

/// What the processes share.
#[derive(Debug)]
pub struct House {
    /// The database with people and a program in it; its clock is the system's.
    pub world: World,
    environment: Vec<(String, String)>,
}

/// A Redis of a test's own.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    process: Process,
}

impl House {
    /// A database with people and a program in it, and the configuration of the processes.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn new(kind: Kind) -> Self {
        let world = World::new(kind, Clock::System.now()).await;
        let keys = world.config.auth.keys_file.clone().unwrap();
        let environment = [
            ("DATABASE__URL", world.database.url.clone()),
            ("HTTP__LISTEN", "127.0.0.1:0".to_owned()),
            ("HTTP__PUBLIC_URL", "https://handrail.example".to_owned()),
            ("KEYS__CURRENT", "test".to_owned()),
            ("KEYS__VALUES__test", world::key()),
            ("AUTH__ISSUER", issuer::ISSUER.to_owned()),
            ("AUTH__KEYS_FILE", keys.display().to_string()),
            ("AUTH__DEVELOPMENT_ISSUER", "false".to_owned()),
            ("LOG__FORMAT", "json".to_owned()),
            // A slow heartbeat, so that only what is told at once comes at once.
            ("WORKER__TICK", "8s".to_owned()),
        ];
        let environment = environment
            .map(|(key, value)| (format!("HANDRAIL_{key}"), value))
            .into();
        Self { world, environment }
    }

    /// Configures all processes that are started from now on: a name without `HANDRAIL_`, and its value.
    pub fn set(&mut self, key: &str, value: impl ToString) {
        self.environment.push((format!("HANDRAIL_{key}"), value.to_string()));
    }

    /// Starts a binary.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, name: &str, binary: &Path, arguments: &[&str]) -> Process {
        let environment: Vec<(&str, &str)> = self
            .environment
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        let mut command = process::command(binary, self.world.database.folder.path(), &environment);
        Process::start(name, command.args(arguments))
    }

    /// Starts a server on a free port; gives it once it is ready, with a client of it.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn server(&self, binary: &Path, arguments: &[&str]) -> (Process, Client) {
        let mut process = self.start("the server", binary, arguments);
        let address = process
            .line(|line| {
                let line: Value = serde_json::from_str(line).ok()?;
                (line["message"] == "ready").then(|| line["address"].as_str().map(str::to_owned))?
            })
            .await;
        (process, Client::new(&address))
    }

    /// Starts a worker; gives it once it runs.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn worker(&self, name: &str, binary: &Path) -> Process {
        let mut worker = self.start(name, binary, &[]);
        worker.line(|line| line.contains("the worker runs").then_some(())).await;
        worker
    }

    /// Starts a Redis on a free port, which all processes that are started from now on use.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn redis(&mut self) -> Redis {
        let port = lasting_port();
        self.set("REDIS__URL", format!("redis://127.0.0.1:{port}"));
        let process = redis_on(port, self.world.database.folder.path()).await;
        Redis { port, process }
    }
}

impl Redis {
    /// Ends it at once (SIGKILL).
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Starts it again where it was, knowing nothing of what was.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self, house: &House) {
        self.process = redis_on(self.port, house.world.database.folder.path()).await;
    }
}

/// A free port that stays free while nobody listens on it: below those that the system gives to whoever asks for any.
pub fn lasting_port() -> u16 {
    loop {
        let port = rand::random_range(20_000..32_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

async fn redis_on(port: u16, folder: &Path) -> Process {
    let mut command = Command::new("redis-server");
    command.args([
        "--bind",
        "127.0.0.1",
        "--port",
        &port.to_string(),
        "--save",
        "",
        "--appendonly",
        "no",
    ]);
    let mut redis = Process::start(
        "Redis",
        command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true),
    );
    redis
        .line(|line| line.contains("Ready to accept connections").then_some(()))
        .await;
    redis
}

/// A token of the therapist at the unit, by the system's clock.
pub fn therapist() -> String {
    issuer::sign(&issuer::claims("therapist", "staff", Clock::System.now()))
}

/// A token of the nth citizen, by the system's clock.
pub fn citizen(n: u32) -> String {
    let mut claims = issuer::claims(&care::citizen_subject(n), "citizen", Clock::System.now());
    claims["personal_identity_number"] = care::identity_number(n).into();
    issuer::sign(&claims)
}
