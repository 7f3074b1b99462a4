//! Exact numbers out of IRs: rationals, half-even rounding once, and the canonical JSON of decimals.

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::Signed;

use crate::canonical::short::{SHORT, put_short};

/// `num / den`, unreduced. Bounds: `den` is at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rational {
    pub num: i128,
    pub den: i128,
}

/// The largest scale that a definition may have.
const SCALE_MAX: u8 = 18;

/// Ten to the power of a scale. Bounds: scales are 0 to 18, and so far below what i128 holds.
pub fn power_of_ten(scale: u8) -> i128 {
    10_i128.pow(u32::from(scale.min(38)))
}

/// A product of integers of any size; small ones stay out of the heap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Product {
    Small(i128),
    Big(BigInt),
}

impl Product {
    pub fn of(factors: &[i128]) -> Self {
        let small = factors.iter().try_fold(1_i128, |product, factor| product.checked_mul(*factor));
        match small {
            Some(product) => Product::Small(product),
            None => Product::Big(factors.iter().map(|factor| BigInt::from(*factor)).product()),
        }
    }

    fn into_big(self) -> BigInt {
        match self {
            Product::Small(value) => BigInt::from(value),
            Product::Big(value) => value,
        }
    }
}

/// `num / den` rounded half-even to an integer. Bounds: `den` is above 0.
pub fn half_even(num: Product, den: Product) -> Product {
    match (num, den) {
        (Product::Small(num), Product::Small(den)) => {
            let (quotient, rest) = (num.div_euclid(den), num.rem_euclid(den));
            let up = match rest.cmp(&(den - rest)) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Greater => true,
                std::cmp::Ordering::Equal => quotient & 1 == 1,
            };
            // a quotient of i128::MAX divides by one and has no rest
            Product::Small(quotient + i128::from(up))
        }
        (num, den) => Product::Big(half_even_big(&num.into_big(), &den.into_big())),
    }
}

fn half_even_big(num: &BigInt, den: &BigInt) -> BigInt {
    let (quotient, rest) = num.div_mod_floor(den);
    let up = match (&rest * 2_u8).cmp(den) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient.is_odd(),
    };
    if up { quotient + 1_u8 } else { quotient }
}

/// The square root of `num / den` rounded half-even; 0 where `num` is negative. Bounds: `den` is above 0.
pub fn sqrt_half_even(num: &BigInt, den: &BigInt) -> BigInt {
    if num.is_negative() {
        return BigInt::ZERO;
    }
    let floor = num.div_floor(den).sqrt();
    // compared exactly with (floor + 1/2)^2 = (2 floor + 1)^2 / 4
    let middle: BigInt = &floor * 2_u8 + 1_u8;
    let up = match (num * 4_u8).cmp(&(den * &middle * &middle)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => floor.is_odd(),
    };
    if up { floor + 1_u8 } else { floor }
}

/// A decimal of canonical JSON: a string with exactly `scale` digits after the point, never a negative zero.
pub fn write_decimal(out: &mut Vec<u8>, scaled: &Product, scale: u8) {
    let (is_negative, digits) = match scaled {
        Product::Small(value) => match u64::try_from(value.unsigned_abs()) {
            Ok(small) if scale <= SCALE_MAX => return write_small(out, *value < 0, small, scale),
            _ => (*value < 0, value.unsigned_abs().to_string()),
        },
        Product::Big(value) => (value.sign() == Sign::Minus, value.abs().to_string()),
    };
    out.push(b'"');
    if is_negative {
        out.push(b'-');
    }
    write_pointed(out, digits.as_bytes(), scale);
    out.push(b'"');
}

