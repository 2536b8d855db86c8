//! All samples, with what decodes them.

use super::*;

fn tails() -> (Vec<u8>, Vec<u8>) {
    let (mut footer, mut large) = (Vec::new(), Vec::new());
    footer_tail().encode(SALT, TAIL_AT, &mut footer);
    large_tail().encode(SALT, TAIL_AT, &mut large);
    (footer, large)
}

pub(in crate::tests) fn samples() -> Vec<Sample> {
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
    add("manifest difference", difference_bytes(), false, |b| {
        let base: Vec<u8> = (0..200).collect();
        match BodyDifference::decode(b, 0)? {
            Some(difference) => difference.apply(&base).map(drop),
            None => ManifestBody::decode(b, 0).map(drop),
        }
    });
    add("run bucket", bucket_bytes(), false, |b| {
        Bucket::new(b, BUCKET, 0)?.entries(&mut Vec::new())
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
    // What format 1.5 changed.
    let header = StoreHeader::new(UUID, -5);
    add("store header 1.5", header.encode(), true, |b| {
        StoreHeader::decode(b).map(drop)
    });
    let header = SegmentHeader {
        format: SegmentFormat::V5,
        ..segment_header()
    };
    add("segment header 1.5", header.encode(), true, |b| {
        SegmentHeader::decode(b).map(drop)
    });
    add("table of fingerprints", fingerprint_table(), false, |b| {
        FingerprintTable::new(b).and_then(|table| table.by_ordinal().map(drop))
    });
    let mut bytes = Vec::new();
    table_extents().iter().for_each(|e| e.encode(&mut bytes));
    add("extents of tables", bytes, false, |b| {
        TableExtent::decode_all(b, 0).map(drop)
    });
    // What format 1.4 changed.
    let header = StoreHeader {
        minor: 4,
        incompatible: 1,
        ..StoreHeader::new(UUID, -5)
    };
    add("store header 1.4", header.encode(), true, |b| {
        StoreHeader::decode(b).map(drop)
    });
    // What format 1.1 changed.
    let header = StoreHeader {
        minor: 1,
        incompatible: 1,
        ..StoreHeader::new(UUID, -5)
    };
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
    // What format 1.2 changed.
    let header = StoreHeader {
        minor: 2,
        incompatible: 1,
        ..StoreHeader::new(UUID, -5)
    };
    add("store header 1.2", header.encode(), true, |b| {
        StoreHeader::decode(b).map(drop)
    });
    let header = SegmentHeader {
        format: SegmentFormat::V3,
        ..segment_header()
    };
    add("segment header 1.2", header.encode(), true, |b| {
        SegmentHeader::decode(b).map(drop)
    });
    // What format 1.3 changed.
    let header = StoreHeader {
        minor: 3,
        incompatible: 1,
        ..StoreHeader::new(UUID, -5)
    };
    add("store header 1.3", header.encode(), true, |b| {
        StoreHeader::decode(b).map(drop)
    });
    let header = SegmentHeader {
        format: SegmentFormat::V4,
        layout: Layout::Columns,
        ..segment_header()
    };
    add("segment header 1.3", header.encode(), true, |b| {
        SegmentHeader::decode(b).map(drop)
    });
    let parts = [1, 7].map(|number| PartEntry {
        collection: CollectionId(number),
        rows: 60_000,
        len: 1 << 20,
        checksum: 0x0123_4567_89ab_cdef,
        table_offset: 4_096,
        table_len: 300,
    });
    let mut alone = IdSet::new();
    alone.insert(BlobId(1_007));
    let list = PartList {
        parts: parts.to_vec(),
        alone,
    };
    add("list of parts", list.encode(), false, |b| {
        PartList::decode(b, 0).map(drop)
    });
    samples
}
