//! Which rows of a collection DuckDB reads from Parquet files by itself, and which come through a scan.
//!
//! A file has the rows whose records are new in its segment. All others are scanned: those of segments without files,
//! rows that repeat a record, and rows of files whose columns cannot be cast to those of the collection.

use std::ops::Range;

use lakebed_core::{CollectionFile, FileColumn, SegmentNumber, Seq};

/// Files with more ranges of deleted rows than this are scanned.
const MOST_GONE: usize = 100;

/// With more pieces than this the rows of the files come first, and then all others.
const MOST_PIECES: usize = 32;

/// Some rows of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Rows in Parquet files that have the same columns and the same rows that are gone.
    Files {
        /// The names of the files in the store's directory.
        names: Vec<String>,
        columns: Vec<FileColumn>,
        gone: Vec<Range<Seq>>,
    },
    /// The rows of this range that are not in the files of `Files`.
    Others(Range<Seq>),
}

/// The rows of a collection, as pieces in their order, the last of which is always a scan, if only of no rows; and the
/// segments whose files are read. `None` where no file can be read.
pub(crate) fn pieces(
    files: &[CollectionFile],
    live: Range<Seq>,
) -> Option<(Vec<Piece>, Vec<SegmentNumber>)> {
    let readable: Vec<(&CollectionFile, &Vec<FileColumn>)> = files
        .iter()
        .filter(|file| file.gone.len() <= MOST_GONE)
        .filter_map(|file| Some((file, file.columns.as_ref()?)))
        .collect();
    if readable.is_empty() {
        return None;
    }
    let segments = readable.iter().map(|(file, _)| file.segment).collect();
    let mut made: Vec<Piece> = Vec::new();
    let mut at = live.start;
    for (file, columns) in readable {
        let behind = Seq(file.last.0 + 1);
        if file.first > at {
            made.push(Piece::Others(at..file.first));
        }
        match made.last_mut() {
            Some(Piece::Files {
                names,
                columns: same,
                gone,
            }) if same == columns && *gone == file.gone => names.push(file.name.clone()),
            _ => made.push(Piece::Files {
                names: vec![file.name.clone()],
                columns: columns.clone(),
                gone: file.gone.clone(),
            }),
        }
        if behind.0 - file.first.0 > file.rows && behind > at {
            // Between its rows there are others.
            made.push(Piece::Others(file.first.max(at)..behind));
        }
        at = at.max(behind);
    }
    if made.len() >= MOST_PIECES {
        at = live.start;
        made.retain(|piece| matches!(piece, Piece::Files { .. }));
    }
    made.push(Piece::Others(at..live.end.max(at)));
    Some((made, segments))
}
