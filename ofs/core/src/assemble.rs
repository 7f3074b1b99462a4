//! Verdicts: the answers of all partitions merged, finished, encoded, hashed and compared with what was recorded.

use crate::decisions::{DecisionView, Decisions};
use crate::ir::Merged;
use crate::ir::standing::Subject;
use crate::ir::wire::Corrupt;
use crate::ops;
use crate::plan::Plan;
use crate::queries::Queries;
use crate::snapshot::{Draft, Snapshot, hash_each};

mod lines;
mod setting;
mod shelf;

pub use lines::Lines;
use setting::{Setting, Settings};
use shelf::{Part, Shelf};

/// Snapshots that are hashed side by side.
const TOGETHER: usize = 2;

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

/// What came of the decisions of a range; a row a decision.
#[derive(Debug)]
pub struct Verdicts {
    /// None where the decision is not answerable.
    pub statuses: Vec<Option<Status>>,
    /// The finished ParityResults of MATCHes.
    pub parity: Lines,
    /// RebuiltFeatureSnapshots: of a MATCH only where all are wanted, else always.
    pub snapshots: Lines,
}

impl Verdicts {
    fn of_rows(rows: usize) -> Verdicts {
        Verdicts { statuses: Vec::with_capacity(rows), parity: Lines::of_rows(rows), snapshots: Lines::of_rows(rows) }
    }
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
    let mut maker = Maker::new(job, range.clone(), answers);
    let mut snapshots: [Snapshot; TOGETHER] = Default::default();
    let mut verdicts = Verdicts::of_rows(range.len());
    for first in range.clone().step_by(TOGETHER) {
        let mut rebuilt: [Option<Rebuilt<'_>>; TOGETHER] = Default::default();
        for ((index, snapshot), rebuilt) in (first..range.end).zip(&mut snapshots).zip(&mut rebuilt) {
            *rebuilt = maker.rebuild(index, snapshot)?;
        }
        hash_each(&mut snapshots);
        for (_, (snapshot, rebuilt)) in (first..range.end).zip(snapshots.iter().zip(rebuilt)) {
            let status = rebuilt.and_then(|rebuilt| {
                let setting = maker.settings.get(rebuilt.setting)?;
                Some(judge(job, &rebuilt, setting, snapshot, &mut verdicts))
            });
            verdicts.statuses.push(status);
            verdicts.parity.close_row();
            verdicts.snapshots.close_row();
        }
    }
    Ok(verdicts)
}

/// A decision whose snapshot was made.
struct Rebuilt<'a> {
    view: DecisionView<'a>,
    setting: usize,
    events_matched: bool,
}

/// Makes snapshots of decisions in their order.
struct Maker<'a> {
    job: Job<'a>,
    shelf: Shelf<'a>,
    settings: Settings,
    merged: Merged<'a>,
    draft: Draft,
    parts: Vec<Part<'a>>,
}

impl<'a> Maker<'a> {
    fn new(job: Job<'a>, range: std::ops::Range<usize>, answers: &[&'a Queries]) -> Self {
        Maker {
            job,
            shelf: Shelf::new(&range, answers, job.plan),
            settings: Settings::default(),
            merged: Merged::default(),
            draft: Draft::default(),
            parts: Vec::new(),
        }
    }

    /// Replaces the snapshot by that of a decision, but for its hash; None where the decision is not answerable.
    fn rebuild(&mut self, index: usize, snapshot: &mut Snapshot) -> Result<Option<Rebuilt<'a>>, String> {
        let Some(view) = self.job.decisions.view(index).filter(|view| view.answerable) else { return Ok(None) };
        let Some(as_of_us) = view.as_of_us else { return Ok(None) };
        let number = self.settings.number(&self.job, &view, &self.shelf)?;
        let Some(setting) = self.settings.get(number) else { return Ok(None) };
        self.shelf.parts(&view, as_of_us, &setting.sources, &mut self.parts)?;
        self.shelf
            .follow(self.job.plan, &self.parts, &mut self.merged)
            .and_then(|()| merge(self.job.plan, &view, as_of_us, &mut self.parts, &mut self.merged, &mut self.draft))
            .map_err(|error| format!("decision {index}: {error}"))?;
        self.draft.finish(&setting.frame, view.cuts, as_of_us, snapshot);
        Ok(Some(Rebuilt { view, setting: number, events_matched: self.draft.events_matched }))
    }
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
    rebuilt: &Rebuilt<'_>,
    setting: &Setting,
    snapshot: &Snapshot,
    verdicts: &mut Verdicts,
) -> Status {
    let view = &rebuilt.view;
    let status = match view.online_hash {
        None => Status::OnlineHashMissing,
        Some(hash) if *hash == snapshot.hash => Status::Match,
        Some(_) => Status::Mismatch,
    };
    if status == Status::Match {
        setting.write_parity(view, snapshot, verdicts.parity.row());
    }
    if status != Status::Match || job.wanted == Wanted::All {
        snapshot.write(view.id, rebuilt.events_matched, job.replay_id, verdicts.snapshots.row());
    }
    status
}
