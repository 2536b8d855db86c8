//! The bodies of DuckDB's callbacks: errors and panics as messages.

use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lakebed_core::{Error, ErrorKind, Result};

/// Runs the body of a callback. An error or a panic becomes the message for DuckDB.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T>) -> std::result::Result<T, CString> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(c_text(&error.to_string())),
        Err(panic) => {
            let cause = panic
                .downcast_ref::<&str>()
                .map(|cause| (*cause).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no reason given".to_owned());
            // Dropping the payload can panic as well; it is small.
            std::mem::forget(panic);
            Err(c_text(&format!(
                "lakebed panicked, which is a bug worth reporting: {cause}."
            )))
        }
    }
}

/// Text as a C string. A zero byte, which a C string cannot hold, becomes the symbol U+2400.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{2400}")).unwrap_or_default()
}

/// The error for an argument outside its domain.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// The error for a state that lakebed or DuckDB promised not to be in.
pub(crate) fn internal(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, message)
}

#[cfg(test)]
mod tests {
    use super::{Result, c_text, guarded, invalid};

    #[test]
    fn errors_and_panics_become_messages() {
        assert_eq!(guarded(|| Ok(7)), Ok(7));
        let refused: Result<()> = Err(invalid("It is not a number."));
        assert_eq!(guarded(|| refused), Err(c_text("It is not a number.")));
        let message = guarded(|| -> Result<()> { std::panic::panic_any("the reason") });
        let expected = "lakebed panicked, which is a bug worth reporting: the reason.";
        assert_eq!(message, Err(c_text(expected)));
    }

    #[test]
    fn a_zero_byte_in_a_message_is_shown_as_its_symbol() {
        assert_eq!(c_text("a\0b").to_str(), Ok("a\u{2400}b"));
    }
}
