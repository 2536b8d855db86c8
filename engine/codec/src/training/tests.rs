use std::sync::Arc;

use lakebed_format::DictionaryNumber;
use proptest::prelude::*;

use super::*;

/// Records whose words come from a vocabulary larger than a page.
fn records(count: usize) -> Vec<Vec<u8>> {
    let word = |n: usize| blake3::hash(&(n % 400).to_le_bytes()).to_hex()[..20].to_owned();
    (0..count)
        .map(|n| {
            let n = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            format!(
                r#"{{"id":{},"from":"{}","to":"{}","via":["{}"]}}"#,
                n % 997,
                word(n),
                word(n / 400),
                word(n / 160_000)
            )
            .into_bytes()
        })
        .collect()
}

/// Samples of records laid end to end, as an ingest of them would take them.
fn sample(records: &[Vec<u8>], budget: &Budget) -> Samples {
    let mut samples = Samples::default();
    let length = records.iter().map(|record| record.len() as u64).sum();
    for run in budget.ranges(length) {
        let mut at = 0;
        let begin_in_run = records.iter().filter(|record| {
            let begins = at;
            at += record.len() as u64;
            (run.offset..run.offset + run.bytes as u64).contains(&begins)
        });
        samples.add(&run, begin_in_run.map(Vec::as_slice));
    }
    samples
}

fn request(expected_bytes: u64) -> Request<'static> {
    Request {
        size: 16 << 10,
        windows: INGEST_WINDOWS,
        level: 3,
        page_bytes: 4 << 10,
        expected_bytes,
        current: None,
    }
}

fn budget() -> Budget {
    Budget::new(16 << 10, INGEST_SHARE, 4 << 10)
}

#[test]
fn records_of_one_kind_get_a_dictionary_that_pays() {
    let samples = sample(&records(8000), &budget());
    let trained = train(&samples, &request(100 << 20)).unwrap().unwrap();
    assert!(trained.pays && trained.bytes.len() <= 16 << 10);
    assert!(trained.held_out_after < trained.held_out_before);
    assert!(trained.sample_bytes <= (16 << 10) * INGEST_SHARE as u64);
}

#[test]
fn a_dictionary_that_costs_more_than_it_saves_does_not_pay() {
    let samples = sample(&records(8000), &budget());
    let trained = train(&samples, &request(20_000)).unwrap();
    assert!(trained.is_none_or(|trained| !trained.pays));
}

#[test]
fn a_new_generation_must_gain_three_percent() {
    let samples = sample(&records(8000), &budget());
    let first = train(&samples, &request(100 << 20)).unwrap().unwrap();
    let current = Dictionary::new(DictionaryNumber(1), Arc::from(first.bytes)).unwrap();
    let again = train(
        &samples,
        &Request {
            current: Some(&current),
            ..request(100 << 20)
        },
    )
    .unwrap()
    .unwrap();
    assert!(!again.pays, "the same samples give nothing new");
    let other = Dictionary::new(
        DictionaryNumber(2),
        Arc::from(&b"nothing to do with these records"[..]),
    )
    .unwrap();
    let better = train(
        &samples,
        &Request {
            current: Some(&other),
            page_bytes: 400,
            ..request(100 << 20)
        },
    )
    .unwrap()
    .unwrap();
    assert!(better.pays);
}

#[test]
fn samples_without_anything_to_learn_give_none() {
    let cases: [Vec<Vec<u8>>; 5] = [
        vec![],
        vec![vec![]; 10_000],
        records(3),
        vec![vec![b'x'; 100_000]; 2],
        records(20),
    ];
    for records in &cases {
        let samples = sample(records, &budget());
        let trained = train(&samples, &request(1 << 20)).unwrap();
        assert!(
            trained.is_none_or(|trained| !trained.pays),
            "{} records",
            records.len()
        );
    }
}

#[test]
fn equal_and_random_records_are_no_error() {
    let mut noise = vec![0; 400_000];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    let random: Vec<Vec<u8>> = noise.chunks(100).map(<[u8]>::to_vec).collect();
    let trained = train(&sample(&random, &budget()), &request(1 << 30)).unwrap();
    assert!(
        trained.is_none_or(|trained| !trained.pays),
        "noise holds nothing to learn"
    );
    for record in [
        &b"1"[..],
        b"x",
        br#"{"state":"ok","code":200,"from":"the same place"}"#,
    ] {
        let equal = vec![record.to_vec(); 10_000];
        train(&sample(&equal, &budget()), &request(1 << 30)).unwrap();
    }
}

#[test]
fn little_input_gets_a_small_dictionary() {
    assert_eq!(fitting_size(DEFAULT_SIZE, u64::MAX), DEFAULT_SIZE);
    assert_eq!(fitting_size(DEFAULT_SIZE, 1_000_000), 20_000);
    assert_eq!(fitting_size(DEFAULT_SIZE, 0), LEAST_SIZE);
    assert_eq!(fitting_size(usize::MAX, u64::MAX), LARGEST_SIZE);
    assert_eq!(fitting_size(0, u64::MAX), LEAST_SIZE);
}

proptest! {
    #[test]
    fn runs_are_ascending_disjoint_bounded_and_spread(length in 0_u64..1 << 50, shift in 0_u32..50, size in 1_usize..1 << 20, page in 1_usize..1 << 18) {
        let length = length >> shift;
        let budget = Budget::new(size, INGEST_SHARE, page);
        // Small pages over a large budget are many runs.
        prop_assume!(length / page as u64 <= 100_000 || length > (size * INGEST_SHARE + 16 * page) as u64);
        let runs = budget.ranges(length);
        let mut end = 0;
        for run in &runs {
            prop_assert!(run.offset >= end && run.bytes > 0);
            end = run.offset + run.bytes as u64;
        }
        prop_assert!(end <= length);
        let trained: usize = runs.iter().filter(|run| !run.held_out).map(|run| run.bytes).sum();
        prop_assert!(trained <= size * INGEST_SHARE + 16 * page);
        if let (Some(first), Some(last)) = (runs.first(), runs.last()) {
            prop_assert_eq!(first.offset, 0);
            let step = length / runs.len() as u64;
            prop_assert!(last.offset + 2 * step.max(1) + page as u64 >= length);
        }
    }
}
