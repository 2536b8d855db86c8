//! Names that are accepted: relative ones that stay inside the store's directory on every system.

use std::io;

/// Checks the name of a file: parts separated by single `/`, none empty, `.` or `..`, no backslash, colon or NUL.
///
/// # Errors
/// `InvalidInput`.
pub fn check_file_name(name: &str) -> io::Result<()> {
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    if name.split('/').all(good) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{name:?} is not a name inside a store"),
    ))
}

/// Checks the name of a directory: like a file's, or `""` for the store's own.
///
/// # Errors
/// `InvalidInput`.
pub fn check_dir_name(name: &str) -> io::Result<()> {
    if name.is_empty() {
        Ok(())
    } else {
        check_file_name(name)
    }
}

/// The directory that holds this name.
pub(crate) fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(dir, _)| dir)
}
