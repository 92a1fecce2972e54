//! Lets reminders leave that are due and still apply: each becomes deliveries.

use entity::{action, error::Result};

use super::Context;

pub(super) async fn run(context: &Context) -> Result<usize> {
    action::reminder::run(&context.store, context.batch).await
}

#[cfg(test)]
mod tests {
    use crate::jobs::world::World;

    #[tokio::test]
    async fn reminds_of_a_form_until_it_is_answered() {
        let world = World::new().await;
        let person = world.enroll(0).await;
        let form = world.send(&person, "P5D", &["P1D", "P2D", "P3D"]).await;
        world.work().await;
        assert!(world.mails().is_empty());
        for (day, mails) in [("2026-11-24", 1), ("2026-11-25", 2)] {
            world.set(&format!("{day}T09:00:00Z"));
            world.work().await;
            assert_eq!(world.mails().len(), mails, "{day}");
        }
        world.answer(&person, form, "no").await;
        world.set("2026-11-26T09:00:00Z");
        world.work().await;
        assert_eq!(world.mails().len(), 2);
    }
}
