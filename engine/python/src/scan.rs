//! Scans of collections and of system tables, as Arrow streams; schemas; filters.

use std::time::Duration;

use arrow_array::RecordBatchReader;
use arrow_schema::SchemaRef;
use lakebed_core::scan::system_column_type;
use lakebed_core::schema::{Column, SYSTEM_COLUMNS};
use lakebed_core::{Filter, Op, ScanRequest, Seq, Snapshot, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyCapsule, PyDict, PyFloat, PyInt, PyList, PyString};

use crate::detach::{detached, detached_long};
use crate::errors::invalid;
use lakebed_json::quoted;

/// How long a scan whose filters match no row goes on before it returns a row of NULLs, so that the consumer can check
/// for Ctrl-C.
const SIGN_OF_LIFE_INTERVAL: Duration = Duration::from_millis(100);

/// Column, operator and constant of each.
type Filters = Vec<(String, String, Py<PyAny>)>;

/// What a stream reads.
enum StreamInput {
    Collection(ScanRequest),
    /// A system table by its name, and the columns read of it; `None` for all.
    System(String, Option<Vec<String>>),
}

/// Typed rows of one snapshot. Each export begins a new stream over the same snapshot.
#[pyclass(frozen, module = "lakebed._engine")]
pub(crate) struct ArrowStream {
    snapshot: Snapshot,
    input: StreamInput,
    schema: SchemaRef,
}

impl ArrowStream {
    fn open(&self, py: Python<'_>) -> PyResult<Box<dyn RecordBatchReader + Send>> {
        detached(py, || match &self.input {
            StreamInput::Collection(request) => {
                let scan = self.snapshot.scan(request)?;
                Ok(Box::new(scan) as Box<dyn RecordBatchReader + Send>)
            }
            StreamInput::System(name, columns) => {
                let table = self.snapshot.system_table(name, columns.as_deref())?;
                Ok(Box::new(table) as Box<dyn RecordBatchReader + Send>)
            }
        })
    }
}

#[pymethods]
impl ArrowStream {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The interface lets a producer ignore the requested types; the consumer then casts.
        let _ = requested_schema;
        crate::arrow_capsules::stream(py, self.open(py)?)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        crate::arrow_capsules::schema(py, &self.schema)
    }

    /// Names of its columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }
}

/// The request of a scan from its Python arguments.
pub(crate) fn request(
    py: Python<'_>,
    collection: &str,
    columns: Option<Vec<String>>,
    filters: Option<Filters>,
    range: std::ops::Range<u64>,
    signs_of_life: bool,
) -> PyResult<ScanRequest> {
    let mut request = ScanRequest {
        columns,
        range: Some(Seq(range.start)..Seq(range.end)),
        heartbeat: signs_of_life.then_some(SIGN_OF_LIFE_INTERVAL),
        ..ScanRequest::of(collection)
    };
    for (column, op, value) in filters.unwrap_or_default() {
        let op = operation(&op, value.bind(py))?;
        request.filters.push(Filter { column, op });
    }
    Ok(request)
}

/// Typed rows of a collection.
pub(crate) fn scan(
    py: Python<'_>,
    snapshot: &Snapshot,
    request: ScanRequest,
) -> PyResult<ArrowStream> {
    let schema = detached(py, || snapshot.scan_schema(&request))?;
    Ok(ArrowStream {
        snapshot: snapshot.clone(),
        input: StreamInput::Collection(request),
        schema,
    })
}

/// A system table.
pub(crate) fn system(
    py: Python<'_>,
    snapshot: &Snapshot,
    table: &str,
    columns: Option<Vec<String>>,
) -> PyResult<ArrowStream> {
    let schema = detached(py, || {
        Ok(snapshot.system_table(table, columns.as_deref())?.schema())
    })?;
    Ok(ArrowStream {
        snapshot: snapshot.clone(),
        input: StreamInput::System(table.to_owned(), columns),
        schema,
    })
}

/// The columns of a collection, typed ones first, as `lakebed.models.Schema` takes them. `counted`: with the counts of
/// the rows there are, for which they may have to be read.
pub(crate) fn schema<'py>(
    py: Python<'py>,
    snapshot: &Snapshot,
    collection: &str,
    counted: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let schema = if counted {
        detached_long(py, |_| snapshot.counted_schema(collection))?
    } else {
        detached(py, || snapshot.schema(collection))?
    };
    let layout = detached(py, || snapshot.layout(collection))?;
    let columns = PyList::empty(py);
    for column in &schema.columns {
        columns.append(typed_column(py, column)?)?;
    }
    for name in SYSTEM_COLUMNS {
        let entry = PyDict::new(py);
        entry.set_item("name", name)?;
        entry.set_item("type", system_column_type(name))?;
        entry.set_item("values", schema.rows)?;
        entry.set_item("nulls", 0)?;
        entry.set_item("missing", 0)?;
        entry.set_item("system", true)?;
        columns.append(entry)?;
    }
    let result = PyDict::new(py);
    result.set_item("collection", collection)?;
    result.set_item("rows", schema.rows)?;
    result.set_item("columns", columns)?;
    result.set_item("layout", layout.name())?;
    Ok(result)
}

fn typed_column<'py>(py: Python<'py>, column: &Column) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("name", &column.name)?;
    entry.set_item("type", column.data_type.to_string())?;
    entry.set_item("values", column.values)?;
    entry.set_item("nulls", column.nulls)?;
    entry.set_item("missing", column.missing)?;
    entry.set_item("notes", &column.notes)?;
    entry.set_item("declared", !column.declared.is_empty())?;
    entry.set_item("misfits", column.misfits)?;
    Ok(entry)
}

fn operation(op: &str, value: &Bound<'_, PyAny>) -> PyResult<Op> {
    Ok(match op {
        "=" => Op::Eq(constant(value)?),
        "!=" => Op::Ne(constant(value)?),
        "<" => Op::Lt(constant(value)?),
        "<=" => Op::Le(constant(value)?),
        ">" => Op::Gt(constant(value)?),
        ">=" => Op::Ge(constant(value)?),
        "in" => Op::In(
            value
                .try_iter()?
                .map(|item| constant(&item?))
                .collect::<PyResult<_>>()?,
        ),
        "is_null" => Op::IsNull,
        "is_not_null" => Op::IsNotNull,
        _ => {
            let text = format!(
                "{op} is not an operator of a filter: those are =, !=, <, <=, >, >=, in, is_null, is_not_null.",
                op = quoted(op)
            );
            return Err(invalid(value.py(), &text));
        }
    })
}

fn constant(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    // Python's bool is a subclass of int, so it is checked first.
    if value.is_instance_of::<PyBool>() {
        return Ok(Value::Bool(value.extract()?));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Value::Int(value.extract()?));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Value::Float(value.extract()?));
    }
    if value.is_instance_of::<PyString>() {
        return Ok(Value::Text(value.extract()?));
    }
    let kind = value.get_type().name()?;
    let text = format!("A filter compares with a bool, int, float or str, not with {kind}.");
    Err(invalid(value.py(), &text))
}
