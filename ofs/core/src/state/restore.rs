//! A fold out of its entries. Everything is counted again, so that a lost entry is found.

use std::sync::Arc;

use hashbrown::HashMap;

use super::drain::{column_kinds, group_digest};
use super::{BLOCK, CONTRIBUTIONS, FIRST, IDENTITY, LISTS, META, RECORDS, RESIDENT, STEPS};
use crate::ENGINE_FORMAT;
use crate::admit::Reject;
use crate::digest::{Block, Hash, RangeDigest};
use crate::fold::counts::{Counts, LISTED_MAX, Listing};
use crate::fold::firsts::{First, Firsts, Half};
use crate::fold::keys::{Keys, Sought};
use crate::fold::stairs::Stairs;
use crate::fold::{Drained, Fold, Origin};
use crate::ir::wire::{Corrupt, Decoded, Reader};
use crate::keylog::texts::Texts;
use crate::keylog::{Contribution, Forget};
use crate::ops::Atom;
use crate::plan::Plan;
use crate::value::ValueType;

/// Why no fold can be made of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreError {
    Damaged,
    /// An entry that a fold over a store leaves there.
    NotResident,
    /// What of the state is another than what is asked for.
    Differs(&'static str),
}

impl std::fmt::Display for RestoreError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RestoreError::Damaged => formatter.write_str("the state is damaged or incomplete"),
            RestoreError::NotResident => formatter.write_str("an entry is not of the resident prefixes"),
            RestoreError::Differs(what) => write!(formatter, "the state has another {what}"),
        }
    }
}

impl From<Corrupt> for RestoreError {
    fn from(_: Corrupt) -> Self {
        RestoreError::Damaged
    }
}

type Restored<T> = Result<T, RestoreError>;

impl Fold {
    /// The fold that drained these entries, in any order; definitions and scopes may stand in another order than then.
    pub fn restore(plan: Arc<Plan>, scopes: &[&[u8]], entries: &[(&[u8], &[u8])]) -> Restored<Fold> {
        let (mut fold, meta) = Fold::of_entries(plan, scopes, entries)?;
        let found = [
            fold.intake.firsts.len(),
            fold.intake.scopes.iter().map(|scope| scope.stairs.len()).sum(),
            fold.keys.iter().map(|keys| keys.contributions()).sum(),
        ];
        let steps = meta.stairs.iter().map(|(count, _)| count).sum();
        if found != [meta.firsts, steps, meta.contributions] {
            return Err(RestoreError::Damaged);
        }
        fold.intake.firsts.set_drained();
        fold.intake.scopes.iter_mut().for_each(|scope| {
            scope.stairs.drain();
        });
        fold.keys.iter_mut().for_each(|keys| keys.set_drained());
        Ok(fold)
    }

    /// The fold over a store that holds the entries that it drained. `entries` are those under the `RESIDENT` prefixes
    /// only, in any order.
    pub fn open(plan: Arc<Plan>, scopes: &[&[u8]], entries: &[(&[u8], &[u8])]) -> Restored<Fold> {
        if !entries.iter().all(|(key, _)| key.first().is_some_and(|tag| RESIDENT.contains(tag))) {
            return Err(RestoreError::NotResident);
        }
        let (mut fold, meta) = Fold::of_entries(plan, scopes, entries)?;
        fold.intake.firsts = Firsts::opened(meta.firsts);
        for (scope, (count, max_us)) in fold.intake.scopes.iter_mut().zip(&meta.stairs) {
            scope.stairs = Stairs::opened(*count, *max_us, meta.frontier);
        }
        for (keys, counts) in fold.keys.iter_mut().zip(&fold.intake.counts.groups) {
            if counts.usable > 0 {
                *keys = Keys::opened();
            }
        }
        Ok(fold)
    }

