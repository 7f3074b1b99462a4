//! Against a library that is made up here and counts its messages.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int64Type};
use arrow_array::{Array, RecordBatch};

use crate::columns::{COLUMN_BYTES_MAX, Gathered, Unreadable, gather};
use crate::library::{Library, Message};

type Part = Option<&'static [u8]>;

/// A message as librdkafka has it: the public part first.
#[repr(C)]
struct Fake {
    message: Message,
    kind: c_int,
    time_ms: i64,
    headers: Vec<(&'static CStr, Part)>,
    headers_error: c_int,
}

thread_local! {
    static QUEUE: RefCell<VecDeque<Box<Fake>>> = const { RefCell::new(VecDeque::new()) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

fn part(bytes: Part) -> (*const u8, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()))
}

fn fake(offset: i64, key: Part, value: Part) -> Fake {
    let ((key, key_len), (payload, len)) = (part(key), part(value));
    let (topic, private) = (ptr::null_mut(), ptr::null_mut());
    let message = Message { err: 0, topic, partition: 0, payload, len, key, key_len, offset, private };
    Fake { message, kind: 1, time_ms: offset, headers: Vec::new(), headers_error: 0 }
}

extern "C" fn consume(_queue: *mut c_void, timeout_ms: c_int, to: *mut *mut Message, wanted: usize) -> isize {
    if timeout_ms < 0 {
        return -1;
    }
    QUEUE.with_borrow_mut(|queue| {
        let count = wanted.min(queue.len());
        for (at, fake) in queue.drain(..count).enumerate() {
            LIVE.set(LIVE.get() + 1);
            // SAFETY: the caller has room for as many as it wants.
            unsafe { to.add(at).write(Box::into_raw(fake).cast()) };
        }
        count.cast_signed()
    })
}

extern "C" fn destroy(message: *mut Message) {
    LIVE.set(LIVE.get() - 1);
    // SAFETY: every message came from a box of a Fake, and is destroyed once.
    drop(unsafe { Box::from_raw(message.cast::<Fake>()) });
}

extern "C" fn timestamp(message: *const Message, kind: *mut c_int) -> i64 {
    // SAFETY: every message is the beginning of a Fake.
    let fake = unsafe { &*message.cast::<Fake>() };
    // SAFETY: the caller has a place for the type.
    unsafe { kind.write(fake.kind) };
    fake.time_ms
}

extern "C" fn headers(message: *const Message, to: *mut *mut c_void) -> c_int {
    // SAFETY: every message is the beginning of a Fake.
    let fake = unsafe { &*message.cast::<Fake>() };
    // SAFETY: the caller has a place for the list.
    unsafe { to.write((&raw const *fake).cast_mut().cast()) };
    if fake.headers_error == 0 && fake.headers.is_empty() { -156 } else { fake.headers_error }
}

extern "C" fn header_at(
    list: *const c_void,
    index: usize,
    name: *mut *const c_char,
    value: *mut *const u8,
    len: *mut usize,
) -> c_int {
    // SAFETY: the list is the Fake.
    let fake = unsafe { &*list.cast::<Fake>() };
    let Some((found, bytes)) = fake.headers.get(index) else { return -156 };
    let (at, count) = part(*bytes);
    // SAFETY: the caller has places for what is found.
    unsafe {
        name.write(found.as_ptr());
        value.write(at);
        len.write(count);
    }
    0
}

const LIBRARY: Library = Library { consume_batch: consume, destroy, timestamp, headers, header_at };

/// What becomes of these messages; afterwards each of them was given back.
fn gathered(messages: Vec<Fake>, bytes_max: usize) -> Result<Gathered, Unreadable> {
    let count = messages.len();
    QUEUE.with_borrow_mut(|queue| queue.extend(messages.into_iter().map(Box::new)));
    // SAFETY: this library knows one queue, whatever its address, and no client.
    let held = unsafe { LIBRARY.consume(1, count + 1, 0) }.unwrap();
    assert_eq!((held.iter().len(), LIVE.get()), (count, count));
    let found = gather(&held, bytes_max);
    drop(held);
    assert_eq!(LIVE.get(), 0);
    found
}

fn only(gathered: Gathered) -> RecordBatch {
    assert_eq!(gathered.batches.len(), 1);
    gathered.batches.into_iter().next().unwrap().columns
}

fn integers(batch: &RecordBatch, column: usize) -> Vec<i64> {
    batch.column(column).as_primitive::<Int64Type>().values().to_vec()
}

#[test]
fn records_become_columns() {
    let times = [(1, 7), (2, i64::MAX), (0, -1)];
    let parts: [(Part, Part); 3] = [(Some(b"k"), Some(b"value")), (None, None), (Some(b""), Some(b""))];
    let messages = times.into_iter().zip(parts).zip([4, 5, 9]);
    let messages = messages.map(|(((kind, time_ms), (key, value)), offset)| {
        let mut fake = fake(offset, key, value);
        (fake.kind, fake.time_ms) = (kind, time_ms);
        fake
    });
    let batch = only(gathered(messages.collect(), COLUMN_BYTES_MAX).unwrap());
    assert_eq!(integers(&batch, 0), [4, 5, 9]);
    assert_eq!(integers(&batch, 1), [7000, i64::MAX, 0]);
    assert_eq!(batch.column(2).as_primitive::<Int8Type>().values().to_vec(), [1, 2, 0]);
    let bytes = |column: usize| batch.column(column).as_binary::<i32>().iter().collect::<Vec<_>>();
    assert_eq!((bytes(3), bytes(4)), parts.into_iter().unzip());
    assert!(batch.column(5).as_list::<i32>().values().is_empty());
}

#[test]
fn headers_stay_with_their_records() {
    let mut messages = vec![fake(0, None, None), fake(1, None, None), fake(2, None, None)];
    messages[0].headers = vec![(c"a", Some(b"1")), (c"a", None)];
    messages[2].headers = vec![(c"", Some(b""))];
    let batch = only(gathered(messages, COLUMN_BYTES_MAX).unwrap());
    let lists = batch.column(5).as_list::<i32>();
    let pairs = lists.values().as_struct();
    assert_eq!(lists.offsets().to_vec(), [0, 2, 2, 3]);
    assert_eq!(pairs.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["a", "a", ""]);
    let expected: [Part; 3] = [Some(b"1"), None, Some(b"")];
    assert_eq!(pairs.column(1).as_binary::<i32>().iter().collect::<Vec<_>>(), expected);
}

#[test]
fn headers_that_cannot_be_read_are_an_error() {
    let mut other = fake(8, None, None);
    other.headers_error = -199;
    assert!(matches!(gathered(vec![fake(7, None, None), other], COLUMN_BYTES_MAX), Err(Unreadable::Headers(8))));
    let mut other = fake(9, None, None);
    other.headers = vec![(c"\xff", None)];
    assert!(matches!(gathered(vec![other], COLUMN_BYTES_MAX), Err(Unreadable::Headers(9))));
}

#[test]
fn ends_and_errors_stand_apart() {
    let mut messages =
        vec![fake(0, None, None), fake(1, None, Some(b"why")), fake(2, None, None), fake(-1, None, None)];
    (messages[1].message.err, messages[2].message.err, messages[3].message.err) = (-147, -191, 1);
    let found = gathered(messages, COLUMN_BYTES_MAX).unwrap();
    assert_eq!(found.ends, [(0, 2)]);
    assert_eq!(found.errors, [(-147, "why".to_owned()), (1, String::new())]);
    assert_eq!(integers(&only(found), 0), [0]);
}

#[test]
fn a_batch_holds_one_partition() {
    let mut messages: Vec<Fake> = (0..5).map(|offset| fake(offset, None, None)).collect();
    for message in &mut messages[1..3] {
        message.message.partition = 6;
    }
    let found = gathered(messages, COLUMN_BYTES_MAX).unwrap().batches;
    let told: Vec<_> = found.iter().map(|batch| (batch.partition, integers(&batch.columns, 0))).collect();
    assert_eq!(told, [(0, vec![0]), (6, vec![1, 2]), (0, vec![3, 4])]);
}

#[test]
fn a_batch_holds_what_fits_into_a_column() {
    let big = |offset, key, value| fake(offset, Some(key), Some(value));
    let messages =
        vec![big(0, b"", b"12345"), big(1, b"", b"1"), big(2, b"12345", b""), big(3, b"", b"12345"), big(4, b"1", b"")];
    let found = gathered(messages, 5).unwrap().batches;
    let told: Vec<_> = found.iter().map(|batch| integers(&batch.columns, 0)).collect();
    assert_eq!(told, [vec![0], vec![1, 2], vec![3, 4]]);
}

#[test]
fn nothing_gives_nothing_and_a_failure_is_told() {
    let found = gathered(Vec::new(), COLUMN_BYTES_MAX).unwrap();
    assert!(found.batches.is_empty() && found.ends.is_empty() && found.errors.is_empty());
    // SAFETY: as above.
    assert!(unsafe { LIBRARY.consume(1, 1, -1) }.is_none());
    // SAFETY: none of the addresses is taken.
    assert!(unsafe { Library::at([1, 2, 0, 4, 5]) }.is_none());
}
