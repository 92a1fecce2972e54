//! What the resolvers of one operation share: the record, who asks, and the loaders.

use std::time::Duration;

use async_graphql::{Context, dataloader::DataLoader};
use entity::{error::Error, seal::Sealed, store::Store, viewer::Viewer};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::{error::Result, loader::Loads};

/// The language of whoever wants none.
const LANGUAGE: &str = "sv";

/// One operation in the making.
pub struct Request {
    /// The record.
    pub store: Store,
    /// Who asks.
    pub viewer: Viewer,
    /// The language asked for in `Accept-Language`.
    pub language: String,
    /// Reads by key, gathered into one statement each.
    pub loads: DataLoader<Loads>,
}

impl Request {
    /// A request whose gathered loads are handed to `queue`, to be polled beside the resolvers.
    pub(super) fn new(
        store: Store,
        viewer: Viewer,
        accept_language: Option<&str>,
        queue: mpsc::UnboundedSender<BoxFuture<'static, ()>>,
    ) -> Self {
        let loads = Loads {
            store: store.clone(),
            viewer: viewer.clone(),
        };
        let loads = DataLoader::new(loads, move |load| {
            // Nobody takes it once the operation is given up, and then nobody waits for it either.
            let _ = queue.send(load);
        });
        Self {
            store,
            viewer,
            language: accept_language
                .and_then(first_choice)
                .unwrap_or_else(|| LANGUAGE.to_owned()),
            loads: loads.delay(Duration::ZERO),
        }
    }
}

/// The request that a resolver works for.
pub fn of<'ctx>(ctx: &Context<'ctx>) -> &'ctx Request {
    ctx.data_unchecked::<Request>()
}

/// What somebody wrote, opened for a viewer who may see it.
///
/// # Errors
/// When it cannot be opened.
pub fn opened(ctx: &Context<'_>, text: &Sealed) -> Result<String> {
    Ok(of(ctx).store.keyring().open(text).map_err(Error::from)?)
}

/// The language that an `Accept-Language` header (RFC 9110, 12.5.4) likes best.
fn first_choice(header: &str) -> Option<String> {
    let mut choices: Vec<(f32, &str)> = header
        .split(',')
        .filter_map(|choice| {
            let mut parts = choice.split(';').map(str::trim);
            let tag = parts.next().filter(|tag| !tag.is_empty() && *tag != "*")?;
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(Some(1.0), |weight| weight.parse().ok())?;
            (weight > 0.0).then_some((weight, tag))
        })
        .collect();
    // The sort is stable: of equals the first is meant.
    choices.sort_by(|one, other| other.0.total_cmp(&one.0));
    choices.first().map(|(_, tag)| (*tag).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_language_is_chosen() {
        assert_eq!(first_choice("en;q=0.8, sv-SE, *;q=0.1").as_deref(), Some("sv-SE"));
        assert_eq!(first_choice("en, sv").as_deref(), Some("en"));
        assert_eq!(first_choice("*"), None);
        assert_eq!(first_choice("sv;q=0"), None);
    }
}
