//! How a store is opened.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, ErrorKind, Result};

/// What a store object may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Read only: nothing is ever written, read-only directories and media work.
    Read,
    /// Read and write.
    #[default]
    Append,
}

/// Where the time comes from: microseconds since 1970 UTC.
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
                .map_or(0, |since| since.as_micros() as i64)
        })
    }
}

/// How a store is opened. The default is append mode with the settings of the design.
#[derive(Clone, Debug)]
pub struct Options {
    /// Read or append.
    pub mode: Mode,
    /// Append mode only: make the store when it is not there.
    pub create: bool,
    /// How long a change waits for another writer.
    pub lock_timeout: Duration,
    /// Memory for decoded frames, in bytes.
    pub cache_bytes: usize,
    /// The active segment is sealed when it reaches this size, in bytes.
    pub segment_bytes: u64,
    /// Or when it holds this many blobs: the fingerprints of sealed ones are looked up where they are mapped, those of the active segment
    /// are read into memory by whoever looks up the first.
    pub segment_blobs: u64,
    /// Raw bytes of a frame.
    pub page_bytes: usize,
    /// zstd level of new frames.
    pub level: i32,
    /// Threads for compression and scans; 0 means all cores.
    pub threads: usize,
    /// What the lock says about its holder, for other processes to read.
    pub command: String,
    /// Where times come from.
    pub clock: Clock,
    /// Asked by whoever waits or works for long, on the thread that made the call, several times a second: true ends the call with
    /// [`crate::ErrorKind::Interrupted`], as long as it can still be undone.
    pub interrupted: fn() -> bool,
}

/// More would not be started, or not be of use.
const MOST_THREADS: usize = 1024;

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Append,
            create: true,
            lock_timeout: Duration::from_secs(10),
            cache_bytes: 64 << 20,
            segment_bytes: 64 << 20,
            segment_blobs: 1 << 20,
            page_bytes: 12 << 10,
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

    /// Whether each is in its domain.
    ///
    /// # Errors
    /// `InvalidArgument`.
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

    /// Asked between steps of a long piece of work.
    ///
    /// # Errors
    /// `Interrupted` when the caller wants it to end.
    pub(crate) fn check_interrupted(&self) -> Result<()> {
        if (self.interrupted)() {
            return Err(Error::interrupted());
        }
        Ok(())
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
