//! The reader thread: it cuts the content into chunks, gives these to the workers, and sends the promises of their
//! results.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use lakebed_format::Hash;

use super::chunks::Chunker;
use super::compression::Raw;
use super::content::Content;
use super::lines::{Parsed, Rules, parse};
use crate::error::{Error, ErrorKind, Result};
use lakebed_codec::{Promise, Workers};

/// What the reader thread sends, in the order of the content.
pub(super) enum Item {
    /// The next chunk.
    Chunk(Promise<Parsed, Error>),
    /// The end of the input, with the size and hash of the input before decompression.
    Ended { raw_size: u64, raw_digest: Hash },
    /// The input cannot be read.
    Failed(Error),
}

/// The receiving end. When it is dropped the thread ends after its current read, which is not waited for.
#[derive(Debug)]
pub(super) struct ReaderThread {
    pub(super) items: Receiver<Item>,
    /// Takes used buffers, which the thread fills again.
    pub(super) spare: Sender<Vec<u8>>,
    abandoned: Arc<AtomicBool>,
}

impl Drop for ReaderThread {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

/// Starts the thread. It is at most a few chunks ahead of the receiver.
pub(super) fn start(content: Content, rules: Rules, workers: Arc<Workers>) -> Result<ReaderThread> {
    let (send, items) = bounded(workers.count() + 2);
    let (spare, used) = bounded(workers.count() + 2);
    let Content {
        mut chunker, raw, ..
    } = content;
    chunker.spare = Some(used);
    let abandoned = Arc::clone(&chunker.abandoned);
    let thread = std::thread::Builder::new()
        .name("lakebed-reader".to_owned())
        .spawn(move || {
            if let Err(error) = read(chunker, &raw, rules, &workers, &send) {
                // After the ingest ended nothing receives it.
                drop(send.send(Item::Failed(error)));
            }
        });
    thread.map_err(|cause| Error::io("starting a thread", cause))?;
    Ok(ReaderThread {
        items,
        spare,
        abandoned,
    })
}

fn read(
    mut chunker: Chunker,
    raw: &Raw,
    rules: Rules,
    workers: &Workers,
    send: &Sender<Item>,
) -> Result<()> {
    let abandoned = || Error::new(ErrorKind::Interrupted, "The ingest was abandoned.");
    while let Some(chunk) = chunker.next()? {
        let promise = workers
            .submit(move |_| parse(chunk, rules))
            .map_err(Error::from)?;
        send.send(Item::Chunk(promise)).map_err(|_| abandoned())?;
    }
    let raw_digest = chunker.raw_digest();
    send.send(Item::Ended {
        raw_size: raw.bytes(),
        raw_digest,
    })
    .map_err(|_| abandoned())
}
