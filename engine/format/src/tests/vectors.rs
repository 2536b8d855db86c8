//! The test vectors that `docs/format.md` names, `tests/vectors`: the bytes decode to the fields beside them.
//! `python -m tests.pure.vectors` writes the files with the encoders in Python.

/// Reads `tests/vectors/NAME.txt`.
macro_rules! vector {
    ($name:literal) => {
        Vector::parse(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/vectors/",
            $name,
            ".txt"
        )))
    };
}

mod file;
mod fingerprints;

use std::fmt::Display;

use crate::index_block::{IndexBlock, SectionKind};
use crate::index_run::{Bucket, BucketShape};
use crate::lock::LockText;
use crate::manifest::BodyDifference;
use crate::*;

use file::{Fields, Vector, hex, list, or_dash, runs};

#[test]
fn format_file() {
    vector!("format-file").check(|bytes, out| {
        let found = StoreHeader::decode(bytes).unwrap();
        out.each(&[
            ("uuid", &hex(&found.uuid.0)),
            ("incompatible", &found.incompatible),
            ("read_compatible", &found.read_compatible),
            ("created", &found.created),
            ("minor", &found.minor),
        ]);
    });
}

#[test]
fn lock() {
    vector!("lock").check(|bytes, out| {
        let found = LockText::decode(bytes);
        out.each(&[
            ("pid", &found.pid.unwrap()),
            ("command", &found.command.unwrap()),
            ("since", &found.since.unwrap()),
            ("synced", &found.synced.unwrap().0),
        ]);
    });
}

#[test]
fn segment_header() {
    vector!("segment-header").check(|bytes, out| {
        let found = SegmentHeader::decode(bytes).unwrap();
        out.each(&[
            ("format", &(found.format as u32 + 1)),
            ("layout", &(found.layout as u16)),
            ("number", &found.number.0),
            ("uuid", &hex(&found.uuid.0)),
            ("salt", &found.salt),
            ("first_id", &found.first_blob.0),
        ]);
    });
}

#[test]
fn frame() {
    let vector = vector!("frame");
    vector.check(|bytes, out| {
        let offset = vector.given("offset");
        let found = FrameHeader::decode_checked(bytes, vector.given("salt"), offset).unwrap();
        let Encoding::ZstdDictionary(dictionary) = found.encoding else {
            panic!("it has a dictionary")
        };
        let ids = found.ids.runs().fold(IdSet::new(), |mut ids, run| {
            ids.insert_run(run);
            ids
        });
        out.each(&[
            ("encoding", &2),
            ("stored_length", &found.stored_len),
            ("raw_length", &found.raw_len),
            ("dictionary", &dictionary.0),
            ("ids", &runs(&ids)),
            ("header_length", &found.header_len),
            ("payload", &hex(found.payload(bytes, offset).unwrap())),
        ]);
    });
}

#[test]
fn row_batch() {
    let vector = vector!("row-batch");
    vector.check(|bytes, out| {
        let (salt, offset) = (vector.given("salt"), vector.given("offset"));
        let found = RowBatch::decode(bytes, SegmentFormat::V2, salt, offset).unwrap();
        let (mut blobs, mut lines) = (Vec::new(), Vec::new());
        for run in found.row_runs() {
            let run = run.unwrap();
            blobs.extend(run.blob.0..run.blob.0 + run.len);
            lines.extend(run.line.unwrap()..run.line.unwrap() + run.len);
        }
        out.each(&[
            ("collection", &found.head.collection.0),
            ("first_seq", &found.head.first_seq.0),
            ("blobs", &list(blobs)),
            ("file", &found.head.file.0),
            ("lines", &list(lines)),
            ("time", &found.head.time),
            ("commit", &found.commit.unwrap().0),
        ]);
    });
}

#[test]
fn index_block() {
    let vector = vector!("index-block");
    vector.check(|bytes, out| {
        let (salt, offset) = (vector.given("salt"), vector.given("offset"));
        let block = IndexBlock::decode(bytes, salt, offset, bytes.len() as u64).unwrap();
        out.add("level", &[&block.level]);
        out.add("first_group", &[&block.first_group]);
        for section in &block.sections {
            let kind = section.kind as u16;
            out.add(
                "section",
                &[&kind, &section.page_shift, &section.offset, &section.len],
            );
        }
        let data = |kind| {
            let section = block.section(kind).unwrap();
            section.check_whole(salt, bytes, offset).unwrap()
        };
        let frames = FrameTable::new(data(SectionKind::Frames)).unwrap();
        for entry in (0..frames.len()).map(|place| frames.entry(place).unwrap()) {
            out.add("frame", &[&entry.first.0, &entry.offset]);
        }
        let numbers = Fingerprints::new(data(SectionKind::Fingerprints)).unwrap();
        let numbers = (0..numbers.len()).map(|place| numbers.get(place).unwrap().0);
        out.add("fingerprints", &[&list(numbers)]);
        let mut reader = coding::Reader::new("ids", data(SectionKind::Ids), 0);
        out.add("ids", &[&runs(&IdSet::decode(&mut reader).unwrap())]);
        let rows = data(SectionKind::Rows);
        for entry in RowBatchEntry::decode_all(rows, 0, SegmentFormat::V2, &[]) {
            let e = entry.unwrap();
            out.add(
                "batch",
                &[
                    &e.collection.0,
                    &e.first_seq.0,
                    &e.rows,
                    &e.file.0,
                    &e.time,
                    &e.commit.0,
                    &e.offset,
                    &e.len,
                    &e.min_blob.0,
                    &e.max_blob.0,
                ],
            );
        }
        for entry in CommitEntry::decode_all(data(SectionKind::Commits), 0) {
            let e = entry.unwrap();
            out.add(
                "commit",
                &[
                    &e.number.0,
                    &e.time,
                    &e.offset,
                    &e.blobs,
                    &e.rows,
                    &e.raw_bytes,
                ],
            );
        }
        add_records(data(SectionKind::Records), out);
    });
}

