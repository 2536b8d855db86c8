//! The JSON writer on arrays that extraction builds: what it writes is JSON, and is extracted to the same arrays again.
#![no_main]

use arrow_array::RecordBatch;
use lakebed_fuzz::JsonSource;
use lakebed_json::extract::Extractor;
use lakebed_json::schema::{Summary, to_columns, validate_and_observe};
use lakebed_json::{validate, writer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut source = JsonSource::new(data);
    let mut summary = Summary::new();
    let mut records = Vec::new();
    while records.len() < 16 && !source.is_empty() {
        let record = source.object();
        validate_and_observe(record.as_bytes(), &mut summary).expect("valid");
        records.push(record);
    }
    let schema = to_columns(&summary);
    let all: Vec<usize> = (0..schema.columns.len()).collect();
    let mut extractor = Extractor::new(&schema, &all);
    for record in &records {
        extractor.push(record.as_bytes()).expect("the schema is of these");
    }
    let arrays = extractor.finish().expect("as above");
    if arrays.is_empty() {
        return;
    }
    let batch = RecordBatch::try_new(extractor.schema(), arrays).expect("of one length");
    let written = writer::records(&batch).expect("these types have JSON");
    assert_eq!(written.len(), records.len());
    for record in &written {
        assert!(validate(record).is_ok(), "{}", String::from_utf8_lossy(record));
    }
});
