"""The live plane's own gate: which record values are events. It shares no code with the replay's admission.

Whole numbers come as int, other number literals as Real (their text), so that nothing passes through a float.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ofs.units import INT64_MAX, parse_timestamp_us

__all__ = ["NUMBER_CHARS_MAX", "Event", "Real", "Scope", "admit", "scope_of"]

VALUE_BYTES_MAX: Final = 16 << 20
DEPTH_MAX: Final = 128
NUMBER_CHARS_MAX: Final = 100

Scope = tuple[str | int | None, ...]
"""The seven pins in a fixed order; None where one is absent."""

_HEX32: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HEX64: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


class Real(str):
    """The literal of a JSON number with a fraction or an exponent."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Event:
    """An admitted event; `payload` as decoded, numbers exact."""

    event_id: str
    event_type: str
    event_time_us: int
    scope: Scope
    payload: dict[str, Any]


def admit(value: bytes | None) -> Event | str:
    """The event of a record value, or the word for why it is rejected."""
    if value is None:
        return "value_null"
    if len(value) > VALUE_BYTES_MAX:
        return "value_too_large"
    try:
        envelope = _decode(value.decode("utf-8"))
    except UnicodeDecodeError:
        return "not_utf8"
    except ValueError:
        return "not_json"
    if type(envelope) is not dict:
        return "not_object"
    return _admit_envelope(envelope)


def _admit_envelope(envelope: dict[str, Any]) -> Event | str:
    event_id = envelope.get("event_id")
    if type(event_id) is not str or not 0 < len(event_id) <= 256:
        return "event_id_invalid"
    event_type = envelope.get("event_type")
    if type(event_type) is not str or not 0 < len(event_type) <= 256:
        return "event_type_invalid"
    time = envelope.get("ts_utc")
    event_time_us = parse_timestamp_us(time) if type(time) is str else None
    if event_time_us is None:
        return "ts_utc_invalid"
    scope = scope_of(envelope)
    if scope is None:
        return "pins_invalid"
    payload = envelope.get("payload")
    if type(payload) is not dict:
        return "payload_invalid"
    return Event(event_id, event_type, event_time_us, scope, payload)


def scope_of(members: Mapping[str, Any]) -> Scope | None:
    """The pins among the members as one value to compare; None where one is missing or malformed."""
    scenario, seed = members.get("scenario_id"), members.get("seed")
    platform_run, scenario_run = members.get("platform_run_id"), members.get("scenario_run_id")
    fingerprint, parameters, run = (
        members.get(name) for name in ("manifest_fingerprint", "parameter_hash", "run_id")
    )
    is_valid = (
        _is_hex(fingerprint, _HEX64)
        and _is_hex(parameters, _HEX64)
        and type(scenario) is str
        and 0 < len(scenario) <= 256
        and _is_hex(run, _HEX32)
        and (seed is None or (type(seed) is int and 0 <= seed <= INT64_MAX))
        and (platform_run is None or (type(platform_run) is str and 0 < len(platform_run) <= 128))
        and (scenario_run is None or _is_hex(scenario_run, _HEX32))
    )
    if not is_valid:
        return None
    return fingerprint, parameters, scenario, run, seed, platform_run, scenario_run


def _is_hex(value: Any, pattern: re.Pattern[str]) -> bool:
    return type(value) is str and pattern.fullmatch(value) is not None


def _decode(text: str) -> Any:
    """One JSON value. Raises ValueError for anything else, and beyond the limits."""
    if text.count("[") + text.count("{") > DEPTH_MAX or "\\u" in text:
        _check_tokens(text)
    return _DECODER.decode(text)


def _check_tokens(text: str) -> None:
    """Refuse deep nesting and lone surrogates, also in members that a later one replaces."""
    depth = 0
    for token in _TOKEN.findall(text):
        if token in ("[", "{"):
            depth += 1
            if depth > DEPTH_MAX:
                raise ValueError("nested too deep")
        elif token in ("]", "}"):
            depth -= 1
        elif "\\u" in token:
            try:
                json.loads(token).encode("utf-8")
            except UnicodeEncodeError as error:
                raise ValueError("a lone surrogate") from error


def _short(literal: str) -> str:
    if len(literal) > NUMBER_CHARS_MAX:
        raise ValueError("a number literal that is too long")
    return literal


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(
    parse_int=lambda literal: int(_short(literal)),
    parse_float=lambda literal: Real(_short(literal)),
    parse_constant=_refuse,
)
