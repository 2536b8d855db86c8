//! What is kept from one query to the next.

pub(crate) mod columns;
pub(crate) mod stores;
