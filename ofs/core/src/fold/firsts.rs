//! Which event ids were seen, and at which offset first: what makes later copies duplicates.

use std::collections::VecDeque;

use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};

use super::chunked::Chunked;
use super::stored::Stored;
use crate::digest::Hash;

/// See `is_large`.
const LARGE: usize = 20_000;

/// Half of a SHA-256.
pub type Half = [u8; 16];

/// The first copy of an event. `id`: of its pins, type and id; `value`: of the record's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    pub id: Half,
    pub offset: i64,
    pub value: Half,
}

/// First copies in the order they were seen, found by id. The oldest may have been dropped; what the store was asked
/// about those stands beside them.
#[derive(Debug, Default)]
pub struct Firsts {
    items: Chunked<First>,
    /// First copies before the first of `items`.
    dropped: usize,
    /// Counted from the first copy ever seen here, dropped ones too.
    places: HashTable<Place>,
    undrained: usize,
    /// First copies that were never resident: there before the fold was opened.
    before: usize,
    /// From which place on first copies are of a use, ascending.
    uses: VecDeque<(u32, usize)>,
    stored: Stored,
    /// What the store says; None: it does not hold the id.
    supplied: HashMap<Half, Option<First>>,
}

impl Firsts {
    /// Firsts of which `count` are in the store only.
    pub fn opened(count: usize) -> Firsts {
        let stored = if count == 0 { Stored::Nothing } else { Stored::Unknown };
        Firsts { before: count, stored, ..Firsts::default() }
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, count: usize) {
        let Firsts { items, places, dropped, .. } = self;
        places.reserve(count, |place| slot(&items[place.behind(*dropped)].id));
    }

    /// The first copy of the same event where there was one; else this one is it. `used`: the use at hand.
    /// Bounds: `is_known` holds for the id.
    pub fn meet(&mut self, first: First, used: u32) -> Option<&First> {
        let Firsts { items, places, dropped, supplied, .. } = self;
        let id = |place: &Place| &items[place.behind(*dropped)].id;
        let vacant = match places.entry(slot(&first.id), |place| *id(place) == first.id, |place| slot(id(place))) {
            Entry::Occupied(known) => {
                let place = known.get().behind(*dropped);
                return Some(&items[place]);
            }
            Entry::Vacant(vacant) => vacant,
        };
        if !supplied.is_empty() {
            match supplied.get(&first.id) {
                Some(Some(_)) => return supplied.get(&first.id).and_then(Option::as_ref),
                Some(None) => supplied.remove(&first.id),
                None => None,
            };
        }
        let place = *dropped + items.len();
        vacant.insert(Place::of(place));
        items.push(first);
        self.undrained += 1;
        if self.uses.back().is_none_or(|(last, _)| *last != used) {
            self.uses.push_back((used, place));
        }
        None
    }

    /// Whether the first copy is here.
    pub fn is_resident(&self, id: &Half) -> bool {
        self.places.find(slot(id), |place| self.items[place.behind(self.dropped)].id == *id).is_some()
    }

    /// Whether all is here that `meet` needs to tell.
    pub fn is_known(&self, id: &Half) -> bool {
        self.stored.is_nothing()
            || self.is_resident(id)
            || self.supplied.contains_key(id)
            || !self.stored.may_hold(|| *id)
    }

    /// What the store holds under an id.
    pub fn supply(&mut self, id: Half, first: Option<First>) {
        if !self.is_known(&id) {
            self.supplied.insert(id, first);
        }
    }

