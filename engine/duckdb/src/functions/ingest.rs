//! `lakebed_ingest(store, file, collection := ...)`: ingests a file.

use std::ffi::CStr;
use std::path::{Path, PathBuf};

use lakebed_core::{
    CommitNumber, IngestOptions, IngestReport, NonFinite, OnError, ProgressFn, Result, Source,
    StoredLayout, TypeChange, collection_name, declaration, layout_named,
};

use super::mutation::{Mutation, ReportRow, ReportValue, int, text};
use crate::bind::{BindCall, Columns};
use crate::callback::invalid;
use crate::file_access::{FileAccess, FileUse, local_path};
use crate::query_snapshot;
use crate::types::ParameterType;
use lakebed_core::quoted;

/// A call of `lakebed_ingest`.
pub(crate) struct Ingest {
    store: String,
    file: PathBuf,
    collection: String,
    on_error: OnError,
    again: bool,
    resume: bool,
    train: bool,
    nan: Option<NonFinite>,
    types: Vec<TypeChange>,
    layout: Option<StoredLayout>,
    dry_run: bool,
}

impl Mutation for Ingest {
    const FUNCTION: &'static CStr = c"lakebed_ingest";
    const PARAMETERS: &'static [ParameterType] = &[ParameterType::Text, ParameterType::Text];
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)] = &[
        (c"collection", ParameterType::Text),
        (c"on_error", ParameterType::Text),
        (c"again", ParameterType::Bool),
        (c"resume", ParameterType::Bool),
        (c"train", ParameterType::Bool),
        (c"nan", ParameterType::Text),
        (c"types", ParameterType::Columns),
        (c"nulls", ParameterType::Columns),
        (c"layout", ParameterType::Text),
        (c"dry_run", ParameterType::Bool),
    ];

    fn bind(call: &BindCall) -> Result<Self> {
        let file = call.text(1, "the path of a file")?;
        let collection = match call.named_text(c"collection") {
            Some(name) => name,
            None => collection_name(local_path(&file)).ok_or_else(|| {
                invalid(format!(
                    "The file {file} has no name to call the collection by: give one with collection := 'NAME'.",
                    file = quoted(&file)
                ))
            })?,
        };
        let on_error = match call.named_text(c"on_error") {
            None => OnError::Abort,
            Some(name) => OnError::from_name(&name).ok_or_else(|| {
                invalid(format!(
                    "on_error is 'abort', 'skip' or 'quarantine', not {name}.",
                    name = quoted(name)
                ))
            })?,
        };
        let nan = match call.named_text(c"nan") {
            None => None,
            Some(name) => Some(NonFinite::from_name(&name).ok_or_else(|| {
                invalid(format!(
                    "nan is 'null' or 'string', not {name}.",
                    name = quoted(name)
                ))
            })?),
        };
        Ok(Self {
            store: call.text(0, "the path of a store")?,
            file: local_path(&file).into(),
            collection,
            on_error,
            again: call.named_bool(c"again").unwrap_or(false),
            resume: call.named_bool(c"resume").unwrap_or(false),
            train: call.named_bool(c"train").unwrap_or(true),
            nan,
            types: declared_types(call)?,
            layout: match call.named_text(c"layout") {
                Some(name) => Some(layout_named(&name)?),
                None => None,
            },
            dry_run: call.named_bool(c"dry_run").unwrap_or(false),
        })
    }

    fn check(&self, access: &FileAccess) -> Result<()> {
        access.check(local_path(&self.store), FileUse::ChangeStore)?;
        access.check(&self.file, FileUse::ReadFile)
    }

    fn apply(&self, _access: &FileAccess) -> Result<ReportRow> {
        self.check_paths()?;
        let store = query_snapshot::open_to_write(&self.store, "lakebed_ingest", true)?;
        if !self.types.is_empty() && !self.dry_run {
            store.declare(&self.collection, &self.types, true)?;
        }
        if let Some(layout) = self.layout
            && !self.dry_run
        {
            store.set_layout(&self.collection, layout, true)?;
        }
        let options = IngestOptions {
            on_error: self.on_error,
            again: self.again,
            resume: self.resume,
            train: self.train,
            becomes_columns: self.layout == Some(StoredLayout::Columns),
            nan: self.nan,
            dry_run: self.dry_run,
            ..IngestOptions::into(&self.collection)
        };
        let mut report = store.ingest(Source::Path(self.file.clone()), options)?;
        if !self.dry_run {
            let asked = self.layout.is_some();
            let applied = store.apply_layout(&self.collection, asked, ProgressFn::none())?;
            let smaller = applied.bytes_before.saturating_sub(applied.bytes_after);
            report.bytes_stored = report.bytes_stored.saturating_sub(smaller);
            report.seconds += applied.seconds;
        }
        store.close()?;
        Ok(ingested(&report))
    }

    fn empty_report() -> ReportRow {
        ingested(&IngestReport::default())
    }
}

impl Ingest {
    /// Refuses a mistyped path before a store is made for it.
    fn check_paths(&self) -> Result<()> {
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
        match local_path(&self.store).parent() {
            Some(above) if above != Path::new("") && !above.is_dir() => Err(invalid(format!(
                "There is no directory {} to make the store in: check the path, or make the directory first.",
                above.display()
            ))),
            _ => Ok(()),
        }
    }
}

/// The types that a call declares before it ingests, and what means NULL in those columns.
fn declared_types(call: &BindCall) -> Result<Vec<TypeChange>> {
    let nulls = match call.named_columns(c"nulls")? {
        Columns::All => Vec::new(),
        Columns::Named(texts) => texts,
        Columns::Typed(_) => {
            return Err(invalid("nulls is a list of texts, as in nulls := ['-']."));
        }
    };
    let types = match call.named_columns(c"types")? {
        Columns::All => Vec::new(),
        Columns::Typed(types) => types,
        Columns::Named(_) => {
            return Err(invalid(
                "types is a STRUCT, as in types := {price: 'DOUBLE'}.",
            ));
        }
    };
    if types.is_empty() && !nulls.is_empty() {
        return Err(invalid(
            "A text that means NULL belongs to a declared type: declare one, as in types := {price: 'DOUBLE'}.",
        ));
    }
    let changes = types.into_iter().map(|(path, data_type)| {
        let declaration = declaration(&path, &data_type, nulls.clone())?;
        Ok(TypeChange {
            path,
            declaration: Some(declaration),
        })
    });
    changes.collect()
}

fn ingested(report: &IngestReport) -> ReportRow {
    vec![
        ("collection", text(&report.collection)),
        ("file", text(&report.file)),
        ("skipped", ReportValue::Bool(report.skipped)),
        ("same_as", ReportValue::Text(report.same_as.clone())),
        (
            "resumed_after_line",
            ReportValue::Int(report.resumed_after_line),
        ),
        (
            "resumed_from",
            ReportValue::Text(report.resumed_from.clone()),
        ),
        ("unfinished_bytes", int(report.unfinished_bytes)),
        ("minified", int(report.minified)),
        ("replaced", int(report.replaced)),
        ("lines", int(report.lines)),
        ("rows", int(report.rows)),
        ("new_blobs", int(report.new_blobs)),
        ("duplicates", int(report.duplicates)),
        ("bad_lines", int(report.bad_lines)),
        ("quarantine", ReportValue::Text(report.quarantine.clone())),
        ("bytes_in", int(report.bytes_in)),
        ("bytes_stored", int(report.bytes_stored)),
        ("trained", ReportValue::Bool(report.trained.is_some())),
        ("seconds", ReportValue::Float(report.seconds)),
        ("commit", int(CommitNumber::get(report.commit))),
    ]
}
