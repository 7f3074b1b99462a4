//! Drains: what changed since the last one, to be written in one atomic batch.

use super::{BLOCK, CONTRIBUTIONS, Entries, FIRST, IDENTITY, LISTS, META, RECORDS, STEPS};
use crate::ENGINE_FORMAT;
use crate::digest::{Hash, parse_hex};
use crate::fold::counts::{Counts, GroupCounts, Listing};
use crate::fold::keys::{Entry, Keys};
use crate::fold::{Fold, Scope};
use crate::ir::wire::{put_bytes, put_i64, put_len, put_u64};
use crate::keylog::Contribution;
use crate::keylog::texts::Texts;
use crate::ops::Atom;
use crate::plan::{GroupPlan, Plan};
use crate::value::ValueType;

impl Fold {
    /// Entries that are new or changed since the last drain.
    pub fn drain_state(&mut self) -> Entries {
        let mut entries = Entries::default();
        let from = self.drained.frontier.unwrap_or(self.intake.origin.start);
        if self.drained.frontier.is_none() {
            entries.add(|key| key.push(IDENTITY), |value| self.write_identity(value));
        }
        for ((group, keys), counts) in self.plan.groups.iter().zip(&mut self.keys).zip(&mut self.intake.counts.groups) {
            let digest = group_digest(group);
            drain_keys(
                group,
                keys,
                from,
                &Context { plan: &self.plan, scopes: &self.intake.scopes, texts: &self.texts },
                &mut entries,
            );
            if std::mem::take(&mut counts.dirty) {
                entries
                    .add(|key| key.extend([&[LISTS], &digest[..]].concat()), |value| write_group_lists(counts, value));
            }
        }
        for first in self.intake.firsts.drain() {
            entries.add(
                |key| {
                    key.push(FIRST);
                    key.extend_from_slice(&first.id);
                },
                |value| {
                    value.extend_from_slice(&first.offset.to_be_bytes());
                    value.extend_from_slice(&first.value);
                },
            );
        }
        for scope in &mut self.intake.scopes {
            drain_steps(scope, &mut entries);
        }
        for block in self.intake.digest.finished().get(self.drained.blocks..).unwrap_or_default() {
            entries.add(
                |key| {
                    key.push(BLOCK);
                    key.extend_from_slice(&block.index.to_be_bytes());
                },
                |value| {
                    value.extend_from_slice(&block.count.to_be_bytes());
                    value.extend_from_slice(&block.digest);
                },
            );
        }
        self.drain_open_block(&mut entries);
        if std::mem::take(&mut self.intake.counts.dirty) {
            entries.add(|key| key.push(LISTS), |value| write_lists(&self.intake.counts, value));
        }
        entries.add(|key| key.push(META), |value| self.write_meta(value));
        self.drained.frontier = Some(self.intake.frontier);
        self.drained.blocks = self.intake.digest.finished().len();
        entries
    }

    /// Adds the record digests of the unfinished block that no drain has handed out.
    fn drain_open_block(&mut self, entries: &mut Entries) {
        let (block, records) = self.intake.digest.open_records();
        let from = if self.drained.open.0 == block { self.drained.open.1 } else { 0 };
        if let Some(fresh) = records.get(from..).filter(|fresh| !fresh.is_empty()) {
            entries.add(
                |key| {
                    key.push(RECORDS);
                    key.extend_from_slice(&(from as u32).to_be_bytes()); // below the offsets of a block
                },
                |value| {
                    value.extend_from_slice(&block.to_be_bytes());
                    value.extend_from_slice(fresh.as_flattened());
                },
            );
        }
        self.drained.open = (block, records.len());
    }

    fn write_identity(&self, out: &mut Vec<u8>) {
        put_bytes(out, ENGINE_FORMAT.as_bytes());
        put_bytes(out, self.intake.origin.stream.as_bytes());
        put_u64(out, u64::from(self.intake.origin.partition));
        put_i64(out, self.intake.origin.start);
        put_i64(out, self.intake.origin.max_skew_us);
        put_len(out, self.plan.groups.len());
        self.plan.groups.iter().for_each(|group| put_bytes(out, group.digest.as_bytes()));
        put_len(out, self.intake.scopes.len());
        self.intake.scopes.iter().for_each(|scope| put_bytes(out, &scope.pins));
    }

    fn write_meta(&self, out: &mut Vec<u8>) {
        put_i64(out, self.intake.frontier);
        put_i64(out, self.intake.digest.last_offset().unwrap_or(-1));
        let (block, records) = self.intake.digest.open_records();
        put_u64(out, block);
        put_len(out, records.len());
        put_len(out, self.intake.digest.finished().len());
        put_len(out, self.intake.firsts.len());
        put_len(out, self.intake.counts.groups.iter().map(|group| group.usable as usize).sum());
        write_counts(&self.intake.counts, out);
        // sorted, so that a state does not tell in which order groups and scopes were given
        let mut groups: Vec<(&GroupPlan, &GroupCounts)> =
            self.plan.groups.iter().zip(&self.intake.counts.groups).collect();
        groups.sort_by(|left, right| left.0.digest.cmp(&right.0.digest));
        groups.iter().for_each(|(group, _)| put_bytes(out, group.digest.as_bytes()));
        for (_, counts) in groups {
            put_u64(out, counts.usable);
            put_u64(out, counts.filtered);
            counts.odd.iter().for_each(|listing| put_u64(out, listing.count));
        }
        let mut scopes: Vec<&Scope> = self.intake.scopes.iter().collect();
        scopes.sort_by_key(|scope| scope.digest);
        for scope in scopes {
            out.extend_from_slice(&scope.digest);
            put_len(out, scope.stairs.len());
            put_optional(out, scope.stairs.max_us());
        }
    }
}

