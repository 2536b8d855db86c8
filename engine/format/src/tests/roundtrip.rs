//! What was encoded is what is decoded, for each structure.

use proptest::prelude::*;

use super::samples::{self, SALT};
use crate::frame::FrameSpec;
use crate::index_run::{Bucket, BucketShape, put_bucket};
use crate::manifest::{BodyDifference, put_body_difference};
use crate::*;

#[test]
fn fixed_structures() {
    let store = samples::store_header();
    assert_eq!(StoreHeader::decode(&store.encode()), Ok(store));
    let segment = samples::segment_header();
    assert_eq!(SegmentHeader::decode(&segment.encode()), Ok(segment));
    let mut bytes = Vec::new();
    samples::footer_tail().encode(SALT, samples::TAIL_AT, &mut bytes);
    assert_eq!(bytes.len(), TRAILER_LEN);
    assert_eq!(
        FooterTrailer::decode(&bytes, SALT, samples::TAIL_AT),
        Ok(samples::footer_tail())
    );
    let mut bytes = Vec::new();
    let large = samples::large_tail();
    large.encode(SALT, samples::TAIL_AT, &mut bytes);
    assert_eq!(
        LargeTrailer::decode(&bytes, SALT, samples::TAIL_AT),
        Ok(large)
    );
    assert_eq!(
        large.decode_table(&samples::large_table_bytes(), SALT),
        Ok(samples::large_table())
    );
    assert_eq!(
        (large.block_len(0), large.block_len(2), large.block_len(3)),
        (1 << 20, 5, 0)
    );
    assert_eq!(
        IndexRunHeader::decode(&samples::run_header().encode()),
        Ok(samples::run_header())
    );
    assert_eq!(
        Manifest::decode(&samples::manifest().encode()),
        Ok(samples::manifest())
    );
}

#[test]
fn lists() {
    let records: Result<Vec<CatalogueRecord>> =
        CatalogueRecord::decode_all(&samples::records_bytes(), 0).collect();
    assert_eq!(records, Ok(samples::records()));
    let bytes = CommitEntry::encode_all(&samples::commit_entries());
    let commits: Result<Vec<CommitEntry>> = CommitEntry::decode_all(&bytes, 0).collect();
    assert_eq!(commits, Ok(samples::commit_entries()));
    // The commit is that of the commit table in format 1, and stored in format 2.
    for (format, commits) in [
        (SegmentFormat::V1, samples::commit_entries()),
        (SegmentFormat::V2, Vec::new()),
    ] {
        let bytes = samples::row_directory(format);
        let rows: Result<Vec<RowBatchEntry>> =
            RowBatchEntry::decode_all(&bytes, 0, format, &commits).collect();
        assert_eq!(rows, Ok(samples::row_entries()));
    }
    let bytes = samples::row_directory(SegmentFormat::V1);
    let commits = &samples::commit_entries()[..1];
    let error = RowBatchEntry::decode_all(&bytes, 0, SegmentFormat::V1, commits)
        .next()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.reason, Reason::Value("no commit ends the row batch"));
    let mut bytes = Vec::new();
    samples::extents().iter().for_each(|e| e.encode(&mut bytes));
    assert_eq!(
        FingerprintExtent::decode_all(&bytes, 0),
        Ok(samples::extents())
    );
}

#[test]
fn an_error_ends_a_list() {
    let mut bytes = samples::records_bytes();
    let records = samples::records().len();
    bytes.extend_from_slice(&[99, 0, 1, 0]);
    let read: Vec<Result<CatalogueRecord>> = CatalogueRecord::decode_all(&bytes, 1000).collect();
    assert_eq!(read.len(), records + 1);
    let error = read.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.offset, 1000 + bytes.len() as u64 - 4);
    assert_eq!(
        error.to_string(),
        format!(
            "catalogue record at byte {}: the type is unknown",
            error.offset
        )
    );
}

