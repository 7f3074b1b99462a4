//! The fields of a key's contributions, side by side: a word a field and contribution, with prefix sums where an operator
//! asks for them.

use super::{ALLOCATION, make_room};
use crate::ops::wide::Wide;

/// Which prefix sums a column keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    pub sums: bool,
    pub squares: bool,
}

/// Columns whose words may be sums.
const SUMMED_MAX: usize = u32::BITS as usize;

/// Values are integers (numbers scaled, strings as places in the texts), 0 where the field is missing. A prefix at `i` is
/// over the values `[0, i]`; an insertion adds to the prefixes behind it.
#[derive(Debug)]
pub struct Columns {
    /// `width` a contribution: the prefix sum, which tells the value too, where the column is summed; else the value.
    words: Vec<i64>,
    width: usize,
    /// A bit a column: its sums are kept, and have fit in 64 bits so far.
    summed: u32,
    sides: Option<Box<[Side]>>,
}

/// What a column keeps beside its words.
#[derive(Debug, Default)]
struct Side {
    /// Prefix counts of the present values; None as long as none is missing.
    counts: Option<Vec<u64>>,
    /// Where they are kept and the words do not hold them.
    sums: Vec<i128>,
    squares: Vec<Wide>,
}

/// One column, to be read.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    words: &'a [i64],
    width: usize,
    place: usize,
    is_summed: bool,
    side: Option<&'a Side>,
}

impl Columns {
    pub fn new(width: usize) -> Self {
        Columns { words: Vec::new(), width, summed: 0, sides: None }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// One value a column. `keeps` is the same at every call.
    pub fn insert(&mut self, at: usize, values: &[Option<i64>], keeps: &[Keep]) {
        let Some(rows) = self.words.len().checked_div(self.width) else { return };
        for (place, (value, keep)) in values.iter().zip(keeps).enumerate() {
            self.prepare(place, at, rows, *value, *keep);
        }
        let (start, end) = (at * self.width, self.words.len());
        make_room(&mut self.words, self.width);
        self.words.resize(end + self.width, 0);
        self.words.copy_within(start..end, start + self.width);
        for (place, (value, keep)) in values.iter().zip(keeps).enumerate() {
            let (stored, is_summed) = (value.unwrap_or(0), self.is_summed(place));
            if is_summed {
                let before = if at > 0 { self.words[start - self.width + place] } else { 0 };
                self.words[start + place] = before;
                self.words[start + place..].iter_mut().step_by(self.width).for_each(|sum| *sum += stored);
            } else {
                self.words[start + place] = stored;
            }
            if let Some(side) = self.sides.as_mut().and_then(|sides| sides.get_mut(place)) {
                side.insert(at, *value, Keep { sums: keep.sums && !is_summed, ..*keep });
            }
        }
    }

    /// Makes what an insertion needs beside the words, and keeps sums apart where they would not fit any more.
    fn prepare(&mut self, place: usize, at: usize, rows: usize, value: Option<i64>, keep: Keep) {
        if rows == 0 && keep.sums && place < SUMMED_MAX {
            self.summed |= 1 << place;
        }
        let is_summed = self.is_summed(place);
        if is_summed && !self.fits(place, at, rows, value.unwrap_or(0)) {
            self.set_apart(place, rows);
        }
        if keep.squares || keep.sums && !self.is_summed(place) {
            self.side(place);
        }
        if value.is_none() && self.sides.as_ref().is_none_or(|sides| sides[place].counts.is_none()) {
            self.side(place).counts = Some((1..=rows as u64).collect());
        }
    }

    /// Takes the sums of a column out of its words.
    fn set_apart(&mut self, place: usize, rows: usize) {
        let column = self.column(place);
        let sums = (0..rows).map(|row| column.sum(0, row + 1)).collect();
        let values: Vec<i64> = (0..rows).map(|row| column.value(row)).collect();
        self.side(place).sums = sums;
        self.summed &= !(1 << place);
        for (word, value) in self.words.iter_mut().skip(place).step_by(self.width).zip(values) {
            *word = value;
        }
    }

    /// Drops the first `count` rows. Bounds: there are as many.
    pub fn drop_front(&mut self, count: usize) {
        let Some(rows) = self.words.len().checked_div(self.width).filter(|_| count > 0) else { return };
        for place in 0..self.width {
            let gone = |columns: &Columns| columns.words[(count - 1) * columns.width + place];
            let fits = |columns: &Columns| {
                (count..rows).all(|row| columns.words[row * columns.width + place].checked_sub(gone(columns)).is_some())
            };
            if self.is_summed(place) && !fits(self) {
                self.set_apart(place, rows);
            }
            if self.is_summed(place) {
                let gone = gone(self);
                self.words[count * self.width..]
                    .iter_mut()
                    .skip(place)
                    .step_by(self.width)
                    .for_each(|sum| *sum -= gone);
            }
        }
        self.words.drain(..count * self.width);
        self.sides.iter_mut().flatten().for_each(|side| side.drop_front(count));
    }

    /// Whether the prefix sums still fit once `value` is added at `at`.
    fn fits(&self, place: usize, at: usize, rows: usize, value: i64) -> bool {
        let sum = |row: usize| self.words[row * self.width + place];
        (at.saturating_sub(1)..rows).all(|row| sum(row).checked_add(value).is_some())
    }

    fn is_summed(&self, place: usize) -> bool {
        place < SUMMED_MAX && self.summed >> place & 1 == 1
    }

    fn side(&mut self, place: usize) -> &mut Side {
        let width = self.width;
        &mut self.sides.get_or_insert_with(|| (0..width).map(|_| Side::default()).collect())[place]
    }

    pub fn column(&self, place: usize) -> Column<'_> {
        let side = self.sides.as_ref().and_then(|sides| sides.get(place));
        Column { words: &self.words, width: self.width.max(1), place, is_summed: self.is_summed(place), side }
    }

