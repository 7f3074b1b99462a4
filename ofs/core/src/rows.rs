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
