"""Both engines hold decisions alike: order, copies, conflicts, dead letters, shapes, digest."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ofs.canonical import canonical_text, jcs
from ofs.engine.native import NativeEngine
from ofs.engine.port import DecisionSet, Engine
from ofs.engine.reference import ReferenceEngine
from ofs.packed import Packed
from ofs.units import format_timestamp_us
from tests.golden.admission_cases import PINS
from tests.golden.core_presence import required_core
from tests.unit.planner.facts import AS_OF, HOUR, line

INT64_MIN = -(2**63)
GROUPS = [{"name": "hour", "version": "v1"}]


@pytest.fixture(params=["reference", "native"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine; the native one where it was built."""
    if request.param == "native":
        required_core()
        return NativeEngine()
    return ReferenceEngine()


def sealed(engine: Engine, *lines: bytes) -> DecisionSet:
    """A sealed set of these lines, added one by one."""
    decisions = engine.decisions()
    for text in lines:
        decisions.add([text])
    decisions.seal()
    return decisions


def ask(name: str, **members: Any) -> bytes:
    """A decision with an id."""
    return line(decision_id=name, **members)


def entry(partition: int, offset: int, **members: Any) -> dict[str, Any]:
    """One partition of a cut of the stream events."""
    return {"stream": "events", "partition": partition, "next_offset": offset, **members}


def test_decisions_stand_in_the_order_of_first_appearance(engine: Engine) -> None:
    """Copies with equal canonical bytes are one decision, at the first one's line."""
    decisions = sealed(engine, ask("b"), ask("a"), ask("b"), ask("a").replace(b": ", b":"), ask("c"))
    assert (len(decisions), decisions.line_count, decisions.duplicates) == (3, 5, 2)
    assert list(Packed(*decisions.ids(0, 3))) == [b"b", b"a", b"c"]
    assert decisions.lines(0, 3) == [0, 1, 4]
    assert list(Packed(*decisions.ids(1, 2))) == [b"a"]
    assert decisions.dead_letters() == []


def test_all_copies_of_a_conflict_are_dead_letters(engine: Engine) -> None:
    """Also those that are equal to the first; other decisions keep their order."""
    decisions = sealed(engine, ask("a"), ask("b"), ask("a"), ask("a", request_id="r"), ask("c"))
    assert list(Packed(*decisions.ids(0, len(decisions)))) == [b"b", b"c"]
    assert decisions.dead_letters() == [(number, "DECISION_CONFLICT") for number in (0, 2, 3)]
    assert decisions.duplicates == 0


@pytest.mark.parametrize(
    ("first", "second", "is_conflict"),
    [
        (b'{"decision_id":"a","x":1.0}', b'{"decision_id":"a","x":1}', False),
        (b'{"decision_id":"a","x":1.50}', b'{"x":15e-1,"decision_id":"a"}', False),
        (b'{"decision_id":"a","x":9007199254740993}', b'{"decision_id":"a","x":"9007199254740993"}', False),
        (b'{"decision_id":"a","x":1}', b'{"decision_id":"a","x":2}', True),
        (b'{"decision_id":"a","x":null}', b'{"decision_id":"a"}', True),
        (b'{"decision_id":"a","x":9007199254740993}', b'{"decision_id":"a","x":9007199254740992}', True),
        (b'{"decision_id":"a","x":1e400}', b'{"decision_id":"a","x":1e401}', True),
        (b'{"decision_id":"a","x":1,"x":2}', b'{"decision_id":"a","x":2}', False),
        (b'{"decision_id":"a"}', b'{"decision_id":"\\u0061"}', False),
    ],
)
def test_copies_are_equal_by_their_canonical_bytes(
    engine: Engine, first: bytes, second: bytes, is_conflict: bool
) -> None:
    """Not by their text, and not by what an engine reads of them."""
    decisions = sealed(engine, first, second)
    assert len(decisions) == (0 if is_conflict else 1)
    assert decisions.duplicates == (0 if is_conflict else 1)


