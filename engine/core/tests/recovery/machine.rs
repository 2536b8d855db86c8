//! Random sequences of calls on a writer, with a reader beside it, against the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakebed_core::{CollectionId, CommitNumber, ErrorKind, Options, Seq, Store};
use lakebed_testkit::{FaultVfs, Model, State, strategies::StoreOp, strategies::store_ops};
use lakebed_vfs::Vfs;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};

use crate::recovery::support::image::recover;
use crate::recovery::support::look::{look, seqs_as_of, verify};
use crate::recovery::support::runner::{Runner, Step};
use crate::recovery::support::{bound, options, reading};

struct Machine {
    vfs: FaultVfs,
    runner: Runner,
    reader: Option<Store>,
    /// What the reader saw last.
    seen: State,
    crashes: u64,
    /// The collections and their next sequence numbers as of each commit that a reader saw.
    commits: BTreeMap<CommitNumber, BTreeMap<CollectionId, Seq>>,
}

impl Machine {
    fn new(options: Options) -> Self {
        let vfs = FaultVfs::new();
        Self {
            runner: Runner::new(Arc::new(vfs.clone()), options, Model::default()),
            vfs,
            reader: None,
            seen: State::default(),
            crashes: 0,
            commits: BTreeMap::new(),
        }
    }

    fn step(&mut self, op: &StoreOp) {
        match Step::of(op, &self.runner.model) {
            Some(step) => self
                .runner
                .step(&step)
                .unwrap_or_else(|error| panic!("{step:?}: {error:?}")),
            None => self.crash(),
        }
        let store = self.runner.store.as_ref().unwrap();
        let mine = look(store, self.runner.model.known()).unwrap();
        let difference = self.runner.model.now().difference(&mine);
        assert!(difference.is_none(), "the writer: {difference:?}");
        self.check_reader();
    }

    /// The reader goes on seeing what it saw, and after a refresh what was committed; never what is pending.
    fn check_reader(&mut self) {
        let known = self.runner.model.known();
        let Some(reader) = &self.reader else {
            let reader = Store::open_on(Arc::new(self.vfs.clone()), reading()).unwrap();
            self.seen = look(&reader, known).unwrap();
            let difference = self.runner.model.durable().difference(&self.seen);
            assert!(difference.is_none(), "a new reader: {difference:?}");
            self.reader = Some(reader);
            return;
        };
        let still = look(reader, known).unwrap();
        let difference = self.seen.difference(&still);
        assert!(difference.is_none(), "without refresh: {difference:?}");
        let before = reader.commit_number();
        let newer = reader.refresh().unwrap();
        assert_eq!(newer, reader.commit_number() > before);
        let now = look(reader, known).unwrap();
        let difference = self.runner.model.durable().difference(&now);
        assert!(difference.is_none(), "after refresh: {difference:?}");
        self.seen = now;
        let commit = reader.commit_number();
        // A crash may have taken commits back.
        drop(self.commits.split_off(&commit));
        let collections = reader.collections().unwrap();
        let next = collections.into_iter().map(|c| (c.id, c.next_seq));
        self.commits.insert(commit, next.collect());
        let refused = reader.put(b"by a reader").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    }

    /// As of each commit there are the rows of now that had been added by then, wherever they lie and whatever is
    /// pending.
    fn check_commits(&self, store: &Store) {
        for collection in store.collections().unwrap() {
            let now: Vec<u64> = store
                .rows(&collection.name, Seq(0)..Seq(1 << 62))
                .unwrap()
                .map(|row| row.unwrap().seq.0)
                .collect();
            for (commit, then) in &self.commits {
                let end = then.get(&collection.id).map_or(0, |next| next.0);
                let expected: Vec<u64> = now.iter().copied().filter(|seq| *seq < end).collect();
                let found = seqs_as_of(store, &collection.name, *commit);
                assert_eq!(found, expected, "as of commit {commit}");
            }
        }
    }

    /// The power goes: one of the images becomes the disk.
    fn crash(&mut self) {
        self.crashes += 1;
        let images: Vec<_> = self.vfs.crash_images(12, self.crashes).collect();
        let image = &images[(self.crashes as usize * 5) % images.len()];
        self.vfs = FaultVfs::on(&image.vfs).unwrap();
        self.reader = None;
        let vfs: Arc<dyn Vfs> = Arc::new(self.vfs.clone());
        let store = Store::open_on(Arc::clone(&vfs), self.runner.options.clone()).unwrap();
        let seen = look(&store, self.runner.model.known()).unwrap();
        let model = recover(std::slice::from_ref(&self.runner.model), &seen, false)
            .unwrap_or_else(|wrong| panic!("{wrong}\n{}", image.what));
        self.runner = Runner {
            store: Some(store),
            ..Runner::new(vfs, self.runner.options.clone(), model)
        };
    }

    fn finish(mut self) {
        self.check_commits(self.runner.store.as_ref().unwrap());
        self.runner.step(&Step::Commit).unwrap();
        verify(self.runner.store.as_ref().unwrap(), &|| {
            "at the end".to_owned()
        });
        self.check_reader();
        verify(self.reader.as_ref().unwrap(), &|| "the reader".to_owned());
        self.check_commits(self.reader.as_ref().unwrap());
        self.runner.step(&Step::Seal).unwrap();
        self.check_commits(self.runner.store.as_ref().unwrap());
    }
}

fn run(options: Options, ops: &[StoreOp]) {
    let mut machine = Machine::new(options);
    machine.runner.open().unwrap();
    for op in ops {
        machine.step(op);
    }
    machine.finish();
}

fn config(cases: usize) -> Config {
    Config {
        cases: cases as u32,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        max_shrink_iters: 2000,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config(bound(60, 2000)))]

    #[test]
    fn any_sequence_of_calls(ops in store_ops(25)) {
        run(options(), &ops);
    }

    /// Segments so small that nearly every commit seals.
    #[test]
    fn any_sequence_of_calls_on_tiny_segments(ops in store_ops(25)) {
        run(Options { segment_bytes: 1500, ..options() }, &ops);
    }

    /// Compression on threads of its own, and no cache.
    #[test]
    fn any_sequence_of_calls_with_threads(ops in store_ops(15)) {
        run(Options { threads: 3, cache_bytes: 0, page_bytes: 2048, ..options() }, &ops);
    }
}
