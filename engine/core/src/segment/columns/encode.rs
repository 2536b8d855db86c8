//! The second and third step of writing a part: records become shapes and columns, and columns the file.

use arrow_array::{ArrayRef, RecordBatch};
use lakebed_columns::{ColumnsError, PartWriter, WrittenPart};
use lakebed_json::shapes::{ArrowValues, Leaves, Shaper};

use super::batch::Batch;
use super::rows::PartRows;
use super::sink::Sink;
use super::stage::{Stage, Work};
use crate::error::{Error, Result};

/// Of the bytes of the records, the part that may lie outside typed columns: a tenth.
const OVERFLOW: u64 = 10;

/// Writes the file.
pub(super) struct Encoding {
    writer: PartWriter<Sink>,
    failed: Option<ColumnsError>,
}

impl Encoding {
    pub(super) fn new(writer: PartWriter<Sink>) -> Self {
        Self {
            writer,
            failed: None,
        }
    }
}

impl Work for Encoding {
    type Item = RecordBatch;
    type Outcome = std::result::Result<WrittenPart, ColumnsError>;

    fn take(&mut self, batch: RecordBatch) -> bool {
        self.failed = self.writer.push(batch).err();
        self.failed.is_none()
    }

    fn finish(self) -> Self::Outcome {
        match self.failed {
            Some(error) => Err(error),
            None => self.writer.finish(),
        }
    }
}

/// Which batches are rebuilt before they are written, so that records that would differ are kept raw. In the end each
/// record is rebuilt from the file in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settling {
    /// The first one; the others too, if it had such records.
    First,
    Each,
    /// No more.
    Settled,
}

/// What became of the records.
pub(super) enum Taken {
    /// They are not worth it, for this reason.
    Unfit(String),
    Written(std::result::Result<WrittenPart, ColumnsError>),
}

/// What shaping ended with.
pub(super) struct Shaped {
    pub(super) shaper: Shaper,
    pub(super) taken: Result<Taken>,
}

/// Finds the shapes of records, and hands rows of columns on.
pub(super) struct Shaping<'scope, 'a> {
    rows: &'a PartRows,
    leaves: &'a Leaves,
    shaper: Shaper,
    encoding: Stage<'scope, Encoding>,
    settling: Settling,
    raw_bytes: u64,
    overflow: u64,
    over: Option<Result<Taken>>,
}

impl<'scope, 'a> Shaping<'scope, 'a> {
    pub(super) fn new(
        rows: &'a PartRows,
        leaves: &'a Leaves,
        shaper: Shaper,
        settling: Settling,
        encoding: Stage<'scope, Encoding>,
    ) -> Self {
        Self {
            rows,
            leaves,
            shaper,
            encoding,
            settling,
            raw_bytes: 0,
            overflow: 0,
            over: None,
        }
    }

    fn add(&mut self, mut batch: Batch, arrays: Vec<ArrayRef>) -> Result<Option<Taken>> {
        self.raw_bytes += batch.bytes() as u64;
        batch.shape(&mut self.shaper);
        if self.settling != Settling::Settled {
            let mut values = ArrowValues::new(self.leaves, &arrays)
                .ok_or_else(|| Error::internal("arrays are not of the types of their columns"))?;
            let differ = batch.settle(&self.shaper, &mut values);
            if self.settling == Settling::First {
                self.settling = if differ == 0 {
                    Settling::Settled
                } else {
                    Settling::Each
                };
            }
        }
        self.overflow += batch.overflow();
        let out = batch.into_columns(self.rows, arrays);
        let out = out.map_err(|_| Error::internal("columns of a part differ in length"))?;
        let overflow = self.overflow + self.shaper.shapes().bytes() as u64;
        if overflow * OVERFLOW > self.raw_bytes {
            let percent = overflow * 100 / self.raw_bytes.max(1);
            return Ok(Some(Taken::Unfit(format!(
                "{percent} % of its bytes do not fit typed columns or repeated shapes"
            ))));
        }
        if self.encoding.push(out) {
            return Ok(None);
        }
        // The writer failed, and says why at its end.
        Ok(Some(Taken::Written(Err(ended()))))
    }
}

impl Work for Shaping<'_, '_> {
    type Item = (Batch, Vec<ArrayRef>);
    type Outcome = Shaped;

    fn take(&mut self, (batch, arrays): Self::Item) -> bool {
        self.over = self.add(batch, arrays).transpose();
        self.over.is_none()
    }

    fn finish(self) -> Shaped {
        let taken = match self.over {
            None | Some(Ok(Taken::Written(_))) => {
                let written = self.encoding.finish();
                Ok(Taken::Written(written.unwrap_or_else(|| Err(ended()))))
            }
            Some(taken) => taken,
        };
        Shaped {
            shaper: self.shaper,
            taken,
        }
    }
}

fn ended() -> ColumnsError {
    ColumnsError::new("the thread that writes them ended early")
}
