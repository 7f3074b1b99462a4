"""`where`: conditions on a payload. False for a missing or null field, and for another type than the operand's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ofs.canonical import Number
from ofs.semantics.values import member

_LITERAL: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)


def holds(condition: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
    """Whether one condition of a definition holds for the payload."""
    value, op, operand = member(payload, condition["field"]), condition["op"], condition["operand"]
    if op == "in":
        return any(_order(value, candidate) == 0 for candidate in operand)
    order = _order(value, operand)
    if order is None:
        return False
    return {
        "eq": order == 0,
        "ne": order != 0,
        "gt": order > 0,
        "gte": order >= 0,
        "lt": order < 0,
        "lte": order <= 0,
    }[op]


def _order(value: Any, operand: Mapping[str, Any]) -> int | None:
    """-1, 0 or 1 as the value is below, at or above the operand; None where their types differ."""
    if "number" in operand:
        return compare_numbers(value, operand["number"]) if isinstance(value, Number) else None
    if "bool" in operand:
        return int(value is not operand["bool"]) if isinstance(value, bool) else None
    is_string = isinstance(value, str) and not isinstance(value, Number)
    return int(value != operand["string"]) if is_string else None


def compare_numbers(left: str, right: str) -> int:
    """-1, 0 or 1 for two JSON number literals, exactly, at any exponent."""
    left_sign, left_size, left_digits = _normal(left)
    right_sign, right_size, right_digits = _normal(right)
    if left_sign != right_sign:
        return -1 if left_sign < right_sign else 1
    # with trailing zeros gone, digits of equal size order like text
    left_magnitude, right_magnitude = (left_size, left_digits), (right_size, right_digits)
    if left_magnitude == right_magnitude:
        return 0
    return left_sign if left_magnitude > right_magnitude else -left_sign


def _normal(literal: str) -> tuple[int, int, str]:
    """(sign, decimal exponent of the first digit, digits without zeros at either end)."""
    match = _LITERAL.fullmatch(literal)
    if match is None:
        raise ValueError(f"{literal!r} is no number literal")
    sign, whole, fraction, exponent = match.groups(default="")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return 0, 0, ""
    return (-1 if sign else 1), int(exponent or "0") - len(fraction) + len(digits), digits.rstrip("0")
