//! A long list that grows without being moved, and gives up its front.

use std::collections::VecDeque;
use std::ops::Index;

const CHUNK: usize = 1 << 12;

/// Every chunk but the last one is full; the first `skipped` items of the first one are given up.
#[derive(Debug)]
pub struct Chunked<T> {
    chunks: VecDeque<Vec<T>>,
    skipped: usize,
    len: usize,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Chunked { chunks: VecDeque::new(), skipped: 0, len: 0 }
    }
}

impl<T> Chunked<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn push(&mut self, item: T) {
        self.len += 1;
        match self.chunks.back_mut() {
            Some(last) if last.len() < CHUNK => last.push(item),
            known => {
                let room = if known.is_some() { CHUNK } else { 1 }; // many a list stays short
                let mut chunk = Vec::with_capacity(room);
                chunk.push(item);
                self.chunks.push_back(chunk);
            }
        }
    }

    /// The items from position `from` on.
    pub fn iter_from(&self, from: usize) -> impl Iterator<Item = &T> {
        let from = from + self.skipped;
        let chunks = self.chunks.iter().skip(from / CHUNK).enumerate();
        chunks.flat_map(move |(place, chunk)| chunk.iter().skip(if place == 0 { from % CHUNK } else { 0 }))
    }

    /// Gives up the first `count` items. Bounds: there are as many.
    pub fn drop_front(&mut self, count: usize) {
        self.len -= count;
        self.skipped += count;
        while self.skipped >= CHUNK {
            self.chunks.pop_front();
            self.skipped -= CHUNK;
        }
    }
}

impl<T> Index<usize> for Chunked<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        let at = at + self.skipped;
        &self.chunks[at / CHUNK][at % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_that_loses_its_front() {
        let (mut list, mut plain) = (Chunked::default(), VecDeque::new());
        let mut next = 0..;
        for (more, fewer) in [(5, 3), (CHUNK - 5, 0), (1, 2), (3 * CHUNK, CHUNK), (0, 2 * CHUNK), (7, 9), (CHUNK, 0)] {
            for number in next.by_ref().take(more) {
                list.push(number);
                plain.push_back(number);
            }
            list.drop_front(fewer);
            plain.drain(..fewer);
            assert_eq!(list.len(), plain.len());
            assert!((0..plain.len()).all(|at| list[at] == plain[at]));
            for from in [0, 1, plain.len() / 2, plain.len()] {
                assert!(list.iter_from(from).eq(plain.iter().skip(from)));
            }
        }
        list.drop_front(list.len());
        assert_eq!((list.len(), list.iter_from(0).count()), (0, 0));
        list.push(1);
        assert_eq!(list[0], 1);
    }
}
