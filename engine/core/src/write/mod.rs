//! Changing the store: the writer's lock, the pending group, dedupe, commit, seal.

pub(crate) mod lock;
