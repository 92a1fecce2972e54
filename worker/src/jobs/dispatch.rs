//! Makes forms available that were sent ahead, and lets unanswered ones expire.

use entity::{action, error::Result, viewer::Viewer};

use super::Context;

pub(super) async fn run(context: &Context) -> Result<usize> {
    let mut act = context.store.act(&Viewer::system()).await?;
    let done = action::dispatch::due(&mut act, context.batch).await?;
    act.commit().await?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use entity::dispatch::DispatchStatus;

    use crate::jobs::world::World;

    #[tokio::test]
    async fn a_form_expires_once_its_window_has_passed_and_not_before() {
        let world = World::new().await;
        let person = world.enroll(0).await;
        let form = world.send(&person, "P3D", &[]).await;
        world.set("2026-11-26T08:59:59Z");
        world.work().await;
        assert_eq!(world.dispatch(form).await.status.0, DispatchStatus::Available);
        world.set("2026-11-26T09:00:00Z");
        world.work().await;
        assert_eq!(world.dispatch(form).await.status.0, DispatchStatus::Expired);
        assert_eq!(world.work().await, 0);
    }
}
