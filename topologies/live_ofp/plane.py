"""The live feature plane: event at a time in, snapshots of what it has applied out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ofs.contracts import AsOfBasis
from ofs.errors import UsageError, invariant
from ofs.features import DropLate, FeatureGroup
from ofs.units import next_offset
from topologies.live_ofp.admission import Event, Scope, admit, scope_of
from topologies.live_ofp.key_state import KeyState
from topologies.live_ofp.plan import GroupPlan
from topologies.live_ofp.running import Row
from topologies.live_ofp.snapshot import OnlineSnapshot, Pins, canonical_pins, freshness, time_text

__all__ = ["Contribution", "LiveOfp", "Question"]

GroupName = tuple[str, str]
"""Name and version."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a decision asks. `as_of_us` None: derived, for the watermark basis. `groups`: names and versions."""

    pins: Pins
    keys: Sequence[tuple[str, str]]
    groups: Sequence[GroupName]
    as_of_us: int | None
    as_of_basis: AsOfBasis = AsOfBasis.EVENT_TIME


@dataclass(frozen=True, slots=True)
class Contribution:
    """What an event gives to one key of one group."""

    group: GroupName
    scope: Scope
    key: str
    row: Row


@dataclass(slots=True)
class _Partition:
    """What the plane remembers of a partition beside the keys' logs."""

    frontier: int = 0
    seen: dict[tuple[Scope, str], set[str]] = field(default_factory=dict)
    event_time_us_max: dict[Scope, int] = field(default_factory=dict)


