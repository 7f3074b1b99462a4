//! Reading ahead: what the next records and rows will ask for is looked up once for all of them before they are taken one
//! by one, so that the waits for memory overlap instead of following one another. What was found is handed on; it changes
//! nothing.

use std::hint::black_box;

use super::keys::Glimpse;
use super::{Fold, kind};
use crate::decoder::{Decoded, Gives, Item};
use crate::queries::{Queries, Row};

/// Records taken at once: few enough that what was read is still near when it is asked for.
pub const STRETCH: usize = 32;

/// Rows for which is read ahead; those of a stretch beyond it are taken as they come.
const ROWS_MAX: usize = 2 * STRETCH;

/// What is said once of queries, and what was found for a stretch, in the order in which it is asked for.
#[derive(Debug, Default)]
pub struct Ahead {
    /// The queries are put to this partition.
    pub is_own: bool,
    /// By the pins of the queries, the place of their scope.
    scopes: Vec<Option<usize>>,
    /// By the key types of the queries, the first group of the type.
    kinds: Vec<Option<usize>>,
    /// The place of the first fact in its batch.
    facts_from: usize,
    /// By fact.
    facts: Vec<Glimpse>,
    /// The place of the first row.
    rows_from: usize,
    /// By row, where its own begin among those of all rows.
    row_starts: Vec<usize>,
    rows: Vec<Glimpse>,
    /// The groups of all that was found, and the places of logs.
    touched: Vec<(usize, usize)>,
}

impl Ahead {
    /// Forgets what was found.
    pub fn clear(&mut self) {
        self.facts.clear();
        self.row_starts.clear();
        self.rows.clear();
        self.touched.clear();
    }

    /// The place of a row's pins. Raises, as text, where they are not folded.
    pub fn scope(&self, row: &Row) -> Result<usize, String> {
        self.scopes.get(row.posed.scope).copied().flatten().ok_or_else(|| "a query's pins are not folded".to_owned())
    }

    /// The first group of a key type of the queries.
    pub fn kind(&self, key_type: usize) -> Option<usize> {
        self.kinds.get(key_type).copied().flatten()
    }

    /// What was found for a fact, by its place in the batch.
    pub fn fact(&self, place: usize) -> Option<Glimpse> {
        self.facts.get(place.checked_sub(self.facts_from)?).copied()
    }

    /// What was found for a row and those behind it: one a key and group that is asked for.
    pub fn row(&self, place: usize) -> &[Glimpse] {
        let start = place.checked_sub(self.rows_from).and_then(|at| self.row_starts.get(at));
        start.and_then(|start| self.rows.get(*start..)).unwrap_or_default()
    }

    /// `place`: of the first row whose look-ups follow.
    fn begin_rows(&mut self, place: usize) {
        self.rows_from = place;
    }

    fn begin_row(&mut self) {
        self.row_starts.push(self.rows.len());
    }
}

impl Fold {
    /// What is to be said of queries; nothing is found yet. It may be given back to `scratch`.
    pub(super) fn ahead_of(&mut self, queries: &mut Queries) -> Ahead {
        if self.plan.groups.iter().any(|group| group.has_changes) {
            queries.asked.questions.find_repeats();
        }
        let (asked, origin) = (&queries.asked, &self.intake.origin);
        let mut ahead = std::mem::take(&mut self.scratch.ahead);
        ahead.clear();
        ahead.is_own = asked.stream == origin.stream && asked.partition == origin.partition;
        ahead.scopes.clear();
        ahead.scopes.extend(asked.questions.scopes().iter().map(|pins| self.intake.place(pins)));
        ahead.kinds.clear();
        ahead.kinds.extend(asked.questions.key_types().iter().map(|key_type| kind(&self.plan, key_type)));
        ahead
    }

    /// `items`: of the batch, about to be applied. `queries`: about to be answered up to the last of them.
    pub(super) fn read_ahead(&self, batch: &Decoded, items: &[Item], queries: &Queries, ahead: &mut Ahead) {
        ahead.clear();
        self.intake.look_ahead(items);
        items.iter().for_each(|item| self.look_ahead(batch, item, ahead));
        if let Some(last) = items.last() {
            self.look_at_rows(queries, last.offset, ahead);
        }
        self.touch(ahead);
    }

    /// Looks up what a record about to be applied contributes to. Bounds: records of a batch come in its order.
    fn look_ahead(&self, batch: &Decoded, item: &Item, ahead: &mut Ahead) {
        let Ok(event) = &item.event else { return };
        if ahead.facts.is_empty() {
            ahead.facts_from = event.facts_from();
        }
        let facts = batch.facts(event);
        facts.iter().for_each(|fact| {
            let keys = self.keys.get(fact.group);
            let found = match (fact.gives, keys) {
                (Gives::Contribution { key, .. }, Some(keys)) => {
                    keys.glimpse(event.scope.unwrap_or_default(), batch.text(key))
                }
                _ => Glimpse::default(),
            };
            ahead.touched.extend(found.place.map(|place| (fact.group, place)));
            ahead.facts.push(found);
        });
    }

    /// Looks up what the next rows with a cut up to `upto` ask for.
    fn look_at_rows(&self, queries: &Queries, upto: i64, ahead: &mut Ahead) {
        ahead.begin_rows(queries.answers.len());
        let (rows, questions) =
            (queries.asked.rows_from(queries.answers.len()).take(ROWS_MAX), &queries.asked.questions);
        for row in rows.take_while(|row| row.cut <= upto) {
            let Ok(scope) = ahead.scope(&row) else { return };
            ahead.begin_row();
            for (key_type, id) in questions.numbered_keys(&row.posed) {
                let kind = ahead.kind(key_type);
                for group in questions.groups(&row.posed).iter().map(|group| *group as usize) {
                    if kind.is_some() && self.kinds.get(group).copied() == kind {
                        self.look_at_key(group, scope, id, ahead);
                    }
                }
            }
        }
    }

    /// Looks up a key that a row asks for.
    fn look_at_key(&self, group: usize, scope: usize, key: &str, ahead: &mut Ahead) {
        let found = self.keys.get(group).map_or_else(Glimpse::default, |keys| keys.glimpse(scope, key));
        ahead.touched.extend(found.place.map(|place| (group, place)));
        ahead.rows.push(found);
    }

    /// Reads what the logs that were found will be asked for, where there are many.
    fn touch(&self, ahead: &Ahead) {
        if !self.keys.iter().any(|keys| keys.is_large()) {
            return;
        }
        let logs = ahead.touched.iter().filter_map(|(group, place)| self.keys.get(*group)?.log_at(*place));
        black_box(logs.fold(0_i64, |sum, log| sum.wrapping_add(log.touch())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told_by_the_place_of_fact_and_row() {
        let [one, two, three] = [1, 2, 3].map(|place| Glimpse { place: Some(place), seen: 0 });
        let places = |found: &[Glimpse]| found.iter().filter_map(|found| found.place).collect::<Vec<usize>>();
        let mut ahead = Ahead { facts_from: 7, facts: vec![one, two], ..Ahead::default() };
        ahead.begin_rows(5);
        for row in [&[three, one][..], &[], &[two]] {
            ahead.begin_row();
            ahead.rows.extend(row);
        }
        assert_eq!([6, 7, 8, 9].map(|fact| ahead.fact(fact)?.place), [None, Some(1), Some(2), None]);
        assert_eq!([4, 5, 7, 8].map(|row| places(ahead.row(row))), [vec![], vec![3, 1, 2], vec![2], vec![]]);
        ahead.clear();
        assert_eq!((ahead.fact(7).is_some(), ahead.row(5).len()), (false, 0));
    }
}
