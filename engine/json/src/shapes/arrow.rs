//! The values of the arrays that the extractor makes.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};

use super::leaves::{Form, LeafKind, Leaves, Node};
use super::values::LeafValues;

/// The values of a batch of rows, from the arrays of an [`Extractor`](crate::extract::Extractor) for all columns of the
/// leaves. See the [module](crate::shapes).
#[derive(Debug)]
pub struct ArrowValues {
    leaves: Vec<LeafArray>,
    lists: Vec<ListArray>,
    columns: Vec<Column>,
}

/// How the rows of a column are found in the arrays inside it.
#[derive(Clone, Debug)]
enum Column {
    Leaf(usize),
    Struct(Vec<Column>),
    List(usize, Vec<Column>),
}

#[derive(Debug)]
struct LeafArray {
    values: Values,
    valid: Option<NullBuffer>,
    /// The values of the row that were not given yet.
    row: Range<usize>,
}

#[derive(Debug)]
enum Values {
    Boolean(BooleanArray),
    Integers(ScalarBuffer<i64>),
    Days(ScalarBuffer<i32>),
    Unsigned(ScalarBuffer<u64>),
    Huge(ScalarBuffer<i128>),
    Doubles(ScalarBuffer<f64>),
    Texts(StringArray),
}

#[derive(Debug)]
struct ListArray {
    offsets: OffsetBuffer<i32>,
    row: Range<usize>,
}

impl ArrowValues {
    /// Of these arrays, one for each column that the leaves were made of, in the same order and of the types of the
    /// extractor. It stands before the first row. `None` where the arrays are not of such types.
    pub fn new(leaves: &Leaves, arrays: &[ArrayRef]) -> Option<Self> {
        let mut values = Self {
            leaves: Vec::with_capacity(leaves.leaves().len()),
            lists: Vec::with_capacity(leaves.lists().len()),
            columns: Vec::new(),
        };
        if arrays.len() != leaves.columns.len() {
            return None;
        }
        for (node, array) in leaves.columns.iter().zip(arrays) {
            let column = values.add(node, array)?;
            values.columns.push(column);
        }
        Some(values)
    }

    /// Adds the leaves and lists of an array, in the order of their numbers.
    fn add(&mut self, node: &Node, array: &ArrayRef) -> Option<Column> {
        Some(match &node.form {
            Form::Leaf(_, kind) => self.add_leaf(*kind, array)?,
            Form::Struct(fields) => {
                let array = array.as_struct_opt()?;
                if array.num_columns() != fields.order.len() {
                    return None;
                }
                let columns = fields.order.iter().zip(array.columns());
                let columns = columns.map(|(field, array)| match field {
                    Some(field) => self.add(fields.nodes.get(*field)?, array),
                    None => self.add_leaf(LeafKind::Json, array),
                });
                Column::Struct(columns.collect::<Option<_>>()?)
            }
            Form::List(_, element) => {
                let array = array.as_list_opt::<i32>()?;
                let list = self.add_list(array.offsets());
                Column::List(list, vec![self.add(element, array.values())?])
            }
            Form::Map(_, _, value) => {
                let array = array.as_map_opt()?;
                let list = self.add_list(array.offsets());
                let key = self.add_leaf(LeafKind::Varchar, array.keys())?;
                Column::List(list, vec![key, self.add(value, array.values())?])
            }
        })
    }

    fn add_list(&mut self, offsets: &OffsetBuffer<i32>) -> usize {
        self.lists.push(ListArray {
            offsets: offsets.clone(),
            row: 0..0,
        });
        self.lists.len() - 1
    }

