//! The answer of one partition for one key of one group: the last event and an IR a unit, as bytes and merged.

mod plain;
pub mod standing;
pub mod wire;

use crate::keylog::texts::Texts;
use crate::keylog::tracks::{Stream, Telling, WindowTrack};
use crate::keylog::{KeyLog, Sight};
use crate::ops::age::{behind, distance};
use crate::ops::census::Census;
use crate::ops::chain::{Runs, current};
use crate::ops::count::Count;
use crate::ops::joined::{JOINED, Joined};
use crate::ops::session::{self, Chain, Teller};
use crate::ops::tally::{self, Tally};
use crate::ops::{Frame, Ir, Slice, Unit};
use crate::plan::{GroupPlan, WindowPlan};
use standing::{Ledger, Subject};
use wire::{Corrupt, Decoded, Reader, put_word};

/// What is asked of every key of a query.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    pub as_of_us: i64,
    pub sight: Sight,
    /// No other partition takes part.
    pub sole: bool,
    /// The answers of a stream are read in the order in which they are given, so that one may tell what changed since the
    /// one before; None for an answer that stands alone.
    pub stream: Option<Stream>,
    /// The stream is known to ask the key again.
    pub repeats: bool,
}

/// The whole answer where nothing was seen.
pub const NOTHING: u8 = 0;
const SOMETHING: u8 = 1;
/// The answers of a shorter log stand alone.
const TRACKED_MIN: usize = 16;

/// Appends the answer of a key's log. `spots` is room for the searches.
///
/// Format: NOTHING; or SOMETHING, the age of the last event, then each window: a session's runs, or the number of
/// contributions and, unless that is 0, each unit but count.
pub fn answer(group: &GroupPlan, log: &mut KeyLog, texts: &Texts, ask: Ask, spots: &mut Vec<usize>, out: &mut Vec<u8>) {
    if !log.sees_all(ask.sight) {
        let mut visible = log.visible(group.start_us(ask.as_of_us), ask.as_of_us, ask.sight, &group.keeps);
        return answer_seen(group, &mut visible, texts, Ask { stream: None, ..ask }, spots, out);
    }
    log.index(&group.declared, texts);
    answer_seen(group, log, texts, ask, spots, out);
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
    if let Some(sums) = group.plain.and_then(|columns| log.sums(columns)) {
        return plain::answer(group, log, sums, ask.as_of_us, spots, out);
    }
    let as_of = spots[0]; // the first edge is as-of
    let start = group.windows.iter().map(|window| spots[window.start]).min().unwrap_or(as_of);
    if start >= as_of {
        out.push(NOTHING);
        return;
    }
    out.push(SOMETHING);
    put_word(out, distance(ask.as_of_us, log.time_us(as_of - 1)));
    let stream = ask.stream.filter(|_| group.has_changes && log.len() > TRACKED_MIN);
    let known = stream.and_then(|_| log.take_tracks());
    let is_new = known.is_none();
    let mut tracks = stream.map(|stream| (stream, known.unwrap_or_default()));
    let mut windows = tracks.as_mut().map(|(stream, tracks)| tracks.of(*stream, group.windows.len()).iter_mut());
    for window in &group.windows {
        let lo = spots[window.start];
        let slice = Slice { log, texts, lo, hi: spots[window.end].max(lo) };
        let mut track = windows.as_mut().and_then(Iterator::next);
        if let Some(track) = &mut track {
            track.is_asked |= ask.repeats; // what is told now need not be told again
        }
        answer_window(window, &slice, ask, track.as_deref_mut(), out);
        if let Some(track) = track {
            track.is_asked = true;
        }
    }
    if let Some((_, tracks)) = tracks {
        log.put_tracks(tracks, is_new);
    }
}

fn answer_window(window: &WindowPlan, slice: &Slice<'_>, ask: Ask, track: Option<&mut WindowTrack>, out: &mut Vec<u8>) {
    if let Some(gap_us) = window.gap_us {
        let chain = Chain { gap_us, sole: ask.sole };
        let teller = Teller { units: &window.units, chain, slice: *slice, as_of_us: ask.as_of_us };
        return teller.tell(track, out);
    }
    put_word(out, slice.len() as u64);
    if slice.is_empty() {
        return;
    }
    let track = track.filter(|_| window.has_changes());
    let telling = track.map_or(Telling::Alone, |track| track.tell(slice.lo, slice.hi));
    let units = window.units.iter().filter(|unit| !matches!(unit, Unit::Count));
    units.for_each(|unit| unit.query(slice, ask.as_of_us, &telling, out));
}

