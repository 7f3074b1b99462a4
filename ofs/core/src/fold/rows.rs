//! A fold on its way through a chunk: it applies the records of its partition and answers for the events of all.

use super::ahead::Ahead;
use super::{Fold, Known, Sought, not_supplied};
use crate::ir::{self, Ask};
use crate::keylog::Sight;
use crate::pool::Pool;
use crate::queries::next_stream;
use crate::rows::{Chunk, RowAnswers};

/// The place of the pins that rows are made for.
const SCOPE: usize = 0;

impl Fold {
    /// `pool`: for answers. Raises, as text, what `apply` raises.
    pub fn answer_rows(&mut self, chunk: &Chunk, pool: &Pool<Vec<u8>>) -> Result<RowAnswers, String> {
        let own = self.origin.partition as usize;
        if let Some(batch) = chunk.batches.get(own).and_then(Option::as_deref) {
            self.check_batch(&batch.decoded)?;
        }
        let sole = chunk.batches.len() == 1;
        let stream = Some(next_stream()); // the answers of a chunk are read one behind the other
        let ahead = Ahead::default(); // to read ahead for rows as well costs more than it saves
        let mut answers = RowAnswers { void_from: self.void_from(0), bytes: pool.take(), ..RowAnswers::default() };
        answers.bytes.reserve(chunk.order.len() * self.plan.groups.len() * 8);
        for (place, partition, batch, item_place) in chunk.walk() {
            let Some(item) = batch.decoded.items().get(item_place) else { continue };
            let row = batch.row(item_place);
            if let (Some(row), Ok(event)) = (row, &item.event) {
                let sight = Sight { cut: self.frontier, logged_before_us: None };
                let ask = Ask { as_of_us: event.ts_us, sight, sole, stream, repeats: false };
                for group in 0..self.plan.groups.len() {
                    if let Some(key) = row.key(group) {
                        self.answer_key(group, key, ask, &mut answers.bytes)?;
                    }
                }
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

    fn answer_key(&mut self, place: usize, key: &str, ask: Ask, out: &mut Vec<u8>) -> Result<(), String> {
        let used = self.used();
        let (Some(group), Some(keys)) = (self.plan.groups.get(place), self.keys.get_mut(place)) else { return Ok(()) };
        match keys.look(Sought { scope: SCOPE, key, ahead: None }, used) {
            Known::Log(log) => ir::answer(group, log, &self.texts, ask, &mut self.scratch.spots, out),
            Known::Nothing => out.push(ir::NOTHING),
            Known::Missing => return Err(not_supplied(group, key)),
        }
        Ok(())
    }
}
