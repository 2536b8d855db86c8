//! Training dictionaries: from samples to a dictionary that is known to pay, or to none.
//!
//! Everything is bounded: the samples by [`Budget`], the training by zstd's fastcover with few windows, each about 20 ms a megabyte. Samples that no dictionary can be made of (too few, all empty, all equal) give none,
//! never an error. Pages that were kept out of the training decide: a first dictionary has to save more than it takes
//! itself, a later one at least [`LEAST_GAIN`] of what its predecessor leaves.

mod samples;
#[cfg(test)]
mod tests;
mod zdict;

pub use samples::{Budget, Run, Samples};

use std::sync::Arc;
use std::time::Instant;

use lakebed_format::DictionaryNumber;

use crate::{Dictionary, Encoder, FrameError, Page};

/// The usual size of a dictionary, in bytes: larger ones gain little and fall out of the processor's cache.
pub const DEFAULT_SIZE: usize = 112_640;
/// The smallest that can be asked for; zstd's own limit is 256.
pub const LEAST_SIZE: usize = 1024;
/// The largest that can be asked for.
pub const LARGEST_SIZE: usize = 1 << 20;
/// Training bytes for each byte of dictionary when an ingest trains by itself: 0.1 s, 0.6 % off the best.
pub const INGEST_SHARE: usize = 25;
/// The same when a user asks for training.
pub const TRAIN_SHARE: usize = 100;
/// The window an ingest uses.
pub const INGEST_WINDOWS: &[u32] = &[400];
/// The windows tried when a user asks for training.
pub const TRAIN_WINDOWS: &[u32] = &[200, 400, 1000];
/// A new generation has to make held-out pages smaller by this part.
const LEAST_GAIN: f64 = 0.03;
/// An input should hold this many bytes for each byte of dictionary, or the dictionary is made smaller.
const INPUT_SHARE: u64 = 50;

/// What a training is for.
#[derive(Debug)]
pub struct Request<'a> {
    /// Bytes the dictionary may have; little input makes it smaller.
    pub size: usize,
    /// Windows to try, of which the best is taken.
    pub windows: &'a [u32],
    /// zstd level of the frames that will use it.
    pub level: i32,
    /// Raw bytes of such a frame.
    pub page_bytes: usize,
    /// Bytes that are expected to be compressed with it, as far as is known.
    pub expected_bytes: u64,
    /// The dictionary in use.
    pub current: Option<&'a Dictionary>,
}

/// A dictionary and what it did for the pages kept out of the training.
#[derive(Clone, PartialEq)]
pub struct Trained {
    pub bytes: Vec<u8>,
    /// Whether it is worth installing.
    pub pays: bool,
    /// Bytes it was trained on.
    pub sample_bytes: u64,
    /// Bytes of the held-out pages as they would be stored without it.
    pub held_out_before: u64,
    /// And with it.
    pub held_out_after: u64,
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

/// Bytes a dictionary should have when this many are expected to be compressed with it.
pub fn fitting_size(wanted: usize, expected_bytes: u64) -> usize {
    let fitting = (expected_bytes / INPUT_SHARE).clamp(LEAST_SIZE as u64, LARGEST_SIZE as u64);
    wanted.clamp(LEAST_SIZE, LARGEST_SIZE).min(fitting as usize)
}

/// Trains a dictionary on `samples` and judges it. `None` when the samples give none.
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
        // The dictionary is itself a blob, compressed like any other.
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

/// Consecutive records as the payloads they would be stored in.
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

fn stored(
    encoder: &mut Encoder,
    raw: &[u8],
    dictionary: Option<&Dictionary>,
) -> Result<u64, FrameError> {
    let smaller = encoder.encode(raw, dictionary)?;
    Ok(smaller.map_or(raw.len(), |(_, stored)| stored.len()) as u64)
}
