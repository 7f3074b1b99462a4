//! What a log holds, a line a contribution and all lines in one allocation: what a search, a sum and an insertion read of a
//! contribution lies side by side.

use super::column::{Column, Keep, Side};
use super::{ALLOCATION, Contribution, ROOM};
use crate::plan::PlainColumns;

/// What a line holds before its fields: the event time, and where the contribution came from, packed (see `marks`).
pub const HEAD: usize = 2;
const TIME: usize = 0;
const MARK: usize = 1;

/// Columns whose words may be sums.
const SUMMED_MAX: usize = u32::BITS as usize;

/// Values are integers (numbers scaled, strings as places in the texts), 0 where the field is missing. A prefix at `i` is
/// over the values `[0, i]`; an insertion adds to the prefixes behind it.
#[derive(Debug)]
pub struct Lines {
    /// Those beyond the last line are room. After its head a line holds a word a column: the prefix sum, which tells the
    /// value too, where the column is summed; else the value.
    words: Box<[i64]>,
    len: usize,
    /// Of a line, in words.
    width: u32,
    /// A bit a column: its sums are kept, and have fit in 64 bits so far.
    summed: u32,
    sides: Option<Box<Sides>>,
}

/// A side a column, behind a pointer of one word: few logs have any.
#[derive(Debug)]
struct Sides(Box<[Side]>);

/// Prefix sums, to be read.
#[derive(Debug, Clone, Copy)]
pub struct Sums<'a> {
    words: &'a [i64],
    width: usize,
}

impl Sums<'_> {
    /// The sum of a column before a position.
    #[inline]
    pub fn before(&self, at: usize, column: usize) -> i64 {
        if at > 0 { self.words[(at - 1) * self.width + HEAD + column] } else { 0 }
    }
}

impl Lines {
    pub fn new(columns: usize) -> Self {
        let width = u32::try_from(HEAD.saturating_add(columns)).unwrap_or(u32::MAX);
        Lines { words: Box::default(), len: 0, width, summed: 0, sides: None }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    fn width(&self) -> usize {
        self.width as usize
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.width() - HEAD
    }

    /// Words, those of the room included.
    pub fn room(&self) -> usize {
        self.words.len()
    }

    /// Whether the next insertion takes more memory.
    pub fn is_full(&self) -> bool {
        self.len * self.width() == self.words.len()
    }

    /// The event time of a line.
    pub fn time_us(&self, at: usize) -> i64 {
        self.words[at * self.width() + TIME]
    }

    /// The packed mark of a line.
    pub fn mark(&self, at: usize) -> i64 {
        self.words[at * self.width() + MARK]
    }

    pub fn column(&self, place: usize) -> Column<'_> {
        let side = self.sides.as_ref().and_then(|sides| sides.0.get(place));
        let (width, is_summed) = (self.width(), self.is_summed(place));
        Column { words: &self.words[..self.len * width], width, place: HEAD + place, len: self.len, is_summed, side }
    }

    /// The number of values of `[lo, hi)` and their sum, of a column that keeps nothing beside its words; None of any
    /// other, or where the sum does not fit.
    pub fn plain_sum(&self, place: usize, lo: usize, hi: usize) -> Option<(u64, i64)> {
        if self.sides.is_some() || !self.is_summed(place) {
            return None;
        }
        let before = |at: usize| if at > 0 { self.word(at - 1, place) } else { 0 };
        Some(((hi - lo) as u64, before(hi).checked_sub(before(lo))?))
    }

