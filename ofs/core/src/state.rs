//! The state of a fold as entries of bytes: what changed since the last drain, and a fold out of all of them.
//!
//! Format `ofs-state/v1`. Keys begin with a tag:
//! - `I`: identity, written once: format, source, start, skew, group digests, scopes
//! - `M`: frontier, counts, largest event times, and how much of everything else there is
//! - `L`, `L` + group digest: the lists beside the counts
//! - `C` + pins digest + group digest + key (u32 length, bytes) + first offset: contributions
//! - `D` + event identity: offset and value digest of the first copy
//! - `W` + pins digest + first offset: steps of the largest event time
//! - `B` + index: a finished block of the content digest
//! - `R` + position of the first record in its block: block, and record digests of the unfinished one; entries of blocks
//!   before it are left behind and mean nothing
//!
//! What one drain hands out under `C` and `W` lies between its frontier and that of the drain before, and so does what each
//! entry holds: of two drains, one lies wholly behind the other.
//!
//! Integers in keys are big-endian, so that the entries of one thing stand in order. A fold that is opened over a store
//! is made of `I`, `M`, `L`, `B` and `R`; the others are asked for when they are needed.

mod drain;
mod restore;
mod supply;

use crate::digest::Hash;
use crate::fold::firsts::Half;
use crate::ir::wire::Reader;
use crate::plan::GroupPlan;
use drain::group_digest;

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
const RECORDS: u8 = b'R';

/// Prefixes of the entries that a fold over a store is opened with.
pub const RESIDENT: [u8; 5] = [IDENTITY, META, LISTS, BLOCK, RECORDS];

/// Of all contributions to a group.
pub fn contributions_head(pins: &Hash, group: &GroupPlan) -> Vec<u8> {
    [&[CONTRIBUTIONS], &pins[..], &group_digest(group)].concat()
}

/// Of all contributions of a key of a group.
pub fn contributions_prefix(pins: &Hash, group: &GroupPlan, key: &str) -> Vec<u8> {
    // a key is part of a record and so below 16 MiB
    let length = (key.len() as u32).to_be_bytes();
    [&contributions_head(pins, group), &length[..], key.as_bytes()].concat()
}

/// Of all steps of a scope.
pub fn steps_prefix(pins: &Hash) -> Vec<u8> {
    [&[STEPS], &pins[..]].concat()
}

/// The event time of the first step of an entry. Raises, as text, where it is none of steps.
pub fn first_step_us(value: &[u8]) -> Result<i64, String> {
    let mut reader = Reader::new(value);
    let step = reader.i64().and_then(|_offset| reader.i64());
    step.map_err(|_| "an entry of steps is damaged".to_owned())
}

/// Of the first copy of an event.
pub fn first_key(id: &Half) -> Vec<u8> {
    [&[FIRST], &id[..]].concat()
}
