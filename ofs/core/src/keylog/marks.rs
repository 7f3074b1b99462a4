//! Where the contributions of a log came from: offset and log timestamp, in eight bytes each while they lie near.

use super::{ALLOCATION, make_room};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub offset: i64,
    pub log_ts_us: i64,
}

/// By position. Event times are the log's, and are given at each call where they matter.
#[derive(Debug)]
pub enum Marks {
    /// Offsets less the first one that came, log timestamps less the event time.
    Near { base: i64, items: Vec<(i32, i32)> },
    /// Some difference did not fit.
    Far(Vec<Mark>),
}

impl Default for Marks {
    fn default() -> Self {
        Marks::Near { base: 0, items: Vec::new() }
    }
}

impl Marks {
    /// `times`: of all contributions, this one included.
    pub fn insert(&mut self, at: usize, mark: Mark, times: &[i64]) {
        if let Marks::Near { base, items } = self {
            if items.is_empty() {
                *base = mark.offset;
            }
            if let Some(item) = near(*base, mark, times[at]) {
                make_room(items, 1);
                return items.insert(at, item);
            }
            let before = times.iter().enumerate().filter(|(place, _)| *place != at).map(|(_, time_us)| *time_us);
            *self = Marks::Far(items.iter().zip(before).map(|(item, time_us)| far(*base, *item, time_us)).collect());
        }
        if let Marks::Far(items) = self {
            make_room(items, 1);
            items.insert(at, mark);
        }
    }

    pub fn offset(&self, at: usize) -> i64 {
        match self {
            Marks::Near { base, items } => base.wrapping_add(i64::from(items[at].0)),
            Marks::Far(items) => items[at].offset,
        }
    }

    /// `time_us`: of the contribution at the position.
    pub fn get(&self, at: usize, time_us: i64) -> Mark {
        match self {
            Marks::Near { base, items } => far(*base, items[at], time_us),
            Marks::Far(items) => items[at],
        }
    }

    /// Drops the first `count`. Bounds: there are as many.
    pub fn drop_front(&mut self, count: usize) {
        match self {
            Marks::Near { items, .. } => drop(items.drain(..count)),
            Marks::Far(items) => drop(items.drain(..count)),
        }
    }

    pub fn bytes(&self) -> usize {
        ALLOCATION
            + match self {
                Marks::Near { items, .. } => items.capacity() * size_of::<(i32, i32)>(),
                Marks::Far(items) => items.capacity() * size_of::<Mark>(),
            }
    }
}

/// None where a difference does not fit.
fn near(base: i64, mark: Mark, time_us: i64) -> Option<(i32, i32)> {
    let offset = mark.offset.checked_sub(base)?;
    let lag_us = mark.log_ts_us.checked_sub(time_us)?;
    Some((i32::try_from(offset).ok()?, i32::try_from(lag_us).ok()?))
}

/// What `near` was made of.
fn far(base: i64, (offset, lag_us): (i32, i32), time_us: i64) -> Mark {
    Mark { offset: base.wrapping_add(i64::from(offset)), log_ts_us: time_us.wrapping_add(i64::from(lag_us)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn check(rows: &[(usize, i64, Mark)], is_near: bool) {
        let (mut marks, mut times, mut plain) = (Marks::default(), Vec::new(), Vec::new());
        for (at, time_us, mark) in rows {
            times.insert(*at, *time_us);
            plain.insert(*at, *mark);
            marks.insert(*at, *mark, &times);
            for place in 0..plain.len() {
                assert_eq!(marks.get(place, times[place]), plain[place]);
                assert_eq!(marks.offset(place), plain[place].offset);
            }
        }
        assert_eq!(matches!(marks, Marks::Near { .. }), is_near, "{rows:?}");
        marks.drop_front(1);
        assert_eq!(marks.get(0, times[1]), plain[1]);
    }

    #[test]
    fn marks_are_what_was_inserted_near_or_far() {
        let mark = |offset, log_ts_us| Mark { offset, log_ts_us };
        let first = (0, 50, mark(1 << 40, 60));
        check(&[first, (0, 40, mark((1 << 40) + 7, 90)), (2, 99, mark((1 << 40) - 5, 9))], true);
        check(&[first, (0, 40, mark((1 << 40) + 7, HOUR)), (1, 45, mark((1 << 40) + 8, 45))], false);
        check(&[first, (1, 70, mark((1 << 40) + (1 << 31), 70)), (0, 1, mark(3, 1))], false);
        check(&[first, (1, 70, mark((1 << 40) + (1 << 31) - 1, 70 + i64::from(i32::MAX)))], true);
        for extreme in [i64::MIN, i64::MAX] {
            check(&[first, (1, 70, mark(0, extreme)), (1, extreme, mark(i64::MAX, 7))], false);
            check(&[(0, extreme, mark(extreme, extreme)), (1, extreme, mark(extreme, extreme))], true);
        }
    }
}
