//! A pool of buffers: who takes the memory of something that is gone needs no new pages of the system, and gives none back.

use std::mem::take;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that can be emptied without giving up its memory.
pub trait Reusable: Default {
    fn clear(&mut self);
}

impl Reusable for Vec<u8> {
    fn clear(&mut self) {
        Vec::clear(self);
    }
}

/// Empty buffers, never more than were in use at one time. Copies share them, on any thread.
#[derive(Debug, Default)]
pub struct Pool<T>(Arc<Mutex<Vec<T>>>);

/// A buffer in use; it goes back when this is dropped.
#[derive(Debug, Default)]
pub struct Pooled<T: Reusable> {
    buffer: T,
    home: Pool<T>,
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Pool(Arc::clone(&self.0))
    }
}

impl<T: Reusable> Pool<T> {
    /// The buffer given back last, or a new one; empty.
    pub fn take(&self) -> Pooled<T> {
        let buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Pooled { buffer: buffer.unwrap_or_default(), home: self.clone() }
    }
}

impl<T: Reusable> Deref for Pooled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.buffer
    }
}

impl<T: Reusable> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.buffer
    }
}

impl<T: Reusable> Drop for Pooled<T> {
    fn drop(&mut self) {
        let mut buffer = take(&mut self.buffer);
        buffer.clear();
        self.home.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_goes_back_empty_and_is_taken_again() {
        let pool = Pool::<Vec<u8>>::default();
        let mut first = pool.take();
        first.extend_from_slice(b"some bytes");
        let (at, capacity) = (first.as_ptr(), first.capacity());
        let second = pool.clone().take();
        assert_eq!(second.capacity(), 0);
        drop(first);
        let third = pool.take();
        assert_eq!((third.as_ptr(), third.capacity(), third.len()), (at, capacity, 0));
    }

    #[test]
    fn there_are_never_more_buffers_than_were_in_use() {
        let pool = Pool::<Vec<u8>>::default();
        for _ in 0..3 {
            drop((pool.take(), pool.take()));
        }
        assert_eq!(pool.0.lock().map(|free| free.len()).ok(), Some(2));
    }
}
