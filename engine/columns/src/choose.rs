//! How each leaf is written: by trial on the first rows.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use lakebed_format::checksum;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use crate::error::Result;
use crate::limits::{
    DICTIONARY_BYTES, GROUP_ROWS, LARGE_DICTIONARY_BYTES, LARGE_GROUP_ROWS, LOOK, PAGE_BYTES,
    PAGE_ROWS, SMALL_PAGE_BYTES,
};

/// Values that are written in each way that may be best, and their bytes, about.
const TRIED: usize = 8_192;
const TRIED_BYTES: usize = 256 << 10;
/// What a page costs besides its bytes in the file: its place in the directory.
const PAGE_COST: usize = 16;
/// Values between two looks at whether nearly all of them differ.
const STRETCH: usize = 16 << 10;
/// zstd's level for leaves that it makes smaller by [`WORTH`] at least.
const HIGH_LEVEL: i32 = 9;
const WORTH: f64 = 0.97;
/// The level in its place where that makes a leaf larger by this at most: it takes half the time.
const MIDDLE_LEVEL: i32 = 7;
const NEARLY_AS_SMALL: f64 = 1.005;
/// Smaller pages are taken where they make a leaf larger by this at most.
const SMALL_PAGES: f64 = 1.06;
/// Of the bytes of a leaf, those that a large dictionary may leave. It is decoded as a whole for one record, and where
/// dictionaries do not fit in memory, for each.
const LARGE_DICTIONARY: f64 = 0.6;

/// How a leaf is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    /// The most bytes of its dictionary in a row group; 0 for none.
    pub(crate) dictionary: usize,
    /// Without a dictionary, and once that is full.
    pub(crate) encoding: Option<Encoding>,
    /// zstd's level.
    pub(crate) level: i32,
    /// Bytes of a page before compression, about.
    pub(crate) page_bytes: usize,
    /// Whether pages have statistics.
    pub(crate) zones: bool,
}

/// How a part is written.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    pub(crate) leaves: Vec<(ColumnPath, Choice)>,
    /// Rows of a row group.
    pub(crate) group_rows: usize,
}

/// How a part was written, for another one with the same columns and about as many rows.
#[derive(Clone, Debug)]
pub struct PartChoices {
    pub(crate) choices: Choices,
    pub(crate) schema: Arc<Schema>,
    pub(crate) rows: usize,
}

impl PartChoices {
    /// Whether a part with these columns and as many rows may be written like that.
    pub(crate) fn suit(&self, schema: &Schema, rows: usize) -> bool {
        rows / 2 <= self.rows && self.rows / 2 <= rows && *self.schema == *schema
    }
}