/// Writes a decimal from its last digit on. Bounds: the scale is at most `SCALE_MAX`.
fn write_small(out: &mut Vec<u8>, is_negative: bool, mut value: u64, scale: u8) {
    let mut text = [0; 2 * SHORT]; // at most 20 digits, a sign, a point and two quotes before the room
    let mut at = SHORT;
    let mut put = |byte: u8| {
        at -= 1;
        text[at] = byte;
    };
    put(b'"');
    for _ in 0..scale {
        put(b'0' + (value % 10) as u8);
        value /= 10;
    }
    if scale > 0 {
        put(b'.');
    }
    loop {
        put(b'0' + (value % 10) as u8);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if is_negative {
        put(b'-');
    }
    put(b'"');
    if let Some(bytes) = text[at..].first_chunk() {
        put_short(out, bytes, SHORT - at);
    }
}

fn write_pointed(out: &mut Vec<u8>, digits: &[u8], scale: u8) {
    let scale = usize::from(scale);
    if scale == 0 {
        out.extend_from_slice(digits);
        return;
    }
    match digits.len().checked_sub(scale) {
        Some(whole) if whole > 0 => {
            out.extend_from_slice(&digits[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits[whole..]);
        }
        _ => {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', scale - digits.len()));
            out.extend_from_slice(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(num: i128, den: i128) -> i128 {
        let small = half_even(Product::Small(num), Product::Small(den));
        let big = half_even(Product::Big(BigInt::from(num)), Product::Small(den));
        assert_eq!(small.clone().into_big(), big.into_big());
        match small {
            Product::Small(value) => value,
            Product::Big(_) => 0,
        }
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let rows = [
            (5, 2, 2),
            (7, 2, 4),
            (-5, 2, -2),
            (-7, 2, -4),
            (1, 2, 0),
            (-1, 2, 0),
            (3, 2, 2),
            (-3, 2, -2),
            (4, 3, 1),
            (5, 3, 2),
            (-4, 3, -1),
            (-5, 3, -2),
            (0, 9, 0),
            (6, 3, 2),
        ];
        for (num, den, expected) in rows {
            assert_eq!(rounded(num, den), expected, "{num}/{den}");
        }
        assert_eq!(rounded(i128::MAX, 1), i128::MAX);
        assert_eq!(rounded(i128::MIN, 1), i128::MIN);
        assert_eq!(rounded(i128::MAX, i128::MAX), 1);
    }

    #[test]
    fn a_root_is_rounded_from_the_exact_square() {
        // 9/4 = 1.5^2 and 25/4 = 2.5^2 lie exactly between two integers
        for (num, den, expected) in [(9, 4, 2), (25, 4, 2), (49, 4, 4), (2, 1, 1), (3, 1, 2), (0, 1, 0), (1, 4, 0)] {
            assert_eq!(sqrt_half_even(&BigInt::from(num), &BigInt::from(den)), BigInt::from(expected), "{num}/{den}");
        }
    }

    #[test]
    fn products_beyond_i128_become_big() {
        let product = Product::of(&[i128::MAX, 10, -3]);
        assert_eq!(product.into_big(), BigInt::from(i128::MAX) * -30);
        assert_eq!(Product::of(&[4, -5]), Product::Small(-20));
        assert_eq!(Product::of(&[]), Product::Small(1));
    }

    fn decimal(value: i128, scale: u8) -> String {
        let (mut small, mut big) = (Vec::new(), Vec::new());
        write_decimal(&mut small, &Product::Small(value), scale);
        write_decimal(&mut big, &Product::Big(BigInt::from(value)), scale);
        assert_eq!(small, big);
        String::from_utf8(small).unwrap_or_default()
    }

    #[test]
    fn decimals_have_exactly_their_digits() {
        let rows = [
            (0, 2, "\"0.00\""),
            (5, 2, "\"0.05\""),
            (-5, 2, "\"-0.05\""),
            (-123, 2, "\"-1.23\""),
            (7, 0, "\"7\""),
            (0, 0, "\"0\""),
            (100, 2, "\"1.00\""),
            (12, 2, "\"0.12\""),
            (1, 18, "\"0.000000000000000001\""),
        ];
        for (value, scale, text) in rows {
            assert_eq!(decimal(value, scale), text);
        }
        for value in (0..70).flat_map(|bit| [1_i128 << bit, (1 << bit) - 1, -(1 << bit)]) {
            for scale in [0, 1, 2, 6, 17, 18] {
                decimal(value, scale); // by both ways
            }
        }
        assert_eq!(decimal(i128::MIN, 3), "\"-170141183460469231731687303715884105.728\"");
    }
}
