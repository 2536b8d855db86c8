//! Damaged files: flipped bits, cut and lengthened files, missing and exchanged ones. Damage is detected or harmless;
//! wrong bytes are never returned; undamaged data stays readable.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lakebed_core::{ErrorKind, Hash, ProgressFn, Store};
use lakebed_testkit::{Files, Model, State, Tally, Tried};

use crate::recovery::support::look::{disk_of, everything, files, look};
use crate::recovery::support::runner::{Runner, Step};
use crate::recovery::support::{long, on_both_cores, options, reading};
use crate::recovery::workloads::{Workload, some_of_everything};

/// A store, and for each blob the segment it lies in.
struct Whole {
    files: Files,
    model: Model,
    /// Every state that a commit left, oldest first.
    history: Vec<State>,
    places: BTreeMap<Hash, u64>,
    newest_manifest: String,
    active: String,
}

fn whole() -> Whole {
    let workload = Workload {
        name: "damage",
        before: some_of_everything(),
        steps: vec![],
        options: options(),
        between: false,
        heavy: false,
    };
    let (disk, model) = workload.prepare();
    let store = Store::open_on(Arc::new(disk.clone()), reading()).unwrap();
    let segments = store.segments().unwrap();
    let mut places = BTreeMap::new();
    for segment in &segments {
        for id in segment.first_id.0..segment.end_id.0 {
            if let Ok(blob) = store.blob(lakebed_core::BlobId(id)) {
                places.insert(Hash::of(&blob), segment.number.0);
            }
        }
    }
    assert_eq!(places.len(), model.now().blobs.len());
    let files = files(&disk);
    let last = |dir: &str| {
        let names = files.keys().filter(|name| name.starts_with(dir));
        names.max().unwrap().clone()
    };
    Whole {
        newest_manifest: last("manifests/"),
        active: last("segments/"),
        history: model.history().cloned().collect(),
        files,
        model,
        places,
    }
}

/// The behaviour of a damaged store.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Everything is there.
    Harmless,
    /// It shows the state before its last commits, as after a torn write.
    Older,
    /// Something cannot be read, and says so.
    Noticed,
    /// It does not open, and says why.
    Refused(ErrorKind),
}

/// Opens a damaged store and reads all it can.
///
/// # Panics
/// For wrong bytes, for silence about what is missing, and when blobs outside `damaged` cannot be read.
fn outcome(
    whole: &Whole,
    files: &Files,
    damaged: Option<u64>,
    what: &dyn Fn() -> String,
) -> Outcome {
    let disk = disk_of(files);
    let store = match Store::open_on(Arc::new(disk.clone()), reading()) {
        Ok(store) => store,
        Err(error) => {
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::Corrupt
                        | ErrorKind::NotAStore
                        | ErrorKind::FormatTooNew
                        | ErrorKind::StoreNotFound
                ),
                "{error:?}\n{}",
                what()
            );
            return Outcome::Refused(error.kind());
        }
    };
    let looked = std::panic::catch_unwind(AssertUnwindSafe(|| look(&store, whole.model.known())))
        .unwrap_or_else(|_| panic!("see above\n{}", what()));
    match looked {
        Ok(seen) if whole.model.now() == &seen => return Outcome::Harmless,
        Ok(seen) => {
            assert!(
                whole.history.contains(&seen),
                "something is missing and nobody says so: {:?}\n{}",
                whole.model.now().difference(&seen),
                what()
            );
            return Outcome::Older;
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}\n{}", what()),
    }
    // Undamaged blobs can be read.
    for (hash, bytes) in &whole.model.now().blobs {
        match store.get(hash) {
            Ok(blob) => assert!(blob.as_slice() == &**bytes, "wrong bytes\n{}", what()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}\n{}", what());
                assert_eq!(
                    damaged,
                    Some(whole.places[hash]),
                    "a blob outside the damaged segment cannot be read: {error:?}\n{}",
                    what()
                );
            }
        }
    }
    for name in whole.model.now().collections.keys() {
        if let Ok(rows) = store.rows(name, everything()) {
            for row in rows.take(1000).map_while(Result::ok) {
                let should = whole.model.now().collections[name].rows.get(&row.seq.0);
                if let Ok(blob) = store.blob(row.blob) {
                    assert_eq!(
                        should,
                        Some(&Hash::of(&blob)),
                        "row {}\n{}",
                        row.seq,
                        what()
                    );
                }
            }
        }
    }
    let report = store
        .verify(ProgressFn::none())
        .unwrap_or_else(|error| panic!("verify: {error:?}\n{}", what()));
    assert!(
        !report.problems.is_empty(),
        "reading fails and verify finds nothing\n{}",
        what()
    );
    Outcome::Noticed
}

