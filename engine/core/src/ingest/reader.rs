//! The reading thread: content into chunks, chunks to the workers, promises of what they find to whoever writes.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use lakebed_format::Hash;

use super::Sizes;
use super::chunks::{Chunker, Prefix};
use super::input::{Compression, Input};
use super::lines::{Parsed, parse};
use crate::error::{Error, ErrorKind, Result};
use crate::store::OnError;
use lakebed_codec::{Promise, Workers};

/// What comes out of the reading thread, in the order of the content.
pub(super) enum Item {
    /// How the input is compressed, before anything else.
    Begins(Compression),
    /// Bytes of the input that were read to get past what was ingested before.
    Passed(u64),
    Chunk(Promise<Parsed, Error>),
    /// Everything was read: size and hash of the input as it lies there.
    Ended {
        raw_size: u64,
        raw_digest: Hash,
    },
    Failed(Error),
}

/// The receiving end. Dropping it ends the thread as soon as its current read returns; nobody waits for that, because a read
/// from a terminal or a pipe may take for ever.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) items: Receiver<Item>,
    /// Buffers to be used again.
    pub(super) spare: Sender<Vec<u8>>,
}

/// Starts reading. At most a few chunks are ahead of the receiver.
pub(super) fn start(
    input: Input,
    prefix: Option<Prefix>,
    on_error: OnError,
    sizes: Sizes,
    workers: Arc<Workers>,
) -> Result<Reading> {
    let (send, items) = bounded(workers.count() + 2);
    let (spare, used) = bounded(workers.count() + 2);
    let thread = std::thread::Builder::new()
        .name("lakebed-reader".to_owned())
        .spawn(move || {
            if let Err(error) = read(input, prefix, on_error, sizes, &workers, &send, used) {
                // Gone when the ingest was given up.
                drop(send.send(Item::Failed(error)));
            }
        });
    thread.map_err(|cause| Error::io("starting a thread", cause))?;
    Ok(Reading { items, spare })
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
    let given_up = || Error::new(ErrorKind::Interrupted, "The ingest was given up.");
    send.send(Item::Begins(content.compression))
        .map_err(|_| given_up())?;
    let raw = content.raw.clone();
    let mut chunker = Chunker::new(name, content, sizes, used);
    if let Some(prefix) = prefix {
        let mut told = 0;
        chunker.skip(&prefix, |bytes| {
            if bytes - told < 8 << 20 {
                return Ok(());
            }
            told = bytes;
            send.send(Item::Passed(bytes)).map_err(|_| given_up())
        })?;
    }
    while let Some(chunk) = chunker.next()? {
        let promise = workers
            .submit(move |_| Ok(parse(chunk, on_error)))
            .map_err(Error::from)?;
        send.send(Item::Chunk(promise)).map_err(|_| given_up())?;
    }
    let raw_digest = chunker.raw_digest();
    send.send(Item::Ended {
        raw_size: raw.bytes(),
        raw_digest,
    })
    .map_err(|_| given_up())
}
