"""`inspect`: the admission of records, by tables and against the executable semantics."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs import _core
from ofs.semantics.admission import Event, admit
from tests.unit.core.records import FINGERPRINT, PARAMETERS, RUN, envelope


def inspected(value: bytes | None, *paths: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(_core.inspect(value, list(paths)))
    return result


def test_admission_shows_the_whole_event() -> None:
    """An admitted record gives id, type, time, pins and every path's field."""
    payload = r'{"n":-1.50,"s":"é\n","b":false,"z":null,"o":{"x":[],"i":7}}'
    names = [
        "payload.n",
        "payload.s",
        "payload.b",
        "payload.z",
        "payload.o",
        "payload.o.x",
        "payload.o.i",
        "payload.m",
    ]
    assert inspected(envelope(payload=payload, seed="9223372036854775807"), *names, "payload.n") == {
        "event_id": "e1",
        "event_type": "auth",
        "ts_us": "1000000",
        "pins": {
            "manifest_fingerprint": FINGERPRINT,
            "parameter_hash": PARAMETERS,
            "run_id": RUN,
            "scenario_id": "s1",
            "seed": "9223372036854775807",
        },
        "fields": {
            "payload.n": {"number": "-1.50"},
            "payload.s": {"string": "é\n"},
            "payload.b": {"bool": False},
            "payload.z": None,
            "payload.o": {"other": True},
            "payload.o.x": {"other": True},
            "payload.o.i": {"number": "7"},
            "payload.m": {"missing": True},
        },
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "value_null"),
        (b" " * (16 * 1024 * 1024 + 1), "value_too_large"),
        (envelope(extra='"\xff"').replace(b"\xc3\xbf", b"\xff"), "not_utf8"),
        (b"", "not_json"),
        (b'{"a":1,', "not_json"),
        (envelope(extra='"\\ud800"'), "not_json"),
        (envelope(extra="NaN"), "not_json"),
        (envelope(extra="[" * 128 + "]" * 128), "not_json"),
        (envelope(extra="1" * 101), "not_json"),
        (envelope() + b"{}", "not_json"),
        (b"\xef\xbb\xbf" + envelope(), "not_json"),
        (b"[]", "not_object"),
        (envelope(event_id=None), "event_id_invalid"),
        (envelope(event_id='""', event_type="1"), "event_id_invalid"),
        (envelope(event_type="null"), "event_type_invalid"),
        (envelope(ts_utc='"1970-01-01T00:00:01+00:00"'), "ts_utc_invalid"),
        (envelope(run_id=None, payload=None), "pins_invalid"),
        (envelope(seed="1e0"), "pins_invalid"),
        (envelope(payload=None), "payload_invalid"),
        (envelope(payload="[]"), "payload_invalid"),
    ],
)
def test_admission_names_the_first_reason(value: bytes | None, reason: str) -> None:
    """A rejected record gives the first reason that applies, and nothing else; the semantics agree."""
    assert _core.inspect(value, ["payload.a"]) == f'{{"rejected":"{reason}"}}'.encode()
    assert admit(value) == reason


@pytest.mark.parametrize(
    "path", ["", "payload", "payload.", "a.b", "payload.9a", "payload.a..b", "payload.a b"]
)
def test_inspect_refuses_a_path_outside_the_grammar(path: str) -> None:
    """A path that no definition can have raises ValueError."""
    with pytest.raises(ValueError, match="path"):
        _core.inspect(b"{}", [path])


_TEXTS = st.sampled_from(
    [
        "null",
        "0",
        "-0",
        "1.0",
        "1e5",
        "01",
        "NaN",
        "9" * 100,
        "9" * 101,
        '""',
        '"x"',
        r'"\ud83d\ude00"',
        r'"\ud83d"',
    ]
    + [
        r'"\u0061"',
        '"' + "y" * 256 + '"',
        '"' + "y" * 257 + '"',
        "{}",
        "[]",
        "[1,]",
        '{"a":{"b":1},"a":2}',
        "true",
    ]
    + [
        f'"{FINGERPRINT}"',
        f'"{RUN}"',
        '"2024-02-29T23:59:59.5Z"',
        '"2023-02-29T00:00:00Z"',
        '"0000-01-01T00:00:00Z"',
    ]
    + ["[" * depth + "]" * depth for depth in (126, 127, 128)]
)
_PIN_NAMES = ["manifest_fingerprint", "parameter_hash", "scenario_id", "run_id", "seed", "platform_run_id"]
_NAMES = st.sampled_from(
    ["event_id", "event_type", "ts_utc", "payload", "other", r"\u0073eed", r"p\u0061yload", *_PIN_NAMES]
)


def agrees(value: bytes) -> None:
    """The core's verdict is that of the executable semantics."""
    expected = admit(value)
    found = json.loads(_core.inspect(value, []))
    if isinstance(expected, Event):
        assert found["event_id"] == expected.event_id
        assert found["event_type"] == expected.event_type
        assert found["ts_us"] == str(expected.event_time_us)
        assert _core.canonical(json.dumps(found["pins"]).encode()) == expected.pins
    else:
        assert found == {"rejected": str(expected)}


@given(st.lists(st.tuples(_NAMES, _TEXTS), max_size=4))
def test_admission_equals_the_semantics_when_members_are_odd(added: list[tuple[str, str]]) -> None:
    """Members changed, spelled with escapes or given twice get the same verdict from core and semantics."""
    extra = "".join(f',"{name}":{text}' for name, text in added)
    agrees(envelope()[:-1] + extra.encode() + b"}")


@given(st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), min_size=1, max_size=3))
def test_admission_equals_the_semantics_when_bytes_are_odd(changes: list[tuple[int, bytes]]) -> None:
    """Any bytes put over a good record get the same verdict from core and semantics."""
    value = envelope(payload=r'{"a":[1.5e-3,"é\u00e9\ud83d\ude00",{"b":null}],"c":true}', seed="7")
    for at, replacement in changes:
        value = value[:at] + replacement + value[at + len(replacement) :]
    agrees(value)


@given(st.text(alphabet='{}[]",:\\u0 1eE+-.dDfatrulsn\ud7ff\n\t', max_size=30))
def test_admission_equals_the_semantics_when_a_member_is_noise(noise: str) -> None:
    """Whatever stands in a member that nobody reads gets the same verdict from core and semantics."""
    agrees(envelope(extra=noise))
