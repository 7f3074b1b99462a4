"""Keys, typed values and conditions: nothing is coerced, nothing is rounded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs.canonical import Number, parse
from ofs.semantics.conditions import compare_numbers, holds
from ofs.semantics.values import KeyInvalidError, ValueInvalidError, key_text, member, render, typed

MAX = 2**63 - 1


def read(text: str) -> Any:
    """A JSON value as admission gives it."""
    return parse(text.encode())


@pytest.mark.parametrize(
    ("payload", "path", "value"),
    [
        ('{"a":1}', "payload.a", "1"),
        ('{"a":{"b":{"c":true}}}', "payload.a.b.c", True),
        ('{"a":null}', "payload.a", None),
        ("{}", "payload.a", None),
        ('{"a":7}', "payload.a.b", None),
        ('{"a":"text"}', "payload.a.b", None),
        ('{"a":[{"b":1}]}', "payload.a.b", None),
        ('{"a":null}', "payload.a.b", None),
        ('{"a":{"b":1},"a":{}}', "payload.a.b", None),
        ('{"a.b":1}', "payload.a.b", None),
    ],
)
def test_a_path_steps_into_objects_only(payload: str, path: str, value: Any) -> None:
    """A step into anything else, or to nothing, finds nothing."""
    assert member(read(payload), path) == value


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("null", None),
        ('"A1"', "A1"),
        ('" "', " "),
        ('"1.0"', "1.0"),
        ('"\\u0000"', "\x00"),
        ("12", "12"),
        ("-7", "-7"),
        ("0", "0"),
        ("-0", "0"),
        ("9" * 100, "9" * 100),
        ("9007199254740993", "9007199254740993"),
    ],
)
def test_a_key_is_a_string_or_an_integer_in_its_shortest_digits(text: str, key: str | None) -> None:
    """Null is no key; an integer of any size is one."""
    assert key_text(read(text)) == key


@pytest.mark.parametrize("text", ['""', "1.0", "1e3", "-0.0", "true", "false", "[]", "{}", '["A"]'])
def test_anything_else_is_no_valid_key(text: str) -> None:
    """An empty string, another number, a bool, a list or an object."""
    with pytest.raises(KeyInvalidError):
        key_text(read(text))


def _decimal(scale: int) -> dict[str, Any]:
    return {"kind": "decimal", "scale": scale}


INT, STRING, BOOL, TIME = ({"kind": kind} for kind in ("int", "string", "bool", "timestamp"))


@pytest.mark.parametrize(
    ("text", "value_type", "value"),
    [
        ("7", INT, 7),
        ("-0", INT, 0),
        (str(MAX), INT, MAX),
        (str(-MAX), INT, -MAX),
        ("1", _decimal(2), 100),
        ("1.5", _decimal(2), 150),
        ("1.500", _decimal(2), 150),
        ('"1.50000"', _decimal(2), 150),
        ('"-0"', _decimal(2), 0),
        ("-0.00", _decimal(2), 0),
        ("15e-1", _decimal(2), 150),
        ("1E+2", _decimal(2), 10_000),
        ("1e-2", _decimal(2), 1),
        ("100e-4", _decimal(2), 1),
        ("0e30", _decimal(0), 0),
        ("0e-30", _decimal(0), 0),
        ("1e-0000000000001", _decimal(1), 1),
        ("0.0000000000000000001e30", _decimal(0), 10**11),
        ("9223372036854775807", _decimal(0), MAX),
        ('"-92233720368547758.07"', _decimal(2), -MAX),
        ('"0.000000000000000001"', _decimal(18), 1),
        ("1." + "0" * 98, _decimal(0), 1),
        ('"1.' + "0" * 98 + '"', _decimal(0), 1),
        ('""', STRING, ""),
        ('"1"', STRING, "1"),
        ("true", BOOL, True),
        ("false", BOOL, False),
        ('"1970-01-01T00:00:00.5Z"', TIME, 500_000),
        ('"0001-01-01T00:00:00Z"', TIME, -62_135_596_800_000_000),
        *[("null", value_type, None) for value_type in (INT, _decimal(2), STRING, BOOL, TIME)],
    ],
)
def test_a_value_has_its_type_exactly(text: str, value_type: dict[str, Any], value: Any) -> None:
    """From the literal's digits; null is missing."""
    found = typed(read(text), value_type)
    assert (found, type(found)) == (value, type(value))


