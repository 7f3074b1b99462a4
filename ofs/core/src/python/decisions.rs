//! `Decisions`, `DecodedLines`, `Shape` and `Members`.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use super::columns::ArrowColumns;
use super::queries::PyQueries;
use super::{Packed, checked_range, packed, value_error};
use crate::decisions::{Decisions, DecodedLines, Misuse, lines_of};
use crate::digest::hex;
use crate::queries::{Queries, Sheet};
use crate::shapes::Shape;

/// Decisions in order of first appearance, decoded and held compactly.
#[pyclass(name = "Decisions", module = "ofs._core")]
pub struct PyDecisions {
    inner: Decisions,
    /// What was asked last: all partitions are put the same questions. Gone once the decisions are changed.
    sheet: Mutex<Option<(Range<usize>, Arc<Sheet>)>>,
}

/// Lines as a source gives them.
#[derive(FromPyObject)]
enum Lines {
    /// Those that end before `stop`, and a last one.
    OfText { text: PyBackedBytes, stop: usize, last: Option<PyBackedBytes> },
    /// The records' values; a null is an empty line.
    OfRecords { arrow: PyArrowType<RecordBatch> },
    #[pyo3(transparent)]
    List(Vec<PyBackedBytes>),
}

impl PyDecisions {
    /// The decisions, once they are sealed.
    pub fn sealed(&self) -> PyResult<&Decisions> {
        self.inner.check_sealed().map_err(value_error)?;
        Ok(&self.inner)
    }

    fn changed(&mut self) -> &mut Decisions {
        self.sheet.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        &mut self.inner
    }

    /// Of these decisions, which are sealed. Waits where another thread makes one.
    fn sheet(&self, range: Range<usize>) -> Arc<Sheet> {
        let mut last = self.sheet.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, sheet)) = last.as_ref().filter(|(asked, _)| *asked == range) {
            return Arc::clone(sheet);
        }
        let sheet = Arc::new(Sheet::of(&self.inner, range.clone()));
        *last = Some((range, Arc::clone(&sheet)));
        sheet
    }
}

#[pymethods]
impl PyDecisions {
    #[new]
    fn new() -> Self {
        PyDecisions { inner: Decisions::default(), sheet: Mutex::default() }
    }

    #[staticmethod]
    fn decode(py: Python<'_>, lines: Lines) -> PyResult<PyDecodedLines> {
        let inner = py.detach(|| match &lines {
            Lines::OfText { text, stop, last } => {
                let text = text.get(..*stop).ok_or_else(|| value_error(Misuse::NoText))?;
                Ok(DecodedLines::of(lines_of(text).chain(last.iter().map(|line| &**line))))
            }
            Lines::OfRecords { arrow } => Ok(DecodedLines::of(ArrowColumns::of(&arrow.0)?.values())),
            Lines::List(lines) => Ok(DecodedLines::of(lines.iter().map(|line| &**line))),
        });
        inner.map(|inner| PyDecodedLines { inner })
    }

    fn append(&mut self, py: Python<'_>, lines: &PyDecodedLines) -> PyResult<()> {
        py.detach(|| self.changed().append(&lines.inner)).map_err(value_error)
    }

    fn add(&mut self, py: Python<'_>, lines: Vec<PyBackedBytes>) -> PyResult<()> {
        py.detach(|| self.changed().add(lines.iter().map(|line| &**line))).map_err(value_error)
    }

