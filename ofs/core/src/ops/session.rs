//! Sessions: a partition's maximal runs of contributions, joined over partitions; the last chain of runs is the answer.

use super::{Ir, Slice, Unit};
use crate::ir::wire::{Corrupt, Decoded, Reader, put_len, put_u64};
use crate::keylog::breaks::{Breaks, exceeds};
use crate::keylog::tracks::{Telling, ToldRuns, WindowTrack};
use crate::ops::age::{behind, distance};

/// Contributions each at most the gap after the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<'a> {
    pub first_us: i64,
    pub last_us: i64,
    pub irs: Vec<Ir<'a>>,
}

/// How a query must carry the runs of a partition.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    pub gap_us: i64,
    /// No other partition takes part, so the last run is enough.
    pub sole: bool,
}

/// What was told of a partition's runs; all lists ascend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<'a> {
    /// All runs, and what was told before still stands.
    Alone(Vec<Run<'a>>),
    /// The runs that stand are as the keep says, then as told.
    Standing { keep: Keep, front: Option<Run<'a>>, settled: Vec<Run<'a>>, last: Run<'a> },
}

/// Which of the settled runs told before still stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Nothing,
    /// Those that began in `[from_us, upto_us)`.
    Between {
        from_us: i64,
        upto_us: i64,
    },
}

const ALONE: u8 = 0;
const START: u8 = 1;
const NEXT: u8 = 2;
/// Fewer settled runs than this are told each time.
const SETTLED_MIN: usize = 4;

/// Encodes the runs of a slice.
pub struct Teller<'q> {
    pub units: &'q [Unit],
    pub chain: Chain,
    pub slice: Slice<'q>,
    pub as_of_us: i64,
}

