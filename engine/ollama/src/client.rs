//! The client: which calls there are.

use std::sync::Arc;
use std::time::Duration;

use crate::call::PendingCall;
use crate::connection::{Config, Connection, Method};
use crate::error::{Error, FailureKind, Result};
use crate::events::{Event, PullProgress, ReplyChunk};
use crate::stream::EventStream;

/// Largest body of a response that is not a stream, in bytes.
const BODY_LIMIT: usize = 64 << 20;

/// A client of one server. Cloning is cheap, and clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    connection: Arc<Connection>,
}

impl Client {
    /// A client of the server that `config` names. It does not connect yet.
    ///
    /// # Errors
    /// [`FailureKind::Connect`] for headers or a URL that HTTP does not allow.
    pub fn new(config: Config) -> Result<Client> {
        Ok(Client {
            connection: Arc::new(Connection::new(config)?),
        })
    }

    /// `POST /api/chat` with this body: the chunks of the reply.
    pub fn chat(&self, body: Vec<u8>) -> EventStream<ReplyChunk> {
        self.stream("/api/chat", body)
    }

    /// `POST /api/pull` with this body: the progress of the download.
    pub fn pull(&self, body: Vec<u8>) -> EventStream<PullProgress> {
        self.stream("/api/pull", body)
    }

    /// Any other call: the body of its response.
    pub fn call(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> PendingCall<Vec<u8>> {
        let connection = Arc::clone(&self.connection);
        let sent = connection.send(method, path, body);
        let config = &self.connection.config;
        let (first_byte, stall) = (config.first_byte_timeout, config.stall_timeout);
        let whole = async move {
            let mut response = within(first_byte, FailureKind::FirstByte, sent).await??;
            let mut data = Vec::new();
            while let Some(piece) = within(stall, FailureKind::Stall, response.chunk())
                .await?
                .map_err(|_| Error::new(FailureKind::Closed, ""))?
            {
                data.extend_from_slice(&piece);
                if data.len() > BODY_LIMIT {
                    return Err(Error::new(
                        FailureKind::Large,
                        format!("more than {} MiB", BODY_LIMIT >> 20),
                    ));
                }
            }
            connection.note_idle();
            Ok(data)
        };
        PendingCall::new(Arc::clone(&self.connection), whole, None)
    }

    /// Makes every call under way, and every later one, fail with [`FailureKind::Canceled`].
    pub fn abort(&self) {
        self.connection.abort();
    }

    fn stream<T: Event>(&self, path: &str, body: Vec<u8>) -> EventStream<T> {
        let sent = self.connection.send(Method::Post, path, Some(body));
        let time_limit = self.connection.config.first_byte_timeout;
        let call = PendingCall::new(Arc::clone(&self.connection), sent, Some(time_limit));
        EventStream::new(call)
    }
}

/// The future's output; an error of this kind when it takes longer than the limit.
async fn within<F: Future>(limit: Duration, kind: FailureKind, future: F) -> Result<F::Output> {
    tokio::time::timeout(limit, future)
        .await
        .map_err(|_| Error::new(kind, ""))
}
