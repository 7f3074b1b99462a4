//! The state of a fold as entries of bytes: what changed since the last drain, and a fold out of all of them.
//!
//! Format `ofs-state/v1`. Keys begin with a tag:
//! - `I`: identity, written once: format, source, start, skew, group digests, scopes
//! - `M`: frontier, counts, digest of the unfinished block, and how much of everything else there is
//! - `L`, `L` + group digest: the lists beside the counts
//! - `C` + pins digest + group digest + key (u32 length, bytes) + first offset: contributions
//! - `D` + event identity: offset and value digest of the first copy
//! - `W` + pins digest + first offset: steps of the largest event time
//! - `B` + index: a finished block of the content digest
//!
//! Integers in keys are big-endian, so that the entries of one thing stand in order.

mod drain;
mod restore;

/// Entries in one buffer: a key and a value each.
#[derive(Debug, Default)]
pub struct Entries {
    bytes: Vec<u8>,
    /// Where each key and each value ends.
    ends: Vec<(usize, usize)>,
}

impl Entries {
    /// Appends an entry whose key and value are written one after the other.
    fn add(&mut self, key: impl FnOnce(&mut Vec<u8>), value: impl FnOnce(&mut Vec<u8>)) {
        key(&mut self.bytes);
        let key_end = self.bytes.len();
        value(&mut self.bytes);
        self.ends.push((key_end, self.bytes.len()));
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// (key, value) of each entry.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |(key_end, end)| {
            let entry = (&self.bytes[start..*key_end], &self.bytes[*key_end..*end]);
            start = *end;
            entry
        })
    }
}

const IDENTITY: u8 = b'I';
const META: u8 = b'M';
const LISTS: u8 = b'L';
const CONTRIBUTIONS: u8 = b'C';
const FIRST: u8 = b'D';
const STEPS: u8 = b'W';
const BLOCK: u8 = b'B';
