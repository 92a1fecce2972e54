//! Starts planned enrollments, resumes paused ones and ends those whose time is over.

use entity::{action, error::Result};

use super::Context;

pub(super) async fn run(context: &Context) -> Result<usize> {
    action::enrollment::run(&context.store, context.batch).await
}

#[cfg(test)]
mod tests {
    use rules::facts::Status;

    use crate::jobs::world::{World, at};

    #[tokio::test]
    async fn a_planned_program_starts_and_ends_by_itself() {
        let world = World::new().await;
        let person = world.enroll_at(0, Some(at("2026-12-01T07:00:00Z"))).await;
        world.work().await;
        assert_eq!(world.enrollment(&person).await.status.0, Status::Planned);
        world.set("2026-12-01T07:00:00Z");
        world.work().await;
        assert_eq!(world.enrollment(&person).await.status.0, Status::Active);
        world.set("2027-01-01T07:00:00Z");
        world.work().await;
        assert_eq!(world.enrollment(&person).await.status.0, Status::Completed);
    }
}
