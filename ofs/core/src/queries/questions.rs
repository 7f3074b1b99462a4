//! What decisions ask, whichever partition is asked: built once for all of them.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;

use super::stretch;
use crate::decisions::{Decisions, Question};
use crate::ir::wire::{Decoded, Reader, list, put_bytes, put_len, put_list, put_u64};
use crate::record::AsOfBasis;

/// See the module.
#[derive(Debug, Default)]
pub struct Questions {
    scopes: Vec<Box<[u8]>>,
    group_sets: Vec<Vec<u32>>,
    key_types: Vec<Box<str>>,
    /// Those of a question together.
    keys: Vec<Key>,
    /// The ids of the keys.
    texts: String,
    posed: Vec<Posed>,
    /// Of each key, whether a later question of its stretch asks it again; looked for where that matters.
    repeats: OnceLock<Vec<bool>>,
}

/// The position of the type, and where the id stands in the texts.
#[derive(Debug, Clone, Copy)]
struct Key {
    key_type: usize,
    start: usize,
    len: usize,
}

/// One question. Positions are in the fields of `Questions`.
#[derive(Debug, Clone, Copy)]
pub struct Posed {
    pub decision: usize,
    pub as_of_us: i64,
    /// The as-of basis is ingest time.
    pub ingest: bool,
    /// The decision's cut names one partition only.
    pub sole: bool,
    pub scope: usize,
    pub(super) group_set: usize,
    pub(super) keys: usize,
    pub(super) key_count: usize,
}

impl Questions {
    /// In the order of the decisions; in that of the rows where they were decoded.
    pub fn posed(&self) -> &[Posed] {
        &self.posed
    }

    /// Canonical pins of a question.
    pub fn pins(&self, posed: &Posed) -> &[u8] {
        self.scopes.get(posed.scope).map_or(&[], |pins| pins)
    }

    /// Canonical pins, by the questions' `scope`.
    pub fn scopes(&self) -> &[Box<[u8]>] {
        &self.scopes
    }

    pub fn key_types(&self) -> &[Box<str>] {
        &self.key_types
    }

    /// Positions in the plan of the groups asked for, in name order.
    pub fn groups(&self, posed: &Posed) -> &[u32] {
        self.group_sets.get(posed.group_set).map_or(&[], Vec::as_slice)
    }

    /// (key type, key id), as the decision gives them.
    pub fn keys(&self, posed: &Posed) -> impl Iterator<Item = (&str, &str)> {
        self.numbered_keys(posed).filter_map(|(number, id)| Some((&**self.key_types.get(number)?, id)))
    }

    /// (position among the key types, key id), as the decision gives them.
    pub fn numbered_keys(&self, posed: &Posed) -> impl Iterator<Item = (usize, &str)> {
        self.keys_of(posed).iter().map(|key| (key.key_type, self.id(key)))
    }

    /// The same, and whether a later question of the stretch is known to ask the key again.
    pub fn keys_ahead(&self, posed: &Posed) -> impl Iterator<Item = (usize, &str, bool)> {
        let known = self.repeats.get().map_or(&[][..], Vec::as_slice);
        let repeats = (posed.keys..).map(|place| known.get(place).is_some_and(|repeats| *repeats));
        self.numbered_keys(posed).zip(repeats).map(|((number, id), repeats)| (number, id, repeats))
    }

    /// Looks for the keys that are asked again, once.
    pub fn find_repeats(&self) {
        self.repeats.get_or_init(|| self.repeated());
    }

    /// See `repeats`.
    fn repeated(&self) -> Vec<bool> {
        let mut repeats = vec![false; self.keys.len()];
        let mut next: HashMap<(usize, &str), usize> = HashMap::new(); // the stretch of the next question that asks a key
        for posed in self.posed.iter().rev() {
            let stretch = stretch(posed.decision);
            for (place, key) in (posed.keys..).zip(self.numbered_keys(posed)) {
                let before = next.insert(key, stretch);
                if let Some(repeats) = repeats.get_mut(place) {
                    *repeats = before == Some(stretch);
                }
            }
        }
        repeats
    }

    pub(super) fn key_count(&self) -> usize {
        self.keys.len()
    }

    fn keys_of(&self, posed: &Posed) -> &[Key] {
        self.keys.get(posed.keys..posed.keys.saturating_add(posed.key_count)).unwrap_or_default()
    }

    fn id(&self, key: &Key) -> &str {
        self.texts.get(key.start..key.start.saturating_add(key.len)).unwrap_or_default()
    }

    fn hold(&mut self, key_type: usize, id: &str) {
        self.keys.push(Key { key_type, start: self.texts.len(), len: id.len() });
        self.texts.push_str(id);
    }

    /// All but the questions.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_list(out, &self.scopes, |out, pins| put_bytes(out, pins));
        put_list(out, &self.group_sets, |out, set| put_list(out, set, |out, group| put_u64(out, u64::from(*group))));
        put_list(out, &self.key_types, |out, key_type| put_bytes(out, key_type.as_bytes()));
        put_list(out, &self.keys, |out, key| {
            put_len(out, key.key_type);
            put_bytes(out, self.id(key).as_bytes());
        });
    }

    /// All but the questions.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Decoded<Questions> {
        let mut questions = Questions {
            scopes: list(reader, |reader| reader.bytes().map(Into::into))?,
            group_sets: list(reader, |reader| list(reader, Reader::u32))?,
            key_types: list(reader, |reader| reader.text().map(Into::into))?,
            ..Questions::default()
        };
        for _ in 0..reader.count(1)? {
            let key_type = reader.len()?;
            questions.hold(key_type, reader.text()?);
        }
        Ok(questions)
    }

    pub(super) fn with(self, posed: Vec<Posed>) -> Questions {
        Questions { posed, ..self }
    }
}

