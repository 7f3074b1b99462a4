//! count_distinct and top_k: how often each value is present; all values are kept, so that the merge is exact.

use super::exact::Rational;
use super::{Atom, Slice, TypedField};
use crate::canonical::write_int;
use crate::ir::wire::{Decoded, Reader, put_len, put_u64};
use crate::value::ValueType;

/// Values, each once, in ascending order, with their counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally<'a>(pub Vec<(Atom<'a>, u64)>);

impl<'a> Tally<'a> {
    /// Counts the raw values, which are integers also for strings, and only then puts the distinct ones in order.
    pub fn query(slice: &Slice<'a>, field: TypedField) -> Self {
        let column = slice.log.column(field.column);
        let mut raws: Vec<i64> = (slice.lo..slice.hi).filter_map(|at| column.get(at)).collect();
        raws.sort_unstable();
        let same = raws.chunk_by(|left, right| left == right);
        let mut counts: Vec<(Atom<'a>, u64)> =
            same.map(|run| (Atom::of(run[0], field.kind, slice.texts), run.len() as u64)).collect();
        if field.kind == ValueType::String {
            counts.sort_unstable_by_key(|(atom, _)| *atom);
        }
        Tally(counts)
    }

    pub fn merge(&mut self, other: Self) {
        if other.0.is_empty() {
            return;
        }
        self.0.extend(other.0);
        self.0.sort_by_key(|(atom, _)| *atom);
        self.0.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(later.1);
            }
            same
        });
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        put_len(out, self.0.len());
        for (atom, count) in &self.0 {
            atom.encode(out);
            put_u64(out, *count);
        }
    }

    pub fn decode(reader: &mut Reader<'a>, kind: ValueType) -> Decoded<Self> {
        let length = reader.count(2)?;
        let mut counts = Vec::with_capacity(length);
        for _ in 0..length {
            counts.push((Atom::decode(reader, kind)?, reader.u64()?));
        }
        Ok(Tally(counts))
    }

    pub fn write_distinct(&self, out: &mut Vec<u8>) {
        write_int(out, self.0.len() as i128);
    }

    pub fn exact_distinct(&self) -> Rational {
        Rational { num: self.0.len() as i128, den: 1 }
    }

    /// `[[value, count], ...]`: largest count first, ties by ascending value.
    pub fn write_top(&self, k: usize, kind: ValueType, out: &mut Vec<u8>) {
        let mut order: Vec<&(Atom<'a>, u64)> = self.0.iter().collect();
        order.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        out.push(b'[');
        for (place, (atom, count)) in order.into_iter().take(k).enumerate() {
            out.extend_from_slice(if place > 0 { b",[" } else { b"[" });
            atom.write(kind, out);
            out.push(b',');
            write_int(out, i128::from(*count));
            out.push(b']');
        }
        out.push(b']');
    }
}