#[test]
fn a_raw_frame_of_one_blob_starts_its_payload_at_a_multiple_of_64() {
    for offset in 0..130 {
        let runs = [IdRun {
            first: BlobId(1 << 40),
            len: 1,
        }];
        let spec = FrameSpec {
            encoding: Encoding::Raw,
            raw_len: 3,
            runs: &runs,
        };
        let mut out = vec![9; 5];
        let header_len = spec.encode(b"abc", SALT, offset, &mut out).unwrap();
        assert_eq!((offset + header_len as u64) % 64, 0);
        let header = FrameHeader::decode_checked(&out[5..], SALT, offset).unwrap();
        assert_eq!(header.payload(&out[5..], offset).unwrap(), b"abc");
    }
}

#[test]
fn a_frame_that_does_not_fit_the_format_is_refused_and_nothing_is_written() {
    let many: Vec<IdRun> = (0..2049)
        .map(|i| IdRun {
            first: BlobId(3 * i),
            len: 1,
        })
        .collect();
    let mut out = Vec::new();
    for (runs, raw_len) in [
        (&many[..], 10_000),
        (&[], 1),
        (&many[..1], limits::MAX_FRAME + 1),
    ] {
        let spec = FrameSpec {
            encoding: Encoding::Zstd,
            raw_len,
            runs,
        };
        assert!(spec.encode(b"x", SALT, 64, &mut out).is_err());
        assert!(out.is_empty());
    }
    // The most there can be, with the largest gaps and lengths.
    let gap = (limits::MAX_NUMBER / 2048) - 1;
    let widest: Vec<IdRun> = (0..2048)
        .map(|i| IdRun {
            first: BlobId(gap * i),
            len: 1000,
        })
        .collect();
    let spec = FrameSpec {
        encoding: Encoding::Zstd,
        raw_len: limits::MAX_FRAME,
        runs: &widest,
    };
    spec.encode(b"x", SALT, 64, &mut out).unwrap();
    let header = FrameHeader::decode_checked(&out, SALT, 64).unwrap();
    assert!(header.ids.runs().eq(widest));
}

#[test]
fn blocks_find_their_sections_from_the_header_alone() {
    for footer in [false, true] {
        let builder = samples::block(footer);
        let mut bytes = vec![1, 2, 3];
        let written = builder.encode(SALT, samples::BLOCK_AT, &mut bytes).unwrap();
        let bytes = &bytes[3..];
        assert_eq!(bytes.len() as u64, builder.encoded_len());
        assert_eq!(written.len, builder.encoded_len());
        let head = &bytes[..bytes.len().min(index_block::MAX_BLOCK_HEADER)];
        let read = IndexBlock::decode(head, SALT, samples::BLOCK_AT, written.len).unwrap();
        assert_eq!(read, written);
        let data = read
            .checked(SectionKind::Frames, SALT, bytes, samples::BLOCK_AT)
            .unwrap();
        let table = FrameTable::new(data).unwrap();
        assert!(table.iter_from(0).eq(samples::frame_entries()));
        assert_eq!(
            read.checked(SectionKind::ManifestBody, SALT, bytes, samples::BLOCK_AT)
                .unwrap(),
            b""
        );
    }
}

#[test]
fn a_damaged_page_leaves_the_others_readable() {
    let mut bytes = samples::block_bytes(false);
    let at = samples::BLOCK_AT;
    let block = IndexBlock::decode(&bytes, SALT, at, bytes.len() as u64).unwrap();
    let section = *block.section(SectionKind::Fingerprints).unwrap();
    let pages = section.pages();
    assert_eq!(pages.count(), 2);
    bytes[(section.offset - at) as usize + 5000] ^= 1;
    let sums = section.sums(&bytes, at).unwrap();
    section.check_sums(SALT, sums).unwrap();
    let data = section.data(&bytes, at).unwrap();
    let check = |n: u64| {
        let range = pages.range(n);
        let page = &data[range.start as usize..range.end as usize];
        pages.check(SALT, n, page, pages.sum_of(n, sums).unwrap())
    };
    assert_eq!(check(0), Ok(()));
    assert_eq!(check(1).unwrap_err().reason, Reason::Checksum);
    assert!(section.check_whole(SALT, &bytes, at).is_err());
}

