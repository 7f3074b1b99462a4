//! What needs an interpreter: the module `ofs._core`. Nothing is decided here, only handed over.

use std::fmt::Display;
use std::ops::Range;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::admit::PathSet;

pub mod assemble;
pub mod columns;
pub mod decisions;
pub mod decoder;
pub mod digest;
pub mod fold;
pub mod plan;
pub mod queries;
pub mod rows;

/// A ValueError with this message.
pub fn value_error(reason: impl Display) -> PyErr {
    PyValueError::new_err(reason.to_string())
}

/// `[lo, hi)` if it lies within `len` items.
pub fn checked_range(lo: usize, hi: usize, len: usize) -> PyResult<Range<usize>> {
    if lo <= hi && hi <= len {
        Ok(lo..hi)
    } else {
        Err(value_error(format_args!("[{lo}, {hi}) is no range of {len} decisions")))
    }
}

/// Byte strings one after another, and where each begins and the last ends; see `ofs/packed.py`.
pub type Packed<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// `ends`: of each string in the data.
pub fn packed<'py>(py: Python<'py>, data: &[u8], ends: impl ExactSizeIterator<Item = usize>) -> PyResult<Packed<'py>> {
    let words = (ends.len() + 1) * size_of::<u64>();
    let offsets = PyBytes::new_with(py, words, |room| {
        for (word, offset) in room.as_chunks_mut().0.iter_mut().zip([0].into_iter().chain(ends)) {
            *word = (offset as u64).to_ne_bytes();
        }
        Ok(())
    })?;
    Ok((PyBytes::new(py, data), offsets))
}

#[pyfunction]
fn canonical<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let bytes = py.detach(|| crate::canonical::canonicalize(text));
    match bytes {
        Ok(bytes) => Ok(PyBytes::new(py, &bytes)),
        Err(_) => Err(value_error("not one JSON value within the limits")),
    }
}

#[pyfunction]
fn inspect<'py>(py: Python<'py>, value: Option<PyBackedBytes>, paths: Vec<String>) -> PyResult<Bound<'py, PyBytes>> {
    let names: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (set, slots) = PathSet::new(&names).ok_or_else(|| value_error("a path is payload.name(.name)*"))?;
    let bytes = py.detach(|| crate::inspect::inspect(value.as_deref(), &set, &names, &slots));
    Ok(PyBytes::new(py, &bytes))
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ENGINE_FORMAT", crate::ENGINE_FORMAT)?;
    module.add_function(wrap_pyfunction!(canonical, module)?)?;
    module.add_function(wrap_pyfunction!(inspect, module)?)?;
    module.add_class::<digest::PyRangeDigest>()?;
    module.add_class::<decisions::PyDecisions>()?;
    module.add_class::<decisions::PyDecodedLines>()?;
    module.add_class::<decisions::PyShape>()?;
    module.add_class::<decisions::PyMembers>()?;
    module.add_class::<plan::PyPlan>()?;
    module.add_class::<queries::PyQueries>()?;
    module.add_class::<decoder::PyDecoder>()?;
    module.add_class::<decoder::PyDecoded>()?;
    module.add_class::<fold::PyFold>()?;
    module.add_class::<assemble::PyVerdict>()?;
    module.add_class::<assemble::PyVerdicts>()?;
    module.add_class::<rows::PyRowMaker>()?;
    module.add_class::<rows::PyRowBatch>()?;
    module.add_class::<rows::PyRowChunk>()?;
    module.add_class::<rows::PyRowIntake>()?;
    module.add_class::<rows::PyRowsTaken>()?;
    module.add_class::<rows::PyRowShard>()?;
    module.add_class::<rows::PyRowAnswers>()?;
    module.add_class::<rows::PyRowMerger>()?;
    module.add_class::<rows::PyRowsMade>()?;
    module.add_class::<rows::PyRows>()?;
    module.add_function(wrap_pyfunction!(assemble::assemble, module)?)?;
    module.add_class::<ofs_librdkafka::python::MessageReader>()?;
    module.add_class::<ofs_librdkafka::python::Records>()?;
    module.add_function(wrap_pyfunction!(ofs_librdkafka::python::message_table, module)?)?;
    Ok(())
}
