//! The state of one partition: records folded in offset order into the logs of keys, and queries answered at cuts.

pub mod counts;
pub mod firsts;
pub mod keys;
pub mod lazy;
pub mod stairs;
pub mod stored;

use std::sync::Arc;

use hashbrown::HashMap;

use crate::admit::{Event, admit};
use crate::decisions::Decisions;
use crate::digest::{Hash, RangeDigest, hex, sha256};
use crate::ir::{self, Ask};
use crate::json::Field;
use crate::keylog::texts::Texts;
use crate::keylog::{Contribution, Sight};
use crate::pins::PinsTable;
use crate::plan::{GroupPlan, Plan};
use crate::queries::{Asked, Queries, Row};
use crate::record::AsOfBasis;
use crate::value::{KeyText, Value, ValueType, key_text, typed};
use counts::{Counts, GroupCounts, Odd, Span};
use firsts::{First, Firsts, half};
use keys::{Keys, Known};
use stairs::Stairs;

/// One record. Units: `log_ts_us` microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub offset: i64,
    pub log_ts_us: i64,
    pub ts_type: u8,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

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
    pins: PinsTable,
    pub(crate) digest: RangeDigest,
    pub(crate) firsts: Firsts,
    pub(crate) texts: Texts,
    /// By group.
    pub(crate) keys: Vec<Keys>,
    pub(crate) counts: Counts,
    pub(crate) drained: Drained,
    cells: Vec<Cell>,
    scratch: Scratch,
    /// Records applied and rows answered, by which uses are told apart.
    activity: u64,
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

/// A typed value of the event at hand, typed at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Unread,
    Invalid,
    Value(Option<i64>),
}

#[derive(Debug, Default)]
struct Scratch {
    bytes: Vec<u8>,
    values: Vec<Option<i64>>,
    spots: Vec<usize>,
}

/// What makes copies of one event: `id` is half the SHA-256 of pins, type and id. `scope`: None for pins not folded.
#[derive(Debug, Clone, Copy)]
struct Identity {
    id: firsts::Half,
    scope: Option<usize>,
}