impl Teller<'_> {
    /// `track`: what was told before, where the answers tell changes.
    pub fn tell(&self, track: Option<&mut WindowTrack>, out: &mut Vec<u8>) {
        let Slice { log, lo, hi, .. } = self.slice;
        let Some(last_us) = self.slice.last_us() else {
            return self.alone(&[], None, out);
        };
        if self.chain.sole && exceeds(self.chain.gap_us, last_us, self.as_of_us) {
            return self.alone(&[], None, out);
        }
        let breaks = log.indexes().and_then(|indexes| indexes.breaks(self.chain.gap_us));
        let start = match breaks {
            Some(breaks) => breaks.below(hi).map_or(lo, |place| place.max(lo)),
            None => self.start_of_run(hi),
        };
        if self.chain.sole || start == lo {
            return self.alone(&[start], track, out);
        }
        match (track, breaks) {
            (Some(track), Some(breaks)) if breaks.within(lo, start).len() >= SETTLED_MIN && track.is_asked => {
                self.standing(start, breaks, track, out);
            }
            (track, breaks) => self.alone(&self.starts(start, breaks), track, out),
        }
    }

    /// Where the run that ends at `end` begins, by reading it.
    fn start_of_run(&self, end: usize) -> usize {
        let log = self.slice.log;
        let mut start = end - 1;
        while start > self.slice.lo && !exceeds(self.chain.gap_us, log.time_us(start - 1), log.time_us(start)) {
            start -= 1;
        }
        start
    }

    /// Where the runs begin, the last one at `last`.
    fn starts(&self, last: usize, breaks: Option<&Breaks>) -> Vec<usize> {
        let lo = self.slice.lo;
        if let Some(breaks) = breaks {
            let further = breaks.within(lo + 1, last + 1);
            return std::iter::once(lo).chain(further.iter().copied()).collect();
        }
        let mut starts = vec![last];
        let mut end = last;
        while end > lo {
            end = self.start_of_run(end);
            starts.push(end);
        }
        starts.reverse();
        starts
    }

    fn alone(&self, starts: &[usize], track: Option<&mut WindowTrack>, out: &mut Vec<u8>) {
        out.push(ALONE);
        put_len(out, starts.len());
        if let Some((last, settled)) = starts.split_last() {
            self.put_settled(settled, *last, out);
            self.put_last(*last, track, out);
        }
    }

    fn standing(&self, last: usize, breaks: &Breaks, track: &mut WindowTrack, out: &mut Vec<u8>) {
        let (log, lo) = (self.slice.log, self.slice.lo);
        // the run that the window's start cuts is told each time, so that those behind it can stand
        let is_cut = lo > 0 && !exceeds(self.chain.gap_us, log.time_us(lo - 1), log.time_us(lo));
        let first = if is_cut { breaks.within(lo, last + 1).first().copied().unwrap_or(last) } else { lo };
        let kept = track.runs.filter(|told| told.lo <= lo).map_or(first, |told| {
            let untouched =
                if told.touched == usize::MAX { usize::MAX } else { breaks.below(told.touched).unwrap_or(0) };
            told.end.min(untouched).min(last).max(first)
        });
        track.runs = Some(ToldRuns { lo, end: last, touched: usize::MAX });
        out.push(if kept > first { NEXT } else { START });
        if kept > first {
            put_u64(out, distance(self.as_of_us, log.time_us(first)));
            put_u64(out, distance(self.as_of_us, log.time_us(kept)));
        }
        out.push(u8::from(is_cut));
        if is_cut {
            self.put_run(lo, first, &Telling::Alone, out);
        }
        let settled = if kept < last { breaks.within(kept + 1, last) } else { &[] };
        let starts: Vec<usize> = (kept < last).then_some(kept).into_iter().chain(settled.iter().copied()).collect();
        put_len(out, starts.len());
        self.put_settled(&starts, last, out);
        self.put_last(last, Some(track), out);
    }

    /// Runs that begin at `starts`, of which the last ends at `end`.
    fn put_settled(&self, starts: &[usize], end: usize, out: &mut Vec<u8>) {
        for (place, start) in starts.iter().enumerate() {
            self.put_run(*start, starts.get(place + 1).copied().unwrap_or(end), &Telling::Alone, out);
        }
    }

    fn put_last(&self, start: usize, track: Option<&mut WindowTrack>, out: &mut Vec<u8>) {
        let hi = self.slice.hi;
        let has_tally = self.units.iter().any(|unit| matches!(unit, Unit::Tally { .. }));
        let telling = track.filter(|_| has_tally).map_or(Telling::Alone, |track| track.tell(start, hi));
        self.put_run(start, hi, &telling, out);
    }

    fn put_run(&self, start: usize, end: usize, telling: &Telling, out: &mut Vec<u8>) {
        let run = self.slice.part(start, end);
        let (first_us, last_us) = run.first_us().zip(run.last_us()).unwrap_or_default();
        put_u64(out, distance(self.as_of_us, first_us));
        put_u64(out, distance(self.as_of_us, last_us));
        self.units.iter().for_each(|unit| unit.query(&run, self.as_of_us, telling, out));
    }
}

impl<'a> Told<'a> {
    /// `unit` reads the IR of one unit.
    pub fn decode(
        units: &[Unit],
        reader: &mut Reader<'a>,
        as_of_us: i64,
        mut unit: impl FnMut(usize, &Unit, &mut Reader<'a>) -> Decoded<Ir<'a>>,
    ) -> Decoded<Self> {
        let mut run = |reader: &mut Reader<'a>| {
            let first_us = behind(as_of_us, reader.u64()?);
            let last_us = behind(as_of_us, reader.u64()?);
            let irs = units.iter().enumerate().map(|(place, known)| unit(place, known, reader));
            Ok(Run { first_us, last_us, irs: irs.collect::<Decoded<Vec<Ir<'a>>>>()? })
        };
        let mut runs = |reader: &mut Reader<'a>| {
            let count = reader.count(2)?;
            (0..count).map(|_| run(reader)).collect::<Decoded<Vec<Run<'a>>>>()
        };
        let keep = match reader.u8()? {
            ALONE => return Ok(Told::Alone(runs(reader)?)),
            START => Keep::Nothing,
            NEXT => {
                let (from_us, upto_us) = (behind(as_of_us, reader.u64()?), behind(as_of_us, reader.u64()?));
                Keep::Between { from_us, upto_us }
            }
            _ => return Err(Corrupt),
        };
        let front = match reader.u8()? {
            0 => None,
            _ => Some(run(reader)?),
        };
        let count = reader.count(2)?;
        let settled = (0..count).map(|_| run(reader)).collect::<Decoded<Vec<Run<'a>>>>()?;
        Ok(Told::Standing { keep, front, settled, last: run(reader)? })
    }
}
