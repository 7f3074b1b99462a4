"""How a payload's members become keys and typed values; nothing is coerced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ofs.canonical import Number, format_integer, format_scaled
from ofs.units import INT64_MAX, format_timestamp_us, parse_timestamp_us

Typed = int | str | bool
"""A value by its type: int, decimal (scaled) and timestamp (µs) are ints."""

_INTEGER: Final = re.compile(r"-?[0-9]+", re.ASCII)
_DECIMAL_STRING: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_LITERAL: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_DECIMAL_STRING_CHARS_MAX: Final = 100
_EXPONENT_MAX: Final = 30


class ValueInvalidError(ValueError):
    """Cause: a value has the wrong type, or is outside its range or scale. Effect: the event is unusable."""


class KeyInvalidError(ValueError):
    """Cause: a key is neither a non-empty string nor an integer."""


def member(payload: Mapping[str, Any], path: str) -> Any:
    """The value at `payload.a.b`; None where it is null or missing, also behind something that is no object."""
    value: Any = payload
    for name in path.split(".")[1:]:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value


def key_text(value: Any) -> str | None:
    """The key: a non-empty string as it stands, an integer in its shortest digits; None: there is none."""
    if value is None:
        return None
    if isinstance(value, Number):
        if _INTEGER.fullmatch(value) is None:
            raise KeyInvalidError(value)
        return str(int(value))
    if isinstance(value, str) and value:
        return value
    raise KeyInvalidError(repr(value))


def typed(value: Any, value_type: Mapping[str, Any]) -> Typed | None:
    """The value in the type of a definition; None where it is null or missing. Raises ValueInvalidError."""
    if value is None:
        return None
    kind = value_type["kind"]
    result: Typed | None
    if kind == "int":
        result = _integer(value)
    elif kind == "decimal":
        result = _decimal(value, value_type["scale"])
    elif kind == "bool":
        result = value if isinstance(value, bool) else None
    else:
        text = value if isinstance(value, str) and not isinstance(value, Number) else None
        result = parse_timestamp_us(text) if kind == "timestamp" and text is not None else text
    if result is None:
        raise ValueInvalidError(f"{value!r} is no {kind}")
    return result


def render(value: Typed, value_type: Mapping[str, Any]) -> Any:
    """The value as canonical JSON writes it."""
    kind = value_type["kind"]
    if kind == "decimal":
        return format_scaled(int(value), value_type["scale"])
    if kind == "timestamp":
        return format_timestamp_us(int(value))
    return format_integer(int(value)) if kind == "int" else value


def _integer(value: Any) -> int | None:
    if not isinstance(value, Number) or _INTEGER.fullmatch(value) is None:
        return None
    integer = int(value)
    return integer if abs(integer) <= INT64_MAX else None


def _decimal(value: Any, scale: int) -> int | None:
    """The scaled value, from the literal's digits; None where it does not fit."""
    if not isinstance(value, str):
        return None
    if not isinstance(value, Number) and not _is_decimal_string(value):
        return None
    match = _LITERAL.fullmatch(value)
    if match is None:
        return None
    sign, whole, fraction, exponent_digits = match.groups(default="")
    exponent = int(exponent_digits or "0")
    if abs(exponent) > _EXPONENT_MAX:
        return None
    mantissa = int(whole + fraction) * (-1 if sign else 1)
    shift = exponent - len(fraction) + scale
    if shift >= 0:
        scaled = mantissa * 10**shift
    else:
        scaled, rest = divmod(mantissa, 10**-shift)
        if rest != 0:
            return None
    return scaled if abs(scaled) <= INT64_MAX else None


def _is_decimal_string(text: str) -> bool:
    return len(text) <= _DECIMAL_STRING_CHARS_MAX and _DECIMAL_STRING.fullmatch(text) is not None
