"""The plan of a batch: which decisions are answered, from which definitions, and what of each partition is read."""

from __future__ import annotations

from typing import Any

import pytest

from ofs.contracts import SnapshotOutput
from ofs.engine.reference import ReferenceDecisions
from ofs.planner.decisions import Decision, decode_decision
from ofs.planner.log_facts import LogFacts
from ofs.planner.plan import ReplayPlan, make_plan
from ofs.planner.request import replay_id, replay_request
from ofs.units import format_timestamp_us
from tests.unit.planner.facts import AS_OF, HOUR, REGISTRY, digest, facts, line, partition, stream

WHOLE = facts(stream(partition()))
EVER = [{"name": "ever", "version": "v1"}]


def ask(number: int, **members: Any) -> bytes:
    """A decision with an id of its own."""
    return line(decision_id=f"d{number}", **members)


def at(hours: int) -> dict[str, Any]:
    """As-of in hours, with a cut at the same offset."""
    return {
        "as_of_spec": {"as_of_time_utc": format_timestamp_us(hours * HOUR), "as_of_basis": "event_time"},
        "basis": [{"stream": "events", "partition": 0, "next_offset": hours}],
    }


def planned(lines: list[bytes], log: LogFacts = WHOLE, *, skew: int = 0) -> ReplayPlan:
    """The plan of these lines."""
    decisions = ReferenceDecisions()
    decisions.add(lines)
    decisions.seal()
    irregular: dict[int, Decision] = {}
    for index in decisions.irregular():
        found = decode_decision(lines[decisions.lines(index, index + 1)[0]])
        assert isinstance(found, Decision)
        irregular[index] = found
    return make_plan(decisions, irregular, REGISTRY, log, max_skew_us=skew)


def spans(plan: ReplayPlan) -> list[tuple[str, int, int, int, str]]:
    """(stream, partition, start, end, start from) of what is read."""
    return [(p.stream, p.partition, p.start, p.end, p.start_from) for p in plan.partitions]


def why(plan: ReplayPlan) -> dict[int, list[str]]:
    """Reasons by decision."""
    return {index: [detail.reason.value for detail in details] for index, details in plan.reasons.items()}


def test_nothing_is_planned_for_nothing() -> None:
    """No decision, no partition."""
    plan = planned([])
    assert (plan.locked, plan.shape_groups, plan.reasons, plan.partitions) == ((), {}, {}, ())


def test_a_finite_window_is_read_from_its_bound() -> None:
    """From the first offset that can hold an event of the window, to the cut."""
    plan = planned([ask(1)])
    assert spans(plan) == [("events", 0, 99, 100, "bound")]
    assert plan.shape_groups == {0: [0]}
    assert plan.digests == {("hour", "v1"): digest("hour")}


@pytest.mark.parametrize(("skew", "start"), [(0, 99), (1, 99), (HOUR, 98), (HOUR + 1, 98), (98 * HOUR, 1)])
def test_the_skew_moves_the_bound_back(skew: int, start: int) -> None:
    """An event may be logged that much before it happened."""
    assert spans(planned([ask(1)], skew=skew)) == [("events", 0, start, 100, "bound")]


def test_a_bound_at_the_beginning_is_the_origin() -> None:
    """Nothing lies before it that could be missing."""
    assert spans(planned([ask(1)], skew=99 * HOUR)) == [("events", 0, 0, 100, "origin")]


@pytest.mark.parametrize(
    "members",
    [
        {"feature_groups": EVER},
        {"feature_groups": [{"name": "strict", "version": "v1"}]},
        {"as_of_spec": {"as_of_basis": "watermark"}},
        {"as_of_spec": {"as_of_basis": "watermark", "as_of_time_utc": format_timestamp_us(AS_OF)}},
    ],
    ids=["lifetime", "drop", "derived watermark", "given watermark"],
)
def test_what_looks_back_without_bound_is_read_from_the_origin(members: dict[str, Any]) -> None:
    """Unbounded windows, lateness, and a watermark."""
    assert spans(planned([ask(1, **members)])) == [("events", 0, 0, 100, "origin")]


def test_a_partition_is_read_once_for_all_decisions() -> None:
    """From the earliest start to the largest cut of those that are answered."""
    assert spans(planned([ask(1, **at(90)), ask(2, **at(120))])) == [("events", 0, 89, 120, "bound")]
    assert spans(planned([ask(1, **at(90)), ask(2, **at(120), feature_groups=EVER)])) == [
        ("events", 0, 0, 120, "origin")
    ]


def test_a_decision_that_cannot_be_answered_asks_for_nothing() -> None:
    """Its cut and its start do not count, and only its own reasons stand."""
    plan = planned([ask(1), ask(2, **at(201)), ask(3, **at(500))])
    assert spans(plan) == [("events", 0, 99, 100, "bound")]
    assert why(plan) == {1: ["BASIS_BEYOND_LOG_END"], 2: ["BASIS_BEYOND_LOG_END"]}


def test_a_shape_of_which_nothing_can_be_answered_is_not_bound() -> None:
    """No definitions are looked up for it, no partition read."""
    plan = planned([ask(1, feature_groups=[{"name": "nope", "version": "v1"}]), ask(2, **at(300))])
    assert plan.shape_groups == {}
    assert why(plan) == {0: ["DEFINITION_MISSING"], 1: ["BASIS_BEYOND_LOG_END"]}
    assert spans(plan) == []


