//! Executing an operation: the loaders run beside it, whom it read is logged before anything is shown, errors get their codes.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use async_graphql::{Request as Operation, Response, ServerError, parser::types::OperationType};
use entity::{
    access_log::{self, AccessAction},
    store::Store,
    viewer::Viewer,
};
use futures_util::{
    Stream, StreamExt,
    future::BoxFuture,
    stream::FuturesUnordered,
    task::{ArcWake, AtomicWaker, waker},
};
use tokio::sync::mpsc;

use super::{Schema, error, request::Request};

/// Executes a query or mutation, as `kind` says, on behalf of a viewer.
pub async fn execute(
    schema: &Schema,
    operation: Operation,
    kind: OperationType,
    store: &Store,
    viewer: &Viewer,
    accept_language: Option<&str>,
) -> Response {
    let (queue, loads) = mpsc::unbounded_channel();
    let request = Request::new(store.clone(), viewer.clone(), accept_language, queue);
    let response = Loading::new(loads)
        .beside(schema.execute(operation.data(request)))
        .await;
    shown(store, viewer, response, kind).await
}

/// Executes a subscription on behalf of a viewer; each response is logged as a query is.
pub fn execute_stream(
    schema: &Schema,
    operation: Operation,
    store: &Store,
    viewer: &Viewer,
    accept_language: Option<&str>,
) -> impl Stream<Item = Response> + Send + 'static {
    let (queue, loads) = mpsc::unbounded_channel();
    let request = Request::new(store.clone(), viewer.clone(), accept_language, queue);
    let mut responses = schema.execute_stream(operation.data(request));
    let (store, viewer) = (store.clone(), viewer.clone());
    async_stream::stream! {
        let mut loading = Loading::new(loads);
        while let Some(response) = loading.beside(responses.next()).await {
            yield shown(&store, &viewer, response, OperationType::Subscription).await;
        }
    }
}

/// The response as it may be shown: whom it read is in the access log, and every error has a code.
async fn shown(store: &Store, viewer: &Viewer, mut response: Response, kind: OperationType) -> Response {
    let logged = access_log::write(
        store.connection(),
        viewer,
        AccessAction::Read,
        &viewer.take_trail(),
        store.now(),
    )
    .await;
    if let Err(error) = logged {
        tracing::error!(
            error = error.kind(),
            "an access could not be logged; the answer is withheld"
        );
        let error = async_graphql::Error::from(error::Failure::from(error));
        response = Response::from_errors(vec![ServerError {
            extensions: error.extensions,
            ..ServerError::new(error.message, None)
        }]);
    }
    response.errors = response
        .errors
        .into_iter()
        .map(|error| error::told(error, kind))
        .collect();
    response
}

/// The loads of one operation. They are polled only while its resolvers can get no further, so that each holds every key that
/// the resolvers could ask for: batches are whole without anybody waiting for a timer.
struct Loading {
    queue: mpsc::UnboundedReceiver<BoxFuture<'static, ()>>,
    running: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Loading {
    fn new(queue: mpsc::UnboundedReceiver<BoxFuture<'static, ()>>) -> Self {
        Self {
            queue,
            running: FuturesUnordered::new(),
        }
    }

    async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let noted = Arc::new(Noted::default());
        let waker = waker(noted.clone());
        poll_fn(move |context| {
            loop {
                noted.task.register(context.waker());
                noted.woken.store(false, Ordering::Relaxed);
                if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Poll::Ready(done);
                }
                if noted.woken.load(Ordering::Relaxed) {
                    // It only makes room for others, or something came meanwhile: it is polled again before any load is.
                    return Poll::Pending;
                }
                while let Poll::Ready(Some(load)) = self.queue.poll_recv(context) {
                    self.running.push(load);
                }
                match self.running.poll_next_unpin(context) {
                    // Whoever waited for the load goes on.
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }
}

/// Wakes the task, and notes it.
#[derive(Default)]
struct Noted {
    task: AtomicWaker,
    woken: AtomicBool,
}

impl ArcWake for Noted {
    fn wake_by_ref(noted: &Arc<Self>) {
        noted.woken.store(true, Ordering::Relaxed);
        noted.task.wake();
    }
}
