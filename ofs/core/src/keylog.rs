//! The log of one key: its contributions in the total order of a partition, (event time, offset), as columns.

pub mod breaks;
pub mod column;
pub mod extremes;
pub mod indexes;
pub mod texts;
pub mod tracks;

use column::{Column, Keep};
use indexes::{Declared, Indexes};
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

/// Contributions of a key, sorted; the largest offset and log timestamp tell at once whether a query sees all of it.
#[derive(Debug)]
pub struct KeyLog {
    times: Vec<i64>,
    offsets: Vec<i64>,
    log_ts: Vec<i64>,
    columns: Vec<Column>,
    offset_max: i64,
    log_ts_max_us: i64,
    /// Where the last search of each edge ended; only ever a hint. Empty until the first search.
    hints: Vec<usize>,
    undrained: usize,
    /// Contributions at offsets below this one are not here, if there are any.
    missing_below: i64,
    /// Of a long log that was queried.
    indexes: Option<Box<Indexes>>,
    /// Of a log whose answers tell changes only.
    tracks: Option<Box<Tracks>>,
    /// Indexes or tracks were made since `take_grown`.
    has_grown: bool,
}

/// Logs, and ranges of them, up to this length are read as they are.
pub const SHORT: usize = 64;

/// What an allocation takes beside its bytes, about.
pub const ALLOCATION: usize = 16;

