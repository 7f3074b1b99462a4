//! Decisions in order of first appearance, decoded and held compactly.

use std::fmt;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use sha2::{Digest, Sha256};

use crate::canonical::Canonicalizer;
use crate::digest::{Hash, sha256};
use crate::json::{Field, Scanner};
use crate::pins::PinsTable;
use crate::record::{AsOfBasis, Record, decode};
use crate::shapes::{Shape, ShapeTable};

/// Why a line is no decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetter {
    NotAnObject,
    DecisionIdMissing,
    DecisionConflict,
}

impl DeadLetter {
    pub fn as_str(self) -> &'static str {
        match self {
            DeadLetter::NotAnObject => "NOT_AN_OBJECT",
            DeadLetter::DecisionIdMissing => "DECISION_ID_MISSING",
            DeadLetter::DecisionConflict => "DECISION_CONFLICT",
        }
    }
}

/// A call that the decisions cannot answer as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misuse {
    Sealed,
    NotSealed,
    NoDecision,
    NoShape,
    GroupCount,
    NotWatermark,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misuse::Sealed => "the decisions are sealed: no line can be added",
            Misuse::NotSealed => "the decisions must be sealed first",
            Misuse::NoDecision => "no decision has this index",
            Misuse::NoShape => "no shape has this index",
            Misuse::GroupCount => "a shape is bound to as many group indexes as it has groups",
            Misuse::NotWatermark => "only a regular decision of the watermark basis takes a derived as-of",
        })
    }
}

/// One decision. What is common to many stands in its shape, texts and cuts of variable length in the arenas.
#[derive(Debug, Clone)]
struct Row {
    line: u64,
    canonical: Hash,
    raw: Hash,
    /// Where in `texts` the id begins; the request id and the keys' ids follow it.
    text: usize,
    id_len: u32,
    conflict: bool,
    excluded: bool,
    regular: Option<Regular>,
}

/// What a regular decision has beside its id.
#[derive(Debug, Clone)]
struct Regular {
    shape: u32,
    request_len: Option<u32>,
    keys: usize,
    key_count: u32,
    cuts: usize,
    as_of_us: i64,
    decided_us: i64,
    online_hash: Hash,
    /// Position in `features` of the digest of the online features.
    features: Option<u32>,
}

/// A key of a decision: its type's number and the length of its id.
#[derive(Debug, Clone, Copy)]
struct Key {
    key_type: u32,
    id_len: u32,
}

/// A copy of a decision that came before: its position then, its line and the digest of its bytes.
struct Copy {
    row: usize,
    line: u64,
    raw: Hash,
}

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
    pub online_hash: Option<Hash>,
    /// SHA-256 of the canonical bytes of the online features, if the decision holds them.
    pub online_features_digest: Option<Hash>,
    /// Bound, not excluded and with an as-of.
    pub answerable: bool,
    keys: &'a [Key],
    key_types: &'a [Box<str>],
    key_texts: &'a str,
}

impl<'a> DecisionView<'a> {
    /// (key type, key id), as given.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + use<'a> {
        let (types, mut rest) = (self.key_types, self.key_texts);
        self.keys.iter().map(move |key| {
            let (id, tail) = rest.split_at_checked(key.id_len as usize).unwrap_or((rest, ""));
            rest = tail;
            (types.get(key.key_type as usize).map_or("", |key_type| key_type), id)
        })
    }

    /// Positions of the groups in the plan, in name order; empty until bound.
    pub fn group_indexes(&self) -> &'a [u32] {
        self.shape.group_indexes.as_deref().unwrap_or_default()
    }
}

/// See the module. First lines are added, then `seal` makes conflicts final, then the rest may be asked.
#[derive(Default)]
pub struct Decisions {
    rows: Vec<Row>,
    texts: String,
    keys: Vec<Key>,
    key_types: Vec<Box<str>>,
    key_type_ids: HashMap<Box<str>, u32>,
    cuts: Vec<i64>,
    features: Vec<Hash>,
    derived_as_of_us: HashMap<usize, i64>,
    pins: PinsTable,
    shapes: ShapeTable,
    by_id: HashTable<usize>,
    hasher: DefaultHashBuilder,
    copies: Vec<Copy>,
    dead: Vec<(u64, DeadLetter, Hash)>,
    line_count: u64,
    duplicates: u64,
    sealed: bool,
}

