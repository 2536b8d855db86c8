//! `lakebed._engine`: the engine as a Python module.
//!
//! It only translates: arguments to Rust, results to Python, errors to the classes of `lakebed.errors`. Calls run
//! detached from the interpreter, long ones stop on Ctrl-C (`detach`). Panics become exceptions: PyO3 catches those of
//! methods and of destructors, `detach` those of the engine, `arrow_capsules` those of exported streams. Bytes that
//! Python code can change are copied before they are hashed. The classes and functions are documented in
//! `pyshell/lakebed/_engine.pyi`.

#![warn(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing
)]

mod append;
mod arrow_capsules;
mod buffer;
mod copies;
mod detach;
mod engine;
mod errors;
mod file_formats;
mod file_objects;
mod files;
mod hash;
mod json_lines;
mod json_objects;
mod ollama;
mod read_methods;
mod repair;
mod reports;
mod rows;
mod scan;
mod snapshot;

use pyo3::prelude::*;

/// The module's contents.
#[pymodule]
mod _engine {
    #[pymodule_export]
    use crate::buffer::Buffer;
    #[pymodule_export]
    use crate::copies::restore;
    #[pymodule_export]
    use crate::engine::StoreEngine;
    #[pymodule_export]
    use crate::engine::collection_name;
    #[pymodule_export]
    use crate::engine::open;
    #[pymodule_export]
    use crate::file_formats::ArrowFile;
    #[pymodule_export]
    use crate::file_formats::ZstdDecoder;
    #[pymodule_export]
    use crate::file_formats::ZstdStream;
    #[pymodule_export]
    use crate::hash::PyHash;
    #[pymodule_export]
    use crate::json_lines::JsonLines;
    #[pymodule_export]
    use crate::ollama::OllamaClient;
    #[pymodule_export]
    use crate::ollama::OllamaStream;
    #[pymodule_export]
    use crate::repair::repair_store;
    #[pymodule_export]
    use crate::reports::error_kinds;
    #[pymodule_export]
    use crate::rows::Row;
    #[pymodule_export]
    use crate::rows::Rows;
    #[pymodule_export]
    use crate::scan::ArrowStream;
    #[pymodule_export]
    use crate::snapshot::SnapshotEngine;

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "the Python name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
