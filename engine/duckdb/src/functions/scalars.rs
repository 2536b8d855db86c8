//! `lakebed_get(store, hash)` and `lakebed_hash(bytes)`.

use std::ffi::CStr;

use lakebed_core::{Hash, Result};

use crate::bind::Kind;
use crate::query::{self, Opened};
use crate::scalar_function::{Rows, Scalar};

/// The bytes of a blob, by its hash or a prefix of it that no other has.
pub(crate) struct Get;

impl Scalar for Get {
    const NAME: &'static CStr = c"lakebed_get";
    const OVERLOADS: &'static [&'static [Kind]] = &[&[Kind::Text, Kind::Text]];
    const RESULT: Kind = Kind::Bytes;

    fn compute(rows: &mut Rows) -> Result<()> {
        let mut current: Option<(Vec<u8>, Opened)> = None;
        for row in 0..rows.count() {
            let blob = match (rows.argument(0, row), rows.argument(1, row)) {
                (Some(path), Some(hash)) => {
                    if current.as_ref().is_none_or(|(known, _)| known != path) {
                        let opened = query::open(&String::from_utf8_lossy(path))?;
                        current = Some((path.to_vec(), opened));
                    }
                    let hash = String::from_utf8_lossy(hash);
                    match &current {
                        Some((_, Opened { snapshot, .. })) => {
                            Some(snapshot.get(&snapshot.resolve(&hash)?)?)
                        }
                        None => None,
                    }
                }
                _ => None,
            };
            rows.set(row, blob.as_deref());
        }
        Ok(())
    }
}

/// The hash of bytes, or of a text's bytes, as 64 hex characters.
pub(crate) struct HashOf;

impl Scalar for HashOf {
    const NAME: &'static CStr = c"lakebed_hash";
    const OVERLOADS: &'static [&'static [Kind]] = &[&[Kind::Bytes], &[Kind::Text]];
    const RESULT: Kind = Kind::Text;

    fn compute(rows: &mut Rows) -> Result<()> {
        for row in 0..rows.count() {
            let hash = rows
                .argument(0, row)
                .map(|bytes| Hash::of(bytes).to_string());
            rows.set(row, hash.as_deref().map(str::as_bytes));
        }
        Ok(())
    }
}
