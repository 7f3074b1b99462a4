"""The operators of a feature and what each of them asks for: the rules, written once."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = [
    "OPERATORS",
    "RATIO_OPERANDS",
    "Operator",
    "OperatorRule",
    "Problem",
    "ValueKind",
    "member_problem",
]


class Operator(StrEnum):
    """What a feature computes over its window; the values are the words of the definition file."""

    COUNT = "count"
    AGE_OF_LAST = "age_of_last"
    AGE_OF_FIRST = "age_of_first"
    SUM = "sum"
    MEAN = "mean"
    VARIANCE = "variance"
    STDDEV = "stddev"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    FIRST_K = "first_k"
    LAST_K = "last_k"
    COUNT_DISTINCT = "count_distinct"
    TOP_K = "top_k"
    RATIO = "ratio"


class ValueKind(StrEnum):
    """The types of a value field; `decimal` has a scale beside it."""

    INT = "int"
    DECIMAL = "decimal"
    STRING = "string"
    BOOL = "bool"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class OperatorRule:
    """`members`: what a feature has beside name and op, all of it required and nothing else allowed.

    `kinds`: the value kinds it takes; empty for an operator without a field.
    """

    members: tuple[str, ...]
    kinds: tuple[ValueKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule: the member it stands in, what was found, what is allowed."""

    member: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.member}: found {self.found}; allowed: {self.allowed}"


_NUMBERS: Final = (ValueKind.INT, ValueKind.DECIMAL)
_ORDERED: Final = (ValueKind.INT, ValueKind.DECIMAL, ValueKind.TIMESTAMP, ValueKind.STRING)
_ANY: Final = tuple(ValueKind)
_EVENTS: Final = OperatorRule(("window",))
_MOMENTS: Final = OperatorRule(("field", "type", "window", "scale"), _NUMBERS)
_FIELD: Final = ("field", "type", "window")
_FIELD_K: Final = ("k", "field", "type", "window")

OPERATORS: Final[Mapping[Operator, OperatorRule]] = {
    Operator.COUNT: _EVENTS,
    Operator.AGE_OF_LAST: _EVENTS,
    Operator.AGE_OF_FIRST: _EVENTS,
    Operator.SUM: OperatorRule(_FIELD, _NUMBERS),
    Operator.MEAN: _MOMENTS,
    Operator.VARIANCE: _MOMENTS,
    Operator.STDDEV: _MOMENTS,
    Operator.MIN: OperatorRule(_FIELD, _ORDERED),
    Operator.MAX: OperatorRule(_FIELD, _ORDERED),
    Operator.FIRST: OperatorRule(_FIELD, _ANY),
    Operator.LAST: OperatorRule(_FIELD, _ANY),
    Operator.FIRST_K: OperatorRule(_FIELD_K, _ANY),
    Operator.LAST_K: OperatorRule(_FIELD_K, _ANY),
    Operator.COUNT_DISTINCT: OperatorRule(_FIELD, _ANY),
    Operator.TOP_K: OperatorRule(_FIELD_K, _ANY),
    Operator.RATIO: OperatorRule(("of", "scale")),
}

RATIO_OPERANDS: Final[Mapping[Operator, tuple[ValueKind, ...]]] = {
    Operator.COUNT: (),
    Operator.COUNT_DISTINCT: _ANY,
    Operator.SUM: _NUMBERS,
    Operator.MEAN: _NUMBERS,
    Operator.MIN: _NUMBERS,
    Operator.MAX: _NUMBERS,
    Operator.AGE_OF_LAST: (),
    Operator.AGE_OF_FIRST: (),
}
"""Operators whose features a ratio may divide, with the value kinds that they may have then."""


def member_problem(op: Operator, present: AbstractSet[str], kind: ValueKind | None) -> Problem | None:
    """The first member that the operator lacks, does not know or cannot take; None if all is well.

    `present`: the members beside name and op that the feature has. `kind`: of its `type`, None without one.
    """
    rule = OPERATORS[op]
    known = ", ".join(rule.members)
    for member in sorted(present):
        if member not in rule.members:
            return Problem(member, f"{member} with {op}", f"only name, op, {known} with {op}")
    for member in rule.members:
        if member not in present:
            return Problem(member, "nothing", f"a required {member} with {op}")
    if kind is not None and kind not in rule.kinds:
        return Problem("type", f"{kind} with {op}", f"{_one_of(rule.kinds)} with {op}")
    return None


def _one_of(kinds: tuple[ValueKind, ...]) -> str:
    return "one of " + ", ".join("decimal(SCALE)" if kind is ValueKind.DECIMAL else kind for kind in kinds)