    /// All first copies ever seen, those in the store only included.
    pub fn len(&self) -> usize {
        self.before + self.dropped + self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether so many are resident that they are taken to lie outside the caches.
    pub fn is_large(&self) -> bool {
        self.items.len() >= LARGE
    }

    /// Whether all are resident.
    pub fn is_whole(&self) -> bool {
        self.stored.is_nothing()
    }

    /// What was met so far counts as drained.
    pub fn set_drained(&mut self) {
        self.undrained = 0;
    }

    /// Those met since the last drain.
    pub fn drain(&mut self) -> impl Iterator<Item = &First> {
        let from = self.items.len() - std::mem::take(&mut self.undrained).min(self.items.len());
        self.items.iter_from(from)
    }

    pub fn bytes(&self) -> usize {
        self.items.len() * size_of::<First>()
            + self.places.allocation_size()
            + self.uses.len() * size_of::<(u32, usize)>()
            + self.supplied.allocation_size()
            + self.stored.bytes()
    }

    /// (use, bytes) of what could be dropped.
    pub fn droppable(&self) -> impl Iterator<Item = (u32, usize)> {
        let drained = self.dropped + self.items.len() - self.undrained;
        let ends = self.uses.iter().skip(1).map(|(_, place)| *place).chain([usize::MAX]);
        self.uses.iter().zip(ends).map(move |((used, place), end)| {
            let count = end.min(drained).saturating_sub(*place);
            (*used, count * size_of::<First>())
        })
    }

    /// Forgets what was supplied.
    pub fn drop_supplied(&mut self) {
        self.supplied = HashMap::new();
    }

    /// Drops the drained ones of uses up to `upto`.
    pub fn drop_used(&mut self, upto: u32) {
        let drained = self.dropped + self.items.len() - self.undrained;
        let mut until = self.dropped;
        while let Some((used, place)) = self.uses.pop_front() {
            if used > upto || place >= drained {
                self.uses.push_front((used, place));
                break;
            }
            until = self.uses.front().map_or(usize::MAX, |(_, next)| *next).min(drained);
            if until == drained && drained < self.dropped + self.items.len() {
                self.uses.push_front((used, drained)); // the rest of a use that is drained in part
                break;
            }
        }
        let Firsts { items, places, dropped, stored, .. } = self;
        let count = until - *dropped;
        for first in items.iter_from(0).take(count) {
            stored.add(|| first.id);
            if let Ok(found) = places.find_entry(slot(&first.id), |place| items[place.behind(*dropped)].id == first.id)
            {
                found.remove();
            }
        }
        items.drop_front(count);
        *dropped += count;
        if places.capacity() > 2 * items.len() {
            places.shrink_to(items.len() * 3 / 2, |place| slot(&items[place.behind(*dropped)].id));
        }
    }
}

/// A place modulo 2^40 in five bytes: fewer than that many are resident at once, for want of memory.
#[derive(Debug, Clone, Copy)]
struct Place([u8; 5]);

impl Place {
    fn of(place: usize) -> Place {
        let [a, b, c, d, e, ..] = (place as u64).to_le_bytes();
        Place([a, b, c, d, e])
    }

    /// How far behind an earlier place it is.
    fn behind(self, earlier: usize) -> usize {
        let [a, b, c, d, e] = self.0;
        let place = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
        (place.wrapping_sub(earlier as u64) & 0xff_ffff_ffff) as usize
    }
}

/// The first half of a hash.
pub fn half(hash: Hash) -> Half {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

/// The id is a cryptographic hash, so any of its bits serve the table.
fn slot(id: &Half) -> u64 {
    id.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    fn first(number: i64) -> First {
        let id = half(sha256(&number.to_be_bytes()));
        First { id, offset: number, value: [0; 16] }
    }

    #[test]
    fn the_first_copy_stays() {
        let mut firsts = Firsts::default();
        for number in 0..500 {
            assert_eq!(firsts.meet(first(number), 0), None);
        }
        let again = First { offset: 900, value: [1; 16], ..first(77) };
        assert_eq!(firsts.meet(again, 1), Some(&first(77)));
        assert_eq!(firsts.drain().count(), 500);
        assert_eq!(firsts.meet(first(500), 1), None);
        assert!(firsts.drain().eq([&first(500)]));
        assert_eq!(firsts.drain().count(), 0);
    }

    #[test]
    fn what_was_dropped_is_asked_for_and_nothing_else() {
        let mut firsts = Firsts::default();
        for number in 0..400 {
            firsts.meet(first(number), number as u32 / 100);
            if number == 249 {
                firsts.set_drained();
            }
        }
        assert_eq!(firsts.droppable().map(|(used, _)| used).collect::<Vec<u32>>(), [0, 1, 2, 3]);
        firsts.drop_used(0);
        let missing = |firsts: &Firsts| (0..400).filter(|number| !firsts.is_known(&first(*number).id)).count();
        assert_eq!((missing(&firsts), firsts.len()), (100, 400));
        firsts.drop_used(3); // the last 150 are not drained
        assert_eq!((missing(&firsts), firsts.len()), (250, 400));
        assert_eq!(firsts.drain().count(), 150);
        firsts.supply(first(7).id, Some(first(7)));
        firsts.supply(first(8).id, None);
        assert_eq!(firsts.meet(First { offset: 900, ..first(7) }, 9), Some(&first(7)));
        assert_eq!(firsts.meet(first(8), 9), None);
        assert_eq!(firsts.meet(first(300), 9), Some(&first(300)));
        firsts.drop_supplied();
        firsts.drop_used(3);
        assert!(firsts.drain().eq([&first(8)]));
        assert_eq!((missing(&firsts), firsts.is_whole()), (399, false));
    }

    #[test]
    fn places_are_told_apart_however_many_came_before() {
        for earlier in [0, 7, (1 << 40) - 3, (1 << 40) + 1, (1 << 50) - 1] {
            for behind in [0, 1, 5, 1 << 39] {
                assert_eq!(Place::of(earlier + behind).behind(earlier), behind);
            }
        }
    }

    #[test]
    fn an_opened_one_knows_nothing_unless_it_was_empty() {
        assert!(!Firsts::opened(3).is_known(&first(1).id));
        assert!(Firsts::opened(0).is_known(&first(1).id));
    }
}
