//! The log of one key: its contributions in the total order of a partition, (event time, offset).

pub mod breaks;
pub mod column;
pub mod extremes;
pub mod indexes;
mod marks;
pub mod texts;
pub mod tracks;

use column::{Column, Columns, Keep};
use indexes::{Declared, Indexes};
use marks::{Mark, Marks};
use texts::Texts;
use tracks::Tracks;

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
/// What searches and sums read (times, columns) stands apart from what few read.
#[derive(Debug)]
pub struct KeyLog {
    times: Vec<i64>,
    columns: Columns,
    marks: Marks,
    offset_max: i64,
    log_ts_max_us: i64,
    /// Where the last search of each of the first edges ended; only ever a hint.
    near: [u32; NEAR],
    undrained: usize,
    /// Contributions at offsets below this one are not here, if there are any.
    missing_below: i64,
    rare: Option<Box<Rare>>,
    /// Indexes or tracks were made since `take_grown`.
    has_grown: bool,
}

/// What not every log has.
#[derive(Debug, Default)]
struct Rare {
    /// Hints of further edges.
    far: Vec<u32>,
    /// Of a long log that was queried.
    indexes: Option<Indexes>,
    /// Of a log whose answers tell changes only.
    tracks: Option<Box<Tracks>>,
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
            times: Vec::new(),
            columns: Columns::new(columns),
            marks: Marks::default(),
            offset_max: i64::MIN,
            log_ts_max_us: i64::MIN,
            near: [0; NEAR],
            undrained: 0,
            missing_below: i64::MIN,
            rare: None,
            has_grown: false,
        }
    }

    pub fn len(&self) -> usize {
        self.times.len()
    }

    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Inserts in order; cheap near the end. `keeps` tells each column's prefix sums, and is the same at every call.
    pub fn insert(&mut self, contribution: &Contribution<'_>, keeps: &[Keep]) {
        let Contribution { time_us, offset, log_ts_us, values } = *contribution;
        let at = self.place_of(time_us, offset);
        make_room(&mut self.times, 1);
        self.times.insert(at, time_us);
        self.marks.insert(at, Mark { offset, log_ts_us }, &self.times);
        self.columns.insert(at, values, keeps);
        if let Some(rare) = &mut self.rare {
            rare.shift(at);
        }
        self.offset_max = self.offset_max.max(offset);
        self.log_ts_max_us = self.log_ts_max_us.max(log_ts_us);
        self.undrained += 1;
    }

    /// Drops what may be, where it is worth it: then what is moved was paid for by what came.
    pub fn forget(&mut self, forget: Forget) {
        let is_full = self.times.len() == self.times.capacity();
        let Some(first) = self.times.first().filter(|_| is_full || forget.at_once) else { return };
        if *first >= forget.before_us {
            return;
        }
        let count = self.times.partition_point(|time| *time < forget.before_us);
        if forget.at_once || count >= self.times.len() / WORTH {
            self.times.drain(..count);
            self.marks.drop_front(count);
            self.columns.drop_front(count);
            self.near.iter_mut().for_each(|hint| *hint = hint.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX)));
            if let Some(rare) = &mut self.rare {
                **rare = Rare::default();
            }
        }
    }

    fn place_of(&self, time_us: i64, offset: i64) -> usize {
        let length = self.times.len();
        let is_behind = |last: &i64| *last < time_us || *last == time_us && self.marks.offset(length - 1) < offset;
        if self.times.last().is_none_or(is_behind) {
            return length;
        }
        let mut at = seek(&self.times, time_us, length);
        while at < self.times.len() && self.times[at] == time_us && self.marks.offset(at) < offset {
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
        let at = seek(&self.times, time_us, *hint as usize);
        *hint = u32::try_from(at).unwrap_or(u32::MAX);
        at
    }

    /// Reads what an insertion at the end and searches near the last ones will read; what comes of it means nothing.
    pub fn touch(&self) -> i64 {
        let ends = self.near.iter().map(|hint| *hint as usize).chain([self.times.len().saturating_sub(1)]);
        let read = ends.map(|at| self.times.get(at).copied().unwrap_or(0).wrapping_add(self.columns.touch(at)));
        let last = self.times.len().checked_sub(1).map_or(0, |last| self.marks.offset(last));
        read.fold(last, i64::wrapping_add)
    }

    /// Brings the indexes up to what the log holds, and makes them once it is long. Bounds: `declared` is the same at every
    /// call, `texts` are those of the columns.
    pub fn index(&mut self, declared: &Declared, texts: &Texts) {
        if self.indexes().is_none() {
            if self.len() <= SHORT || *declared == Declared::default() {
                return;
            }
            self.rare.get_or_insert_default().indexes = Some(Indexes::new(declared));
            self.has_grown = true;
        }
        if let Some(indexes) = self.rare.as_mut().and_then(|rare| rare.indexes.as_mut()) {
            indexes.extend(&self.times, &self.columns, texts);
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
        self.rare.get_or_insert_default().tracks = Some(tracks);
        self.has_grown |= are_new;
    }

    /// Whether `bytes` is more than it was at the last call, other than by insertions.
    pub fn take_grown(&mut self) -> bool {
        std::mem::take(&mut self.has_grown)
    }

    /// Whether all contributions of the key are here.
    pub fn is_whole(&self) -> bool {
        self.missing_below == i64::MIN
    }

    /// Contributions at smaller offsets may be elsewhere; all others are here.
    pub fn set_missing_below(&mut self, offset: i64) {
        self.missing_below = offset;
    }

    /// Takes the contributions that were not here out of those handed out by drains.
    pub fn complete(&mut self, stored: KeyLog, keeps: &[Keep]) {
        if self.is_whole() {
            return;
        }
        let undrained = self.undrained;
        let older = if stored.offset_max < self.missing_below {
            stored
        } else {
            stored.visible(i64::MIN, i64::MAX, Sight { cut: self.missing_below, logged_before_us: None }, keeps)
        };
        let newer = std::mem::replace(self, older);
        let mut values = Vec::with_capacity(newer.columns.width());
        for at in 0..newer.len() {
            newer.read(at, &mut values);
            self.insert(&newer.contribution(at, &values), keeps);
        }
        self.undrained = undrained;
    }

    /// Contributions that fit without more memory.
    pub fn capacity(&self) -> usize {
        self.times.capacity()
    }

    /// What the log takes beside itself.
    pub fn bytes(&self) -> usize {
        let times = self.times.capacity() * size_of::<i64>();
        let rare = self.rare.as_ref().map_or(0, |rare| rare.bytes());
        times + self.marks.bytes() + self.columns.bytes() + rare + ALLOCATION
    }

    /// Changes the present values of a column; None leaves one as it is.
    pub fn replace(&mut self, column: usize, change: impl FnMut(i64) -> Option<i64>) {
        self.columns.replace(column, change);
        if let Some(rare) = &mut self.rare {
            rare.indexes = None;
        }
    }

    pub fn sees_all(&self, sight: Sight) -> bool {
        self.offset_max < sight.cut && sight.logged_before_us.is_none_or(|before| self.log_ts_max_us < before)
    }

    /// The contributions with event times in `[start_us, end_us)` that the query may see, as a log of their own.
    pub fn visible(&self, start_us: i64, end_us: i64, sight: Sight, keeps: &[Keep]) -> KeyLog {
        let lo = self.times.partition_point(|time| *time < start_us);
        let hi = self.times.partition_point(|time| *time < end_us);
        let mut log = KeyLog::new(self.columns.width());
        let mut values = Vec::with_capacity(self.columns.width());
        for at in lo..hi.max(lo) {
            let Mark { offset, log_ts_us } = self.marks.get(at, self.times[at]);
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
        values.extend((0..self.columns.width()).map(|place| self.columns.column(place).get(at)));
    }

    fn contribution<'a>(&self, at: usize, values: &'a [Option<i64>]) -> Contribution<'a> {
        let Mark { offset, log_ts_us } = self.marks.get(at, self.times[at]);
        Contribution { time_us: self.times[at], offset, log_ts_us, values }
    }

    /// Whether nothing was inserted since the last drain.
    pub fn is_drained(&self) -> bool {
        self.undrained == 0
    }

    /// Hands out the contributions inserted since the last drain, all at offsets from `from` on, in the log's order.
    pub fn drain(&mut self, from: i64, mut each: impl FnMut(&Contribution<'_>)) {
        let mut at = self.len();
        let mut missing = self.undrained;
        while at > 0 && missing > 0 {
            at -= 1;
            missing -= usize::from(self.marks.offset(at) >= from);
        }
        let mut values = Vec::with_capacity(self.columns.width());
        for at in at..self.len() {
            if self.marks.offset(at) >= from {
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

    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Of the contribution at a position.
    pub fn offset(&self, at: usize) -> i64 {
        self.marks.offset(at)
    }

    pub fn offsets(&self) -> impl Iterator<Item = i64> {
        (0..self.len()).map(|at| self.marks.offset(at))
    }

    pub fn column(&self, column: usize) -> Column<'_> {
        self.columns.column(column)
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

    fn bytes(&self) -> usize {
        let indexes = self.indexes.as_ref().map_or(0, |indexes| indexes.bytes());
        let tracks = self.tracks.as_ref().map_or(0, |tracks| tracks.bytes());
        size_of::<Rare>() + self.far.capacity() * size_of::<u32>() + indexes + tracks + 2 * ALLOCATION
    }
}

/// The first position whose time is at least `target_us`, by doubling steps from `hint` in either direction.
fn seek(times: &[i64], target_us: i64, hint: usize) -> usize {
    let mut step = 1;
    if hint < times.len() && times[hint] < target_us {
        let mut low = hint + 1;
        loop {
            let probe = low + step - 1;
            if probe >= times.len() {
                return low + times[low..].partition_point(|time| *time < target_us);
            }
            if times[probe] >= target_us {
                return low + times[low..probe].partition_point(|time| *time < target_us);
            }
            low = probe + 1;
            step *= 2;
        }
    }
    let mut high = hint.min(times.len());
    while high > 0 {
        let probe = high.saturating_sub(step);
        if times[probe] < target_us {
            return probe + 1 + times[probe + 1..high].partition_point(|time| *time < target_us);
        }
        high = probe;
        step *= 2;
    }
    0
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

    #[test]
    fn contributions_stand_in_the_order_of_time_and_offset() {
        let log = log_of(&[(5, 0), (3, 1), (5, 2), (9, 3), (3, 4), (5, 5), (1, 6)]);
        assert_eq!(log.times(), [1, 3, 3, 5, 5, 5, 9]);
        assert_eq!(log.offsets().collect::<Vec<i64>>(), [6, 1, 4, 0, 2, 5, 3]);
        assert_eq!(log.column(0).sum(1, 5), 1 + 4 + 2);
    }

    #[test]
    fn a_search_ends_at_the_same_place_from_every_hint() {
        let times: Vec<i64> = (0..40).map(|step| step / 3 * 2).collect();
        for target in -1..30 {
            let expected = times.iter().filter(|time| **time < target).count();
            for hint in 0..=times.len() + 3 {
                assert_eq!(seek(&times, target, hint), expected, "{target} from {hint}");
            }
        }
        assert_eq!(seek(&[], 5, 0), 0);
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
        assert_eq!(log.times(), whole.times());
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
}