#[test]
fn commit() {
    let vector = vector!("commit");
    vector.check(|bytes, out| {
        let (segment, salt) = (SegmentNumber(vector.given("segment")), vector.given("salt"));
        let located = Commit::decode(bytes, vector.given("offset"), segment, salt).unwrap();
        let found = located.commit;
        out.each(&[
            ("number", &found.number.0),
            ("time", &found.time),
            ("group", &found.group),
            ("block", &found.index_offset),
            ("block_length", &found.index_len),
            ("segment", &found.segment.0),
            ("salt", &found.salt),
            ("predecessor", &found.predecessor),
            ("next_blob", &found.next_blob.0),
            ("group_checksum", &found.group_checksum),
            ("checksum", &located.checksum),
        ]);
    });
}

fn add_dictionary(entry: &DictionaryEntry, out: &mut Fields) {
    let hash = hex(&entry.hash.0);
    out.add(
        "dictionary",
        &[
            &entry.number.0,
            &entry.collection.0,
            &entry.generation,
            &entry.blob.0,
            &hash,
            &entry.size,
        ],
    );
}

fn add_ingest(entry: &IngestEntry, out: &mut Fields) {
    let raw = entry
        .raw_digest
        .map_or_else(|| "-".to_owned(), |digest| hex(&digest.0));
    out.add(
        "ingest",
        &[
            &entry.collection.0,
            &entry.file.0,
            &u8::from(entry.complete),
            &entry.raw_size,
            &raw,
            &entry.content_offset,
            &entry.lines,
            &hex(&entry.prefix_digest.0),
        ],
    );
}

fn add_large(entry: &LargeEntry, out: &mut Fields) {
    out.add(
        "large_blob",
        &[
            &entry.segment.0,
            &entry.blob.0,
            &entry.len,
            &entry.stored_len,
            &entry.fingerprint.0,
        ],
    );
}

fn add_records(bytes: &[u8], out: &mut Fields) {
    for record in CatalogueRecord::decode_all(bytes, 0) {
        match record.unwrap() {
            CatalogueRecord::CollectionCreated(new) => {
                out.add("collection_created", &[&new.id.0, &new.name, &new.created]);
            }
            CatalogueRecord::CollectionDropped(id) => out.add("collection_dropped", &[&id.0]),
            CatalogueRecord::Schema {
                collection,
                summary,
            } => out.add("schema", &[&collection.0, &hex(&summary)]),
            CatalogueRecord::Dictionary(entry) => add_dictionary(&entry, out),
            CatalogueRecord::File(entry) => out.add("file", &[&entry.number.0, &entry.name]),
            CatalogueRecord::Ingest(entry) => add_ingest(&entry, out),
            CatalogueRecord::Deleted { blob, rows } => {
                let rows = list(rows.iter().map(|(id, count)| format!("{} {count}", id.0)));
                out.add("deleted", &[&blob.0, &rows]);
            }
            CatalogueRecord::Pinned(ids) => out.add("pinned", &[&runs(&ids)]),
            CatalogueRecord::Trimmed {
                collection,
                first_live,
                deleted_rows,
            } => out.add("trimmed", &[&collection.0, &first_live.0, &deleted_rows]),
            CatalogueRecord::Large(entry) => add_large(&entry, out),
            CatalogueRecord::Next {
                collection,
                file,
                dictionary,
                segment,
            } => out.add(
                "next_numbers",
                &[&collection.0, &file.0, &dictionary.0, &segment.0],
            ),
            CatalogueRecord::NextRow { collection, next } => {
                out.add("next_row", &[&collection.0, &next.0]);
            }
        }
    }
}

#[test]
fn catalogue_records() {
    vector!("catalogue-records").check(add_records);
}

