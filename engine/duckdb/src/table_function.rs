//! Table functions: a trait to be one, and the callbacks that DuckDB calls.

use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use lakebed_core::Result;

use crate::bind::{Binding, Kind, Registrar, api, contained};
use crate::c_api::{BindInfo, DataChunk, Destroy, FunctionInfo, InitInfo, SUCCESS};
use crate::vector::Chunk;

/// A table function; a value of it is one call, bound to its arguments. Binding must change nothing: it happens for EXPLAIN too.
pub(crate) trait Table: Send + Sync + Sized + 'static {
    /// One execution, shared by its threads.
    type Work: Send + Sync + 'static;
    /// What one thread of it keeps between chunks.
    type Local: Default + Send + 'static;

    const NAME: &'static CStr;
    const PARAMETERS: &'static [Kind];
    const NAMED: &'static [(&'static CStr, Kind)];

    /// Takes the arguments and declares the columns.
    fn bind(call: &Binding) -> Result<Self>;

    /// Begins an execution that asks for these columns, by their numbers, in this order; says how many threads have work.
    fn start(&self, columns: &[usize]) -> Result<(Self::Work, usize)>;

    /// Fills the next chunk; leaves it empty at the end.
    fn next(&self, work: &Self::Work, local: &mut Self::Local, chunk: &mut Chunk) -> Result<()>;
}

/// Registers it.
pub(crate) fn register<T: Table>(registrar: &Registrar) -> std::result::Result<(), String> {
    let api = registrar.api;
    // SAFETY: the function is created, described and destroyed here; DuckDB copies what it keeps, and the callbacks are those of `T`, so
    // that data they leave with DuckDB is taken up with the same types.
    unsafe {
        let mut function = (api.create_table_function)();
        (api.table_function_set_name)(function, T::NAME.as_ptr());
        for kind in T::PARAMETERS {
            (api.table_function_add_parameter)(function, kind.logical(api).raw());
        }
        for (name, kind) in T::NAMED {
            let data_type = kind.logical(api);
            (api.table_function_add_named_parameter)(function, name.as_ptr(), data_type.raw());
        }
        (api.table_function_set_bind)(function, bind::<T>);
        (api.table_function_set_init)(function, start::<T>);
        (api.table_function_set_local_init)(function, start_thread::<T>);
        (api.table_function_set_function)(function, next::<T>);
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

/// Gives a value to DuckDB, to be taken back by [`destroy`].
fn leave<T>(value: T) -> (*mut c_void, Destroy) {
    (Box::into_raw(Box::new(value)).cast(), destroy::<T>)
}

/// # Safety
/// Called by DuckDB, once, with a pointer that [`leave`] gave for a `T`.
unsafe extern "C" fn destroy<T>(value: *mut c_void) {
    if value.is_null() {
        return;
    }
    // SAFETY: see above.
    let value = unsafe { Box::from_raw(value.cast::<T>()) };
    // There is nobody to tell; the panic ends here.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        std::mem::forget(panic);
    }
}

/// # Safety
/// Called by DuckDB with a valid `info`.
unsafe extern "C" fn bind<T: Table>(info: BindInfo) {
    let Some(api) = api() else { return };
    let call = Binding::new(api, info, T::NAME);
    let bound = contained(|| T::bind(&call));
    // SAFETY: `info` is the one of this call; DuckDB copies messages, and gives the data to `T`'s callbacks alone.
    unsafe {
        match bound {
            Ok(bound) => {
                let (data, destroy) = leave(bound);
                (api.bind_set_bind_data)(info, data, destroy);
            }
            Err(message) => (api.bind_set_error)(info, message.as_ptr()),
        }
    }
}

/// # Safety
/// Called by DuckDB with a valid `info`.
unsafe extern "C" fn start<T: Table>(info: InitInfo) {
    let Some(api) = api() else { return };
    // SAFETY: the data is what `bind` left, a `T`, and lives until the query's end.
    let Some(bound) = (unsafe { (api.init_get_bind_data)(info).cast::<T>().as_ref() }) else {
        return;
    };
    // SAFETY: `info` is the one of this call.
    let columns: Vec<usize> = unsafe {
        (0..(api.init_get_column_count)(info))
            .map(|place| (api.init_get_column_index)(info, place) as usize)
            .collect()
    };
    let started = contained(|| bound.start(&columns));
    // SAFETY: as in `bind`.
    unsafe {
        match started {
            Ok((work, threads)) => {
                let (data, destroy) = leave(work);
                (api.init_set_init_data)(info, data, destroy);
                (api.init_set_max_threads)(info, threads.max(1) as u64);
            }
            Err(message) => (api.init_set_error)(info, message.as_ptr()),
        }
    }
}

/// # Safety
/// Called by DuckDB with a valid `info`.
unsafe extern "C" fn start_thread<T: Table>(info: InitInfo) {
    let Some(api) = api() else { return };
    let local = contained(|| Ok(T::Local::default()));
    // SAFETY: as in `bind`.
    unsafe {
        match local {
            Ok(local) => {
                let (data, destroy) = leave(local);
                (api.init_set_init_data)(info, data, destroy);
            }
            Err(message) => (api.init_set_error)(info, message.as_ptr()),
        }
    }
}

/// # Safety
/// Called by DuckDB with a valid `info`, and a chunk of the columns that were asked for.
unsafe extern "C" fn next<T: Table>(info: FunctionInfo, chunk: DataChunk) {
    let Some(api) = api() else { return };
    // SAFETY: what `bind`, `start` and `start_thread` left. The first two are only read; the third belongs to this thread.
    let data = unsafe {
        (
            (api.function_get_bind_data)(info).cast::<T>().as_ref(),
            (api.function_get_init_data)(info)
                .cast::<T::Work>()
                .as_ref(),
            (api.function_get_local_init_data)(info)
                .cast::<T::Local>()
                .as_mut(),
        )
    };
    let (Some(bound), Some(work), Some(local)) = data else {
        return;
    };
    // SAFETY: the chunk has the types that `T::bind` declared for the columns of `T::start`.
    let mut chunk = unsafe { Chunk::new(api, chunk) };
    if let Err(message) = contained(|| bound.next(work, local, &mut chunk)) {
        // SAFETY: as in `bind`.
        unsafe { (api.function_set_error)(info, message.as_ptr()) };
    }
}
