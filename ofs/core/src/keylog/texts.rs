//! String values of a fold, each kept once.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::ALLOCATION;

/// Strings by position; equal strings have equal positions, and positions never change.
#[derive(Debug, Default)]
pub struct Texts {
    items: Vec<Box<str>>,
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// What the texts take beside their places.
    heap: usize,
}

impl Texts {
    pub fn intern(&mut self, text: &str) -> usize {
        let Texts { items, places, hasher, heap } = self;
        let hash = hasher.hash_one(text);
        if let Some(place) = places.find(hash, |place| &*items[*place] == text) {
            return *place;
        }
        let place = items.len();
        items.push(text.into());
        *heap += text.len() + ALLOCATION;
        places.insert_unique(hash, place, |place| hasher.hash_one(&*items[*place]));
        place
    }

    /// Bounds: `place` came from `intern`; the text is empty for any other.
    pub fn get(&self, place: usize) -> &str {
        self.items.get(place).map_or("", |text| text)
    }

    pub fn bytes(&self) -> usize {
        self.items.len() * size_of::<Box<str>>() + self.places.allocation_size() + self.heap
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_place() {
        let mut texts = Texts::default();
        let places: Vec<usize> = (0..200).map(|number| texts.intern(&format!("t{}", number % 100))).collect();
        assert_eq!(texts.len(), 100);
        assert_eq!(places[..100], places[100..]);
        assert_eq!(texts.get(places[42]), "t42");
        assert_eq!(texts.get(1000), "");
    }
}
