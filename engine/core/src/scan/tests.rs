use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, RecordBatch};
use lakebed_format::{Hash, Seq};
use lakebed_vfs::MemVfs;

use super::{Filter, Op, Part, ScanRequest, Value};
use crate::{Options, Store};

fn store(rows: usize) -> Store {
    let store = Store::open_on(Arc::new(MemVfs::new()), Options::default()).unwrap();
    let mut records = (0..rows).map(|n| {
        let city = if n % 3 == 0 { "Oslo" } else { "Rome" };
        Ok(format!(r#"{{"n":{n},"city":"{city}","even":{}}}"#, n % 2 == 0).into_bytes())
    });
    store.append("trips", &mut records).unwrap();
    store
}

fn scan(store: &Store, request: &ScanRequest) -> Vec<RecordBatch> {
    store
        .scan(request)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn numbers(batches: &[RecordBatch], column: usize) -> Vec<i64> {
    batches
        .iter()
        .flat_map(|batch| {
            batch
                .column(column)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        })
        .collect()
}

fn asking(columns: &[&str], filters: Vec<(&str, Op)>) -> ScanRequest {
    ScanRequest {
        columns: Some(columns.iter().map(ToString::to_string).collect()),
        filters: filters
            .into_iter()
            .map(|(column, op)| Filter {
                column: column.to_owned(),
                op,
            })
            .collect(),
        batch_rows: 100,
        threads: 2,
        ..ScanRequest::of("trips")
    }
}

#[test]
fn rows_come_in_order_pending_committed_and_sealed() {
    let store = store(1000);
    for step in 0..3 {
        let batches = scan(&store, &asking(&["n", "_seq"], Vec::new()));
        assert_eq!(numbers(&batches, 0), (0..1000).collect::<Vec<_>>());
        assert_eq!(numbers(&batches, 1), (0..1000).collect::<Vec<_>>());
        match step {
            0 => drop(store.commit().unwrap()),
            _ => store.seal().unwrap(),
        }
    }
}

#[test]
fn system_columns_say_where_a_row_comes_from() {
    let store = store(5);
    let batches = scan(
        &store,
        &asking(&["_json", "_hash", "_file", "_line"], Vec::new()),
    );
    let batch = &batches[0];
    let json = batch.column(0).as_string::<i32>().value(1);
    assert_eq!(json, r#"{"n":1,"city":"Rome","even":false}"#);
    assert_eq!(
        batch.column(1).as_string::<i32>().value(1),
        Hash::of(json.as_bytes()).to_string()
    );
    assert_eq!(batch.column(2).null_count(), 5);
    assert_eq!(batch.column(3).null_count(), 5);
}

#[test]
fn filters_also_apply_to_columns_outside_the_projection() {
    let store = store(300);
    let oslo = Op::Eq(Value::Text("Oslo".to_owned()));
    let filters = vec![
        ("city", oslo),
        ("even", Op::Eq(Value::Bool(true))),
        ("_seq", Op::Ge(Value::Int(100))),
        ("n", Op::Lt(Value::Int(130))),
    ];
    let batches = scan(&store, &asking(&["n"], filters));
    assert_eq!(numbers(&batches, 0), [102, 108, 114, 120, 126]);
    let one_of = Op::In(vec![Value::Int(7), Value::Int(299), Value::Int(300)]);
    let batches = scan(&store, &asking(&["n"], vec![("n", one_of)]));
    assert_eq!(numbers(&batches, 0), [7, 299]);
    let wrong = asking(&["n"], vec![("n", Op::Eq(Value::Text("7".to_owned())))]);
    assert!(store.scan(&wrong).is_err());
}

#[test]
fn deleted_and_trimmed_rows_are_gone_and_a_snapshot_keeps_them() {
    let store = store(10);
    store.commit().unwrap();
    let before = store.snapshot().unwrap();
    store
        .delete(&Hash::of(br#"{"n":4,"city":"Rome","even":true}"#))
        .unwrap();
    store.trim("trips", Seq(2)).unwrap();
    let batches = scan(&store, &asking(&["n"], Vec::new()));
    assert_eq!(numbers(&batches, 0), [2, 3, 5, 6, 7, 8, 9]);
    let seen: usize = before
        .scan(&asking(&["_seq"], Vec::new()))
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(seen, 10);
}

#[test]
fn rows_in_no_order_of_their_blobs_come_in_theirs() {
    let store = store(500);
    store.commit().unwrap();
    let mut again = (0..500).map(|n| {
        let n = n * 37 % 500;
        let city = if n % 3 == 0 { "Oslo" } else { "Rome" };
        Ok(format!(r#"{{"n":{n},"city":"{city}","even":{}}}"#, n % 2 == 0).into_bytes())
    });
    let added = store.append("trips", &mut again).unwrap();
    assert_eq!(added.new_blobs, 0);
    let batches = scan(&store, &asking(&["n"], Vec::new()));
    let wanted: Vec<i64> = (0..500).chain((0..500).map(|n| n * 37 % 500)).collect();
    assert_eq!(numbers(&batches, 0), wanted);
}

#[test]
fn system_tables_tell_what_is_stored() {
    let store = store(100);
    store.put(&[7; 5000]).unwrap();
    store.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    for table in super::system::SYSTEM_TABLES {
        let rows: usize = snapshot
            .system_table(table, None)
            .unwrap()
            .map(|batch| batch.unwrap().num_rows())
            .sum();
        let wanted = match table {
            "blobs" => 101,
            "dictionaries" => 0,
            _ => 1,
        };
        assert_eq!(rows, wanted, "{table}");
    }
    let names = ["size".to_owned(), "kind".to_owned()];
    let pinned: Vec<_> = snapshot
        .system_table("blobs", Some(&names))
        .unwrap()
        .flat_map(|batch| {
            let batch = batch.unwrap();
            let kinds: Vec<String> = batch
                .column(1)
                .as_string::<i32>()
                .iter()
                .flatten()
                .map(str::to_owned)
                .collect();
            numbers(&[batch], 0)
                .into_iter()
                .zip(kinds)
                .collect::<Vec<_>>()
        })
        .filter(|(_, kind)| kind == "pinned")
        .collect();
    assert_eq!(pinned, [(5000, "pinned".to_owned())]);
}

#[test]
fn a_scan_without_matches_gives_heartbeats_on_request() {
    let store = store(20_000);
    let filter = || vec![("n", Op::Eq(Value::Int(17_000)))];
    let quiet = scan(&store, &asking(&["_seq", "n"], filter()));
    assert_eq!(numbers(&quiet, 0).len(), 1);
    let request = ScanRequest {
        heartbeat: Some(std::time::Duration::ZERO),
        batch_rows: 1000,
        ..asking(&["_seq", "n"], filter())
    };
    let batches = scan(&store, &request);
    let (signs, rows): (Vec<_>, Vec<_>) = batches
        .into_iter()
        .partition(|batch| batch.column(0).null_count() > 0);
    assert!(signs.len() > 5, "{}", signs.len());
    for sign in &signs {
        assert_eq!(sign.num_rows(), 1);
        assert_eq!(sign.column(1).null_count(), 1);
    }
    assert_eq!(numbers(&rows, 0), numbers(&quiet, 0));
}

#[test]
fn parts_taken_by_several_threads_are_the_whole() {
    let store = store(1000);
    store.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    let parts = snapshot.parts(&asking(&["n"], Vec::new())).unwrap();
    assert_eq!(parts.count(), 10);
    let taken = || {
        std::iter::from_fn(|| parts.take())
            .flat_map(|part| match part.unwrap() {
                Part::Batches(batches) => batches,
                Part::Numbers(_) => panic!("a typed column was requested"),
            })
            .collect::<Vec<_>>()
    };
    let mut all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(taken)).collect();
        threads
            .into_iter()
            .flat_map(|thread| numbers(&thread.join().unwrap(), 0))
            .collect::<Vec<_>>()
    });
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
    assert!(parts.take().is_none());
}

#[test]
fn parts_of_sequence_numbers_alone_are_those_of_the_scan() {
    let store = store(950);
    store.seal().unwrap();
    store
        .append("trips", &mut (0..50).map(|_| Ok(b"[]".to_vec())))
        .unwrap();
    store.commit().unwrap();
    store
        .append("trips", &mut (0..5).map(|_| Ok(b"{}".to_vec())))
        .unwrap();
    let record = br#"{"n":333,"city":"Oslo","even":false}"#;
    store.delete(&Hash::of(record)).unwrap();
    store.delete(&Hash::of(b"[]")).unwrap();
    store.trim("trips", Seq(10)).unwrap();
    let taken = |filters, range| {
        let request = ScanRequest {
            range,
            ..asking(&["_seq"], filters)
        };
        let parts = store.snapshot().unwrap().parts(&request).unwrap();
        let mut found = Vec::new();
        let mut as_ranges = 0;
        while let Some(part) = parts.take() {
            match part.unwrap() {
                Part::Numbers(ranges) => {
                    as_ranges += ranges.len();
                    found.extend(
                        ranges
                            .into_iter()
                            .flat_map(|r| r.start.0 as i64..r.end.0 as i64),
                    );
                }
                Part::Batches(batches) => found.extend(numbers(&batches, 0)),
            }
        }
        assert_eq!(found, numbers(&scan(&store, &request), 0));
        (found, as_ranges)
    };
    let (all, ranges) = taken(Vec::new(), None);
    let expected = (10..950).filter(|n| *n != 333).chain(1000..1005);
    assert_eq!(all, expected.collect::<Vec<_>>());
    // Nine and a half parts of a hundred rows, one of them with a gap, and what is pending.
    assert!(ranges <= 13, "{ranges}");
    let (some, _) = taken(Vec::new(), Some(Seq(300)..Seq(340)));
    assert_eq!(some.len(), 39);
    let (filtered, ranges) = taken(vec![("_seq", Op::Ge(Value::Int(940)))], None);
    assert_eq!((filtered.len(), ranges), (15, 0));
    let (filtered, ranges) = taken(vec![("n", Op::Lt(Value::Int(20)))], None);
    assert_eq!((filtered.len(), ranges), (10, 0));
}

#[test]
fn a_scan_as_of_a_commit_has_the_rows_that_were_there() {
    let store = store(10);
    let first = store.commit().unwrap();
    store.seal().unwrap();
    store
        .append("trips", &mut std::iter::once(Ok(br#"{"n":10}"#.to_vec())))
        .unwrap();
    let second = store.commit().unwrap();
    store
        .append("trips", &mut std::iter::once(Ok(br#"{"n":11}"#.to_vec())))
        .unwrap();
    let rows = |commit| {
        let request = ScanRequest {
            as_of: Some(commit),
            ..asking(&["n"], Vec::new())
        };
        store.scan(&request).map(|scan| {
            let batches: Vec<_> = scan.collect::<Result<_, _>>().unwrap();
            numbers(&batches, 0).len()
        })
    };
    assert_eq!(rows(crate::CommitNumber(0)).unwrap(), 0);
    assert_eq!(rows(first).unwrap(), 10);
    assert_eq!(rows(second).unwrap(), 11);
    let error = rows(crate::CommitNumber(second.0 + 1)).unwrap_err();
    assert!(error.to_string().contains("has no commit"), "{error}");
}

#[test]
fn requested_types_hold_every_value_or_are_an_error() {
    let store = Store::open_on(Arc::new(MemVfs::new()), Options::default()).unwrap();
    let lines = [
        r#"{"a":1,"t":"x\n"}"#,
        r#"{"a":"two","t":null}"#,
        r#"{"a":[3]}"#,
    ];
    store
        .append(
            "mixed",
            &mut lines.iter().map(|l| Ok(l.as_bytes().to_vec())),
        )
        .unwrap();
    let ask = |types: &[(&str, &str)], columns: &[&str]| ScanRequest {
        columns: Some(columns.iter().map(ToString::to_string).collect()),
        types: types
            .iter()
            .map(|(name, data_type)| ((*name).to_owned(), data_type.parse().unwrap()))
            .collect(),
        ..ScanRequest::of("mixed")
    };
    let texts = |request: &ScanRequest| {
        let batches = scan(&store, request);
        let column = batches[0].column(0).as_string::<i32>();
        let values: Vec<_> = column.iter().map(|v| v.map(ToOwned::to_owned)).collect();
        values
    };
    let some = |text: &str| Some(text.to_owned());
    let request = ask(&[("a", "VARCHAR")], &["a"]);
    assert_eq!(texts(&request), [some("1"), some("two"), some("[3]")]);
    assert_eq!(
        texts(&ask(&[("t", "JSON")], &["t"])),
        [some(r#""x\n""#), None, None]
    );
    assert_eq!(
        texts(&ask(&[("t", "VARCHAR")], &["t"])),
        [some("x\n"), None, None]
    );
    assert_eq!(texts(&ask(&[("z", "VARCHAR")], &["z"])), [None, None, None]);
    let error = store
        .scan(&ask(&[("a", "BIGINT")], &["a"]))
        .unwrap()
        .find_map(Result::err)
        .unwrap();
    assert!(error.to_string().contains("BIGINT cannot hold"), "{error}");
    let filtered = ScanRequest {
        filters: asking(&[], vec![("a", Op::IsNull)]).filters,
        ..request
    };
    assert!(store.scan(&filtered).is_err());
    assert!(store.scan(&ask(&[("_seq", "VARCHAR")], &["_seq"])).is_err());
}

/// Whatever holds a record, its text is the same as a copy and as a view, and a view outlives the store.
#[test]
fn json_as_views_is_json_as_copies() {
    let store = Store::open_on(Arc::new(MemVfs::new()), Options::default()).unwrap();
    let large = format!(r#"{{"large":"{}"}}"#, "ä€".repeat(40_000));
    let record = |n: usize| match n % 7 {
        0 => "1".to_owned(),
        1 => large.clone(),
        2 => format!(r#"{{"ten":{}}}"#, n / 10),
        _ => format!(r#"{{"n":{n},"text":"größer als zwölf Bytes"}}"#),
    };
    // The second half repeats records of the first in another order, so that its blobs lie in no order.
    let order = (0..400).chain((0..400).map(|n| n * 37 % 400));
    let records: Vec<String> = order.map(record).collect();
    let mut rows = records.iter().map(|text| Ok(text.clone().into_bytes()));
    store.append("trips", &mut rows).unwrap();
    let views = |filters| ScanRequest {
        text_views: true,
        ..asking(&["_seq", "_json"], filters)
    };
    for step in 0..3 {
        let batches = scan(&store, &views(Vec::new()));
        let found: Vec<&str> = batches
            .iter()
            .flat_map(|batch| batch.column(1).as_string_view().iter().flatten())
            .collect();
        assert!(found == records, "step {step}");
        for batch in &batches {
            // Arrow's own check of what was made without one.
            batch.column(1).to_data().validate_full().unwrap();
        }
        let some = scan(&store, &views(vec![("n", Op::Lt(Value::Int(40)))]));
        let texts = some
            .iter()
            .flat_map(|batch| batch.column(1).as_string_view().iter().flatten());
        let expected = records
            .iter()
            .filter(|text| (0..40).any(|n| n % 7 > 2 && **text == record(n)));
        assert!(texts.eq(expected), "step {step}");
        match step {
            0 => drop(store.commit().unwrap()),
            _ => store.seal().unwrap(),
        }
    }
    let kept = scan(&store, &views(Vec::new()));
    store.close().unwrap();
    drop(store);
    let texts = kept
        .iter()
        .flat_map(|batch| batch.column(1).as_string_view().iter().flatten());
    assert!(texts.eq(records.iter().map(String::as_str)));
}

#[test]
fn batches_of_large_records_have_fewer_of_them() {
    const LENGTH: usize = 8000;
    let store = Store::open_on(Arc::new(MemVfs::new()), Options::default()).unwrap();
    let mut records = (0..4000).map(|n: usize| {
        let words = (0..LENGTH / 16).map(|word| format!("{:016x}", (n * 7919 + word) * 104_729));
        let text = words.collect::<Vec<_>>().concat();
        Ok(format!(r#"{{"n":{n},"text":"{text}"}}"#).into_bytes())
    });
    store.append("trips", &mut records).unwrap();
    store.commit().unwrap();
    store.seal().unwrap();
    for views in [false, true] {
        let request = ScanRequest {
            columns: Some(vec!["_json".to_owned()]),
            text_views: views,
            ..ScanRequest::of("trips")
        };
        let batches = scan(&store, &request);
        let rows = batches.iter().map(RecordBatch::num_rows);
        assert_eq!(rows.clone().sum::<usize>(), 4000);
        // About a MiB each, whatever the number of rows.
        assert!(rows.max().unwrap() * LENGTH < 2 << 20);
    }
    let numbers = scan(
        &store,
        &ScanRequest {
            columns: Some(vec!["_seq".to_owned()]),
            ..ScanRequest::of("trips")
        },
    );
    assert_eq!(numbers.len(), 1, "what reads no record is not cut up");
}
