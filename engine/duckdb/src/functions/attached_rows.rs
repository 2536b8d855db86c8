//! The rows of a collection of an attached store that DuckDB does not read from files: `lakebed_attached_rows(number,
//! piece)`, which the texts of its queries name, and nobody else.

use std::ffi::CStr;
use std::sync::Arc;

use lakebed_core::{Parts, Result, ScanRequest, Seq, Snapshot};

use super::scan::Scan;
use crate::attached::pieces::Piece;
use crate::attached::pinned::{self, PinnedCollection};
use crate::bind::BindCall;
use crate::callback::internal;
use crate::row_queue::RowQueue;
use crate::table_function::TableFunction;
use crate::types::ParameterType;
use crate::vector::OutputChunk;

/// A call of `lakebed_attached_rows`.
pub(crate) struct AttachedRows {
    scan: Scan,
    /// Held for the functions that compute columns of the files.
    _pinned: Arc<PinnedCollection>,
}

impl TableFunction for AttachedRows {
    type Execution = (Parts, Arc<Snapshot>);
    type ThreadState = RowQueue;

    const NAME: &'static CStr = c"lakebed_attached_rows";
    const PARAMETERS: &'static [ParameterType] = &[ParameterType::Int, ParameterType::Int];
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)] = &[];

    fn bind(call: &BindCall) -> Result<Self> {
        let pinned = pinned::bind(call.int(0, "a number")?)?;
        let piece = usize::try_from(call.int(1, "a number")?).ok();
        let piece = piece.and_then(|piece| pinned.pieces.get(piece));
        let Some(Piece::Others(range)) = piece else {
            return Err(internal(
                "A query asks for rows that its table does not have.",
            ));
        };
        let mut request = ScanRequest::of(pinned.collection.clone());
        request.range = Some(range.start..Seq(range.end.0.max(range.start.0)));
        request.without.clone_from(&pinned.segments);
        request.text_views = true;
        let scan = Scan::bind(call, pinned.store.opened(), request)?;
        Ok(Self {
            scan,
            _pinned: pinned,
        })
    }

    fn execute(&self, columns: &[usize]) -> Result<(Self::Execution, usize)> {
        self.scan.execute(columns)
    }

    fn produce(
        &self,
        execution: &Self::Execution,
        rows: &mut RowQueue,
        chunk: &mut OutputChunk,
    ) -> Result<()> {
        Scan::produce(execution, rows, chunk)
    }
}
