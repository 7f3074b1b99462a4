//! Sums of squares: 256 bits, so that 2^63 squares of 63-bit numbers cannot wrap.

use num_bigint::BigInt;

use crate::ir::wire::{Decoded, Reader, put_u128};

/// An unsigned integer of 256 bits. Bounds: 2^64 squares of at most 2^126 need 190 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wide {
    high: u128,
    low: u128,
}

impl Wide {
    pub fn square(value: i64) -> Self {
        let magnitude = u128::from(value.unsigned_abs());
        Wide { high: 0, low: magnitude * magnitude }
    }

    pub fn plus(self, other: Wide) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        Wide { high: self.high.wrapping_add(other.high).wrapping_add(u128::from(carry)), low }
    }

    /// Bounds: `other` is at most `self`, as of two prefix sums of one log.
    pub fn minus(self, other: Wide) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Wide { high: self.high.wrapping_sub(other.high).wrapping_sub(u128::from(borrow)), low }
    }

    pub fn to_big(self) -> BigInt {
        (BigInt::from(self.high) << 128) + self.low
    }

    pub fn encode(self, out: &mut Vec<u8>) {
        put_u128(out, self.low);
        put_u128(out, self.high);
    }

    pub fn decode(reader: &mut Reader<'_>) -> Decoded<Self> {
        Ok(Wide { low: reader.u128()?, high: reader.u128()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_and_borrows_cross_the_halves() {
        let square = Wide::square(i64::MIN);
        let mut sum = Wide::default();
        for _ in 0..9 {
            sum = sum.plus(square);
        }
        assert_eq!(sum.to_big(), (BigInt::from(1) << 126) * 9);
        assert_eq!(sum.minus(square).to_big(), (BigInt::from(1) << 126) * 8);
        assert_eq!(sum.minus(sum), Wide::default());
        let mut out = Vec::new();
        sum.encode(&mut out);
        assert_eq!(Wide::decode(&mut Reader::new(&out)), Ok(sum));
    }
}