/// A first copy in a scope, on its way to the groups.
struct Arrival<'e, 'a> {
    event: &'e Event<'a>,
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
            pins: PinsTable::of(scopes),
            digest: RangeDigest::default(),
            firsts: Firsts::default(),
            texts: Texts::default(),
            keys: plan.groups.iter().map(|_| Keys::default()).collect(),
            counts,
            drained: Drained::default(),
            cells: vec![Cell::Unread; plan.typed.len()],
            scratch: Scratch::default(),
            activity: 0,
            plan,
        })
    }

    pub fn frontier(&self) -> i64 {
        self.frontier
    }

    /// Applies records whose offset is below `limit` and answers queries as the frontier passes their cuts. Returns
    /// how many were applied. Raises, as text, where an offset is out of order, a query is not of this fold, or
    /// something is missing that `needs` would have named; the record at hand is then not applied.
    pub fn apply<'a, H>(
        &mut self,
        records: impl Iterator<Item = (Record<'a>, H)>,
        limit: i64,
        queries: &mut Queries,
    ) -> Result<usize, String>
    where
        H: ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>)>,
    {
        let mut event = Event::default();
        let mut applied = 0;
        for (record, headers) in records {
            if record.offset >= limit {
                break;
            }
            let next = record.offset.checked_add(1).ok_or("an offset is out of range")?;
            if record.offset < self.frontier {
                return Err(format!("offset {} lies behind the frontier {}", record.offset, self.frontier));
            }
            self.pass(record.offset);
            self.answer(queries, record.offset)?;
            let Record { offset, log_ts_us, ts_type, key, value } = record;
            let admitted = admit(value, &self.plan.paths, &mut event);
            let identity = match admitted {
                Ok(()) => Some(self.known(offset, &event)?),
                Err(_) => None,
            };
            self.digest
                .update_one(offset, log_ts_us, ts_type, key, value, headers)
                .map_err(|error| error.to_string())?;
            self.frontier = next;
            self.counts.records += 1;
            self.activity += 1;
            match (admitted, identity) {
                (Err(reject), _) => self.counts.reject(offset, reject),
                (Ok(()), Some(identity)) => self.fold(&record, &event, identity),
                (Ok(()), None) => {}
            }
            applied += 1;
        }
        let frontier = self.frontier;
        self.answer(queries, frontier)?;
        Ok(applied)
    }

    /// Moves the frontier to `to`, if it lies before, and answers every query with a cut up to `to`.
    pub fn advance(&mut self, to: i64, queries: &mut Queries) -> Result<(), String> {
        self.pass(to);
        self.answer(queries, to)
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

    /// The identity of an event, if it can be told whether it is a first copy.
    fn known(&mut self, offset: i64, event: &Event<'_>) -> Result<Identity, String> {
        let identity = self.identity(event);
        if self.firsts.is_known(&identity.id) {
            return Ok(identity);
        }
        Err(format!("offset {offset}: whether it is a first copy is in the store, and was not supplied"))
    }

    fn fold(&mut self, record: &Record<'_>, event: &Event<'_>, Identity { id, scope }: Identity) {
        self.counts.admitted += 1;
        let skew_us = event.ts_us.saturating_sub(record.log_ts_us);
        self.counts.skew(record.offset, skew_us, self.origin.max_skew_us);
        let first = First { id, offset: record.offset, value: half(sha256(record.value.unwrap_or_default())) };
        let used = self.used();
        self.counts.other_pins += u64::from(scope.is_none());
        if let Some(known) = self.firsts.meet(first, used) {
            return self.counts.duplicate(record.offset, known.value != first.value);
        }
        let Some((place, scope)) = scope.and_then(|place| Some((place, self.scopes.get_mut(place)?))) else {
            return;
        };
        let max_before_us = scope.stairs.max_us();
        scope.stairs.observe(record.offset, event.ts_us);
        self.cells.fill(Cell::Unread);
        let (offset, log_ts_us) = (record.offset, record.log_ts_us);
        let arrival = Arrival { event, offset, log_ts_us, scope: place, max_before_us };
        let plan = Arc::clone(&self.plan);
        for group in plan.groups_of(&event.event_type) {
            self.contribute(&plan, *group, &arrival);
        }
    }

    fn identity(&mut self, event: &Event<'_>) -> Identity {
        let scope = self.pins.find(&event.pins).map(|scope| scope as usize);
        let bytes = &mut self.scratch.bytes;
        bytes.clear();
        let pins = match scope.and_then(|place| self.scopes.get(place)) {
            Some(scope) => scope.digest,
            None => {
                event.pins.write(bytes);
                let digest = sha256(bytes);
                bytes.clear();
                digest
            }
        };
        bytes.extend_from_slice(&pins);
        bytes.extend_from_slice(&(event.event_type.len() as u64).to_be_bytes());
        bytes.extend_from_slice(event.event_type.as_bytes());
        bytes.extend_from_slice(event.event_id.as_bytes());
        Identity { id: half(sha256(bytes)), scope }
    }

    fn contribute(&mut self, plan: &Plan, group_place: usize, arrival: &Arrival<'_, '_>) {
        let (Some(group), Some(counts)) = (plan.groups.get(group_place), self.counts.groups.get_mut(group_place))
        else {
            return;
        };
        let fields = &arrival.event.fields;
        if !group.conditions.iter().all(|condition| condition.holds(field(fields, condition.slot))) {
            counts.filtered += 1;
            return;
        }
        let key = match key_text(field(fields, group.key_slot)) {
            KeyText::None => return counts.add(Odd::NoKey, arrival.offset),
            KeyText::Invalid => return counts.add(Odd::KeyInvalid, arrival.offset),
            KeyText::Key(key) => key,
        };
        let values = &mut self.scratch.values;
        values.clear();
        for typed in &group.columns {
            let cell = read_cell(plan, *typed, fields, &mut self.cells, &mut self.texts);
            match cell {
                Cell::Value(value) => values.push(value),
                Cell::Unread | Cell::Invalid => return counts.add(Odd::ValueInvalid, arrival.offset),
            }
        }
        let time_us = arrival.event.ts_us;
        if let (Some(allowed_us), Some(max_us)) = (group.allowed_lateness_us, arrival.max_before_us)
            && time_us < max_us.saturating_sub(allowed_us)
        {
            return counts.add(Odd::Late, arrival.offset);
        }
        counts.usable += 1;
        if values.contains(&None) {
            counts.add(Odd::ValueMissing, arrival.offset);
        }
        let (offset, log_ts_us) = (arrival.offset, arrival.log_ts_us);
        let contribution = Contribution { time_us, offset, log_ts_us, values };
        let used = used(self.activity);
        if let Some(keys) = self.keys.get_mut(group_place) {
            keys.insert(group, arrival.scope, &key, &contribution, used);
        }
    }

    fn answer(&mut self, queries: &mut Queries, upto: i64) -> Result<(), String> {
        while let Some(row) = queries.pending(upto) {
            let asked = &queries.asked;
            if asked.stream != self.origin.stream || asked.partition != self.origin.partition {
                return Err(format!("queries of {} {} put to another partition", asked.stream, asked.partition));
            }
            let before = queries.answers.bytes.len();
            if let Err(error) = self.answer_row(asked, &row, &mut queries.answers.bytes) {
                queries.answers.bytes.truncate(before);
                return Err(error);
            }
            queries.answers.close_row();
            self.activity += 1;
        }
        Ok(())
    }

    fn answer_row(&mut self, asked: &Asked, row: &Row, out: &mut Vec<u8>) -> Result<(), String> {
        let (scope, used) = (self.scope_of(asked, row)?, self.used());
        let ask = Ask {
            as_of_us: row.as_of_us,
            sight: Sight { cut: row.cut, logged_before_us: row.ingest.then_some(row.as_of_us) },
            sole: row.sole,
        };
        for (key_type, id) in asked.keys(row) {
            for place in asked.groups(row) {
                let place = *place as usize;
                let (Some(group), Some(keys)) = (self.plan.groups.get(place), self.keys.get_mut(place)) else {
                    return Err(format!("a query names group {place}, which the plan does not hold"));
                };
                if group.key_type != key_type {
                    continue;
                }
                match keys.look(scope, id, used) {
                    Known::Log(log) => ir::answer(group, log, &self.texts, ask, &mut self.scratch.spots, out),
                    Known::Nothing => out.push(ir::NOTHING),
                    Known::Missing => return Err(not_supplied(group, id)),
                }
            }
        }
        Ok(())
    }
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

fn field<'f, 'a>(fields: &'f [Field<'a>], slot: usize) -> &'f Field<'a> {
    fields.get(slot).unwrap_or(&Field::Missing)
}

/// The typed value of a position in `Plan::typed`; strings become places in the texts.
fn read_cell(plan: &Plan, place: usize, fields: &[Field<'_>], cells: &mut [Cell], texts: &mut Texts) -> Cell {
    let (Some((slot, kind)), Some(cell)) = (plan.typed.get(place), cells.get_mut(place)) else {
        return Cell::Invalid;
    };
    if *cell == Cell::Unread {
        *cell = match (field(fields, *slot), kind) {
            (Field::String(text), ValueType::String) => Cell::Value(i64::try_from(texts.intern(text)).ok()),
            (field, kind) => match typed(field, *kind) {
                Ok(value) => Cell::Value(value.and_then(raw)),
                Err(_) => Cell::Invalid,
            },
        };
    }
    *cell
}

/// A value as a column holds it; strings are interned before.
fn raw(value: Value) -> Option<i64> {
    match value {
        Value::Int(raw) | Value::Decimal(raw) | Value::Time(raw) => Some(raw),
        Value::Bool(truth) => Some(i64::from(truth)),
        Value::Str(_) => None,
    }
}
