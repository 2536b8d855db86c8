//! The writer of a part's file: on a thread of its own beside the one that takes records apart, or on the same.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use arrow_array::RecordBatch;
use lakebed_columns::{ColumnsError, PartWriter, WrittenPart};

use super::sink::Sink;

/// Batches that wait for the writer.
const WAITING: usize = 1;

type Outcome<T> = Result<T, ColumnsError>;

/// Takes batches, and ends with the file.
pub(super) enum Encoder<'scope> {
    /// On the caller's thread.
    Here(Box<PartWriter<Sink>>),
    /// On another one. `None` ends the file; where the sender goes without it, the file is not wanted.
    Beside {
        batches: SyncSender<Option<RecordBatch>>,
        thread: ScopedJoinHandle<'scope, Outcome<Option<WrittenPart>>>,
    },
}

impl<'scope> Encoder<'scope> {
    /// With more than one thread the writer has its own.
    pub(super) fn begin(
        scope: &'scope Scope<'scope, '_>,
        mut writer: PartWriter<Sink>,
        threads: usize,
    ) -> Self {
        if threads < 2 {
            return Self::Here(Box::new(writer));
        }
        let (batches, received) = sync_channel::<Option<RecordBatch>>(WAITING);
        let thread = scope.spawn(move || {
            while let Ok(batch) = received.recv() {
                match batch {
                    Some(batch) => writer.push(batch)?,
                    None => return writer.finish().map(Some),
                }
            }
            Ok(None)
        });
        Self::Beside { batches, thread }
    }

    /// Adds rows. False when the writer failed: [`Encoder::finish`] says why.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Outcome<bool> {
        match self {
            Self::Here(writer) => writer.push(batch).map(|()| true),
            Self::Beside { batches, .. } => Ok(batches.send(Some(batch)).is_ok()),
        }
    }

    /// Ends the file.
    pub(super) fn finish(self) -> Outcome<WrittenPart> {
        match self {
            Self::Here(writer) => writer.finish(),
            Self::Beside { batches, thread } => {
                // A writer that is gone has an error to tell.
                let _ = batches.send(None);
                drop(batches);
                let ended = || ColumnsError::new("the thread that writes them ended early");
                thread.join().map_err(|_| ended())??.ok_or_else(ended)
            }
        }
    }
}
