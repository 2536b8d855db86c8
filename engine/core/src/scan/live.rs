//! What the rows of a collection hold that are there, without those that were trimmed or deleted: by reading them.

use std::sync::Arc;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_schema::ArrowError;
use lakebed_json::extract::Extractor;
use lakebed_json::schema::{ColumnSource, Schema, Summary, to_columns, validate_and_observe};

use super::request::ScanRequest;
use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::Snapshot;

/// Rows whose values are extracted at a time, to count them.
const BATCH_ROWS: usize = 8192;
/// Bytes of their records.
const BATCH_BYTES: usize = 64 << 20;

impl Snapshot {
    /// The summary of the rows there are.
    ///
    /// # Errors
    /// `CollectionNotFound`, `Corrupt`, `Io`, `Interrupted`.
    pub(crate) fn live_summary(&self, collection: &str) -> Result<Summary> {
        let mut summary = Summary::new();
        self.each_record(&ScanRequest::of(collection), |record| {
            let observed = validate_and_observe(record.as_bytes(), &mut summary);
            observed.map(drop).map_err(|error| {
                Error::new(
                    ErrorKind::Corrupt,
                    format!("A record of collection {collection} is not JSON: {error}."),
                )
            })
        })?;
        Ok(summary)
    }

    /// The typed columns of a collection, with the counts of the rows there are, and of the values that declared types
    /// cannot hold.
    ///
    /// # Errors
    /// As [`Snapshot::schema`]; `Io`, `Interrupted`.
    pub fn counted_schema(&self, collection: &str) -> Result<Arc<Schema>> {
        let schema = self.schema(collection)?;
        let entry = self.named(collection)?;
        let only_live = schema.rows == entry.rows();
        let extracted = extracted_columns(&schema);
        if only_live && extracted.is_empty() {
            return Ok(schema);
        }
        let context = &self.committed.context;
        let counted_rows = (
            entry.first_live..entry.next_seq,
            entry.deleted_rows,
            Arc::clone(&schema),
        );
        // Pending rows may be rolled back and replaced by as many others.
        let reusable = self.pending.is_none();
        if let Some(known) = context
            .counted(entry.id, &counted_rows)
            .filter(|_| reusable)
        {
            return Ok(known);
        }
        let mut counted = Schema::clone(&schema);
        if !only_live {
            self.count_live(collection, &mut counted)?;
        }
        if !extracted.is_empty() {
            self.count_extracted(&ScanRequest::of(collection), &mut counted, &extracted)?;
        }
        let counted = Arc::new(counted);
        if reusable {
            context.remember_counted(entry.id, counted_rows, Arc::clone(&counted));
        }
        Ok(counted)
    }

    /// How many values of the rows of a request do not fit the declared types of the collection.
    ///
    /// # Errors
    /// As [`Snapshot::counted_schema`].
    pub fn count_misfits(&self, request: &ScanRequest) -> Result<u64> {
        let mut schema = Schema::clone(&*self.schema(&request.collection)?);
        let mut extracted = extracted_columns(&schema);
        extracted.retain(|number| {
            let column = schema.columns.get(*number);
            column.is_some_and(|column| !column.declared.is_empty())
        });
        if extracted.is_empty() {
            return Ok(0);
        }
        self.count_extracted(request, &mut schema, &extracted)?;
        Ok(schema.columns.iter().map(|column| column.misfits).sum())
    }

    fn count_live(&self, collection: &str, counted: &mut Schema) -> Result<()> {
        let live = self.live_summary(collection)?;
        let by_key = to_columns(&live, &self.settings(collection)?);
        counted.rows = live.rows();
        for column in &mut counted.columns {
            let found = by_key.columns.iter().find(|found| match &column.source {
                // Which keys the rest holds differs where some keys are gone.
                ColumnSource::Rest(_) => matches!(found.source, ColumnSource::Rest(_)),
                source => found.source == *source,
            });
            (column.values, column.nulls, column.missing) = found
                .map_or((0, 0, live.rows()), |found| {
                    (found.values, found.nulls, found.missing)
                });
        }
        Ok(())
    }

    fn count_extracted(
        &self,
        request: &ScanRequest,
        counted: &mut Schema,
        columns: &[usize],
    ) -> Result<()> {
        let mut extractor = Extractor::new(counted, columns);
        let mut values = vec![0_u64; columns.len()];
        let failed = |error| {
            Error::new(
                ErrorKind::Corrupt,
                format!(
                    "A record of collection {} cannot be read: {error}.",
                    request.collection
                ),
            )
        };
        let mut finish = |extractor: &mut Extractor| -> Result<()> {
            let arrays = extractor.finish().map_err(failed)?;
            for (count, array) in values.iter_mut().zip(&arrays) {
                *count += (array.len() - array.null_count()) as u64;
            }
            Ok(())
        };
        self.each_record(request, |record| {
            extractor.push(record.as_bytes()).map_err(failed)?;
            if extractor.rows() >= BATCH_ROWS || extractor.bytes() >= BATCH_BYTES {
                finish(&mut extractor)?;
            }
            Ok(())
        })?;
        finish(&mut extractor)?;
        let misfits = extractor.misfits();
        for ((number, values), misfits) in columns.iter().zip(values).zip(misfits) {
            let Some(column) = counted.columns.get_mut(*number) else {
                continue;
            };
            column.misfits = misfits;
            let is_rest = matches!(column.source, ColumnSource::Rest(_));
            if is_rest {
                (column.nulls, column.missing) = (0, counted.rows.saturating_sub(values));
                column.values = values;
            } else if column.is_declared() {
                let there = counted.rows.saturating_sub(column.missing);
                column.nulls = there.saturating_sub(values).saturating_sub(misfits);
                column.values = values;
            }
        }
        Ok(())
    }

    fn each_record(
        &self,
        request: &ScanRequest,
        mut take: impl FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let request = ScanRequest {
            columns: Some(vec!["_json".to_owned()]),
            text_views: true,
            ..request.clone()
        };
        for batch in self.scan(&request)? {
            self.committed.context.options.check_interrupted()?;
            let batch = batch.map_err(|error| match error {
                ArrowError::ExternalError(error) => match error.downcast::<Error>() {
                    Ok(error) => *error,
                    Err(error) => Error::internal(&format!("a scan failed: {error}")),
                },
                error => Error::internal(&format!("a scan failed: {error}")),
            })?;
            let records = batch
                .columns()
                .first()
                .and_then(|column| column.as_string_view_opt());
            let records = records.ok_or_else(|| Error::internal("a scan lost its records"))?;
            for record in records.iter().flatten() {
                take(record)?;
            }
        }
        Ok(())
    }
}

/// The columns whose counts only their values give: those with a declared type, and that of keys without a column.
fn extracted_columns(schema: &Schema) -> Vec<usize> {
    let columns = schema.columns.iter().enumerate();
    columns
        .filter(|(_, column)| {
            !column.declared.is_empty() || matches!(column.source, ColumnSource::Rest(_))
        })
        .map(|(number, _)| number)
        .collect()
}
