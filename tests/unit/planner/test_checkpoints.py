"""Which checkpoint a partition starts from: the nearest to the end that holds all that the plan would read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from ofs.contracts import FeatureGroupRef
from ofs.contracts.checkpoint import CheckpointManifest, StateIdentity, files_digest
from ofs.engine.reference import ReferenceDecisions
from ofs.planner.checkpoints import best_first
from ofs.planner.plan import PartitionPlan, make_plan
from tests.unit.planner.facts import REGISTRY, digest, facts, line, partition, stream

SCOPES: Final = [b"{}", b'{"a":1}']


def identity(**members: Any) -> StateIdentity:
    """The state of the hour group from offset 40 on."""
    given: dict[str, Any] = {
        "stream": "events",
        "log_id": "T1",
        "partition": 0,
        "group_digests": [digest("hour")],
        "scopes": SCOPES,
        "max_skew_us": 7,
        "start": 40,
        **members,
    }
    return StateIdentity.of(**given)


def plan(
    start: int = 40, end: int = 100, topic_id: str | None = "T1", held: tuple[tuple[int, int], ...] = ()
) -> PartitionPlan:
    """What is to be read, of the ranges that the log holds now: all where none is given."""
    decisions = ReferenceDecisions()
    decisions.add([line()])
    decisions.seal()
    (planned,) = make_plan(decisions, {}, REGISTRY, facts(stream(partition())), max_skew_us=0).partitions
    return replace(
        planned,
        topic_id=topic_id,
        info=partition(0, 200, *held),
        start=start,
        start_from="bound" if start else "origin",
        end=end,
    )


def at(
    frontier: int, topic_id: str | None = "T1", unread: tuple[tuple[int, int], ...] = (), **members: Any
) -> CheckpointManifest:
    """A checkpoint at a cut, of the identity with these members."""
    state = identity(**members)
    names = {digest(name): name for name in ("hour", "day")}
    return CheckpointManifest(
        state_id=state.state_id,
        state=state,
        topic_id=topic_id,
        groups=tuple(
            FeatureGroupRef(name=names[group], version="v1", digest=group) for group in state.groups
        ),
        start_from="bound" if state.start else "origin",
        since=state.start,
        frontier=frontier,
        unread=unread,
        watermark_us=None,
        input_digest="0" * 64,
        files=(),
        content_digest=files_digest(()),
        created_from="1" * 64,
    )


def chosen(found: list[CheckpointManifest], **members: Any) -> list[tuple[int, int]]:
    """(start, cut) of what can be used, best first."""
    of = plan(**members)
    return [(m.since, m.frontier) for m in best_first(of, identity(start=of.start), found)]


def test_the_last_cut_before_the_end_is_best() -> None:
    """The nearer the cut is to the job's end, the less is left to read; the job's end itself leaves nothing."""
    assert chosen([at(70), at(100), at(90)]) == [(40, 100), (40, 90), (40, 70)]


@pytest.mark.parametrize(("cut", "is_usable"), [(40, False), (41, True), (100, True), (101, False)])
def test_the_cut_lies_behind_the_start_and_not_behind_the_end(cut: int, is_usable: bool) -> None:
    """At the start nothing is won, and behind the end more was read than the job reads."""
    assert bool(chosen([at(cut)])) is is_usable


@pytest.mark.parametrize(("start", "is_usable"), [(0, True), (39, True), (40, True), (41, False)])
def test_a_state_that_starts_earlier_serves_and_one_that_starts_later_does_not(
    start: int, is_usable: bool
) -> None:
    """It holds all records that the plan would read, and more."""
    assert bool(chosen([at(80, start=start)])) is is_usable


def test_where_the_beginning_is_needed_only_a_state_from_there_serves() -> None:
    """A plan from the origin has start 0, and no state starts before that."""
    assert chosen([at(90, start=1), at(80, start=0)], start=0) == [(0, 80)]


def test_of_equal_cuts_the_state_that_starts_first_is_taken() -> None:
    """It rests on fewer assumptions; the order of the candidates does not matter."""
    found = [at(80, start=40), at(80, start=0), at(80, start=20)]
    assert chosen(found) == chosen(found[::-1]) == [(0, 80), (20, 80), (40, 80)]


@pytest.mark.parametrize(
    "other",
    [
        {"stream": "other"},
        {"partition": 1},
        {"log_id": "T2"},
        {"group_digests": [digest("day")]},
        {"group_digests": [digest("hour"), digest("day")]},
        {"scopes": SCOPES[:1]},
        {"max_skew_us": 8},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_state_of_anything_else_is_another_state(other: dict[str, Any]) -> None:
    """Other definitions, pins, skew, log, stream or partition: never reinterpreted, though it would hold more."""
    assert chosen([at(80, **other), at(60)]) == [(40, 60)]


def test_groups_and_scopes_in_another_order_are_the_same_state() -> None:
    """A state is of sets of them."""
    both = [digest("hour"), digest("day")]
    one = identity(group_digests=both, scopes=SCOPES)
    other = identity(group_digests=both[::-1], scopes=SCOPES[::-1])
    assert one == other
    assert one.state_id == other.state_id


@pytest.mark.parametrize(
    ("made_from", "now", "is_usable"),
    [("T1", "T1", True), ("T1", "T2", False), (None, "T2", True), ("T1", None, True), (None, None, True)],
)
def test_a_checkpoint_of_another_topic_id_is_not_used(
    made_from: str | None, now: str | None, is_usable: bool
) -> None:
    """Where both are known they must be the same."""
    assert bool(chosen([at(80, topic_id=made_from)], topic_id=now)) is is_usable


@pytest.mark.parametrize(
    ("unread", "held", "is_usable"),
    [
        ((50, 60), ((0, 200),), False),
        ((50, 60), ((0, 50), (60, 200)), True),
        ((50, 60), ((0, 51), (60, 200)), False),
        ((50, 60), ((0, 50), (59, 200)), False),
        ((50, 60), ((80, 200),), True),
        ((10, 40), ((0, 200),), True),
        ((10, 41), ((0, 200),), False),
    ],
)
def test_a_gap_that_the_log_has_filled_since_is_not_passed_over(
    unread: tuple[int, int], held: tuple[tuple[int, int], ...], is_usable: bool
) -> None:
    """A state that read around a gap serves where the plan reads around it too, or begins behind it."""
    assert bool(chosen([at(80, start=0, unread=(unread,))], held=held)) is is_usable
