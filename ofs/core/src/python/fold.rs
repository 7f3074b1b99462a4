//! `Fold`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::decisions::PyDecisions;
use super::decoder::{PyDecoded, PyDecoder};
use super::plan::PyPlan;
use super::queries::PyQueries;
use super::{checked_range, value_error};
use crate::fold::{Fold, Origin};
use crate::state::{RESIDENT, first_step_us};

/// The state of one partition.
#[pyclass(name = "Fold", module = "ofs._core")]
pub struct PyFold {
    inner: Fold,
}

type BytesList<'py> = Vec<Bound<'py, PyBytes>>;
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

    /// Decodes records for this fold and others of its plan and scopes.
    fn decoder(&self) -> PyDecoder {
        PyDecoder { inner: self.inner.decoder() }
    }

    fn apply(
        &mut self,
        py: Python<'_>,
        records: &PyDecoded,
        first: usize,
        limit: i64,
        queries: &mut PyQueries,
    ) -> PyResult<usize> {
        py.detach(|| self.inner.apply(&records.inner, first, limit, &mut queries.inner)).map_err(value_error)
    }

    fn catch_up(&mut self, py: Python<'_>, queries: &mut PyQueries, scans: u64) -> PyResult<bool> {
        py.detach(|| self.inner.catch_up(&mut queries.inner, scans)).map_err(value_error)
    }

    #[pyo3(signature = (as_of_us, *, at_once))]
    fn forget(&mut self, as_of_us: i64, at_once: bool) {
        self.inner.forget(as_of_us, at_once);
    }

    fn advance(&mut self, py: Python<'_>, to: i64, queries: &mut PyQueries) -> PyResult<()> {
        py.detach(|| self.inner.advance(to, &mut queries.inner)).map_err(value_error)
    }

    fn watermarks(
        &mut self,
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

    fn event_time_us_max(&self) -> Option<i64> {
        self.inner.event_time_us_max()
    }

    fn certificate<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.inner.certificate());
        PyBytes::new(py, &bytes)
    }

    fn drain_state<'py>(&mut self, py: Python<'py>) -> Vec<Entry<'py>> {
        let entries = py.detach(|| self.inner.drain_state());
        entries.iter().map(|(key, value)| (PyBytes::new(py, key), PyBytes::new(py, value))).collect()
    }

    #[getter]
    fn is_lazy(&self) -> bool {
        self.inner.is_lazy()
    }

    fn needs<'py>(
        &mut self,
        py: Python<'py>,
        records: Option<&PyDecoded>,
        first: usize,
        limit: i64,
        queries: &PyQueries,
    ) -> PyResult<(BytesList<'py>, BytesList<'py>)> {
        let records = records.map(|records| &records.inner);
        let needs = py.detach(|| self.inner.needs(records, first, limit, &queries.inner)).map_err(value_error)?;
        Ok((bytes_list(py, &needs.keys), bytes_list(py, &needs.prefixes)))
    }

    fn supply(
        &mut self,
        py: Python<'_>,
        found: Vec<(PyBackedBytes, Option<PyBackedBytes>)>,
        scanned: Vec<(PyBackedBytes, Vec<(PyBackedBytes, PyBackedBytes)>)>,
    ) -> PyResult<()> {
        py.detach(|| {
            let found = found.iter().map(|(key, value)| (&**key, value.as_deref()));
            let scanned = scanned.iter().map(|(prefix, entries)| (&**prefix, pairs(entries)));
            self.inner.supply(found, scanned)
        })
        .map_err(value_error)
    }

    fn watermark_prefixes<'py>(&self, py: Python<'py>) -> BytesList<'py> {
        bytes_list(py, &self.inner.watermark_prefixes())
    }

    fn horizons<'py>(
        &mut self,
        py: Python<'py>,
        as_of_us: i64,
    ) -> Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>, i64)> {
        let found = self.inner.horizons(as_of_us);
        let bytes = |bytes: &[u8]| PyBytes::new(py, bytes);
        found.iter().map(|seen| (bytes(&seen.steps), bytes(&seen.contributions), seen.time_us)).collect()
    }

    #[staticmethod]
    fn first_step_us(value: &[u8]) -> PyResult<i64> {
        first_step_us(value).map_err(value_error)
    }

    fn resident_bytes(&self) -> usize {
        self.inner.resident_bytes()
    }

    fn evict(&mut self, py: Python<'_>, limit_bytes: usize) {
        py.detach(|| self.inner.evict(limit_bytes));
    }

    #[staticmethod]
    fn resident_prefixes(py: Python<'_>) -> BytesList<'_> {
        bytes_list(py, &RESIDENT.map(|tag| [tag]))
    }

    #[staticmethod]
    fn open(
        py: Python<'_>,
        plan: &PyPlan,
        scopes: Vec<PyBackedBytes>,
        entries: Vec<(PyBackedBytes, PyBackedBytes)>,
    ) -> PyResult<Self> {
        let plan = Arc::clone(&plan.inner);
        let inner = py.detach(|| Fold::open(plan, &slices(&scopes), &pairs(&entries)));
        Ok(PyFold { inner: inner.map_err(value_error)? })
    }

    #[staticmethod]
    fn restore(
        py: Python<'_>,
        plan: &PyPlan,
        scopes: Vec<PyBackedBytes>,
        entries: Vec<(PyBackedBytes, PyBackedBytes)>,
    ) -> PyResult<Self> {
        let plan = Arc::clone(&plan.inner);
        let inner = py.detach(|| Fold::restore(plan, &slices(&scopes), &pairs(&entries)));
        Ok(PyFold { inner: inner.map_err(value_error)? })
    }
}

fn pairs(entries: &[(PyBackedBytes, PyBackedBytes)]) -> Vec<(&[u8], &[u8])> {
    entries.iter().map(|(key, value)| (&**key, &**value)).collect()
}

fn bytes_list<'py>(py: Python<'py>, items: &[impl AsRef<[u8]>]) -> BytesList<'py> {
    items.iter().map(|item| PyBytes::new(py, item.as_ref())).collect()
}

fn slices(items: &[PyBackedBytes]) -> Vec<&[u8]> {
    items.iter().map(|item| &**item).collect()
}
