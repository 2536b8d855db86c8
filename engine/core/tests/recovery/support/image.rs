//! What must hold of a store on whatever a crash left behind.

use std::sync::Arc;

use lakebed_core::{ErrorKind, Options, Result, Store};
use lakebed_testkit::{Model, State};
use lakebed_vfs::MemVfs;

use super::look::{files, look, verify};
use super::reading;
use super::runner::{Runner, Step};

/// How thoroughly an image is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// It opens and shows a state that it may show.
    Open,
    /// A writer goes on, too, and a reader sees what it wrote.
    Write,
    /// And seals, and goes on after that.
    Seal,
}

/// The model whose states this one is among, going on from there.
///
/// `between`: work that commits on its way may also have stopped anywhere between two attempted states.
pub(crate) fn recover(
    models: &[Model],
    found: &State,
    between: bool,
) -> std::result::Result<Model, String> {
    let mut wrong = Vec::new();
    for model in models {
        let mut recovered = model.clone();
        match recovered.recover(found) {
            Ok(_) => return Ok(recovered),
            Err(error) => wrong.push(error),
        }
        if between && model.durable().check_prefix_of(found).is_ok() {
            match found.check_prefix_of(model.now()) {
                Ok(()) => return Ok(adopt(found, model)),
                Err(error) => wrong.push(error),
            }
        }
    }
    Err(wrong.join("\nand as another one: "))
}

/// Opens the image in every way and checks what it shows; the image itself stays as it is.
///
/// # Panics
/// When a promise does not hold; `what` tells which image it was.
pub(crate) fn check(
    image: &MemVfs,
    options: &Options,
    models: &[Model],
    between: bool,
    depth: Depth,
    what: &dyn Fn() -> String,
) {
    let known = models.last().unwrap().known();
    let nothing_acknowledged = models.iter().any(|model| model.history().nth(1).is_none());

    // A reader: it changes nothing, and sees what it may see.
    let disk = image.snapshot();
    let shown = match Store::open_on(Arc::new(disk.clone()), reading()) {
        Ok(store) => {
            let shown = good(look(&store, known), "reading", what);
            recover(models, &shown, between).unwrap_or_else(|wrong| panic!("{wrong}\n{}", what()));
            verify(&store, what);
            Some(shown)
        }
        Err(error)
            if nothing_acknowledged
                && matches!(
                    error.kind(),
                    ErrorKind::StoreNotFound | ErrorKind::NotAStore
                ) =>
        {
            None
        }
        Err(error) => panic!("opening to read failed: {error:?}\n{}", what()),
    };
    assert!(
        files(&disk) == files(image),
        "opening to read changed something\n{}",
        what()
    );
    if depth == Depth::Open {
        return;
    }

    // A writer: it sees the same, goes on, and others see what it wrote.
    let store = good(
        Store::open_on(Arc::new(disk.clone()), options.clone()),
        "opening to write",
        what,
    );
    let seen = good(look(&store, known), "reading as a writer", what);
    if let Some(shown) = &shown {
        let difference = shown.difference(&seen);
        assert!(
            difference.is_none(),
            "a second opening shows something else: {difference:?}\n{}",
            what()
        );
    }
    let model = recover(models, &seen, between);
    let model = model.unwrap_or_else(|wrong| panic!("{wrong}\n{}", what()));
    let mut runner = Runner {
        vfs: Arc::new(disk.clone()),
        options: options.clone(),
        model,
        store: Some(store),
    };
    let mut steps = vec![
        Step::put("written after the crash"),
        Step::append(
            "after the crash",
            (0..3).map(|n| format!("{{\"after\":{n}}}").into_bytes()),
        ),
        Step::Commit,
    ];
    if depth == Depth::Seal {
        steps.push(Step::Seal);
        steps.push(Step::append("after the seal", [b"[1]".to_vec()]));
        steps.push(Step::Commit);
    }
    good(runner.run(&steps), "writing on", what);
    let store = runner.store.take().unwrap();
    let seen = good(
        look(&store, runner.model.known()),
        "reading what was written on",
        what,
    );
    let difference = runner.model.now().difference(&seen);
    assert!(
        difference.is_none(),
        "after writing on: {difference:?}\n{}",
        what()
    );
    good(store.close(), "closing", what);

    let store = good(
        Store::open_on(Arc::new(disk), reading()),
        "opening after writing on",
        what,
    );
    let seen = good(
        look(&store, runner.model.known()),
        "reading after writing on",
        what,
    );
    let difference = runner.model.now().difference(&seen);
    assert!(
        difference.is_none(),
        "after writing on and closing: {difference:?}\n{}",
        what()
    );
    verify(&store, what);
}

fn good<T>(result: Result<T>, doing: &str, what: &dyn Fn() -> String) -> T {
    result.unwrap_or_else(|error| panic!("{doing} failed: {error:?}\n{}", what()))
}

/// A model whose present and durable state is this one.
fn adopt(seen: &State, model: &Model) -> Model {
    let mut adopted = Model::default();
    for (hash, bytes) in model.known() {
        adopted.put(bytes);
        if !seen.blobs.contains_key(hash) {
            adopted.delete(hash);
        }
    }
    for (name, collection) in &seen.collections {
        let records: Vec<&[u8]> = collection
            .rows
            .values()
            .map(|hash| &*seen.blobs[hash])
            .collect();
        adopted.append(name, &records);
    }
    adopted.commit();
    assert!(
        adopted.now() == seen,
        "only appended work stops between two states"
    );
    adopted
}
