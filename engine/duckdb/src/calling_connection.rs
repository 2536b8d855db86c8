//! The connection that a call belongs to, and what its settings let the call open.
//!
//! A DuckDB before 1.5.5 does not tell extensions about it. There every file may be opened.

use std::ffi::CStr;
use std::sync::Arc;

use crate::c_api::{Api, BindInfo, ClientContext, ContextApi, InitInfo};
use crate::file_access::{AllowedStores, FileAccess};
use crate::value::SqlValue;

/// The connection of a call, and the stores that its database has allowed.
#[derive(Debug)]
pub(crate) struct CallingConnection {
    api: &'static Api,
    context: Option<Context>,
    stores: Arc<AllowedStores>,
}

/// DuckDB's handle of a connection.
#[derive(Debug)]
struct Context {
    api: &'static ContextApi,
    raw: ClientContext,
}

// SAFETY: the handle is a pointer to the connection, which outlives the plans that hold this: DuckDB destroys them with
// it or before. It is dereferenced in `setting` alone, during a callback of that connection.
unsafe impl Send for Context {}
// SAFETY: as above; reading a setting changes nothing.
unsafe impl Sync for Context {}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it was created for this value and is destroyed once; the connection is not touched.
        unsafe { (self.api.destroy_client_context)(&raw mut self.raw) };
    }
}

impl CallingConnection {
    /// Of a table function's call.
    ///
    /// # Safety
    /// `info` is the one of a bind callback that has not returned.
    pub(crate) unsafe fn of_bind(
        api: &'static Api,
        context_api: Option<&'static ContextApi>,
        info: BindInfo,
        stores: Arc<AllowedStores>,
    ) -> Self {
        let context = context_api.map(|later| Context {
            api: later,
            raw: with_context(|raw| {
                // SAFETY: as above.
                unsafe { (later.table_function_get_client_context)(info, raw) };
            }),
        });
        Self {
            api,
            context,
            stores,
        }
    }

    /// Of a scalar function's call.
    ///
    /// # Safety
    /// `info` is the one of an init callback that has not returned.
    pub(crate) unsafe fn of_scalar_init(
        api: &'static Api,
        context_api: &'static ContextApi,
        info: InitInfo,
        stores: Arc<AllowedStores>,
    ) -> Self {
        let raw = with_context(|raw| {
            // SAFETY: as above.
            unsafe { (context_api.scalar_function_init_get_client_context)(info, raw) };
        });
        let context = Context {
            api: context_api,
            raw,
        };
        Self {
            api,
            context: Some(context),
            stores,
        }
    }

    /// The stores that the database has allowed.
    pub(crate) fn allowed_stores(&self) -> &Arc<AllowedStores> {
        &self.stores
    }

    /// What the settings allow now. To be called in the callbacks for binding and for beginning an execution, which
    /// DuckDB makes on behalf of the connection.
    pub(crate) fn file_access(&self) -> FileAccess {
        let Some(context) = &self.context else {
            return FileAccess::Everything;
        };
        if let Some(value) = self.setting(context, c"enable_external_access")
            && value.is_true()
        {
            return FileAccess::Everything;
        }
        let texts = |name| self.setting(context, name).map(|value| value.texts());
        FileAccess::Only {
            directories: texts(c"allowed_directories").unwrap_or_default(),
            paths: texts(c"allowed_paths").unwrap_or_default(),
            stores: Arc::clone(&self.stores),
        }
    }

    fn setting(&self, context: &Context, name: &CStr) -> Option<SqlValue> {
        // SAFETY: the connection lives during its callback; the value is owned by the caller, and null if there is no
        // such setting.
        let value = unsafe {
            (context.api.client_context_get_config_option)(
                context.raw,
                name.as_ptr(),
                std::ptr::null_mut(),
            )
        };
        SqlValue::new(self.api, value).filter(|value| !value.is_null())
    }
}

fn with_context(fill: impl FnOnce(*mut ClientContext)) -> ClientContext {
    let mut raw = ClientContext(std::ptr::null_mut());
    fill(&raw mut raw);
    raw
}
