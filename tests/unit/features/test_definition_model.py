"""The model by itself: strict, frozen, with the rules of the file also where it is built in Python."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from ofs.canonical import jcs, sha256_hex
from ofs.features import (
    OPERATORS,
    Condition,
    Feature,
    FeatureGroup,
    HoppingWindow,
    Key,
    LifetimeWindow,
    NumberOperand,
    Operator,
    SessionWindow,
    SlidingWindow,
    StringOperand,
    TumblingWindow,
    ValueKind,
    ValueType,
    Window,
    canonical_definition,
    definition_bytes,
    definition_digest,
    read_definition,
)

HOUR_US = 3_600_000_000
COUNT = Feature(name="n", op=Operator.COUNT, window=SlidingWindow(size_us=HOUR_US))


def group_of(*features: Feature, **changes: Any) -> FeatureGroup:
    members: dict[str, Any] = {
        "name": "g",
        "version": "v1",
        "key": Key(type="account_id", field="payload.a"),
        "event_types": ("e",),
        "features": features,
    }
    return FeatureGroup(**(members | changes))


def count_over(window: Window, name: str = "n") -> Feature:
    return Feature(name=name, op=Operator.COUNT, window=window)


@pytest.mark.parametrize(
    ("windows", "reach_us"),
    [
        ([SlidingWindow(size_us=5)], 5),
        ([TumblingWindow(size_us=5)], 5),
        ([TumblingWindow(size_us=5, back=3)], 20),
        ([HoppingWindow(size_us=5, every_us=2)], 7),
        ([SessionWindow(gap_us=5, max_us=9)], 9),
        ([SessionWindow(gap_us=5)], None),
        ([LifetimeWindow()], None),
        ([SlidingWindow(size_us=8), TumblingWindow(size_us=5)], 8),
        ([SlidingWindow(size_us=8), LifetimeWindow()], None),
    ],
)
def test_reach_is_that_of_the_widest_window(windows: list[Window], reach_us: int | None) -> None:
    """A group reaches as far back as its widest window, and is unbounded as soon as one window is."""
    group = group_of(*(count_over(window, f"n{index}") for index, window in enumerate(windows)))
    assert group.reach_us() == reach_us
    assert group.is_bounded is (reach_us is not None)


@pytest.mark.parametrize("op", list(Operator))
@pytest.mark.parametrize("left_out", ["field", "type", "window", "scale", "k", "of"])
def test_an_operator_has_exactly_its_members(op: Operator, left_out: str) -> None:
    """A feature with just what its operator asks for is a model; with one member less or more it is none."""
    every = {
        "field": "payload.x",
        "type": ValueType(kind=ValueKind.INT),
        "window": LifetimeWindow(),
        "scale": 2,
        "k": 3,
        "of": ("a", "b"),
    }
    wanted = OPERATORS[op].members
    members: dict[str, Any] = {name: value for name, value in every.items() if name in wanted}
    assert Feature(name="n", op=op, **members).op is op
    if left_out in wanted:
        del members[left_out]
    else:
        members[left_out] = every[left_out]
    with pytest.raises(ValidationError):
        Feature(name="n", op=op, **members)


@pytest.mark.parametrize("op", [op for op in Operator if "type" in OPERATORS[op].members])
@pytest.mark.parametrize("kind", list(ValueKind))
def test_an_operator_takes_its_value_kinds_only(op: Operator, kind: ValueKind) -> None:
    """Numbers go everywhere, timestamps and strings also into min and max, bools only where any value goes."""
    numeric = op in (Operator.SUM, Operator.MEAN, Operator.VARIANCE, Operator.STDDEV)
    ordered = op in (Operator.MIN, Operator.MAX)
    taken = kind in (ValueKind.INT, ValueKind.DECIMAL) or not (
        numeric or (ordered and kind is ValueKind.BOOL)
    )
    optional = {"window": LifetimeWindow(), "scale": 2, "k": 3}
    members: dict[str, Any] = {name: optional[name] for name in optional if name in OPERATORS[op].members}
    members["type"] = ValueType(kind=kind, scale=2 if kind is ValueKind.DECIMAL else None)
    if taken:
        assert Feature(name="n", op=op, field="payload.x", **members).type == members["type"]
    else:
        with pytest.raises(ValidationError):
            Feature(name="n", op=op, field="payload.x", **members)


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("a name", {"name": "G"}),
    ("a name with a line end", {"name": "g\n"}),
    ("a version", {"version": "v0"}),
    ("no event type", {"event_types": ()}),
    ("an event type twice", {"event_types": ("e", "e")}),
    ("a list for a tuple", {"event_types": ["e"]}),
    ("a duration of 0", {"stale_after_us": 0}),
    ("a float for a duration", {"stale_after_us": 1.0}),
    ("text for a duration", {"stale_after_us": "1"}),
    ("no feature", {"features": ()}),
    ("a feature twice", {"features": (COUNT, COUNT)}),
    ("features out of order", {"features": (count_over(LifetimeWindow(), "b"), count_over(LifetimeWindow(), "a"))}),
    ("an unknown member", {"owner": "me"}),
]  # fmt: skip


@pytest.mark.parametrize("changes", [changes for _, changes in WRONG], ids=[name for name, _ in WRONG])
def test_the_model_refuses_what_the_file_may_not_say(changes: dict[str, Any]) -> None:
    """A group that is built in Python is held to the same rules, without coercion."""
    with pytest.raises(ValidationError):
        group_of(COUNT, **changes)


@pytest.mark.parametrize(
    ("op", "operands"),
    [
        ("eq", (StringOperand(text="a"), StringOperand(text="b"))),
        ("eq", ()),
        ("in", ()),
        ("in", (StringOperand(text="a"), StringOperand(text="a"))),
        ("gt", (StringOperand(text="1"),)),
    ],
)
def test_a_condition_has_operands_that_fit(op: Any, operands: tuple[StringOperand, ...]) -> None:
    """One operand, for `in` one or more distinct ones, for an order a number."""
    with pytest.raises(ValidationError):
        Condition(field="payload.f", op=op, operands=operands)


@pytest.mark.parametrize("digits", ["", "-0", "1.0", "01", "1e3", ".5", "5.", "+1", "-", "1" * 101])
def test_a_number_operand_is_in_its_shortest_digits(digits: str) -> None:
    """An operand that is not in the one canonical form is refused."""
    with pytest.raises(ValidationError):
        NumberOperand(digits=digits)


@pytest.mark.parametrize(("kind", "scale"), [("decimal", None), ("int", 0), ("string", 2), ("decimal", 19)])
def test_a_scale_stands_with_decimal_only(kind: str, scale: int | None) -> None:
    """A decimal has a scale of 0 to 18, every other type has none."""
    with pytest.raises(ValidationError):
        ValueType(kind=ValueKind(kind), scale=scale)


def test_a_bucket_beyond_the_largest_duration_is_refused() -> None:
    """The reach of a tumbling window stays within 2^53-1 microseconds."""
    assert TumblingWindow(size_us=2**52 - 1, back=1).reach_us == 2**53 - 2
    with pytest.raises(ValidationError):
        TumblingWindow(size_us=2**52, back=1)


def test_models_are_frozen_and_hashable() -> None:
    """A definition cannot be changed after it was validated, and can stand in a set."""
    group = group_of(COUNT)
    with pytest.raises(ValidationError):
        group.name = "other"  # type: ignore[misc]  # what is tested
    assert len({group, group_of(COUNT)}) == 1


def test_value_types_lists_each_typed_field_once() -> None:
    """The typed fields of a group are the ones that must hold a good value for an event to be usable."""
    amount = ValueType(kind=ValueKind.DECIMAL, scale=2)
    total = Feature(name="a", op=Operator.SUM, field="payload.z", type=amount, window=LifetimeWindow())
    largest = total.model_copy(update={"name": "b", "op": Operator.MAX})
    country = Feature(
        name="c",
        op=Operator.LAST,
        field="payload.c",
        type=ValueType(kind=ValueKind.STRING),
        window=LifetimeWindow(),
    )
    group = group_of(total, largest, country)
    assert list(group.value_types.items()) == [("payload.c", country.type), ("payload.z", amount)]
    assert group.feature("c") is country
    with pytest.raises(KeyError):
        group.feature("d")


def test_the_canonical_definition_fills_in_defaults_and_leaves_out_what_is_absent() -> None:
    """Defaults stand in the canonical form, durations are microseconds, absent members are left out."""
    text = (
        "features:\n- {window: {tumbling: 1h}, op: count, name: z_n}\n"
        "- {name: a_sum, op: sum, field: payload.x, type: int, window: {session: 1m}}\n"
        "event_types: [b, a]\nversion: v12\nfeature_group: g\nkey: {field: payload.k.i, type: t}\n"
        "where: [{in: [1.50, x, true], field: payload.y}]\nlate: {policy: drop, allowed_lateness: 1ms}\n"
    )
    group = read_definition(text.encode(), "f")
    assert canonical_definition(group) == {
        "feature_group": "g",
        "version": "v12",
        "key": {"type": "t", "field": "payload.k.i"},
        "event_types": ["b", "a"],
        "where": [
            {
                "field": "payload.y",
                "op": "in",
                "operand": [{"number": "1.5"}, {"string": "x"}, {"bool": True}],
            }
        ],
        "late": {"policy": "drop", "allowed_lateness_us": 1_000},
        "features": [
            {
                "name": "a_sum",
                "op": "sum",
                "field": "payload.x",
                "type": {"kind": "int"},
                "window": {"kind": "session", "gap_us": 60_000_000},
            },
            {"name": "z_n", "op": "count", "window": {"kind": "tumbling", "size_us": HOUR_US, "back": 0}},
        ],
    }
    assert definition_bytes(group) == jcs(canonical_definition(group))
    assert definition_digest(group) == sha256_hex(definition_bytes(group))
    assert json.loads(definition_bytes(group)) == canonical_definition(group)
