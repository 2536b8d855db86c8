//! Stores whose bytes were changed and whose checksums are all right again.

use lakebed_core::ProgressFn;
use lakebed_testkit::{Files, Links};
use lakebed_vfs::Open;

use super::*;

/// Rows, blobs, sealed segments with an index run, a large blob, and an active segment with merged index blocks.
pub(crate) fn of_everything() -> Arc<dyn Vfs> {
    let vfs = memory();
    let store = open(&vfs);
    for n in 0..10 {
        append(&store, "c", &[&format!("{{\"n\":{n}}}"), "{\"same\":true}"]);
        store.put(&noise(n)).unwrap();
        store.commit().unwrap();
        append(&store, "d", &[&format!("[{n}]")]);
        store.seal().unwrap();
    }
    store.put(&vec![7; (16 << 20) + 5]).unwrap();
    store.commit().unwrap();
    for n in 0..18 {
        append(&store, "c", &[&format!("{{\"late\":{n}}}")]);
    }
    store.close().unwrap();
    vfs
}

/// Bytes that do not compress, and that are found in a segment.
fn noise(n: u8) -> Vec<u8> {
    let mut state = u64::from(n);
    let mut bytes = format!("noise {n}").into_bytes();
    bytes.extend((0..600).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    }));
    bytes
}

/// All files of a store.
pub(crate) fn files_of(vfs: &dyn Vfs) -> Files {
    let mut files = Files::new();
    let mut read = |name: String| {
        let file = vfs.open(&name, Open::Read).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        files.insert(name, bytes);
    };
    for name in ["FORMAT", "LOCK"] {
        read(name.to_owned());
    }
    for dir in ["manifests", "segments", "index"] {
        for name in vfs.list(dir).unwrap() {
            read(format!("{dir}/{name}"));
        }
    }
    files
}

/// A store of these files.
pub(crate) fn store_of(files: &Files) -> Arc<dyn Vfs> {
    let vfs = memory();
    for dir in ["manifests", "segments", "index"] {
        vfs.create_dir(dir).unwrap();
    }
    for (name, bytes) in files {
        let file = vfs.open(name, Open::Create).unwrap();
        file.write_all_at(bytes, 0).unwrap();
    }
    vfs
}

#[test]
fn checksums_are_made_again() {
    let whole = files_of(of_everything().as_ref());
    let links = Links::of_store(&whole);
    let mut same = whole.clone();
    links.make(&mut same);
    assert!(same == whole);

    // Other bytes in frames, with all checksums right: the blobs have other hashes, and that is all.
    let mut forged = whole.clone();
    let name = "segments/000000000003.seg";
    let bytes = forged.get_mut(name).unwrap();
    let at = bytes.windows(7).position(|w| w == b"noise 2").unwrap();
    bytes[at] = b'N';
    links.make(&mut forged);
    let changed: Vec<&String> = forged.keys().filter(|n| forged[*n] != whole[*n]).collect();
    assert!(changed.len() > 9, "later segments link to it: {changed:?}");
    let store = open(&store_of(&forged));
    let report = store.verify(ProgressFn::none()).unwrap();
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    assert!(report.problems[0].message.contains("hash"));
}
