//! A batch of records as Python hands it over: columns of equal length, held so that the GIL can be released.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int64Type};
use arrow_array::{Array, BinaryArray, Int8Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_schema::DataType;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};

use super::value_error;
use crate::decoder::Record;

/// Headers of one record: name and value.
pub type Headers = Vec<(PyBackedStr, Option<PyBackedBytes>)>;

/// Records of one partition as lists. Units: `log_ts_us` microseconds.
pub struct Columns {
    pub offsets: Vec<i64>,
    pub log_ts_us: Vec<i64>,
    pub ts_types: Vec<u8>,
    pub keys: Vec<Option<PyBackedBytes>>,
    pub values: Vec<Option<PyBackedBytes>>,
    /// None where no record has any.
    pub headers: Option<Vec<Headers>>,
}

/// Records of one partition as an Arrow batch of the archive's columns; nothing is copied.
pub struct ArrowColumns<'b> {
    offsets: &'b Int64Array,
    log_ts_us: &'b Int64Array,
    ts_types: &'b Int8Array,
    keys: &'b BinaryArray,
    values: &'b BinaryArray,
    headers: &'b ListArray,
    names: &'b StringArray,
    header_values: &'b BinaryArray,
}

/// Raises ValueError where offsets are negative or do not ascend, or a timestamp type is unknown.
fn check(offsets: &[i64], ts_types: impl Iterator<Item = u8>) -> PyResult<()> {
    let ascending = offsets.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || offsets.first().is_some_and(|first| *first < 0) {
        return Err(value_error("offsets must be at least 0 and strictly ascending"));
    }
    if ts_types.into_iter().any(|ts_type| ts_type > 2) {
        return Err(value_error("a timestamp type is 0 (none), 1 (create) or 2 (log append)"));
    }
    Ok(())
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
        check(&self.offsets, self.ts_types.iter().copied())
    }

    /// The records with their headers. Bounds: the columns were checked.
    pub fn records(&self) -> impl Iterator<Item = (Record<'_>, impl ExactSizeIterator<Item = (&str, Option<&[u8]>)>)> {
        (0..self.offsets.len()).map(|at| {
            let headers = self.headers.as_ref().map_or(&[][..], |headers| &headers[at]);
            let record = Record {
                offset: self.offsets[at],
                log_ts_us: self.log_ts_us[at],
                ts_type: self.ts_types[at],
                key: self.keys[at].as_deref(),
                value: self.values[at].as_deref(),
            };
            (record, headers.iter().map(|(name, value)| (&**name, value.as_deref())))
        })
    }
}

impl<'b> ArrowColumns<'b> {
    /// Raises ValueError where the batch has other columns, or offsets are negative or do not ascend.
    pub fn of(batch: &'b RecordBatch) -> PyResult<Self> {
        let columns = Self::typed(batch).ok_or_else(|| {
            value_error("an Arrow batch of records has the columns offset, log_ts_us, ts_type, key, value, headers")
        })?;
        if columns.offsets.null_count() + columns.log_ts_us.null_count() + columns.ts_types.null_count() > 0 {
            return Err(value_error("an offset, log timestamp or timestamp type is null"));
        }
        // a negative type is beyond 2, too
        check(columns.offsets.values(), columns.ts_types.values().iter().map(|kind| kind.cast_unsigned()))?;
        Ok(columns)
    }

    fn typed(batch: &'b RecordBatch) -> Option<Self> {
        let [offsets, log_ts_us, ts_types, keys, values, headers] = batch.columns() else { return None };
        let headers = headers.as_list_opt::<i32>()?;
        let pairs = headers.values().as_struct_opt()?;
        let [names, header_values] = pairs.columns() else { return None };
        if *names.data_type() != DataType::Utf8 {
            return None;
        }
        Some(ArrowColumns {
            offsets: offsets.as_primitive_opt::<Int64Type>()?,
            log_ts_us: log_ts_us.as_primitive_opt::<Int64Type>()?,
            ts_types: ts_types.as_primitive_opt::<Int8Type>()?,
            keys: keys.as_binary_opt()?,
            values: values.as_binary_opt()?,
            headers,
            names: names.as_string_opt()?,
            header_values: header_values.as_binary_opt()?,
        })
    }

    /// The records' values, a null as an empty one.
    pub fn values(&self) -> impl Iterator<Item = &'b [u8]> {
        self.values.iter().map(Option::unwrap_or_default)
    }

    /// The records with their headers.
    pub fn records(
        &self,
    ) -> impl Iterator<Item = (Record<'b>, impl ExactSizeIterator<Item = (&'b str, Option<&'b [u8]>)>)> {
        let ArrowColumns { offsets, log_ts_us, ts_types, keys, values, headers, names, header_values } = *self;
        (0..offsets.len()).map(move |at| {
            let record = Record {
                offset: offsets.value(at),
                log_ts_us: log_ts_us.value(at),
                ts_type: ts_types.value(at).cast_unsigned(),
                key: keys.is_valid(at).then(|| keys.value(at)),
                value: values.is_valid(at).then(|| values.value(at)),
            };
            let (start, end) = if headers.is_valid(at) {
                (headers.value_offsets()[at] as usize, headers.value_offsets()[at + 1] as usize)
            } else {
                (0, 0)
            };
            let headers = (start..end).map(move |place| {
                (names.value(place), header_values.is_valid(place).then(|| header_values.value(place)))
            });
            (record, headers)
        })
    }
}