impl KeyLog {
    pub fn new(columns: usize) -> Self {
        KeyLog {
            times: Vec::new(),
            offsets: Vec::new(),
            log_ts: Vec::new(),
            columns: (0..columns).map(|_| Column::default()).collect(),
            offset_max: i64::MIN,
            log_ts_max_us: i64::MIN,
            hints: Vec::new(),
            undrained: 0,
            missing_below: i64::MIN,
            indexes: None,
            tracks: None,
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
        let order = (contribution.time_us, contribution.offset);
        let mut at = self.times.len();
        if at > 0 && (self.times[at - 1], self.offsets[at - 1]) > order {
            at = seek(&self.times, contribution.time_us, at);
            while at < self.times.len() && (self.times[at], self.offsets[at]) < order {
                at += 1;
            }
        }
        self.times.insert(at, contribution.time_us);
        self.offsets.insert(at, contribution.offset);
        self.log_ts.insert(at, contribution.log_ts_us);
        for ((column, value), keep) in self.columns.iter_mut().zip(contribution.values).zip(keeps) {
            column.insert(at, *value, *keep);
        }
        if let Some(indexes) = &mut self.indexes {
            indexes.cut(at);
        }
        if let Some(tracks) = &mut self.tracks {
            tracks.shift(at);
        }
        self.offset_max = self.offset_max.max(contribution.offset);
        self.log_ts_max_us = self.log_ts_max_us.max(contribution.log_ts_us);
        self.undrained += 1;
    }

    /// The position of the first contribution at or after `time_us`; `edge` names the search, for its hint.
    pub fn seek(&mut self, edge: usize, time_us: i64) -> usize {
        if self.hints.len() <= edge {
            self.hints.resize(edge + 1, 0);
        }
        let hint = seek(&self.times, time_us, self.hints[edge]);
        self.hints[edge] = hint;
        hint
    }

    /// Brings the indexes up to what the log holds, and makes them once it is long. Bounds: `declared` is the same at every
    /// call, `texts` are those of the columns.
    pub fn index(&mut self, declared: &Declared, texts: &Texts) {
        if self.indexes.is_none() {
            if self.len() <= SHORT || *declared == Declared::default() {
                return;
            }
            self.indexes = Some(Box::new(Indexes::new(declared)));
            self.has_grown = true;
        }
        if let Some(indexes) = &mut self.indexes {
            indexes.extend(&self.times, &self.columns, texts);
        }
    }

    /// Covers the log since `index`, if it is long.
    pub fn indexes(&self) -> Option<&Indexes> {
        self.indexes.as_deref()
    }

    /// The tracks, to be put back.
    pub fn take_tracks(&mut self) -> Option<Box<Tracks>> {
        self.tracks.take()
    }

    pub fn put_tracks(&mut self, tracks: Box<Tracks>, are_new: bool) {
        self.tracks = Some(tracks);
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
        let mut values = Vec::with_capacity(newer.columns.len());
        for at in 0..newer.len() {
            newer.read(at, &mut values);
            self.insert(&newer.contribution(at, &values), keeps);
        }
        self.hints.clear();
        self.undrained = undrained;
    }

    /// Contributions that fit without more memory.
    pub fn capacity(&self) -> usize {
        self.times.capacity()
    }

    /// What the log takes beside itself.
    pub fn bytes(&self) -> usize {
        let rows = [&self.times, &self.offsets, &self.log_ts].map(Vec::capacity).iter().sum::<usize>();
        let columns = self.columns.iter().map(Column::bytes).sum::<usize>() + size_of_val(&self.columns[..]);
        let indexes = self.indexes.as_ref().map_or(0, |indexes| indexes.bytes());
        let tracks = self.tracks.as_ref().map_or(0, |tracks| tracks.bytes());
        (rows + self.hints.capacity()) * size_of::<i64>() + columns + indexes + tracks + 5 * ALLOCATION
    }

    /// Changes the present values of a column; None leaves one as it is.
    pub fn replace(&mut self, column: usize, change: impl FnMut(i64) -> Option<i64>) {
        if let Some(column) = self.columns.get_mut(column) {
            column.replace(change);
            self.indexes = None;
        }
    }

    pub fn sees_all(&self, sight: Sight) -> bool {
        self.offset_max < sight.cut && sight.logged_before_us.is_none_or(|before| self.log_ts_max_us < before)
    }

    /// The contributions with event times in `[start_us, end_us)` that the query may see, as a log of their own.
    pub fn visible(&self, start_us: i64, end_us: i64, sight: Sight, keeps: &[Keep]) -> KeyLog {
        let lo = self.times.partition_point(|time| *time < start_us);
        let hi = self.times.partition_point(|time| *time < end_us);
        let mut log = KeyLog::new(self.columns.len());
        let mut values = Vec::with_capacity(self.columns.len());
        for at in lo..hi.max(lo) {
            if self.offsets[at] >= sight.cut || sight.logged_before_us.is_some_and(|before| self.log_ts[at] >= before) {
                continue;
            }
            self.read(at, &mut values);
            log.insert(&self.contribution(at, &values), keeps);
        }
        log
    }

    fn read(&self, at: usize, values: &mut Vec<Option<i64>>) {
        values.clear();
        values.extend(self.columns.iter().map(|column| column.get(at)));
    }

    fn contribution<'a>(&self, at: usize, values: &'a [Option<i64>]) -> Contribution<'a> {
        Contribution { time_us: self.times[at], offset: self.offsets[at], log_ts_us: self.log_ts[at], values }
    }

    /// Whether nothing was inserted since the last drain.
    pub fn is_drained(&self) -> bool {
        self.undrained == 0
    }

    /// Hands out the contributions inserted since the last drain, all at offsets from `from` on, in the log's order.
    pub fn drain(&mut self, from: i64, mut each: impl FnMut(&Contribution<'_>)) {
        let mut at = self.offsets.len();
        let mut missing = self.undrained;
        while at > 0 && missing > 0 {
            at -= 1;
            missing -= usize::from(self.offsets[at] >= from);
        }
        let mut values = Vec::with_capacity(self.columns.len());
        for at in at..self.offsets.len() {
            if self.offsets[at] >= from {
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

    pub fn offsets(&self) -> &[i64] {
        &self.offsets
    }

    pub fn column(&self, column: usize) -> &Column {
        &self.columns[column]
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
        assert_eq!(log.offsets(), [6, 1, 4, 0, 2, 5, 3]);
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
        assert_eq!(log.visible(4, 7, all, &keep).offsets(), [0, 3]);
        assert_eq!(log.visible(0, 9, Sight { cut: 2, logged_before_us: None }, &keep).offsets(), [1, 0]);
        assert_eq!(log.visible(0, 9, Sight { cut: 9, logged_before_us: Some(20) }, &keep).offsets(), [1, 0]);
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
        assert_eq!((log.times(), log.offsets()), (whole.times(), whole.offsets()));
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
