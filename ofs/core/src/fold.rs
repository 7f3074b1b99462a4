//! The state of one partition: records folded in offset order into the logs of keys, and queries answered at cuts.

pub mod ahead;
mod chunked;
pub mod counts;
pub mod firsts;
mod floor;
pub mod keys;
pub mod lazy;
pub mod name;
pub mod rows;
pub mod stairs;
pub mod stored;

use std::sync::Arc;

use hashbrown::HashMap;

use crate::decisions::Decisions;
use crate::decoder::{Cell, Decoded, Decoder, EventItem, Fact, Gives, Item};
use crate::digest::{Hash, RangeDigest, hex, sha256};
use crate::ir::{self, Ask};
use crate::keylog::texts::Texts;
use crate::keylog::tracks::Stream;
use crate::keylog::{Contribution, Forget, Sight};
use crate::plan::{GroupPlan, Plan};
use crate::queries::{Asked, Queries, Row};
use crate::record::AsOfBasis;
use ahead::{Ahead, STRETCH};
use counts::{Counts, GroupCounts, Odd, Span};
use firsts::{First, Firsts};
use floor::Floor;
use keys::{Keys, Known, Sought};
use stairs::Stairs;

/// Where a fold reads, and how far an event time may run ahead of its log timestamp before it is noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub stream: String,
    pub partition: u32,
    pub start: i64,
    pub max_skew_us: i64,
}

/// See the module. Everything but `state`'s drains depends on the records alone, not on where batches begin.
#[derive(Debug)]
pub struct Fold {
    pub(crate) plan: Arc<Plan>,
    pub(crate) origin: Origin,
    pub(crate) frontier: i64,
    pub(crate) scopes: Vec<Scope>,
    scope_places: HashMap<Box<[u8]>, usize>,
    pub(crate) digest: RangeDigest,
    pub(crate) firsts: Firsts,
    pub(crate) texts: Texts,
    /// By group.
    pub(crate) keys: Vec<Keys>,
    /// By group, the first group of the same key type.
    kinds: Vec<usize>,
    pub(crate) counts: Counts,
    pub(crate) drained: Drained,
    scratch: Scratch,
    floor: Floor,
    /// Records applied and rows answered, by which uses are told apart.
    activity: u64,
    /// Contributions that were passed to leave out those that a query may not see.
    scanned: u64,
}

/// The pins that are folded.
#[derive(Debug)]
pub struct Scope {
    pub pins: Box<[u8]>,
    pub digest: Hash,
    pub stairs: Stairs,
}

/// How far the state was handed out.
#[derive(Debug, Default)]
pub struct Drained {
    /// The frontier at the last drain; None before the first.
    pub frontier: Option<i64>,
    pub blocks: usize,
    /// The unfinished block, and how many of its records.
    pub open: (u64, usize),
}

#[derive(Debug, Default)]
struct Scratch {
    values: Vec<Option<i64>>,
    spots: Vec<usize>,
    ahead: Ahead,
}

/// A first copy in a scope, on its way to the groups.
struct Arrival<'d> {
    batch: &'d Decoded,
    ahead: &'d Ahead,
    event: &'d EventItem,
    offset: i64,
    log_ts_us: i64,
    scope: usize,
    max_before_us: Option<i64>,
}

impl Fold {
    /// Raises, as text, where the start is negative.
    pub fn new(plan: Arc<Plan>, scopes: &[&[u8]], origin: Origin) -> Result<Fold, String> {
        if origin.start < 0 {
            return Err("the start of a fold is at least 0".to_owned());
        }
        let mut places = HashMap::new();
        for (place, scope) in scopes.iter().enumerate() {
            places.entry(Box::from(*scope)).or_insert(place);
        }
        let counts = Counts { groups: vec![GroupCounts::default(); plan.groups.len()], ..Counts::default() };
        Ok(Fold {
            frontier: origin.start,
            origin,
            scopes: scopes.iter().map(|pins| Scope::new(pins)).collect(),
            scope_places: places,
            digest: RangeDigest::default(),
            firsts: Firsts::default(),
            texts: Texts::default(),
            keys: plan.groups.iter().map(|_| Keys::default()).collect(),
            kinds: plan.groups.iter().map(|group| kind(&plan, &group.key_type).unwrap_or_default()).collect(),
            counts,
            drained: Drained::default(),
            scratch: Scratch::default(),
            floor: Floor::new(plan.groups.len()),
            activity: 0,
            scanned: 0,
            plan,
        })
    }

