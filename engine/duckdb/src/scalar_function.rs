//! Scalar functions over texts, bytes and integers: the trait, and the C callback that DuckDB calls for each
//! implementation.

use std::ffi::CStr;
use std::sync::Arc;

use lakebed_core::Result;

use crate::c_api::{
    Api, DataChunk, DuckString, FunctionInfo, Index, InitInfo, SUCCESS, ScalarCallback, Vector,
    to_usize,
};
use crate::callback::{guarded, internal};
use crate::calling_connection::CallingConnection;
use crate::file_access::{AllowedStores, FileAccess};
use crate::given::give;
use crate::load::{Registrar, api, context_api};
use crate::types::ParameterType;

/// A scalar function with one or more sets of parameters, which are texts, bytes or integers. NULL gives NULL.
pub(crate) trait ScalarFunction: 'static {
    const NAME: &'static CStr;
    const OVERLOADS: &'static [&'static [ParameterType]];
    const RESULT: ParameterType;

    /// Computes the results of all rows.
    fn compute(rows: &mut ScalarRows) -> Result<()>;
}

/// Registers a scalar function.
pub(crate) fn register<S: ScalarFunction>(
    registrar: &Registrar,
) -> std::result::Result<(), String> {
    let api = registrar.api;
    // SAFETY: functions and their set are created, described and destroyed here; DuckDB copies what it keeps.
    unsafe {
        let mut set = (api.create_scalar_function_set)(S::NAME.as_ptr());
        let mut taken = true;
        for parameters in S::OVERLOADS {
            let mut function = (api.create_scalar_function)();
            (api.scalar_function_set_name)(function, S::NAME.as_ptr());
            for parameter in *parameters {
                (api.scalar_function_add_parameter)(function, parameter.logical(api).raw());
            }
            (api.scalar_function_set_return_type)(function, S::RESULT.logical(api).raw());
            (api.scalar_function_set_function)(function, compute::<S> as ScalarCallback);
            if let Some(later) = context_api() {
                let (stores, destroy) = give(Arc::clone(&registrar.stores));
                (api.scalar_function_set_extra_info)(function, stores, destroy);
                (later.scalar_function_set_init)(function, begin);
            }
            taken &= (api.add_scalar_function_to_set)(set, function) == SUCCESS;
            (api.destroy_scalar_function)(&raw mut function);
        }
        taken &= (api.register_scalar_function_set)(registrar.connection, set) == SUCCESS;
        (api.destroy_scalar_function_set)(&raw mut set);
        if taken {
            Ok(())
        } else {
            Err(format!(
                "DuckDB did not take the function {}",
                S::NAME.to_string_lossy()
            ))
        }
    }
}

/// Finds out what the calls of one thread may open.
///
/// # Safety
/// Called by DuckDB with a valid `info`, where it has the later functions.
unsafe extern "C" fn begin(info: InitInfo) {
    let (Some(api), Some(later)) = (api(), context_api()) else {
        return;
    };
    let access = guarded(|| {
        // SAFETY: the extra data is what `register` gave, and lives as long as the function.
        let stores = unsafe {
            (later.scalar_function_init_get_extra_info)(info)
                .cast::<Arc<AllowedStores>>()
                .as_ref()
        };
        let stores =
            stores.ok_or_else(|| internal("DuckDB lost the data of a function of lakebed."))?;
        // SAFETY: `info` is the one of this call.
        let connection =
            unsafe { CallingConnection::of_scalar_init(api, later, info, Arc::clone(stores)) };
        Ok(connection.file_access())
    });
    // SAFETY: `info` is the one of this call; DuckDB copies messages, and passes the state to `compute` alone.
    unsafe {
        match access {
            Ok(access) => {
                let (state, destroy) = give(access);
                (later.scalar_function_init_set_state)(info, state, destroy);
            }
            Err(message) => (later.scalar_function_init_set_error)(info, message.as_ptr()),
        }
    }
}

