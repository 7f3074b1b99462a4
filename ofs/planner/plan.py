"""The plan of a run: which decisions can be answered, from which definitions, and what of each partition is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ofs.contracts import Reason, ReasonDetail
from ofs.features import Locked, Registry
from ofs.planner.decisions import Cut, Decision
from ofs.planner.demand import INT64_MIN, Demand, Reach, reach_of, reasons
from ofs.planner.log_facts import LogFacts
from ofs.planner.shapes import Decisions, Members, Shape
from ofs.ports import PartitionInfo
from ofs.units import OffsetRange, merge_ranges, missing_ranges

StartFrom = Literal["origin", "bound", "checkpoint"]
_NOT_BLOCKING: Final = frozenset({Reason.ONLINE_HASH_MISSING})


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    """What is read of one partition: `[start, end)`, as far as the log holds it: no answer needs what lies in a gap.

    `start_from`: the log's beginning, a proven bound in time, or a checkpoint of a state that began at `start`; then
    `resume_from` is the checkpoint's cut, else the start. `passed_over`: gaps that the checkpoint's state read around.
    """

    stream: str
    partition: int
    log_id: str
    topic_id: str | None
    info: PartitionInfo
    start: int
    start_from: StartFrom
    end: int
    resume_from: int
    passed_over: tuple[OffsetRange, ...] = ()

    @property
    def spans(self) -> list[OffsetRange]:
        """The parts of `[resume_from, end)` that the log holds, in order: what is read."""
        return [both for held in self.info.ranges if (both := held.intersection(self._wanted)) is not None]

    @property
    def missing(self) -> list[OffsetRange]:
        """The parts of `[resume_from, end)` that the log does not hold."""
        return missing_ranges(self._wanted, list(self.info.ranges))

    @property
    def unread(self) -> list[OffsetRange]:
        """The parts of `[start, end)` that neither this run nor the state that it went on from has read."""
        return merge_ranges([*self.passed_over, *self.missing])

    @property
    def _wanted(self) -> OffsetRange:
        return OffsetRange(self.resume_from, max(self.resume_from, self.end))


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """`locked`: the definitions, a position is a group index. `shape_groups`: those of each bound shape.

    `reasons`: why a decision cannot be answered, by its index; all others are.
    """

    locked: tuple[Locked, ...]
    shape_groups: Mapping[int, list[int]]
    reasons: Mapping[int, tuple[ReasonDetail, ...]]
    partitions: tuple[PartitionPlan, ...]

    @property
    def digests(self) -> dict[tuple[str, str], str]:
        """Definition digests by name and version."""
        return {(entry.group.name, entry.group.version): entry.digest for entry in self.locked}


def make_plan(
    decisions: Decisions,
    irregular: Mapping[int, Decision],
    registry: Registry,
    facts: LogFacts,
    *,
    max_skew_us: int,
) -> ReplayPlan:
    """Plan a batch. `irregular`: the decisions that are not entirely well-formed, by index."""
    shapes = decisions.shapes()
    locked = _definitions(shapes, registry)
    positions = {(entry.group.name, entry.group.version): index for index, entry in enumerate(locked)}
    found: dict[int, tuple[ReasonDetail, ...]] = {}
    shape_groups: dict[int, list[int]] = {}
    needs = _Needs()
    for number, shape in enumerate(shapes):
        blocked = _blocked(decisions, number, shape, registry, facts, max_skew_us)
        found.update(blocked)
        groups = [positions.get((name, version), -1) for name, version, _ in shape.groups]
        if len(blocked) < shape.count and -1 not in groups:
            shape_groups[number] = groups
            reach = reach_of([locked[group] for group in groups], shape.as_of_basis)
            _add_needs(needs, decisions, number, shape, reach, blocked)
    for index, decision in irregular.items():
        demand = demand_of(decision)
        found[index] = (*decision.problems, *reasons(demand, registry, facts, max_skew_us))
    return ReplayPlan(tuple(locked), shape_groups, found, tuple(needs.partitions(facts, max_skew_us)))


def demand_of(decision: Decision) -> Demand:
    """What a decoded decision asks of the log."""
    decided_us = decision.as_of_us if decision.decided_us is None else decision.decided_us
    return Demand(
        groups=decision.groups,
        hash_rule=decision.hash_rule,
        as_of_us=decision.as_of_us,
        as_of_basis=decision.as_of_basis,
        cut=decision.cut,
        topic_ids=decision.topic_ids,
        decided_us=INT64_MIN if decided_us is None else decided_us,
        has_hash=decision.online_hash is not None,
    )


def _definitions(shapes: list[Shape], registry: Registry) -> list[Locked]:
    """The definitions that the shapes name and the registry has, by name and version."""
    named = sorted({(name, version) for shape in shapes for name, version, _ in shape.groups})
    return [locked for name, version in named if (locked := registry.get(name, version)) is not None]


def _blocked(
    decisions: Decisions, number: int, shape: Shape, registry: Registry, facts: LogFacts, max_skew_us: int
) -> dict[int, tuple[ReasonDetail, ...]]:
    """The decisions of a shape that cannot be answered.

    Every condition is monotone in cut, as-of and time of decision: where the worst of each passes, all do.
    """
    worst = _demand(
        shape, shape.as_of_us_min, shape.decided_us_max, [n for row in shape.cuts_max for n in row]
    )
    if not _is_blocking(tuple(reasons(worst, registry, facts, max_skew_us))):
        return {}
    members: Members = decisions.members(number)
    blocked: dict[int, tuple[ReasonDetail, ...]] = {}
    rows = zip(members.indexes, members.as_of_us, members.decided_us, members.cuts, strict=True)
    for index, as_of_us, decided_us, cuts in rows:
        details = tuple(reasons(_demand(shape, as_of_us, decided_us, cuts), registry, facts, max_skew_us))
        if _is_blocking(details):
            blocked[index] = details
    return blocked


def _is_blocking(details: tuple[ReasonDetail, ...]) -> bool:
    return any(detail.reason not in _NOT_BLOCKING for detail in details)


def _demand(shape: Shape, as_of_us: int | None, decided_us: int, cuts: list[int]) -> Demand:
    places = [(stream, number) for stream, topic_ids in shape.streams for number in range(len(topic_ids))]
    topic_ids = {
        (stream, number): topic_id
        for stream, ids in shape.streams
        for number, topic_id in enumerate(ids)
        if topic_id is not None
    }
    cut: Cut = dict(zip(places, cuts, strict=True))
    return Demand(
        groups=shape.groups,
        hash_rule=shape.hash_rule,
        as_of_us=as_of_us,
        as_of_basis=shape.as_of_basis,
        cut=cut,
        topic_ids=topic_ids,
        decided_us=decided_us,
        has_hash=shape.has_hash,
    )


@dataclass(slots=True)
class _Need:
    """What the answerable decisions need of one partition."""

    end: int = 0
    needs_origin: bool = False
    earliest_us: int | None = None

    def add(self, next_offset: int, as_of_us: int | None, reach: Reach) -> None:
        if next_offset == 0:
            return  # nothing of the partition is inside this cut
        self.end = max(self.end, next_offset)
        if reach.reach_us is None or reach.has_drop or as_of_us is None:
            self.needs_origin = True
        else:
            start_us = as_of_us - reach.reach_us
            self.earliest_us = start_us if self.earliest_us is None else min(self.earliest_us, start_us)


@dataclass(slots=True)
class _Needs:
    """Needs by stream and partition."""

    by_place: dict[tuple[str, int], _Need] = field(default_factory=dict)

    def of(self, stream: str, partition: int) -> _Need:
        return self.by_place.setdefault((stream, partition), _Need())

    def partitions(self, facts: LogFacts, max_skew_us: int) -> Iterator[PartitionPlan]:
        def start(place: tuple[str, int]) -> tuple[int, StartFrom] | None:
            info = facts.partition(*place)
            return None if info is None else _start(facts, place[0], info, self.by_place[place], max_skew_us)

        places = sorted(self.by_place)
        for place, found in zip(places, facts.each(start, places), strict=True):
            info, described = facts.partition(*place), facts.streams[place[0]]
            if info is not None and described is not None and found is not None:
                first, start_from = found
                yield PartitionPlan(
                    *place,
                    described.log_id,
                    described.topic_id,
                    info,
                    first,
                    start_from,
                    self.by_place[place].end,
                    first,
                )


def _start(
    facts: LogFacts, stream: str, info: PartitionInfo, need: _Need, max_skew_us: int
) -> tuple[int, StartFrom]:
    """Where reading begins: an event is not logged earlier than it happened, but for the skew."""
    if need.needs_origin or need.earliest_us is None or need.end == 0:
        return min(info.low, need.end), "origin"
    offset = facts.offset_at(stream, info.partition, need.earliest_us - max_skew_us)
    start = need.end if offset is None else min(offset, need.end)
    return (start, "bound") if start > 0 else (0, "origin")


def _add_needs(
    needs: _Needs,
    decisions: Decisions,
    number: int,
    shape: Shape,
    reach: Reach,
    blocked: Mapping[int, Any],
) -> None:
    places = [(stream, partition) for stream, ids in shape.streams for partition in range(len(ids))]
    if not blocked:
        cuts_max = [offset for row in shape.cuts_max for offset in row]
        for (stream, partition), next_offset in zip(places, cuts_max, strict=True):
            needs.of(stream, partition).add(next_offset, shape.as_of_us_min, reach)
        return
    members: Members = decisions.members(number)
    for index, as_of_us, cuts in zip(members.indexes, members.as_of_us, members.cuts, strict=True):
        if index not in blocked:
            for (stream, partition), next_offset in zip(places, cuts, strict=True):
                needs.of(stream, partition).add(next_offset, as_of_us, reach)
