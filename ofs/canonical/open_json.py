"""Canonical bytes of a JSON text from outside, whose numbers may be anything."""

from __future__ import annotations

import math
from typing import Any

from ofs.canonical.jcs import jcs
from ofs.canonical.numbers import format_integer
from ofs.canonical.strict_json import Number, parse


def canonical_text(text: bytes) -> bytes:
    """RFC 8785 form of an open JSON text.

    An integer literal stands in its shortest digits (a string beyond 2^53-1); one with fraction or exponent is an
    IEEE double in ECMAScript form, and a string of the literal where that is infinite. Of members given twice the
    last counts. Not idempotent for doubles from 2^53 to 1e21, whose form is an integer literal.
    Raises NotUtf8Error, NotJsonError.

    >>> canonical_text(b'{"b": 1.50, "a": [9007199254740993, 1e400]}')
    b'{"a":["9007199254740993","1e400"],"b":1.5}'
    """
    return jcs(open_value(text))


def open_value(text: bytes) -> Any:
    """The value of an open JSON text with its numbers in canonical form: ints, floats, strings where neither holds.

    Raises NotUtf8Error, NotJsonError.
    """
    return _open(parse(text))


def _open(value: Any) -> Any:
    # depth is bounded by the parser's limit of 128
    if isinstance(value, Number):
        return _number(value)
    if isinstance(value, dict):
        return {name: _open(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_open(item) for item in value]
    return value


def _number(literal: Number) -> int | float | str:
    if not any(character in ".eE" for character in literal):
        return format_integer(int(literal))
    double = float(literal)
    return str(literal) if math.isinf(double) else double
