//! Where runs begin: the positions whose time lies more than a gap behind the one before.

use super::ALLOCATION;

/// Whether `later_us` lies more than the gap behind `earlier_us`.
pub fn exceeds(gap_us: i64, earlier_us: i64, later_us: i64) -> bool {
    later_us.saturating_sub(earlier_us) > gap_us
}

/// The breaks of a log's times, ascending. An insertion drops those from its place on; `extend` finds them again.
#[derive(Debug)]
pub struct Breaks {
    pub gap_us: i64,
    places: Vec<usize>,
    /// Positions below this one were looked at.
    seen: usize,
}

impl Breaks {
    pub fn new(gap_us: i64) -> Self {
        Breaks { gap_us, places: Vec::new(), seen: 0 }
    }

    /// Times from `at` on are not what they were.
    pub fn cut(&mut self, at: usize) {
        self.places.truncate(self.places.partition_point(|place| *place < at));
        self.seen = self.seen.min(at);
    }

    /// Covers the `count` times, which are told by position.
    pub fn extend(&mut self, count: usize, time_us: impl Fn(usize) -> i64) {
        let fresh = self.seen.max(1)..count;
        self.places.extend(fresh.filter(|at| exceeds(self.gap_us, time_us(at - 1), time_us(*at))));
        self.seen = count;
    }

    /// The last break below `at`.
    pub fn below(&self, at: usize) -> Option<usize> {
        self.places[..self.places.partition_point(|place| *place < at)].last().copied()
    }

    /// The breaks in `[lo, hi)`.
    pub fn within(&self, lo: usize, hi: usize) -> &[usize] {
        let (first, last) =
            (self.places.partition_point(|place| *place < lo), self.places.partition_point(|place| *place < hi));
        self.places.get(first..last).unwrap_or_default()
    }

    pub fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<usize>() + ALLOCATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_are_those_of_a_scan_after_insertions_anywhere() {
        let (mut times, mut breaks) = (Vec::new(), Breaks::new(3));
        for step in 0..300_i64 {
            let time_us = if step % 4 == 0 { step * 7 % 500 } else { step + step % 9 };
            let at = times.partition_point(|known| *known <= time_us);
            times.insert(at, time_us);
            breaks.cut(at);
            if step % 3 != 1 {
                breaks.extend(times.len(), |at| times[at]);
                let expected: Vec<usize> = (1..times.len()).filter(|at| times[*at] - times[at - 1] > 3).collect();
                assert_eq!(breaks.within(0, times.len()), expected);
                assert_eq!(breaks.below(at), expected.iter().copied().rfind(|place| *place < at));
                let (lo, hi) = (times.len() / 3, times.len() / 2);
                let within: Vec<usize> = expected.into_iter().filter(|place| (lo..hi).contains(place)).collect();
                assert_eq!(breaks.within(lo, hi), within);
            }
        }
    }
}
