//! Summaries of values: the bytes are canonical, merging does not depend on the order, and any summary gives columns.
#![no_main]

use lakebed_fuzz::JsonSource;
use lakebed_json::schema::{Settings, Summary, arrow_schema, to_columns, validate_and_observe};
use libfuzzer_sys::fuzz_target;

fn use_columns(summary: &Summary) {
    let schema = to_columns(summary, &Settings::default());
    for column in &schema.columns {
        let written = column.data_type.to_string();
        assert_eq!(written.parse().as_ref(), Ok(&column.data_type));
    }
    let all: Vec<usize> = (0..schema.columns.len()).collect();
    assert_eq!(arrow_schema(&schema, &all).fields().len(), all.len());
}

fuzz_target!(|data: &[u8]| {
    if let Ok(summary) = Summary::decode(data) {
        assert_eq!(summary.encode(), data);
        use_columns(&summary);
        let mut twice = summary.clone();
        twice.merge(&summary);
        let bytes = twice.encode();
        assert_eq!(
            Summary::decode(&bytes).expect("just encoded").encode(),
            bytes
        );
    }

    let mut source = JsonSource::new(data);
    let mut halves = [Summary::new(), Summary::new()];
    let mut whole = Summary::new();
    for number in 0..64 {
        if source.is_empty() {
            break;
        }
        let record = source.object();
        for summary in [&mut halves[number % 2], &mut whole] {
            validate_and_observe(record.as_bytes(), summary).expect("valid");
        }
    }
    let [first, second] = halves;
    let (mut forward, mut backward) = (first.clone(), second.clone());
    forward.merge(&second);
    backward.merge(&first);
    assert_eq!(forward, backward);
    assert_eq!(forward, whole);
    use_columns(&whole);

    // A rejected line leaves the summary as it was.
    if validate_and_observe(data, &mut forward).is_err() {
        assert_eq!(forward, whole);
    }
});
