//! A fold on its way through a chunk: it applies the records of its partition and answers for the events of all.

use super::ahead::{Ahead, STRETCH};
use super::keys::Glimpse;
use super::{Fold, Known, Sought, not_supplied};
use crate::ir::{self, Ask};
use crate::keylog::Sight;
use crate::queries::next_stream;
use crate::rooms::Rooms;
use crate::rows::batch::RowEvent;
use crate::rows::{Chunk, RowAnswers, RowBatch};

/// The place of the pins that rows are made for.
const SCOPE: usize = 0;

/// See `Chunk::walk`.
type Step<'c> = (usize, usize, &'c RowBatch, usize);

impl Fold {
    /// `rooms`: for answers. Raises, as text, what `apply` raises.
    pub fn answer_rows(&mut self, chunk: &Chunk, rooms: &Rooms<Vec<u8>>) -> Result<RowAnswers, String> {
        let own = self.origin.partition as usize;
        if let Some(batch) = chunk.batches.get(own).and_then(Option::as_deref) {
            self.check_batch(&batch.decoded)?;
        }
        let sole = chunk.batches.len() == 1;
        let stream = Some(next_stream()); // the answers of a chunk are read one behind the other
        let mut answers = RowAnswers { void_from: self.void_from(0), bytes: rooms.take(), ..RowAnswers::default() };
        answers.bytes.reserve(chunk.order.len() * self.plan.groups.len() * 8);
        let mut ahead = std::mem::take(&mut self.scratch.ahead);
        let (mut walk, mut stretch) = (chunk.walk(), Vec::with_capacity(STRETCH));
        loop {
            stretch.clear();
            stretch.extend(walk.by_ref().take(STRETCH));
            if stretch.is_empty() {
                break;
            }
            self.read_rows_ahead(&stretch, own, &mut ahead);
            for (at, (place, partition, batch, item_place)) in stretch.iter().copied().enumerate() {
                let Some(item) = batch.decoded.items().get(item_place) else { continue };
                let row = batch.row(item_place);
                if let (Some(row), Ok(event)) = (row, &item.event) {
                    let sight = Sight { cut: self.frontier, logged_before_us: None };
                    let ask = Ask { as_of_us: event.ts_us, sight, sole, stream, repeats: false };
                    self.answer_event(row, ask, ahead.row(at), &mut answers.bytes)?;
                }
                if partition == own {
                    self.reach(item.offset)?;
                    let is_first = self.apply_one(&batch.decoded, item, &ahead)?;
                    if row.is_some() {
                        answers.firsts.push(is_first);
                    }
                    answers.void_from = answers.void_from.or_else(|| self.void_from(place.saturating_add(1)));
                }
            }
        }
        self.scratch.ahead = ahead;
        Ok(answers)
    }

    /// The counts over `[start, to)`; what was not read there delivered nothing.
    pub fn end_rows(&mut self, to: i64) -> Vec<u8> {
        self.pass(to);
        self.certificate()
    }

    /// `place`, where what is gone before the start may matter: a record ran ahead of its log time by too much.
    fn void_from(&self, place: usize) -> Option<usize> {
        (self.origin.start > 0 && self.counts.skew_violation.is_some()).then_some(place)
    }

    /// Looks up what a stretch of the walk will ask for.
    fn read_rows_ahead(&self, stretch: &[Step<'_>], own: usize, ahead: &mut Ahead) {
        ahead.clear();
        ahead.begin_rows(0);
        for (_, partition, batch, item_place) in stretch {
            ahead.begin_row();
            if let Some(row) = batch.row(*item_place) {
                let keys = (0..self.plan.groups.len()).filter_map(|group| Some((group, row.key(group)?)));
                keys.for_each(|(group, key)| self.look_at_key(group, SCOPE, key, ahead));
            }
            if let Some(item) = batch.decoded.items().get(*item_place).filter(|_| *partition == own) {
                self.look_ahead(&batch.decoded, item, ahead);
            }
        }
        self.touch(ahead);
    }

    /// `found`: what was found ahead, a group in which the event has a key.
    fn answer_event(
        &mut self,
        row: RowEvent<'_>,
        ask: Ask,
        found: &[Glimpse],
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let (used, mut found) = (self.used(), found.iter().copied());
        for (place, (group, keys)) in self.plan.groups.iter().zip(&mut self.keys).enumerate() {
            let Some(key) = row.key(place) else { continue };
            match keys.look(Sought { scope: SCOPE, key, ahead: found.next() }, used) {
                Known::Log(log) => ir::answer(group, log, &self.texts, ask, &mut self.scratch.spots, out),
                Known::Nothing => out.push(ir::NOTHING),
                Known::Missing => return Err(not_supplied(group, key)),
            }
        }
        Ok(())
    }
}
