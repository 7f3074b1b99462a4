"""Operands of `where`: typed by how they are written, numbers in their shortest plain digits."""

from __future__ import annotations

import re
from typing import Final

from ofs.features.definition import BoolOperand, NumberOperand, Operand, StringOperand
from ofs.features.nodes import Place, ScalarNode

__all__ = ["NUMBER_LENGTH_MAX", "plain_digits", "read_operand"]

NUMBER_LENGTH_MAX: Final = 100

_NUMBER: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_SCALAR: Final = "a plain JSON number, true or false, or a string"


def read_operand(place: Place) -> Operand:
    """A plain JSON number is a number, plain true and false are bools, every other scalar is a string.

    Raises DefinitionError for anything but a scalar, for nothing at all (the empty string is written ""), and
    for a number longer than 100 characters.
    """
    text = place.text(_SCALAR)
    plain = isinstance(place.node, ScalarNode) and place.node.plain
    if plain and text in ("true", "false"):
        return BoolOperand(truth=text == "true")
    if not plain or _NUMBER.fullmatch(text) is None:
        return StringOperand(text=text)
    digits = plain_digits(text)
    if digits is None:
        allowed = f"a number of up to {NUMBER_LENGTH_MAX} characters, also without exponent"
        raise place.error(found=place.found(), allowed=allowed)
    return NumberOperand(digits=digits)


def plain_digits(literal: str) -> str | None:
    """The exact value of a JSON number without exponent, trailing zeros or negative zero.

    None where literal or result exceed 100 characters, or where the literal is no JSON number.

    >>> plain_digits("1.250e1")
    '12.5'
    >>> plain_digits("-0.0")
    '0'
    """
    match = _NUMBER.fullmatch(literal)
    if match is None or len(literal) > NUMBER_LENGTH_MAX:
        return None
    sign, whole, fraction, exponent = match.groups()
    digits = (whole + (fraction or "")).lstrip("0")
    if not digits:
        return "0"
    point = len(digits) - len(fraction or "") + int(exponent or "0")
    digits = digits.rstrip("0")
    if max(point, len(digits) - point) > NUMBER_LENGTH_MAX:
        return None
    if point <= 0:
        plain = f"{sign}0.{'0' * -point}{digits}"
    elif point >= len(digits):
        plain = f"{sign}{digits}{'0' * (point - len(digits))}"
    else:
        plain = f"{sign}{digits[:point]}.{digits[point:]}"
    return plain if len(plain) <= NUMBER_LENGTH_MAX else None
