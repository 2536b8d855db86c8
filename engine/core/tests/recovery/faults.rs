//! Every operation failing: with an error, once and from then on; with less written than asked; with a full disk. It is
//! an error or nothing, never an acknowledged loss; reads go on; writing goes on when the fault is gone.

use std::sync::Arc;

use lakebed_core::{Error, ErrorKind, Store};
use lakebed_testkit::{EIO, ENOSPC, Fault, FaultVfs, Model, OpKind, Plan, Tally, Tried};
use lakebed_vfs::MemVfs;

use crate::recovery::support::image::{Depth, check};
use crate::recovery::support::look::{look, verify};
use crate::recovery::support::runner::{Runner, Step};
use crate::recovery::support::{bound, options};
use crate::recovery::workloads::{Workload, all, records, some_of_everything};

/// What a fault must look like to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// As one of these errors.
    As(&'static [ErrorKind]),
    /// Not at all: the engine does it again.
    NotAtAll,
}

#[derive(Clone, Debug)]
struct Trouble {
    name: &'static str,
    plan: Plan,
    shows: Shows,
    reads_work: bool,
}

fn troubles() -> Vec<Trouble> {
    use ErrorKind::{Io, Poisoned, StoreFull};
    let trouble = |name, plan, shows| Trouble {
        name,
        plan,
        shows,
        reads_work: true,
    };
    let failed = Shows::As(&[Io, Poisoned]);
    let full = Shows::As(&[StoreFull, Poisoned]);
    vec![
        trouble("EIO once", Plan::new(Fault::Errno(EIO)), failed),
        trouble(
            "EIO from then on",
            Plan::new(Fault::Errno(EIO)).forever(),
            failed,
        ),
        trouble("done and EIO once", Plan::new(Fault::Applied(EIO)), failed),
        trouble(
            "done and EIO from then on",
            Plan::new(Fault::Applied(EIO)).forever(),
            failed,
        ),
        trouble("ENOSPC once", Plan::new(Fault::Errno(ENOSPC)), full),
        trouble(
            "ENOSPC from then on",
            Plan::new(Fault::Errno(ENOSPC)).forever(),
            full,
        ),
        trouble("nothing written", Plan::new(Fault::Zero), full),
        trouble(
            "nothing written from then on",
            Plan::new(Fault::Zero).forever(),
            full,
        ),
        trouble("a short write", Plan::new(Fault::Short(7)), Shows::NotAtAll),
        trouble(
            "an interrupted write",
            Plan::new(Fault::Interrupted),
            Shows::NotAtAll,
        ),
        Trouble {
            reads_work: false,
            ..trouble(
                "EIO at any call",
                Plan::new(Fault::Errno(EIO)).reads_too(),
                failed,
            )
        },
        Trouble {
            reads_work: false,
            ..trouble(
                "EIO at any call from then on",
                Plan::new(Fault::Errno(EIO)).reads_too().forever(),
                failed,
            )
        },
        Trouble {
            reads_work: false,
            ..trouble(
                "a short read or write",
                Plan::new(Fault::Short(1)).reads_too(),
                Shows::NotAtAll,
            )
        },
        Trouble {
            reads_work: false,
            ..trouble(
                "reads and writes interrupted and short",
                Plan::new(Fault::Interrupted).reads_too().forever(),
                Shows::NotAtAll,
            )
        },
    ]
}

