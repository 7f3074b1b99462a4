//! What a partition alone decides of its records, in offset order: which hold events, which of those are first copies, and
//! what these contribute to groups; all of it is counted for the certificate.

use std::hint::black_box;
use std::sync::Arc;

use hashbrown::HashMap;

use super::counts::{Counts, GroupCounts, Odd, Span};
use super::firsts::{First, Firsts};
use super::stairs::Stairs;
use crate::decoder::{Cell, Decoded, Decoder, EventItem, Fact, Gives, Item};
use crate::digest::{Hash, RangeDigest, hex, sha256};
use crate::plan::Plan;

/// Where a fold reads, and how far an event time may run ahead of its log timestamp before it is noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub stream: String,
    pub partition: u32,
    pub start: i64,
    pub max_skew_us: i64,
}

/// See the module.
#[derive(Debug)]
pub struct Intake {
    plan: Arc<Plan>,
    pub(crate) origin: Origin,
    pub(crate) frontier: i64,
    pub(crate) scopes: Vec<Scope>,
    places: HashMap<Box<[u8]>, usize>,
    pub(crate) digest: RangeDigest,
    pub(crate) firsts: Firsts,
    pub(crate) counts: Counts,
}

/// The pins that are folded.
#[derive(Debug)]
pub struct Scope {
    pub pins: Box<[u8]>,
    pub digest: Hash,
    pub stairs: Stairs,
}

/// A first copy of an event of a scope. `max_before_us`: the largest event time before it.
#[derive(Debug, Clone, Copy)]
pub struct FirstCopy<'d> {
    pub batch: &'d Decoded,
    pub item: &'d Item,
    pub event: &'d EventItem,
    pub scope: usize,
    max_before_us: Option<i64>,
}

/// What an event gives to a key of a group: a value a column.
#[derive(Debug, Clone, Copy)]
pub struct Usable<'d> {
    pub key: &'d str,
    pub cells: &'d [Cell],
    /// Where the cells begin in the batch.
    pub cells_from: usize,
}

impl Intake {
    /// `scopes`: canonical pins; of equal ones the first counts. Raises, as text, where the start is negative.
    pub fn new(plan: Arc<Plan>, scopes: &[&[u8]], origin: Origin) -> Result<Intake, String> {
        if origin.start < 0 {
            return Err("the start of a fold is at least 0".to_owned());
        }
        let mut places = HashMap::new();
        for (place, scope) in scopes.iter().enumerate() {
            places.entry(Box::from(*scope)).or_insert(place);
        }
        let counts = Counts { groups: vec![GroupCounts::default(); plan.groups.len()], ..Counts::default() };
        Ok(Intake {
            plan,
            frontier: origin.start,
            origin,
            scopes: scopes.iter().map(|pins| Scope::new(pins)).collect(),
            places,
            digest: RangeDigest::default(),
            firsts: Firsts::default(),
            counts,
        })
    }

    /// Decodes records for it and others of its plan and scopes.
    pub fn decoder(&self) -> Decoder {
        let scopes: Vec<&[u8]> = self.scopes.iter().map(|scope| &*scope.pins).collect();
        Decoder::new(Arc::clone(&self.plan), &scopes)
    }

    /// Raises, as text, where the batch was decoded for another plan or other pins.
    pub fn check_batch(&self, batch: &Decoded) -> Result<(), String> {
        if batch.is_for(&self.plan, self.scopes.iter().map(|scope| &*scope.pins)) {
            return Ok(());
        }
        Err("these records were decoded for another plan or other pins".to_owned())
    }

    /// Moves the frontier to the next record. Raises, as text, where it is out of order.
    pub fn reach(&mut self, offset: i64) -> Result<(), String> {
        if offset < self.frontier {
            return Err(format!("offset {offset} lies behind the frontier {}", self.frontier));
        }
        self.pass(offset);
        Ok(())
    }

    /// Moves the frontier to `to`, if it lies before; what was not taken in between delivered nothing.
    pub fn pass(&mut self, to: i64) {
        if to > self.frontier {
            self.counts.hole(self.frontier, to);
            self.frontier = to;
        }
    }

