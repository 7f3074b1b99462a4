//! `Decoder` and `Decoded`.

use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use super::columns::{ArrowColumns, Columns, Headers};
use super::value_error;
use crate::decoder::{Decoded, Decoder};

/// Decodes records for folds of a plan.
#[pyclass(name = "Decoder", module = "ofs._core", frozen)]
pub struct PyDecoder {
    pub inner: Decoder,
}

/// Decoded records of one partition, in offset order.
#[pyclass(name = "Decoded", module = "ofs._core", frozen)]
pub struct PyDecoded {
    pub inner: Decoded,
}

#[pymethods]
impl PyDecoder {
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
    ) -> PyResult<PyDecoded> {
        let columns = Columns { offsets, log_ts_us, ts_types, keys, values, headers };
        columns.check()?;
        let inner = py.detach(|| self.inner.decode(columns.records())).map_err(value_error)?;
        Ok(PyDecoded { inner })
    }

    fn decode_arrow(&self, py: Python<'_>, batch: PyArrowType<RecordBatch>) -> PyResult<PyDecoded> {
        let columns = ArrowColumns::of(&batch.0)?;
        let inner = py.detach(|| self.inner.decode(columns.records())).map_err(value_error)?;
        Ok(PyDecoded { inner })
    }
}

#[pymethods]
impl PyDecoded {
    fn __len__(&self) -> usize {
        self.inner.items().len()
    }

    fn offset(&self, index: usize) -> Option<i64> {
        self.inner.items().get(index).map(|item| item.offset)
    }
}
