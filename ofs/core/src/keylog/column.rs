//! One field of a key's contributions: the values in the log's order, with prefix sums where an operator asks for them.

use super::ALLOCATION;
use crate::ops::wide::Wide;

/// Which prefix sums a column keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    pub sums: bool,
    pub squares: bool,
}

/// Values as integers (numbers scaled, strings as places in the texts), 0 where the field is missing.
///
/// A prefix at `i` is over the values `[0, i]`; an insertion adds to the prefixes behind it.
#[derive(Debug, Default)]
pub struct Column {
    values: Vec<i64>,
    /// Prefix counts of the present values; None as long as none is missing.
    counts: Option<Vec<u64>>,
    sums: Vec<i128>,
    squares: Vec<Wide>,
}

impl Column {
    pub fn insert(&mut self, at: usize, value: Option<i64>, keep: Keep) {
        let stored = value.unwrap_or(0);
        self.values.insert(at, stored);
        if value.is_none() && self.counts.is_none() {
            self.counts = Some((1..self.values.len() as u64).collect());
        }
        if let Some(counts) = &mut self.counts {
            let step = u64::from(value.is_some());
            counts.insert(at, before(counts, at));
            counts[at..].iter_mut().for_each(|count| *count += step);
        }
        if keep.sums {
            self.sums.insert(at, before(&self.sums, at));
            self.sums[at..].iter_mut().for_each(|sum| *sum += i128::from(stored));
        }
        if keep.squares {
            let square = Wide::square(stored);
            self.squares.insert(at, before(&self.squares, at));
            self.squares[at..].iter_mut().for_each(|sum| *sum = sum.plus(square));
        }
    }

    /// Changes the present values; None leaves one as it is. Bounds: the column keeps no sums.
    pub fn replace(&mut self, mut change: impl FnMut(i64) -> Option<i64>) {
        for at in 0..self.values.len() {
            if let Some(changed) = self.get(at).and_then(&mut change) {
                self.values[at] = changed;
            }
        }
    }

    /// What the column takes beside itself.
    pub fn bytes(&self) -> usize {
        let counts = self.counts.as_ref().map_or(0, |counts| counts.capacity() * size_of::<u64>());
        let sums = self.sums.capacity() * size_of::<i128>() + self.squares.capacity() * size_of::<Wide>();
        self.values.capacity() * size_of::<i64>() + counts + sums + 3 * ALLOCATION
    }

    pub fn get(&self, at: usize) -> Option<i64> {
        match &self.counts {
            Some(counts) if counts[at] == before(counts, at) => None,
            _ => Some(self.values[at]),
        }
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The first position in `[lo, hi)` with a value, and the value.
    pub fn first_present(&self, lo: usize, hi: usize) -> Option<(usize, i64)> {
        let range = lo..hi;
        let at = match &self.counts {
            Some(counts) if !range.is_empty() => {
                let known = before(counts, lo);
                // most often the first one has a value
                let missing =
                    if counts[lo] > known { 0 } else { counts[range].partition_point(|count| *count <= known) };
                lo + missing
            }
            _ => lo,
        };
        (at < hi).then(|| (at, self.values[at]))
    }

    /// A position in `[lo, hi]` from which on at most, and if there are as many exactly, `k` values are present.
    pub fn start_of_last(&self, lo: usize, hi: usize, k: usize) -> usize {
        match &self.counts {
            None => lo.max(hi.saturating_sub(k)),
            Some(counts) => {
                let skipped = before(counts, hi).saturating_sub(k as u64);
                lo + counts[lo..hi].partition_point(|count| *count <= skipped)
            }
        }
    }

    /// How many values of `[lo, hi)` are present.
    pub fn count(&self, lo: usize, hi: usize) -> u64 {
        match &self.counts {
            Some(counts) => before(counts, hi) - before(counts, lo),
            None => (hi - lo) as u64,
        }
    }

    /// Bounds: the column keeps sums.
    pub fn sum(&self, lo: usize, hi: usize) -> i128 {
        before(&self.sums, hi) - before(&self.sums, lo)
    }

    /// Bounds: the column keeps squares.
    pub fn squares(&self, lo: usize, hi: usize) -> Wide {
        before(&self.squares, hi).minus(before(&self.squares, lo))
    }
}

fn before<T: Copy + Default>(prefixes: &[T], at: usize) -> T {
    match at.checked_sub(1) {
        Some(last) => prefixes[last],
        None => T::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_hold_after_insertions_anywhere() {
        let keep = Keep { sums: true, squares: true };
        let (mut column, mut plain) = (Column::default(), Vec::new());
        for (at, value) in [(0, Some(5)), (0, Some(-3)), (2, None), (1, Some(7)), (0, None), (5, Some(i64::MIN))] {
            column.insert(at, value, keep);
            plain.insert(at, value);
        }
        for lo in 0..=plain.len() {
            for hi in lo..=plain.len() {
                let present: Vec<i64> = plain[lo..hi].iter().flatten().copied().collect();
                let squares = present.iter().fold(Wide::default(), |sum, value| sum.plus(Wide::square(*value)));
                assert_eq!(column.count(lo, hi), present.len() as u64);
                assert_eq!(column.sum(lo, hi), present.iter().copied().map(i128::from).sum::<i128>());
                assert_eq!(column.squares(lo, hi), squares);
                assert_eq!(column.first_present(lo, hi), (lo..hi).find_map(|at| Some((at, plain[at]?))));
                for k in 0..4 {
                    let expected = present.len().min(k) as u64;
                    assert_eq!(column.count(column.start_of_last(lo, hi, k), hi), expected, "{k} of [{lo}, {hi})");
                }
            }
        }
        let read: Vec<Option<i64>> = (0..plain.len()).map(|at| column.get(at)).collect();
        assert_eq!(read, plain);
    }
}
