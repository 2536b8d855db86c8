//! Plans of faults, and the log of operations.

use std::error::Error;
use std::fmt;
use std::io;

/// Input/output error: the device failed.
pub const EIO: i32 = 5;
/// No space left on device.
pub const ENOSPC: i32 = 28;

/// The kinds of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpKind {
    /// `open` of a file that exists, or that is missing and is not created.
    Open,
    /// `open` that creates a file.
    Create,
    /// `read_at`.
    Read,
    /// `write_at`.
    Write,
    /// `set_len`.
    SetLen,
    /// `sync_data`.
    SyncData,
    /// `map`.
    Map,
    /// `len` or `names`.
    Stat,
    /// `try_lock`, `holder` or `unlock`.
    Lock,
    /// `list`.
    List,
    /// `create_dir`.
    CreateDir,
    /// `rename`.
    Rename,
    /// `unlink`.
    Unlink,
    /// `link`.
    Link,
    /// `remove_dir`.
    RemoveDir,
    /// `sync_dir`.
    SyncDir,
    /// `free_bytes`.
    FreeBytes,
}

impl OpKind {
    /// Whether it changes what is in memory or on the disk: only there a crash makes a difference.
    pub const fn changes(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::Write
                | Self::SetLen
                | Self::SyncData
                | Self::CreateDir
                | Self::Rename
                | Self::Unlink
                | Self::Link
                | Self::RemoveDir
                | Self::SyncDir
        )
    }
}

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this errno and does nothing; a failed `sync_data` also loses what it should have written
    /// (see [`super::FaultVfs`]). `ENOSPC` happens only to operations that need space.
    Errno(i32),
    /// It is done, and fails with this errno all the same. Only what changes something.
    Applied(i32),
    /// A `read_at` or `write_at` moves at most this many bytes, at least one.
    Short(usize),
    /// A `write_at` writes nothing and reports 0.
    Zero,
    /// A `read_at` or `write_at` fails with EINTR and does nothing; not twice in a row, so that a retry ends.
    Interrupted,
    /// The operation may or may not reach the disk, the call fails, and so does every later one, see [`is_crash`].
    Crash,
}

impl Fault {
    fn can_happen_to(self, kind: OpKind) -> bool {
        use OpKind::{Create, CreateDir, Link, Read, Rename, SetLen, SyncData, SyncDir, Write};
        match self {
            Self::Errno(ENOSPC) => matches!(
                kind,
                Create | CreateDir | Link | Write | SetLen | Rename | SyncData | SyncDir
            ),
            Self::Short(_) | Self::Interrupted => matches!(kind, Read | Write),
            Self::Zero => kind == Write,
            Self::Applied(_) => kind.changes(),
            Self::Errno(_) | Self::Crash => true,
        }
    }
}

/// Which operations a fault happens to. By default: once, at the first one that changes something.
#[derive(Debug, Clone)]
pub struct Plan {
    fault: Fault,
    at: u64,
    times: u64,
    kinds: Option<Vec<OpKind>>,
    reads_too: bool,
    under: String,
    seen: u64,
    pub(super) fired: u64,
    interrupted: bool,
}

impl Plan {
    /// The fault, once, at the first operation it can happen to.
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            at: 0,
            times: 1,
            kinds: None,
            reads_too: false,
            under: String::new(),
            seen: 0,
            fired: 0,
            interrupted: false,
        }
    }

    /// At the `n`-th operation instead, from 0, counting only those this plan is about.
    #[must_use]
    pub fn at(mut self, n: u64) -> Self {
        self.at = n;
        self
    }

    /// That many times running.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// From there on always.
    #[must_use]
    pub fn forever(self) -> Self {
        self.times(u64::MAX)
    }

    /// Operations that change nothing count too.
    #[must_use]
    pub fn reads_too(mut self) -> Self {
        self.reads_too = true;
        self
    }

    /// Only operations of these kinds.
    #[must_use]
    pub fn only(mut self, kinds: &[OpKind]) -> Self {
        self.kinds = Some(kinds.to_vec());
        self
    }

    /// Only operations on names that begin so; a rename's is where it goes.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.under);
        self
    }

    fn is_about(&self, kind: OpKind, name: &str) -> bool {
        let chosen = match &self.kinds {
            Some(kinds) => kinds.contains(&kind),
            None => self.reads_too || kind.changes(),
        };
        chosen && self.fault.can_happen_to(kind) && name.starts_with(&self.under)
    }

    /// The fault that happens to the next operation, if any.
    pub(super) fn strike(&mut self, kind: OpKind, name: &str) -> Option<Fault> {
        if !self.is_about(kind, name) {
            return None;
        }
        let turn = self.seen >= self.at && self.fired < self.times;
        self.seen += 1;
        if !turn {
            return None;
        }
        if self.fault == Fault::Interrupted {
            self.interrupted = !self.interrupted;
            if !self.interrupted {
                return None;
            }
        }
        self.fired += 1;
        Some(self.fault)
    }
}

/// An operation in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// Its number among all operations, from 0.
    pub number: u64,
    /// Its kind.
    pub kind: OpKind,
    /// The file or directory; the new name of a rename.
    pub name: String,
    /// The offset in the file, the new length of `set_len`, the length of `map`; else 0.
    pub offset: u64,
    /// Bytes to be read or written; else 0.
    pub len: usize,
    /// The fault that happened to it.
    pub fault: Option<Fault>,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.number, self.kind, self.name)?;
        if self.offset != 0 || self.len != 0 {
            write!(f, " {}+{}", self.offset, self.len)?;
        }
        if let Some(fault) = self.fault {
            write!(f, " <- {fault:?}")?;
        }
        Ok(())
    }
}

/// The error of every operation from a crash on.
#[derive(Debug)]
struct Crashed;

impl fmt::Display for Crashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the machine crashed, as planned")
    }
}

impl Error for Crashed {}

pub(super) fn crashed() -> io::Error {
    io::Error::other(Crashed)
}

/// Whether an error comes from a planned crash, however often it was wrapped.
pub fn is_crash(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<Crashed>() {
            return true;
        }
        // `io::Error::source` is the source of what it wraps, not what it wraps.
        next = match error.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    false
}