    pub fn frontier(&self) -> i64 {
        self.frontier
    }

    /// Decodes records for this fold and others of its plan and scopes.
    pub fn decoder(&self) -> Decoder {
        let scopes: Vec<&[u8]> = self.scopes.iter().map(|scope| &*scope.pins).collect();
        Decoder::new(Arc::clone(&self.plan), &scopes)
    }

    /// Applies the records from index `first` whose offset is below `limit` and answers queries as the frontier passes
    /// their cuts. Returns the index of the first record not applied. Raises, as text, where the batch was decoded for
    /// another plan or other pins, an offset is out of order, a query is not of this fold, or something is missing that
    /// `needs` would have named; the record at hand is then not applied.
    pub fn apply(&mut self, batch: &Decoded, first: usize, limit: i64, queries: &mut Queries) -> Result<usize, String> {
        self.check_batch(batch)?;
        let items = batch.items().get(first..).unwrap_or_default();
        let items = &items[..items.iter().take_while(|item| item.offset < limit).count()];
        let mut ahead = self.ahead_of(queries);
        queries.make_room();
        for stretch in items.chunks(STRETCH) {
            self.read_ahead(batch, stretch, queries, &mut ahead);
            for item in stretch {
                self.reach(item.offset)?;
                self.answer(queries, item.offset, &ahead)?;
                self.apply_one(batch, item, &ahead)?;
            }
        }
        let frontier = self.frontier;
        self.answer(queries, frontier, &ahead)?;
        self.scratch.ahead = ahead;
        Ok(first + items.len())
    }

    /// Moves the frontier to the next record. Raises, as text, where it is out of order.
    fn reach(&mut self, offset: i64) -> Result<(), String> {
        if offset < self.frontier {
            return Err(format!("offset {offset} lies behind the frontier {}", self.frontier));
        }
        self.pass(offset);
        Ok(())
    }

    /// Applies the record at the frontier; whether it is a first copy in a scope. Raises, as text, where that is not
    /// known here; it is then not applied.
    fn apply_one(&mut self, batch: &Decoded, item: &Item, ahead: &Ahead) -> Result<bool, String> {
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
        self.activity += 1;
        match &item.event {
            Err(reject) => {
                self.counts.reject(item.offset, *reject);
                Ok(false)
            }
            Ok(event) => Ok(self.fold(batch, item, event, ahead)),
        }
    }

    /// Raises, as text, where the batch was decoded for another plan or other pins.
    pub(crate) fn check_batch(&self, batch: &Decoded) -> Result<(), String> {
        if batch.is_for(&self.plan, self.scopes.iter().map(|scope| &*scope.pins)) {
            return Ok(());
        }
        Err("these records were decoded for another plan or other pins".to_owned())
    }

    /// Moves the frontier to `to`, if it lies before, and answers every query with a cut up to `to`.
    pub fn advance(&mut self, to: i64, queries: &mut Queries) -> Result<(), String> {
        self.pass(to);
        let ahead = self.ahead_of(queries);
        self.answer(queries, to, &ahead)?;
        self.scratch.ahead = ahead;
        Ok(())
    }

