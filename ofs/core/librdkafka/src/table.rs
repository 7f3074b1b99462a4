//! Records as a table of messages that the library is to send.

use std::mem::offset_of;
use std::ops::Range;

use crate::library::Message;

const WORD: usize = size_of::<u64>();
/// Of a message in a table, in bytes.
pub const MESSAGE_BYTES: usize = size_of::<Message>();

/// Byte strings one after another, as `ofs/packed.py` has them.
#[derive(Clone, Copy)]
pub struct Packed<'a> {
    pub data: &'a [u8],
    pub offsets: &'a [u8],
}

/// Keys and lines are not as many, a string does not lie in its data, or a line is without its line end.
#[derive(Debug, PartialEq, Eq)]
pub struct Misplaced;

impl std::fmt::Display for Misplaced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("keys and lines of records are not as many, or do not lie in their data")
    }
}

impl Packed<'_> {
    /// How many there are.
    pub fn count(&self) -> usize {
        (self.offsets.len() / WORD).saturating_sub(1)
    }

    fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let offsets = self.offsets.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word) as usize);
        offsets.clone().zip(offsets.skip(1)).map(|(start, end)| start..end)
    }

    /// The address and the length of each.
    fn places(&self) -> impl Iterator<Item = Result<(usize, usize), Misplaced>> {
        self.ranges().map(|range| {
            let found = self.data.get(range).ok_or(Misplaced)?;
            // the library reads there, with an address that it was given as a number
            Ok((found.as_ptr().expose_provenance(), found.len()))
        })
    }
}

/// Writes a message a record into `room`, which is zero and has `MESSAGE_BYTES` for each.
pub fn write(keys: Packed<'_>, lines: Packed<'_>, room: &mut [u8]) -> Result<(), Misplaced> {
    if keys.count() != lines.count() || keys.count() * MESSAGE_BYTES != room.len() {
        return Err(Misplaced);
    }
    let messages: &mut [[u8; MESSAGE_BYTES]] = room.as_chunks_mut().0;
    for ((message, key), line) in messages.iter_mut().zip(keys.places()).zip(lines.places()) {
        let ((key, key_len), (line, line_len)) = (key?, line?);
        put(message, offset_of!(Message, key), key);
        put(message, offset_of!(Message, key_len), key_len);
        put(message, offset_of!(Message, payload), line);
        put(message, offset_of!(Message, len), line_len.checked_sub(1).ok_or(Misplaced)?);
    }
    Ok(())
}

fn put(message: &mut [u8; MESSAGE_BYTES], at: usize, word: usize) {
    if let Some(room) = message.get_mut(at..at + size_of::<usize>()) {
        room.copy_from_slice(&word.to_ne_bytes());
    }
}
