//! What one partition is asked, sorted by cut, and its answers.

use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;

use crate::decisions::{Decisions, Question};
use crate::ir::wire::{Corrupt, Decoded, Reader, put_bytes, put_i64, put_len, put_u64};
use crate::keylog::tracks::Stream;
use crate::record::AsOfBasis;

/// Questions to one partition and, once folded, their answers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Queries {
    pub asked: Asked,
    pub answers: Answers,
}

/// The questions. Rows are sorted by cut, then decision.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub stream: String,
    pub partition: u32,
    scopes: Vec<Box<[u8]>>,
    group_sets: Vec<Vec<u32>>,
    key_types: Vec<Box<str>>,
    /// Those of a row together.
    keys: Vec<Key>,
    /// The ids of the keys.
    texts: String,
    /// Of each key, whether a later row of its stretch asks it again; empty until that is looked for.
    repeats: Vec<bool>,
    rows: Vec<Row>,
    /// The rows also stand in the order of the decisions, so that an answer may tell what changed since the one before.
    is_ordered: bool,
}

/// The position of the type, and where the id stands in the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    key_type: usize,
    start: usize,
    len: usize,
}

/// One question. Positions are in the fields of `Asked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub decision: usize,
    pub cut: i64,
    pub as_of_us: i64,
    /// The as-of basis is ingest time.
    pub ingest: bool,
    /// The decision's cut names no other partition.
    pub sole: bool,
    pub scope: usize,
    group_set: usize,
    keys: usize,
    key_count: usize,
}

/// For each answered row, in order, an IR a key and group (see `ir`): keys as given, groups in name order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub bytes: Vec<u8>,
    ends: Vec<usize>,
    named: Named,
}

/// The stream of the answers, once there is one: what it told before is known only where it was answered.
#[derive(Debug, Default)]
struct Named(Option<Stream>);

/// Equal answers may be of two streams.
impl PartialEq for Named {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Named {}

/// Decisions of a stretch: a new one begins a new stream, so that who reads answers from the middle on need not read those
/// of all before.
const STRETCH: usize = 4_096;

/// Of the answer for a key, about.
const ANSWER_BYTES: usize = 64;

/// The first decision of its stretch.
pub fn stretch(decision: usize) -> usize {
    decision / STRETCH * STRETCH
}

/// Names each stream of the process once.
static STREAMS: AtomicU64 = AtomicU64::new(1);

/// A stream that no answer is of.
pub fn next_stream() -> Stream {
    STREAMS.fetch_add(1, Ordering::Relaxed)
}

impl Queries {
    /// The questions of the answerable decisions `[lo, hi)` that name the partition and whose cut there lies in
    /// `[cut_from, cut_to)`.
    pub fn build(
        decisions: &Decisions,
        stream: &str,
        partition: u32,
        range: std::ops::Range<usize>,
        cuts: std::ops::Range<i64>,
    ) -> Queries {
        let mut builder = Builder::new(decisions, stream, partition);
        builder.asked.rows.reserve(range.len().min(decisions.len()));
        let positions: Vec<Option<usize>> =
            decisions.shapes().iter().map(|shape| shape.cut_position(stream, partition)).collect();
        for index in range {
            let Some(question) = decisions.question(index) else { continue };
            let position = positions.get(question.shape_index as usize).copied().flatten();
            let cut = position.and_then(|position| question.cuts.get(position)).filter(|cut| cuts.contains(cut));
            if let Some(cut) = cut {
                builder.add(index, &question, *cut);
            }
        }
        let mut asked = builder.asked;
        asked.rows.sort_by_key(|row| (row.cut, row.decision));
        asked.is_ordered = is_ordered(&asked.rows);
        Queries { asked, answers: Answers::default() }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.asked.encode(&mut out);
        put_len(&mut out, self.answers.ends.len());
        let mut before = 0;
        for end in &self.answers.ends {
            put_len(&mut out, end - before);
            before = *end;
        }
        put_bytes(&mut out, &self.answers.bytes);
        out
    }