/// Runs the workload with a fault on its way, and then without. Whether the fault came.
fn run(
    workload: &Workload,
    trouble: &Trouble,
    n: u64,
    disk: &MemVfs,
    model: &Model,
    images: usize,
) -> bool {
    let vfs = FaultVfs::on(disk).unwrap();
    vfs.plan(trouble.plan.clone().at(n));
    let what = || {
        let op = vfs.log().into_iter().find(|op| op.fault.is_some());
        format!(
            "workload {:?}, {} at {n}: {}",
            workload.name,
            trouble.name,
            op.map_or_else(|| "it did not come".to_owned(), |op| op.to_string())
        )
    };
    let mut runner = Runner::new(
        Arc::new(vfs.clone()),
        workload.options.clone(),
        model.clone(),
    );
    let mut failed = None;
    for step in &workload.steps {
        match runner.step(step) {
            Ok(()) => {}
            Err(error) => {
                check_error(&error, trouble, &what);
                if trouble.reads_work
                    && let Some(store) = &runner.store
                {
                    still_reads(store, &runner.model, workload, &what);
                }
                failed = Some(error);
                break;
            }
        }
    }
    let came = vfs.fired() > 0;
    vfs.clear_plan();
    if let Some(error) = &failed
        && let Some(store) = runner.store.take()
    {
        go_on_with(store, error, &mut runner, workload, &what);
    }
    // Whether or not this object could go on: another one can.
    if let Some(store) = runner.store.take() {
        match store.close() {
            // What a fault left pending was committed by closing.
            Ok(()) if failed.is_none() => runner.model.commit(),
            Ok(()) => {}
            Err(error) => panic!("closing: {error:?}\n{}", what()),
        }
    }
    let store = Store::open_on(Arc::new(vfs.clone()), workload.options.clone())
        .unwrap_or_else(|error| panic!("opening after the fault: {error:?}\n{}", what()));
    let seen = look(&store, runner.model.known())
        .unwrap_or_else(|error| panic!("reading after the fault: {error:?}\n{}", what()));
    let mut runner = Runner {
        model: crate::recovery::support::image::recover(&[runner.model], &seen, workload.between)
            .unwrap_or_else(|wrong| panic!("{wrong}\n{}", what())),
        store: Some(store),
        ..Runner::new(
            Arc::new(vfs.clone()),
            workload.options.clone(),
            Model::default(),
        )
    };
    runner
        .run(&[
            Step::append("after", records(0..2)),
            Step::put("after"),
            Step::Commit,
        ])
        .unwrap_or_else(|error| panic!("writing after the fault: {error:?}\n{}", what()));
    verify(runner.store.as_ref().unwrap(), &what);
    // The power goes: what was acknowledged after the fault is durable, too.
    for image in vfs.crash_images(images, n) {
        let what = || format!("{}\nthen power loss: {}", what(), image.what);
        let models = [runner.model.clone()];
        check(
            &image.vfs,
            &workload.options,
            &models,
            false,
            Depth::Write,
            &what,
        );
    }
    came
}

fn check_error(error: &Error, trouble: &Trouble, what: &dyn Fn() -> String) {
    match trouble.shows {
        Shows::As(kinds) => assert!(kinds.contains(&error.kind()), "{error:?}\n{}", what()),
        Shows::NotAtAll => panic!("{error:?}\n{}", what()),
    }
}

/// The store object still shows something that it may show: what was committed, what may have been, or what was
/// pending.
fn still_reads(store: &Store, model: &Model, workload: &Workload, what: &dyn Fn() -> String) {
    if is_closed(store) {
        return;
    }
    let seen = look(store, model.known())
        .unwrap_or_else(|error| panic!("reading while the fault lasts: {error:?}\n{}", what()));
    if model.now().difference(&seen).is_some() {
        crate::recovery::support::image::recover(
            std::slice::from_ref(model),
            &seen,
            workload.between,
        )
        .unwrap_or_else(|wrong| panic!("while the fault lasts: {wrong}\n{}", what()));
    }
}

/// A store object that was closed is closed, also when closing failed.
fn is_closed(store: &Store) -> bool {
    (store.collections()).is_err_and(|error| error.kind() == ErrorKind::Closed)
}