    fn of_entries(plan: Arc<Plan>, scopes: &[&[u8]], entries: &[(&[u8], &[u8])]) -> Restored<(Fold, Meta)> {
        let mut sorted: Vec<(&[u8], &[u8])> = entries.to_vec();
        sorted.sort_unstable();
        let find = |key: &[u8]| sorted.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
        let identity = find(&[IDENTITY]).ok_or(RestoreError::Damaged)?;
        let origin = read_identity(identity, &plan, scopes)?;
        let mut fold = Fold::new(plan, scopes, origin).map_err(|_| RestoreError::Damaged)?;
        let meta = Meta::read(find(&[META]).ok_or(RestoreError::Damaged)?, &fold)?;
        let mut loader = Loader::new(&fold, meta.open);
        for (key, value) in &sorted {
            loader.load(&mut fold, key, value)?;
        }
        if loader.blocks.len() != meta.blocks || loader.records.len() != meta.open.1 {
            return Err(RestoreError::Damaged);
        }
        fold.intake.frontier = meta.frontier;
        fold.intake.digest = RangeDigest::from_parts(meta.last_offset, loader.blocks, meta.open.0, loader.records)
            .map_err(|_| RestoreError::Damaged)?;
        meta.fill(&mut fold.intake.counts);
        if !has_whole_lists(&fold.intake.counts) {
            return Err(RestoreError::Damaged);
        }
        fold.drained = Drained { frontier: Some(meta.frontier), blocks: meta.blocks, open: meta.open };
        Ok((fold, meta))
    }
}

/// Every list is as long as its count says.
fn has_whole_lists(counts: &Counts) -> bool {
    let lists = counts.groups.iter().flat_map(|group| &group.odd);
    let lists = lists.chain([&counts.duplicates, &counts.duplicates_differing]);
    let mut lengths = lists.map(|listing| (listing.items.len(), listing.count));
    let is_whole = |(length, count): (usize, u64)| length as u64 == count.min(LISTED_MAX as u64);
    lengths.all(is_whole) && is_whole((counts.rejected.items.len(), counts.rejected.count))
}

fn read_identity(bytes: &[u8], plan: &Plan, scopes: &[&[u8]]) -> Restored<Origin> {
    let mut reader = Reader::new(bytes);
    if reader.text()? != ENGINE_FORMAT {
        return Err(RestoreError::Differs("format"));
    }
    let origin = Origin {
        stream: reader.text()?.to_owned(),
        partition: reader.u32()?,
        start: reader.i64()?,
        max_skew_us: reader.i64()?,
    };
    let group_count = reader.count(1)?;
    let groups = (0..group_count).map(|_| reader.text()).collect::<Decoded<Vec<&str>>>()?;
    if !same_set(groups, plan.groups.iter().map(|group| group.digest.as_str()).collect()) {
        return Err(RestoreError::Differs("plan"));
    }
    let scope_count = reader.count(1)?;
    let known = (0..scope_count).map(|_| reader.bytes()).collect::<Decoded<Vec<&[u8]>>>()?;
    if !same_set(known, scopes.to_vec()) {
        return Err(RestoreError::Differs("set of scopes"));
    }
    Ok(origin)
}

fn same_set<T: Ord>(mut left: Vec<T>, mut right: Vec<T>) -> bool {
    left.sort_unstable();
    right.sort_unstable();
    left == right
}

/// The entry `M`.
struct Meta {
    frontier: i64,
    last_offset: i64,
    /// The unfinished block, and how many records of it.
    open: (u64, usize),
    /// How many finished blocks, first copies and contributions there are.
    blocks: usize,
    firsts: usize,
    contributions: usize,
    counts: Counts,
    /// How many steps a scope has, and the largest event time.
    stairs: Vec<(usize, Option<i64>)>,
}

impl Meta {
    /// Groups and scopes in the order of the fold.
    fn read(bytes: &[u8], fold: &Fold) -> Restored<Self> {
        let plan = &fold.plan;
        let mut reader = Reader::new(bytes);
        let (frontier, last_offset, open) = (reader.i64()?, reader.i64()?, (reader.u64()?, reader.len()?));
        let (blocks, firsts, contributions) = (reader.len()?, reader.len()?, reader.len()?);
        let mut counts = read_counts(&mut reader)?;
        let order = plan.groups.iter().map(|_| reader.text()).collect::<Decoded<Vec<&str>>>()?;
        counts.groups = plan.groups.iter().map(|_| Default::default()).collect();
        for digest in order {
            let place = plan.groups.iter().position(|group| group.digest == digest).ok_or(Corrupt)?;
            let group = counts.groups.get_mut(place).ok_or(Corrupt)?;
            group.usable = reader.u64()?;
            group.filtered = reader.u64()?;
            for listing in &mut group.odd {
                listing.count = reader.u64()?;
            }
        }
        let mut stairs = vec![(0, None); fold.intake.scopes.len()];
        for _ in &fold.intake.scopes {
            let digest = reader.array::<32>()?;
            let place = fold.intake.scopes.iter().position(|scope| scope.digest == digest).ok_or(Corrupt)?;
            stairs[place] = (reader.len()?, read_optional(&mut reader)?);
        }
        let meta = Meta { frontier, last_offset, open, blocks, firsts, contributions, counts, stairs };
        if reader.is_empty() && meta.fits(fold.intake.origin.start) { Ok(meta) } else { Err(RestoreError::Damaged) }
    }

