//! The real binaries as processes of their own.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
};

/// How long a test waits for what must come; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running process; killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    lines: Arc<Mutex<Vec<String>>>,
    heard: watch::Receiver<usize>,
}

/// Where a binary of the workspace is, beside the tests; says what is left out where it was not built.
pub fn binary(name: &str) -> Option<PathBuf> {
    let tests = std::env::current_exe().unwrap();
    let built = tests.ancestors().nth(2).unwrap().join(name);
    if built.is_file() {
        return Some(built);
    }
    crate::left_out(&format!(
        "a test of the binary {name}: run `cargo build --workspace --bins --tests` first"
    ));
    None
}

/// A command that inherits nothing of Handrail's configuration, in a folder of its own.
pub fn command(binary: &Path, folder: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HANDRAIL_") {
            command.env_remove(name);
        }
    }
    command
        .envs(environment.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

impl Process {
    /// Starts a command and listens to what it writes.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (tell, heard) = watch::channel(0);
        let tell = Arc::new(tell);
        collect(child.stdout.take().unwrap(), lines.clone(), tell.clone());
        collect(child.stderr.take().unwrap(), lines.clone(), tell);
        Self {
            child,
            name: name.to_owned(),
            lines,
            heard,
        }
    }

    /// What it has written so far.
    ///
    /// # Panics
    /// When a reader panicked.
    pub fn output(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// The first line that `wanted` makes something of.
    ///
    /// # Panics
    /// When none comes.
    pub async fn line<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = self.lines.lock().unwrap().iter().find_map(|line| wanted(line)) {
                    return Some(found);
                }
                if self.heard.changed().await.is_err() {
                    return self.lines.lock().unwrap().iter().find_map(|line| wanted(line));
                }
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(Some(found)) => found,
            _ => panic!("{} did not say what was expected:\n{}", self.name, self.output()),
        }
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub async fn terminate(&self) {
        let id = self.child.id().expect("the process runs").to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .await
                .unwrap()
                .success()
        );
    }

    /// Ends it at once (SIGKILL).
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// How it ended.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn ended(&mut self) -> ExitStatus {
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.unwrap(),
            Err(_) => panic!("{} did not end:\n{}", self.name, self.output()),
        }
    }

    /// True while it runs.
    ///
    /// # Panics
    /// When the system cannot tell.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

fn collect(
    from: impl AsyncRead + Unpin + Send + 'static,
    lines: Arc<Mutex<Vec<String>>>,
    tell: Arc<watch::Sender<usize>>,
) {
    tokio::spawn(async move {
        let mut reader = BufReader::new(from).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            lines.lock().unwrap().push(line);
            tell.send_modify(|count| *count += 1);
        }
    });
}
