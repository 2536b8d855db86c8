//! Collections as tables of any DuckDB, after `lakebed_attach`.
//!
//! DuckDB asks for every name of a table that it does not know (a replacement scan). The name of a collection of an
//! attached store is then a query: its Parquet files, read by DuckDB itself, and the scan of all other rows. So nothing
//! is paid for collections that a query does not name, and each query sees the newest commit.

mod find;
pub(crate) mod pieces;
pub(crate) mod pinned;
#[expect(unsafe_code, reason = "DuckDB asks for names with raw handles")]
pub(crate) mod replacement;
pub(crate) mod stores;
mod table_query;
