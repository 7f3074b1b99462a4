"""`Decisions` as Python sees them: what is regular, what is a dead letter, what the planner looks at."""

from __future__ import annotations

import hashlib
import json

import pytest
from pydantic import ValidationError

from ofs import _core
from ofs.contracts import DecisionRecord
from ofs.packed import Packed
from ofs.sources.decisions import LinesOfText
from tests.unit.core.records import FINGERPRINT, decision, decision_with, json_object, pins

INT64_MIN = -(2**63)
HASH = '"' + "ab" * 32 + '"'
WATERMARK = '{"as_of_basis":"watermark"}'


def sealed(*lines: bytes) -> _core.Decisions:
    decisions = _core.Decisions()
    half = len(lines) // 2
    decisions.add(list(lines[:half]))
    decoded = decisions.decode(list(lines[half:]))
    assert len(decoded) == len(lines) - half
    decisions.append(decoded)
    decisions.seal()
    return decisions


def test_decisions_stand_in_order_of_first_appearance() -> None:
    """Each id appears once, at its first line; equal copies are only counted."""
    a, b = decision("a"), decision("b", request_id='"r"')
    decisions = sealed(b, a, b.replace(b'":', b'" : '), b, a)
    assert list(Packed(*decisions.ids(0, 2))) == [b"b", b"a"]
    assert decisions.lines(0, 2) == [0, 1]
    assert (len(decisions), decisions.line_count, decisions.duplicates) == (2, 5, 3)
    assert (decisions.dead_letters(), decisions.irregular()) == ([], [])


def test_lines_of_a_text_are_those_of_the_list() -> None:
    """The core splits a text as the source does: empty lines, one without an end, and none at all."""
    a, b = decision("a"), decision("b")
    for text, last in [
        (b"", None),
        (b"", a),
        (b"\n", b""),
        (a + b"\n\n", b),
        (a + b"\r\n" + b + b"\n", b""),
        (b"\n\n" + b, None),
    ]:
        lines = LinesOfText(text, text.rfind(b"\n") + 1, last)
        found, expected = _core.Decisions(), _core.Decisions()
        found.append(found.decode(lines))
        expected.append(expected.decode(list(lines)))
        for decisions in (found, expected):
            decisions.seal()
        dead = [lines[line] for line, _ in expected.dead_letters()]
        assert (found.line_count, found.digest(dead)) == (len(lines), expected.digest(dead))
        assert found.dead_letters() == expected.dead_letters()
    with pytest.raises(ValueError, match="ends before its lines"):
        _core.Decisions.decode(LinesOfText(b"a\n", 3, None))


def test_decisions_that_differ_under_one_id_are_all_dead_letters() -> None:
    """Of a conflict every copy goes, the equal ones too, and leaves no trace in shapes, pins or duplicates."""
    gone, other = decision("gone", scenario="x"), decision("gone", scenario="y")
    decisions = sealed(gone, decision("stays", scenario="z"), gone, other, b"[]", b'{"decision_id":1}')
    assert decisions.dead_letters() == [
        (0, "DECISION_CONFLICT"),
        (2, "DECISION_CONFLICT"),
        (3, "DECISION_CONFLICT"),
        (4, "NOT_AN_OBJECT"),
        (5, "DECISION_ID_MISSING"),
    ]
    assert list(Packed(*decisions.ids(0, 1))) == [b"stays"]
    assert (len(decisions), decisions.duplicates, len(decisions.pins()), len(decisions.shapes())) == (
        1,
        0,
        1,
        1,
    )


def test_digest_covers_decisions_and_dead_letters() -> None:
    """The digest is that of the canonical decisions in order, then of the raw dead lines with their numbers."""
    spaced, dead = b'{ "x":1.0, "decision_id":"b" }', b"nonsense"
    decisions = sealed(dead, spaced, decision("a"), spaced)
    parts = b"\0" + hashlib.sha256(b'{"decision_id":"b","x":1}').digest()
    parts += b"\0" + hashlib.sha256(_core.canonical(decision("a"))).digest()
    parts += b"\1" + (0).to_bytes(8, "big") + hashlib.sha256(dead).digest()
    assert decisions.digest([dead]) == hashlib.sha256(parts).hexdigest()


