//! Repair: makes a store whole again from what its files hold, and says what is lost.
//!
//! Everything is read and planned first, without a change ([`plan`]); then the plan is carried out ([`apply`]).
//! Segments that are whole stay as they are. Of a damaged one, what is whole is written to a new segment, and one new
//! manifest puts the new segments in the place of the old ones: until it is there the store is as it was. What is
//! replaced or removed is first in `aside/`, complete and synced. A repair that is stopped can be started again at any
//! point.

mod agreement;
mod apply;
mod chain;
mod entries;
mod examine;
mod losses;
mod meter;
mod plan;
mod report;
mod survey;

use std::sync::Arc;

use lakebed_format::names;
use lakebed_vfs::{Holder, Open, Vfs};

use self::meter::Meter;
use self::plan::Plan;
pub use self::report::{
    ActionKind, LossKind, RepairAction, RepairLoss, RepairOptions, RepairReport,
};
use self::survey::Survey;
use crate::error::{Error, ErrorKind, Result};
use crate::options::{Mode, Options};
use crate::write::recover::check_writable;
use crate::writer_lock::WriterLock;

/// Repairs the store in the directory that `vfs` is rooted at; see [`crate::Store::repair`].
pub(crate) fn repair(
    vfs: &Arc<dyn Vfs>,
    options: &Options,
    request: RepairOptions,
) -> Result<RepairReport> {
    options.check()?;
    let options = Options {
        mode: Mode::Append,
        create: false,
        ..options.clone()
    };
    let mut meter = Meter::new(request.progress, &options, segment_bytes(vfs.as_ref()));
    let mut report = RepairReport {
        dry_run: request.dry_run,
        ..RepairReport::default()
    };
    // A directory that holds no store is not given a file LOCK.
    let survey = Survey::of(vfs, &options, &mut RepairReport::default())?;
    // Repaired stores are opened as a writer opens them.
    check_writable(&survey.context)?;
    drop(survey);
    if request.dry_run {
        check_not_written(vfs.as_ref())?;
        let plan = planned(vfs, &options, &mut report, &mut meter)?;
        plan.foresee(&mut report)?;
    } else {
        let aside = apply::aside_names(vfs.as_ref());
        let lock = WriterLock::acquire(vfs.as_ref(), &options)?;
        let plan = planned(vfs, &options, &mut report, &mut meter)?;
        let infer = plan.carry_out(lock, &mut report)?;
        apply::settle(vfs, &options, &infer, &mut report)?;
        let now = apply::aside_names(vfs.as_ref());
        report.set_aside = now.difference(&aside).cloned().collect();
    }
    report.bytes = meter.bytes;
    report.seconds = meter.seconds();
    Ok(report)
}

fn planned(
    vfs: &Arc<dyn Vfs>,
    options: &Options,
    report: &mut RepairReport,
    meter: &mut Meter,
) -> Result<Plan> {
    let begun = report.clone();
    let survey = Survey::of(vfs, options, report)?;
    let plan = Plan::of(survey, false, report, meter)?;
    if !plan.must_rewrite_active(report) {
        plan.announce(report);
        return Ok(plan);
    }
    // What is lost is noted in the catalogue before the active segment, which may hold rows of its own that name it.
    *report = begun;
    let survey = Survey::of(vfs, options, report)?;
    let plan = Plan::of(survey, true, report, meter)?;
    plan.announce(report);
    Ok(plan)
}

/// Bytes of all segments.
fn segment_bytes(vfs: &dyn Vfs) -> u64 {
    let list = vfs.list(names::SEGMENTS).unwrap_or_default();
    let files = list
        .iter()
        .map(|name| format!("{}/{name}", names::SEGMENTS));
    files
        .filter_map(|name| vfs.open_read(&name).ok()?.len().ok())
        .sum()
}

/// What is planned without the lock must not change meanwhile.
fn check_not_written(vfs: &dyn Vfs) -> Result<()> {
    let Ok(file) = vfs.open(names::LOCK, Open::Read) else {
        return Ok(());
    };
    if !matches!(file.holder(), Ok(Holder::Writer)) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::StoreLocked,
        format!(
            "{} is being written by another program; end it, or wait until it has committed, and repair the store then.",
            vfs.describe()
        ),
    ))
}
