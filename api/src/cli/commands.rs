//! The commands that do one thing and end.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use chrono::TimeDelta;
use entity::{action::form::Change, clock::Clock, error::Error, viewer::Viewer};
use sea_orm::DatabaseConnection;
use worker::{config::Config, database};

use super::demo;
use crate::{
    auth::{Kind, unit_id},
    form_import::{Format, Source},
    graphql,
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
    let was_empty = demo::fill(config, connection).await?;
    println!(
        "{}",
        match was_empty {
            true => "The demo is in place: start `handrail` and open what it shows.",
            false => "The database holds data already; nothing was seeded.",
        }
    );
    Ok(())
}

pub(super) fn token(config: &Config, persona: &str, unit: Option<&str>, lifetime: Duration) -> Result<()> {
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
    ensure!(
        unit.is_none() || persona.kind == Kind::Staff,
        "{} is no staff member, and acts at no unit: leave out --unit",
        persona.key
    );
    let lifetime = TimeDelta::from_std(lifetime).context("the lifetime is too long")?;
    let read = |id| unit_id(id).with_context(|| format!("{id} is no unit's id: take one of StaffViewer.units"));
    let unit = unit.map(read).transpose()?;
    let token = issuer.token(&persona.key, persona.kind, unit, Clock::System.now(), lifetime)?;
    println!("{token}");
    Ok(())
}

pub(super) async fn import_form(config: &Config, file: &Path, scale: Option<&Path>, locale: &str) -> Result<()> {
    let read = |file: &Path| fs::read(file).with_context(|| format!("{} cannot be read", file.display()));
    let questionnaire = read(file)?;
    let scale = scale.map(read).transpose()?;
    let source = Source {
        format: Format::FhirQuestionnaire,
        document: &questionnaire,
        scale: scale.as_deref(),
        locale,
    };
    let refused = |errors| seed::told(Error::Refused(errors)).context(format!("{} was not imported", file.display()));
    let imported = source.read().map_err(refused)?;

    let connection = match config.is_production() {
        true => server::open(config).await?,
        false => migrated(config).await?,
    };
    let store = database::record(config, connection, Clock::System).await?;
    let mut act = store.act(&Viewer::system()).await?;
    let (change, _) = source.save(&mut act, &imported, false).await.map_err(seed::told)?;
    act.commit().await?;

    let form = &imported.form;
    let (items, scales) = (form.items.len(), form.scales.len());
    println!(
        "Imported \"{}\" as the form {}: {items} items, {scales} scales.",
        form.title.get(locale),
        form.key
    );
    if change == Change::Unchanged {
        println!("Its newest version says the same already: no new one was made.");
    }
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
