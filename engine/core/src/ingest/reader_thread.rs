//! The reader thread: it reads the input, cuts it into chunks, gives these to the workers, and sends the promises of
//! their results.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use lakebed_format::Hash;

use super::Sizes;
use super::chunks::{Chunker, Prefix};
use super::input::{Compression, Input};
use super::lines::{Parsed, parse};
use super::request::OnError;
use crate::error::{Error, ErrorKind, Result};
use lakebed_codec::{Promise, Workers};

/// Bytes of the input between two reports of skipping.
const REPORT_BYTES: u64 = 8 << 20;

/// What the reader thread sends, in the order of the content.
pub(super) enum Item {
    /// The compression of the input; sent first.
    Begins(Compression),
    /// Bytes of the input that were read so far, while the part that was ingested before is skipped.
    SkippedTo(u64),
    /// The next chunk.
    Chunk(Promise<Parsed, Error>),
    /// The end of the input, with the size and hash of the input before decompression.
    Ended { raw_size: u64, raw_digest: Hash },
    /// The input cannot be read.
    Failed(Error),
}

/// The receiving end. When it is dropped the thread ends after its current read, which is not waited for: a read from a
/// terminal or a pipe may never return.
#[derive(Debug)]
pub(super) struct ReaderThread {
    pub(super) items: Receiver<Item>,
    /// Takes used buffers, which the thread fills again.
    pub(super) spare: Sender<Vec<u8>>,
}

/// Starts the thread. It is at most a few chunks ahead of the receiver.
pub(super) fn start(
    input: Input,
    prefix: Option<Prefix>,
    on_error: OnError,
    sizes: Sizes,
    workers: Arc<Workers>,
) -> Result<ReaderThread> {
    let (send, items) = bounded(workers.count() + 2);
    let (spare, used) = bounded(workers.count() + 2);
    let thread = std::thread::Builder::new()
        .name("lakebed-reader".to_owned())
        .spawn(move || {
            if let Err(error) = read(input, prefix, on_error, sizes, &workers, &send, used) {
                // After the ingest ended nothing receives it.
                drop(send.send(Item::Failed(error)));
            }
        });
    thread.map_err(|cause| Error::io("starting a thread", cause))?;
    Ok(ReaderThread { items, spare })
}

fn read(
    input: Input,
    prefix: Option<Prefix>,
    on_error: OnError,
    sizes: Sizes,
    workers: &Workers,
    send: &Sender<Item>,
    used: Receiver<Vec<u8>>,
) -> Result<()> {
    let name = input.name.clone();
    let content = input.content()?;
    let abandoned = || Error::new(ErrorKind::Interrupted, "The ingest was abandoned.");
    send.send(Item::Begins(content.compression))
        .map_err(|_| abandoned())?;
    let raw = content.raw.clone();
    let mut chunker = Chunker::new(name, content, sizes, used);
    if let Some(prefix) = prefix {
        let mut reported = 0;
        chunker.skip_prefix(&prefix, |bytes| {
            if bytes - reported < REPORT_BYTES {
                return Ok(());
            }
            reported = bytes;
            send.send(Item::SkippedTo(bytes)).map_err(|_| abandoned())
        })?;
    }
    while let Some(chunk) = chunker.next()? {
        let promise = workers
            .submit(move |_| parse(chunk, on_error))
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
