//! sum, mean, variance and stddev: the number of present values, their exact sum and, where needed, sum of squares.

use num_bigint::BigInt;

use super::exact::{Product, Rational, half_even, power_of_ten, sqrt_half_even, write_decimal};
use super::wide::Wide;
use super::{Slice, TypedField};
use crate::canonical::write_int;
use crate::ir::wire::{Corrupt, Decoded, Reader, put_words};
use crate::value::ValueType;

/// Bounds: 2^63 values of at most 2^63 keep the sum within 2^126.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moments {
    n: u64,
    sum: i128,
    squares: Wide,
}

impl Moments {
    pub fn query(slice: &Slice<'_>, field: TypedField, squares: bool) -> Self {
        let column = slice.log.column(field.column);
        Moments {
            n: column.count(slice.lo, slice.hi),
            sum: column.sum(slice.lo, slice.hi),
            squares: if squares { column.squares(slice.lo, slice.hi) } else { Wide::default() },
        }
    }

    /// Computes those of a slice and appends their encoding.
    pub fn answer(slice: &Slice<'_>, field: TypedField, squares: bool, out: &mut Vec<u8>) {
        match slice.log.plain_sum(field.column, slice.lo, slice.hi).filter(|_| !squares) {
            Some((n, sum)) => put_words(out, n, i128::from(sum)),
            None => Moments::query(slice, field, squares).encode(squares, out),
        }
    }

    /// Raises Corrupt where the sum leaves i128, which true IRs cannot reach.
    pub fn merge(&mut self, other: Self) -> Decoded<()> {
        self.n = self.n.checked_add(other.n).ok_or(Corrupt)?;
        self.sum = self.sum.checked_add(other.sum).ok_or(Corrupt)?;
        self.squares = self.squares.plus(other.squares);
        Ok(())
    }

    /// Merges the number and sum that the reader is at; what `encode` wrote without squares.
    #[inline]
    pub fn absorb_sum(&mut self, reader: &mut Reader<'_>) -> Decoded<()> {
        let (n, sum) = (reader.word()?, reader.wide_word()?);
        self.n = self.n.checked_add(n).ok_or(Corrupt)?;
        self.sum = self.sum.checked_add(sum).ok_or(Corrupt)?;
        Ok(())
    }

    pub fn encode(self, squares: bool, out: &mut Vec<u8>) {
        put_words(out, self.n, self.sum);
        if squares {
            self.squares.encode(out);
        }
    }

    pub fn decode(reader: &mut Reader<'_>, squares: bool) -> Decoded<Self> {
        Ok(Moments {
            n: reader.word()?,
            sum: reader.wide_word()?,
            squares: if squares { Wide::decode(reader)? } else { Wide::default() },
        })
    }

    pub fn write_sum(self, kind: ValueType, out: &mut Vec<u8>) {
        match kind {
            ValueType::Decimal(scale) => write_decimal(out, &Product::Small(self.sum), scale),
            _ => write_int(out, self.sum),
        }
    }

    pub fn exact_sum(self, kind: ValueType) -> Rational {
        Rational { num: self.sum, den: power_of_ten(kind_scale(kind)) }
    }

    /// None where no value is present.
    pub fn exact_mean(self, kind: ValueType) -> Option<Rational> {
        // n stays below 2^64 and a power of ten of a scale below 2^60
        (self.n > 0).then(|| Rational { num: self.sum, den: i128::from(self.n) * power_of_ten(kind_scale(kind)) })
    }

    pub fn write_mean(self, kind: ValueType, scale: u8, out: &mut Vec<u8>) {
        match self.exact_mean(kind) {
            Some(Rational { num, den }) => {
                let rounded = half_even(Product::of(&[num, power_of_ten(scale)]), Product::Small(den));
                write_decimal(out, &rounded, scale);
            }
            None => out.extend_from_slice(b"null"),
        }
    }

    /// Population variance: (n Σx² - (Σx)²) / n², of the unscaled values.
    pub fn write_variance(self, kind: ValueType, scale: u8, out: &mut Vec<u8>) {
        match self.spread(kind) {
            Some((num, den)) => {
                let rounded = half_even(Product::Big(num * power_of_ten(scale)), Product::Big(den));
                write_decimal(out, &rounded, scale);
            }
            None => out.extend_from_slice(b"null"),
        }
    }

    pub fn write_stddev(self, kind: ValueType, scale: u8, out: &mut Vec<u8>) {
        match self.spread(kind) {
            Some((num, den)) => {
                let square = power_of_ten(scale) * power_of_ten(scale);
                write_decimal(out, &Product::Big(sqrt_half_even(&(num * square), &den)), scale);
            }
            None => out.extend_from_slice(b"null"),
        }
    }

    /// The exact variance as a fraction; None where no value is present.
    fn spread(self, kind: ValueType) -> Option<(BigInt, BigInt)> {
        if self.n == 0 {
            return None;
        }
        let sum = BigInt::from(self.sum);
        let n = BigInt::from(self.n);
        let unit = BigInt::from(power_of_ten(kind_scale(kind)));
        let num = &n * self.squares.to_big() - &sum * &sum;
        let root = n * unit;
        Some((num, &root * &root))
    }
}

fn kind_scale(kind: ValueType) -> u8 {
    match kind {
        ValueType::Decimal(scale) => scale,
        _ => 0,
    }
}
