//! The columns of a scan as DuckDB takes them, made once for each schema of a collection.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_schema::{FieldRef, SchemaRef};
use lakebed_core::schema::Schema;
use lakebed_core::{Result, ScanRequest, Snapshot};
use parking_lot::Mutex;

use crate::bind::{BindCall, ResultColumn};

/// How many collections' columns are kept.
const COLLECTIONS: usize = 16;

/// The column that costs the least. It comes first, because DuckDB reads the first column to count rows.
const CHEAPEST: &str = "_seq";

/// All columns of a scan.
#[derive(Debug)]
pub(crate) struct ScanColumns {
    /// The collection's schema that they were made from. Holding it keeps its address, which identifies it, from being
    /// reused.
    typed: Arc<Schema>,
    /// In the engine's order.
    pub(crate) schema: SchemaRef,
    /// In the order of the result.
    pub(crate) fields: Vec<FieldRef>,
    result_columns: Vec<ResultColumn>,
}

impl ScanColumns {
    /// Adds them to the result of a call.
    pub(crate) fn add_to(&self, call: &BindCall) {
        for column in &self.result_columns {
            call.add_column(column);
        }
    }
}

/// The columns that were made last, the newest at the end.
#[derive(Debug, Default)]
pub(crate) struct ColumnCache {
    columns: Mutex<VecDeque<Arc<ScanColumns>>>,
}

impl ColumnCache {
    /// The columns of this scan, from the cache where the request does not change them.
    pub(crate) fn columns(
        &self,
        call: &BindCall,
        snapshot: &Snapshot,
        request: &ScanRequest,
    ) -> Result<Arc<ScanColumns>> {
        let typed = snapshot.schema(&request.collection)?;
        let cacheable = request.types.is_empty()
            && request.columns.is_none()
            && request.filters.is_empty()
            && request.as_of.is_none();
        if cacheable {
            let cached = self.columns.lock();
            if let Some(found) = cached.iter().find(|one| Arc::ptr_eq(&one.typed, &typed)) {
                return Ok(Arc::clone(found));
            }
        }
        let schema = snapshot.scan_schema(request)?;
        let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
        if request.columns.is_none() {
            fields.sort_by_key(|field| field.name() != CHEAPEST);
        }
        let result_columns = fields.iter().map(|field| call.result_column(field));
        let columns = Arc::new(ScanColumns {
            result_columns: result_columns.collect::<Result<_>>()?,
            typed,
            schema,
            fields,
        });
        if cacheable {
            let mut cached = self.columns.lock();
            if cached.len() >= COLLECTIONS {
                cached.pop_front();
            }
            cached.push_back(Arc::clone(&columns));
        }
        Ok(columns)
    }
}
