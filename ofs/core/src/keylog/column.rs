//! A field of a key's contributions: a word a contribution, with prefix sums where an operator asks for them.

use super::{ALLOCATION, make_room};
use crate::ops::wide::Wide;

/// Which prefix sums a column keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    pub sums: bool,
    pub squares: bool,
}

/// What a column keeps beside its words.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// Prefix counts of the present values; None as long as none is missing.
    pub counts: Option<Vec<u64>>,
    /// Where they are kept and the words do not hold them.
    pub sums: Vec<i128>,
    squares: Vec<Wide>,
}

/// One column, to be read.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// Those of all lines; of each `width`, the column's at `place`.
    pub(super) words: &'a [i64],
    pub(super) width: usize,
    pub(super) place: usize,
    pub(super) len: usize,
    pub(super) is_summed: bool,
    pub(super) side: Option<&'a Side>,
}

impl Side {
    pub fn insert(&mut self, at: usize, value: Option<i64>, keep: Keep) {
        let stored = value.unwrap_or(0);
        if let Some(counts) = &mut self.counts {
            let step = u64::from(value.is_some());
            insert_prefix(counts, at, |count| count + step);
        }
        if keep.sums {
            insert_prefix(&mut self.sums, at, |sum| sum + i128::from(stored));
        }
        if keep.squares {
            let square = Wide::square(stored);
            insert_prefix(&mut self.squares, at, |sum| sum.plus(square));
        }
    }

    pub fn drop_front(&mut self, count: usize) {
        if let Some(counts) = &mut self.counts {
            drop_prefixes(counts, count, |prefix, gone| prefix - gone);
        }
        drop_prefixes(&mut self.sums, count, |prefix, gone| prefix - gone);
        drop_prefixes(&mut self.squares, count, Wide::minus);
    }

    pub fn bytes(&self) -> usize {
        let counts = self.counts.as_ref().map_or(0, |counts| counts.capacity() * size_of::<u64>() + ALLOCATION);
        let sums = self.sums.capacity() * size_of::<i128>() + self.squares.capacity() * size_of::<Wide>();
        size_of::<Side>() + counts + sums + 2 * ALLOCATION
    }
}

fn insert_prefix<T: Copy + Default>(prefixes: &mut Vec<T>, at: usize, add: impl Fn(T) -> T) {
    make_room(prefixes, 1);
    prefixes.insert(at, before(prefixes, at));
    prefixes[at..].iter_mut().for_each(|prefix| *prefix = add(*prefix));
}

/// Prefixes that are not kept stay empty.
fn drop_prefixes<T: Copy>(prefixes: &mut Vec<T>, count: usize, minus: impl Fn(T, T) -> T) {
    let Some(gone) = count.checked_sub(1).and_then(|last| prefixes.get(last)).copied() else { return };
    prefixes.drain(..count);
    prefixes.iter_mut().for_each(|prefix| *prefix = minus(*prefix, gone));
}

impl Column<'_> {
    fn word(&self, at: usize) -> i64 {
        self.words[at * self.width + self.place]
    }

    /// 0 where it is missing.
    pub(super) fn value(&self, at: usize) -> i64 {
        match at.checked_sub(1).filter(|_| self.is_summed) {
            Some(before) => self.word(at) - self.word(before), // both hold a value as a difference, so it fits
            None => self.word(at),
        }
    }

    fn counts(&self) -> Option<&[u64]> {
        self.side.and_then(|side| side.counts.as_deref())
    }

    pub fn get(&self, at: usize) -> Option<i64> {
        match self.counts() {
            Some(counts) if counts[at] == before(counts, at) => None,
            _ => Some(self.value(at)),
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first position in `[lo, hi)` with a value, and the value.
    pub fn first_present(&self, lo: usize, hi: usize) -> Option<(usize, i64)> {
        let range = lo..hi;
        let at = match self.counts() {
            Some(counts) if !range.is_empty() => {
                let known = before(counts, lo);
                // most often the first one has a value
                let missing =
                    if counts[lo] > known { 0 } else { counts[range].partition_point(|count| *count <= known) };
                lo + missing
            }
            _ => lo,
        };
        (at < hi).then(|| (at, self.value(at)))
    }

    /// A position in `[lo, hi]` from which on at most, and if there are as many exactly, `k` values are present.
    pub fn start_of_last(&self, lo: usize, hi: usize, k: usize) -> usize {
        match self.counts() {
            None => lo.max(hi.saturating_sub(k)),
            Some(counts) => {
                let skipped = before(counts, hi).saturating_sub(k as u64);
                lo + counts[lo..hi].partition_point(|count| *count <= skipped)
            }
        }
    }

    /// How many values of `[lo, hi)` are present.
    pub fn count(&self, lo: usize, hi: usize) -> u64 {
        match self.counts() {
            Some(counts) => before(counts, hi) - before(counts, lo),
            None => (hi - lo) as u64,
        }
    }

    /// Bounds: the column keeps sums.
    pub fn sum(&self, lo: usize, hi: usize) -> i128 {
        let before = |at: usize| match (at.checked_sub(1), self.side) {
            (None, _) => 0,
            (Some(last), Some(side)) if !self.is_summed => side.sums[last],
            (Some(last), _) => i128::from(self.word(last)),
        };
        before(hi) - before(lo)
    }

    /// Bounds: the column keeps squares.
    pub fn squares(&self, lo: usize, hi: usize) -> Wide {
        let squares = self.side.map_or(&[][..], |side| &side.squares);
        before(squares, hi).minus(before(squares, lo))
    }
}

fn before<T: Copy + Default>(prefixes: &[T], at: usize) -> T {
    match at.checked_sub(1) {
        Some(last) => prefixes[last],
        None => T::default(),
    }
}
