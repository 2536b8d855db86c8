//! The page reader against the crate's own reader, on everything that is written.

mod dictionaries;
mod prefixes;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema as ArrowSchema};
use lakebed_format::checksum;
use lakebed_format::coding::Reader;
use lakebed_json::extract::Extractor;
use lakebed_json::schema::{
    Schema, Settings, Summary, arrow_schema, to_columns, validate_and_observe,
};
use lakebed_json::shapes::{LeafKind, LeafValues, Leaves};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use crate::{Lists, Page, PageDictionary, PageDirectory, Pages, PartWriter, RowValues};

const SALT: u64 = 77;

/// A part in memory.
struct Part {
    bytes: Vec<u8>,
    directory: PageDirectory,
}

/// Reads the pages of a part in memory; keeps nothing.
#[derive(Debug)]
struct Unkept<'a>(&'a [u8], &'a PageDirectory);

impl Pages for Unkept<'_> {
    fn page(&mut self, leaf: usize, row: u64) -> Option<Arc<Page>> {
        let found = self.1.page(leaf, row)?;
        let bytes = |entry: &crate::PageEntry| {
            let bytes = &self.0[entry.offset as usize..][..entry.len as usize];
            assert_eq!(checksum(SALT, entry.offset, bytes), entry.checksum);
            bytes
        };
        let dictionary = found
            .dictionary
            .map(|entry| PageDictionary::decode(found.leaf, entry, bytes(entry)).unwrap());
        let page = Page::decode(
            found.leaf,
            found.page,
            found.rows,
            dictionary.as_ref(),
            bytes(found.page),
        );
        Some(Arc::new(page.unwrap()))
    }
}

fn columns_of(records: &[String]) -> (Schema, RecordBatch) {
    let mut summary = Summary::new();
    for record in records {
        validate_and_observe(record.as_bytes(), &mut summary).unwrap();
    }
    let schema = to_columns(&summary, &Settings::default());
    let all: Vec<usize> = (0..schema.columns.len()).collect();
    let mut extractor = Extractor::new(&schema, &all);
    for record in records {
        extractor.push(record.as_bytes()).unwrap();
    }
    let arrays = extractor.finish().unwrap();
    let fields = arrow_schema(&schema, &all);
    (
        schema,
        RecordBatch::try_new(Arc::new(fields), arrays).unwrap(),
    )
}

fn part_of(batch: &RecordBatch, pieces: usize) -> Part {
    let mut bytes = Vec::new();
    let fields: Vec<_> = batch
        .schema()
        .fields()
        .iter()
        .map(|f| f.as_ref().clone())
        .collect();
    let mut writer = PartWriter::new(fields, 3, &mut bytes);
    let step = batch.num_rows().div_ceil(pieces).max(1);
    for start in (0..batch.num_rows()).step_by(step) {
        writer
            .push(batch.slice(start, step.min(batch.num_rows() - start)))
            .unwrap();
    }
    let written = writer.finish().unwrap();
    let directory = written
        .directory(SALT, &mut |offset, into| {
            into.copy_from_slice(&bytes[offset as usize..][..into.len()]);
            Ok(())
        })
        .unwrap();
    let mut encoded = Vec::new();
    directory.encode(&mut encoded);
    let decoded = PageDirectory::decode(&mut Reader::new("directory", &encoded, 0)).unwrap();
    assert_eq!(decoded, directory);
    Part { bytes, directory }
}

/// What a row gives: the values of each leaf, and the lengths of each list.
#[derive(Debug, Default, PartialEq)]
struct RowOf {
    leaves: Vec<Vec<String>>,
    lists: Vec<Vec<usize>>,
}

/// Walks a value of an array in the order in which leaves and lists are numbered.
fn walk(array: &ArrayRef, row: usize, present: bool, at: &mut (usize, usize), out: &mut RowOf) {
    let here = present && array.is_valid(row);
    match array.data_type() {
        DataType::Struct(_) => {
            for field in array.as_struct().columns() {
                walk(field, row, here, at, out);
            }
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let range = list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize;
            elements(&[list.values()], if here { range } else { 0..0 }, at, out);
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let range = map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize;
            elements(
                &[map.keys(), map.values()],
                if here { range } else { 0..0 },
                at,
                out,
            );
        }
        _ => {
            if out.leaves.len() <= at.0 {
                out.leaves.resize(at.0 + 1, Vec::new());
            }
            if here {
                let text = scalar(array, row);
                out.leaves[at.0].push(text);
            }
            at.0 += 1;
        }
    }
}

fn elements(
    of: &[&ArrayRef],
    range: std::ops::Range<usize>,
    at: &mut (usize, usize),
    out: &mut RowOf,
) {
    if out.lists.len() <= at.1 {
        out.lists.resize(at.1 + 1, Vec::new());
    }
    if !range.is_empty() {
        out.lists[at.1].push(range.len());
    }
    at.1 += 1;
    let start = *at;
    let mut end = start;
    let absent = range.is_empty();
    for element in if absent { 0..1 } else { range } {
        *at = start;
        for array in of {
            if absent {
                skip(array, at, out);
            } else {
                walk(array, element, true, at, out);
            }
        }
        end = *at;
    }
    *at = end;
}

