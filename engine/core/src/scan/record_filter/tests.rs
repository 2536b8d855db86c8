use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use lakebed_vfs::MemVfs;
use proptest::prelude::*;

use super::super::{Filter, Op, ScanRequest, Value};
use crate::{Options, Store};
use lakebed_json::schema::DataType;
use lakebed_testkit::json::record;

/// A store whose rows lie in many batches, several to a unit.
fn store(records: &[String]) -> Store {
    let store = Store::open_on(Arc::new(MemVfs::new()), Options::default()).unwrap();
    for records in records.chunks(3) {
        let mut records = records.iter().map(|record| Ok(record.clone().into_bytes()));
        store.append("c", &mut records).unwrap();
        store.commit().unwrap();
    }
    store
}

fn scan(store: &Store, columns: &[&str], filters: Vec<Filter>) -> Vec<RecordBatch> {
    let request = ScanRequest {
        columns: Some(columns.iter().map(ToString::to_string).collect()),
        filters,
        batch_rows: 7,
        threads: 1,
        ..ScanRequest::of("c")
    };
    let scan = store.scan(&request).unwrap();
    scan.collect::<Result<_, _>>().unwrap()
}

/// The constant that a row's value is.
fn constant(array: &dyn Array, row: usize, data_type: &DataType) -> Option<Value> {
    if array.is_null(row) {
        return None;
    }
    Some(match data_type {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::BigInt => Value::Int(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UBigInt => Value::Int(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::HugeInt => Value::Int(array.as_primitive::<Decimal128Type>().value(row)),
        DataType::Date => Value::Int(array.as_primitive::<Date32Type>().value(row).into()),
        DataType::Timestamp | DataType::TimestampTz => Value::Int(
            array
                .as_primitive::<TimestampMicrosecondType>()
                .value(row)
                .into(),
        ),
        DataType::Double => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Varchar => Value::Text(array.as_string::<i32>().value(row).to_owned()),
        _ => return None,
    })
}

fn operations(values: Vec<Value>) -> Vec<Op> {
    let mut operations = vec![Op::IsNull, Op::IsNotNull];
    for value in values.iter().take(2) {
        let make: [fn(Value) -> Op; 6] = [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge];
        operations.extend(make.map(|make| make(value.clone())));
    }
    if !values.is_empty() {
        operations.push(Op::In(values));
    }
    operations
}

fn seqs(batches: &[RecordBatch], column: usize) -> Vec<i64> {
    let values = |batch: &RecordBatch| {
        batch
            .column(column)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec()
    };
    batches.iter().flat_map(values).collect()
}

/// Whether SQL lets a value through; `null`, or a constant where its type is one that constants have.
fn passes(op: &Op, null: bool, value: Option<&Value>) -> bool {
    let order = |constant: &Value| match (value?, constant) {
        (Value::Bool(a), Value::Bool(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Int(b)) => a.partial_cmp(b),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => a.as_bytes().partial_cmp(b.as_bytes()),
        _ => None,
    };
    match op {
        Op::IsNull => null,
        Op::IsNotNull => !null,
        Op::Eq(constant) => order(constant) == Some(Ordering::Equal),
        Op::Ne(constant) => order(constant).is_some_and(|order| order != Ordering::Equal),
        Op::Lt(constant) => order(constant) == Some(Ordering::Less),
        Op::Gt(constant) => order(constant) == Some(Ordering::Greater),
        Op::Le(constant) => order(constant).is_some_and(|order| order != Ordering::Greater),
        Op::Ge(constant) => order(constant).is_some_and(|order| order != Ordering::Less),
        Op::In(constants) => constants
            .iter()
            .any(|constant| order(constant) == Some(Ordering::Equal)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_record_passes_when_its_columns_do(
        records in prop::collection::vec(record().prop_map(|record| record.replace(['\r', '\n'], " ")), 1..20),
    ) {
        let store = store(&records);
        let schema = store.schema("c").unwrap();
        for column in &schema.columns {
            let all = scan(&store, &[&column.name, "_seq"], Vec::new());
            prop_assert_eq!(seqs(&all, 1), (0..records.len() as i64).collect::<Vec<_>>());
            let values = all.iter().flat_map(|batch| {
                (0..batch.num_rows()).filter_map(|row| constant(batch.column(0), row, &column.data_type))
            });
            for op in operations(values.collect()) {
                let mut wanted = Vec::new();
                for batch in &all {
                    let values = batch.column(0);
                    let seqs = batch.column(1).as_primitive::<Int64Type>();
                    let passing = (0..batch.num_rows()).filter(|row| {
                        let value = constant(values, *row, &column.data_type);
                        passes(&op, values.is_null(*row), value.as_ref())
                    });
                    wanted.extend(passing.map(|row| seqs.value(row)));
                }
                let filter = Filter { column: column.name.clone(), op: op.clone() };
                let found = scan(&store, &["_json", "_seq"], vec![filter]);
                prop_assert_eq!(seqs(&found, 1), wanted.clone(), "{} {:?}", column.name, op);
                let texts = found.iter().flat_map(|batch| {
                    batch.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<_>>()
                });
                let own = wanted.iter().map(|seq| records[*seq as usize].clone());
                prop_assert_eq!(texts.collect::<Vec<_>>(), own.collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn small_batches_share_a_unit_and_keep_what_is_theirs() {
    let records: Vec<String> = (0..40).map(|n| format!("{{\"n\":{n}}}")).collect();
    let store = store(&records);
    let columns = [
        "n",
        "_seq",
        "_line",
        "_hash",
        "_hash",
        "_file",
        "_ingested_at",
    ];
    let batches = scan(&store, &columns, Vec::new());
    assert_eq!(
        batches
            .iter()
            .map(RecordBatch::num_rows)
            .collect::<Vec<_>>(),
        [7, 7, 7, 7, 7, 5]
    );
    assert_eq!(seqs(&batches, 0), (0..40).collect::<Vec<_>>());
    let filters = vec![
        Filter {
            column: "n".to_owned(),
            op: Op::Ge(Value::Int(10)),
        },
        Filter {
            column: "_seq".to_owned(),
            op: Op::Ne(Value::Int(12)),
        },
        Filter {
            column: "n".to_owned(),
            op: Op::Lt(Value::Int(14)),
        },
    ];
    let batches = scan(&store, &columns, filters);
    assert_eq!(seqs(&batches, 1), [10, 11, 13]);
    assert_eq!(
        batches
            .iter()
            .map(|batch| batch.column(6).null_count())
            .sum::<usize>(),
        0
    );
}
