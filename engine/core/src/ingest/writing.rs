//! Writing parsed chunks: blobs, rows, bad lines.

use lakebed_format::{BlobId, Hash};
use lakebed_json::schema::validate_and_observe;

use super::lines::{LISTED, Parsed};
use super::pipeline::{Pipeline, Stop};
use super::{OnError, messages, quarantine};
use crate::error::{Error, Result};
use crate::write::{BlobCounts, Lines, NewBlob};

impl Pipeline<'_> {
    /// The error of a chunk that stops the ingest, if it has one; `lines_before` lines precede it.
    pub(super) fn check(&self, parsed: &Parsed, lines_before: u64) -> Result<()> {
        if parsed.is_array {
            return Err(messages::one_array(&self.report.file));
        }
        match parsed.bad.first() {
            Some(bad) if self.on_error == OnError::Abort => Err(messages::bad_line(
                &self.report.file,
                parsed,
                bad,
                lines_before,
                &self.kept(),
            )),
            _ => Ok(()),
        }
    }

    /// Writes a chunk, or gathers it to be written with others. Commits first if the group is full.
    pub(super) fn write(&mut self, parsed: Parsed) -> Result<(), Stop> {
        self.check(&parsed, self.lines)?;
        let rows = parsed.lines.len() as u64;
        let bytes = parsed.end.content - parsed.offset;
        let is_full = self.group.bytes + bytes > self.sizes.commit_bytes
            || self.group.rows + rows > self.sizes.commit_rows;
        if is_full && self.group.bytes > 0 {
            self.commit(None)?;
        }
        self.group.bytes += bytes;
        self.group.rows += rows;
        let lines_before = self.lines;
        self.lines += parsed.line_count;
        self.position = parsed.end;
        // The progress of a chunk that was held was reported before.
        self.ticker.progress.bytes = self.ticker.progress.bytes.max(parsed.end.raw);
        // Comparing with blobs of the store decodes every frame that a batch touches: few large batches are cheaper
        // than many small ones.
        let gather = !self.gathered.is_empty() || self.writer.seem_known(&parsed.hashes)?;
        let write_now = !gather || parsed.bad_count > 0;
        self.gathered.push((lines_before, parsed));
        let memory: usize = self
            .gathered
            .iter()
            .map(|(_, parsed)| parsed.memory())
            .sum();
        if write_now || memory >= self.sizes.look_ahead {
            self.write_gathered()?;
        }
        self.tick()
    }

    /// Writes the gathered chunks.
    pub(super) fn write_gathered(&mut self) -> Result<()> {
        let chunks = std::mem::take(&mut self.gathered);
        if chunks.is_empty() {
            return Ok(());
        }
        let mut batch: Vec<NewBlob<'_>> = Vec::new();
        for (_, parsed) in &chunks {
            for (line, hash) in parsed.lines.iter().zip(&parsed.hashes) {
                batch.push(NewBlob {
                    hash: *hash,
                    bytes: parsed.bytes_of(*line)?,
                });
            }
        }
        let mut ids = std::mem::take(&mut self.ids);
        ids.clear();
        let counts = self.writer.blobs(&batch, &mut ids)?;
        drop(batch);
        self.count(counts);
        let mut rest = ids.as_slice();
        for (lines_before, parsed) in chunks {
            let Some((own, others)) = rest.split_at_checked(parsed.lines.len()) else {
                return Err(Error::internal("there are fewer ids than lines"));
            };
            rest = others;
            self.write_rows(lines_before, &parsed, own)?;
            if parsed.bad_count > 0 {
                self.write_bad(lines_before, &parsed)?;
            }
            // A few buffers are reused; the others are freed.
            drop(self.reader.spare.try_send(parsed.bytes));
        }
        self.ids = ids;
        self.ticker.progress.rows = self.report.rows;
        Ok(())
    }

    /// Writes the rows of a chunk; `lines_before` lines precede it.
    fn write_rows(&mut self, lines_before: u64, parsed: &Parsed, ids: &[BlobId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let first = lines_before + 1;
        let numbers: Vec<u64>;
        let lines = if parsed.numbers.is_empty() {
            Lines::From(first)
        } else {
            numbers = parsed
                .numbers
                .iter()
                .map(|number| first + u64::from(*number))
                .collect();
            Lines::Each(&numbers)
        };
        self.writer.rows(self.collection, self.file, lines, ids)?;
        self.report.rows += ids.len() as u64;
        if self.group.summary.is_none() {
            self.group.summary = Some(self.writer.expected(self.collection));
        }
        if let Some(summary) = &mut self.group.summary {
            if summary.would_forget(&parsed.summary) {
                // It was observed without knowing which keys others have.
                let mut again = summary.expecting();
                for line in &parsed.lines {
                    let observed = validate_and_observe(parsed.bytes_of(*line)?, &mut again);
                    observed.map_err(|_| Error::internal("a good line is not JSON"))?;
                }
                summary.merge(&again);
            } else {
                summary.merge(&parsed.summary);
            }
        }
        Ok(())
    }

    fn count(&mut self, counts: BlobCounts) {
        self.report.new_blobs += counts.new;
        self.report.duplicates += counts.known;
    }

    /// Reports the bad lines of a chunk, and puts them into the quarantine if that is asked for; `lines_before` lines
    /// precede the chunk.
    fn write_bad(&mut self, lines_before: u64, parsed: &Parsed) -> Result<()> {
        self.report.bad_lines += parsed.bad_count;
        let room = LISTED.saturating_sub(self.report.first_bad.len());
        let listed = parsed.bad.iter().take(room);
        self.report
            .first_bad
            .extend(listed.map(|bad| messages::listed(bad, lines_before)));
        if self.on_error == OnError::Quarantine {
            self.write_quarantine(lines_before, parsed)?;
        }
        Ok(())
    }

    fn write_quarantine(&mut self, lines_before: u64, parsed: &Parsed) -> Result<()> {
        let name = quarantine::name_for(&self.report.collection);
        let collection = match self.quarantine {
            Some(collection) => collection,
            None => *self.quarantine.insert(self.writer.collection(&name)?),
        };
        self.report.quarantine = Some(name);
        let numbers: Vec<u64> = parsed
            .bad
            .iter()
            .map(|bad| lines_before + u64::from(bad.number) + 1)
            .collect();
        let mut rows = Vec::new();
        let mut lines_as_blobs = Vec::new();
        for (bad, &number) in parsed.bad.iter().zip(&numbers) {
            let (row, needs_blob) = quarantine::row(parsed, bad, &self.report.file, number)?;
            if validate_and_observe(&row, &mut self.group.quarantine_summary).is_err() {
                return Err(Error::internal("a row of the quarantine is not JSON"));
            }
            rows.push(row);
            if needs_blob {
                lines_as_blobs.push(parsed.bytes_of(bad.line)?);
            }
        }
        let pinned = self.write_blobs(&lines_as_blobs)?;
        for id in pinned {
            self.writer.pin(id)?;
        }
        let ids = self.write_blobs(&rows)?;
        self.writer
            .rows(collection, self.file, Lines::Each(&numbers), &ids)
    }

    fn write_blobs<B: AsRef<[u8]>>(&mut self, blobs: &[B]) -> Result<Vec<BlobId>> {
        let batch: Vec<NewBlob<'_>> = blobs
            .iter()
            .map(|bytes| NewBlob {
                hash: Hash::of(bytes.as_ref()),
                bytes: bytes.as_ref(),
            })
            .collect();
        let mut ids = Vec::new();
        self.writer.blobs(&batch, &mut ids)?;
        Ok(ids)
    }
}
