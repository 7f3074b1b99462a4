//! Memory that was used once, for what is to come: who takes the room of something that is gone needs no new pages of the
//! system, and gives none back.

use std::mem::take;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that can be emptied without giving up its memory.
pub trait Room: Default {
    fn clear(&mut self);
}

impl Room for Vec<u8> {
    fn clear(&mut self) {
        Vec::clear(self);
    }
}

/// Empty rooms, never more than were in use at one time. Copies share them, on any thread.
#[derive(Debug, Default)]
pub struct Rooms<T>(Arc<Mutex<Vec<T>>>);

/// A room in use; it goes back when this is dropped.
#[derive(Debug, Default)]
pub struct Held<T: Room> {
    room: T,
    home: Rooms<T>,
}

impl<T> Clone for Rooms<T> {
    fn clone(&self) -> Self {
        Rooms(Arc::clone(&self.0))
    }
}

impl<T: Room> Rooms<T> {
    /// The room given back last, or a new one; empty.
    pub fn take(&self) -> Held<T> {
        let room = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Held { room: room.unwrap_or_default(), home: self.clone() }
    }
}

impl<T: Room> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.room
    }
}

impl<T: Room> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.room
    }
}

impl<T: Room> Drop for Held<T> {
    fn drop(&mut self) {
        let mut room = take(&mut self.room);
        room.clear();
        self.home.0.lock().unwrap_or_else(PoisonError::into_inner).push(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_goes_back_empty_and_is_taken_again() {
        let rooms = Rooms::<Vec<u8>>::default();
        let mut first = rooms.take();
        first.extend_from_slice(b"some bytes");
        let (at, capacity) = (first.as_ptr(), first.capacity());
        let second = rooms.clone().take();
        assert_eq!(second.capacity(), 0);
        drop(first);
        let third = rooms.take();
        assert_eq!((third.as_ptr(), third.capacity(), third.len()), (at, capacity, 0));
    }

    #[test]
    fn there_are_never_more_rooms_than_were_in_use() {
        let rooms = Rooms::<Vec<u8>>::default();
        for _ in 0..3 {
            drop((rooms.take(), rooms.take()));
        }
        assert_eq!(rooms.0.lock().map(|free| free.len()).ok(), Some(2));
    }
}
