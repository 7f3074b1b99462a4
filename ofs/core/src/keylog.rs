//! The log of one key: its contributions in the total order of a partition, (event time, offset).

pub mod breaks;
pub mod column;
pub mod extremes;
pub mod indexes;
mod lines;
mod marks;
pub mod texts;
pub mod tracks;

use column::{Column, Keep};
use indexes::{Declared, Indexes};
use lines::Lines;
pub use lines::Sums;
use marks::Mark;
use texts::Texts;
use tracks::Tracks;

use crate::plan::PlainColumns;

/// What one usable event gives to one key of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution<'a> {
    pub time_us: i64,
    pub offset: i64,
    pub log_ts_us: i64,
    /// One value a column; None where the field is missing.
    pub values: &'a [Option<i64>],
}

/// Which contributions a query may see.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// Offsets below this one.
    pub cut: i64,
    /// Log timestamps before this one, where the as-of basis asks for it.
    pub logged_before_us: Option<i64>,
}

/// What may be dropped.
#[derive(Debug, Clone, Copy)]
pub struct Forget {
    /// Event times before this one.
    pub before_us: i64,
    /// Whenever there is any; else when a log is full of which it is a part.
    pub at_once: bool,
}

impl Forget {
    pub const NOTHING: Forget = Forget { before_us: i64::MIN, at_once: false };
}

/// Contributions of a key, sorted; the largest offset and log timestamp tell at once whether a query sees all of it.
///
/// What every record and query reads fits into little more than a cache line; what few need stands apart.
#[derive(Debug)]
pub struct KeyLog {
    lines: Lines,
    /// To which the marks are packed, see `marks`.
    base: i64,
    offset_max: i64,
    log_ts_max_us: i64,
    /// Where the last search of each of the first edges ended; only ever a hint.
    near: [u32; NEAR],
    /// Beyond its bound it stays: so many are not drained, for nobody drains them.
    undrained: u32,
    /// What of `bytes` was counted, see `recount`.
    counted: u32,
    rare: Option<Box<Rare>>,
}

/// What not every log has.
#[derive(Debug, Default)]
struct Rare {
    /// Hints of further edges.
    far: Vec<u32>,
    /// Of all contributions, once one could not be packed.
    marks: Option<Vec<Mark>>,
    /// Contributions at offsets below this one are not here, if there are any; None: all are here.
    missing_below: Option<i64>,
    /// Of a long log that was queried.
    indexes: Option<Indexes>,
    /// Of a log whose answers tell changes only.
    tracks: Option<Box<Tracks>>,
    /// Indexes or tracks were made since `take_grown`.
    has_grown: bool,
}

const NEAR: usize = 4;

/// Logs, and ranges of them, up to this length are read as they are.
pub const SHORT: usize = 64;

/// What an allocation takes beside its bytes, about.
pub const ALLOCATION: usize = 16;

/// Contributions that the first allocation has room for.
const ROOM: usize = 4;

/// A full log grows unless such a part of it may be dropped.
const WORTH: usize = 8;

/// Room for `count` more: an eighth of what is there, so that little stays unused.
fn make_room<T>(items: &mut Vec<T>, count: usize) {
    if items.capacity() - items.len() < count {
        items.reserve_exact((count * ROOM).max(items.len() / 8));
    }
}

