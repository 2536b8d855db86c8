//! Fixed-size structures of a store, sealed here so that the fuzzer reaches the fields: headers, commits, trailers, the
//! block table of a large blob and buckets of runs. What is accepted encodes to the same bytes.
#![no_main]

use lakebed_format::{
    COMMIT_LEN, Commit, FooterTrailer, HEADER_LEN, IndexRunHeader, LargeTrailer, SegmentHeader,
    SegmentNumber, StoreHeader, TRAILER_LEN, checksum,
    index_run::{Bucket, BucketShape, RUN_HEADER_LEN, put_bucket},
};
use lakebed_fuzz::{seal, u64_at};
use libfuzzer_sys::fuzz_target;

const SALT: u64 = 0x5eed;
const SEGMENT: SegmentNumber = SegmentNumber(1);
/// The trailer's offset in its file.
const AT: u64 = 1 << 24;

fn sealed(data: &[u8], magic: &[u8], len: usize, salt: u64, offset: u64) -> Vec<u8> {
    let mut bytes = [magic, data].concat();
    bytes.resize(bytes.len().max(len), 0);
    seal(&mut bytes, len, salt, offset);
    bytes
}

fn large_blob(data: &[u8], bytes: &[u8]) {
    let Ok(trailer) = LargeTrailer::decode(bytes, SALT, AT) else {
        return;
    };
    let mut again = Vec::new();
    trailer.encode(SALT, AT, &mut again);
    assert_eq!(again, bytes[..TRAILER_LEN]);
    let total: u64 = (0..trailer.blocks).map(|i| trailer.block_len(i)).sum();
    assert_eq!(total, trailer.len);
    let mut table = data.to_vec();
    table.resize(trailer.table_len().min(1 << 16) as usize, 0);
    let trailer = LargeTrailer {
        table_checksum: checksum(SALT, trailer.table_offset, &table),
        ..trailer
    };
    if let Ok(blocks) = trailer.decode_table(&table, SALT) {
        assert_eq!(blocks.len() as u64, trailer.blocks);
    }
}

/// Entries that ascend are written as a bucket that has them, and found by their remainders.
fn bucket(data: &[u8], shape: BucketShape) {
    let Ok(bucket) = Bucket::new(data, shape, 4096) else {
        return;
    };
    let mut entries = Vec::new();
    if bucket.entries(&mut entries).is_err() {
        return;
    }
    assert_eq!(entries.len(), bucket.len());
    let mut found = Vec::new();
    bucket.find(0..=u64::MAX >> 1, |remainder, value| {
        found.push((remainder, value))
    });
    assert_eq!(found, entries);
    let mut again = Vec::new();
    put_bucket(&entries, shape, &mut again);
    let mut read = Vec::new();
    let written = Bucket::new(&again, shape, 4096).and_then(|bucket| bucket.entries(&mut read));
    assert!(written.is_ok() && read == entries);
}

fuzz_target!(|data: &[u8]| {
    let _ = StoreHeader::decode(data);
    let _ = SegmentHeader::decode(data);
    let _ = IndexRunHeader::decode(data);
    let _ = Commit::decode(data, 4096, SEGMENT, SALT);

    let bytes = sealed(data, b"", 64, 0, 0);
    if let Ok(header) = StoreHeader::decode(&bytes) {
        let _ = header.check_writable();
        assert_eq!(header.encode(), bytes);
    }
    let salt = u64_at(data, 40);
    let bytes = sealed(data, b"", HEADER_LEN as usize, salt, 0);
    if let Ok(header) = SegmentHeader::decode(&bytes) {
        assert_eq!(header.encode(), bytes[..HEADER_LEN as usize]);
    }
    let salt = u64_at(data, 16);
    let bytes = sealed(data, b"", RUN_HEADER_LEN, salt, 0);
    if let Ok(header) = IndexRunHeader::decode(&bytes) {
        assert_eq!(header.encode()[..RUN_HEADER_LEN], bytes[..RUN_HEADER_LEN]);
        assert!(header.directory().end() <= header.buckets_offset());
        assert!(header.buckets_offset() <= header.file_len());
        let _ = header.place(0, data);
        bucket(data, header.shape());
    }
    let bytes = sealed(data, b"", COMMIT_LEN, SALT, 4096);
    let _ = Commit::decode(&bytes, 4096, SEGMENT, SALT);
    let bytes = sealed(data, b"LKFOOTER", TRAILER_LEN, SALT, AT);
    if let Ok(trailer) = FooterTrailer::decode(&bytes, SALT, AT) {
        let mut again = Vec::new();
        trailer.encode(SALT, AT, &mut again);
        assert_eq!(again, bytes[..TRAILER_LEN]);
    }
    large_blob(data, &sealed(data, b"LKLARGE\n", TRAILER_LEN, SALT, AT));
});
