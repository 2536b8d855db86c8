//! Functions that change a store, when they are executed and once: `lakebed_train` and `lakebed_ingest`. Each gives its report as a row.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use lakebed_core::{
    CommitNumber, DictionaryNumber, IngestOptions, IngestReport, OnError, Result, Source,
    TrainReport,
};

use crate::bind::{Binding, Kind, invalid};
use crate::query;
use crate::row_queue::Batches;
use crate::table_function::Table;
use crate::vector::Chunk;

/// Bytes of a dictionary that is asked for without a size.
const DICTIONARY_BYTES: u64 = 112_640;

/// A value of a report.
pub(crate) enum Cell {
    Text(Option<String>),
    Int(Option<u64>),
    Float(f64),
    Bool(bool),
}

pub(crate) type Report = Vec<(&'static str, Cell)>;

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(Some(text.into()))
}

fn int(number: u64) -> Cell {
    Cell::Int(Some(number))
}

fn field(name: &str, cell: &Cell) -> Field {
    let data_type = match cell {
        Cell::Text(_) => DataType::Utf8,
        Cell::Int(_) => DataType::Int64,
        Cell::Float(_) => DataType::Float64,
        Cell::Bool(_) => DataType::Boolean,
    };
    Field::new(name, data_type, true)
}

fn array(cell: &Cell) -> ArrayRef {
    match cell {
        Cell::Text(text) => Arc::new(StringArray::from(vec![text.as_deref()])),
        Cell::Int(number) => Arc::new(Int64Array::from(vec![number.map(|n| n as i64)])),
        Cell::Float(number) => Arc::new(Float64Array::from(vec![*number])),
        Cell::Bool(yes) => Arc::new(BooleanArray::from(vec![*yes])),
    }
}

/// What a function does.
pub(crate) trait Act: Send + Sync + Sized + 'static {
    const FUNCTION: &'static CStr;
    const PARAMETERS: &'static [Kind];
    const NAMED: &'static [(&'static CStr, Kind)];

    fn bind(call: &Binding) -> Result<Self>;
    fn act(&self) -> Result<Report>;
    /// A report of nothing, for its columns.
    fn shape() -> Report;
}

/// A call of it.
pub(crate) struct Acting<A>(A);

/// An execution of it.
pub(crate) struct Work {
    columns: Vec<usize>,
    done: AtomicBool,
}

impl<A: Act> Table for Acting<A> {
    type Work = Work;
    type Local = Batches;

    const NAME: &'static CStr = A::FUNCTION;
    const PARAMETERS: &'static [Kind] = A::PARAMETERS;
    const NAMED: &'static [(&'static CStr, Kind)] = A::NAMED;

    fn bind(call: &Binding) -> Result<Self> {
        let act = A::bind(call)?;
        for (name, cell) in A::shape() {
            call.declare(&call.prepare(&field(name, &cell))?);
        }
        call.cardinality(1, true);
        Ok(Self(act))
    }

    fn start(&self, columns: &[usize]) -> Result<(Work, usize)> {
        let work = Work {
            columns: columns.to_vec(),
            done: AtomicBool::new(false),
        };
        Ok((work, 1))
    }

    fn next(&self, work: &Work, batches: &mut Batches, chunk: &mut Chunk) -> Result<()> {
        if !work.done.swap(true, Ordering::Relaxed) {
            let report = self.0.act()?;
            let asked: Vec<_> = work.columns.iter().filter_map(|n| report.get(*n)).collect();
            let fields: Vec<Field> = asked.iter().map(|(name, cell)| field(name, cell)).collect();
            let arrays = asked.iter().map(|(_, cell)| array(cell)).collect();
            let row = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
            batches
                .extend([row.map_err(|e| invalid(format!("The report cannot be shown: {e}.")))?]);
        }
        batches.fill(chunk).map(drop)
    }
}

/// `lakebed_train(store, collection, size := 112640)`.
pub(crate) struct Train {
    store: String,
    collection: String,
    size: usize,
}

impl Act for Train {
    const FUNCTION: &'static CStr = c"lakebed_train";
    const PARAMETERS: &'static [Kind] = &[Kind::Text, Kind::Text];
    const NAMED: &'static [(&'static CStr, Kind)] = &[(c"size", Kind::Int)];

    fn bind(call: &Binding) -> Result<Self> {
        let bound = Self {
            store: call.text(0, "the path of a store")?,
            collection: call.text(1, "the name of a collection")?,
            size: call.named_count(c"size")?.unwrap_or(DICTIONARY_BYTES) as usize,
        };
        // A wrong name is told when the query is planned.
        query::open(&bound.store)?
            .snapshot
            .schema(&bound.collection)?;
        Ok(bound)
    }

    fn act(&self) -> Result<Report> {
        let store = query::open_to_write(&self.store, "lakebed_train", false)?;
        let report = store.train(&self.collection, self.size)?;
        store.close()?;
        Ok(trained(&report))
    }

    fn shape() -> Report {
        trained(&TrainReport {
            collection: String::new(),
            installed: false,
            number: None,
            generation: 0,
            hash: lakebed_core::Hash::of(b""),
            size: 0,
            sample_bytes: 0,
            held_out_before: 0,
            held_out_after: 0,
            seconds: 0.0,
        })
    }
}

