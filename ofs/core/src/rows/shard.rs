//! The logs of some of the keys, over all partitions: for each event in the order of arrival it answers, then adds.

use std::hint::black_box;
use std::sync::Arc;

use super::copies::{Copy, Given, Taken, copies};
use super::{Chunk, Job, RowAnswers, USED, corrupt};
use crate::fold::ahead::STRETCH;
use crate::fold::keys::{Glimpse, Keys, Known, Sought};
use crate::fold::read_values;
use crate::ir::{self, Ask};
use crate::keylog::texts::Texts;
use crate::keylog::tracks::Stream;
use crate::keylog::{Contribution, Forget, Sight};
use crate::pool::Pool;
use crate::queries::next_stream;

/// The place of the pins that rows are made for.
const SCOPE: usize = 0;
/// All that was added was there before.
const ALL: Sight = Sight { cut: i64::MAX, logged_before_us: None };

/// See the module. The total order of a key's contributions, (event time, partition, offset), is kept by numbering the
/// offsets of all partitions, one partition behind the other.
#[derive(Debug)]
pub struct Shard {
    job: Arc<Job>,
    number: usize,
    bases: Vec<i64>,
    /// By group.
    keys: Vec<Keys>,
    texts: Texts,
    values: Vec<Option<i64>>,
    spots: Vec<usize>,
    pool: Pool<Vec<u8>>,
}

/// A key of the shard that an event asks for and, perhaps, gives to.
#[derive(Debug)]
struct Turn<'c> {
    /// The event's place in the stretch.
    copy: usize,
    group: usize,
    key: &'c str,
    given: Option<Given>,
    found: Glimpse,
}

impl Shard {
    /// `number`: below the job's `shards`. `pool`: for answers. Raises, as text, where the offsets are too many.
    pub fn new(job: Arc<Job>, number: usize, pool: Pool<Vec<u8>>) -> Result<Shard, String> {
        Ok(Shard {
            number,
            bases: job.bases()?,
            keys: job.plan.groups.iter().map(|_| Keys::default()).collect(),
            texts: Texts::default(),
            values: Vec::new(),
            spots: Vec::new(),
            pool,
            job,
        })
    }

    /// `taken`: one a partition, in order. Raises, as text, where they are not those of the chunk; nothing is to be
    /// answered then any more.
    pub fn answer(&mut self, chunk: &Chunk, taken: &[&Taken]) -> Result<RowAnswers, String> {
        let job = Arc::clone(&self.job);
        let stream = next_stream(); // the answers of a chunk are read one behind the other
        let mut answers = RowAnswers { bytes: self.pool.take() };
        let mut copies = copies(&job, chunk, taken);
        let (mut stretch, mut turns) = (Vec::with_capacity(STRETCH), Vec::new());
        loop {
            stretch.clear();
            for copy in copies.by_ref().take(STRETCH) {
                stretch.push(copy?);
            }
            if stretch.is_empty() {
                return Ok(answers);
            }
            self.look_ahead(&stretch, &mut turns);
            for turn in &turns {
                let copy = stretch.get(turn.copy).ok_or_else(corrupt)?;
                self.take_turn(turn, copy, stream, &mut answers.bytes)?;
            }
        }
    }

    /// Finds the shard's own keys of some events at once, so that the waits for memory overlap.
    fn look_ahead<'c>(&self, stretch: &[Copy<'c>], turns: &mut Vec<Turn<'c>>) {
        turns.clear();
        for (copy, Copy { row, given, .. }) in stretch.iter().enumerate() {
            let mut given = given.iter().peekable();
            for (group, keys) in self.keys.iter().enumerate() {
                let given = given.next_if(|given| given.group == group);
                let Some(key) = row.key(group).filter(|key| self.job.shard_of(key.hash) == self.number) else {
                    continue;
                };
                let found = keys.glimpse(SCOPE, key.text);
                turns.push(Turn { copy, group, key: key.text, given: given.copied(), found });
            }
        }
        if self.keys.iter().any(Keys::is_large) {
            let logs = turns.iter().filter_map(|turn| self.keys.get(turn.group)?.log_at(turn.found.place?));
            black_box(logs.fold(0_i64, |sum, log| sum.wrapping_add(log.touch())));
        }
    }

    /// Answers where there is a row, then adds what the event contributes.
    fn take_turn(&mut self, turn: &Turn<'_>, copy: &Copy<'_>, stream: Stream, out: &mut Vec<u8>) -> Result<(), String> {
        let (group, keys) = (self.job.plan.groups.get(turn.group), self.keys.get_mut(turn.group));
        let (Some(group), Some(keys)) = (group, keys) else { return Err(corrupt()) };
        let sought = Sought { scope: SCOPE, key: turn.key, ahead: Some(turn.found) };
        if copy.is_established {
            let ask = Ask { as_of_us: copy.as_of_us, sight: ALL, sole: true, stream: Some(stream), repeats: false };
            match keys.look(sought, USED) {
                Known::Log(log) => ir::answer(group, log, &self.texts, ask, &mut self.spots, out),
                Known::Nothing => out.push(ir::NOTHING),
                Known::Missing => return Err(corrupt()), // there is no store
            }
        }
        let Some(given) = turn.given else { return Ok(()) };
        let offset =
            self.bases.get(copy.partition).and_then(|base| base.checked_add(copy.offset)).ok_or_else(corrupt)?;
        read_values(copy.batch.cells(given.cells, group.columns.len()), copy.batch, &mut self.texts, &mut self.values);
        let (time_us, log_ts_us) = (copy.as_of_us, copy.as_of_us); // when it was logged is asked by no row
        let contribution = Contribution { time_us, offset, log_ts_us, values: &self.values };
        keys.insert(group, sought, &contribution, Forget::NOTHING, USED);
        Ok(())
    }
}
