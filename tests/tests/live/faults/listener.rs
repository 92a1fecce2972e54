//! People who listen, and come back wherever somebody answers.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tests::{
    house::{citizen, therapist},
    socket::Received,
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{PATIENCE, site::Servers};

const ITEM: &str = "__typename ... on Activity { cursor at } ... on FlagRaised { flag { title } }
    ... on MessageReceived { message { body } }";

/// Something that a listener heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub cursor: String,
    /// The title of the flag, or the text of the message.
    pub mark: Option<String>,
}

/// Somebody who listens, and comes back on the other server whenever a socket ends.
pub struct Listener {
    pub name: String,
    heard: watch::Receiver<usize>,
    /// Everything that they heard, once they have heard the last.
    pub task: JoinHandle<Vec<Heard>>,
}

impl Listener {
    /// Listens from a cursor on, first at this server, until `last` is heard.
    pub fn start(servers: &Arc<Servers>, place: usize, who: Who, after: &str, last: String) -> Self {
        let (tell, heard) = watch::channel(0);
        let (servers, after) = (servers.clone(), after.to_owned());
        let name = format!("{who:?} at server {place}");
        let task = tokio::spawn(async move {
            let mut all: Vec<Heard> = Vec::new();
            for place in place.. {
                let Some(mut socket) = servers.client(place).try_socket(&who.token()).await else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                let after = all.last().map_or(&after, |last| &last.cursor);
                socket.subscribe("1", &who.document(), &who.variables(after)).await;
                while let Received::Message(message) = socket.receive().await {
                    assert!(
                        message["type"] == "next" && message["payload"].get("errors").is_none(),
                        "{message}"
                    );
                    let item = &message["payload"]["data"]["activity"];
                    let mark = item["flag"]["title"].as_str().or(item["message"]["body"].as_str());
                    let mark = mark.map(str::to_owned);
                    let is_last = mark.as_ref() == Some(&last);
                    let cursor = item["cursor"].as_str().unwrap().to_owned();
                    all.push(Heard { cursor, mark });
                    tell.send_replace(all.len());
                    if is_last {
                        return all;
                    }
                }
            }
            all
        });
        Self { name, heard, task }
    }

    /// Waits until it has heard so much more.
    pub async fn more(&mut self, many: usize) {
        let wanted = *self.heard.borrow() + many;
        let heard = timeout(PATIENCE, self.heard.wait_for(|heard| *heard >= wanted)).await;
        assert!(matches!(heard, Ok(Ok(_))), "{} hears nothing more", self.name);
    }
}

/// Who listens.
#[derive(Clone, Debug)]
pub enum Who {
    Therapist { unit: Value },
    Citizen(u32),
}

impl Who {
    fn token(&self) -> String {
        match self {
            Self::Therapist { .. } => therapist(),
            Self::Citizen(n) => citizen(*n),
        }
    }

    fn document(&self) -> String {
        match self {
            Self::Therapist { .. } => format!(
                "subscription($unitId: ID!, $after: String) {{ activity: unitActivity(unitId: $unitId, after: $after) {{ {ITEM} }} }}"
            ),
            Self::Citizen(_) => {
                format!("subscription($after: String) {{ activity: myActivity(after: $after) {{ {ITEM} }} }}")
            }
        }
    }

    fn variables(&self, after: &str) -> Value {
        match self {
            Self::Therapist { unit } => json!({ "unitId": unit, "after": after }),
            Self::Citizen(_) => json!({ "after": after }),
        }
    }
}
