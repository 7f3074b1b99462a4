//! What can be said of a record alone, said ahead of the fold: its digest, its admission, and what it would give to each
//! group. Pure, so that it may be done on any thread and in any order; only the fold of what comes of it has an order.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::admit::{Admission, Event, Reject};
use crate::digest::{DigestError, Hash, sha256, sha256_each, write_record};
use crate::fold::counts::Odd;
use crate::fold::firsts::{Half, half};
use crate::json::Field;
use crate::pins::PinsTable;
use crate::plan::{GroupPlan, Plan};
use crate::pool::{Pool, Pooled, Reusable};
use crate::value::{KeyText, Value, ValueType, key_text, typed};

/// One record. Units: `log_ts_us` microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub offset: i64,
    pub log_ts_us: i64,
    pub ts_type: u8,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

/// Decodes records for folds of a plan over some pins.
#[derive(Debug, Clone)]
pub struct Decoder {
    plan: Arc<Plan>,
    scopes: Vec<(Box<[u8]>, Hash)>,
    pins: PinsTable,
    pool: Pool<Contents>,
}

/// Decoded records of one partition, in offset order.
#[derive(Debug)]
pub struct Decoded {
    plan: Arc<Plan>,
    scopes: Vec<(Box<[u8]>, Hash)>,
    contents: Pooled<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    items: Vec<Item>,
    facts: Vec<Fact>,
    cells: Vec<Cell>,
    texts: String,
}

impl Reusable for Contents {
    fn clear(&mut self) {
        self.items.clear();
        self.facts.clear();
        self.cells.clear();
        self.texts.clear();
    }
}

/// One record: its content digest, and the event if it is one.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    pub offset: i64,
    pub log_ts_us: i64,
    pub digest: Hash,
    pub event: Result<EventItem, Reject>,
}

/// An admitted event. `id` is half the SHA-256 of pins, type and event id, which makes copies of one event; `value` that
/// of the record's value. `scope`: the place of its pins among the decoder's, None where they are not folded.
#[derive(Debug, Clone, Copy)]
pub struct EventItem {
    pub id: Half,
    pub value: Half,
    pub scope: Option<usize>,
    pub ts_us: i64,
    facts: (usize, usize),
}

/// What an event would give to a group that reads its type.
#[derive(Debug, Clone, Copy)]
pub struct Fact {
    pub group: usize,
    pub gives: Gives,
}

#[derive(Debug, Clone, Copy)]
pub enum Gives {
    /// A condition does not hold.
    Filtered,
    Nothing(Odd),
    /// A contribution, unless it is late. `cells`: where its values begin, one a column of the group.
    Contribution {
        key: Text,
        cells: usize,
    },
}

/// A text among those of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    start: usize,
    len: usize,
}

/// A typed value; strings become places of the fold's texts only there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    Missing,
    Raw(i64),
    Text(Text),
}

/// A typed field of the event at hand, typed at most once.
#[derive(Debug, Clone, Copy)]
enum Typed {
    Unread,
    Invalid,
    Cell(Cell),
}

impl Decoder {
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// `scopes`: canonical pins; of equal ones the first counts.
    pub fn new(plan: Arc<Plan>, scopes: &[&[u8]]) -> Decoder {
        let pins = PinsTable::of(scopes);
        let scopes = scopes.iter().map(|pins| (Box::from(*pins), sha256(pins))).collect();
        Decoder { plan, scopes, pins, pool: Pool::default() }
    }

    /// Raises where a record has no digest: a part too long for its length field, or an unknown timestamp type.
    pub fn decode<'a, H>(&self, records: impl Iterator<Item = (Record<'a>, H)>) -> Result<Decoded, DigestError>
    where
        H: ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>)>,
    {
        self.decode_seen(records, |_| ())
    }

    /// As `decode`; `seen` is shown each record, the event where it is one of the scopes.
    pub fn decode_seen<'a, H>(
        &self,
        records: impl Iterator<Item = (Record<'a>, H)>,
        mut seen: impl FnMut(Option<&Event<'a>>),
    ) -> Result<Decoded, DigestError>
    where
        H: ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>)>,
    {
        let mut batch = Batch {
            plan: &self.plan,
            pins: self.pins.clone(),
            scopes: &self.scopes,
            at_hand: AtHand::default(),
            typed: vec![Typed::Unread; self.plan.typed.len()],
            bytes: Vec::new(),
            contents: self.pool.take(),
        };
        batch.contents.items.reserve(records.size_hint().0);
        let mut admission = Admission::new(&self.plan.paths);
        for (record, headers) in records {
            let Record { offset, log_ts_us, ts_type, key, value } = record;
            batch.bytes.clear();
            write_record(&mut batch.bytes, offset, log_ts_us, ts_type, key, value, headers)?;
            let admitted = admission.admit(value);
            let [digest, value] = match admitted {
                Ok(_) => sha256_each([&batch.bytes, value.unwrap_or_default()]),
                Err(_) => [sha256(&batch.bytes), Hash::default()],
            };
            let read = admitted.map(|event| batch.read(event, half(value)));
            seen(admitted.ok().filter(|_| read.is_ok_and(|read| read.scope.is_some())));
            batch.contents.items.push(Item { offset, log_ts_us, digest, event: read });
        }
        Ok(Decoded { plan: Arc::clone(&self.plan), scopes: self.scopes.clone(), contents: batch.contents })
    }
}

impl EventItem {
    /// The place in the batch of its first fact; facts of events in order follow one another.
    pub fn facts_from(&self) -> usize {
        self.facts.0
    }
}

impl Decoded {
    pub fn items(&self) -> &[Item] {
        &self.contents.items
    }

