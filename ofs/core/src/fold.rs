//! The state of one partition: records folded in offset order into the logs of keys, and queries answered at cuts.

pub mod ahead;
mod chunked;
pub mod counts;
pub mod firsts;
mod floor;
pub mod intake;
pub mod keys;
pub mod lazy;
pub mod name;
pub mod stairs;
pub mod stored;

use std::sync::Arc;

use crate::decisions::Decisions;
use crate::decoder::{Cell, Decoded, Decoder};
use crate::ir::{self, Ask};
use crate::keylog::texts::Texts;
use crate::keylog::tracks::Stream;
use crate::keylog::{Contribution, Forget, Sight};
use crate::plan::{GroupPlan, Plan};
use crate::queries::{Asked, Queries, Row};
use crate::record::AsOfBasis;
use ahead::{Ahead, STRETCH};
use floor::Floor;
use intake::{FirstCopy, Intake};
use keys::{Keys, Known, Sought};

pub use intake::{Origin, Scope};

/// See the module. Everything but `state`'s drains depends on the records alone, not on where batches begin.
#[derive(Debug)]
pub struct Fold {
    pub(crate) plan: Arc<Plan>,
    pub(crate) intake: Intake,
    pub(crate) texts: Texts,
    /// By group.
    pub(crate) keys: Vec<Keys>,
    /// By group, the first group of the same key type.
    kinds: Vec<usize>,
    pub(crate) drained: Drained,
    scratch: Scratch,
    floor: Floor,
    /// Records applied and rows answered, by which uses are told apart.
    activity: u64,
    /// Contributions that were passed to leave out those that a query may not see.
    scanned: u64,
}

/// How far the state was handed out.
#[derive(Debug, Default)]
pub struct Drained {
    /// The frontier at the last drain; None before the first.
    pub frontier: Option<i64>,
    pub blocks: usize,
    /// The unfinished block, and how many of its records.
    pub open: (u64, usize),
}

#[derive(Debug, Default)]
struct Scratch {
    values: Vec<Option<i64>>,
    spots: Vec<usize>,
    ahead: Ahead,
}

impl Fold {
    /// Raises, as text, where the start is negative.
    pub fn new(plan: Arc<Plan>, scopes: &[&[u8]], origin: Origin) -> Result<Fold, String> {
        Ok(Fold {
            intake: Intake::new(Arc::clone(&plan), scopes, origin)?,
            texts: Texts::default(),
            keys: plan.groups.iter().map(|_| Keys::default()).collect(),
            kinds: plan.groups.iter().map(|group| kind(&plan, &group.key_type).unwrap_or_default()).collect(),
            drained: Drained::default(),
            scratch: Scratch::default(),
            floor: Floor::new(plan.groups.len()),
            activity: 0,
            scanned: 0,
            plan,
        })
    }

    pub fn frontier(&self) -> i64 {
        self.intake.frontier
    }

    /// Decodes records for this fold and others of its plan and scopes.
    pub fn decoder(&self) -> Decoder {
        self.intake.decoder()
    }

    /// Applies the records from index `first` whose offset is below `limit` and answers queries as the frontier passes
    /// their cuts. Returns the index of the first record not applied. Raises, as text, where the batch was decoded for
    /// another plan or other pins, an offset is out of order, a query is not of this fold, or something is missing that
    /// `needs` would have named; the record at hand is then not applied.
    pub fn apply(&mut self, batch: &Decoded, first: usize, limit: i64, queries: &mut Queries) -> Result<usize, String> {
        self.intake.check_batch(batch)?;
        let items = batch.items().get(first..).unwrap_or_default();
        let items = &items[..items.iter().take_while(|item| item.offset < limit).count()];
        let mut ahead = self.ahead_of(queries);
        queries.make_room();
        for stretch in items.chunks(STRETCH) {
            self.read_ahead(batch, stretch, queries, &mut ahead);
            for item in stretch {
                self.intake.reach(item.offset)?;
                self.answer(queries, item.offset, &ahead)?;
                self.activity += 1;
                let used = self.used();
                if let Some(first) = self.intake.take(batch, item, used)? {
                    self.fold(&first, &ahead);
                }
            }
        }
        let frontier = self.intake.frontier;
        self.answer(queries, frontier, &ahead)?;
        self.scratch.ahead = ahead;
        Ok(first + items.len())
    }