/// # Safety
/// Called by DuckDB with the flat arguments and the result of a function that `register` described.
unsafe extern "C" fn compute<S: ScalarFunction>(
    info: FunctionInfo,
    arguments: DataChunk,
    result: Vector,
) {
    let Some(api) = api() else { return };
    // SAFETY: the state is what `begin` gave for this thread.
    let access = context_api().map(|later| unsafe {
        (later.scalar_function_get_state)(info)
            .cast::<FileAccess>()
            .as_ref()
    });
    let mut rows = ScalarRows {
        api,
        access: match access {
            None => Some(&FileAccess::Everything),
            Some(known) => known,
        },
        arguments,
        result,
        // SAFETY: the chunk of this call.
        count: to_usize(unsafe { (api.data_chunk_get_size)(arguments) }),
    };
    if let Err(message) = guarded(|| S::compute(&mut rows)) {
        // SAFETY: `info` is the one of this call; DuckDB copies the message.
        unsafe { (api.scalar_function_set_error)(info, message.as_ptr()) };
    }
}

/// The rows of one call: arguments in, results out.
pub(crate) struct ScalarRows<'a> {
    /// `None` if DuckDB has not said it.
    access: Option<&'a FileAccess>,
    api: &'static Api,
    arguments: DataChunk,
    result: Vector,
    count: usize,
}

impl<'a> ScalarRows<'a> {
    /// What the call may open.
    pub(crate) fn file_access(&self) -> Result<&'a FileAccess> {
        self.access
            .ok_or_else(|| internal("DuckDB lost the settings of a call of lakebed."))
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The vector of an argument; `None` where the row is NULL, or there is none.
    fn valid(&self, number: usize, row: usize) -> Option<Vector> {
        if row >= self.count {
            return None;
        }
        // SAFETY: the function has that many parameters. The mask has a bit for each row, or is null where no row is
        // NULL.
        unsafe {
            let vector = (self.api.data_chunk_get_vector)(self.arguments, number as Index);
            let validity = (self.api.vector_get_validity)(vector);
            (validity.is_null() || *validity.add(row / 64) & (1 << (row % 64)) != 0)
                .then_some(vector)
        }
    }

    /// An argument of the type `Int`; `None` for NULL.
    pub(crate) fn int_argument(&self, number: usize, row: usize) -> Option<i64> {
        let vector = self.valid(number, row)?;
        // SAFETY: the parameter is of 64-bit integers, flat, with more rows than this one.
        unsafe {
            let values = (self.api.vector_get_data)(vector).cast::<i64>();
            Some(*values.add(row))
        }
    }

    /// The bytes of an argument; `None` for NULL.
    pub(crate) fn argument(&self, number: usize, row: usize) -> Option<&[u8]> {
        let vector = self.valid(number, row)?;
        // SAFETY: the parameter is of texts or bytes, flat, with more rows than this one; their bytes live as long as
        // the call, which has `self`.
        unsafe {
            let string = (self.api.vector_get_data)(vector)
                .cast::<DuckString>()
                .add(row);
            let length = (*string).inline.length as usize;
            let bytes = if length <= DuckString::INLINE_BYTES {
                (&raw const (*string).inline.bytes).cast::<u8>()
            } else {
                (*string).pointer.bytes
            };
            Some(std::slice::from_raw_parts(bytes, length))
        }
    }

    /// Sets the result of a row.
    pub(crate) fn set(&mut self, row: usize, value: Option<&[u8]>) {
        if row >= self.count {
            return;
        }
        // SAFETY: the result is a vector of texts or bytes with `count` rows; DuckDB copies the bytes.
        unsafe {
            if let Some(bytes) = value {
                (self.api.vector_assign_string_element_len)(
                    self.result,
                    row as Index,
                    bytes.as_ptr().cast(),
                    bytes.len() as Index,
                );
            } else {
                (self.api.vector_ensure_validity_writable)(self.result);
                let validity = (self.api.vector_get_validity)(self.result);
                *validity.add(row / 64) &= !(1 << (row % 64));
            }
        }
    }
}