/// The questions of the answerable decisions of a range.
#[derive(Debug, Default)]
pub struct Sheet {
    pub questions: Arc<Questions>,
    /// By question.
    origins: Vec<Origin>,
}

/// Where a question is from: the number of the decision's shape, and where its cuts begin among all.
#[derive(Debug, Clone, Copy)]
struct Origin {
    shape: u32,
    cuts: usize,
}

impl Sheet {
    pub fn of(decisions: &Decisions, range: Range<usize>) -> Sheet {
        let mut builder = Builder::new(decisions, range.len().min(decisions.len()));
        for index in range {
            if let Some(question) = decisions.question(index) {
                builder.add(index, &question);
            }
        }
        Sheet { questions: builder.questions.into(), origins: builder.origins }
    }

    /// (number of the question, cut), for those whose decision names the partition.
    pub fn cuts<'a>(
        &'a self,
        decisions: &'a Decisions,
        stream: &str,
        partition: u32,
    ) -> impl Iterator<Item = (u32, i64)> + use<'a> {
        let shapes = decisions.shapes().iter();
        let positions: Vec<Option<usize>> = shapes.map(|shape| shape.cut_position(stream, partition)).collect();
        (0..).zip(&self.origins).filter_map(move |(number, origin)| {
            let position = (*positions.get(origin.shape as usize)?)?;
            Some((number, decisions.cut(origin.cuts + position)?))
        })
    }
}

/// Gathers questions; each distinct pins, group set and key type is held once.
struct Builder<'a> {
    questions: Questions,
    origins: Vec<Origin>,
    decisions: &'a Decisions,
    /// Positions in `questions`: of the pins by their number, of the key type by its number.
    scopes: HashMap<u32, usize>,
    by_shape: Vec<Option<OfShape>>,
    by_key_type: Vec<Option<usize>>,
}

/// What the questions of a shape have in common; see `Posed`.
#[derive(Debug, Clone, Copy)]
struct OfShape {
    scope: usize,
    group_set: usize,
    ingest: bool,
    sole: bool,
}

impl<'a> Builder<'a> {
    /// `count`: of questions, at most.
    fn new(decisions: &'a Decisions, count: usize) -> Self {
        Builder {
            questions: Questions { posed: Vec::with_capacity(count), ..Questions::default() },
            origins: Vec::with_capacity(count),
            decisions,
            scopes: HashMap::new(),
            by_shape: vec![None; decisions.shapes().len()],
            by_key_type: vec![None; decisions.key_types().len()],
        }
    }

    fn add(&mut self, decision: usize, question: &Question<'_>) {
        let Some(OfShape { scope, group_set, ingest, sole }) = self.of_shape(question.shape_index) else { return };
        let keys = self.questions.keys.len();
        for (number, id) in question.numbered_keys() {
            let key_type = self.key_type(number);
            self.questions.hold(key_type, id);
        }
        let key_count = self.questions.keys.len() - keys;
        let as_of_us = question.as_of_us;
        self.questions.posed.push(Posed { decision, as_of_us, ingest, sole, scope, group_set, keys, key_count });
        self.origins.push(Origin { shape: question.shape_index, cuts: question.cuts });
    }

    fn of_shape(&mut self, number: u32) -> Option<OfShape> {
        let known = self.by_shape.get_mut(number as usize)?;
        if known.is_none() {
            let (questions, shape) = (&mut self.questions, self.decisions.shapes().get(number as usize)?);
            let scope = *self.scopes.entry(shape.scope).or_insert_with(|| {
                questions.scopes.push(self.decisions.pins_of(shape.scope).into());
                questions.scopes.len() - 1
            });
            questions.group_sets.push(shape.group_indexes.clone().unwrap_or_default());
            *known = Some(OfShape {
                scope,
                group_set: questions.group_sets.len() - 1,
                ingest: shape.as_of_basis == AsOfBasis::IngestTime,
                sole: shape.cut_count() == 1,
            });
        }
        *known
    }

    fn key_type(&mut self, number: usize) -> usize {
        let Builder { questions, decisions, by_key_type, .. } = self;
        let mut hold = || {
            questions.key_types.push(decisions.key_types().get(number).cloned().unwrap_or_default());
            questions.key_types.len() - 1
        };
        match by_key_type.get_mut(number) {
            Some(known) => *known.get_or_insert_with(hold),
            None => hold(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::STRETCH;
    use super::*;

    #[test]
    fn a_key_repeats_where_a_later_question_of_the_stretch_asks_it() {
        let end = STRETCH;
        let asked = [(0, "ab"), (3, "c"), (end - 1, "ba"), (end, "b"), (end + 1, "cb")];
        let mut questions = Questions::default();
        for (decision, ids) in asked {
            let (keys, key_count) = (questions.keys.len(), ids.len());
            ids.chars().for_each(|id| questions.hold(0, &id.to_string()));
            let posed =
                Posed { decision, as_of_us: 0, ingest: false, sole: false, scope: 0, group_set: 0, keys, key_count };
            questions.posed.push(posed);
        }
        let found = |questions: &Questions| -> Vec<bool> {
            let keys = questions.posed().iter().flat_map(|posed| questions.keys_ahead(posed));
            keys.map(|(_, _, repeats)| repeats).collect()
        };
        assert_eq!(found(&questions), [false; 8]);
        questions.find_repeats();
        assert_eq!(found(&questions), [true, true, false, false, false, true, false, false]);
    }
}
