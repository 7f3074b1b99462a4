"""Records that no reader may admit, made from a good event: each with the reason that it is rejected for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from topologies.card_payments.envelope import Members, rendered

__all__ = ["MALFORMED", "is_text"]

Spoil = Callable[[Members], bytes | None]


def _with(name: str, raw: str) -> Spoil:
    return lambda members: rendered({**members, name: raw}).encode()


def _without(name: str) -> Spoil:
    return lambda members: rendered({key: raw for key, raw in members.items() if key != name}).encode()


def _extra(raw: str) -> Spoil:
    return lambda members: rendered({**members, "extra": raw}).encode()


def _extra_bytes(raw: bytes) -> Spoil:
    return lambda members: rendered(members).encode()[:-1] + b',"extra":' + raw + b"}"


MALFORMED: Final[Mapping[str, tuple[str, Spoil]]] = {
    "tombstone": ("value_null", lambda _members: None),
    "latin-1 text": ("not_utf8", _extra_bytes(b'"Caf\xe9"')),
    "encoded surrogate": ("not_utf8", _extra_bytes(b'"\xed\xa0\x80"')),
    "nothing": ("not_json", lambda _members: b""),
    "half": ("not_json", lambda members: rendered(members)[:-40].encode()),
    "two objects": ("not_json", lambda members: rendered(members).encode() * 2),
    "byte order mark": ("not_json", lambda members: b"\xef\xbb\xbf" + rendered(members).encode()),
    "not a number": ("not_json", _extra("NaN")),
    "lone surrogate": ("not_json", _extra('"\\ud83d"')),
    "too deep": ("not_json", _extra("[" * 128 + "]" * 128)),
    "long number": ("not_json", _extra("9" * 101)),
    "leading zero": ("not_json", _extra("007")),
    "raw line end in a string": ("not_json", _extra('"a\nb"')),
    "trailing comma": ("not_json", lambda members: rendered(members).encode()[:-1] + b",}"),
    "single quotes": ("not_json", lambda members: rendered(members).encode().replace(b'"', b"'")),
    "a list": ("not_object", lambda members: b"[" + rendered(members).encode() + b"]"),
    "a string": ("not_object", lambda _members: b'"card_auth"'),
    "no event id": ("event_id_invalid", _without("event_id")),
    "empty event id": ("event_id_invalid", _with("event_id", '""')),
    "numeric event id": ("event_id_invalid", _with("event_id", "17")),
    "long event id": ("event_id_invalid", _with("event_id", f'"{"x" * 257}"')),
    "no event type": ("event_type_invalid", _with("event_type", "null")),
    "no time": ("ts_utc_invalid", _without("ts_utc")),
    "no such day": ("ts_utc_invalid", _with("ts_utc", '"2026-02-30T00:00:00Z"')),
    "another zone": ("ts_utc_invalid", _with("ts_utc", '"2026-01-05T00:00:00+00:00"')),
    "nanoseconds": ("ts_utc_invalid", _with("ts_utc", '"2026-01-05T00:00:00.123456789Z"')),
    "epoch seconds": ("ts_utc_invalid", _with("ts_utc", "1767571200")),
    "no run id": ("pins_invalid", _without("run_id")),
    "upper-case hex": ("pins_invalid", _with("parameter_hash", f'"{"A4" * 32}"')),
    "negative seed": ("pins_invalid", _with("seed", "-1")),
    "seed with fraction": ("pins_invalid", _with("seed", "42.0")),
    "wrapped": ("event_id_invalid", lambda members: b'{"envelope":' + rendered(members).encode() + b"}"),
    "no payload": ("payload_invalid", _without("payload")),
    "payload as text": ("payload_invalid", _with("payload", '"{}"')),
}
"""What is wrong with a record, to the reason of its rejection and how a good event is spoiled."""


def is_text(value: bytes | None) -> bool:
    """Whether the value can stand in a text format: nothing at all, or UTF-8."""
    if value is None:
        return True
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
