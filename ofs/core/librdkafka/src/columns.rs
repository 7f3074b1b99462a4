//! Records as Arrow columns, those of the archive.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, BinaryArray, Int8Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};

use crate::library::{MessageRef, Messages};

/// The code of an event that says where a partition ends.
const PARTITION_EOF: i32 = -191;
const MS_US: i64 = 1000;
/// What a column of bytes can hold: its lengths are 32-bit numbers.
pub const COLUMN_BYTES_MAX: usize = i32::MAX as usize;

static HEADER: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![Field::new("name", DataType::Utf8, false), Field::new("value", DataType::Binary, true)])
});
static ELEMENT: LazyLock<Arc<Field>> =
    LazyLock::new(|| Arc::new(Field::new("element", DataType::Struct(HEADER.clone()), false)));
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("offset", DataType::Int64, false),
        Field::new("log_ts_us", DataType::Int64, false),
        Field::new("ts_type", DataType::Int8, false),
        Field::new("key", DataType::Binary, true),
        Field::new("value", DataType::Binary, true),
        Field::new("headers", DataType::List(ELEMENT.clone()), true),
    ]))
});

/// Records of one partition, in the order in which they came.
pub struct Batch {
    pub partition: i32,
    pub columns: RecordBatch,
}

/// What messages tell.
#[derive(Default)]
pub struct Gathered {
    pub batches: Vec<Batch>,
    /// Partition and offset of each end that was reached.
    pub ends: Vec<(i32, i64)>,
    /// Code and text of each other event.
    pub errors: Vec<(i32, String)>,
}

/// Why records are not handed out.
#[derive(Debug)]
pub enum Unreadable {
    /// Headers that the library does not read, or a name that is no UTF-8; the offset.
    Headers(i64),
    /// A record that no column can hold, or a defect.
    Columns(ArrowError),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Headers(offset) => write!(f, "the headers of the record at offset {offset} cannot be read"),
            Unreadable::Columns(error) => write!(f, "records do not fit into columns: {error}"),
        }
    }
}

/// Records as columns: a batch where the partition changes, or where one would have more than `bytes_max` in a column.
pub fn gather(messages: &Messages<'_>, bytes_max: usize) -> Result<Gathered, Unreadable> {
    let mut gathered = Gathered::default();
    let mut records: Vec<MessageRef<'_>> = Vec::with_capacity(messages.iter().len());
    for message in messages.iter() {
        match message.error() {
            0 => records.push(message),
            PARTITION_EOF => gathered.ends.push((message.partition(), message.offset())),
            code => {
                let text = String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned();
                gathered.errors.push((code, text));
            }
        }
    }
    for range in stretches(&records, bytes_max) {
        let some = records.get(range).unwrap_or_default();
        if let Some(first) = some.first() {
            gathered.batches.push(Batch { partition: first.partition(), columns: columns(some)? });
        }
    }
    Ok(gathered)
}

fn stretches(records: &[MessageRef<'_>], bytes_max: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut keys, mut values) = (0, 0usize, 0usize);
    for (at, record) in records.iter().enumerate() {
        let (key, value) = (len(record.key()), len(record.payload()));
        let is_other = at > start && records.get(start).is_some_and(|first| first.partition() != record.partition());
        if is_other || keys.saturating_add(key) > bytes_max || values.saturating_add(value) > bytes_max {
            found.push(start..at);
            (start, keys, values) = (at, 0, 0);
        }
        keys = keys.saturating_add(key);
        values = values.saturating_add(value);
    }
    found.push(start..records.len());
    found
}

fn columns(records: &[MessageRef<'_>]) -> Result<RecordBatch, Unreadable> {
    let mut log_ts_us = Vec::with_capacity(records.len());
    let mut ts_types = Vec::with_capacity(records.len());
    for record in records {
        let (kind, time_ms) = record.timestamp();
        log_ts_us.push(if kind == 0 { 0 } else { time_ms.saturating_mul(MS_US) });
        ts_types.push(i8::try_from(kind).unwrap_or(i8::MAX));
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(records.iter().map(|record| record.offset()))),
        Arc::new(Int64Array::from(log_ts_us)),
        Arc::new(Int8Array::from(ts_types)),
        Arc::new(binary(records.iter().map(|record| record.key())).map_err(Unreadable::Columns)?),
        Arc::new(binary(records.iter().map(|record| record.payload())).map_err(Unreadable::Columns)?),
        Arc::new(headers(records)?),
    ];
    RecordBatch::try_new(SCHEMA.clone(), columns).map_err(Unreadable::Columns)
}

fn headers(records: &[MessageRef<'_>]) -> Result<ListArray, Unreadable> {
    let (mut names, mut values, mut counts) = (Vec::new(), Vec::new(), Vec::with_capacity(records.len()));
    for record in records {
        let before = names.len();
        let mut is_text = true;
        let is_whole = record.each_header(|name, value| {
            let name = str::from_utf8(name);
            is_text &= name.is_ok();
            names.push(name.unwrap_or_default());
            values.push(value);
        });
        if !is_whole || !is_text {
            return Err(Unreadable::Headers(record.offset()));
        }
        counts.push(names.len() - before);
    }
    let pairs: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(names)),
        Arc::new(binary(values.iter().copied()).map_err(Unreadable::Columns)?),
    ];
    // as many as there are, also where there are none and no column says so
    let pairs = StructArray::try_new_with_length(HEADER.clone(), pairs, None, values.len());
    let ends = offsets(counts.into_iter()).map_err(Unreadable::Columns)?;
    pairs
        .and_then(|pairs| ListArray::try_new(ELEMENT.clone(), ends, Arc::new(pairs), None))
        .map_err(Unreadable::Columns)
}

fn binary<'m>(values: impl ExactSizeIterator<Item = Option<&'m [u8]>> + Clone) -> Result<BinaryArray, ArrowError> {
    let ends = offsets(values.clone().map(len))?;
    let mut bytes = Vec::with_capacity(values.clone().map(len).sum());
    let mut nulls = 0;
    for value in values.clone() {
        bytes.extend_from_slice(value.unwrap_or_default());
        nulls += usize::from(value.is_none());
    }
    let validity = (nulls > 0).then(|| values.map(|value| value.is_some()).collect::<NullBuffer>());
    BinaryArray::try_new(ends, bytes.into(), validity)
}

/// Where each part begins, and the end; an error where 32 bits do not hold it.
fn offsets(lengths: impl ExactSizeIterator<Item = usize>) -> Result<OffsetBuffer<i32>, ArrowError> {
    let mut ends: Vec<i32> = Vec::with_capacity(lengths.len() + 1);
    ends.push(0);
    let mut end = 0usize;
    for length in lengths {
        end = end.saturating_add(length);
        ends.push(i32::try_from(end).map_err(|_| ArrowError::OffsetOverflowError(end))?);
    }
    Ok(OffsetBuffer::new(ScalarBuffer::from(ends)))
}

fn len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(0, <[u8]>::len)
}
