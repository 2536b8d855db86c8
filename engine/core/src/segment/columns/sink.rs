//! The file of a part as a stream of bytes.

use std::io::{self, Write};
use std::sync::Arc;

use lakebed_format::RunningChecksum;
use lakebed_vfs::File;
use parking_lot::Mutex;

/// Bytes held in memory before they go to the file.
const BUFFER: usize = 1 << 20;

/// Writes to a file from its start on.
#[derive(Debug)]
pub(super) struct Sink {
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    end: Arc<Mutex<SinkEnd>>,
}

/// What is known of the bytes that were written.
#[derive(Debug)]
pub(super) struct SinkEnd {
    len: u64,
    sum: RunningChecksum,
    /// The first error of the file.
    pub(super) error: Option<io::Error>,
}

impl SinkEnd {
    /// Length and checksum of the file, when everything was written.
    pub(super) fn finished(&self) -> (u64, u64) {
        (self.len, self.sum.clone().finish())
    }
}

impl Sink {
    pub(super) fn new(file: Arc<dyn File>, salt: u64) -> Self {
        let end = SinkEnd {
            len: 0,
            sum: RunningChecksum::new(salt),
            error: None,
        };
        Self {
            file,
            buffer: Vec::with_capacity(BUFFER),
            end: Arc::new(Mutex::new(end)),
        }
    }

    /// What is known of the bytes, also after the sink is gone.
    pub(super) fn end(&self) -> Arc<Mutex<SinkEnd>> {
        Arc::clone(&self.end)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut end = self.end.lock();
        if let Err(error) = self.file.write_all_at(&self.buffer, end.len) {
            let kind = error.kind();
            end.error.get_or_insert(error);
            return Err(kind.into());
        }
        end.len += self.buffer.len() as u64;
        end.sum.update(&self.buffer);
        self.buffer.clear();
        Ok(())
    }
}
