//! Verdicts: the answers of all partitions merged, finished, encoded, hashed and compared with what was recorded.

use hashbrown::HashMap;

use crate::canonical::write_string;
use crate::decisions::{DecisionView, Decisions};
use crate::digest::{hex_of, sha256};
use crate::ir::Merged;
use crate::ir::standing::Subject;
use crate::ir::wire::{Corrupt, Reader};
use crate::ops;
use crate::plan::Plan;
use crate::queries::{Asked, Queries, Row};
use crate::snapshot::{Draft, Frame, Snapshot};

/// Which snapshots are handed out where nothing is amiss; those of other verdicts always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    All,
    Mismatch,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Match,
    Mismatch,
    OnlineHashMissing,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Match => "MATCH",
            Status::Mismatch => "MISMATCH",
            Status::OnlineHashMissing => "ONLINE_HASH_MISSING",
        }
    }
}

/// Lines of an output for the rows of a range, each with its line end; empty for a row that has none.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    /// What was appended to `bytes` since the last row is the next row's line.
    fn close_row(&mut self) {
        if self.ends.last().copied().unwrap_or(0) < self.bytes.len() {
            self.bytes.push(b'\n');
        }
        self.ends.push(self.bytes.len());
    }

    /// The lines of the rows `[lo, hi)`. Bounds: there are so many.
    pub fn rows(&self, lo: usize, hi: usize) -> &[u8] {
        self.bytes.get(self.start(lo)..self.start(hi)).unwrap_or_default()
    }

    /// The length of each of these rows, line end included; 0 where there is no line.
    pub fn lengths(&self, lo: usize, hi: usize) -> impl Iterator<Item = usize> {
        (lo..hi).map(|row| self.start(row + 1).saturating_sub(self.start(row)))
    }

    fn start(&self, row: usize) -> usize {
        row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }
}

/// What came of the decisions of a range; a row a decision.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// None where the decision is not answerable.
    pub statuses: Vec<Option<Status>>,
    /// The finished ParityResults of MATCHes.
    pub parity: Lines,
    /// RebuiltFeatureSnapshots: of a MATCH only where all are wanted, else always.
    pub snapshots: Lines,
}

/// What does not change from decision to decision.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub plan: &'a Plan,
    pub decisions: &'a Decisions,
    pub replay_id: &'a str,
    pub wanted: Wanted,
}

/// Verdicts of the answerable decisions of the range. Raises, as text, where an answer is missing or not of the
/// decision it names.
pub fn assemble(job: Job<'_>, range: std::ops::Range<usize>, answers: &[&Queries]) -> Result<Verdicts, String> {
    let mut shelf = Shelf::new(range.clone(), answers);
    let mut settings: HashMap<u32, Setting> = HashMap::new();
    let mut parts = Vec::new();
    let (mut merged, mut draft, mut snapshot) = (Merged::default(), Draft::default(), Snapshot::default());
    let mut verdicts = Verdicts::default();
    for view in range.map(|index| job.decisions.view(index).filter(|view| view.answerable)) {
        let mut status = None;
        if let Some((view, as_of_us)) = view.and_then(|view| view.as_of_us.map(|as_of_us| (view, as_of_us))) {
            let setting = match settings.entry(view.shape_index) {
                hashbrown::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                hashbrown::hash_map::Entry::Vacant(entry) => entry.insert(Setting::new(&job, &view, &shelf)?),
            };
            shelf.parts(&view, as_of_us, &setting.sources, &mut parts)?;
            shelf
                .follow(job.plan, &parts, &mut merged)
                .and_then(|()| merge(job.plan, &view, as_of_us, &mut parts, &mut merged, &mut draft))
                .map_err(|error| format!("decision {}: {error}", view.index))?;
            draft.finish(&setting.frame, view.cuts, as_of_us, &mut snapshot);
            status = Some(judge(job, &view, setting, &snapshot, draft.events_matched, &mut verdicts));
        }
        verdicts.statuses.push(status);
        verdicts.parity.close_row();
        verdicts.snapshots.close_row();
    }
    Ok(verdicts)
}

/// What the decisions of a shape have in common.
struct Setting {
    frame: Frame,
    /// By cut, the number of the source whose answer it takes; None where none answered.
    sources: Vec<Option<usize>>,
    /// Of a parity record: from the basis to the keys, by whether the features match: unknown, true, false.
    evidence: [Vec<u8>; 3],
    /// `","replay_id":"..."`.
    replay_id: Vec<u8>,
}

impl Setting {
    fn new(job: &Job<'_>, view: &DecisionView<'_>, shelf: &Shelf<'_>) -> Result<Setting, String> {
        let frame = Frame::new(view.shape, view.pins, job.plan)?;
        let streams = view.shape.streams.iter();
        let partitions = streams
            .flat_map(|stream| (0_u32..).take(stream.topic_ids.len()).map(|partition| (&*stream.name, partition)));
        let sources = partitions.map(|partition| shelf.sources.iter().position(|known| *known == partition)).collect();
        let evidence = ["unknown", "true", "false"].map(|features_match| {
            let mut text = b",\"feature_groups\":".to_vec();
            text.extend_from_slice(frame.groups());
            text.extend_from_slice(b",\"further_reasons\":[],\"mismatch_fields\":[],\"online_features_match_hash\":");
            write_string(&mut text, features_match);
            text.extend_from_slice(b"},\"feature_keys\":[");
            text
        });
        let mut replay_id = b"\",\"replay_id\":".to_vec();
        write_string(&mut replay_id, job.replay_id);
        Ok(Setting { frame, sources, evidence, replay_id })
    }
}

