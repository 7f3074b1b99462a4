"""`canonical`: RFC 8785 of open JSON, held to an implementation of others and to the one in Python."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ofs import _core
from ofs.canonical import canonical_text

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=5),
    max_leaves=20,
)


@given(_VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_canonical_equals_rfc8785_of_random_json(value: Any, ascii_only: bool, indent: int | None) -> None:
    """The bytes are those of the rfc8785 package, however the text was escaped and spaced."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert _core.canonical(text) == rfc8785.dumps(value)


def _has_large_double(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(
            _has_large_double(inner) for inner in (value.values() if isinstance(value, dict) else value)
        )
    return isinstance(value, float) and 2**53 <= abs(value) < 10**21


@given(_VALUES.filter(lambda value: not _has_large_double(value)))
def test_canonical_is_its_own_canonical_form(value: Any) -> None:
    """Canonical bytes stay as they are, but for a double that is written as an integer beyond 2^53-1."""
    once = _core.canonical(json.dumps(value).encode())
    assert _core.canonical(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"b":1.50,"a":[9007199254740993,1e400]}', b'{"a":["9007199254740993","1e400"],"b":1.5}'),
        (b"[-0,-0.0,0e5,1E2,-1e-400]", b"[0,0,0,100,0]"),
        (b'{"a":1,"b":{"c":1,"c":2},"\\u0061":3}', b'{"a":3,"b":{"c":2}}'),
        (b"[9007199254740991,-9007199254740992]", b'[9007199254740991,"-9007199254740992"]'),
        (b' "\\u00e9\\/\\ud83d\\ude00\\u0007" ', '"é/😀\\u0007"'.encode()),
        ('{"\ue000":1,"\U00010000":2}'.encode(), '{"\U00010000":2,"\ue000":1}'.encode()),
    ],
)
def test_canonical_of_open_json_when_numbers_and_names_are_odd(text: bytes, expected: bytes) -> None:
    """Each spelling has the one form that core and Python agree on."""
    assert _core.canonical(text) == expected
    assert canonical_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[1,]",
        b"NaN",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\\ud800"',
        b'"\x01"',
        b"9" * 101,
        b"[" * 129 + b"]" * 129,
        b"{} {}",
    ],
)
def test_canonical_refuses_what_is_not_json(text: bytes) -> None:
    """A text outside the limits raises ValueError."""
    with pytest.raises(ValueError, match="not one JSON value"):
        _core.canonical(text)
