//! Typed values, keys and exact comparison of JSON numbers, all from the literal digits and never through a float.

use std::borrow::Cow;
use std::cmp::Ordering;

use num_bigint::BigInt;

pub use crate::json::Field;
use crate::time::parse_ts;

/// Characters of a decimal given as a string.
const DECIMAL_TEXT_MAX: usize = 100;
/// Magnitude of a decimal number's exponent.
const EXPONENT_MAX: i64 = 30;
/// Digits of 2^63-1.
const DIGITS_MAX: usize = 19;

/// What a definition declares a field to be. A decimal has a scale of 0 to 18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueType {
    Int,
    Decimal(u8),
    String,
    Bool,
    Timestamp,
}

/// A value of one declared type; ordered naturally within a type (strings by code point).
/// Units: a decimal is scaled to an integer, a time is microseconds. Bounds: integers within ±(2^63-1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    Int(i64),
    Decimal(i64),
    Str(Box<str>),
    Bool(bool),
    Time(i64),
}

/// The field is not a value of the declared type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid;

/// The value of a field, None where it is missing or null.
pub fn typed(field: &Field<'_>, kind: ValueType) -> Result<Option<Value>, Invalid> {
    let value = match (field, kind) {
        (Field::Missing | Field::Null, _) => return Ok(None),
        (Field::Number(literal), ValueType::Int) => int(literal).map(Value::Int),
        (Field::Number(literal), ValueType::Decimal(scale)) => decimal(literal, scale).map(Value::Decimal),
        (Field::String(text), ValueType::Decimal(scale)) if is_decimal_text(text) => {
            decimal(text, scale).map(Value::Decimal)
        }
        (Field::String(text), ValueType::String) => Some(Value::Str(text.as_ref().into())),
        (Field::Bool(bool), ValueType::Bool) => Some(Value::Bool(*bool)),
        (Field::String(text), ValueType::Timestamp) => parse_ts(text).map(Value::Time),
        _ => None,
    };
    value.map(Some).ok_or(Invalid)
}

/// A field as the key of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyText<'a> {
    /// Missing or null.
    None,
    Invalid,
    Key(Cow<'a, str>),
}

/// A non-empty string as it stands, or a JSON integer in its shortest digits.
pub fn key_text<'a>(field: &'a Field<'_>) -> KeyText<'a> {
    match field {
        Field::Missing | Field::Null => KeyText::None,
        Field::String(text) if !text.is_empty() => KeyText::Key(Cow::Borrowed(text)),
        Field::Number(literal) if is_integer(literal) => KeyText::Key(Cow::Borrowed(shortest(literal))),
        _ => KeyText::Invalid,
    }
}

