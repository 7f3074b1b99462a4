//! `RowMaker` and the parts of a run of rows.

use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Int32Array, Int64Array, RecordBatch};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow_pyarrow::PyArrowType;
use arrow_schema::ArrowError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::columns::{ArrowColumns, Columns, Headers};
use super::plan::PyPlan;
use super::{Packed, packed, value_error};
use crate::decoder::Decoder;
use crate::fold::Origin;
use crate::fold::intake::Intake;
use crate::pool::Pool;
use crate::rows::columns::{Column, Values};
use crate::rows::records::Lines;
use crate::rows::{Block, Chunk, Form, Job, Made, Merger, Names, RowAnswers, RowBatch, RowIntake, Shard, Span, Taken};

/// Makes the parts of a run.
#[pyclass(name = "RowMaker", module = "ofs._core", frozen)]
pub struct PyRowMaker {
    job: Arc<Job>,
    pins: Vec<u8>,
    decoder: Decoder,
    names: Pool<Names>,
    answers: Pool<Vec<u8>>,
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
#[pyclass(name = "RowIntake", module = "ofs._core")]
pub struct PyRowIntake {
    inner: RowIntake,
}

/// What a partition took of a chunk.
#[pyclass(name = "RowsTaken", module = "ofs._core", frozen)]
pub struct PyRowsTaken {
    inner: Taken,
}

/// The logs of some of the keys.
#[pyclass(name = "RowShard", module = "ofs._core")]
pub struct PyRowShard {
    inner: Shard,
}

/// A shard's answers to a chunk.
#[pyclass(name = "RowAnswers", module = "ofs._core", frozen)]
pub struct PyRowAnswers {
    inner: RowAnswers,
}

/// Makes the rows of one chunk after another.
#[pyclass(name = "RowMerger", module = "ofs._core")]
pub struct PyRowMerger {
    inner: Merger,
}

/// What came of a chunk.
#[pyclass(name = "RowsMade", module = "ofs._core", frozen)]
pub struct PyRowsMade {
    #[pyo3(get)]
    rows: usize,
    #[pyo3(get)]
    left_out: usize,
    #[pyo3(get)]
    blocks: Vec<Py<PyRows>>,
}

/// Some rows, in one of the two forms.
#[pyclass(name = "Rows", module = "ofs._core", frozen)]
pub struct PyRows {
    count: usize,
    columns: Vec<ArrayRef>,
    lines: Lines,
}

#[pymethods]
impl PyRowMaker {
    #[allow(clippy::too_many_arguments)] // as the contract has it
    #[new]
    fn new(
        plan: &PyPlan,
        pins: Vec<u8>,
        stream: String,
        spans: Vec<(i64, i64)>,
        max_skew_us: i64,
        known_after_us: Option<i64>,
        replay_id: String,
        block_rows: Option<NonZeroUsize>,
        shards: NonZeroUsize,
    ) -> PyResult<Self> {
        let form = block_rows.map_or(Form::Records, |rows| Form::Columns { block_rows: rows.get() });
        let plan = Arc::clone(&plan.inner);
        let decoder = Decoder::new(Arc::clone(&plan), &[&pins]);
        let spans = spans.into_iter().map(|(start, end)| Span { start, end }).collect();
        let shards = shards.get();
        Ok(PyRowMaker {
            job: Arc::new(Job { plan, stream, spans, known_after_us, replay_id, form, shards }),
            pins,
            decoder,
            names: Pool::default(),
            answers: Pool::default(),
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
        let batch =
            py.detach(|| RowBatch::decode(&self.decoder, &self.names, columns.records())).map_err(value_error)?;
        Ok(PyRowBatch { inner: Arc::new(batch) })
    }

    fn decode_arrow(&self, py: Python<'_>, batch: PyArrowType<RecordBatch>) -> PyResult<PyRowBatch> {
        let columns = ArrowColumns::of(&batch.0)?;
        let batch =
            py.detach(|| RowBatch::decode(&self.decoder, &self.names, columns.records())).map_err(value_error)?;
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

    fn intake(&self, partition: u32) -> PyResult<PyRowIntake> {
        let span = self.job.spans.get(partition as usize).ok_or_else(|| value_error("there is no such partition"))?;
        let stream = self.job.stream.clone();
        let origin = Origin { stream, partition, start: span.start, max_skew_us: self.max_skew_us };
        let intake = Intake::new(Arc::clone(&self.job.plan), &[&self.pins], origin).map_err(value_error)?;
        let offsets = usize::try_from(span.end.saturating_sub(span.start)).unwrap_or(0);
        Ok(PyRowIntake { inner: RowIntake::new(intake, offsets) })
    }

    fn shard(&self, number: usize) -> PyResult<PyRowShard> {
        let inner = Shard::new(Arc::clone(&self.job), number, self.answers.clone()).map_err(value_error)?;
        Ok(PyRowShard { inner })
    }

    fn merger(&self) -> PyRowMerger {
        PyRowMerger { inner: Merger::new(Arc::clone(&self.job)) }
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
impl PyRowIntake {
    fn take(&mut self, py: Python<'_>, chunk: &PyRowChunk) -> PyResult<PyRowsTaken> {
        let inner = py.detach(|| self.inner.take(&chunk.inner)).map_err(value_error)?;
        Ok(PyRowsTaken { inner })
    }

    fn end<'py>(&mut self, py: Python<'py>, to: i64) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.inner.end(to));
        PyBytes::new(py, &bytes)
    }
}

#[pymethods]
impl PyRowShard {
    fn answer(
        &mut self,
        py: Python<'_>,
        chunk: &PyRowChunk,
        taken: Vec<PyRef<'_, PyRowsTaken>>,
    ) -> PyResult<PyRowAnswers> {
        let taken: Vec<&Taken> = taken.iter().map(|taken| &taken.inner).collect();
        let inner = py.detach(|| self.inner.answer(&chunk.inner, &taken)).map_err(value_error)?;
        Ok(PyRowAnswers { inner })
    }
}

#[pymethods]
impl PyRowMerger {
    fn merge(
        &mut self,
        py: Python<'_>,
        chunk: &PyRowChunk,
        taken: Vec<PyRef<'_, PyRowsTaken>>,
        answers: Vec<PyRef<'_, PyRowAnswers>>,
    ) -> PyResult<PyRowsMade> {
        let taken: Vec<&Taken> = taken.iter().map(|taken| &taken.inner).collect();
        let answers: Vec<&RowAnswers> = answers.iter().map(|answers| &answers.inner).collect();
        let made = py.detach(|| self.inner.merge(&chunk.inner, &taken, &answers)).map_err(value_error)?;
        let Made { rows, left_out, blocks } = made;
        let blocks = blocks.into_iter().map(|block| Py::new(py, PyRows::of(block)?));
        Ok(PyRowsMade { rows, left_out, blocks: blocks.collect::<PyResult<_>>()? })
    }

    fn rest(&mut self) -> PyResult<Option<PyRows>> {
        self.inner.rest().map(PyRows::of).transpose()
    }
}

impl PyRows {
    fn of(block: Block) -> PyResult<PyRows> {
        let count = block.len();
        Ok(match block {
            Block::Columns(columns) => {
                let columns = columns.into_iter().map(array).collect::<Result<_, _>>().map_err(value_error)?;
                PyRows { count, columns, lines: Lines::default() }
            }
            Block::Lines(lines) => PyRows { count, columns: Vec::new(), lines },
        })
    }
}

#[pymethods]
impl PyRows {
    fn __len__(&self) -> usize {
        self.count
    }

    /// The columns under their numbers; nothing is copied.
    fn columns(&self) -> PyResult<PyArrowType<RecordBatch>> {
        let named = self.columns.iter().enumerate().map(|(place, column)| (place.to_string(), Arc::clone(column)));
        Ok(PyArrowType(RecordBatch::try_from_iter(named).map_err(value_error)?))
    }

    /// Event ids, and the rows as lines.
    fn records<'py>(&self, py: Python<'py>) -> PyResult<(Packed<'py>, Packed<'py>)> {
        let Lines { bytes, ends, event_ids, id_ends, .. } = &self.lines;
        let ids = packed(py, event_ids.as_bytes(), id_ends.iter().copied())?;
        Ok((ids, packed(py, bytes, ends.iter().copied())?))
    }
}

/// A column as Arrow has it, of the same memory. Texts are told as bytes: that they are UTF-8 is known.
fn array(column: Column) -> Result<ArrayRef, ArrowError> {
    let len = column.rows();
    let (values, validity) = column.finish();
    let bits = |bits: Vec<u8>| BooleanBuffer::new(Buffer::from_vec(bits), 0, len);
    let nulls = validity.map(|validity| NullBuffer::new(bits(validity)));
    Ok(match values {
        Values::Int32(values) => Arc::new(Int32Array::try_new(values.into(), nulls)?),
        Values::Int64(values) => Arc::new(Int64Array::try_new(values.into(), nulls)?),
        Values::Decimal(values) => Arc::new(Decimal128Array::try_new(values.into(), nulls)?),
        Values::Bool(values) => Arc::new(BooleanArray::new(bits(values), nulls)),
        Values::Text { ends, bytes } => {
            Arc::new(BinaryArray::try_new(OffsetBuffer::new(ends.into()), Buffer::from_vec(bytes), nulls)?)
        }
    })
}
