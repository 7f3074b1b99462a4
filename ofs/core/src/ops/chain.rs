//! The session at as-of: the chain of runs of all partitions that ends last.

use std::cell::Cell;
use std::collections::VecDeque;

use super::joined::{Block, JOINED, Joined};
use super::session::{Keep, Run, Told};
use super::{Ir, Unit};
use crate::ir::wire::{Corrupt, Decoded};
use crate::keylog::breaks::exceeds;

/// The runs of one partition, ascending.
#[derive(Debug, Default)]
pub struct Runs<'a> {
    /// What the window's start left of a run.
    pub(super) front: Option<Run<'a>>,
    pub(super) settled: VecDeque<Run<'a>>,
    pub(super) last: Option<Run<'a>>,
    /// How many settled runs went at the front; a run's number counts them.
    pub(super) dropped: usize,
    /// Settled runs with smaller numbers are what they were when this was set.
    pub(super) stable: Cell<usize>,
}

impl<'a> Runs<'a> {
    pub fn of(runs: Vec<Run<'a>>) -> Self {
        Runs { settled: runs.into(), ..Runs::default() }
    }

    /// Takes what a partition tells next. Raises Corrupt where it does not follow what stands.
    pub fn take(&mut self, told: Told<'a>) -> Decoded<()> {
        let Told::Standing { keep, front, settled, last } = told else { return Err(Corrupt) };
        match keep {
            Keep::Nothing => {
                self.dropped += self.settled.len();
                self.settled.clear();
            }
            Keep::Between { from_us, upto_us } => {
                while self.settled.front().is_some_and(|run| run.first_us < from_us) {
                    self.settled.pop_front();
                    self.dropped += 1;
                }
                while self.settled.back().is_some_and(|run| run.first_us >= upto_us) {
                    self.settled.pop_back();
                }
                if self.settled.is_empty() {
                    return Err(Corrupt);
                }
            }
        }
        self.stable.set(self.stable.get().min(self.end()));
        self.settled.extend(settled);
        (self.front, self.last) = (front, Some(last));
        Ok(())
    }

    /// The number of the next settled run.
    pub(super) fn end(&self) -> usize {
        self.dropped + self.settled.len()
    }
}

/// The IRs of the session that holds at as-of; None where it ended more than the gap ago, or never began. `joined`: what
/// is known of these lists, if they stand.
pub fn current<'a>(
    units: &[Unit],
    gap_us: i64,
    as_of_us: i64,
    lists: &[&Runs<'a>],
    joined: &mut Joined<'a>,
) -> Decoded<Option<Vec<Ir<'a>>>> {
    joined.refresh(units, gap_us, lists)?;
    let mut walk = Walk::new(units, gap_us, as_of_us, lists, joined);
    loop {
        match walk.step(&joined.blocks)? {
            Step::Taken => {}
            Step::Ended => break,
            Step::Torn => {
                joined.clear();
                walk = Walk::new(units, gap_us, as_of_us, lists, joined);
            }
        }
    }
    let Walk { irs, heads, singles, left, .. } = walk;
    let Some(mut irs) = irs else { return Ok(None) };
    joined.forget(left);
    if !joined.blocks.is_empty() {
        let tallies = irs.iter_mut().filter_map(|ir| if let Ir::Tally(tally) = ir { Some(tally) } else { None });
        tallies.for_each(|tally| tally.standing.push(JOINED));
    }
    let ends: Vec<usize> = heads.iter().map(|head| head.next).collect();
    joined.join(units, gap_us, &ends, &singles)?;
    Ok(Some(irs))
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Taken,
    Ended,
    /// A block is part of the session only in part.
    Torn,
}

/// Where the walk stands in a list.
#[derive(Debug)]
struct Head<'r, 'a> {
    runs: &'r Runs<'a>,
    last: Option<&'r Run<'a>>,
    front: Option<&'r Run<'a>>,
    /// The number of the settled run taken last.
    next: usize,
}

/// The walk from the last run back, as long as runs reach each other.
struct Walk<'r, 'a> {
    units: &'r [Unit],
    gap_us: i64,
    reached_us: i64,
    irs: Option<Vec<Ir<'a>>>,
    heads: Vec<Head<'r, 'a>>,
    /// Blocks not taken.
    left: usize,
    /// The settled runs taken, latest first: list and run.
    singles: Vec<(usize, &'r Run<'a>)>,
}

