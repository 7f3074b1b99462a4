//! `Plan`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use super::value_error;
use crate::plan::Plan;

/// Compiled feature definitions.
#[pyclass(name = "Plan", module = "ofs._core", frozen)]
pub struct PyPlan {
    pub inner: Arc<Plan>,
}

#[pymethods]
impl PyPlan {
    #[new]
    fn new(definitions: Vec<PyBackedBytes>, digests: Vec<String>) -> PyResult<Self> {
        let definitions: Vec<&[u8]> = definitions.iter().map(|definition| &**definition).collect();
        let digests: Vec<&str> = digests.iter().map(String::as_str).collect();
        Ok(PyPlan { inner: Plan::new(&definitions, &digests).map_err(value_error)? })
    }
}
