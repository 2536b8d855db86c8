//! The leaves of a part: how their values lie in pages.

use lakebed_format::coding::{Reader, put_str, put_varint};
use parquet::basic::{Repetition, Type as ParquetPhysical};
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor, Type};

use crate::error::{ColumnsError, Result};

/// How the values of a leaf are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Physical {
    /// One bit.
    Boolean,
    /// 32 bits, signed.
    Int32,
    /// 64 bits.
    Int64,
    /// 64 bits of floating point.
    Double,
    /// Bytes of any length.
    Bytes,
    /// 16 bytes, big-endian and signed.
    Int128,
}

impl Physical {
    /// The number that stands for it in the table of a part.
    pub const fn number(self) -> u8 {
        match self {
            Self::Boolean => 0,
            Self::Int32 => 1,
            Self::Int64 => 2,
            Self::Double => 3,
            Self::Bytes => 4,
            Self::Int128 => 5,
        }
    }
}

/// A leaf of a part's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its column and the fields to it, with dots between them.
    pub name: String,
    /// How its values are stored.
    pub physical: Physical,
    /// The definition level of a value.
    pub max_def: u8,
    /// For each list around the leaf, from the outermost: the definition level from which on it has an element.
    pub lists: Vec<u8>,
}

impl Leaf {
    /// The leaves of a schema, in the order of its columns.
    ///
    /// # Errors
    /// A type that parts do not have.
    pub(crate) fn all(schema: &SchemaDescriptor) -> Result<Vec<Self>> {
        schema
            .columns()
            .iter()
            .map(|column| Self::of(schema, column))
            .collect()
    }

    fn of(schema: &SchemaDescriptor, column: &ColumnDescPtr) -> Result<Self> {
        let physical = match column.physical_type() {
            ParquetPhysical::BOOLEAN => Physical::Boolean,
            ParquetPhysical::INT32 => Physical::Int32,
            ParquetPhysical::INT64 => Physical::Int64,
            ParquetPhysical::DOUBLE => Physical::Double,
            ParquetPhysical::BYTE_ARRAY => Physical::Bytes,
            ParquetPhysical::FIXED_LEN_BYTE_ARRAY if column.type_length() == 16 => Physical::Int128,
            other => {
                return Err(ColumnsError(format!(
                    "a part has no values of type {other}"
                )));
            }
        };
        let mut node: &Type = schema.root_schema();
        let (mut level, mut lists) = (0_u8, Vec::new());
        for part in column.path().parts() {
            let fields = node.get_fields();
            node = fields
                .iter()
                .find(|field| field.name() == part)
                .ok_or_else(|| ColumnsError::damaged("a column's path leads nowhere"))?;
            let repetition = node.get_basic_info().repetition();
            if repetition != Repetition::REQUIRED {
                level = level
                    .checked_add(1)
                    .ok_or_else(|| ColumnsError::damaged("columns are nested too deeply"))?;
            }
            if repetition == Repetition::REPEATED {
                lists.push(level);
            }
        }
        Ok(Self {
            name: column.path().string(),
            physical,
            max_def: level,
            lists,
        })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_str(out, &self.name);
        out.push(self.physical.number());
        out.push(self.max_def);
        put_varint(out, self.lists.len() as u64);
        out.extend_from_slice(&self.lists);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> lakebed_format::Result<Self> {
        let name = reader.str()?.to_owned();
        let physical = match reader.u8()? {
            0 => Physical::Boolean,
            1 => Physical::Int32,
            2 => Physical::Int64,
            3 => Physical::Double,
            4 => Physical::Bytes,
            5 => Physical::Int128,
            _ => return Err(reader.value("a leaf has an unknown type")),
        };
        let max_def = reader.u8()?;
        let lists = reader.block()?.to_vec();
        let ascending = lists.is_sorted_by(|a, b| a < b);
        if !ascending || lists.last().is_some_and(|last| *last > max_def) || lists.contains(&0) {
            return Err(reader.value("the levels of a leaf do not ascend"));
        }
        Ok(Self {
            name,
            physical,
            max_def,
            lists,
        })
    }
}
