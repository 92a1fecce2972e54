//! Activities that were read together are resolved together: what is asked of each of them is loaded for all of them at once.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, Value, parser::types::Field, registry::Registry,
};
use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::Activity;

/// One of the activities that were read together. GraphQL knows it as an [`Activity`].
pub struct Together {
    batch: Arc<Batch>,
    place: usize,
}

struct Batch {
    activities: Vec<Activity>,
    /// What came of them, each until it is handed out.
    resolved: OnceCell<Mutex<Vec<Option<ServerResult<Value>>>>>,
}

impl Together {
    /// Activities that were read together, in their order.
    pub fn all(activities: Vec<Activity>) -> impl Iterator<Item = Self> {
        let many = activities.len();
        let resolved = OnceCell::new();
        let batch = Arc::new(Batch { activities, resolved });
        (0..many).map(move |place| Self {
            batch: batch.clone(),
            place,
        })
    }
}

impl Batch {
    /// Resolves all of them side by side. Errors beside an item (of fields that are null then) are kept for the operation and not
    /// for each item: where there are any, nothing is, so that each item is resolved by itself and has its own.
    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> Vec<Option<ServerResult<Value>>> {
        let each = self.activities.iter().map(|activity| activity.resolve(ctx, field));
        let resolved = join_all(each).await;
        let mut errors = ctx.query_env.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.is_empty() {
            return resolved.into_iter().map(Some).collect();
        }
        errors.clear();
        Vec::new()
    }
}

impl OutputType for Together {
    fn type_name() -> Cow<'static, str> {
        <Activity as OutputType>::type_name()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        match self.batch.activities.get(self.place) {
            Some(activity) => activity.introspection_type_name(),
            None => Self::type_name(),
        }
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Activity::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let batch = &self.batch;
        let resolved = batch
            .resolved
            .get_or_init(async || Mutex::new(batch.resolve(ctx, field).await));
        let value = {
            let mut resolved = resolved.await.lock().unwrap_or_else(PoisonError::into_inner);
            resolved.get_mut(self.place).and_then(Option::take)
        };
        match (value, batch.activities.get(self.place)) {
            (Some(value), _) => value,
            (None, Some(activity)) => activity.resolve(ctx, field).await,
            (None, None) => Ok(Value::Null),
        }
    }
}
