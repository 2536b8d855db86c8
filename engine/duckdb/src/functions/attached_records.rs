//! The columns of files of an attached store that come from records: `lakebed_attached_json(number, seq)` and
//! `lakebed_attached_hash(number, seq)`, which the texts of its queries name, and nobody else.

use std::ffi::CStr;

use lakebed_core::{Blob, Hash, Result, Seq};

use crate::attached::pinned;
use crate::callback::internal;
use crate::file_access::FileUse;
use crate::scalar_function::{ScalarFunction, ScalarRows};
use crate::types::ParameterType;

/// The record of a row.
pub(crate) struct RecordOfRow;

/// The hash of the record of a row, as 64 hex characters.
pub(crate) struct HashOfRow;

const PARAMETERS: &[&[ParameterType]] = &[&[ParameterType::Int, ParameterType::Int]];

impl ScalarFunction for RecordOfRow {
    const NAME: &'static CStr = c"lakebed_attached_json";
    const OVERLOADS: &'static [&'static [ParameterType]] = PARAMETERS;
    const RESULT: ParameterType = ParameterType::Json;

    fn compute(rows: &mut ScalarRows) -> Result<()> {
        for (row, record) in records(rows)?.into_iter().enumerate() {
            rows.set(row, record.as_deref());
        }
        Ok(())
    }
}

impl ScalarFunction for HashOfRow {
    const NAME: &'static CStr = c"lakebed_attached_hash";
    const OVERLOADS: &'static [&'static [ParameterType]] = PARAMETERS;
    const RESULT: ParameterType = ParameterType::Text;

    fn compute(rows: &mut ScalarRows) -> Result<()> {
        for (row, record) in records(rows)?.into_iter().enumerate() {
            let hash = record.map(|record| Hash::of(&record).to_string());
            rows.set(row, hash.as_deref().map(str::as_bytes));
        }
        Ok(())
    }
}

/// The records of all rows of a call, whose numbers are all of one collection.
fn records(rows: &ScalarRows) -> Result<Vec<Option<Blob>>> {
    let mut number = None;
    let mut seqs = Vec::with_capacity(rows.count());
    for row in 0..rows.count() {
        if let (Some(of), Some(seq)) = (rows.int_argument(0, row), rows.int_argument(1, row)) {
            if *number.get_or_insert(of) != of {
                return Err(internal("A query asks for records of two tables at once."));
            }
            seqs.push(u64::try_from(seq).map_or(Seq(u64::MAX), Seq));
        } else {
            seqs.push(Seq(u64::MAX));
        }
    }
    let Some(number) = number else {
        return Ok(vec![None; rows.count()]);
    };
    let pinned = pinned::find(number)?;
    let access = rows.file_access()?;
    access.check(&pinned.store.path, FileUse::ReadStore)?;
    pinned.store.snapshot.records(&pinned.collection, &seqs)
}
