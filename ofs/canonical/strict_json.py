"""Strict JSON: one RFC 8259 value in valid UTF-8, within limits, each number kept as its literal.

The limits hold for every byte of the text, also in members that nobody reads: nesting to 128, number literals to
100 characters, no byte order mark, no NaN or Infinity, no lone surrogate.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

MAX_DEPTH: Final = 128
MAX_NUMBER_CHARS: Final = 100

_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # possessive: linear on any text
_SURROGATE_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class NotJsonError(ValueError):
    """Cause: the text is not one JSON value within the limits."""


class NotUtf8Error(ValueError):
    """Cause: the bytes are not valid UTF-8."""


class Number(str):
    """A number literal exactly as it was written."""

    __slots__ = ()


def parse(text: bytes) -> Any:
    """The value of a JSON text: dict, list, str, Number, bool or None. Of members given twice the last counts.

    Raises NotUtf8Error, NotJsonError.

    >>> parse(b'{"a": 1e2, "a": [-0]}')
    {'a': ['-0']}
    """
    try:
        characters = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUtf8Error(str(error)) from error
    if _depth(characters) > MAX_DEPTH:
        raise NotJsonError(f"nested deeper than {MAX_DEPTH}")
    if "\\u" in characters and any(match.group(1) for match in _SURROGATE_ESCAPE.finditer(characters)):
        raise NotJsonError("a lone surrogate")
    try:
        return _DECODER.decode(characters)
    except ValueError as error:
        raise NotJsonError(str(error)) from error


def _depth(characters: str) -> int:
    """The deepest nesting; exact for valid JSON, and invalid JSON is refused anyhow."""
    if characters.count("[") + characters.count("{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for character in _STRING.sub("", characters):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _number(literal: str) -> Number:
    if len(literal) > MAX_NUMBER_CHARS:
        raise NotJsonError(f"a number literal of {len(literal)} characters")
    return Number(literal)


def _constant(name: str) -> NoReturn:
    raise NotJsonError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_float=_number, parse_int=_number, parse_constant=_constant)
