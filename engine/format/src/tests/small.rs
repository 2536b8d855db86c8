//! Hashes, numbers, sets, names, the lock's text, varints.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::coding::{MAX_VARINT, Reader, put_varint, take_varint, unzigzag, varint_len, zigzag};
use crate::*;

#[test]
fn a_hash_is_blake3_and_reads_back_from_its_text() {
    let hash = Hash::of(b"");
    let text = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(hash.to_string(), text);
    assert_eq!(text.parse(), Ok(hash));
    assert_eq!(text.to_uppercase().parse(), Ok(hash));
    assert_eq!(hash.fingerprint().to_string(), "af1349b9f5f9a1a6");
}

#[test]
fn a_text_that_is_no_hash_is_refused_with_the_reason() {
    let error = "abc".parse::<Hash>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a hash has 64 hex characters, this text has 3"
    );
    let error = "äbcg".parse::<Hash>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a hash has hex characters only, character 1 is 'ä'"
    );
}

#[test]
fn fingerprints_sort_like_hashes() {
    let mut hashes: Vec<Hash> = (0..100_u8).map(|i| Hash::of(&[i])).collect();
    hashes.sort_unstable();
    assert!(hashes.is_sorted_by_key(Hash::fingerprint));
}

#[test]
fn a_uuid_is_shown_as_usual() {
    let uuid = StoreUuid([
        0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    assert_eq!(uuid.to_string(), "12345678-9abc-def0-0102-030405060708");
}

#[test]
fn file_names_read_back_and_others_do_not() {
    assert_eq!(
        names::segment(SegmentNumber(1)),
        "segments/000000000001.seg"
    );
    assert_eq!(names::manifest(7), "manifests/00000000000000000007");
    for number in [0, 1, 999_999_999_999, 1_000_000_000_000, u64::MAX] {
        let name = names::segment(SegmentNumber(number));
        assert_eq!(
            names::parse_segment(name.strip_prefix("segments/").unwrap()),
            Some(SegmentNumber(number))
        );
        let name = names::manifest(number);
        assert_eq!(
            names::parse_manifest(name.strip_prefix("manifests/").unwrap()),
            Some(number)
        );
        let name = names::run(number);
        assert_eq!(
            names::parse_run(name.strip_prefix("index/").unwrap()),
            Some(number)
        );
    }
    for name in [
        "1.seg",
        "00000000001a.seg",
        "0000000000001.seg",
        "+00000000001.seg",
        "000000000001",
        ".seg",
        "",
    ] {
        assert_eq!(names::parse_segment(name), None, "{name}");
    }
    for name in [".00000000000000000001.tmp", "99999999999999999999", "7"] {
        assert_eq!(names::parse_manifest(name), None, "{name}");
    }
}

#[test]
fn the_lock_text_reads_back_and_survives_nonsense() {
    let lock = LockText {
        pid: Some(4711),
        command: Some("lakebed ingest a=b.ndjson".to_owned()),
        since: Some(-3),
        synced: Some(CommitNumber(9)),
    };
    assert_eq!(LockText::decode(lock.encode().as_bytes()), lock);
    assert_eq!(
        LockText::decode(LockText::default().encode().as_bytes()),
        LockText::default()
    );
    let broken = LockText::decode(b"pid=x\nfuture=1\n\xff\nsince=5\nsynced=12");
    assert_eq!(
        broken,
        LockText {
            since: Some(5),
            ..LockText::default()
        }
    );
    let sly = LockText {
        command: Some("a\nsynced=99".to_owned()),
        ..LockText::default()
    };
    assert_eq!(LockText::decode(sly.encode().as_bytes()).synced, None);
}

#[test]
fn a_torn_lock_text_never_names_a_commit_that_neither_names() {
    for (old, new) in [(9, 10), (19, 20), (99, 100), (100, 101)] {
        let text = |synced| {
            let lock = LockText {
                pid: Some(synced * 7),
                command: Some("x".repeat(synced as usize)),
                since: Some(5),
                synced: Some(CommitNumber(synced)),
            };
            let mut bytes = lock.encode().into_bytes();
            bytes.resize(512, b'\n');
            bytes
        };
        for cut in 0..512 {
            for (head, tail) in [(old, new), (new, old)] {
                let torn = [&text(head)[..cut], &text(tail)[cut..]].concat();
                let found = LockText::decode(&torn).synced;
                assert!(
                    found.is_none_or(|found| found.0 == old || found.0 == new),
                    "{found:?} of {old} and {new} at {cut}"
                );
            }
        }
    }
}

#[test]
fn the_checksum_is_the_one_other_implementations_compute() {
    let bytes: Vec<u8> = (0..5000_u32).map(|i| (i % 251) as u8).collect();
    // Python: xxhash.xxh3_64_intdigest(bytes, seed=(7 + 4096 * 0x9E3779B97F4A7C15) % 2**64)
    assert_eq!(checksum(7, 4096, &bytes), 0xeb13_7441_2e1a_42c4);
}

#[test]
fn streamed_and_whole_checksums_agree() {
    let bytes: Vec<u8> = (0..5000_u32).map(|i| i as u8).collect();
    for cut in [0, 1, 240, 241, 1024, 4999] {
        let mut summer = RunningChecksum::new(77);
        summer.update(&bytes[..cut]);
        summer.update(&bytes[cut..]);
        assert_eq!(summer.finish(), checksum(77, 0, &bytes));
    }
    assert_ne!(checksum(77, 0, &bytes), checksum(77, 8, &bytes));
}

#[test]
fn varints_have_one_form() {
    assert_eq!(take_varint(&[0x80, 0x00]), None, "padded");
    assert_eq!(take_varint(&[0xff; 11]), None, "too long");
    let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(take_varint(&largest), Some((u64::MAX, &[][..])));
    let over = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert_eq!(take_varint(&over), None);
    let mut cut = Reader::new("x", &largest[..4], 100);
    assert_eq!(
        cut.varint().unwrap_err(),
        FormatError::new("x", 100, Reason::Truncated)
    );
}

proptest! {
    #[test]
    fn varints_round_trip(n in any::<u64>(), shift in 0..64_u32) {
        let n = n >> shift;
        let mut bytes = Vec::new();
        put_varint(&mut bytes, n);
        prop_assert_eq!(bytes.len(), varint_len(n));
        prop_assert!(bytes.len() <= MAX_VARINT);
        prop_assert_eq!(take_varint(&bytes), Some((n, &[][..])));
        for len in 0..bytes.len() {
            prop_assert_eq!(take_varint(&bytes[..len]), None);
        }
    }

    #[test]
    fn zigzag_round_trips(n in any::<i64>()) {
        prop_assert_eq!(unzigzag(zigzag(n)), n);
        prop_assert!(zigzag(n) <= 2 * n.unsigned_abs().min(1 << 62) || n.unsigned_abs() > 1 << 62);
    }

    #[test]
    fn a_set_of_ids_is_a_set(steps in prop::collection::vec((0..3_u8, 0..60_u64, 1..8_u64), 0..80)) {
        let (mut set, mut model) = (IdSet::new(), BTreeSet::new());
        for (what, id, len) in steps {
            match what {
                0 => prop_assert_eq!(set.insert(BlobId(id)), model.insert(id)),
                1 => prop_assert_eq!(set.remove(BlobId(id)), model.remove(&id)),
                _ => {
                    set.insert_run(IdRun { first: BlobId(id), len });
                    model.extend(id..id + len);
                }
            }
            prop_assert_eq!(set.len(), model.len() as u64);
        }
        prop_assert!(set.iter().map(BlobId::get).eq(model.iter().copied()));
        prop_assert!(set.runs().is_sorted_by(|a, b| a.end() < b.first.0), "runs touch");
        prop_assert_eq!(set.first().map(BlobId::get), model.first().copied());
        prop_assert_eq!(set.last().map(BlobId::get), model.last().copied());
        for id in 0..70 {
            prop_assert_eq!(set.contains(BlobId(id)), model.contains(&id));
            prop_assert_eq!(set.rank(BlobId(id)), model.range(..id).count() as u64);
            prop_assert_eq!(set.nth(id).map(BlobId::get), model.iter().nth(id as usize).copied());
        }
        let (mut plain, mut counted) = (Vec::new(), Vec::new());
        set.encode(&mut plain);
        set.encode_counted(&mut counted);
        prop_assert_eq!(IdSet::decode(&mut Reader::new("ids", &plain, 0)), Ok(set.clone()));
        prop_assert_eq!(IdSet::decode_counted(&mut Reader::new("ids", &counted, 0)), Ok(set));
    }

    #[test]
    fn sets_unite(a in prop::collection::btree_set(0..200_u64, 0..60), b in prop::collection::btree_set(0..200_u64, 0..60)) {
        let mut set: IdSet = a.iter().copied().map(BlobId).collect();
        set.extend(&b.iter().copied().map(BlobId).collect());
        prop_assert!(set.iter().map(BlobId::get).eq(a.union(&b).copied()));
    }
}

#[test]
fn the_difference_of_id_sets_is_that_of_their_ids() {
    use std::collections::BTreeSet;
    let sets: Vec<BTreeSet<u64>> = (0..64_u64)
        .map(|seed| {
            (0..24)
                .filter(|bit| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> bit & 1 == 1)
                .collect()
        })
        .collect();
    let id_set = |ids: &BTreeSet<u64>| ids.iter().map(|id| BlobId(*id)).collect::<IdSet>();
    for a in &sets {
        for b in &sets {
            let expected: BTreeSet<u64> = a.difference(b).copied().collect();
            assert_eq!(
                id_set(a).minus(&id_set(b)),
                id_set(&expected),
                "{a:?} without {b:?}"
            );
        }
    }
}
