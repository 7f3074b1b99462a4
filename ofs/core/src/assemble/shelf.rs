//! The answers of all partitions, found by decision.

use std::ops::Range;

use hashbrown::HashMap;

use crate::decisions::DecisionView;
use crate::ir::Merged;
use crate::ir::standing::Subject;
use crate::ir::wire::{Corrupt, Reader};
use crate::ops;
use crate::plan::Plan;
use crate::queries::{Queries, Questions, Row, stretch};

/// The answer of one partition, being read.
pub struct Part<'a> {
    pub rank: u32,
    row: usize,
    pub reader: Reader<'a>,
}

/// All answers, found by decision: those of one decision after the other, in order.
pub struct Shelf<'a> {
    /// Sorted by stream and partition, so that a position is a rank.
    answers: Vec<Sought<'a>>,
    /// Distinct sources, and the ranks of each.
    sources: Vec<((&'a str, u32), Range<usize>)>,
    /// Whether answers tell changes of those before.
    is_followed: bool,
}

/// The answers of one partition.
struct Sought<'a> {
    queries: &'a Queries,
    /// Of rows in the order of the decisions, the first one that was not sought.
    next: usize,
    /// Of rows in another order, where each decision of the range stands.
    places: HashMap<usize, usize>,
    /// The first row that was not read. Answers are read in their order, as they may tell changes.
    unread: usize,
}

impl<'a> Sought<'a> {
    fn new(queries: &'a Queries, range: &Range<usize>) -> Self {
        let asked = &queries.asked;
        if asked.is_ordered() {
            let unread = asked.first_from(stretch(range.start));
            return Sought { queries, next: asked.first_from(range.start), places: HashMap::new(), unread };
        }
        let decisions = (0..asked.len()).filter_map(|place| Some((asked.decision(place)?, place)));
        let places = decisions.filter(|(decision, _)| range.contains(decision)).collect();
        Sought { queries, next: 0, places, unread: 0 }
    }

    /// The row of a decision, None where it is not asked. Bounds: none before one that was sought.
    fn row(&mut self, decision: usize) -> Option<usize> {
        let asked = &self.queries.asked;
        if !asked.is_ordered() {
            return self.places.get(&decision).copied();
        }
        while asked.decision(self.next)? < decision {
            self.next += 1;
        }
        (asked.decision(self.next)? == decision).then_some(self.next)
    }
}

impl<'a> Shelf<'a> {
    pub fn new(range: &Range<usize>, answers: &[&'a Queries], plan: &Plan) -> Self {
        let mut answers: Vec<Sought<'a>> = answers.iter().map(|queries| Sought::new(queries, range)).collect();
        answers.sort_by(|left, right| source(left.queries).cmp(&source(right.queries)));
        let mut sources: Vec<((&'a str, u32), Range<usize>)> = Vec::new();
        for (rank, sought) in answers.iter().enumerate() {
            match sources.last_mut() {
                Some((known, ranks)) if *known == source(sought.queries) => ranks.end = rank + 1,
                _ => sources.push((source(sought.queries), rank..rank + 1)),
            }
        }
        Shelf { answers, sources, is_followed: plan.groups.iter().any(|group| group.has_changes) }
    }

    /// The ranks of the answers of a stream's partition; None where it gave none.
    pub fn ranks(&self, partition: (&str, u32)) -> Option<Range<usize>> {
        self.sources.iter().find(|(known, _)| *known == partition).map(|(_, ranks)| ranks.clone())
    }

    /// Reads what lies before the parts and belongs to no decision of the range.
    pub fn follow(&mut self, plan: &Plan, parts: &[Part<'a>], merged: &mut Merged<'a>) -> Result<(), Corrupt> {
        if !self.is_followed {
            return Ok(());
        }
        for part in parts {
            let Sought { queries, unread, .. } = self.answers.get_mut(part.rank as usize).ok_or(Corrupt)?;
            let queries = *queries;
            let skipped = if queries.asked.is_ordered() { *unread..part.row } else { 0..0 };
            for place in skipped {
                let row = queries.asked.row(place).ok_or(Corrupt)?;
                let bytes = queries.answers.get(place).ok_or(Corrupt)?;
                skip(plan, &queries.asked.questions, &row, part.rank, bytes, merged)?;
            }
            *unread = part.row + 1;
        }
        Ok(())
    }

    /// Replaces the parts by the answers of the partitions of the decision's cut, in order, but for those that say nothing.
    /// `sources`: see Setting.
    pub fn parts(
        &mut self,
        view: &DecisionView<'_>,
        as_of_us: i64,
        sources: &[Option<Range<usize>>],
        parts: &mut Vec<Part<'a>>,
    ) -> Result<(), String> {
        parts.clear();
        for (place, (ranks, cut)) in sources.iter().zip(view.cuts).enumerate() {
            let mut found = None;
            for rank in ranks.clone().unwrap_or_default() {
                let part = self.part(rank, view.index, as_of_us, *cut);
                if part.is_some() && found.is_some() {
                    return Err(format!("decision {}: an answer too many", view.index));
                }
                found = found.or(part);
            }
            let part = found.ok_or_else(|| missing(view, place))?;
            parts.extend(Some(part).filter(|part| !part.reader.is_empty()));
        }
        Ok(())
    }

    /// None unless it answers this cut of the decision as of this time.
    fn part(&mut self, rank: usize, decision: usize, as_of_us: i64, cut: i64) -> Option<Part<'a>> {
        let sought = self.answers.get_mut(rank)?;
        let place = sought.row(decision)?;
        let queries = sought.queries;
        let row = queries.asked.row(place)?;
        let is_asked = row.cut == cut && row.posed.as_of_us == as_of_us;
        let (bytes, rank) = (queries.answers.get(place)?, u32::try_from(rank).ok()?);
        is_asked.then(|| Part { rank, row: place, reader: Reader::new(bytes) })
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
    questions: &'a Questions,
    row: &Row,
    rank: u32,
    bytes: &'a [u8],
    merged: &mut Merged<'a>,
) -> Result<(), Corrupt> {
    let (mut reader, posed) = (Reader::new(bytes), &row.posed);
    let groups = || questions.groups(posed).iter().filter_map(|index| Some((index, plan.groups.get(*index as usize)?)));
    if reader.is_empty() || !groups().any(|(_, group)| group.has_changes) {
        return Ok(());
    }
    for (key_type, id) in questions.keys(posed) {
        for (index, group) in groups().filter(|(_, group)| group.key_type == key_type) {
            merged.reset(group, Subject { pins: questions.pins(posed), group: *index, key: id });
            merged.absorb(group, &mut reader, ops::Frame { as_of_us: posed.as_of_us, rank })?;
        }
    }
    if reader.is_empty() { Ok(()) } else { Err(Corrupt) }
}

fn source(queries: &Queries) -> (&str, u32) {
    (&queries.asked.stream, queries.asked.partition)
}
