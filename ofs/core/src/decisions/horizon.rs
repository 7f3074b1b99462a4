//! How far back the decisions that are still to be answered look.

use super::Decisions;
use crate::record::AsOfBasis;

/// Decisions between two minima that are kept.
const STEP: usize = 1_024;

impl Decisions {
    /// The smallest as-of of the regular decisions from `from` on; the smallest integer where one of them is still to be
    /// derived, the largest where there is none. Bounds: sealed; the same at every later call.
    pub fn as_of_min(&self, from: usize) -> i64 {
        let next = from.div_ceil(STEP);
        let behind = self.horizons.get_or_init(|| self.minima()).get(next).copied().unwrap_or(i64::MAX);
        self.smallest(from, next * STEP).min(behind)
    }

    /// At each step, of all decisions from there on.
    fn minima(&self) -> Vec<i64> {
        let steps = (0..self.len()).step_by(STEP);
        let mut minima: Vec<i64> = steps.map(|from| self.smallest(from, from + STEP)).collect();
        let mut behind = i64::MAX;
        for known in minima.iter_mut().rev() {
            behind = behind.min(*known);
            *known = behind;
        }
        minima
    }

    fn smallest(&self, lo: usize, hi: usize) -> i64 {
        let views = (lo..hi.min(self.len())).filter_map(|index| self.view(index));
        let times = views.map(|view| match view.shape.as_of_basis {
            AsOfBasis::Watermark => i64::MIN,
            AsOfBasis::EventTime | AsOfBasis::IngestTime => view.as_of_given_us.unwrap_or(i64::MIN),
        });
        times.min().unwrap_or(i64::MAX)
    }
}
