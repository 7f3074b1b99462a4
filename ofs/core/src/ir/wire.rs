//! The compact encoding that IRs, queries and state share: LEB128 varints, zigzag where signed, length before bytes.
//! What every answer holds is written in words of eight bytes: where each begins does not depend on those before, so
//! that a processor reads them at once.

/// Encoded bytes that no encoder of this crate wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

impl std::fmt::Display for Corrupt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("encoded bytes are damaged or of another plan")
    }
}

impl From<Corrupt> for String {
    fn from(error: Corrupt) -> Self {
        error.to_string()
    }
}

pub type Decoded<T> = Result<T, Corrupt>;

#[inline]
pub fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    if (0x4000..1 << 56).contains(&value) {
        let (bytes, length) = packed(value);
        let end = out.len() + length;
        out.extend_from_slice(&bytes);
        out.truncate(end);
        return;
    }
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The encoding of a value below 2^56, and how many of the bytes it takes; all of it without a loop.
fn packed(value: u64) -> ([u8; 8], usize) {
    let bits = u64::BITS - (value | 1).leading_zeros();
    let length = bits.div_ceil(7);
    let halves = value & 0x0fff_ffff | (value & 0x00ff_ffff_f000_0000) << 4;
    let quarters = halves & 0x0000_3fff_0000_3fff | (halves & 0x0fff_c000_0fff_c000) << 2;
    let sevens = quarters & 0x007f_007f_007f_007f | (quarters & 0x3f80_3f80_3f80_3f80) << 1;
    let more = 0x8080_8080_8080_8080 & ((1 << (8 * (length - 1))) - 1);
    ((sevens | more).to_le_bytes(), length as usize)
}

/// The inverse of `packed`: the value that begins here, and how many bytes it takes; None where it takes more than eight.
fn unpacked(bytes: &[u8; 8]) -> Option<(u64, usize)> {
    let word = u64::from_le_bytes(*bytes);
    let last = !word & 0x8080_8080_8080_8080;
    if last == 0 {
        return None;
    }
    let kept = last ^ (last - 1); // up to the lowest bit set
    let sevens = word & kept & 0x7f7f_7f7f_7f7f_7f7f;
    let quarters = sevens & 0x007f_007f_007f_007f | (sevens & 0x7f00_7f00_7f00_7f00) >> 1;
    let halves = quarters & 0x0000_3fff_0000_3fff | (quarters & 0x3fff_0000_3fff_0000) >> 2;
    let value = halves & 0x0fff_ffff | (halves & 0x0fff_ffff_0000_0000) >> 4;
    Some((value, kept.count_ones() as usize / 8))
}

pub fn put_u128(out: &mut Vec<u8>, mut value: u128) {
    while value > u128::from(u64::MAX) {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    put_u64(out, value as u64);
}

pub fn put_word(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// A word; where the value does not fit, the smallest word and then two of it.
pub fn put_wide_word(out: &mut Vec<u8>, value: i128) {
    match i64::try_from(value) {
        Ok(small) if small != i64::MIN => out.extend_from_slice(&small.to_le_bytes()),
        _ => {
            out.extend_from_slice(&i64::MIN.to_le_bytes());
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// A word and a wide word.
pub fn put_words(out: &mut Vec<u8>, word: u64, wide: i128) {
    match i64::try_from(wide) {
        Ok(small) if small != i64::MIN => {
            let mut both = [0; 16]; // appended at once
            both[..8].copy_from_slice(&word.to_le_bytes());
            both[8..].copy_from_slice(&small.to_le_bytes());
            out.extend_from_slice(&both);
        }
        _ => {
            put_word(out, word);
            put_wide_word(out, wide);
        }
    }
}

pub fn put_len(out: &mut Vec<u8>, value: usize) {
    put_u64(out, value as u64);
}

pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, ((value << 1) ^ (value >> 63)) as u64);
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Reads back what the `put_` functions wrote; every defect is a value.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn u8(&mut self) -> Decoded<u8> {
        let (first, rest) = self.rest.split_first().ok_or(Corrupt)?;
        self.rest = rest;
        Ok(*first)
    }

    pub fn u64(&mut self) -> Decoded<u64> {
        if let Some(value) = self.short() {
            return Ok(value);
        }
        let mut value: u64 = 0;
        for shift in (0..10).map(|step| step * 7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Corrupt);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Corrupt)
    }

    pub fn u128(&mut self) -> Decoded<u128> {
        if let Some(value) = self.short() {
            return Ok(u128::from(value));
        }
        let mut value: u128 = 0;
        for shift in (0..19).map(|step| step * 7) {
            let byte = self.u8()?;
            let bits = u128::from(byte & 0x7f);
            if shift == 126 && bits > 3 {
                return Err(Corrupt);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Corrupt)
    }

    /// An integer of up to eight bytes, as most are, in one go.
    #[inline]
    fn short(&mut self) -> Option<u64> {
        let (value, length) = match self.rest.first_chunk() {
            Some(bytes) => unpacked(bytes)?,
            None => self.last()?,
        };
        self.rest = self.rest.get(length..)?;
        Some(value)
    }

    /// As `unpacked`, near the end.
    fn last(&self) -> Option<(u64, usize)> {
        let mut value = 0;
        for (place, byte) in self.rest.iter().take(8).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                return Some((value, place + 1));
            }
        }
        None
    }

    pub fn u32(&mut self) -> Decoded<u32> {
        u32::try_from(self.u64()?).map_err(|_| Corrupt)
    }

    /// A count or index of things that take at least `least_bytes` each of what is left, so that it may be reserved.
    pub fn count(&mut self, least_bytes: usize) -> Decoded<usize> {
        let value = self.len()?;
        match value.checked_mul(least_bytes) {
            Some(bytes) if bytes <= self.rest.len() => Ok(value),
            _ => Err(Corrupt),
        }
    }

    pub fn len(&mut self) -> Decoded<usize> {
        usize::try_from(self.u64()?).map_err(|_| Corrupt)
    }

    pub fn i64(&mut self) -> Decoded<i64> {
        let raw = self.u64()?;
        Ok(((raw >> 1) as i64) ^ -((raw & 1) as i64))
    }

    pub fn word(&mut self) -> Decoded<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn wide_word(&mut self) -> Decoded<i128> {
        match i64::from_le_bytes(self.array()?) {
            i64::MIN => self.array().map(i128::from_le_bytes),
            small => Ok(i128::from(small)),
        }
    }

    pub fn take(&mut self, length: usize) -> Decoded<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(Corrupt)?;
        self.rest = rest;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(Corrupt)?;
        self.rest = rest;
        Ok(*head)
    }

    pub fn bytes(&mut self) -> Decoded<&'a [u8]> {
        let length = self.len()?;
        self.take(length)
    }

    pub fn text(&mut self) -> Decoded<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Corrupt)
    }
}

