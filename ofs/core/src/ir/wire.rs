//! The compact encoding that IRs, queries and state share: LEB128 varints, zigzag where signed, length before bytes.

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

pub fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_u128(out: &mut Vec<u8>, mut value: u128) {
    while value > u128::from(u64::MAX) {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    put_u64(out, value as u64);
}

pub fn put_len(out: &mut Vec<u8>, value: usize) {
    put_u64(out, value as u64);
}

pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, ((value << 1) ^ (value >> 63)) as u64);
}

pub fn put_i128(out: &mut Vec<u8>, value: i128) {
    put_u128(out, ((value << 1) ^ (value >> 127)) as u128);
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

    /// An integer of up to nine bytes, as most are, in one go.
    fn short(&mut self) -> Option<u64> {
        let mut value = 0;
        for (place, byte) in self.rest.iter().take(9).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                self.rest = self.rest.get(place + 1..)?;
                return Some(value);
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

    pub fn i128(&mut self) -> Decoded<i128> {
        let raw = self.u128()?;
        Ok(((raw >> 1) as i128) ^ -((raw & 1) as i128))
    }

    pub fn take(&mut self, length: usize) -> Decoded<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(Corrupt)?;
        self.rest = rest;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        <[u8; N]>::try_from(self.take(N)?).map_err(|_| Corrupt)
    }

    pub fn bytes(&mut self) -> Decoded<&'a [u8]> {
        let length = self.len()?;
        self.take(length)
    }

    pub fn text(&mut self) -> Decoded<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Corrupt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_is_read_back_as_written() {
        for value in [0, 1, -1, 63, 64, -64, -65, i64::MAX, i64::MIN, 1 << 53] {
            let mut out = Vec::new();
            put_i64(&mut out, value);
            put_i128(&mut out, i128::from(value) * i128::from(i64::MAX));
            let mut reader = Reader::new(&out);
            assert_eq!(reader.i64(), Ok(value));
            assert_eq!(reader.i128(), Ok(i128::from(value) * i128::from(i64::MAX)));
            assert!(reader.is_empty());
        }
        for value in (0..64).flat_map(|bit| [1_u64 << bit, u64::MAX >> bit]).chain([0, 127, 128]) {
            let (mut out, mut wide) = (Vec::new(), Vec::new());
            put_u64(&mut out, value);
            put_u128(&mut wide, u128::from(value));
            assert_eq!((Reader::new(&out).u64(), Reader::new(&out).u128()), (Ok(value), Ok(u128::from(value))));
            assert_eq!(out, wide);
            put_u128(&mut out, u128::from(value) << 64);
            let mut reader = Reader::new(&out);
            assert_eq!((reader.u64(), reader.u128()), (Ok(value), Ok(u128::from(value) << 64)));
        }
        for value in [i128::MAX, i128::MIN] {
            let mut out = Vec::new();
            put_i128(&mut out, value);
            assert_eq!(Reader::new(&out).i128(), Ok(value));
        }
    }

    #[test]
    fn damage_is_a_value() {
        assert_eq!(Reader::new(&[]).u8(), Err(Corrupt));
        assert_eq!(Reader::new(&[0x80]).u64(), Err(Corrupt));
        assert_eq!(Reader::new(&[0xff; 30]).u128(), Err(Corrupt));
        assert_eq!(Reader::new(&[5, b'a']).bytes(), Err(Corrupt));
        assert_eq!(Reader::new(&[1, 0xff]).text(), Err(Corrupt));
        assert_eq!(Reader::new(&[9]).count(1), Err(Corrupt));
    }
}
