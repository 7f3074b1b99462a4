//! min and max: the smallest or largest present value, in the natural order of its type.

use super::exact::{Rational, power_of_ten};
use super::{Atom, Slice, TypedField};
use crate::ir::wire::{Decoded, Reader};
use crate::keylog::SHORT;
use crate::keylog::extremes::Ranked;
use crate::value::ValueType;

/// What a log keeps for the extreme of a field.
pub fn ranked(field: TypedField, largest: bool) -> Ranked {
    Ranked { column: field.column, is_text: field.kind == ValueType::String, largest }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extreme<'a>(pub Option<Atom<'a>>);

impl<'a> Extreme<'a> {
    pub fn query(slice: &Slice<'a>, field: TypedField, largest: bool) -> Self {
        let Slice { log, texts, lo, hi } = *slice;
        if slice.len() > SHORT
            && let Some(extremes) = log.indexes().and_then(|indexes| indexes.extremes(ranked(field, largest)))
        {
            let raw = extremes.get(log.column(field.column), texts, lo, hi);
            return Extreme(raw.map(|raw| Atom::of(raw, field.kind, texts)));
        }
        let values = slice.values(field).map(|(_, atom)| atom);
        Extreme(if largest { values.max() } else { values.min() })
    }

    pub fn merge(&mut self, other: Self, largest: bool) {
        self.0 = match (self.0, other.0) {
            (Some(left), Some(right)) => Some(if largest { left.max(right) } else { left.min(right) }),
            (left, right) => left.or(right),
        };
    }

    pub fn encode(self, out: &mut Vec<u8>) {
        out.push(u8::from(self.0.is_some()));
        if let Some(atom) = self.0 {
            atom.encode(out);
        }
    }

    pub fn decode(reader: &mut Reader<'a>, kind: ValueType) -> Decoded<Self> {
        Ok(Extreme(match reader.u8()? {
            0 => None,
            _ => Some(Atom::decode(reader, kind)?),
        }))
    }

    pub fn write(self, kind: ValueType, out: &mut Vec<u8>) {
        match self.0 {
            Some(atom) => atom.write(kind, out),
            None => out.extend_from_slice(b"null"),
        }
    }

    /// None where no value is present, or where it is no number.
    pub fn exact(self, kind: ValueType) -> Option<Rational> {
        match (self.0, kind) {
            (Some(Atom::Number(raw)), ValueType::Decimal(scale)) => {
                Some(Rational { num: i128::from(raw), den: power_of_ten(scale) })
            }
            (Some(Atom::Number(raw)), ValueType::Int) => Some(Rational { num: i128::from(raw), den: 1 }),
            _ => None,
        }
    }
}