#[test]
fn large_blob() {
    let vector = vector!("large-blob");
    vector.check(|bytes, out| {
        let (table, trailer) = bytes.split_at(bytes.len() - 64);
        let (salt, offset) = (vector.given("salt"), vector.given("trailer_offset"));
        let found = LargeTrailer::decode(trailer, salt, offset).unwrap();
        for block in found.decode_table(table, salt).unwrap() {
            out.add(
                "block",
                &[&block.offset, &block.stored_len, &block.checksum],
            );
        }
        out.each(&[
            ("blob", &found.blob.0),
            ("length", &found.len),
            ("encoding", &u8::from(found.encoding == LargeEncoding::Zstd)),
            ("table", &found.table_offset),
            ("blocks", &found.blocks),
            ("table_checksum", &found.table_checksum),
        ]);
    });
}

#[test]
fn footer_trailer() {
    let vector = vector!("footer-trailer");
    vector.check(|bytes, out| {
        let found =
            FooterTrailer::decode(bytes, vector.given("salt"), vector.given("offset")).unwrap();
        out.each(&[
            ("block", &found.block_offset),
            ("length", &found.block_len),
            ("last_commit", &found.last_commit),
            ("segment", &found.segment.0),
            ("blobs", &found.blobs),
            ("block_checksum", &found.header_checksum),
        ]);
    });
}

#[test]
fn manifest() {
    let vector = vector!("manifest");
    vector.check(|bytes, out| {
        let manifest = Manifest::decode(bytes).unwrap();
        assert_eq!(manifest.number, vector.given("number"));
        let found = manifest.catalogue;
        out.add(
            "last_commit",
            &[&found.last_commit.0, &found.last_commit_checksum],
        );
        out.add(
            "next",
            &[
                &found.next_blob.0,
                &found.active_segment.0,
                &found.next_collection.0,
                &found.next_file.0,
                &found.next_dictionary.0,
                &found.next_segment.0,
            ],
        );
        for s in &found.segments {
            out.add(
                "segment",
                &[
                    &s.number.0,
                    &(s.layout as u16),
                    &s.len,
                    &s.first_blob.0,
                    &s.end_blob.0,
                    &s.blobs,
                    &s.rows,
                    &s.first_commit.0,
                    &s.last_commit.0,
                    &s.raw_bytes,
                ],
            );
        }
        for c in &found.collections {
            let (name, schema) = (or_dash(c.name.clone()), hex(&c.schema));
            out.add(
                "collection",
                &[
                    &c.id.0,
                    &name,
                    &c.created,
                    &c.next_seq.0,
                    &c.first_live.0,
                    &c.deleted_rows,
                    &schema,
                ],
            );
        }
        found
            .dictionaries
            .iter()
            .for_each(|entry| add_dictionary(entry, out));
        for file in &found.files {
            out.add("file", &[&file.number.0, &file.name]);
        }
        found
            .ingests
            .iter()
            .for_each(|entry| add_ingest(entry, out));
        out.add("pinned", &[&runs(&found.pinned)]);
        out.add("deleted", &[&runs(&found.deleted)]);
        found.large.iter().for_each(|entry| add_large(entry, out));
    });
}

#[test]
fn manifest_difference() {
    vector!("manifest-difference").check(|bytes, out| {
        let found = BodyDifference::decode(bytes, 0).unwrap().unwrap();
        let body = found.apply(&(0..100).collect::<Vec<_>>()).unwrap();
        out.each(&[
            ("base", &found.base.0),
            ("length", &body.len()),
            ("body", &hex(&body)),
        ]);
    });
}

#[test]
fn run_header() {
    vector!("run-header").check(|bytes, out| {
        let mut bytes = bytes.to_vec();
        // The decoder wants all that is in front of the directory; zeros follow the header.
        bytes.resize(4096, 0);
        let found = IndexRunHeader::decode(&bytes).unwrap();
        out.each(&[
            ("number", &found.number),
            ("salt", &found.salt),
            ("entries", &found.entries),
            ("first_segment", &found.first_segment.0),
            ("last_segment", &found.last_segment.0),
            ("segments", &found.segments),
            ("base", &found.base.0),
            ("fingerprint_bits", &found.fingerprint_bits),
            ("bucket_bits", &found.bucket_bits),
            ("size", &found.len),
        ]);
    });
}

#[test]
fn run_bucket() {
    let vector = vector!("run-bucket");
    vector.check(|bytes, out| {
        let shape = BucketShape {
            remainder_bits: vector.given("remainder_bits") as u32,
            value_bits: vector.given("value_bits") as u32,
        };
        let mut entries = Vec::new();
        let bucket = Bucket::new(bytes, shape, 0).unwrap();
        bucket.entries(&mut entries).unwrap();
        for (remainder, value) in entries {
            out.add("entry", &[&remainder, &value]);
        }
    });
}

#[test]
fn part_list() {
    vector!("part-list").check(|bytes, out| {
        let found = PartList::decode(bytes, 0).unwrap();
        for part in &found.parts {
            let fields: [&dyn Display; 6] = [
                &part.collection.0,
                &part.rows,
                &part.len,
                &part.checksum,
                &part.table_offset,
                &part.table_len,
            ];
            out.add("part", &fields);
        }
        out.add("long", &[&runs(&found.alone)]);
    });
}
