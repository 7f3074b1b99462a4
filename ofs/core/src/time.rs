//! Timestamps `YYYY-MM-DDThh:mm:ss[.1-6 digits]Z` as microseconds since 1970 UTC, and back.

const DAY_US: i64 = 86_400_000_000;
const DAYS_TO_1970: i64 = 719_468; // from 0000-03-01, where the 400-year cycle of days_of begins

/// Microseconds since 1970, or None where the text is not a real date and time of the years 1 to 9999.
pub fn parse_ts(text: &str) -> Option<i64> {
    let (head, tail) = text.as_bytes().split_at_checked(19)?;
    let head: &[u8; 19] = head.try_into().ok()?;
    if [head[4], head[7], head[10], head[13], head[16]] != *b"--T::" {
        return None;
    }
    let year = number(&head[0..4])?;
    let (month, day) = (number(&head[5..7])?, number(&head[8..10])?);
    let (hour, minute, second) = (number(&head[11..13])?, number(&head[14..16])?, number(&head[17..19])?);
    let real = year >= 1 && (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
    if !real || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1_000_000 + fraction_us(tail)?)
}

/// Writes `YYYY-MM-DDThh:mm:ss.ffffffZ`. Bounds: the years 1 to 9999, as `parse_ts` gives them.
pub fn write_ts(out: &mut Vec<u8>, time_us: i64) {
    let (days, rest) = (time_us.div_euclid(DAY_US), time_us.rem_euclid(DAY_US));
    let (year, month, day) = date_of(days);
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (at, part) in [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, seconds / 3600),
        (14, seconds / 60 % 60),
        (17, seconds % 60),
        (20, micros / 10_000),
        (22, micros / 100 % 100),
        (24, micros % 100),
    ] {
        text[at..at + 2].copy_from_slice(&pair(part));
    }
    out.extend_from_slice(&text);
}

/// Two digits. Bounds: 0 to 99.
fn pair(value: i64) -> [u8; 2] {
    const PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[0; 2]; 100];
        let mut value = 0;
        while value < 100 {
            pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
            value += 1;
        }
        pairs
    };
    usize::try_from(value).ok().and_then(|value| PAIRS.get(value)).copied().unwrap_or(*b"00")
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |sum, &digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

fn fraction_us(tail: &[u8]) -> Option<i64> {
    match tail {
        [b'Z'] => Some(0),
        [b'.', digits @ .., b'Z'] if (1..=6).contains(&digits.len()) => {
            (digits.len()..6).try_fold(number(digits)?, |value, _| Some(value * 10))
        }
        _ => None,
    }
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date of the proleptic Gregorian calendar, by the year that begins in March.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - DAYS_TO_1970
}

/// The inverse of `days_of`.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_1970;
    let (cycle, of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year + cycle * 400;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(time_us: i64) -> String {
        let mut out = Vec::new();
        write_ts(&mut out, time_us);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn reads_what_the_grammar_allows() {
        for (text, time_us) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:01.5Z", 1_500_000),
            ("1970-01-01T00:00:00.000001Z", 1),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ] {
            assert_eq!(parse_ts(text), Some(time_us), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "Z",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00z",
            "1970-01-01t00:00:00Z",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:60Z",
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-01-32T00:00:00Z",
            "1970-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "1970-01-01T00:00:00+00:00",
            "1970-01-01T00:00:00Z ",
            " 1970-01-01T00:00:00Z",
            "+970-01-01T00:00:00Z",
            "1970-01-01T00:00:00.1 Z",
            "1970-01-01T00:00:0\u{661}Z",
            "10000-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_ts(text), None, "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for days in (-719_162..2_932_896).step_by(97) {
            let time_us = days * DAY_US + (days.rem_euclid(86_400)) * 1_000_001;
            assert_eq!(parse_ts(&written(time_us)), Some(time_us));
        }
        assert_eq!(written(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(written(1_500_000), "1970-01-01T00:00:01.500000Z");
    }
}
