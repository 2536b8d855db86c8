//! The search for the last COMMIT: one that is planted behind arbitrary bytes is found, arbitrary bytes are none.
#![no_main]

use lakebed_format::{
    BlobId, Commit, CommitNumber, SegmentNumber, coding::align8, find_last_commit,
};
use libfuzzer_sys::fuzz_target;

const SALT: u64 = 0x5eed;

fuzz_target!(|data: &[u8]| {
    let segment = SegmentNumber(1);
    for base in [64, 65, 71, u64::MAX - 40] {
        assert!(find_last_commit(data, base, segment, SALT).is_none());
    }
    let mut bytes = data.to_vec();
    bytes.resize(align8(bytes.len() as u64 + 8) as usize, 0);
    let offset = 64 + bytes.len() as u64;
    let commit = Commit {
        number: CommitNumber(1),
        time: 0,
        group: 64,
        index_offset: offset - 8,
        index_len: 8,
        segment,
        salt: SALT,
        predecessor: 0,
        next_blob: BlobId(0),
        group_checksum: 0,
    };
    let placed = commit.encode(offset, &mut bytes);
    bytes.extend_from_slice(data);
    assert_eq!(find_last_commit(&bytes, 64, segment, SALT), Some(placed));
});
