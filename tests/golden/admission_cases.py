"""Record values, and by hand what is admitted of them or why they are rejected."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.golden.byte_values import Written, raw, repeated
from tests.golden.canonical_cases import NOT_JSON, NOT_UTF8

PINS: Final[dict[str, Any]] = {
    "manifest_fingerprint": "0123456789abcdef" * 4,
    "parameter_hash": "f" * 64,
    "scenario_id": "baseline",
    "run_id": "0" * 32,
}
BASE: Final[dict[str, Any]] = {
    "event_id": "e1",
    "event_type": "t1",
    "ts_utc": "1970-01-01T00:00:01Z",
    **PINS,
    "payload": {},
}
ADMITTED: Final[dict[str, Any]] = {"event_id": "e1", "event_type": "t1", "ts_us": "1000000", "pins": PINS}
_MAX_BYTES: Final = 16 * 1024 * 1024
_TEXT: Final = json.dumps(BASE, separators=(",", ":"))


def event(without: str = "", /, **members: Any) -> str:
    """The base event with other members."""
    return json.dumps({k: v for k, v in {**BASE, **members}.items() if k != without}, ensure_ascii=False)


def literal(name: str, text: str) -> str:
    """The base event with one more member, as it is written."""
    return f'{_TEXT[:-1]},"{name}":{text}}}'


def with_pins(**pins: Any) -> dict[str, Any]:
    """What is admitted with other pins."""
    return {**ADMITTED, "pins": {**PINS, **pins}}


ACCEPTED: Final[dict[str, tuple[Written, dict[str, Any]]]] = {
    "the smallest": (_TEXT, ADMITTED),
    "members that nobody knows": (event(zzz=[1, {"a": None}], envelope={"event_id": 7}), ADMITTED),
    "optional members of any type": (
        event(schema_version=[], emitted_at_utc=7, producer={}, trace_id=True),
        ADMITTED,
    ),
    "white space around": (f"\r\n\t {_TEXT} \n", ADMITTED),
    "a duplicated id, the last counts": (literal("event_id", '"e2"'), {**ADMITTED, "event_id": "e2"}),
    "a duplicated id by an escape": (literal("event\\u005fid", '"e2"'), {**ADMITTED, "event_id": "e2"}),
    "an invalid id that is given again": (f'{{"event_id":7,{_TEXT[1:]}', ADMITTED),
    "a payload that is given again": (f'{{"payload":[],{_TEXT[1:]}', ADMITTED),
    "an id of 256 characters": (
        event(event_id="\U0001f600" * 256),
        {**ADMITTED, "event_id": "\U0001f600" * 256},
    ),
    "an id of one character": (event(event_id="\u0000"), {**ADMITTED, "event_id": "\u0000"}),
    "a type of 256 characters": (event(event_type="é" * 256), {**ADMITTED, "event_type": "é" * 256}),
    "time with one digit": (event(ts_utc="1970-01-01T00:00:00.1Z"), {**ADMITTED, "ts_us": "100000"}),
    "time with six digits": (event(ts_utc="1969-12-31T23:59:59.999999Z"), {**ADMITTED, "ts_us": "-1"}),
    "the first time": (event(ts_utc="0001-01-01T00:00:00Z"), {**ADMITTED, "ts_us": "-62135596800000000"}),
    "the last time": (
        event(ts_utc="9999-12-31T23:59:59.999999Z"),
        {**ADMITTED, "ts_us": "253402300799999999"},
    ),
    "a leap day": (event(ts_utc="2000-02-29T00:00:00Z"), {**ADMITTED, "ts_us": "951782400000000"}),
    "all pins": (
        event(seed=5, platform_run_id="p", scenario_run_id="a" * 32),
        with_pins(seed=5, platform_run_id="p", scenario_run_id="a" * 32),
    ),
    "optional pins that are null": (event(seed=None, platform_run_id=None, scenario_run_id=None), ADMITTED),
    "seed zero": (event(seed=0), with_pins(seed=0)),
    "seed minus zero": (literal("seed", "-0"), with_pins(seed=0)),
    "the largest safe seed": (event(seed=2**53 - 1), with_pins(seed=2**53 - 1)),
    "a seed beyond the safe integers": (event(seed=2**53), with_pins(seed="9007199254740992")),
    "the largest seed": (event(seed=2**63 - 1), with_pins(seed="9223372036854775807")),
    "a scenario of 256 characters": (
        event(scenario_id="\U0001f600" * 256),
        with_pins(scenario_id="\U0001f600" * 256),
    ),
    "a platform run of 128 characters": (
        event(platform_run_id="é" * 128),
        with_pins(platform_run_id="é" * 128),
    ),
    "a number of 100 characters nobody reads": (literal("zzz", "1" * 100), ADMITTED),
    "nested to 128 under a member nobody reads": (
        repeated(f'{_TEXT[:-1]},"zzz":', "[", 127, "]" * 127 + "}"),
        ADMITTED,
    ),
    "a value of exactly 16 MiB": (
        repeated(f'{_TEXT[:-1]},"zzz":"', "x", _MAX_BYTES - len(_TEXT) - len(',"zzz":""'), '"}'),
        ADMITTED,
    ),
}

_MALFORMED_PINS: Final[tuple[tuple[str, tuple[Any, ...]], ...]] = (
    ("manifest_fingerprint", ("a" * 63, "a" * 65, "A" * 64, "g" * 64, 1, "")),
    ("parameter_hash", ("a" * 63, "a" * 65, "A" * 64, "a" * 64 + "\n", True)),
    ("run_id", ("a" * 31, "a" * 33, "A" * 32, [])),
    ("scenario_run_id", ("a" * 31, "a" * 33, "A" * 32, "", 0)),
    ("scenario_id", ("", 1, {})),
    ("platform_run_id", ("", 1, False)),
    ("seed", (-1, 2**63, "1", True, [])),
)

REJECTED: Final[dict[str, tuple[Written, str]]] = {
    "no value": (None, "value_null"),
    "a value of 16 MiB and one byte": (repeated("", " ", _MAX_BYTES + 1), "value_too_large"),
    "too large comes before not UTF-8": (repeated("\x00", "x", _MAX_BYTES), "value_too_large"),
    **{f"not UTF-8: {name}": (value, "not_utf8") for name, value in NOT_UTF8.items()},
    **{f"not JSON: {name}": (value, "not_json") for name, value in NOT_JSON.items()},
    "bad UTF-8 in a member nobody reads": (raw(_TEXT[:-1].encode() + b',"zzz":"\xff"}'), "not_utf8"),
    "a lone surrogate in a member nobody reads": (literal("zzz", '{"a":["\\udead"]}'), "not_json"),
    "a number of 101 characters nobody reads": (literal("zzz", "1" * 101), "not_json"),
    "nested to 129 under a member nobody reads": (
        repeated(f'{_TEXT[:-1]},"zzz":', "[", 128, "]" * 128 + "}"),
        "not_json",
    ),
    "NaN in the payload": (literal("payload", '{"a":NaN}'), "not_json"),
    "a second value behind it": (_TEXT + "1", "not_json"),
    "not JSON comes before a missing id": ('{"event_id":1', "not_json"),
    **{f"{text} is no object": (text, "not_object") for text in ("[]", "null", "true", "0", '"{}"')},
    "an empty object": ("{}", "event_id_invalid"),
    "an envelope inside is not unwrapped": ('{"envelope":' + _TEXT + "}", "event_id_invalid"),
    **{
        f"{name} {what}": (event(**{name: value}), reason)
        for name, reason in (("event_id", "event_id_invalid"), ("event_type", "event_type_invalid"))
        for what, value in (
            ("null", None),
            ("empty", ""),
            ("of 257 characters", "x" * 257),
            ("a number", 1),
            ("a list", ["x"]),
            ("true", True),
        )
    },
    "no id": (event("event_id"), "event_id_invalid"),
    "no type": (event("event_type"), "event_type_invalid"),
    "no time": (event("ts_utc"), "ts_utc_invalid"),
    "no payload": (event("payload"), "payload_invalid"),
    "the id comes first": ('{"event_type":1}', "event_id_invalid"),
    "the type comes before the time": (event("ts_utc", event_type=1), "event_type_invalid"),
    "the time comes before the pins": (event("run_id", ts_utc=1), "ts_utc_invalid"),
    "the pins come before the payload": (event("run_id", payload=1), "pins_invalid"),
    "a valid id that is given again": (literal("event_id", "null"), "event_id_invalid"),
    **{
        f"time {text!r}": (event(ts_utc=text), "ts_utc_invalid")
        for text in (
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00Z",
            "1970-01-01t00:00:00Z",
            "1970-01-01T00:00:00z",
            "1970-01-01T00:00:00+00:00",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567Z",
            "1970-01-01T00:00:00,1Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:60Z",
            "1970-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-04-31T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "-001-01-01T00:00:00Z",
            "1970-1-01T00:00:00Z",
            "1970-01-01T00:00:0٣Z",
            "1970-01-01T00:00:00Z\n",
            " 1970-01-01T00:00:00Z",
        )
    },
    "time a number": (event(ts_utc=0), "ts_utc_invalid"),
    "time null": (event(ts_utc=None), "ts_utc_invalid"),
    **{f"no {name}": (event(name), "pins_invalid") for name in PINS},
    **{f"{name} null": (event(**{name: None}), "pins_invalid") for name in PINS},
    **{
        f"{name} {value!r}": (event(**{name: value}), "pins_invalid")
        for name, values in _MALFORMED_PINS
        for value in values
    },
    "a scenario of 257 characters": (event(scenario_id="é" * 257), "pins_invalid"),
    "a platform run of 129 characters": (event(platform_run_id="x" * 129), "pins_invalid"),
    "a seed with a fraction": (literal("seed", "1.0"), "pins_invalid"),
    "a seed with an exponent": (literal("seed", "1e0"), "pins_invalid"),
    "a seed of 100 digits": (literal("seed", "1" * 100), "pins_invalid"),
    **{
        f"payload {text}": (literal("payload", text), "payload_invalid")
        for text in ("null", "[]", '"{}"', "1", "false")
    },
}