fn trained(report: &TrainReport) -> Report {
    vec![
        ("collection", text(&report.collection)),
        ("installed", Cell::Bool(report.installed)),
        (
            "number",
            Cell::Int(report.number.map(DictionaryNumber::get)),
        ),
        ("generation", int(report.generation)),
        ("hash", text(report.hash.to_string())),
        ("size", int(report.size)),
        ("sample_bytes", int(report.sample_bytes)),
        ("held_out_before", int(report.held_out_before)),
        ("held_out_after", int(report.held_out_after)),
        ("seconds", Cell::Float(report.seconds)),
    ]
}

/// `lakebed_ingest(store, file, collection := ...)`.
pub(crate) struct Ingest {
    store: String,
    file: PathBuf,
    collection: String,
    on_error: OnError,
    again: bool,
    resume: bool,
    train: bool,
}

impl Act for Ingest {
    const FUNCTION: &'static CStr = c"lakebed_ingest";
    const PARAMETERS: &'static [Kind] = &[Kind::Text, Kind::Text];
    const NAMED: &'static [(&'static CStr, Kind)] = &[
        (c"collection", Kind::Text),
        (c"on_error", Kind::Text),
        (c"again", Kind::Bool),
        (c"resume", Kind::Bool),
        (c"train", Kind::Bool),
    ];

    fn bind(call: &Binding) -> Result<Self> {
        let file = call.text(1, "the path of a file")?;
        let collection = match call.named_text(c"collection") {
            Some(name) => name,
            None => named_for(&file).ok_or_else(|| {
                invalid(format!(
                    "The file {file:?} has no name to call the collection by: give one with collection := 'NAME'."
                ))
            })?,
        };
        let on_error = match call.named_text(c"on_error").as_deref() {
            None | Some("abort") => OnError::Abort,
            Some("skip") => OnError::Skip,
            Some("quarantine") => OnError::Quarantine,
            Some(other) => {
                return Err(invalid(format!(
                    "on_error is 'abort', 'skip' or 'quarantine', not {other:?}."
                )));
            }
        };
        Ok(Self {
            store: call.text(0, "the path of a store")?,
            file: file.into(),
            collection,
            on_error,
            again: call.named_bool(c"again").unwrap_or(false),
            resume: call.named_bool(c"resume").unwrap_or(false),
            train: call.named_bool(c"train").unwrap_or(true),
        })
    }

    fn act(&self) -> Result<Report> {
        self.refuse_before_a_store_is_made()?;
        let store = query::open_to_write(&self.store, "lakebed_ingest", true)?;
        let options = IngestOptions {
            on_error: self.on_error,
            again: self.again,
            resume: self.resume,
            train: self.train,
            ..IngestOptions::into(&self.collection)
        };
        let report = store.ingest(Source::Path(self.file.clone()), options)?;
        store.close()?;
        Ok(ingested(&report))
    }

    fn shape() -> Report {
        ingested(&IngestReport::default())
    }
}

impl Ingest {
    /// A path that was mistyped makes no store.
    fn refuse_before_a_store_is_made(&self) -> Result<()> {
        if let Err(cause) = std::fs::metadata(&self.file) {
            let file = self.file.display();
            return Err(invalid(match cause.kind() {
                std::io::ErrorKind::NotFound => {
                    format!(
                        "There is no file {file}: check its path, which begins where the program runs."
                    )
                }
                _ => format!("{file} cannot be read: {cause}."),
            }));
        }
        match Path::new(&self.store).parent() {
            Some(above) if above != Path::new("") && !above.is_dir() => Err(invalid(format!(
                "There is no directory {} to make the store in: check the path, or make the directory first.",
                above.display()
            ))),
            _ => Ok(()),
        }
    }
}

fn ingested(report: &IngestReport) -> Report {
    vec![
        ("collection", text(&report.collection)),
        ("file", text(&report.file)),
        ("skipped", Cell::Bool(report.skipped)),
        ("resumed_after_line", Cell::Int(report.resumed_after_line)),
        ("lines", int(report.lines)),
        ("rows", int(report.rows)),
        ("new_blobs", int(report.new_blobs)),
        ("duplicates", int(report.duplicates)),
        ("bad_lines", int(report.bad_lines)),
        ("quarantine", Cell::Text(report.quarantine.clone())),
        ("bytes_in", int(report.bytes_in)),
        ("bytes_stored", int(report.bytes_stored)),
        ("trained", Cell::Bool(report.trained.is_some())),
        ("seconds", Cell::Float(report.seconds)),
        ("commit", int(CommitNumber::get(report.commit))),
    ]
}

/// The collection a file goes to unless told: its name without `.gz` and `.zst`, and without `.ndjson`, `.jsonl` and `.json`.
fn named_for(file: &str) -> Option<String> {
    let name = Path::new(file).file_name()?.to_str()?;
    let strip = |name: &'_ str, ends: &[&str]| {
        ends.iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name)
            .to_owned()
    };
    let name = strip(name, &[".gz", ".zst"]);
    let name = strip(&name, &[".ndjson", ".jsonl", ".json"]);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::named_for;

    #[test]
    fn a_collection_is_named_for_its_file() {
        assert_eq!(named_for("/x/events.ndjson.gz").as_deref(), Some("events"));
        assert_eq!(named_for("events.jsonl").as_deref(), Some("events"));
        assert_eq!(named_for("a.b.zst").as_deref(), Some("a.b"));
        assert_eq!(named_for("/"), None);
        assert_eq!(named_for(".json"), None);
    }
}