impl KeyLog {
    pub fn new(columns: usize) -> Self {
        KeyLog {
            lines: Lines::new(columns),
            base: 0,
            offset_max: i64::MIN,
            log_ts_max_us: i64::MIN,
            near: [0; NEAR],
            undrained: 0,
            counted: 0,
            rare: None,
        }
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Inserts in order; cheap near the end. `keeps` tells each column's prefix sums, and is the same at every call.
    pub fn insert(&mut self, contribution: &Contribution<'_>, keeps: &[Keep]) {
        let Contribution { time_us, offset, log_ts_us, .. } = *contribution;
        let at = self.place_of(time_us, offset);
        if self.is_empty() {
            self.base = offset;
        }
        let mark = Mark { offset, log_ts_us };
        let packed = self.keep_mark(at, mark, time_us);
        self.lines.insert(at, contribution, packed, keeps);
        if let Some(rare) = &mut self.rare {
            rare.shift(at);
        }
        self.offset_max = self.offset_max.max(offset);
        self.log_ts_max_us = self.log_ts_max_us.max(log_ts_us);
        self.undrained = self.undrained.saturating_add(1);
    }

    /// The mark of what is to stand at `at`, packed; or else all marks stand apart, this one among them.
    fn keep_mark(&mut self, at: usize, mark: Mark, time_us: i64) -> i64 {
        let apart = self.rare.as_mut().and_then(|rare| rare.marks.as_mut());
        let packed = if apart.is_none() { mark.pack(self.base, time_us) } else { None };
        if let Some(packed) = packed {
            return packed;
        }
        if apart.is_none() {
            let marks = (0..self.len()).map(|at| self.mark(at)).collect();
            self.rare.get_or_insert_default().marks = Some(marks);
        }
        if let Some(marks) = self.rare.as_mut().and_then(|rare| rare.marks.as_mut()) {
            make_room(marks, 1);
            marks.insert(at, mark);
        }
        0
    }

    fn mark(&self, at: usize) -> Mark {
        match self.rare.as_ref().and_then(|rare| rare.marks.as_ref()) {
            Some(marks) => marks[at],
            None => Mark::unpack(self.lines.mark(at), self.base, self.lines.time_us(at)),
        }
    }

    /// Drops what may be, where it is worth it: then what is moved was paid for by what came.
    pub fn forget(&mut self, forget: Forget) {
        if self.is_empty() || !forget.at_once && !self.lines.is_full() || self.time_us(0) >= forget.before_us {
            return;
        }
        let count = self.lines.first_at(0, self.len(), forget.before_us);
        if forget.at_once || count >= self.len() / WORTH {
            self.lines.drop_front(count);
            self.near.iter_mut().for_each(|hint| *hint = hint.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX)));
            if let Some(rare) = &mut self.rare {
                rare.drop_front(count);
            }
        }
    }

    fn place_of(&self, time_us: i64, offset: i64) -> usize {
        let length = self.len();
        let Some(last) = length.checked_sub(1) else { return 0 };
        let last_us = self.time_us(last);
        if last_us < time_us || last_us == time_us && self.offset(last) < offset {
            return length;
        }
        let mut at = self.lines.seek(time_us, length);
        while at < length && self.time_us(at) == time_us && self.offset(at) < offset {
            at += 1;
        }
        at
    }

    /// The position of the first contribution at or after `time_us`; `edge` names the search, for its hint.
    pub fn seek(&mut self, edge: usize, time_us: i64) -> usize {
        let hint = match self.near.get_mut(edge) {
            Some(hint) => hint,
            None => self.rare.get_or_insert_default().hint(edge - NEAR),
        };
        let at = self.lines.seek(time_us, *hint as usize);
        *hint = u32::try_from(at).unwrap_or(u32::MAX);
        at
    }

    /// Reads what an insertion at the end and searches near the last ones will read; what comes of it means nothing.
    pub fn touch(&self) -> i64 {
        let ends = self.near.iter().map(|hint| *hint as usize).chain([self.len()]);
        ends.fold(0, |sum, at| sum.wrapping_add(self.lines.touch(at)))
    }

    /// Brings the indexes up to what the log holds, and makes them once it is long. Bounds: `declared` is the same at every
    /// call, `texts` are those of the columns.
    pub fn index(&mut self, declared: &Declared, texts: &Texts) {
        if self.indexes().is_none() {
            if self.len() <= SHORT || *declared == Declared::default() {
                return;
            }
            let rare = self.rare.get_or_insert_default();
            rare.indexes = Some(Indexes::new(declared));
            rare.has_grown = true;
        }
        if let Some(indexes) = self.rare.as_mut().and_then(|rare| rare.indexes.as_mut()) {
            indexes.extend(&self.lines, texts);
        }
    }

    /// Covers the log since `index`, if it is long.
    pub fn indexes(&self) -> Option<&Indexes> {
        self.rare.as_ref().and_then(|rare| rare.indexes.as_ref())
    }

    /// The tracks, to be put back.
    pub fn take_tracks(&mut self) -> Option<Box<Tracks>> {
        self.rare.as_mut().and_then(|rare| rare.tracks.take())
    }

    pub fn put_tracks(&mut self, tracks: Box<Tracks>, are_new: bool) {
        let rare = self.rare.get_or_insert_default();
        rare.tracks = Some(tracks);
        rare.has_grown |= are_new;
    }

    /// Whether `bytes` is more than it was at the last call, other than by insertions.
    pub fn take_grown(&mut self) -> bool {
        self.rare.as_mut().is_some_and(|rare| std::mem::take(&mut rare.has_grown))
    }

    /// Whether all contributions of the key are here.
    pub fn is_whole(&self) -> bool {
        self.missing_below().is_none()
    }

    fn missing_below(&self) -> Option<i64> {
        self.rare.as_ref().and_then(|rare| rare.missing_below)
    }

    /// Contributions at smaller offsets may be elsewhere; all others are here.
    pub fn set_missing_below(&mut self, offset: i64) {
        self.rare.get_or_insert_default().missing_below = Some(offset);
    }

    /// Takes the contributions that were not here out of those handed out by drains.
    pub fn complete(&mut self, stored: KeyLog, keeps: &[Keep]) {
        let Some(missing_below) = self.missing_below() else { return };
        let (undrained, counted) = (self.undrained, self.counted);
        let older = if stored.offset_max < missing_below {
            stored
        } else {
            stored.visible(i64::MIN, i64::MAX, Sight { cut: missing_below, logged_before_us: None }, keeps)
        };
        let newer = std::mem::replace(self, older);
        let mut values = Vec::with_capacity(newer.lines.columns());
        for at in 0..newer.len() {
            newer.read(at, &mut values);
            self.insert(&newer.contribution(at, &values), keeps);
        }
        (self.undrained, self.counted) = (undrained, counted);
    }

    /// Tells a log that an insertion made larger.
    pub fn room(&self) -> usize {
        self.lines.room()
    }

    /// What the log takes beside itself.
    fn bytes(&self) -> usize {
        self.lines.bytes() + self.rare.as_ref().map_or(0, |rare| rare.bytes())
    }

    /// What was counted of it.
    pub fn counted(&self) -> usize {
        self.counted as usize
    }

    /// Counts what the log takes beside itself again, in a sum over many too.
    pub fn recount(&mut self, sum: &mut usize) {
        *sum -= self.counted();
        self.counted = u32::try_from(self.bytes()).unwrap_or(u32::MAX); // a larger one is dropped all the same
        *sum += self.counted();
    }

    /// Changes the present values of a column; None leaves one as it is.
    pub fn replace(&mut self, column: usize, change: impl FnMut(i64) -> Option<i64>) {
        self.lines.replace(column, change);
        if let Some(rare) = &mut self.rare {
            rare.indexes = None;
        }
    }

    pub fn sees_all(&self, sight: Sight) -> bool {
        self.offset_max < sight.cut && sight.logged_before_us.is_none_or(|before| self.log_ts_max_us < before)
    }

    /// The contributions with event times in `[start_us, end_us)` that the query may see, as a log of their own.
    pub fn visible(&self, start_us: i64, end_us: i64, sight: Sight, keeps: &[Keep]) -> KeyLog {
        let lo = self.lines.first_at(0, self.len(), start_us);
        let hi = self.lines.first_at(lo, self.len(), end_us);
        let mut log = KeyLog::new(self.lines.columns());
        let mut values = Vec::with_capacity(self.lines.columns());
        for at in lo..hi {
            let Mark { offset, log_ts_us } = self.mark(at);
            if offset >= sight.cut || sight.logged_before_us.is_some_and(|before| log_ts_us >= before) {
                continue;
            }
            self.read(at, &mut values);
            log.insert(&self.contribution(at, &values), keeps);
        }
        log
    }

    fn read(&self, at: usize, values: &mut Vec<Option<i64>>) {
        values.clear();
        values.extend((0..self.lines.columns()).map(|place| self.column(place).get(at)));
    }

    fn contribution<'a>(&self, at: usize, values: &'a [Option<i64>]) -> Contribution<'a> {
        let Mark { offset, log_ts_us } = self.mark(at);
        Contribution { time_us: self.time_us(at), offset, log_ts_us, values }
    }

    /// Whether nothing was inserted since the last drain.
    pub fn is_drained(&self) -> bool {
        self.undrained == 0
    }

    /// Hands out the contributions inserted since the last drain, all at offsets from `from` on, in the log's order.
    pub fn drain(&mut self, from: i64, mut each: impl FnMut(&Contribution<'_>)) {
        let mut at = self.len();
        let mut missing = self.undrained as usize;
        while at > 0 && missing > 0 {
            at -= 1;
            missing -= usize::from(self.offset(at) >= from);
        }
        let mut values = Vec::with_capacity(self.lines.columns());
        for at in at..self.len() {
            if self.offset(at) >= from {
                self.read(at, &mut values);
                each(&self.contribution(at, &values));
            }
        }
        self.undrained = 0;
    }

    /// What was inserted so far counts as drained.
    pub fn set_drained(&mut self) {
        self.undrained = 0;
    }

    /// The event time of the contribution at a position.
    pub fn time_us(&self, at: usize) -> i64 {
        self.lines.time_us(at)
    }

    /// Of the contribution at a position.
    pub fn offset(&self, at: usize) -> i64 {
        self.mark(at).offset
    }

    pub fn offsets(&self) -> impl Iterator<Item = i64> {
        (0..self.len()).map(|at| self.offset(at))
    }

    /// See `Lines::plain_sum`.
    pub fn plain_sum(&self, column: usize, lo: usize, hi: usize) -> Option<(u64, i64)> {
        self.lines.plain_sum(column, lo, hi)
    }

    /// See `Lines::sums`.
    pub fn sums(&self, columns: PlainColumns) -> Option<Sums<'_>> {
        self.lines.sums(columns)
    }

    pub fn column(&self, column: usize) -> Column<'_> {
        self.lines.column(column)
    }
}