    pub fn facts(&self, event: &EventItem) -> &[Fact] {
        self.contents.facts.get(event.facts.0..event.facts.1).unwrap_or_default()
    }

    pub fn cells(&self, start: usize, count: usize) -> &[Cell] {
        self.contents.cells.get(start..start.saturating_add(count)).unwrap_or_default()
    }

    pub fn text(&self, text: Text) -> &str {
        self.contents.texts.get(text.start..text.start.saturating_add(text.len)).unwrap_or_default()
    }

    /// Whether it was decoded for this plan and these canonical pins, in this order.
    pub fn is_for<'p>(&self, plan: &Arc<Plan>, scopes: impl ExactSizeIterator<Item = &'p [u8]>) -> bool {
        Arc::ptr_eq(&self.plan, plan)
            && scopes.len() == self.scopes.len()
            && scopes.zip(&self.scopes).all(|(pins, (known, _))| *pins == **known)
    }
}

/// What events of one type and the same pins have in common.
#[derive(Default)]
struct AtHand<'p> {
    pins_version: u64,
    event_type: String,
    scope: Option<usize>,
    /// The groups that read the type.
    groups: &'p [usize],
    /// Has taken what stands before the event id in what an event is identified by.
    identity: Sha256,
}

/// A batch in the making.
struct Batch<'p> {
    plan: &'p Plan,
    pins: PinsTable,
    scopes: &'p [(Box<[u8]>, Hash)],
    at_hand: AtHand<'p>,
    typed: Vec<Typed>,
    bytes: Vec<u8>,
    contents: Pooled<Contents>,
}

impl Batch<'_> {
    /// `value`: half the digest of the record's value.
    fn read(&mut self, event: &Event<'_>, value: Half) -> EventItem {
        if self.at_hand.pins_version != event.pins_version || self.at_hand.event_type != *event.event_type {
            self.take_at_hand(event);
        }
        let AtHand { scope, groups, identity, .. } = &self.at_hand;
        let (scope, groups) = (*scope, *groups);
        let id = half(identity.clone().chain_update(event.event_id.as_bytes()).finalize().into());
        let before = self.contents.facts.len();
        if scope.is_some() {
            self.typed.fill(Typed::Unread);
            for place in groups {
                if let Some(group) = self.plan.groups.get(*place) {
                    let gives = self.gives(group, &event.fields);
                    self.contents.facts.push(Fact { group: *place, gives });
                }
            }
        }
        EventItem { id, value, scope, ts_us: event.ts_us, facts: (before, self.contents.facts.len()) }
    }

    fn take_at_hand(&mut self, event: &Event<'_>) {
        let scope = self.pins.find(&event.pins).map(|scope| scope as usize);
        let pins = match scope.and_then(|place| self.scopes.get(place)) {
            Some((_, digest)) => *digest,
            None => {
                self.bytes.clear();
                event.pins.write(&mut self.bytes);
                sha256(&self.bytes)
            }
        };
        let identity = Sha256::new().chain_update(pins).chain_update((event.event_type.len() as u64).to_be_bytes());
        self.at_hand = AtHand {
            pins_version: event.pins_version,
            event_type: event.event_type.to_string(),
            scope,
            groups: self.plan.groups_of(&event.event_type),
            identity: identity.chain_update(event.event_type.as_bytes()),
        };
    }

    /// In the order of the rules: conditions, key, values.
    fn gives(&mut self, group: &GroupPlan, fields: &[Field<'_>]) -> Gives {
        if !group.conditions.iter().all(|condition| condition.holds(field(fields, condition.slot))) {
            return Gives::Filtered;
        }
        let key = match key_text(field(fields, group.key_slot)) {
            KeyText::None => return Gives::Nothing(Odd::NoKey),
            KeyText::Invalid => return Gives::Nothing(Odd::KeyInvalid),
            KeyText::Key(key) => key,
        };
        let before = self.contents.cells.len();
        for place in &group.columns {
            match self.typed(*place, fields) {
                Typed::Cell(cell) => self.contents.cells.push(cell),
                Typed::Unread | Typed::Invalid => {
                    self.contents.cells.truncate(before);
                    return Gives::Nothing(Odd::ValueInvalid);
                }
            }
        }
        Gives::Contribution { key: self.hold(&key), cells: before }
    }

    /// The typed value of a position in `Plan::typed`.
    fn typed(&mut self, place: usize, fields: &[Field<'_>]) -> Typed {
        let Some((slot, kind)) = self.plan.typed.get(place) else { return Typed::Invalid };
        if let Some(Typed::Unread) = self.typed.get(place) {
            self.typed[place] = match (field(fields, *slot), kind) {
                (Field::String(text), ValueType::String) => Typed::Cell(Cell::Text(self.hold(text))),
                (field, kind) => match typed(field, *kind) {
                    Ok(value) => Typed::Cell(value.and_then(raw).map_or(Cell::Missing, Cell::Raw)),
                    Err(_) => Typed::Invalid,
                },
            };
        }
        self.typed.get(place).copied().unwrap_or(Typed::Invalid)
    }

    fn hold(&mut self, text: &str) -> Text {
        let texts = &mut self.contents.texts;
        let start = texts.len();
        texts.push_str(text);
        Text { start, len: text.len() }
    }
}

fn field<'f, 'a>(fields: &'f [Field<'a>], slot: usize) -> &'f Field<'a> {
    fields.get(slot).unwrap_or(&Field::Missing)
}

/// A value as a column holds it; strings are held before.
fn raw(value: Value) -> Option<i64> {
    match value {
        Value::Int(raw) | Value::Decimal(raw) | Value::Time(raw) => Some(raw),
        Value::Bool(truth) => Some(i64::from(truth)),
        Value::Str(_) => None,
    }
}
