//! Makes the enrollments due that a saved rule concerns, some at a time.

use entity::{action, error::Result, viewer::Viewer};

use super::Context;

pub(super) async fn run(context: &Context) -> Result<usize> {
    let mut act = context.store.act(&Viewer::system()).await?;
    let done = action::rule::roll_out(&mut act, context.batch).await?;
    act.commit().await?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::jobs::world::World;

    #[tokio::test]
    async fn a_saved_rule_reaches_those_who_take_part_already() {
        let world = World::new().await;
        let people = [world.enroll(0).await, world.enroll(1).await];
        world.work().await;
        world.set("2026-11-25T09:00:00Z");
        let definition = json!({
            "trigger": { "whenever": {} },
            "condition": { "compare": { "fact": { "programWeek": {} }, "operator": "GTE", "value": 1 } },
            "actions": [{ "raiseFlag": { "kind": "here", "severity": "INFO", "title": "Här", "audience": "STAFF" } }],
        });
        world.save_rule("here", definition).await;
        world.work().await;
        for person in &people {
            assert_eq!(world.flags(person).await.len(), 1);
        }
    }
}
