//! A crash at every operation: what the disk may hold then opens, shows everything that was acknowledged and nothing
//! half, and goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use lakebed_testkit::{Fault, FaultVfs, Model, Plan, Tally, Tried, is_crash};
use lakebed_vfs::MemVfs;

use crate::recovery::support::image::{Depth, check};
use crate::recovery::support::look::look;
use crate::recovery::support::runner::{Runner, Step};
use crate::recovery::support::{bound, long};
use crate::recovery::workloads::{Workload, all};

/// Runs the workload on a copy of the disk and lets the machine crash at the n-th changing operation. `None` when there
/// are not that many.
fn crash_at(
    workload: &Workload,
    disk: &MemVfs,
    model: &Model,
    n: u64,
) -> Option<(FaultVfs, Model)> {
    let vfs = FaultVfs::on(disk).unwrap();
    vfs.plan(Plan::new(Fault::Crash).at(n));
    let mut runner = Runner::new(
        Arc::new(vfs.clone()),
        workload.options.clone(),
        model.clone(),
    );
    let ran = runner
        .run(&workload.steps)
        .and_then(|()| runner.open()?.close());
    if !vfs.crashed() {
        ran.unwrap_or_else(|error| panic!("{} without a fault: {error:?}", workload.name));
        return None;
    }
    // Work that is done as well as it can be, such as tidying up, may pass over the crash; the last step's answer then
    // still counts.
    if let Err(error) = ran {
        assert!(
            is_crash(&error),
            "{}, crash at {n}: the error hides its cause: {error:?}",
            workload.name
        );
        assert!(!error.message().is_empty());
    }
    drop(runner.store.take());
    Some((vfs, runner.model))
}

/// For all workloads on both cores.
fn for_each(title: &'static str, test: impl Fn(&Workload, &Tally) + Sync) {
    let tally = Tally::new(title);
    let workloads = all();
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(workload) =
                    workloads.get(next.fetch_add(1, Ordering::Relaxed) as usize)
                {
                    let (began, before) = (Instant::now(), tally.of(Tried::Images));
                    test(workload, &tally);
                    let images = tally.of(Tried::Images) - before;
                    eprintln!(
                        "{title}: {:?} in {:.1?} (images of both threads meanwhile: {images})",
                        workload.name,
                        began.elapsed()
                    );
                }
            });
        }
    });
}

#[test]
fn the_power_goes_at_every_operation() {
    for_each("power loss", |workload, tally| {
        let images = if workload.heavy {
            bound(3, 20)
        } else {
            bound(16, 400)
        };
        let (disk, model) = workload.prepare();
        for n in 0.. {
            let Some((vfs, model)) = crash_at(workload, &disk, &model, n) else {
                break;
            };
            for (at, image) in vfs.crash_images(images, n).enumerate() {
                tally.one(Tried::Images);
                let depth = match (at + n as usize) % 8 {
                    0 => Depth::Seal,
                    1..=3 => Depth::Write,
                    _ if at < 2 => Depth::Write,
                    _ => Depth::Open,
                };
                let what = || {
                    format!(
                        "workload {:?}, crash at change {n} ({}), image {at}: {}",
                        workload.name,
                        vfs.log()
                            .iter()
                            .rfind(|op| op.fault.is_some())
                            .map_or_else(String::new, ToString::to_string),
                        image.what
                    )
                };
                check(
                    &image.vfs,
                    &workload.options,
                    std::slice::from_ref(&model),
                    workload.between,
                    depth,
                    &what,
                );
            }
        }
    });
}

/// Every combination of what a power failure may lose, each write also torn at every sector and the last at every byte,
/// of small work: of up to eight changes that are not durable all there are.
#[test]
fn every_combination_of_lost_writes() {
    for_each("power loss, every combination", |workload, tally| {
        let short = ["create", "put"].contains(&workload.name);
        if workload.heavy || (!short && !long()) {
            return;
        }
        let (disk, model) = workload.prepare();
        for n in 0.. {
            let Some((vfs, model)) = crash_at(workload, &disk, &model, n) else {
                break;
            };
            for (at, image) in vfs.crash_images(bound(60, usize::MAX), n).enumerate() {
                tally.one(Tried::Images);
                let depth = if at % 16 == 0 {
                    Depth::Write
                } else {
                    Depth::Open
                };
                let what = || {
                    format!(
                        "workload {:?}, crash at change {n}, image {at}: {}",
                        workload.name, image.what
                    )
                };
                check(
                    &image.vfs,
                    &workload.options,
                    std::slice::from_ref(&model),
                    workload.between,
                    depth,
                    &what,
                );
            }
        }
    });
}

