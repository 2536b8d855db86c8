//! I/O errors that name their file and keep their kind.

use std::io;

/// The system's error after the file's name.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {source}")]
struct Named {
    name: String,
    source: io::Error,
}

/// The same error with `name: ` before its message. The kind stays, and [`errno`] still finds the number.
pub fn named(name: &str, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        Named {
            name: name.to_owned(),
            source: error,
        },
    )
}

/// The system's error number, also of an error that [`named`] made; `None` if there is none.
pub fn errno(error: &io::Error) -> Option<i32> {
    let mut error = error;
    loop {
        if let Some(number) = error.raw_os_error() {
            return Some(number);
        }
        error = &error.get_ref()?.downcast_ref::<Named>()?.source;
    }
}
