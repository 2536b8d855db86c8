//! Whether a request was sent on a connection that was opened for it, or on one that an earlier request left open.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    /// Whether the request that this task sends has opened a connection.
    static OPENED: Cell<bool>;
}

/// The output of a future that sends a request, and whether it opened a connection for it.
///
/// A request may open a connection and still take another one, which became idle in the same moment: [`IdleClock`]
/// tells when that is possible.
pub(crate) async fn noting_connections<F: Future>(sending: F) -> (F::Output, bool) {
    OPENED
        .scope(Cell::new(false), async {
            let outcome = sending.await;
            (outcome, OPENED.with(Cell::get))
        })
        .await
}

/// How long a connection takes at most to become idle after the end of a response was read.
const IDLE_DELAY: Duration = Duration::from_millis(100);

/// When a connection became idle the last time.
#[derive(Debug)]
pub(crate) struct IdleClock {
    origin: Instant,
    /// Microseconds after the origin; 0 for never.
    last: AtomicU64,
}

impl IdleClock {
    pub(crate) fn new() -> IdleClock {
        IdleClock {
            origin: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    /// Records that a response was read to its end.
    pub(crate) fn tick(&self) {
        let passed = self.origin.elapsed().as_micros();
        self.last
            .store(u64::try_from(passed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether a connection may have become idle after a request began.
    pub(crate) fn ticked_since(&self, begin: Instant) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let begin = begin.saturating_duration_since(self.origin);
        last != 0 && Duration::from_micros(last) + IDLE_DELAY > begin
    }
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
