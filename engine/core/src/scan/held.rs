//! Where a part holds the columns of a schema, which may be a later one than it was written with.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{ArrayRef, PrimitiveArray, cast::AsArray as _};
use arrow_schema::{DataType as ArrowType, Field};
use lakebed_json::schema::{Column, ColumnSource, arrow_field};

use crate::error::Result;
use crate::segment::Segment;
use crate::segment::columns::origin::Origin;
use crate::segment::columns::part::OpenPart;

/// Where a part holds a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// In this column, as it is.
    Same(Vec<String>),
    /// In no record of the part.
    Missing,
    /// In this column of a narrower type, whose cast gives the values.
    Narrower(Vec<String>),
    /// Only the records have the values as they are.
    InRecords,
}

/// A part that has all columns of a scan, or all that its filters name.
#[derive(Debug)]
pub(super) struct ReadyPart {
    pub(super) segment: Arc<dyn Segment>,
    /// From its first blob to behind its last.
    pub(super) blobs: Range<u64>,
    /// Where it has them, in the order of the projection or of the filters.
    pub(super) columns: Vec<Held>,
}

/// Where a part holds these columns.
///
/// # Errors
/// `Corrupt`, `Io`.
pub(super) fn held<'a>(
    part: &OpenPart,
    columns: impl Iterator<Item = &'a Column>,
) -> Result<Vec<Held>> {
    let opened = part.arrays()?;
    let Some(origins) = opened.origins() else {
        return Ok(columns.map(|_| Held::InRecords).collect());
    };
    let fields = opened.schema().fields();
    let typed: Vec<(&Origin, &Field)> = origins
        .iter()
        .zip(fields.iter().map(|field| &**field))
        .collect();
    let found = columns.map(|column| place(column, &typed, || opened.is_plain()));
    Ok(found.collect())
}

fn place(column: &Column, typed: &[(&Origin, &Field)], is_plain: impl Fn() -> bool) -> Held {
    if let ColumnSource::Path(keys) = &column.source {
        return place_of_path(column, keys, typed);
    }
    let wanted = Origin::of(column);
    let Some((origin, field)) = typed.iter().find(|(o, _)| o.source == wanted.source) else {
        // Keys without a column may be in that of the rest.
        let may_be_elsewhere = typed.iter().any(|(origin, _)| origin.has_rest);
        return if may_be_elsewhere || wanted.has_rest {
            Held::InRecords
        } else {
            Held::Missing
        };
    };
    let path = vec![field.name().clone()];
    if origin.declared != wanted.declared || origin.has_rest != wanted.has_rest {
        return Held::InRecords;
    }
    let now = arrow_field(&column.name, &column.data_type);
    if is_same(field, &now) {
        return Held::Same(path);
    }
    // The integer -0 is 0 in a column of integers and -0.0 among doubles.
    if column.declared.is_empty() && !wanted.has_rest && is_narrower(field, &now) && is_plain() {
        return Held::Narrower(path);
    }
    Held::InRecords
}

/// A field inside objects.
fn place_of_path(column: &Column, keys: &[Box<[u8]>], typed: &[(&Origin, &Field)]) -> Held {
    let Some((first, rest)) = keys.split_first() else {
        return Held::InRecords;
    };
    let root = Column {
        source: ColumnSource::Key(first.clone()),
        declared: Vec::new(),
        ..column.clone()
    };
    let wanted = Origin::of(&root);
    let Some((origin, field)) = typed.iter().find(|(o, _)| o.source == wanted.source) else {
        return Held::InRecords;
    };
    if origin.has_rest || origin.declared != wanted.declared || !column.declared.is_empty() {
        return Held::InRecords;
    }
    let mut path = vec![field.name().clone()];
    let mut at = *field;
    for key in rest {
        let ArrowType::Struct(fields) = at.data_type() else {
            return Held::InRecords;
        };
        let Some(inside) = fields
            .iter()
            .find(|field| field.name().as_bytes() == &**key)
        else {
            return Held::InRecords;
        };
        path.push(inside.name().clone());
        at = inside;
    }
    if is_same(at, &arrow_field(&column.name, &column.data_type)) {
        Held::Same(path)
    } else {
        Held::InRecords
    }
}

fn is_same(then: &Field, now: &Field) -> bool {
    then.data_type() == now.data_type() && is_json(then) == is_json(now)
}

fn is_json(field: &Field) -> bool {
    !field.metadata().is_empty()
}

/// Whether values of a type are values of another one, by the rules of `docs/types.md`; text never is.
fn is_narrower(then: &Field, now: &Field) -> bool {
    use ArrowType::{Decimal128, Float64, Int64, List, Struct, UInt64};

    if is_json(then) || is_json(now) {
        return is_same(then, now);
    }
    match (then.data_type(), now.data_type()) {
        (Int64, UInt64 | Float64 | Decimal128(38, 0)) | (UInt64, Float64 | Decimal128(38, 0)) => {
            true
        }
        (List(then), List(now)) => is_narrower(then, now),
        (Struct(then), Struct(now)) => {
            let known = |name: &str| now.iter().find(|field| field.name() == name);
            then.iter()
                .all(|field| known(field.name()).is_some_and(|now| is_narrower(field, now)))
        }
        (then, now) => then == now,
    }
}

/// Values of a narrower type as those of a column; `None` where only the records give them.
pub(super) fn widened(array: &ArrayRef, to: &ArrowType) -> Option<ArrayRef> {
    if let Some(array) = array.as_primitive_opt::<Int64Type>() {
        return Some(match to {
            // As the lattice has it, all are exact, or not negative.
            #[expect(clippy::cast_precision_loss, reason = "all are exact")]
            ArrowType::Float64 => {
                Arc::new(array.unary::<_, Float64Type>(|number| number as f64)) as ArrayRef
            }
            ArrowType::UInt64 => Arc::new(array.unary::<_, UInt64Type>(i64::cast_unsigned)),
            ArrowType::Decimal128(38, 0) => decimals(array.unary::<_, Decimal128Type>(i128::from))?,
            _ => return None,
        });
    }
    let array = array.as_primitive_opt::<UInt64Type>()?;
    Some(match to {
        #[expect(clippy::cast_precision_loss, reason = "all are exact")]
        ArrowType::Float64 => Arc::new(array.unary::<_, Float64Type>(|number| number as f64)),
        ArrowType::Decimal128(38, 0) => decimals(array.unary::<_, Decimal128Type>(i128::from))?,
        _ => return None,
    })
}

fn decimals(array: PrimitiveArray<Decimal128Type>) -> Option<ArrayRef> {
    let array = array.with_precision_and_scale(38, 0).ok()?;
    Some(Arc::new(array))
}
