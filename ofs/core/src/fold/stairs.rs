//! The largest event time of a scope as a staircase over the offsets: for lateness, and for watermarks at any cut.

/// Steps (offset, largest event time up to and with it), both strictly ascending.
#[derive(Debug, Default)]
pub struct Stairs {
    steps: Vec<(i64, i64)>,
    drained: usize,
}

impl Stairs {
    /// The largest event time so far.
    pub fn max_us(&self) -> Option<i64> {
        self.steps.last().map(|(_, time_us)| *time_us)
    }

    /// Bounds: offsets ascend.
    pub fn observe(&mut self, offset: i64, time_us: i64) {
        if self.max_us().is_none_or(|known| time_us > known) {
            self.steps.push((offset, time_us));
        }
    }

    /// The largest event time at offsets below a cut.
    pub fn below_us(&self, cut: i64) -> Option<i64> {
        let steps = self.steps.partition_point(|(offset, _)| *offset < cut);
        self.steps[..steps].last().map(|(_, time_us)| *time_us)
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps since the last drain.
    pub fn drain(&mut self) -> &[(i64, i64)] {
        let from = self.drained.min(self.steps.len());
        self.drained = self.steps.len();
        &self.steps[from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watermark_at_a_cut_is_the_maximum_below_it() {
        let mut stairs = Stairs::default();
        for (offset, time_us) in [(2, 50), (4, 40), (5, 50), (7, 60), (8, 10)] {
            stairs.observe(offset, time_us);
        }
        let at: Vec<Option<i64>> = [2, 3, 7, 8, 99].iter().map(|cut| stairs.below_us(*cut)).collect();
        assert_eq!(at, [None, Some(50), Some(50), Some(60), Some(60)]);
        assert_eq!(stairs.max_us(), Some(60));
        assert_eq!(stairs.drain(), [(2, 50), (7, 60)]);
        assert!(stairs.drain().is_empty());
    }
}
