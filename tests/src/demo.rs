//! The demo, started as a newcomer starts it.

use std::{collections::BTreeMap, path::Path, time::Instant};

use crate::{
    client::Client,
    process::{self, Process},
};

/// The demo as a process of its own.
#[derive(Debug)]
pub struct Demo {
    /// The process.
    pub process: Process,
    /// A client of it.
    pub client: Client,
    /// The tokens that it printed, by persona.
    pub tokens: BTreeMap<String, String>,
    /// When it said that it is ready.
    pub ready: Instant,
}

impl Demo {
    /// Starts the demo in a folder, and waits until it has said what to try; says what is left out where it was not built.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(folder: &Path) -> Option<Self> {
        let binary = process::binary("handrail")?;
        // The heartbeat is slow, so that only what is told at once comes at once.
        let environment = [
            ("HANDRAIL_HTTP__LISTEN", "127.0.0.1:0"),
            ("HANDRAIL_WORKER__TICK", "15s"),
        ];
        let mut process = Process::start("handrail", &mut process::command(&binary, folder, &environment));
        let address = process
            .line(|line| line.strip_prefix("Handrail is ready: http://").map(str::to_owned))
            .await;
        let ready = Instant::now();
        process.line(|line| line.starts_with("Try:").then_some(())).await;
        let tokens = tokens(&process.output());
        Some(Self {
            process,
            client: Client::new(&address),
            tokens,
            ready,
        })
    }
}

/// The tokens that were printed, by persona: each in the line after its name.
fn tokens(output: &str) -> BTreeMap<String, String> {
    let lines: Vec<&str> = output.lines().collect();
    let pairs = lines.windows(2).filter_map(|pair| {
        let (who, token) = (pair[0].trim().split_once(" – ")?.0, pair[1].trim());
        token.starts_with("eyJ").then(|| (who.to_owned(), token.to_owned()))
    });
    pairs.collect()
}
