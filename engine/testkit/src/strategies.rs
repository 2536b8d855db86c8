//! Strategies for proptest: data for a store, and sequences of operations on it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::json::line;

/// One call on a store, for tests that run it on the engine and on the [`crate::Model`].
#[derive(Debug, Clone)]
pub enum StoreOp {
    /// `put` these bytes.
    Put(Vec<u8>),
    /// `append` these records to this collection.
    Append {
        /// Its name.
        collection: String,
        /// One JSON value each.
        records: Vec<Vec<u8>>,
    },
    /// `delete` the blob that [`crate::Model::pick`] gives for this number.
    Delete(usize),
    /// `drop` this collection, there or not.
    Drop {
        /// Its name.
        collection: String,
    },
    /// `trim` this collection, there or not, before this sequence number.
    Trim {
        /// Its name.
        collection: String,
        /// Small, as sequences are short.
        before_seq: u64,
    },
    /// `commit`.
    Commit,
    /// `rollback`.
    Rollback,
    /// `seal`.
    Seal,
    /// `compact`, at this zstd level if there is one.
    Compact(Option<i32>),
    /// Close the store and open it again.
    Reopen,
    /// Lose the process or the power, and open the store again.
    Crash,
}

/// Few names, so that sequences of operations meet; among them ones that need quoting in SQL.
pub fn collection_name() -> impl Strategy<Value = String> {
    select(vec!["events", "Order Items", "a.b-c", "select"]).prop_map(str::to_owned)
}

/// A record as event streams have them: one shape, few names. Equal ones occur.
pub fn record() -> impl Strategy<Value = Vec<u8>> {
    (
        0..200_u32,
        select(vec!["PushEvent", "WatchEvent", "IssuesEvent"]),
        0..6_u8,
        select(vec!["", ",\"public\":true", ",\"payload\":{\"size\":3,\"tags\":[\"a\",\"b\"]}"]),
    )
        .prop_map(|(id, kind, user, more)| {
            format!(
                "{{\"id\":{id},\"type\":\"{kind}\",\"actor\":{{\"id\":{user},\"login\":\"user-{user}\",\
                 \"url\":\"https://api.example.org/users/user-{user}\"}},\"created_at\":\"2024-05-01T12:{:02}:00Z\"{more}}}",
                id % 60
            )
            .into_bytes()
        })
}

/// Bytes of a blob that need not be text: empty, small, compressible, incompressible, or larger than a page.
pub fn blob() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => Just(Vec::new()),
        4 => vec(any::<u8>(), 1..100),
        4 => record(),
        1 => (any::<u8>(), 1..40_000_usize).prop_map(|(byte, len)| vec![byte; len]),
        1 => (any::<u64>(), 10_000..40_000_usize).prop_map(|(seed, len)| noise(seed, len)),
    ]
}

/// Bytes that no compressor makes smaller, the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut rng = crate::rng::Rng::new(seed);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&rng.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// One operation: mostly writing, now and then a commit, seldom the rest.
pub fn store_op() -> impl Strategy<Value = StoreOp> {
    let record = prop_oneof![6 => record(), 1 => line().prop_map(String::into_bytes)];
    prop_oneof![
        6 => (collection_name(), vec(record, 1..12))
            .prop_map(|(collection, records)| StoreOp::Append { collection, records }),
        3 => blob().prop_map(StoreOp::Put),
        2 => any::<Index>().prop_map(|index| StoreOp::Delete(index.index(usize::MAX))),
        1 => collection_name().prop_map(|collection| StoreOp::Drop { collection }),
        1 => (collection_name(), 0..30_u64)
            .prop_map(|(collection, before_seq)| StoreOp::Trim { collection, before_seq }),
        4 => Just(StoreOp::Commit),
        1 => Just(StoreOp::Rollback),
        1 => Just(StoreOp::Seal),
        1 => select(vec![None, None, Some(1)]).prop_map(StoreOp::Compact),
        1 => Just(StoreOp::Reopen),
        1 => Just(StoreOp::Crash),
    ]
}

/// Up to `most` operations.
pub fn store_ops(most: usize) -> impl Strategy<Value = Vec<StoreOp>> {
    vec(store_op(), 1..=most.max(1))
}