/// A writer on a damaged store: refused, or everything it shows afterwards is right and what it wrote is there.
fn write_on(whole: &Whole, files: &Files, what: &dyn Fn() -> String) {
    let disk = disk_of(files);
    let Ok(store) = Store::open_on(
        Arc::new(disk.clone()),
        lakebed_core::Options {
            create: false,
            ..options()
        },
    ) else {
        return;
    };
    let Ok(before) = look(&store, whole.model.known()) else {
        // Damaged: it may write or refuse, and must not make things worse.
        let readable = |store: &Store| -> Vec<Hash> {
            let known = whole.model.known().keys();
            known
                .filter(|hash| store.get(hash).is_ok())
                .copied()
                .collect()
        };
        let before = readable(&store);
        if store.put(b"onto damage").is_ok() && store.commit().is_ok() {
            let after = Store::open_on(Arc::new(disk), reading())
                .unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
            after
                .get(&Hash::of(b"onto damage"))
                .unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
            for hash in before {
                after.get(&hash).unwrap_or_else(|error| {
                    panic!("writing made a blob unreadable: {error:?}\n{}", what())
                });
            }
        }
        return;
    };
    let mut runner = Runner::new(Arc::new(disk.clone()), options(), whole.model.clone());
    runner.model = model_of(&before, whole);
    runner.store = Some(store);
    let steps = [
        Step::append("after the damage", [b"{}".to_vec()]),
        Step::put("after the damage"),
        Step::Commit,
    ];
    match runner.run(&steps) {
        Ok(()) => {}
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}\n{}", what());
            return;
        }
    }
    drop(runner.store.take());
    let store = Store::open_on(Arc::new(disk), reading())
        .unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
    let seen =
        look(&store, runner.model.known()).unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
    let difference = runner.model.now().difference(&seen);
    assert!(difference.is_none(), "{difference:?}\n{}", what());
}

/// A model that stands where a store shows this state of the history.
fn model_of(seen: &State, whole: &Whole) -> Model {
    let mut model = Model::default();
    for step in some_of_everything() {
        match step {
            Step::Put(bytes) => _ = model.put(&bytes),
            Step::Append(name, records) => _ = model.append(&name, &records),
            Step::Delete(hash) => _ = model.delete(&hash),
            Step::Commit => model.commit(),
            _ => {}
        }
        if model.durable() == seen && model.now() == seen {
            return model;
        }
    }
    assert!(whole.model.now() == seen);
    whole.model.clone()
}

fn number_of(name: &str) -> Option<u64> {
    let name = name.strip_prefix("segments/")?;
    name.strip_suffix(".seg")?.parse().ok()
}

