//! Sessions: a partition's maximal runs of contributions, joined over partitions; the last run is the answer.

use super::{Frame, Ir, Slice, Unit};
use crate::ir::wire::{Decoded, Reader, put_len, put_u64};
use crate::ops::age::{behind, distance};

/// Contributions each at most the gap after the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<'a> {
    first_us: i64,
    last_us: i64,
    irs: Vec<Ir<'a>>,
}

/// How a query must carry the runs of a partition.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    pub gap_us: i64,
    /// No other partition takes part, so the last run is enough.
    pub sole: bool,
}

/// Encodes the runs of the slice, the last one first.
pub fn query(units: &[Unit], chain: Chain, slice: &Slice<'_>, as_of_us: i64, out: &mut Vec<u8>) {
    let times = slice.times();
    let mut bounds = Vec::new();
    let mut end = times.len();
    if chain.sole && times.last().is_some_and(|last| exceeds(chain.gap_us, *last, as_of_us)) {
        end = 0;
    }
    while end > 0 {
        let mut start = end - 1;
        while start > 0 && !exceeds(chain.gap_us, times[start - 1], times[start]) {
            start -= 1;
        }
        bounds.push((start, end));
        end = if chain.sole { 0 } else { start };
    }
    put_len(out, bounds.len());
    for (start, end) in bounds {
        let run = slice.part(slice.lo + start, slice.lo + end);
        put_u64(out, distance(as_of_us, times[start]));
        put_u64(out, distance(as_of_us, times[end - 1]));
        units.iter().for_each(|unit| unit.query(&run, as_of_us, out));
    }
}

pub fn decode<'a>(units: &[Unit], reader: &mut Reader<'a>, frame: Frame, runs: &mut Vec<Run<'a>>) -> Decoded<()> {
    for _ in 0..reader.count(2)? {
        let first_us = behind(frame.as_of_us, reader.u64()?);
        let last_us = behind(frame.as_of_us, reader.u64()?);
        let irs = units.iter().map(|unit| unit.decode(reader, frame)).collect::<Decoded<Vec<Ir<'a>>>>()?;
        runs.push(Run { first_us, last_us, irs });
    }
    Ok(())
}

/// Joins runs at most the gap apart, whichever partition each is of. The result is sorted.
pub fn join<'a>(units: &[Unit], gap_us: i64, runs: &mut Vec<Run<'a>>) -> Decoded<()> {
    runs.sort_by_key(|run| run.first_us);
    let mut joined: Vec<Run<'a>> = Vec::with_capacity(runs.len());
    for run in runs.drain(..) {
        match joined.last_mut() {
            Some(last) if !exceeds(gap_us, last.last_us, run.first_us) => {
                last.last_us = last.last_us.max(run.last_us);
                for ((unit, into), other) in units.iter().zip(&mut last.irs).zip(run.irs) {
                    unit.merge(into, other)?;
                }
            }
            _ => joined.push(run),
        }
    }
    *runs = joined;
    Ok(())
}

/// The IRs of the session that holds at as-of; None where it ended more than the gap ago, or never began.
pub fn current<'a>(gap_us: i64, as_of_us: i64, joined: &mut Vec<Run<'a>>) -> Option<Vec<Ir<'a>>> {
    let last = joined.pop()?;
    (!exceeds(gap_us, last.last_us, as_of_us)).then_some(last.irs)
}

fn exceeds(gap_us: i64, earlier_us: i64, later_us: i64) -> bool {
    later_us.saturating_sub(earlier_us) > gap_us
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::count::Count;

    fn run(first_us: i64, last_us: i64, count: u64) -> Run<'static> {
        Run { first_us, last_us, irs: vec![Ir::Count(Count(count))] }
    }

    #[test]
    fn a_run_of_one_partition_bridges_those_of_another() {
        let mut runs = vec![run(0, 10, 2), run(100, 110, 3), run(39, 72, 4), run(50, 60, 1)];
        assert_eq!(join(&[Unit::Count], 28, &mut runs), Ok(()));
        assert_eq!(runs, [run(0, 10, 2), run(39, 110, 8)]);
        assert_eq!(join(&[Unit::Count], 29, &mut runs), Ok(()));
        assert_eq!(runs, [run(0, 110, 10)]);
    }

    #[test]
    fn a_session_lasts_as_long_as_the_gap_allows() {
        let irs = run(0, 10, 2).irs;
        assert_eq!(current(5, 15, &mut vec![run(0, 10, 2)]), Some(irs));
        assert_eq!(current(5, 16, &mut vec![run(0, 10, 2)]), None);
        assert_eq!(current(5, 16, &mut Vec::new()), None);
    }
}