/// The fault is gone: the same object writes on, unless it is poisoned, and then it says so.
fn go_on_with(
    store: Store,
    error: &Error,
    runner: &mut Runner,
    workload: &Workload,
    what: &dyn Fn() -> String,
) {
    if is_closed(&store) {
        return;
    }
    if error.kind() == ErrorKind::Poisoned {
        for _ in 0..2 {
            let again = store.put(b"to a poisoned store");
            assert_eq!(again.unwrap_err().kind(), ErrorKind::Poisoned, "{}", what());
        }
        still_reads(&store, &runner.model, workload, what);
        return;
    }
    store
        .rollback()
        .unwrap_or_else(|error| panic!("rolling back: {error:?}\n{}", what()));
    let seen = look(&store, runner.model.known())
        .unwrap_or_else(|error| panic!("reading after rolling back: {error:?}\n{}", what()));
    runner.model = crate::recovery::support::image::recover(
        std::slice::from_ref(&runner.model),
        &seen,
        workload.between,
    )
    .unwrap_or_else(|wrong| panic!("after rolling back: {wrong}\n{}", what()));
    runner.store = Some(store);
    runner
        .run(&[
            Step::append("events", records(500..504)),
            Step::put("the fault is gone"),
            Step::Commit,
        ])
        .unwrap_or_else(|error| panic!("writing on with the same object: {error:?}\n{}", what()));
    let seen = look(runner.store.as_ref().unwrap(), runner.model.known())
        .unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
    let difference = runner.model.now().difference(&seen);
    assert!(difference.is_none(), "{difference:?}\n{}", what());
}

#[test]
fn every_operation_fails() {
    let tally = Tally::new("failing operations");
    for workload in all() {
        let (disk, model) = workload.prepare();
        for trouble in troubles() {
            let stride = if workload.heavy { bound(5, 1) } else { 1 };
            for n in (0..).step_by(stride) {
                if !run(
                    &workload,
                    &trouble,
                    n,
                    &disk,
                    &model,
                    if workload.heavy { 1 } else { bound(2, 6) },
                ) {
                    break;
                }
                tally.one(Tried::Faults);
            }
        }
        let count = tally.of(Tried::Faults);
        eprintln!("faults: {:?} done, {count} so far", workload.name);
    }
}

#[test]
fn the_disk_is_full() {
    let tally = Tally::new("full disks");
    for workload in all().into_iter().filter(|workload| !workload.heavy) {
        let (disk, model) = workload.prepare();
        let used: u64 = crate::recovery::support::look::files(&disk)
            .values()
            .map(|bytes| bytes.len() as u64)
            .sum();
        let mut room = 0;
        loop {
            tally.one(Tried::Faults);
            let vfs = FaultVfs::on(&disk).unwrap();
            vfs.set_capacity(Some(used + room));
            let what = || format!("workload {:?} with {room} bytes free", workload.name);
            let mut runner = Runner::new(
                Arc::new(vfs.clone()),
                workload.options.clone(),
                model.clone(),
            );
            let ran = runner.run(&workload.steps);
            if let Err(error) = &ran {
                assert_eq!(error.kind(), ErrorKind::StoreFull, "{error:?}\n{}", what());
                if let Some(store) = &runner.store {
                    still_reads(store, &runner.model, &workload, &what);
                }
                vfs.set_capacity(None);
                if let Some(store) = runner.store.take() {
                    go_on_with(store, error, &mut runner, &workload, &what);
                }
            }
            vfs.set_capacity(None);
            if let Some(store) = runner.store.take() {
                store.close().unwrap();
                runner.model.commit();
            }
            let models = [runner.model];
            let live = vfs.restart().live().unwrap();
            check(
                &live,
                &workload.options,
                &models,
                workload.between,
                Depth::Write,
                &what,
            );
            if ran.is_ok() && room > 0 {
                break;
            }
            room += if room < 200 {
                40
            } else {
                bound(700, 64) as u64
            };
        }
    }
}

