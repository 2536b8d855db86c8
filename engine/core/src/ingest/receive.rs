//! Receiving from the reader thread, without losing sight of a request to stop.

use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use lakebed_codec::Promise;
use lakebed_format::Hash;

use super::PATIENCE;
use super::pipeline::{Pipeline, Stop};
use super::reader_thread::Item;
use super::training::Training;
use crate::error::{Error, ErrorKind};

/// The longest time for which lines of a stream wait for their commit, as far as this side goes.
const COMMIT: Duration = Duration::from_millis(400);

impl Pipeline<'_> {
    /// Writes everything that the reader thread sends. Returns size and hash of the input before decompression.
    pub(super) fn write_everything(&mut self) -> Result<(u64, Hash), Stop> {
        loop {
            match self.receive()? {
                Item::Chunk(promise) => {
                    let parsed = self.wait(&promise)?;
                    if matches!(self.training, Training::Done) {
                        self.write(parsed)?;
                    } else {
                        self.hold(parsed)?;
                    }
                    self.commit_if_due()?;
                }
                Item::Ended {
                    raw_size,
                    raw_digest,
                } => {
                    if self.is_stream {
                        // Ctrl-C also ends the program at the other end of a pipe, so this end may not be the real one:
                        // ask again.
                        self.ticker.last_call().map_err(|_| Stop::Interrupted)?;
                    }
                    self.end_training()?;
                    return Ok((raw_size, raw_digest));
                }
                Item::Failed(error) if error.kind() == ErrorKind::SourceChanged => {
                    return Err(Stop::Failed(error));
                }
                Item::Failed(error) => {
                    // The lines before the failure are good, but their group is not complete, and is discarded.
                    let message = error.message().trim_end_matches('.');
                    let message = format!("{message}; {}.", self.kept());
                    return Err(Stop::Failed(
                        Error::new(error.kind(), message).with_source(error),
                    ));
                }
            }
        }
    }

    fn receive(&mut self) -> Result<Item, Stop> {
        loop {
            match self.reader.items.recv_timeout(PATIENCE) {
                Ok(item) => return Ok(item),
                Err(RecvTimeoutError::Timeout) => {
                    self.tick()?;
                    self.commit_if_due()?;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let message = "the reader thread of an ingest ended without saying why";
                    return Err(Stop::Failed(Error::internal(message)));
                }
            }
        }
    }

    /// Commits what a stream gave, if that is long enough ago.
    fn commit_if_due(&mut self) -> Result<(), Stop> {
        let is_due = |since: Option<Instant>| since.is_some_and(|since| since.elapsed() >= COMMIT);
        if self.is_stream && is_due(self.held_since) {
            self.held_since = None;
            self.flush_held()?;
        }
        if self.is_stream && is_due(self.group.began) {
            self.commit(None)?;
        }
        Ok(())
    }

    /// The result of a worker's job.
    pub(super) fn wait<T>(&mut self, promise: &Promise<T, Error>) -> Result<T, Stop> {
        loop {
            match promise.wait_for(PATIENCE) {
                Some(result) => return result.map_err(Stop::Failed),
                None => self.tick()?,
            }
        }
    }

    /// Calls the progress function, if the last call is long enough ago.
    pub(super) fn tick(&mut self) -> Result<(), Stop> {
        self.ticker.tick().map_err(|error| match error.kind() {
            ErrorKind::Interrupted => Stop::Interrupted,
            _ => Stop::Failed(error),
        })
    }
}
