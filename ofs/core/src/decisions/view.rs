//! A decision as it is to be answered, and what of many is still to be.

use super::{Decisions, Key, Regular};
use crate::digest::Hash;
use crate::record::AsOfBasis;
use crate::shapes::Shape;

/// A regular decision as it is to be answered. Units: times are microseconds.
#[derive(Clone)]
pub struct DecisionView<'a> {
    pub index: usize,
    pub id: &'a str,
    pub request_id: Option<&'a str>,
    /// Canonical ContextPins; `shape.scope` is their number.
    pub pins: &'a [u8],
    pub shape_index: u32,
    pub shape: &'a Shape,
    /// Flat in the order of the shape's streams.
    pub cuts: &'a [i64],
    /// As the decision gives it.
    pub as_of_given_us: Option<i64>,
    /// Resolved: given, or for the watermark basis derived; None while that is to come.
    pub as_of_us: Option<i64>,
    pub online_hash: Option<&'a Hash>,
    /// SHA-256 of the canonical bytes of the online features, if the decision holds them.
    pub online_features_digest: Option<&'a Hash>,
    /// Bound, not excluded and with an as-of.
    pub answerable: bool,
    keys: &'a [Key],
    key_types: &'a [Box<str>],
    key_texts: &'a str,
}

/// What an answerable decision asks, without what only its verdict needs.
pub struct Question<'a> {
    pub shape_index: u32,
    /// Where its cuts begin: flat in the order of the shape's streams. See `Decisions::cut`.
    pub cuts: usize,
    pub as_of_us: i64,
    keys: &'a [Key],
    key_texts: &'a str,
}

impl<'a> Question<'a> {
    /// As of a `DecisionView`.
    pub fn numbered_keys(&self) -> impl ExactSizeIterator<Item = (usize, &'a str)> + use<'a> {
        numbered(self.keys, self.key_texts)
    }
}

/// Keys whose ids stand one after the other.
fn numbered<'a>(keys: &'a [Key], texts: &'a str) -> impl ExactSizeIterator<Item = (usize, &'a str)> + use<'a> {
    let mut rest = texts;
    keys.iter().map(move |key| {
        let (id, tail) = rest.split_at_checked(key.id_len as usize).unwrap_or((rest, ""));
        rest = tail;
        (key.key_type as usize, id)
    })
}

impl<'a> DecisionView<'a> {
    /// (key type, key id), as given.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + use<'a> {
        let types = self.key_types;
        self.numbered_keys().map(move |(number, id)| (types.get(number).map_or("", |key_type| key_type), id))
    }

    /// (number of the key type among all of the decisions, key id), as given.
    pub fn numbered_keys(&self) -> impl ExactSizeIterator<Item = (usize, &'a str)> + use<'a> {
        numbered(self.keys, self.key_texts)
    }

    /// Positions of the groups in the plan, in name order; empty until bound.
    pub fn group_indexes(&self) -> &'a [u32] {
        self.shape.group_indexes.as_deref().unwrap_or_default()
    }
}

impl Decisions {
    /// The decision, None where it is irregular or does not exist.
    pub fn view(&self, index: usize) -> Option<DecisionView<'_>> {
        let row = self.rows.get(index)?;
        let regular = row.regular.as_ref()?;
        let shape = self.arena.shapes.shapes.get(regular.shape as usize)?;
        let as_of_given_us = shape.has_as_of.then_some(regular.as_of_us);
        let as_of_us = self.as_of(index, shape, regular);
        let rest = self.arena.texts.get(row.text..)?;
        let (id, rest) = rest.split_at_checked(row.id_len as usize)?;
        let (request_id, key_texts) = rest.split_at_checked(regular.request_len.unwrap_or(0) as usize)?;
        Some(DecisionView {
            index,
            id,
            request_id: regular.request_len.map(|_| request_id),
            pins: self.arena.pins.canonical(shape.scope),
            shape_index: regular.shape,
            shape,
            cuts: self.arena.cuts.get(regular.cuts..regular.cuts + shape.cut_count())?,
            as_of_given_us,
            as_of_us,
            online_hash: shape.has_hash.then_some(&regular.online_hash),
            online_features_digest: regular.features.and_then(|at| self.arena.features.get(at as usize)),
            answerable: shape.group_indexes.is_some() && !row.excluded && as_of_us.is_some(),
            keys: self.arena.keys.get(regular.keys..regular.keys + regular.key_count as usize)?,
            key_types: &self.arena.key_types,
            key_texts,
        })
    }

    /// What a decision asks, None where it is not answerable.
    pub fn question(&self, index: usize) -> Option<Question<'_>> {
        let row = self.rows.get(index).filter(|row| !row.excluded)?;
        let regular = row.regular.as_ref()?;
        let shape = self.arena.shapes.shapes.get(regular.shape as usize)?;
        shape.group_indexes.as_ref()?;
        let before = row.text + row.id_len as usize + regular.request_len.unwrap_or(0) as usize;
        Some(Question {
            shape_index: regular.shape,
            cuts: regular.cuts,
            as_of_us: self.as_of(index, shape, regular)?,
            keys: self.arena.keys.get(regular.keys..regular.keys + regular.key_count as usize)?,
            key_texts: self.arena.texts.get(before..)?,
        })
    }

    /// A cut by its place among those of all decisions.
    pub fn cut(&self, place: usize) -> Option<i64> {
        self.arena.cuts.get(place).copied()
    }

    /// Resolved; None while that is to come.
    fn as_of(&self, index: usize, shape: &Shape, regular: &Regular) -> Option<i64> {
        match shape.as_of_basis {
            AsOfBasis::Watermark => self.derived_as_of_us.get(&index).copied(),
            AsOfBasis::EventTime | AsOfBasis::IngestTime => shape.has_as_of.then_some(regular.as_of_us),
        }
    }

    /// The time of `decided_at_utc`, else the given as-of, else the smallest integer; None of an irregular one.
    pub fn decided_us(&self, index: usize) -> Option<i64> {
        self.rows.get(index)?.regular.as_ref().map(|regular| regular.decided_us)
    }

    /// Not excluded: answerable, or still to be once bound and derived.
    pub fn is_excluded(&self, index: usize) -> bool {
        self.rows.get(index).is_none_or(|row| row.excluded || row.regular.is_none())
    }

    /// The largest cut of a partition, of the answerable or still to be derived decisions `[lo, hi)`; -1 when none.
    pub fn cut_max(&self, stream: &str, partition: u32, lo: usize, hi: usize) -> i64 {
        let positions: Vec<Option<usize>> = self
            .shapes()
            .iter()
            .map(|shape| shape.group_indexes.as_ref().and_then(|_| shape.cut_position(stream, partition)))
            .collect();
        let rows = self.rows.get(lo.min(hi)..hi.min(self.rows.len())).unwrap_or_default();
        let cuts = rows.iter().filter(|row| !row.excluded).filter_map(|row| {
            let regular = row.regular.as_ref()?;
            let position = (*positions.get(regular.shape as usize)?)?;
            self.arena.cuts.get(regular.cuts + position).copied()
        });
        cuts.max().unwrap_or(-1)
    }
}
