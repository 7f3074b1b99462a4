//! ratio: one feature of the group over another, of their exact values, rounded once.

use super::exact::{Product, Rational, half_even, power_of_ten, write_decimal};

/// Writes `num / den` at `scale`; null where a value is null or the denominator 0.
pub fn write(num: Option<Rational>, den: Option<Rational>, scale: u8, out: &mut Vec<u8>) {
    match (num, den) {
        (Some(num), Some(den)) if den.num != 0 => {
            // both denominators are above 0; the sign of den.num moves up, so that half_even divides by a positive
            let sign = den.num.signum();
            let above = Product::of(&[num.num, den.den, power_of_ten(scale), sign]);
            let below = Product::of(&[num.den, den.num, sign]);
            write_decimal(out, &half_even(above, below), scale);
        }
        _ => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(num: (i128, i128), den: (i128, i128), scale: u8) -> String {
        let rational = |(num, den)| Some(Rational { num, den });
        let mut out = Vec::new();
        write(rational(num), rational(den), scale, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    #[test]
    fn a_ratio_is_rounded_once_from_the_exact_values() {
        assert_eq!(ratio((1, 1), (3, 1), 6), "\"0.333333\"");
        assert_eq!(ratio((2, 3), (-1, 3), 2), "\"-2.00\"");
        assert_eq!(ratio((1, 8), (1, 1), 2), "\"0.12\"");
        assert_eq!(ratio((3, 8), (1, 1), 2), "\"0.38\"");
        assert_eq!(ratio((-1, 1000), (1, 1), 2), "\"0.00\"");
        assert_eq!(ratio((i128::MAX, 7), (i128::MAX, 7), 18), "\"1.000000000000000000\"");
        assert_eq!(ratio((1, i128::MAX), (i128::MIN, 1), 18), "\"0.000000000000000000\"");
    }

    #[test]
    fn nothing_over_something_and_something_over_nothing() {
        assert_eq!(ratio((0, 1), (5, 100), 1), "\"0.0\"");
        assert_eq!(ratio((5, 1), (0, 100), 1), "null");
        let mut out = Vec::new();
        write(None, Some(Rational { num: 1, den: 1 }), 2, &mut out);
        assert_eq!(out, b"null");
    }
}
