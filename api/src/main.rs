//! The binary `handrail`.

// All that a command does, the demo's weeks among it, is one future of a deep type.
#![recursion_limit = "256"]

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    api::cli::main().await
}
