//! `lakebed_scan(store, collection)`: the rows of a collection, typed.

use std::ffi::CStr;
use std::sync::Arc;

use arrow_schema::FieldRef;
use lakebed_core::schema::DataType;
use lakebed_core::{CommitNumber, Filter, Op, Parts, Result, ScanRequest, Seq, Snapshot, Value};

use crate::bind::{Binding, Kind, invalid};
use crate::cache::columns::Columns;
use crate::query::{self, Reading};
use crate::row_queue::Batches;
use crate::table_function::Table;
use crate::vector::Chunk;

/// A call.
pub(crate) struct Scan {
    reading: Reading,
    /// For all columns.
    request: Arc<ScanRequest>,
    columns: Arc<Columns>,
}

impl Table for Scan {
    type Work = (Parts, Arc<Snapshot>);
    type Local = Batches;

    const NAME: &'static CStr = c"lakebed_scan";
    const PARAMETERS: &'static [Kind] = &[Kind::Text, Kind::Text];
    const NAMED: &'static [(&'static CStr, Kind)] = &[
        (c"after_seq", Kind::Int),
        (c"before_seq", Kind::Int),
        (c"file", Kind::Text),
        (c"since", Kind::Time),
        (c"snapshot", Kind::Int),
        (c"columns", Kind::Texts),
    ];

    fn bind(call: &Binding) -> Result<Self> {
        let store = call.text(0, "the path of a store")?;
        let collection = call.text(1, "the name of a collection")?;
        let opened = query::open(&store)?;
        let mut request = ScanRequest::of(collection);
        let after = call.named_count(c"after_seq")?;
        let before = call.named_count(c"before_seq")?;
        let first = after.map_or(0, |after| after.saturating_add(1));
        request.range = Some(Seq(first)..Seq(before.unwrap_or(u64::MAX).max(first)));
        if let Some(file) = call.named_text(c"file") {
            request.filters.push(Filter {
                column: "_file".to_owned(),
                op: Op::Eq(Value::Text(file)),
            });
        }
        if let Some(since) = call.named_time(c"since") {
            request.filters.push(Filter {
                column: "_ingested_at".to_owned(),
                op: Op::Ge(Value::Int(since.into())),
            });
        }
        request.text_views = true;
        request.as_of = call.named_count(c"snapshot")?.map(CommitNumber);
        for (name, text) in call.named_texts(c"columns")? {
            let data_type: DataType = text.parse().map_err(|reason| {
                invalid(format!(
                    "The type {text:?} of column {name:?} cannot be read: {reason}."
                ))
            })?;
            request.types.push((name, data_type));
        }
        let columns = Columns::of(call, &opened, &request)?;
        columns.declare(call);
        let rows = rows_of(&opened.snapshot, &request)?;
        call.cardinality(rows, request.filters.is_empty() && request.as_of.is_none());
        let request = Arc::new(request);
        let bound = (Arc::clone(&request), Arc::clone(&columns.schema));
        Ok(Self {
            reading: query::bind(opened, Some(bound)),
            request,
            columns,
        })
    }

    fn start(&self, columns: &[usize]) -> Result<(Self::Work, usize)> {
        let snapshot = self.reading.execute()?;
        let fields: Vec<&FieldRef> = columns
            .iter()
            .map(|number| {
                self.columns.fields.get(*number).ok_or_else(|| {
                    invalid(format!("DuckDB asked lakebed_scan for column {number}, which it does not have; please report this."))
                })
            })
            .collect::<Result<_>>()?;
        let request = ScanRequest {
            columns: Some(fields.iter().map(|field| field.name().clone()).collect()),
            ..ScanRequest::clone(&self.request)
        };
        let parts = snapshot.parts(&request)?;
        if !parts.schema().fields().iter().eq(fields) {
            return Err(invalid(
                "The columns of a scan are not those that were planned, which is a bug worth reporting.",
            ));
        }
        let threads = parts.count();
        Ok(((parts, snapshot), threads))
    }

    fn next(
        &self,
        (parts, _): &Self::Work,
        batches: &mut Batches,
        chunk: &mut Chunk,
    ) -> Result<()> {
        while !batches.fill(chunk)? {
            let Some(part) = parts.take() else {
                return Ok(());
            };
            batches.extend_by(part?);
        }
        Ok(())
    }
}

/// How many rows the request gives at most.
fn rows_of(snapshot: &Snapshot, request: &ScanRequest) -> Result<u64> {
    let collection = snapshot.collection(&request.collection)?;
    let asked = request.range.as_ref().map_or(u64::MAX, |range| {
        let start = range.start.max(collection.first_seq);
        let end = range.end.min(collection.next_seq);
        end.0.saturating_sub(start.0)
    });
    Ok(collection.rows.min(asked))
}
