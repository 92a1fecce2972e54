//! Modules as rules know them: when they opened, what of them is shown, and what is completed.

use std::collections::HashMap;

use rules::facts::{Facts, Module};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::{
    content::Content,
    enrollment,
    error::Result,
    progress::{self, Overlay},
    store::Store,
    viewer::Viewer,
};

/// The modules of each enrollment's version, in order.
pub(super) async fn read(
    store: &Store,
    connection: &impl ConnectionTrait,
    enrollments: &[enrollment::Model],
    facts: &mut HashMap<Uuid, Facts>,
) -> Result<()> {
    let ids: Vec<Uuid> = enrollments.iter().map(|row| row.id).collect();
    let overlays = progress::load(connection, &Viewer::system(), &ids).await?;
    let nothing = Overlay::default();
    for row in enrollments {
        let content = store.library().content(connection, row.version_id).await?;
        let overlay = overlays.get(&row.id).unwrap_or(&nothing);
        let Some(facts) = facts.get_mut(&row.id) else { continue };
        facts.modules = of(&content, row, overlay);
    }
    Ok(())
}

/// The modules of an enrollment's version, in order, as its overlay has them.
pub(crate) fn of(content: &Content, enrollment: &enrollment::Model, overlay: &Overlay) -> Vec<Module> {
    let modules = content.modules.iter().map(|module| Module {
        opened: overlay.module_openings(content, enrollment, module.row.id),
        ..overlay.over_time(module)
    });
    modules.collect()
}
