//! The logs of a group's keys, found by scope and key. Those of no recent use may have been dropped: then a log begins
//! again with what comes, and is whole once the store's part was supplied.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::firsts::{Half, half};
use super::name::Name;
use super::stored::Stored;
use crate::digest::sha256;
use crate::keylog::texts::Texts;
use crate::keylog::{ALLOCATION, Contribution, Forget, KeyLog};
use crate::plan::GroupPlan;

/// Two cache lines, so that all that is read of it is two neighbours.
#[derive(Debug)]
#[repr(align(64))]
pub struct Entry {
    pub key: Name,
    pub scope: u32,
    used: u32,
    pub log: KeyLog,
}

/// From so many keys on they are taken to lie outside the caches.
const LARGE: usize = 2_000;

/// What a look-up ahead found.
#[derive(Debug, Clone, Copy, Default)]
pub struct Glimpse {
    pub place: Option<usize>,
    /// How many logs there were: a key that was not found may be among those that came since.
    pub(super) seen: usize,
}

/// Whose log is sought. `ahead`: what was found since the last log was dropped, if it was looked up.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'k> {
    pub scope: usize,
    pub key: &'k str,
    pub ahead: Option<Glimpse>,
}

/// What is known of a key.
#[derive(Debug)]
pub enum Known<'a> {
    Log(&'a mut KeyLog),
    /// It never had a contribution.
    Nothing,
    /// The store may hold contributions that are not here.
    Missing,
}

/// Logs in the order in which their keys appeared, but for what was dropped.
#[derive(Debug, Default)]
pub struct Keys {
    entries: Vec<Entry>,
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// Entries with contributions since the last drain, each once.
    changed: Vec<usize>,
    /// What the entries take beside their places.
    heap: usize,
    stored: Stored,
}

impl Keys {
    /// Keys of which the store may hold any.
    pub fn opened() -> Keys {
        Keys { stored: Stored::Unknown, ..Keys::default() }
    }

