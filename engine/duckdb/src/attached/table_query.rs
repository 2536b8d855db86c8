//! The text of the query that a table of an attached store stands for.

use std::fmt::Write as _;

use lakebed_core::schema::DataType;
use lakebed_core::{FileColumn, Result, ScanRequest, Seq};

use super::find::Found;
use super::pieces::{Piece, pieces};
use super::pinned::{self, PinnedCollection};

/// The system columns of a file, beside those that are computed from records.
const COMPUTED: [(&str, &str); 2] = [
    ("_json", "lakebed_attached_json"),
    ("_hash", "lakebed_attached_hash"),
];

/// The query that the name of a collection stands for.
pub(super) fn query(found: Found) -> Result<String> {
    let Found {
        store,
        pinned,
        collection,
    } = found;
    let snapshot = &pinned.snapshot;
    let in_files = if store.reads_files {
        let entry = snapshot.collection(&collection)?;
        pieces(
            &snapshot.files(&collection)?,
            entry.first_seq..entry.next_seq,
        )
    } else {
        None
    };
    let columns = columns(&pinned.snapshot, &collection)?;
    let (pieces, segments) =
        in_files.unwrap_or_else(|| (vec![Piece::Others(Seq(0)..Seq(u64::MAX))], Vec::new()));
    let pinned = pinned::pin(pinned, collection, pieces, segments);
    Ok(text(&pinned, &store.path, &columns))
}

/// A column of the table: its name, and its type where it is one of the records' own.
type Column = (String, Option<DataType>);

fn columns(snapshot: &lakebed_core::Snapshot, collection: &str) -> Result<Vec<Column>> {
    let schema = snapshot.schema(collection)?;
    let all = snapshot.scan_schema(&ScanRequest::of(collection))?;
    let typed = schema
        .columns
        .iter()
        .map(|column| Some(column.data_type.clone()));
    let types = typed.chain(std::iter::repeat(None));
    Ok(all
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .zip(types)
        .collect())
}

fn text(pinned: &PinnedCollection, store: &str, columns: &[Column]) -> String {
    let selects = pinned
        .pieces
        .iter()
        .enumerate()
        .map(|(number, piece)| match piece {
            Piece::Files {
                names,
                columns: found,
                gone,
            } => {
                let shown = columns.iter().enumerate().map(|(place, (name, kind))| {
                    let sql = match COMPUTED.iter().find(|(computed, _)| computed == name) {
                        Some((_, function)) => format!("{function}({}, _seq)", pinned.number),
                        None => in_file(found.get(place), name, kind.as_ref()),
                    };
                    format!("{sql} AS {}", identifier(name))
                });
                let paths = names.iter().map(|name| literal(&format!("{store}/{name}")));
                let mut select = format!(
                    "SELECT {} FROM read_parquet([{}])",
                    joined(shown),
                    joined(paths)
                );
                for (place, run) in gone.iter().enumerate() {
                    let word = if place == 0 { "WHERE" } else { "AND" };
                    let _ = write!(
                        select,
                        " {word} (_seq < {} OR _seq >= {})",
                        run.start.0, run.end.0
                    );
                }
                select
            }
            Piece::Others(_) => format!(
                "SELECT {} FROM lakebed_attached_rows({}, {number})",
                joined(columns.iter().map(|(name, _)| identifier(name))),
                pinned.number
            ),
        });
    selects.collect::<Vec<_>>().join(" UNION ALL ")
}

/// The SQL of a column that a file has, by the type of the collection.
fn in_file(found: Option<&FileColumn>, name: &str, kind: Option<&DataType>) -> String {
    let (sql, same) = match found {
        None => (identifier(name), true),
        Some(FileColumn::Same(source)) => (identifier(source), true),
        Some(FileColumn::Cast(source)) => (identifier(source), false),
        Some(FileColumn::Missing) => ("NULL".to_owned(), false),
    };
    match kind {
        // Parquet has no integers of 128 bits: they are decimals.
        Some(kind) if !same || kind.to_string().contains("HUGEINT") => {
            format!("CAST({sql} AS {kind})")
        }
        _ => sql,
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
