//! Whether a request was sent on a connection that was opened for it, or on one that an earlier request left open.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    /// Whether the request that this task sends has opened a connection.
    static OPENED: Cell<bool>;
}

/// The output of a future that sends a request, and whether it opened a connection for it.
///
/// A request may begin to open a connection and then take one that became idle meanwhile; the opening then goes on in
/// another task.
pub(crate) async fn noting_connections<F: Future>(sending: F) -> (F::Output, bool) {
    OPENED
        .scope(Cell::new(false), async {
            let outcome = sending.await;
            (outcome, OPENED.with(Cell::get))
        })
        .await
}

/// A layer around the connector of the HTTP client, for [`noting_connections`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoteConnections;

impl<S> Layer<S> for NoteConnections {
    type Service = NotingConnector<S>;

    fn layer(&self, inner: S) -> NotingConnector<S> {
        NotingConnector(inner)
    }
}

/// The connector with its layer.
#[derive(Debug, Clone)]
pub(crate) struct NotingConnector<S>(S);

impl<S, R> Service<R> for NotingConnector<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.0.call(request);
        Box::pin(async move {
            let outcome = connecting.await;
            // Outside of such a future, nobody wants to know.
            let _ = OPENED.try_with(|opened| opened.set(true));
            outcome
        })
    }
}
