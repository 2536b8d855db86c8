//! What each column of a part holds: of which key, and with which declared types.
//!
//! The part's file says it, so that a later schema of the collection, which may name and type its columns otherwise,
//! finds them. A part without such a note is read record by record.

use lakebed_format::checksum;
use lakebed_format::coding::{put_bytes, put_varint};
use lakebed_json::schema::{Column, ColumnSource, DataType, Schema, Step};

/// The key of the note in the metadata of the file.
pub(super) const NOTE: &str = "lakebed:columns";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Of the part of a record that it holds.
    pub(crate) source: u64,
    /// Of what is declared of it.
    pub(crate) declared: u64,
    /// Whether it holds keys that have no column or field of their own.
    pub(crate) has_rest: bool,
}

impl Origin {
    pub(crate) fn of(column: &Column) -> Self {
        let mut source = Vec::new();
        match &column.source {
            ColumnSource::Key(key) => {
                source.push(0);
                put_bytes(&mut source, key);
            }
            ColumnSource::Path(keys) => {
                source.push(1);
                for key in keys {
                    put_bytes(&mut source, key);
                }
            }
            ColumnSource::NonObject => source.push(2),
            ColumnSource::Rest(keys) => {
                source.push(3);
                for key in keys.iter() {
                    put_bytes(&mut source, key);
                }
            }
        }
        let mut declared = Vec::new();
        for part in &column.declared {
            put_varint(&mut declared, part.path.len() as u64);
            for step in &part.path {
                match step {
                    Step::Key(key) => {
                        declared.push(0);
                        put_bytes(&mut declared, key);
                    }
                    Step::Element => declared.push(1),
                }
            }
            put_varint(&mut declared, part.nulls.len() as u64);
            for null in part.nulls.iter() {
                put_bytes(&mut declared, null.as_bytes());
            }
        }
        let is_rest = matches!(column.source, ColumnSource::Rest(_));
        Self {
            source: checksum(0, 0, &source),
            declared: checksum(0, 0, &declared),
            has_rest: is_rest || has_rest(&column.data_type),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split('-');
        let mut number = || u64::from_str_radix(words.next()?, 16).ok();
        Some(Self {
            source: number()?,
            declared: number()?,
            has_rest: number()? != 0,
        })
    }
}

/// Whether a field inside the type holds keys that have no field.
fn has_rest(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => fields
            .iter()
            .any(|field| field.rest || has_rest(&field.data_type)),
        DataType::List(inside) | DataType::Map(inside) => has_rest(inside),
        _ => false,
    }
}

/// The note of a part with these columns.
pub(super) fn note(schema: &Schema) -> String {
    let origins = schema.columns.iter().map(Origin::of);
    let words: Vec<String> = origins
        .map(|origin| {
            format!(
                "{:x}-{:x}-{}",
                origin.source,
                origin.declared,
                u8::from(origin.has_rest)
            )
        })
        .collect();
    words.join(" ")
}

/// What a note says, in the order of the columns.
pub(super) fn read(note: &str) -> Option<Vec<Origin>> {
    note.split_whitespace().map(Origin::read).collect()
}
