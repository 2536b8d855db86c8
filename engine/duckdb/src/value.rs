//! Values of DuckDB: arguments of calls, and settings.

use std::ffi::{CStr, c_char};

use crate::c_api::{Api, ValueHandle};

/// A value, owned.
pub(crate) struct SqlValue {
    api: &'static Api,
    raw: ValueHandle,
}

impl Drop for SqlValue {
    fn drop(&mut self) {
        // SAFETY: the caller of DuckDB owns the values it returns; this one is destroyed once.
        unsafe { (self.api.destroy_value)(&raw mut self.raw) };
    }
}

impl SqlValue {
    /// `None` for a null handle. Any other must be a value that DuckDB has returned to be owned.
    pub(crate) fn new(api: &'static Api, raw: ValueHandle) -> Option<Self> {
        (!raw.0.is_null()).then_some(Self { api, raw })
    }

    /// The handle, which must not be used after this value's end.
    pub(crate) fn raw(&self) -> ValueHandle {
        self.raw
    }

    pub(crate) fn is_null(&self) -> bool {
        // SAFETY: the value lives as long as this.
        unsafe { (self.api.is_null_value)(self.raw) }
    }

    pub(crate) fn text(&self) -> String {
        // SAFETY: the value lives as long as this; the caller owns the text.
        unsafe { owned_text(self.api, (self.api.get_varchar)(self.raw)) }
    }

    /// A BOOLEAN.
    pub(crate) fn is_true(&self) -> bool {
        // SAFETY: the value lives as long as this.
        unsafe { (self.api.get_bool)(self.raw) }
    }

    /// The texts of the values of a list; none for another value.
    pub(crate) fn texts(&self) -> Vec<String> {
        // SAFETY: the value lives as long as this; what is no list has no children.
        let count = unsafe { (self.api.get_list_size)(self.raw) };
        let items = (0..count).filter_map(|number| {
            // SAFETY: the number is in range; the value is owned by the caller.
            let item = unsafe { (self.api.get_list_child)(self.raw, number) };
            Self::new(self.api, item).map(|item| item.text())
        });
        items.collect()
    }
}

/// Copies a text that DuckDB allocated, and frees it.
///
/// # Safety
/// `text` is null or a C string from DuckDB that the caller owns.
pub(crate) unsafe fn owned_text(api: &'static Api, text: *mut c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and a C string.
    let copy = unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned();
    // SAFETY: DuckDB allocated it, and this was its last use.
    unsafe { (api.free)(text.cast()) };
    copy
}