    /// Looks up at once which of the next records are copies, where that may wait for memory; what is found means nothing.
    pub fn look_ahead(&self, items: &[Item]) {
        if self.firsts.is_large() {
            let events = items.iter().filter_map(|item| item.event.as_ref().ok());
            black_box(events.filter(|event| self.firsts.is_resident(&event.id)).count());
        }
    }

    /// Takes the record at the frontier; Some where it is a first copy in a scope. `used`: the use at hand. Raises, as
    /// text, where that is not known here; it is then not taken.
    pub fn take<'d>(&mut self, batch: &'d Decoded, item: &'d Item, used: u32) -> Result<Option<FirstCopy<'d>>, String> {
        if let Ok(event) = &item.event
            && !self.firsts.is_known(&event.id)
        {
            return Err(format!(
                "offset {}: whether it is a first copy is in the store, and was not supplied",
                item.offset
            ));
        }
        self.digest.push(item.offset, item.digest).map_err(|error| error.to_string())?;
        self.frontier = item.offset.saturating_add(1); // a record at the largest offset is the last one
        self.counts.records += 1;
        Ok(match &item.event {
            Err(reject) => {
                self.counts.reject(item.offset, *reject);
                None
            }
            Ok(event) => self.admit(item, event, used).map(|(scope, max_before_us)| FirstCopy {
                batch,
                item,
                event,
                scope,
                max_before_us,
            }),
        })
    }

    /// The scope, and the largest event time before, where it is a first copy in one.
    fn admit(&mut self, item: &Item, event: &EventItem, used: u32) -> Option<(usize, Option<i64>)> {
        self.counts.admitted += 1;
        let skew_us = event.ts_us.saturating_sub(item.log_ts_us);
        self.counts.skew(item.offset, skew_us, self.origin.max_skew_us);
        let first = First { id: event.id, offset: item.offset, value: event.value };
        self.counts.other_pins += u64::from(event.scope.is_none());
        if let Some(known) = self.firsts.meet(first, used) {
            self.counts.duplicate(item.offset, known.value != first.value);
            return None;
        }
        let place = event.scope?;
        let stairs = &mut self.scopes.get_mut(place)?.stairs;
        let max_before_us = stairs.max_us();
        stairs.observe(item.offset, event.ts_us);
        Some((place, max_before_us))
    }

    /// What a fact of a first copy contributes; what it does not is counted.
    pub fn usable<'d>(&mut self, fact: &Fact, first: &FirstCopy<'d>) -> Option<Usable<'d>> {
        let (group, counts) = (self.plan.groups.get(fact.group)?, self.counts.groups.get_mut(fact.group)?);
        let offset = first.item.offset;
        let (key, cells_from) = match fact.gives {
            Gives::Filtered => {
                counts.filtered += 1;
                return None;
            }
            Gives::Nothing(odd) => {
                counts.add(odd, offset);
                return None;
            }
            Gives::Contribution { key, cells } => (first.batch.text(key), cells),
        };
        if let (Some(allowed_us), Some(max_us)) = (group.allowed_lateness_us, first.max_before_us)
            && first.event.ts_us < max_us.saturating_sub(allowed_us)
        {
            counts.add(Odd::Late, offset);
            return None;
        }
        counts.usable += 1;
        let cells = first.batch.cells(cells_from, group.columns.len());
        if cells.contains(&Cell::Missing) {
            counts.add(Odd::ValueMissing, offset);
        }
        Some(Usable { key, cells, cells_from })
    }

    /// The place of pins among the scopes.
    pub fn place(&self, pins: &[u8]) -> Option<usize> {
        self.places.get(pins).copied()
    }

    /// Canonical JSON over `[start, frontier)`.
    pub fn certificate(&self) -> Vec<u8> {
        let span = Span {
            stream: &self.origin.stream,
            partition: i64::from(self.origin.partition),
            start: self.origin.start,
            end: self.frontier,
            content_digest: &hex(&self.digest.root()),
        };
        self.counts.certificate(&self.plan, span)
    }
}

impl Scope {
    fn new(pins: &[u8]) -> Self {
        Scope { pins: pins.into(), digest: sha256(pins), stairs: Stairs::default() }
    }
}
