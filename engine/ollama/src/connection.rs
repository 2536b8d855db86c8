//! The connections to one server: configuration, credentials, requests up to the response's head.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, FailureKind, Result};
use crate::reuse::{self, IdleClock};

/// Bytes that are read of the body of an error response.
const ERROR_BODY_LIMIT: usize = 64 << 10;

/// Idle connections that are kept open.
const IDLE_CONNECTIONS: usize = 64;

/// The name that stands for an address with an interface.
const SCOPED_NAME: &str = "scoped-address.invalid";

/// How to reach a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// `http://127.0.0.1:11434`, without a slash at the end.
    pub url: String,
    /// The index of the network interface, for a link-local IPv6 address in `url`; 0 otherwise.
    pub scope_id: u32,
    /// Headers of every request, credentials among them. Their values are never shown in logs.
    pub headers: Vec<(String, String)>,
    /// Whether the proxies named in the environment are used.
    pub use_proxies: bool,
    /// Time limit of connecting.
    pub connect_timeout: Duration,
    /// Time limit from sending a request to the head of its response.
    pub first_byte_timeout: Duration,
    /// Time limit between two pieces of a body.
    pub stall_timeout: Duration,
    /// Time limit of a stream from its request to its last event.
    pub total_timeout: Option<Duration>,
    /// Largest length of a line of a stream, in bytes.
    pub line_limit: usize,
}

/// The HTTP method of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// What a client, its clones and their calls share.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) config: Config,
    http: reqwest::Client,
    /// The URL that requests go to, without a slash at the end.
    base: String,
    idle_clock: Arc<IdleClock>,
    /// Taken when the connection is dropped, and present before.
    runtime: Option<Runtime>,
    aborted: AtomicBool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Dropping a runtime waits for its tasks, which are idle connections here.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Connection {
    /// Prepares the HTTP client; connects to nothing.
    pub(crate) fn new(config: Config) -> Result<Connection> {
        // It fails when the process has a provider already, which then serves this client too.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(unusable)?;
            let mut value = HeaderValue::try_from(value.as_str()).map_err(unusable)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut http = reqwest::Client::builder();
        let mut base = config.url.clone();
        if config.scope_id != 0 {
            let (url, host, address) = scoped(&config)?;
            http = http.resolve(SCOPED_NAME, address);
            headers.insert(HOST, HeaderValue::try_from(host).map_err(unusable)?);
            base = url;
        }
        http = http
            .user_agent("lakebed")
            .default_headers(headers)
            .connector_layer(reuse::NoteConnections)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(config.connect_timeout)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(IDLE_CONNECTIONS);
        if !config.use_proxies {
            http = http.no_proxy();
        }
        if config.url.starts_with("http://") {
            // Reading the system's certificates takes tens of milliseconds, and plain HTTP needs none.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(unusable)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("lakebed-ollama")
            .enable_all()
            .build()
            .map_err(unusable)?;
        Ok(Connection {
            config,
            http,
            base,
            idle_clock: Arc::new(IdleClock::new()),
            runtime: Some(runtime),
            aborted: AtomicBool::new(false),
        })
    }

    /// Records that a response was read to its end, so that its connection becomes idle.
    pub(crate) fn note_idle(&self) {
        self.idle_clock.tick();
    }

    /// Makes every call under way, and every later one, fail.
    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Relaxed)
    }

    /// Runs a future on the calling thread, while the sockets are driven by the runtime's thread.
    ///
    /// # Errors
    /// [`FailureKind::Canceled`] when the runtime is shut down.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> Result<F::Output> {
        self.runtime
            .as_ref()
            .map(|runtime| runtime.block_on(future))
            .ok_or_else(Error::canceled)
    }

    /// Sends a request and reads the head of its response, which must be a 200 of a JSON content type.
    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> impl Future<Output = Result<Response>> + Send + 'static {
        let config = &self.config;
        let url = format!("{}{path}", self.base);
        let connect_seconds = config.connect_timeout.as_secs_f64();
        let mut request = match method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url),
        };
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let idle_clock = Arc::clone(&self.idle_clock);
        async move {
            let response = send_on_open(request, &idle_clock)
                .await
                .map_err(|error| Error::sending(&error, connect_seconds))?;
            if response.status() != StatusCode::OK {
                let error = status_error(response).await;
                idle_clock.tick();
                return Err(error);
            }
            let encoding = response.headers().get(CONTENT_ENCODING);
            if let Some(found) = encoding.and_then(|value| value.to_str().ok())
                && !matches!(found, "" | "identity")
            {
                return Err(unexpected_content(&format!("{found}, unasked")));
            }
            let content_type = response.headers().get(CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok());
            match content_type {
                Some(found) if found.contains("json") => Ok(response),
                None | Some("") => Err(unexpected_content("no content type")),
                Some(found) => Err(unexpected_content(found)),
            }
        }
    }
}

fn unexpected_content(found: &str) -> Error {
    Error::new(FailureKind::Content, format!("it sends {found}"))
}

/// The error for a status other than 200, with the beginning of the body.
async fn status_error(mut response: Response) -> Error {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok());
    let retry_after = retry_after.map(|text| text.trim().to_owned());
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() > ERROR_BODY_LIMIT {
            break;
        }
    }
    Error {
        kind: FailureKind::Status,
        detail: String::from_utf8_lossy(&body).into_owned(),
        status: Some(status),
        retry_after,
    }
}

/// Sends a request; again if it was sent on an idle connection that turns out to be closed. Each such failure takes a
/// connection from the pool, so that a new one is opened in the end.
async fn send_on_open(
    mut request: RequestBuilder,
    idle_clock: &IdleClock,
) -> reqwest::Result<Response> {
    let mut doubts = 1;
    for _ in 0..IDLE_CONNECTIONS {
        let Some(again) = request.try_clone() else {
            break;
        };
        let begin = Instant::now();
        let (outcome, opened) = reuse::noting_connections(request.send()).await;
        let Err(error) = outcome else {
            return outcome;
        };
        let is_closed = !error.is_connect() && !error.is_timeout() && !error.is_builder();
        // It opened a connection, and may have taken another one.
        let is_doubtful = opened && doubts > 0 && idle_clock.ticked_since(begin);
        doubts -= usize::from(is_doubtful);
        if !is_closed || (opened && !is_doubtful) {
            return Err(error);
        }
        request = again;
    }
    request.send().await
}

/// For an address with an interface, which no URL can hold: the URL with a name in its place, the header `Host`, and
/// the socket address that the name stands for.
fn scoped(config: &Config) -> Result<(String, String, SocketAddr)> {
    let mut url = Url::parse(&config.url).map_err(unusable)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let address: Ipv6Addr = host.trim_matches(['[', ']']).parse().map_err(unusable)?;
    let port = url.port_or_known_default().unwrap_or_default();
    url.set_host(Some(SCOPED_NAME)).map_err(unusable)?;
    let address = SocketAddrV6::new(address, port, 0, config.scope_id);
    let url = url.as_str().trim_end_matches('/').to_owned();
    Ok((url, format!("{host}:{port}"), SocketAddr::V6(address)))
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::new(FailureKind::Connect, error.to_string())
}
