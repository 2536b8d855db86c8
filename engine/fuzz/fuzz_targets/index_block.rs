//! Headers of index blocks, sealed here so that the fuzzer reaches what is behind the checksum, and all sections.
#![no_main]

use lakebed_format::{
    BlobId, CatalogueRecord, CommitEntry, CommitNumber, Fingerprint, FingerprintExtent,
    FingerprintTable, Fingerprints, FrameTable, IdSet, IndexBlock, ManifestBody, Ordinals,
    PartList, RowBatchEntry, SectionKind, SegmentFormat, TableExtent, checksum, coding::Reader,
};
use libfuzzer_sys::fuzz_target;

const AT: u64 = 4096;

fn read(kind: SectionKind, data: &[u8]) {
    match kind {
        SectionKind::Frames => {
            if let Ok(table) = FrameTable::new(data) {
                let found = table.find(BlobId(7));
                assert!(
                    found.is_none_or(|i| table.entry(i).is_some_and(|e| e.first.0 <= 7 || i > 0))
                );
            }
        }
        SectionKind::Fingerprints => {
            let _ = Fingerprints::new(data).map(|f| f.iter().count());
        }
        SectionKind::Ids => {
            let _ = IdSet::decode(&mut Reader::new("ids", data, AT));
        }
        SectionKind::Rows => {
            let commit = CommitEntry {
                number: CommitNumber(1),
                time: 0,
                offset: 1 << 20,
                blobs: 0,
                rows: 0,
                raw_bytes: 0,
            };
            for format in [SegmentFormat::V1, SegmentFormat::V2] {
                let _ = RowBatchEntry::decode_all(data, AT, format, &[commit]).count();
            }
        }
        SectionKind::Commits => {
            let _ = CommitEntry::decode_all(data, AT).count();
        }
        SectionKind::Records => {
            let _ = CatalogueRecord::decode_all(data, AT).count();
        }
        SectionKind::Extents => {
            let _ = FingerprintExtent::decode_all(data, AT);
            let _ = TableExtent::decode_all(data, AT);
        }
        SectionKind::Ordinals => {
            if let Ok(ordinals) = Ordinals::new(data) {
                assert!((0..ordinals.len()).all(|i| ordinals.get(i).is_some()));
                assert_eq!(ordinals.get(ordinals.len()), None);
            }
        }
        SectionKind::ManifestBody => {
            let _ = ManifestBody::decode(data, AT);
        }
        SectionKind::Parts => {
            let _ = PartList::decode(data, AT);
        }
        SectionKind::FingerprintTable => {
            if let Ok(table) = FingerprintTable::new(data) {
                let whole = table.by_ordinal();
                let mut all = 0;
                let range = Fingerprint(0)..=Fingerprint(u64::MAX);
                let found = table.find(&range, |_| Ok(()), |error| error, |_, _| all += 1);
                assert!(whole.is_err() || (found.is_ok() && all == table.len()));
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.to_vec();
    let count = match data {
        [_, _, _, _, _, _, count, 0, ..] => usize::from(*count),
        _ => 0,
    };
    let end = 16 + 32 * count;
    if bytes.len() >= end + 8 {
        let seal = checksum(0, AT, &bytes[..end]).to_le_bytes();
        bytes[end..end + 8].copy_from_slice(&seal);
    }
    if let Ok(block) = IndexBlock::decode(&bytes, 0, AT, bytes.len() as u64) {
        for section in &block.sections {
            let data = section.data(&bytes, AT).expect("sections lie in the block");
            let _ = section.check_whole(0, &bytes, AT);
            read(section.kind, data);
        }
    }
});
