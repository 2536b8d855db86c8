//! What the extension keeps between queries, all of it here:
//!
//! - **Open stores** ([`stores`]): the last few, for reading. A query on an open store finds its decoded frames,
//!   schemas and mapped segments. Without them each query would open the store, and decode again what the last query
//!   decoded.
//! - **Columns of scans** ([`columns`]), beside their store: names and types as DuckDB takes them. Building the types
//!   of a wide collection takes longer than a small query.
//!
//! Both are derived and bounded. A store that was replaced is noticed by its identity, a changed schema by its address
//! in memory. Every query begins with the newest commit; which one it sees is decided in [`crate::query_snapshot`],
//! which keeps nothing longer than a query's plan.

pub(crate) mod columns;
pub(crate) mod stores;
