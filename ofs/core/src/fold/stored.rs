//! What the store may hold that a fold does not: nothing, what was dropped, or anything.

use super::firsts::Half;

/// Bits for each hash; with seven probes about one in two hundred is held by mistake.
const BITS: usize = 14;
const PROBES: u32 = 7;
const BLOCK_BITS: usize = 512;
/// Hashes of the first segment; each further one takes so many times as many as the one before.
const FIRST_CAPACITY: usize = 256;
const GROWTH: usize = 4;

#[derive(Debug, Default)]
pub enum Stored {
    /// Everything is resident.
    #[default]
    Nothing,
    /// What was dropped since the fold was new.
    Dropped(Filter),
    /// The fold was opened over a store.
    Unknown,
}

impl Stored {
    /// Whether the store may hold what is not resident; `hash` is asked for only where it matters.
    pub fn may_hold(&self, hash: impl FnOnce() -> Half) -> bool {
        match self {
            Stored::Nothing => false,
            Stored::Dropped(filter) => filter.may_hold(&hash()),
            Stored::Unknown => true,
        }
    }

    /// This was dropped.
    pub fn add(&mut self, hash: impl FnOnce() -> Half) {
        if let Stored::Nothing = self {
            *self = Stored::Dropped(Filter::default());
        }
        if let Stored::Dropped(filter) = self {
            filter.add(&hash());
        }
    }

    pub fn is_nothing(&self) -> bool {
        matches!(self, Stored::Nothing)
    }

    pub fn bytes(&self) -> usize {
        match self {
            Stored::Dropped(filter) => filter.segments.iter().map(Segment::bytes).sum(),
            Stored::Nothing | Stored::Unknown => 0,
        }
    }
}

/// A Bloom filter that grows by segments: holds every hash that was added, and few others.
#[derive(Debug, Default)]
pub struct Filter {
    segments: Vec<Segment>,
}

impl Filter {
    pub fn may_hold(&self, hash: &Half) -> bool {
        self.segments.iter().any(|segment| segment.may_hold(hash))
    }

    /// Adds a hash, if it is not held yet.
    pub fn add(&mut self, hash: &Half) {
        if self.may_hold(hash) {
            return;
        }
        let last = self.segments.last().map_or((0, 0), |segment| (segment.left, segment.capacity));
        if last.0 == 0 {
            self.segments.push(Segment::new(if last.1 == 0 { FIRST_CAPACITY } else { last.1 * GROWTH }));
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.add(hash);
        }
    }
}

/// Blocks of a cache line; a hash sets bits of one.
#[derive(Debug)]
struct Segment {
    blocks: Vec<[u64; BLOCK_BITS / 64]>,
    capacity: usize,
    left: usize,
}

impl Segment {
    fn new(capacity: usize) -> Self {
        let blocks = vec![[0; BLOCK_BITS / 64]; (capacity * BITS).div_ceil(BLOCK_BITS)];
        Segment { blocks, capacity, left: capacity }
    }

    fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK_BITS / 8
    }

    fn may_hold(&self, hash: &Half) -> bool {
        let (place, bits) = self.spot(hash);
        let block = &self.blocks[place];
        probes(bits).all(|(word, bit)| block[word] & bit != 0)
    }

    fn add(&mut self, hash: &Half) {
        let (place, bits) = self.spot(hash);
        let block = &mut self.blocks[place];
        probes(bits).for_each(|(word, bit)| block[word] |= bit);
        self.left = self.left.saturating_sub(1);
    }

    /// The block, by the first half of the hash, and the second half, which chooses bits.
    fn spot(&self, hash: &Half) -> (usize, u64) {
        let hash = u128::from_be_bytes(*hash);
        let place = ((hash >> 64) * self.blocks.len() as u128) >> 64;
        (place as usize, hash as u64)
    }
}

/// Word and bit of each probe: nine bits of the hash choose one.
fn probes(bits: u64) -> impl Iterator<Item = (usize, u64)> {
    (0..PROBES).map(move |probe| {
        let bit = (bits >> (9 * probe)) as usize % BLOCK_BITS;
        (bit / 64, 1 << (bit % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;
    use crate::fold::firsts::half;

    fn hash(number: u64) -> Half {
        half(sha256(&number.to_be_bytes()))
    }

    #[test]
    fn what_was_dropped_is_held_and_little_else() {
        let mut stored = Stored::default();
        assert!(!stored.may_hold(|| hash(1)));
        (0..100_000).for_each(|number| stored.add(|| hash(number)));
        assert!((0..100_000).all(|number| stored.may_hold(|| hash(number))));
        let mistaken = (100_000..200_000).filter(|number| stored.may_hold(|| hash(*number))).count();
        assert!(mistaken < 2_000, "{mistaken} of 100000");
        assert!(stored.bytes() < 100_000 * 8);
    }

    #[test]
    fn an_opened_store_may_hold_anything() {
        let mut stored = Stored::Unknown;
        stored.add(|| hash(1));
        assert!(stored.may_hold(|| hash(2)));
        assert_eq!(stored.bytes(), 0);
    }
}