    /// Raises Corrupt where the bytes are not what `to_bytes` gave.
    pub fn from_bytes(bytes: &[u8]) -> Decoded<Queries> {
        let mut reader = Reader::new(bytes);
        let asked = Asked::decode(&mut reader)?;
        let count = reader.count(1)?;
        let mut ends: Vec<usize> = Vec::with_capacity(count);
        for _ in 0..count {
            let before = ends.last().copied().unwrap_or(0);
            ends.push(before.checked_add(reader.len()?).ok_or(Corrupt)?);
        }
        let bytes = reader.bytes()?.to_vec();
        let whole = ends.last().copied().unwrap_or(0) == bytes.len() && count <= asked.rows.len();
        if !whole || !reader.is_empty() {
            return Err(Corrupt);
        }
        Ok(Queries { asked, answers: Answers { bytes, ends, named: Named::default() } })
    }

    /// The stream of the next answer, which is that of this row; None where each stands alone.
    pub fn stream(&mut self, row: &Row) -> Option<Stream> {
        let before = self.answers.len().checked_sub(1).and_then(|place| self.asked.rows.get(place));
        if before.is_some_and(|before| stretch(before.decision) != stretch(row.decision)) {
            self.answers.end_stream();
        }
        let named = &mut self.answers.named.0;
        self.asked.is_ordered.then(|| *named.get_or_insert_with(next_stream))
    }

    /// Makes room for the answers to come, where there are none.
    pub fn make_room(&mut self) {
        if self.answers.is_empty() {
            self.answers.ends.reserve(self.asked.rows.len());
            self.answers.bytes.reserve(self.asked.keys.len() * ANSWER_BYTES);
        }
    }

    /// Looks for the keys that are asked again, once, for those whose answers build on one another.
    pub fn find_repeats(&mut self) {
        if self.asked.repeats.len() < self.asked.keys.len() {
            self.asked.repeats = self.asked.repeated();
        }
    }

    /// The first row without an answer, if its cut is at most `upto`.
    pub fn pending(&self, upto: i64) -> Option<Row> {
        self.asked.rows.get(self.answers.len()).filter(|row| row.cut <= upto).copied()
    }
}

impl Answers {
    /// The next answer tells nothing by what was told before.
    pub fn end_stream(&mut self) {
        self.named = Named::default();
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All that was appended to `bytes` since the last row is the next row's answer.
    pub fn close_row(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// None where the row is not answered.
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let end = *self.ends.get(row)?;
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..end)
    }
}

impl Asked {
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Places of rows among which are all those of the decisions; no others where the rows stand in their order.
    pub fn rows_of(&self, decisions: &std::ops::Range<usize>) -> std::ops::Range<usize> {
        if !self.is_ordered {
            return 0..self.rows.len();
        }
        let before = |decision: usize| self.rows.partition_point(|row| row.decision < decision);
        before(decisions.start)..before(decisions.end)
    }

    /// Canonical pins of the row.
    pub fn pins(&self, row: &Row) -> &[u8] {
        self.scopes.get(row.scope).map_or(&[], |pins| pins)
    }

    /// See the field.
    pub fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Positions in the plan of the groups asked for, in name order.
    pub fn groups(&self, row: &Row) -> &[u32] {
        self.group_sets.get(row.group_set).map_or(&[], Vec::as_slice)
    }

    /// (key type, key id), as the decision gives them.
    pub fn keys(&self, row: &Row) -> impl Iterator<Item = (&str, &str)> {
        self.numbered_keys(row).filter_map(|(number, id)| Some((&**self.key_types.get(number)?, id)))
    }

    /// (position among the key types, key id), as the decision gives them.
    pub fn numbered_keys(&self, row: &Row) -> impl Iterator<Item = (usize, &str)> {
        let keys = self.keys.get(row.keys..row.keys.saturating_add(row.key_count)).unwrap_or_default();
        keys.iter().map(|key| (key.key_type, self.id(key)))
    }

