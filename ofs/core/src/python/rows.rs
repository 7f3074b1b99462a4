//! `RowMaker` and the parts of a run of rows.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};

use super::columns::{ArrowColumns, Columns, Headers};
use super::plan::PyPlan;
use super::value_error;
use crate::decoder::Decoder;
use crate::fold::{Fold, Origin};
use crate::rows::{Chunk, Form, Job, RowAnswers, RowBatch, Rows, merge};

/// Makes the parts of a run.
#[pyclass(name = "RowMaker", module = "ofs._core", frozen)]
pub struct PyRowMaker {
    job: Job,
    pins: Vec<u8>,
    decoder: Decoder,
    starts: Vec<i64>,
    max_skew_us: i64,
}

/// A decoded batch of one partition.
#[pyclass(name = "RowBatch", module = "ofs._core", frozen)]
pub struct PyRowBatch {
    inner: Arc<RowBatch>,
}

/// The next records in the order of arrival.
#[pyclass(name = "RowChunk", module = "ofs._core", frozen)]
pub struct PyRowChunk {
    inner: Chunk,
}

/// The state of one partition.
#[pyclass(name = "RowFold", module = "ofs._core")]
pub struct PyRowFold {
    inner: Fold,
}

/// One partition's answers to a chunk.
#[pyclass(name = "RowAnswers", module = "ofs._core", frozen)]
pub struct PyRowAnswers {
    inner: RowAnswers,
}

/// The rows of a chunk.
#[pyclass(name = "Rows", module = "ofs._core", frozen)]
pub struct PyRows {
    inner: Rows,
}

type OptionalBytes<'py> = Option<Bound<'py, PyBytes>>;

#[pymethods]
impl PyRowMaker {
    #[allow(clippy::too_many_arguments)] // as the contract has it
    #[new]
    fn new(
        plan: &PyPlan,
        pins: Vec<u8>,
        stream: String,
        starts: Vec<i64>,
        max_skew_us: i64,
        known_after_us: Option<i64>,
        replay_id: String,
        form: &str,
    ) -> PyResult<Self> {
        let form = match form {
            "columns" => Form::Columns,
            "records" => Form::Records,
            _ => return Err(value_error("rows are made as columns or records")),
        };
        let plan = Arc::clone(&plan.inner);
        let decoder = Decoder::new(Arc::clone(&plan), &[&pins]);
        Ok(PyRowMaker {
            job: Job { plan, stream, known_after_us, replay_id, form },
            pins,
            decoder,
            starts,
            max_skew_us,
        })
    }

    #[allow(clippy::too_many_arguments)] // the columns of a record batch
    fn decode(
        &self,
        py: Python<'_>,
        offsets: Vec<i64>,
        log_ts_us: Vec<i64>,
        ts_types: Vec<u8>,
        keys: Vec<Option<PyBackedBytes>>,
        values: Vec<Option<PyBackedBytes>>,
        headers: Option<Vec<Headers>>,
    ) -> PyResult<PyRowBatch> {
        let columns = Columns { offsets, log_ts_us, ts_types, keys, values, headers };
        columns.check()?;
        let batch = py.detach(|| RowBatch::decode(&self.decoder, columns.records())).map_err(value_error)?;
        Ok(PyRowBatch { inner: Arc::new(batch) })
    }

    fn decode_arrow(&self, py: Python<'_>, batch: PyArrowType<RecordBatch>) -> PyResult<PyRowBatch> {
        let columns = ArrowColumns::of(&batch.0)?;
        let batch = py.detach(|| RowBatch::decode(&self.decoder, columns.records())).map_err(value_error)?;
        Ok(PyRowBatch { inner: Arc::new(batch) })
    }

    fn arrive(
        &self,
        py: Python<'_>,
        batches: Vec<Option<PyRef<'_, PyRowBatch>>>,
        positions: Vec<usize>,
    ) -> PyResult<PyRowChunk> {
        let batches = batches.iter().map(|batch| batch.as_ref().map(|batch| Arc::clone(&batch.inner))).collect();
        let inner = py.detach(|| Chunk::arrive(batches, positions)).map_err(value_error)?;
        Ok(PyRowChunk { inner })
    }

    fn fold(&self, partition: u32) -> PyResult<PyRowFold> {
        let start = self.starts.get(partition as usize).ok_or_else(|| value_error("there is no such partition"))?;
        let stream = self.job.stream.clone();
        let origin = Origin { stream, partition, start: *start, max_skew_us: self.max_skew_us };
        let inner = Fold::new(Arc::clone(&self.job.plan), &[&self.pins], origin).map_err(value_error)?;
        Ok(PyRowFold { inner })
    }

    fn merge(&self, py: Python<'_>, chunk: &PyRowChunk, answers: Vec<PyRef<'_, PyRowAnswers>>) -> PyResult<PyRows> {
        let answers: Vec<&RowAnswers> = answers.iter().map(|answers| &answers.inner).collect();
        let inner = py.detach(|| merge(&self.job, &chunk.inner, &answers)).map_err(value_error)?;
        Ok(PyRows { inner })
    }
}

#[pymethods]
impl PyRowBatch {
    fn __len__(&self) -> usize {
        self.inner.len()
    }
}

#[pymethods]
impl PyRowChunk {
    fn __len__(&self) -> usize {
        self.inner.order.len()
    }

    #[getter]
    fn positions(&self) -> Vec<usize> {
        self.inner.positions.clone()
    }
}

#[pymethods]
impl PyRowFold {
    fn answer(&mut self, py: Python<'_>, chunk: &PyRowChunk) -> PyResult<PyRowAnswers> {
        let inner = py.detach(|| self.inner.answer_rows(&chunk.inner)).map_err(value_error)?;
        Ok(PyRowAnswers { inner })
    }

    fn end<'py>(&mut self, py: Python<'py>, to: i64) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.inner.end_rows(to));
        PyBytes::new(py, &bytes)
    }
}

#[pymethods]
impl PyRows {
    fn __len__(&self) -> usize {
        self.inner.count
    }

    #[getter]
    fn left_out(&self) -> usize {
        self.inner.left_out
    }

    /// (validity, offsets, data) of each column.
    fn columns<'py>(&self, py: Python<'py>) -> Vec<(OptionalBytes<'py>, OptionalBytes<'py>, Bound<'py, PyBytes>)> {
        let optional = |buffer: &Option<Vec<u8>>| buffer.as_ref().map(|bytes| PyBytes::new(py, bytes));
        let columns = self.inner.columns.iter();
        columns
            .map(|column| (optional(&column.validity), optional(&column.offsets), PyBytes::new(py, &column.data)))
            .collect()
    }

    /// Event ids, the rows as lines, and the length of each.
    fn records<'py>(&self, py: Python<'py>) -> (Vec<Bound<'py, PyString>>, Bound<'py, PyBytes>, Vec<usize>) {
        let lines = &self.inner.lines;
        let ids = lines.ids().map(|id| PyString::new(py, id)).collect();
        (ids, PyBytes::new(py, &lines.bytes), lines.lengths.clone())
    }
}
