//! Threads that take turns at operations of a storage, in every order that few switches allow.
//!
//! The engine has no lock-free protocol of its own: what threads of a process share lies in mutexes, and what processes
//! share lies in files. What may interleave badly are therefore the operations on files, and a switch anywhere else
//! makes no difference. Model checkers of atomics (loom) or of whole programs (shuttle) would need the engine's mutexes
//! replaced in every crate; here each thread has a store object of its own, as processes have, and is stopped before
//! each operation.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// The order in which threads take turns: the first goes on until it ends or passes, except for these switches.
#[derive(Debug)]
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Threads that have not ended, and whether each waits for its turn.
    threads: Vec<Option<bool>>,
    current: usize,
    operations: u64,
    /// At which operation, counted over all threads, another thread goes on; ascending.
    switches: Vec<u64>,
}

/// The turns of one thread.
#[derive(Debug, Clone)]
pub struct Turn {
    turns: Arc<Turns>,
    thread: usize,
}

impl Turns {
    /// For so many threads, with switches before these operations. Nothing runs before each thread waits.
    pub fn new(threads: usize, switches: &[u64]) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                threads: vec![Some(false); threads],
                current: 0,
                operations: 0,
                switches: switches.to_vec(),
            }),
            changed: Condvar::new(),
        })
    }

    /// The turns of a thread, from 0.
    pub fn of(self: &Arc<Self>, thread: usize) -> Turn {
        Turn {
            turns: Arc::clone(self),
            thread,
        }
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }
}

impl State {
    /// Gives the turn to the next thread that has not ended.
    fn next(&mut self) {
        let count = self.threads.len();
        let after = (1..=count).map(|n| (self.current + n) % count);
        let mut alive = after.filter(|thread| matches!(self.threads.get(*thread), Some(Some(_))));
        if let Some(thread) = alive.next() {
            self.current = thread;
        }
    }
}

impl Turn {
    /// Waits for the turn; called before each operation.
    pub(crate) fn wait(&self) {
        let mut state = self.turns.state.lock();
        self.set(&mut state, Some(true));
        if state.current != self.thread {
            self.turns.changed.notify_all();
        }
        // All must have come so far, so that the order depends on the switches alone.
        while state.threads.contains(&Some(false)) || state.current != self.thread {
            self.turns.changed.wait(&mut state);
        }
        let number = state.operations;
        state.operations += 1;
        if state.switches.contains(&number) {
            state.switches.retain(|at| *at != number);
            state.next();
            self.turns.changed.notify_all();
            while state.threads.contains(&Some(false)) || state.current != self.thread {
                self.turns.changed.wait(&mut state);
            }
        }
        self.set(&mut state, Some(false));
    }

    /// Lets another thread go on: this one waits for what that does.
    pub fn pass(&self) {
        self.turns.state.lock().next();
        self.wait();
    }

    /// The thread has ended.
    pub fn end(&self) {
        let mut state = self.turns.state.lock();
        self.set(&mut state, None);
        if state.current == self.thread {
            state.next();
        }
        self.turns.changed.notify_all();
    }

    fn set(&self, state: &mut State, to: Option<bool>) {
        if let Some(thread) = state.threads.get_mut(self.thread) {
            *thread = to;
        }
    }
}
