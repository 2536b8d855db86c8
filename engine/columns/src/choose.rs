//! Which encoding each leaf gets: by trial on the first rows.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use crate::error::Result;
use crate::limits::DICTIONARY_BYTES;

/// Values that are written with every encoding that fits.
const TRIED: usize = 8_192;

/// How a leaf is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Choice {
    pub(crate) dictionary: bool,
    /// Without a dictionary, and once that is full.
    pub(crate) encoding: Option<Encoding>,
    /// Whether pages have statistics.
    pub(crate) zones: bool,
}

/// The choice for each leaf of these rows.
pub(crate) fn choose_encodings(
    sample: &[RecordBatch],
    descriptor: &SchemaDescriptor,
    level: i32,
) -> Result<Vec<(ColumnPath, Choice)>> {
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
    let columns = descriptor
        .columns()
        .iter()
        .map(|column| column.path().clone());
    columns
        .zip(&leaves)
        .map(|(path, arrays)| Ok((path, choose(arrays, level)?)))
        .collect()
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

fn choose(arrays: &[ArrayRef], level: i32) -> Result<Choice> {
    let Some(first) = arrays.first() else {
        return Ok(Choice::default());
    };
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
        _ => &[],
    };
    let dictionary = few_values(arrays);
    let is_text = matches!(first.data_type(), DataType::Utf8 | DataType::Binary);
    let mut best: Option<(usize, Encoding)> = None;
    for encoding in candidates {
        let size = trial(first, *encoding, level)?;
        if best.is_none_or(|(least, _)| size < least) {
            best = Some((size, *encoding));
        }
    }
    Ok(Choice {
        dictionary,
        encoding: best.map(|(_, encoding)| encoding),
        zones: !is_text,
    })
}

/// The bytes of some values in a file of their own.
fn trial(array: &ArrayRef, encoding: Encoding, level: i32) -> Result<usize> {
    let array = array.slice(0, array.len().min(TRIED));
    let field = Field::new("v", array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(level)?))
        .set_dictionary_enabled(false)
        .set_encoding(encoding)
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, Arc::clone(&schema), options)?;
    writer.write(&RecordBatch::try_new(schema, vec![array])?)?;
    writer.close()?;
    Ok(bytes.len())
}

/// Whether a dictionary pays: it fits its limit, and a value is there four times on average.
fn few_values(arrays: &[ArrayRef]) -> bool {
    let values: usize = arrays
        .iter()
        .map(|array| array.len() - array.null_count())
        .sum();
    let most = values / 4;
    let mut numbers: HashSet<i64> = HashSet::new();
    let mut texts: HashSet<&[u8]> = HashSet::new();
    let mut bytes = 0;
    for array in arrays {
        for row in (0..array.len()).filter(|row| array.is_valid(*row)) {
            match array.data_type() {
                DataType::Utf8 => {
                    let text = array.as_string::<i32>().value(row).as_bytes();
                    bytes += if texts.insert(text) {
                        text.len() + 4
                    } else {
                        0
                    };
                }
                DataType::Binary => {
                    let text = array.as_binary::<i32>().value(row);
                    bytes += if texts.insert(text) {
                        text.len() + 4
                    } else {
                        0
                    };
                }
                DataType::Int64 => {
                    let value = array.as_primitive::<Int64Type>().value(row);
                    bytes += if numbers.insert(value) { 8 } else { 0 };
                }
                DataType::UInt64 => {
                    let value = array.as_primitive::<UInt64Type>().value(row).cast_signed();
                    bytes += if numbers.insert(value) { 8 } else { 0 };
                }
                DataType::Boolean => return false,
                // Others are tried by the writer itself.
                _ => return true,
            }
            if texts.len() + numbers.len() > most || bytes > DICTIONARY_BYTES {
                return false;
            }
        }
    }
    values > 0
}
