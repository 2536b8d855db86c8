//! How a store is opened.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, ErrorKind, Result};

/// Whether a store object may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Read only: nothing is ever written, read-only directories and media work.
    Read,
    /// Read and write.
    #[default]
    Append,
}

/// A source of times, in microseconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub struct Clock(pub fn() -> i64);

impl Clock {
    /// Now, in microseconds since 1970 UTC.
    pub fn now(self) -> i64 {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|since| i64::try_from(since.as_micros()).ok())
                .unwrap_or(0)
        })
    }
}

/// How a store is opened. The default is append mode with the settings of the design.
#[derive(Clone, Debug)]
pub struct Options {
    /// Read or append.
    pub mode: Mode,
    /// Append mode only: create the store if it does not exist.
    pub create: bool,
    /// How long a change waits for another writer's lock.
    pub lock_timeout: Duration,
    /// Whether files may be mapped. Without, they are read, and a read error of the disk is an error. The environment
    /// variable `LAKEBED_MMAP=0` forbids it, too.
    pub mmap: bool,
    /// Memory for decoded frames, in bytes.
    pub cache_bytes: usize,
    /// The active segment is sealed when it reaches this size, in bytes.
    pub segment_bytes: u64,
    /// It is also sealed when it holds this many blobs: fingerprints of sealed segments are searched where they are
    /// mapped, those of the active segment are read into memory at the first search.
    pub segment_blobs: u64,
    /// Raw bytes of a frame, about.
    pub page_bytes: usize,
    /// Records of a collection whose layout nobody chose, or is to be chosen, become columns where a segment has so
    /// many bytes of them. docs/columns.md says why.
    pub columns_bytes: u64,
    /// zstd level of new frames.
    pub level: i32,
    /// Threads for compression and scans; 0 means all cores.
    pub threads: usize,
    /// The command that the lock file names as the lock's holder, for other processes to read.
    pub command: String,
    /// The source of times.
    pub clock: Clock,
    /// Called several times a second during long waits and long work, on the thread that made the call: true ends the
    /// call with [`crate::ErrorKind::Interrupted`], as long as it can still be undone.
    pub interrupted: fn() -> bool,
}

/// The environment variable that forbids mappings, for programs that open stores by themselves.
const MMAP_VARIABLE: &str = "LAKEBED_MMAP";

/// Most threads of a store object; more are not useful on any machine.
const MOST_THREADS: usize = 1024;

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Append,
            create: true,
            lock_timeout: Duration::from_secs(10),
            mmap: true,
            cache_bytes: 64 << 20,
            segment_bytes: 64 << 20,
            segment_blobs: 1 << 20,
            page_bytes: 12 << 10,
            columns_bytes: 16 << 20,
            level: 3,
            threads: 0,
            command: String::new(),
            clock: Clock::default(),
            interrupted: || false,
        }
    }
}

impl Options {
    /// The default options for reading.
    pub fn read_only() -> Self {
        Self {
            mode: Mode::Read,
            create: false,
            ..Self::default()
        }
    }

    /// Checks that each option is in its domain.
    ///
    /// # Errors
    /// `InvalidArgument` names the option that is not.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |what: &str, domain: &str, given: u64| {
            Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{what} is {domain}, not {given}."),
            ))
        };
        if !(1..=22).contains(&self.level) {
            let message = format!("The compression level is from 1 to 22, not {}.", self.level);
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        if !(64..=16 << 20).contains(&self.page_bytes) {
            return refuse(
                "page_bytes",
                "from 64 bytes to 16 MiB",
                self.page_bytes as u64,
            );
        }
        if self.threads > MOST_THREADS {
            return refuse(
                "threads",
                "from 1 to 1,024, or 0 for all cores",
                self.threads as u64,
            );
        }
        if !(1024..=1 << 40).contains(&self.segment_bytes) {
            return refuse("segment_bytes", "from 1 KiB to 1 TiB", self.segment_bytes);
        }
        Ok(())
    }

    /// Ends long work between two of its steps if the caller wants that.
    ///
    /// # Errors
    /// `Interrupted`.
    pub(crate) fn check_interrupted(&self) -> Result<()> {
        if (self.interrupted)() {
            return Err(Error::interrupted());
        }
        Ok(())
    }

    /// Whether files are mapped where that is safe.
    pub(crate) fn maps(&self) -> bool {
        let forbidden = std::env::var_os(MMAP_VARIABLE)
            .is_some_and(|value| value == "0" || value == "false" || value == "no");
        self.mmap && !forbidden
    }

    /// The number of threads these options mean.
    pub fn thread_count(&self) -> usize {
        if self.threads > 0 {
            self.threads
        } else {
            std::thread::available_parallelism().map_or(1, usize::from)
        }
    }
}
