//! Operators as algebras: an IR from a slice of a key's log, a merge that is exact, commutative and associative, and a
//! finish. Several features share one unit; a unit is what is computed once for a window.

pub mod age;
pub mod census;
pub mod chain;
pub mod count;
pub mod ends;
pub mod exact;
pub mod extreme;
pub mod finish;
pub mod joined;
pub mod leaders;
pub mod moments;
pub mod ratio;
pub mod session;
pub mod tally;
pub mod wide;

use crate::canonical::{write_int, write_string};
use crate::ir::wire::{Corrupt, Decoded, Reader, put_bytes, put_i64};
use crate::keylog::KeyLog;
use crate::keylog::texts::Texts;
use crate::keylog::tracks::Telling;
use crate::time::write_ts;
use crate::value::ValueType;
use exact::{Product, write_decimal};
use tally::Told;

/// One value of a field. Within a field all are of one variant, and their order is the type's natural order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom<'a> {
    Number(i64),
    Text(&'a str),
}

/// The contributions `[lo, hi)` of a log, seen by a query.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    pub log: &'a KeyLog,
    pub texts: &'a Texts,
    pub lo: usize,
    pub hi: usize,
}

/// What the merge must know of where an encoded IR came from.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub as_of_us: i64,
    /// The place of the IR's (stream, partition) among all that take part, by code points, then number.
    pub rank: u32,
}

/// A typed field of a group: the column of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypedField {
    pub column: usize,
    pub kind: ValueType,
}

/// What is computed once for a window and shared by the features that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    Age {
        last: bool,
    },
    Moments {
        field: TypedField,
        squares: bool,
    },
    Extreme {
        field: TypedField,
        largest: bool,
    },
    Ends {
        field: TypedField,
        last: bool,
        k: usize,
    },
    /// `k`: how many of the most frequent values are asked for.
    Tally {
        field: TypedField,
        k: usize,
    },
}

