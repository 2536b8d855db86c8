//! DuckDB's C extension API: its types, and the table of function pointers that DuckDB passes when it loads the
//! extension.
//!
//! The extension does not link DuckDB. The table's first 404 entries are the same in every version since DuckDB 1.2.0
//! (its C API v1.2.0), so one file serves them all ([`Api`]). The 142 after them are the same since DuckDB 1.5.5 and
//! are read only there ([`ContextApi`]). Names and positions are those of DuckDB's `duckdb_extension.h`.

use std::ffi::{c_char, c_void};

/// `idx_t`.
pub(crate) type Index = u64;

// DuckDB loads extensions in 64-bit processes only.
const _: () = assert!(usize::BITS == 64);

/// An index of DuckDB as one of Rust.
#[expect(
    clippy::cast_possible_truncation,
    reason = "both have 64 bits, as asserted above"
)]
pub(crate) const fn to_usize(index: Index) -> usize {
    index as usize
}

/// `duckdb_state`: 0 is success.
pub(crate) type State = i32;

pub(crate) const SUCCESS: State = 0;

/// The requested version of the C API, which the extension file's footer names too.
pub(crate) const API_VERSION: &std::ffi::CStr = c"v1.2.0";

/// Entries of that version's table.
const ENTRIES: usize = 404;

/// Entries of the table since [`CONTEXT_SINCE`].
const CONTEXT_ENTRIES: usize = 546;

/// The first version of DuckDB whose table has [`CONTEXT_ENTRIES`] entries in their final order.
const CONTEXT_SINCE: [u32; 3] = [1, 5, 5];

/// `duckdb_type`.
pub(crate) mod type_id {
    pub(crate) const BOOLEAN: u32 = 1;
    pub(crate) const BIGINT: u32 = 5;
    pub(crate) const UBIGINT: u32 = 9;
    pub(crate) const DOUBLE: u32 = 11;
    pub(crate) const TIMESTAMP: u32 = 12;
    pub(crate) const DATE: u32 = 13;
    pub(crate) const HUGEINT: u32 = 16;
    pub(crate) const VARCHAR: u32 = 17;
    pub(crate) const BLOB: u32 = 18;
    pub(crate) const LIST: u32 = 24;
    pub(crate) const STRUCT: u32 = 25;
    pub(crate) const TIMESTAMP_TZ: u32 = 31;
    pub(crate) const ANY: u32 = 34;
}

macro_rules! handles {
    ($($(#[$about:meta])* $name:ident;)*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(transparent)]
        pub(crate) struct $name(pub(crate) *mut c_void);
    )*};
}

handles! {
    /// `duckdb_extension_info`.
    ExtensionInfo;
    /// `duckdb_database`.
    Database;
    /// `duckdb_connection`.
    Connection;
    /// `duckdb_value`.
    ValueHandle;
    /// `duckdb_logical_type`.
    LogicalTypeHandle;
    /// `duckdb_data_chunk`.
    DataChunk;
    /// `duckdb_vector`.
    Vector;
    /// `duckdb_table_function`.
    TableFunctionHandle;
    /// `duckdb_scalar_function`.
    ScalarFunctionHandle;
    /// `duckdb_scalar_function_set`.
    ScalarFunctionSetHandle;
    /// `duckdb_bind_info`.
    BindInfo;
    /// `duckdb_init_info`.
    InitInfo;
    /// `duckdb_function_info`.
    FunctionInfo;
    /// `duckdb_client_context`.
    ClientContext;
    /// `duckdb_replacement_scan_info`.
    ReplacementInfo;
}

/// `duckdb_timestamp`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Timestamp {
    pub(crate) micros: i64,
}

/// `duckdb_list_entry`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct ListEntry {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// `duckdb_string_t`: a text of up to 12 bytes is stored inline, a longer one by its first 4 bytes and a pointer. Both
/// forms begin with the length, which tells them apart.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) union DuckString {
    pub(crate) inline: InlineString,
    pub(crate) pointer: PointerString,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct InlineString {
    pub(crate) length: u32,
    pub(crate) bytes: [u8; DuckString::INLINE_BYTES],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct PointerString {
    pub(crate) length: u32,
    pub(crate) prefix: [u8; 4],
    pub(crate) bytes: *const u8,
}

impl DuckString {
    /// Longest text that is stored inline, in bytes.
    pub(crate) const INLINE_BYTES: usize = 12;
}

const _: () = assert!(size_of::<DuckString>() == 16 && size_of::<ListEntry>() == 16);

pub(crate) type DestroyCallback = unsafe extern "C" fn(*mut c_void);
pub(crate) type BindCallback = unsafe extern "C" fn(BindInfo);
pub(crate) type InitCallback = unsafe extern "C" fn(InitInfo);
pub(crate) type TableCallback = unsafe extern "C" fn(FunctionInfo, DataChunk);
pub(crate) type ReplacementCallback =
    unsafe extern "C" fn(ReplacementInfo, *const c_char, *mut c_void);
pub(crate) type ScalarCallback = unsafe extern "C" fn(FunctionInfo, DataChunk, Vector);

/// `duckdb_extension_access`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Access {
    pub(crate) set_error: unsafe extern "C" fn(ExtensionInfo, *const c_char),
    pub(crate) get_database: unsafe extern "C" fn(ExtensionInfo) -> *mut Database,
    pub(crate) get_api: unsafe extern "C" fn(ExtensionInfo, *const c_char) -> *const c_void,
}

