//! Table functions: the trait, and the C callbacks that DuckDB calls for each implementation.

use std::ffi::CStr;
use std::sync::Arc;

use lakebed_core::Result;

use crate::bind::BindCall;
use crate::c_api::{BindInfo, DataChunk, FunctionInfo, InitInfo, SUCCESS, to_usize};
use crate::callback::{guarded, internal};
use crate::calling_connection::CallingConnection;
use crate::file_access::AllowedStores;
use crate::given::give;
use crate::load::{Registrar, api, context_api};
use crate::types::ParameterType;
use crate::vector::OutputChunk;

/// A table function. A value of the type is one call, bound to its arguments.
///
/// Binding must have no side effects: DuckDB binds for EXPLAIN and DESCRIBE too.
pub(crate) trait TableFunction: Send + Sync + Sized + 'static {
    /// One execution of the call, shared by its threads.
    type Execution: Send + Sync + 'static;
    /// What one thread of an execution keeps between chunks.
    type ThreadState: Default + Send + 'static;

    const NAME: &'static CStr;
    const PARAMETERS: &'static [ParameterType];
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)];

    /// Reads the arguments and adds the columns of the result.
    fn bind(call: &BindCall) -> Result<Self>;

    /// Begins an execution that needs these columns, by their numbers, in this order. Also returns how many threads can
    /// work on it.
    fn execute(&self, columns: &[usize]) -> Result<(Self::Execution, usize)>;

    /// Fills the next chunk; leaves it empty at the end.
    fn produce(
        &self,
        execution: &Self::Execution,
        thread: &mut Self::ThreadState,
        chunk: &mut OutputChunk,
    ) -> Result<()>;
}

/// Registers a table function.
pub(crate) fn register<T: TableFunction>(registrar: &Registrar) -> std::result::Result<(), String> {
    let api = registrar.api;
    // SAFETY: the function is created, described and destroyed here; DuckDB copies what it keeps, and the callbacks are
    // those of `T`, so that the data they leave with DuckDB is read back with the same types.
    unsafe {
        let mut function = (api.create_table_function)();
        (api.table_function_set_name)(function, T::NAME.as_ptr());
        for parameter in T::PARAMETERS {
            (api.table_function_add_parameter)(function, parameter.logical(api).raw());
        }
        for (name, parameter) in T::NAMED_PARAMETERS {
            let data_type = parameter.logical(api);
            (api.table_function_add_named_parameter)(function, name.as_ptr(), data_type.raw());
        }
        let (stores, destroy) = give(Arc::clone(&registrar.stores));
        (api.table_function_set_extra_info)(function, stores, destroy);
        (api.table_function_set_bind)(function, bind::<T>);
        (api.table_function_set_init)(function, execute::<T>);
        (api.table_function_set_local_init)(function, begin_thread::<T>);
        (api.table_function_set_function)(function, produce::<T>);
        (api.table_function_supports_projection_pushdown)(function, true);
        let state = (api.register_table_function)(registrar.connection, function);
        (api.destroy_table_function)(&raw mut function);
        if state == SUCCESS {
            Ok(())
        } else {
            Err(format!(
                "DuckDB did not take the function {}",
                T::NAME.to_string_lossy()
            ))
        }
    }
}

/// # Safety
/// Called by DuckDB with a valid `info`.
unsafe extern "C" fn bind<T: TableFunction>(info: BindInfo) {
    let Some(api) = api() else { return };
    let bound = guarded(|| {
        // SAFETY: the extra data is what `register` gave, and lives as long as the function.
        let stores = unsafe {
            (api.bind_get_extra_info)(info)
                .cast::<Arc<AllowedStores>>()
                .as_ref()
        };
        let stores = Arc::clone(stores.ok_or_else(missing_data)?);
        // SAFETY: `info` is the one of this call.
        let connection = unsafe { CallingConnection::of_bind(api, context_api(), info, stores) };
        T::bind(&BindCall::new(api, info, T::NAME, Arc::new(connection)))
    });
    // SAFETY: `info` is the one of this call; DuckDB copies messages, and passes the data to callbacks of `T` alone.
    unsafe {
        match bound {
            Ok(bound) => {
                let (data, destroy) = give(bound);
                (api.bind_set_bind_data)(info, data, destroy);
            }
            Err(message) => (api.bind_set_error)(info, message.as_ptr()),
        }
    }
}

/// # Safety
/// Called by DuckDB with a valid `info`.
unsafe extern "C" fn execute<T: TableFunction>(info: InitInfo) {
    let Some(api) = api() else { return };
    // SAFETY: the data is what `bind` gave, a `T`, and lives until the query's end.
    let bound = unsafe { (api.init_get_bind_data)(info).cast::<T>().as_ref() };
    let begun = guarded(|| {
        let bound = bound.ok_or_else(missing_data)?;
        // SAFETY: `info` is the one of this call.
        let columns: Vec<usize> = unsafe {
            (0..(api.init_get_column_count)(info))
                .map(|position| to_usize((api.init_get_column_index)(info, position)))
                .collect()
        };
        bound.execute(&columns)
    });
    // SAFETY: as in `bind`.
    unsafe {
        match begun {
            Ok((execution, threads)) => {
                let (data, destroy) = give(execution);
                (api.init_set_init_data)(info, data, destroy);
                (api.init_set_max_threads)(info, threads.max(1) as u64);
            }
            Err(message) => (api.init_set_error)(info, message.as_ptr()),
        }
    }
}

/// # Safety
/// Called by DuckDB with a valid `info`.
unsafe extern "C" fn begin_thread<T: TableFunction>(info: InitInfo) {
    let Some(api) = api() else { return };
    let thread = guarded(|| Ok(T::ThreadState::default()));
    // SAFETY: as in `bind`.
    unsafe {
        match thread {
            Ok(thread) => {
                let (data, destroy) = give(thread);
                (api.init_set_init_data)(info, data, destroy);
            }
            Err(message) => (api.init_set_error)(info, message.as_ptr()),
        }
    }
}

/// # Safety
/// Called by DuckDB with a valid `info`, and a chunk of the columns that `execute` was called with.
unsafe extern "C" fn produce<T: TableFunction>(info: FunctionInfo, chunk: DataChunk) {
    let Some(api) = api() else { return };
    // SAFETY: what `bind`, `execute` and `begin_thread` gave. The first two are only read; the third belongs to this
    // thread.
    let data = unsafe {
        (
            (api.function_get_bind_data)(info).cast::<T>().as_ref(),
            (api.function_get_init_data)(info)
                .cast::<T::Execution>()
                .as_ref(),
            (api.function_get_local_init_data)(info)
                .cast::<T::ThreadState>()
                .as_mut(),
        )
    };
    // SAFETY: the chunk has the types that `T::bind` declared for the columns of `T::execute`.
    let mut chunk = unsafe { OutputChunk::new(api, chunk) };
    let produced = guarded(|| match data {
        (Some(bound), Some(execution), Some(thread)) => {
            bound.produce(execution, thread, &mut chunk)
        }
        _ => Err(missing_data()),
    });
    if let Err(message) = produced {
        // SAFETY: as in `bind`.
        unsafe { (api.function_set_error)(info, message.as_ptr()) };
    }
}

fn missing_data() -> lakebed_core::Error {
    internal(
        "DuckDB executed a function of lakebed without binding it, which is a bug worth reporting.",
    )
}
