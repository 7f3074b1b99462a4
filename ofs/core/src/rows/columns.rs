//! Rows as typed columns, laid out as Arrow has it: bits from the lowest, ends of texts in 32 bits.

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
    len: usize,
    /// A bit a value, from the first null on; empty until then.
    validity: Vec<u8>,
    values: Values,
}

/// The values of a column, those of nulls too.
#[derive(Debug, PartialEq, Eq)]
pub enum Values {
    Int32(Vec<i32>),
    /// Also times in microseconds.
    Int64(Vec<i64>),
    Decimal(Vec<i128>),
    /// A bit a value.
    Bool(Vec<u8>),
    /// `ends`: where each text ends, and a 0 before.
    Text {
        ends: Vec<i32>,
        bytes: Vec<u8>,
    },
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

impl Column {
    /// With room for so many values.
    pub fn new(kind: Kind, rows: usize) -> Column {
        let values = match kind {
            Kind::Int32 => Values::Int32(Vec::with_capacity(rows)),
            Kind::Int64 => Values::Int64(Vec::with_capacity(rows)),
            Kind::Decimal => Values::Decimal(Vec::with_capacity(rows)),
            Kind::Bool => Values::Bool(Vec::with_capacity(rows.div_ceil(8))),
            Kind::Text => {
                let mut ends = Vec::with_capacity(rows.saturating_add(1));
                ends.push(0);
                Values::Text { ends, bytes: Vec::new() }
            }
        };
        Column { len: 0, validity: Vec::new(), values }
    }

    /// How many values it has.
    pub fn rows(&self) -> usize {
        self.len
    }

    /// How many bytes its texts take.
    pub fn text_len(&self) -> usize {
        match &self.values {
            Values::Text { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Room for so many more bytes of texts.
    pub fn reserve_texts(&mut self, more: usize) {
        if let Values::Text { bytes, .. } = &mut self.values {
            bytes.reserve(more);
        }
    }

    /// Raises, as text, where the column has another kind; so do all that push.
    pub fn push_i32(&mut self, value: i32) -> Result<(), String> {
        let Values::Int32(values) = &mut self.values else { return Err(Corrupt.into()) };
        values.push(value);
        self.mark(true);
        Ok(())
    }

    pub fn push_i64(&mut self, value: i64) -> Result<(), String> {
        let Values::Int64(values) = &mut self.values else { return Err(Corrupt.into()) };
        values.push(value);
        self.mark(true);
        Ok(())
    }

    /// Raises, as text, also where the texts of the column take too many bytes.
    pub fn push_text(&mut self, text: &str) -> Result<(), String> {
        self.push_written(|bytes| bytes.extend_from_slice(text.as_bytes()))
    }

    pub fn push_null(&mut self) {
        if self.validity.is_empty() {
            self.validity = ones(self.len);
        }
        match &mut self.values {
            Values::Int32(values) => values.push(0),
            Values::Int64(values) => values.push(0),
            Values::Decimal(values) => values.push(0),
            Values::Bool(bits) => push_bit(bits, self.len, false),
            Values::Text { ends, .. } => ends.push(ends.last().copied().unwrap_or(0)),
        }
        self.mark(false);
    }

    /// The values, and a bit a value where one is null.
    pub fn finish(self) -> (Values, Option<Vec<u8>>) {
        (self.values, (!self.validity.is_empty()).then_some(self.validity))
    }

    /// Raises, as text, also where the value has more than 38 digits.
    fn push_decimal(&mut self, value: i128) -> Result<(), String> {
        let Values::Decimal(values) = &mut self.values else { return Err(Corrupt.into()) };
        if value.unsigned_abs() >= DECIMAL_END {
            return Err(format!("{value} has more than 38 digits"));
        }
        values.push(value);
        self.mark(true);
        Ok(())
    }

    fn push_integer(&mut self, value: i128) -> Result<(), String> {
        self.push_i64(i64::try_from(value).map_err(|_| format!("{value} has more than 64 bits"))?)
    }

    fn push_written(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), String> {
        let Values::Text { ends, bytes } = &mut self.values else { return Err(Corrupt.into()) };
        write(bytes);
        ends.push(i32::try_from(bytes.len()).map_err(|_| "a block's texts have more than 2 GiB")?);
        self.mark(true);
        Ok(())
    }

    fn push_atom(&mut self, atom: Option<Atom<'_>>) -> Result<(), String> {
        match (atom, &mut self.values) {
            (None, _) => self.push_null(),
            (Some(Atom::Text(text)), _) => return self.push_text(text),
            (Some(Atom::Number(raw)), Values::Decimal(_)) => return self.push_decimal(i128::from(raw)),
            (Some(Atom::Number(raw)), Values::Bool(bits)) => {
                push_bit(bits, self.len, raw != 0);
                self.mark(true);
            }
            (Some(Atom::Number(raw)), _) => return self.push_i64(raw),
        }
        Ok(())
    }

    #[inline]
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
        assert_eq!(column.finish(), (Values::Decimal(vec![1 - 10_i128.pow(38), 0]), Some(vec![0b01])));
    }

    #[test]
    fn texts_have_ends_and_nulls_end_where_they_begin() {
        let mut column = Column::new(Kind::Text, 3);
        assert_eq!(column.push_text("ab"), Ok(()));
        column.push_null();
        assert_eq!(column.push_text("c"), Ok(()));
        assert_eq!((column.rows(), column.text_len()), (3, 3));
        let texts = Values::Text { ends: vec![0, 2, 2, 3], bytes: b"abc".to_vec() };
        assert_eq!(column.finish(), (texts, Some(vec![0b101])));
    }

    #[test]
    fn a_first_null_behind_any_number_of_values_is_marked() {
        for before in 0..18 {
            let mut column = Column::new(Kind::Int32, 20);
            assert!((0..before).all(|value| column.push_i32(value).is_ok()));
            column.push_null();
            assert_eq!(column.push_i32(7), Ok(()));
            let bits = ((1_u32 << before) - 1) | (1 << (before + 1));
            let length = usize::try_from(before + 2).unwrap_or(0).div_ceil(8);
            assert_eq!(column.finish().1.as_deref(), bits.to_le_bytes().get(..length));
        }
    }

    #[test]
    fn bits_begin_with_the_lowest() {
        let mut column = Column::new(Kind::Bool, 9);
        for place in 0..9 {
            assert_eq!(column.push_atom(Some(Atom::Number(i64::from(place % 2 == 0)))), Ok(()));
        }
        assert_eq!(column.finish(), (Values::Bool(vec![0b0101_0101, 1]), None));
    }
}