impl<'r, 'a> Walk<'r, 'a> {
    fn new(units: &'r [Unit], gap_us: i64, as_of_us: i64, lists: &[&'r Runs<'a>], joined: &Joined<'a>) -> Self {
        let head =
            |runs: &&'r Runs<'a>| Head { runs, last: runs.last.as_ref(), front: runs.front.as_ref(), next: runs.end() };
        let heads = lists.iter().map(head).collect();
        let left = joined.blocks.len();
        Walk { units, gap_us, reached_us: as_of_us, irs: None, heads, left, singles: Vec::new() }
    }

    /// Takes the run or block that ends last of those not taken, if it reaches what was taken.
    fn step(&mut self, blocks: &VecDeque<Block<'a>>) -> Decoded<Step> {
        let block = self.left.checked_sub(1).and_then(|place| blocks.get(place));
        let runs = self.heads.iter().enumerate().filter_map(|(list, head)| Some((list, head.peek(list, block)?)));
        let latest = runs.max_by_key(|(_, run)| run.last_us);
        match (latest, block) {
            (latest, Some(block)) if latest.is_none_or(|(_, run)| run.last_us <= block.last_us) => {
                if exceeds(self.gap_us, block.last_us, self.reached_us) {
                    return Ok(Step::Ended);
                }
                if block.hole_us.is_some_and(|hole_us| self.irs.is_none() || self.reached_us > hole_us) {
                    return Ok(Step::Torn);
                }
                self.left -= 1;
                self.merge(block.first_us, &block.irs)?;
                self.heads.iter_mut().enumerate().for_each(|(list, head)| head.pass(list, block, blocks));
            }
            (Some((list, run)), _) => {
                if exceeds(self.gap_us, run.last_us, self.reached_us) {
                    return Ok(Step::Ended);
                }
                self.merge(run.first_us, &run.irs)?;
                let head = self.heads.get_mut(list).ok_or(Corrupt)?;
                if head.take(run) {
                    self.singles.push((list, run));
                    if let Some(block) = blocks.get(self.left) {
                        head.pass(list, block, blocks);
                    }
                }
            }
            (None, _) => return Ok(Step::Ended),
        }
        Ok(Step::Taken)
    }

    fn merge(&mut self, first_us: i64, irs: &[Ir<'a>]) -> Decoded<()> {
        self.reached_us = if self.irs.is_some() { self.reached_us.min(first_us) } else { first_us };
        let units = self.units;
        let into = self.irs.get_or_insert_with(|| units.iter().map(Unit::init).collect());
        for ((unit, into), other) in units.iter().zip(into).zip(irs) {
            unit.merge(into, other.clone())?;
        }
        Ok(())
    }
}

impl<'r, 'a> Head<'r, 'a> {
    /// The next run; what `block` holds, and lies before it, comes behind it.
    fn peek(&self, list: usize, block: Option<&Block<'a>>) -> Option<&'r Run<'a>> {
        if self.last.is_some() {
            return self.last;
        }
        let floor = block.map_or(self.runs.dropped, |block| block.to.get(list).copied().unwrap_or(0));
        if self.next > floor {
            return self.runs.settled.get(self.next - 1 - self.runs.dropped);
        }
        if block.is_none() { self.front } else { None }
    }

    /// Whether it was a settled one.
    fn take(&mut self, run: &Run<'a>) -> bool {
        if self.last.take().is_some() {
            return false;
        }
        if self.front.is_some_and(|front| std::ptr::eq(front, run)) {
            self.front = None;
            return false;
        }
        self.next -= 1;
        true
    }