/// The runs of a partition: as told, or those that stand.
#[derive(Debug)]
enum Source<'a> {
    Told(Runs<'a>),
    Standing(u32),
}

impl Source<'_> {
    /// Of what stands.
    fn rank(&self) -> u32 {
        match self {
            Source::Told(_) => JOINED,
            Source::Standing(rank) => *rank,
        }
    }
}

/// Answers of all partitions, merged: an IR a unit once `close` was called.
#[derive(Debug, Default)]
pub struct Merged<'a> {
    last_us: Option<i64>,
    /// By group; those of the groups before last stay, as room for the next time.
    rooms: Vec<Vec<Ir<'a>>>,
    /// The group at hand.
    group: usize,
    /// One list a window; empty but for sessions.
    sources: Vec<Vec<Source<'a>>>,
    ledger: Ledger<'a>,
    subject: Option<Subject<'a>>,
    /// Where the subject stands in the ledger, once it is known.
    place: Option<usize>,
}

impl<'a> Merged<'a> {
    /// Makes this the IRs of nothing of a group. `subject`: whose answers will be absorbed.
    pub fn reset(&mut self, group: &GroupPlan, subject: Subject<'a>) {
        self.last_us = None;
        self.group = subject.group as usize;
        if self.rooms.len() <= self.group {
            self.rooms.resize_with(self.group + 1, Vec::new);
        }
        let irs = &mut self.rooms[self.group];
        let units = group.windows.iter().flat_map(|window| &window.units);
        if irs.len() != group.ir_count {
            *irs = units.map(Unit::init).collect();
        } else if group.plain.is_some() {
            plain::clear(irs);
        } else {
            units.zip(irs).for_each(|(unit, ir)| unit.clear(ir));
        }
        if group.has_changes {
            self.sources.iter_mut().for_each(Vec::clear);
            self.sources.resize_with(group.windows.len(), Vec::new);
        }
        (self.subject, self.place) = (Some(subject), None);
    }

    /// Merges the next answer of the reader. Raises Corrupt where it is none of this group.
    #[inline]
    pub fn absorb(&mut self, group: &GroupPlan, reader: &mut Reader<'a>, frame: Frame) -> Decoded<()> {
        match reader.u8()? {
            NOTHING => Ok(()),
            SOMETHING => self.absorb_something(group, reader, frame),
            _ => Err(Corrupt),
        }
    }

    fn absorb_something(&mut self, group: &GroupPlan, reader: &mut Reader<'a>, frame: Frame) -> Decoded<()> {
        let last_us = behind(frame.as_of_us, reader.word()?);
        self.last_us = Some(self.last_us.map_or(last_us, |known| known.max(last_us)));
        if group.plain.is_some() {
            return plain::absorb(group, self.rooms.get_mut(self.group).ok_or(Corrupt)?, reader);
        }
        for (place, window) in group.windows.iter().enumerate() {
            if window.gap_us.is_some() {
                self.absorb_runs(place, window, reader, frame)?;
                continue;
            }
            let length = reader.word()?;
            if length == 0 {
                continue;
            }
            for (at, unit) in (window.base..).zip(&window.units) {
                if let Unit::Tally { .. } = unit {
                    let other = self.decode(at, unit, reader, frame)?;
                    unit.merge(self.ir_mut(at)?, other)?;
                    continue;
                }
                match (unit, self.ir_mut(at)?) {
                    (Unit::Count, Ir::Count(count)) => count.merge(Count(length)),
                    (_, ir) => unit.absorb(ir, reader, frame)?,
                }
            }
        }
        Ok(())
    }

