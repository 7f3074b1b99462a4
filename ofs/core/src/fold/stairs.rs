//! The largest event time of a scope as a staircase over the offsets: for lateness, and for watermarks at any cut.

/// Steps (offset, largest event time up to and with it), both strictly ascending; the first ones may be in the store
/// only.
#[derive(Debug, Default)]
pub struct Stairs {
    steps: Vec<(i64, i64)>,
    undrained: usize,
    /// Steps that are in the store only, and what of them is kept.
    dropped: usize,
    floor: Option<Floor>,
    used: u32,
}

/// What is left of dropped steps: all of them lie at offsets below `offset`.
#[derive(Debug, Clone, Copy)]
struct Floor {
    offset: i64,
    max_us: i64,
}

/// A step is in the store only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing;

impl Stairs {
    /// Stairs of which `count` steps, at offsets below `frontier` and up to `max_us`, are in the store only.
    pub fn opened(count: usize, max_us: Option<i64>, frontier: i64) -> Stairs {
        let floor = max_us.map(|max_us| Floor { offset: frontier, max_us });
        Stairs { dropped: count, floor, ..Stairs::default() }
    }

    /// The largest event time so far.
    pub fn max_us(&self) -> Option<i64> {
        self.steps.last().map(|(_, time_us)| *time_us).or(self.floor.map(|floor| floor.max_us))
    }

    /// Bounds: offsets ascend.
    pub fn observe(&mut self, offset: i64, time_us: i64) {
        if self.max_us().is_none_or(|known| time_us > known) {
            self.steps.push((offset, time_us));
            self.undrained += 1;
        }
    }

    /// The largest event time at offsets below a cut.
    pub fn below_us(&self, cut: i64) -> Result<Option<i64>, Missing> {
        let steps = self.steps.partition_point(|(offset, _)| *offset < cut);
        match (self.steps[..steps].last(), self.floor) {
            (Some((_, time_us)), _) => Ok(Some(*time_us)),
            (None, None) => Ok(None),
            (None, Some(floor)) if cut >= floor.offset => Ok(Some(floor.max_us)),
            (None, Some(_)) => Err(Missing),
        }
    }

    /// All steps ever seen, those in the store only included.
    pub fn len(&self) -> usize {
        self.dropped + self.steps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all steps are resident.
    pub fn is_whole(&self) -> bool {
        self.floor.is_none()
    }

    /// The steps since the last drain.
    pub fn drain(&mut self) -> &[(i64, i64)] {
        let from = self.steps.len() - std::mem::take(&mut self.undrained).min(self.steps.len());
        &self.steps[from..]
    }

    /// Takes all drained steps back, as the store holds them; those still resident are among them. Returns whether
    /// they are what was dropped.
    pub fn supply(&mut self, stored: &[(i64, i64)]) -> bool {
        let Some(floor) = self.floor else { return true };
        let missing = stored.partition_point(|(offset, _)| *offset < floor.offset);
        let ascending = stored.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1);
        let ends = missing.checked_sub(1).is_some_and(|last| stored[last].1 == floor.max_us);
        if missing != self.dropped || !ascending || !ends {
            return false;
        }
        self.steps.splice(0..0, stored[..missing].iter().copied());
        self.dropped = 0;
        self.floor = None;
        true
    }

    /// The steps were of use.
    pub fn touch(&mut self, used: u32) {
        self.used = used;
    }

    pub fn bytes(&self) -> usize {
        self.steps.len() * size_of::<(i64, i64)>()
    }

    /// (use, bytes) of what could be dropped.
    pub fn droppable(&self) -> (u32, usize) {
        (self.used, (self.steps.len() - self.undrained) * size_of::<(i64, i64)>())
    }

    /// Drops the drained steps, unless they were of use after `upto`.
    pub fn drop_used(&mut self, upto: u32) {
        let count = self.steps.len() - self.undrained;
        if self.used > upto || count == 0 {
            return;
        }
        let (offset, max_us) = self.steps[count - 1];
        self.floor = Some(Floor { offset: offset.saturating_add(1), max_us });
        self.steps.drain(..count);
        self.dropped += count;
        if self.steps.capacity() > 2 * self.steps.len() {
            self.steps.shrink_to(self.steps.len() * 3 / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stairs() -> Stairs {
        let mut stairs = Stairs::default();
        for (offset, time_us) in [(2, 50), (4, 40), (5, 50), (7, 60), (8, 10)] {
            stairs.observe(offset, time_us);
        }
        stairs
    }

    #[test]
    fn the_watermark_at_a_cut_is_the_maximum_below_it() {
        let mut stairs = stairs();
        let at: Vec<_> = [2, 3, 7, 8, 99].iter().map(|cut| stairs.below_us(*cut)).collect();
        assert_eq!(at, [Ok(None), Ok(Some(50)), Ok(Some(50)), Ok(Some(60)), Ok(Some(60))]);
        assert_eq!(stairs.max_us(), Some(60));
        assert_eq!(stairs.drain(), [(2, 50), (7, 60)]);
        assert!(stairs.drain().is_empty());
    }

    #[test]
    fn dropped_steps_leave_the_maximum_and_come_back() {
        let mut stairs = stairs();
        stairs.drop_used(0);
        assert!(stairs.is_whole(), "nothing is drained");
        stairs.drain();
        stairs.drop_used(0);
        stairs.observe(9, 60);
        stairs.observe(10, 61);
        assert_eq!((stairs.len(), stairs.max_us()), (3, Some(61)));
        assert_eq!(
            [7, 8, 10, 11].map(|cut| stairs.below_us(cut)),
            [Err(Missing), Ok(Some(60)), Ok(Some(60)), Ok(Some(61))]
        );
        assert!(!stairs.supply(&[(7, 60)]), "one is lost");
        assert!(stairs.supply(&[(2, 50), (7, 60)]));
        assert_eq!([2, 7, 8, 11].map(|cut| stairs.below_us(cut)), [Ok(None), Ok(Some(50)), Ok(Some(60)), Ok(Some(61))]);
        assert_eq!((stairs.len(), stairs.drain()), (3, &[(10, 61)][..]));
    }

    #[test]
    fn opened_stairs_know_their_end() {
        let mut stairs = Stairs::opened(2, Some(60), 20);
        assert_eq!([20, 19].map(|cut| stairs.below_us(cut)), [Ok(Some(60)), Err(Missing)]);
        stairs.observe(20, 60);
        assert!(stairs.drain().is_empty());
        assert_eq!(Stairs::opened(0, None, 20).below_us(5), Ok(None));
    }
}