    /// (decision, watermark) of the bound, not excluded watermark decisions that name this partition. Raises, as text,
    /// where a cut lies beyond the frontier, or steps are missing that `watermark_prefixes` names.
    pub fn watermarks(
        &mut self,
        decisions: &Decisions,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<(usize, Option<i64>)>, String> {
        let mut found = Vec::new();
        let used = self.used();
        for view in range.filter_map(|index| decisions.view(index)) {
            let is_asked = view.shape.as_of_basis == AsOfBasis::Watermark
                && view.shape.group_indexes.is_some()
                && !decisions.is_excluded(view.index);
            let position = view.shape.cut_position(&self.origin.stream, self.origin.partition);
            let cut = position.and_then(|position| view.cuts.get(position).copied());
            if let (true, Some(cut)) = (is_asked, cut) {
                if cut > self.frontier {
                    return Err(format!("decision {}: cut {cut} lies beyond the frontier", view.index));
                }
                let scope = self.scope_places.get(view.pins).and_then(|place| self.scopes.get_mut(*place));
                let scope = scope.ok_or_else(|| format!("decision {}: its pins are not folded", view.index))?;
                scope.stairs.touch(used);
                let watermark_us = scope.stairs.below_us(cut).map_err(|_| {
                    format!("decision {}: watermark steps are in the store, and were not supplied", view.index)
                })?;
                found.push((view.index, watermark_us));
            }
        }
        Ok(found)
    }

    pub fn skew_violation(&self) -> Option<i64> {
        self.counts.skew_violation
    }

    /// The largest event time of first copies, of all scopes.
    pub fn event_time_us_max(&self) -> Option<i64> {
        self.scopes.iter().filter_map(|scope| scope.stairs.max_us()).max()
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

    pub(crate) fn scope_place(&self, pins: &[u8]) -> Option<usize> {
        self.scope_places.get(pins).copied()
    }

    /// The place of a row's pins. Raises, as text, where they are not folded.
    fn scope_of(&self, asked: &Asked, row: &Row) -> Result<usize, String> {
        let pins = asked.pins(row);
        match self.scopes.get(row.scope) {
            Some(scope) if *scope.pins == *pins => Ok(row.scope),
            _ => self.scope_place(pins).ok_or_else(|| "a query's pins are not folded".to_owned()),
        }
    }

    /// The use at hand.
    fn used(&self) -> u32 {
        used(self.activity)
    }

    fn pass(&mut self, to: i64) {
        if to > self.frontier {
            self.counts.hole(self.frontier, to);
            self.frontier = to;
        }
    }

    /// Whether it is a first copy in a scope.
    fn fold(&mut self, batch: &Decoded, item: &Item, event: &EventItem, ahead: &Ahead) -> bool {
        self.counts.admitted += 1;
        let skew_us = event.ts_us.saturating_sub(item.log_ts_us);
        self.counts.skew(item.offset, skew_us, self.origin.max_skew_us);
        let first = First { id: event.id, offset: item.offset, value: event.value };
        let used = self.used();
        self.counts.other_pins += u64::from(event.scope.is_none());
        if let Some(known) = self.firsts.meet(first, used) {
            self.counts.duplicate(item.offset, known.value != first.value);
            return false;
        }
        let Some((place, scope)) = event.scope.and_then(|place| Some((place, self.scopes.get_mut(place)?))) else {
            return false;
        };
        let max_before_us = scope.stairs.max_us();
        scope.stairs.observe(item.offset, event.ts_us);
        let (offset, log_ts_us) = (item.offset, item.log_ts_us);
        let arrival = Arrival { batch, ahead, event, offset, log_ts_us, scope: place, max_before_us };
        for (fact, place) in batch.facts(event).iter().zip(event.facts_from()..) {
            self.contribute(fact, place, &arrival);
        }
        true
    }

    /// `place`: of the fact in the batch.
    fn contribute(&mut self, fact: &Fact, place: usize, arrival: &Arrival<'_>) {
        let places = (self.plan.groups.get(fact.group), self.counts.groups.get_mut(fact.group));
        let ((Some(group), Some(counts)), Some(keys)) = (places, self.keys.get_mut(fact.group)) else { return };
        let (key, cells) = match fact.gives {
            Gives::Filtered => {
                counts.filtered += 1;
                return;
            }
            Gives::Nothing(odd) => return counts.add(odd, arrival.offset),
            Gives::Contribution { key, cells } => (arrival.batch.text(key), cells),
        };
        let time_us = arrival.event.ts_us;
        if let (Some(allowed_us), Some(max_us)) = (group.allowed_lateness_us, arrival.max_before_us)
            && time_us < max_us.saturating_sub(allowed_us)
        {
            return counts.add(Odd::Late, arrival.offset);
        }
        counts.usable += 1;
        let (values, texts) = (&mut self.scratch.values, &mut self.texts);
        values.clear();
        values.extend(arrival.batch.cells(cells, group.columns.len()).iter().map(|cell| match cell {
            Cell::Missing => None,
            Cell::Raw(raw) => Some(*raw),
            Cell::Text(text) => i64::try_from(texts.intern(arrival.batch.text(*text))).ok(),
        }));
        if values.contains(&None) {
            counts.add(Odd::ValueMissing, arrival.offset);
        }
        let contribution = Contribution { time_us, offset: arrival.offset, log_ts_us: arrival.log_ts_us, values };
        let floor_us = self.floor.of(fact.group);
        if time_us >= floor_us {
            let forget = Forget { before_us: floor_us, at_once: self.floor.at_once };
            let sought = Sought { scope: arrival.scope, key, ahead: arrival.ahead.fact(place) };
            keys.insert(group, sought, &contribution, forget, used(self.activity));
        }
    }

    /// Answers the queries with a cut at or behind the frontier, until `scans` contributions were passed in all of the
    /// fold's life to leave out later ones. Returns whether all of them are answered.
    pub fn catch_up(&mut self, queries: &mut Queries, scans: u64) -> Result<bool, String> {
        let frontier = self.frontier;
        let ahead = self.ahead_of(queries);
        self.answer_while(queries, frontier, scans, &ahead)?;
        self.scratch.ahead = ahead;
        let is_done = queries.pending(frontier).is_none();
        if !is_done {
            queries.answers.end_stream(); // what comes next is not answered here
        }
        Ok(is_done)
    }

    fn answer(&mut self, queries: &mut Queries, upto: i64, ahead: &Ahead) -> Result<(), String> {
        self.answer_while(queries, upto, u64::MAX, ahead)
    }

    fn answer_while(&mut self, queries: &mut Queries, upto: i64, scans: u64, ahead: &Ahead) -> Result<(), String> {
        while let Some(row) = queries.pending(upto).filter(|_| self.scanned < scans) {
            let stream = queries.stream(&row);
            let asked = &queries.asked;
            if !ahead.is_own {
                return Err(format!("queries of {} {} put to another partition", asked.stream, asked.partition));
            }
            let before = queries.answers.bytes.len();
            let place = queries.answers.len();
            if let Err(error) = self.answer_row(asked, &row, place, stream, ahead, &mut queries.answers.bytes) {
                queries.answers.bytes.truncate(before);
                queries.answers.end_stream();
                return Err(error);
            }
            queries.answers.close_row();
            self.activity += 1;
        }
        Ok(())
    }

    /// `place`: of the row.
    fn answer_row(
        &mut self,
        asked: &Asked,
        row: &Row,
        place: usize,
        stream: Option<Stream>,
        ahead: &Ahead,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let (scope, used) = (ahead.scope(row)?, self.used());
        self.floor.check(row.as_of_us)?;
        let ask = Ask {
            as_of_us: row.as_of_us,
            sight: Sight { cut: row.cut, logged_before_us: row.ingest.then_some(row.as_of_us) },
            sole: row.sole,
            stream,
            repeats: false,
        };
        let mut found = ahead.row(place).iter().copied();
        for (key_type, id, repeats) in asked.keys_ahead(row) {
            let (kind, ask) = (ahead.kind(key_type), Ask { repeats, ..ask });
            for place in asked.groups(row) {
                let place = *place as usize;
                let (Some(group), Some(keys)) = (self.plan.groups.get(place), self.keys.get_mut(place)) else {
                    return Err(format!("a query names group {place}, which the plan does not hold"));
                };
                if kind.is_none() || self.kinds.get(place).copied() != kind {
                    continue;
                }
                match keys.look(Sought { scope, key: id, ahead: found.next() }, used) {
                    Known::Log(log) => {
                        if !log.sees_all(ask.sight) {
                            self.scanned += log.len() as u64;
                        }
                        ir::answer(group, log, &self.texts, ask, &mut self.scratch.spots, out);
                    }
                    Known::Nothing => out.push(ir::NOTHING),
                    Known::Missing => return Err(not_supplied(group, id)),
                }
            }
        }
        Ok(())
    }
}

/// The first group of a key type.
fn kind(plan: &Plan, key_type: &str) -> Option<usize> {
    plan.groups.iter().position(|group| group.key_type == key_type)
}

impl Scope {
    fn new(pins: &[u8]) -> Self {
        Scope { pins: pins.into(), digest: sha256(pins), stairs: Stairs::default() }
    }
}

/// What is used together is kept and dropped together: sixteen records or rows are one use.
fn used(activity: u64) -> u32 {
    u32::try_from(activity >> 4).unwrap_or(u32::MAX)
}

fn not_supplied(group: &GroupPlan, id: &str) -> String {
    format!("the contributions of {} {id} to {} are in the store, and were not supplied", group.key_type, group.name)
}
