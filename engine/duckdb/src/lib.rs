//! `lakebed.duckdb_extension`: the store as table functions of any DuckDB.
//!
//! It translates and decides nothing: arguments to a scan of `lakebed-core`, Arrow batches to DuckDB's vectors, errors to sentences. The
//! engine is not linked; its functions come in a table when the file is loaded (`c_api`), so one file serves every DuckDB of its platform
//! from 1.3 on. No panic leaves a callback. docs/sql.md says what the functions give.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")
)]

#[expect(unsafe_code, reason = "DuckDB's API is one of C functions and handles")]
mod bind;
#[expect(unsafe_code, reason = "the table of DuckDB's functions")]
mod c_api;
mod cache;
mod functions;
mod query;
mod row_queue;
#[expect(unsafe_code, reason = "DuckDB calls scalar functions with raw vectors")]
mod scalar_function;
#[expect(unsafe_code, reason = "DuckDB calls table functions with raw handles")]
mod table_function;
#[expect(unsafe_code, reason = "DuckDB's vectors are filled in place")]
mod vector;

use crate::bind::Registrar;
use crate::functions::{mutation, scalars, scan, system_tables};

/// Registers all functions.
fn register(registrar: &Registrar) -> Result<(), String> {
    table_function::register::<scan::Scan>(registrar)?;
    table_function::register::<system_tables::System<system_tables::Blobs>>(registrar)?;
    table_function::register::<system_tables::System<system_tables::Collections>>(registrar)?;
    table_function::register::<system_tables::System<system_tables::Segments>>(registrar)?;
    table_function::register::<system_tables::System<system_tables::Dictionaries>>(registrar)?;
    table_function::register::<system_tables::System<system_tables::Commits>>(registrar)?;
    table_function::register::<mutation::Acting<mutation::Train>>(registrar)?;
    table_function::register::<mutation::Acting<mutation::Ingest>>(registrar)?;
    scalar_function::register::<scalars::Get>(registrar)?;
    scalar_function::register::<scalars::HashOf>(registrar)
}

#[expect(unsafe_code, reason = "DuckDB looks the entry point up by its C name")]
mod entry {
    use crate::bind::{Loading, contained, invalid};
    use crate::c_api::{Access, ExtensionInfo};

    /// Where DuckDB enters; the name follows from the file's.
    ///
    /// # Safety
    /// Called by DuckDB with what its C extension API says.
    // SAFETY: no other symbol of a process has this name: DuckDB opens extensions with local symbols, and Rust's are mangled.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn lakebed_init_c_api(info: ExtensionInfo, access: *const Access) -> bool {
        // A panic becomes an error of the query; the default hook would write to the host's standard error as well.
        let hushed = contained(|| {
            std::panic::set_hook(Box::new(|_| {}));
            Ok(())
        });
        // SAFETY: DuckDB's arguments, during its call.
        let Some(loading) = (unsafe { Loading::new(info, access) }) else {
            return false;
        };
        let loaded = hushed.and_then(|()| {
            contained(|| {
                let registrar = loading.open().map_err(invalid)?;
                crate::register(&registrar).map_err(invalid)
            })
        });
        match loaded {
            Ok(()) => true,
            Err(reason) => {
                if !reason.is_empty() {
                    loading.refuse(&format!(
                        "lakebed cannot be loaded: {}",
                        reason.to_string_lossy()
                    ));
                }
                false
            }
        }
    }
}