/// Passes the leaves and lists of an array.
fn skip(array: &ArrayRef, at: &mut (usize, usize), out: &mut RowOf) {
    match array.data_type() {
        DataType::Struct(_) => array
            .as_struct()
            .columns()
            .iter()
            .for_each(|f| skip(f, at, out)),
        DataType::List(_) => elements(&[array.as_list::<i32>().values()], 0..0, at, out),
        DataType::Map(_, _) => {
            let map = array.as_map();
            elements(&[map.keys(), map.values()], 0..0, at, out);
        }
        _ => {
            if out.leaves.len() <= at.0 {
                out.leaves.resize(at.0 + 1, Vec::new());
            }
            at.0 += 1;
        }
    }
}

fn scalar(array: &ArrayRef, row: usize) -> String {
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Decimal128(_, _) => array
            .as_primitive::<Decimal128Type>()
            .value(row)
            .to_string(),
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .value(row)
            .to_bits()
            .to_string(),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Timestamp(_, _) => array
            .as_primitive::<TimestampMicrosecondType>()
            .value(row)
            .to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        other => panic!("{other}"),
    }
}

fn expected(columns: &[ArrayRef], row: usize) -> RowOf {
    let (mut at, mut out) = ((0, 0), RowOf::default());
    for column in columns {
        walk(column, row, true, &mut at, &mut out);
    }
    out
}

fn found<P: Pages>(leaves: &Leaves, values: &mut RowValues<'_, P>, row: u64) -> RowOf {
    values.go_to(row);
    let mut out = RowOf::default();
    for (number, leaf) in leaves.leaves().iter().enumerate() {
        let mut own = Vec::new();
        loop {
            let next = match leaf.kind {
                LeafKind::Boolean => values.boolean(number).map(|v| v.to_string()),
                LeafKind::BigInt | LeafKind::Date | LeafKind::Timestamp | LeafKind::TimestampTz => {
                    values.integer(number).map(|v| v.to_string())
                }
                LeafKind::UBigInt => values.unsigned(number).map(|v| v.to_string()),
                LeafKind::HugeInt => values.huge(number).map(|v| v.to_string()),
                LeafKind::Double => values.double(number).map(|v| v.to_bits().to_string()),
                LeafKind::Varchar | LeafKind::Json => values
                    .text(number)
                    .map(|v| String::from_utf8(v.to_vec()).unwrap()),
            };
            match next {
                Some(value) => own.push(value),
                None => break,
            }
        }
        out.leaves.push(own);
    }
    for list in 0..leaves.lists().len() {
        let mut own = Vec::new();
        while let Some(length) = values.length(list) {
            own.push(length);
        }
        out.lists.push(own);
    }
    out
}

/// Writes records as a part, and reads each row in both ways.
fn check(records: &[String], pieces: usize) {
    let (schema, batch) = columns_of(records);
    if batch.num_columns() == 0 {
        // A part has columns of its own besides those of records; a Parquet file with none has no rows.
        return;
    }
    let part = part_of(&batch, pieces);
    let leaves = Leaves::of(&schema.columns);
    let lists = leaves
        .lists()
        .iter()
        .map(|list| (list.leaves.start, list.depth));
    let lists = Lists::new(&part.directory, lists).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes_of(&part)).unwrap();
    let reader = reader.with_batch_size(1024).build().unwrap();
    let pages = Unkept(&part.bytes, &part.directory);
    let mut values = RowValues::new(pages, part.directory.leaves.len(), &lists);
    let mut row = 0;
    for read in reader {
        let read = read.unwrap();
        for at in 0..read.num_rows() {
            let wanted = expected(read.columns(), at);
            assert_eq!(wanted, expected(batch.columns(), row), "written, row {row}");
            let own = found(&leaves, &mut values, row as u64);
            assert_eq!(own, wanted, "row {row}: {}", records[row]);
            row += 1;
        }
    }
    assert_eq!(row, records.len());
    assert_eq!(part.directory.rows, row as u64);
    let _: &ArrowSchema = &batch.schema();
}

