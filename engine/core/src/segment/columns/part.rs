//! An open part: records by row.

use std::sync::{Arc, OnceLock};

use lakebed_columns::{Lists, RowValues};
use lakebed_format::{BlobId, CollectionId, IdRun, IdSet, PartEntry, SegmentNumber, limits, names};
use lakebed_json::shapes::{Shapes, Spellers};

use super::arrays::{OpenArrays, SeqRun};
use super::pages::{Keeping, PartFile, PartPages, SYSTEM};
use super::table::PartTable;
use crate::error::{Error, Result};
use crate::segment::bytes::SegmentBytes;
use crate::segment::files::SegmentFiles;
use crate::segment::frame_cache::{FrameCache, FrameKey, Handed};

/// Columns of a part behind the typed ones: `_seq`, `_file`, `_line`, `_ingested_at`, then these.
const SHAPE: usize = 4;
const FIX: usize = 5;
const RAW: usize = 6;

/// A part whose file is open and whose table was checked.
#[derive(Debug)]
pub(crate) struct OpenPart {
    pub(super) file: PartFile,
    /// Its blobs, in the order of its rows.
    pub(super) blobs: IdSet,
    /// Runs of ids with the row of their first.
    ids: Vec<(u64, IdRun)>,
    lists: Lists,
    spellers: Spellers,
    shapes: Shapes,
    /// Leaves of the typed columns.
    typed: usize,
    pub(super) opened_arrays: OnceLock<OpenArrays>,
    pub(super) seqs: OnceLock<Box<[SeqRun]>>,
}

/// Reads records of a part, one after the other.
#[derive(Debug)]
pub(super) struct Records<'a> {
    part: &'a OpenPart,
    values: RowValues<'a, PartPages<'a>>,
    fix: Vec<u8>,
}

impl OpenPart {
    /// The part of a segment with this entry and this table.
    ///
    /// # Errors
    /// `Corrupt` when its file is missing, or the table does not fit; `Io`.
    pub(crate) fn new(
        files: &SegmentFiles,
        (segment, salt): (SegmentNumber, u64),
        place: usize,
        entry: &PartEntry,
        table: PartTable,
    ) -> Result<Self> {
        let name = names::part(segment, entry.collection);
        Self::of_file(files, (segment, salt), place, entry, table, &name)
    }

    /// The same, from a file of this name.
    ///
    /// # Errors
    /// As [`OpenPart::new`].
    pub(super) fn of_file(
        files: &SegmentFiles,
        (segment, salt): (SegmentNumber, u64),
        place: usize,
        entry: &PartEntry,
        table: PartTable,
        name: &str,
    ) -> Result<Self> {
        // Of a file that was cut, the pages before its end are read.
        let bytes = Arc::new(SegmentBytes::of_file_so_far(
            files, segment, name, entry.len,
        )?);
        let damaged = |detail: &str| Error::corrupt(segment, entry.table_offset, detail);
        let spellers =
            Spellers::decode(&table.spellers).map_err(|error| damaged(&error.to_string()))?;
        let shapes = Shapes::decode(&table.shapes, &spellers)
            .map_err(|error| damaged(&error.to_string()))?;
        let lists = Lists::new(&table.directory, table.lists.iter().copied())
            .ok_or_else(|| damaged("the table of a part has lists without leaves"))?;
        let typed = spellers.leaves();
        let leaves = table.directory.leaves.len();
        if typed + SYSTEM != leaves
            || spellers.lists() != table.lists.len()
            || table.directory.rows != entry.rows
        {
            return Err(damaged("the table of a part does not fit its columns"));
        }
        let mut ids = Vec::new();
        let mut row = 0;
        for run in table.ids.runs() {
            ids.push((row, *run));
            row += run.len;
        }
        let file = PartFile {
            segment,
            place: place as u64,
            collection: entry.collection,
            salt: PartEntry::salt(salt, entry.collection),
            bytes,
            directory: table.directory,
        };
        Ok(Self {
            file,
            blobs: table.ids,
            ids,
            lists,
            spellers,
            shapes,
            typed,
            opened_arrays: OnceLock::new(),
            seqs: OnceLock::new(),
        })
    }

