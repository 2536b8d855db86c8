//! How a call can fail, in the terms of HTTP and of Ollama's protocol.

use std::fmt;

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The connection could not be made.
    Connect,
    /// The head of the response did not arrive in time.
    FirstByte,
    /// The next piece of the body did not arrive in time.
    Stall,
    /// The whole reply did not arrive in time.
    Total,
    /// The connection broke.
    Closed,
    /// The stream ended before its last event.
    EndOfStream,
    /// The status was not 200.
    Status,
    /// The content was not JSON, or was compressed.
    Content,
    /// A line or a body exceeded its limit.
    Large,
    /// A line was not UTF-8.
    Utf8,
    /// A line was not a JSON object, or a field had the wrong type.
    Json,
    /// The server reported an error in a line of the stream.
    ErrorLine,
    /// This side cancelled the call.
    Canceled,
}

impl FailureKind {
    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Connect => "connect",
            FailureKind::FirstByte => "first",
            FailureKind::Stall => "stall",
            FailureKind::Total => "total",
            FailureKind::Closed => "closed",
            FailureKind::EndOfStream => "eof",
            FailureKind::Status => "status",
            FailureKind::Content => "content",
            FailureKind::Large => "large",
            FailureKind::Utf8 => "utf8",
            FailureKind::Json => "json",
            FailureKind::ErrorLine => "line",
            FailureKind::Canceled => "canceled",
        }
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// Why.
    pub kind: FailureKind,
    /// The body of an error response, the server's message, or the cause; may be empty.
    pub detail: String,
    /// The HTTP status, for [`FailureKind::Status`].
    pub status: Option<u16>,
    /// The header `Retry-After` of an error response: seconds or a date.
    pub retry_after: Option<String>,
}

impl Error {
    pub(crate) fn new(kind: FailureKind, detail: impl Into<String>) -> Error {
        Error {
            kind,
            detail: detail.into(),
            status: None,
            retry_after: None,
        }
    }

    pub(crate) fn canceled() -> Error {
        Error::new(FailureKind::Canceled, "")
    }

    /// The error for a request whose response's head did not arrive; `connect_timeout` is in seconds.
    pub(crate) fn sending(error: &reqwest::Error, connect_timeout: f64) -> Error {
        if error.is_connect() {
            if error.is_timeout() {
                return Error::new(
                    FailureKind::Connect,
                    format!("no answer within {connect_timeout} s"),
                );
            }
            return Error::new(FailureKind::Connect, root(error));
        }
        if error.is_timeout() {
            return Error::new(FailureKind::FirstByte, "");
        }
        if error.is_builder() {
            return Error::new(FailureKind::Connect, root(error));
        }
        Error::new(FailureKind::Closed, root(error))
    }
}

/// The innermost cause, without the operating system's error number.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.kind.as_str())?;
        if let Some(status) = self.status {
            write!(out, " {status}")?;
        }
        if !self.detail.is_empty() {
            write!(out, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