    fn add_leaf(&mut self, kind: LeafKind, array: &ArrayRef) -> Option<Column> {
        let values = match kind {
            LeafKind::Boolean => Values::Boolean(array.as_boolean_opt()?.clone()),
            LeafKind::BigInt => {
                Values::Integers(array.as_primitive_opt::<Int64Type>()?.values().clone())
            }
            LeafKind::Timestamp | LeafKind::TimestampTz => {
                let array = array.as_primitive_opt::<TimestampMicrosecondType>()?;
                Values::Integers(array.values().clone())
            }
            LeafKind::Date => {
                Values::Days(array.as_primitive_opt::<Date32Type>()?.values().clone())
            }
            LeafKind::UBigInt => {
                Values::Unsigned(array.as_primitive_opt::<UInt64Type>()?.values().clone())
            }
            LeafKind::HugeInt => {
                Values::Huge(array.as_primitive_opt::<Decimal128Type>()?.values().clone())
            }
            LeafKind::Double => {
                Values::Doubles(array.as_primitive_opt::<Float64Type>()?.values().clone())
            }
            LeafKind::Varchar | LeafKind::Json => {
                Values::Texts(array.as_string_opt::<i32>()?.clone())
            }
        };
        self.leaves.push(LeafArray {
            values,
            valid: array.nulls().cloned(),
            row: 0..0,
        });
        Some(Column::Leaf(self.leaves.len() - 1))
    }

    /// Goes to the beginning of a row, counted from 0 in the batch. A row that the batch does not have has no values.
    #[inline]
    pub fn go_to(&mut self, row: usize) {
        let row = row..row.saturating_add(1);
        for column in &self.columns {
            place(column, &row, &mut self.leaves, &mut self.lists);
        }
    }

    #[inline]
    fn next(&mut self, leaf: usize) -> Option<(&Values, usize)> {
        let leaf = self.leaves.get_mut(leaf)?;
        loop {
            let at = leaf.row.next()?;
            match &leaf.valid {
                Some(valid) if at >= valid.len() || valid.is_null(at) => {}
                _ => return Some((&leaf.values, at)),
            }
        }
    }
}

/// Gives leaves and lists the range of a row.
fn place(column: &Column, row: &Range<usize>, leaves: &mut [LeafArray], lists: &mut [ListArray]) {
    match column {
        Column::Leaf(leaf) => {
            if let Some(leaf) = leaves.get_mut(*leaf) {
                leaf.row = row.clone();
            }
        }
        Column::Struct(columns) => {
            for column in columns {
                place(column, row, leaves, lists);
            }
        }
        Column::List(list, columns) => {
            let Some(list) = lists.get_mut(*list) else {
                return;
            };
            list.row = row.clone();
            let at = |index: usize| {
                let offset = list.offsets.get(index).copied().unwrap_or(0);
                usize::try_from(offset).unwrap_or(0)
            };
            let inside = at(row.start)..at(row.end);
            for column in columns {
                place(column, &inside, leaves, lists);
            }
        }
    }
}

impl LeafValues for ArrowValues {
    #[inline]
    fn boolean(&mut self, leaf: usize) -> Option<bool> {
        match self.next(leaf)? {
            (Values::Boolean(array), at) if at < array.len() => Some(array.value(at)),
            _ => None,
        }
    }

    #[inline]
    fn integer(&mut self, leaf: usize) -> Option<i64> {
        match self.next(leaf)? {
            (Values::Integers(values), at) => values.get(at).copied(),
            (Values::Days(values), at) => values.get(at).map(|days| i64::from(*days)),
            _ => None,
        }
    }

    #[inline]
    fn unsigned(&mut self, leaf: usize) -> Option<u64> {
        match self.next(leaf)? {
            (Values::Unsigned(values), at) => values.get(at).copied(),
            _ => None,
        }
    }

    #[inline]
    fn huge(&mut self, leaf: usize) -> Option<i128> {
        match self.next(leaf)? {
            (Values::Huge(values), at) => values.get(at).copied(),
            _ => None,
        }
    }

    #[inline]
    fn double(&mut self, leaf: usize) -> Option<f64> {
        match self.next(leaf)? {
            (Values::Doubles(values), at) => values.get(at).copied(),
            _ => None,
        }
    }

    #[inline]
    fn text(&mut self, leaf: usize) -> Option<&[u8]> {
        match self.next(leaf)? {
            (Values::Texts(array), at) if at < array.len() => Some(array.value(at).as_bytes()),
            _ => None,
        }
    }

    #[inline]
    fn length(&mut self, list: usize) -> Option<usize> {
        let list = self.lists.get_mut(list)?;
        loop {
            let at = list.row.next()?;
            let (start, end) = (list.offsets.get(at)?, list.offsets.get(at + 1)?);
            if end > start {
                return usize::try_from(end - start).ok();
            }
        }
    }
}
