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
    row: usize,
    /// The number of times that it went to a row. Leaves and lists follow when they are asked.
    moves: u64,
}

#[derive(Debug)]
struct LeafArray {
    values: Values,
    valid: Option<NullBuffer>,
    place: Place,
}

/// The part of an array that belongs to the row.
#[derive(Debug)]
struct Place {
    /// The lists around it, outermost first.
    around: Vec<usize>,
    /// What was not given yet.
    rest: Range<usize>,
    /// The move after which it was found.
    moves: u64,
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
    place: Place,
}

impl Place {
    fn inside(around: &[usize]) -> Self {
        Self {
            around: around.to_vec(),
            rest: 0..0,
            moves: 0,
        }
    }

    /// Follows the lists to the row.
    #[cold]
    fn find(&mut self, row: usize, lists: &[ListArray]) {
        let (mut start, mut end) = (row, row.saturating_add(1));
        for list in &self.around {
            let at = |index: usize| {
                let offset = lists.get(*list).and_then(|list| list.offsets.get(index));
                offset.map_or(0, |offset| usize::try_from(*offset).unwrap_or(0))
            };
            (start, end) = (at(start), at(end));
        }
        self.rest = start..end;
    }
}

impl ArrowValues {
    /// Of these arrays, one for each column that the leaves were made of, in the same order and of the types of the
    /// extractor. It stands before the first row. `None` where the arrays are not of such types.
    pub fn new(leaves: &Leaves, arrays: &[ArrayRef]) -> Option<Self> {
        let mut values = Self {
            leaves: Vec::with_capacity(leaves.leaves().len()),
            lists: Vec::with_capacity(leaves.lists().len()),
            row: 0,
            moves: 1,
        };
        if arrays.len() != leaves.columns.len() {
            return None;
        }
        for (node, array) in leaves.columns.iter().zip(arrays) {
            values.add(node, array, &mut Vec::new())?;
        }
        Some(values)
    }

    /// Adds the leaves and lists of an array, in the order of their numbers.
    fn add(&mut self, node: &Node, array: &ArrayRef, around: &mut Vec<usize>) -> Option<()> {
        match &node.form {
            Form::Leaf(_, kind) => self.add_leaf(*kind, array, around)?,
            Form::Struct(fields) => {
                let array = array.as_struct_opt()?;
                if array.num_columns() != fields.order.len() {
                    return None;
                }
                for (field, array) in fields.order.iter().zip(array.columns()) {
                    match field {
                        Some(field) => self.add(fields.nodes.get(*field)?, array, around)?,
                        None => self.add_leaf(LeafKind::Json, array, around)?,
                    }
                }
            }
            Form::List(_, element) => {
                let array = array.as_list_opt::<i32>()?;
                self.add_list(array.offsets(), around);
                self.add(element, array.values(), around)?;
                around.pop();
            }
            Form::Map(_, _, value) => {
                let array = array.as_map_opt()?;
                self.add_list(array.offsets(), around);
                self.add_leaf(LeafKind::Varchar, array.keys(), around)?;
                self.add(value, array.values(), around)?;
                around.pop();
            }
        }
        Some(())
    }

    /// Adds a list, and enters it.
    fn add_list(&mut self, offsets: &OffsetBuffer<i32>, around: &mut Vec<usize>) {
        self.lists.push(ListArray {
            offsets: offsets.clone(),
            place: Place::inside(around),
        });
        around.push(self.lists.len() - 1);
    }

    fn add_leaf(&mut self, kind: LeafKind, array: &ArrayRef, around: &[usize]) -> Option<()> {
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
            place: Place::inside(around),
        });
        Some(())
    }

    /// Goes to the beginning of a row, counted from 0 in the batch. A row that the batch does not have has no values.
    #[inline]
    pub fn go_to(&mut self, row: usize) {
        self.row = row;
        self.moves += 1;
    }

    #[inline]
    fn next(&mut self, leaf: usize) -> Option<(&Values, usize)> {
        let leaf = self.leaves.get_mut(leaf)?;
        let place = &mut leaf.place;
        if place.moves != self.moves {
            place.moves = self.moves;
            if place.around.is_empty() {
                place.rest = self.row..self.row.saturating_add(1);
            } else {
                place.find(self.row, &self.lists);
            }
        }
        loop {
            let at = place.rest.next()?;
            match &leaf.valid {
                Some(valid) if at >= valid.len() || valid.is_null(at) => {}
                _ => return Some((&leaf.values, at)),
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
        if self.lists.get(list)?.place.moves != self.moves {
            let mut place = Place::inside(&[]);
            std::mem::swap(&mut place, &mut self.lists.get_mut(list)?.place);
            place.moves = self.moves;
            place.find(self.row, &self.lists);
            self.lists.get_mut(list)?.place = place;
        }
        let list = self.lists.get_mut(list)?;
        loop {
            let at = list.place.rest.next()?;
            let (start, end) = (list.offsets.get(at)?, list.offsets.get(at + 1)?);
            if end > start {
                return usize::try_from(end - start).ok();
            }
        }
    }
}
