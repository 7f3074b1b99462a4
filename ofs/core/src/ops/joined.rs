//! Settled runs of several partitions that are joined already, so that a long chain is not walked run by run.

use std::collections::VecDeque;

use super::chain::Runs;
use super::session::Run;
use super::{Atom, Ir, Unit};
use crate::ir::wire::{Corrupt, Decoded};
use crate::keylog::breaks::exceeds;

/// The rank of the tallies of blocks among those that stand.
pub const JOINED: u32 = u32::MAX;
/// The latest runs of a chain stay single: those that come late change them.
const SINGLE: usize = 32;
const BLOCK: usize = 32;

/// Runs next to each other in every list: joined from single runs, or from two blocks.
#[derive(Debug)]
pub struct Block<'a> {
    /// By list, the numbers `[from, to)`.
    pub from: Vec<usize>,
    pub to: Vec<usize>,
    pub first_us: i64,
    pub last_us: i64,
    /// Where the runs alone do not reach each other: what is behind the block must begin at or before this time, to bridge
    /// its holes.
    pub hole_us: Option<i64>,
    /// But for tallies, which stand.
    pub irs: Vec<Ir<'a>>,
    level: u32,
    halves: Option<Box<(Block<'a>, Block<'a>)>>,
    /// By unit; empty but for blocks of single runs.
    tallies: Vec<Counts<'a>>,
}

type Counts<'a> = Vec<(Atom<'a>, u64)>;

/// Blocks of one session, ascending; in each list one begins where the one before ends.
#[derive(Debug, Default)]
pub struct Joined<'a> {
    pub blocks: VecDeque<Block<'a>>,
    /// Whose lists they are; none where nothing is kept.
    ranks: Vec<u32>,
    /// Made by the last walk, for the next one.
    waiting: Vec<Block<'a>>,
    /// Tallies by unit, in the order in which they came (true) and went.
    moved: Vec<(Vec<Counts<'a>>, bool)>,
}

impl<'a> Joined<'a> {
    /// Keeps what is joined of the lists of these ranks.
    pub fn keep(&mut self, ranks: impl Iterator<Item = u32> + Clone) {
        if !self.ranks.iter().copied().eq(ranks.clone()) {
            self.clear();
            self.waiting.clear();
            self.ranks = ranks.collect();
        }
    }

