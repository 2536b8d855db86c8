//! Adding a file's name to an I/O error without losing what kind it is.

use std::io;

/// The system's error with the file's name before it.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {source}")]
struct Named {
    name: String,
    source: io::Error,
}

/// The same error with `name: ` before its message. The kind stays; [`errno`] still finds the number.
pub fn named(name: &str, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        Named {
            name: name.to_owned(),
            source: error,
        },
    )
}

/// The system's error number, also of an error that [`named`] made.
pub fn errno(error: &io::Error) -> Option<i32> {
    let mut error = error;
    loop {
        if let Some(number) = error.raw_os_error() {
            return Some(number);
        }
        error = &error.get_ref()?.downcast_ref::<Named>()?.source;
    }
}
