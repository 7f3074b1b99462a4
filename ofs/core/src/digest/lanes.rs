//! SHA-256 of several messages side by side. A block's rounds wait for one another, so a processor that hashes one message
//! is mostly idle; where blocks of different messages take turns, it works on the next while one waits.

use sha2::block_api::compress256;

use super::Hash;

type Block = [u8; 64];
/// The state before the first block (FIPS 180-4, 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
/// What follows a message: a byte and its length in bits.
const AFTER: usize = 1 + size_of::<u64>();

/// The SHA-256 of each message. Best for messages of about one length; two are enough to keep a processor busy.
pub fn sha256_each<const N: usize>(messages: [&[u8]; N]) -> [Hash; N] {
    let mut lanes = messages.map(Lane::new);
    for index in 0..lanes.iter().map(Lane::len).max().unwrap_or(0) {
        for lane in &mut lanes {
            lane.compress(index);
        }
    }
    lanes.map(Lane::hash)
}

/// A message being hashed.
struct Lane<'m> {
    state: [u32; 8],
    whole: &'m [Block],
    /// The rest of the message and its padding (FIPS 180-4, 5.1.1); of two blocks only where it does not fit one.
    tail: [Block; 2],
    tail_len: usize,
}

impl<'m> Lane<'m> {
    fn new(message: &'m [u8]) -> Self {
        let (whole, rest) = message.as_chunks();
        let mut tail = [[0; 64]; 2];
        let tail_len = if rest.len() + AFTER <= size_of::<Block>() { 1 } else { 2 };
        let bytes = tail.as_flattened_mut();
        bytes[..rest.len()].copy_from_slice(rest);
        bytes[rest.len()] = 0x80;
        let end = tail_len * size_of::<Block>();
        bytes[end - size_of::<u64>()..end].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
        Lane { state: START, whole, tail, tail_len }
    }

    fn len(&self) -> usize {
        self.whole.len() + self.tail_len
    }

    /// Takes the block at this place, if there is one.
    #[inline]
    fn compress(&mut self, index: usize) {
        let tail = || self.tail[..self.tail_len].get(index - self.whole.len());
        if let Some(block) = self.whole.get(index).or_else(tail) {
            compress256(&mut self.state, std::slice::from_ref(block));
        }
    }

    fn hash(self) -> Hash {
        let mut hash = [0; 32];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    #[test]
    fn each_hash_is_that_of_its_message_alone() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(700).collect();
        for first in 0..300 {
            for second in [0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 128, 400 - first] {
                let messages = [&bytes[..first], &bytes[first..first + second], &bytes[second..]];
                assert_eq!(sha256_each(messages), messages.map(sha256), "{first} and {second} bytes");
            }
        }
    }
}
