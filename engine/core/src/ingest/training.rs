//! The dictionary of a collection's first ingest: sampled and trained while chunks are already parsed, or none.

use std::path::PathBuf;

use super::lines::Parsed;
use super::{LEAST_TRAINED, sample};
use crate::error::{Error, Result};
use lakebed_codec::training::{
    self, Budget, DEFAULT_SIZE, INGEST_SHARE, INGEST_WINDOWS, Request, Trained,
};
use lakebed_codec::{FrameError, Promise, Workers};

/// Where the decision stands.
pub(super) enum Training {
    /// Nothing is to be trained, or it was.
    Done,
    /// Chunks are gathered to be sampled.
    Gathering,
    /// A worker is at it.
    Under(Promise<Option<Trained>, Error>),
}

/// What the dictionary is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frames {
    pub(super) level: i32,
    pub(super) page_bytes: usize,
}

impl Frames {
    fn budget(self, expected_bytes: u64) -> Budget {
        let size = training::fitting_size(DEFAULT_SIZE, expected_bytes);
        Budget::new(size, INGEST_SHARE, self.page_bytes)
    }

    fn train(
        self,
        samples: &training::Samples,
        expected_bytes: u64,
    ) -> Result<Option<Trained>, FrameError> {
        let request = Request {
            size: DEFAULT_SIZE,
            windows: INGEST_WINDOWS,
            level: self.level,
            page_bytes: self.page_bytes,
            expected_bytes,
            current: None,
        };
        training::train(samples, &request)
    }
}

/// Samples a plain file from `start` on and trains on that, on a worker.
pub(super) fn of_file(
    workers: &Workers,
    path: PathBuf,
    start: u64,
    size: u64,
    frames: Frames,
) -> Result<Training> {
    let expected = size.saturating_sub(start);
    if expected < LEAST_TRAINED {
        return Ok(Training::Done);
    }
    let promise = workers.submit(move |_| {
        // If the file cannot be read the reading thread says so; here that means only: no samples.
        match sample::of_file(&path, start, size, &frames.budget(expected)) {
            Ok(samples) => frames.train(&samples, expected).map_err(Error::from),
            Err(_) => Ok(None),
        }
    })?;
    Ok(Training::Under(promise))
}

/// Samples what was read ahead and trains on that, on a worker. `expected` are the bytes of the whole content, as far as known.
pub(super) fn of_held(
    workers: &Workers,
    held: &[Parsed],
    expected: u64,
    frames: Frames,
) -> Result<Training> {
    if expected < LEAST_TRAINED {
        return Ok(Training::Done);
    }
    let held: Vec<&Parsed> = held.iter().collect();
    let samples = sample::of_chunks(&held, &frames.budget(expected));
    let promise = workers.submit(move |_| frames.train(&samples, expected).map_err(Error::from))?;
    Ok(Training::Under(promise))
}
