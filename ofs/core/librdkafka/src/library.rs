//! The few functions of librdkafka that reading takes, and the messages that they give.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::{mem, ptr, slice};

const NO_ERROR: c_int = 0;
const NO_ENTRY: c_int = -156;

/// `rd_kafka_message_t`, as rdkafka.h has it since its first version.
#[repr(C)]
pub(crate) struct Message {
    pub err: c_int,
    pub topic: *mut c_void,
    pub partition: i32,
    pub payload: *const u8,
    pub len: usize,
    pub key: *const u8,
    pub key_len: usize,
    pub offset: i64,
    pub private: *mut c_void,
}

type ConsumeBatch = unsafe extern "C" fn(*mut c_void, c_int, *mut *mut Message, usize) -> isize;
type Destroy = unsafe extern "C" fn(*mut Message);
type Timestamp = unsafe extern "C" fn(*const Message, *mut c_int) -> i64;
type Headers = unsafe extern "C" fn(*const Message, *mut *mut c_void) -> c_int;
type HeaderAt = unsafe extern "C" fn(*const c_void, usize, *mut *const c_char, *mut *const u8, *mut usize) -> c_int;

/// Functions of one librdkafka.
#[derive(Clone, Copy)]
pub struct Library {
    pub(crate) consume_batch: ConsumeBatch,
    pub(crate) destroy: Destroy,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: Headers,
    pub(crate) header_at: HeaderAt,
}

/// A header's value, or that it has none.
pub type HeaderValue<'m> = Option<&'m [u8]>;

impl Library {
    /// The functions at these addresses; None where one is 0.
    ///
    /// # Safety
    /// They are, in this order, `rd_kafka_consume_batch_queue`, `rd_kafka_message_destroy`, `rd_kafka_message_timestamp`,
    /// `rd_kafka_message_headers` and `rd_kafka_header_get_all` of one librdkafka that stays loaded.
    pub unsafe fn at(addresses: [usize; 5]) -> Option<Self> {
        if addresses.contains(&0) {
            return None;
        }
        let [consume_batch, destroy, timestamp, headers, header_at] =
            addresses.map(ptr::with_exposed_provenance::<c_void>);
        // SAFETY: none is null, and each is the function of that signature, as the caller promises.
        unsafe {
            Some(Library {
                consume_batch: mem::transmute::<*const c_void, ConsumeBatch>(consume_batch),
                destroy: mem::transmute::<*const c_void, Destroy>(destroy),
                timestamp: mem::transmute::<*const c_void, Timestamp>(timestamp),
                headers: mem::transmute::<*const c_void, Headers>(headers),
                header_at: mem::transmute::<*const c_void, HeaderAt>(header_at),
            })
        }
    }

    /// Up to `wanted` messages of a queue, after at most `timeout_ms`; None where the library says that it failed.
    ///
    /// # Safety
    /// `queue` is the address of a queue of this library that is not destroyed before this returns; its client is not
    /// destroyed before what is returned is dropped.
    pub unsafe fn consume(&self, queue: usize, wanted: usize, timeout_ms: i32) -> Option<Messages<'_>> {
        let mut held: Vec<*mut Message> = Vec::with_capacity(wanted);
        let queue = ptr::with_exposed_provenance_mut(queue);
        // SAFETY: the queue lives, and there is room for as many pointers as are asked for.
        let count = unsafe { (self.consume_batch)(queue, timeout_ms, held.as_mut_ptr(), wanted) };
        let count = usize::try_from(count).ok()?;
        // SAFETY: the library has written so many pointers, from the first on.
        unsafe { held.set_len(count.min(wanted)) };
        Some(Messages { library: self, held })
    }
}

/// Messages that the library has handed over; they are given back when this is dropped.
pub struct Messages<'l> {
    library: &'l Library,
    held: Vec<*mut Message>,
}

impl Messages<'_> {
    /// Each message, in the library's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = MessageRef<'_>> {
        self.held.iter().map(|message| {
            // SAFETY: the library's pointers are to messages that are ours until they are destroyed, when this drops.
            MessageRef { library: self.library, message: unsafe { &**message } }
        })
    }
}

impl Drop for Messages<'_> {
    fn drop(&mut self) {
        for message in &self.held {
            // SAFETY: ours, and destroyed once: nothing else destroys, and references to them have ended.
            unsafe { (self.library.destroy)(*message) };
        }
    }
}

/// One message: a record, or an event of the consumer.
#[derive(Clone, Copy)]
pub struct MessageRef<'m> {
    library: &'m Library,
    message: &'m Message,
}

impl<'m> MessageRef<'m> {
    /// 0 for a record, else an error code of the library.
    pub fn error(self) -> i32 {
        self.message.err
    }

    pub fn partition(self) -> i32 {
        self.message.partition
    }

    pub fn offset(self) -> i64 {
        self.message.offset
    }

    pub fn key(self) -> Option<&'m [u8]> {
        // SAFETY: so many bytes are the key's, as long as the message is there.
        unsafe { bytes(self.message.key, self.message.key_len) }
    }

    /// A record's value; of an event, what the library says about it.
    pub fn payload(self) -> Option<&'m [u8]> {
        // SAFETY: so many bytes are the payload's, as long as the message is there.
        unsafe { bytes(self.message.payload, self.message.len) }
    }

    /// The type of the timestamp as rdkafka.h numbers them, and the time in milliseconds.
    pub fn timestamp(self) -> (i32, i64) {
        let mut kind = 0;
        // SAFETY: a message of this library, and a place for the type.
        let time_ms = unsafe { (self.library.timestamp)(self.message, &raw mut kind) };
        (kind, time_ms)
    }

    /// Takes each header, its name as the bytes that were sent. Returns false where they cannot be read.
    pub fn each_header(self, mut take: impl FnMut(&'m [u8], HeaderValue<'m>)) -> bool {
        let mut headers = ptr::null_mut();
        // SAFETY: a message of this library, and a place for the list, which stays the message's.
        match unsafe { (self.library.headers)(self.message, &raw mut headers) } {
            NO_ERROR => {}
            NO_ENTRY => return true,
            _ => return false,
        }
        for index in 0.. {
            let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the message's list, and places for what is found.
            let found =
                unsafe { (self.library.header_at)(headers, index, &raw mut name, &raw mut value, &raw mut len) };
            if found != NO_ERROR || name.is_null() {
                return found == NO_ENTRY;
            }
            // SAFETY: names end with a zero byte, values have so many bytes, and both live as long as the message.
            take(unsafe { CStr::from_ptr(name) }.to_bytes(), unsafe { bytes(value, len) });
        }
        false
    }
}

/// None where there is no address.
///
/// # Safety
/// From an address that is not null, so many bytes can be read and do not change while the slice lives.
unsafe fn bytes<'m>(address: *const u8, len: usize) -> Option<&'m [u8]> {
    // SAFETY: as the caller promises.
    (!address.is_null()).then(|| unsafe { slice::from_raw_parts(address, len) })
}
