//! Rows: for every event of a stream the features of its own keys, as they were known just before it arrived.
//!
//! Batches of all partitions are put into the order of arrival, a chunk at a time; each partition's fold goes through the
//! chunk, applies its own records and answers for every event; the answers are merged into rows.

use crate::pool::Pooled;

pub mod batch;
pub mod chunk;
pub mod columns;
pub mod merge;
pub mod records;

pub use batch::{Names, RowBatch};
pub use chunk::Chunk;
pub use merge::{Block, Form, Job, Made, Merger};

/// The answers of one partition to the events of a chunk.
#[derive(Debug, Default)]
pub struct RowAnswers {
    /// In the order of arrival: for each event with a row an IR (see `ir`) for each group in which it has a key.
    pub bytes: Pooled<Vec<u8>>,
    /// For each such event of the partition itself: whether it is a first copy.
    pub firsts: Vec<bool>,
    /// From which place of the order on the partition's start is in doubt.
    pub void_from: Option<usize>,
}
