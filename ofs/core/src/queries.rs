//! What one partition is asked, sorted by cut, and its answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::decisions::Decisions;
use crate::ir::NOTHING;
use crate::ir::wire::{Corrupt, Decoded, Reader, list, put_bytes, put_i64, put_len, put_u64};
use crate::keylog::tracks::Stream;

mod questions;

pub use questions::{Posed, Questions, Sheet};

/// Questions to one partition and, once folded, their answers.
#[derive(Debug, Default)]
pub struct Queries {
    pub asked: Asked,
    pub answers: Answers,
}

/// The questions. Rows are sorted by cut, then decision.
#[derive(Debug, Default)]
pub struct Asked {
    pub stream: String,
    pub partition: u32,
    pub questions: Arc<Questions>,
    /// (number of the question, cut).
    rows: Vec<(u32, i64)>,
    /// The rows also stand in the order of the decisions, so that an answer may tell what changed since the one before.
    is_ordered: bool,
}

/// One question, as it is put to the partition.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub posed: Posed,
    pub cut: i64,
}

/// For each answered row, in order, an IR a key and group (see `ir`): keys as given, groups in name order; empty where
/// each says nothing.
#[derive(Debug, Default)]
pub struct Answers {
    pub bytes: Vec<u8>,
    ends: Vec<usize>,
    named: Named,
}

/// The stream of the answers, once there is one: what it told before is known only where it was answered.
#[derive(Debug, Default)]
struct Named(Option<Stream>);

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
    /// Those of the sheet whose decisions name the partition, with a cut there in `[cut_from, cut_to)`. `sheet`: of these
    /// decisions as they are.
    pub fn of(
        sheet: &Sheet,
        decisions: &Decisions,
        stream: &str,
        partition: u32,
        cuts: std::ops::Range<i64>,
    ) -> Queries {
        let mut rows = Vec::with_capacity(sheet.questions.posed().len());
        rows.extend(sheet.cuts(decisions, stream, partition).filter(|(_, cut)| cuts.contains(cut)));
        rows.sort_by_key(|(_, cut)| *cut); // those of equal cuts stay in the order of the decisions
        let (stream, questions) = (stream.to_owned(), Arc::clone(&sheet.questions));
        let asked = Asked { stream, partition, questions, rows, is_ordered: false }.ordered();
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
        let before = self.answers.len().checked_sub(1).and_then(|place| self.asked.decision(place));
        if before.is_some_and(|before| stretch(before) != stretch(row.posed.decision)) {
            self.answers.end_stream();
        }
        let named = &mut self.answers.named.0;
        self.asked.is_ordered.then(|| *named.get_or_insert_with(next_stream))
    }

    /// Makes room for the answers to come, where there are none.
    pub fn make_room(&mut self) {
        if self.answers.is_empty() {
            self.answers.ends.reserve(self.asked.rows.len());
            self.answers.bytes.reserve(self.asked.questions.key_count() * ANSWER_BYTES);
        }
    }

    /// The first row without an answer, if its cut is at most `upto`.
    pub fn pending(&self, upto: i64) -> Option<Row> {
        self.asked.row(self.answers.len()).filter(|row| row.cut <= upto)
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

    /// All that was appended to `bytes` since the last row, at `start`, is the next row's answer; one that says nothing of
    /// any key is left out.
    pub fn close_row(&mut self, start: usize) {
        if self.bytes.get(start..).is_some_and(|answer| answer.iter().all(|byte| *byte == NOTHING)) {
            self.bytes.truncate(start);
        }
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
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn row(&self, place: usize) -> Option<Row> {
        let (number, cut) = *self.rows.get(place)?;
        Some(Row { posed: *self.questions.posed().get(number as usize)?, cut })
    }

    /// The rows from this place on.
    pub fn rows_from(&self, place: usize) -> impl Iterator<Item = Row> {
        (place..self.rows.len()).map_while(|place| self.row(place))
    }

    /// The decision of a row.
    pub fn decision(&self, place: usize) -> Option<usize> {
        let (number, _) = self.rows.get(place)?;
        Some(self.questions.posed().get(*number as usize)?.decision)
    }

    /// The place of the first row whose decision is not before this one. Bounds: the rows stand in the order of decisions.
    pub fn first_from(&self, decision: usize) -> usize {
        let is_before = |(number, _): &(u32, i64)| {
            self.questions.posed().get(*number as usize).is_some_and(|posed| posed.decision < decision)
        };
        self.rows.partition_point(is_before)
    }

    /// See the field.
    pub fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    fn ordered(self) -> Asked {
        let decisions = || (0..self.rows.len()).map(|place| self.decision(place));
        let is_ordered = decisions().zip(decisions().skip(1)).all(|(before, after)| before < after);
        Asked { is_ordered, ..self }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.stream.as_bytes());
        put_u64(out, u64::from(self.partition));
        self.questions.encode(out);
        put_len(out, self.rows.len());
        self.rows_from(0).for_each(|row| row.encode(out));
    }

    fn decode(reader: &mut Reader<'_>) -> Decoded<Asked> {
        let (stream, partition) = (reader.text()?.to_owned(), reader.u32()?);
        let questions = Questions::decode(reader)?;
        let given = list(reader, Row::decode)?;
        if given.windows(2).any(|pair| pair[0].cut > pair[1].cut) {
            return Err(Corrupt);
        }
        let rows = (0..).zip(given.iter().map(|row| row.cut)).collect();
        let questions = questions.with(given.iter().map(|row| row.posed).collect()).into();
        Ok(Asked { stream, partition, questions, rows, is_ordered: false }.ordered())
    }
}

impl Row {
    fn encode(&self, out: &mut Vec<u8>) {
        let Row { posed, cut } = self;
        put_len(out, posed.decision);
        put_i64(out, *cut);
        put_i64(out, posed.as_of_us);
        out.push(u8::from(posed.ingest) | u8::from(posed.sole) << 1);
        for place in [posed.scope, posed.group_set, posed.keys, posed.key_count] {
            put_len(out, place);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Decoded<Row> {
        let (decision, cut, as_of_us, flags) = (reader.len()?, reader.i64()?, reader.i64()?, reader.u8()?);
        let posed = Posed {
            decision,
            as_of_us,
            ingest: flags & 1 != 0,
            sole: flags & 2 != 0,
            scope: reader.len()?,
            group_set: reader.len()?,
            keys: reader.len()?,
            key_count: reader.len()?,
        };
        Ok(Row { posed, cut })
    }
}
