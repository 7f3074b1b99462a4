//! The first copies of a chunk: the events that have rows, and that contribute.

use super::batch::RowEvent;
use super::{Chunk, Job, corrupt};
use crate::decoder::Decoded;

/// What a partition took of a chunk.
#[derive(Debug, Default)]
pub struct Taken {
    /// Its first copies, in order.
    pub firsts: Vec<First>,
    /// What these contribute, one behind the other.
    pub given: Vec<Given>,
    /// From which place of the order on the partition's start is in doubt.
    pub void_from: Option<usize>,
}

/// A first copy of an event of the pins.
#[derive(Debug, Clone, Copy)]
pub struct First {
    /// Its place in the batch.
    pub record: u32,
    /// How many of the `given` stand before its own.
    pub given_from: u32,
    pub offset: i64,
    pub as_of_us: i64,
}

/// What an event contributes to its key of a group. `cells`: see `Decoded::cells`.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    pub group: usize,
    pub cells: usize,
}

/// A first copy where it arrives.
#[derive(Debug, Clone, Copy)]
pub struct Copy<'c> {
    pub partition: usize,
    pub batch: &'c Decoded,
    pub offset: i64,
    pub as_of_us: i64,
    pub row: RowEvent<'c>,
    /// Its features are established: it has a row.
    pub is_established: bool,
    /// In the order of the groups.
    pub given: &'c [Given],
}

/// The first copies of a chunk in the order of arrival. `taken`: one a partition, in order; an item is an error, as text,
/// where they are not those of the chunk.
pub fn copies<'c>(
    job: &Job,
    chunk: &'c Chunk,
    taken: &'c [&'c Taken],
) -> impl Iterator<Item = Result<Copy<'c>, String>> {
    let known_after_us = job.known_after_us;
    let void_from = taken.iter().filter_map(|taken| taken.void_from).min().unwrap_or(usize::MAX);
    let mut next = vec![0; taken.len()];
    chunk.walk().filter_map(move |(place, partition, batch, record)| {
        let (taken, next) = (taken.get(partition)?, next.get_mut(partition)?);
        let first = taken.firsts.get(*next).filter(|first| first.record as usize == record)?;
        *next += 1;
        let given_to = taken.firsts.get(*next).map_or(taken.given.len(), |following| following.given_from as usize);
        let (Some(row), Some(given)) = (batch.row(record), taken.given.get(first.given_from as usize..given_to)) else {
            return Some(Err(corrupt()));
        };
        let (offset, as_of_us) = (first.offset, first.as_of_us);
        let is_established = known_after_us.is_none_or(|after_us| as_of_us > after_us && place < void_from);
        Some(Ok(Copy { partition, batch: &batch.decoded, offset, as_of_us, row, is_established, given }))
    })
}
