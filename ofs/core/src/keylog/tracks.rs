//! How much of a key's log a stream of answers has told, window by window, so that the next answer tells what changed.

use std::ops::Range;

use super::ALLOCATION;

/// Insertions into a told range that are remembered until the next answer; beyond, all is told again.
const PENDING_MAX: usize = 32;

/// A shorter range is told as a whole each time.
const TOLD_MIN: usize = 16;

/// Tells a stream of answers from all others of the process; see `queries`.
pub type Stream = u64;

#[derive(Debug, Default)]
pub struct Tracks {
    stream: Stream,
    windows: Vec<WindowTrack>,
}

/// What was told of a window.
#[derive(Debug, Default)]
pub struct WindowTrack {
    /// An answer of the stream came before: what was asked once may not be asked again.
    pub is_asked: bool,
    /// Of the window's contributions; of a session's the last run's.
    told: Option<Told>,
    /// Of a session's other runs.
    pub runs: Option<ToldRuns>,
}

/// The positions `[lo, hi)` but for the pending ones.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    lo: usize,
    hi: usize,
    /// Inserted since. Ascending.
    pending: Vec<usize>,
}

/// The runs of the positions `[lo, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldRuns {
    pub lo: usize,
    pub end: usize,
    /// The smallest position at or behind `lo` of an insertion since.
    pub touched: usize,
}

/// How a range is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Telling {
    /// All of it, and what was told before still stands.
    Alone,
    /// All of it, for changes to come.
    Start,
    /// What changed since it was told last.
    Change(Change),
}

/// What entered a told range and what left it, as positions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    enter: [Range<usize>; 2],
    pending: Vec<usize>,
    leave: [Range<usize>; 2],
    /// Pending before, and so not told, of which some may lie in `leave`.
    unsaid: Vec<usize>,
}

impl Tracks {
    /// The tracks of a stream; what was told to another one counts no more.
    pub fn of(&mut self, stream: Stream, windows: usize) -> &mut [WindowTrack] {
        if self.stream != stream {
            self.stream = stream;
            self.windows.clear();
        }
        self.windows.resize_with(windows, WindowTrack::default);
        &mut self.windows
    }

    /// Follows an insertion.
    pub fn shift(&mut self, at: usize) {
        for window in &mut self.windows {
            if window.told.as_mut().is_some_and(|told| !told.shift(at)) {
                window.told = None;
            }
            if let Some(runs) = &mut window.runs {
                runs.shift(at);
            }
        }
    }

    pub fn bytes(&self) -> usize {
        let pending = |window: &WindowTrack| window.told.as_ref().map_or(0, |told| told.pending.capacity());
        let pending = self.windows.iter().map(pending).sum::<usize>() * size_of::<usize>();
        size_of::<Tracks>() + self.windows.capacity() * size_of::<WindowTrack>() + pending + 2 * ALLOCATION
    }
}

impl WindowTrack {
    /// How to tell `[lo, hi)`, which then counts as told.
    pub fn tell(&mut self, lo: usize, hi: usize) -> Telling {
        if hi - lo <= TOLD_MIN || !self.is_asked {
            return Telling::Alone;
        }
        match self.told.as_mut().and_then(|told| told.change_to(lo, hi)) {
            Some(change) => Telling::Change(change),
            None => {
                self.told = Some(Told::new(lo, hi));
                Telling::Start
            }
        }
    }
}

impl Told {
    fn new(lo: usize, hi: usize) -> Self {
        Told { lo, hi, pending: Vec::new() }
    }

    /// False where too much was inserted to remember.
    fn shift(&mut self, at: usize) -> bool {
        if at >= self.hi {
            return true;
        }
        self.hi += 1;
        if at <= self.lo {
            self.lo += 1;
            self.pending.iter_mut().for_each(|place| *place += 1);
            return true;
        }
        let behind = self.pending.partition_point(|place| *place < at);
        self.pending[behind..].iter_mut().for_each(|place| *place += 1);
        self.pending.insert(behind, at);
        self.pending.len() <= PENDING_MAX
    }

    /// Moves to `[lo, hi)`: what changed, unless it is more than the range holds.
    fn change_to(&mut self, lo: usize, hi: usize) -> Option<Change> {
        let moved = self.lo.abs_diff(lo).saturating_add(self.hi.abs_diff(hi));
        let unsaid = std::mem::take(&mut self.pending);
        let before = std::mem::replace(self, Told::new(lo, hi));
        if moved + unsaid.len() > hi - lo {
            return None;
        }
        let pending = unsaid.iter().copied().filter(|place| (lo..hi).contains(place)).collect();
        Some(Change {
            enter: [lo..hi.min(before.lo).max(lo), lo.max(before.hi)..hi.max(before.hi)],
            pending,
            leave: [before.lo..before.hi.min(lo).max(before.lo), before.lo.max(hi)..before.hi.max(hi)],
            unsaid,
        })
    }
}

impl ToldRuns {
    fn shift(&mut self, at: usize) {
        if at < self.lo {
            self.lo += 1;
            self.end += 1;
            self.touched = self.touched.saturating_add(1);
        } else {
            self.end += usize::from(at < self.end);
            self.touched = self.touched.min(at);
        }
    }
}

impl Change {
    pub fn entering(&self) -> impl Iterator<Item = usize> {
        self.enter.iter().cloned().flatten().chain(self.pending.iter().copied())
    }

    pub fn leaving(&self) -> impl Iterator<Item = usize> {
        self.leave.iter().cloned().flatten().filter(|place| self.unsaid.binary_search(place).is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_lead_from_what_was_told_to_what_is_there() {
        let mut log: Vec<u32> = (0..40).collect();
        let mut told = Told::new(5, 30);
        let mut seen: Vec<u32> = log[5..30].to_vec();
        let moves = [(5, 31), (6, 33), (2, 20), (10, 35), (10, 35), (9, 45), (30, 45), (20, 32), (0, 60)];
        for (step, (lo, hi)) in (0_usize..).zip(moves) {
            for insert in 0..step * 2 {
                let at = (insert * 13 + step * 7) % (log.len() + 1);
                log.insert(at, 1_000 + (step * 100 + insert) as u32);
                assert!(told.shift(at));
            }
            match told.change_to(lo, hi) {
                None => seen = log[lo..hi].to_vec(),
                Some(change) => {
                    for place in change.leaving() {
                        let found = seen.iter().position(|item| *item == log[place]);
                        seen.remove(found.unwrap());
                    }
                    seen.extend(change.entering().map(|place| log[place]));
                }
            }
            let (mut found, mut expected) = (seen.clone(), log[lo..hi].to_vec());
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "step {step}");
        }
    }

    #[test]
    fn much_that_was_inserted_is_told_again() {
        let mut told = Told::new(0, 100);
        assert!((0..PENDING_MAX).all(|_| told.shift(50)));
        assert!(!told.shift(50));
        assert_eq!(Told::new(0, 100).change_to(200, 300), None);
    }

    #[test]
    fn runs_know_the_first_insertion_behind_their_start() {
        let mut runs = ToldRuns { lo: 5, end: 9, touched: usize::MAX };
        runs.shift(4);
        assert_eq!(runs, ToldRuns { lo: 6, end: 10, touched: usize::MAX });
        runs.shift(12);
        runs.shift(10);
        assert_eq!(runs, ToldRuns { lo: 6, end: 10, touched: 10 });
        runs.shift(6);
        assert_eq!(runs, ToldRuns { lo: 6, end: 11, touched: 6 });
        runs.shift(0);
        assert_eq!(runs, ToldRuns { lo: 7, end: 12, touched: 7 });
    }
}
