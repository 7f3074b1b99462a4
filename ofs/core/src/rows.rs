//! Rows: for every event of a stream the features of its own keys, as they were known just before it arrived.
//!
//! Batches of all partitions are put into the order of arrival, a chunk at a time. Each partition takes its own records of
//! the chunk, each shard answers for its own keys and then adds what was taken; the answers are made into rows. That order
//! is one for all partitions, so a key has one log, whichever partitions its events are in.

use std::sync::Arc;

use crate::ir::wire::Corrupt;
use crate::plan::Plan;
use crate::pool::Pooled;

pub mod batch;
pub mod chunk;
pub mod columns;
pub mod copies;
pub mod intake;
pub mod merge;
pub mod records;
pub mod shard;

pub use batch::{Names, RowBatch};
pub use chunk::Chunk;
pub use copies::Taken;
pub use intake::RowIntake;
pub use merge::{Block, Made, Merger};
pub use shard::Shard;

/// What does not change from row to row. `known_after_us`: features are established as of later times; None: of all.
#[derive(Debug)]
pub struct Job {
    pub plan: Arc<Plan>,
    pub stream: String,
    /// By partition.
    pub spans: Vec<Span>,
    pub known_after_us: Option<i64>,
    pub replay_id: String,
    pub form: Form,
    /// Among how many the keys are divided, at least 1.
    pub shards: usize,
}

/// What rows are made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// So many rows a block, at least 1.
    Columns { block_rows: usize },
    /// The rows of a chunk a block.
    Records,
}

/// The offsets of a partition that are read, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start: i64,
    pub end: i64,
}

/// The answers of a shard to the rows of a chunk.
#[derive(Debug, Default)]
pub struct RowAnswers {
    /// In the order of arrival: for each row an IR (see `ir`) for each group in which it has a key of the shard.
    pub bytes: Pooled<Vec<u8>>,
}

/// Nothing is dropped, so uses need not be told apart.
const USED: u32 = 0;

impl Job {
    /// The shard of a key, see `batch::RowKey`.
    pub fn shard_of(&self, hash: u64) -> usize {
        (hash % self.shards as u64) as usize
    }

    /// Where the offsets of each partition begin among those of all, one partition behind the other. Raises, as text,
    /// where these are too many for 63 bits.
    pub fn bases(&self) -> Result<Vec<i64>, String> {
        let mut next = 0_i64;
        let bases = self.spans.iter().map(|span| {
            let base = next.checked_sub(span.start)?;
            next = span.end.checked_sub(span.start).and_then(|count| next.checked_add(count))?;
            Some(base)
        });
        bases.collect::<Option<_>>().ok_or_else(|| "the partitions' offsets have more than 63 bits together".to_owned())
    }
}

/// Where answers do not fit what was asked.
pub(crate) fn corrupt() -> String {
    Corrupt.into()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::plan::tests::plan_of_counts;

    pub fn job(spans: &[(i64, i64)], shards: usize) -> Job {
        Job {
            plan: plan_of_counts(),
            stream: "events".to_owned(),
            spans: spans.iter().map(|(start, end)| Span { start: *start, end: *end }).collect(),
            known_after_us: None,
            replay_id: String::new(),
            form: Form::Records,
            shards,
        }
    }

    #[test]
    fn offsets_of_all_partitions_stand_one_partition_behind_the_other() {
        let spans = [(5, 8), (0, 0), (100, 102), (0, 1)];
        let bases = job(&spans, 1).bases().unwrap();
        let numbers: Vec<i64> =
            spans.iter().zip(&bases).flat_map(|((start, end), base)| (*start..*end).map(move |at| base + at)).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn more_offsets_than_a_number_tells_are_refused() {
        assert_eq!(job(&[(7, i64::MAX), (0, 7)], 1).bases(), Ok(vec![-7, i64::MAX - 7]));
        assert!(job(&[(7, i64::MAX), (0, 8)], 1).bases().is_err());
        assert!(job(&[(0, i64::MAX), (0, 1), (0, 0)], 1).bases().is_err());
    }

    #[test]
    fn every_key_is_of_one_shard() {
        for shards in [1, 2, 3] {
            let job = job(&[], shards);
            let found: Vec<usize> = (0..99).map(|hash| job.shard_of(hash)).collect();
            assert!((0..shards).all(|shard| found.contains(&shard)) && found.iter().all(|shard| *shard < shards));
        }
        assert_eq!(job(&[], 3).shard_of(u64::MAX), 0);
    }
}
