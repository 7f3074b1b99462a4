//! The order of arrival: the partition whose next record has the smallest (log timestamp, partition) goes next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use super::RowBatch;

/// The next records of all partitions, in the order of arrival.
#[derive(Debug)]
pub struct Chunk {
    /// By partition; None where it has ended.
    pub batches: Vec<Option<Arc<RowBatch>>>,
    /// (partition, record of its batch).
    pub order: Vec<(u32, u32)>,
    /// By partition, where in its batch the chunk begins.
    starts: Vec<usize>,
    /// By partition, where in its batch the next chunk begins.
    pub positions: Vec<usize>,
}

impl Chunk {
    /// Goes as far as the order is known: until a batch is used up. Raises, as text, where a position is not in its batch.
    pub fn arrive(batches: Vec<Option<Arc<RowBatch>>>, mut positions: Vec<usize>) -> Result<Chunk, String> {
        if batches.len() != positions.len() {
            return Err("as many positions as batches are needed".to_owned());
        }
        let starts = positions.clone();
        let mut heads = BinaryHeap::with_capacity(batches.len());
        let mut room = 0;
        for (partition, (batch, position)) in (0_u32..).zip(batches.iter().zip(&positions)) {
            if let Some(batch) = batch {
                let head = batch.decoded.items().get(*position);
                let head = head.ok_or_else(|| format!("partition {partition}: no record at {position}"))?;
                heads.push(Reverse((head.log_ts_us, partition)));
                room += batch.len() - position;
            }
        }
        let mut order = Vec::with_capacity(room);
        while let Some(Reverse((_, partition))) = heads.pop() {
            let place = partition as usize;
            let (Some(Some(batch)), Some(position)) = (batches.get(place), positions.get_mut(place)) else { break };
            let items = batch.decoded.items();
            let rival = heads.peek().map(|Reverse(rival)| *rival);
            // the partition goes on while no other one's head is before its own
            loop {
                order.push((partition, u32::try_from(*position).map_err(|_| "a batch is too long")?));
                *position += 1;
                let Some(next) = items.get(*position) else {
                    return Ok(Chunk { batches, order, starts, positions });
                };
                if rival.is_some_and(|rival| rival < (next.log_ts_us, partition)) {
                    heads.push(Reverse((next.log_ts_us, partition)));
                    break;
                }
            }
        }
        Ok(Chunk { batches, order, starts, positions })
    }

    /// The batch of a partition, and its records in the chunk, which follow one another.
    pub fn part(&self, partition: usize) -> Option<(&RowBatch, Range<usize>)> {
        let batch = self.batches.get(partition)?.as_deref()?;
        Some((batch, *self.starts.get(partition)?..*self.positions.get(partition)?))
    }

    /// Where in the order a record of a partition stands; behind all where it is none of the chunk.
    pub fn place(&self, partition: usize, record: usize) -> usize {
        let sought = |spot: &(u32, u32)| (spot.0 as usize, spot.1 as usize) == (partition, record);
        self.order.iter().position(sought).unwrap_or(self.order.len())
    }

    /// (place in the order, partition, its batch, record).
    pub fn walk(&self) -> impl Iterator<Item = (usize, usize, &RowBatch, usize)> {
        self.order.iter().enumerate().filter_map(|(place, (partition, item))| {
            let partition = *partition as usize;
            Some((place, partition, self.batches.get(partition)?.as_deref()?, *item as usize))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::{Decoder, Record};
    use crate::plan::tests::plan_of_counts;
    use crate::pool::Pool;

    /// A batch of records that are no events, logged at these times.
    fn batch(times: &[i64]) -> Option<Arc<RowBatch>> {
        let decoder = Decoder::new(plan_of_counts(), &[]);
        let records = (0_i64..).zip(times).map(|(offset, log_ts_us)| {
            let record = Record { offset, log_ts_us: *log_ts_us, ts_type: 1, key: None, value: None };
            (record, std::iter::empty::<(&str, Option<&[u8]>)>())
        });
        RowBatch::decode(&decoder, &Pool::default(), records).ok().map(Arc::new)
    }

    fn order(chunk: Result<Chunk, String>) -> (Vec<(u32, u32)>, Vec<usize>) {
        chunk.map(|chunk| (chunk.order, chunk.positions)).unwrap_or_default()
    }

    #[test]
    fn the_earliest_head_goes_next_until_a_batch_is_used_up() {
        let batches = vec![batch(&[5, 1, 9]), batch(&[5, 6]), None];
        let first = Chunk::arrive(batches.clone(), vec![0, 0, 0]);
        assert_eq!(order(first), (vec![(0, 0), (0, 1), (1, 0), (1, 1)], vec![2, 2, 0]));
        let part = |chunk: &Chunk, partition| chunk.part(partition).map(|(batch, records)| (batch.len(), records));
        let chunk = Chunk::arrive(batches.clone(), vec![1, 0, 0]).unwrap();
        assert_eq!(chunk.order, [(0, 1), (1, 0), (1, 1)]);
        assert_eq!([0, 1, 2, 3].map(|place| part(&chunk, place)), [Some((3, 1..2)), Some((2, 0..2)), None, None]);
        assert_eq!([(0, 1), (1, 1), (0, 2)].map(|(place, record)| chunk.place(place, record)), [0, 2, 3]);
        let second = Chunk::arrive(vec![batches[0].clone(), batch(&[9]), None], vec![2, 0, 0]);
        assert_eq!(order(second), (vec![(0, 2)], vec![3, 0, 0]));
        let last = Chunk::arrive(vec![None, batch(&[9, 2]), None], vec![0, 0, 0]);
        assert_eq!(order(last), (vec![(1, 0), (1, 1)], vec![0, 2, 0]));
    }

    #[test]
    fn a_position_outside_its_batch_is_refused() {
        assert!(Chunk::arrive(vec![batch(&[5])], vec![1]).is_err());
        assert!(Chunk::arrive(vec![batch(&[5])], vec![]).is_err());
    }
}
