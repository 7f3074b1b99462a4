//! The logs of some of the keys, over all partitions: for each event in the order of arrival it answers, then adds.

use std::sync::Arc;

use super::copies::{Copy, Given, Taken, copies};
use super::{Chunk, Job, RowAnswers, corrupt};
use crate::fold::keys::{Keys, Known, Sought};
use crate::fold::read_values;
use crate::ir::{self, Ask};
use crate::keylog::texts::Texts;
use crate::keylog::{Contribution, Forget, Sight};
use crate::plan::GroupPlan;
use crate::pool::Pool;
use crate::queries::next_stream;

/// The place of the pins that rows are made for.
const SCOPE: usize = 0;
/// Nothing is dropped, so uses need not be told apart.
const USED: u32 = 0;
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
        let stream = Some(next_stream()); // the answers of a chunk are read one behind the other
        let mut answers = RowAnswers { bytes: self.pool.take() };
        for copy in copies(&job, chunk, taken) {
            let copy = copy?;
            let ask = Ask { as_of_us: copy.as_of_us, sight: ALL, sole: true, stream, repeats: false };
            let mut given = copy.given.iter().peekable();
            for (place, group) in job.plan.groups.iter().enumerate() {
                let given = given.next_if(|given| given.group == place);
                let Some(key) = copy.row.key(place).filter(|key| job.shard_of(key.hash) == self.number) else {
                    continue;
                };
                let keys = self.keys.get_mut(place).ok_or_else(corrupt)?;
                let sought = Sought { scope: SCOPE, key: key.text, ahead: Some(keys.glimpse(SCOPE, key.text)) };
                if copy.is_established {
                    match keys.look(sought, USED) {
                        Known::Log(log) => {
                            ir::answer(group, log, &self.texts, ask, &mut self.spots, &mut answers.bytes)
                        }
                        Known::Nothing => answers.bytes.push(ir::NOTHING),
                        Known::Missing => return Err(corrupt()), // there is no store
                    }
                }
                if let Some(given) = given {
                    self.add(place, group, sought, &copy, given)?;
                }
            }
        }
        Ok(answers)
    }

    /// Adds what an event contributes to a key.
    fn add(
        &mut self,
        place: usize,
        group: &GroupPlan,
        sought: Sought<'_>,
        copy: &Copy<'_>,
        given: &Given,
    ) -> Result<(), String> {
        let keys = self.keys.get_mut(place).ok_or_else(corrupt)?;
        let base = self.bases.get(copy.partition).ok_or_else(corrupt)?;
        let offset = base.checked_add(copy.offset).ok_or_else(corrupt)?;
        let cells = copy.batch.cells(given.cells, group.columns.len());
        read_values(cells, copy.batch, &mut self.texts, &mut self.values);
        let (time_us, log_ts_us) = (copy.as_of_us, copy.as_of_us); // when it was logged is asked by no row
        keys.insert(
            group,
            sought,
            &Contribution { time_us, offset, log_ts_us, values: &self.values },
            Forget::NOTHING,
            USED,
        );
        Ok(())
    }
}