def test_a_missing_hash_does_not_keep_a_decision_from_being_rebuilt() -> None:
    """It is answered; with another reason both stand."""
    plan = planned([ask(1, online_snapshot_hash=...), ask(2, online_snapshot_hash=..., **at(300))])
    assert why(plan) == {1: ["BASIS_BEYOND_LOG_END", "ONLINE_HASH_MISSING"]}
    assert spans(plan) == [("events", 0, 99, 100, "bound")]


def test_an_irregular_decision_has_its_own_reasons_and_those_of_the_log() -> None:
    """What could be read of it is held against the log and the registry."""
    plan = planned(
        [ask(1, feature_keys=[], basis=[{"stream": "events", "partition": 0, "next_offset": 201}])]
    )
    assert why(plan) == {0: ["KEY_INVALID", "BASIS_BEYOND_LOG_END"]}
    assert spans(plan) == []


def test_definitions_are_those_that_are_named_and_published() -> None:
    """Each version once, sorted, with a position for each shape's groups."""
    plan = planned(
        [
            ask(1, feature_groups=[{"name": "hour", "version": "v2"}, {"name": "day", "version": "v1"}]),
            ask(2),
            ask(3, feature_groups=[{"name": "nope", "version": "v1"}]),
        ]
    )
    assert [(entry.name, entry.version) for entry in plan.locked] == [
        ("day", "v1"),
        ("hour", "v1"),
        ("hour", "v2"),
    ]
    assert plan.shape_groups == {0: [0, 2], 1: [1]}


def test_partitions_have_their_own_spans() -> None:
    """A cut of zero reads nothing; the log's identity goes along."""
    log = facts(
        stream(partition(), partition(0, 50, number=1)), stream(partition(), name="zeta", topic_id=None)
    )
    basis = [("events", 0, 0), ("events", 1, 50), ("zeta", 0, 7)]
    entries = [{"stream": name, "partition": number, "next_offset": offset} for name, number, offset in basis]
    plan = planned([ask(1, basis=entries, feature_groups=EVER)], log)
    assert spans(plan) == [
        ("events", 0, 0, 0, "origin"),
        ("events", 1, 0, 50, "origin"),
        ("zeta", 0, 0, 7, "origin"),
    ]
    assert [(p.log_id, p.topic_id) for p in plan.partitions] == [("T1", "T1"), ("T1", "T1"), ("T1", None)]


def test_a_window_behind_the_last_record_reads_nothing() -> None:
    """No readable record is that young: the span is empty, at the cut."""
    late = {"as_of_spec": {"as_of_time_utc": format_timestamp_us(900 * HOUR), "as_of_basis": "event_time"}}
    assert spans(planned([ask(1, **late)])) == [("events", 0, 100, 100, "bound")]


def test_a_truncated_beginning_is_skipped_where_windows_do_not_reach_it() -> None:
    """The bound lies behind what is gone; a lifetime is not answered."""
    log = facts(stream(partition(50, 200)))
    plan = planned([ask(1), ask(2, feature_groups=EVER), ask(3, **at(50))], log)
    assert why(plan) == {1: ["HISTORY_TRUNCATED"], 2: ["HISTORY_TRUNCATED"]}
    assert spans(plan) == [("events", 0, 99, 100, "bound")]


def test_decisions_of_one_shape_are_told_apart_where_the_worst_cannot_be_answered() -> None:
    """Exactly those that reach too far back or forward, for every mix of as-of and cut."""
    log = facts(stream(partition(50, 200)))
    hours = (40, 50, 51, 52, 150, 200, 201)
    plan = planned([ask(hour, **at(hour)) for hour in hours], log)
    assert {hours[index]: reasons for index, reasons in why(plan).items()} == {
        40: ["HISTORY_TRUNCATED"],
        50: ["HISTORY_TRUNCATED"],
        51: ["HISTORY_TRUNCATED"],
        201: ["BASIS_BEYOND_LOG_END"],
    }
    assert spans(plan) == [("events", 0, 51, 200, "bound")]


def request_of(plan: ReplayPlan, log: LogFacts = WHOLE, **members: Any) -> str:
    """The replay id of a plan's request."""
    given: dict[str, Any] = {
        "decisions_digest": "ab" * 32,
        "hash_rules": ["ofs-jcs-sha256/v1"],
        "max_skew_us": 0,
        "snapshots": SnapshotOutput.ALL,
        "basis": None,
    }
    return replay_id(replay_request(plan, log, **{**given, **members}))


def test_the_replay_id_is_that_of_what_changes_bytes() -> None:
    """Decisions, definitions, log, skew, rules and output options; not the order in which rules were met."""
    plan = planned([ask(1)])
    base = request_of(plan)
    others = {
        request_of(plan, decisions_digest="cd" * 32),
        request_of(plan, max_skew_us=1),
        request_of(plan, snapshots=SnapshotOutput.NONE),
        request_of(plan, hash_rules=["ofs-jcs-sha256/v1", "x"]),
        request_of(planned([ask(1, feature_groups=EVER)])),
        request_of(plan, facts(stream(partition(), log_id="T2"))),
        request_of(plan, facts(stream(partition()), unknown=("other",))),
    }
    assert len(others | {base}) == 8
    assert request_of(plan, hash_rules=["ofs-jcs-sha256/v1"] * 2) == base
    assert request_of(plan, facts(stream(partition(0, 300)))) == base
