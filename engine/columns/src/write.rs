//! Writing a part: batches of rows into one Parquet file.

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::choose::{PartChoices, choose};
use crate::directory::{PageDirectory, ReadPart};
use crate::error::{ColumnsError, Result};
use crate::leaf::Leaf;
use crate::limits::{LIST_PAGE_ROWS, LOOK, PAGE_BYTES, PAGE_ROWS};

/// Bytes of a row group in memory, about.
const GROUP_BYTES: usize = 256 << 20;
/// Bytes that statistics have of a long value.
const STATISTICS_BYTES: usize = 16;
/// Rows that encodings are chosen by.
const SAMPLE_ROWS: usize = 32_768;
/// Bytes in memory of these rows.
const SAMPLE_BYTES: usize = 128 << 20;

/// Writes the Parquet file of a part.
pub struct PartWriter<W: Write + Send> {
    schema: Arc<Schema>,
    level: i32,
    /// About as many rows will come.
    rows: usize,
    notes: Vec<KeyValue>,
    choices: Option<PartChoices>,
    /// Before the first rows are written.
    out: Option<W>,
    sample: Vec<RecordBatch>,
    sample_rows: usize,
    sample_bytes: usize,
    writer: Option<ArrowWriter<W>>,
}

/// A part that was written; its directory is still to be made.
#[derive(Debug)]
pub struct WrittenPart {
    choices: PartChoices,
    metadata: ParquetMetaData,
    leaves: Vec<Leaf>,
}

impl<W: Write + Send> std::fmt::Debug for PartWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartWriter").finish_non_exhaustive()
    }
}

impl<W: Write + Send> PartWriter<W> {
    /// A writer of rows with these columns. `level` is zstd's.
    pub fn new(fields: Vec<Field>, level: i32, out: W) -> Self {
        Self {
            schema: Arc::new(Schema::new(fields)),
            level,
            rows: 0,
            notes: Vec::new(),
            choices: None,
            out: Some(out),
            sample: Vec::new(),
            sample_rows: 0,
            sample_bytes: 0,
            writer: None,
        }
    }

    /// Tells that about as many rows will come.
    #[must_use]
    pub fn with_rows(mut self, rows: usize) -> Self {
        self.rows = rows;
        self
    }

    /// Has it write as another part was written, where that has the same columns and about as many rows. Otherwise
    /// trials on the first rows decide.
    #[must_use]
    pub fn with_choices(mut self, choices: Option<PartChoices>) -> Self {
        self.choices = choices;
        self
    }

    /// Has the file say this under a key.
    #[must_use]
    pub fn with_note(mut self, key: &str, value: String) -> Self {
        self.notes.push(KeyValue::new(key.to_owned(), value));
        self
    }

    /// The columns.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Adds rows.
    ///
    /// # Errors
    /// Those of the output; columns of types that parts do not have.
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if let Some(writer) = &mut self.writer {
            return Ok(writer.write(&batch)?);
        }
        self.sample_rows += batch.num_rows();
        self.sample_bytes += batch.get_array_memory_size();
        self.sample.push(batch);
        let known = self.choices.as_ref();
        let is_known = known.is_some_and(|known| known.suit(&self.schema, self.rows));
        if is_known || self.sample_rows >= SAMPLE_ROWS || self.sample_bytes >= SAMPLE_BYTES {
            self.begin()?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        let out = self
            .out
            .take()
            .ok_or_else(|| ColumnsError::damaged("a part is begun twice"))?;
        let descriptor = ArrowSchemaConverter::new().convert(&self.schema)?;
        let zstd = |level| Ok::<_, ColumnsError>(Compression::ZSTD(ZstdLevel::try_new(level)?));
        let known = self.choices.take();
        let known = known.filter(|known| known.suit(&self.schema, self.rows));
        let known = match known {
            Some(known) => known,
            None => PartChoices {
                choices: choose(&self.sample, self.rows, &descriptor, self.level)?,
                schema: Arc::clone(&self.schema),
                rows: self.rows,
            },
        };
        let choices = known.choices.clone();
        self.choices = Some(known);
        let mut properties = WriterProperties::builder()
            .set_compression(zstd(self.level)?)
            .set_max_row_group_row_count(Some(choices.group_rows))
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .set_data_page_size_limit(PAGE_BYTES)
            .set_data_page_row_count_limit(PAGE_ROWS)
            .set_write_batch_size(LOOK)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_statistics_truncate_length(Some(STATISTICS_BYTES))
            .set_column_index_truncate_length(Some(STATISTICS_BYTES))
            .set_key_value_metadata((!self.notes.is_empty()).then(|| self.notes.clone()))
            .set_created_by("lakebed".to_owned());
        for (leaf, (column, choice)) in descriptor.columns().iter().zip(choices.leaves) {
            if leaf.max_rep_level() > 0 {
                properties =
                    properties.set_column_data_page_row_count_limit(column.clone(), LIST_PAGE_ROWS);
            }
            properties = properties
                .set_column_dictionary_enabled(column.clone(), choice.dictionary > 0)
                .set_column_compression(column.clone(), zstd(choice.level)?)
                .set_column_data_page_size_limit(column.clone(), choice.page_bytes);
            if choice.dictionary > 0 {
                properties = properties
                    .set_column_dictionary_page_size_limit(column.clone(), choice.dictionary);
            }
            if let Some(encoding) = choice.encoding {
                properties = properties.set_column_encoding(column.clone(), encoding);
            }
            if choice.zones {
                properties = properties
                    .set_column_statistics_enabled(column.clone(), EnabledStatistics::Page);
            }
        }
        let options = ArrowWriterOptions::new().with_properties(properties.build());
        let mut writer = ArrowWriter::try_new_with_options(out, Arc::clone(&self.schema), options)?;
        for batch in self.sample.drain(..) {
            writer.write(&batch)?;
        }
        self.writer = Some(writer);
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`PartWriter::push`].
    pub fn finish(mut self) -> Result<WrittenPart> {
        if self.writer.is_none() {
            self.begin()?;
        }
        let descriptor = ArrowSchemaConverter::new().convert(&self.schema)?;
        let leaves = Leaf::all(&descriptor)?;
        let writer = self
            .writer
            .take()
            .ok_or_else(|| ColumnsError::damaged("a part was not begun"))?;
        let choices = self.choices.take();
        Ok(WrittenPart {
            choices: choices.ok_or_else(|| ColumnsError::damaged("a part was not begun"))?,
            metadata: writer.close()?,
            leaves,
        })
    }
}

impl WrittenPart {
    /// How it was written.
    pub fn choices(&self) -> &PartChoices {
        &self.choices
    }

    /// Its page directory. `read` reads the file; checksums have that salt.
    ///
    /// # Errors
    /// Reading fails.
    pub fn directory(self, salt: u64, read: &mut ReadPart<'_>) -> Result<PageDirectory> {
        PageDirectory::of_file(self.leaves, &self.metadata, salt, read)
    }
}
