//! The events of a stream: a JSON object in each line, read into typed values.

use serde_json::{Map, Value};

use crate::error::{Error, FailureKind, Result};

/// An event of a stream.
pub trait Event: Sized + Send {
    /// The event of a line's object.
    ///
    /// # Errors
    /// [`FailureKind::Json`] when a field has the wrong type.
    fn from_object(object: Map<String, Value>) -> Result<Self>;

    /// Whether the stream is complete with it.
    fn is_last(&self) -> bool;
}

/// The statistics of a reply, as many as the server sent: name and value. Durations are in nanoseconds.
pub type ReplyStatistics = Vec<(&'static str, u64)>;

const STATISTICS: [&str; 6] = [
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
];

/// A piece of a reply.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReplyChunk {
    /// The next text of the reply.
    pub content: String,
    /// The next text of the model's reasoning.
    pub thinking: String,
    /// The tool calls of this piece, as the server sent them.
    pub tool_calls: Vec<Value>,
    /// Whether this is the last piece.
    pub done: bool,
    /// Why the reply ended; empty before the last piece.
    pub done_reason: String,
    /// Counts and durations, with the last piece alone.
    pub statistics: Option<ReplyStatistics>,
    /// The host that runs the model when the server only forwards to it; empty otherwise.
    pub remote_host: String,
}

impl Event for ReplyChunk {
    fn from_object(mut object: Map<String, Value>) -> Result<ReplyChunk> {
        let mut message = match object.remove("message") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(message)) => message,
            Some(_) => return Err(not_valid()),
        };
        let done = object.get("done") == Some(&Value::Bool(true));
        let statistics = done.then(|| {
            let names = STATISTICS.iter();
            names
                .filter_map(|name| Some((*name, object.get(*name)?.as_u64()?)))
                .collect()
        });
        let tool_calls = match message.remove("tool_calls") {
            Some(Value::Array(calls)) => calls,
            _ => Vec::new(),
        };
        Ok(ReplyChunk {
            content: text(&mut message, "content")?,
            thinking: text(&mut message, "thinking")?,
            tool_calls,
            done,
            done_reason: text(&mut object, "done_reason")?,
            statistics,
            remote_host: text(&mut object, "remote_host")?,
        })
    }

    fn is_last(&self) -> bool {
        self.done
    }
}

/// The progress of downloading a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullProgress {
    /// The current step, in the server's words; `success` is the last.
    pub status: String,
    /// The digest of the part that is downloaded; empty in other steps.
    pub digest: String,
    /// Size of the part, in bytes.
    pub total: u64,
    /// Bytes of the part that arrived.
    pub completed: u64,
}

impl Event for PullProgress {
    fn from_object(mut object: Map<String, Value>) -> Result<PullProgress> {
        let number = |name: &str| object.get(name).and_then(Value::as_u64).unwrap_or(0);
        let (total, completed) = (number("total"), number("completed"));
        Ok(PullProgress {
            status: text(&mut object, "status")?,
            digest: text(&mut object, "digest")?,
            total,
            completed,
        })
    }

    fn is_last(&self) -> bool {
        self.status == "success"
    }
}

/// The event of a line; `None` for a blank line.
///
/// # Errors
/// [`FailureKind::ErrorLine`] when the line reports an error of the server, [`FailureKind::Utf8`] and
/// [`FailureKind::Json`] when it cannot be read.
pub(crate) fn parse<T: Event>(line: &[u8]) -> Result<Option<T>> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let line = std::str::from_utf8(line).map_err(|_| Error::new(FailureKind::Utf8, ""))?;
    let Ok(Value::Object(object)) = serde_json::from_str(line) else {
        return Err(not_valid());
    };
    match object.get("error") {
        None | Some(Value::Null) => T::from_object(object).map(Some),
        Some(Value::String(message)) => Err(Error::new(FailureKind::ErrorLine, message.clone())),
        Some(other) => Err(Error::new(FailureKind::ErrorLine, other.to_string())),
    }
}

fn text(object: &mut Map<String, Value>, name: &str) -> Result<String> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(not_valid()),
    }
}

fn not_valid() -> Error {
    Error::new(FailureKind::Json, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str) -> FailureKind {
        parse::<ReplyChunk>(line.as_bytes()).unwrap_err().kind
    }

    #[test]
    fn a_chunk_has_the_fields_of_its_line() {
        let line = r#"{"message":{"content":"a","thinking":"b","tool_calls":[{"function":{"arguments":{"n":1.50}}}]},"done":false}"#;
        let chunk = parse::<ReplyChunk>(line.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (&*chunk.content, &*chunk.thinking, chunk.done),
            ("a", "b", false)
        );
        assert_eq!(
            Value::Array(chunk.tool_calls).to_string(),
            r#"[{"function":{"arguments":{"n":1.50}}}]"#
        );
        assert_eq!(chunk.statistics, None);
    }

    #[test]
    fn only_true_is_done_and_counts_may_be_missing() {
        for line in [r#"{"done":1}"#, r#"{"done":"true"}"#, r#"{"message":{}}"#] {
            assert!(!parse::<ReplyChunk>(line.as_bytes()).unwrap().unwrap().done);
        }
        let last = br#"{"done":true,"done_reason":"length","eval_count":3,"eval_duration":-1}"#;
        let last = parse::<ReplyChunk>(last).unwrap().unwrap();
        assert!(last.done);
        assert_eq!(last.statistics.unwrap(), [("eval_count", 3)]);
    }

    #[test]
    fn an_unreadable_line_is_an_error_of_its_kind() {
        assert_eq!(parse::<ReplyChunk>(b" \r\n").unwrap(), None);
        assert_eq!(kind("[1]"), FailureKind::Json);
        assert_eq!(kind("nonsense"), FailureKind::Json);
        assert_eq!(kind(r#"{"message":"text"}"#), FailureKind::Json);
        assert_eq!(kind(r#"{"message":{"content":5}}"#), FailureKind::Json);
        assert_eq!(
            kind(r#"{"message":{"content":"\ud800"}}"#),
            FailureKind::Json
        );
        assert_eq!(kind(&"[".repeat(100_000)), FailureKind::Json);
        assert_eq!(
            parse::<ReplyChunk>(b"{\"a\":\"\xe9\"}").unwrap_err().kind,
            FailureKind::Utf8
        );
        let error = parse::<PullProgress>(br#"{"error":"no such thing"}"#).unwrap_err();
        assert_eq!(
            (error.kind, &*error.detail),
            (FailureKind::ErrorLine, "no such thing")
        );
    }
}