def test_dead_letters_are_in_line_order(engine: Engine) -> None:
    """Lines that name no decision, and conflicts, together."""
    decisions = sealed(
        engine, b"[]", ask("a"), b'{"decision_id":1}', ask("a", request_id="r"), b"{", ask("b")
    )
    assert decisions.dead_letters() == [
        (0, "NOT_AN_OBJECT"),
        (1, "DECISION_CONFLICT"),
        (2, "DECISION_ID_MISSING"),
        (3, "DECISION_CONFLICT"),
        (4, "NOT_AN_OBJECT"),
    ]


def test_the_digest_is_over_decisions_and_dead_letters(engine: Engine) -> None:
    """Canonical bytes in order of appearance, then raw lines by their number."""
    lines = [b"[ ]", ask("b"), ask("a", feature_keys=[]), ask("b"), b"{}"]
    expected = hashlib.sha256()
    for number in (1, 2):
        expected.update(b"\x00" + hashlib.sha256(canonical_text(lines[number])).digest())
    for number in (0, 4):
        expected.update(b"\x01" + number.to_bytes(8, "big") + hashlib.sha256(lines[number]).digest())
    assert sealed(engine, *lines).digest([lines[0], lines[4]]) == expected.hexdigest()


def test_the_empty_set(engine: Engine) -> None:
    """No line at all is a set too."""
    decisions = sealed(engine)
    assert (len(decisions), decisions.shapes(), decisions.pins(), decisions.irregular()) == (0, [], [], [])
    assert decisions.digest([]) == hashlib.sha256().hexdigest()


def test_shapes_gather_what_differs_in_times_and_offsets_only(engine: Engine) -> None:
    """One shape with its bounds and its members as columns."""
    decided = {"decided_at_utc": format_timestamp_us(AS_OF + 5)}
    earlier = {
        "as_of_spec": {"as_of_basis": "event_time", "as_of_time_utc": format_timestamp_us(AS_OF - HOUR)}
    }
    decisions = sealed(
        engine,
        ask("a", basis=[entry(1, 7), entry(0, 100)]),
        ask("b", feature_keys=[]),
        ask("c", basis=[entry(0, 3), entry(1, 9)], **decided, **earlier),
    )
    (shape,) = decisions.shapes()
    assert decisions.irregular() == [1]
    assert (shape.pins, shape.hash_rule, shape.as_of_basis, shape.has_hash, shape.count) == (
        jcs(PINS),
        "ofs-jcs-sha256/v1",
        "event_time",
        True,
        2,
    )
    assert [tuple(group) for group in shape.groups] == [("hour", "v1", None)]
    assert [tuple(stream) for stream in shape.streams] == [("events", [None, None])]
    assert (shape.as_of_us_min, shape.as_of_us_max) == (AS_OF - HOUR, AS_OF)
    assert (shape.decided_us_min, shape.decided_us_max) == (AS_OF, AS_OF + 5)
    assert (shape.cuts_min, shape.cuts_max) == ([[3, 7]], [[100, 9]])
    members = decisions.members(0)
    assert (list(members.indexes), list(members.as_of_us)) == ([0, 2], [AS_OF, AS_OF - HOUR])
    assert (list(members.decided_us), [list(cuts) for cuts in members.cuts]) == (
        [AS_OF, AS_OF + 5],
        [[100, 7], [3, 9]],
    )


@pytest.mark.parametrize(
    "members",
    [
        {"context_pins": {**PINS, "seed": 1}},
        {"hash_rule": "other/v1"},
        {"feature_groups": [{"name": "hour", "version": "v2"}]},
        {"feature_groups": [{"name": "hour", "version": "v1", "digest": "0" * 64}]},
        {"basis": [entry(0, 100), entry(1, 1)]},
        {"basis": [entry(0, 100, topic_id="T")]},
        {"basis": [{**entry(0, 100), "stream": "other"}]},
        {"as_of_spec": {"as_of_basis": "ingest_time", "as_of_time_utc": format_timestamp_us(AS_OF)}},
        {"online_snapshot_hash": ...},
    ],
    ids=str,
)
def test_what_a_plan_looks_at_makes_another_shape(engine: Engine, members: dict[str, Any]) -> None:
    """Pins, rule, groups, streams, basis of the as-of, and whether a hash was recorded."""
    decisions = sealed(engine, ask("a"), ask("b", **members), ask("c"))
    assert [shape.count for shape in decisions.shapes()] == [2, 1]


