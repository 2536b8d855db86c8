//! The bytes of a content as the chunker takes them: read when they are wanted, or, where a read may wait for long,
//! read ahead by a thread, so that the lines that are there can be written.

use std::io::{self, Read};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::error::{Error, Result};

/// Bytes per read of the thread.
const BLOCK: usize = 256 << 10;
/// How long the thread may give nothing before what is there is used.
const LULL: Duration = Duration::from_millis(50);

/// Bytes of a content.
pub(super) enum Feed {
    /// Read when they are wanted.
    Direct(Box<dyn Read + Send>),
    /// Read by a thread.
    Pumped(Pump),
}

/// The receiving end of a reading thread.
pub(super) struct Pump {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: io::Cursor<Vec<u8>>,
}

/// What [`Feed::read`] got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing for the moment.
    Lull,
    /// The end.
    End,
}

impl Feed {
    /// The bytes of `open`'s reader, read by a thread. When the feed is dropped the thread ends after its current read,
    /// which is not waited for: a read from a terminal or a pipe may never return.
    pub(super) fn pumped(
        open: impl FnOnce() -> io::Result<Box<dyn Read + Send>> + Send + 'static,
    ) -> Result<Self> {
        let (send, blocks) = bounded(4);
        let thread = std::thread::Builder::new()
            .name("lakebed-input".to_owned())
            .spawn(move || {
                let mut reader = match open() {
                    Ok(reader) => reader,
                    Err(error) => {
                        // Nothing receives it after the ingest ended.
                        drop(send.send(Err(error)));
                        return;
                    }
                };
                let mut ended = false;
                loop {
                    let mut block = vec![0; BLOCK];
                    let read = loop {
                        match reader.read(&mut block) {
                            Err(error)
                                if error.kind() == io::ErrorKind::Interrupted
                                    && error.get_ref().is_none() => {}
                            read => break read,
                        }
                    };
                    let sent = match read {
                        Ok(0) if ended => return,
                        // Ctrl-C also ends the program at the other end of a pipe: a second read notices it.
                        Ok(0) => {
                            ended = true;
                            continue;
                        }
                        Ok(count) => {
                            ended = false;
                            block.truncate(count);
                            send.send(Ok(block))
                        }
                        Err(error) => {
                            drop(send.send(Err(error)));
                            return;
                        }
                    };
                    if sent.is_err() {
                        return;
                    }
                }
            });
        thread.map_err(|cause| Error::io("starting a thread", cause))?;
        Ok(Self::Pumped(Pump {
            blocks,
            block: io::Cursor::default(),
        }))
    }

    /// Appends at most `most` bytes to `into`. Read directly it waits for all of them or the end.
    pub(super) fn read(&mut self, into: &mut Vec<u8>, most: usize) -> io::Result<Got> {
        let got = match self {
            Feed::Direct(reader) => Read::take(reader, most as u64).read_to_end(into)?,
            Feed::Pumped(pump) => {
                let got = Read::take(&mut pump.block, most as u64).read_to_end(into)?;
                if got > 0 || most == 0 {
                    got
                } else {
                    match pump.blocks.recv_timeout(LULL) {
                        Ok(block) => pump.block = io::Cursor::new(block?),
                        Err(RecvTimeoutError::Timeout) => return Ok(Got::Lull),
                        Err(RecvTimeoutError::Disconnected) => return Ok(Got::End),
                    }
                    Read::take(&mut pump.block, most as u64).read_to_end(into)?
                }
            }
        };
        Ok(if got == 0 { Got::End } else { Got::Bytes(got) })
    }
}