#[test]
fn frames_are_found_by_any_of_their_ids() {
    let entries = samples::frame_entries();
    let mut bytes = Vec::new();
    entries.iter().for_each(|e| e.encode(&mut bytes));
    let table = FrameTable::new(&bytes).unwrap();
    for id in 0..3100 {
        let expected = (id as usize / 10).min(entries.len() - 1);
        assert_eq!(table.find(BlobId(id)), Some(expected));
        let mut touched = Vec::new();
        let found = table.find_checked(BlobId(id), |page| {
            touched.push(page);
            Ok::<_, ()>(())
        });
        assert_eq!(found, Ok(Some(expected)));
        assert!(touched.contains(&((expected * 16) as u64 / 4096)));
    }
    let later = &bytes[160..];
    assert_eq!(FrameTable::new(later).unwrap().find(BlobId(99)), None);
    assert!(FrameTable::new(&bytes[1..]).is_err());
}

#[test]
fn ordinals_take_the_width_they_need() {
    for (count, width) in [
        (0, 2),
        (1, 2),
        (0x1_0000, 2),
        (0x1_0001, 3),
        (0x100_0001, 4),
    ] {
        let list: Vec<u32> = (0..count).rev().collect();
        let bytes = Ordinals::encode(&list);
        assert_eq!(bytes.len(), 8 + width * count as usize);
        let ordinals = Ordinals::new(&bytes).unwrap();
        assert_eq!(ordinals.len(), count as usize);
        for at in [0, count / 3, count.saturating_sub(1), count] {
            assert_eq!(ordinals.get(at as usize), list.get(at as usize).copied());
        }
    }
}

#[test]
fn the_last_commit_is_found_and_damaged_or_foreign_ones_are_not() {
    let place = |bytes: &mut Vec<u8>, number: u64, salt: u64| {
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let group = bytes.len() as u64 + 64;
        bytes.extend_from_slice(&[b'x'; 21]);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let index_offset = bytes.len() as u64 + 64;
        bytes.extend_from_slice(&[b'i'; 40]);
        let number = CommitNumber(number);
        let commit = Commit {
            number,
            group,
            index_offset,
            index_len: 40,
            salt,
            ..samples::commit()
        };
        let at = bytes.len() as u64 + 64;
        commit.encode(at, bytes)
    };
    let mut bytes = Vec::new();
    let first = place(&mut bytes, 1, SALT);
    let second = place(&mut bytes, 2, SALT);
    place(&mut bytes, 3, SALT + 1);
    bytes.extend_from_slice(b"LKCOMMIT torn");
    let find = |bytes: &[u8], base| find_last_commit(bytes, base, SegmentNumber(77), SALT);
    assert_eq!(find(&bytes, 64), Some(second));
    assert_eq!(second.end(), second.offset + 96);
    // A window that begins anywhere finds the same.
    for skip in 0..(second.offset - 64) as usize {
        assert_eq!(find(&bytes[skip..], 64 + skip as u64), Some(second));
    }
    bytes[(second.offset - 64) as usize + 80] ^= 1;
    assert_eq!(find(&bytes, 64), Some(first));
    assert_eq!(find(&bytes[..(first.offset - 64) as usize + 95], 64), None);
    assert_eq!(find_last_commit(&bytes, 64, SegmentNumber(78), SALT), None);
}

