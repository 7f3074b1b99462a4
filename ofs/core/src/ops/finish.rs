//! From the IRs of a group to the canonical JSON of its features.

use super::exact::Rational;
use super::{Ir, ratio};
use crate::ir::wire::{Corrupt, Decoded};
use crate::plan::GroupPlan;
use crate::value::ValueType;

/// How a feature is made. `ir`: its place among the group's IRs; `num`, `den`: places among the group's features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    Count { ir: usize },
    Age { ir: usize },
    Sum { ir: usize, kind: ValueType },
    Mean { ir: usize, kind: ValueType, scale: u8 },
    Variance { ir: usize, kind: ValueType, scale: u8 },
    Stddev { ir: usize, kind: ValueType, scale: u8 },
    Extreme { ir: usize, kind: ValueType },
    One { ir: usize, last: bool, kind: ValueType },
    List { ir: usize, last: bool, k: usize, kind: ValueType },
    Distinct { ir: usize },
    Top { ir: usize, k: usize, kind: ValueType },
    Ratio { num: usize, den: usize, scale: u8 },
}

impl Finish {
    fn ir(self) -> usize {
        match self {
            Finish::Count { ir }
            | Finish::Age { ir }
            | Finish::Sum { ir, .. }
            | Finish::Mean { ir, .. }
            | Finish::Variance { ir, .. }
            | Finish::Stddev { ir, .. }
            | Finish::Extreme { ir, .. }
            | Finish::One { ir, .. }
            | Finish::List { ir, .. }
            | Finish::Distinct { ir }
            | Finish::Top { ir, .. } => ir,
            Finish::Ratio { .. } => 0,
        }
    }

    /// Writes the value. Raises Corrupt where the IRs are not the group's.
    pub fn write(self, group: &GroupPlan, irs: &[Ir<'_>], as_of_us: i64, out: &mut Vec<u8>) -> Decoded<()> {
        if let Finish::Ratio { num, den, scale } = self {
            let exact = |place: usize| match group.features.get(place) {
                Some(feature) => feature.finish.exact(irs, as_of_us),
                None => Err(Corrupt),
            };
            ratio::write(exact(num)?, exact(den)?, scale, out);
            return Ok(());
        }
        match (self, irs.get(self.ir()).ok_or(Corrupt)?) {
            (Finish::Count { .. }, Ir::Count(ir)) => ir.write(out),
            (Finish::Age { .. }, Ir::Age(ir)) => ir.write(as_of_us, out),
            (Finish::Sum { kind, .. }, Ir::Moments(ir)) => ir.write_sum(kind, out),
            (Finish::Mean { kind, scale, .. }, Ir::Moments(ir)) => ir.write_mean(kind, scale, out),
            (Finish::Variance { kind, scale, .. }, Ir::Moments(ir)) => ir.write_variance(kind, scale, out),
            (Finish::Stddev { kind, scale, .. }, Ir::Moments(ir)) => ir.write_stddev(kind, scale, out),
            (Finish::Extreme { kind, .. }, Ir::Extreme(ir)) => ir.write(kind, out),
            (Finish::One { last, kind, .. }, Ir::Ends(ir)) => ir.write_one(last, kind, out),
            (Finish::List { last, k, kind, .. }, Ir::Ends(ir)) => ir.write_list(last, k, kind, out),
            (Finish::Distinct { .. }, Ir::Census(ir)) => ir.write_distinct(out),
            (Finish::Top { k, kind, .. }, Ir::Census(ir)) => ir.write_top(k, kind, out),
            _ => return Err(Corrupt),
        }
        Ok(())
    }

    /// The exact number behind the value, which a ratio divides; None where the value is null.
    fn exact(self, irs: &[Ir<'_>], as_of_us: i64) -> Decoded<Option<Rational>> {
        Ok(match (self, irs.get(self.ir()).ok_or(Corrupt)?) {
            (Finish::Count { .. }, Ir::Count(ir)) => Some(ir.exact()),
            (Finish::Age { .. }, Ir::Age(ir)) => ir.exact(as_of_us),
            (Finish::Sum { kind, .. }, Ir::Moments(ir)) => Some(ir.exact_sum(kind)),
            (Finish::Mean { kind, .. }, Ir::Moments(ir)) => ir.exact_mean(kind),
            (Finish::Extreme { kind, .. }, Ir::Extreme(ir)) => ir.exact(kind),
            (Finish::Distinct { .. }, Ir::Census(ir)) => Some(ir.exact_distinct()),
            _ => return Err(Corrupt),
        })
    }
}
