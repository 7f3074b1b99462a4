"""The typed decoder of decisions: every problem has its reason, and nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofs.canonical import jcs
from ofs.contracts import AsOfBasis, DecisionRecord
from ofs.engine.native import NativeEngine
from ofs.engine.reference import ReferenceEngine
from ofs.planner.decisions import DeadLetterReason, Decision, decode_decision
from ofs.units import INT64_MAX
from tests.golden.admission_cases import PINS
from tests.golden.core_presence import required_core
from tests.unit.planner.facts import AS_OF, line, record

KEY = {"key_type": "account_id", "key_id": "K"}
GROUP = {"name": "hour", "version": "v1"}
ENTRY = {"stream": "events", "partition": 0, "next_offset": 100}
TIME = "2026-01-01T00:00:00Z"


def decoded(text: bytes) -> Decision:
    """The decision of a line that names one."""
    found = decode_decision(text)
    assert isinstance(found, Decision)
    return found


def test_a_whole_decision_is_decoded() -> None:
    """Every member in the type that the planner takes, groups by name, topic ids by partition."""
    found = decoded(
        line(
            request_id="r",
            feature_groups=[
                {"name": "ever", "version": "v1", "digest": "cd" * 32},
                {**GROUP, "digest": None},
            ],
            basis=[{**ENTRY, "partition": 1, "topic_id": "T"}, {**ENTRY, "topic_id": None}],
            online_features={"x": 1},
            decided_at_utc=TIME,
            extensions={},
            unheard_of=[1],
        )
    )
    assert found.problems == ()
    assert (found.decision_id, found.request_id, found.pins) == ("d1", "r", jcs(PINS))
    assert found.keys == (("account_id", "K"),)
    assert found.groups == (("ever", "v1", "cd" * 32), ("hour", "v1", None))
    assert (found.as_of_us, found.as_of_basis) == (AS_OF, AsOfBasis.EVENT_TIME)
    assert found.cut == {("events", 0): 100, ("events", 1): 100}
    assert found.topic_ids == {("events", 1): "T"}
    assert (found.hash_rule, found.online_hash) == ("ofs-jcs-sha256/v1", "ab" * 32)
    assert found.online_features == {"x": "1"}
    assert found.decided_us == 1_767_225_600_000_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "NOT_AN_OBJECT"),
        (b"[]", "NOT_AN_OBJECT"),
        (b'"d1"', "NOT_AN_OBJECT"),
        (b'{"decision_id":"d1"', "NOT_AN_OBJECT"),
        (b'{"decision_id":"\xff"}', "NOT_AN_OBJECT"),
        (b'{"decision_id":"d1","x":NaN}', "NOT_AN_OBJECT"),
        (b'{"decision_id":"d1","x":"\\ud800"}', "NOT_AN_OBJECT"),
        (b'\xef\xbb\xbf{"decision_id":"d1"}', "NOT_AN_OBJECT"),
        (b"{}", "DECISION_ID_MISSING"),
        (b'{"decision_id":null}', "DECISION_ID_MISSING"),
        (b'{"decision_id":7}', "DECISION_ID_MISSING"),
        (b'{"decision_id":["d1"]}', "DECISION_ID_MISSING"),
        (b'{"decision_id":"d1","decision_id":1}', "DECISION_ID_MISSING"),
    ],
)
def test_a_line_that_names_no_decision_is_a_dead_letter(text: bytes, reason: str) -> None:
    """No JSON object, or no string decision_id."""
    assert decode_decision(text) is DeadLetterReason(reason)


_MISSING: Any = ...
PROBLEMS: list[tuple[str, str, tuple[Any, ...]]] = [
    ("DECISION_INVALID", "decision_id", ("", "d" * 257)),
    ("DECISION_INVALID", "request_id", (1, [], True)),
    ("DECISION_INVALID", "online_snapshot_ref", (1, {})),
    ("DECISION_INVALID", "extensions", ("x", [], 1)),
    ("DECISION_INVALID", "decided_at_utc", ("yesterday", 1, "")),
    ("DECISION_INVALID", "online_snapshot_hash", ("ab", "AB" * 32, "ab" * 32 + "\n", 1)),
    ("DECISION_INVALID", "online_features", ([], "x", 1)),
    (
        "DECISION_INVALID",
        "feature_groups",
        (
            _MISSING,
            None,
            [],
            {},
            "x",
            ["hour"],
            [{"name": "hour"}],
            [{**GROUP, "name": ""}],
            [{**GROUP, "version": 1}],
            [{**GROUP, "digest": "ab"}],
            [{**GROUP, "more": 1}],
            [GROUP, GROUP],
            [GROUP, {**GROUP, "version": "v2"}],
            [GROUP, None],
        ),
    ),
    (
        "PINS_INVALID",
        "context_pins",
        (
            _MISSING,
            None,
            [],
            "x",
            {},
            {**PINS, "run_id": "x"},
            {**PINS, "seed": -1},
            {**PINS, "seed": "1"},
            {**PINS, "more": 1},
            {k: v for k, v in PINS.items() if k != "scenario_id"},
            {**PINS, "scenario_id": None},
        ),
    ),
    (
        "KEY_INVALID",
        "feature_keys",
        (
            _MISSING,
            None,
            [],
            {},
            ["K"],
            [{"key_type": "account_id"}],
            [{**KEY, "key_id": ""}],
            [{**KEY, "key_id": 1}],
            [{**KEY, "key_type": "Account"}],
            [{**KEY, "key_type": "a" * 129}],
            [{**KEY, "more": 1}],
            [KEY, KEY],
            [KEY, None],
        ),
    ),
    (
        "AS_OF_INVALID",
        "as_of_spec",
        (
            _MISSING,
            None,
            TIME,
            {},
            {"as_of_time_utc": TIME},
            {"as_of_basis": "event_time"},
            {"as_of_basis": "now", "as_of_time_utc": TIME},
            {"as_of_basis": "event_time", "as_of_time_utc": None},
            {"as_of_basis": "ingest_time", "as_of_time_utc": 1},
            {"as_of_basis": "watermark", "as_of_time_utc": "soon"},
            {"as_of_basis": "watermark", "more": 1},
            {"as_of_basis": 1},
        ),
    ),
    ("BASIS_MISSING", "basis", (_MISSING, None, [])),
    (
        "BASIS_INCOMPLETE",
        "basis",
        (
            {},
            "x",
            [1],
            [{"stream": "events", "partition": 0}],
            [{**ENTRY, "partition": 1}],
            [ENTRY, {**ENTRY, "partition": 2}],
            [ENTRY, ENTRY],
            [{**ENTRY, "next_offset": -1}],
            [{**ENTRY, "next_offset": 2**63}],
            [{**ENTRY, "next_offset": 1.0}],
            [{**ENTRY, "next_offset": "1"}],
            [{**ENTRY, "partition": "0"}],
            [{**ENTRY, "partition": True}],
            [{**ENTRY, "partition": -1}],
            [{**ENTRY, "stream": ""}],
            [{**ENTRY, "stream": "s" * 250}],
            [{**ENTRY, "stream": 1}],
            [{**ENTRY, "topic_id": ""}],
            [{**ENTRY, "more": 1}],
        ),
    ),
    ("HASH_RULE_UNKNOWN", "hash_rule", (1, [], True)),
]
CASES = [(reason, name, value) for reason, name, values in PROBLEMS for value in values]


@pytest.mark.parametrize(("reason", "name", "value"), CASES)
def test_what_is_wrong_with_a_decision_is_a_reason(reason: str, name: str, value: Any) -> None:
    """One malformed member gives one problem, with the reason that is its own; the member is None."""
    found = decoded(line(**{name: value}))
    assert [problem.reason for problem in found.problems] == [reason]
    assert found.problems[0].detail


@pytest.mark.parametrize(("reason", "name", "value"), CASES)
def test_the_engines_call_the_same_decisions_irregular(reason: str, name: str, value: Any) -> None:
    """The core understands none that the decoder has a problem with, and both hold the same ids and digest."""
    required_core()
    lines = [line(decision_id="good"), line(**{name: value})]
    found = []
    for engine in (NativeEngine(), ReferenceEngine()):
        decisions = engine.decisions()
        decisions.add(lines)
        decisions.seal()
        found.append(
            (decisions.irregular(), decisions.ids(0, 2), len(decisions.shapes()), decisions.digest([]))
        )
    assert found[0] == found[1]
    assert found[0][0] == [1], reason


def test_all_problems_are_gathered() -> None:
    """A decision with nothing but an id has every reason that a missing member has."""
    found = decoded(b'{"decision_id":"d1"}')
    assert {str(problem.reason) for problem in found.problems} == {
        "PINS_INVALID",
        "KEY_INVALID",
        "DECISION_INVALID",
        "AS_OF_INVALID",
        "BASIS_MISSING",
    }
    assert (found.pins, found.keys, found.groups, found.as_of_us, found.cut) == (None,) * 5
    assert found.hash_rule == "ofs-jcs-sha256/v1"


WELL_FORMED: list[dict[str, Any]] = [
    {"decision_id": "\U0001f600" * 256},
    {
        "request_id": None,
        "online_features": None,
        "decided_at_utc": None,
        "hash_rule": None,
        "extensions": None,
    },
    {"context_pins": {**PINS, "seed": INT64_MAX}},
    {"context_pins": {**PINS, "seed": None}},
    {
        "feature_keys": [
            KEY,
            {"key_type": "account_id", "key_id": "k"},
            {"key_type": "card_id", "key_id": "K"},
        ]
    },
    {"feature_groups": [{"name": "Any Name", "version": "latest"}]},
    {"as_of_spec": {"as_of_basis": "watermark"}},
    {"as_of_spec": {"as_of_basis": "watermark", "as_of_time_utc": None}},
    {"as_of_spec": {"as_of_basis": "watermark", "as_of_time_utc": TIME}},
    {"as_of_spec": {"as_of_basis": "ingest_time", "as_of_time_utc": "0001-01-01T00:00:00.000001Z"}},
    {"basis": [{**ENTRY, "partition": 1}, {**ENTRY, "stream": "other"}, {**ENTRY, "next_offset": 0}]},
    {"hash_rule": "another/v9"},
    {"online_snapshot_hash": ...},
]


@pytest.mark.parametrize("members", WELL_FORMED, ids=str)
def test_a_well_formed_decision_has_no_problem(members: dict[str, Any]) -> None:
    """Neither for the decoder, nor for the model, nor for the core."""
    text = line(**members)
    assert decoded(text).problems == ()
    assert DecisionRecord.model_validate_json(text).decision_id == decoded(text).decision_id
    decisions = required_core().Decisions()
    decisions.add([text])
    decisions.seal()
    assert decisions.irregular() == []


def test_a_seed_as_written_in_hashed_bytes_is_no_seed() -> None:
    """A decision's seed is a number, however large."""
    found = decoded(line(context_pins={**PINS, "seed": INT64_MAX}))
    assert found.pins == jcs({**PINS, "seed": str(INT64_MAX)})


@given(
    st.dictionaries(
        st.sampled_from(sorted(record())),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.sampled_from(["", "events", "account_id", TIME, "event_time"]),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["key_type", "key_id", "stream", "partition", "next_offset"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=6,
        ),
        max_size=3,
    )
)
def test_nothing_in_a_decision_raises(members: dict[str, Any]) -> None:
    """Whatever its members are, a line is a decision or a dead letter, and its reasons are of the closed list."""
    found = decode_decision(json.dumps({**record(), **members}).encode())
    assert isinstance(found, Decision | DeadLetterReason)
