//! Trains a dictionary on samples, and decides on held-out pages whether it is worth installing.
//!
//! Time and memory are bounded: the samples by [`Budget`], the training by zstd's fastcover with few windows, each
//! about 20 ms per megabyte. Samples without a dictionary in them (too few, all empty, all equal) give none, never an
//! error. A first dictionary pays when it saves more than its own size; a later one, when held-out pages become at
//! least 3 % smaller than with its predecessor.

mod samples;
#[cfg(test)]
mod tests;
mod zdict;

pub use samples::{Budget, SampleRange, Samples};

use std::sync::Arc;
use std::time::Instant;

use lakebed_format::DictionaryNumber;

use crate::dictionary::Dictionary;
use crate::encode::Encoder;
use crate::error::FrameError;
use crate::page::Page;

/// The default size of a dictionary, in bytes. Larger ones gain little and do not fit the processor's cache.
pub const DEFAULT_SIZE: usize = 112_640;
/// The smallest size, in bytes; zstd's own limit is 256.
pub const LEAST_SIZE: usize = 1024;
/// The largest size, in bytes.
pub const LARGEST_SIZE: usize = 1 << 20;
/// Sample bytes for each byte of dictionary when an ingest trains: 0.1 s, and 0.6 % larger frames than the best.
pub const INGEST_SHARE: usize = 25;
/// Sample bytes for each byte of dictionary when a user starts the training.
pub const TRAIN_SHARE: usize = 100;
/// The windows that an ingest tries, in bytes.
pub const INGEST_WINDOWS: &[u32] = &[400];
/// The windows that are tried when a user starts the training, in bytes.
pub const TRAIN_WINDOWS: &[u32] = &[200, 400, 1000];
/// The part by which a new generation must make held-out pages smaller.
const LEAST_GAIN: f64 = 0.03;
/// Bytes of input for each byte of dictionary; with less input the dictionary is smaller.
const INPUT_SHARE: u64 = 50;

/// Parameters of a training.
#[derive(Debug)]
pub struct Request<'a> {
    /// The size of the dictionary in bytes at most; little input makes it smaller.
    pub size: usize,
    /// The windows to try, in bytes; the best dictionary is taken.
    pub windows: &'a [u32],
    /// The level of the frames that will use it.
    pub level: i32,
    /// The raw bytes of such a frame.
    pub page_bytes: usize,
    /// An estimate of the bytes that will be compressed with it.
    pub expected_bytes: u64,
    /// The dictionary in use, if any.
    pub current: Option<&'a Dictionary>,
}

/// A dictionary and its effect on held-out pages.
#[derive(Clone, PartialEq)]
pub struct Trained {
    /// The dictionary.
    pub bytes: Vec<u8>,
    /// Whether it is worth installing.
    pub pays: bool,
    /// The bytes it was trained on.
    pub sample_bytes: u64,
    /// The stored bytes of the held-out pages without it.
    pub held_out_before: u64,
    /// The stored bytes of the held-out pages with it.
    pub held_out_after: u64,
    /// The time the training took.
    pub seconds: f64,
}

impl std::fmt::Debug for Trained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trained")
            .field("bytes", &self.bytes.len())
            .field("pays", &self.pays)
            .field("sample_bytes", &self.sample_bytes)
            .field("held_out_before", &self.held_out_before)
            .field("held_out_after", &self.held_out_after)
            .finish_non_exhaustive()
    }
}

/// The size of a dictionary in bytes, `wanted` at most, when `expected_bytes` will be compressed with it.
pub fn fitting_size(wanted: usize, expected_bytes: u64) -> usize {
    let fitting = usize::try_from(expected_bytes / INPUT_SHARE).unwrap_or(usize::MAX);
    wanted.min(fitting).clamp(LEAST_SIZE, LARGEST_SIZE)
}

/// Trains a dictionary on `samples` and measures its effect. `None` when the samples give none.
///
/// # Errors
/// There is no memory for compression.
pub fn train(samples: &Samples, request: &Request<'_>) -> Result<Option<Trained>, FrameError> {
    let began = Instant::now();
    let size = fitting_size(request.size, request.expected_bytes);
    let (training, lengths) = samples.training();
    if lengths.len() < 8 || training.len() < LEAST_SIZE || samples.held_out().is_empty() {
        return Ok(None);
    }
    let mut encoder = Encoder::new(request.level)?;
    let pages: Vec<Vec<u8>> = samples
        .held_out()
        .iter()
        .flat_map(|run| pages(run, request.page_bytes))
        .collect();
    let (mut raw, mut before) = (0, 0);
    for payload in &pages {
        raw += payload.len() as u64;
        before += stored(&mut encoder, payload, request.current)?;
    }
    let mut best: Option<(u64, Vec<u8>)> = None;
    for &window in request.windows {
        let Some(bytes) = zdict::fastcover(training, lengths, size, window) else {
            continue;
        };
        let new = Dictionary::new(DictionaryNumber(0), Arc::from(bytes.as_slice()))?;
        let mut after = 0;
        for payload in &pages {
            after += stored(&mut encoder, payload, Some(&new))?;
        }
        if best.as_ref().is_none_or(|(least, _)| after < *least) {
            best = Some((after, bytes));
        }
    }
    let Some((after, bytes)) = best else {
        return Ok(None);
    };
    let pays = if request.current.is_some() {
        (after as f64) <= before as f64 * (1.0 - LEAST_GAIN)
    } else {
        // The dictionary itself is stored as a blob, compressed.
        let itself = stored(&mut encoder, &bytes, None)?;
        let saved_part = before.saturating_sub(after) as f64 / raw.max(1) as f64;
        saved_part * request.expected_bytes as f64 > itself as f64
    };
    Ok(Some(Trained {
        bytes,
        pays,
        sample_bytes: training.len() as u64,
        held_out_before: before,
        held_out_after: after,
        seconds: began.elapsed().as_secs_f64(),
    }))
}

/// The payloads of the frames that would store these consecutive records.
fn pages(records: &[Vec<u8>], page_bytes: usize) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    let mut page = Page::default();
    for record in records {
        page.push(record);
        if page.bytes() >= page_bytes {
            pages.push(page.payload(&mut Vec::new()).to_vec());
            page = Page::default();
        }
    }
    if !page.is_empty() {
        pages.push(page.payload(&mut Vec::new()).to_vec());
    }
    pages
}

/// The stored bytes of a payload.
fn stored(
    encoder: &mut Encoder,
    raw: &[u8],
    dictionary: Option<&Dictionary>,
) -> Result<u64, FrameError> {
    let smaller = encoder.encode(raw, dictionary)?;
    Ok(smaller.map_or(raw.len(), |(_, stored)| stored.len()) as u64)
}