fn bytes_of(part: &Part) -> std::fs::File {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&part.bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// Numbers from a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below.max(1)
    }

    /// A value of one of the kinds that a column has.
    fn value(&mut self, kind: u64, depth: u32) -> String {
        if self.next(5) == 0 {
            return "null".to_owned();
        }
        match kind {
            0 => ["true", "false"][self.next(2) as usize].to_owned(),
            1 => (self.next(1 << 31) as i64 - (1 << 30)).to_string(),
            2 => (u64::MAX - self.next(1000)).to_string(),
            3 => format!("-{}{}", self.next(1 << 30), u64::MAX),
            4 => format!("{}.{}", self.next(1000), self.next(100) * 2 + 1),
            5 => format!("\"{}\"", "wörd ".repeat(self.next(30) as usize)),
            6 => format!("\"common/prefix/{}\"", self.next(100_000)),
            7 => format!(
                "\"20{:02}-0{}-1{}\"",
                self.next(90) + 10,
                self.next(9) + 1,
                self.next(10)
            ),
            8 => format!("\"2024-02-1{}T0{}:00:00Z\"", self.next(10), self.next(10)),
            9 => ["\"a\"", "\"b\"", "\"c\""][self.next(3) as usize].to_owned(),
            // Of several kinds: JSON.
            10 => [("1"), ("\"x\""), ("[2]")][self.next(3) as usize].to_owned(),
            11 if depth > 0 => {
                let inner = self.0 % 11;
                let own: Vec<String> = (0..self.next(4))
                    .map(|_| self.value(kind - 1 - inner % 4, depth - 1))
                    .collect();
                format!("[{}]", own.join(","))
            }
            12 if depth > 0 => {
                let own: Vec<String> = (0..self.next(4))
                    .map(|_| self.value(13, depth - 1))
                    .collect();
                format!("[{}]", own.join(","))
            }
            13 if depth > 0 => {
                let kinds = [1, 9, 11, 13, 5];
                let fields = kinds
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| *place < 2 + depth as usize);
                let mut own = Vec::new();
                for (place, kind) in fields {
                    if self.next(3) > 0 {
                        own.push(format!("\"f{place}\":{}", self.value(*kind, depth - 1)));
                    }
                }
                format!("{{{}}}", own.join(","))
            }
            // Many keys: a MAP.
            14 => {
                let keys = (0..self.next(4)).map(|_| (self.next(5000), self.next(9)));
                let own: Vec<String> = keys
                    .map(|(key, value)| format!("\"k{key}\":{value}"))
                    .collect();
                format!("{{{}}}", own.join(","))
            }
            _ => "[[1,2],[],null,[3]]".to_owned(),
        }
    }

    fn record(&mut self, kinds: &[u64]) -> String {
        let mut own = Vec::new();
        for (place, kind) in kinds.iter().enumerate() {
            if self.next(6) > 0 {
                own.push(format!("\"c{place}\":{}", self.value(*kind, 3)));
            }
        }
        format!("{{{}}}", own.join(","))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_what_the_parquet_crate_reads(
        seed: u64,
        kinds in prop::collection::vec(0_u64..16, 1..7),
        rows in prop_oneof![1_usize..40, 40_usize..700],
        pieces in 1_usize..4,
    ) {
        let mut numbers = Numbers(seed);
        let records: Vec<String> = (0..rows).map(|_| numbers.record(&kinds)).collect();
        check(&records, pieces);
    }

    #[test]
    fn arbitrary_bytes_are_no_directory_or_an_odd_one(bytes: Vec<u8>, row: u64) {
        if let Ok(directory) = PageDirectory::decode(&mut Reader::new("directory", &bytes, 0)) {
            for leaf in 0..directory.leaves.len() {
                let _ = directory.page(leaf, row);
            }
        }
    }

    #[test]
    fn damaged_pages_give_errors(seed: u64, at in any::<prop::sample::Index>(), to: u8, cut: u8) {
        let mut numbers = Numbers(seed);
        let records: Vec<String> = (0..200).map(|_| numbers.record(&[1, 5, 6, 9, 12, 3])).collect();
        let (_, batch) = columns_of(&records);
        let part = part_of(&batch, 1);
        let pages: Vec<_> = (0..part.directory.leaves.len())
            .filter_map(|leaf| part.directory.page(leaf, 0))
            .collect();
        let found = pages[at.index(pages.len())];
        let dictionary = found.dictionary.map(|entry| {
            let bytes = &part.bytes[entry.offset as usize..][..entry.len as usize];
            PageDictionary::decode(found.leaf, entry, bytes).unwrap()
        });
        // The body without compression, so that damage gets past it.
        let entry = *found.page;
        let bytes = &part.bytes[entry.offset as usize..][..entry.len as usize];
        let frame = &bytes[entry.header_len as usize + 4..];
        let mut raw = lakebed_codec::decode(
            lakebed_format::Encoding::Zstd, None, frame, u64::from(entry.raw_len)).unwrap();
        let place = at.index(raw.len());
        raw[place] = to;
        raw.truncate(raw.len().saturating_sub(usize::from(cut) % 4));
        let _ = Page::of_body(found.leaf, &entry, found.rows, dictionary.as_ref(), raw);
    }
}

#[test]
fn rows_of_many_pages_and_row_groups_are_found() {
    let mut numbers = Numbers(4);
    let records: Vec<String> = (0..66_000)
        .map(|at| {
            format!(
                "{{\"n\":{at},\"t\":\"{}\",\"l\":{}}}",
                numbers.next(90),
                numbers.value(11, 1)
            )
        })
        .collect();
    check(&records, 3);
}

#[test]
fn a_part_without_rows_is_a_file() {
    let (_, batch) = columns_of(&["{\"a\":1}".to_owned()]);
    let part = part_of(&batch.slice(0, 0), 1);
    assert_eq!(part.directory.rows, 0);
    assert!(part.directory.page(0, 0).is_none());
}
