//! The commands that do one thing and end.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use chrono::TimeDelta;
use entity::{action, clock::Clock, store::Store, viewer::Viewer};
use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::DatabaseConnection;
use worker::{config::Config, database};

use crate::{
    fhir, graphql,
    seed::{self, personas},
    server::{self, development_issuer},
};

/// Opens the database and brings it up to date.
pub(super) async fn migrated(config: &Config) -> Result<DatabaseConnection> {
    let connection = database::open(&config.database).await?;
    migration::migrate(&connection)
        .await
        .context("the database could not be brought up to date")?;
    Ok(connection)
}

pub(super) async fn migrate(config: &Config) -> Result<()> {
    migrated(config).await?;
    println!("The database is up to date.");
    Ok(())
}

pub(super) async fn seed(config: &Config) -> Result<()> {
    ensure!(
        !config.is_production(),
        "the demo is for development only: its people are invented (env = \"production\")"
    );
    let connection = migrated(config).await?;
    if seed::is_seeded(&connection).await? {
        println!("The database holds data already; nothing was seeded.");
        return Ok(());
    }
    fill(config, connection).await?;
    println!("The demo is in place: start `handrail` and open what it shows.");
    Ok(())
}

/// Seeds the demo and shows how far it is.
pub(super) async fn fill(config: &Config, connection: DatabaseConnection) -> Result<()> {
    tracing::info!("seeding the demo");
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("Seeding the demo {bar:30} {percent:>3} % {msg}") {
        bar.set_style(style);
    }
    let show = |part: f64, what: &str| {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of a thousand"
        )]
        bar.set_position((part.clamp(0.0, 1.0) * 1000.0) as u64);
        bar.set_message(what.to_owned());
    };
    let connection = match config.database.file() {
        Some(_) => {
            connection.close().await?;
            seed::connect(config.database.url.expose()).await?
        }
        None => connection,
    };
    let seeded = seed::seed(&connection, &Clock::System, config.keyring()?, show).await;
    bar.finish_and_clear();
    seeded.context("the demo could not be seeded")?;
    Ok(connection.close().await?)
}

pub(super) fn token(config: &Config, persona: &str, lifetime: Duration) -> Result<()> {
    ensure!(
        !config.is_production(),
        "tokens are made in development only: in production people sign in at auth.issuer (env = \"production\")"
    );
    let issuer = development_issuer(config)?;
    let issuer = issuer.context("the development issuer is off: set auth.development_issuer = true")?;
    let personas = personas()?;
    let Some(persona) = personas.iter().find(|known| known.key == persona) else {
        let known: Vec<&str> = personas.iter().map(|known| known.key.as_str()).collect();
        bail!("nobody in the demo is called {persona}; there are {}", known.join(", "));
    };
    let lifetime = TimeDelta::from_std(lifetime).context("the lifetime is too long")?;
    println!(
        "{}",
        issuer.token(&persona.key, persona.kind, Clock::System.now(), lifetime)?
    );
    Ok(())
}

pub(super) async fn import_form(config: &Config, file: &Path, scale: Option<&Path>, locale: &str) -> Result<()> {
    let read = |file: &Path| fs::read(file).with_context(|| format!("{} cannot be read", file.display()));
    let questionnaire = read(file)?;
    let scale = scale.map(read).transpose()?;
    let imported = fhir::import(&questionnaire, scale.as_deref(), locale)
        .with_context(|| format!("{} was not imported", file.display()))?;

    let connection = match config.is_production() {
        true => server::open(config).await?,
        false => migrated(config).await?,
    };
    let store = Store::new(connection, Clock::System, config.keyring()?).await?;
    let mut act = store.act(&Viewer::system()).await?;
    action::form::save(&mut act, &imported.form).await.map_err(seed::told)?;
    act.commit().await?;

    let form = &imported.form;
    let (items, scales) = (form.items.len(), form.scales.len());
    println!(
        "Imported \"{}\" as the form {}: {items} items, {scales} scales.",
        form.title.get(locale),
        form.key
    );
    if !imported.notes.is_empty() {
        println!("Not carried over:");
    }
    for note in &imported.notes {
        println!("  {note}");
    }
    Ok(())
}

pub(super) fn schema() -> Result<()> {
    print!("{}", graphql::sdl());
    Ok(())
}
