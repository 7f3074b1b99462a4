//! The answers of all partitions, found by decision.

use std::ops::Range;

use crate::decisions::DecisionView;
use crate::ir::Merged;
use crate::ir::standing::Subject;
use crate::ir::wire::{Corrupt, Reader};
use crate::ops;
use crate::plan::Plan;
use crate::queries::{Asked, Queries, Row, stretch};

/// The answer of one partition, being read.
pub struct Part<'a> {
    pub rank: u32,
    row: usize,
    pub reader: Reader<'a>,
}

/// All answers, found by decision.
pub struct Shelf<'a> {
    lo: usize,
    /// Sorted by stream and partition, so that a position is a rank.
    answers: Vec<&'a Queries>,
    /// Distinct sources, and by rank the number of its source.
    sources: Vec<(&'a str, u32)>,
    source_numbers: Vec<usize>,
    /// For each decision of the range, where its items begin.
    starts: Vec<usize>,
    /// (answers, row), those of a decision in rank order.
    items: Vec<(usize, usize)>,
    /// By rank, the first row that was not read. Answers are read in their order, as they may tell changes.
    unread: Vec<usize>,
}

impl<'a> Shelf<'a> {
    pub fn new(range: Range<usize>, answers: &[&'a Queries]) -> Self {
        let mut answers = answers.to_vec();
        answers.sort_by(|left, right| source(left).cmp(&source(right)));
        let (mut sources, mut source_numbers) = (Vec::new(), Vec::new());
        for queries in &answers {
            if sources.last() != Some(&source(queries)) {
                sources.push(source(queries));
            }
            source_numbers.push(sources.len() - 1);
        }
        let mut starts = vec![0; range.len() + 1];
        let rows: Vec<Range<usize>> = answers.iter().map(|queries| queries.asked.rows_of(&range)).collect();
        let placed = || {
            rows.iter().enumerate().zip(&answers).flat_map(|((queries_place, rows), queries)| {
                let within = queries.asked.rows().get(rows.clone()).unwrap_or_default();
                let items = within.iter().zip(rows.clone()).filter(|(row, _)| range.contains(&row.decision));
                items.map(move |(row, row_place)| (row.decision, (queries_place, row_place)))
            })
        };
        for (decision, _) in placed() {
            starts[decision - range.start + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut items = vec![(0, 0); starts.last().copied().unwrap_or(0)];
        let mut next = starts.clone();
        for (decision, item) in placed() {
            let next = &mut next[decision - range.start];
            items[*next] = item;
            *next += 1;
        }
        let before = stretch(range.start)..range.start;
        let unread = answers.iter().map(|queries| queries.asked.rows_of(&before).start).collect();
        Shelf { lo: range.start, answers, sources, source_numbers, starts, items, unread }
    }

    /// The number of a stream's partition among the sources; None where it gave no answers.
    pub fn source(&self, partition: (&str, u32)) -> Option<usize> {
        self.sources.iter().position(|known| *known == partition)
    }

    /// Reads what lies before the parts and belongs to no decision of the range.
    pub fn follow(&mut self, plan: &Plan, parts: &[Part<'a>], merged: &mut Merged<'a>) -> Result<(), Corrupt> {
        for part in parts {
            let rank = part.rank as usize;
            let (queries, unread) = (self.answers.get(rank).ok_or(Corrupt)?, self.unread.get_mut(rank).ok_or(Corrupt)?);
            let skipped = if queries.asked.is_ordered() { *unread..part.row } else { 0..0 };
            for place in skipped {
                let row = queries.asked.rows().get(place).ok_or(Corrupt)?;
                let mut groups = queries.asked.groups(row).iter().filter_map(|index| plan.groups.get(*index as usize));
                if !groups.any(|group| group.has_changes) {
                    continue;
                }
                let bytes = queries.answers.get(place).ok_or(Corrupt)?;
                skip(plan, &queries.asked, row, part.rank, bytes, merged)?;
            }
            *unread = part.row + 1;
        }
        Ok(())
    }

    /// Replaces the parts by one answer a partition of the decision's cut, in order. `sources`: see Setting.
    pub fn parts(
        &self,
        view: &DecisionView<'_>,
        as_of_us: i64,
        sources: &[Option<usize>],
        parts: &mut Vec<Part<'a>>,
    ) -> Result<(), String> {
        let place = view.index - self.lo;
        let bounds = (self.starts.get(place).copied(), self.starts.get(place + 1).copied());
        let (Some(start), Some(end)) = bounds else { return Ok(()) };
        let items = self.items.get(start..end).unwrap_or_default();
        parts.clear();
        for (item, (expected, cut)) in items.iter().zip(sources.iter().zip(view.cuts)) {
            let part =
                self.part(*item, as_of_us, *cut).filter(|_| self.source_numbers.get(item.0) == expected.as_ref());
            parts.push(part.ok_or_else(|| missing(view, parts.len()))?);
        }
        match items.len().cmp(&view.cuts.len()) {
            std::cmp::Ordering::Less => Err(missing(view, items.len())),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(format!("decision {}: an answer too many", view.index)),
        }
    }

    /// None unless it answers this cut as of this time.
    fn part(&self, (queries_place, row_place): (usize, usize), as_of_us: i64, cut: i64) -> Option<Part<'a>> {
        let queries = *self.answers.get(queries_place)?;
        let row = queries.asked.rows().get(row_place)?;
        let bytes = queries.answers.get(row_place)?;
        let rank = u32::try_from(queries_place).ok()?;
        let is_asked = row.cut == cut && row.as_of_us == as_of_us;
        is_asked.then(|| Part { rank, row: row_place, reader: Reader::new(bytes) })
    }
}

fn missing(view: &DecisionView<'_>, place: usize) -> String {
    let streams = view.shape.streams.iter();
    let mut partitions =
        streams.flat_map(|stream| (0..stream.topic_ids.len()).map(|partition| (&stream.name, partition)));
    match partitions.nth(place) {
        Some((stream, partition)) => format!("decision {}: no answer of {stream} {partition}", view.index),
        None => format!("decision {}: an answer is missing", view.index),
    }
}

/// Takes from an answer what later ones build on.
fn skip<'a>(
    plan: &Plan,
    asked: &'a Asked,
    row: &Row,
    rank: u32,
    bytes: &'a [u8],
    merged: &mut Merged<'a>,
) -> Result<(), Corrupt> {
    let mut reader = Reader::new(bytes);
    for (key_type, id) in asked.keys(row) {
        for index in asked.groups(row) {
            let group = plan.groups.get(*index as usize).ok_or(Corrupt)?;
            if group.key_type == key_type {
                merged.reset(group, Subject { pins: asked.pins(row), group: *index, key: id });
                merged.absorb(group, &mut reader, ops::Frame { as_of_us: row.as_of_us, rank })?;
            }
        }
    }
    if reader.is_empty() { Ok(()) } else { Err(Corrupt) }
}

fn source(queries: &Queries) -> (&str, u32) {
    (&queries.asked.stream, queries.asked.partition)
}
