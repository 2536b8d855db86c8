//! One example of each structure, and how it is read whole, with every checksum asked.

use crate::index_block::{IndexBlock, IndexBlockBuilder, SectionKind};
use crate::*;

pub(super) const SALT: u64 = 0x0123_4567_89ab_cdef;
const UUID: StoreUuid = StoreUuid(*b"lakebed's uuid..");

/// A structure as bytes, and whether they are it.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) decode: fn(&[u8]) -> Result<()>,
    /// Checksums cover every bit.
    pub(super) sealed: bool,
}

pub(super) fn set(ids: &[u64]) -> IdSet {
    ids.iter().copied().map(BlobId).collect()
}

pub(super) fn store_header() -> StoreHeader {
    StoreHeader {
        minor: 3,
        incompatible: 0,
        read_compatible: 1 << 40,
        ..StoreHeader::new(UUID, -5)
    }
}

pub(super) fn segment_header() -> SegmentHeader {
    SegmentHeader {
        format: SegmentFormat::V1,
        layout: Layout::Large,
        number: SegmentNumber(77),
        uuid: UUID,
        salt: SALT,
        first_blob: BlobId(1000),
    }
}

pub(super) const FRAME_AT: u64 = 1234;

pub(super) fn frame(encoding: Encoding, ids: &[u64], payload: &[u8], raw_len: u64) -> Vec<u8> {
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

pub(super) fn batch_head() -> RowBatchHeader {
    RowBatchHeader {
        collection: CollectionId(3),
        first_seq: Seq(500),
        file: FileNumber(9),
        time: 1_700_000_000_000_000,
    }
}

pub(super) const BATCH_AT: u64 = 999;

pub(super) fn batch(format: SegmentFormat) -> Vec<u8> {
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

pub(super) fn frame_entries() -> Vec<FrameEntry> {
    let entry = |i: u64| FrameEntry {
        first: BlobId(10 * i),
        offset: 64 + 1000 * i,
    };
    (0..300).map(entry).collect()
}

pub(super) fn row_entries() -> Vec<RowBatchEntry> {
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

pub(super) fn commit_entries() -> Vec<CommitEntry> {
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

pub(super) fn extents() -> Vec<FingerprintExtent> {
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

pub(super) fn collection() -> CollectionEntry {
    CollectionEntry {
        id: CollectionId(3),
        name: "Ereignisse ü".to_owned(),
        created: 12,
        next_seq: Seq(65_537),
        first_live: Seq(2),
        deleted_rows: 1,
        schema: vec![0, 255, 7],
    }
}

pub(super) fn dictionary() -> DictionaryEntry {
    DictionaryEntry {
        number: DictionaryNumber(2),
        collection: CollectionId(3),
        generation: 1,
        blob: BlobId(300),
        hash: Hash::of(b"dictionary"),
        size: 112_640,
    }
}

pub(super) fn file() -> FileEntry {
    FileEntry {
        number: FileNumber(1),
        name: "events.ndjson.gz".to_owned(),
    }
}

pub(super) fn ingest() -> IngestEntry {
    IngestEntry {
        collection: CollectionId(3),
        file: FileNumber(1),
        complete: true,
        raw_size: 1 << 33,
        raw_digest: Some(Hash::of(b"raw")),
        content_offset: 1 << 35,
        lines: 65_537,
        prefix_digest: Hash::of(b"content"),
    }
}

pub(super) fn large() -> LargeEntry {
    LargeEntry {
        segment: SegmentNumber(4),
        blob: BlobId(301),
        len: 17 << 20,
        stored_len: 16 << 20,
        fingerprint: Fingerprint(0xfeed_beef_0000_0001),
    }
}

pub(super) fn records() -> Vec<CatalogueRecord> {
    vec![
        CatalogueRecord::CollectionCreated(NewCollection {
            id: CollectionId(3),
            name: "events".to_owned(),
            created: -7,
        }),
        CatalogueRecord::CollectionDropped(CollectionId(1)),
        CatalogueRecord::Schema {
            collection: CollectionId(3),
            summary: vec![1, 2, 3],
        },
        CatalogueRecord::Dictionary(dictionary()),
        CatalogueRecord::File(file()),
        CatalogueRecord::Ingest(ingest()),
        CatalogueRecord::Ingest(IngestEntry {
            complete: false,
            raw_digest: None,
            ..ingest()
        }),
        CatalogueRecord::Deleted {
            blob: BlobId(8),
            rows: vec![(CollectionId(3), 2), (CollectionId(4), 300)],
        },
        CatalogueRecord::Pinned(set(&[1, 2, 3, 9, 11])),
        CatalogueRecord::Trimmed {
            collection: CollectionId(3),
            first_live: Seq(1000),
            deleted_rows: 2,
        },
        CatalogueRecord::Large(large()),
        CatalogueRecord::Next {
            collection: CollectionId(5),
            file: FileNumber(2),
            dictionary: DictionaryNumber(3),
            segment: SegmentNumber(6),
        },
        CatalogueRecord::NextRow {
            collection: CollectionId(3),
            next: Seq(65_537),
        },
    ]
}

pub(super) fn records_bytes() -> Vec<u8> {
    let mut out = Vec::new();
    for record in records() {
        record.encode(&mut out);
    }
    out
}

pub(super) fn catalogue() -> ManifestBody {
    ManifestBody {
        last_commit: CommitNumber(42),
        last_commit_checksum: 0x1122_3344_5566_7788,
        next_blob: BlobId(302),
        active_segment: SegmentNumber(5),
        next_collection: CollectionId(5),
        next_file: FileNumber(2),
        next_dictionary: DictionaryNumber(3),
        next_segment: SegmentNumber(6),
        segments: vec![SegmentEntry {
            number: SegmentNumber(1),
            layout: Layout::Rows,
            len: 64 << 20,
            first_blob: BlobId(0),
            end_blob: BlobId(300),
            blobs: 299,
            rows: 65_537,
            first_commit: CommitNumber(1),
            last_commit: CommitNumber(41),
            raw_bytes: 1 << 30,
        }],
        collections: vec![
            collection(),
            CollectionEntry {
                name: String::new(),
                schema: Vec::new(),
                ..collection()
            },
        ],
        dictionaries: vec![dictionary()],
        files: vec![file()],
        ingests: vec![ingest()],
        pinned: set(&[0, 5, 6, 7]),
        deleted: set(&[1]),
        large: vec![large()],
    }
}

pub(super) fn manifest() -> Manifest {
    Manifest {
        number: 6,
        uuid: UUID,
        salt: SALT,
        catalogue: catalogue(),
    }
}

pub(super) fn commit() -> Commit {
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
pub(super) const COMMIT_AT: u64 = 8336;
pub(super) const BLOCK_AT: u64 = 4096 * 3 + 8;

/// A block with sections of lengths that are multiples of 8, so that no padding escapes the checksums.
pub(super) fn block(footer: bool) -> IndexBlockBuilder {
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

pub(super) fn block_bytes(footer: bool) -> Vec<u8> {
    let mut out = Vec::new();
    block(footer).encode(SALT, BLOCK_AT, &mut out).unwrap();
    out
}

pub(super) fn check_block(bytes: &[u8]) -> Result<()> {
    let block = IndexBlock::decode(bytes, SALT, BLOCK_AT, bytes.len() as u64)?;
    for section in &block.sections {
        section.check_whole(SALT, bytes, BLOCK_AT)?;
    }
    Ok(())
}

pub(super) fn footer_tail() -> FooterTrailer {
    FooterTrailer {
        block_offset: 8000,
        block_len: 300,
        last_commit: 7904,
        segment: SegmentNumber(77),
        blobs: 299,
        header_checksum: 5,
    }
}

pub(super) const TAIL_AT: u64 = 16_384 - 64;

pub(super) fn large_table() -> Vec<LargeBlock> {
    let block = |i: u64| LargeBlock {
        offset: 4096 + 500 * i,
        stored_len: 500,
        checksum: i * 7,
    };
    (0..3).map(block).collect()
}

pub(super) fn large_table_bytes() -> Vec<u8> {
    let mut out = Vec::new();
    large_table()
        .iter()
        .for_each(|block| block.encode(&mut out));
    out
}

pub(super) fn large_tail() -> LargeTrailer {
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

pub(super) fn run_header() -> IndexRunHeader {
    IndexRunHeader {
        number: 3,
        salt: SALT,
        entries: 1_000_001,
        first_segment: SegmentNumber(1),
        last_segment: SegmentNumber(12),
        id_width: 3,
        base: BlobId(1000),
    }
}

/// All columns of a batch read to the end.
pub(super) fn check_batch(bytes: &[u8], format: SegmentFormat) -> Result<()> {
    let batch = RowBatch::decode(bytes, format, SALT, BATCH_AT)?;
    for run in batch.row_runs() {
        run?;
    }
    Ok(())
}

/// The row directory of [`row_entries`].
pub(super) fn row_directory(format: SegmentFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    row_entries()
        .iter()
        .for_each(|entry| entry.encode(format, &mut bytes));
    bytes
}

fn tails() -> (Vec<u8>, Vec<u8>) {
    let (mut footer, mut large) = (Vec::new(), Vec::new());
    footer_tail().encode(SALT, TAIL_AT, &mut footer);
    large_tail().encode(SALT, TAIL_AT, &mut large);
    (footer, large)
}

pub(super) fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name, bytes, sealed, decode| {
        samples.push(Sample {
            name,
            bytes,
            decode,
            sealed,
        });
    };
    let check_frame: fn(&[u8]) -> Result<()> =
        |b| FrameHeader::decode_checked(b, SALT, FRAME_AT).map(drop);

    add("store header", store_header().encode(), true, |b| {
        StoreHeader::decode(b).map(drop)
    });
    add("segment header", segment_header().encode(), true, |b| {
        SegmentHeader::decode(b).map(drop)
    });
    let zstd = Encoding::ZstdDictionary(DictionaryNumber(300));
    add(
        "frame, dictionary",
        frame(zstd, &[5, 6, 9, 1000], b"squeezed", 40),
        true,
        check_frame,
    );
    add(
        "frame, zstd",
        frame(Encoding::Zstd, &[300], b"squeezed", 40),
        true,
        check_frame,
    );
    add(
        "frame, raw",
        frame(Encoding::Raw, &[7], b"one blob", 8),
        true,
        check_frame,
    );
    add("row batch", batch(SegmentFormat::V1), true, |b| {
        check_batch(b, SegmentFormat::V1)
    });
    add("index block", block_bytes(false), true, check_block);
    add("footer block", block_bytes(true), true, check_block);
    let mut bytes = Vec::new();
    commit().encode(COMMIT_AT, &mut bytes);
    add("COMMIT", bytes, true, |b| {
        Commit::decode(b, COMMIT_AT, SegmentNumber(77), SALT).map(drop)
    });
    let (footer, large) = tails();
    add("footer tail", footer, true, |b| {
        FooterTrailer::decode(b, SALT, TAIL_AT).map(drop)
    });
    add("large tail", large, true, |b| {
        LargeTrailer::decode(b, SALT, TAIL_AT).map(drop)
    });
    add("large table", large_table_bytes(), true, |b| {
        large_tail().decode_table(b, SALT).map(drop)
    });
    add("manifest", manifest().encode(), true, |b| {
        Manifest::decode(b).map(drop)
    });
    let mut header = run_header().encode();
    header.truncate(index_run::RUN_HEADER_LEN);
    add("run header", header, true, |b| {
        IndexRunHeader::decode(b).map(drop)
    });
    add("records", records_bytes(), false, |b| {
        CatalogueRecord::decode_all(b, 0)
            .collect::<Result<Vec<_>>>()
            .map(drop)
    });
    add(
        "commit table",
        CommitEntry::encode_all(&commit_entries()),
        false,
        |b| {
            CommitEntry::decode_all(b, 0)
                .collect::<Result<Vec<_>>>()
                .map(drop)
        },
    );
    add(
        "row directory",
        row_directory(SegmentFormat::V1),
        false,
        |b| {
            RowBatchEntry::decode_all(b, 0, SegmentFormat::V1, &commit_entries())
                .collect::<Result<Vec<_>>>()
                .map(drop)
        },
    );
    let mut bytes = Vec::new();
    extents().iter().for_each(|e| e.encode(&mut bytes));
    add("extents", bytes, false, |b| {
        FingerprintExtent::decode_all(b, 0).map(drop)
    });
    add("ordinals", Ordinals::encode(&[3, 0, 2, 1]), false, |b| {
        Ordinals::new(b).map(drop)
    });
    let mut bytes = Vec::new();
    set(&[0, 1, 2, 10, 300]).encode_counted(&mut bytes);
    add("id runs", bytes, false, |b| {
        IdSet::decode_counted(&mut coding::Reader::new("ids", b, 0)).map(drop)
    });
    // What format 1.1 changed.
    let header = StoreHeader::new(UUID, -5);
    add("store header 1.1", header.encode(), true, |b| {
        StoreHeader::decode(b).map(drop)
    });
    let header = SegmentHeader {
        format: SegmentFormat::V2,
        ..segment_header()
    };
    add("segment header 1.1", header.encode(), true, |b| {
        SegmentHeader::decode(b).map(drop)
    });
    add("row batch 1.1", batch(SegmentFormat::V2), true, |b| {
        check_batch(b, SegmentFormat::V2)
    });
    add(
        "row directory 1.1",
        row_directory(SegmentFormat::V2),
        false,
        |b| {
            RowBatchEntry::decode_all(b, 0, SegmentFormat::V2, &[])
                .collect::<Result<Vec<_>>>()
                .map(drop)
        },
    );
    samples
}
