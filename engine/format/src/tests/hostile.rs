//! Invalid bytes: cut off, flipped, random. A decoder returns an error and does not panic.

use proptest::prelude::*;

use super::samples::{SALT, samples};
use crate::*;

#[test]
fn samples_are_whole() {
    for sample in samples() {
        (sample.decode)(&sample.bytes).unwrap_or_else(|e| panic!("{}: {e}", sample.name));
    }
}

#[test]
fn truncation_at_every_length_is_an_error_where_the_end_is_known() {
    for sample in samples() {
        for len in 0..sample.bytes.len() {
            let cut = (sample.decode)(&sample.bytes[..len]);
            assert!(
                cut.is_err() || !sample.sealed,
                "{} cut to {len} was accepted",
                sample.name
            );
        }
    }
}

#[test]
fn every_flipped_bit_is_found_where_checksums_cover_it() {
    for sample in samples() {
        let mut bytes = sample.bytes.clone();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let flipped = (sample.decode)(&bytes);
            assert!(
                flipped.is_err() || !sample.sealed,
                "{}: bit {bit} was not missed",
                sample.name
            );
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn structures_do_not_pass_at_another_place_or_in_another_file() {
    for format in [SegmentFormat::V1, SegmentFormat::V2] {
        let batch = super::samples::batch(format);
        assert!(RowBatch::decode(&batch, format, SALT, super::samples::BATCH_AT + 1).is_err());
        assert!(RowBatch::decode(&batch, format, SALT + 1, super::samples::BATCH_AT).is_err());
    }
    let block = super::samples::block_bytes(false);
    let len = block.len() as u64;
    assert!(IndexBlock::decode(&block, SALT, super::samples::BLOCK_AT + 8, len).is_err());
    assert!(IndexBlock::decode(&block, SALT, super::samples::BLOCK_AT, len + 8).is_err());
}

/// Reads `bytes` as everything there is.
fn read_as_everything(bytes: &[u8], offset: u64) {
    for sample in samples() {
        let _ = (sample.decode)(bytes);
    }
    if let Ok(header) = FrameHeader::decode(bytes, offset) {
        assert_eq!(
            header.ids.iter().count() as u64,
            u64::from(header.ids.len())
        );
        let _ = header.payload(bytes, offset);
        let _ = header.check(bytes, SALT, offset);
        let _ = header.ids.position(header.ids.last());
    }
    for format in [SegmentFormat::V1, SegmentFormat::V2] {
        if let Ok(batch) = RowBatch::decode_unchecked(bytes, format, offset) {
            let rows: u64 = batch
                .row_runs()
                .map_while(std::result::Result::ok)
                .map(|run| run.len)
                .sum();
            assert!(rows <= batch.rows);
        }
    }
    let mut offsets = Vec::new();
    for blobs in [0, 1, 2, 3, 100, u32::MAX] {
        if decode_offsets(bytes, blobs, &mut offsets).is_ok() {
            assert_eq!(offsets.len(), blobs as usize + 1);
            assert!(offsets.is_sorted());
            assert_eq!(offsets.last().map(|&end| end as usize), Some(bytes.len()));
        }
        let _ = locate(bytes, blobs, blobs / 2);
    }
    for rows in [0, 1, 7, 1 << 62, u64::MAX] {
        let mut seen = 0_u64;
        for run in NumberRuns::new(bytes, rows, offset).map_while(std::result::Result::ok) {
            assert!(run.len > 0 && run.first + run.len <= limits::MAX_NUMBER);
            seen += run.len;
        }
        assert!(seen <= rows);
    }
    let _ = ManifestBody::decode(bytes, offset);
    let _ = IdSet::decode(&mut coding::Reader::new("ids", bytes, offset));
    let _ = find_last_commit(bytes, offset, SegmentNumber(77), SALT);
    let _ = FrameTable::new(bytes).map(|table| table.find(BlobId(7)).and_then(|i| table.entry(i)));
    let _ = Ordinals::new(bytes).map(|ordinals| ordinals.get(ordinals.len() / 2));
    if let Ok(table) = FingerprintTable::new(bytes) {
        let whole = table.by_ordinal();
        let mut all = 0;
        let range = Fingerprint(0)..=Fingerprint(u64::MAX);
        let found = table.find(&range, |_| Ok(()), |error| error, |_, _| all += 1);
        assert!(whole.is_err() || (found.is_ok() && all == table.len()));
    }
    let _ = TableExtent::decode_all(bytes, offset);
    let _ = LockText::decode(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), offset in any::<u64>()) {
        read_as_everything(&bytes, offset);
    }

    #[test]
    fn small_numbers_never_panic(bytes in prop::collection::vec(0_u8..6, 0..200), offset in 0..10_000_u64) {
        read_as_everything(&bytes, offset);
    }

    #[test]
    fn damaged_structures_never_panic(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let samples = samples();
        let mut bytes = samples[which.index(samples.len())].bytes.clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_as_everything(&bytes, 64);
        read_as_everything(&bytes[..cut.index(bytes.len())], 64);
    }
}

#[test]
fn lengths_are_bounded_before_anything_is_allocated() {
    // A count of 2^60 in front of three bytes.
    let mut bytes = Vec::new();
    coding::put_varint(&mut bytes, 1 << 60);
    bytes.extend_from_slice(&[1, 2, 3]);
    let mut reader = coding::Reader::new("list", &bytes, 0);
    assert_eq!(reader.count(1).unwrap_err().reason, Reason::Truncated);
    assert!(IdSet::decode_counted(&mut coding::Reader::new("ids", &bytes, 0)).is_err());
}

#[test]
fn newer_versions_are_told_from_damage() {
    let mut store = super::samples::store_header();
    store.incompatible = 4;
    let error = StoreHeader::decode(&store.encode()).unwrap_err();
    assert_eq!(error.reason, Reason::UnknownFeatures(4));
    assert!(error.is_too_new());
    store.major = 2;
    let error = StoreHeader::decode(&store.encode()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "store header at byte 8: version 2 is newer than 1, the newest this lakebed reads"
    );
    assert!(
        super::samples::store_header()
            .check_writable()
            .unwrap_err()
            .is_too_new()
    );
    let damaged = StoreHeader::decode(&[0; 64]).unwrap_err();
    assert!(!damaged.is_too_new());

    let mut segment = super::samples::segment_header().encode();
    segment[12] = 9;
    let sum = checksum(SALT, 0, &segment[..56]);
    segment[56..].copy_from_slice(&sum.to_le_bytes());
    let error = SegmentHeader::decode(&segment).unwrap_err();
    assert_eq!(error.reason, Reason::UnknownLayout(9));
}
