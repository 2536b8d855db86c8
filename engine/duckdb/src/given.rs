//! Values that DuckDB keeps for callbacks, and destroys.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::c_api::DestroyCallback;

/// Gives a value to DuckDB, which destroys it with [`destroy`].
pub(crate) fn give<T>(value: T) -> (*mut c_void, DestroyCallback) {
    (Box::into_raw(Box::new(value)).cast(), destroy::<T>)
}

/// # Safety
/// Called by DuckDB, once, with a pointer that [`give`] made for a `T`.
unsafe extern "C" fn destroy<T>(value: *mut c_void) {
    if value.is_null() {
        return;
    }
    // SAFETY: see above.
    let value = unsafe { Box::from_raw(value.cast::<T>()) };
    // A destructor cannot report an error to DuckDB; the panic ends here.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        std::mem::forget(panic);
    }
}

#[cfg(test)]
mod tests {
    use super::{destroy, give};

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            std::panic::panic_any("dropped");
        }
    }

    #[test]
    fn a_panic_of_a_destructor_ends_at_the_border() {
        let (value, _) = give(PanicsWhenDropped);
        // SAFETY: a value of this type that `give` made, destroyed once.
        unsafe { destroy::<PanicsWhenDropped>(value) };
    }
}