pub fn put_list<T>(out: &mut Vec<u8>, items: &[T], each: impl Fn(&mut Vec<u8>, &T)) {
    put_len(out, items.len());
    items.iter().for_each(|item| each(out, item));
}

pub fn list<'a, T>(reader: &mut Reader<'a>, each: impl Fn(&mut Reader<'a>) -> Decoded<T>) -> Decoded<Vec<T>> {
    let count = reader.count(1)?;
    (0..count).map(|_| each(reader)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_is_read_back_as_written() {
        for value in [0, 1, -1, 63, 64, -64, -65, i64::MAX, i64::MIN, 1 << 53] {
            let mut out = Vec::new();
            put_i64(&mut out, value);
            put_wide_word(&mut out, i128::from(value));
            put_wide_word(&mut out, i128::from(value) * i128::from(i64::MAX));
            put_word(&mut out, value as u64);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.i64(), Ok(value));
            assert_eq!(reader.wide_word(), Ok(i128::from(value)));
            assert_eq!(reader.wide_word(), Ok(i128::from(value) * i128::from(i64::MAX)));
            assert_eq!(reader.word(), Ok(value as u64));
            assert!(reader.is_empty());
        }
        for value in (0..64).flat_map(|bit| [1_u64 << bit, u64::MAX >> bit]).chain([0, 127, 128]) {
            let (mut out, mut wide) = (Vec::new(), Vec::new());
            put_u64(&mut out, value);
            put_u128(&mut wide, u128::from(value));
            assert_eq!((Reader::new(&out).u64(), Reader::new(&out).u128()), (Ok(value), Ok(u128::from(value))));
            assert_eq!(out, wide);
            let mut padded = out.clone();
            padded.extend_from_slice(&[0xff; 8]); // whatever follows, it is read as it is at the end
            assert_eq!(Reader::new(&padded).u64(), Ok(value));
            put_u128(&mut out, u128::from(value) << 64);
            let mut reader = Reader::new(&out);
            assert_eq!((reader.u64(), reader.u128()), (Ok(value), Ok(u128::from(value) << 64)));
        }
        for value in [i128::MAX, i128::MIN] {
            let mut out = Vec::new();
            put_wide_word(&mut out, value);
            assert_eq!(Reader::new(&out).wide_word(), Ok(value));
        }
    }

    #[test]
    fn damage_is_a_value() {
        assert_eq!(Reader::new(&[]).u8(), Err(Corrupt));
        assert_eq!(Reader::new(&[0x80]).u64(), Err(Corrupt));
        assert_eq!(Reader::new(&[0; 7]).word(), Err(Corrupt));
        assert_eq!(Reader::new(&i64::MIN.to_le_bytes()).wide_word(), Err(Corrupt));
        assert_eq!(Reader::new(&[0xff; 30]).u128(), Err(Corrupt));
        assert_eq!(Reader::new(&[5, b'a']).bytes(), Err(Corrupt));
        assert_eq!(Reader::new(&[1, 0xff]).text(), Err(Corrupt));
        assert_eq!(Reader::new(&[9]).count(1), Err(Corrupt));
    }
}