/// The choice for each leaf of a part that begins with these rows and has about `rows`.
pub(crate) fn choose(
    sample: &[RecordBatch],
    rows: usize,
    descriptor: &SchemaDescriptor,
    level: i32,
) -> Result<Choices> {
    let mut leaves: Vec<Vec<ArrayRef>> = vec![Vec::new(); descriptor.num_columns()];
    for batch in sample {
        let mut found = Vec::new();
        for column in batch.columns() {
            gather(column, &mut found);
        }
        for (leaf, array) in leaves.iter_mut().zip(found) {
            leaf.push(array);
        }
    }
    let sampled: usize = sample.iter().map(RecordBatch::num_rows).sum();
    let group = rows.clamp(sampled, LARGE_GROUP_ROWS.max(sampled));
    let scale = group as f64 / sampled.max(1) as f64;
    let columns = descriptor
        .columns()
        .iter()
        .map(|column| column.path().clone());
    let leaves = columns
        .zip(&leaves)
        .map(|(path, arrays)| Ok((path, choose_leaf(arrays, scale, level)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut choices = leaves.iter().map(|(_, choice)| choice);
    // A large dictionary is worth more the more rows it serves.
    let group_rows = if choices.any(|choice| choice.dictionary > DICTIONARY_BYTES) {
        LARGE_GROUP_ROWS
    } else {
        GROUP_ROWS
    };
    Ok(Choices { leaves, group_rows })
}

/// The leaves of an array, as Parquet numbers them.
fn gather(array: &ArrayRef, found: &mut Vec<ArrayRef>) {
    match array.data_type() {
        DataType::Struct(_) => {
            for field in array.as_struct().columns() {
                gather(field, found);
            }
        }
        DataType::List(_) => gather(array.as_list::<i32>().values(), found),
        DataType::Map(_, _) => {
            let map = array.as_map();
            gather(map.keys(), found);
            gather(map.values(), found);
        }
        _ => found.push(Arc::clone(array)),
    }
}

fn choose_leaf(arrays: &[ArrayRef], scale: f64, level: i32) -> Result<Choice> {
    let mut choice = Choice {
        dictionary: 0,
        encoding: None,
        level,
        page_bytes: PAGE_BYTES,
        zones: false,
    };
    let Some(first) = arrays
        .iter()
        .max_by_key(|array| array.len() - array.null_count())
    else {
        return Ok(choice);
    };
    let is_text = matches!(first.data_type(), DataType::Utf8 | DataType::Binary);
    choice.zones = !is_text;
    let different = Different::of(arrays);
    if different.is_some_and(Different::are_few) {
        choice.dictionary = DICTIONARY_BYTES;
        return Ok(choice);
    }
    let tried = first.slice(0, first.len().min(TRIED));
    let tried = if is_text {
        let average = tried.get_array_memory_size() / first.len().max(1);
        tried.slice(0, tried.len().min(TRIED_BYTES / average.max(1) + 64))
    } else {
        tried
    };
    let values = tried.len() - tried.null_count();
    if values == 0 {
        choice.dictionary = DICTIONARY_BYTES;
        return Ok(choice);
    }
    let candidates: &[Encoding] = match first.data_type() {
        DataType::Utf8 | DataType::Binary => &[
            Encoding::PLAIN,
            Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Encoding::DELTA_BYTE_ARRAY,
        ],
        DataType::Int32
        | DataType::Int64
        | DataType::UInt64
        | DataType::Date32
        | DataType::Timestamp(_, _) => &[Encoding::PLAIN, Encoding::DELTA_BINARY_PACKED],
        _ => &[Encoding::PLAIN],
    };
    let (mut least, mut plain) = (usize::MAX, 0);
    for encoding in candidates {
        let size = trial(&tried, *encoding, level, PAGE_BYTES)?;
        if *encoding == Encoding::PLAIN {
            plain = size;
        }
        if size < least {
            least = size;
            choice.encoding = Some(*encoding);
        }
    }
    if let Some(different) = different {
        let per_value = |size: usize| size as f64 / values as f64;
        choice.dictionary = different.dictionary(scale, per_value(plain), per_value(least));
        if choice.dictionary > 0 {
            return Ok(choice);
        }
    }
    let encoding = choice.encoding.unwrap_or(Encoding::PLAIN);
    if level < HIGH_LEVEL {
        let size = trial(&tried, encoding, HIGH_LEVEL, PAGE_BYTES)?;
        if (size as f64) < least as f64 * WORTH {
            (choice.level, least) = (HIGH_LEVEL, size);
            let middle = trial(&tried, encoding, MIDDLE_LEVEL, PAGE_BYTES)?;
            if level < MIDDLE_LEVEL && middle as f64 <= size as f64 * NEARLY_AS_SMALL {
                (choice.level, least) = (MIDDLE_LEVEL, middle);
            }
        }
    }
    let size = trial(&tried, encoding, choice.level, SMALL_PAGE_BYTES)?;
    if size as f64 <= least as f64 * SMALL_PAGES {
        choice.page_bytes = SMALL_PAGE_BYTES;
    }
    Ok(choice)
}

/// The bytes of some values in pages of this size.
fn trial(array: &ArrayRef, encoding: Encoding, level: i32, page_bytes: usize) -> Result<usize> {
    let field = Field::new("v", array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(level)?))
        .set_dictionary_enabled(false)
        .set_encoding(encoding)
        .set_data_page_size_limit(page_bytes)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(LOOK)
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, Arc::clone(&schema), options)?;
    writer.write(&RecordBatch::try_new(schema, vec![Arc::clone(array)])?)?;
    let metadata = writer.close()?;
    let pages = metadata
        .page_index_for_row_group(0)
        .offset_index(0)
        .map_or(0, |index| index.page_locations().len());
    let groups = metadata.row_groups().iter();
    let stored: i64 = groups.map(RowGroupMetaData::compressed_size).sum();
    Ok(usize::try_from(stored).unwrap_or(0) + pages * PAGE_COST)
}

/// How many values of a leaf differ.
#[derive(Clone, Copy, Debug)]
struct Different {
    values: usize,
    distinct: usize,
    /// Bytes of these in a dictionary.
    bytes: usize,
}

impl Different {
    /// Of these arrays; `None` where a dictionary is out of the question.
    fn of(arrays: &[ArrayRef]) -> Option<Self> {
        let mut seen = HashSet::new();
        let mut found = Self {
            values: 0,
            distinct: 0,
            bytes: 0,
        };
        for array in arrays {
            for row in (0..array.len()).filter(|row| array.is_valid(*row)) {
                let (key, bytes) = key_of(array, row)?;
                found.values += 1;
                if seen.insert(key) {
                    found.distinct += 1;
                    found.bytes += bytes;
                }
                let nearly_all =
                    found.values.is_multiple_of(STRETCH) && found.distinct > found.values / 20 * 19;
                if nearly_all || found.bytes > LARGE_DICTIONARY_BYTES {
                    return None;
                }
            }
        }
        Some(found)
    }

    /// Whether so few differ that a dictionary is best without a trial.
    fn are_few(self) -> bool {
        self.distinct <= self.values / 16 && self.bytes <= DICTIONARY_BYTES
    }

    /// The most bytes of the dictionary of a row group that has `scale` times the values; 0 where it would not pay.
    /// A value takes `plain` bytes in a dictionary, and `best` without one.
    fn dictionary(self, scale: f64, plain: f64, best: f64) -> usize {
        let values = self.values as f64 * scale;
        let different = self.among(values);
        let bytes = self.bytes as f64 / self.distinct.max(1) as f64 * different;
        let bits = (different + 1.0).log2().ceil().max(1.0);
        let size = different * plain + values * bits / 8.0;
        if bytes <= DICTIONARY_BYTES as f64 {
            return if size < values * best {
                DICTIONARY_BYTES
            } else {
                0
            };
        }
        let pays = size < values * best * LARGE_DICTIONARY;
        if pays && bytes * 1.1 <= LARGE_DICTIONARY_BYTES as f64 {
            LARGE_DICTIONARY_BYTES
        } else {
            0
        }
    }

    /// How many differ among as many values, if each is as likely as the others.
    fn among(self, values: f64) -> f64 {
        let (known, different) = (self.values as f64, self.distinct as f64);
        let expected = |all: f64, values: f64| all * (1.0 - (-values / all).exp());
        let (mut low, mut high) = (different.max(1.0), known * known.max(2.0));
        for _ in 0..64 {
            let middle = f64::midpoint(low, high);
            if expected(middle, known) < different {
                low = middle;
            } else {
                high = middle;
            }
        }
        expected(high, values).max(different.min(values))
    }
}

/// A number that tells a value from others, and its bytes in a dictionary; `None` for types without dictionaries.
fn key_of(array: &ArrayRef, row: usize) -> Option<(u64, usize)> {
    let text = |bytes: &[u8]| (checksum(0, 0, bytes), bytes.len() + 4);
    Some(match array.data_type() {
        DataType::Utf8 => text(array.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => text(array.as_binary::<i32>().value(row)),
        DataType::Int32 => {
            let value = array.as_primitive::<Int32Type>().value(row);
            (i64::from(value).cast_unsigned(), 4)
        }
        DataType::Date32 => {
            let value = array.as_primitive::<Date32Type>().value(row);
            (i64::from(value).cast_unsigned(), 4)
        }
        DataType::Int64 => {
            let value = array.as_primitive::<Int64Type>().value(row);
            (value.cast_unsigned(), 8)
        }
        DataType::UInt64 => (array.as_primitive::<UInt64Type>().value(row), 8),
        DataType::Timestamp(_, _) => {
            let array = array.as_primitive::<TimestampMicrosecondType>();
            (array.value(row).cast_unsigned(), 8)
        }
        DataType::Float64 => (array.as_primitive::<Float64Type>().value(row).to_bits(), 8),
        DataType::Decimal128(_, _) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            (checksum(0, 0, &value.to_le_bytes()), 16)
        }
        _ => return None,
    })
}
