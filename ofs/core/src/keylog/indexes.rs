//! What a log keeps so that no operator has to read whole windows of a hot key: none of it for a log that is short.

use super::ALLOCATION;
use super::breaks::Breaks;
use super::extremes::{Extremes, Ranked};
use super::lines::Lines;
use super::texts::Texts;

/// What the operators of a group ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    pub extremes: Vec<Ranked>,
    pub gaps: Vec<i64>,
}

#[derive(Debug)]
pub struct Indexes {
    extremes: Vec<Extremes>,
    breaks: Vec<Breaks>,
}

impl Indexes {
    pub fn new(declared: &Declared) -> Self {
        Indexes {
            extremes: declared.extremes.iter().map(|ranked| Extremes::new(*ranked)).collect(),
            breaks: declared.gaps.iter().map(|gap_us| Breaks::new(*gap_us)).collect(),
        }
    }

    /// What lies from `at` on is not what it was.
    pub fn cut(&mut self, at: usize) {
        self.extremes.iter_mut().for_each(|extremes| extremes.cut(at));
        self.breaks.iter_mut().for_each(|breaks| breaks.cut(at));
    }

    /// Covers the log.
    pub(super) fn extend(&mut self, lines: &Lines, texts: &Texts) {
        for extremes in &mut self.extremes {
            let place = extremes.ranked.column;
            if place < lines.columns() {
                extremes.extend(lines.column(place), texts);
            }
        }
        self.breaks.iter_mut().for_each(|breaks| breaks.extend(lines.len(), |at| lines.time_us(at)));
    }

    pub fn extremes(&self, ranked: Ranked) -> Option<&Extremes> {
        self.extremes.iter().find(|extremes| extremes.ranked == ranked)
    }

    pub fn breaks(&self, gap_us: i64) -> Option<&Breaks> {
        self.breaks.iter().find(|breaks| breaks.gap_us == gap_us)
    }

    pub fn bytes(&self) -> usize {
        let extremes = self.extremes.iter().map(|extremes| extremes.bytes() + size_of::<Extremes>()).sum::<usize>();
        let breaks = self.breaks.iter().map(|breaks| breaks.bytes() + size_of::<Breaks>()).sum::<usize>();
        size_of::<Indexes>() + extremes + breaks + 3 * ALLOCATION
    }
}
