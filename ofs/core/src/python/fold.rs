//! `Fold`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::columns::{Columns, Headers};
use super::decisions::PyDecisions;
use super::plan::PyPlan;
use super::queries::PyQueries;
use super::{checked_range, value_error};
use crate::fold::{Fold, Origin, Record};

/// The state of one partition.
#[pyclass(name = "Fold", module = "ofs._core")]
pub struct PyFold {
    inner: Fold,
}

type Entry<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

#[pymethods]
impl PyFold {
    #[new]
    fn new(
        plan: &PyPlan,
        scopes: Vec<PyBackedBytes>,
        stream: String,
        partition: u32,
        start: i64,
        max_skew_us: i64,
    ) -> PyResult<Self> {
        let origin = Origin { stream, partition, start, max_skew_us };
        let inner = Fold::new(Arc::clone(&plan.inner), &slices(&scopes), origin).map_err(value_error)?;
        Ok(PyFold { inner })
    }

    #[getter]
    fn frontier(&self) -> i64 {
        self.inner.frontier()
    }

    #[allow(clippy::too_many_arguments)] // the columns of a record batch
    fn apply(
        &mut self,
        py: Python<'_>,
        offsets: Vec<i64>,
        log_ts_us: Vec<i64>,
        ts_types: Vec<u8>,
        keys: Vec<Option<PyBackedBytes>>,
        values: Vec<Option<PyBackedBytes>>,
        headers: Option<Vec<Headers>>,
        first: usize,
        limit: i64,
        queries: &mut PyQueries,
    ) -> PyResult<usize> {
        let columns = Columns { offsets, log_ts_us, ts_types, keys, values, headers };
        columns.check()?;
        let records = (first..columns.len()).filter_map(|index| columns.get(index)).map(|record| {
            let headers = record.headers();
            let (offset, log_ts_us, ts_type) = (record.offset, record.log_ts_us, record.ts_type);
            (Record { offset, log_ts_us, ts_type, key: record.key, value: record.value }, headers)
        });
        let applied = py.detach(|| self.inner.apply(records, limit, &mut queries.inner)).map_err(value_error)?;
        Ok(first + applied)
    }

    fn advance(&mut self, py: Python<'_>, to: i64, queries: &mut PyQueries) -> PyResult<()> {
        py.detach(|| self.inner.advance(to, &mut queries.inner)).map_err(value_error)
    }

    fn watermarks(
        &self,
        py: Python<'_>,
        decisions: &PyDecisions,
        lo: usize,
        hi: usize,
    ) -> PyResult<Vec<(usize, Option<i64>)>> {
        let decisions = decisions.sealed()?;
        let range = checked_range(lo, hi, decisions.len())?;
        py.detach(|| self.inner.watermarks(decisions, range)).map_err(value_error)
    }

    fn skew_violation(&self) -> Option<i64> {
        self.inner.skew_violation()
    }

    fn certificate<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.inner.certificate());
        PyBytes::new(py, &bytes)
    }

    fn drain_state<'py>(&mut self, py: Python<'py>) -> Vec<Entry<'py>> {
        let entries = py.detach(|| self.inner.drain_state());
        entries.iter().map(|(key, value)| (PyBytes::new(py, key), PyBytes::new(py, value))).collect()
    }

    #[staticmethod]
    fn restore(
        py: Python<'_>,
        plan: &PyPlan,
        scopes: Vec<PyBackedBytes>,
        entries: Vec<(PyBackedBytes, PyBackedBytes)>,
    ) -> PyResult<Self> {
        let plan = Arc::clone(&plan.inner);
        let inner = py.detach(|| {
            let entries: Vec<(&[u8], &[u8])> = entries.iter().map(|(key, value)| (&**key, &**value)).collect();
            Fold::restore(plan, &slices(&scopes), &entries)
        });
        Ok(PyFold { inner: inner.map_err(value_error)? })
    }
}

fn slices(items: &[PyBackedBytes]) -> Vec<&[u8]> {
    items.iter().map(|item| &**item).collect()
}