    /// Where the prefix sums of these columns are all that is to be known of them: a value a line, sums that fit.
    pub fn sums(&self, columns: PlainColumns) -> Option<Sums<'_>> {
        let are_plain = self.sides.is_none() && self.summed & columns.0 == columns.0;
        are_plain.then(|| Sums { words: &self.words, width: self.width() })
    }

    /// Inserts a line, whose mark is given packed. `keeps` tells each column's prefix sums, and is the same at every call.
    pub fn insert(&mut self, at: usize, contribution: &Contribution<'_>, mark: i64, keeps: &[Keep]) {
        let Contribution { time_us, values, .. } = *contribution;
        for (place, (value, keep)) in values.iter().zip(keeps).enumerate() {
            self.prepare(place, at, *value, *keep);
        }
        self.open(at);
        let (width, end) = (self.width(), self.len * self.width());
        let start = at * width;
        self.words[start + TIME] = time_us;
        self.words[start + MARK] = mark;
        for (place, (value, keep)) in values.iter().zip(keeps).enumerate() {
            let (stored, is_summed, spot) = (value.unwrap_or(0), self.is_summed(place), start + HEAD + place);
            if is_summed {
                self.words[spot] = if at > 0 { self.words[spot - width] } else { 0 };
                self.words[spot..end].iter_mut().step_by(width).for_each(|sum| *sum += stored);
            } else {
                self.words[spot] = stored;
            }
            if let Some(side) = self.sides.as_mut().and_then(|sides| sides.0.get_mut(place)) {
                side.insert(at, *value, Keep { sums: keep.sums && !is_summed, ..*keep });
            }
        }
    }

    /// Makes a line of zeros.
    fn open(&mut self, at: usize) {
        if self.is_full() {
            // an eighth of what is there, so that little stays unused
            let more = ROOM.max(self.len / 8) * self.width();
            let mut words = std::mem::take(&mut self.words).into_vec();
            words.reserve_exact(more);
            words.resize(words.len() + more, 0);
            self.words = words.into_boxed_slice();
        }
        let (width, end) = (self.width(), self.len * self.width());
        let start = at * width;
        self.words.copy_within(start..end, start + width);
        self.words[start..start + width].fill(0);
        self.len += 1;
    }

    /// Makes what an insertion needs beside the words, and keeps sums apart where they would not fit any more.
    fn prepare(&mut self, place: usize, at: usize, value: Option<i64>, keep: Keep) {
        if self.len == 0 && keep.sums && place < SUMMED_MAX {
            self.summed |= 1 << place;
        }
        if self.is_summed(place) && !self.fits(place, at, value.unwrap_or(0)) {
            self.set_apart(place);
        }
        if keep.squares || keep.sums && !self.is_summed(place) {
            self.side(place);
        }
        if value.is_none() && self.sides.as_ref().is_none_or(|sides| sides.0[place].counts.is_none()) {
            self.side(place).counts = Some((1..=self.len as u64).collect());
        }
    }

    /// Takes the sums of a column out of its words.
    fn set_apart(&mut self, place: usize) {
        let column = self.column(place);
        let sums = (0..self.len).map(|row| column.sum(0, row + 1)).collect();
        let values: Vec<i64> = (0..self.len).map(|row| column.value(row)).collect();
        self.side(place).sums = sums;
        self.summed &= !(1 << place);
        let width = self.width();
        for (word, value) in self.words.iter_mut().skip(HEAD + place).step_by(width).zip(values) {
            *word = value;
        }
    }

    /// Drops the first `count` lines. Bounds: there are as many.
    pub fn drop_front(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let (width, end) = (self.width(), self.len * self.width());
        for place in 0..self.columns() {
            let gone = |lines: &Lines| lines.words[(count - 1) * width + HEAD + place];
            let fits =
                |lines: &Lines| (count..lines.len).all(|row| lines.word(row, place).checked_sub(gone(lines)).is_some());
            if self.is_summed(place) && !fits(self) {
                self.set_apart(place);
            }
            if self.is_summed(place) {
                let gone = gone(self);
                let kept = &mut self.words[count * width..end];
                kept.iter_mut().skip(HEAD + place).step_by(width).for_each(|sum| *sum -= gone);
            }
        }
        self.words.copy_within(count * width..end, 0);
        self.len -= count;
        self.sides.iter_mut().flat_map(|sides| sides.0.iter_mut()).for_each(|side| side.drop_front(count));
    }

    /// The word of a column.
    fn word(&self, row: usize, place: usize) -> i64 {
        self.words[row * self.width() + HEAD + place]
    }

    /// Whether the prefix sums still fit once `value` is added at `at`.
    fn fits(&self, place: usize, at: usize, value: i64) -> bool {
        (at.saturating_sub(1)..self.len).all(|row| self.word(row, place).checked_add(value).is_some())
    }

    fn is_summed(&self, place: usize) -> bool {
        place < SUMMED_MAX && self.summed >> place & 1 == 1
    }

    fn side(&mut self, place: usize) -> &mut Side {
        let columns = self.columns();
        &mut self.sides.get_or_insert_with(|| Box::new(Sides((0..columns).map(|_| Side::default()).collect()))).0[place]
    }

    /// Changes the present values of a column; None leaves one as it is. Bounds: the column keeps no sums.
    pub fn replace(&mut self, place: usize, mut change: impl FnMut(i64) -> Option<i64>) {
        for at in 0..self.len {
            if let Some(changed) = self.column(place).get(at).and_then(&mut change) {
                self.words[at * self.width() + HEAD + place] = changed;
            }
        }
    }

    /// The first position in `[lo, hi)` whose time is at least `target_us`, `hi` where there is none.
    pub fn first_at(&self, lo: usize, hi: usize, target_us: i64) -> usize {
        let (mut low, mut high) = (lo, hi);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time_us(middle) < target_us {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The first position whose time is at least `target_us`, by doubling steps from `hint` in either direction.
    pub fn seek(&self, target_us: i64, hint: usize) -> usize {
        let mut step = 1;
        if hint < self.len && self.time_us(hint) < target_us {
            let mut low = hint + 1;
            loop {
                let probe = low + step - 1;
                if probe >= self.len {
                    return self.first_at(low, self.len, target_us);
                }
                if self.time_us(probe) >= target_us {
                    return self.first_at(low, probe, target_us);
                }
                low = probe + 1;
                step *= 2;
            }
        }
        let mut high = hint.min(self.len);
        while high > 0 {
            let probe = high.saturating_sub(step);
            if self.time_us(probe) < target_us {
                return self.first_at(probe + 1, high, target_us);
            }
            high = probe;
            step *= 2;
        }
        0
    }

    /// Reads of the line and of the one before; what it is means nothing.
    pub fn touch(&self, at: usize) -> i64 {
        let start = at * self.width();
        let read = |at: usize| self.words.get(at).copied().unwrap_or(0);
        read(start).wrapping_add(read(start.wrapping_sub(1)))
    }

    /// What the lines take beside themselves.
    pub fn bytes(&self) -> usize {
        let sides =
            self.sides.as_ref().map_or(0, |sides| sides.0.iter().map(Side::bytes).sum::<usize>() + 2 * ALLOCATION);
        self.words.len() * size_of::<i64>() + ALLOCATION + sides
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::wide::Wide;

    /// Inserts a line of which only the values matter.
    fn insert(lines: &mut Lines, at: usize, values: &[Option<i64>], keeps: &[Keep]) {
        let row = Contribution { time_us: 0, offset: 0, log_ts_us: 0, values };
        lines.insert(at, &row, 0, keeps);
    }

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
        let (mut lines, mut plain) = (Lines::new(3), [Vec::new(), Vec::new(), Vec::new()]);
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
            insert(&mut lines, at, &values, &keeps);
            for (place, plain) in plain.iter_mut().enumerate() {
                plain.insert(at, values[place]);
                check(lines.column(place), plain, keeps[place]);
            }
        }
        for count in [0, 1, 3, 4] {
            lines.drop_front(count);
            for (place, plain) in plain.iter_mut().enumerate() {
                plain.drain(..count);
                check(lines.column(place), plain, keeps[place]);
            }
        }
        insert(&mut lines, 0, &[small, small, small], &keeps);
        check(lines.column(0), &[small], ALL);
    }

    #[test]
    fn sums_leave_their_words_where_what_is_left_does_not_fit() {
        let (mut lines, half) = (Lines::new(1), i64::MAX / 2 + 1);
        let mut plain: Vec<Option<i64>> = [-half, -half, half, half, half].into_iter().map(Some).collect();
        plain.iter().enumerate().for_each(|(at, value)| insert(&mut lines, at, &[*value], &[SUMS]));
        assert!(lines.is_summed(0));
        plain.drain(..2);
        lines.drop_front(2);
        check(lines.column(0), &plain, SUMS);
        assert!(!lines.is_summed(0));
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
            let (mut lines, mut plain) = (Lines::new(1), Vec::new());
            for (at, value) in values {
                insert(&mut lines, at, &[Some(value)], &[SUMS]);
                plain.insert(at, Some(value));
                check(lines.column(0), &plain, SUMS);
            }
            assert_eq!(lines.is_summed(0), fits, "{plain:?}");
        }
    }

    #[test]
    fn more_columns_than_a_word_has_bits_keep_sums_too() {
        let width = SUMMED_MAX + 3;
        let (mut lines, mut plain) = (Lines::new(width), vec![Vec::new(); width]);
        for row in 0..5_i64 {
            let values: Vec<Option<i64>> =
                (0..width as i64).map(|place| (place % 5 > 0).then_some(place * row)).collect();
            let at = row as usize / 2;
            insert(&mut lines, at, &values, &vec![SUMS; width]);
            plain.iter_mut().zip(values).for_each(|(plain, value)| plain.insert(at, value));
        }
        plain.iter().enumerate().for_each(|(place, plain)| check(lines.column(place), plain, SUMS));
    }

    #[test]
    fn a_search_ends_at_the_same_place_from_every_hint() {
        let times: Vec<i64> = (0..40).map(|step| step / 3 * 2).collect();
        let mut lines = Lines::new(0);
        for (at, time_us) in times.iter().enumerate() {
            lines.insert(at, &Contribution { time_us: *time_us, offset: 0, log_ts_us: 0, values: &[] }, 0, &[]);
        }
        for target in -1..30 {
            let expected = times.iter().filter(|time| **time < target).count();
            for hint in 0..=times.len() + 3 {
                assert_eq!(lines.seek(target, hint), expected, "{target} from {hint}");
            }
        }
        assert_eq!(Lines::new(0).seek(5, 0), 0);
    }

    #[test]
    fn a_plain_sum_is_that_of_its_column_where_nothing_stands_beside() {
        let mut lines = Lines::new(2);
        for (at, value) in [(0, 5), (1, -9), (1, i64::MAX - 5), (0, 7), (4, -20)] {
            insert(&mut lines, at, &[Some(value), Some(1)], &[SUMS, Keep::default()]);
            for (lo, hi) in (0..=lines.len()).flat_map(|hi| (0..=hi).map(move |lo| (lo, hi))) {
                let column = lines.column(0);
                let expected = i64::try_from(column.sum(lo, hi)).ok().filter(|_| lines.len() < 4); // then one is too large
                assert_eq!(lines.plain_sum(0, lo, hi), expected.map(|sum| (column.count(lo, hi), sum)));
                assert_eq!(lines.plain_sum(1, lo, hi), None);
            }
        }
        let mut lines = Lines::new(1);
        for value in [Some(i64::MIN), Some(i64::MAX), Some(i64::MAX)] {
            insert(&mut lines, 0, &[value], &[SUMS]);
        }
        assert_eq!((lines.is_summed(0), lines.plain_sum(0, 0, 2)), (false, None));
        let mut lines = Lines::new(1);
        [Some(3), None].iter().for_each(|value| insert(&mut lines, 0, &[*value], &[SUMS]));
        assert_eq!((lines.is_summed(0), lines.plain_sum(0, 0, 2)), (true, None));
    }
}