    /// Checks that everything that was read of its file could be read.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn check_read(&self) -> Result<()> {
        self.file.bytes.check_read()
    }

    /// Its blobs as runs with the row of the first, in order.
    pub(crate) fn runs(&self) -> &[(u64, IdRun)] {
        &self.ids
    }

    /// The collection whose rows it has.
    pub(crate) fn collection(&self) -> CollectionId {
        self.file.collection
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> u64 {
        self.file.directory.rows
    }

    /// The row of a blob.
    #[inline]
    pub(crate) fn row(&self, id: BlobId) -> Option<u64> {
        let after = self.ids.partition_point(|(_, run)| run.first <= id);
        let (row, run) = self.ids.get(after.checked_sub(1)?)?;
        run.range()
            .contains(&id.0)
            .then(|| row + (id.0 - run.first.0))
    }

    /// The row of a blob, and for how many blobs from there on rows and ids follow each other.
    pub(crate) fn row_run(&self, id: BlobId) -> Option<(u64, u64)> {
        let after = self.ids.partition_point(|(_, run)| run.first <= id);
        let (row, run) = self.ids.get(after.checked_sub(1)?)?;
        let step = id.0 - run.first.0;
        (step < run.len).then(|| (row + step, run.len - step))
    }

    /// A reader of its records.
    pub(super) fn records<'a>(&'a self, keeping: Keeping<'a>) -> Records<'a> {
        self.records_with(keeping, Handed::default())
    }

    /// A reader of its records from a row on, which goes on with the pages that the reader of the rows before handed
    /// on.
    pub(super) fn records_from<'a>(&'a self, cache: &'a FrameCache, row: u64) -> Records<'a> {
        let handed = cache.take_handed(self.handing_key(row)).unwrap_or_default();
        self.records_with(Keeping::WithRoom(cache), handed)
    }

    fn records_with<'a>(&'a self, keeping: Keeping<'a>, handed: Handed) -> Records<'a> {
        let pages = PartPages {
            part: &self.file,
            keeping,
            dictionaries: handed.dictionaries,
            error: None,
        };
        let leaves = self.file.directory.leaves.len();
        Records {
            part: self,
            values: RowValues::new(pages, leaves, &self.lists).with(handed.pages),
            fix: Vec::new(),
        }
    }

    /// Under this the pages are handed on to a reader from a row on.
    fn handing_key(&self, row: u64) -> FrameKey {
        self.file.key_at(row)
    }
}

impl Records<'_> {
    /// Hands its pages on to a reader from a row on.
    pub(super) fn hand_on(self, cache: &FrameCache, row: u64) {
        let key = self.part.handing_key(row);
        let (pages, held) = self.values.into_held();
        cache.hand_on(
            key,
            Handed {
                pages: held,
                dictionaries: pages.dictionaries,
            },
        );
    }

    /// Appends the record of a row.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub(super) fn append(&mut self, row: u64, out: &mut Vec<u8>) -> Result<()> {
        self.values.go_to(row);
        let start = out.len();
        let found = self.rebuild(row, out);
        let error = self.values.pages().error.take();
        if let Some(error) = error {
            out.truncate(start);
            return Err(error);
        }
        found
    }

    fn rebuild(&mut self, row: u64, out: &mut Vec<u8>) -> Result<()> {
        let part = self.part;
        let damaged = |detail: &str| {
            part.file
                .damaged(0, &format!("row {row} cannot be read: {detail}"))
        };
        let Some(shape) = self.values.next_integer(part.typed + SHAPE) else {
            let raw = self.values.next_bytes(part.typed + RAW);
            out.extend_from_slice(raw.ok_or_else(|| damaged("it has neither shape nor text"))?);
            return Ok(());
        };
        self.fix.clear();
        if let Some(fix) = self.values.next_bytes(part.typed + FIX) {
            self.fix.extend_from_slice(fix);
        }
        let number = u32::try_from(shape).map_err(|_| damaged("its shape has no number"))?;
        let limit = usize::try_from(limits::LARGE_BLOB).unwrap_or(usize::MAX);
        part.shapes
            .rebuild(
                &part.spellers,
                number,
                &mut self.values,
                &self.fix,
                limit,
                out,
            )
            .map_err(|error| damaged(&error.to_string()))
    }
}
