//! `lakebed_allow(store)`: lets the database read a store also after `enable_external_access` is switched off.

use std::ffi::CStr;
use std::path::Path;
use std::sync::Arc;

use lakebed_core::Result;

use super::mutation::{Mutation, ReportRow, text};
use crate::bind::BindCall;
use crate::callback::invalid;
use crate::file_access::{AllowedStores, FileAccess, FileUse, local_path};
use crate::types::ParameterType;

/// A call of `lakebed_allow`.
pub(crate) struct Allow {
    store: String,
    allowed: Arc<AllowedStores>,
}

impl Mutation for Allow {
    const FUNCTION: &'static CStr = c"lakebed_allow";
    const PARAMETERS: &'static [ParameterType] = &[ParameterType::Text];
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)] = &[];

    fn bind(call: &BindCall) -> Result<Self> {
        let store = call.text(0, "the path of a store")?;
        let allowed = Arc::clone(call.allowed_stores());
        Ok(Self { store, allowed })
    }

    fn check(&self, access: &FileAccess) -> Result<()> {
        access.check(local_path(&self.store), FileUse::ReadStore)
    }

    fn apply(&self, _access: &FileAccess) -> Result<ReportRow> {
        let path = local_path(&self.store);
        if !path.is_dir() {
            return Err(invalid(format!(
                "There is no store at {}: check its path, which begins where the program runs.",
                path.display()
            )));
        }
        Ok(allowed(&self.allowed.allow(path)?))
    }

    fn empty_report() -> ReportRow {
        allowed(Path::new(""))
    }
}

fn allowed(store: &Path) -> ReportRow {
    vec![("store", text(store.display().to_string()))]
}
