use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use lakebed_format::{DictionaryNumber, Encoding, Hash};
use lakebed_testkit::records::similar;
use lakebed_testkit::strategies::noise;

fn lines(from: usize, count: usize) -> Vec<Vec<u8>> {
    (from..from + count).map(similar).collect()
}

fn dictionary(number: u64) -> Arc<Dictionary> {
    let bytes: Vec<u8> = lines(0, 100).concat();
    Arc::new(Dictionary::new(DictionaryNumber(number), bytes.into()).unwrap())
}

fn page(blobs: &[Vec<u8>]) -> Page {
    let mut page = Page::default();
    for blob in blobs {
        page.push(blob);
    }
    page
}

fn frame_of(blobs: &[Vec<u8>], dictionary: Option<&Arc<Dictionary>>, level: i32) -> Frame<u32> {
    let mut compressor = Compressor::new(Arc::new(Workers::new(1, level).unwrap()));
    compressor
        .submit(
            blobs.len() as u32,
            Arc::new(page(blobs)),
            dictionary.cloned(),
        )
        .unwrap();
    compressor.next().unwrap().unwrap()
}

fn decoded(frame: &Frame<u32>, dictionary: Option<&Arc<Dictionary>>) -> Decoded {
    let raw = decode(
        frame.encoding,
        dictionary.map(|d| &**d),
        &frame.payload,
        frame.raw_length,
    )
    .unwrap();
    Decoded::new(raw, frame.tag).unwrap()
}

#[test]
fn blobs_come_back_as_they_went_in() {
    let random = noise(0, 5000);
    let cases: Vec<Vec<Vec<u8>>> = vec![
        vec![vec![]],
        vec![vec![], vec![]],
        vec![b"x".to_vec()],
        lines(0, 30),
        vec![random.clone()],
        vec![random, vec![0; 300_000], vec![]],
    ];
    let trained = dictionary(1);
    for blobs in &cases {
        for level in [1, 3, 9, 19] {
            for dictionary in [None, Some(&trained)] {
                let frame = frame_of(blobs, dictionary, level);
                let decoded = decoded(&frame, dictionary);
                assert_eq!(decoded.len(), blobs.len());
                for (index, blob) in blobs.iter().enumerate() {
                    assert_eq!(decoded.blob(index), Some(blob.as_slice()));
                }
                assert_eq!(decoded.blob(blobs.len()), None);
                assert_eq!(
                    decoded.blob_bytes(),
                    blobs.iter().map(|b| b.len() as u64).sum::<u64>()
                );
            }
        }
    }
}

#[test]
fn what_does_not_shrink_stays_raw_and_names_no_dictionary() {
    let random = noise(0, 5000);
    let frame = frame_of(std::slice::from_ref(&random), Some(&dictionary(1)), 3);
    assert_eq!(frame.encoding, Encoding::Raw);
    assert_eq!(frame.payload, random);
}

#[test]
fn a_dictionary_makes_small_frames_smaller() {
    let trained = dictionary(4);
    let with = frame_of(&lines(1000, 3), Some(&trained), 3);
    let without = frame_of(&lines(1000, 3), None, 3);
    assert_eq!(with.encoding, Encoding::ZstdDictionary(DictionaryNumber(4)));
    assert!(with.payload.len() * 10 < without.payload.len() * 8);
}

#[test]
fn one_context_serves_many_dictionaries_in_turn() {
    let mut encoder = Encoder::new(3).unwrap();
    let raw = lines(500, 10).concat();
    let dictionaries: Vec<_> = (0..3).map(dictionary).collect();
    let alone = encoder.encode(&raw, None).unwrap().unwrap();
    for dictionary in dictionaries {
        let (encoding, stored) = encoder.encode(&raw, Some(&dictionary)).unwrap().unwrap();
        // The dictionary may go while the context still refers to it.
        let again = decode(encoding, Some(&dictionary), &stored, raw.len() as u64).unwrap();
        drop(dictionary);
        assert_eq!(again, raw);
    }
    assert_eq!(encoder.encode(&raw, None).unwrap().unwrap(), alone);
}

/// A thread that meets a dictionary often decodes next to a copy of it: nothing may change by that.
#[test]
fn many_frames_of_a_dictionary_decode_as_the_first_did() {
    let dictionaries = [dictionary(1), dictionary(2)];
    let large = frame_of(&[lines(0, 3000).concat()], Some(&dictionaries[0]), 3);
    assert!(large.raw_length > 100 << 10);
    let frames: Vec<_> = (0..40)
        .map(|n| {
            let blobs = lines(n * 31, 5 + n);
            let of = &dictionaries[usize::from(n > 20 && n % 3 == 0)];
            (frame_of(&blobs, Some(of), 3), of, blobs)
        })
        .collect();
    for round in 0..3 {
        for (frame, of, blobs) in &frames {
            let decoded = decoded(frame, Some(of));
            for (index, blob) in blobs.iter().enumerate() {
                assert_eq!(decoded.blob(index).unwrap(), &**blob, "round {round}");
            }
            for length in [0, frame.raw_length - 1, frame.raw_length + 1] {
                let false_length = decode(frame.encoding, Some(of), &frame.payload, length);
                assert!(matches!(false_length, Err(FrameError::Damaged(_))));
            }
        }
        for _ in 0..10 {
            for (frame, of, blobs) in &frames {
                assert_eq!(decoded(frame, Some(of)).len(), blobs.len());
            }
        }
        assert_eq!(
            decoded(&large, Some(&dictionaries[0])).blob(0).unwrap(),
            lines(0, 3000).concat()
        );
    }
}

