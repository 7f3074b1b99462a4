//! The logs of a group's keys, found by scope and key.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::keylog::{Contribution, KeyLog};
use crate::plan::GroupPlan;

#[derive(Debug)]
pub struct Entry {
    pub scope: usize,
    pub key: Box<str>,
    pub log: KeyLog,
}

/// Logs in the order in which their keys appeared.
#[derive(Debug, Default)]
pub struct Keys {
    entries: Vec<Entry>,
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// Entries with contributions since the last drain, each once.
    changed: Vec<usize>,
}

impl Keys {
    pub fn find(&mut self, scope: usize, key: &str) -> Option<&mut KeyLog> {
        let place = self.place(scope, key)?;
        self.entries.get_mut(place).map(|entry| &mut entry.log)
    }

    pub fn insert(&mut self, group: &GroupPlan, scope: usize, key: &str, contribution: &Contribution<'_>) {
        let place = self.place(scope, key).unwrap_or_else(|| self.open(group, scope, key));
        let log = &mut self.entries[place].log;
        if log.is_drained() {
            self.changed.push(place);
        }
        log.insert(contribution, &group.keeps);
    }

    /// Hands out every changed entry once; `each` drains its log.
    pub fn drain(&mut self, mut each: impl FnMut(&mut Entry)) {
        for place in self.changed.drain(..) {
            each(&mut self.entries[place]);
        }
    }

    /// What was inserted so far counts as drained.
    pub fn set_drained(&mut self) {
        self.drain(|entry| entry.log.set_drained());
    }

    /// How many contributions all logs hold.
    pub fn contributions(&self) -> usize {
        self.entries.iter().map(|entry| entry.log.len()).sum()
    }

    fn place(&self, scope: usize, key: &str) -> Option<usize> {
        let hash = self.hasher.hash_one((scope, key));
        self.places.find(hash, |place| self.entries[*place].is(scope, key)).copied()
    }

    fn open(&mut self, group: &GroupPlan, scope: usize, key: &str) -> usize {
        let Keys { entries, places, hasher, .. } = self;
        let place = entries.len();
        let log = KeyLog::new(group.columns.len(), group.edges.len());
        entries.push(Entry { scope, key: key.into(), log });
        places.insert_unique(hasher.hash_one((scope, key)), place, |place| {
            let Entry { scope, key, .. } = &entries[*place];
            hasher.hash_one((*scope, &**key))
        });
        place
    }
}

impl Entry {
    fn is(&self, scope: usize, key: &str) -> bool {
        self.scope == scope && *self.key == *key
    }
}
