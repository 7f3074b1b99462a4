//! Reading ahead: what the next records and rows will ask for is read once for all of them before they are taken one by
//! one, so that the waits for memory overlap instead of following one another. Changes nothing.

use std::hint::black_box;

use super::Fold;
use crate::decoder::{Decoded, Gives, Item};
use crate::queries::Queries;

/// Records taken at once: few enough that what was read is still near when it is asked for.
pub const STRETCH: usize = 32;

/// Rows for which is read ahead; those of a stretch beyond it are taken as they come.
const ROWS_MAX: usize = 2 * STRETCH;

impl Fold {
    /// `items`: of the batch, about to be applied. `queries`: about to be answered up to the last of them.
    pub(super) fn read_ahead(&mut self, batch: &Decoded, items: &[Item], queries: &Queries) {
        if !self.keys.iter().any(|keys| keys.is_large()) {
            return;
        }
        let mut places = std::mem::take(&mut self.scratch.places);
        places.clear();
        let mut known = 0_usize;
        for item in items {
            let Ok(event) = &item.event else { continue };
            known += usize::from(self.firsts.is_resident(&event.id));
            let Some(scope) = event.scope else { continue };
            for fact in batch.facts(event) {
                if let (Gives::Contribution { key, .. }, Some(keys)) = (&fact.gives, self.keys.get(fact.group)) {
                    let place = keys.place(scope, batch.text(*key));
                    places.extend(place.map(|place| (fact.group, place)));
                }
            }
        }
        if let Some(last) = items.last() {
            self.places_of_rows(queries, last.offset, &mut places);
        }
        let logs = places.iter().filter_map(|(group, place)| self.keys.get(*group)?.log_at(*place));
        black_box((known, logs.fold(0_i64, |sum, log| sum.wrapping_add(log.touch()))));
        self.scratch.places = places;
    }

    /// Adds the places of what the next rows ask for, with a cut up to `upto`.
    fn places_of_rows(&self, queries: &Queries, upto: i64, places: &mut Vec<(usize, usize)>) {
        let rows = queries.asked.rows().iter().skip(queries.answers.len()).take(ROWS_MAX);
        for row in rows.take_while(|row| row.cut <= upto) {
            let Ok(scope) = self.scope_of(&queries.asked, row) else { return };
            for (key_type, id) in queries.asked.keys(row) {
                for group in queries.asked.groups(row).iter().map(|group| *group as usize) {
                    if let (Some(plan), Some(keys)) = (self.plan.groups.get(group), self.keys.get(group))
                        && plan.key_type == key_type
                    {
                        places.extend(keys.place(scope, id).map(|place| (group, place)));
                    }
                }
            }
        }
    }
}
