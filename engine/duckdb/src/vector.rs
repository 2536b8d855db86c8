//! Writes Arrow arrays into DuckDB's vectors.
//!
//! Texts of more than 12 bytes are not copied: the vector points into the Arrow buffer, which the caller keeps until
//! DuckDB has read the vector (see [`OutputChunk::fill`]). DuckDB requires texts to be UTF-8, as Arrow's text arrays
//! are by their type.
//!
//! Vectors are memory of DuckDB, addressed by pointer and length. Their writes are not bounds-checked; each function
//! states what makes them valid. Reads of Arrow buffers are checked, and a buffer that contradicts its offsets is an
//! error.

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::ops::Range;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int64Type,
    TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, StringViewArray};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_data::ByteView;
use arrow_schema::DataType;
use lakebed_core::{Error, ErrorKind, Result, Seq};

use crate::c_api::{
    Api, DataChunk, DuckString, Index, InlineString, ListEntry, PointerString, SUCCESS, Vector,
    to_usize,
};
use crate::callback::internal;

/// The chunk that a table function fills in one call.
pub(crate) struct OutputChunk {
    api: &'static Api,
    raw: DataChunk,
}

impl OutputChunk {
    /// # Safety
    /// `raw` is the chunk of a table function's callback that has not returned, its columns of the types that
    /// [`crate::types::LogicalType::of`] gave for the arrays it will be filled with.
    pub(crate) unsafe fn new(api: &'static Api, raw: DataChunk) -> Self {
        Self { api, raw }
    }

    /// The most rows it can hold.
    pub(crate) fn capacity(&self) -> usize {
        // SAFETY: a constant of the library.
        to_usize(unsafe { (self.api.vector_size)() })
    }

    /// Fills it with rows of these columns, from `start` on, at most its capacity. An empty chunk ends the result.
    ///
    /// DuckDB reads the chunk until it requests the next one of the same thread: until then the arrays must live.
    pub(crate) fn fill(&mut self, columns: &[ArrayRef], start: usize, rows: usize) -> Result<()> {
        let rows = rows.min(self.capacity());
        for (number, column) in columns.iter().enumerate() {
            let rows = rows.min(column.len().saturating_sub(start));
            // SAFETY: the chunk has a vector for each column of the projection, of the type of its array (see `new`).
            unsafe {
                let vector = (self.api.data_chunk_get_vector)(self.raw, number as Index);
                write(self.api, vector, column.as_ref(), start, rows)?;
            }
        }
        // SAFETY: not more than the capacity.
        unsafe { (self.api.data_chunk_set_size)(self.raw, rows as Index) };
        Ok(())
    }

    /// Moves sequence numbers into its only column, `_seq`, until it is full or there are no more. Returns how many.
    pub(crate) fn fill_numbers(&mut self, numbers: &mut VecDeque<Range<Seq>>) -> usize {
        if numbers.is_empty() {
            return 0;
        }
        let capacity = self.capacity();
        // SAFETY: the chunk has a column of 64-bit values with room for `capacity` of them, and no other reference to
        // them exists.
        let mut room: &mut [MaybeUninit<i64>] = unsafe {
            let vector = (self.api.data_chunk_get_vector)(self.raw, 0);
            std::slice::from_raw_parts_mut((self.api.vector_get_data)(vector).cast(), capacity)
        };
        while !room.is_empty()
            && let Some(range) = numbers.front_mut()
        {
            let end = range.end.0.min(range.start.0 + room.len() as u64);
            let (places, rest) = room.split_at_mut(to_usize(end - range.start.0));
            for (place, number) in places.iter_mut().zip(range.start.0..end) {
                place.write(number as i64);
            }
            range.start.0 = end;
            if range.is_empty() {
                numbers.pop_front();
            }
            room = rest;
        }
        let rows = capacity - room.len();
        // SAFETY: that many rows were written.
        unsafe { (self.api.data_chunk_set_size)(self.raw, rows as Index) };
        rows
    }
}