#[test]
fn bits_flip() {
    let tally = Tally::new("bits flipped");
    let whole = whole();
    let mut cases = Vec::new();
    for (name, bytes) in &whole.files {
        if name == "reserve" {
            continue;
        }
        for (at, byte) in bytes.iter().enumerate() {
            // Padding is tried here and there, the rest everywhere.
            let zeros = bytes[at.saturating_sub(40)..(at + 40).min(bytes.len())]
                .iter()
                .all(|byte| *byte == 0);
            let one = 1_u8 << ((at * 5 + 3) % 8);
            match (long(), zeros) {
                (true, _) => cases.extend((0..8).map(|bit| (name, at, 1_u8 << bit))),
                (false, true) if at % 61 != 0 => {}
                (false, _) if name.starts_with("segments/") && at % 3 != 0 && *byte != 0x4c => {}
                (false, _) => cases.push((name, at, one)),
            }
        }
    }
    let counts: [AtomicUsize; 4] = Default::default();
    on_both_cores(&cases, |(name, at, mask)| {
        let mut files = whole.files.clone();
        files.get_mut(*name).unwrap()[*at] ^= mask;
        let what = || format!("{name}, byte {at} ^ {mask:#04x}");
        let outcome = outcome(&whole, &files, number_of(name), &what);
        match &outcome {
            Outcome::Harmless => {}
            Outcome::Older => assert_eq!(**name, whole.active, "{}", what()),
            Outcome::Noticed => assert!(name.starts_with("segments/"), "{}", what()),
            Outcome::Refused(kind) => {
                assert_eq!(*name, "FORMAT", "{kind}: {}", what());
            }
        }
        counts[match outcome {
            Outcome::Harmless => 0,
            Outcome::Older => 1,
            Outcome::Noticed => 2,
            Outcome::Refused(_) => 3,
        }]
        .fetch_add(1, Ordering::Relaxed);
        if at % 7 == 0 {
            write_on(&whole, &files, &what);
        }
    });
    tally.add(Tried::Flips, cases.len() as u64);
    eprintln!("bits flipped (harmless, older, noticed, refused): {counts:?}");
}

#[test]
fn files_are_cut_short() {
    let tally = Tally::new("files cut");
    let whole = whole();
    let mut cases = Vec::new();
    for (name, bytes) in &whole.files {
        if name == "reserve" {
            continue;
        }
        let stride = match name.as_str() {
            "LOCK" if !long() => 16,
            name if name.starts_with("segments/") && !long() => 11,
            _ => 1,
        };
        cases.extend((0..bytes.len()).step_by(stride).map(|len| (name, len)));
    }
    on_both_cores(&cases, |(name, len)| {
        let mut files = whole.files.clone();
        files.get_mut(*name).unwrap().truncate(*len);
        let what = || format!("{name} cut to {len} bytes");
        match outcome(&whole, &files, number_of(name), &what) {
            Outcome::Harmless | Outcome::Noticed => {}
            Outcome::Older => assert_eq!(**name, whole.active, "{}", what()),
            Outcome::Refused(kind) => {
                assert_eq!(*name, "FORMAT", "{kind}: {}", what());
            }
        }
        if len % 5 == 0 {
            write_on(&whole, &files, &what);
        }
    });
    tally.add(Tried::Files, cases.len() as u64);
}

#[test]
fn files_grow() {
    let tally = Tally::new("files lengthened");
    let whole = whole();
    for name in whole.files.keys().filter(|name| *name != "reserve") {
        for extra in [1_usize, 7, 8, 64, 95, 96, 512, 16 << 10, 40_000] {
            let garbage = lakebed_testkit::strategies::noise(extra as u64, extra);
            // Bytes that were valid somewhere else, too.
            let own: Vec<u8> = whole.files[name]
                .iter()
                .rev()
                .take(extra)
                .rev()
                .copied()
                .collect();
            for (kind, more) in [
                ("zeros", vec![0; extra]),
                ("garbage", garbage),
                ("its own end", own),
            ] {
                let mut files = whole.files.clone();
                files.get_mut(name).unwrap().extend(more);
                tally.one(Tried::Files);
                let what = || format!("{name} and {extra} bytes of {kind}");
                match outcome(&whole, &files, number_of(name), &what) {
                    Outcome::Harmless => {}
                    Outcome::Refused(_) if name == "FORMAT" => {}
                    other => panic!("{other:?}: {}", what()),
                }
                write_on(&whole, &files, &what);
            }
        }
    }
}

