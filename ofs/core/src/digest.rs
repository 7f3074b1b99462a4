//! The content digest of a range of records: a hash a record, blocks of aligned offsets, a Merkle root over them.

use std::fmt;

use sha2::{Digest, Sha256};

mod lanes;

pub use lanes::sha256_each;

/// A SHA-256.
pub type Hash = [u8; 32];
/// The value of each byte that is a lower-case hexadecimal digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};
const NO_DIGIT: u8 = 0x80;
/// Offsets of a block.
pub const BLOCK_OFFSETS: i64 = 4096;
const RECORD_TAG: &[u8] = b"ofs-record/v1\0";

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(HEX[usize::from(digit)])).collect()
}

/// Lower-case hexadecimal digits of a hash. Without a table, so that many are made in one instruction.
pub fn hex_of(hash: &Hash) -> [u8; 64] {
    let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
    let mut digits = [0; 64];
    for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(hash) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    digits
}

/// The hash that 64 lower-case hexadecimal digits stand for.
pub fn parse_hex(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    let mut hash = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    let mut seen = 0;
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        seen |= high | low;
        *byte = high << 4 | low & 15;
    }
    (seen & NO_DIGIT == 0).then_some(hash)
}

/// Why records or a state cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestError {
    /// An offset that is negative or not above the one before.
    OffsetOrder,
    /// A timestamp type other than 0, 1 and 2.
    TimestampType,
    /// A part of a record that does not fit its length field.
    TooLong,
    /// Bytes that `state` has not written.
    State,
}

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DigestError::OffsetOrder => "offsets must be at least 0 and strictly ascending",
            DigestError::TimestampType => "a timestamp type is 0 (none), 1 (create) or 2 (log append)",
            DigestError::TooLong => "a key, value or header of a record is longer than its length field allows",
            DigestError::State => "this is not the state of a range digest",
        })
    }
}

/// The digest of a finished block of `BLOCK_OFFSETS` offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    pub index: u64,
    pub count: u32,
    pub digest: Hash,
}

/// Content digest over the records of one partition, fed in offset order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RangeDigest {
    finished: Vec<Block>,
    /// The block that can still grow, and the digests of its records.
    open: u64,
    records: Vec<Hash>,
    last_offset: Option<i64>,
}