    /// Moves the frontier to `to`, if it lies before, and answers every query with a cut up to `to`.
    pub fn advance(&mut self, to: i64, queries: &mut Queries) -> Result<(), String> {
        self.intake.pass(to);
        let ahead = self.ahead_of(queries);
        self.answer(queries, to, &ahead)?;
        self.scratch.ahead = ahead;
        Ok(())
    }

    /// (decision, watermark) of the bound, not excluded watermark decisions that name this partition. Raises, as text,
    /// where a cut lies beyond the frontier, or steps are missing that `watermark_prefixes` names.
    pub fn watermarks(
        &mut self,
        decisions: &Decisions,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<(usize, Option<i64>)>, String> {
        let mut found = Vec::new();
        let used = self.used();
        for view in range.filter_map(|index| decisions.view(index)) {
            let is_asked = view.shape.as_of_basis == AsOfBasis::Watermark
                && view.shape.group_indexes.is_some()
                && !decisions.is_excluded(view.index);
            let position = view.shape.cut_position(&self.intake.origin.stream, self.intake.origin.partition);
            let cut = position.and_then(|position| view.cuts.get(position).copied());
            if let (true, Some(cut)) = (is_asked, cut) {
                if cut > self.intake.frontier {
                    return Err(format!("decision {}: cut {cut} lies beyond the frontier", view.index));
                }
                let place = self.intake.place(view.pins);
                let scope = place.and_then(|place| self.intake.scopes.get_mut(place));
                let scope = scope.ok_or_else(|| format!("decision {}: its pins are not folded", view.index))?;
                scope.stairs.touch(used);
                let watermark_us = scope.stairs.below_us(cut).map_err(|_| {
                    format!("decision {}: watermark steps are in the store, and were not supplied", view.index)
                })?;
                found.push((view.index, watermark_us));
            }
        }
        Ok(found)
    }

    pub fn skew_violation(&self) -> Option<i64> {
        self.intake.counts.skew_violation
    }

    /// The largest event time of first copies, of all scopes.
    pub fn event_time_us_max(&self) -> Option<i64> {
        self.intake.scopes.iter().filter_map(|scope| scope.stairs.max_us()).max()
    }

    /// Canonical JSON over `[start, frontier)`.
    pub fn certificate(&self) -> Vec<u8> {
        self.intake.certificate()
    }

    /// The place of a row's pins. Raises, as text, where they are not folded.
    fn scope_of(&self, asked: &Asked, row: &Row) -> Result<usize, String> {
        let pins = asked.questions.pins(&row.posed);
        match self.intake.scopes.get(row.posed.scope) {
            Some(scope) if *scope.pins == *pins => Ok(row.posed.scope),
            _ => self.intake.place(pins).ok_or_else(|| "a query's pins are not folded".to_owned()),
        }
    }

    /// The use at hand.
    fn used(&self) -> u32 {
        used(self.activity)
    }

    fn fold(&mut self, first: &FirstCopy<'_>, ahead: &Ahead) {
        let (facts, used) = (first.batch.facts(first.event), self.used());
        for (fact, place) in facts.iter().zip(first.event.facts_from()..) {
            let Some(usable) = self.intake.usable(fact, first) else { continue };
            let floor_us = self.floor.of(fact.group);
            let (Some(group), Some(keys)) = (self.plan.groups.get(fact.group), self.keys.get_mut(fact.group)) else {
                continue;
            };
            let values = &mut self.scratch.values;
            read_values(usable.cells, first.batch, &mut self.texts, values);
            if first.event.ts_us >= floor_us {
                let (time_us, offset, log_ts_us) = (first.event.ts_us, first.item.offset, first.item.log_ts_us);
                let forget = Forget { before_us: floor_us, at_once: self.floor.at_once };
                let sought = Sought { scope: first.scope, key: usable.key, ahead: ahead.fact(place) };
                keys.insert(group, sought, &Contribution { time_us, offset, log_ts_us, values }, forget, used);
            }
        }
    }

    /// Answers the queries with a cut at or behind the frontier, until `scans` contributions were passed in all of the
    /// fold's life to leave out later ones. Returns whether all of them are answered.
    pub fn catch_up(&mut self, queries: &mut Queries, scans: u64) -> Result<bool, String> {
        let frontier = self.intake.frontier;
        let ahead = self.ahead_of(queries);
        self.answer_while(queries, frontier, scans, &ahead)?;
        self.scratch.ahead = ahead;
        let is_done = queries.pending(frontier).is_none();
        if !is_done {
            queries.answers.end_stream(); // what comes next is not answered here
        }
        Ok(is_done)
    }

    fn answer(&mut self, queries: &mut Queries, upto: i64, ahead: &Ahead) -> Result<(), String> {
        self.answer_while(queries, upto, u64::MAX, ahead)
    }

    fn answer_while(&mut self, queries: &mut Queries, upto: i64, scans: u64, ahead: &Ahead) -> Result<(), String> {
        while let Some(row) = queries.pending(upto).filter(|_| self.scanned < scans) {
            let stream = queries.stream(&row);
            let asked = &queries.asked;
            if !ahead.is_own {
                return Err(format!("queries of {} {} put to another partition", asked.stream, asked.partition));
            }
            let before = queries.answers.bytes.len();
            let place = queries.answers.len();
            if let Err(error) = self.answer_row(asked, &row, place, stream, ahead, &mut queries.answers.bytes) {
                queries.answers.bytes.truncate(before);
                queries.answers.end_stream();
                return Err(error);
            }
            queries.answers.close_row(before);
            self.activity += 1;
        }
        Ok(())
    }

    /// `place`: of the row.
    fn answer_row(
        &mut self,
        asked: &Asked,
        row: &Row,
        place: usize,
        stream: Option<Stream>,
        ahead: &Ahead,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let (scope, used) = (ahead.scope(row)?, self.used());
        let Row { posed, cut } = row;
        self.floor.check(posed.as_of_us)?;
        let ask = Ask {
            as_of_us: posed.as_of_us,
            sight: Sight { cut: *cut, logged_before_us: posed.ingest.then_some(posed.as_of_us) },
            sole: posed.sole,
            stream,
            repeats: false,
        };
        let mut found = ahead.row(place).iter().copied();
        for (key_type, id, repeats) in asked.questions.keys_ahead(posed) {
            let (kind, ask) = (ahead.kind(key_type), Ask { repeats, ..ask });
            for place in asked.questions.groups(posed) {
                let place = *place as usize;
                let (Some(group), Some(keys)) = (self.plan.groups.get(place), self.keys.get_mut(place)) else {
                    return Err(format!("a query names group {place}, which the plan does not hold"));
                };
                if kind.is_none() || self.kinds.get(place).copied() != kind {
                    continue;
                }
                match keys.look(Sought { scope, key: id, ahead: found.next() }, used) {
                    Known::Log(log) => {
                        if !log.sees_all(ask.sight) {
                            self.scanned += log.len() as u64;
                        }
                        ir::answer(group, log, &self.texts, ask, &mut self.scratch.spots, out);
                    }
                    Known::Nothing => out.push(ir::NOTHING),
                    Known::Missing => return Err(not_supplied(group, id)),
                }
            }
        }
        Ok(())
    }
}

/// The first group of a key type.
fn kind(plan: &Plan, key_type: &str) -> Option<usize> {
    plan.groups.iter().position(|group| group.key_type == key_type)
}

/// Replaces `values` by those of the cells of a batch; texts become places in `texts`.
pub fn read_values(cells: &[Cell], batch: &Decoded, texts: &mut Texts, values: &mut Vec<Option<i64>>) {
    values.clear();
    values.extend(cells.iter().map(|cell| match cell {
        Cell::Missing => None,
        Cell::Raw(raw) => Some(*raw),
        Cell::Text(text) => i64::try_from(texts.intern(batch.text(*text))).ok(),
    }));
}

/// What is used together is kept and dropped together: sixteen records or rows are one use.
fn used(activity: u64) -> u32 {
    u32::try_from(activity >> 4).unwrap_or(u32::MAX)
}

fn not_supplied(group: &GroupPlan, id: &str) -> String {
    format!("the contributions of {} {id} to {} are in the store, and were not supplied", group.key_type, group.name)
}