    /// The IR of a unit; what is told of a tally that stands goes to the ledger.
    fn decode(&mut self, at: usize, unit: &Unit, reader: &mut Reader<'a>, frame: Frame) -> Decoded<Ir<'a>> {
        let Unit::Tally { field, k } = unit else { return unit.decode(reader, frame) };
        Ok(Ir::Tally(match tally::Told::decode(reader, field.kind)? {
            tally::Told::Alone(counts) => Tally { counts, standing: Vec::new() },
            told => self.standing()?.tally(at, *k > 0)?.take(frame.rank, told)?,
        }))
    }

    fn absorb_runs(&mut self, place: usize, window: &WindowPlan, reader: &mut Reader<'a>, frame: Frame) -> Decoded<()> {
        let unit = |at: usize, unit: &Unit, reader: &mut Reader<'a>| self.decode(window.base + at, unit, reader, frame);
        let source = match session::Told::decode(&window.units, reader, frame.as_of_us, unit)? {
            session::Told::Alone(runs) => Source::Told(Runs::of(runs)),
            told => {
                self.standing()?.runs(place, frame.rank)?.take(told)?;
                Source::Standing(frame.rank)
            }
        };
        self.sources.get_mut(place).ok_or(Corrupt)?.push(source);
        Ok(())
    }

    fn standing(&mut self) -> Decoded<&mut standing::Standing<'a>> {
        let place = match self.place {
            Some(place) => place,
            None => self.ledger.place(self.subject.ok_or(Corrupt)?),
        };
        self.place = Some(place);
        self.ledger.get(place)
    }

    /// Ends the merge: the runs of sessions become the IRs of the session at as-of, and tallies are counted.
    pub fn close(&mut self, group: &GroupPlan, as_of_us: i64) -> Decoded<()> {
        if !group.has_changes {
            return Ok(());
        }
        for (place, window) in group.windows.iter().enumerate() {
            if let Some(gap_us) = window.gap_us {
                self.close_session(place, window, gap_us, as_of_us)?;
            }
            for (at, unit) in (window.base..).zip(&window.units) {
                let Unit::Tally { k, .. } = unit else { continue };
                let Ir::Tally(tally) = std::mem::replace(self.ir_mut(at)?, unit.init()) else { return Err(Corrupt) };
                let census = if tally.standing.is_empty() {
                    Census::of(tally, *k)
                } else {
                    self.standing()?.tally(at, *k > 0)?.census(&tally, *k)?
                };
                *self.ir_mut(at)? = Ir::Census(census);
            }
        }
        Ok(())
    }

    fn close_session(&mut self, place: usize, window: &WindowPlan, gap_us: i64, as_of_us: i64) -> Decoded<()> {
        let sources = self.sources.get(place).ok_or(Corrupt)?;
        let all_stand = sources.iter().all(|source| matches!(source, Source::Standing(_)));
        let mut standing = match self.place {
            Some(place) => Some(self.ledger.get(place)?),
            None => None,
        };
        let mut joined = match &mut standing {
            Some(standing) if all_stand => std::mem::take(standing.joined(place)?),
            _ => Joined::default(),
        };
        if all_stand {
            joined.keep(sources.iter().map(Source::rank));
        }
        let mut lists = Vec::with_capacity(sources.len());
        for source in sources {
            lists.push(match source {
                Source::Told(runs) => runs,
                Source::Standing(rank) => {
                    let mut known = standing.iter().flat_map(|known| known.runs_of(place));
                    known.find(|(other, _)| other == rank).map(|(_, runs)| runs).ok_or(Corrupt)?
                }
            });
        }
        if let Some(irs) = current(&window.units, gap_us, as_of_us, &lists, &mut joined)? {
            let room = self.rooms.get_mut(self.group).ok_or(Corrupt)?;
            let places = room.get_mut(window.base..window.base + window.units.len()).ok_or(Corrupt)?;
            places.iter_mut().zip(irs).for_each(|(place, ir)| *place = ir);
        }
        if let Some(standing) = standing.filter(|_| all_stand) {
            joined.tell(&window.units, |at, is_ranked, counts, is_added| {
                standing.tally(window.base + at, is_ranked)?.adjust(JOINED, counts, is_added)
            })?;
            *standing.joined(place)? = joined;
        }
        Ok(())
    }

    /// The event time of the last event in the group's widest range.
    pub fn last_us(&self) -> Option<i64> {
        self.last_us
    }

    pub fn irs(&self) -> &[Ir<'a>] {
        self.rooms.get(self.group).map_or(&[], Vec::as_slice)
    }

    fn ir_mut(&mut self, at: usize) -> Decoded<&mut Ir<'a>> {
        self.rooms.get_mut(self.group).and_then(|room| room.get_mut(at)).ok_or(Corrupt)
    }
}

#[cfg(test)]
mod tests;
