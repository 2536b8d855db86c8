//! The work that is interrupted: what was there before, and the steps under test.

use lakebed_core::{Hash, Options, StoredLayout};
pub(crate) use lakebed_testkit::records::similar as record;
use lakebed_testkit::{Model, strategies::noise};
use lakebed_vfs::MemVfs;
use std::sync::Arc;

use crate::recovery::support::options;
use crate::recovery::support::runner::{Runner, Step};

/// Work to interrupt.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// What happened before, undisturbed.
    pub(crate) before: Vec<Step>,
    pub(crate) steps: Vec<Step>,
    pub(crate) options: Options,
    /// It commits on its way, so that a crash may leave states between two steps.
    pub(crate) between: bool,
    /// Crash images of it are large: fewer are tried.
    pub(crate) heavy: bool,
}

impl Workload {
    fn new(name: &'static str, before: Vec<Step>, steps: Vec<Step>) -> Self {
        Self {
            name,
            before,
            steps,
            options: options(),
            between: false,
            heavy: false,
        }
    }

    /// The disk before the steps, and the model of it.
    pub(crate) fn prepare(&self) -> (MemVfs, Model) {
        let disk = MemVfs::new();
        if self.before.is_empty() {
            return (disk, Model::default());
        }
        let mut runner = Runner::new(
            Arc::new(disk.clone()),
            self.options.clone(),
            Model::default(),
        );
        runner
            .run(&self.before)
            .unwrap_or_else(|error| panic!("preparing {:?}: {error:?}", self.name));
        let store = runner.store.take().unwrap();
        store.close().unwrap();
        (disk, runner.model)
    }
}

pub(crate) fn records(range: std::ops::Range<usize>) -> impl Iterator<Item = Vec<u8>> {
    range.map(record)
}

/// Some of everything: two collections, equal records, a blob that does not shrink, a deleted one, a sealed segment and
/// an active one with two commits.
pub(crate) fn some_of_everything() -> Vec<Step> {
    vec![
        Step::append("events", records(0..20)),
        Step::put(noise(1, 1500)),
        Step::put("a pinned blob"),
        Step::Commit,
        Step::append("Order Items", records(10..25)),
        Step::Delete(Hash::of(&record(3))),
        Step::Commit,
        Step::Seal,
        Step::append("events", records(18..40)),
        Step::Commit,
        Step::put(noise(2, 700)),
        Step::append("Order Items", [b"null".to_vec(), b" [1, 2] ".to_vec()]),
        Step::Commit,
    ]
}

fn text(range: std::ops::Range<usize>) -> Vec<u8> {
    records(range)
        .flat_map(|record| [record, b"\n".to_vec()].concat())
        .collect()
}