_INVALID_TEXTS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    (INT, ("1.0", "1e2", "-0.0", '"1"', "true", "[]", "{}", str(MAX + 1), str(-MAX - 1), "9" * 100)),
    (_decimal(2), ("0.001", "1.005", '"1.234"', "1e-3", "true", "[]", "{}")),
    (_decimal(2), ("1e31", "1e-31", "0e31", "0e-31", "0.0e99999999999999999999", "1e30", "1e0000000000030")),
    (
        _decimal(2),
        (
            '""',
            '"1e2"',
            '"+1"',
            '" 1"',
            '"1 "',
            '"1_0"',
            '"01"',
            '"-"',
            '".5"',
            '"5."',
            '"٣"',
            '"NaN"',
            '"1\\n"',
        ),
    ),
    (_decimal(2), ("92233720368547758.08", '"-92233720368547758.08"', '"1.0.0"')),
    (_decimal(0), ('"1.' + "0" * 99 + '"',)),
    (STRING, ("1", "true", "[]", "{}")),
    (BOOL, ("0", "1", '"true"', "[]")),
    (TIME, ("0", '""', '"1970-01-01"', '"1970-02-30T00:00:00Z"', '"1970-01-01T00:00:00+00:00"', "true")),
]
INVALID = [(text, value_type) for value_type, texts in _INVALID_TEXTS for text in texts]


@pytest.mark.parametrize(("text", "value_type"), INVALID, ids=str)
def test_a_value_of_another_type_or_size_is_invalid(text: str, value_type: dict[str, Any]) -> None:
    """Nothing is coerced, rounded or cut."""
    with pytest.raises(ValueInvalidError):
        typed(read(text), value_type)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**14), max_value=10**14))
def test_decimals_are_read_and_written_exactly(value: Decimal) -> None:
    """A number and a string of the same digits give one scaled value, which is written back as the number it is."""
    plain = f"{value:f}"
    scaled = typed(Number(plain), _decimal(4))
    assert scaled == typed(plain, _decimal(4)) == int(value.scaleb(4))
    assert Decimal(render(scaled, _decimal(4))) == value


@pytest.mark.parametrize(
    ("value", "value_type", "written"),
    [
        (2**53, INT, "9007199254740992"),
        (-5, _decimal(2), "-0.05"),
        (0, TIME, "1970-01-01T00:00:00.000000Z"),
        (True, BOOL, True),
        ("é", STRING, "é"),
    ],
)
def test_values_are_written_by_their_type(value: Any, value_type: dict[str, Any], written: Any) -> None:
    """As canonical JSON holds them."""
    found = render(value, value_type)
    assert (found, type(found)) == (written, type(written))


def condition(op: str, operand: Any) -> dict[str, Any]:
    """A condition on payload.x; scalars as operands are told by their Python type."""
    if isinstance(operand, list):
        return {"field": "payload.x", "op": op, "operand": [condition(op, one)["operand"] for one in operand]}
    kind = {bool: "bool", str: "string"}.get(type(operand), "number")
    return {"field": "payload.x", "op": op, "operand": {kind: str(operand) if kind == "number" else operand}}


_ORDER = ("eq", "ne", "gt", "gte", "lt", "lte")
_TRUE_FOR = {-1: {"ne", "lt", "lte"}, 0: {"eq", "gte", "lte"}, 1: {"ne", "gt", "gte"}}


