"""YAML is read as text: nothing is resolved, and what could mean something else than it says is refused."""

from __future__ import annotations

import pytest

from ofs.errors import DefinitionError
from ofs.features import BoolOperand, NumberOperand, StringOperand, read_definition
from ofs.features.nodes import ListNode, MapNode, Member, ScalarNode
from ofs.features.yaml_reader import DEPTH_MAX, read_nodes

HEAD = "feature_group: g\nversion: v1\nkey: {type: a, field: payload.a}\n"
TAIL = "features: [{name: n, op: count, window: 1h}]\n"


def operands(written: str) -> tuple[object, ...]:
    text = f"{HEAD}event_types: [e]\nwhere: [{{field: payload.f, in: [{written}]}}]\n{TAIL}"
    return read_definition(text.encode(), "f").where[0].operands


def test_nodes_hold_text_style_and_line() -> None:
    """Every scalar keeps its text, whether it was plain, and the line it stands on."""
    assert read_nodes("a: NO\nb:\n  - '1'\n  - 010\n", "f") == MapNode(
        (
            Member("a", ScalarNode("NO", plain=True, line=1), 1),
            Member(
                "b",
                ListNode((ScalarNode("1", plain=False, line=3), ScalarNode("010", plain=True, line=4)), 3),
                2,
            ),
        ),
        1,
    )


@pytest.mark.parametrize(
    "text", ["NO", "on", "1:30", "010", "0x1F", "1_000", "2026-01-01", "~", "null", ".inf", "+1"]
)
def test_an_event_type_stays_what_was_written(text: str) -> None:
    """Words and numbers that YAML would resolve stand as they were written, plain or quoted."""
    for written in (text, f"'{text}'", f'"{text}"'):
        group = read_definition(f"{HEAD}event_types: [{written}]\n{TAIL}".encode(), "f")
        assert group.event_types == (text,)


@pytest.mark.parametrize(
    ("written", "operand"),
    [
        ("12", NumberOperand(digits="12")),
        ("-12.50", NumberOperand(digits="-12.5")),
        ("1.25e1", NumberOperand(digits="12.5")),
        ("1E+3", NumberOperand(digits="1000")),
        ("12e-4", NumberOperand(digits="0.0012")),
        ("-0", NumberOperand(digits="0")),
        ("0.000", NumberOperand(digits="0")),
        ("0e999999999", NumberOperand(digits="0")),
        ("100", NumberOperand(digits="100")),
        ("1" + "0" * 99, NumberOperand(digits="1" + "0" * 99)),
        ("true", BoolOperand(truth=True)),
        ("false", BoolOperand(truth=False)),
        ("'true'", StringOperand(text="true")),
        ("'12'", StringOperand(text="12")),
        ('"12"', StringOperand(text="12")),
        ("True", StringOperand(text="True")),
        ("yes", StringOperand(text="yes")),
        ("NO", StringOperand(text="NO")),
        ("null", StringOperand(text="null")),
        ("~", StringOperand(text="~")),
        ("010", StringOperand(text="010")),
        ("+1", StringOperand(text="+1")),
        (".5", StringOperand(text=".5")),
        ("1.", StringOperand(text="1.")),
        ("1:30", StringOperand(text="1:30")),
        ("1_0", StringOperand(text="1_0")),
        ("٣", StringOperand(text="٣")),
        ("''", StringOperand(text="")),
        ('"\\u00e9\\n"', StringOperand(text="é\n")),
    ],
)
def test_an_operand_is_typed_by_how_it_is_written(written: str, operand: object) -> None:
    """A plain JSON number is a number, plain true and false are bools, everything else is a string."""
    assert operands(written) == (operand,)


# text, line, field, a part of found
REFUSED = [
    ("", 1, "document", "nothing"),
    ("# only a comment\n", 1, "document", "nothing"),
    ("a: 1\nb: 2\na: 3\n", 3, "a", "a second 'a'"),
    ("a: {b: {c: 1, c: 2}}\n", 1, "a.b.c", "a second 'c'"),
    ("a:\n  - x: 1\n    'x': 2\n", 3, "a[0].x", "a second 'x'"),
    ("a: &base 1\n", 1, "a", "the anchor &base"),
    ("a: [1, *base]\n", 1, "a[1]", "the alias *base"),
    ("a: &l [1]\nb: *l\n", 1, "a", "the anchor &l"),
    ("a:\n  <<: {b: 1}\n", 2, "a.<<", "the merge key <<"),
    ("a: !!int '1'\n", 1, "a", "the tag 'tag:yaml.org,2002:int'"),
    ("a: !include b\n", 1, "a", "the tag '!include'"),
    ("a: ! b\n", 1, "a", "the tag '!'"),
    ("!!map {a: 1}\n", 1, "document", "the tag 'tag:yaml.org,2002:map'"),
    ("a: 1\n---\nb: 2\n", 2, "document", "a second document"),
    ("%YAML 1.1\n---\na: 1\n", 1, "document", "a directive"),
    ("%TAG ! tag:x,2000:\n---\na: 1\n", 1, "document", "a directive"),
    ("? [a, b]\n: 1\n", 1, "document", "a list or mapping as a name"),
    ("{{a: 1}: 2}\n", 1, "document", "a list or mapping as a name"),
    ("a: [1, 2\nb: 3\n", 2, "a[2]", "while parsing a flow sequence"),
    ("a: b: c\n", 1, "document", "mapping values are not allowed here"),
    ("a: 'x\n", 2, "a", "while scanning a quoted scalar"),
    ("\tb: 1\n", 1, "document", "while scanning for the next token"),
    ("a: 1\nb: \x07\n", 2, "document", "a control character"),
    ('a: 1\nb: "\\ud800"\n', 2, "b", "a lone surrogate"),
    ('a: 1\nb: "\\U00110000"\n', 2, "b", "an unreadable scalar"),
    (
        "a: " + "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1),
        1,
        "a" + "[0]" * (DEPTH_MAX - 1),
        "nesting over 16",
    ),
    ("[" * 5_000, 1, "[0]" * DEPTH_MAX, "nesting over 16"),
]


@pytest.mark.parametrize(("text", "line", "field", "found"), REFUSED)
def test_yaml_that_could_mislead_is_refused(text: str, line: int, field: str, found: str) -> None:
    """What is no single plain document gives an error with its line and field."""
    with pytest.raises(DefinitionError) as raised:
        read_nodes(text, "f.yaml")
    error = raised.value
    assert (error.file, error.line, error.field) == ("f.yaml", line, field)
    assert error.found.startswith(found)
    assert "\n" not in str(error)


def test_bytes_that_are_not_utf8_are_refused_with_their_line() -> None:
    """A byte that is no UTF-8 is named with the line it stands on."""
    with pytest.raises(DefinitionError) as raised:
        read_definition(b"feature_group: g\nversion: \xff\n", "f")
    assert (raised.value.line, raised.value.found) == (2, "the byte 0xff")


def test_line_ends_byte_order_mark_and_member_order_do_not_count() -> None:
    """The same definition with other line ends, a byte order mark or other member order is the same model."""
    text = f"{HEAD}event_types: [e]\n{TAIL}"
    other = f"\ufeff{TAIL}event_types: ['e']\n{HEAD}"
    assert read_definition(text.encode(), "f") == read_definition(other.replace("\n", "\r\n").encode(), "f")
