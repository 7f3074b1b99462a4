"""Strict JSON in, canonical JSON out: types, limits, and what is refused."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs.canonical import (
    DEFAULT_HASH_RULE,
    HASH_RULES,
    NotJsonError,
    Number,
    canonical_text,
    format_integer,
    format_scaled,
    jcs,
    parse,
    sha256_hex,
)
from ofs.canonical.strict_json import MAX_DEPTH, MAX_NUMBER_CHARS, NotUtf8Error

SAFE = 2**53 - 1
_TEXT = st.text(st.characters(codec="utf-8"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "literal", ["0", "-0", "1.50", "1E+2", "9007199254740993", "1e999", "9" * MAX_NUMBER_CHARS]
)
def test_a_number_keeps_its_literal(literal: str) -> None:
    """A number is its literal, and is told from a string of the same characters."""
    number, text = parse(f'[{literal}, "{literal}"]'.encode())
    assert (number, type(number)) == (literal, Number)
    assert (text, type(text)) == (literal, str)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("true", True),
        ("[]", []),
        ("{}", {}),
        (' "a" ', "a"),
        ('{"a":1,"a":{"b":2},"\\u0061":3}', {"a": "3"}),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\\\ud800"', "\\ud800"),
    ],
)
def test_a_text_gives_plain_values(text: str, value: Any) -> None:
    """Objects, lists, strings and literals; of members given twice the last counts."""
    assert parse(text.encode()) == value


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_nesting_is_allowed_to_the_limit(opening: str, closing: str) -> None:
    """128 levels are read, 129 are not; the two kinds of brackets count alike."""
    levels = sum(opening.count(bracket) for bracket in "[{")
    times = MAX_DEPTH // levels
    inside = (opening * times + "1" + closing * times).encode()
    assert parse(inside) is not None
    with pytest.raises(NotJsonError):
        parse(b"[" + inside + b"]")


@pytest.mark.parametrize(
    "text", [b"[" * 200, b"[" * 200 + b'"', b'{"a":' * 200 + b"]" * 200, b"]" * 200 + b"[" * 200]
)
def test_deep_text_that_is_no_json_is_refused(text: bytes) -> None:
    """However brackets are arranged, no text gets into the decoder too deep."""
    with pytest.raises(NotJsonError):
        parse(text)


def test_bad_utf8_is_told_from_bad_json() -> None:
    """UTF-8 comes first, whatever else is wrong."""
    with pytest.raises(NotUtf8Error):
        parse(b"{\xff")
    with pytest.raises(NotJsonError):
        parse(b"\xef\xbb\xbf{}")


@given(_JSON)
def test_jcs_reads_back(value: Any) -> None:
    """Canonical text is JSON for the value, has no white space outside strings, and ignores the order of members."""
    text = jcs(value)
    assert json.loads(text) == value
    assert jcs(json.loads(json.dumps(value))) == text
    assert canonical_text(json.dumps(value, indent=2).encode()) == text


@given(st.dictionaries(_TEXT, st.none(), min_size=2))
def test_members_are_in_utf16_order(value: dict[str, None]) -> None:
    """The order of members is that of their UTF-16 code units."""
    names = list(json.loads(jcs(value)))
    assert names == sorted(value, key=lambda name: name.encode("utf-16-be"))


@pytest.mark.parametrize(
    "value",
    [
        SAFE + 1,
        -SAFE - 1,
        {"a": [2**63]},
        "\ud800",
        {"\udc00": 1},
        math.nan,
        math.inf,
        {1: 2},
        {"a": Decimal(1)},
        {"a": b"x"},
        {1, 2},
    ],
    ids=repr,
)
def test_jcs_refuses_what_canonical_json_cannot_hold(value: Any) -> None:
    """ValueError for large integers, lone surrogates, members that are no strings, and other types."""
    with pytest.raises(ValueError):
        jcs(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_of_open_json_is_the_same_double(double: float) -> None:
    """A literal with fraction or exponent comes back as the nearest double, without negative zero."""
    literal = repr(double) if any(c in repr(double) for c in ".e") else f"{double!r}.0"
    assert float(canonical_text(literal.encode())) == double
    assert canonical_text(literal.encode()) != b"-0"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, 0),
        (SAFE, SAFE),
        (-SAFE, -SAFE),
        (SAFE + 1, "9007199254740992"),
        (-SAFE - 1, "-9007199254740992"),
        (10**30, "1" + "0" * 30),
    ],
)
def test_integers_are_numbers_to_the_largest_safe_one(value: int, written: int | str) -> None:
    """Beyond 2^53-1 a string of the digits."""
    assert format_integer(value) == written
    assert type(format_integer(value)) is type(written)


@pytest.mark.parametrize(
    ("scaled", "scale", "text"),
    [
        (0, 0, "0"),
        (0, 2, "0.00"),
        (5, 0, "5"),
        (-5, 0, "-5"),
        (5, 2, "0.05"),
        (-5, 2, "-0.05"),
        (100, 2, "1.00"),
        (-12345, 3, "-12.345"),
        (1, 18, "0.000000000000000001"),
        (2**63 - 1, 18, "9.223372036854775807"),
        (10**40, 2, "1" + "0" * 38 + ".00"),
    ],
)
def test_decimals_have_exactly_their_scale(scaled: int, scale: int, text: str) -> None:
    """No exponent, no negative zero, all digits of the scale."""
    assert format_scaled(scaled, scale) == text


@given(st.integers(-(10**40), 10**40), st.integers(0, 18))
def test_decimals_are_exact(scaled: int, scale: int) -> None:
    """The text is the number itself."""
    assert Fraction(format_scaled(scaled, scale)) * 10**scale == scaled


def test_the_hash_rule_is_looked_up_by_name() -> None:
    """ofs-jcs-sha256/v1 is SHA-256 in lower-case hex, and the rules cannot be changed."""
    assert (DEFAULT_HASH_RULE, list(HASH_RULES)) == ("ofs-jcs-sha256/v1", ["ofs-jcs-sha256/v1"])
    assert HASH_RULES[DEFAULT_HASH_RULE](b"abc") == sha256_hex(b"abc")
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(TypeError):
        HASH_RULES["other"] = sha256_hex  # type: ignore[index]  # that it refuses is the point
