//! Samples of catalogue records and of the manifest.

use super::{SALT, UUID, set};
use crate::*;

pub(in crate::tests) fn collection() -> CollectionEntry {
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

pub(in crate::tests) fn dictionary() -> DictionaryEntry {
    DictionaryEntry {
        number: DictionaryNumber(2),
        collection: CollectionId(3),
        generation: 1,
        blob: BlobId(300),
        hash: Hash::of(b"dictionary"),
        size: 112_640,
    }
}

pub(in crate::tests) fn file() -> FileEntry {
    FileEntry {
        number: FileNumber(1),
        name: "events.ndjson.gz".to_owned(),
    }
}

pub(in crate::tests) fn ingest() -> IngestEntry {
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

pub(in crate::tests) fn large() -> LargeEntry {
    LargeEntry {
        segment: SegmentNumber(4),
        blob: BlobId(301),
        len: 17 << 20,
        stored_len: 16 << 20,
        fingerprint: Fingerprint(0xfeed_beef_0000_0001),
    }
}

pub(in crate::tests) fn records() -> Vec<CatalogueRecord> {
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

pub(in crate::tests) fn records_bytes() -> Vec<u8> {
    let mut out = Vec::new();
    for record in records() {
        record.encode(&mut out);
    }
    out
}

pub(in crate::tests) fn catalogue() -> ManifestBody {
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

pub(in crate::tests) fn manifest() -> Manifest {
    Manifest {
        number: 6,
        uuid: UUID,
        salt: SALT,
        catalogue: catalogue(),
    }
}
