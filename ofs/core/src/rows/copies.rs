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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decoder::{Decoder, Record};
    use crate::plan::tests::plan_of_counts;
    use crate::pool::Pool;
    use crate::rows::RowBatch;
    use crate::rows::tests::job;

    const PINS: &str = concat!(
        r#""manifest_fingerprint":"00000000000000000000000000000000000000000000000000000000000000ff","#,
        r#""parameter_hash":"1111111111111111111111111111111111111111111111111111111111111111","#,
        r#""run_id":"22222222222222222222222222222222","scenario_id":"s1","seed":7"#,
    );

    /// Events at these times, logged then too.
    fn batch(times: &[i64]) -> Option<Arc<RowBatch>> {
        let pins = format!("{{{PINS}}}");
        let decoder = Decoder::new(plan_of_counts(), &[pins.as_bytes()]);
        let event = |time_us| {
            let head = format!(r#""event_id":"e{time_us}","event_type":"t","ts_utc":"1970-01-01T00:00:0{time_us}Z""#);
            format!("{{{head},{PINS},\"payload\":{{}}}}")
        };
        let values: Vec<String> = times.iter().map(event).collect();
        let records = (0_i64..).zip(times.iter().zip(&values)).map(|(offset, (log_ts_us, value))| {
            let value = Some(value.as_bytes());
            (Record { offset, log_ts_us: *log_ts_us, ts_type: 1, key: None, value }, std::iter::empty())
        });
        RowBatch::decode(&decoder, &Pool::default(), records).ok().map(Arc::new)
    }

    fn first(record: u32, as_of_us: i64, given_from: u32) -> First {
        First { record, given_from, offset: i64::from(record), as_of_us }
    }

    fn given(cells: usize) -> Given {
        Given { group: 0, cells }
    }

    /// (partition, as-of, whether it is established, cells of what is given).
    type Found = (usize, i64, bool, Vec<usize>);

    fn found(job: &Job, chunk: &Chunk, taken: &[&Taken]) -> Result<Vec<Found>, String> {
        let cells = |copy: &Copy<'_>| copy.given.iter().map(|given| given.cells).collect();
        let copies = copies(job, chunk, taken);
        copies.map(|copy| copy.map(|c| (c.partition, c.as_of_us, c.is_established, cells(&c)))).collect()
    }

    #[test]
    fn first_copies_come_in_the_order_of_arrival_each_with_what_it_gives() {
        let chunk = Chunk::arrive(vec![batch(&[1, 4, 9]), batch(&[2, 3])], vec![0, 0]).unwrap();
        let one = Taken { firsts: vec![first(1, 4, 0)], given: vec![given(7)], void_from: None };
        let firsts = vec![first(0, 2, 0), first(1, 3, 2)];
        let two = Taken { firsts, given: vec![given(5), given(6)], void_from: Some(2) };
        let mut job = job(&[(0, 3), (0, 2)], 1);
        assert_eq!(found(&job, &chunk, &[&one, &two]), Ok(vec![(1, 2, true, vec![5, 6]), (1, 3, true, vec![])]));
        job.known_after_us = Some(1);
        assert_eq!(found(&job, &chunk, &[&one, &two]), Ok(vec![(1, 2, true, vec![5, 6]), (1, 3, false, vec![])]));
        job.known_after_us = Some(2);
        assert_eq!(found(&job, &chunk, &[&one, &two]), Ok(vec![(1, 2, false, vec![5, 6]), (1, 3, false, vec![])]));
        let second = Chunk::arrive(vec![batch(&[1, 4, 9]), batch(&[9])], vec![1, 0]).unwrap();
        assert_eq!(found(&job, &second, &[&one, &Taken::default()]), Ok(vec![(0, 4, true, vec![7])]));
    }

    #[test]
    fn what_was_taken_of_another_chunk_is_refused() {
        let chunk = Chunk::arrive(vec![batch(&[1, 4])], vec![0]).unwrap();
        let taken = Taken { firsts: vec![first(0, 1, 3)], given: vec![given(7)], void_from: None };
        assert!(found(&job(&[(0, 2)], 1), &chunk, &[&taken]).is_err());
    }
}