#[test]
fn false_lengths_and_damage_are_errors() {
    let trained = dictionary(1);
    let frame = frame_of(&lines(0, 30), Some(&trained), 3);
    let open = |length| decode(frame.encoding, Some(&trained), &frame.payload, length);
    assert!(open(frame.raw_length).is_ok());
    for length in [0, 1, frame.raw_length - 1, frame.raw_length + 1, RAW_LIMIT] {
        assert!(
            matches!(open(length), Err(FrameError::Damaged(_))),
            "{length}"
        );
    }
    for length in [RAW_LIMIT + 1, u64::MAX] {
        assert!(
            matches!(open(length), Err(FrameError::TooLarge(_))),
            "{length}"
        );
    }
    assert!(decode(frame.encoding, None, &frame.payload, frame.raw_length).is_err());
    assert!(decode(Encoding::Raw, None, b"abc", 4).is_err());
    assert!(
        decode(Encoding::Zstd, None, b"", 0)
            .unwrap_or_default()
            .is_empty()
    );
    // The thread's context works on after an error.
    assert!(open(frame.raw_length).is_ok());
}

#[test]
fn a_small_frame_cannot_unfold_into_a_large_one() {
    let bomb = frame_of(&[vec![0; 30 << 20]], None, 3);
    assert!(bomb.payload.len() < 10_000);
    assert!(matches!(
        decode(bomb.encoding, None, &bomb.payload, 16 << 10),
        Err(FrameError::Damaged(_))
    ));
}

#[test]
fn a_table_of_lengths_must_fill_the_payload() {
    let well = page(&[b"ab".to_vec(), b"c".to_vec()])
        .payload(&mut Vec::new())
        .to_vec();
    assert_eq!(well, b"\x02\x01abc");
    assert!(Decoded::new(well, 2).is_ok());
    for (payload, blobs) in [
        (&b"\x02\x01ab"[..], 2),
        (b"\x02\x01abcd", 2),
        (b"\x02\x01abc", 0),
        (b"\x02\x01abc", 3),
        (b"\x02\x01abc", u32::MAX),
        (b"", 2),
        (b"\x82\x00\x01abc", 2),
        (b"\xff\xff\xff\xff\xff\x01", 2),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 2),
    ] {
        assert!(
            Decoded::new(payload.to_vec(), blobs).is_err(),
            "{payload:?} {blobs}"
        );
    }
}

#[test]
fn a_blob_is_text_where_its_own_bytes_are() {
    let blobs = [&b"a\xC3"[..], b"", b"\xA9", b"b", "\u{e9}".as_bytes()].map(<[u8]>::to_vec);
    let decoded = Decoded::new(page(&blobs).payload(&mut Vec::new()).to_vec(), 5).unwrap();
    let texts = [None, Some(""), None, Some("b"), Some("\u{e9}"), None];
    assert_eq!(std::array::from_fn(|index| decoded.text(index)), texts);
}

#[test]
fn proof_is_remembered_blob_by_blob() {
    let blobs: Vec<Vec<u8>> = (0..130_u32).map(|n| n.to_string().into_bytes()).collect();
    let decoded = Decoded::new(page(&blobs).payload(&mut Vec::new()).to_vec(), 130).unwrap();
    let hash = Hash::of(b"0");
    assert!(!decoded.is_proven(0, &hash));
    for index in [0, 129, 64, 1000] {
        decoded.prove(index, &hash);
    }
    let proven: Vec<usize> = (0..200)
        .filter(|&index| decoded.is_proven(index, &hash))
        .collect();
    assert_eq!(proven, [0, 64, 129]);
    // Another hash that begins the same is another hash.
    let mut other = hash;
    other.0[31] ^= 1;
    assert!(!decoded.is_proven(0, &other));
}

#[test]
fn frames_come_back_in_order_from_any_number_of_threads() {
    for threads in [1, 2, 5] {
        let workers = Arc::new(Workers::new(threads, 1).unwrap());
        assert_eq!(workers.count(), threads);
        let mut compressor = Compressor::new(workers);
        let mut order = Vec::new();
        for number in 0..500_usize {
            // Frames of very different sizes finish out of order.
            compressor
                .submit(
                    number,
                    Arc::new(page(&lines(number, 1 + number * 37 % 91))),
                    None,
                )
                .unwrap();
            while let Some(frame) = compressor.ready().unwrap() {
                order.push(frame.tag);
            }
            assert!(compressor.in_progress() <= 4 * threads);
        }
        while let Some(frame) = compressor.next().unwrap() {
            order.push(frame.tag);
        }
        assert_eq!(order, (0..500).collect::<Vec<_>>());
    }
}

