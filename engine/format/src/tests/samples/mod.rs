//! One sample of each structure, as a value and as bytes; decoding a sample checks every checksum.

mod catalogue;
mod list;

use crate::index_block::{IndexBlock, IndexBlockBuilder, SectionKind};
use crate::index_run::{Bucket, BucketShape, put_bucket};
use crate::manifest::{BodyDifference, put_body_difference};
use crate::*;

pub(in crate::tests) use catalogue::{manifest, records, records_bytes};
pub(in crate::tests) use list::samples;

pub(in crate::tests) const SALT: u64 = 0x0123_4567_89ab_cdef;
const UUID: StoreUuid = StoreUuid(*b"lakebed's uuid..");

/// A structure as bytes, and what decodes it.
pub(in crate::tests) struct Sample {
    pub(in crate::tests) name: &'static str,
    pub(in crate::tests) bytes: Vec<u8>,
    pub(in crate::tests) decode: fn(&[u8]) -> Result<()>,
    /// Whether checksums cover every bit.
    pub(in crate::tests) sealed: bool,
}

pub(in crate::tests) fn set(ids: &[u64]) -> IdSet {
    ids.iter().copied().map(BlobId).collect()
}

pub(in crate::tests) fn store_header() -> StoreHeader {
    StoreHeader {
        minor: 3,
        incompatible: 0,
        read_compatible: 1 << 40,
        ..StoreHeader::new(UUID, -5)
    }
}

pub(in crate::tests) fn segment_header() -> SegmentHeader {
    SegmentHeader {
        format: SegmentFormat::V1,
        layout: Layout::Large,
        number: SegmentNumber(77),
        uuid: UUID,
        salt: SALT,
        first_blob: BlobId(1000),
    }
}

pub(in crate::tests) const FRAME_AT: u64 = 1234;

pub(in crate::tests) fn frame(
    encoding: Encoding,
    ids: &[u64],
    payload: &[u8],
    raw_len: u64,
) -> Vec<u8> {
    let mut out = Vec::new();
    let ids = set(ids);
    let spec = FrameSpec {
        encoding,
        raw_len,
        runs: ids.runs(),
    };
    spec.encode(payload, SALT, FRAME_AT, &mut out).unwrap();
    out
}

pub(in crate::tests) fn batch_head() -> RowBatchHeader {
    RowBatchHeader {
        collection: CollectionId(3),
        first_seq: Seq(500),
        file: FileNumber(9),
        time: 1_700_000_000_000_000,
    }
}

pub(in crate::tests) const BATCH_AT: u64 = 999;

pub(in crate::tests) fn batch(format: SegmentFormat) -> Vec<u8> {
    let mut writer = RowBatchWriter::new(batch_head());
    writer.push_run(1, BlobId(40), 300);
    writer.push(302, BlobId(7));
    writer.push(303, BlobId(7));
    writer.push_run(305, BlobId(340), 2);
    let mut out = Vec::new();
    writer
        .encode(format, CommitNumber(300), SALT, BATCH_AT, &mut out)
        .unwrap();
    out
}

pub(in crate::tests) fn frame_entries() -> Vec<FrameEntry> {
    let entry = |i: u64| FrameEntry {
        first: BlobId(10 * i),
        offset: 64 + 1000 * i,
    };
    (0..300).map(entry).collect()
}

pub(in crate::tests) fn row_entries() -> Vec<RowBatchEntry> {
    let entry = RowBatchEntry {
        commit: CommitNumber(42),
        collection: CollectionId(3),
        first_seq: Seq(0),
        rows: 65_536,
        file: FileNumber(1),
        time: -1,
        offset: 300_000,
        len: 70,
        min_blob: BlobId(5),
        max_blob: BlobId(5),
    };
    vec![
        entry,
        RowBatchEntry {
            first_seq: Seq(65_536),
            rows: 1,
            max_blob: BlobId(1 << 40),
            ..entry
        },
    ]
}

pub(in crate::tests) fn commit_entries() -> Vec<CommitEntry> {
    let entry = CommitEntry {
        number: CommitNumber(41),
        time: 17,
        offset: 4096,
        blobs: 1000,
        rows: 0,
        raw_bytes: 300_000,
    };
    vec![
        entry,
        CommitEntry {
            number: CommitNumber(42),
            offset: u64::MAX,
            ..entry
        },
    ]
}

pub(in crate::tests) fn extents() -> Vec<FingerprintExtent> {
    vec![
        FingerprintExtent {
            first_ordinal: 0,
            count: 600,
            offset: 8192,
            sums_offset: 12_992,
        },
        FingerprintExtent {
            first_ordinal: 600,
            count: 1,
            offset: 20_000,
            sums_offset: 20_008,
        },
    ]
}

pub(in crate::tests) fn commit() -> Commit {
    Commit {
        number: CommitNumber(42),
        time: 1_700_000_000_000_000,
        group: 64,
        index_offset: 8 * 1000,
        index_len: 333,
        segment: SegmentNumber(77),
        salt: SALT,
        predecessor: 99,
        next_blob: BlobId(302),
        group_checksum: 0xaabb_ccdd_eeff_0011,
    }
}

/// Where the COMMIT of [`commit`] is: 8000 + 333, rounded up to 8.
pub(in crate::tests) const COMMIT_AT: u64 = 8336;
pub(in crate::tests) const BLOCK_AT: u64 = 4096 * 3 + 8;

