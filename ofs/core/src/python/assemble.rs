//! `Verdicts`, `Verdict` and `assemble`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::decisions::PyDecisions;
use super::plan::PyPlan;
use super::queries::PyQueries;
use super::{Packed, checked_range, packed, value_error};
use crate::assemble::{Job, Lines, Status, Verdicts, Wanted};
use crate::queries::Queries;

/// What came of the decisions `[lo, hi)`.
#[pyclass(name = "Verdicts", module = "ofs._core", frozen)]
pub struct PyVerdicts {
    inner: Verdicts,
    lo: usize,
}

/// What came of one decision.
#[pyclass(name = "Verdict", module = "ofs._core", frozen, get_all)]
pub struct PyVerdict {
    index: usize,
    status: &'static str,
    parity: Option<Py<PyBytes>>,
    snapshot: Option<Py<PyBytes>>,
}

#[pymethods]
impl PyVerdicts {
    #[getter]
    fn matches(&self) -> usize {
        self.inner.statuses.iter().filter(|status| **status == Some(Status::Match)).count()
    }

    fn verdict(&self, py: Python<'_>, index: usize) -> Option<PyVerdict> {
        let row = index.checked_sub(self.lo)?;
        let status = (*self.inner.statuses.get(row)?)?.as_str();
        let line =
            |lines: &Lines| lines.rows(row, row + 1).strip_suffix(b"\n").map(|line| PyBytes::new(py, line).unbind());
        Some(PyVerdict { index, status, parity: line(&self.inner.parity), snapshot: line(&self.inner.snapshots) })
    }

    fn unfinished(&self) -> Vec<usize> {
        let rows = self.inner.statuses.iter().enumerate();
        rows.filter(|(_, status)| **status != Some(Status::Match)).map(|(row, _)| self.lo + row).collect()
    }

    fn parity<'py>(&self, py: Python<'py>, lo: usize, hi: usize) -> PyResult<Packed<'py>> {
        self.lines(py, &self.inner.parity, lo, hi)
    }

    fn snapshots<'py>(&self, py: Python<'py>, lo: usize, hi: usize) -> PyResult<Packed<'py>> {
        self.lines(py, &self.inner.snapshots, lo, hi)
    }
}

impl PyVerdicts {
    fn lines<'py>(&self, py: Python<'py>, lines: &Lines, lo: usize, hi: usize) -> PyResult<Packed<'py>> {
        let first = lo.checked_sub(self.lo).ok_or_else(|| value_error("a decision before the range"))?;
        let rows = checked_range(first, hi.saturating_sub(self.lo), self.inner.statuses.len())?;
        packed(py, lines.rows(rows.start, rows.end), lines.ends(rows.start, rows.end))
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
) -> PyResult<PyVerdicts> {
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
    let inner = py.detach(|| crate::assemble::assemble(job, range, &answers)).map_err(value_error)?;
    Ok(PyVerdicts { inner, lo })
}
