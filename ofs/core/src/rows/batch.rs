//! Decoded records, and beside them what a row needs of each event: its id, its type, and its key in every group.

use crate::admit::Event;
use crate::decoder::{Decoded, Decoder, Record};
use crate::digest::DigestError;
use crate::json::Field;
use crate::plan::Plan;
use crate::value::{KeyText, key_text};

/// A batch of one partition. Only events of the decoder's scopes have rows.
#[derive(Debug)]
pub struct RowBatch {
    pub decoded: Decoded,
    /// By record, the place of its row; NO_ROW where it has none.
    places: Vec<u32>,
    rows: Vec<Named>,
    /// By row and group.
    keys: Vec<Option<Span>>,
    group_count: usize,
    texts: String,
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

/// An event with a row.
#[derive(Debug, Clone, Copy)]
pub struct RowEvent<'b> {
    batch: &'b RowBatch,
    place: usize,
}

impl RowBatch {
    /// See `Decoder::decode`.
    pub fn decode<'a, H>(
        decoder: &Decoder,
        records: impl Iterator<Item = (Record<'a>, H)>,
    ) -> Result<RowBatch, DigestError>
    where
        H: ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>)>,
    {
        let plan = decoder.plan();
        let mut names = Names::with_room(records.size_hint().0, plan.groups.len());
        let decoded = decoder.decode_seen(records, |event| names.see(plan, event))?;
        let Names { places, rows, keys, texts } = names;
        Ok(RowBatch { decoded, places, rows, keys, group_count: plan.groups.len(), texts })
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The event of a record, if it has a row unless it is a later copy.
    pub fn row(&self, item: usize) -> Option<RowEvent<'_>> {
        let place = *self.places.get(item).filter(|place| **place != NO_ROW)?;
        Some(RowEvent { batch: self, place: place as usize })
    }

    fn text(&self, span: Span) -> &str {
        self.texts.get(span.start..span.start.saturating_add(span.len)).unwrap_or_default()
    }
}

impl<'b> RowEvent<'b> {
    pub fn event_id(&self) -> &'b str {
        self.batch.rows.get(self.place).map_or("", |row| self.batch.text(row.event_id))
    }

    pub fn event_type(&self) -> &'b str {
        self.batch.rows.get(self.place).map_or("", |row| self.batch.text(row.event_type))
    }

    /// The event's key in a group, whatever its type and the group's conditions.
    pub fn key(&self, group: usize) -> Option<&'b str> {
        let at = self.place.saturating_mul(self.batch.group_count).saturating_add(group);
        self.batch.keys.get(at).copied().flatten().map(|span| self.batch.text(span))
    }
}

struct Names {
    places: Vec<u32>,
    rows: Vec<Named>,
    keys: Vec<Option<Span>>,
    texts: String,
}

impl Names {
    /// Room for the rows of so many records; for their texts a first guess.
    fn with_room(records: usize, groups: usize) -> Names {
        Names {
            places: Vec::with_capacity(records),
            rows: Vec::with_capacity(records),
            keys: Vec::with_capacity(records.saturating_mul(groups)),
            texts: String::with_capacity(records.saturating_mul(TEXT_BYTES)),
        }
    }

    fn see(&mut self, plan: &Plan, event: Option<&Event<'_>>) {
        let Some(event) = event else { return self.places.push(NO_ROW) };
        self.places.push(u32::try_from(self.rows.len()).unwrap_or(NO_ROW));
        let named = Named { event_id: self.hold(&event.event_id), event_type: self.hold(&event.event_type) };
        self.rows.push(named);
        for group in &plan.groups {
            let key = match key_text(event.fields.get(group.key_slot).unwrap_or(&Field::Missing)) {
                KeyText::Key(key) => Some(self.hold(&key)),
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
