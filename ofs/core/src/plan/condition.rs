//! Conditions of `where`: exact comparison of a field with scalars of its own JSON type; any other type never holds.

use std::cmp::Ordering;

use super::definition::{self, Comparison, Operand, Operands};
use crate::json::Field;
use crate::value::compare_numbers;

/// One condition, ready to be asked. `operands`: one, but for `in`.
#[derive(Debug)]
pub struct Condition {
    pub slot: usize,
    op: Comparison,
    operands: Vec<Operand>,
}

impl Condition {
    pub fn new(condition: definition::Condition, slot: usize) -> Self {
        let operands = match condition.operand {
            Operands::One(operand) => vec![operand],
            Operands::Many(operands) => operands,
        };
        Condition { slot, op: condition.op, operands }
    }

    pub fn holds(&self, field: &Field<'_>) -> bool {
        self.operands.iter().any(|operand| {
            order(field, operand).is_some_and(|order| match self.op {
                Comparison::Eq | Comparison::In => order.is_eq(),
                Comparison::Ne => order.is_ne(),
                Comparison::Gt => order.is_gt(),
                Comparison::Gte => order.is_ge(),
                Comparison::Lt => order.is_lt(),
                Comparison::Lte => order.is_le(),
            })
        })
    }
}

/// None where the field is missing, null, or of another JSON type than the operand.
fn order(field: &Field<'_>, operand: &Operand) -> Option<Ordering> {
    match (field, operand) {
        (Field::Number(literal), Operand::Number(digits)) => Some(compare_numbers(literal, digits)),
        (Field::String(text), Operand::String(other)) => Some(text.as_ref().cmp(other.as_str())),
        (Field::Bool(bool), Operand::Bool(other)) => Some(bool.cmp(other)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn holds(op: Comparison, operands: &[Operand], field: &Field<'_>) -> bool {
        Condition { slot: 0, op, operands: operands.to_vec() }.holds(field)
    }

    #[test]
    fn numbers_compare_exactly_and_only_with_numbers() {
        let operand = [Operand::Number("12.5".into())];
        assert!(holds(Comparison::Eq, &operand, &Field::Number("1250e-2")));
        assert!(holds(Comparison::Lt, &operand, &Field::Number("-1e999999999999")));
        assert!(holds(Comparison::Gte, &operand, &Field::Number("12.5")));
        assert!(!holds(Comparison::Gt, &operand, &Field::Number("12.50")));
        assert!(!holds(Comparison::Eq, &operand, &Field::String(Cow::Borrowed("12.5"))));
    }

    #[test]
    fn another_type_makes_a_condition_false_for_ne_too() {
        let operand = [Operand::String("A".into())];
        assert!(holds(Comparison::Ne, &operand, &Field::String(Cow::Borrowed("B"))));
        for field in [Field::Missing, Field::Null, Field::Bool(true), Field::Number("1"), Field::Other] {
            assert!(!holds(Comparison::Ne, &operand, &field));
        }
    }

    #[test]
    fn in_holds_for_any_of_its_operands() {
        let operands = [Operand::Bool(true), Operand::Number("3".into()), Operand::String("x".into())];
        assert!(holds(Comparison::In, &operands, &Field::Number("3.0")));
        assert!(holds(Comparison::In, &operands, &Field::Bool(true)));
        assert!(!holds(Comparison::In, &operands, &Field::Bool(false)));
    }
}