/// Writes `array[start..start + len]` to the vector's first places.
///
/// # Safety
/// The vector is of the type that `LogicalType::of` gives for the array, and has room for `len` values; the range is in
/// the array.
unsafe fn write(
    api: &'static Api,
    vector: Vector,
    array: &dyn Array,
    start: usize,
    len: usize,
) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    // SAFETY: the same vector, array and range; each function is called for the Arrow type whose DuckDB type it writes.
    unsafe {
        nulls(api, vector, array.nulls(), start, len);
        match array.data_type() {
            DataType::Boolean => booleans(api, vector, array.as_boolean(), start, len),
            DataType::Int64 => primitives::<Int64Type>(api, vector, array, start, len),
            DataType::UInt64 => primitives::<UInt64Type>(api, vector, array, start, len),
            DataType::Decimal128(..) => {
                // DuckDB's HUGEINT is two 64-bit halves, the lower first: an i128 on a little-endian machine.
                primitives::<Decimal128Type>(api, vector, array, start, len);
            }
            DataType::Float64 => primitives::<Float64Type>(api, vector, array, start, len),
            DataType::Date32 => primitives::<Date32Type>(api, vector, array, start, len),
            DataType::Timestamp(..) => {
                primitives::<TimestampMicrosecondType>(api, vector, array, start, len);
            }
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                texts(
                    api,
                    vector,
                    array.value_data(),
                    array.value_offsets(),
                    start,
                    len,
                )?;
            }
            DataType::Utf8View => views(api, vector, array.as_string_view(), start, len)?,
            DataType::Binary => {
                let array = array.as_binary::<i32>();
                texts(
                    api,
                    vector,
                    array.value_data(),
                    array.value_offsets(),
                    start,
                    len,
                )?;
            }
            DataType::List(_) => {
                let array = array.as_list::<i32>();
                let (first, count) = lists(api, vector, array.value_offsets(), start, len)?;
                let child = (api.list_vector_get_child)(vector);
                write(api, child, array.values().as_ref(), first, count)?;
            }
            DataType::Map(..) => {
                let array = array.as_map();
                let (first, count) = lists(api, vector, array.value_offsets(), start, len)?;
                let child = (api.list_vector_get_child)(vector);
                write(api, child, array.entries(), first, count)?;
            }
            DataType::Struct(_) => {
                for (number, column) in array.as_struct().columns().iter().enumerate() {
                    let child = (api.struct_vector_get_child)(vector, number as Index);
                    write(api, child, column.as_ref(), start, len)?;
                }
            }
            other => {
                return Err(internal(format!(
                    "lakebed's extension cannot hand the Arrow type {other} to DuckDB."
                )));
            }
        }
    }
    Ok(())
}

/// # Safety
/// As [`write()`].
unsafe fn nulls(
    api: &'static Api,
    vector: Vector,
    nulls: Option<&NullBuffer>,
    start: usize,
    len: usize,
) {
    let Some(nulls) = nulls.map(|nulls| nulls.slice(start, len)) else {
        return;
    };
    if nulls.null_count() == 0 {
        return;
    }
    // SAFETY: after this call the vector has a bit for each value there is room for.
    let mask = unsafe {
        (api.vector_ensure_validity_writable)(vector);
        (api.vector_get_validity)(vector)
    };
    for row in 0..len {
        if nulls.is_null(row) {
            // SAFETY: the row has a bit, in words of 64.
            unsafe { *mask.add(row / 64) &= !(1 << (row % 64)) };
        }
    }
}

/// # Safety
/// As [`write()`], for a type whose values in Arrow and DuckDB are the same bytes.
unsafe fn primitives<T: ArrowPrimitiveType>(
    api: &'static Api,
    vector: Vector,
    array: &dyn Array,
    start: usize,
    len: usize,
) {
    let values = array.as_primitive::<T>().values().inner().as_slice();
    let width = T::Native::get_byte_width();
    if let Some(bytes) = values.get(start * width..(start + len) * width) {
        // SAFETY: the vector has room for `len` values of this width; the two buffers do not overlap.
        unsafe {
            let target: *mut u8 = (api.vector_get_data)(vector).cast();
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        }
    }
}

/// # Safety
/// As [`write()`].
unsafe fn booleans(
    api: &'static Api,
    vector: Vector,
    array: &BooleanArray,
    start: usize,
    len: usize,
) {
    // SAFETY: the vector has room for `len` bytes.
    let target: *mut bool = unsafe { (api.vector_get_data)(vector).cast() };
    for (place, value) in array.values().slice(start, len).iter().enumerate() {
        // SAFETY: one of those `len`.
        unsafe { target.add(place).write(value) };
    }
}