/// The IR of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ir<'a> {
    Count(count::Count),
    Age(age::Age),
    Moments(moments::Moments),
    Extreme(extreme::Extreme<'a>),
    Ends(ends::Ends<'a>),
    Tally(tally::Tally<'a>),
    /// What a tally comes to once all is merged.
    Census(census::Census<'a>),
}

impl<'a> Slice<'a> {
    pub fn len(&self) -> usize {
        self.hi - self.lo
    }

    pub fn is_empty(&self) -> bool {
        self.hi == self.lo
    }

    pub fn part(&self, lo: usize, hi: usize) -> Slice<'a> {
        Slice { lo, hi, ..*self }
    }

    /// The event time of the first contribution.
    pub fn first_us(&self) -> Option<i64> {
        (!self.is_empty()).then(|| self.log.time_us(self.lo))
    }

    /// The event time of the last contribution.
    pub fn last_us(&self) -> Option<i64> {
        (!self.is_empty()).then(|| self.log.time_us(self.hi - 1))
    }

    /// The present values of a field, each with its position in the log, in the log's order.
    pub fn values(&self, field: TypedField) -> impl DoubleEndedIterator<Item = (usize, Atom<'a>)> + use<'a> {
        let Slice { log, texts, lo, hi } = *self;
        let column = log.column(field.column);
        (lo..hi).filter_map(move |at| column.get(at).map(|raw| (at, Atom::of(raw, field.kind, texts))))
    }
}

impl<'a> Atom<'a> {
    pub fn of(raw: i64, kind: ValueType, texts: &'a Texts) -> Self {
        match kind {
            ValueType::String => Atom::Text(usize::try_from(raw).map_or("", |place| texts.get(place))),
            _ => Atom::Number(raw),
        }
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Atom::Number(raw) => put_i64(out, *raw),
            Atom::Text(text) => put_bytes(out, text.as_bytes()),
        }
    }

    pub fn decode(reader: &mut Reader<'a>, kind: ValueType) -> Decoded<Self> {
        match kind {
            ValueType::String => Ok(Atom::Text(reader.text()?)),
            _ => Ok(Atom::Number(reader.i64()?)),
        }
    }

    /// The value in canonical JSON.
    pub fn write(&self, kind: ValueType, out: &mut Vec<u8>) {
        match (self, kind) {
            (Atom::Text(text), _) => write_string(out, text),
            (Atom::Number(raw), ValueType::Decimal(scale)) => {
                write_decimal(out, &Product::Small(i128::from(*raw)), scale)
            }
            (Atom::Number(raw), ValueType::Bool) => out.extend_from_slice(if *raw == 0 { b"false" } else { b"true" }),
            (Atom::Number(raw), ValueType::Timestamp) => {
                out.push(b'"');
                write_ts(out, *raw);
                out.push(b'"');
            }
            (Atom::Number(raw), _) => write_int(out, i128::from(*raw)),
        }
    }
}

impl Unit {
    /// The IR of nothing.
    pub fn init<'a>(&self) -> Ir<'a> {
        match self {
            Unit::Count => Ir::Count(count::Count::default()),
            Unit::Age { .. } => Ir::Age(age::Age::default()),
            Unit::Moments { .. } => Ir::Moments(moments::Moments::default()),
            Unit::Extreme { .. } => Ir::Extreme(extreme::Extreme::default()),
            Unit::Ends { .. } => Ir::Ends(ends::Ends::default()),
            Unit::Tally { .. } => Ir::Tally(tally::Tally::default()),
        }
    }

    /// Computes the IR of a slice that is not empty and appends its encoding.
    pub fn query(&self, slice: &Slice<'_>, as_of_us: i64, telling: &Telling, out: &mut Vec<u8>) {
        match self {
            Unit::Count => count::Count::query(slice).encode(out),
            Unit::Age { last } => age::Age::query(slice, *last).encode(as_of_us, out),
            Unit::Moments { field, squares } => moments::Moments::answer(slice, *field, *squares, out),
            Unit::Extreme { field, largest } => extreme::Extreme::query(slice, *field, *largest).encode(out),
            Unit::Ends { field, last, k } => ends::query(slice, *field, *last, *k, as_of_us, out),
            Unit::Tally { field, .. } => tally::query(slice, *field, telling, out),
        }
    }

    /// Raises Corrupt also for a tally of which something stands.
    pub fn decode<'a>(&self, reader: &mut Reader<'a>, frame: Frame) -> Decoded<Ir<'a>> {
        Ok(match self {
            Unit::Count => Ir::Count(count::Count::decode(reader)?),
            Unit::Age { .. } => Ir::Age(age::Age::decode(reader, frame.as_of_us)?),
            Unit::Moments { squares, .. } => Ir::Moments(moments::Moments::decode(reader, *squares)?),
            Unit::Extreme { field, .. } => Ir::Extreme(extreme::Extreme::decode(reader, field.kind)?),
            Unit::Ends { field, .. } => Ir::Ends(ends::Ends::decode(reader, field.kind, frame)?),
            Unit::Tally { field, .. } => match Told::decode(reader, field.kind)? {
                Told::Alone(counts) => Ir::Tally(tally::Tally { counts, standing: Vec::new() }),
                _ => return Err(Corrupt),
            },
        })
    }

    /// Makes `ir` the IR of nothing again; its place is kept where it holds one of this unit.
    pub fn clear(&self, ir: &mut Ir<'_>) {
        match (self, ir) {
            (Unit::Count, Ir::Count(count)) => *count = count::Count::default(),
            (Unit::Moments { .. }, Ir::Moments(moments)) => *moments = moments::Moments::default(),
            (_, ir) => *ir = self.init(),
        }
    }

    /// Merges the encoded IR of this unit that the reader is at. Raises Corrupt where it is none, or as `decode` does.
    pub fn absorb<'a>(&self, into: &mut Ir<'a>, reader: &mut Reader<'a>, frame: Frame) -> Decoded<()> {
        match (self, into) {
            (Unit::Moments { squares, .. }, Ir::Moments(moments)) => {
                moments.merge(moments::Moments::decode(reader, *squares)?)
            }
            (_, into) => self.merge(into, self.decode(reader, frame)?),
        }
    }

    /// Merges two IRs of this unit. Raises Corrupt where they are not.
    pub fn merge<'a>(&self, into: &mut Ir<'a>, other: Ir<'a>) -> Decoded<()> {
        match (self, into, other) {
            (Unit::Count, Ir::Count(left), Ir::Count(right)) => left.merge(right),
            (Unit::Age { last }, Ir::Age(left), Ir::Age(right)) => left.merge(right, *last),
            (Unit::Moments { .. }, Ir::Moments(left), Ir::Moments(right)) => left.merge(right)?,
            (Unit::Extreme { largest, .. }, Ir::Extreme(left), Ir::Extreme(right)) => left.merge(right, *largest),
            (Unit::Ends { last, k, .. }, Ir::Ends(left), Ir::Ends(right)) => left.merge(right, *last, *k),
            (Unit::Tally { .. }, Ir::Tally(left), Ir::Tally(right)) => left.merge(right),
            _ => return Err(Corrupt),
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod laws;
