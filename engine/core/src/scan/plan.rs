//! How a scan is carried out: which columns are made, from what, and which conditions hold where.

use std::sync::Arc;

use arrow_schema::{DataType as ArrowType, Schema as ArrowSchema, SchemaRef};
use lakebed_format::RowBatchEntry;
use lakebed_json::extract::{ExtractError, ValueError};
use lakebed_json::schema::{DataType, SYSTEM_COLUMNS, Schema, arrow_field};

use super::column_types::{self, TypeOverrides};
use super::columns::{ScanColumn, column_named, system_field};
use super::filter::{self, Operand};
use super::held::ReadyPart;
use super::record_filter::RecordFilter;
use super::request::{Filter, Op, ScanRequest};
use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::Snapshot;
use crate::spelling::quoted;

/// Bytes that a task's records should come to: where they are handed out, so few that the memory of one batch serves
/// for the next and stays in a core's cache; otherwise so few that a scan of large records does not take much memory,
/// and that a reader who is interrupted between tasks ends soon.
pub(super) const TEXTS_BYTES: u64 = 1 << 20;
const VALUES_BYTES: u64 = 4 << 20;

/// What all tasks of a scan share.
#[derive(Debug)]
pub(super) struct ScanPlan {
    pub(super) snapshot: Snapshot,
    pub(super) collection: String,
    pub(super) typed: Arc<Schema>,
    pub(super) overrides: TypeOverrides,
    /// Columns that are made: those selected, then system columns that only filters need.
    pub(super) columns: Vec<ScanColumn>,
    /// How many of them are given back.
    pub(super) shown: usize,
    /// Their places in `typed`, in the order of `columns`.
    pub(super) projection: Vec<usize>,
    /// Conditions on typed columns: nothing is extracted from a record that does not pass.
    pub(super) record_filters: Vec<RecordFilter>,
    /// Conditions on system columns, with their place in `columns`.
    pub(super) filters: Vec<(usize, Op)>,
    /// Whether `_json` is given as views.
    pub(super) text_views: bool,
    pub(super) schema: SchemaRef,
    /// The places in `typed` of the columns of `record_filters`.
    pub(super) filtered: Vec<usize>,
    /// Parts that have all its columns.
    pub(super) ready: Vec<ReadyPart>,
    /// Parts that have all columns of `record_filters`.
    pub(super) judged: Vec<ReadyPart>,
}

