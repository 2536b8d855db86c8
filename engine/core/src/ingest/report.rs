//! What an ingest reports. Sizes are bytes.

use lakebed_format::CommitNumber;

use crate::train::TrainReport;

/// What an `ingest` did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IngestReport {
    /// The collection.
    pub collection: String,
    /// The name stored with the rows.
    pub file: String,
    /// The file was ingested in full before: nothing was done.
    pub skipped: bool,
    /// The name under which all of it was ingested before, if it was skipped.
    pub same_as: Option<String>,
    /// The last line that was ingested before, if the ingest went on from there.
    pub resumed_after_line: Option<u64>,
    /// The name under which the lines up to there were ingested.
    pub resumed_from: Option<String>,
    /// Bytes of a half-written last line, which is left for the next ingest.
    pub unfinished_bytes: u64,
    /// Values that were stored without the blanks between their parts, because they went over several lines.
    pub minified: u64,
    /// Records in which NaN or an infinity was replaced.
    pub replaced: u64,
    /// How often the followed file was replaced, renamed or cut.
    pub rotations: u64,
    /// Nothing was written: the report says what would be done.
    pub dry_run: bool,
    /// Lines read, blank ones included.
    pub lines: u64,
    /// Rows added.
    pub rows: u64,
    /// Blobs that the store did not have.
    pub new_blobs: u64,
    /// Rows whose blob the store already had.
    pub duplicates: u64,
    /// Lines that were not accepted as records.
    pub bad_lines: u64,
    /// The first bad lines.
    pub first_bad: Vec<BadLine>,
    /// The collection that holds the bad lines.
    pub quarantine: Option<String>,
    /// Bytes read, decompressed.
    pub bytes_in: u64,
    /// Bytes by which the store's segments grew.
    pub bytes_stored: u64,
    /// The dictionary that was trained for it.
    pub trained: Option<TrainReport>,
    /// How long it took.
    pub seconds: f64,
    /// The last commit it made.
    pub commit: CommitNumber,
}

impl IngestReport {
    /// Adds what was done with the next file under the name of a followed one.
    pub(super) fn add(&mut self, next: IngestReport) {
        self.lines += next.lines;
        self.rows += next.rows;
        self.new_blobs += next.new_blobs;
        self.duplicates += next.duplicates;
        self.bad_lines += next.bad_lines;
        let room = super::lines::LISTED.saturating_sub(self.first_bad.len());
        self.first_bad.extend(next.first_bad.into_iter().take(room));
        self.quarantine = self.quarantine.take().or(next.quarantine);
        self.unfinished_bytes = next.unfinished_bytes;
        self.replaced += next.replaced;
        self.bytes_in += next.bytes_in;
        self.bytes_stored += next.bytes_stored;
        self.trained = self.trained.take().or(next.trained);
        self.seconds += next.seconds;
        self.commit = next.commit;
    }

    /// Bytes read for each byte stored.
    pub fn ratio(&self) -> f64 {
        if self.bytes_stored == 0 {
            0.0
        } else {
            self.bytes_in as f64 / self.bytes_stored as f64
        }
    }

    /// Megabytes (10^6 bytes) read per second.
    pub fn mb_per_second(&self) -> f64 {
        if self.seconds > 0.0 {
            self.bytes_in as f64 / 1e6 / self.seconds
        } else {
            0.0
        }
    }
}

/// A line that was not accepted as a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: u64,
    /// The byte of the line that is wrong, from 1.
    pub column: u64,
    /// Why it was not accepted.
    pub reason: String,
}
