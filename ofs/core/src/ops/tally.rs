//! count_distinct and top_k: how often each value is present; all values are kept, so that the merge is exact.

use hashbrown::HashMap;

use super::{Atom, Slice, TypedField};
use crate::ir::wire::{Corrupt, Decoded, Reader, put_len, put_u64};
use crate::keylog::tracks::Telling;
use crate::value::ValueType;

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<'a> {
    Alone(Vec<(Atom<'a>, u64)>),
    Start(Vec<(Atom<'a>, u64)>),
    Change { entering: Vec<Atom<'a>>, leaving: Vec<Atom<'a>> },
}

const ALONE: u8 = 0;
const START: u8 = 1;
const CHANGE: u8 = 2;
/// So few distinct values are searched one by one.
const FEW: usize = 16;

/// Values with their counts, in any order and any number of times, and whose standing tallies belong to it, by rank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally<'a> {
    pub counts: Vec<(Atom<'a>, u64)>,
    pub standing: Vec<u32>,
}

impl<'a> Tally<'a> {
    pub fn merge(&mut self, other: Self) {
        if self.counts.is_empty() {
            self.counts = other.counts;
        } else {
            self.counts.extend(other.counts);
        }
        self.standing.extend(other.standing);
    }

    /// Puts the values in ascending order, each once.
    pub fn settle(&mut self) {
        self.counts.sort_unstable_by_key(|(atom, _)| *atom);
        self.counts.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(later.1);
            }
            same
        });
    }
}

pub fn query(slice: &Slice<'_>, field: TypedField, telling: &Telling, out: &mut Vec<u8>) {
    match telling {
        Telling::Alone => {
            out.push(ALONE);
            encode_counts(&counts(slice, field), out);
        }
        Telling::Start => {
            out.push(START);
            encode_counts(&counts(slice, field), out);
        }
        Telling::Change(change) => {
            out.push(CHANGE);
            encode_places(slice, field, || change.entering(), out);
            encode_places(slice, field, || change.leaving(), out);
        }
    }
}

/// Values in the order in which they come first, each once. Counts the raw ones, which are integers also for strings.
fn counts<'a>(slice: &Slice<'a>, field: TypedField) -> Vec<(Atom<'a>, u64)> {
    let column = slice.log.column(field.column);
    let raws = (slice.lo..slice.hi).filter_map(|at| Some((column.get(at)?, 1)));
    total(raws).into_iter().map(|(raw, count)| (Atom::of(raw, field.kind, slice.texts), count)).collect()
}

/// Each value once, in the order in which they come first, with the sum of its counts.
pub fn total<T: Copy + Eq + std::hash::Hash>(items: impl Iterator<Item = (T, u64)>) -> Vec<(T, u64)> {
    let (mut counts, mut places): (Vec<(T, u64)>, _) = (Vec::new(), HashMap::new());
    for (item, count) in items {
        if counts.len() < FEW {
            match counts.iter_mut().find(|(known, _)| *known == item) {
                Some(known) => known.1 = known.1.saturating_add(count),
                None => counts.push((item, count)),
            }
            continue;
        }
        if places.is_empty() {
            places.extend(counts.iter().enumerate().map(|(place, (item, _))| (*item, place)));
        }
        let place = *places.entry(item).or_insert(counts.len());
        match counts.get_mut(place) {
            Some(known) => known.1 = known.1.saturating_add(count),
            None => counts.push((item, count)),
        }
    }
    counts
}

fn encode_counts(counts: &[(Atom<'_>, u64)], out: &mut Vec<u8>) {
    put_len(out, counts.len());
    for (atom, count) in counts {
        atom.encode(out);
        put_u64(out, *count);
    }
}

fn encode_places<I: Iterator<Item = usize>>(
    slice: &Slice<'_>,
    field: TypedField,
    places: impl Fn() -> I,
    out: &mut Vec<u8>,
) {
    let column = slice.log.column(field.column);
    put_len(out, places().filter(|place| column.get(*place).is_some()).count());
    for raw in places().filter_map(|place| column.get(place)) {
        Atom::of(raw, field.kind, slice.texts).encode(out);
    }
}

impl<'a> Told<'a> {
    pub fn decode(reader: &mut Reader<'a>, kind: ValueType) -> Decoded<Self> {
        match reader.u8()? {
            ALONE => Ok(Told::Alone(decode_counts(reader, kind)?)),
            START => Ok(Told::Start(decode_counts(reader, kind)?)),
            CHANGE => Ok(Told::Change { entering: decode_atoms(reader, kind)?, leaving: decode_atoms(reader, kind)? }),
            _ => Err(Corrupt),
        }
    }
}

fn decode_counts<'a>(reader: &mut Reader<'a>, kind: ValueType) -> Decoded<Vec<(Atom<'a>, u64)>> {
    let length = reader.count(2)?;
    let mut counts = Vec::with_capacity(length);
    for _ in 0..length {
        counts.push((Atom::decode(reader, kind)?, reader.u64()?));
    }
    Ok(counts)
}

fn decode_atoms<'a>(reader: &mut Reader<'a>, kind: ValueType) -> Decoded<Vec<Atom<'a>>> {
    let length = reader.count(1)?;
    let mut atoms = Vec::with_capacity(length);
    for _ in 0..length {
        atoms.push(Atom::decode(reader, kind)?);
    }
    Ok(atoms)
}
