//! The dictionary of a collection's first ingest, trained on a worker while chunks are already parsed.

use std::path::PathBuf;

use super::lines::Parsed;
use super::{LEAST_TRAINED, sampling};
use crate::error::{Error, Result};
use lakebed_codec::training::{
    self, Budget, DEFAULT_SIZE, INGEST_SHARE, INGEST_WINDOWS, Request, Trained,
};
use lakebed_codec::{FrameError, Promise, Workers};

/// The state of the training.
pub(super) enum Training {
    /// Nothing is to be trained, or the training is over.
    Done,
    /// Chunks are held until there are enough for samples.
    Gathering,
    /// A worker samples or trains.
    Running(Promise<Option<Trained>, Error>),
}

/// The frames that the dictionary is for.
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

/// Samples a plain file of `size` bytes, from `start` on, and trains on the samples, on a worker.
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
        // The reader thread reports a file that cannot be read; here it means no samples.
        match sampling::of_file(&path, start, size, &frames.budget(expected)) {
            Ok(samples) => frames.train(&samples, expected).map_err(Error::from),
            Err(_) => Ok(None),
        }
    })?;
    Ok(Training::Running(promise))
}

/// Samples the chunks that are held and trains on the samples, on a worker. `expected` are the bytes of the whole
/// content, as far as they are known.
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
    let samples = sampling::of_chunks(&held, &frames.budget(expected))?;
    let promise = workers.submit(move |_| frames.train(&samples, expected).map_err(Error::from))?;
    Ok(Training::Running(promise))
}