    /// `used`: the use at hand.
    pub fn look(&mut self, sought: Sought<'_>, used: u32) -> Known<'_> {
        let Some(place) = self.find(sought) else {
            let is_stored = self.may_be_stored(sought.scope, sought.key);
            return if is_stored { Known::Missing } else { Known::Nothing };
        };
        let entry = &mut self.entries[place];
        entry.used = used;
        if entry.log.take_grown() {
            entry.log.recount(&mut self.heap);
        }
        if entry.log.is_whole() { Known::Log(&mut entry.log) } else { Known::Missing }
    }

    /// Whether the store may hold contributions of a key that are not here.
    pub fn is_missing(&self, scope: usize, key: &str) -> bool {
        match self.place(scope, key) {
            Some(place) => !self.entries[place].log.is_whole(),
            None => self.may_be_stored(scope, key),
        }
    }

    /// `forget`: what of the log may be dropped.
    pub fn insert(
        &mut self,
        group: &GroupPlan,
        sought: Sought<'_>,
        contribution: &Contribution<'_>,
        forget: Forget,
        used: u32,
    ) {
        let Sought { scope, key, .. } = sought;
        let place = self.find(sought).unwrap_or_else(|| {
            let mut log = KeyLog::new(group.columns.len());
            if self.may_be_stored(scope, key) {
                log.set_missing_below(contribution.offset);
            }
            self.open(scope, key, log)
        });
        let entry = &mut self.entries[place];
        entry.used = used;
        let log = &mut entry.log;
        if log.is_drained() {
            self.changed.push(place);
        }
        let room = log.room();
        log.forget(forget);
        log.insert(contribution, &group.keeps);
        if log.room() != room {
            log.recount(&mut self.heap);
        }
    }

    /// Takes the store's contributions of a key; what of them is resident counts once.
    pub fn supply(&mut self, group: &GroupPlan, scope: usize, key: &str, stored: KeyLog, used: u32) {
        let place = self.place(scope, key).unwrap_or_else(|| {
            let mut log = KeyLog::new(group.columns.len());
            log.set_missing_below(i64::MAX);
            self.open(scope, key, log)
        });
        let entry = &mut self.entries[place];
        entry.log.complete(stored, &group.keeps);
        entry.used = used;
        entry.log.recount(&mut self.heap);
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

    /// Whether there are many keys.
    pub fn is_large(&self) -> bool {
        self.entries.len() >= LARGE
    }

    pub fn log_at(&self, place: usize) -> Option<&KeyLog> {
        self.entries.get(place).map(|entry| &entry.log)
    }

    /// How many contributions all logs hold.
    pub fn contributions(&self) -> usize {
        self.entries.iter().map(|entry| entry.log.len()).sum()
    }

    /// Whether everything is resident.
    pub fn is_whole(&self) -> bool {
        self.stored.is_nothing()
    }

    pub fn bytes(&self) -> usize {
        self.entries.len() * size_of::<Entry>() + self.places.allocation_size() + self.heap + self.stored.bytes()
    }

    /// (use, bytes) of what could be dropped.
    pub fn droppable(&self) -> impl Iterator<Item = (u32, usize)> {
        let drained = self.entries.iter().filter(|entry| entry.log.is_drained());
        drained.map(|entry| (entry.used, entry.log.counted() + beside(&entry.key) + size_of::<Entry>()))
    }

    /// Drops the drained entries of uses up to `upto`.
    pub fn drop_used(&mut self, upto: u32) {
        let mut place = 0;
        while let Some(entry) = self.entries.get(place) {
            if entry.used <= upto && entry.log.is_drained() {
                self.drop_at(place); // the last one takes the place
            } else {
                place += 1;
            }
        }
        if !self.changed.is_empty() {
            let entries = self.entries.iter().enumerate();
            self.changed = entries.filter(|(_, entry)| !entry.log.is_drained()).map(|(place, _)| place).collect();
        }
        if self.entries.capacity() > 2 * self.entries.len() {
            let Keys { entries, places, hasher, .. } = self;
            entries.shrink_to(entries.len() * 3 / 2);
            places.shrink_to(entries.len() * 3 / 2, |place| entries[*place].hash(hasher));
        }
    }

    /// Gives the texts of these columns their places in `kept`; `moved` is by the places before.
    pub fn move_texts(&mut self, columns: &[usize], texts: &Texts, kept: &mut Texts, moved: &mut [Option<usize>]) {
        for entry in &mut self.entries {
            for column in columns {
                entry.log.replace(*column, |place| {
                    let known = moved.get_mut(place as usize)?;
                    let place = *known.get_or_insert_with(|| kept.intern(texts.get(place as usize)));
                    i64::try_from(place).ok()
                });
            }
        }
    }

    fn drop_at(&mut self, place: usize) {
        let Keys { entries, places, hasher, heap, stored, .. } = self;
        let last = entries.len() - 1;
        if let Ok(found) = places.find_entry(entries[place].hash(hasher), |known| *known == place) {
            found.remove();
        }
        if last != place
            && let Some(moved) = places.find_mut(entries[last].hash(hasher), |known| *known == last)
        {
            *moved = place;
        }
        let entry = entries.swap_remove(place);
        *heap -= entry.log.counted() + beside(&entry.key);
        stored.add(|| digest(entry.scope as usize, entry.key.as_bytes()));
    }

    fn may_be_stored(&self, scope: usize, key: &str) -> bool {
        self.stored.may_hold(|| digest(scope, key.as_bytes()))
    }

    /// Looks a key up ahead; what is found holds until a log is dropped.
    pub fn glimpse(&self, scope: usize, key: &str) -> Glimpse {
        Glimpse { place: self.place(scope, key), seen: self.entries.len() }
    }

    fn find(&self, Sought { scope, key, ahead }: Sought<'_>) -> Option<usize> {
        let Some(Glimpse { place, seen }) = ahead else { return self.place(scope, key) };
        place.or_else(|| {
            let since = self.entries.get(seen..)?;
            since.iter().position(|entry| entry.is(scope, key)).map(|at| seen + at)
        })
    }

    /// Where the log of a key stands.
    fn place(&self, scope: usize, key: &str) -> Option<usize> {
        let hash = self.hasher.hash_one((scope, key.as_bytes()));
        self.places.find(hash, |place| self.entries[*place].is(scope, key)).copied()
    }

    fn open(&mut self, scope: usize, key: &str, log: KeyLog) -> usize {
        let Keys { entries, places, hasher, heap, .. } = self;
        let place = entries.len();
        let scope = u32::try_from(scope).unwrap_or(u32::MAX); // pins are far fewer
        let mut entry = Entry { scope, key: Name::new(key), log, used: 0 };
        *heap += beside(&entry.key);
        entry.log.recount(heap);
        places.insert_unique(entry.hash(hasher), place, |place| entries[*place].hash(hasher));
        entries.push(entry);
        place
    }
}

impl Entry {
    fn is(&self, scope: usize, key: &str) -> bool {
        self.scope as usize == scope && self.key.as_bytes() == key.as_bytes()
    }

    fn hash(&self, hasher: &DefaultHashBuilder) -> u64 {
        hasher.hash_one((self.scope as usize, self.key.as_bytes()))
    }
}

/// What an entry takes beside its place and its log.
fn beside(key: &Name) -> usize {
    key.heap() + ALLOCATION
}

/// Names a key in a filter: the same in every process, unlike the hasher's.
fn digest(scope: usize, key: &[u8]) -> Half {
    half(sha256(&[&(scope as u64).to_be_bytes(), key].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan_of_counts;

    fn sought(key: &str) -> Sought<'_> {
        Sought { scope: 0, key, ahead: None }
    }

    fn put(keys: &mut Keys, key: &str, offset: i64, used: u32) {
        let plan = plan_of_counts();
        let contribution = Contribution { time_us: 100 - offset, offset, log_ts_us: 0, values: &[] };
        keys.insert(&plan.groups[0], sought(key), &contribution, Forget::NOTHING, used);
    }

    fn log_of(keys: &mut Keys, key: &str) -> Option<Vec<i64>> {
        match keys.look(sought(key), 9) {
            Known::Log(log) => Some(log.offsets().collect()),
            Known::Nothing => Some(Vec::new()),
            Known::Missing => None,
        }
    }

    #[test]
    fn what_was_dropped_is_missing_until_it_is_supplied() {
        let mut keys = Keys::default();
        for (key, offset, used) in [("a", 0, 0), ("b", 1, 0), ("c", 2, 1), ("a", 3, 2)] {
            put(&mut keys, key, offset, used);
        }
        keys.drop_used(9);
        assert!(keys.is_whole(), "nothing is drained");
        keys.set_drained();
        put(&mut keys, "d", 4, 0);
        keys.drop_used(1);
        assert_eq!(["a", "b", "c", "d", "e"].map(|key| keys.is_missing(0, key)), [false, true, true, false, false]);
        put(&mut keys, "b", 5, 3);
        assert_eq!(
            ["a", "b", "c", "d", "e"].map(|key| log_of(&mut keys, key)),
            [Some(vec![3, 0]), None, None, Some(vec![4]), Some(vec![])]
        );
        let plan = plan_of_counts();
        let mut stored = KeyLog::new(0);
        for offset in [1, 5] {
            stored.insert(&Contribution { time_us: 100 - offset, offset, log_ts_us: 0, values: &[] }, &[]);
        }
        keys.supply(&plan.groups[0], 0, "b", stored, 4);
        assert_eq!(log_of(&mut keys, "b"), Some(vec![5, 1]));
        let mut changed = Vec::new();
        keys.drain(|entry| {
            entry.log.drain(4, |row| changed.push(row.offset));
        });
        assert_eq!(changed, [4, 5]);
    }

    #[test]
    fn a_key_is_found_by_what_was_seen_ahead_and_what_came_since() {
        let mut keys = Keys::default();
        put(&mut keys, "a", 0, 0);
        put(&mut keys, "b", 1, 0);
        let seen = ["b", "c", "d", "e"].map(|key| (key, keys.glimpse(0, key)));
        put(&mut keys, "d", 2, 0);
        put(&mut keys, "c", 3, 0);
        let found = seen.map(|(key, ahead)| keys.find(Sought { ahead: Some(ahead), ..sought(key) }));
        assert_eq!(found, [Some(1), Some(3), Some(2), None]);
        assert_eq!(found, ["b", "c", "d", "e"].map(|key| keys.find(sought(key))));
        assert_eq!(keys.find(Sought { scope: 1, ahead: Some(seen[1].1), key: "c" }), None);
    }

    #[test]
    fn an_entry_is_two_cache_lines() {
        assert_eq!((size_of::<Entry>(), align_of::<Entry>()), (128, 64));
    }

    #[test]
    fn what_entries_take_is_given_back() {
        let mut keys = Keys::default();
        for number in 0..1_000 {
            put(&mut keys, &format!("k{}", number % 300), number, 0);
        }
        assert!(keys.bytes() > 300 * size_of::<Entry>() + 1_000 * 24);
        keys.set_drained();
        keys.drop_used(0);
        assert_eq!((keys.entries.len(), keys.heap), (0, 0));
        assert!(keys.bytes() < 10_000);
        assert_eq!((0..300).filter(|number| keys.is_missing(0, &format!("k{number}"))).count(), 300);
    }
}