/// The reserve makes room for the one thing that helps on a full disk.
#[test]
fn a_drop_works_on_a_full_disk() {
    let workload = Workload {
        name: "drop on a full disk",
        before: some_of_everything(),
        steps: vec![],
        options: options(),
        between: false,
        heavy: false,
    };
    let (disk, model) = workload.prepare();
    let vfs = FaultVfs::on(&disk).unwrap();
    let used = crate::recovery::support::look::files(&disk)
        .values()
        .map(Vec::len)
        .sum::<usize>();
    vfs.set_capacity(Some(used as u64));
    let mut runner = Runner::new(Arc::new(vfs.clone()), workload.options.clone(), model);
    runner.open().unwrap();
    let refused = runner
        .step(&Step::append("events", records(0..50)))
        .and_then(|()| runner.step(&Step::Commit));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::StoreFull);
    runner.model.rollback();
    let seen = look(runner.store.as_ref().unwrap(), runner.model.known()).unwrap();
    runner.model.recover(&seen).unwrap();
    runner.step(&Step::Drop("events".to_owned())).unwrap();
    let what = || "drop on a full disk".to_owned();
    let live = vfs.restart().live().unwrap();
    check(
        &live,
        &workload.options,
        &[runner.model],
        false,
        Depth::Write,
        &what,
    );
}

/// After a failed sync the written pages look clean and may not be on disk: whoever opens next writes them again before
/// building on them.
#[test]
fn a_failed_sync_is_never_trusted() {
    let tally = Tally::new("failed syncs");
    for workload in all().into_iter().filter(|workload| !workload.heavy) {
        let (disk, model) = workload.prepare();
        for n in 0.. {
            let vfs = FaultVfs::on(&disk).unwrap();
            vfs.plan(
                Plan::new(Fault::Errno(EIO))
                    .only(&[OpKind::SyncData, OpKind::SyncDir])
                    .at(n),
            );
            let mut runner = Runner::new(
                Arc::new(vfs.clone()),
                workload.options.clone(),
                model.clone(),
            );
            let ran = runner.run(&workload.steps);
            if vfs.fired() == 0 {
                break;
            }
            tally.one(Tried::Faults);
            let what = || format!("workload {:?}, sync {n} fails", workload.name);
            // A sync that only tidies up may fail unheard.
            if let Err(error) = &ran {
                assert!(
                    matches!(error.kind(), ErrorKind::Poisoned | ErrorKind::Io),
                    "{error:?}\n{}",
                    what()
                );
            }
            drop(runner.store.take());
            let vfs = vfs.restart();
            // Right away, or after somebody built on it.
            for (at, image) in vfs.crash_images(bound(6, 60), n).enumerate() {
                tally.one(Tried::Images);
                let what = || format!("{}, power loss {at}: {}", what(), image.what);
                let models = [runner.model.clone()];
                check(
                    &image.vfs,
                    &workload.options,
                    &models,
                    workload.between,
                    Depth::Write,
                    &what,
                );
            }
            let store = Store::open_on(Arc::new(vfs.clone()), workload.options.clone()).unwrap();
            let seen = look(&store, runner.model.known()).unwrap();
            runner.model = crate::recovery::support::image::recover(
                &[runner.model.clone()],
                &seen,
                workload.between,
            )
            .unwrap_or_else(|wrong| panic!("{wrong}\n{}", what()));
            runner = Runner {
                store: Some(store),
                ..Runner::new(
                    Arc::new(vfs.clone()),
                    workload.options.clone(),
                    runner.model,
                )
            };
            runner
                .run(&[Step::append("after", records(0..2)), Step::Commit])
                .unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
            for (at, image) in vfs.crash_images(bound(6, 60), n).enumerate() {
                tally.one(Tried::Images);
                let what = || {
                    format!(
                        "{}, somebody built on it, power loss {at}: {}",
                        what(),
                        image.what
                    )
                };
                let models = [runner.model.clone()];
                check(
                    &image.vfs,
                    &workload.options,
                    &models,
                    false,
                    Depth::Write,
                    &what,
                );
            }
        }
    }
}
