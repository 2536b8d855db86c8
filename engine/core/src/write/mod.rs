//! Changing the store: the writer's lock, the pending group, dedupe, commit, seal, recovery.
//!
//! One session at a time writes. Everything it adds joins the pending group, which its own store object sees at once;
//! [`commit`] makes it durable with one sync. An error before that sync undoes the group and leaves the store as it
//! was; an error of the sync itself ends writing for this store object.

pub(crate) mod append;
pub(crate) mod begin;
mod column_names;
pub(crate) mod commit;
mod copied_rows;
pub(crate) mod create;
pub(crate) mod declare;
pub(crate) mod dedupe;
pub(crate) mod group;
mod group_rows;
mod links;
pub(crate) mod manifest;
pub(crate) mod recover;
pub(crate) mod remove;
pub(crate) mod replace;
pub(crate) mod replaced;
pub(crate) mod seal;
pub(crate) mod session;
mod session_commit;
pub(crate) mod shared;

pub(crate) use dedupe::NewBlob;
pub(crate) use group_rows::Lines;
pub(crate) use session::{BlobCounts, Session};
pub(crate) use shared::Shared;