#[test]
fn a_panic_on_a_worker_is_an_error_and_the_worker_goes_on() {
    for threads in [1, 2] {
        let workers = Arc::new(Workers::new(threads, 3).unwrap());
        let mut jobs: Ordered<usize, FrameError> = Ordered::new(workers, 100);
        for number in 0..6 {
            jobs.submit(move |_| {
                if number % 2 == 0 {
                    panic!("number {number}")
                } else {
                    Ok(number)
                }
            })
            .unwrap();
        }
        for number in 0..6 {
            match jobs.next().unwrap() {
                Ok(done) => assert_eq!((done, number % 2), (number, 1)),
                Err(error) => assert_eq!(
                    error.to_string(),
                    format!("a worker thread panicked: number {number}")
                ),
            }
        }
        assert!(jobs.next().is_none());
    }
}

#[test]
fn dropping_the_pool_discards_what_is_queued() {
    let workers = Arc::new(Workers::new(2, 3).unwrap());
    let mut jobs: Ordered<(), FrameError> = Ordered::new(Arc::clone(&workers), 10_000);
    for _ in 0..1000 {
        jobs.submit(|_| {
            std::thread::sleep(Duration::from_millis(5));
            Ok(())
        })
        .unwrap();
    }
    drop(jobs);
    drop(workers);
}

#[test]
fn at_most_sixteen_dictionaries_stay() {
    let set = Dictionaries::default();
    let mut loads = 0;
    let mut get = |number: u64| {
        set.get::<FrameError>(DictionaryNumber(number), || {
            loads += 1;
            Ok(Arc::from(&b"some bytes to refer to"[..]))
        })
        .unwrap()
        .number()
    };
    for number in 0..16 {
        assert_eq!(get(number), DictionaryNumber(number));
    }
    get(0);
    get(16);
    get(0);
    get(1);
    assert_eq!(loads, 18, "1 was unused for longest when 16 came");
    assert_eq!(set.len(), 16);
    let failed: Result<_, FrameError> = set.get(DictionaryNumber(99), || Err(FrameError::Stopped));
    assert!(failed.is_err());
}

#[test]
fn waiting_for_a_result_can_time_out() {
    let workers = Arc::new(Workers::new(2, 3).unwrap());
    let mut jobs: Ordered<usize, FrameError> = Ordered::new(workers, 10);
    let (go, wait) = crossbeam_channel::bounded::<()>(0);
    let soon = Duration::from_millis(1);
    assert!(matches!(jobs.next_within(soon), Poll::Ready(None)));
    jobs.submit(move |_| {
        let _ = wait.recv();
        Ok(7)
    })
    .unwrap();
    assert!(matches!(jobs.next_within(soon), Poll::Pending));
    assert_eq!(jobs.in_progress(), 1);
    go.send(()).unwrap();
    let come = jobs.next_within(Duration::from_secs(30));
    assert!(matches!(come, Poll::Ready(Some(Ok(7)))));
    assert_eq!(jobs.in_progress(), 0);
}

proptest! {
    #[test]
    fn any_blobs_survive(blobs in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 1..40), with in any::<bool>()) {
        let trained = dictionary(1);
        let trained = with.then_some(&trained);
        let frame = frame_of(&blobs, trained, 3);
        let decoded = decoded(&frame, trained);
        let back: Vec<Vec<u8>> = (0..decoded.len()).map(|index| decoded.blob(index).unwrap().to_vec()).collect();
        prop_assert_eq!(back, blobs);
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), length in 0_u64..100_000, blobs in 0_u32..400, kind in 0..3) {
        let trained = dictionary(1);
        let encoding = [Encoding::Raw, Encoding::Zstd, Encoding::ZstdDictionary(DictionaryNumber(1))][kind as usize];
        if let Ok(raw) = decode(encoding, Some(&trained), &bytes, length) {
            prop_assert_eq!(raw.len() as u64, length);
            drop(Decoded::new(raw, blobs));
        }
        if let Ok(decoded) = Decoded::new(bytes.clone(), blobs) {
            prop_assert_eq!(decoded.len() as u32, blobs);
            prop_assert!((0..decoded.len()).all(|index| decoded.blob(index).is_some()));
        }
    }
}

#[test]
fn a_stream_becomes_one_standard_frame() {
    let data: Vec<u8> = (0..400_000_u32)
        .flat_map(|number| (number % 1000).to_le_bytes())
        .collect();
    let mut compressor = StreamCompressor::new(3).unwrap();
    let mut file = Vec::new();
    for piece in data.chunks(70_001) {
        file.extend(compressor.write(piece).unwrap());
    }
    file.extend(compressor.finish().unwrap());
    assert!(file.len() < data.len() / 4);
    let mut back = Vec::with_capacity(data.len());
    zstd_safe::decompress(&mut back, &file).unwrap();
    assert_eq!(back, data);
}
