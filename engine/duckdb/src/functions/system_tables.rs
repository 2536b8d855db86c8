//! `lakebed_blobs(store)` and the functions for the other system tables of a store.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::RecordBatchReader as _;
use arrow_schema::{ArrowError, SchemaRef};
use lakebed_core::scan::system::SystemScan;
use lakebed_core::{Error, Result, Snapshot};
use parking_lot::Mutex;

use crate::bind::BindCall;
use crate::callback::internal;
use crate::query_snapshot::{self, CallSnapshot};
use crate::row_queue::RowQueue;
use crate::table_function::TableFunction;
use crate::types::ParameterType;
use crate::vector::OutputChunk;

/// A system table: its name in the engine, and the function that reads it.
pub(crate) trait SystemTable: Send + Sync + 'static {
    const FUNCTION: &'static CStr;
    const TABLE: &'static str;
}

macro_rules! tables {
    ($($name:ident $function:literal $table:literal;)*) => {$(
        pub(crate) struct $name;

        impl SystemTable for $name {
            const FUNCTION: &'static CStr = $function;
            const TABLE: &'static str = $table;
        }
    )*};
}

tables! {
    Blobs c"lakebed_blobs" "blobs";
    Collections c"lakebed_collections" "collections";
    Segments c"lakebed_segments" "segments";
    Dictionaries c"lakebed_dictionaries" "dictionaries";
    Commits c"lakebed_commits" "commits";
}

/// A call of a system table's function.
pub(crate) struct SystemFunction<T> {
    snapshot: CallSnapshot,
    schema: SchemaRef,
    table: PhantomData<T>,
}

impl<T: SystemTable> TableFunction for SystemFunction<T> {
    type Execution = (Mutex<SystemScan>, Arc<Snapshot>);
    type ThreadState = RowQueue;

    const NAME: &'static CStr = T::FUNCTION;
    const PARAMETERS: &'static [ParameterType] = &[ParameterType::Text];
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)] = &[];

    fn bind(call: &BindCall) -> Result<Self> {
        let store = call.text(0, "the path of a store")?;
        let opened = query_snapshot::open(&store, &call.file_access())?;
        let schema = opened.snapshot.system_schema(T::TABLE)?;
        for field in schema.fields() {
            call.add_column(&call.result_column(field)?);
        }
        Ok(Self {
            snapshot: query_snapshot::join_query(call, opened, None),
            schema,
            table: PhantomData,
        })
    }

    fn execute(&self, columns: &[usize]) -> Result<(Self::Execution, usize)> {
        let snapshot = self.snapshot.for_execution()?;
        let names: Vec<String> = columns
            .iter()
            .map(|number| {
                let field = self.schema.fields().get(*number);
                field.map(|field| field.name().clone()).ok_or_else(|| {
                    internal(format!(
                        "DuckDB asked {} for column {number}, which it does not have; please report this.",
                        T::FUNCTION.to_string_lossy()
                    ))
                })
            })
            .collect::<Result<_>>()?;
        let table = snapshot.system_table(T::TABLE, Some(&names))?;
        let made = table.schema();
        let planned = columns.iter().filter_map(|n| self.schema.fields().get(*n));
        if !made.fields().iter().eq(planned) {
            return Err(internal(
                "The columns of a table are not those that were planned, which is a bug worth reporting.",
            ));
        }
        Ok(((Mutex::new(table), snapshot), 1))
    }

    fn produce(
        &self,
        (table, _): &Self::Execution,
        rows: &mut RowQueue,
        chunk: &mut OutputChunk,
    ) -> Result<()> {
        while !rows.fill(chunk)? {
            match table.lock().next() {
                None => return Ok(()),
                Some(batch) => rows.extend([batch.map_err(unwrapped)?]),
            }
        }
        Ok(())
    }
}

/// The engine's error inside an Arrow error.
fn unwrapped(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => internal(other.to_string()),
        },
        other => internal(other.to_string()),
    }
}