class LiveOfp:
    """Applies records one at a time and answers at once from running IRs.

    Order: ascending offsets inside a partition, any interleaving of the partitions; as-of may move either way.
    `streams`: every stream with its number of partitions; all of them stand in each cut.
    """

    def __init__(self, groups: Sequence[FeatureGroup], streams: Mapping[str, int]) -> None:
        self.plans: Final = {(group.name, group.version): GroupPlan(group) for group in groups}
        invariant(len(self.plans) == len(groups), "a group version was given twice")
        self.tally: Final[Counter[str]] = Counter()
        self._partitions: Final = {
            (stream, partition): _Partition()
            for stream, count in sorted(streams.items())
            for partition in range(count)
        }
        self._keys: Final[dict[tuple[GroupName, Scope], dict[str, KeyState]]] = {}

    @property
    def cut(self) -> dict[tuple[str, int], int]:
        """(stream, partition) to the next offset to apply, sorted."""
        return {place: partition.frontier for place, partition in self._partitions.items()}

    def advance(self, stream: str, partition: int, to: int) -> None:
        """Move past offsets that delivered nothing."""
        known = self._partitions[stream, partition]
        known.frontier = max(known.frontier, to)

    def apply(
        self, stream: str, partition: int, offset: int, log_ts_us: int, value: bytes | None
    ) -> Event | None:
        """Take the next record; the event where it is one and no duplicate. Raises UsageError below the frontier."""
        known = self._partitions[stream, partition]
        if offset < known.frontier:
            raise UsageError(
                f"{stream}[{partition}]: offset {offset} was applied before; next is {known.frontier}"
            )
        known.frontier = next_offset(offset)
        event = admit(value)
        if not isinstance(event, Event):
            self.tally[event] += 1
            return None
        seen = known.seen.setdefault((event.scope, event.event_type), set())
        if event.event_id in seen:
            self.tally["duplicate"] += 1
            return None
        seen.add(event.event_id)
        max_before_us = known.event_time_us_max.get(event.scope)
        if max_before_us is None or event.event_time_us > max_before_us:
            known.event_time_us_max[event.scope] = event.event_time_us
        place = (stream, partition, offset, log_ts_us)
        for contribution in self.contributions(event, place, max_before_us=max_before_us):
            self._state(contribution).insert(contribution.row)
        return event

    def contributions(
        self, event: Event, place: tuple[str, int, int, int], *, max_before_us: int | None
    ) -> Iterator[Contribution]:
        """What the event gives to each group. `place`: stream, partition, offset, log time µs.

        `max_before_us`: the largest event time before it in its partition; None where it is the first.
        """
        for name, plan in self.plans.items():
            taken = plan.intake.take(event)
            if isinstance(taken, str):
                continue
            late = plan.group.late
            if (
                isinstance(late, DropLate)
                and max_before_us is not None
                and event.event_time_us < max_before_us - late.allowed_lateness_us
            ):
                continue
            key, values = taken
            yield Contribution(name, event.scope, key, (event.event_time_us, *place, *values))

    def insert(self, contribution: Contribution) -> None:
        """Put a contribution in by hand: what a faulty plane would do."""
        self._state(contribution).insert(contribution.row)

    def remove(self, contribution: Contribution) -> None:
        """Take a contribution out by hand; `insert` puts it back."""
        self._state(contribution).remove(contribution.row)

    def key_state(self, group: GroupName, scope: Scope, key: str) -> KeyState | None:
        """The state of a key; None where it has not contributed."""
        return self._keys.get((group, scope), {}).get(key)

    def watermark_us(self, scope: Scope) -> int | None:
        """The smallest over the partitions of the largest event time applied; None without any event."""
        maxima = (partition.event_time_us_max.get(scope) for partition in self._partitions.values())
        return min((time_us for time_us in maxima if time_us is not None), default=None)

    def serve(self, question: Question) -> OnlineSnapshot:
        """The snapshot of what has been applied. Raises UsageError for pins, groups or an as-of that cannot be."""
        scope = scope_of(question.pins)
        if scope is None:
            raise UsageError("the pins of the question are malformed")
        as_of_us = self._as_of_us(question, scope)
        plans = [self._plan(name) for name in sorted(question.groups)]
        features: dict[str, Any] = {}
        fresh: dict[str, Any] = {}
        for key_type, key in question.keys:
            features_here: dict[str, Any] = {}
            fresh_here: dict[str, Any] = {}
            for plan in plans:
                group = plan.group
                if group.key.type != key_type:
                    continue
                state = self.key_state((group.name, group.version), scope, key) or KeyState(plan)
                if question.as_of_basis is AsOfBasis.INGEST_TIME:
                    state = state.logged_before(as_of_us)
                features_here[group.name] = state.features(as_of_us)
                last_us = state.last_event_time_us(as_of_us)
                fresh_here[group.name] = freshness(last_us, as_of_us, group.stale_after_us)
            features[f"{key_type}:{key}"] = features_here
            fresh[f"{key_type}:{key}"] = fresh_here
        return OnlineSnapshot(
            context_pins=canonical_pins(question.pins),
            as_of_basis=question.as_of_basis,
            as_of_time_utc=time_text(as_of_us),
            cut=self.cut,
            groups=tuple((plan.group.name, plan.group.version, plan.digest) for plan in plans),
            keys=tuple(question.keys),
            features=features,
            freshness=fresh,
        )

    def _plan(self, name: GroupName) -> GroupPlan:
        plan = self.plans.get(name)
        if plan is None:
            raise UsageError(f"this plane does not run feature group {name[0]}:{name[1]}")
        return plan

    def _as_of_us(self, question: Question, scope: Scope) -> int:
        derived_us = self.watermark_us(scope) if question.as_of_basis is AsOfBasis.WATERMARK else None
        as_of_us = question.as_of_us if derived_us is None else derived_us
        if as_of_us is None or (question.as_of_us is not None and as_of_us != question.as_of_us):
            raise UsageError("the question has no as-of that holds")
        return as_of_us

    def _state(self, contribution: Contribution) -> KeyState:
        keys = self._keys.setdefault((contribution.group, contribution.scope), {})
        state = keys.get(contribution.key)
        if state is None:
            state = keys[contribution.key] = KeyState(self.plans[contribution.group])
        return state
