//! What a client saw go wrong.

use std::fmt;

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// No connection.
    Connect,
    /// No beginning of an answer in time.
    First,
    /// No further piece of an answer in time.
    Stall,
    /// The connection broke.
    Closed,
    /// The stream ended without its last frame.
    Eof,
    /// A status that is not 200.
    Status,
    /// A body that is not JSON by its content type.
    Content,
    /// A frame or body beyond the limit.
    Large,
    /// A frame that is not UTF-8.
    Utf8,
    /// A frame that is no JSON object, or has fields of wrong types.
    Json,
    /// A frame that is an error.
    Line,
    /// It was cancelled on this side.
    Canceled,
}

impl Fact {
    /// Its name, stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Fact::Connect => "connect",
            Fact::First => "first",
            Fact::Stall => "stall",
            Fact::Closed => "closed",
            Fact::Eof => "eof",
            Fact::Status => "status",
            Fact::Content => "content",
            Fact::Large => "large",
            Fact::Utf8 => "utf8",
            Fact::Json => "json",
            Fact::Line => "line",
            Fact::Canceled => "canceled",
        }
    }
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// What was seen.
    pub fact: Fact,
    /// The body of a status, the words of an error frame, the cause; may be empty.
    pub detail: String,
    /// The HTTP status, where that is the error.
    pub status: Option<u16>,
    /// Seconds that the server asks to wait.
    pub retry_after: Option<f64>,
}

impl Error {
    pub(crate) fn new(fact: Fact, detail: impl Into<String>) -> Error {
        Error {
            fact,
            detail: detail.into(),
            status: None,
            retry_after: None,
        }
    }

    /// From what the HTTP client reports while a request is sent and its head awaited.
    pub(crate) fn sending(error: &reqwest::Error, connect_timeout: f64) -> Error {
        if error.is_connect() {
            if error.is_timeout() {
                return Error::new(
                    Fact::Connect,
                    format!("no answer within {connect_timeout} s"),
                );
            }
            return Error::new(Fact::Connect, root(error));
        }
        if error.is_timeout() {
            return Error::new(Fact::First, "");
        }
        if error.is_builder() {
            return Error::new(Fact::Connect, root(error));
        }
        Error::new(Fact::Closed, root(error))
    }
}

/// The innermost cause, without the operating system's number.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.fact.as_str())?;
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
