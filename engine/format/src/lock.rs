//! The text of the file `LOCK`: who holds the writer's lock, and the last commit whose sync returned.

use std::fmt::Write as _;

use crate::ids::CommitNumber;

/// The fields of the lock file. The lock itself is the operating system's; no field is needed to open a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockText {
    /// Process id of the holder.
    pub pid: Option<u64>,
    /// The holder's command.
    pub command: Option<String>,
    /// When the lock was taken, microseconds since 1970 UTC.
    pub since: Option<i64>,
    /// The last commit whose sync returned.
    pub synced: Option<CommitNumber>,
}

impl LockText {
    /// Encodes the text. Control characters of the command become spaces, so that it stays on one line. `synced` is the
    /// first and the last line: a torn write leaves two that differ.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        if let Some(synced) = self.synced {
            let _ = writeln!(text, "synced={synced}");
        }
        if let Some(pid) = self.pid {
            let _ = writeln!(text, "pid={pid}");
        }
        if let Some(command) = &self.command {
            let line: String = command
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            let _ = writeln!(text, "command={line}");
        }
        if let Some(since) = self.since {
            let _ = writeln!(text, "since={since}");
        }
        if let Some(synced) = self.synced {
            let _ = writeln!(text, "synced={synced}");
        }
        text
    }

    /// Decodes the text. Lines that are unknown, unreadable or without a line break count as missing, since the text is
    /// only information. `synced`, on which recovery relies, counts when it is there twice and both are the same.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut lock = Self::default();
        let mut synced = Vec::new();
        for line in bytes.split_inclusive(|&b| b == b'\n') {
            let Some(line) = line
                .strip_suffix(b"\n")
                .and_then(|line| std::str::from_utf8(line).ok())
            else {
                continue;
            };
            match line.split_once('=') {
                Some(("pid", value)) => lock.pid = value.parse().ok(),
                Some(("command", value)) => lock.command = Some(value.to_owned()),
                Some(("since", value)) => lock.since = value.parse().ok(),
                Some(("synced", value)) => {
                    synced.push(value.parse().ok().map(CommitNumber));
                }
                _ => {}
            }
        }
        if let [first, last] = synced[..]
            && first == last
        {
            lock.synced = first;
        }
        lock
    }
}
