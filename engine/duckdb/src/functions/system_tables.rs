//! `lakebed_blobs(store)` and the other tables that a store has about itself.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow_array::RecordBatchReader as _;
use arrow_schema::{ArrowError, SchemaRef};
use lakebed_core::scan::system::SystemScan;
use lakebed_core::{Error, Result, Snapshot};
use parking_lot::Mutex;

use crate::bind::{Binding, Kind, invalid};
use crate::query::{self, Reading};
use crate::row_queue::Batches;
use crate::table_function::Table;
use crate::vector::Chunk;

/// Which table.
pub(crate) trait Which: Send + Sync + 'static {
    const FUNCTION: &'static CStr;
    const TABLE: &'static str;
}

macro_rules! tables {
    ($($name:ident $function:literal $table:literal;)*) => {$(
        pub(crate) struct $name;

        impl Which for $name {
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

/// A call.
pub(crate) struct System<W> {
    reading: Reading,
    schema: SchemaRef,
    which: PhantomData<W>,
}

impl<W: Which> Table for System<W> {
    type Work = (Mutex<SystemScan>, Arc<Snapshot>);
    type Local = Batches;

    const NAME: &'static CStr = W::FUNCTION;
    const PARAMETERS: &'static [Kind] = &[Kind::Text];
    const NAMED: &'static [(&'static CStr, Kind)] = &[];

    fn bind(call: &Binding) -> Result<Self> {
        let store = call.text(0, "the path of a store")?;
        let opened = query::open(&store)?;
        let schema = opened.snapshot.system_schema(W::TABLE)?;
        for field in schema.fields() {
            call.declare(&call.prepare(field)?);
        }
        Ok(Self {
            reading: query::bind(opened, None),
            schema,
            which: PhantomData,
        })
    }

    fn start(&self, columns: &[usize]) -> Result<(Self::Work, usize)> {
        let snapshot = self.reading.execute()?;
        let names: Vec<String> = columns
            .iter()
            .map(|number| {
                let field = self.schema.fields().get(*number);
                field.map(|field| field.name().clone()).ok_or_else(|| {
                    invalid(format!(
                        "DuckDB asked {} for column {number}, which it does not have; please report this.",
                        W::FUNCTION.to_string_lossy()
                    ))
                })
            })
            .collect::<Result<_>>()?;
        let table = snapshot.system_table(W::TABLE, Some(&names))?;
        let made = table.schema();
        let planned = columns.iter().filter_map(|n| self.schema.fields().get(*n));
        if !made.fields().iter().eq(planned) {
            return Err(invalid(
                "The columns of a table are not those that were planned, which is a bug worth reporting.",
            ));
        }
        Ok(((Mutex::new(table), snapshot), 1))
    }

    fn next(
        &self,
        (table, _): &Self::Work,
        batches: &mut Batches,
        chunk: &mut Chunk,
    ) -> Result<()> {
        while !batches.fill(chunk)? {
            match table.lock().next() {
                None => return Ok(()),
                Some(batch) => batches.extend([batch.map_err(unwrapped)?]),
            }
        }
        Ok(())
    }
}

/// The engine's own error behind Arrow's.
fn unwrapped(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => invalid(other.to_string()),
        },
        other => invalid(other.to_string()),
    }
}
