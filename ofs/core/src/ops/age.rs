//! age_of_first and age_of_last: microseconds from the first or last contribution to as-of.

use super::Slice;
use super::exact::Rational;
use crate::canonical::write_int;
use crate::ir::wire::{Decoded, Reader, put_word};

/// The event time of the first, or last, contribution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Age(pub Option<i64>);

impl Age {
    pub fn query(slice: &Slice<'_>, last: bool) -> Self {
        Age(if last { slice.last_us() } else { slice.first_us() })
    }

    pub fn merge(&mut self, other: Self, last: bool) {
        self.0 = match (self.0, other.0) {
            (Some(left), Some(right)) => Some(if last { left.max(right) } else { left.min(right) }),
            (left, right) => left.or(right),
        };
    }

    /// Bounds: event times lie before as-of, so 0 is free to stand for none.
    pub fn encode(self, as_of_us: i64, out: &mut Vec<u8>) {
        put_word(out, self.0.map_or(0, |time_us| distance(as_of_us, time_us)));
    }

    pub fn decode(reader: &mut Reader<'_>, as_of_us: i64) -> Decoded<Self> {
        Ok(Age(match reader.word()? {
            0 => None,
            distance => Some(behind(as_of_us, distance)),
        }))
    }

    pub fn write(self, as_of_us: i64, out: &mut Vec<u8>) {
        match self.exact(as_of_us) {
            Some(age) => write_int(out, age.num),
            None => out.extend_from_slice(b"null"),
        }
    }

    pub fn exact(self, as_of_us: i64) -> Option<Rational> {
        self.0.map(|time_us| Rational { num: i128::from(as_of_us) - i128::from(time_us), den: 1 })
    }
}

/// From `time_us` to a later as-of; `behind` takes it back, whatever the two are.
pub fn distance(as_of_us: i64, time_us: i64) -> u64 {
    as_of_us.wrapping_sub(time_us) as u64
}

pub fn behind(as_of_us: i64, distance: u64) -> i64 {
    as_of_us.wrapping_sub(distance as i64)
}
