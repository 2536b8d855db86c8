//! `lakebed_attach(store)`: makes the collections of a store tables of the database.

use std::ffi::CStr;
use std::sync::Arc;

use lakebed_core::Result;

use super::mutation::{Mutation, ReportRow, int, text};
use crate::attached::stores::{AttachedStore, absolute};
use crate::bind::BindCall;
use crate::file_access::{AllowedStores, FileAccess, FileUse, local_path};
use crate::load;
use crate::query_snapshot;
use crate::types::ParameterType;

/// A call of `lakebed_attach`.
pub(crate) struct Attach {
    store: String,
    prefix: String,
    stores: Arc<AllowedStores>,
}

impl Mutation for Attach {
    const FUNCTION: &'static CStr = c"lakebed_attach";
    const PARAMETERS: &'static [ParameterType] = &[ParameterType::Text];
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)] =
        &[(c"prefix", ParameterType::Text)];

    fn bind(call: &BindCall) -> Result<Self> {
        Ok(Self {
            store: call.text(0, "the path of a store")?,
            prefix: call.named_text(c"prefix").unwrap_or_default(),
            stores: Arc::clone(call.allowed_stores()),
        })
    }

    fn check(&self, access: &FileAccess) -> Result<()> {
        access.check(local_path(&self.store), FileUse::ReadStore)
    }

    fn apply(&self, access: &FileAccess) -> Result<ReportRow> {
        let path = absolute(local_path(&self.store))?;
        let opened = query_snapshot::open(&path, &FileAccess::Everything)?;
        let collections = opened.snapshot.collections()?.len() as u64;
        self.stores.attached.attach(AttachedStore {
            path: path.clone(),
            prefix: self.prefix.clone(),
            reads_files: load::reads_columns()
                && access
                    .check(local_path(&self.store), FileUse::ReadFile)
                    .is_ok(),
        });
        Ok(attached(&path, &self.prefix, collections))
    }

    fn empty_report() -> ReportRow {
        attached("", "", 0)
    }
}

fn attached(path: &str, prefix: &str, collections: u64) -> ReportRow {
    vec![
        ("store", text(path)),
        ("prefix", text(prefix)),
        ("collections", int(collections)),
    ]
}
