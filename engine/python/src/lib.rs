//! `lakebed._engine`: the Python door of the engine.
//!
//! It translates and decides nothing: arguments to Rust, results to Python, errors to the classes of `lakebed.errors`. Long calls run
//! detached from the interpreter and stop on Ctrl-C (`detach`). Bytes that Python may change are copied before they are hashed.
//! What each thing means to a user is written in `pyshell/lakebed/_engine.pyi`.

mod append;
mod arrow_capsules;
mod buffer;
mod detach;
mod engine;
mod file_objects;
mod hash;
mod ollama;
mod read_methods;
mod reports;
mod rows;
mod scan;
mod snapshot;

use pyo3::prelude::*;

/// The module.
#[pymodule]
mod _engine {
    #[pymodule_export]
    use crate::buffer::Buffer;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::engine::open;
    #[pymodule_export]
    use crate::hash::PyHash;
    #[pymodule_export]
    use crate::ollama::Ollama;
    #[pymodule_export]
    use crate::ollama::Pieces;
    #[pymodule_export]
    use crate::reports::error_kinds;
    #[pymodule_export]
    use crate::rows::Row;
    #[pymodule_export]
    use crate::rows::Rows;
    #[pymodule_export]
    use crate::scan::Stream;
    #[pymodule_export]
    use crate::snapshot::View;

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "the Python name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
