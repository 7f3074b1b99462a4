//! The extremes of blocks of a column, of blocks of those, and so on: the extreme of any range without reading it.

use super::ALLOCATION;
use super::column::Column;
use super::texts::Texts;

const BLOCK: usize = 32;

/// Which extreme of which column; strings are places in the texts, and compare as texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranked {
    pub column: usize,
    pub is_text: bool,
    pub largest: bool,
}

impl Ranked {
    /// The better of two raw values; equal ones are the same.
    fn pick(self, texts: &Texts, left: Option<i64>, right: Option<i64>) -> Option<i64> {
        let (Some(one), Some(other)) = (left, right) else { return left.or(right) };
        if one == other {
            return left;
        }
        let is_less = if self.is_text {
            let text = |raw: i64| usize::try_from(raw).map_or("", |place| texts.get(place));
            text(one) < text(other)
        } else {
            one < other
        };
        if is_less == self.largest { right } else { left }
    }
}

/// Level 0 holds the extremes of whole blocks of values, each further level those of whole blocks of the level below.
/// An insertion drops the blocks from its own on, and the next `extend` makes them again: few, where it is near the end.
#[derive(Debug)]
pub struct Extremes {
    pub ranked: Ranked,
    levels: Vec<Vec<Option<i64>>>,
}

impl Extremes {
    pub fn new(ranked: Ranked) -> Self {
        Extremes { ranked, levels: vec![Vec::new()] }
    }

    /// Values from `at` on are not what they were.
    pub fn cut(&mut self, mut at: usize) {
        for level in &mut self.levels {
            at /= BLOCK;
            level.truncate(at);
        }
    }

    /// Covers the column. Bounds: `texts` are those of the column.
    pub fn extend(&mut self, column: Column<'_>, texts: &Texts) {
        let ranked = self.ranked;
        let fold = |items: &mut dyn Iterator<Item = Option<i64>>| {
            items.fold(None, |best, item| ranked.pick(texts, best, item))
        };
        let Some(first) = self.levels.first_mut() else { return };
        while (first.len() + 1) * BLOCK <= column.len() {
            let start = first.len() * BLOCK;
            first.push(fold(&mut (start..start + BLOCK).map(|at| column.get(at))));
        }
        let mut level = 1;
        while self.levels[level - 1].len() >= BLOCK {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let (below, above) = self.levels.split_at_mut(level);
            let (below, above) = (&below[level - 1], &mut above[0]);
            for block in below.chunks_exact(BLOCK).skip(above.len()) {
                above.push(fold(&mut block.iter().copied()));
            }
            level += 1;
        }
    }

    /// The raw extreme of the present values of `[lo, hi)`. Bounds: the column is covered.
    pub fn get(&self, column: Column<'_>, texts: &Texts, mut lo: usize, mut hi: usize) -> Option<i64> {
        let mut best = None;
        for level in 0..=self.levels.len() {
            let item = |at: usize| match level.checked_sub(1) {
                None => column.get(at),
                Some(below) => self.levels[below][at],
            };
            let mut take = |items: std::ops::Range<usize>| {
                best = items.map(item).fold(best, |best, item| self.ranked.pick(texts, best, item));
            };
            let (first, last) = (lo.div_ceil(BLOCK), hi / BLOCK);
            if level == self.levels.len() || first >= last {
                take(lo..hi);
                return best;
            }
            take(lo..first * BLOCK);
            take(last * BLOCK..hi);
            (lo, hi) = (first, last);
        }
        best
    }

    pub fn bytes(&self) -> usize {
        self.levels.iter().map(|level| level.capacity() * size_of::<Option<i64>>() + ALLOCATION).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Contribution;
    use super::super::column::Keep;
    use super::super::lines::Lines;
    use super::*;

    /// A fixed scattering of numbers.
    fn scatter(number: usize, below: usize) -> usize {
        (number.wrapping_mul(2_654_435_761) >> 7) % below
    }

    fn check(column: Column<'_>, extremes: &Extremes, texts: &Texts, lo: usize, hi: usize) {
        let mut values: Vec<i64> = (lo..hi).filter_map(|at| column.get(at)).collect();
        let ranked = extremes.ranked;
        values.sort_by_key(|raw| {
            let text = if ranked.is_text { texts.get(*raw as usize) } else { "" };
            (text, if ranked.is_text { 0 } else { *raw })
        });
        let expected = if ranked.largest { values.last() } else { values.first() };
        assert_eq!(extremes.get(column, texts, lo, hi), expected.copied(), "{ranked:?} [{lo}, {hi})");
    }

    #[test]
    fn the_extreme_of_every_range_is_that_of_a_scan() {
        let mut texts = Texts::default();
        for number in (0..50).rev() {
            texts.intern(&format!("t{number:02}"));
        }
        for (is_text, largest) in [(false, false), (false, true), (true, false), (true, true)] {
            let (mut lines, mut length) = (Lines::new(1), 0);
            let mut extremes = Extremes::new(Ranked { column: 0, is_text, largest });
            for number in 0..1_500 {
                let back = if number % 5 == 0 { scatter(number, 40) } else { 0 };
                let at = if number % 401 == 0 { scatter(number, length + 1) } else { length - back.min(length) };
                let value = (scatter(number + 9, 7) > 0).then(|| scatter(number, 50) as i64);
                let row = Contribution { time_us: 0, offset: 0, log_ts_us: 0, values: &[value] };
                lines.insert(at, &row, 0, &[Keep::default()]);
                let column = lines.column(0);
                length += 1;
                extremes.cut(at);
                if number % 3 == 0 {
                    extremes.extend(column, &texts);
                    let (one, other) = (scatter(number, length + 1), scatter(number + 1, length + 1));
                    check(column, &extremes, &texts, one.min(other), one.max(other));
                    check(column, &extremes, &texts, one.min(length), length);
                }
            }
            let column = lines.column(0);
            extremes.extend(column, &texts);
            check(column, &extremes, &texts, 0, length);
            check(column, &extremes, &texts, 5, 5);
        }
    }
}