    /// The same, and whether a later row of the stretch is known to ask the key again.
    pub fn keys_ahead(&self, row: &Row) -> impl Iterator<Item = (usize, &str, bool)> {
        let repeats = (row.keys..).map(|place| self.repeats.get(place).is_some_and(|repeats| *repeats));
        self.numbered_keys(row).zip(repeats).map(|((number, id), repeats)| (number, id, repeats))
    }

    /// See `repeats`.
    fn repeated(&self) -> Vec<bool> {
        let mut repeats = vec![false; self.keys.len()];
        let mut next: HashMap<(usize, &str), usize> = HashMap::new(); // the stretch of the next row that asks a key
        for row in self.rows.iter().rev() {
            let stretch = stretch(row.decision);
            for (place, key) in (row.keys..).zip(self.numbered_keys(row)) {
                let before = next.insert(key, stretch);
                if let Some(repeats) = repeats.get_mut(place) {
                    *repeats = before == Some(stretch);
                }
            }
        }
        repeats
    }

    pub fn key_types(&self) -> &[Box<str>] {
        &self.key_types
    }

    /// Canonical pins, by the rows' `scope`.
    pub fn scopes(&self) -> &[Box<[u8]>] {
        &self.scopes
    }

    fn id(&self, key: &Key) -> &str {
        self.texts.get(key.start..key.start.saturating_add(key.len)).unwrap_or_default()
    }

    fn hold(&mut self, key_type: usize, id: &str) {
        self.keys.push(Key { key_type, start: self.texts.len(), len: id.len() });
        self.texts.push_str(id);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.stream.as_bytes());
        put_u64(out, u64::from(self.partition));
        put_list(out, &self.scopes, |out, pins| put_bytes(out, pins));
        put_list(out, &self.group_sets, |out, set| put_list(out, set, |out, group| put_u64(out, u64::from(*group))));
        put_list(out, &self.key_types, |out, key_type| put_bytes(out, key_type.as_bytes()));
        put_list(out, &self.keys, |out, key| {
            put_len(out, key.key_type);
            put_bytes(out, self.id(key).as_bytes());
        });
        put_list(out, &self.rows, |out, row| row.encode(out));
    }

    fn decode(reader: &mut Reader<'_>) -> Decoded<Asked> {
        let mut asked = Asked {
            stream: reader.text()?.to_owned(),
            partition: reader.u32()?,
            scopes: list(reader, |reader| reader.bytes().map(Into::into))?,
            group_sets: list(reader, |reader| list(reader, Reader::u32))?,
            key_types: list(reader, |reader| reader.text().map(Into::into))?,
            ..Asked::default()
        };
        for _ in 0..reader.count(1)? {
            let key_type = reader.len()?;
            asked.hold(key_type, reader.text()?);
        }
        asked.rows = list(reader, Row::decode)?;
        let sorted = asked.rows.windows(2).all(|pair| pair[0].cut <= pair[1].cut);
        let is_ordered = is_ordered(&asked.rows);
        if sorted { Ok(Asked { is_ordered, ..asked }) } else { Err(Corrupt) }
    }
}

impl Row {
    fn encode(&self, out: &mut Vec<u8>) {
        put_len(out, self.decision);
        put_i64(out, self.cut);
        put_i64(out, self.as_of_us);
        out.push(u8::from(self.ingest) | u8::from(self.sole) << 1);
        for place in [self.scope, self.group_set, self.keys, self.key_count] {
            put_len(out, place);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Decoded<Row> {
        let (decision, cut, as_of_us, flags) = (reader.len()?, reader.i64()?, reader.i64()?, reader.u8()?);
        Ok(Row {
            decision,
            cut,
            as_of_us,
            ingest: flags & 1 != 0,
            sole: flags & 2 != 0,
            scope: reader.len()?,
            group_set: reader.len()?,
            keys: reader.len()?,
            key_count: reader.len()?,
        })
    }
}

fn is_ordered(rows: &[Row]) -> bool {
    rows.windows(2).all(|pair| pair[0].decision < pair[1].decision)
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], each: impl Fn(&mut Vec<u8>, &T)) {
    put_len(out, items.len());
    items.iter().for_each(|item| each(out, item));
}

fn list<'a, T>(reader: &mut Reader<'a>, each: impl Fn(&mut Reader<'a>) -> Decoded<T>) -> Decoded<Vec<T>> {
    let count = reader.count(1)?;
    (0..count).map(|_| each(reader)).collect()
}

/// Gathers rows; each distinct pins, group set and key type is held once.
struct Builder<'a> {
    asked: Asked,
    decisions: &'a Decisions,
    /// Positions in `asked`: of the pins by their number, of the key type by its number.
    scopes: HashMap<u32, usize>,
    by_shape: Vec<Option<OfShape>>,
    by_key_type: Vec<Option<usize>>,
}

