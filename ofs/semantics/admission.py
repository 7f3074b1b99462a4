"""Which records are events: each decided alone, from its value's bytes, whatever the definitions read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ofs.canonical import NotJsonError, Number, format_integer, jcs, parse
from ofs.canonical.strict_json import NotUtf8Error
from ofs.units import INT64_MAX, parse_timestamp_us

MAX_VALUE_BYTES: Final = 16 * 1024 * 1024

_HEX32: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HEX64: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_INTEGER: Final = re.compile(r"-?[0-9]+", re.ASCII)


class Rejection(StrEnum):
    """Why a record is no event; the first that applies, in this order."""

    VALUE_NULL = "value_null"
    VALUE_TOO_LARGE = "value_too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    EVENT_ID_INVALID = "event_id_invalid"
    EVENT_TYPE_INVALID = "event_type_invalid"
    TS_UTC_INVALID = "ts_utc_invalid"
    PINS_INVALID = "pins_invalid"
    PAYLOAD_INVALID = "payload_invalid"


@dataclass(frozen=True, slots=True)
class Event:
    """An admitted event. `pins`: RFC 8785 bytes of its ContextPins; `payload`: numbers are literals."""

    event_id: str
    event_type: str
    event_time_us: int
    pins: bytes
    payload: dict[str, Any]


def admit(value: bytes | None) -> Event | Rejection:
    """The event that a record's value holds, or why it holds none."""
    if value is None:
        return Rejection.VALUE_NULL
    if len(value) > MAX_VALUE_BYTES:
        return Rejection.VALUE_TOO_LARGE
    try:
        envelope = parse(value)
    except NotUtf8Error:
        return Rejection.NOT_UTF8
    except NotJsonError:
        return Rejection.NOT_JSON
    return _event(envelope) if isinstance(envelope, dict) else Rejection.NOT_OBJECT


def _event(envelope: dict[str, Any]) -> Event | Rejection:
    event_id, event_type, time = (envelope.get(name) for name in ("event_id", "event_type", "ts_utc"))
    if not is_text(event_id, 256):
        return Rejection.EVENT_ID_INVALID
    if not is_text(event_type, 256):
        return Rejection.EVENT_TYPE_INVALID
    event_time_us = parse_timestamp_us(str(time)) if is_text(time, 32) else None
    if event_time_us is None:
        return Rejection.TS_UTC_INVALID
    pins = canonical_pins(envelope)
    if pins is None:
        return Rejection.PINS_INVALID
    payload = envelope.get("payload")
    if not isinstance(payload, dict):
        return Rejection.PAYLOAD_INVALID
    return Event(str(event_id), str(event_type), event_time_us, pins, payload)


def canonical_pins(members: dict[str, Any]) -> bytes | None:
    """RFC 8785 bytes of the ContextPins among the members; null is absent. None: one is missing or malformed."""
    pins: dict[str, Any] = {}
    for name, is_valid, required in _PINS:
        value = members.get(name)
        if value is None and not required:
            continue
        if not is_valid(value):
            return None
        pins[name] = format_integer(int(value)) if isinstance(value, Number) else value
    return jcs(pins)


def is_text(value: Any, length_max: int) -> bool:
    """A JSON string of 1 to length_max code points."""
    return isinstance(value, str) and not isinstance(value, Number) and 1 <= len(value) <= length_max


def _is_hex32(value: Any) -> bool:
    return is_text(value, 32) and _HEX32.fullmatch(value) is not None


def _is_hex64(value: Any) -> bool:
    return is_text(value, 64) and _HEX64.fullmatch(value) is not None


def _is_seed(value: Any) -> bool:
    is_integer = isinstance(value, Number) and _INTEGER.fullmatch(value) is not None
    return is_integer and 0 <= int(value) <= INT64_MAX


_PINS: Final = (
    ("manifest_fingerprint", _is_hex64, True),
    ("parameter_hash", _is_hex64, True),
    ("scenario_id", lambda value: is_text(value, 256), True),
    ("run_id", _is_hex32, True),
    ("seed", _is_seed, False),
    ("platform_run_id", lambda value: is_text(value, 128), False),
    ("scenario_run_id", _is_hex32, False),
)
