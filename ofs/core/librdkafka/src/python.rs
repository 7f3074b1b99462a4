//! What `ofs/kafka_consumer.py` and `ofs/librdkafka.py` call.

use std::ffi::CStr;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::types::{Int8Type, Int64Type};
use arrow_array::{Array, BinaryArray, RecordBatch, StructArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyCapsule};

use crate::columns::{COLUMN_BYTES_MAX, Gathered, gather};
use crate::library::Library;
use crate::table::{self, MESSAGE_BYTES, Packed};

/// Reads queues of one librdkafka.
#[pyclass(name = "MessageReader", module = "ofs._core", frozen)]
pub struct MessageReader {
    library: Library,
}

/// Records of one partition, as columns.
#[pyclass(name = "Records", module = "ofs._core", frozen)]
pub struct Records {
    partition: i32,
    columns: RecordBatch,
}

/// Batches of records, (partition, offset) of ends, (code, text) of errors.
type Read = (Vec<Records>, Vec<(i32, i64)>, Vec<(i32, String)>);

/// Name and value of each of a record's headers.
type Headers<'r> = Vec<(&'r str, Option<&'r [u8]>)>;

#[pymethods]
impl MessageReader {
    #[new]
    fn new(addresses: [usize; 5]) -> PyResult<Self> {
        // SAFETY: the one caller looks these functions up by their names, in a library that stays loaded.
        let library = unsafe { Library::at(addresses) };
        Ok(MessageReader { library: library.ok_or_else(|| PyValueError::new_err("an address is 0"))? })
    }

    fn read(&self, py: Python<'_>, queue: usize, wanted: usize, timeout_ms: i32) -> PyResult<Option<Read>> {
        let gathered = py.detach(|| {
            // SAFETY: the one caller holds its client and the queue open during the call, and no message outlives it.
            let messages = unsafe { self.library.consume(queue, wanted, timeout_ms) };
            messages.map(|messages| gather(&messages, COLUMN_BYTES_MAX)).transpose()
        });
        let gathered = gathered.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(gathered.map(|Gathered { batches, ends, errors }| {
            let records =
                batches.into_iter().map(|batch| Records { partition: batch.partition, columns: batch.columns });
            (records.collect(), ends, errors)
        }))
    }
}

#[pymethods]
impl Records {
    fn __len__(&self) -> usize {
        self.columns.num_rows()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        drop(requested_schema); // what is not there cannot be cast to; the protocol leaves that to the consumer
        let schema = FFI_ArrowSchema::try_from(self.columns.schema_ref().as_ref())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let array = FFI_ArrowArray::new(&StructArray::from(self.columns.clone()).into_data());
        Ok((capsule(py, schema, c"arrow_schema")?, capsule(py, array, c"arrow_array")?))
    }

    #[getter]
    fn partition(&self) -> i32 {
        self.partition
    }

    #[getter]
    fn offsets(&self) -> Vec<i64> {
        self.columns.column(0).as_primitive::<Int64Type>().values().to_vec()
    }

    #[getter]
    fn log_ts_us(&self) -> Vec<i64> {
        self.columns.column(1).as_primitive::<Int64Type>().values().to_vec()
    }

    #[getter]
    fn ts_types(&self) -> Vec<i8> {
        self.columns.column(2).as_primitive::<Int8Type>().values().to_vec()
    }

    #[getter]
    fn keys(&self) -> Vec<Option<&[u8]>> {
        values(self.columns.column(3).as_binary())
    }

    #[getter]
    fn values(&self) -> Vec<Option<&[u8]>> {
        values(self.columns.column(4).as_binary())
    }

    #[getter]
    fn headers(&self) -> Option<Vec<Headers<'_>>> {
        let lists = self.columns.column(5).as_list::<i32>();
        let pairs = lists.values().as_struct();
        if pairs.is_empty() {
            return None;
        }
        let names = pairs.column(0).as_string::<i32>().iter().flatten();
        let all: Vec<_> = names.zip(pairs.column(1).as_binary::<i32>()).collect();
        let bounds = lists.offsets().windows(2).map(|ends| ends[0] as usize..ends[1] as usize);
        Some(bounds.map(|range| all.get(range).unwrap_or_default().to_vec()).collect())
    }

    /// Those of the records at the indexes that are there.
    fn slice(&self, start: usize, end: usize) -> Records {
        let end = end.min(self.columns.num_rows());
        let start = start.min(end);
        Records { partition: self.partition, columns: self.columns.slice(start, end - start) }
    }
}

#[pyfunction]
pub fn message_table<'py>(
    py: Python<'py>,
    keys: &[u8],
    key_offsets: &[u8],
    lines: &[u8],
    line_offsets: &[u8],
) -> PyResult<Bound<'py, PyByteArray>> {
    let (keys, lines) = (Packed { data: keys, offsets: key_offsets }, Packed { data: lines, offsets: line_offsets });
    PyByteArray::new_with(py, keys.count() * MESSAGE_BYTES, |room| {
        table::write(keys, lines, room).map_err(|error| PyValueError::new_err(error.to_string()))
    })
}

fn values(column: &BinaryArray) -> Vec<Option<&[u8]>> {
    column.iter().collect()
}

fn capsule<'py, T: Send + 'static>(py: Python<'py>, value: T, name: &'static CStr) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, value, name)
}
