//! The commands of `handrail`.

mod commands;
mod connect_provider;
mod demo;
mod serve;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use worker::{
    config::{Config, Flags},
    log,
};

/// The backend of support and treatment programs
#[derive(Debug, Parser)]
#[command(name = "handrail", version)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API (what happens without a command); in development also migrate and seed first
    Serve(Serve),
    /// Bring the database up to date
    Migrate,
    /// Fill an empty database with the demo; development only
    Seed,
    /// Print a sign-in token of one of the demo's people; development only
    Token {
        /// Who, as `handrail serve` lists them
        #[arg(long = "as", value_name = "PERSON")]
        persona: String,
        /// The id of the unit that somebody of the staff acts at; their first one where it is left out
        #[arg(long, value_name = "ID")]
        unit: Option<String>,
        /// For how long it holds
        #[arg(long, default_value = "12h", value_parser = humantime::parse_duration)]
        lifetime: std::time::Duration,
    },
    /// Connect a care provider with its first unit and administrator, who does the rest
    ConnectProvider(connect_provider::ConnectProvider),
    /// Import a FHIR R4 Questionnaire as a form
    ImportForm {
        /// The Questionnaire, JSON
        file: PathBuf,
        /// Its scales: items, reversals and bands; YAML or JSON
        #[arg(long, value_name = "FILE")]
        scale: Option<PathBuf>,
        /// The language of its texts, where the file does not say
        #[arg(long, default_value = "en")]
        locale: String,
    },
    /// Print the GraphQL schema
    Schema,
}

/// How to serve.
#[derive(Clone, Debug, Default, Args)]
struct Serve {
    /// Run no worker in this process; `handrail-worker` runs elsewhere
    #[arg(long)]
    no_worker: bool,
    /// Listen here instead of http.listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Bring the database up to date first; development always does
    #[arg(long)]
    migrate: bool,
    /// Leave an empty database empty instead of seeding the demo
    #[arg(long)]
    no_demo: bool,
}

/// Reads the arguments, does what they say, and tells what went wrong in a line.
pub async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("handrail: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut flags = arguments.flags;
    let command = arguments.command.unwrap_or_else(|| Command::Serve(Serve::default()));
    if let Command::Schema = command {
        return commands::schema();
    }
    if let Command::Serve(serve) = &command {
        if serve.no_worker {
            flags.set.push(("worker.embedded".to_owned(), "false".to_owned()));
        }
        if let Some(listen) = serve.listen {
            flags.set.push(("http.listen".to_owned(), listen.to_string()));
        }
    }
    let config = Config::load(&flags)?;
    log::start(&config.log);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    match command {
        Command::Serve(serve) => serve::serve(config, &serve).await,
        Command::Migrate => commands::migrate(&config).await,
        Command::Seed => commands::seed(&config).await,
        Command::Token {
            persona,
            unit,
            lifetime,
        } => commands::token(&config, &persona, unit.as_deref(), lifetime),
        Command::ConnectProvider(wanted) => connect_provider::run(&config, wanted).await,
        Command::ImportForm { file, scale, locale } => {
            commands::import_form(&config, &file, scale.as_deref(), &locale).await
        }
        Command::Schema => commands::schema(),
    }
}