impl RangeDigest {
    /// Takes the next record. `headers`: name and value. Units: `log_ts_us` microseconds.
    pub fn update_one<'h>(
        &mut self,
        offset: i64,
        log_ts_us: i64,
        ts_type: u8,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) -> Result<(), DigestError> {
        let mut record = Vec::new();
        write_record(&mut record, offset, log_ts_us, ts_type, key, value, headers)?;
        self.push(offset, sha256(&record))
    }

    /// Takes the next record by its digest.
    pub fn push(&mut self, offset: i64, record: Hash) -> Result<(), DigestError> {
        let block = u64::try_from(offset / BLOCK_OFFSETS).map_err(|_| DigestError::OffsetOrder)?;
        if offset <= self.last_offset.unwrap_or(-1) {
            return Err(DigestError::OffsetOrder);
        }
        if block != self.open {
            self.finish_open();
            self.open = block;
        }
        self.records.push(record);
        self.last_offset = Some(offset);
        Ok(())
    }

    /// Blocks that can no longer change, in order.
    pub fn finished(&self) -> &[Block] {
        &self.finished
    }

    /// Every block with a record, in order, the unfinished one included.
    pub fn blocks(&self) -> Vec<Block> {
        self.finished.iter().copied().chain(self.open_block()).collect()
    }

    /// The Merkle root over the blocks so far.
    pub fn root(&self) -> Hash {
        let mut leaves: Vec<Hash> = self.blocks().iter().map(|block| block.digest).collect();
        merkle_root(&mut leaves)
    }

    /// Everything, to go on from later.
    /// Format: last offset i64 (-1: none), finished count u64, then each (index u64, count u32, digest), then the
    /// unfinished block's index u64, its count u32 and its records' digests; integers big-endian.
    pub fn state(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(28 + self.finished.len() * 44 + self.records.len() * 32);
        out.extend_from_slice(&self.last_offset.unwrap_or(-1).to_be_bytes());
        out.extend_from_slice(&(self.finished.len() as u64).to_be_bytes());
        for block in &self.finished {
            out.extend_from_slice(&block.index.to_be_bytes());
            out.extend_from_slice(&block.count.to_be_bytes());
            out.extend_from_slice(&block.digest);
        }
        out.extend_from_slice(&self.open.to_be_bytes());
        out.extend_from_slice(&self.open_count().to_be_bytes());
        out.extend_from_slice(self.records.as_flattened());
        out
    }

    /// The index of the block that can still grow, and the digests of its records.
    pub fn open_records(&self) -> (u64, &[Hash]) {
        (self.open, &self.records)
    }

    /// The digest that gave this state.
    pub fn restore(state: &[u8]) -> Result<RangeDigest, DigestError> {
        let mut rest = state;
        let last_offset = i64::from_be_bytes(take(&mut rest)?);
        let count = u64::from_be_bytes(take(&mut rest)?);
        let mut finished = Vec::new();
        for _ in 0..count {
            let index = u64::from_be_bytes(take(&mut rest)?);
            let count = u32::from_be_bytes(take(&mut rest)?);
            finished.push(Block { index, count, digest: take(&mut rest)? });
        }
        let open = u64::from_be_bytes(take(&mut rest)?);
        let count = u32::from_be_bytes(take(&mut rest)?);
        let mut records = Vec::new();
        for _ in 0..count {
            records.push(take(&mut rest)?);
        }
        if !rest.is_empty() {
            return Err(DigestError::State);
        }
        RangeDigest::from_parts(last_offset, finished, open, records)
    }

    /// As `restore`, from the finished blocks and `open_records`. `last_offset`: -1 for none.
    pub fn from_parts(
        last_offset: i64,
        finished: Vec<Block>,
        open: u64,
        records: Vec<Hash>,
    ) -> Result<RangeDigest, DigestError> {
        let ascending = finished.windows(2).all(|pair| pair[0].index < pair[1].index);
        let before_open = finished.last().is_none_or(|last| last.index < open);
        let whole = records.len() as u64 <= BLOCK_OFFSETS as u64 && last_offset >= -1;
        let holds_last =
            records.is_empty() || last_offset >= 0 && u64::try_from(last_offset / BLOCK_OFFSETS) == Ok(open);
        if !(ascending && before_open && whole && holds_last) {
            return Err(DigestError::State);
        }
        Ok(RangeDigest { finished, open, records, last_offset: (last_offset >= 0).then_some(last_offset) })
    }

    /// The offset of the last record.
    pub fn last_offset(&self) -> Option<i64> {
        self.last_offset
    }

    fn open_count(&self) -> u32 {
        u32::try_from(self.records.len()).unwrap_or(u32::MAX) // at most BLOCK_OFFSETS
    }

    fn open_block(&self) -> Option<Block> {
        if self.records.is_empty() {
            return None;
        }
        let mut hasher = Sha256::new();
        hasher.update([0]);
        hasher.update(self.open.to_be_bytes());
        hasher.update(self.open_count().to_be_bytes());
        hasher.update(self.records.as_flattened());
        Some(Block { index: self.open, count: self.open_count(), digest: hasher.finalize().into() })
    }

    fn finish_open(&mut self) {
        self.finished.extend(self.open_block());
        self.records.clear();
    }
}

/// Writes what the digest of one record is the SHA-256 of. `headers`: name and value. Units: `log_ts_us` microseconds.
pub fn write_record<'h>(
    out: &mut Vec<u8>,
    offset: i64,
    log_ts_us: i64,
    ts_type: u8,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl ExactSizeIterator<Item = (&'h str, Option<&'h [u8]>)>,
) -> Result<(), DigestError> {
    if ts_type > 2 {
        return Err(DigestError::TimestampType);
    }
    out.extend_from_slice(RECORD_TAG);
    out.extend_from_slice(&offset.to_be_bytes());
    out.extend_from_slice(&log_ts_us.to_be_bytes());
    out.push(ts_type);
    framed(out, key)?;
    framed(out, value)?;
    out.extend_from_slice(&u32::try_from(headers.len()).map_err(|_| DigestError::TooLong)?.to_be_bytes());
    for (name, value) in headers {
        out.extend_from_slice(&u32::try_from(name.len()).map_err(|_| DigestError::TooLong)?.to_be_bytes());
        out.extend_from_slice(name.as_bytes());
        framed(out, value)?;
    }
    Ok(())
}

/// A length as i32 (-1 for null), then the bytes.
fn framed(out: &mut Vec<u8>, bytes: Option<&[u8]>) -> Result<(), DigestError> {
    match bytes {
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Some(bytes) => {
            out.extend_from_slice(&i32::try_from(bytes.len()).map_err(|_| DigestError::TooLong)?.to_be_bytes());
            out.extend_from_slice(bytes);
        }
    }
    Ok(())
}

/// The root of RFC 6962's shape: pairs are joined level by level and an odd last one goes up as it is, which puts the
/// largest power of two below n to the left.
fn merkle_root(level: &mut Vec<Hash>) -> Hash {
    while level.len() > 1 {
        *level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => {
                    let mut hasher = Sha256::new();
                    hasher.update([1]);
                    hasher.update(left);
                    hasher.update(right);
                    hasher.finalize().into()
                }
                odd => odd[0],
            })
            .collect();
    }
    level.first().copied().unwrap_or_else(|| sha256(b""))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], DigestError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(DigestError::State)?;
    *rest = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests;
