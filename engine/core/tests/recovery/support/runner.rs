//! Steps on a store and on its model at once.

use std::sync::Arc;

use lakebed_core::{
    CompactOptions, ErrorKind, Hash, IngestOptions, Options, ProgressFn, Result, Seq, Source,
    Store, StoredLayout,
};
use lakebed_testkit::{Model, strategies::StoreOp};
use lakebed_vfs::Vfs;

/// One call on a store.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(Vec<u8>),
    Append(String, Vec<Vec<u8>>),
    /// The blob with these bytes, there or not.
    Delete(Hash),
    Drop(String),
    Trim(String, u64),
    Commit,
    Rollback,
    Seal,
    /// At this level, if any.
    Compact(Option<i32>),
    /// Compacts to this layout.
    Layout(StoredLayout),
    /// Close and open again.
    Reopen,
    /// NDJSON without bad lines, of a file of this name.
    Ingest {
        into: String,
        file: String,
        text: Vec<u8>,
        train: bool,
    },
    /// The same straight to columns.
    IngestColumns {
        into: String,
        file: String,
        text: Vec<u8>,
    },
}

impl Step {
    pub(crate) fn put(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Put(bytes.into())
    }

    pub(crate) fn append(collection: &str, records: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self::Append(collection.to_owned(), records.into_iter().collect())
    }

    /// The step of an operation of the strategies; `None` for a crash.
    pub(crate) fn of(op: &StoreOp, model: &Model) -> Option<Self> {
        Some(match op {
            StoreOp::Put(bytes) => Self::Put(bytes.clone()),
            StoreOp::Append {
                collection,
                records,
            } => Self::Append(collection.clone(), records.clone()),
            StoreOp::Delete(number) => Self::Delete(
                model
                    .pick(*number)
                    .unwrap_or_else(|| Hash::of(b"never put")),
            ),
            StoreOp::Drop { collection } => Self::Drop(collection.clone()),
            StoreOp::Trim {
                collection,
                before_seq,
            } => Self::Trim(collection.clone(), *before_seq),
            StoreOp::Commit => Self::Commit,
            StoreOp::Rollback => Self::Rollback,
            StoreOp::Seal => Self::Seal,
            StoreOp::Compact(level) => Self::Compact(*level),
            StoreOp::Reopen => Self::Reopen,
            StoreOp::Crash => return None,
        })
    }
}

/// A store and its model.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) vfs: Arc<dyn Vfs>,
    pub(crate) options: Options,
    pub(crate) model: Model,
    pub(crate) store: Option<Store>,
}

impl Runner {
    /// Nothing is open yet.
    pub(crate) fn new(vfs: Arc<dyn Vfs>, options: Options, model: Model) -> Self {
        Self {
            vfs,
            options,
            model,
            store: None,
        }
    }

    /// Opens the store if it is not open.
    pub(crate) fn open(&mut self) -> Result<&Store> {
        if self.store.is_none() {
            self.store = Some(Store::open_on(Arc::clone(&self.vfs), self.options.clone())?);
        }
        Ok(self.store.as_ref().unwrap())
    }

    /// Runs steps up to the first error.
    pub(crate) fn run(&mut self, steps: &[Step]) -> Result<()> {
        self.open()?;
        steps.iter().try_for_each(|step| self.step(step))
    }

    /// Runs one step on both, and holds the answers against each other. After an error the model has attempted what the
    /// store may have done, and holds as pending what it would hold if the step had worked.
    pub(crate) fn step(&mut self, step: &Step) -> Result<()> {
        self.open()?;
        let store = self.store.clone().unwrap();
        let model = &mut self.model;
        match step {
            Step::Put(bytes) => {
                let hash = model.put(bytes);
                assert_eq!(store.put(bytes)?, hash);
            }
            Step::Append(collection, records) => {
                model.append(collection, records);
                let appended = store.append(collection, &mut records.iter().cloned().map(Ok))?;
                assert_eq!(appended.rows, records.len() as u64, "rows appended");
                assert_eq!(
                    appended.new_blobs + appended.duplicates,
                    appended.rows,
                    "{appended:?}"
                );
            }
            Step::Delete(hash) => {
                let expected = model.delete(hash);
                let found = found(store.delete(hash), ErrorKind::BlobNotFound)?;
                assert_eq!(found, expected, "rows that went with the deleted blob");
            }
            // These commit pending work first, and then their own.
            Step::Drop(name) => {
                model.attempt();
                let expected = model.drop_collection(name);
                model.attempt();
                let found = found(store.drop_collection(name), ErrorKind::CollectionNotFound)?;
                assert_eq!(found, expected, "rows of the dropped collection");
                model.acknowledge();
            }
            Step::Trim(name, before) => {
                model.attempt();
                let expected = model.trim(name, *before);
                model.attempt();
                let found = found(
                    store.trim(name, Seq(*before)),
                    ErrorKind::CollectionNotFound,
                )?;
                assert_eq!(found, expected, "trimmed rows");
                model.acknowledge();
            }
            Step::Commit => {
                model.attempt();
                store.commit()?;
                model.acknowledge();
            }
            Step::Rollback => {
                store.rollback()?;
                model.rollback();
            }
            Step::Seal => {
                model.attempt();
                store.seal()?;
                model.acknowledge();
            }
            Step::Compact(level) => {
                model.attempt();
                let options = CompactOptions {
                    level: *level,
                    ..CompactOptions::default()
                };
                store.compact(options)?;
                model.acknowledge();
            }
            Step::Layout(layout) => {
                model.attempt();
                let options = CompactOptions {
                    layout: Some(*layout),
                    ..CompactOptions::default()
                };
                store.compact(options)?;
                model.acknowledge();
            }
            Step::Reopen => {
                model.attempt();
                store.close()?;
                model.acknowledge();
                self.store = None;
                self.open()?;
            }
            Step::Ingest {
                into,
                file,
                text,
                train,
            } => {
                let options = IngestOptions {
                    train: *train,
                    ..IngestOptions::into(into.clone())
                };
                Self::ingest(&store, model, file, text, options)?;
            }
            Step::IngestColumns { into, file, text } => {
                let options = IngestOptions {
                    becomes_columns: true,
                    ..IngestOptions::into(into.clone())
                };
                model.attempt();
                store.set_layout(into, StoredLayout::Columns, true)?;
                model.acknowledge();
                Self::ingest(&store, model, file, text, options)?;
                model.attempt();
                store.apply_layout(into, true, ProgressFn::none())?;
                model.acknowledge();
            }
        }
        Ok(())
    }

    fn ingest(
        store: &Store,
        model: &mut Model,
        file: &str,
        text: &[u8],
        options: IngestOptions,
    ) -> Result<()> {
        model.attempt();
        let lines: Vec<&[u8]> = (text.split(|byte| *byte == b'\n'))
            .filter(|line| !line.is_empty())
            .collect();
        model.append(&options.into, &lines);
        model.attempt();
        let source = Source::Reader {
            name: file.to_owned(),
            reader: Box::new(std::io::Cursor::new(text.to_vec())),
        };
        let report = store.ingest(source, options)?;
        assert_eq!(report.rows, lines.len() as u64, "{report:?}");
        model.acknowledge();
        Ok(())
    }
}

/// The answer, or `None` when the error says that there is no such thing.
fn found(answer: Result<u64>, missing: ErrorKind) -> Result<Option<u64>> {
    match answer {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == missing => Ok(None),
        Err(error) => Err(error),
    }
}
