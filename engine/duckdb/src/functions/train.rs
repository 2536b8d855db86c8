//! `lakebed_train(store, collection, size := 112640)`: trains a dictionary and installs it.

use std::ffi::CStr;

use lakebed_core::{DictionaryNumber, Result, TrainReport};

use super::mutation::{Mutation, ReportRow, ReportValue, int, text};
use crate::bind::BindCall;
use crate::c_api::to_usize;
use crate::file_access::{FileAccess, FileUse, local_path};
use crate::query_snapshot;
use crate::types::ParameterType;

/// Default size of a dictionary, in bytes.
const DICTIONARY_BYTES: u64 = 112_640;

/// A call of `lakebed_train`.
pub(crate) struct Train {
    store: String,
    collection: String,
    size: usize,
}

impl Mutation for Train {
    const FUNCTION: &'static CStr = c"lakebed_train";
    const PARAMETERS: &'static [ParameterType] = &[ParameterType::Text, ParameterType::Text];
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)] =
        &[(c"size", ParameterType::Int)];

    fn bind(call: &BindCall) -> Result<Self> {
        let bound = Self {
            store: call.text(0, "the path of a store")?,
            collection: call.text(1, "the name of a collection")?,
            size: to_usize(call.named_count(c"size")?.unwrap_or(DICTIONARY_BYTES)),
        };
        // An unknown collection is an error of the plan already.
        query_snapshot::open(&bound.store, &call.file_access())?
            .snapshot
            .schema(&bound.collection)?;
        Ok(bound)
    }

    fn check(&self, access: &FileAccess) -> Result<()> {
        access.check(local_path(&self.store), FileUse::ChangeStore)
    }

    fn apply(&self, _access: &FileAccess) -> Result<ReportRow> {
        let store = query_snapshot::open_to_write(&self.store, "lakebed_train", false)?;
        let report = store.train(&self.collection, self.size)?;
        store.close()?;
        Ok(trained(&report))
    }

    fn empty_report() -> ReportRow {
        trained(&TrainReport {
            collection: String::new(),
            installed: false,
            number: None,
            generation: 0,
            hash: lakebed_core::Hash::of(b""),
            size: 0,
            sample_bytes: 0,
            held_out_before: 0,
            held_out_after: 0,
            seconds: 0.0,
        })
    }
}

fn trained(report: &TrainReport) -> ReportRow {
    vec![
        ("collection", text(&report.collection)),
        ("installed", ReportValue::Bool(report.installed)),
        (
            "number",
            ReportValue::Int(report.number.map(DictionaryNumber::get)),
        ),
        ("generation", int(report.generation)),
        ("hash", text(report.hash.to_string())),
        ("size", int(report.size)),
        ("sample_bytes", int(report.sample_bytes)),
        ("held_out_before", int(report.held_out_before)),
        ("held_out_after", int(report.held_out_after)),
        ("seconds", ReportValue::Float(report.seconds)),
    ]
}