impl Rare {
    fn hint(&mut self, edge: usize) -> &mut u32 {
        if self.far.len() <= edge {
            self.far.resize(edge + 1, 0);
        }
        &mut self.far[edge]
    }

    /// Follows an insertion.
    fn shift(&mut self, at: usize) {
        if let Some(indexes) = &mut self.indexes {
            indexes.cut(at);
        }
        if let Some(tracks) = &mut self.tracks {
            tracks.shift(at);
        }
    }

    /// Follows a dropping: what is kept by position is made again, but for the marks.
    fn drop_front(&mut self, count: usize) {
        (self.far, self.indexes, self.tracks) = (Vec::new(), None, None);
        if let Some(marks) = &mut self.marks {
            marks.drain(..count);
        }
    }

    fn bytes(&self) -> usize {
        let marks = self.marks.as_ref().map_or(0, |marks| marks.capacity() * size_of::<Mark>() + ALLOCATION);
        let indexes = self.indexes.as_ref().map_or(0, |indexes| indexes.bytes());
        let tracks = self.tracks.as_ref().map_or(0, |tracks| tracks.bytes());
        size_of::<Rare>() + self.far.capacity() * size_of::<u32>() + marks + indexes + tracks + 2 * ALLOCATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(rows: &[(i64, i64)]) -> KeyLog {
        let mut log = KeyLog::new(1);
        for (time_us, offset) in rows {
            let row =
                Contribution { time_us: *time_us, offset: *offset, log_ts_us: 10 * offset, values: &[Some(*offset)] };
            log.insert(&row, &[Keep { sums: true, squares: false }]);
        }
        log
    }

    fn times(log: &KeyLog) -> Vec<i64> {
        (0..log.len()).map(|at| log.time_us(at)).collect()
    }

    #[test]
    fn contributions_stand_in_the_order_of_time_and_offset() {
        let log = log_of(&[(5, 0), (3, 1), (5, 2), (9, 3), (3, 4), (5, 5), (1, 6)]);
        assert_eq!(times(&log), [1, 3, 3, 5, 5, 5, 9]);
        assert_eq!(log.offsets().collect::<Vec<i64>>(), [6, 1, 4, 0, 2, 5, 3]);
        assert_eq!(log.column(0).sum(1, 5), 1 + 4 + 2);
    }

    #[test]
    fn a_query_sees_what_lies_below_its_cut_and_was_logged_before() {
        let log = log_of(&[(5, 0), (3, 1), (7, 2), (6, 3)]);
        let keep = [Keep { sums: true, squares: false }];
        let all = Sight { cut: 4, logged_before_us: None };
        assert!(log.sees_all(all));
        assert!(!log.sees_all(Sight { cut: 3, logged_before_us: None }));
        assert!(!log.sees_all(Sight { cut: 4, logged_before_us: Some(30) }));
        assert!(log.sees_all(Sight { cut: 4, logged_before_us: Some(31) }));
        let seen = |start_us, end_us, cut, logged_before_us| {
            let log = log.visible(start_us, end_us, Sight { cut, logged_before_us }, &keep);
            log.offsets().collect::<Vec<i64>>()
        };
        assert_eq!(seen(4, 7, 4, None), [0, 3]);
        assert_eq!(seen(0, 9, 2, None), [1, 0]);
        assert_eq!(seen(0, 9, 9, Some(20)), [1, 0]);
    }

    #[test]
    fn a_log_is_completed_by_what_it_lacks() {
        let keep = [Keep { sums: true, squares: false }];
        let whole = log_of(&[(5, 0), (3, 1), (7, 2), (6, 3), (4, 4)]);
        let mut log = KeyLog::new(1);
        log.set_missing_below(3);
        for (time_us, offset) in [(6, 3), (4, 4)] {
            log.insert(&Contribution { time_us, offset, log_ts_us: 10 * offset, values: &[Some(offset)] }, &keep);
        }
        assert!(!log.is_whole());
        log.complete(log_of(&[(5, 0), (3, 1), (7, 2), (6, 3)]), &keep);
        assert!(log.is_whole());
        assert_eq!(times(&log), times(&whole));
        assert!(log.offsets().eq(whole.offsets()));
        assert_eq!(log.column(0).sum(0, 4), whole.column(0).sum(0, 4));
        let mut fresh = Vec::new();
        log.drain(3, |row| fresh.push(row.offset));
        assert_eq!(fresh, [4, 3]);
        log.complete(log_of(&[(5, 0)]), &keep);
        assert_eq!(log.len(), 5);
    }

    #[test]
    fn a_drain_hands_out_what_is_new_once() {
        let mut log = log_of(&[(5, 0), (3, 1)]);
        log.set_drained();
        let values = [None];
        for (time_us, offset) in [(4, 2), (9, 3), (1, 4)] {
            log.insert(&Contribution { time_us, offset, log_ts_us: 0, values: &values }, &[Keep::default()]);
        }
        let mut seen = Vec::new();
        log.drain(2, |row| seen.push((row.time_us, row.offset, row.values.to_vec())));
        assert_eq!(seen, [(1, 4, vec![None]), (4, 2, vec![None]), (9, 3, vec![None])]);
        assert!(log.is_drained());
        log.drain(2, |_| seen.clear());
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn marks_are_what_was_given_near_or_far() {
        for far in [None, Some(0), Some(3), Some(6)] {
            let mut log = KeyLog::new(0);
            let mut plain: Vec<(i64, i64, i64)> = Vec::new();
            for step in 0..9_i64 {
                let time_us = 1_000 - step * 7 % 5;
                let log_ts_us = if far == Some(step) { i64::MAX } else { 1_000 + step };
                let row = (time_us, (1 << 40) + step, log_ts_us);
                log.insert(&Contribution { time_us, offset: row.1, log_ts_us, values: &[] }, &[]);
                plain.push(row);
                plain.sort_unstable();
                let marks: Vec<(i64, i64, i64)> =
                    (0..log.len()).map(|at| (log.time_us(at), log.mark(at).offset, log.mark(at).log_ts_us)).collect();
                assert_eq!(marks, plain);
            }
            log.forget(Forget { before_us: plain[4].0, at_once: true });
            let least_us = plain[4].0;
            plain.retain(|row| row.0 >= least_us);
            assert!(log.offsets().eq(plain.iter().map(|row| row.1)));
            log.forget(Forget { before_us: i64::MAX, at_once: true });
            log.insert(&Contribution { time_us: 5, offset: 3, log_ts_us: 9, values: &[] }, &[]);
            assert_eq!(log.mark(0), Mark { offset: 3, log_ts_us: 9 });
        }
    }
}