#[test]
fn the_process_is_killed_at_every_operation() {
    for_each("kill", |workload, tally| {
        let (disk, model) = workload.prepare();
        for n in 0.. {
            let Some((vfs, model)) = crash_at(workload, &disk, &model, n) else {
                break;
            };
            tally.one(Tried::Stops);
            let what = || format!("workload {:?}, killed at change {n}", workload.name);
            // The machine goes on: what was written is seen, and is still not durable.
            let after = vfs.restart();
            check(
                &after.live().unwrap(),
                &workload.options,
                &[model],
                workload.between,
                Depth::Seal,
                &what,
            );
        }
    });
}

/// Whoever opens after the kill loses the power in turn: what the first process wrote and never synced may still be
/// lost.
#[test]
fn the_power_goes_after_a_kill_and_a_recovery() {
    for_each("kill, then power loss", |workload, tally| {
        if workload.heavy {
            return;
        }
        let (images, stride) = (bound(4, 20), bound(4, 1));
        let (disk, model) = workload.prepare();
        for n in 0.. {
            // Not every second crash after every first one, but each of them after some.
            for m in (n % stride..).step_by(stride) {
                // What the first life left pending is still under way, so each second crash needs a first one of its
                // own.
                let Some((vfs, model)) = crash_at(workload, &disk, &model, n as u64) else {
                    return;
                };
                let vfs = vfs.restart();
                vfs.plan(Plan::new(Fault::Crash).at(m as u64));
                let Some(models) = second_life(workload, &vfs, &model) else {
                    break;
                };
                tally.one(Tried::Stops);
                for (at, image) in vfs.crash_images(images, m as u64).enumerate() {
                    tally.one(Tried::Images);
                    let what = || {
                        format!(
                            "workload {:?}, killed at change {n}, power loss at change {m} of what came after, image {at}: {}",
                            workload.name, image.what
                        )
                    };
                    check(
                        &image.vfs,
                        &workload.options,
                        &models,
                        workload.between,
                        Depth::Write,
                        &what,
                    );
                }
            }
        }
    });
}

/// Power loss, and power loss again while the next process recovers.
#[test]
fn the_power_goes_during_recovery() {
    for_each("power loss during recovery", |workload, tally| {
        if workload.heavy {
            return;
        }
        let (first_images, images, stride) = (bound(2, 8), bound(3, 12), bound(3, 1));
        let (disk, model) = workload.prepare();
        for n in 0.. {
            let Some((vfs, model)) = crash_at(workload, &disk, &model, n as u64) else {
                return;
            };
            for (first, left) in vfs
                .crash_images(first_images + 2, 99 + n as u64)
                .enumerate()
                .skip(2)
            {
                for m in ((n + first) % stride..).step_by(stride) {
                    let vfs = FaultVfs::on(&left.vfs).unwrap();
                    vfs.plan(Plan::new(Fault::Crash).at(m as u64));
                    let Some(models) = second_life(workload, &vfs, &model) else {
                        break;
                    };
                    for (at, image) in vfs.crash_images(images, m as u64).enumerate() {
                        tally.one(Tried::Images);
                        let what = || {
                            format!(
                                "workload {:?}, crash at change {n} leaving {first}: {}\ncrash at change {m} of what came after, \
                                 image {at}: {}",
                                workload.name, left.what, image.what
                            )
                        };
                        check(
                            &image.vfs,
                            &workload.options,
                            &models,
                            workload.between,
                            Depth::Write,
                            &what,
                        );
                    }
                }
            }
        }
    });
}

/// The life after the first crash, up to the second: opens, looks, writes, closes. What the disk may then show, as
/// models of which one must fit; `None` when the second crash did not come.
fn second_life(workload: &Workload, vfs: &FaultVfs, model: &Model) -> Option<Vec<Model>> {
    let first = vec![model.clone()];
    let mut runner = Runner::new(
        Arc::new(vfs.clone()),
        workload.options.clone(),
        model.clone(),
    );
    let seen = runner.open().and_then(|store| look(store, model.known()));
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) if vfs.crashed() => {
            assert!(is_crash(&error), "{error:?}");
            return Some(first);
        }
        Err(error) => panic!("{}, second life: {error:?}", workload.name),
    };
    if let Err(wrong) = runner.model.recover(&seen) {
        assert!(workload.between, "{}, second life: {wrong}", workload.name);
        // Somewhere inside work that commits on its way: the other tests look into that.
        return None;
    }
    let steps = [
        Step::put("second life"),
        Step::append("second life", [b"{\"second\":true}".to_vec()]),
        Step::Commit,
    ];
    let ran = runner.run(&steps).and_then(|()| runner.open()?.close());
    match ran {
        Ok(()) if !vfs.crashed() => None,
        Err(error) if !vfs.crashed() => panic!("{}, second life: {error:?}", workload.name),
        // What a reader saw counts only once a writer has built on it.
        _ if runner.model.now() == runner.model.durable() => Some(vec![runner.model]),
        _ => Some(vec![model.clone(), runner.model]),
    }
}