    /// No count exceeds the offsets since the start, so that none can overflow later.
    fn fits(&self, start: i64) -> bool {
        let Some(span) = self.frontier.checked_sub(start).and_then(|span| u64::try_from(span).ok()) else {
            return false;
        };
        let Meta { counts, .. } = self;
        let own = [counts.records, counts.admitted, counts.other_pins, counts.holes.count, counts.rejected.count];
        let copies = [counts.duplicates.count, counts.duplicates_differing.count];
        let groups = counts.groups.iter().flat_map(|group| {
            let odd = group.odd.iter().map(|listing| listing.count);
            odd.chain([group.usable, group.filtered])
        });
        let steps = self.stairs.iter().map(|(count, _)| *count as u64);
        let all = own.into_iter().chain(copies).chain(counts.rejected_by).chain(groups).chain(steps);
        self.last_offset < self.frontier && all.chain([self.firsts as u64]).all(|count| count <= span)
    }

    /// Gives the counts to what holds the lists already.
    fn fill(&self, counts: &mut Counts) {
        let lists = std::mem::replace(counts, self.counts.clone());
        counts.rejected.items = lists.rejected.items;
        counts.duplicates.items = lists.duplicates.items;
        counts.duplicates_differing.items = lists.duplicates_differing.items;
        counts.holes.ranges = lists.holes.ranges;
        for (group, lists) in counts.groups.iter_mut().zip(lists.groups) {
            for (listing, known) in group.odd.iter_mut().zip(lists.odd) {
                listing.items = known.items;
            }
        }
    }
}

fn read_counts(reader: &mut Reader<'_>) -> Decoded<Counts> {
    let mut counts =
        Counts { records: reader.u64()?, admitted: reader.u64()?, other_pins: reader.u64()?, ..Counts::default() };
    counts.holes.count = reader.u64()?;
    counts.rejected.count = reader.u64()?;
    counts.duplicates.count = reader.u64()?;
    counts.duplicates_differing.count = reader.u64()?;
    for count in &mut counts.rejected_by {
        *count = reader.u64()?;
    }
    for value in [&mut counts.skew_us_max, &mut counts.skew_violation, &mut counts.holes.end] {
        *value = read_optional(reader)?;
    }
    Ok(counts)
}

fn read_optional(reader: &mut Reader<'_>) -> Decoded<Option<i64>> {
    let (is_some, number) = (reader.u8()? != 0, reader.i64()?);
    Ok(is_some.then_some(number))
}

/// Puts entries where they belong.
struct Loader {
    groups: HashMap<Hash, usize>,
    scopes: HashMap<Hash, usize>,
    kinds: Vec<Vec<ValueType>>,
    blocks: Vec<Block>,
    /// The index of the unfinished block, and the digests of its records.
    open: u64,
    records: Vec<Hash>,
    values: Vec<Option<i64>>,
}

impl Loader {
    fn new(fold: &Fold, open: (u64, usize)) -> Self {
        let digests = fold.plan.groups.iter().map(group_digest);
        Loader {
            groups: digests.enumerate().map(|(place, digest)| (digest, place)).collect(),
            scopes: fold.intake.scopes.iter().enumerate().map(|(place, scope)| (scope.digest, place)).collect(),
            kinds: fold.plan.groups.iter().map(|group| column_kinds(&fold.plan, group)).collect(),
            blocks: Vec::new(),
            open: open.0,
            records: Vec::new(),
            values: Vec::new(),
        }
    }