impl ScanPlan {
    /// `typed` is the schema of the collection.
    pub(super) fn new(
        snapshot: Snapshot,
        mut typed: Arc<Schema>,
        request: &ScanRequest,
    ) -> Result<Self> {
        let overrides = column_types::apply(&mut typed, request)?;
        let own = typed.columns.len();
        column_types::add_paths(&mut typed, request);
        let collection = request.collection.clone();
        let filtered = |name: &str| {
            request
                .filters
                .iter()
                .any(|f| f.column.eq_ignore_ascii_case(name))
        };
        let text_views = request.text_views && !filtered("_json");
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        let field_of = |column: ScanColumn| match column {
            ScanColumn::Typed(number) => typed.columns.get(number).map(|column| {
                if overrides.as_text.contains(&number) {
                    arrow_field(&column.name, &DataType::Varchar)
                } else {
                    arrow_field(&column.name, &column.data_type)
                }
            }),
            ScanColumn::System("_json") if text_views => {
                system_field("_json").map(|field| field.with_data_type(ArrowType::Utf8View))
            }
            ScanColumn::System(name) => system_field(name),
        };
        if let Some(names) = &request.columns {
            for name in names {
                columns.push(column_named(&typed, &collection, name)?);
            }
        } else {
            columns.extend((0..own).map(ScanColumn::Typed));
            columns.extend(SYSTEM_COLUMNS.map(ScanColumn::System));
        }
        let shown = columns.len();
        fields.extend(columns.iter().filter_map(|column| field_of(*column)));
        let mut filters = Vec::new();
        let (mut record_filters, mut filtered_columns) = (Vec::new(), Vec::new());
        for Filter { column, op } in &request.filters {
            let source = column_named(&typed, &collection, column)?;
            if let Some(field) = field_of(source) {
                let named = Filter {
                    column: column.clone(),
                    op: op.clone(),
                };
                filter::check(&named, &field)?;
            }
            if let ScanColumn::Typed(number) = source {
                let column = typed.columns.get(number);
                record_filters.extend(column.map(|column| RecordFilter::new(column, op.clone())));
                filtered_columns.push(number);
                continue;
            }
            let place = columns.iter().position(|known| *known == source);
            let place = place.unwrap_or(columns.len());
            if place == columns.len() {
                columns.push(source);
            }
            filters.push((place, op.clone()));
        }
        let projection = columns
            .iter()
            .filter_map(|column| match column {
                ScanColumn::Typed(number) => Some(*number),
                ScanColumn::System(_) => None,
            })
            .collect();
        Ok(Self {
            snapshot,
            collection,
            typed,
            overrides,
            columns,
            shown,
            projection,
            record_filters,
            filters,
            text_views,
            schema: Arc::new(ArrowSchema::new(fields)),
            filtered: filtered_columns,
            ready: Vec::new(),
            judged: Vec::new(),
        })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Whether rows of a batch can match the filters on values that all its rows share.
    pub(super) fn may_match(&self, entry: &RowBatchEntry, request: &ScanRequest) -> bool {
        request
            .filters
            .iter()
            .all(|filter| match (filter.column.as_str(), &filter.op) {
                ("_ingested_at", op) => filter::matches(op, &Operand::Int(entry.time.into())),
                ("_file", op) => {
                    let file = self.snapshot.file_name(entry.file);
                    let operand = file
                        .as_deref()
                        .map_or(Operand::Null, |file| Operand::Text(file.as_bytes()));
                    filter::matches(op, &operand)
                }
                _ => true,
            })
    }

    /// What the records of a task should come to; `None` where none are read.
    pub(super) fn task_bytes(&self) -> Option<u64> {
        if self.needs("_json") {
            return Some(TEXTS_BYTES);
        }
        let reads =
            self.needs("_hash") || !self.projection.is_empty() || !self.record_filters.is_empty();
        reads.then_some(VALUES_BYTES)
    }

    pub(super) fn needs(&self, name: &str) -> bool {
        self.columns
            .iter()
            .any(|column| matches!(column, ScanColumn::System(known) if *known == name))
    }

    /// Whether the sequence numbers of all rows are all that is selected.
    pub(super) fn only_sequence_numbers(&self) -> bool {
        self.columns == [ScanColumn::System("_seq")]
            && self.filters.is_empty()
            && self.record_filters.is_empty()
    }

    #[cold]
    pub(super) fn filter_error(&self, filter: &RecordFilter, error: ValueError) -> Error {
        let (name, data_type) = filter.column();
        let what = match error {
            ValueError::TypeMismatch => {
                format!(
                    "its value in column {name} is not of type {data_type}",
                    name = quoted(name)
                )
            }
            ValueError::Malformed | ValueError::TooLarge => "it is not JSON".to_owned(),
        };
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "A record of collection {} cannot be read: {what}; `lakebed verify` lists all damage, and `lakebed repair` mends what can be mended.",
                self.collection
            ),
        )
    }

    pub(super) fn extraction_error(&self, error: &ExtractError) -> Error {
        if let ExtractError::TypeMismatch {
            column, data_type, ..
        } = error
            && let Some(number) = self.typed.position(column)
            && self.overrides.changed.contains(&number)
        {
            return self.type_cannot_hold(column, data_type);
        }
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "A record of collection {} cannot be read: {error}.",
                self.collection
            ),
        )
    }

    pub(super) fn no_text(&self, number: usize) -> Error {
        let column = self.typed.columns.get(number);
        self.type_cannot_hold(column.map_or("", |column| &column.name), "VARCHAR")
    }

    fn type_cannot_hold(&self, column: &str, data_type: &str) -> Error {
        Error::new(
            ErrorKind::InvalidArgument,
            format!(
                "The column {column} of collection {} has a value that {data_type} cannot hold: ask for JSON, which holds any.",
                self.collection,
                column = quoted(column)
            ),
        )
    }
}