impl Decisions {
    /// Takes the next lines.
    pub fn add<'l>(&mut self, lines: impl IntoIterator<Item = &'l [u8]>) -> Result<(), Misuse> {
        if self.sealed {
            return Err(Misuse::Sealed);
        }
        let mut canonicalizer = Canonicalizer::default();
        for line in lines {
            self.add_line(line, &mut canonicalizer);
            self.line_count += 1;
        }
        Ok(())
    }

    fn add_line<'l>(&mut self, line: &'l [u8], canonicalizer: &mut Canonicalizer<'l>) {
        let is_object = canonicalizer.write(line).is_ok() && canonicalizer.is_object();
        if !is_object {
            self.dead.push((self.line_count, DeadLetter::NotAnObject, sha256(line)));
            return;
        }
        let id = canonicalizer.members().iter().find(|member| member.name == "decision_id");
        let Some(Ok(Field::String(id))) = id.map(|member| Scanner::new(member.source).field(0)) else {
            self.dead.push((self.line_count, DeadLetter::DecisionIdMissing, sha256(line)));
            return;
        };
        let canonical = sha256(&canonicalizer.out);
        let raw = if canonicalizer.out == line { canonical } else { sha256(line) };
        let hash = self.hasher.hash_one(&*id);
        let (rows, texts) = (&self.rows, &self.texts);
        if let Some(&row) = self.by_id.find(hash, |&row| id_of(rows, texts, row) == id) {
            self.copies.push(Copy { row, line: self.line_count, raw });
            self.rows[row].conflict |= self.rows[row].canonical != canonical;
            return;
        }
        let text = self.texts.len();
        self.texts.push_str(&id);
        let record = decode(&id, canonicalizer.members());
        let features = canonicalizer.members().iter().find(|member| member.name == "online_features");
        let features = features.map(|member| member.canonical(&canonicalizer.out)).unwrap_or_default();
        let regular = record.map(|record| self.hold(&record, features));
        let id_len = length(&id);
        let row = self.rows.len();
        self.rows.push(Row {
            line: self.line_count,
            canonical,
            raw,
            text,
            id_len,
            conflict: false,
            excluded: false,
            regular,
        });
        let (rows, texts, hasher) = (&self.rows, &self.texts, &self.hasher);
        self.by_id.insert_unique(hash, row, |&row| hasher.hash_one(id_of(rows, texts, row)));
    }

    /// Stores what varies from decision to decision. `features`: canonical bytes of the online features.
    fn hold(&mut self, record: &Record<'_>, features: &[u8]) -> Regular {
        let scope = self.pins.intern(&record.pins);
        let shape = self.shapes.intern(record, scope);
        if let Some(request_id) = &record.request_id {
            self.texts.push_str(request_id);
        }
        let keys = self.keys.len();
        for (key_type, key_id) in &record.keys {
            self.texts.push_str(key_id);
            let key_type = self.key_type(key_type);
            self.keys.push(Key { key_type, id_len: length(key_id) });
        }
        let cuts = self.cuts.len();
        self.cuts.extend(record.cuts.iter().map(|cut| cut.next_offset));
        let features = record.has_online_features.then(|| {
            self.features.push(sha256(features));
            u32::try_from(self.features.len() - 1).unwrap_or(u32::MAX)
        });
        Regular {
            shape,
            request_len: record.request_id.as_deref().map(length),
            keys,
            key_count: u32::try_from(record.keys.len()).unwrap_or(u32::MAX),
            cuts,
            as_of_us: record.as_of_us.unwrap_or(i64::MIN),
            decided_us: record.decided_us.or(record.as_of_us).unwrap_or(i64::MIN),
            online_hash: record.online_hash.unwrap_or_default(),
            features,
        }
    }

    fn key_type(&mut self, name: &str) -> u32 {
        if let Some(id) = self.key_type_ids.get(name) {
            return *id;
        }
        let id = u32::try_from(self.key_types.len()).unwrap_or(u32::MAX);
        self.key_types.push(name.into());
        self.key_type_ids.insert(name.into(), id);
        id
    }

    /// No more lines: conflicting decisions go, the others get their index.
    pub fn seal(&mut self) -> Result<(), Misuse> {
        if self.sealed {
            return Err(Misuse::Sealed);
        }
        self.sealed = true;
        self.by_id = HashTable::new();
        for copy in std::mem::take(&mut self.copies) {
            if self.rows[copy.row].conflict {
                self.dead.push((copy.line, DeadLetter::DecisionConflict, copy.raw));
            } else {
                self.duplicates += 1;
            }
        }
        let conflicting = self.rows.iter().filter(|row| row.conflict);
        self.dead.extend(conflicting.map(|row| (row.line, DeadLetter::DecisionConflict, row.raw)));
        self.dead.sort_by_key(|(line, _, _)| *line);
        self.rows.retain(|row| !row.conflict);
        self.renumber();
        Ok(())
    }

    /// Numbers shapes and pins by their first decision that stayed, and collects what the shapes span.
    fn renumber(&mut self) {
        let found = std::mem::take(&mut self.shapes.shapes);
        let mut shape_ids: Vec<Option<u32>> = vec![None; found.len()];
        let mut scopes: Vec<u32> = Vec::new(); // old scope by new
        let mut scope_ids: Vec<Option<u32>> = vec![None; self.pins.len()];
        let mut shapes: Vec<Shape> = Vec::new();
        for (index, row) in self.rows.iter_mut().enumerate() {
            let Some(regular) = &mut row.regular else { continue };
            let old = regular.shape as usize;
            regular.shape = *shape_ids[old].get_or_insert_with(|| {
                let mut shape = found[old].clone();
                let scope = shape.scope;
                shape.scope = *scope_ids[scope as usize].get_or_insert_with(|| {
                    scopes.push(scope);
                    u32::try_from(scopes.len() - 1).unwrap_or(u32::MAX)
                });
                shapes.push(shape);
                u32::try_from(shapes.len() - 1).unwrap_or(u32::MAX)
            });
            let shape = &mut shapes[regular.shape as usize];
            let as_of_us = shape.has_as_of.then_some(regular.as_of_us);
            let cuts = self.cuts.get(regular.cuts..regular.cuts + shape.cut_count()).unwrap_or_default();
            shape.include(index, as_of_us, regular.decided_us, cuts);
        }
        let kept: Vec<&[u8]> = scopes.iter().map(|&scope| self.pins.canonical(scope)).collect();
        self.pins = PinsTable::of(&kept);
        self.shapes = ShapeTable::of(shapes);
    }

    /// Distinct decisions, conflicting ones left out.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn line_count(&self) -> u64 {
        self.line_count
    }

    /// Later copies with equal canonical bytes, of decisions that do not conflict.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// (line, reason), in line order.
    pub fn dead_letters(&self) -> impl Iterator<Item = (u64, DeadLetter)> + '_ {
        self.dead.iter().map(|(line, reason, _)| (*line, *reason))
    }

    /// The digest of all that was decided and of all that was no decision.
    pub fn digest(&self) -> Hash {
        let mut hasher = Sha256::new();
        for row in &self.rows {
            hasher.update([0]);
            hasher.update(row.canonical);
        }
        for (line, _, raw) in &self.dead {
            hasher.update([1]);
            hasher.update(line.to_be_bytes());
            hasher.update(raw);
        }
        hasher.finalize().into()
    }

    pub fn line(&self, index: usize) -> Option<u64> {
        self.rows.get(index).map(|row| row.line)
    }

    pub fn id(&self, index: usize) -> &str {
        id_of(&self.rows, &self.texts, index)
    }

    /// Decisions that are not understood here, ascending.
    pub fn irregular(&self) -> Vec<usize> {
        self.rows.iter().enumerate().filter(|(_, row)| row.regular.is_none()).map(|(index, _)| index).collect()
    }

    pub fn shapes(&self) -> &[Shape] {
        &self.shapes.shapes
    }

    /// Distinct canonical pins of the regular decisions; a position is a scope.
    pub fn pins(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.pins.len()).map(|id| self.pins.canonical(u32::try_from(id).unwrap_or(u32::MAX)))
    }

    /// Gives a shape its groups' positions in the plan.
    pub fn bind(&mut self, shape: usize, group_indexes: Vec<u32>) -> Result<(), Misuse> {
        self.check_sealed()?;
        let shape = self.shapes.shapes.get_mut(shape).ok_or(Misuse::NoShape)?;
        if group_indexes.len() != shape.groups.len() {
            return Err(Misuse::GroupCount);
        }
        shape.group_indexes = Some(group_indexes);
        Ok(())
    }

    /// These are not answered.
    pub fn exclude(&mut self, indexes: &[usize]) -> Result<(), Misuse> {
        self.check_sealed()?;
        for &index in indexes {
            self.rows.get_mut(index).ok_or(Misuse::NoDecision)?.excluded = true;
        }
        Ok(())
    }

    /// The derived as-of of a decision of the watermark basis.
    pub fn set_as_of(&mut self, index: usize, as_of_us: i64) -> Result<(), Misuse> {
        self.check_sealed()?;
        let view = self.view(index).ok_or(Misuse::NotWatermark)?;
        if view.shape.as_of_basis != AsOfBasis::Watermark {
            return Err(Misuse::NotWatermark);
        }
        self.derived_as_of_us.insert(index, as_of_us);
        Ok(())
    }

    /// The decision, None where it is irregular or does not exist.
    pub fn view(&self, index: usize) -> Option<DecisionView<'_>> {
        let row = self.rows.get(index)?;
        let regular = row.regular.as_ref()?;
        let shape = self.shapes.shapes.get(regular.shape as usize)?;
        let as_of_given_us = shape.has_as_of.then_some(regular.as_of_us);
        let as_of_us = match shape.as_of_basis {
            AsOfBasis::Watermark => self.derived_as_of_us.get(&index).copied(),
            AsOfBasis::EventTime | AsOfBasis::IngestTime => as_of_given_us,
        };
        let rest = self.texts.get(row.text..)?;
        let (id, rest) = rest.split_at_checked(row.id_len as usize)?;
        let (request_id, key_texts) = rest.split_at_checked(regular.request_len.unwrap_or(0) as usize)?;
        Some(DecisionView {
            index,
            id,
            request_id: regular.request_len.map(|_| request_id),
            pins: self.pins.canonical(shape.scope),
            shape_index: regular.shape,
            shape,
            cuts: self.cuts.get(regular.cuts..regular.cuts + shape.cut_count())?,
            as_of_given_us,
            as_of_us,
            online_hash: shape.has_hash.then_some(regular.online_hash),
            online_features_digest: regular.features.and_then(|at| self.features.get(at as usize).copied()),
            answerable: shape.group_indexes.is_some() && !row.excluded && as_of_us.is_some(),
            keys: self.keys.get(regular.keys..regular.keys + regular.key_count as usize)?,
            key_types: &self.key_types,
            key_texts,
        })
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
            self.cuts.get(regular.cuts + position).copied()
        });
        cuts.max().unwrap_or(-1)
    }

    /// Conflicts must be final before anything is asked.
    pub fn check_sealed(&self) -> Result<(), Misuse> {
        if self.sealed { Ok(()) } else { Err(Misuse::NotSealed) }
    }
}

fn id_of<'t>(rows: &[Row], texts: &'t str, row: usize) -> &'t str {
    rows.get(row).and_then(|row| texts.get(row.text..row.text + row.id_len as usize)).unwrap_or_default()
}

/// A text's bytes; a line is far below 4 GiB.
fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