REGULAR: list[dict[str, str | None]] = [
    {"extra": '{"a":[1e400]}'},
    {"request_id": "null", "hash_rule": "null", "decided_at_utc": "null", "extensions": "{}"},
    {"hash_rule": '"another/v2"', "online_snapshot_ref": '"x"'},
    {"online_snapshot_hash": HASH, "online_features": '{"b":1}'},
    {"as_of_spec": WATERMARK},
    {"as_of_spec": '{"as_of_basis":"watermark","as_of_time_utc":null}'},
    {"basis": '[{"stream":"s","partition":0,"next_offset":0,"topic_id":null}]'},
    {"hash_rule": '1,"hash_rule":"x"'},
]
IRREGULAR: list[dict[str, str | None]] = [
    {"context_pins": None},
    {"context_pins": json_object({**pins(), "other": "null"}).decode()},
    {"context_pins": json_object({**pins(), "seed": "-1"}).decode()},
    {"feature_keys": "[]"},
    {"feature_keys": '[{"key_type":"Card","key_id":"1"}]'},
    {"feature_keys": '[{"key_type":"card","key_id":""}]'},
    {"feature_groups": '[{"name":"g","version":""}]'},
    {"feature_groups": '[{"name":"g","version":"v1","x":1}]'},
    {"feature_groups": '[{"name":"g","version":"v1","digest":"AB"}]'},
    {"as_of_spec": '{"as_of_basis":"event_time"}'},
    {"as_of_spec": '{"as_of_basis":"now","as_of_time_utc":"1970-01-01T00:00:00Z"}'},
    {"basis": None},
    {"basis": "[]"},
    {"basis": '[{"stream":"s","partition":0,"next_offset":-1}]'},
    {"basis": '[{"stream":"s","partition":0,"next_offset":1.0}]'},
    {"basis": '[{"stream":"s","partition":2147483648,"next_offset":1}]'},
    {"online_snapshot_hash": '"AB"'},
    {"online_features": "[]"},
    {"decided_at_utc": '"1970-01-01"'},
    {"extensions": '"x"'},
    {"request_id": "7"},
]
# well-formed, but wrong as a whole: no contract's member says so
INCONSISTENT: list[dict[str, str | None]] = [
    {"feature_keys": '[{"key_type":"a","key_id":"1"},{"key_type":"a","key_id":"1"}]'},
    {"feature_groups": '[{"name":"g","version":"v1"},{"name":"g","version":"v2"}]'},
    {"basis": '[{"stream":"s","partition":1,"next_offset":1}]'},
    {"basis": '[{"stream":"s","partition":0,"next_offset":1},{"stream":"s","partition":0,"next_offset":1}]'},
]


@pytest.mark.parametrize("changed", REGULAR)
def test_decision_is_regular_when_all_of_it_is_well_formed(changed: dict[str, str | None]) -> None:
    """What the contract takes is understood by the core."""
    line = decision_with("a", changed)
    assert sealed(line).irregular() == []
    DecisionRecord.model_validate(json.loads(line))


@pytest.mark.parametrize("changed", IRREGULAR)
def test_decision_is_irregular_when_the_contract_refuses_it(changed: dict[str, str | None]) -> None:
    """What the contract refuses is left to the planner, but has its place and id."""
    line = decision_with("a", changed)
    decisions = sealed(line)
    assert (decisions.irregular(), decisions.ids(0, 1)[0], decisions.shapes()) == ([0], b"a", [])
    with pytest.raises(ValidationError):
        DecisionRecord.model_validate(json.loads(line))


@pytest.mark.parametrize("changed", INCONSISTENT)
def test_decision_is_irregular_when_its_members_disagree(changed: dict[str, str | None]) -> None:
    """Keys or groups named twice and cuts with holes are left to the planner."""
    assert sealed(decision_with("a", changed)).irregular() == [0]


def test_decision_id_decides_between_irregular_and_dead() -> None:
    """An empty or long id is irregular, an id that is no string a dead letter."""
    decisions = sealed(decision(""), decision("é" * 256), decision("x" * 257), b'{"decision_id":null}')
    assert decisions.irregular() == [0, 2]
    assert decisions.dead_letters() == [(3, "DECISION_ID_MISSING")]


