//! first, last, first_k and last_k: up to k present values at one end of the total order, oldest first.

use super::age::{behind, distance};
use super::{Atom, Frame, Slice, TypedField};
use crate::ir::wire::{Decoded, Reader, put_i64, put_len, put_u64};
use crate::value::ValueType;

/// The total order of L1: event time, then (stream, partition) by rank, then offset.
pub type Order = (i64, u32, i64);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends<'a>(pub Vec<(Order, Atom<'a>)>);

/// Encodes the values at one end of the slice; the rank is added where the IR is read.
pub fn query(slice: &Slice<'_>, field: TypedField, last: bool, k: usize, as_of_us: i64, out: &mut Vec<u8>) {
    let Slice { log, texts, lo, hi } = *slice;
    let column = log.column(field.column);
    let present = usize::try_from(column.count(lo, hi)).unwrap_or(usize::MAX);
    put_len(out, present.min(k));
    let mut at = if last { column.start_of_last(lo, hi, k) } else { lo };
    for _ in 0..present.min(k) {
        let Some((place, raw)) = column.first_present(at, hi) else { break };
        put_u64(out, distance(as_of_us, log.time_us(place)));
        put_i64(out, log.offset(place));
        Atom::of(raw, field.kind, texts).encode(out);
        at = place + 1;
    }
}

impl<'a> Ends<'a> {
    pub fn decode(reader: &mut Reader<'a>, kind: ValueType, frame: Frame) -> Decoded<Self> {
        let count = reader.count(3)?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            let time_us = behind(frame.as_of_us, reader.u64()?);
            let offset = reader.i64()?;
            items.push(((time_us, frame.rank, offset), Atom::decode(reader, kind)?));
        }
        Ok(Ends(items))
    }

    pub fn merge(&mut self, other: Self, last: bool, k: usize) {
        if other.0.is_empty() {
            return;
        }
        if self.0.is_empty() {
            self.0 = other.0; // of at most k, and in order
            return;
        }
        self.0.extend(other.0);
        self.0.sort_by_key(|(order, _)| *order);
        if last {
            self.0.drain(..self.0.len().saturating_sub(k));
        } else {
            self.0.truncate(k);
        }
    }

    /// The one value at the end, or null.
    pub fn write_one(&self, last: bool, kind: ValueType, out: &mut Vec<u8>) {
        match if last { self.0.last() } else { self.0.first() } {
            Some((_, atom)) => atom.write(kind, out),
            None => out.extend_from_slice(b"null"),
        }
    }

    /// The up to `k` values at the end; the IR may hold more, for another feature.
    pub fn write_list(&self, last: bool, k: usize, kind: ValueType, out: &mut Vec<u8>) {
        let items = if last { &self.0[self.0.len().saturating_sub(k)..] } else { &self.0[..self.0.len().min(k)] };
        out.push(b'[');
        for (place, (_, atom)) in items.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            atom.write(kind, out);
        }
        out.push(b']');
    }
}