#[test]
fn files_are_missing() {
    let tally = Tally::new("files missing");
    let whole = whole();
    for name in whole.files.keys() {
        let mut files = whole.files.clone();
        files.remove(name);
        tally.one(Tried::Files);
        let what = || format!("{name} is missing");
        match (
            outcome(&whole, &files, number_of(name), &what),
            name.as_str(),
        ) {
            (Outcome::Harmless, _) => {}
            (Outcome::Refused(kind), "FORMAT") => assert_eq!(kind, ErrorKind::NotAStore),
            (Outcome::Noticed | Outcome::Older, name) if name.starts_with("segments/") => {}
            (other, _) => panic!("{other:?}: {}", what()),
        }
        write_on(&whole, &files, &what);
    }
    let mut files = whole.files.clone();
    files.retain(|name, _| !name.starts_with("manifests/"));
    let what = || "no manifest".to_owned();
    let found = outcome(&whole, &files, None, &what);
    assert_eq!(found, Outcome::Harmless, "the footers tell");
    write_on(&whole, &files, &what);
    let sealed = files.get_mut("segments/000000000001.seg").unwrap();
    sealed.truncate(sealed.len() - 1);
    let what = || "no manifest and no footer".to_owned();
    let found = outcome(&whole, &files, None, &what);
    assert_eq!(found, Outcome::Refused(ErrorKind::Corrupt));
}

#[test]
fn files_are_swapped() {
    let tally = Tally::new("files exchanged");
    let whole = whole();
    let names: Vec<&String> = whole
        .files
        .keys()
        .filter(|name| *name != "reserve")
        .collect();
    for (index, a) in names.iter().enumerate() {
        for b in &names[index + 1..] {
            let mut files = whole.files.clone();
            let (of_a, of_b) = (whole.files[*a].clone(), whole.files[*b].clone());
            files.insert((*a).clone(), of_b);
            files.insert((*b).clone(), of_a);
            tally.one(Tried::Files);
            let what = || format!("{a} and {b} are swapped");
            let disk = disk_of(&files);
            match Store::open_on(Arc::new(disk), reading()) {
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotAStore),
                    "{error:?}: {}",
                    what()
                ),
                Ok(store) => match look(&store, whole.model.known()) {
                    Ok(seen) => assert!(
                        whole.history.contains(&seen),
                        "silence about what is missing: {}",
                        what()
                    ),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", what()),
                },
            }
            write_on(&whole, &files, &what);
        }
    }
}

/// Another store's files in this one's places: their salts and its uuid give them away.
#[test]
fn files_of_another_store() {
    let (whole, other) = (whole(), whole());
    for name in whole.files.keys().filter(|name| *name != "reserve") {
        let mut files = whole.files.clone();
        files.insert(name.clone(), other.files[name].clone());
        let what = || format!("{name} is another store's");
        let outcome = outcome(&whole, &files, number_of(name), &what);
        let fine = match name.as_str() {
            "LOCK" => outcome == Outcome::Harmless,
            "FORMAT" => matches!(outcome, Outcome::Refused(_)),
            name if name == whole.newest_manifest => outcome == Outcome::Harmless,
            _ => outcome != Outcome::Older || *name == whole.active,
        };
        assert!(fine, "{outcome:?}: {}", what());
        write_on(&whole, &files, &what);
    }
}

/// `verify` reports a missing acknowledged commit, also where the store opens in an older state without an error.
#[test]
fn verify_misses_acknowledged_commits() {
    let whole = whole();
    let mut files = whole.files.clone();
    let len = files[&whole.active].len();
    files.get_mut(&whole.active).unwrap().truncate(len - 8);
    let what = || "the last commit is cut off".to_owned();
    assert_eq!(outcome(&whole, &files, None, &what), Outcome::Older);
    let store = Store::open_on(Arc::new(disk_of(&files)), reading()).unwrap();
    let report = store.verify(ProgressFn::none()).unwrap();
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
}
