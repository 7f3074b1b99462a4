//! `Verdict` and `assemble`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::decisions::PyDecisions;
use super::plan::PyPlan;
use super::queries::PyQueries;
use super::{checked_range, value_error};
use crate::assemble::{Job, Verdict, Wanted};
use crate::queries::Queries;

/// What came of one decision.
#[pyclass(name = "Verdict", module = "ofs._core", frozen)]
pub struct PyVerdict {
    inner: Verdict,
}

#[pymethods]
impl PyVerdict {
    #[getter]
    fn index(&self) -> usize {
        self.inner.index
    }

    #[getter]
    fn status(&self) -> &'static str {
        self.inner.status.as_str()
    }

    #[getter]
    fn parity<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.inner.parity.as_deref().map(|bytes| PyBytes::new(py, bytes))
    }

    #[getter]
    fn snapshot<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.inner.snapshot.as_deref().map(|bytes| PyBytes::new(py, bytes))
    }
}

#[allow(clippy::too_many_arguments)] // as the contract has it
#[pyfunction]
pub fn assemble(
    py: Python<'_>,
    plan: &PyPlan,
    decisions: &PyDecisions,
    lo: usize,
    hi: usize,
    answers: Vec<PyRef<'_, PyQueries>>,
    replay_id: &str,
    snapshots: &str,
) -> PyResult<Vec<PyVerdict>> {
    let decisions = decisions.sealed()?;
    let range = checked_range(lo, hi, decisions.len())?;
    let wanted = match snapshots {
        "all" => Wanted::All,
        "mismatch" => Wanted::Mismatch,
        "none" => Wanted::None,
        _ => return Err(value_error("snapshots is all, mismatch or none")),
    };
    let answers: Vec<&Queries> = answers.iter().map(|queries| &queries.inner).collect();
    let job = Job { plan: &plan.inner, decisions, replay_id, wanted };
    let verdicts = py.detach(|| crate::assemble::assemble(job, range, &answers)).map_err(value_error)?;
    Ok(verdicts.into_iter().map(|inner| PyVerdict { inner }).collect())
}
