//! Scalar functions over texts and bytes: the trait, and the C callback that DuckDB calls for each implementation.

use std::ffi::CStr;

use lakebed_core::Result;

use crate::c_api::{
    Api, DataChunk, DuckString, FunctionInfo, Index, SUCCESS, ScalarCallback, Vector, to_usize,
};
use crate::callback::guarded;
use crate::load::{Registrar, api};
use crate::types::ParameterType;

/// A scalar function with one or more sets of parameters, which are texts or bytes. NULL gives NULL.
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

/// # Safety
/// Called by DuckDB with the flat arguments and the result of a function that `register` described.
unsafe extern "C" fn compute<S: ScalarFunction>(
    info: FunctionInfo,
    arguments: DataChunk,
    result: Vector,
) {
    let Some(api) = api() else { return };
    let mut rows = ScalarRows {
        api,
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
pub(crate) struct ScalarRows {
    api: &'static Api,
    arguments: DataChunk,
    result: Vector,
    count: usize,
}

impl ScalarRows {
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The bytes of an argument; `None` for NULL.
    pub(crate) fn argument(&self, number: usize, row: usize) -> Option<&[u8]> {
        if row >= self.count {
            return None;
        }
        // SAFETY: the function has that many parameters, all of texts or bytes, flat, with `count` rows; their bytes
        // live as long as the call, which has `self`.
        unsafe {
            let vector = (self.api.data_chunk_get_vector)(self.arguments, number as Index);
            let validity = (self.api.vector_get_validity)(vector);
            if !validity.is_null() && *validity.add(row / 64) & (1 << (row % 64)) == 0 {
                return None;
            }
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