    fn load(&mut self, fold: &mut Fold, key: &[u8], value: &[u8]) -> Restored<()> {
        let mut key = Reader::new(key);
        let mut value = Reader::new(value);
        match key.u8()? {
            IDENTITY | META => return Ok(()),
            LISTS if key.is_empty() => read_lists(&mut value, &mut fold.intake.counts)?,
            LISTS => {
                let place = *self.groups.get(&key.array::<32>()?).ok_or(Corrupt)?;
                let group = fold.intake.counts.groups.get_mut(place).ok_or(Corrupt)?;
                for listing in &mut group.odd {
                    read_offsets(&mut value, listing)?;
                }
            }
            CONTRIBUTIONS => self.load_contributions(fold, &mut key, &mut value)?,
            FIRST => {
                let first = read_first(key.array()?, &mut value)?;
                fold.intake.firsts.meet(first, 0);
            }
            STEPS => {
                let place = *self.scopes.get(&key.array::<32>()?).ok_or(Corrupt)?;
                key.array::<8>()?;
                let scope = fold.intake.scopes.get_mut(place).ok_or(Corrupt)?;
                let mut steps = Vec::new();
                read_steps(&mut value, &mut steps)?;
                steps.iter().for_each(|(offset, time_us)| scope.stairs.observe(*offset, *time_us));
            }
            BLOCK => {
                let index = u64::from_be_bytes(key.array()?);
                let count = u32::from_be_bytes(value.array()?);
                self.blocks.push(Block { index, count, digest: value.array()? });
            }
            RECORDS => {
                let from = u32::from_be_bytes(key.array()?);
                let block = u64::from_be_bytes(value.array()?);
                let is_open = block == self.open;
                if is_open && from as usize != self.records.len() {
                    return Err(RestoreError::Damaged);
                }
                while !value.is_empty() {
                    let record = value.array()?;
                    if is_open {
                        self.records.push(record);
                    }
                }
            }
            _ => return Err(RestoreError::Damaged),
        }
        if key.is_empty() && value.is_empty() { Ok(()) } else { Err(RestoreError::Damaged) }
    }

    fn load_contributions(&mut self, fold: &mut Fold, key: &mut Reader<'_>, value: &mut Reader<'_>) -> Restored<()> {
        let scope = *self.scopes.get(&key.array::<32>()?).ok_or(Corrupt)?;
        let place = *self.groups.get(&key.array::<32>()?).ok_or(Corrupt)?;
        let length = u32::from_be_bytes(key.array()?);
        let id = std::str::from_utf8(key.take(length as usize)?).map_err(|_| Corrupt)?;
        key.array::<8>()?;
        let kinds = self.kinds.get(place).ok_or(Corrupt)?;
        let group = fold.plan.groups.get(place).ok_or(Corrupt)?;
        let keys = fold.keys.get_mut(place).ok_or(Corrupt)?;
        let sought = Sought { scope, key: id, ahead: None };
        while !value.is_empty() {
            let (time_us, offset, log_ts_us) = read_contribution(value, kinds, &mut fold.texts, &mut self.values)?;
            let contribution = Contribution { time_us, offset, log_ts_us, values: &self.values };
            keys.insert(group, sought, &contribution, Forget::NOTHING, 0);
        }
        Ok(())
    }
}

pub fn read_first(id: Half, value: &mut Reader<'_>) -> Decoded<First> {
    Ok(First { id, offset: i64::from_be_bytes(value.array()?), value: value.array()? })
}

/// Event time, offset and log timestamp; `values` become the columns.
pub fn read_contribution(
    reader: &mut Reader<'_>,
    kinds: &[ValueType],
    texts: &mut Texts,
    values: &mut Vec<Option<i64>>,
) -> Decoded<(i64, i64, i64)> {
    let row = (reader.i64()?, reader.i64()?, reader.i64()?);
    values.clear();
    for kind in kinds {
        values.push(match reader.u8()? {
            0 => None,
            _ => match Atom::decode(reader, *kind)? {
                Atom::Number(raw) => Some(raw),
                Atom::Text(text) => i64::try_from(texts.intern(text)).ok(),
            },
        });
    }
    Ok(row)
}

pub fn read_steps(reader: &mut Reader<'_>, steps: &mut Vec<(i64, i64)>) -> Decoded<()> {
    while !reader.is_empty() {
        steps.push((reader.i64()?, reader.i64()?));
    }
    Ok(())
}

fn read_lists(reader: &mut Reader<'_>, counts: &mut Counts) -> Decoded<()> {
    for _ in 0..reader.count(2)? {
        let offset = reader.i64()?;
        let reject = Reject::ALL.get(usize::from(reader.u8()?)).ok_or(Corrupt)?;
        counts.rejected.items.push((offset, *reject));
    }
    read_offsets(reader, &mut counts.duplicates)?;
    read_offsets(reader, &mut counts.duplicates_differing)?;
    for _ in 0..reader.count(2)? {
        counts.holes.ranges.push((reader.i64()?, reader.i64()?));
    }
    Ok(())
}

fn read_offsets(reader: &mut Reader<'_>, listing: &mut Listing<i64>) -> Decoded<()> {
    let count = reader.count(1)?;
    listing.items = (0..count).map(|_| reader.i64()).collect::<Decoded<Vec<i64>>>()?;
    Ok(())
}
