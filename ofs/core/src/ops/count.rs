//! count: how many contributions.

use super::Slice;
use super::exact::Rational;
use crate::canonical::write_int;
use crate::ir::wire::{Decoded, Reader, put_u64};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count(pub u64);

impl Count {
    pub fn query(slice: &Slice<'_>) -> Self {
        Count(slice.len() as u64)
    }

    pub fn merge(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    pub fn encode(self, out: &mut Vec<u8>) {
        put_u64(out, self.0);
    }

    pub fn decode(reader: &mut Reader<'_>) -> Decoded<Self> {
        Ok(Count(reader.u64()?))
    }

    pub fn write(self, out: &mut Vec<u8>) {
        write_int(out, i128::from(self.0));
    }

    pub fn exact(self) -> Rational {
        Rational { num: i128::from(self.0), den: 1 }
    }
}
