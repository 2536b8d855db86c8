//! Shapes: from arbitrary tables, values and fixes come errors or records within the limit; a record that was shaped
//! comes back as it was.
#![no_main]

use lakebed_fuzz::JsonSource;
use lakebed_json::extract::Extractor;
use lakebed_json::schema::{Settings, Summary, to_columns, validate_and_observe};
use lakebed_json::shapes::{ArrowValues, LeafValues, Leaves, Limits, Shaper, Shapes, Spellers};
use libfuzzer_sys::fuzz_target;

/// Values made of arbitrary bytes, over and over.
struct Bytes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bytes<'_> {
    fn number(&mut self) -> Option<u64> {
        self.at = (self.at + 1) % self.bytes.len().max(1);
        let byte = *self.bytes.get(self.at)?;
        Some(u64::from(byte).wrapping_mul(0x0123_4567_89AB_CDEF) >> (byte % 64))
    }
}

impl LeafValues for Bytes<'_> {
    fn boolean(&mut self, _: usize) -> Option<bool> {
        self.number().map(|number| number % 2 == 0)
    }
    fn integer(&mut self, _: usize) -> Option<i64> {
        self.number().map(|number| number as i64)
    }
    fn unsigned(&mut self, _: usize) -> Option<u64> {
        self.number()
    }
    fn huge(&mut self, _: usize) -> Option<i128> {
        self.number()
            .map(|number| i128::from(number) << (number % 64))
    }
    fn double(&mut self, _: usize) -> Option<f64> {
        self.number().map(f64::from_bits)
    }
    fn text(&mut self, _: usize) -> Option<&[u8]> {
        let number = self.number()? as usize;
        self.bytes.get(number % (self.bytes.len() + 1)..)
    }
    fn length(&mut self, _: usize) -> Option<usize> {
        self.number().map(|number| number as usize)
    }
}

const LIMIT: usize = 4096;

fn rebuild_all(shapes: &Shapes, spellers: &Spellers, fix: &[u8]) {
    for number in 0..=shapes.len() as u32 {
        let mut out = Vec::new();
        let mut values = Bytes { bytes: fix, at: 0 };
        match shapes.rebuild(spellers, number, &mut values, fix, LIMIT, &mut out) {
            Ok(()) => assert!(out.len() <= LIMIT),
            Err(_) => assert!(out.is_empty()),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    // Arbitrary tables.
    let (head, rest) = data.split_at(data.len().min(2));
    let lengths: Vec<usize> = head.iter().map(|byte| usize::from(*byte)).collect();
    if let [spellers, shapes] = lengths[..] {
        let (spellers, rest) = rest.split_at(spellers.min(rest.len()));
        let (shapes, fix) = rest.split_at(shapes.min(rest.len()));
        if let Ok(spellers) = Spellers::decode(spellers) {
            let mut again = Vec::new();
            spellers.encode(&mut again);
            assert!(Spellers::decode(&again).is_ok());
            if let Ok(shapes) = Shapes::decode(shapes, &spellers) {
                rebuild_all(&shapes, &spellers, fix);
            }
        }
    }
    // Records, and what is not one.
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
    let leaves = Leaves::of(&schema.columns);
    let spellers = Spellers::of(&leaves, records.iter().map(|record| record.as_bytes()));
    let mut shaper = Shaper::new(&leaves, spellers.clone(), Limits::default());
    let all: Vec<usize> = (0..schema.columns.len()).collect();
    let mut extractor = Extractor::new(&schema, &all);
    let mut rows = Vec::new();
    for record in &records {
        extractor
            .push(record.as_bytes())
            .expect("the schema is of these");
        let mut fix = Vec::new();
        rows.push((shaper.shape(record.as_bytes(), &mut fix), fix));
    }
    let mut values =
        ArrowValues::new(&leaves, &extractor.finish().expect("as above")).expect("as above");
    let mut fix = Vec::new();
    let _ = shaper.shape(rest, &mut fix);
    let mut bytes = Vec::new();
    shaper.shapes().encode(&mut bytes);
    let shapes = Shapes::decode(&bytes, &spellers).expect("written by `encode`");
    for (number, (record, (shape, fix))) in records.iter().zip(&rows).enumerate() {
        if let Some(shape) = shape {
            let mut out = Vec::new();
            values.go_to(number);
            shapes
                .rebuild(&spellers, *shape, &mut values, fix, record.len(), &mut out)
                .expect("it was shaped");
            assert_eq!(out, record.as_bytes());
        }
    }
    rebuild_all(&shapes, &spellers, rest);
});
