//! The functions of the extension.

pub(crate) mod mutation;
pub(crate) mod scalars;
pub(crate) mod scan;
pub(crate) mod system_tables;
