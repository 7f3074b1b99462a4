"""From an admitted event to what a feature group takes of it: event type, `where`, key, values."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from ofs.features import BoolOperand, Condition, FeatureGroup, NumberOperand, Operand, ValueKind, ValueType
from ofs.units import INT64_MAX, parse_timestamp_us
from topologies.live_ofp.admission import NUMBER_CHARS_MAX, Event, Real

__all__ = ["FILTERED", "KEY_INVALID", "NO_KEY", "OTHER_TYPE", "VALUE_INVALID", "Intake"]

OTHER_TYPE: Final = "other_type"
FILTERED: Final = "filtered"
NO_KEY: Final = "no_key"
KEY_INVALID: Final = "key_invalid"
VALUE_INVALID: Final = "value_invalid"

Scalar = int | str | bool
Reader = Callable[[Any], Scalar | None]

_PLAIN_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_NUMBER: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?", re.ASCII)
_EXPONENT_MAX: Final = 30
_DECIMAL_LITERALS: Final = (int, Real, str)


class _InvalidError(ValueError):
    """The value is not of its type."""


class Intake:
    """What one group takes of an event."""

    def __init__(self, group: FeatureGroup) -> None:
        self.fields: Final = tuple(group.value_types)
        self._event_types: Final = frozenset(group.event_types)
        self._conditions: Final = [(_path(c.field), _condition(c)) for c in group.where]
        self._key_path: Final = _path(group.key.field)
        self._readers: Final = [(_path(name), _reader(kind)) for name, kind in group.value_types.items()]

    def take(self, event: Event) -> tuple[str, tuple[Scalar | None, ...]] | str:
        """(key, values in the order of `fields`), or the word for why the group does not take the event."""
        if event.event_type not in self._event_types:
            return OTHER_TYPE
        payload = event.payload
        for path, holds in self._conditions:
            if not holds(_find(payload, path)):
                return FILTERED
        key = _find(payload, self._key_path)
        if key is None:
            return NO_KEY
        if type(key) is int:
            key = str(key)
        elif type(key) is not str or not key:
            return KEY_INVALID
        try:
            return key, tuple([_read(payload, path, reader) for path, reader in self._readers])
        except _InvalidError:
            return VALUE_INVALID


def _path(field: str) -> tuple[str, ...]:
    return tuple(field.split(".")[1:])


def _find(payload: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = payload
    for name in path:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def _read(payload: dict[str, Any], path: tuple[str, ...], reader: Reader) -> Scalar | None:
    value = _find(payload, path)
    if value is None:
        return None
    typed = reader(value)
    if typed is None:
        raise _InvalidError
    return typed


def _reader(value_type: ValueType) -> Reader:
    """A function to the typed value: scaled for decimals, µs for timestamps; None where it is not of the type."""
    match value_type.kind:
        case ValueKind.INT:
            return lambda value: value if type(value) is int and -INT64_MAX <= value <= INT64_MAX else None
        case ValueKind.DECIMAL:
            scale = value_type.scale or 0
            return lambda value: _scaled(value, scale) if type(value) in _DECIMAL_LITERALS else None
        case ValueKind.STRING:
            return lambda value: value if type(value) is str else None
        case ValueKind.BOOL:
            return lambda value: value if type(value) is bool else None
        case ValueKind.TIMESTAMP:
            return lambda value: parse_timestamp_us(value) if type(value) is str else None


@lru_cache(maxsize=4096, typed=True)  # a number literal and a string may be equal, yet not mean the same
def _scaled(value: Any, scale: int) -> int | None:
    if type(value) is int:
        scaled = value * 10**scale
    elif type(value) is Real or (
        type(value) is str and len(value) <= 100 and _PLAIN_DECIMAL.fullmatch(value) is not None
    ):
        mantissa, _, exponent = value.lower().partition("e")
        if abs(int(exponent or "0")) > _EXPONENT_MAX:
            return None
        whole, _, fraction = mantissa.partition(".")
        shift = scale + int(exponent or "0") - len(fraction)
        scaled, rest = divmod(int(whole + fraction) * 10 ** max(shift, 0), 10 ** max(-shift, 0))
        if rest:
            return None
    else:
        return None
    return scaled if -INT64_MAX <= scaled <= INT64_MAX else None


def _condition(condition: Condition) -> Callable[[Any], bool]:
    tests = [_order_to(operand) for operand in condition.operands]
    order = tests[0]
    match condition.op:
        case "in":
            return lambda value: any(test(value) == 0 for test in tests)
        case "eq":
            return lambda value: order(value) == 0
        case "ne":
            return lambda value: order(value) not in (0, None)
        case "gt":
            return lambda value: order(value) == 1
        case "gte":
            return lambda value: order(value) in (0, 1)
        case "lt":
            return lambda value: order(value) == -1
        case "lte":
            return lambda value: order(value) in (0, -1)


def _order_to(operand: Operand) -> Callable[[Any], int | None]:
    """-1, 0, 1 as a value is below, at or above the operand; None for another type. Bools and strings: 0 or 1."""
    if isinstance(operand, NumberOperand):
        right = _rank(operand.digits)

        def order(value: Any) -> int | None:
            if type(value) is not int and type(value) is not Real:
                return None
            left = _rank(str(value))
            return (left > right) - (left < right)

        return order
    expected: str | bool = operand.truth if isinstance(operand, BoolOperand) else operand.text
    return lambda value: None if type(value) is not type(expected) else int(value != expected)


@lru_cache(maxsize=4096)
def _rank(literal: str) -> tuple[int, int, int]:
    """A value that orders as the number does, at any exponent: sign, signed size, signed digits."""
    match = _NUMBER.fullmatch(literal)
    if match is None:
        raise ValueError(f"{literal!r} is no number")
    minus, whole, fraction, exponent = match.groups(default="")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return 0, 0, 0
    sign = -1 if minus else 1
    size = int(exponent or "0") + len(digits) - len(fraction)
    # a literal has at most 100 characters, so digits of one width compare as integers
    return sign, sign * size, sign * int(digits.ljust(NUMBER_CHARS_MAX, "0"))
