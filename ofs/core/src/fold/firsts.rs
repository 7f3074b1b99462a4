//! Which event ids were seen, and at which offset first: what makes later copies duplicates.

use hashbrown::HashTable;

use crate::digest::Hash;

/// Half of a SHA-256.
pub type Half = [u8; 16];

/// The first copy of an event. `id`: of its pins, type and id; `value`: of the record's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    pub id: Half,
    pub offset: i64,
    pub value: Half,
}

/// First copies in the order they were seen, found by id.
#[derive(Debug, Default)]
pub struct Firsts {
    items: Vec<First>,
    places: HashTable<usize>,
    drained: usize,
}

impl Firsts {
    /// The first copy of the same event where there was one; else this one is it.
    pub fn meet(&mut self, first: First) -> Option<&First> {
        let Firsts { items, places, .. } = self;
        let place = places.find(slot(&first.id), |place| items[*place].id == first.id).copied();
        if let Some(place) = place {
            return items.get(place);
        }
        let place = items.len();
        items.push(first);
        places.insert_unique(slot(&first.id), place, |place| slot(&items[*place].id));
        None
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Those met since the last drain.
    pub fn drain(&mut self) -> &[First] {
        let from = self.drained.min(self.items.len());
        self.drained = self.items.len();
        &self.items[from..]
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
            assert_eq!(firsts.meet(first(number)), None);
        }
        let again = First { offset: 900, value: [1; 16], ..first(77) };
        assert_eq!(firsts.meet(again), Some(&first(77)));
        assert_eq!(firsts.drain().len(), 500);
        assert_eq!(firsts.meet(first(500)), None);
        assert_eq!(firsts.drain(), [first(500)]);
        assert!(firsts.drain().is_empty());
    }
}
