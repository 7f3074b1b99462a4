//! A fold of which a store holds the part that is not resident: what it lacks for a batch, what is supplied, and what is
//! dropped to stay below a limit.

use hashbrown::{HashMap, HashSet};

use super::firsts::{First, Half};
use super::{Fold, used};
use crate::decoder::Decoded;
use crate::keylog::texts::Texts;
use crate::queries::Queries;
use crate::state::{contributions_prefix, first_key, steps_prefix};
use crate::value::ValueType;

/// What a fold lacks, in the order in which it came upon it, each once: keys of entries, and prefixes of keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub keys: Vec<Vec<u8>>,
    pub prefixes: Vec<Vec<u8>>,
}

/// A limit that was passed is undershot by this part of it, so that not every batch has to drop; texts that no key holds
/// any more may take as much.
const SLACK: usize = 8;

impl Fold {
    /// Whether entries are in the store only.
    pub fn is_lazy(&self) -> bool {
        let scopes = self.intake.scopes.iter().all(|scope| scope.stairs.is_whole());
        !(scopes && self.intake.firsts.is_whole() && self.keys.iter().all(|keys| keys.is_whole()))
    }

    /// What `apply` of the records from index `first` whose offset is below `limit` lacks; without a record, what
    /// `advance` to `limit` lacks. Raises, as text, where a query is not of this fold, or the batch of another one.
    pub fn needs(
        &mut self,
        batch: Option<&Decoded>,
        first: usize,
        limit: i64,
        queries: &Queries,
    ) -> Result<Needs, String> {
        let mut needs = Needs::default();
        let mut reached = limit;
        let mut asked = HashSet::new();
        let asks_firsts = !self.intake.firsts.is_whole();
        if let Some(batch) = batch {
            self.intake.check_batch(batch)?;
        }
        let items = batch.map_or(&[][..], |batch| batch.items()).iter().skip(first);
        for item in items.take_while(|item| item.offset < limit) {
            reached = item.offset + 1; // at most the limit
            if let (true, Ok(event)) = (asks_firsts, &item.event)
                && !self.intake.firsts.is_known(&event.id)
                && asked.insert(event.id)
            {
                needs.keys.push(first_key(&event.id));
            }
        }
        if self.keys.iter().any(|keys| !keys.is_whole()) {
            self.needs_of_rows(reached, queries, &mut needs)?;
        }
        Ok(needs)
    }

    /// Adds what the rows with a cut up to `reached` lack.
    fn needs_of_rows(&self, reached: i64, queries: &Queries, needs: &mut Needs) -> Result<(), String> {
        let mut asked: HashSet<(usize, usize, &str)> = HashSet::new();
        let (rows, questions) = (queries.asked.rows_from(queries.answers.len()), &queries.asked.questions);
        for row in rows.take_while(|row| row.cut <= reached) {
            let scope = self.scope_of(&queries.asked, &row)?;
            for (key_type, id) in questions.keys(&row.posed) {
                for place in questions.groups(&row.posed).iter().map(|place| *place as usize) {
                    let (Some(group), Some(keys)) = (self.plan.groups.get(place), self.keys.get(place)) else {
                        return Err(format!("a query names group {place}, which the plan does not hold"));
                    };
                    if group.key_type == key_type && keys.is_missing(scope, id) && asked.insert((scope, place, id)) {
                        needs.prefixes.push(contributions_prefix(&self.intake.scopes[scope].digest, group, id));
                    }
                }
            }
        }
        Ok(())
    }

    /// What `watermarks` lacks for cuts behind the frontier: prefixes of keys.
    pub fn watermark_prefixes(&self) -> Vec<Vec<u8>> {
        let lacking = self.intake.scopes.iter().filter(|scope| !scope.stairs.is_whole());
        lacking.map(|scope| steps_prefix(&scope.digest)).collect()
    }

    /// Bytes that keys, first copies, steps and texts take, about.
    pub fn resident_bytes(&self) -> usize {
        let stairs: usize = self.intake.scopes.iter().map(|scope| scope.stairs.bytes()).sum();
        let keys: usize = self.keys.iter().map(|keys| keys.bytes()).sum();
        self.intake.firsts.bytes() + stairs + keys + self.texts.bytes()
    }

    /// Drops what was drained, of the oldest use first, until what is resident takes less than `limit_bytes` or nothing
    /// is left to drop. Effects: what was supplied and not used may go too.
    pub fn evict(&mut self, limit_bytes: usize) {
        if self.resident_bytes() <= limit_bytes {
            return;
        }
        let target = limit_bytes - limit_bytes / SLACK;
        self.intake.firsts.drop_supplied();
        loop {
            let excess = self.resident_bytes().saturating_sub(target);
            let Some(upto) = self.oldest(excess) else { break };
            self.intake.firsts.drop_used(upto);
            self.keys.iter_mut().for_each(|keys| keys.drop_used(upto));
            self.intake.scopes.iter_mut().for_each(|scope| scope.stairs.drop_used(upto));
            if self.texts.bytes() > limit_bytes / SLACK {
                self.compact_texts();
            }
        }
    }

    /// The last of the oldest uses to drop for `excess` bytes; None where there is no excess, or nothing that can be
    /// dropped. Texts are taken to go with their keys: where they do not, there is still an excess.
    fn oldest(&self, excess: usize) -> Option<u32> {
        if excess == 0 {
            return None;
        }
        let mut by_use: HashMap<u32, usize> = HashMap::new();
        let stairs = self.intake.scopes.iter().map(|scope| scope.stairs.droppable());
        let keys = self.keys.iter().flat_map(|keys| keys.droppable());
        for (used, bytes) in self.intake.firsts.droppable().chain(stairs).chain(keys).filter(|(_, bytes)| *bytes > 0) {
            *by_use.entry(used).or_default() += bytes;
        }
        let mut uses: Vec<(u32, usize)> = by_use.into_iter().collect();
        uses.sort_unstable();
        let total: usize = uses.iter().map(|(_, bytes)| bytes).sum();
        let share = total as f64 / (total + self.texts.bytes()) as f64;
        // not too little, so that a few rounds do
        let least = ((excess as f64 * share) as usize).max(total / (2 * SLACK));
        let mut freed = 0;
        let last = uses.last()?.0;
        let enough = uses.iter().find(|(_, bytes)| {
            freed += bytes;
            freed >= least
        });
        Some(enough.map_or(last, |(used, _)| *used))
    }

    /// Keeps only the texts that are in use.
    fn compact_texts(&mut self) {
        let mut kept = Texts::default();
        let mut moved = vec![None; self.texts.len()];
        for (group, keys) in self.plan.groups.iter().zip(&mut self.keys) {
            let is_text =
                |typed: &usize| self.plan.typed.get(*typed).is_some_and(|(_, kind)| *kind == ValueType::String);
            let columns = group.columns.iter().enumerate().filter(|(_, typed)| is_text(typed));
            let columns: Vec<usize> = columns.map(|(column, _)| column).collect();
            if !columns.is_empty() {
                keys.move_texts(&columns, &self.texts, &mut kept, &mut moved);
            }
        }
        self.texts = kept;
    }

    /// The use at hand, for what is supplied.
    pub(crate) fn supply_use(&self) -> u32 {
        used(self.activity)
    }

    pub(crate) fn supply_first(&mut self, id: Half, first: Option<First>) {
        self.intake.firsts.supply(id, first);
    }
}
