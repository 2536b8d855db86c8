//! The frames of streams, typed.

use serde_json::{Map, Value};

use crate::error::{Error, Fact, Result};

/// A frame of a stream.
pub trait Frame: Sized + Send {
    /// From the object of a line.
    fn read(object: Map<String, Value>) -> Result<Self>;
    /// Whether the stream is complete with it.
    fn is_last(&self) -> bool;
}

/// The statistics of a reply, as many as the server sent: name and value; durations are nanoseconds.
pub type Stats = Vec<(&'static str, u64)>;

const STATS: [&str; 6] = [
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
];

/// A piece of a reply.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chunk {
    /// Text of the reply.
    pub content: String,
    /// Text of what the model thinks.
    pub thinking: String,
    /// A JSON array of tool calls; empty when there is none.
    pub tool_calls: String,
    /// Whether it is the last one.
    pub done: bool,
    /// Why it ended; empty before.
    pub done_reason: String,
    /// With the last one: counts and durations.
    pub stats: Option<Stats>,
    /// Where the model really runs, when not at the server; empty otherwise.
    pub remote_host: String,
}

impl Frame for Chunk {
    fn read(mut object: Map<String, Value>) -> Result<Chunk> {
        let mut message = match object.remove("message") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(message)) => message,
            Some(_) => return Err(wrong()),
        };
        let done = object.get("done") == Some(&Value::Bool(true));
        let stats = done.then(|| {
            let known = STATS.iter();
            known
                .filter_map(|name| Some((*name, object.get(*name)?.as_u64()?)))
                .collect()
        });
        let tool_calls = match message.get("tool_calls") {
            Some(Value::Array(calls)) if !calls.is_empty() => {
                Value::Array(calls.clone()).to_string()
            }
            _ => String::new(),
        };
        Ok(Chunk {
            content: text(&mut message, "content")?,
            thinking: text(&mut message, "thinking")?,
            tool_calls,
            done,
            done_reason: text(&mut object, "done_reason")?,
            stats,
            remote_host: text(&mut object, "remote_host")?,
        })
    }

    fn is_last(&self) -> bool {
        self.done
    }
}

/// How far a pull got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulled {
    /// What is done now.
    pub status: String,
    /// Of which part; empty when of none.
    pub digest: String,
    /// Bytes of the part.
    pub total: u64,
    /// Bytes that are there.
    pub completed: u64,
}

impl Frame for Pulled {
    fn read(mut object: Map<String, Value>) -> Result<Pulled> {
        let number = |name: &str| object.get(name).and_then(Value::as_u64).unwrap_or(0);
        let (total, completed) = (number("total"), number("completed"));
        Ok(Pulled {
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

/// The frame of a line; None for a blank one. An error line is an error.
pub(crate) fn frame<T: Frame>(line: &[u8]) -> Result<Option<T>> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let line = std::str::from_utf8(line).map_err(|_| Error::new(Fact::Utf8, ""))?;
    let Ok(Value::Object(object)) = serde_json::from_str(line) else {
        return Err(wrong());
    };
    match object.get("error") {
        None | Some(Value::Null) => T::read(object).map(Some),
        Some(Value::String(words)) => Err(Error::new(Fact::Line, words.clone())),
        Some(other) => Err(Error::new(Fact::Line, other.to_string())),
    }
}

fn text(object: &mut Map<String, Value>, name: &str) -> Result<String> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(wrong()),
    }
}

fn wrong() -> Error {
    Error::new(Fact::Json, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(line: &str) -> Fact {
        frame::<Chunk>(line.as_bytes()).unwrap_err().fact
    }

    #[test]
    fn a_chunk_has_what_its_frame_says() {
        let line = r#"{"message":{"content":"a","thinking":"b","tool_calls":[{"function":{"arguments":{"n":1.50}}}]},"done":false}"#;
        let chunk = frame::<Chunk>(line.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (&*chunk.content, &*chunk.thinking, chunk.done),
            ("a", "b", false)
        );
        assert_eq!(
            chunk.tool_calls,
            r#"[{"function":{"arguments":{"n":1.50}}}]"#
        );
        assert_eq!(chunk.stats, None);
    }

    #[test]
    fn only_true_is_done_and_counts_may_be_missing() {
        for line in [r#"{"done":1}"#, r#"{"done":"true"}"#, r#"{"message":{}}"#] {
            assert!(!frame::<Chunk>(line.as_bytes()).unwrap().unwrap().done);
        }
        let last = br#"{"done":true,"done_reason":"length","eval_count":3,"eval_duration":-1}"#;
        let last = frame::<Chunk>(last).unwrap().unwrap();
        assert!(last.done);
        assert_eq!(last.stats.unwrap(), [("eval_count", 3)]);
    }

    #[test]
    fn what_is_no_frame_is_an_error_of_its_kind() {
        assert_eq!(frame::<Chunk>(b" \r\n").unwrap(), None);
        assert_eq!(fact("[1]"), Fact::Json);
        assert_eq!(fact("nonsense"), Fact::Json);
        assert_eq!(fact(r#"{"message":"text"}"#), Fact::Json);
        assert_eq!(fact(r#"{"message":{"content":5}}"#), Fact::Json);
        assert_eq!(fact(r#"{"message":{"content":"\ud800"}}"#), Fact::Json);
        assert_eq!(fact(&"[".repeat(100_000)), Fact::Json);
        assert_eq!(
            frame::<Chunk>(b"{\"a\":\"\xe9\"}").unwrap_err().fact,
            Fact::Utf8
        );
        let error = frame::<Pulled>(br#"{"error":"no such thing"}"#).unwrap_err();
        assert_eq!((error.fact, &*error.detail), (Fact::Line, "no such thing"));
    }
}