/// # Safety
/// As [`write()`].
#[expect(
    clippy::cast_sign_loss,
    reason = "a negative offset becomes one beyond any buffer, which the checked access refuses"
)]
unsafe fn texts(
    api: &'static Api,
    vector: Vector,
    bytes: &[u8],
    offsets: &[i32],
    start: usize,
    len: usize,
) -> Result<()> {
    // SAFETY: the vector has room for `len` texts.
    let target: *mut DuckString = unsafe { (api.vector_get_data)(vector).cast() };
    let window = offsets.get(start..=start + len).ok_or_else(broken)?;
    for (place, pair) in window.windows(2).enumerate() {
        let &[from, to] = pair else {
            return Err(broken());
        };
        let bytes = bytes.get(from as usize..to as usize).ok_or_else(broken)?;
        // SAFETY: one of those `len`.
        unsafe { target.add(place).write(duck_string(bytes)) };
    }
    Ok(())
}

/// # Safety
/// As [`write()`].
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower 32 bits of a view are its length"
)]
unsafe fn views(
    api: &'static Api,
    vector: Vector,
    array: &StringViewArray,
    start: usize,
    len: usize,
) -> Result<()> {
    // SAFETY: the vector has room for `len` texts.
    let target: *mut DuckString = unsafe { (api.vector_get_data)(vector).cast() };
    let all = array.views();
    let window = all.get(start..start + len).ok_or_else(broken)?;
    for (place, view) in window.iter().enumerate() {
        let length = *view as u32 as usize;
        let bytes = if length <= DuckString::INLINE_BYTES {
            view.to_le_bytes().get(4..4 + length).map(duck_string)
        } else {
            let view = ByteView::from(*view);
            let start = view.offset as usize;
            let buffer = array.data_buffers().get(view.buffer_index as usize);
            buffer
                .and_then(|b| b.get(start..start + length))
                .map(duck_string)
        };
        // SAFETY: one of those `len`.
        unsafe { target.add(place).write(bytes.ok_or_else(broken)?) };
    }
    Ok(())
}

/// DuckDB's form of a text, which points to the bytes if they are more than 12.
#[expect(
    clippy::cast_possible_truncation,
    reason = "Arrow's texts are shorter than 4 GiB: their offsets and lengths have 32 bits"
)]
fn duck_string(bytes: &[u8]) -> DuckString {
    let length = bytes.len() as u32;
    if bytes.len() <= DuckString::INLINE_BYTES {
        let mut short = [0; DuckString::INLINE_BYTES];
        for (place, byte) in short.iter_mut().zip(bytes) {
            *place = *byte;
        }
        return DuckString {
            inline: InlineString {
                length,
                bytes: short,
            },
        };
    }
    let prefix = bytes.first_chunk().copied().unwrap_or_default();
    DuckString {
        pointer: PointerString {
            length,
            prefix,
            bytes: bytes.as_ptr(),
        },
    }
}

/// Writes where each list's elements are in the vector's child. Returns the range of the child array that they come
/// from: its start and its length.
///
/// # Safety
/// As [`write()`].
#[expect(
    clippy::cast_sign_loss,
    reason = "offsets ascend, by the type of Arrow's lists"
)]
unsafe fn lists(
    api: &'static Api,
    vector: Vector,
    offsets: &[i32],
    start: usize,
    len: usize,
) -> Result<(usize, usize)> {
    let window = offsets.get(start..=start + len).ok_or_else(broken)?;
    let (&[first, ..], &[.., last]) = (window, window) else {
        return Err(broken());
    };
    let (count, first_element) = (non_negative(last - first)?, non_negative(first)?);
    // SAFETY: the vector holds lists; its child gets room for all elements before they are written.
    let target: *mut ListEntry = unsafe {
        if (api.list_vector_reserve)(vector, count as Index) != SUCCESS
            || (api.list_vector_set_size)(vector, count as Index) != SUCCESS
        {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("DuckDB has no room for {count} elements of lists."),
            ));
        }
        (api.vector_get_data)(vector).cast()
    };
    for (place, pair) in window.windows(2).enumerate() {
        let &[from, to] = pair else {
            return Err(broken());
        };
        let entry = ListEntry {
            offset: (from - first) as u64,
            length: (to - from) as u64,
        };
        // SAFETY: one of the `len` places the vector has.
        unsafe { target.add(place).write(entry) };
    }
    Ok((first_element, count))
}

/// A difference of offsets as a length.
fn non_negative(number: i32) -> Result<usize> {
    usize::try_from(number).map_err(|_| broken())
}

fn broken() -> Error {
    internal("A batch has offsets outside its bytes, which is a bug worth reporting.")
}
