//! Rows as typed columns, laid out as Arrow has it: little-endian values, bits from the lowest, offsets of 32 bits.

use crate::ir::wire::Corrupt;
use crate::ops::finish::Finish;
use crate::ops::{Atom, Ir};
use crate::plan::{FeaturePlan, GroupPlan};
use crate::value::ValueType;

/// Magnitudes below this have at most 38 digits.
const DECIMAL_END: u128 = 10_u128.pow(38);

/// A column in the making.
#[derive(Debug)]
pub struct Column {
    kind: Kind,
    len: usize,
    /// A bit a value, from the first null on; empty until then.
    validity: Vec<u8>,
    /// Of texts: where each ends, and a 0 before.
    offsets: Vec<u8>,
    data: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int32,
    /// Also a time in microseconds.
    Int64,
    Decimal,
    Bool,
    Text,
}

/// The buffers of a column; those that it has none of are None.
#[derive(Debug)]
pub struct Buffers {
    pub validity: Option<Vec<u8>>,
    pub offsets: Option<Vec<u8>>,
    pub data: Vec<u8>,
}

impl Column {
    pub fn new(kind: Kind, rows: usize) -> Column {
        let mut column = Column { kind, len: 0, validity: Vec::new(), offsets: Vec::new(), data: Vec::new() };
        match kind {
            Kind::Text => {
                column.offsets.reserve(4 * rows.saturating_add(1));
                column.offsets.extend_from_slice(&0_i32.to_le_bytes());
            }
            Kind::Int32 => column.data.reserve(4 * rows),
            Kind::Int64 => column.data.reserve(8 * rows),
            Kind::Decimal => column.data.reserve(16 * rows),
            Kind::Bool => column.data.reserve(rows.div_ceil(8)),
        }
        column
    }

    pub fn push_i32(&mut self, value: i32) {
        self.mark(true);
        self.data.extend_from_slice(&value.to_le_bytes());
    }

    pub fn push_i64(&mut self, value: i64) {
        self.mark(true);
        self.data.extend_from_slice(&value.to_le_bytes());
    }

    /// Raises, as text, where the texts of the column take too many bytes.
    pub fn push_text(&mut self, text: &str) -> Result<(), String> {
        self.push_written(|data| data.extend_from_slice(text.as_bytes()))
    }

    pub fn push_null(&mut self) {
        if self.validity.is_empty() {
            self.validity = ones(self.len);
        }
        self.mark(false);
        match self.kind {
            Kind::Int32 => self.data.extend_from_slice(&[0; 4]),
            Kind::Int64 => self.data.extend_from_slice(&[0; 8]),
            Kind::Decimal => self.data.extend_from_slice(&[0; 16]),
            Kind::Bool => push_bit(&mut self.data, self.len - 1, false),
            Kind::Text => {
                let at = self.offsets.len().saturating_sub(4);
                self.offsets.extend_from_within(at..);
            }
        }
    }

    pub fn finish(self) -> Buffers {
        Buffers {
            validity: (!self.validity.is_empty()).then_some(self.validity),
            offsets: (self.kind == Kind::Text).then_some(self.offsets),
            data: self.data,
        }
    }