def test_shape_shows_what_its_decisions_share_and_span() -> None:
    """A shape carries pins, rule, groups, streams and the spans of times and cuts."""
    groups = f'[{{"name":"z","version":"v2"}},{{"name":"a","version":"v1","digest":"{FINGERPRINT}"}}]'
    basis = (
        '[{"stream":"t","partition":1,"next_offset":8,"topic_id":"i1"},{"stream":"s","partition":0,"next_offset":%d},'
        '{"stream":"t","partition":0,"next_offset":9,"topic_id":null}]'
    )
    late = '{"as_of_time_utc":"1970-01-01T00:00:09Z","as_of_basis":"event_time"}'
    decisions = sealed(
        decision("a", feature_groups=groups, basis=basis % 3, online_snapshot_hash=HASH),
        decision("other"),
        decision(
            "b",
            feature_groups=groups,
            basis=basis % 1,
            online_snapshot_hash=HASH,
            as_of_spec=late,
            decided_at_utc='"1970-01-01T00:00:02Z"',
        ),
    )
    shape, other = decisions.shapes()
    assert decisions.pins() == [_core.canonical(json_object(pins()))] == [shape.pins]
    assert (shape.hash_rule, shape.as_of_basis, shape.has_hash) == ("ofs-jcs-sha256/v1", "event_time", True)
    assert shape.groups == [("a", "v1", FINGERPRINT), ("z", "v2", None)]
    assert shape.streams == [("s", [None]), ("t", [None, "i1"])]
    assert (shape.count, shape.as_of_us_min, shape.as_of_us_max) == (2, 1_000_000, 9_000_000)
    assert (shape.decided_us_min, shape.decided_us_max) == (1_000_000, 2_000_000)
    assert (shape.cuts_min, shape.cuts_max) == ([[1], [9, 8]], [[3], [9, 8]])
    assert (other.count, other.has_hash, other.streams) == (1, False, [("s", [None])])
    members = decisions.members(0)
    assert (members.indexes, members.as_of_us) == ([0, 2], [1_000_000, 9_000_000])
    assert (members.decided_us, members.cuts) == ([1_000_000, 2_000_000], [[3, 9, 8], [1, 9, 8]])


def test_shape_has_no_times_when_the_as_of_is_to_be_derived() -> None:
    """A watermark decision without a time has neither as-of nor, undated, a time of decision."""
    shape = sealed(decision("a", as_of_spec=WATERMARK)).shapes()[0]
    assert (shape.as_of_us_min, shape.as_of_us_max) == (None, None)
    assert (shape.decided_us_min, shape.decided_us_max) == (INT64_MIN, INT64_MIN)


def test_cut_max_leaves_out_what_is_not_answered() -> None:
    """Unbound, excluded and irregular decisions have no say; a watermark to come has."""
    decisions = sealed(
        decision("a", cuts=(5, 70)),
        decision("b", cuts=(9, 1)),
        decision("c", cuts=(20, 2), as_of_spec=WATERMARK),
        decision("d", cuts=(99,)),
        decision("e", cuts=(), basis="[]"),
    )
    decisions.bind(0, [0])
    decisions.bind(1, [0])
    assert [decisions.cut_max("s", partition, 0, 5) for partition in range(3)] == [20, 70, -1]
    assert (decisions.cut_max("s", 0, 0, 2), decisions.cut_max("t", 0, 0, 5)) == (9, -1)
    decisions.exclude([0, 2])
    assert [decisions.cut_max("s", partition, 0, 5) for partition in range(2)] == [9, 1]


def test_decisions_refuse_calls_that_cannot_be_meant() -> None:
    """Calls out of turn and indexes of nothing raise ValueError."""
    unsealed = _core.Decisions()
    with pytest.raises(ValueError, match="sealed first"):
        len(unsealed)
    with pytest.raises(ValueError, match="sealed first"):
        unsealed.shapes()
    decisions = sealed(decision("a"))
    with pytest.raises(ValueError, match="no line"):
        decisions.add([b"{}"])
    with pytest.raises(ValueError, match="no line"):
        decisions.append(decisions.decode([]))
    with pytest.raises(ValueError, match="each dead letter"):
        decisions.digest([b"{}"])
    with pytest.raises(ValueError, match="group indexes"):
        decisions.bind(0, [])
    with pytest.raises(ValueError, match="no shape"):
        decisions.members(1)
    with pytest.raises(ValueError, match="no decision"):
        decisions.exclude([1])
    with pytest.raises(ValueError, match="watermark"):
        decisions.set_as_of(0, 1)
    with pytest.raises(ValueError, match="no range"):
        decisions.ids(0, 2)
