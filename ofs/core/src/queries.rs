//! What one partition is asked, sorted by cut, and its answers.

use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;

use crate::decisions::{DecisionView, Decisions};
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
    /// Distinct keys: position of the type, and id.
    keys: Vec<(usize, Box<str>)>,
    /// Positions in `keys`, those of a row together.
    key_places: Vec<usize>,
    /// Of each of them, whether a later row of its stretch asks the same key.
    repeats: Vec<bool>,
    rows: Vec<Row>,
    /// The rows also stand in the order of the decisions, so that an answer may tell what changed since the one before.
    is_ordered: bool,
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
        let mut builder = Builder::new(stream, partition);
        let positions: Vec<Option<usize>> =
            decisions.shapes().iter().map(|shape| shape.cut_position(stream, partition)).collect();
        for view in range.filter_map(|index| decisions.view(index)) {
            let position = positions.get(view.shape_index as usize).copied().flatten();
            let cut = position.and_then(|position| view.cuts.get(position)).filter(|cut| cuts.contains(cut));
            if let (Some(cut), Some(as_of_us), true) = (cut, view.as_of_us, view.answerable) {
                builder.add(&view, *cut, as_of_us);
            }
        }
        let mut asked = builder.asked;
        asked.rows.sort_by_key(|row| (row.cut, row.decision));
        asked.is_ordered = is_ordered(&asked.rows);
        asked.repeats = repeats(&asked.rows, &asked.key_places, asked.keys.len());
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
        self.keys_ahead(row).map(|(key_type, id, _)| (key_type, id))
    }

    /// (key type, key id, whether a later row of the stretch asks it too), as the decision gives them.
    pub fn keys_ahead(&self, row: &Row) -> impl Iterator<Item = (&str, &str, bool)> {
        let places = row.keys..row.keys.saturating_add(row.key_count);
        let repeats = self.repeats.get(places.clone()).unwrap_or_default();
        let places = self.key_places.get(places).unwrap_or_default();
        places.iter().zip(repeats).filter_map(|(place, repeats)| {
            let (key_type, id) = self.keys.get(*place)?;
            Some((&**self.key_types.get(*key_type)?, &**id, *repeats))
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.stream.as_bytes());
        put_u64(out, u64::from(self.partition));
        put_list(out, &self.scopes, |out, pins| put_bytes(out, pins));
        put_list(out, &self.group_sets, |out, set| put_list(out, set, |out, group| put_u64(out, u64::from(*group))));
        put_list(out, &self.key_types, |out, key_type| put_bytes(out, key_type.as_bytes()));
        put_list(out, &self.keys, |out, (key_type, id)| {
            put_len(out, *key_type);
            put_bytes(out, id.as_bytes());
        });
        put_list(out, &self.key_places, |out, place| put_len(out, *place));
        put_list(out, &self.rows, |out, row| row.encode(out));
    }

    fn decode(reader: &mut Reader<'_>) -> Decoded<Asked> {
        let asked = Asked {
            stream: reader.text()?.to_owned(),
            partition: reader.u32()?,
            scopes: list(reader, |reader| reader.bytes().map(Into::into))?,
            group_sets: list(reader, |reader| list(reader, Reader::u32))?,
            key_types: list(reader, |reader| reader.text().map(Into::into))?,
            keys: list(reader, |reader| Ok((reader.len()?, reader.text()?.into())))?,
            key_places: list(reader, Reader::len)?,
            rows: list(reader, Row::decode)?,
            repeats: Vec::new(),
            is_ordered: false,
        };
        let sorted = asked.rows.windows(2).all(|pair| pair[0].cut <= pair[1].cut);
        let is_ordered = is_ordered(&asked.rows);
        let repeats = repeats(&asked.rows, &asked.key_places, asked.keys.len());
        if sorted { Ok(Asked { is_ordered, repeats, ..asked }) } else { Err(Corrupt) }
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

/// See Asked. `count`: of distinct keys.
fn repeats(rows: &[Row], key_places: &[usize], count: usize) -> Vec<bool> {
    let mut repeats = vec![false; key_places.len()];
    let mut next: Vec<Option<usize>> = vec![None; count]; // by key, the stretch of the next row that asks it
    for row in rows.iter().rev() {
        let stretch = Some(stretch(row.decision));
        for at in row.keys..row.keys.saturating_add(row.key_count) {
            let next = key_places.get(at).and_then(|place| next.get_mut(*place));
            if let (Some(next), Some(repeats)) = (next, repeats.get_mut(at)) {
                *repeats = *next == stretch;
                *next = stretch;
            }
        }
    }
    repeats
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], each: impl Fn(&mut Vec<u8>, &T)) {
    put_len(out, items.len());
    items.iter().for_each(|item| each(out, item));
}

fn list<'a, T>(reader: &mut Reader<'a>, each: impl Fn(&mut Reader<'a>) -> Decoded<T>) -> Decoded<Vec<T>> {
    let count = reader.count(1)?;
    (0..count).map(|_| each(reader)).collect()
}

/// Gathers rows; each distinct pins, group set, key type and key is held once.
struct Builder<'a> {
    asked: Asked,
    scopes: HashMap<u32, usize>,
    group_sets: HashMap<u32, usize>,
    key_types: HashMap<&'a str, usize>,
    keys: HashMap<(usize, &'a str), usize>,
}

impl<'a> Builder<'a> {
    fn new(stream: &str, partition: u32) -> Self {
        Builder {
            asked: Asked { stream: stream.to_owned(), partition, ..Asked::default() },
            scopes: HashMap::new(),
            group_sets: HashMap::new(),
            key_types: HashMap::new(),
            keys: HashMap::new(),
        }
    }

    fn add(&mut self, view: &DecisionView<'a>, cut: i64, as_of_us: i64) {
        let Builder { asked, scopes, group_sets, key_types, keys } = self;
        let scope = *scopes.entry(view.shape.scope).or_insert_with(|| {
            asked.scopes.push(view.pins.into());
            asked.scopes.len() - 1
        });
        let group_set = *group_sets.entry(view.shape_index).or_insert_with(|| {
            asked.group_sets.push(view.group_indexes().to_vec());
            asked.group_sets.len() - 1
        });
        let first_key = asked.key_places.len();
        for (key_type, id) in view.keys() {
            let key_type = *key_types.entry(key_type).or_insert_with(|| {
                asked.key_types.push(key_type.into());
                asked.key_types.len() - 1
            });
            let place = *keys.entry((key_type, id)).or_insert_with(|| {
                asked.keys.push((key_type, id.into()));
                asked.keys.len() - 1
            });
            asked.key_places.push(place);
        }
        asked.rows.push(Row {
            decision: view.index,
            cut,
            as_of_us,
            ingest: view.shape.as_of_basis == AsOfBasis::IngestTime,
            sole: view.shape.cut_count() == 1,
            scope,
            group_set,
            keys: first_key,
            key_count: asked.key_places.len() - first_key,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_repeats_where_a_later_row_of_the_stretch_asks_it() {
        let end = STRETCH;
        let asked = [(0, vec![0, 1]), (3, vec![2]), (end - 1, vec![1, 0]), (end, vec![1, 1]), (end + 1, vec![2])];
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        for (decision, keys) in asked {
            rows.push(Row {
                decision,
                cut: decision as i64,
                as_of_us: 0,
                ingest: false,
                sole: false,
                scope: 0,
                group_set: 0,
                keys: places.len(),
                key_count: keys.len(),
            });
            places.extend(keys);
        }
        let found = repeats(&rows, &places, 3);
        assert_eq!(found, [true, true, false, false, false, false, true, false]);
    }
}