@pytest.mark.parametrize(
    ("literal", "operand", "order"),
    [
        ("12.5", "12.5", 0),
        ("12.50", "12.5", 0),
        ("125e-1", "12.5", 0),
        ("0.125E2", "12.5", 0),
        ("12.4999999999999999999", "12.5", -1),
        ("12.50000000000000000000001", "12.5", 1),
        ("-0", "0", 0),
        ("-0.0e7", "0", 0),
        ("0e-999999999999", "0", 0),
        ("1e-999999999999", "0", 1),
        ("-1e-999999999999", "0", -1),
        ("1e999999999999", "9" * 100, 1),
        ("-1e999999999999", "-" + "9" * 99, -1),
        ("10", "9", 1),
        ("-10", "-9", -1),
        ("100", "99.99", 1),
        ("9007199254740993", "9007199254740992", 1),
        ("1" + "0" * 99, "1" + "0" * 99, 0),
        ("0.1e1", "1", 0),
        ("1e" + "0" * 97 + "1", "10", 0),
        ("-5", "5", -1),
        ("5", "-5", 1),
        ("0", "-5", 1),
        ("-5", "0", -1),
        ("0.00012", "0.00013", -1),
        ("12e3", "13e3", -1),
    ],
)
def test_numbers_compare_exactly_at_any_exponent(literal: str, operand: str, order: int) -> None:
    """By value, never through a float and never by building a huge number."""
    assert compare_numbers(literal, operand) == order
    assert compare_numbers(operand, literal) == -order
    found = {
        op
        for op in _ORDER
        if holds(condition(op, Decimal(operand)) | {"operand": {"number": operand}}, {"x": Number(literal)})
    }
    assert found == _TRUE_FOR[order]


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_compare_as_decimals_do(left: Decimal, right: Decimal) -> None:
    """The order of literals is that of the numbers."""
    expected = (left > right) - (left < right)
    assert compare_numbers(str(left), str(right)) == expected


@pytest.mark.parametrize("op", _ORDER)
@pytest.mark.parametrize("value", ["null", '"5"', "true", "[]", "{}", "[5]"])
def test_another_type_makes_any_condition_on_a_number_false(op: str, value: str) -> None:
    """Also ne: a missing or null field and another JSON type are false for every comparison."""
    assert not holds(condition(op, 5), {"x": read(value)})
    assert not holds(condition(op, 5), {})


@pytest.mark.parametrize(
    ("op", "operand", "value", "expected"),
    [
        ("eq", "A", '"A"', True),
        ("eq", "A", '"a"', False),
        ("ne", "A", '"a"', True),
        ("ne", "A", '"A"', False),
        ("ne", "A", "1", False),
        ("ne", "A", "null", False),
        ("eq", "1", "1", False),
        ("eq", 1, '"1"', False),
        ("eq", "", '""', True),
        ("eq", "é", '"e\u0301"', False),
        ("eq", True, "true", True),
        ("eq", True, "false", False),
        ("ne", True, "false", True),
        ("ne", True, "1", False),
        ("eq", False, "0", False),
        ("eq", True, '"true"', False),
        ("in", ["A", 1, True], '"A"', True),
        ("in", ["A", 1, True], "1.0", True),
        ("in", ["A", 1, True], "true", True),
        ("in", ["A", 1, True], '"1"', False),
        ("in", ["A", 1, True], "false", False),
        ("in", ["A", 1, True], "null", False),
        ("in", ["A", 1], "[]", False),
    ],
)
def test_conditions_compare_within_a_type(op: str, operand: Any, value: str, expected: bool) -> None:
    """Strings, bools and lists of mixed scalars; one type is never equal to another."""
    assert holds(condition(op, operand), {"x": read(value)}) is expected


def test_a_condition_on_a_nested_field_needs_objects_on_the_way() -> None:
    """A step into something else is a missing field."""
    nested = {**condition("ne", 5), "field": "payload.a.b"}
    assert holds(nested, read('{"a":{"b":4}}'))
    assert not holds(nested, read('{"a":[4]}'))
