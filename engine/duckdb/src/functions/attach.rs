//! `lakebed_attach(store)`: makes the collections of a store tables of the database.

use std::ffi::CStr;
use std::sync::Arc;

use lakebed_core::Result;

use super::mutation::{Mutation, ReportRow, int, text};
use crate::bind::BindCall;
use crate::callback::invalid;
use crate::file_access::{AllowedStores, FileAccess, FileUse, local_path};
use crate::query_snapshot;
use crate::types::ParameterType;

/// A call of `lakebed_attach`.
pub(crate) struct Attach {
    store: String,
    name: String,
    stores: Arc<AllowedStores>,
}

impl Mutation for Attach {
    const FUNCTION: &'static CStr = c"lakebed_attach";
    const PARAMETERS: &'static [ParameterType] = &[ParameterType::Text];
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)] =
        &[(c"name", ParameterType::Text)];

    fn bind(call: &BindCall) -> Result<Self> {
        let name = call.named_text(c"name");
        Ok(Self {
            store: call.text(0, "the path of a store")?,
            name: name.unwrap_or_else(|| "data".to_owned()),
            stores: Arc::clone(call.allowed_stores()),
        })
    }

    fn check(&self, access: &FileAccess) -> Result<()> {
        access.check(local_path(&self.store), FileUse::ReadStore)
    }

    fn apply(&self) -> Result<ReportRow> {
        if self.name.is_empty() || self.name.contains('.') {
            return Err(invalid(format!(
                "{:?} cannot be the name of an attached store: give it one without dots, such as name := 'data'.",
                self.name
            )));
        }
        let path = std::path::absolute(local_path(&self.store)).map_err(|_| {
            invalid(format!(
                "The path {} cannot be resolved: check it.",
                self.store
            ))
        })?;
        let opened = query_snapshot::open(&path.display().to_string(), &FileAccess::Everything)?;
        let collections = opened.snapshot.collections()?.len() as u64;
        self.stores.attached.attach(&self.name, &path)?;
        let path = path.display().to_string();
        Ok(attached(&path, &self.name, collections))
    }

    fn empty_report() -> ReportRow {
        attached("", "", 0)
    }
}

fn attached(path: &str, name: &str, collections: u64) -> ReportRow {
    vec![
        ("store", text(path)),
        ("name", text(name)),
        ("collections", int(collections)),
    ]
}
