//! One server: connections, time-outs, credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Fact, Result};
use crate::events::{Chunk, Frame, Pulled};
use crate::stream::{Call, Stream};

/// Bytes of the body of an answer that is no stream.
const BODY_LIMIT: usize = 64 << 20;
/// Bytes of the body of an error.
const ERROR_LIMIT: usize = 64 << 10;

/// How to talk to a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// `http://127.0.0.1:11434`, without a slash at the end.
    pub url: String,
    /// Sent with every request; credentials, for example.
    pub headers: Vec<(String, String)>,
    /// Whether the proxies of the environment are used.
    pub proxies: bool,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long the beginning of an answer may take.
    pub first: Duration,
    /// How long the next piece of an answer may take.
    pub stall: Duration,
    /// Bytes of a frame.
    pub frame_limit: usize,
}

/// How to call an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Without a body.
    Get,
    /// With one.
    Post,
}

/// A client of one server; cheap to clone, all clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    http: reqwest::Client,
    runtime: Option<Runtime>,
    aborted: AtomicBool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Waiting for connections to wind down is nobody's wish.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Relaxed)
    }

    /// Runs this on the calling thread; the connections themselves live on the runtime's.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> Option<F::Output> {
        // It is there until the last user is gone.
        self.runtime
            .as_ref()
            .map(|runtime| runtime.block_on(future))
    }
}

impl Client {
    /// A client; nothing is connected yet.
    pub fn new(config: Config) -> Result<Client> {
        // Somebody else in the process may have chosen one: then theirs is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(unusable)?;
            let mut value = HeaderValue::try_from(value.as_str()).map_err(unusable)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut http = reqwest::Client::builder()
            .user_agent("lakebed")
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(config.connect)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(64);
        if !config.proxies {
            http = http.no_proxy();
        }
        if config.url.starts_with("http://") {
            // The system's certificates take a while to read, and are for nothing here.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(unusable)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("lakebed-ollama")
            .enable_all()
            .build()
            .map_err(unusable)?;
        Ok(Client {
            shared: Arc::new(Shared {
                config,
                http,
                runtime: Some(runtime),
                aborted: AtomicBool::new(false),
            }),
        })
    }

    /// POST /api/chat with this body: a stream of pieces of the reply.
    pub fn chat(&self, body: Vec<u8>) -> Stream<Chunk> {
        self.stream("/api/chat", body)
    }

    /// POST /api/pull with this body: how far it is.
    pub fn pull(&self, body: Vec<u8>) -> Stream<Pulled> {
        self.stream("/api/pull", body)
    }

    /// Any other call: the body of a 200.
    pub fn call(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Call<Vec<u8>> {
        let sent = self.send(method, path, body);
        let (first, stall) = (self.shared.config.first, self.shared.config.stall);
        let whole = async move {
            let mut response = timed(first, Fact::First, sent).await??;
            let mut data = Vec::new();
            while let Some(piece) = timed(stall, Fact::Stall, response.chunk())
                .await?
                .map_err(|_| Error::new(Fact::Closed, ""))?
            {
                data.extend_from_slice(&piece);
                if data.len() > BODY_LIMIT {
                    return Err(Error::new(
                        Fact::Large,
                        format!("more than {} MiB", BODY_LIMIT >> 20),
                    ));
                }
            }
            Ok(data)
        };
        Call::new(Arc::clone(&self.shared), whole, None)
    }

    /// Ends everything that is under way, and everything that comes.
    pub fn abort(&self) {
        self.shared.aborted.store(true, Ordering::Relaxed);
    }

    fn stream<T: Frame>(&self, path: &str, body: Vec<u8>) -> Stream<T> {
        let sent = self.send(Method::Post, path, Some(body));
        let first = self.shared.config.first;
        Stream::new(Call::new(Arc::clone(&self.shared), sent, Some(first)))
    }

    /// The response to a request, its head read: a 200 with JSON.
    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> impl Future<Output = Result<Response>> + Send + 'static {
        let config = &self.shared.config;
        let url = format!("{}{path}", config.url);
        let connect = config.connect.as_secs_f64();
        let mut request = match method {
            Method::Get => self.shared.http.get(url),
            Method::Post => self.shared.http.post(url),
        };
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        async move {
            let response = request
                .send()
                .await
                .map_err(|error| Error::sending(&error, connect))?;
            if response.status() != StatusCode::OK {
                return Err(status(response).await);
            }
            let kind = response.headers().get(CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            if kind.contains("json") {
                return Ok(response);
            }
            let named = if kind.is_empty() {
                "no content type"
            } else {
                kind
            };
            Err(Error::new(Fact::Content, format!("it sends {named}")))
        }
    }
}

/// The error for a status that is not 200.
async fn status(mut response: Response) -> Error {
    let status = response.status().as_u16();
    let wait = response.headers().get(RETRY_AFTER);
    let wait = wait
        .and_then(|wait| wait.to_str().ok())
        .unwrap_or_default()
        .trim();
    let retry_after = (wait.len() < 10 && wait.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| wait.parse().ok())
        .flatten();
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() > ERROR_LIMIT {
            break;
        }
    }
    Error {
        fact: Fact::Status,
        detail: String::from_utf8_lossy(&body).into_owned(),
        status: Some(status),
        retry_after,
    }
}

async fn timed<F: Future>(limit: Duration, fact: Fact, future: F) -> Result<F::Output> {
    tokio::time::timeout(limit, future)
        .await
        .map_err(|_| Error::new(fact, ""))
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::new(Fact::Connect, error.to_string())
}