macro_rules! api {
    ($(#[$about:meta])* $api:ident of $entries:ident
     $($position:literal $name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $api {
            $(pub(crate) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        const _: () = {
            $(assert!($position < $entries);)*
        };

        impl $api {
            /// Reads the table.
            ///
            /// # Safety
            /// `table` is what DuckDB's `get_api` returned for [`API_VERSION`], not null, and of a DuckDB whose table
            /// has this struct's entries.
            pub(crate) unsafe fn read(table: *const c_void) -> Self {
                let table: *const *const c_void = table.cast();
                Self {
                    $($name: {
                        // SAFETY: the table of this version has more entries than this one (asserted above), all of
                        // them set.
                        let function = unsafe { *table.add($position) };
                        // SAFETY: this entry is a function of this signature (DuckDB's duckdb_extension.h); pointers to
                        // functions and to data have one size wherever DuckDB loads extensions.
                        unsafe {
                            std::mem::transmute::<
                                *const c_void,
                                unsafe extern "C" fn($($argument),*) $(-> $result)?,
                            >(function)
                        }
                    },)*
                }
            }
        }
    };
}

api! {
    /// The functions of every DuckDB that the extension calls.
    Api of ENTRIES
    3 connect: fn(Database, *mut Connection) -> State;
    6 disconnect: fn(*mut Connection);
    7 library_version: fn() -> *const c_char;
    25 free: fn(*mut c_void);
    26 vector_size: fn() -> Index;
    92 destroy_value: fn(*mut ValueHandle);
    93 create_varchar: fn(*const c_char) -> ValueHandle;
    118 get_bool: fn(ValueHandle) -> bool;
    125 get_int64: fn(ValueHandle) -> i64;
    136 get_value_type: fn(ValueHandle) -> LogicalTypeHandle;
    142 get_varchar: fn(ValueHandle) -> *mut c_char;
    149 is_null_value: fn(ValueHandle) -> bool;
    151 get_list_size: fn(ValueHandle) -> Index;
    152 get_list_child: fn(ValueHandle, Index) -> ValueHandle;
    155 get_struct_child: fn(ValueHandle, Index) -> ValueHandle;
    156 create_logical_type: fn(u32) -> LogicalTypeHandle;
    158 logical_type_set_alias: fn(LogicalTypeHandle, *const c_char);
    159 create_list_type: fn(LogicalTypeHandle) -> LogicalTypeHandle;
    161 create_map_type: fn(LogicalTypeHandle, LogicalTypeHandle) -> LogicalTypeHandle;
    163 create_struct_type: fn(*mut LogicalTypeHandle, *mut *const c_char, Index) -> LogicalTypeHandle;
    166 get_type_id: fn(LogicalTypeHandle) -> u32;
    178 struct_type_child_count: fn(LogicalTypeHandle) -> Index;
    179 struct_type_child_name: fn(LogicalTypeHandle, Index) -> *mut c_char;
    184 destroy_logical_type: fn(*mut LogicalTypeHandle);
    190 data_chunk_get_vector: fn(DataChunk, Index) -> Vector;
    191 data_chunk_get_size: fn(DataChunk) -> Index;
    192 data_chunk_set_size: fn(DataChunk, Index);
    194 vector_get_data: fn(Vector) -> *mut c_void;
    195 vector_get_validity: fn(Vector) -> *mut u64;
    196 vector_ensure_validity_writable: fn(Vector);
    198 vector_assign_string_element_len: fn(Vector, Index, *const c_char, Index);
    199 list_vector_get_child: fn(Vector) -> Vector;
    201 list_vector_set_size: fn(Vector, Index) -> State;
    202 list_vector_reserve: fn(Vector, Index) -> State;
    203 struct_vector_get_child: fn(Vector, Index) -> Vector;
    209 create_scalar_function: fn() -> ScalarFunctionHandle;
    210 destroy_scalar_function: fn(*mut ScalarFunctionHandle);
    211 scalar_function_set_name: fn(ScalarFunctionHandle, *const c_char);
    215 scalar_function_add_parameter: fn(ScalarFunctionHandle, LogicalTypeHandle);
    216 scalar_function_set_return_type: fn(ScalarFunctionHandle, LogicalTypeHandle);
    217 scalar_function_set_extra_info: fn(ScalarFunctionHandle, *mut c_void, DestroyCallback);
    218 scalar_function_set_function: fn(ScalarFunctionHandle, ScalarCallback);
    221 scalar_function_set_error: fn(FunctionInfo, *const c_char);
    222 create_scalar_function_set: fn(*const c_char) -> ScalarFunctionSetHandle;
    223 destroy_scalar_function_set: fn(*mut ScalarFunctionSetHandle);
    224 add_scalar_function_to_set: fn(ScalarFunctionSetHandle, ScalarFunctionHandle) -> State;
    225 register_scalar_function_set: fn(Connection, ScalarFunctionSetHandle) -> State;
    242 create_table_function: fn() -> TableFunctionHandle;
    243 destroy_table_function: fn(*mut TableFunctionHandle);
    244 table_function_set_name: fn(TableFunctionHandle, *const c_char);
    245 table_function_add_parameter: fn(TableFunctionHandle, LogicalTypeHandle);
    246 table_function_add_named_parameter: fn(TableFunctionHandle, *const c_char, LogicalTypeHandle);
    247 table_function_set_extra_info: fn(TableFunctionHandle, *mut c_void, DestroyCallback);
    248 table_function_set_bind: fn(TableFunctionHandle, BindCallback);
    249 table_function_set_init: fn(TableFunctionHandle, InitCallback);
    250 table_function_set_local_init: fn(TableFunctionHandle, InitCallback);
    251 table_function_set_function: fn(TableFunctionHandle, TableCallback);
    252 table_function_supports_projection_pushdown: fn(TableFunctionHandle, bool);
    253 register_table_function: fn(Connection, TableFunctionHandle) -> State;
    254 bind_get_extra_info: fn(BindInfo) -> *mut c_void;
    255 bind_add_result_column: fn(BindInfo, *const c_char, LogicalTypeHandle);
    257 bind_get_parameter: fn(BindInfo, Index) -> ValueHandle;
    258 bind_get_named_parameter: fn(BindInfo, *const c_char) -> ValueHandle;
    259 bind_set_bind_data: fn(BindInfo, *mut c_void, DestroyCallback);
    260 bind_set_cardinality: fn(BindInfo, Index, bool);
    261 bind_set_error: fn(BindInfo, *const c_char);
    263 init_get_bind_data: fn(InitInfo) -> *mut c_void;
    264 init_set_init_data: fn(InitInfo, *mut c_void, DestroyCallback);
    265 init_get_column_count: fn(InitInfo) -> Index;
    266 init_get_column_index: fn(InitInfo, Index) -> Index;
    267 init_set_max_threads: fn(InitInfo, Index);
    268 init_set_error: fn(InitInfo, *const c_char);
    270 function_get_bind_data: fn(FunctionInfo) -> *mut c_void;
    271 function_get_init_data: fn(FunctionInfo) -> *mut c_void;
    272 function_get_local_init_data: fn(FunctionInfo) -> *mut c_void;
    273 function_set_error: fn(FunctionInfo, *const c_char);
    274 add_replacement_scan: fn(Database, ReplacementCallback, *mut c_void, DestroyCallback);
    275 replacement_scan_set_function_name: fn(ReplacementInfo, *const c_char);
    276 replacement_scan_add_parameter: fn(ReplacementInfo, ValueHandle);
    277 replacement_scan_set_error: fn(ReplacementInfo, *const c_char);
    326 get_timestamp_tz: fn(ValueHandle) -> Timestamp;
}

api! {
    /// The functions that reach the connection of a call, and its settings.
    ContextApi of CONTEXT_ENTRIES
    431 client_context_get_config_option: fn(ClientContext, *const c_char, *mut u32) -> ValueHandle;
    501 destroy_client_context: fn(*mut ClientContext);
    520 scalar_function_get_state: fn(FunctionInfo) -> *mut c_void;
    521 scalar_function_set_init: fn(ScalarFunctionHandle, InitCallback);
    522 scalar_function_init_set_error: fn(InitInfo, *const c_char);
    523 scalar_function_init_set_state: fn(InitInfo, *mut c_void, DestroyCallback);
    524 scalar_function_init_get_client_context: fn(InitInfo, *mut ClientContext);
    526 scalar_function_init_get_extra_info: fn(InitInfo) -> *mut c_void;
    531 table_function_get_client_context: fn(BindInfo, *mut ClientContext);
}

/// Whether the DuckDB of this version, such as `v1.5.6`, has the entries of [`ContextApi`]. One whose version has
/// another form, or a suffix beside the first such version, may be from before them.
pub(crate) fn has_context(version: &str) -> bool {
    let (number, suffix) = match version.split_once('-') {
        Some((number, _)) => (number, true),
        None => (version, false),
    };
    let mut parts = number.trim_start_matches('v').split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let found: [u32; 3] = [major, minor, patch];
    found > CONTEXT_SINCE || found == CONTEXT_SINCE && !suffix
}

#[cfg(test)]
mod tests {
    use super::has_context;

    #[test]
    fn versions_with_the_later_entries() {
        for version in [
            "v1.5.5",
            "v1.5.6",
            "1.6.0",
            "v1.6.0-dev12",
            "v2.0.0",
            "v10.0.1",
        ] {
            assert!(has_context(version), "{version}");
        }
        for version in [
            "v1.3.2",
            "v1.5.4",
            "v1.5.5-dev3",
            "v1.5",
            "044a04a",
            "",
            "v1.5.5.1",
        ] {
            assert!(!has_context(version), "{version}");
        }
    }
}