    /// Raises, as text, where the value has more than 38 digits.
    fn push_decimal(&mut self, value: i128) -> Result<(), String> {
        if value.unsigned_abs() >= DECIMAL_END {
            return Err(format!("{value} has more than 38 digits"));
        }
        self.mark(true);
        self.data.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn push_integer(&mut self, value: i128) -> Result<(), String> {
        self.push_i64(i64::try_from(value).map_err(|_| format!("{value} has more than 64 bits"))?);
        Ok(())
    }

    fn push_written(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), String> {
        self.mark(true);
        write(&mut self.data);
        let end = i32::try_from(self.data.len()).map_err(|_| "a block's texts have more than 2 GiB")?;
        self.offsets.extend_from_slice(&end.to_le_bytes());
        Ok(())
    }

    fn push_atom(&mut self, atom: Option<Atom<'_>>) -> Result<(), String> {
        match (atom, self.kind) {
            (None, _) => self.push_null(),
            (Some(Atom::Text(text)), _) => return self.push_text(text),
            (Some(Atom::Number(raw)), Kind::Decimal) => return self.push_decimal(i128::from(raw)),
            (Some(Atom::Number(raw)), Kind::Bool) => {
                self.mark(true);
                push_bit(&mut self.data, self.len - 1, raw != 0);
            }
            (Some(Atom::Number(raw)), _) => self.push_i64(raw),
        }
        Ok(())
    }

    fn mark(&mut self, valid: bool) {
        if !(valid && self.validity.is_empty()) {
            push_bit(&mut self.validity, self.len, valid);
        }
        self.len += 1;
    }
}

/// So many bits, all 1.
fn ones(count: usize) -> Vec<u8> {
    let mut bytes = vec![u8::MAX; count.div_ceil(8)];
    if let (Some(last), rest @ 1..) = (bytes.last_mut(), count % 8) {
        *last = u8::MAX >> (8 - rest);
    }
    bytes
}

fn push_bit(bytes: &mut Vec<u8>, place: usize, bit: bool) {
    if place.is_multiple_of(8) {
        bytes.push(0);
    }
    if let Some(last) = bytes.last_mut() {
        *last |= u8::from(bit) << (place % 8);
    }
}

/// The kind of a feature's column.
pub fn kind_of(finish: Finish) -> Kind {
    match finish {
        Finish::Count { .. } | Finish::Age { .. } | Finish::Distinct { .. } => Kind::Int64,
        Finish::Sum { .. }
        | Finish::Mean { .. }
        | Finish::Variance { .. }
        | Finish::Stddev { .. }
        | Finish::Ratio { .. } => Kind::Decimal,
        Finish::List { .. } | Finish::Top { .. } => Kind::Text,
        Finish::Extreme { kind, .. } | Finish::One { kind, .. } => match kind {
            ValueType::Int | ValueType::Timestamp => Kind::Int64,
            ValueType::Decimal(_) => Kind::Decimal,
            ValueType::Bool => Kind::Bool,
            ValueType::String => Kind::Text,
        },
    }
}

/// Appends a feature's value. Raises, as text, where it has no place in its column, or the IRs are not the group's.
pub fn push_feature(
    column: &mut Column,
    feature: &FeaturePlan,
    group: &GroupPlan,
    irs: &[Ir<'_>],
    as_of_us: i64,
    scratch: &mut Vec<u8>,
) -> Result<(), String> {
    let ir = |place: usize| irs.get(place).ok_or(Corrupt);
    match feature.finish {
        Finish::Count { ir: place } => match ir(place)? {
            Ir::Count(ir) => column.push_integer(i128::from(ir.0)),
            _ => Err(Corrupt.into()),
        },
        Finish::Age { ir: place } => match ir(place)? {
            Ir::Age(ir) => match ir.exact(as_of_us) {
                Some(age) => column.push_integer(age.num),
                None => {
                    column.push_null();
                    Ok(())
                }
            },
            _ => Err(Corrupt.into()),
        },
        Finish::Sum { ir: place, kind } => match ir(place)? {
            Ir::Moments(ir) => column.push_decimal(ir.exact_sum(kind).num),
            _ => Err(Corrupt.into()),
        },
        Finish::Distinct { ir: place } => match ir(place)? {
            Ir::Census(ir) => column.push_integer(ir.exact_distinct().num),
            _ => Err(Corrupt.into()),
        },
        Finish::Extreme { ir: place, .. } => match ir(place)? {
            Ir::Extreme(ir) => column.push_atom(ir.0),
            _ => Err(Corrupt.into()),
        },
        Finish::One { ir: place, last, .. } => match ir(place)? {
            Ir::Ends(ir) => column.push_atom(if last { ir.0.last() } else { ir.0.first() }.map(|(_, atom)| *atom)),
            _ => Err(Corrupt.into()),
        },
        Finish::List { .. } | Finish::Top { .. } => {
            scratch.clear();
            feature.finish.write(group, irs, as_of_us, scratch)?;
            column.push_written(|data| data.extend_from_slice(scratch))
        }
        Finish::Mean { .. } | Finish::Variance { .. } | Finish::Stddev { .. } | Finish::Ratio { .. } => {
            scratch.clear();
            feature.finish.write(group, irs, as_of_us, scratch)?;
            push_json_decimal(column, scratch)
        }
    }
    .map_err(|error| format!("{}.{}: {error}", group.name, feature.name))
}

/// Appends a decimal of canonical JSON, or null.
fn push_json_decimal(column: &mut Column, json: &[u8]) -> Result<(), String> {
    if json == b"null" {
        column.push_null();
        return Ok(());
    }
    let too_long = || format!("{} has more than 38 digits", String::from_utf8_lossy(json));
    let digits = json.iter().filter(|sign| sign.is_ascii_digit());
    let magnitude = digits
        .clone()
        .try_fold(0_i128, |sum, digit| sum.checked_mul(10).and_then(|sum| sum.checked_add(i128::from(digit - b'0'))));
    let magnitude = magnitude.ok_or_else(too_long)?;
    column.push_decimal(if json.contains(&b'-') { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_of_up_to_38_digits_has_a_place() {
        let mut column = Column::new(Kind::Decimal, 2);
        let nines = format!("\"-{}.{}\"", "9".repeat(20), "9".repeat(18));
        assert_eq!(push_json_decimal(&mut column, nines.as_bytes()), Ok(()));
        assert_eq!(push_json_decimal(&mut column, b"null"), Ok(()));
        let longer = format!("\"1{}.{}\"", "0".repeat(20), "0".repeat(18));
        assert!(push_json_decimal(&mut column, longer.as_bytes()).is_err());
        let buffers = column.finish();
        assert_eq!(buffers.validity, Some(vec![0b01]));
        assert_eq!(buffers.data.get(..16), Some(&(1 - 10_i128.pow(38)).to_le_bytes()[..]));
    }

    #[test]
    fn texts_have_ends_and_nulls_end_where_they_begin() {
        let mut column = Column::new(Kind::Text, 3);
        assert_eq!(column.push_text("ab"), Ok(()));
        column.push_null();
        assert_eq!(column.push_text("c"), Ok(()));
        let buffers = column.finish();
        let ends: Vec<u8> = [0_i32, 2, 2, 3].iter().flat_map(|end| end.to_le_bytes()).collect();
        assert_eq!((buffers.validity, buffers.offsets, buffers.data), (Some(vec![0b101]), Some(ends), b"abc".to_vec()));
    }

    #[test]
    fn a_first_null_behind_any_number_of_values_is_marked() {
        for before in 0..18 {
            let mut column = Column::new(Kind::Int32, 20);
            (0..before).for_each(|value| column.push_i32(value));
            column.push_null();
            column.push_i32(7);
            let bits = ((1_u32 << before) - 1) | (1 << (before + 1));
            let length = usize::try_from(before + 2).unwrap_or(0).div_ceil(8);
            assert_eq!(column.finish().validity.as_deref(), bits.to_le_bytes().get(..length));
        }
    }

    #[test]
    fn bits_begin_with_the_lowest() {
        let mut column = Column::new(Kind::Bool, 9);
        for place in 0..9 {
            assert_eq!(column.push_atom(Some(Atom::Number(i64::from(place % 2 == 0)))), Ok(()));
        }
        let buffers = column.finish();
        assert_eq!((buffers.validity, buffers.data), (None, vec![0b0101_0101, 1]));
    }
}