    /// Takes in what waits, and gives up what holds runs that are not what they were.
    pub fn refresh(&mut self, units: &[Unit], gap_us: i64, lists: &[&Runs<'a>]) -> Decoded<()> {
        if self.ranks.is_empty() {
            return Ok(());
        }
        for block in std::mem::take(&mut self.waiting) {
            self.push(units, gap_us, block)?;
        }
        let is_stable = |block: &Block<'a>| block.to.iter().zip(lists).all(|(to, runs)| *to <= runs.stable.get());
        while let Some(block) = self.blocks.pop_back() {
            if is_stable(&block) {
                self.blocks.push_back(block);
                break;
            }
            match block.halves {
                Some(halves) => self.blocks.extend(<[Block<'a>; 2]>::from(*halves)),
                None => self.moved.push((block.tallies, false)),
            }
        }
        let is_whole = |block: &Block<'a>| {
            let mut spans = block.from.iter().zip(&block.to).zip(lists);
            spans.all(|((from, to), runs)| from == to || *from >= runs.dropped)
        };
        while let Some(broken) = self.blocks.iter().rposition(|block| !is_whole(block)) {
            self.forget(broken);
            match self.blocks.pop_front() {
                Some(Block { halves: Some(halves), .. }) => {
                    let (left, right) = *halves;
                    self.blocks.push_front(right);
                    self.blocks.push_front(left);
                }
                Some(Block { tallies, .. }) => self.moved.push((tallies, false)),
                None => {}
            }
        }
        lists.iter().for_each(|runs| runs.stable.set(runs.end()));
        Ok(())
    }

    /// Adds a block of single runs; blocks of one size become one, so that there are few.
    fn push(&mut self, units: &[Unit], gap_us: i64, mut block: Block<'a>) -> Decoded<()> {
        self.moved.push((block.tallies.clone(), true));
        while let Some(before) = self.blocks.pop_back() {
            if before.level != block.level {
                self.blocks.push_back(before);
                break;
            }
            block = Block::over(units, gap_us, before, block)?;
        }
        self.blocks.push_back(block);
        Ok(())
    }

    /// Gives up the first `count` blocks.
    pub fn forget(&mut self, count: usize) {
        let Joined { blocks, moved, .. } = self;
        blocks.drain(..count).for_each(|block| block.give_up(moved));
    }

    pub fn clear(&mut self) {
        self.forget(self.blocks.len());
    }

    /// Joins, for the next walk, the older ones of the settled runs that a walk took singly, latest first, into blocks. `ends`: by list, the
    /// number where the walk ended.
    pub fn join(&mut self, units: &[Unit], gap_us: i64, ends: &[usize], singles: &[(usize, &Run<'a>)]) -> Decoded<()> {
        if singles.len() < SINGLE + BLOCK || self.ranks.is_empty() {
            return Ok(());
        }
        let mut from = ends.to_vec();
        if let Some(back) = self.blocks.back() {
            if back.to.iter().zip(ends).any(|(to, end)| end > to) {
                return Ok(()); // a run between is no part of the session
            }
            from.clone_from(&back.to);
        }
        let older = singles.get(SINGLE..).unwrap_or_default();
        for runs in older.rchunks_exact(BLOCK) {
            let block = Block::of(units, gap_us, from, runs)?;
            from = block.to.clone();
            self.waiting.push(block);
        }
        Ok(())
    }

    /// Hands out the tallies of blocks that came or went since the last call: place of the unit, whether its most frequent
    /// values will be asked for, counts, and whether they came.
    pub fn tell(
        &mut self,
        units: &[Unit],
        mut each: impl FnMut(usize, bool, &[(Atom<'a>, u64)], bool) -> Decoded<()>,
    ) -> Decoded<()> {
        for (tallies, is_added) in self.moved.drain(..) {
            for (place, (unit, counts)) in units.iter().zip(&tallies).enumerate() {
                if let Unit::Tally { k, .. } = unit {
                    each(place, *k > 0, counts, is_added)?;
                }
            }
        }
        Ok(())
    }
}

impl<'a> Block<'a> {
    /// `runs`: latest first, each with its list.
    fn of(units: &[Unit], gap_us: i64, from: Vec<usize>, runs: &[(usize, &Run<'a>)]) -> Decoded<Self> {
        let mut to = from.clone();
        let mut irs: Vec<Ir<'a>> = units.iter().map(Unit::init).collect();
        let last_us = runs.first().map_or(i64::MIN, |(_, run)| run.last_us);
        let (mut first_us, mut hole_us) = (last_us, None);
        for (list, run) in runs {
            *to.get_mut(*list).ok_or(Corrupt)? += 1;
            if exceeds(gap_us, run.last_us, first_us) {
                hole_us = Some(run.last_us.saturating_add(gap_us)); // the runs before had later ones
            }
            first_us = first_us.min(run.first_us);
            for ((unit, into), other) in units.iter().zip(&mut irs).zip(&run.irs) {
                unit.merge(into, other.clone())?;
            }
        }
        let mut tallies = Vec::new();
        for ir in &mut irs {
            tallies.push(match ir {
                Ir::Tally(tally) => {
                    tally.settle();
                    std::mem::take(&mut tally.counts)
                }
                _ => Vec::new(),
            });
        }
        Ok(Block { from, to, first_us, last_us, hole_us, irs, level: 0, halves: None, tallies })
    }

    fn over(units: &[Unit], gap_us: i64, left: Block<'a>, right: Block<'a>) -> Decoded<Self> {
        let mut irs = left.irs.clone();
        for ((unit, into), other) in units.iter().zip(&mut irs).zip(&right.irs) {
            unit.merge(into, other.clone())?;
        }
        let between = exceeds(gap_us, left.last_us, right.first_us).then(|| left.last_us.saturating_add(gap_us));
        let within = left.hole_us.filter(|hole_us| right.first_us > *hole_us);
        Ok(Block {
            from: left.from.clone(),
            to: right.to.clone(),
            first_us: left.first_us.min(right.first_us),
            last_us: left.last_us.max(right.last_us),
            hole_us: [right.hole_us, between, within].into_iter().flatten().min(),
            irs,
            level: left.level + 1,
            halves: Some(Box::new((left, right))),
            tallies: Vec::new(),
        })
    }

    fn give_up(self, moved: &mut Vec<(Vec<Counts<'a>>, bool)>) {
        match self.halves {
            Some(halves) => {
                halves.0.give_up(moved);
                halves.1.give_up(moved);
            }
            None => moved.push((self.tallies, false)),
        }
    }
}
