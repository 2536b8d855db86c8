//! The scalar functions `lakebed_get(store, hash)` and `lakebed_hash(bytes)`.

use std::ffi::CStr;

use lakebed_core::{Hash, Result};

use crate::query_snapshot::{self, OpenStore};
use crate::scalar_function::{ScalarFunction, ScalarRows};
use crate::types::ParameterType;

/// The bytes of a blob, by its hash or a unique prefix of it.
pub(crate) struct Get;

impl ScalarFunction for Get {
    const NAME: &'static CStr = c"lakebed_get";
    const OVERLOADS: &'static [&'static [ParameterType]] =
        &[&[ParameterType::Text, ParameterType::Text]];
    const RESULT: ParameterType = ParameterType::Bytes;

    fn compute(rows: &mut ScalarRows) -> Result<()> {
        // Rows usually name one store, which is opened again only when the path changes.
        let mut current: Option<(Vec<u8>, OpenStore)> = None;
        let access = rows.file_access()?;
        for row in 0..rows.count() {
            let blob = match (rows.argument(0, row), rows.argument(1, row)) {
                (Some(path), Some(hash)) => {
                    if current.as_ref().is_none_or(|(known, _)| known != path) {
                        let opened = query_snapshot::open(&String::from_utf8_lossy(path), access)?;
                        current = Some((path.to_vec(), opened));
                    }
                    let hash = String::from_utf8_lossy(hash);
                    match &current {
                        Some((_, OpenStore { snapshot, .. })) => {
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

impl ScalarFunction for HashOf {
    const NAME: &'static CStr = c"lakebed_hash";
    const OVERLOADS: &'static [&'static [ParameterType]] =
        &[&[ParameterType::Bytes], &[ParameterType::Text]];
    const RESULT: ParameterType = ParameterType::Text;

    fn compute(rows: &mut ScalarRows) -> Result<()> {
        for row in 0..rows.count() {
            let hash = rows
                .argument(0, row)
                .map(|bytes| Hash::of(bytes).to_string());
            rows.set(row, hash.as_deref().map(str::as_bytes));
        }
        Ok(())
    }
}
