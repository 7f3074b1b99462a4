//! What no answer still to come can see, and so need not be kept.

use super::Fold;
use crate::plan::GroupPlan;
use crate::state::{contributions_head, steps_prefix};

/// The as-of that no query still to come lies before, and what follows from it for each group.
#[derive(Debug)]
pub struct Floor {
    as_of_us: i64,
    /// By group: event times before this one are seen no more.
    times: Vec<i64>,
    pub at_once: bool,
}

impl Floor {
    pub fn new(groups: usize) -> Floor {
        Floor { as_of_us: i64::MIN, times: vec![i64::MIN; groups], at_once: false }
    }

    pub fn of(&self, group: usize) -> i64 {
        self.times.get(group).copied().unwrap_or(i64::MIN)
    }

    /// Raises, as text, where too much may be gone to answer at this as-of.
    pub fn check(&self, as_of_us: i64) -> Result<(), String> {
        if as_of_us >= self.as_of_us {
            return Ok(());
        }
        Err(format!("a query's as-of {as_of_us} lies before {}, up to which was forgotten", self.as_of_us))
    }
}

/// What of a store's contributions no answer still to come sees: those of the group before an event time.
#[derive(Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Prefix of the steps of the scope's largest event time.
    pub steps: Vec<u8>,
    /// Prefix of the scope's contributions to the group, of all keys.
    pub contributions: Vec<u8>,
    pub time_us: i64,
}

impl Fold {
    /// No query with an as-of before this one will come. What every group that does not see all would still see; nothing
    /// is dropped. Bounds: as for `forget`, but that the state may be drained.
    pub fn horizons(&mut self, as_of_us: i64) -> Vec<Horizon> {
        self.floor.as_of_us = as_of_us.max(self.floor.as_of_us);
        let as_of_us = self.floor.as_of_us;
        let sees_part = |group: &&GroupPlan| !group.has_changes && group.start_us(as_of_us) > i64::MIN;
        let groups: Vec<&GroupPlan> = self.plan.groups.iter().filter(sees_part).collect();
        let pairs = self.intake.scopes.iter().flat_map(|scope| groups.iter().map(move |group| (scope, *group)));
        pairs
            .map(|(scope, group)| Horizon {
                steps: steps_prefix(&scope.digest),
                contributions: contributions_head(&scope.digest, group),
                time_us: group.start_us(as_of_us),
            })
            .collect()
    }

    /// No query with an as-of before this one will come. What others do not see may be dropped from a log that would else
    /// grow, or, `at_once`, whenever something comes to it. Bounds: nothing of the state is drained.
    ///
    /// Every window begins later where as-of does, so the earliest start of any window at `as_of_us` bounds what is seen;
    /// lateness and watermarks do not read the logs. Groups whose answers tell changes keep all: these lead from one
    /// answer to the next.
    pub fn forget(&mut self, as_of_us: i64, at_once: bool) {
        let Floor { as_of_us: known_us, times, .. } = &mut self.floor;
        *known_us = as_of_us.max(*known_us);
        for (time, group) in times.iter_mut().zip(&self.plan.groups) {
            if !group.has_changes {
                *time = group.start_us(*known_us);
            }
        }
        self.floor.at_once = at_once;
    }
}
