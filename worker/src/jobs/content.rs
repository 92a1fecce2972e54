//! Tells of modules and sections that are shown, hidden or open from now on, as was said before.

use entity::{action, error::Result};

use super::Context;

pub(super) async fn run(context: &Context) -> Result<usize> {
    action::content_override::run(&context.store, context.batch).await
}

#[cfg(test)]
mod tests {
    use entity::{
        action::content_override::{self, Change, Target},
        event::{Column, Entity, EventKind},
        stored::Stored,
    };
    use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

    use crate::jobs::world::{World, at};

    #[tokio::test]
    async fn what_is_hidden_from_a_date_is_told_of_then_and_once() {
        let world = World::new().await;
        let person = world.enroll(0).await;
        let mut act = world.act().await;
        let hidden = [Change {
            enrollment_id: person.enrollment,
            target: Target::Module("m1".to_owned()),
            visible: Some(false),
            visible_from: Some(at("2026-11-24T09:00:00Z")),
            opens_at: None,
            open: false,
            reason: None,
            cause: act.cause(),
        }];
        let outcomes = content_override::change(&mut act, &hidden).await.unwrap();
        assert!(outcomes[0].is_ok());
        act.commit().await.unwrap();
        let told = async || {
            let came = Entity::find().filter(Column::Kind.eq(Stored(EventKind::ContentTookEffect)));
            came.count(world.store.connection()).await.unwrap()
        };
        for (instant, times) in [
            ("2026-11-24T08:59:59Z", 0),
            ("2026-11-24T09:00:00Z", 1),
            ("2026-11-24T09:00:01Z", 1),
        ] {
            world.set(instant);
            world.work().await;
            assert_eq!(told().await, times, "{instant}");
        }
    }
}