    /// Goes on before `taken`, the first of the blocks taken, once it has come to the last one.
    fn pass(&mut self, list: usize, taken: &Block<'a>, blocks: &VecDeque<Block<'a>>) {
        let end = blocks.back().and_then(|block| block.to.get(list)).copied().unwrap_or(0);
        if self.next <= end {
            self.next = self.next.min(taken.from.get(list).copied().unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::census::{Census, Running};
    use crate::ops::count::Count;
    use crate::ops::laws::Numbers;
    use crate::ops::tally::Tally;
    use crate::ops::{Atom, TypedField};
    use crate::value::ValueType;

    fn run(first_us: i64, last_us: i64, count: u64) -> Run<'static> {
        Run { first_us, last_us, irs: vec![Ir::Count(Count(count))] }
    }

    fn session(gap_us: i64, as_of_us: i64, lists: &[Vec<Run<'static>>]) -> Option<Vec<Ir<'static>>> {
        let lists: Vec<Runs<'static>> = lists.iter().cloned().map(Runs::of).collect();
        let lists: Vec<&Runs<'static>> = lists.iter().collect();
        current(&[Unit::Count], gap_us, as_of_us, &lists, &mut Joined::default()).unwrap()
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

    const GAP_US: i64 = 10;

    /// A partition whose runs are drawn: those told before go at both ends, new ones follow.
    fn draw(numbers: &mut Numbers, runs: &mut Runs<'static>, now_us: i64) {
        let tally = |numbers: &mut Numbers| Tally {
            counts: vec![(Atom::Number(numbers.next(50) as i64), 1)],
            standing: Vec::new(),
        };
        let draw = |numbers: &mut Numbers, first_us: i64, last_us: i64| Run {
            first_us,
            last_us,
            irs: vec![Ir::Count(Count(1)), Ir::Tally(tally(numbers))],
        };
        let back = [0, 0, 0, 1, [3, 40][numbers.next(60) as usize / 59]][numbers.next(5) as usize];
        let front = [0, 0, 0, [2, 30][numbers.next(90) as usize / 89]][numbers.next(4) as usize];
        let length = runs.settled.len();
        let keep = if length > back + front + 1 {
            let (from, upto) = (&runs.settled[front], runs.settled.get(length - back));
            Keep::Between { from_us: from.first_us, upto_us: upto.map_or(i64::MAX, |run| run.first_us) }
        } else {
            Keep::Nothing
        };
        let kept = if keep == Keep::Nothing { None } else { runs.settled.get(length - back - 1) };
        let mut at_us = kept.map_or(now_us - 3_000, |run| run.last_us);
        let mut settled = Vec::new();
        while at_us < now_us {
            let first_us = at_us + GAP_US + 1 + numbers.next(4) as i64;
            at_us = first_us + if numbers.next(9) == 0 { numbers.next(90) as i64 } else { numbers.next(4) as i64 };
            settled.push(draw(numbers, first_us, at_us));
        }
        let last = draw(numbers, at_us + 11, at_us + 20);
        runs.take(Told::Standing { keep, front: None, settled, last }).unwrap();
    }

    #[test]
    fn what_is_joined_comes_to_a_walk_of_all_runs() {
        let units = [Unit::Count, Unit::Tally { field: TypedField { column: 0, kind: ValueType::Int }, k: 2 }];
        let (mut numbers, mut blocks) = (Numbers(7), 0);
        let (mut lists, mut joined) = ([Runs::default(), Runs::default(), Runs::default()], Joined::default());
        let mut running = Running::new(true);
        for step in 0..1_500 {
            let now_us = 5_000 + step * 20;
            lists.iter_mut().for_each(|runs| draw(&mut numbers, runs, now_us));
            let lists = [&lists[0], &lists[1], &lists[2]];
            let as_of_us = now_us + 20;
            let expected = current(&units, GAP_US, as_of_us, &lists, &mut Joined::default()).unwrap();
            joined.keep(0..3);
            let found = current(&units, GAP_US, as_of_us, &lists, &mut joined).unwrap();
            joined.tell(&units, |_, _, counts, is_added| running.adjust(JOINED, counts, is_added)).unwrap();
            blocks += joined.blocks.len();
            assert_eq!(found.is_some(), expected.is_some());
            let (Some(found), Some(expected)) = (found, expected) else { continue };
            assert_eq!(found[0], expected[0], "step {step}");
            let [Ir::Tally(found), Ir::Tally(expected)] = [&found[1], &expected[1]] else { continue };
            assert_eq!(running.census(found, 2), Ok(Census::of(expected.clone(), 2)), "step {step}");
        }
        assert!(blocks > 300, "{blocks}");
    }

    #[test]
    fn a_block_that_another_run_bridged_is_torn_without_it() {
        let standing = |keep: Keep, settled: Vec<Run<'static>>, last: Run<'static>| Told::Standing {
            keep,
            front: None,
            settled,
            last,
        };
        let (mut short, mut long, mut joined) = (Runs::default(), Runs::default(), Joined::default());
        let settled = (0..100).map(|place| run(20 * place, 20 * place + 5, 1)).collect();
        short.take(standing(Keep::Nothing, settled, run(2_000, 2_005, 1))).unwrap();
        let mut found = Vec::new();
        for first_us in [300, 300, 300, 600, 600, 600, 600] {
            long.take(standing(Keep::Nothing, Vec::new(), run(first_us, 2_010, 1))).unwrap();
            joined.keep(0..2);
            let irs = current(&[Unit::Count], GAP_US, 2_020, &[&short, &long], &mut joined).unwrap().unwrap();
            found.push((irs[0].clone(), joined.blocks.is_empty()));
        }
        let count = |count: u64, is_single: bool| (Ir::Count(Count(count)), is_single);
        let (many, few) = (count(87, false), count(72, false));
        assert_eq!(found, [count(87, true), many.clone(), many, count(72, true), few.clone(), few.clone(), few]);
    }
}
