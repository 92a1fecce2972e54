//! Evaluates the rules of enrollments that are due: one batch, one transaction, nothing sent from within.

use entity::{action, error::Result};

use super::Context;

pub(super) async fn run(context: &Context) -> Result<usize> {
    action::evaluation::run(&context.store, context.batch).await
}

#[cfg(test)]
mod tests {
    use crate::jobs::world::World;

    #[tokio::test]
    async fn an_answer_becomes_a_flag_and_a_harmless_one_does_not() {
        let world = World::new().await;
        world.save_flagging_rule().await;
        let people = [world.enroll(0).await, world.enroll(1).await];
        for (person, answer) in people.iter().zip(["all", "some"]) {
            let form = world.send(person, "P3D", &[]).await;
            world.answer(person, form, answer).await;
        }
        world.work().await;
        let [worse, well] = &people;
        assert_eq!(world.flags(worse).await.len(), 1);
        assert_eq!(world.flags(well).await.len(), 0);
    }
}