proptest! {
    #[test]
    fn frames(
        ids in prop::collection::btree_set(0..400_u64, 1..60),
        shift in 0..54_u32,
        payload in prop::collection::vec(any::<u8>(), 60..300),
        kind in 0..3_u8,
        number in any::<u64>(),
        offset in 0..1_u64 << 40,
    ) {
        let ids: IdSet = ids.into_iter().map(|id| BlobId(id << shift)).collect();
        let raw_len = if kind == 0 { payload.len() as u64 } else { 1 << 20 };
        let encoding = match kind {
            0 => Encoding::Raw,
            1 => Encoding::Zstd,
            _ => Encoding::ZstdDictionary(DictionaryNumber(number)),
        };
        let mut out = Vec::new();
        let header_len = FrameSpec { encoding, raw_len, runs: ids.runs() }.encode(&payload, SALT, offset, &mut out).unwrap();
        let end = out.len() as u64;
        out.extend_from_slice(b"the next frame");
        let header = FrameHeader::decode_checked(&out, SALT, offset).unwrap();
        prop_assert_eq!((header.encoding, header.raw_len, header.header_len), (encoding, raw_len, header_len));
        prop_assert_eq!(header.frame_len(), end);
        prop_assert_eq!(header.payload(&out, offset).unwrap(), &payload[..]);
        prop_assert!(header.ids.runs().eq(ids.runs().iter().copied()));
        prop_assert_eq!(Some(header.ids.first()), ids.first());
        prop_assert_eq!(Some(header.ids.last()), ids.last());
        for id in (0..400).map(|id| BlobId(id << shift)) {
            let place = ids.contains(id).then(|| ids.rank(id) as u32);
            prop_assert_eq!(header.ids.position(id), place);
        }
    }

    #[test]
    fn payloads(lengths in prop::collection::vec(prop_oneof![0..200_usize, 0..20_000_usize], 1..40)) {
        let mut payload = Vec::new();
        if lengths.len() > 1 {
            put_lengths(lengths.iter().map(|&n| n as u64), &mut payload);
        }
        let mut expected = vec![payload.len() as u32];
        for &len in &lengths {
            payload.resize(payload.len() + len, 7);
            expected.push(payload.len() as u32);
        }
        let mut offsets = vec![1, 2, 3];
        decode_offsets(&payload, lengths.len() as u32, &mut offsets).unwrap();
        prop_assert_eq!(&offsets, &expected);
        for (i, w) in expected.windows(2).enumerate() {
            let place = locate(&payload, lengths.len() as u32, i as u32).unwrap();
            prop_assert_eq!(place, w[0] as usize..w[1] as usize);
        }
        prop_assert!(locate(&payload, lengths.len() as u32, lengths.len() as u32).is_err());
        payload.push(0);
        prop_assert!(lengths.len() == 1 || decode_offsets(&payload, lengths.len() as u32, &mut offsets).is_err());
    }

    #[test]
    fn differences_of_bodies(
        base in prop::collection::vec(0..5_u8, 0..400),
        edits in prop::collection::vec((any::<u16>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..20)), 0..6),
    ) {
        let mut body = base.clone();
        for (at, len, new) in edits {
            let at = usize::from(at) % (body.len() + 1);
            let end = (at + usize::from(len) % 30).min(body.len());
            body.splice(at..end, new);
        }
        let mut bytes = Vec::new();
        put_body_difference(SegmentNumber(9), &base, &body, &mut bytes);
        let difference = BodyDifference::decode(&bytes, 0).unwrap().unwrap();
        prop_assert_eq!(difference.base, SegmentNumber(9));
        // A body that copies parts of the base twice may be longer than a difference may say.
        if body.len() <= base.len() {
            prop_assert_eq!(&difference.apply(&base).unwrap(), &body);
        }
        let mut other = base.clone();
        other.push(7);
        other.rotate_right(1);
        prop_assert!(difference.apply(&other).map_or(true, |made| made == body));
    }

    #[test]
    fn buckets(
        remainder_bits in 0..57_u32,
        value_bits in 0..57_u32,
        drawn in prop::collection::vec((any::<u64>(), any::<u64>(), any::<bool>()), 1..1500),
        asked in any::<(u64, u64)>(),
    ) {
        let shape = BucketShape { remainder_bits, value_bits };
        let most = (1_u64 << remainder_bits) - 1;
        // Some of them close to each other, or equal.
        let remainder = |(n, _, near): &(u64, u64, bool)| if *near { (n % 40) & most } else { n & most };
        let mut entries: Vec<(u64, u64)> =
            drawn.iter().map(|one| (remainder(one), one.1 & ((1 << value_bits) - 1))).collect();
        entries.sort_unstable();
        let mut bytes = Vec::new();
        put_bucket(&entries, shape, &mut bytes);
        let bucket = Bucket::new(&bytes, shape, 0).unwrap();
        prop_assert_eq!(bucket.len(), entries.len());
        let mut found = Vec::new();
        bucket.entries(&mut found).unwrap();
        prop_assert_eq!(&found, &entries);
        let some = entries[asked.0 as usize % entries.len()].0;
        for range in [some..=some, 0..=most, (asked.0 & most)..=(asked.1 & most), some..=most, 0..=some, most..=u64::MAX] {
            let mut found = Vec::new();
            bucket.find(range.clone(), |remainder, value| found.push((remainder, value)));
            let wanted: Vec<(u64, u64)> =
                entries.iter().filter(|(n, _)| range.contains(n)).copied().collect();
            prop_assert_eq!(found, wanted);
        }
        bytes.push(0);
        prop_assert!(Bucket::new(&bytes, shape, 0).is_err());
    }

    #[test]
    fn tables_of_fingerprints(
        drawn in prop::collection::vec((any::<u64>(), any::<bool>()), 1..3000),
        asked in any::<(u64, u64)>(),
    ) {
        // Some of them close to each other, or equal.
        let near = |(n, near): &(u64, bool)| Fingerprint(if *near { (n % 40) << 30 } else { *n });
        let fingerprints: Vec<Fingerprint> = drawn.iter().map(near).collect();
        let bytes = FingerprintTable::encode(fingerprints.iter().copied());
        let table = FingerprintTable::new(&bytes).unwrap();
        prop_assert_eq!(table.len(), fingerprints.len() as u64);
        let stored: Vec<Fingerprint> =
            fingerprints.iter().map(|one| one.shortened(TABLE_FINGERPRINT_BITS)).collect();
        prop_assert_eq!(&table.by_ordinal().unwrap(), &stored);
        let mut sorted: Vec<(Fingerprint, u64)> = stored.into_iter().zip(0..).collect();
        sorted.sort_unstable();
        let some = fingerprints[asked.0 as usize % fingerprints.len()];
        for (low, high) in [(some, some), (Fingerprint(0), Fingerprint(u64::MAX)), (Fingerprint(asked.0), Fingerprint(asked.1))] {
            let (mut found, mut checked) = (Vec::new(), 0);
            let check = |range: std::ops::Range<u64>| {
                assert!(range.end <= bytes.len() as u64);
                checked += range.end - range.start;
                Ok(())
            };
            let result = table.find(&(low..=high), check, |error| error, |one, ordinal| found.push((one, ordinal)));
            prop_assert!(result.is_ok());
            let low = low.shortened(TABLE_FINGERPRINT_BITS);
            let wanted: Vec<_> = sorted.iter().filter(|one| low <= one.0 && one.0 <= high).copied().collect();
            prop_assert_eq!(found, wanted);
            prop_assert!(low > high || checked > 0);
        }
        let mut longer = bytes.clone();
        longer.push(0);
        prop_assert!(FingerprintTable::new(&longer).unwrap().by_ordinal().is_err());
        prop_assert!(FingerprintTable::new(&bytes[..bytes.len() - 1]).and_then(|table| table.by_ordinal()).is_err());
    }

    #[test]
    fn commits(fields in any::<[u64; 6]>(), time in any::<i64>(), index_len in 1..500_u64, group in 8..1000_u64) {
        let index_offset = (group + 10) * 8;
        let commit = Commit {
            number: CommitNumber(fields[0]),
            time,
            group: group * 8,
            index_offset,
            index_len,
            segment: SegmentNumber(fields[1]),
            salt: fields[2],
            predecessor: fields[3],
            next_blob: BlobId(fields[4] >> 2),
            group_checksum: fields[5],
        };
        let at = coding::align8(index_offset + index_len);
        let mut bytes = Vec::new();
        let placed = commit.encode(at, &mut bytes);
        prop_assert_eq!(bytes.len(), COMMIT_LEN);
        prop_assert_eq!(Commit::decode(&bytes, at, commit.segment, commit.salt), Ok(placed));
    }
}
