//! `Queries`.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::value_error;
use crate::queries::Queries;

/// Questions to one partition and, once folded, their answers.
#[pyclass(name = "Queries", module = "ofs._core")]
pub struct PyQueries {
    pub inner: Queries,
}

#[pymethods]
impl PyQueries {
    fn __len__(&self) -> usize {
        self.inner.asked.len()
    }

    #[getter]
    fn answered(&self) -> usize {
        self.inner.answers.len()
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.inner.to_bytes());
        PyBytes::new(py, &bytes)
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: PyBackedBytes) -> PyResult<Self> {
        let inner = py.detach(|| Queries::from_bytes(&data)).map_err(value_error)?;
        Ok(PyQueries { inner })
    }
}