/// The answer of one partition, being read.
struct Part<'a> {
    rank: u32,
    row: usize,
    reader: Reader<'a>,
}

/// All answers, found by decision.
struct Shelf<'a> {
    lo: usize,
    /// Sorted by stream and partition, so that a position is a rank.
    answers: Vec<&'a Queries>,
    /// Distinct sources, and by rank the number of its source.
    sources: Vec<(&'a str, u32)>,
    source_numbers: Vec<usize>,
    /// For each decision of the range, where its items begin.
    starts: Vec<usize>,
    /// (answers, row), those of a decision in rank order.
    items: Vec<(usize, usize)>,
    /// By rank, the first row that was not read. Answers are read in their order, as they may tell changes.
    unread: Vec<usize>,
}

impl<'a> Shelf<'a> {
    fn new(range: std::ops::Range<usize>, answers: &[&'a Queries]) -> Self {
        let mut answers = answers.to_vec();
        answers.sort_by(|left, right| source(left).cmp(&source(right)));
        let (mut sources, mut source_numbers) = (Vec::new(), Vec::new());
        for queries in &answers {
            if sources.last() != Some(&source(queries)) {
                sources.push(source(queries));
            }
            source_numbers.push(sources.len() - 1);
        }
        let mut starts = vec![0; range.len() + 1];
        let place_of = |decision: usize| range.contains(&decision).then(|| decision - range.start);
        for row in answers.iter().flat_map(|queries| queries.asked.rows()) {
            if let Some(start) = place_of(row.decision).and_then(|place| starts.get_mut(place + 1)) {
                *start += 1;
            }
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut items = vec![(0, 0); starts.last().copied().unwrap_or(0)];
        let mut next = starts.clone();
        for (queries_place, queries) in answers.iter().enumerate() {
            for (row_place, row) in queries.asked.rows().iter().enumerate() {
                if let Some(next) = place_of(row.decision).and_then(|place| next.get_mut(place)) {
                    items[*next] = (queries_place, row_place);
                    *next += 1;
                }
            }
        }
        let unread = vec![0; answers.len()];
        Shelf { lo: range.start, answers, sources, source_numbers, starts, items, unread }
    }

    /// Reads what lies before the parts and belongs to no decision of the range.
    fn follow(&mut self, plan: &Plan, parts: &[Part<'a>], merged: &mut Merged<'a>) -> Result<(), Corrupt> {
        for part in parts {
            let rank = part.rank as usize;
            let (queries, unread) = (self.answers.get(rank).ok_or(Corrupt)?, self.unread.get_mut(rank).ok_or(Corrupt)?);
            let skipped = if queries.asked.is_ordered() { *unread..part.row } else { 0..0 };
            for place in skipped {
                let row = queries.asked.rows().get(place).ok_or(Corrupt)?;
                let mut groups = queries.asked.groups(row).iter().filter_map(|index| plan.groups.get(*index as usize));
                if !groups.any(|group| group.has_changes) {
                    continue;
                }
                let bytes = queries.answers.get(place).ok_or(Corrupt)?;
                skip(plan, &queries.asked, row, part.rank, bytes, merged)?;
            }
            *unread = part.row + 1;
        }
        Ok(())
    }

    /// Replaces the parts by one answer a partition of the decision's cut, in order. `sources`: see Setting.
    fn parts(
        &self,
        view: &DecisionView<'_>,
        as_of_us: i64,
        sources: &[Option<usize>],
        parts: &mut Vec<Part<'a>>,
    ) -> Result<(), String> {
        let place = view.index - self.lo;
        let bounds = (self.starts.get(place).copied(), self.starts.get(place + 1).copied());
        let (Some(start), Some(end)) = bounds else { return Ok(()) };
        let items = self.items.get(start..end).unwrap_or_default();
        parts.clear();
        for (item, (expected, cut)) in items.iter().zip(sources.iter().zip(view.cuts)) {
            let part =
                self.part(*item, as_of_us, *cut).filter(|_| self.source_numbers.get(item.0) == expected.as_ref());
            parts.push(part.ok_or_else(|| missing(view, parts.len()))?);
        }
        match items.len().cmp(&view.cuts.len()) {
            std::cmp::Ordering::Less => Err(missing(view, items.len())),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(format!("decision {}: an answer too many", view.index)),
        }
    }

    /// None unless it answers this cut as of this time.
    fn part(&self, (queries_place, row_place): (usize, usize), as_of_us: i64, cut: i64) -> Option<Part<'a>> {
        let queries = *self.answers.get(queries_place)?;
        let row = queries.asked.rows().get(row_place)?;
        let bytes = queries.answers.get(row_place)?;
        let rank = u32::try_from(queries_place).ok()?;
        let is_asked = row.cut == cut && row.as_of_us == as_of_us;
        is_asked.then(|| Part { rank, row: row_place, reader: Reader::new(bytes) })
    }
}

fn missing(view: &DecisionView<'_>, place: usize) -> String {
    let streams = view.shape.streams.iter();
    let mut partitions =
        streams.flat_map(|stream| (0..stream.topic_ids.len()).map(|partition| (&stream.name, partition)));
    match partitions.nth(place) {
        Some((stream, partition)) => format!("decision {}: no answer of {stream} {partition}", view.index),
        None => format!("decision {}: an answer is missing", view.index),
    }
}

/// Takes from an answer what later ones build on.
fn skip<'a>(
    plan: &Plan,
    asked: &'a Asked,
    row: &Row,
    rank: u32,
    bytes: &'a [u8],
    merged: &mut Merged<'a>,
) -> Result<(), Corrupt> {
    let mut reader = Reader::new(bytes);
    for (key_type, id) in asked.keys(row) {
        for index in asked.groups(row) {
            let group = plan.groups.get(*index as usize).ok_or(Corrupt)?;
            if group.key_type == key_type {
                merged.reset(group, Subject { pins: asked.pins(row), group: *index, key: id });
                merged.absorb(group, &mut reader, ops::Frame { as_of_us: row.as_of_us, rank })?;
            }
        }
    }
    if reader.is_empty() { Ok(()) } else { Err(Corrupt) }
}

fn source(queries: &Queries) -> (&str, u32) {
    (&queries.asked.stream, queries.asked.partition)
}

/// Reads the parts side by side, key by key and group by group, into the draft.
fn merge<'a>(
    plan: &Plan,
    view: &DecisionView<'a>,
    as_of_us: i64,
    parts: &mut [Part<'a>],
    merged: &mut Merged<'a>,
    draft: &mut Draft,
) -> Result<(), Corrupt> {
    draft.clear();
    for (key_type, id) in view.keys() {
        draft.open_key(key_type, id);
        for index in view.group_indexes() {
            let group = plan.groups.get(*index as usize).ok_or(Corrupt)?;
            if group.key_type != key_type {
                continue;
            }
            merged.reset(group, Subject { pins: view.pins, group: *index, key: id });
            for part in &mut *parts {
                merged.absorb(group, &mut part.reader, ops::Frame { as_of_us, rank: part.rank })?;
            }
            merged.close(group, as_of_us)?;
            draft.add_group(group, merged, as_of_us)?;
        }
    }
    if parts.iter().all(|part| part.reader.is_empty()) { Ok(()) } else { Err(Corrupt) }
}

/// The status; what is to be written of the decision is appended to the lines.
fn judge(
    job: Job<'_>,
    view: &DecisionView<'_>,
    setting: &Setting,
    snapshot: &Snapshot,
    events_matched: bool,
    verdicts: &mut Verdicts,
) -> Status {
    let status = match view.online_hash {
        None => Status::OnlineHashMissing,
        Some(hash) if hash == snapshot.hash => Status::Match,
        Some(_) => Status::Mismatch,
    };
    if status == Status::Match {
        write_parity(view, setting, snapshot, &mut verdicts.parity.bytes);
    }
    if status != Status::Match || job.wanted == Wanted::All {
        snapshot.write(view.id, events_matched, job.replay_id, &mut verdicts.snapshots.bytes);
    }
    status
}

/// The ParityResult of a MATCH, canonical.
fn write_parity(view: &DecisionView<'_>, setting: &Setting, snapshot: &Snapshot, out: &mut Vec<u8>) {
    let [unknown, same, other] = &setting.evidence;
    let evidence = match view.online_features_digest {
        None => unknown,
        Some(digest) if digest == sha256(snapshot.features()) => same,
        Some(_) => other,
    };
    out.extend_from_slice(snapshot.as_of_member());
    out.extend_from_slice(b",\"decision_id\":");
    write_string(out, view.id);
    out.extend_from_slice(b",\"evidence\":{\"basis\":");
    out.extend_from_slice(snapshot.basis());
    out.extend_from_slice(evidence);
    for (place, (key_type, id)) in view.keys().enumerate() {
        out.extend_from_slice(if place > 0 { b",{\"key_id\":" } else { b"{\"key_id\":" });
        write_string(out, id);
        out.extend_from_slice(b",\"key_type\":");
        write_string(out, key_type);
        out.push(b'}');
    }
    let hash = hex_of(&snapshot.hash);
    out.extend_from_slice(b"],\"offline_snapshot_hash\":\"");
    out.extend_from_slice(&hash);
    out.extend_from_slice(b"\",\"online_snapshot_hash\":\"");
    out.extend_from_slice(&hash);
    out.extend_from_slice(&setting.replay_id);
    if let Some(request_id) = view.request_id {
        out.extend_from_slice(b",\"request_id\":");
        write_string(out, request_id);
    }
    out.extend_from_slice(b",\"result\":\"MATCH\"}");
}