/// All of them.
pub(crate) fn all() -> Vec<Workload> {
    let before = some_of_everything;
    let mut small_segments = options();
    small_segments.segment_bytes = 3000;
    let mut all = vec![
        Workload::new("create", vec![], vec![Step::put("first"), Step::Commit]),
        Workload::new(
            "put",
            before(),
            vec![Step::put(noise(3, 2000)), Step::Commit],
        ),
        Workload::new(
            "append",
            before(),
            vec![
                Step::append("events", records(30..60)),
                Step::append("new", records(0..5)),
                Step::Commit,
            ],
        ),
        Workload::new(
            "commits in a row",
            before(),
            (0..4)
                .flat_map(|n| {
                    [
                        Step::append("events", records(n * 10..n * 10 + 12)),
                        Step::Commit,
                    ]
                })
                .collect(),
        ),
        Workload::new(
            "many commits",
            // Enough for index blocks to merge and commit numbers to gain a digit.
            (0..14)
                .flat_map(|n| {
                    [
                        Step::append("events", records(n * 3..n * 3 + 4)),
                        Step::Commit,
                    ]
                })
                .collect(),
            (14..20)
                .flat_map(|n| {
                    [
                        Step::append("events", records(n * 3..n * 3 + 4)),
                        Step::Commit,
                    ]
                })
                .collect(),
        ),
        Workload::new("seal", before(), vec![Step::Seal]),
        Workload::new(
            "append, seal, append",
            before(),
            vec![
                Step::append("events", records(50..60)),
                Step::Seal,
                Step::append("events", records(55..65)),
                Step::Commit,
            ],
        ),
        Workload {
            options: small_segments,
            ..Workload::new(
                "seals by size",
                vec![Step::append("events", records(0..10)), Step::Commit],
                (0..3)
                    .flat_map(|n| [Step::put(noise(n, 2500)), Step::Commit])
                    .collect(),
            )
        },
        Workload::new(
            "index runs",
            // Enough sealed segments for the next ones to write runs of the index and to merge them.
            (0..7)
                .flat_map(|n| {
                    [
                        Step::append("events", records(n * 3..n * 3 + 4)),
                        Step::Seal,
                    ]
                })
                .collect(),
            (7..10)
                .flat_map(|n| {
                    [
                        Step::append("events", records(n * 3..n * 3 + 4)),
                        Step::Seal,
                    ]
                })
                .collect(),
        ),
        Workload::new("drop", before(), vec![Step::Drop("events".to_owned())]),
        Workload::new(
            "drop and make again",
            before(),
            vec![
                Step::put("pending"),
                Step::Drop("events".to_owned()),
                Step::append("events", records(0..3)),
                Step::Commit,
            ],
        ),
        Workload::new(
            "trim",
            before(),
            vec![Step::put("pending"), Step::Trim("events".to_owned(), 11)],
        ),
        Workload::new(
            "delete",
            before(),
            vec![
                Step::Delete(Hash::of(&record(19))),
                Step::Delete(Hash::of(b"a pinned blob")),
                Step::Commit,
                Step::put("a pinned blob"),
                Step::Commit,
            ],
        ),
        Workload::new(
            "rollback",
            before(),
            vec![
                Step::append("events", records(60..90)),
                Step::put(noise(5, 4000)),
                Step::Rollback,
                Step::append("events", records(70..75)),
                Step::Commit,
            ],
        ),
        Workload::new(
            "open and close",
            before(),
            vec![Step::Reopen, Step::put("after reopening"), Step::Reopen],
        ),
        Workload {
            heavy: true,
            ..Workload::new(
                "large blob",
                vec![Step::put("small"), Step::Commit],
                vec![
                    Step::put("before"),
                    Step::put(noise(7, (16 << 20) + 12_345)),
                    Step::append("events", records(0..3)),
                    Step::Commit,
                ],
            )
        },
        Workload {
            heavy: true,
            ..Workload::new(
                "more than the write buffer",
                vec![Step::put("small"), Step::Commit],
                vec![
                    Step::put(noise(8, 1_500_000)),
                    Step::put(noise(9, 900_000)),
                    Step::append("events", records(0..3)),
                    Step::Commit,
                ],
            )
        },
    ];
    let released = || {
        let mut steps = before();
        steps.extend([
            Step::Trim("events".to_owned(), 15),
            Step::Drop("Order Items".to_owned()),
        ]);
        steps
    };
    all.push(Workload::new(
        "compact",
        released(),
        vec![Step::Compact(None)],
    ));
    all.push(Workload::new(
        "compact, append, compact",
        released(),
        vec![
            Step::put("pending"),
            Step::Compact(Some(5)),
            Step::append("events", records(50..60)),
            Step::Drop("events".to_owned()),
            Step::Compact(None),
            Step::append("events", records(3..9)),
            Step::Commit,
        ],
    ));
    let many = || {
        vec![
            Step::append("events", records(0..90)),
            Step::put(noise(1, 1500)),
            Step::append("Order Items", records(60..140)),
            Step::Commit,
        ]
    };
    all.push(Workload::new(
        "compact to columns",
        many(),
        vec![Step::Layout(StoredLayout::Columns)],
    ));
    all.push(Workload::new(
        "columns and back to rows",
        many(),
        vec![
            Step::Layout(StoredLayout::Columns),
            Step::append("events", records(100..110)),
            Step::Trim("events".to_owned(), 20),
            Step::Compact(None),
            Step::Layout(StoredLayout::Rows),
        ],
    ));
    let ingest = |range, train| Step::Ingest {
        into: "ingested".to_owned(),
        file: "events.ndjson".to_owned(),
        text: text(range),
        train,
    };
    all.push(Workload {
        between: true,
        ..Workload::new("ingest", before(), vec![ingest(0..60, false)])
    });
    all.push(Workload {
        between: true,
        ..Workload::new(
            "ingest to columns",
            before(),
            vec![Step::IngestColumns {
                into: "events".to_owned(),
                file: "events.ndjson".to_owned(),
                text: text(0..90),
            }],
        )
    });
    all.push(Workload {
        between: true,
        heavy: true,
        ..Workload::new(
            "ingest with a dictionary",
            vec![Step::put("pinned"), Step::Commit],
            vec![ingest(0..3000, true)],
        )
    });
    all
}
