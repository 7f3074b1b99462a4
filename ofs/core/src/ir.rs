//! The answer of one partition for one key of one group: the last event and an IR a unit, as bytes and merged.

pub mod wire;

use crate::keylog::texts::Texts;
use crate::keylog::{KeyLog, Sight};
use crate::ops::age::{behind, distance};
use crate::ops::count::Count;
use crate::ops::session::{self, Chain, Run};
use crate::ops::{Frame, Ir, Slice, Unit};
use crate::plan::GroupPlan;
use wire::{Corrupt, Decoded, Reader, put_len, put_u64};

/// What is asked of every key of a query.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub as_of_us: i64,
    pub sight: Sight,
    /// No other partition takes part.
    pub sole: bool,
}

/// The whole answer where nothing was seen.
pub const NOTHING: u8 = 0;
const SOMETHING: u8 = 1;

/// Appends the answer of a key's log. `spots` is room for the searches.
///
/// Format: NOTHING; or SOMETHING, the age of the last event, then each window: a session's runs, or the number of
/// contributions and, unless that is 0, each unit but count.
pub fn answer(group: &GroupPlan, log: &mut KeyLog, texts: &Texts, ask: Ask, spots: &mut Vec<usize>, out: &mut Vec<u8>) {
    if log.sees_all(ask.sight) {
        return answer_seen(group, log, texts, ask, spots, out);
    }
    let mut visible = log.visible(group.start_us(ask.as_of_us), ask.as_of_us, ask.sight, &group.keeps);
    answer_seen(group, &mut visible, texts, ask, spots, out);
}

fn answer_seen(
    group: &GroupPlan,
    log: &mut KeyLog,
    texts: &Texts,
    ask: Ask,
    spots: &mut Vec<usize>,
    out: &mut Vec<u8>,
) {
    spots.clear();
    spots.extend(group.edges.iter().enumerate().map(|(place, edge)| log.seek(place, edge.at(ask.as_of_us))));
    let as_of = spots[0]; // the first edge is as-of
    let start = group.windows.iter().map(|window| spots[window.start]).min().unwrap_or(as_of);
    if start >= as_of {
        out.push(NOTHING);
        return;
    }
    out.push(SOMETHING);
    put_u64(out, distance(ask.as_of_us, log.times()[as_of - 1]));
    for window in &group.windows {
        let lo = spots[window.start];
        let slice = Slice { log, texts, lo, hi: spots[window.end].max(lo) };
        if let Some(gap_us) = window.gap_us {
            session::query(&window.units, Chain { gap_us, sole: ask.sole }, &slice, ask.as_of_us, out);
            continue;
        }
        put_len(out, slice.len());
        if !slice.is_empty() {
            let units = window.units.iter().filter(|unit| !matches!(unit, Unit::Count));
            units.for_each(|unit| unit.query(&slice, ask.as_of_us, out));
        }
    }
}

/// Answers of all partitions, merged: an IR a unit, those of sessions once `close` was called.
#[derive(Debug, Default)]
pub struct Merged<'a> {
    last_us: Option<i64>,
    irs: Vec<Ir<'a>>,
    /// One list a window; empty but for sessions.
    runs: Vec<Vec<Run<'a>>>,
}

impl<'a> Merged<'a> {
    /// Makes this the IRs of nothing of a group.
    pub fn reset(&mut self, group: &GroupPlan) {
        self.last_us = None;
        self.irs.clear();
        self.irs.extend(group.windows.iter().flat_map(|window| &window.units).map(Unit::init));
        self.runs.clear();
        self.runs.resize_with(group.windows.len(), Vec::new);
    }

    /// Merges the next answer of the reader. Raises Corrupt where it is none of this group.
    pub fn absorb(&mut self, group: &GroupPlan, reader: &mut Reader<'a>, frame: Frame) -> Decoded<()> {
        match reader.u8()? {
            NOTHING => return Ok(()),
            SOMETHING => {}
            _ => return Err(Corrupt),
        }
        let last_us = behind(frame.as_of_us, reader.u64()?);
        self.last_us = Some(self.last_us.map_or(last_us, |known| known.max(last_us)));
        for (window, runs) in group.windows.iter().zip(&mut self.runs) {
            if window.gap_us.is_some() {
                session::decode(&window.units, reader, frame, runs)?;
                continue;
            }
            let length = reader.u64()?;
            if length == 0 {
                continue;
            }
            let irs = self.irs.get_mut(window.base..window.base + window.units.len()).ok_or(Corrupt)?;
            for (unit, into) in window.units.iter().zip(irs) {
                let other = match unit {
                    Unit::Count => Ir::Count(Count(length)),
                    _ => unit.decode(reader, frame)?,
                };
                unit.merge(into, other)?;
            }
        }
        Ok(())
    }

    /// Ends the merge: the runs of sessions become the IRs of the session at as-of.
    pub fn close(&mut self, group: &GroupPlan, as_of_us: i64) -> Decoded<()> {
        for (window, runs) in group.windows.iter().zip(&mut self.runs) {
            let Some(gap_us) = window.gap_us else { continue };
            session::join(&window.units, gap_us, runs)?;
            if let Some(irs) = session::current(gap_us, as_of_us, runs) {
                let places = self.irs.get_mut(window.base..window.base + window.units.len()).ok_or(Corrupt)?;
                for (place, ir) in places.iter_mut().zip(irs) {
                    *place = ir;
                }
            }
        }
        Ok(())
    }

    /// The event time of the last event in the group's widest range.
    pub fn last_us(&self) -> Option<i64> {
        self.last_us
    }

    pub fn irs(&self) -> &[Ir<'a>] {
        &self.irs
    }
}
