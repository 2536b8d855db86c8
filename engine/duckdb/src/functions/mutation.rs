//! The frame of functions that change a store. Each execution makes the change once and returns its report as a row.

use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use lakebed_core::Result;

use crate::bind::BindCall;
use crate::callback::internal;
use crate::calling_connection::CallingConnection;
use crate::file_access::FileAccess;
use crate::row_queue::RowQueue;
use crate::table_function::TableFunction;
use crate::types::ParameterType;
use crate::vector::OutputChunk;

/// A value of a report.
pub(crate) enum ReportValue {
    Text(Option<String>),
    Int(Option<u64>),
    Float(f64),
    Bool(bool),
}

/// A report: names and values of its columns.
pub(crate) type ReportRow = Vec<(&'static str, ReportValue)>;

pub(crate) fn text(text: impl Into<String>) -> ReportValue {
    ReportValue::Text(Some(text.into()))
}

pub(crate) fn int(number: u64) -> ReportValue {
    ReportValue::Int(Some(number))
}

fn field(name: &str, value: &ReportValue) -> Field {
    let data_type = match value {
        ReportValue::Text(_) => DataType::Utf8,
        ReportValue::Int(_) => DataType::Int64,
        ReportValue::Float(_) => DataType::Float64,
        ReportValue::Bool(_) => DataType::Boolean,
    };
    Field::new(name, data_type, true)
}

fn array(value: &ReportValue) -> ArrayRef {
    match value {
        ReportValue::Text(text) => Arc::new(StringArray::from(vec![text.as_deref()])),
        ReportValue::Int(number) => Arc::new(Int64Array::from(vec![number.map(|n| n as i64)])),
        ReportValue::Float(number) => Arc::new(Float64Array::from(vec![*number])),
        ReportValue::Bool(yes) => Arc::new(BooleanArray::from(vec![*yes])),
    }
}

/// A function that changes a store. A value of the type is one call, bound to its arguments.
pub(crate) trait Mutation: Send + Sync + Sized + 'static {
    const FUNCTION: &'static CStr;
    const PARAMETERS: &'static [ParameterType];
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)];

    /// Reads the arguments; changes nothing.
    fn bind(call: &BindCall) -> Result<Self>;

    /// Refuses what the settings of the connection do not allow.
    fn check(&self, access: &FileAccess) -> Result<()>;

    /// Makes the change, with the access that was checked.
    fn apply(&self, access: &FileAccess) -> Result<ReportRow>;

    /// A report without content, from which the columns are declared.
    fn empty_report() -> ReportRow;
}

/// A mutation as a table function.
pub(crate) struct MutationFunction<M> {
    mutation: M,
    connection: Arc<CallingConnection>,
}

/// An execution of a mutation.
pub(crate) struct MutationExecution {
    columns: Vec<usize>,
    access: FileAccess,
    applied: AtomicBool,
}

impl<M: Mutation> TableFunction for MutationFunction<M> {
    type Execution = MutationExecution;
    type ThreadState = RowQueue;

    const NAME: &'static CStr = M::FUNCTION;
    const PARAMETERS: &'static [ParameterType] = M::PARAMETERS;
    const NAMED_PARAMETERS: &'static [(&'static CStr, ParameterType)] = M::NAMED_PARAMETERS;

    fn bind(call: &BindCall) -> Result<Self> {
        let mutation = M::bind(call)?;
        for (name, value) in M::empty_report() {
            call.add_column(&call.result_column(&field(name, &value))?);
        }
        call.set_cardinality(1, true);
        Ok(Self {
            mutation,
            connection: Arc::clone(call.connection()),
        })
    }

    fn execute(&self, columns: &[usize]) -> Result<(MutationExecution, usize)> {
        let access = self.connection.file_access();
        self.mutation.check(&access)?;
        let execution = MutationExecution {
            columns: columns.to_vec(),
            access,
            applied: AtomicBool::new(false),
        };
        Ok((execution, 1))
    }

    fn produce(
        &self,
        execution: &MutationExecution,
        rows: &mut RowQueue,
        chunk: &mut OutputChunk,
    ) -> Result<()> {
        if !execution.applied.swap(true, Ordering::Relaxed) {
            let report = self.mutation.apply(&execution.access)?;
            let columns = execution.columns.iter();
            let requested: Vec<_> = columns.filter_map(|n| report.get(*n)).collect();
            let fields = requested.iter().map(|(name, value)| field(name, value));
            let schema = Schema::new(fields.collect::<Vec<_>>());
            let arrays = requested.iter().map(|(_, value)| array(value)).collect();
            let row = RecordBatch::try_new(Arc::new(schema), arrays);
            rows.extend([row.map_err(|e| internal(format!("The report cannot be shown: {e}.")))?]);
        }
        rows.fill(chunk).map(drop)
    }
}
