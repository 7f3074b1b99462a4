//! `RangeDigest`.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use super::columns::{Columns, Headers};
use super::value_error;
use crate::digest::{RangeDigest, hex};

/// Content digest over the records of one partition, fed in offset order.
#[pyclass(name = "RangeDigest", module = "ofs._core")]
pub struct PyRangeDigest {
    inner: RangeDigest,
}

#[pymethods]
impl PyRangeDigest {
    #[new]
    fn new() -> Self {
        PyRangeDigest { inner: RangeDigest::default() }
    }

    #[staticmethod]
    fn restore(state: &[u8]) -> PyResult<Self> {
        Ok(PyRangeDigest { inner: RangeDigest::restore(state).map_err(value_error)? })
    }

    #[allow(clippy::too_many_arguments)] // the columns of a record batch
    fn update(
        &mut self,
        py: Python<'_>,
        offsets: Vec<i64>,
        log_ts_us: Vec<i64>,
        ts_types: Vec<u8>,
        keys: Vec<Option<PyBackedBytes>>,
        values: Vec<Option<PyBackedBytes>>,
        headers: Option<Vec<Headers>>,
    ) -> PyResult<()> {
        let columns = Columns { offsets, log_ts_us, ts_types, keys, values, headers };
        columns.check()?;
        let last = self.inner.last_offset();
        if last.is_some() && !columns.offsets.is_empty() && columns.offsets.first().copied() <= last {
            return Err(value_error("offsets must be at least 0 and strictly ascending"));
        }
        py.detach(|| {
            for (record, headers) in columns.records() {
                let (key, value) = (record.key, record.value);
                self.inner.update_one(record.offset, record.log_ts_us, record.ts_type, key, value, headers)?;
            }
            Ok(())
        })
        .map_err(|error: crate::digest::DigestError| value_error(error))
    }

    fn root(&self) -> String {
        hex(&self.inner.root())
    }

    fn blocks(&self) -> Vec<(u64, u32, String)> {
        self.inner.blocks().iter().map(|block| (block.index, block.count, hex(&block.digest))).collect()
    }

    fn state<'py>(&self, py: Python<'py>) -> Bound<'py, pyo3::types::PyBytes> {
        pyo3::types::PyBytes::new(py, &self.inner.state())
    }
}
