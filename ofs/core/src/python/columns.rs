//! A batch of records as Python hands it over: columns of equal length, held so that the GIL can be released.

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};

use super::value_error;

/// Headers of one record: name and value.
pub type Headers = Vec<(PyBackedStr, Option<PyBackedBytes>)>;

/// Records of one partition. Units: `log_ts_us` microseconds.
pub struct Columns {
    pub offsets: Vec<i64>,
    pub log_ts_us: Vec<i64>,
    pub ts_types: Vec<u8>,
    pub keys: Vec<Option<PyBackedBytes>>,
    pub values: Vec<Option<PyBackedBytes>>,
    /// None where no record has any.
    pub headers: Option<Vec<Headers>>,
}

/// One record of a batch, borrowed.
pub struct RecordRef<'b> {
    pub offset: i64,
    pub log_ts_us: i64,
    pub ts_type: u8,
    pub key: Option<&'b [u8]>,
    pub value: Option<&'b [u8]>,
    headers: &'b [(PyBackedStr, Option<PyBackedBytes>)],
}

impl<'b> RecordRef<'b> {
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&'b str, Option<&'b [u8]>)> + use<'b> {
        self.headers.iter().map(|(name, value)| (&**name, value.as_deref()))
    }
}

impl Columns {
    /// Raises ValueError where the columns differ in length or offsets are negative or do not ascend.
    pub fn check(&self) -> PyResult<()> {
        let len = self.offsets.len();
        let others = [self.log_ts_us.len(), self.ts_types.len(), self.keys.len(), self.values.len()];
        if others.iter().any(|other| *other != len) || self.headers.as_ref().is_some_and(|headers| headers.len() != len)
        {
            return Err(value_error("columns of records differ in length"));
        }
        let ascending = self.offsets.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || self.offsets.first().is_some_and(|first| *first < 0) {
            return Err(value_error("offsets must be at least 0 and strictly ascending"));
        }
        if self.ts_types.iter().any(|ts_type| *ts_type > 2) {
            return Err(value_error("a timestamp type is 0 (none), 1 (create) or 2 (log append)"));
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The record at an index of checked columns.
    pub fn get(&self, index: usize) -> Option<RecordRef<'_>> {
        Some(RecordRef {
            offset: *self.offsets.get(index)?,
            log_ts_us: *self.log_ts_us.get(index)?,
            ts_type: *self.ts_types.get(index)?,
            key: self.keys.get(index)?.as_deref(),
            value: self.values.get(index)?.as_deref(),
            headers: match &self.headers {
                Some(headers) => headers.get(index)?,
                None => &[],
            },
        })
    }
}