/// What the rows of a shape have in common; see `Row`.
#[derive(Debug, Clone, Copy)]
struct OfShape {
    scope: usize,
    group_set: usize,
    ingest: bool,
    sole: bool,
}

impl<'a> Builder<'a> {
    fn new(decisions: &'a Decisions, stream: &str, partition: u32) -> Self {
        Builder {
            asked: Asked { stream: stream.to_owned(), partition, ..Asked::default() },
            decisions,
            scopes: HashMap::new(),
            by_shape: vec![None; decisions.shapes().len()],
            by_key_type: vec![None; decisions.key_types().len()],
        }
    }

    fn add(&mut self, decision: usize, question: &Question<'_>, cut: i64) {
        let Some(OfShape { scope, group_set, ingest, sole }) = self.of_shape(question.shape_index) else { return };
        let first_key = self.asked.keys.len();
        for (number, id) in question.numbered_keys() {
            let key_type = self.key_type(number);
            self.asked.hold(key_type, id);
        }
        self.asked.rows.push(Row {
            decision,
            cut,
            as_of_us: question.as_of_us,
            ingest,
            sole,
            scope,
            group_set,
            keys: first_key,
            key_count: self.asked.keys.len() - first_key,
        });
    }

    fn of_shape(&mut self, number: u32) -> Option<OfShape> {
        let known = self.by_shape.get_mut(number as usize)?;
        if known.is_none() {
            let (asked, shape) = (&mut self.asked, self.decisions.shapes().get(number as usize)?);
            let scope = *self.scopes.entry(shape.scope).or_insert_with(|| {
                asked.scopes.push(self.decisions.pins_of(shape.scope).into());
                asked.scopes.len() - 1
            });
            asked.group_sets.push(shape.group_indexes.clone().unwrap_or_default());
            *known = Some(OfShape {
                scope,
                group_set: asked.group_sets.len() - 1,
                ingest: shape.as_of_basis == AsOfBasis::IngestTime,
                sole: shape.cut_count() == 1,
            });
        }
        *known
    }

    fn key_type(&mut self, number: usize) -> usize {
        let Builder { asked, decisions, by_key_type, .. } = self;
        let mut hold = || {
            asked.key_types.push(decisions.key_types().get(number).cloned().unwrap_or_default());
            asked.key_types.len() - 1
        };
        match by_key_type.get_mut(number) {
            Some(known) => *known.get_or_insert_with(hold),
            None => hold(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_repeats_where_a_later_row_of_the_stretch_asks_it() {
        let end = STRETCH;
        let rows = [(0, "ab"), (3, "c"), (end - 1, "ba"), (end, "b"), (end + 1, "cb")];
        let mut queries = Queries::default();
        for (decision, ids) in rows {
            let (keys, cut) = (queries.asked.keys.len(), decision as i64);
            ids.chars().for_each(|id| queries.asked.hold(0, &id.to_string()));
            let key_count = ids.len();
            let row =
                Row { decision, cut, as_of_us: 0, ingest: false, sole: false, scope: 0, group_set: 0, keys, key_count };
            queries.asked.rows.push(row);
        }
        let found = |queries: &Queries| -> Vec<bool> {
            let rows = queries.asked.rows.iter().flat_map(|row| queries.asked.keys_ahead(row));
            rows.map(|(_, _, repeats)| repeats).collect()
        };
        assert_eq!(found(&queries), [false; 8]);
        queries.find_repeats();
        assert_eq!(found(&queries), [true, true, false, false, false, true, false, false]);
    }
}
