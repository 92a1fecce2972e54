//! Serving, and in development everything that makes a first start work by itself.

use std::fmt::Write;

use anyhow::Result;
use chrono::TimeDelta;
use entity::clock::Clock;
use worker::{
    config::{Config, MailMode},
    stop,
};

use super::{Serve, commands, demo};
use crate::{
    seed::{Persona, personas},
    server::Server,
};

/// How long the tokens hold that are shown at the start.
const LIFETIME: TimeDelta = TimeDelta::hours(12);

pub(super) async fn serve(config: Config, options: &Serve) -> Result<()> {
    if !config.is_production() || options.migrate {
        let connection = commands::migrated(&config).await?;
        if config.has_development_issuer() && !options.no_demo {
            demo::fill(&config, connection).await?;
        } else {
            connection.close().await?;
        }
    }
    let server = Server::start(config, Clock::System).await?;
    let on_signal = tokio::spawn(stop::on_signal(server.stop_token()));
    tracing::info!(address = %server.address(), "ready");
    if server.app().issuer.is_some() {
        println!("{}", welcome(&server)?);
    }
    let ended = server.wait().await;
    on_signal.abort();
    ended
}

/// What to open, who to be, and what to try.
fn welcome(server: &Server) -> Result<String> {
    let app = server.app();
    let base = format!("http://{}", server.address());
    let mut text = format!("\nHandrail is ready: {base}\n\n");
    if app.config.has_graphiql() {
        writeln!(
            text,
            "  {base}/graphiql   every operation, with a token and ids filled in"
        )?;
    }
    writeln!(text, "  {base}/graphql    the API, over HTTP and WebSocket")?;
    if app.config.worker.embedded && app.config.mail.mode == MailMode::Files {
        writeln!(
            text,
            "  {}/            e-mail is written here",
            app.config.mail.folder.display()
        )?;
    }
    // Whoever left the demo out has none of its people.
    if app.store.directory().sign_in("therapist", None).is_none() {
        return Ok(text);
    }
    writeln!(
        text,
        "\nSign in as (each token holds for 12 hours; `handrail token --as KEY` makes another):\n"
    )?;
    for persona in personas()? {
        let Persona {
            key, name, role, see, ..
        } = &persona;
        writeln!(text, "  {key} – {name}, {role}: {see}")?;
        writeln!(text, "    {}", app.token(&persona.key, LIFETIME)?)?;
    }
    if let Ok(token) = app.token("therapist", LIFETIME) {
        let header = "-H 'content-type: application/json'";
        let query = r#"-d '{"query":"{ viewer { __typename ... on StaffViewer { staff { displayName } unit { name } roles } } }"}'"#;
        writeln!(
            text,
            "\nTry:\n\n  curl {base}/graphql {header} -H 'authorization: Bearer {token}' {query}"
        )?;
    }
    writeln!(
        text,
        "\nSee a flag arrive: in GraphiQL run UnitActivity as therapist and leave it open; in another tab run SubmitResponse as\n\
         anna, whose weekly measure waits, with q9 at \"most-days\" (2). Within a second the urgent flag is in the first tab."
    )?;
    Ok(text)
}