def test_what_a_plan_does_not_look_at_makes_no_other_shape(engine: Engine) -> None:
    """Keys, recorded features, ids, order of groups, and members that are null or unknown."""
    two = [*GROUPS, {"name": "day", "version": "v1"}]
    decisions = sealed(
        engine,
        ask("a", feature_groups=two),
        ask(
            "b",
            feature_groups=two[::-1],
            feature_keys=[{"key_type": "card_id", "key_id": "X"}],
            online_features={"a": 1},
        ),
        ask(
            "c",
            feature_groups=two,
            hash_rule="ofs-jcs-sha256/v1",
            request_id="r",
            unheard_of=[],
            extensions={"x": 1},
        ),
    )
    assert [shape.count for shape in decisions.shapes()] == [3]


def test_a_watermark_without_a_time_has_none(engine: Engine) -> None:
    """Nor a time of decision, where none was recorded."""
    decisions = sealed(engine, ask("a", as_of_spec={"as_of_basis": "watermark"}))
    (shape,) = decisions.shapes()
    assert (shape.as_of_us_min, shape.as_of_us_max, shape.decided_us_min) == (None, None, INT64_MIN)
    assert list(decisions.members(0).as_of_us) == [None]


def test_pins_are_the_scopes(engine: Engine) -> None:
    """Distinct canonical pins of the regular decisions."""
    other = {**PINS, "seed": 2**63 - 1}
    decisions = sealed(engine, ask("a"), ask("b", context_pins=other), ask("c"), ask("d", feature_keys=[]))
    assert sorted(decisions.pins()) == sorted([jcs(PINS), jcs({**other, "seed": str(2**63 - 1)})])


def test_only_bound_decisions_with_an_as_of_are_asked(engine: Engine) -> None:
    """Neither those of unbound shapes, nor excluded ones, nor watermarks before their as-of is set."""
    decisions = sealed(
        engine,
        ask("a", basis=[entry(0, 5)]),
        ask("b", basis=[entry(0, 3)]),
        ask("c", basis=[entry(0, 9)], feature_groups=[{"name": "nope", "version": "v1"}]),
        ask("d", basis=[entry(0, 8)], as_of_spec={"as_of_basis": "watermark"}),
        ask("e", basis=[entry(0, 7)]),
    )
    assert decisions.cut_max("events", 0, 0, 5) == -1
    for number, shape in enumerate(decisions.shapes()):
        if shape.groups[0][0] == "hour":
            decisions.bind(number, [0])
    decisions.exclude([4])

    def asked(lo: int, hi: int, cut_from: int = 0, cut_to: int = 100, partition: int = 0) -> int:
        return len(decisions.queries("events", partition, lo, hi, cut_from, cut_to))

    assert (asked(0, 5), asked(0, 1), asked(0, 5, 4), asked(0, 5, 0, 5), asked(0, 5, 3, 4)) == (2, 1, 1, 1, 1)
    assert (
        asked(0, 5, partition=1),
        decisions.cut_max("events", 1, 0, 5),
        decisions.cut_max("other", 0, 0, 5),
    ) == (0, -1, -1)
    assert (
        decisions.cut_max("events", 0, 0, 5),
        decisions.cut_max("events", 0, 0, 2),
        decisions.cut_max("events", 0, 1, 2),
    ) == (8, 5, 3)
    decisions.set_as_of(3, AS_OF)
    assert asked(0, 5) == 3