    /// Reads a word of the row; what it is means nothing.
    pub fn touch(&self, at: usize) -> i64 {
        self.words.get(at * self.width).copied().unwrap_or(0)
    }

    /// Changes the present values of a column; None leaves one as it is. Bounds: the column keeps no sums.
    pub fn replace(&mut self, place: usize, mut change: impl FnMut(i64) -> Option<i64>) {
        for at in 0..self.column(place).len() {
            if let Some(changed) = self.column(place).get(at).and_then(&mut change) {
                self.words[at * self.width + place] = changed;
            }
        }
    }

    /// What the columns take beside themselves.
    pub fn bytes(&self) -> usize {
        let sides = self.sides.as_ref().map_or(0, |sides| sides.iter().map(Side::bytes).sum::<usize>() + ALLOCATION);
        self.words.capacity() * size_of::<i64>() + ALLOCATION + sides
    }
}

impl Side {
    fn insert(&mut self, at: usize, value: Option<i64>, keep: Keep) {
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

    fn drop_front(&mut self, count: usize) {
        if let Some(counts) = &mut self.counts {
            drop_prefixes(counts, count, |prefix, gone| prefix - gone);
        }
        drop_prefixes(&mut self.sums, count, |prefix, gone| prefix - gone);
        drop_prefixes(&mut self.squares, count, Wide::minus);
    }

    fn bytes(&self) -> usize {
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
    fn value(&self, at: usize) -> i64 {
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
        self.words.len() / self.width
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Keep = Keep { sums: true, squares: true };
    const SUMS: Keep = Keep { sums: true, squares: false };

    fn check(column: Column<'_>, plain: &[Option<i64>], keep: Keep) {
        for lo in 0..=plain.len() {
            for hi in lo..=plain.len() {
                let present: Vec<i64> = plain[lo..hi].iter().flatten().copied().collect();
                assert_eq!(column.count(lo, hi), present.len() as u64);
                if keep.sums {
                    assert_eq!(column.sum(lo, hi), present.iter().copied().map(i128::from).sum::<i128>());
                }
                if keep.squares {
                    let squares = present.iter().fold(Wide::default(), |sum, value| sum.plus(Wide::square(*value)));
                    assert_eq!(column.squares(lo, hi), squares);
                }
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

    #[test]
    fn prefixes_hold_after_insertions_anywhere() {
        let keeps = [ALL, Keep::default(), SUMS];
        let (mut columns, mut plain) = (Columns::new(3), [Vec::new(), Vec::new(), Vec::new()]);
        let (large, small) = (Some(i64::MAX), Some(i64::MIN));
        for (at, values) in [
            (0, [Some(5), Some(1), Some(7)]),
            (0, [Some(-3), Some(2), Some(9)]),
            (2, [None, None, Some(-1)]),
            (1, [Some(7), Some(3), large]),
            (0, [None, large, Some(4)]),
            (5, [small, small, small]),
            (3, [small, Some(0), None]),
            (7, [large, Some(0), large]),
        ] {
            columns.insert(at, &values, &keeps);
            for (place, plain) in plain.iter_mut().enumerate() {
                plain.insert(at, values[place]);
                check(columns.column(place), plain, keeps[place]);
            }
        }
        for count in [0, 1, 3, 4] {
            columns.drop_front(count);
            for (place, plain) in plain.iter_mut().enumerate() {
                plain.drain(..count);
                check(columns.column(place), plain, keeps[place]);
            }
        }
        columns.insert(0, &[small, small, small], &keeps);
        check(columns.column(0), &[small], ALL);
    }

    #[test]
    fn sums_leave_their_words_where_what_is_left_does_not_fit() {
        let (mut columns, half) = (Columns::new(1), i64::MAX / 2 + 1);
        let mut plain: Vec<Option<i64>> = [-half, -half, half, half, half].into_iter().map(Some).collect();
        plain.iter().enumerate().for_each(|(at, value)| columns.insert(at, &[*value], &[SUMS]));
        assert!(columns.is_summed(0));
        plain.drain(..2);
        columns.drop_front(2);
        check(columns.column(0), &plain, SUMS);
        assert!(!columns.is_summed(0));
    }

    #[test]
    fn sums_leave_their_words_once_one_does_not_fit() {
        for (values, fits) in [
            (vec![(0, i64::MAX), (1, -5), (2, 5)], true),
            (vec![(0, i64::MAX), (1, 1)], false),
            (vec![(0, i64::MIN), (1, -1)], false),
            (vec![(0, i64::MAX), (0, i64::MIN)], true),
            (vec![(0, i64::MAX), (0, 1)], false), // the sum behind it
            (vec![(0, i64::MAX), (1, i64::MIN), (1, 1), (0, -9)], false),
        ] {
            let (mut columns, mut plain) = (Columns::new(1), Vec::new());
            for (at, value) in values {
                columns.insert(at, &[Some(value)], &[SUMS]);
                plain.insert(at, Some(value));
                check(columns.column(0), &plain, SUMS);
            }
            assert_eq!(columns.is_summed(0), fits, "{plain:?}");
        }
    }

    #[test]
    fn more_columns_than_a_word_has_bits_keep_sums_too() {
        let width = SUMMED_MAX + 3;
        let (mut columns, mut plain) = (Columns::new(width), vec![Vec::new(); width]);
        for row in 0..5_i64 {
            let values: Vec<Option<i64>> =
                (0..width as i64).map(|place| (place % 5 > 0).then_some(place * row)).collect();
            let at = row as usize / 2;
            columns.insert(at, &values, &vec![SUMS; width]);
            plain.iter_mut().zip(values).for_each(|(plain, value)| plain.insert(at, value));
        }
        plain.iter().enumerate().for_each(|(place, plain)| check(columns.column(place), plain, SUMS));
    }
}