/// What contributions are written with.
struct Context<'a> {
    plan: &'a Plan,
    scopes: &'a [Scope],
    texts: &'a Texts,
}

/// The digest of a group as bytes; the plan holds only well-formed ones.
pub fn group_digest(group: &GroupPlan) -> Hash {
    parse_hex(&group.digest).unwrap_or_default()
}

/// The type of each of a group's columns.
pub fn column_kinds(plan: &Plan, group: &GroupPlan) -> Vec<ValueType> {
    group.columns.iter().filter_map(|typed| plan.typed.get(*typed)).map(|(_, kind)| *kind).collect()
}

fn drain_keys(group: &GroupPlan, keys: &mut Keys, from: i64, context: &Context<'_>, entries: &mut Entries) {
    let digest = group_digest(group);
    let kinds = column_kinds(context.plan, group);
    let mut segment = Vec::new();
    keys.drain(|Entry { scope, key, log, .. }| {
        let (Some(scope), key) = (context.scopes.get(*scope as usize), key.as_bytes()) else { return };
        segment.clear();
        let mut first = i64::MAX;
        log.drain(from, |contribution| {
            first = first.min(contribution.offset);
            write_contribution(contribution, &kinds, context.texts, &mut segment);
        });
        entries.add(
            |out| {
                out.push(CONTRIBUTIONS);
                out.extend_from_slice(&scope.digest);
                out.extend_from_slice(&digest);
                // a key is part of a record and so below 16 MiB
                out.extend_from_slice(&(key.len() as u32).to_be_bytes());
                out.extend_from_slice(key);
                out.extend_from_slice(&first.to_be_bytes());
            },
            |out| out.extend_from_slice(&segment),
        );
    });
}

fn write_contribution(contribution: &Contribution<'_>, kinds: &[ValueType], texts: &Texts, out: &mut Vec<u8>) {
    put_i64(out, contribution.time_us);
    put_i64(out, contribution.offset);
    put_i64(out, contribution.log_ts_us);
    for (value, kind) in contribution.values.iter().zip(kinds) {
        out.push(u8::from(value.is_some()));
        if let Some(raw) = value {
            Atom::of(*raw, *kind, texts).encode(out);
        }
    }
}

fn drain_steps(scope: &mut Scope, entries: &mut Entries) {
    let Scope { digest, stairs, .. } = scope;
    let steps = stairs.drain();
    let Some((first, _)) = steps.first() else { return };
    entries.add(
        |key| {
            key.push(STEPS);
            key.extend_from_slice(digest);
            key.extend_from_slice(&first.to_be_bytes());
        },
        |value| {
            for (offset, time_us) in steps {
                put_i64(value, *offset);
                put_i64(value, *time_us);
            }
        },
    );
}

fn write_counts(counts: &Counts, out: &mut Vec<u8>) {
    for count in [counts.records, counts.admitted, counts.other_pins, counts.holes.count] {
        put_u64(out, count);
    }
    for count in [counts.rejected.count, counts.duplicates.count, counts.duplicates_differing.count] {
        put_u64(out, count);
    }
    counts.rejected_by.iter().for_each(|count| put_u64(out, *count));
    for value in [counts.skew_us_max, counts.skew_violation, counts.holes.end] {
        put_optional(out, value);
    }
}

fn put_optional(out: &mut Vec<u8>, value: Option<i64>) {
    out.push(u8::from(value.is_some()));
    put_i64(out, value.unwrap_or(0));
}

fn write_lists(counts: &Counts, out: &mut Vec<u8>) {
    put_len(out, counts.rejected.items.len());
    for (offset, reject) in &counts.rejected.items {
        put_i64(out, *offset);
        out.push(*reject as u8);
    }
    write_offsets(&counts.duplicates, out);
    write_offsets(&counts.duplicates_differing, out);
    put_len(out, counts.holes.ranges.len());
    for (start, end) in &counts.holes.ranges {
        put_i64(out, *start);
        put_i64(out, *end);
    }
}

fn write_group_lists(counts: &GroupCounts, out: &mut Vec<u8>) {
    counts.odd.iter().for_each(|listing| write_offsets(listing, out));
}

fn write_offsets(listing: &Listing<i64>, out: &mut Vec<u8>) {
    put_len(out, listing.items.len());
    listing.items.iter().for_each(|offset| put_i64(out, *offset));
}
