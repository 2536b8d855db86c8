//! The JSON writer, on the arrays that extraction builds and on arbitrary numbers of every type of date, time and
//! decimal: what it writes is JSON.
#![no_main]

use std::sync::Arc;

use arrow_array::types::*;
use arrow_array::{ArrayRef, Float64Array, PrimitiveArray, RecordBatch};
use lakebed_fuzz::JsonSource;
use lakebed_json::extract::Extractor;
use lakebed_json::schema::{Settings, Summary, to_columns, validate_and_observe};
use lakebed_json::{validate, writer};
use libfuzzer_sys::fuzz_target;

fn array<T: ArrowPrimitiveType>(numbers: &[i64], value: fn(i64) -> T::Native) -> ArrayRef {
    let values = numbers.iter().map(|number| value(*number));
    Arc::new(PrimitiveArray::<T>::from_iter_values(values))
}

/// Arrays of the types that extraction does not build.
fn arrays(numbers: &[i64]) -> Vec<ArrayRef> {
    let low = |number: i64| number as i32;
    let same = |number: i64| number;
    vec![
        array::<Date32Type>(numbers, low),
        array::<Date64Type>(numbers, same),
        array::<Time32SecondType>(numbers, low),
        array::<Time32MillisecondType>(numbers, low),
        array::<Time64MicrosecondType>(numbers, same),
        array::<Time64NanosecondType>(numbers, same),
        array::<TimestampSecondType>(numbers, same),
        array::<TimestampMillisecondType>(numbers, same),
        array::<TimestampMicrosecondType>(numbers, same),
        array::<TimestampNanosecondType>(numbers, same),
        array::<DurationSecondType>(numbers, same),
        array::<DurationMillisecondType>(numbers, same),
        array::<DurationNanosecondType>(numbers, same),
        array::<IntervalYearMonthType>(numbers, low),
        array::<Decimal64Type>(numbers, same),
        array::<Decimal128Type>(numbers, i128::from),
        Arc::new(Float64Array::from_iter_values(
            numbers.iter().map(|number| f64::from_bits(*number as u64)),
        )),
    ]
}

fn check(batch: &RecordBatch) {
    let Ok(written) = writer::Writer::new(&batch.schema()).and_then(|writer| writer.records(batch)) else {
        return;
    };
    assert_eq!(written.len(), batch.num_rows());
    for record in &written {
        assert!(
            validate(record).is_ok(),
            "{}",
            String::from_utf8_lossy(record)
        );
    }
}

fuzz_target!(|data: &[u8]| {
    let numbers: Vec<i64> = data
        .as_chunks()
        .0
        .iter()
        .take(8)
        .map(|bytes| i64::from_le_bytes(*bytes))
        .collect();
    for array in arrays(&numbers) {
        check(&RecordBatch::try_from_iter([("v", array)]).expect("one column"));
    }
    let mut source = JsonSource::new(data);
    let mut summary = Summary::new();
    let mut records = Vec::new();
    while records.len() < 16 && !source.is_empty() {
        let record = source.object();
        validate_and_observe(record.as_bytes(), &mut summary).expect("valid");
        records.push(record);
    }
    let schema = to_columns(&summary, &Settings::default());
    let all: Vec<usize> = (0..schema.columns.len()).collect();
    let mut extractor = Extractor::new(&schema, &all);
    for record in &records {
        extractor
            .push(record.as_bytes())
            .expect("the schema is of these");
    }
    let arrays = extractor.finish().expect("as above");
    if arrays.is_empty() {
        return;
    }
    let batch = RecordBatch::try_new(extractor.schema(), arrays).expect("of one length");
    assert!(writer::Writer::new(&batch.schema()).and_then(|writer| writer.records(&batch)).is_ok());
    check(&batch);
});
