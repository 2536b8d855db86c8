//! A step of a pipeline: on a thread of its own beside the one before, or on the same.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Items that wait for a step.
const WAITING: usize = 1;

/// What a step does.
pub(super) trait Work: Send {
    /// What it takes, one after the other.
    type Item: Send;
    /// What it ends with.
    type Outcome: Send;

    /// Takes an item. False: it needs no more.
    fn take(&mut self, item: Self::Item) -> bool;

    /// Ends it, after the last item or after one that it needed no more behind.
    fn finish(self) -> Self::Outcome;
}

/// Takes items, and ends with an outcome. Where it goes without its end, nobody wants the outcome.
#[derive(Debug)]
pub(super) enum Stage<'scope, W: Work> {
    /// On the caller's thread.
    Here(Box<W>),
    /// On another one. `None` is the end.
    Beside {
        items: SyncSender<Option<W::Item>>,
        thread: ScopedJoinHandle<'scope, Option<W::Outcome>>,
    },
}

impl<'scope, W: Work + 'scope> Stage<'scope, W> {
    /// With more than one thread the step has its own.
    pub(super) fn begin(scope: &'scope Scope<'scope, '_>, mut work: W, threads: usize) -> Self
    where
        W::Item: 'scope,
        W::Outcome: 'scope,
    {
        if threads < 2 {
            return Self::Here(Box::new(work));
        }
        let (items, received) = sync_channel::<Option<W::Item>>(WAITING);
        let thread = scope.spawn(move || {
            while let Ok(item) = received.recv() {
                if item.is_none_or(|item| !work.take(item)) {
                    drop(received);
                    return Some(work.finish());
                }
            }
            None
        });
        Self::Beside { items, thread }
    }

    /// Adds an item. False when no more are needed: [`Stage::finish`] says why.
    pub(super) fn push(&mut self, item: W::Item) -> bool {
        match self {
            Self::Here(work) => work.take(item),
            Self::Beside { items, .. } => items.send(Some(item)).is_ok(),
        }
    }

    /// Ends it; `None` when its thread ended early.
    pub(super) fn finish(self) -> Option<W::Outcome> {
        match self {
            Self::Here(work) => Some(work.finish()),
            Self::Beside { items, thread } => {
                // One that is gone has an outcome.
                let _ = items.send(None);
                drop(items);
                thread.join().ok().flatten()
            }
        }
    }
}
