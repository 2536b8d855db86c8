//! The columns of a scan as they are declared to DuckDB, made once for each schema of a collection.

use std::sync::Arc;

use arrow_schema::{FieldRef, SchemaRef};
use lakebed_core::schema::Schema;
use lakebed_core::{Result, ScanRequest};

use crate::bind::{Binding, Column};
use crate::query::Opened;

/// The column that costs the least. It comes first, because DuckDB asks for the first column to count rows.
const FIRST: &str = "_seq";

/// Columns of a scan that asks for all of them.
#[derive(Debug)]
pub(crate) struct Columns {
    /// The collection's schema they were made from, which is kept so that no other can lie at its address.
    typed: Arc<Schema>,
    /// In the engine's order.
    pub(crate) schema: SchemaRef,
    /// In the order they are declared.
    pub(crate) fields: Vec<FieldRef>,
    declared: Vec<Column>,
}

impl Columns {
    /// The columns of this scan.
    pub(crate) fn of(call: &Binding, opened: &Opened, request: &ScanRequest) -> Result<Arc<Self>> {
        let typed = opened.snapshot.schema(&request.collection)?;
        let usual =
            request.types.is_empty() && request.filters.is_empty() && request.as_of.is_none();
        if usual
            && let Some(known) = opened
                .kept
                .columns(|known| Arc::ptr_eq(&known.typed, &typed))
        {
            return Ok(known);
        }
        let schema = opened.snapshot.scan_schema(request)?;
        let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
        fields.sort_by_key(|field| field.name() != FIRST);
        let declared = fields.iter().map(|field| call.prepare(field));
        let columns = Arc::new(Self {
            declared: declared.collect::<Result<_>>()?,
            typed,
            schema,
            fields,
        });
        if usual {
            opened.kept.keep_columns(&columns);
        }
        Ok(columns)
    }

    /// Declares them as the columns of this call.
    pub(crate) fn declare(&self, call: &Binding) {
        for column in &self.declared {
            call.declare(column);
        }
    }
}