/// A block with sections of lengths that are multiples of 8, so that no padding escapes the checksums.
pub(in crate::tests) fn block(footer: bool) -> IndexBlockBuilder {
    let mut builder = if footer {
        IndexBlockBuilder::footer()
    } else {
        IndexBlockBuilder::group(1, 64)
    };
    let encode = |encode: &dyn Fn(&mut Vec<u8>)| {
        let mut data = Vec::new();
        encode(&mut data);
        data.resize(data.len().next_multiple_of(8), 0);
        data
    };
    builder.set(
        SectionKind::Frames,
        footer,
        encode(&|out| frame_entries().iter().for_each(|e| e.encode(out))),
    );
    builder.set(
        SectionKind::Rows,
        false,
        encode(&|out| {
            row_entries()
                .iter()
                .for_each(|e| e.encode(SegmentFormat::V1, out));
        }),
    );
    if footer {
        builder.set(
            SectionKind::Extents,
            false,
            encode(&|out| extents().iter().for_each(|e| e.encode(out))),
        );
        builder.set(
            SectionKind::Ordinals,
            true,
            Ordinals::encode(&(0..2000).rev().collect::<Vec<_>>()),
        );
    } else {
        builder.set(
            SectionKind::Fingerprints,
            true,
            encode(&|out| put_fingerprints((0..700).map(|i| Fingerprint(i * i)), out)),
        );
    }
    builder
}

pub(in crate::tests) fn block_bytes(footer: bool) -> Vec<u8> {
    let mut out = Vec::new();
    block(footer).encode(SALT, BLOCK_AT, &mut out).unwrap();
    out
}

pub(in crate::tests) fn check_block(bytes: &[u8]) -> Result<()> {
    let block = IndexBlock::decode(bytes, SALT, BLOCK_AT, bytes.len() as u64)?;
    for section in &block.sections {
        section.check_whole(SALT, bytes, BLOCK_AT)?;
    }
    Ok(())
}

pub(in crate::tests) fn footer_tail() -> FooterTrailer {
    FooterTrailer {
        block_offset: 8000,
        block_len: 300,
        last_commit: 7904,
        segment: SegmentNumber(77),
        blobs: 299,
        header_checksum: 5,
    }
}

pub(in crate::tests) const TAIL_AT: u64 = 16_384 - 64;

pub(in crate::tests) fn large_table() -> Vec<LargeBlock> {
    let block = |i: u64| LargeBlock {
        offset: 4096 + 500 * i,
        stored_len: 500,
        checksum: i * 7,
    };
    (0..3).map(block).collect()
}

pub(in crate::tests) fn large_table_bytes() -> Vec<u8> {
    let mut out = Vec::new();
    large_table()
        .iter()
        .for_each(|block| block.encode(&mut out));
    out
}

pub(in crate::tests) fn large_tail() -> LargeTrailer {
    let table_offset = 4096 + 1504;
    LargeTrailer {
        blob: BlobId(301),
        len: (2 << 20) + 5,
        encoding: LargeEncoding::Zstd,
        table_offset,
        blocks: 3,
        table_checksum: checksum(SALT, table_offset, &large_table_bytes()),
    }
}

pub(in crate::tests) fn run_header() -> IndexRunHeader {
    IndexRunHeader {
        number: 3,
        salt: SALT,
        entries: 1_000_001,
        first_segment: SegmentNumber(1),
        last_segment: SegmentNumber(12),
        segments: 12,
        base: BlobId(1000),
        fingerprint_bits: 29,
        bucket_bits: 10,
        len: 4_500_000,
    }
}

/// Two buckets, some fingerprints twice.
pub(in crate::tests) fn fingerprint_table() -> Vec<u8> {
    let spread = |n: u64| Fingerprint((n / 2 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    FingerprintTable::encode((0..1100).map(spread))
}

pub(in crate::tests) fn table_extents() -> [TableExtent; 2] {
    let extent = |count, offset, len| TableExtent {
        count,
        pages: Pages {
            offset,
            len,
            sums_offset: coding::align8(offset + len),
        },
    };
    [extent(600, 8192, 2801), extent(1, 20_000, 21)]
}

pub(in crate::tests) fn difference_bytes() -> Vec<u8> {
    let base: Vec<u8> = (0..200).collect();
    let body: Vec<u8> = (1..100).chain(50..60).chain(120..200).collect();
    let mut bytes = Vec::new();
    put_body_difference(SegmentNumber(5), &base, &body, &mut bytes);
    bytes
}

pub(in crate::tests) const BUCKET: BucketShape = BucketShape {
    remainder_bits: 20,
    value_bits: 3,
};

pub(in crate::tests) fn bucket_bytes() -> Vec<u8> {
    let entries: Vec<(u64, u64)> = (0..9).map(|n| (n * n * 12_345, n % 7)).collect();
    let mut bytes = Vec::new();
    put_bucket(&entries, BUCKET, &mut bytes);
    bytes
}

/// All columns of a batch read to the end.
pub(in crate::tests) fn check_batch(bytes: &[u8], format: SegmentFormat) -> Result<()> {
    let batch = RowBatch::decode(bytes, format, SALT, BATCH_AT)?;
    for run in batch.row_runs() {
        run?;
    }
    Ok(())
}

/// The row directory of [`row_entries`].
pub(in crate::tests) fn row_directory(format: SegmentFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    row_entries()
        .iter()
        .for_each(|entry| entry.encode(format, &mut bytes));
    bytes
}
