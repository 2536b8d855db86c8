//! Verification.

use super::Store;
use crate::error::Result;
use crate::progress::ProgressFn;
use crate::snapshot::Snapshot;
use crate::verify::{VerifyOptions, VerifyReport, verify};

impl Store {
    /// Reads everything that this store object sees of the committed store and checks it. Problems are in the report;
    /// an error means that checking could not go on.
    ///
    /// # Errors
    /// `Interrupted`.
    pub fn verify(&self, progress: ProgressFn) -> Result<VerifyReport> {
        self.verify_with(&VerifyOptions::default(), progress)
    }

    /// As [`Store::verify`], or a part of that.
    ///
    /// # Errors
    /// `Interrupted`; `InvalidArgument` for a commit that the store does not have.
    pub fn verify_with(
        &self,
        options: &VerifyOptions,
        progress: ProgressFn,
    ) -> Result<VerifyReport> {
        self.shared.check_open()?;
        let snapshot = Snapshot::new(self.shared.here()?.committed(), None);
        verify(&snapshot, options, progress)
    }
}
