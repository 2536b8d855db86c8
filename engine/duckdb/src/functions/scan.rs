//! `lakebed_scan(store, collection)`: the rows of a collection, typed.

use std::ffi::CStr;
use std::sync::Arc;

use arrow_schema::FieldRef;
use lakebed_core::schema::DataType;
use lakebed_core::{CommitNumber, Filter, Op, Parts, Result, ScanRequest, Seq, Snapshot, Value};

use crate::bind::{BindCall, Columns};
use crate::cache::columns::ScanColumns;
use crate::callback::{internal, invalid};
use crate::query_snapshot::{self, CallSnapshot, OpenStore};
use crate::row_queue::RowQueue;
use crate::table_function::TableFunction;
use crate::types::ParameterType;
use crate::vector::OutputChunk;
use lakebed_core::quoted;

/// A call of `lakebed_scan`.
pub(crate) struct ScanFunction(Scan);

/// A scan of a collection that a call asks for.
pub(super) struct Scan {
    snapshot: CallSnapshot,
    /// The request for all columns.
    request: Arc<ScanRequest>,
    columns: Arc<ScanColumns>,
}

impl TableFunction for ScanFunction {
    type Execution = (Parts, Arc<Snapshot>);
    type ThreadState = RowQueue;

    const NAME: &'static CStr = c"lakebed_scan";
    const PARAMETERS: &'static [ParameterType] = &[ParameterType::Text, ParameterType::Text];
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)] = &[
        (c"after_seq", ParameterType::Int),
        (c"before_seq", ParameterType::Int),
        (c"file", ParameterType::Text),
        (c"since", ParameterType::Time),
        (c"snapshot", ParameterType::Int),
        (c"columns", ParameterType::Columns),
    ];

    fn bind(call: &BindCall) -> Result<Self> {
        let store = call.text(0, "the path of a store")?;
        let collection = call.text(1, "the name of a collection")?;
        let opened = query_snapshot::open(&store, &call.file_access())?;
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
        match call.named_columns(c"columns")? {
            Columns::All => {}
            Columns::Named(names) => request.columns = Some(checked(names)?),
            Columns::Typed(types) => {
                for (name, text) in types {
                    let data_type: DataType = text.parse().map_err(|reason| {
                        invalid(format!(
                            "The type {text} of column {name} cannot be read: {reason}.",
                            text = quoted(text),
                            name = quoted(&name)
                        ))
                    })?;
                    request.types.push((name, data_type));
                }
            }
        }
        Ok(Self(Scan::bind(call, opened, request)?))
    }

    fn execute(&self, columns: &[usize]) -> Result<(Self::Execution, usize)> {
        self.0.execute(columns)
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

impl Scan {
    /// Declares the columns, and joins the query.
    pub(super) fn bind(call: &BindCall, opened: OpenStore, request: ScanRequest) -> Result<Self> {
        let columns = opened
            .store
            .columns
            .columns(call, &opened.snapshot, &request)?;
        columns.add_to(call);
        let rows = most_rows(&opened.snapshot, &request)?;
        call.set_cardinality(rows, request.filters.is_empty() && request.as_of.is_none());
        let request = Arc::new(request);
        let bound = (Arc::clone(&request), Arc::clone(&columns.schema));
        Ok(Self {
            snapshot: query_snapshot::join_query(call, opened, Some(bound)),
            request,
            columns,
        })
    }

    /// See [`TableFunction::execute`].
    pub(super) fn execute(&self, columns: &[usize]) -> Result<((Parts, Arc<Snapshot>), usize)> {
        let snapshot = self.snapshot.for_execution()?;
        let fields: Vec<&FieldRef> = columns
            .iter()
            .map(|number| {
                self.columns.fields.get(*number).ok_or_else(|| {
                    internal(format!("DuckDB asked lakebed_scan for column {number}, which it does not have; please report this."))
                })
            })
            .collect::<Result<_>>()?;
        let request = ScanRequest {
            columns: Some(fields.iter().map(|field| field.name().clone()).collect()),
            ..ScanRequest::clone(&self.request)
        };
        let parts = snapshot.parts(&request)?;
        if !parts.schema().fields().iter().eq(fields) {
            return Err(internal(
                "The columns of a scan are not those that were planned, which is a bug worth reporting.",
            ));
        }
        let threads = parts.count();
        Ok(((parts, snapshot), threads))
    }

    /// See [`TableFunction::produce`].
    pub(super) fn produce(
        (parts, _): &(Parts, Arc<Snapshot>),
        rows: &mut RowQueue,
        chunk: &mut OutputChunk,
    ) -> Result<()> {
        while !rows.fill(chunk)? {
            let Some(part) = parts.take() else {
                return Ok(());
            };
            rows.push_part(part?);
        }
        Ok(())
    }
}

/// Names of columns, of which there is at least one and none twice.
fn checked(names: Vec<String>) -> Result<Vec<String>> {
    if names.is_empty() {
        return Err(invalid(
            "lakebed_scan was given columns := []: name at least one column, or leave the argument out.".to_owned(),
        ));
    }
    for (place, name) in names.iter().enumerate() {
        let mut before = names.iter().take(place);
        if before.any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(invalid(format!(
                "lakebed_scan was given the column {name} twice in columns := [...]: name it once.",
                name = quoted(&name)
            )));
        }
    }
    Ok(names)
}

/// An upper bound of the number of rows.
fn most_rows(snapshot: &Snapshot, request: &ScanRequest) -> Result<u64> {
    let collection = snapshot.collection(&request.collection)?;
    let requested = request.range.as_ref().map_or(u64::MAX, |range| {
        let start = range.start.max(collection.first_seq);
        let end = range.end.min(collection.next_seq);
        end.0.saturating_sub(start.0)
    });
    Ok(collection.rows.min(requested))
}
