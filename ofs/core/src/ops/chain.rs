//! The session at as-of: the chain of runs of all partitions that ends last.

use std::collections::VecDeque;

use super::session::{Keep, Run, Told};
use super::{Ir, Unit};
use crate::ir::wire::{Corrupt, Decoded};
use crate::keylog::breaks::exceeds;

/// The runs of one partition, ascending.
#[derive(Debug, Default)]
pub struct Runs<'a> {
    /// What the window's start left of a run.
    front: Option<Run<'a>>,
    settled: VecDeque<Run<'a>>,
    last: Option<Run<'a>>,
}

impl<'a> Runs<'a> {
    pub fn of(runs: Vec<Run<'a>>) -> Self {
        Runs { front: None, settled: runs.into(), last: None }
    }

    /// Takes what a partition tells next. Raises Corrupt where it does not follow what stands.
    pub fn take(&mut self, told: Told<'a>) -> Decoded<()> {
        let Told::Standing { keep, front, settled, last } = told else { return Err(Corrupt) };
        match keep {
            Keep::Nothing => self.settled.clear(),
            Keep::Between { from_us, upto_us } => {
                while self.settled.front().is_some_and(|run| run.first_us < from_us) {
                    self.settled.pop_front();
                }
                while self.settled.back().is_some_and(|run| run.first_us >= upto_us) {
                    self.settled.pop_back();
                }
                if self.settled.is_empty() {
                    return Err(Corrupt);
                }
            }
        }
        self.settled.extend(settled);
        (self.front, self.last) = (front, Some(last));
        Ok(())
    }

    fn backward(&self) -> impl Iterator<Item = &Run<'a>> {
        self.last.iter().chain(self.settled.iter().rev()).chain(&self.front)
    }
}

/// The IRs of the session that holds at as-of; None where it ended more than the gap ago, or never began.
pub fn current<'a>(units: &[Unit], gap_us: i64, as_of_us: i64, lists: &[&Runs<'a>]) -> Decoded<Option<Vec<Ir<'a>>>> {
    let mut heads: Vec<_> = lists.iter().map(|runs| runs.backward().peekable()).collect();
    let (mut reached_us, mut irs): (i64, Option<Vec<Ir<'a>>>) = (as_of_us, None);
    loop {
        let latest = heads.iter_mut().filter_map(|head| Some((head.peek()?.last_us, head)));
        let Some((last_us, head)) = latest.max_by_key(|(last_us, _)| *last_us) else { break };
        if exceeds(gap_us, last_us, reached_us) {
            break;
        }
        let run = head.next().ok_or(Corrupt)?;
        match &mut irs {
            None => (reached_us, irs) = (run.first_us, Some(run.irs.clone())),
            Some(irs) => {
                reached_us = reached_us.min(run.first_us);
                for ((unit, into), other) in units.iter().zip(irs).zip(&run.irs) {
                    unit.merge(into, other.clone())?;
                }
            }
        }
    }
    Ok(irs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::count::Count;

    fn run(first_us: i64, last_us: i64, count: u64) -> Run<'static> {
        Run { first_us, last_us, irs: vec![Ir::Count(Count(count))] }
    }

    fn session(gap_us: i64, as_of_us: i64, lists: &[Vec<Run<'static>>]) -> Option<Vec<Ir<'static>>> {
        let lists: Vec<Runs<'static>> = lists.iter().cloned().map(Runs::of).collect();
        let lists: Vec<&Runs<'static>> = lists.iter().collect();
        current(&[Unit::Count], gap_us, as_of_us, &lists).unwrap()
    }

    #[test]
    fn a_run_of_one_partition_bridges_those_of_another() {
        let lists = [vec![run(0, 10, 2), run(100, 110, 3)], vec![run(39, 72, 4)], vec![run(50, 60, 1)]];
        assert_eq!(session(28, 111, &lists), Some(run(39, 110, 8).irs));
        assert_eq!(session(29, 111, &lists), Some(run(0, 110, 10).irs));
        assert_eq!(session(27, 111, &lists), Some(run(0, 110, 3).irs));
    }

    #[test]
    fn a_session_lasts_as_long_as_the_gap_allows() {
        assert_eq!(session(5, 15, &[vec![run(0, 10, 2)]]), Some(run(0, 10, 2).irs));
        assert_eq!(session(5, 16, &[vec![run(0, 10, 2)]]), None);
        assert_eq!(session(5, 16, &[]), None);
    }
}
