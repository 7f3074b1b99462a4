//! Decoded records, and beside them what a row needs of each event: its id, its type, and its key in every group.

use std::hash::{DefaultHasher, Hasher};

use crate::admit::Event;
use crate::decoder::{Decoded, Decoder, Record};
use crate::digest::DigestError;
use crate::json::Field;
use crate::plan::Plan;
use crate::pool::{Pool, Pooled, Reusable};
use crate::value::{KeyText, key_text};

/// A batch of one partition. Only events of the decoder's scopes have rows.
#[derive(Debug)]
pub struct RowBatch {
    pub decoded: Decoded,
    names: Pooled<Names>,
    group_count: usize,
}

const NO_ROW: u32 = u32::MAX;

/// Of the texts of a row, about.
const TEXT_BYTES: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    len: usize,
}

#[derive(Debug, Clone, Copy)]
struct Named {
    event_id: Span,
    event_type: Span,
}

/// A key of an event in a group.
#[derive(Debug, Clone, Copy)]
pub struct RowKey<'b> {
    pub text: &'b str,
    /// The same for the same text, in every process; what depends on it shows in nothing.
    pub hash: u64,
}

/// An event with a row.
#[derive(Debug, Clone, Copy)]
pub struct RowEvent<'b> {
    batch: &'b RowBatch,
    place: usize,
}

impl RowBatch {
    /// See `Decoder::decode`. `pool`: for what rows need.
    pub fn decode<'a, H>(
        decoder: &Decoder,
        pool: &Pool<Names>,
        records: impl Iterator<Item = (Record<'a>, H)>,
    ) -> Result<RowBatch, DigestError>
    where
        H: ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>)>,
    {
        let plan = decoder.plan();
        let mut names = pool.take();
        names.reserve(records.size_hint().0, plan.groups.len());
        let decoded = decoder.decode_seen(records, |event| names.see(plan, event))?;
        Ok(RowBatch { decoded, names, group_count: plan.groups.len() })
    }

    pub fn len(&self) -> usize {
        self.names.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.places.is_empty()
    }

    /// The event of a record, if it has a row unless it is a later copy.
    pub fn row(&self, item: usize) -> Option<RowEvent<'_>> {
        let place = *self.names.places.get(item).filter(|place| **place != NO_ROW)?;
        Some(RowEvent { batch: self, place: place as usize })
    }

    fn text(&self, span: Span) -> &str {
        self.names.texts.get(span.start..span.start.saturating_add(span.len)).unwrap_or_default()
    }
}

impl<'b> RowEvent<'b> {
    pub fn event_id(&self) -> &'b str {
        self.batch.names.rows.get(self.place).map_or("", |row| self.batch.text(row.event_id))
    }

    pub fn event_type(&self) -> &'b str {
        self.batch.names.rows.get(self.place).map_or("", |row| self.batch.text(row.event_type))
    }

    /// The event's key in a group, whatever its type and the group's conditions.
    pub fn key(&self, group: usize) -> Option<RowKey<'b>> {
        let at = self.place.saturating_mul(self.batch.group_count).saturating_add(group);
        let (span, hash) = self.batch.names.keys.get(at).copied().flatten()?;
        Some(RowKey { text: self.batch.text(span), hash })
    }
}

/// What rows need of the records of a batch.
#[derive(Debug, Default)]
pub struct Names {
    /// By record, the place of its row; NO_ROW where it has none.
    places: Vec<u32>,
    rows: Vec<Named>,
    /// By row and group, with the hash of the text.
    keys: Vec<Option<(Span, u64)>>,
    texts: String,
}

impl Reusable for Names {
    fn clear(&mut self) {
        self.places.clear();
        self.rows.clear();
        self.keys.clear();
        self.texts.clear();
    }
}

impl Names {
    /// Room for the rows of so many records; for their texts a first guess.
    fn reserve(&mut self, records: usize, groups: usize) {
        self.places.reserve(records);
        self.rows.reserve(records);
        self.keys.reserve(records.saturating_mul(groups));
        self.texts.reserve(records.saturating_mul(TEXT_BYTES));
    }

    fn see(&mut self, plan: &Plan, event: Option<&Event<'_>>) {
        let Some(event) = event else { return self.places.push(NO_ROW) };
        self.places.push(u32::try_from(self.rows.len()).unwrap_or(NO_ROW));
        let named = Named { event_id: self.hold(&event.event_id), event_type: self.hold(&event.event_type) };
        self.rows.push(named);
        for group in &plan.groups {
            let key = match key_text(event.fields.get(group.key_slot).unwrap_or(&Field::Missing)) {
                KeyText::Key(key) => Some((self.hold(&key), hash(&key))),
                KeyText::None | KeyText::Invalid => None,
            };
            self.keys.push(key);
        }
    }

    fn hold(&mut self, text: &str) -> Span {
        let start = self.texts.len();
        self.texts.push_str(text);
        Span { start, len: text.len() }
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}
