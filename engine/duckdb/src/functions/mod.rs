//! The functions of the extension, one module for each kind.

pub(crate) mod allow;
pub(crate) mod attach;
pub(crate) mod attached_records;
pub(crate) mod attached_rows;
pub(crate) mod ingest;
mod mutation;
pub(crate) mod scalars;
pub(crate) mod scan;
pub(crate) mod system_tables;
pub(crate) mod train;

pub(crate) use mutation::MutationFunction;
