//! Connecting a care provider: the one thing of administration that no administrator can do, since there is none yet.

use anyhow::Result;
use clap::Args;
use entity::{
    action::{
        assignment::{self, NewAssignment},
        care::{self, NewStaff, NewUnit},
        invitation,
    },
    assignment::Role,
    clock::Clock,
    store::Store,
    viewer::Viewer,
};
use rules::text::Text;
use worker::{config::Config, database};

use super::commands::migrated;
use crate::{seed::told, server};

/// The care provider, and who administers it first.
#[derive(Debug, Args)]
pub(super) struct ConnectProvider {
    /// What the care provider is called
    #[arg(long)]
    name: String,
    /// What its first unit is called
    #[arg(long)]
    unit: String,
    /// The IANA time zone of the unit
    #[arg(long, default_value = "Europe/Stockholm")]
    time_zone: String,
    /// The name of the first administrator
    #[arg(long, value_name = "NAME")]
    administrator: String,
    /// The `sub` of the administrator's sign-in tokens
    #[arg(long)]
    subject: String,
    /// Where the administrator's invitation goes
    #[arg(long)]
    email: String,
    /// The administrator's title
    #[arg(long)]
    title: Option<String>,
}

pub(super) async fn run(config: &Config, wanted: ConnectProvider) -> Result<()> {
    let connection = match config.is_production() {
        true => server::open(config).await?,
        false => migrated(config).await?,
    };
    let store = database::record(config, connection, Clock::System).await?;
    connect(&store, &wanted).await.map_err(told)?;
    println!(
        "Connected {} with its unit {}.\n{} administers it: they sign in as {} and are sent an e-mail that says where.\n\
         They accept the terms for the unit (acceptTerms), connect others (connectUnit) and invite staff (inviteStaff).",
        wanted.name, wanted.unit, wanted.administrator, wanted.subject
    );
    Ok(())
}

async fn connect(store: &Store, wanted: &ConnectProvider) -> entity::error::Result<()> {
    let mut act = store.act(&Viewer::system()).await?;
    let provider_id = care::create_provider(&mut act, &wanted.name).await?;
    let unit = NewUnit {
        provider_id,
        name: wanted.unit.clone(),
        phone: None,
        opening_hours: Text::default(),
        zone: Some(wanted.time_zone.clone()),
    };
    care::create_unit(&mut act, unit)
        .await
        .map_err(|error| error.within("unit"))?;
    let staff = NewStaff {
        provider_id,
        subject: wanted.subject.clone(),
        display_name: wanted.administrator.clone(),
        title: wanted.title.clone(),
        email: None,
    };
    let staff_id = care::create_staff(&mut act, staff).await?;
    let assignment = NewAssignment {
        staff_id,
        unit_id: None,
        role: Role::ProviderAdministrator,
        valid_from: None,
        valid_until: None,
    };
    assignment::grant(&mut act, &assignment).await?;
    invitation::send_again(&mut act, staff_id, Some(&wanted.email)).await?;
    act.commit().await
}
