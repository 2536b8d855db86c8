//! Stores whose bytes were changed and whose checksums are all right again.

use lakebed_core::{
    BlobId, CollectionId, CommitNumber, DictionaryNumber, Hash, ProblemKind, ProgressFn,
    VerifyOptions,
};
use lakebed_format::index_run::{Bucket, BucketShape, put_bucket};
use lakebed_format::{
    DictionaryEntry, FingerprintTable, FooterTrailer, IndexBlock, IndexRunHeader, Manifest,
    ManifestBody, SectionKind, SegmentHeader, TABLE_FINGERPRINT_BITS, TRAILER_LEN, checksum,
};
use lakebed_testkit::{Files, Links};
use lakebed_vfs::Open;

use super::*;

/// Rows, blobs, sealed segments with an index run, and an active segment with merged index blocks.
pub(crate) fn of_everything() -> Arc<dyn Vfs> {
    let vfs = memory();
    let store = open(&vfs);
    for n in 0..10 {
        append(&store, "c", &[&format!("{{\"n\":{n}}}"), "{\"same\":true}"]);
        store.put(&noise(n)).unwrap();
        store.commit().unwrap();
        // More groups than tables that a footer leads to: it has its own.
        for more in 0..if n == 5 { 5 } else { 0 } {
            store.put(&noise(100 + more)).unwrap();
            store.commit().unwrap();
        }
        append(&store, "d", &[&format!("[{n}]")]);
        store.seal().unwrap();
    }
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
    let vfs = of_everything();
    let store = open(&vfs);
    store.put(&vec![7; (16 << 20) + 5]).unwrap();
    store.close().unwrap();
    let whole = files_of(vfs.as_ref());
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

/// The kinds of problems that a verification lists, each once.
fn kinds_of(files: &Files) -> Vec<ProblemKind> {
    let store = Store::open_on(store_of(files), options()).unwrap();
    let report = store.verify(ProgressFn::none()).unwrap();
    let quick = VerifyOptions {
        quick: true,
        ..VerifyOptions::default()
    };
    store.verify_with(&quick, ProgressFn::none()).unwrap();
    let mut kinds: Vec<ProblemKind> = report.problems.iter().map(|one| one.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn last_of(files: &Files, dir: &str) -> String {
    let names = files.keys().filter(|name| name.starts_with(dir));
    names.max().unwrap().clone()
}

/// The store with another manifest.
fn with_manifest(files: &Files, change: impl FnOnce(&mut ManifestBody)) -> Files {
    let mut forged = files.clone();
    let bytes = forged.get_mut(&last_of(files, "manifests/")).unwrap();
    let mut manifest = Manifest::decode(bytes).unwrap();
    change(&mut manifest.catalogue);
    *bytes = manifest.encode();
    forged
}

/// The store with other bytes in a section of the footer of a segment.
fn with_section(
    files: &Files,
    segment: u64,
    kind: SectionKind,
    change: impl FnOnce(&mut [u8]),
) -> Files {
    let links = Links::of_store(files);
    let mut forged = files.clone();
    let bytes = forged
        .get_mut(&format!("segments/{segment:012}.seg"))
        .unwrap();
    let header = SegmentHeader::decode(bytes).unwrap();
    let at = bytes.len() - TRAILER_LEN;
    let tail = FooterTrailer::decode(&bytes[at..], header.salt, at as u64).unwrap();
    let (offset, len) = (tail.block_offset, tail.block_len);
    let start = usize::try_from(offset).unwrap();
    let block = IndexBlock::decode(&bytes[start..], header.salt, offset, len).unwrap();
    let section = block.section(kind).unwrap();
    let start = usize::try_from(section.offset).unwrap();
    let end = start + usize::try_from(section.len).unwrap();
    change(&mut bytes[start..end]);
    links.make(&mut forged);
    forged
}

#[test]
fn structures_that_contradict_each_other_are_found() {
    let whole = files_of(of_everything().as_ref());
    assert_eq!(kinds_of(&whole), []);
    let manifest = |change: fn(&mut ManifestBody)| kinds_of(&with_manifest(&whole, change));

    assert_eq!(
        manifest(|body| body.segments[2].rows += 1),
        [ProblemKind::Manifest]
    );
    assert_eq!(
        manifest(|body| body.segments[3].raw_bytes -= 1),
        [ProblemKind::Manifest]
    );
    assert_eq!(
        manifest(|body| body.segments[4].first_commit.0 -= 1),
        [ProblemKind::Manifest]
    );
    assert_eq!(
        manifest(|body| body.collections[1].next_seq.0 += 5),
        [ProblemKind::Rows]
    );
    assert_eq!(
        manifest(|body| body.collections[1].next_seq.0 -= 1),
        [ProblemKind::Rows]
    );
    assert_eq!(
        manifest(|body| body.collections[1].deleted_rows = 2),
        [ProblemKind::Rows]
    );
    assert_eq!(
        manifest(|body| body.last_commit_checksum ^= 1),
        [ProblemKind::Link]
    );
    // A segment that no manifest names: rows and blobs of it are missing. Gaps between commits may be a repair's.
    let kinds = manifest(|body| _ = body.segments.remove(0));
    assert!(
        kinds.contains(&ProblemKind::RowBlob) && kinds.contains(&ProblemKind::Rows),
        "{kinds:?}"
    );
    let kinds = manifest(|body| {
        body.dictionaries.push(DictionaryEntry {
            number: DictionaryNumber(1),
            collection: CollectionId(1),
            generation: 1,
            blob: BlobId(0),
            hash: Hash::of(b"another"),
            size: 3,
        });
        body.next_dictionary = DictionaryNumber(2);
    });
    assert_eq!(kinds, [ProblemKind::Dictionary]);

    let section = |kind, change: fn(&mut [u8])| kinds_of(&with_section(&whole, 3, kind, change));
    assert_eq!(
        section(SectionKind::Commits, |data| data[1] ^= 1),
        [ProblemKind::Commit, ProblemKind::Footer]
    );
    let kinds = section(SectionKind::Rows, |data| *data.last_mut().unwrap() += 2);
    assert!(kinds.contains(&ProblemKind::Footer), "{kinds:?}");
    let kinds = section(SectionKind::Ids, |data| data[1] -= 1);
    assert!(kinds.contains(&ProblemKind::Footer), "{kinds:?}");
}

#[test]
fn tables_of_fingerprints_that_contradict_the_groups_are_found() {
    let whole = files_of(of_everything().as_ref());
    let table = |change: fn(&mut [u8])| {
        kinds_of(&with_section(
            &whole,
            6,
            SectionKind::FingerprintTable,
            change,
        ))
    };
    // Two blobs have each other's fingerprints.
    let swapped = table(|data| {
        let mut found = FingerprintTable::new(data).unwrap().by_ordinal().unwrap();
        found.swap(0, 1);
        data.copy_from_slice(&FingerprintTable::encode(found));
    });
    assert_eq!(swapped, [ProblemKind::Footer, ProblemKind::Blob]);
    // A blob is there twice, and another one not at all.
    let twice = table(|data| {
        let count = FingerprintTable::new(data).unwrap().len();
        let shape = BucketShape {
            remainder_bits: TABLE_FINGERPRINT_BITS,
            value_bits: u64::BITS - (count - 1).leading_zeros(),
        };
        let mut entries = Vec::new();
        let bucket = Bucket::new(&data[16..], shape, 0).unwrap();
        bucket.entries(&mut entries).unwrap();
        entries[1].1 = entries[0].1;
        let mut forged = Vec::new();
        put_bucket(&entries, shape, &mut forged);
        data[16..].copy_from_slice(&forged);
    });
    assert_eq!(twice, [ProblemKind::Footer]);
    let count = table(|data| data[0] += 1);
    assert_eq!(count, [ProblemKind::Footer]);
    let extent =
        |change: fn(&mut [u8])| kinds_of(&with_section(&whole, 3, SectionKind::Extents, change));
    for kinds in [
        extent(|data| data[0] += 1),
        extent(|data| data[8] ^= 8),
        extent(|data| data[16] -= 1),
    ] {
        assert!(kinds.contains(&ProblemKind::Footer), "{kinds:?}");
    }
}

#[test]
fn a_run_that_lists_other_blobs_is_found() {
    let whole = files_of(of_everything().as_ref());
    let links = Links::of_store(&whole);
    let name = last_of(&whole, "index/");
    let header = IndexRunHeader::decode(&whole[&name]).unwrap();
    let mut forged = whole.clone();
    assert_eq!(header.buckets(), 1);
    let at = usize::try_from(header.buckets_offset()).unwrap();
    let bytes = forged.get_mut(&name).unwrap();
    let mut entries = Vec::new();
    let bucket = Bucket::new(&bytes[at..], header.shape(), 0).unwrap();
    bucket.entries(&mut entries).unwrap();
    let last = entries.last_mut().unwrap();
    // Both places are among those of its segments.
    last.1 = u64::from(last.1 == 0);
    bytes.truncate(at);
    put_bucket(&entries, header.shape(), bytes);
    links.make(&mut forged);
    assert_eq!(kinds_of(&forged), [ProblemKind::IndexRun]);
    forged.get_mut(&name).unwrap()[at] ^= 1;
    assert_eq!(kinds_of(&forged), [ProblemKind::IndexRun]);
}

#[test]
fn a_segment_of_another_copy_is_found() {
    let vfs = memory();
    let store = open(&vfs);
    append(&store, "c", &["1"]);
    store.close().unwrap();
    let common = files_of(vfs.as_ref());
    // Two copies of a store, each with its own writer.
    let grown = |record: &str| {
        let vfs = store_of(&common);
        let store = open(&vfs);
        append(&store, "c", &[record]);
        store.seal().unwrap();
        append(&store, "c", &["3"]);
        store.close().unwrap();
        files_of(vfs.as_ref())
    };
    let (mine, other) = (grown("[21]"), grown("[22]"));
    let name = "segments/000000000001.seg";
    assert_eq!(mine[name].len(), other[name].len());
    assert_ne!(mine[name], other[name]);
    assert_eq!(kinds_of(&mine), []);
    let mut mixed = mine;
    mixed.insert(name.to_owned(), other[name].clone());
    assert_eq!(kinds_of(&mixed), [ProblemKind::Link]);
}

#[test]
fn a_segment_of_a_newer_format_is_a_problem_among_others() {
    for (place, value) in [(8, 9), (12, 9)] {
        let mut files = files_of(of_everything().as_ref());
        let first = files.keys().find(|name| name.starts_with("segments/"));
        let first = first.unwrap().clone();
        let bytes = files.get_mut(&first).unwrap();
        bytes[place] = value;
        let salt = u64::from_le_bytes(bytes[40..48].try_into().unwrap());
        let sum = checksum(salt, 0, &bytes[..56]);
        bytes[56..64].copy_from_slice(&sum.to_le_bytes());
        assert!(kinds_of(&files).contains(&ProblemKind::Segment));
    }
}

#[test]
fn damage_in_the_last_index_block_is_listed() {
    let whole = files_of(of_everything().as_ref());
    let name = "segments/000000000011.seg";
    let bytes = &whole[name];
    let header = SegmentHeader::decode(bytes).unwrap();
    let last = lakebed_format::find_last_commit(bytes, 0, header.number, header.salt).unwrap();
    let start = usize::try_from(last.commit.index_offset).unwrap();
    let end = start + usize::try_from(last.commit.index_len).unwrap();
    for at in start..end {
        let mut forged = whole.clone();
        forged.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
        let store = Store::open_on(store_of(&forged), options()).unwrap();
        let report = store.verify(ProgressFn::none());
        let report = report.unwrap_or_else(|error| panic!("byte {at}: {error:?}"));
        assert!(!report.problems.is_empty(), "byte {at} of {start}..{end}");
    }
}

#[test]
fn what_is_newer_is_checked_alone() {
    let vfs = of_everything();
    let mut files = files_of(vfs.as_ref());
    let whole = open(&vfs);
    let all = whole.verify(ProgressFn::none()).unwrap();
    let last = whole.stats().unwrap().commit;
    let since = |since: u64| VerifyOptions {
        quick: false,
        since: CommitNumber(since),
    };
    let some = whole
        .verify_with(&since(last - 3), ProgressFn::none())
        .unwrap();
    assert_eq!((some.commits, some.problems.as_slice()), (3, &[][..]));
    assert!(some.blobs < all.blobs && some.bytes < all.bytes, "{some:?}");
    let none = whole.verify_with(&since(last), ProgressFn::none()).unwrap();
    assert_eq!((none.commits, none.frames), (0, 0));
    let error = whole
        .verify_with(&since(last + 1), ProgressFn::none())
        .unwrap_err();
    assert_eq!(error.kind(), lakebed_core::ErrorKind::InvalidArgument);

    // A bit of an old frame.
    let bytes = files.get_mut("segments/000000000003.seg").unwrap();
    let at = bytes.windows(7).position(|w| w == b"noise 2").unwrap();
    bytes[at] ^= 1;
    let store = open(&store_of(&files));
    let found = |options| {
        store
            .verify_with(&options, ProgressFn::none())
            .unwrap()
            .problems
    };
    assert!(found(since(last - 3)).is_empty());
    let kinds: Vec<ProblemKind> = found(since(0)).iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [ProblemKind::Group, ProblemKind::Frame]);
}