    fn seal(&mut self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.changed().seal()).map_err(value_error)
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.sealed()?.len())
    }

    #[getter]
    fn line_count(&self) -> PyResult<u64> {
        Ok(self.sealed()?.line_count())
    }

    #[getter]
    fn duplicates(&self) -> PyResult<u64> {
        Ok(self.sealed()?.duplicates())
    }

    fn dead_letters(&self) -> PyResult<Vec<(u64, &'static str)>> {
        Ok(self.sealed()?.dead_letters().iter().map(|(line, reason)| (*line, reason.as_str())).collect())
    }

    fn digest(&self, py: Python<'_>, dead: Vec<PyBackedBytes>) -> PyResult<String> {
        let decisions = self.sealed()?;
        let digest = py.detach(|| decisions.digest(dead.iter().map(|line| &**line)));
        Ok(hex(&digest.map_err(value_error)?))
    }

    fn lines(&self, lo: usize, hi: usize) -> PyResult<Vec<u64>> {
        let decisions = self.sealed()?;
        Ok(checked_range(lo, hi, decisions.len())?.filter_map(|index| decisions.line(index)).collect())
    }

    fn ids<'py>(&self, py: Python<'py>, lo: usize, hi: usize) -> PyResult<Packed<'py>> {
        let decisions = self.sealed()?;
        let (mut ids, mut ends) = (String::new(), Vec::with_capacity(hi.saturating_sub(lo)));
        for index in checked_range(lo, hi, decisions.len())? {
            ids.push_str(decisions.id(index));
            ends.push(ids.len());
        }
        packed(py, ids.as_bytes(), ends.into_iter())
    }

    fn irregular(&self) -> PyResult<Vec<usize>> {
        Ok(self.sealed()?.irregular())
    }

    fn shapes(&self) -> PyResult<Vec<PyShape>> {
        let decisions = self.sealed()?;
        let pins: Vec<&[u8]> = decisions.pins().collect();
        Ok(decisions.shapes().iter().map(|shape| PyShape::of(shape, &pins)).collect())
    }

    fn members(&self, py: Python<'_>, shape: usize) -> PyResult<PyMembers> {
        let decisions = self.sealed()?;
        let shape = decisions.shapes().get(shape).ok_or_else(|| value_error(Misuse::NoShape))?;
        Ok(py.detach(|| PyMembers::of(decisions, shape)))
    }

    fn pins(&self) -> PyResult<Vec<&[u8]>> {
        Ok(self.sealed()?.pins().collect())
    }

    fn bind(&mut self, shape: usize, group_indexes: Vec<u32>) -> PyResult<()> {
        self.changed().bind(shape, group_indexes).map_err(value_error)
    }

    fn exclude(&mut self, indexes: Vec<usize>) -> PyResult<()> {
        self.changed().exclude(&indexes).map_err(value_error)
    }

    fn set_as_of(&mut self, index: usize, as_of_us: i64) -> PyResult<()> {
        self.changed().set_as_of(index, as_of_us).map_err(value_error)
    }

    #[allow(clippy::too_many_arguments)] // as the contract has it
    fn queries(
        &self,
        py: Python<'_>,
        stream: &str,
        partition: u32,
        lo: usize,
        hi: usize,
        cut_from: i64,
        cut_to: i64,
    ) -> PyResult<PyQueries> {
        let decisions = self.sealed()?;
        let range = checked_range(lo, hi, decisions.len())?;
        let cuts = cut_from..cut_to;
        let inner = py.detach(|| Queries::of(&self.sheet(range), decisions, stream, partition, cuts));
        Ok(PyQueries { inner })
    }

    fn cut_max(&self, py: Python<'_>, stream: &str, partition: u32, lo: usize, hi: usize) -> PyResult<i64> {
        let decisions = self.sealed()?;
        let range = checked_range(lo, hi, decisions.len())?;
        Ok(py.detach(|| decisions.cut_max(stream, partition, range.start, range.end)))
    }

    fn as_of_min(&self, py: Python<'_>, lo: usize) -> PyResult<i64> {
        let decisions = self.sealed()?;
        Ok(py.detach(|| decisions.as_of_min(lo)))
    }
}

/// Lines in their order, each decoded alone.
#[pyclass(name = "DecodedLines", module = "ofs._core", frozen)]
pub struct PyDecodedLines {
    pub inner: DecodedLines,
}

#[pymethods]
impl PyDecodedLines {
    fn __len__(&self) -> usize {
        self.inner.len()
    }
}

/// A distinct combination of what the planner looks at.
#[pyclass(name = "Shape", module = "ofs._core", frozen, get_all)]
pub struct PyShape {
    pins: Vec<u8>,
    hash_rule: String,
    groups: Vec<(String, String, Option<String>)>,
    streams: Vec<(String, Vec<Option<String>>)>,
    as_of_basis: &'static str,
    has_hash: bool,
    count: usize,
    as_of_us_min: Option<i64>,
    as_of_us_max: Option<i64>,
    decided_us_min: i64,
    decided_us_max: i64,
    cuts_min: Vec<Vec<i64>>,
    cuts_max: Vec<Vec<i64>>,
}

impl PyShape {
    fn of(shape: &Shape, pins: &[&[u8]]) -> Self {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        let groups = shape.groups.iter();
        let streams = shape.streams.iter();
        let cuts = |end: fn(&(i64, i64)) -> i64| {
            let mut rest = shape.cuts.iter();
            let widths = shape.streams.iter().map(|stream| stream.topic_ids.len());
            widths.map(|width| rest.by_ref().take(width).map(end).collect()).collect()
        };
        PyShape {
            pins: pins.get(shape.scope as usize).copied().unwrap_or_default().to_vec(),
            hash_rule: shape.hash_rule.to_string(),
            groups: groups.map(|g| (g.name.to_string(), g.version.to_string(), text(&g.digest))).collect(),
            streams: streams.map(|s| (s.name.to_string(), s.topic_ids.iter().map(text).collect())).collect(),
            as_of_basis: shape.as_of_basis.as_str(),
            has_hash: shape.has_hash,
            count: shape.decisions.len(),
            as_of_us_min: shape.as_of_us.map(|(low, _)| low),
            as_of_us_max: shape.as_of_us.map(|(_, high)| high),
            decided_us_min: shape.decided_us.0,
            decided_us_max: shape.decided_us.1,
            cuts_min: cuts(|(low, _)| *low),
            cuts_max: cuts(|(_, high)| *high),
        }
    }
}

/// The decisions of one shape, as columns.
#[pyclass(name = "Members", module = "ofs._core", frozen, get_all)]
pub struct PyMembers {
    indexes: Vec<usize>,
    as_of_us: Vec<Option<i64>>,
    decided_us: Vec<i64>,
    cuts: Vec<Vec<i64>>,
}

impl PyMembers {
    fn of(decisions: &Decisions, shape: &Shape) -> Self {
        let views = || shape.decisions.iter().filter_map(|&index| decisions.view(index));
        PyMembers {
            indexes: shape.decisions.clone(),
            as_of_us: views().map(|view| view.as_of_given_us).collect(),
            decided_us: views().filter_map(|view| decisions.decided_us(view.index)).collect(),
            cuts: views().map(|view| view.cuts.to_vec()).collect(),
        }
    }
}
