//! Extraction into Arrow: with the schema of all records nothing is an error, whatever the projection; on other bytes
//! nothing panics.
#![no_main]

use lakebed_fuzz::JsonSource;
use lakebed_json::extract::{Extractor, ValueFinder};
use lakebed_json::schema::{Settings, Summary, to_columns, validate_and_observe};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (choice, rest) = data.split_at(data.len().min(4));
    let mut source = JsonSource::new(rest);
    let mut summary = Summary::new();
    let mut records = Vec::new();
    while records.len() < 16 && !source.is_empty() {
        let record = if records.len() % 8 == 7 {
            source.value()
        } else {
            source.object()
        };
        validate_and_observe(record.as_bytes(), &mut summary).expect("valid");
        records.push(record);
    }
    let schema = to_columns(&summary, &Settings::default());
    let projection: Vec<usize> = choice
        .iter()
        .map(|byte| usize::from(*byte) % (schema.columns.len() + 1))
        .collect();
    for projection in [projection, (0..schema.columns.len()).collect()] {
        let mut extractor = Extractor::new(&schema, &projection);
        for record in &records {
            extractor
                .push(record.as_bytes())
                .expect("the schema is of these");
        }
        let arrays = extractor.finish().expect("as above");
        assert_eq!(arrays.len(), extractor.schema().fields().len());
        assert!(arrays.iter().all(|array| array.len() == records.len()));
        // Not JSON, or not of this schema.
        if extractor.push(rest).is_ok() {
            let _ = extractor.finish();
        }
        assert_eq!(extractor.rows(), 0);
    }
    for column in &schema.columns {
        let finder = ValueFinder::new(column);
        let found = records
            .iter()
            .filter(|record| finder.find(record.as_bytes()).expect("valid").is_some());
        assert_eq!(found.count() as u64 + column.missing, records.len() as u64);
        let _ = finder.find(rest);
    }
});