/// A JSON number literal has neither fraction nor exponent.
pub fn is_integer(literal: &str) -> bool {
    !literal.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// The digits of an integer literal; JSON allows no leading zeros, so only `-0` changes.
pub fn shortest(literal: &str) -> &str {
    if literal == "-0" { "0" } else { literal }
}

/// The value of an integer literal within ±(2^63-1).
pub fn int(literal: &str) -> Option<i64> {
    if !is_integer(literal) {
        return None;
    }
    literal.parse().ok().filter(|value| *value != i64::MIN)
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?`, up to 100 characters.
fn is_decimal_text(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= DECIMAL_TEXT_MAX
        && digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
}

/// The exact value times 10^scale, if it is an integer within ±(2^63-1).
fn decimal(literal: &str, scale: u8) -> Option<i64> {
    let parts = Parts::of(literal);
    let exponent = small_exponent(parts.exponent).filter(|exponent| exponent.abs() <= EXPONENT_MAX)?;
    let digits = Digits::of(&parts);
    if digits.count == 0 {
        return Some(0);
    }
    // The value is the digits times 10^(exponent - fraction); trailing zeros are left out of the digits.
    let shift = exponent - digits.fraction + i64::from(scale);
    let shift = u32::try_from(shift).ok()?;
    if digits.count + shift as usize > DIGITS_MAX {
        return None;
    }
    let magnitude = digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit));
    let magnitude = i64::try_from(magnitude.checked_mul(10_u64.pow(shift))?).ok()?;
    Some(if parts.negative { -magnitude } else { magnitude })
}

/// The order of two number literals, exact at any exponent. `a`, `b`: as JSON writes numbers.
pub fn compare_numbers(a: &str, b: &str) -> Ordering {
    if let (Some(a), Some(b)) = (int(a), int(b)) {
        return a.cmp(&b);
    }
    let (a, b) = (Parts::of(a), Parts::of(b));
    let (a_digits, b_digits) = (Digits::of(&a), Digits::of(&b));
    let sign = |parts: &Parts<'_>, digits: &Digits<'_>| match (digits.count, parts.negative) {
        (0, _) => 0,
        (_, true) => -1,
        (_, false) => 1,
    };
    let (a_sign, b_sign) = (sign(&a, &a_digits), sign(&b, &b_digits));
    if a_sign != b_sign || a_sign == 0 {
        return a_sign.cmp(&b_sign);
    }
    let magnitude = compare_leading(&a, &a_digits, &b, &b_digits).then_with(|| a_digits.iter().cmp(b_digits.iter()));
    if a_sign < 0 { magnitude.reverse() } else { magnitude }
}

/// The order of the places of the first digits: exponent + digits - fraction.
fn compare_leading(a: &Parts<'_>, a_digits: &Digits<'_>, b: &Parts<'_>, b_digits: &Digits<'_>) -> Ordering {
    match (small_exponent(a.exponent), small_exponent(b.exponent)) {
        (Some(a), Some(b)) => (a + a_digits.place()).cmp(&(b + b_digits.place())),
        _ => {
            let place = |parts: &Parts<'_>, digits: &Digits<'_>| {
                parts.exponent.parse::<BigInt>().unwrap_or_default() + digits.place()
            };
            place(a, a_digits).cmp(&place(b, b_digits))
        }
    }
}

/// An exponent as a number, None where it has more than 17 significant digits.
fn small_exponent(text: &str) -> Option<i64> {
    let digits = text.trim_start_matches(['+', '-']).trim_start_matches('0');
    if digits.len() > 17 {
        return None;
    }
    let magnitude = if digits.is_empty() { 0 } else { digits.parse::<i64>().ok()? };
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// A number literal taken apart.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// With its sign; `0` where the literal has none.
    exponent: &'a str,
}

impl<'a> Parts<'a> {
    fn of(literal: &'a str) -> Self {
        let (mantissa, exponent) = literal.split_once(['e', 'E']).unwrap_or((literal, "0"));
        let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        Parts { negative: unsigned.len() != mantissa.len(), whole, fraction, exponent }
    }
}

/// The significant digits of whole and fraction together: no zeros before the first or after the last.
struct Digits<'a> {
    whole: &'a str,
    tail: &'a str,
    count: usize,
    /// Places of the last digit behind the point; negative where it stands before it.
    fraction: i64,
}

impl<'a> Digits<'a> {
    fn of(parts: &Parts<'a>) -> Self {
        let tail = parts.fraction.trim_end_matches('0');
        let whole = parts.whole.trim_start_matches('0');
        if tail.is_empty() {
            let kept = whole.trim_end_matches('0');
            return Digits { whole: kept, tail, count: kept.len(), fraction: -length(whole) + length(kept) };
        }
        let leading = if whole.is_empty() { tail.trim_start_matches('0') } else { tail };
        Digits { whole, tail: leading, count: whole.len() + leading.len(), fraction: length(tail) }
    }

    fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        self.whole.bytes().chain(self.tail.bytes()).map(|byte| byte - b'0')
    }

    fn place(&self) -> i64 {
        i64::try_from(self.count).unwrap_or(i64::MAX) - self.fraction
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
