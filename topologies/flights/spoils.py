"""Known faults: what a faulty live plane, or a faulty decision log, would have recorded instead of the truth.

Each fault is really committed: contributions are taken out or put in twice, sums run through floats, another version
answers. One that changes no canonical byte is drawn again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from ofs.errors import InvariantViolation
from ofs.units import SECOND_US
from topologies.flights.deciding import GROUPS, OTHER_VERSION, STREAM, Applied, LiveDesk, Moment
from topologies.live_ofp import Contribution, OnlineSnapshot

__all__ = ["LATE_STREAM", "Answer", "Expectation", "Kind", "Spoiler"]

LATE_STREAM: Final = "flights_late"

_ONE_IN: Final = 200
_DRAWS_MAX: Final = 1_000
_MORE_FLOATS: Final = 8
_DAY_US: Final = 86_400 * SECOND_US
_FAR_US: Final = 32 * _DAY_US
"""Beyond the reach of the finite windows, with a day to spare."""

_REWIND_MAX: Final = 30
_FLOAT_SUMS: Final = (
    ("carrier", "km_7d", 7 * _DAY_US),
    ("origin", "km_30d", 30 * _DAY_US),
)
_FLOAT_FIELD: Final = "payload.distance_km"
_KM_SCALE: Final = 6


class Kind(StrEnum):
    """What was done to a decision; the last one is no fault and must be a MATCH."""

    OTHER_CUT = "other_cut"
    DUPLICATE_APPLIED = "duplicate_applied"
    LATE_LEFT_OUT = "late_left_out"
    OTHER_VERSION = "other_version"
    FLOAT_SUM = "float_sum"
    BASIS_MISSING = "basis_missing"
    DEFINITION_UNKNOWN = "definition_unknown"
    HISTORY_CUT_OFF = "history_cut_off"
    HISTORY_ENOUGH = "history_enough"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the replay must find. `fields`: JSON pointers of the features that differ; empty: only the hash does."""

    kind: Kind
    result: str
    reason: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is recorded for a decision: the snapshot, and whether its basis is."""

    snapshot: OnlineSnapshot
    expectation: Expectation | None = None
    has_basis: bool = True


class Spoiler:
    """Draws which decisions are spoiled and how; the same seed draws the same.

    `late_from_us`: where the archive of the late stream starts, in log time; `late_cut`: the offsets there.
    """

    def __init__(self, desk: LiveDesk, *, seed: int, late_from_us: int, late_cut: Mapping[int, int]) -> None:
        self._desk: Final = desk
        self._chance: Final = random.Random(seed)  # noqa: S311 (to draw the same faults everywhere)
        self._late_from_us: Final = late_from_us
        self._late_cut: Final = late_cut

    def answer(self, moment: Moment) -> Answer:
        """The answer to record: mostly the plane's own, one in two hundred spoiled."""
        if self._pick(_ONE_IN) != 0:
            return self._history_enough(moment) or Answer(moment.snapshot)
        for _ in range(_DRAWS_MAX):
            drawn = self._spoil(self._kind(), moment)
            if drawn is not None:
                return drawn
        raise InvariantViolation("defect in OFS: no fault could be drawn for a decision")

    def _kind(self) -> Kind:
        # most sums come out of floats as they should: without more draws there would be hardly a wrong one
        faults = [kind for kind in Kind if kind is not Kind.HISTORY_ENOUGH]
        return Kind(self._one_of([*faults, *[Kind.FLOAT_SUM] * _MORE_FLOATS]))

    def _spoil(self, kind: Kind, moment: Moment) -> Answer | None:
        """The answer with this fault; None where it cannot be or would change nothing."""
        match kind:
            case Kind.OTHER_CUT:
                return self._other_cut(moment)
            case Kind.DUPLICATE_APPLIED:
                return self._duplicate_applied(moment)
            case Kind.LATE_LEFT_OUT:
                return self._late_left_out(moment)
            case Kind.OTHER_VERSION:
                return self._other_version(moment)
            case Kind.FLOAT_SUM:
                return self._float_sum(moment)
            case Kind.BASIS_MISSING:
                return _basis_missing(moment)
            case Kind.DEFINITION_UNKNOWN:
                return self._definition_unknown(moment)
            case Kind.HISTORY_CUT_OFF:
                return self._history_cut_off(moment)
            case Kind.HISTORY_ENOUGH:
                return self._history_enough(moment)

    def _pick(self, below: int) -> int:
        return int(self._chance.random() * below)

    def _one_of(self, options: list[Any]) -> Any:
        return options[self._pick(len(options))]

    def _other_cut(self, moment: Moment) -> Answer | None:
        """The record names fewer offsets of a partition than the plane had applied when it answered."""
        partition = self._pick(len(self._late_cut))
        count = 1 + self._pick(_REWIND_MAX)
        newest = [a for a in self._desk.recent if a.report.partition == partition][-count:]
        if len(newest) < count:
            return None
        recorded = {**moment.snapshot.cut, (STREAM, partition): newest[0].report.offset}
        honest = replace(self._without(moment, newest), cut=recorded)
        return _mismatch(Kind.OTHER_CUT, replace(moment.snapshot, cut=recorded), honest)

    def _duplicate_applied(self, moment: Moment) -> Answer | None:
        """A report came twice, and both copies were applied."""
        touching = self._touching(moment, lambda _: True)
        if not touching:
            return None
        contributions = self._desk.contributions(self._one_of(touching))
        for contribution in contributions:
            self._desk.ofp.insert(contribution)
        spoiled = self._desk.ofp.serve(moment.question)
        for contribution in contributions:
            self._desk.ofp.remove(contribution)
        return _mismatch(Kind.DUPLICATE_APPLIED, spoiled, moment.snapshot)

    def _late_left_out(self, moment: Moment) -> Answer | None:
        """A report that came after later departures of its partition was dropped."""
        late = self._touching(moment, lambda applied: applied.is_late)
        if not late:
            return None
        spoiled = self._without(moment, [self._one_of(late)])
        return _mismatch(Kind.LATE_LEFT_OUT, spoiled, moment.snapshot)

    def _other_version(self, moment: Moment) -> Answer | None:
        """Another version of a group answered than the record names."""
        name = OTHER_VERSION[0]
        question = replace(moment.question, groups=(OTHER_VERSION,))
        other = self._desk.ofp.serve(question)
        key = f"carrier:{moment.flight.carrier}"
        honest = moment.snapshot
        spoiled = replace(
            honest,
            features={**honest.features, key: {name: other.features[key][name]}},
            freshness={**honest.freshness, key: {name: other.freshness[key][name]}},
        )
        return _mismatch(Kind.OTHER_VERSION, spoiled, honest)

    def _float_sum(self, moment: Moment) -> Answer | None:
        """A decimal sum ran through binary floats."""
        key_type, feature, size_us = self._one_of(list(_FLOAT_SUMS))
        key_id = moment.flight.carrier if key_type == "carrier" else moment.flight.origin
        name = GROUPS[key_type]
        state = self._desk.ofp.key_state(name, moment.scope, key_id)
        if state is None:
            return None
        as_of_us = moment.flight.event_time_us
        column = self._desk.ofp.plans[name].column(_FLOAT_FIELD)
        total = 0.0
        for row in state.rows_since(as_of_us - size_us, as_of_us):
            total += row[column] / 10**_KM_SCALE
        key, honest = f"{key_type}:{key_id}", moment.snapshot
        values = {**honest.features[key][name[0]], feature: f"{total:.{_KM_SCALE}f}"}
        spoiled = replace(honest, features={**honest.features, key: {name[0]: values}})
        return _mismatch(Kind.FLOAT_SUM, spoiled, honest)

    def _definition_unknown(self, moment: Moment) -> Answer | None:
        """The record names a version that no registry holds."""
        groups = moment.snapshot.groups
        name, _, digest = self._one_of(list(groups))
        changed = tuple((name, "v9", digest) if group[0] == name else group for group in groups)
        expectation = Expectation(Kind.DEFINITION_UNKNOWN, "UNCHECKABLE", "DEFINITION_MISSING")
        return Answer(replace(moment.snapshot, groups=changed), expectation)

    def _history_cut_off(self, moment: Moment) -> Answer | None:
        """The record names the stream whose archive starts late, and a lifetime window needs what is gone."""
        if moment.flight.tailnum is None or not self._is_in_late_stream(moment):
            return None
        expectation = Expectation(Kind.HISTORY_CUT_OFF, "UNCHECKABLE", "HISTORY_TRUNCATED")
        return Answer(_on_late_stream(moment.snapshot), expectation)

    def _history_enough(self, moment: Moment) -> Answer | None:
        """No fault: the late stream is named, and its archive holds all that the finite windows reach."""
        if moment.flight.tailnum is not None or moment.flight.event_time_us < self._late_from_us + _FAR_US:
            return None
        if self._pick(_ONE_IN // 10) != 0 or not self._is_in_late_stream(moment):
            return None
        return Answer(_on_late_stream(moment.snapshot), Expectation(Kind.HISTORY_ENOUGH, "MATCH"))

    def _is_in_late_stream(self, moment: Moment) -> bool:
        return all(moment.snapshot.cut[STREAM, p] > start for p, start in self._late_cut.items())

    def _touching(self, moment: Moment, wanted: Callable[[Applied], bool]) -> list[Applied]:
        """The remembered reports of the decision's aircraft; half of the time, or without any, of its other keys."""
        flight = moment.flight
        remembered = [applied for applied in self._desk.recent if wanted(applied)]
        same = [
            applied
            for applied in remembered
            if flight.tailnum is not None and applied.report.flight.tailnum == flight.tailnum
        ]
        if same and self._pick(2) == 0:
            return same
        return [
            applied
            for applied in remembered
            if flight.carrier == applied.report.flight.carrier
            or flight.origin == applied.report.flight.origin
        ]

    def _without(self, moment: Moment, left_out: list[Applied]) -> OnlineSnapshot:
        """What the plane would answer had it not applied some reports; they are put back."""
        ofp = self._desk.ofp
        contributions: list[Contribution] = []
        for applied in left_out:
            contributions.extend(self._desk.contributions(applied))
        for contribution in contributions:
            ofp.remove(contribution)
        answered = ofp.serve(moment.question)
        for contribution in contributions:
            ofp.insert(contribution)
        return answered


def _mismatch(kind: Kind, spoiled: OnlineSnapshot, honest: OnlineSnapshot) -> Answer | None:
    """The spoiled answer with the features that differ from the honest one; None where not one byte does."""
    if spoiled.canonical_bytes == honest.canonical_bytes:
        return None
    fields = tuple(
        f"/features/{key}/{group}/{feature}"
        for key, by_group in sorted(honest.features.items())
        for group, values in sorted(by_group.items())
        for feature, value in sorted(values.items())
        if spoiled.features[key][group][feature] != value
    )
    return Answer(spoiled, Expectation(kind, "MISMATCH", fields=fields))


def _basis_missing(moment: Moment) -> Answer:
    """The record names no offsets at all."""
    expectation = Expectation(Kind.BASIS_MISSING, "UNCHECKABLE", "BASIS_MISSING")
    return Answer(moment.snapshot, expectation, has_basis=False)


def _on_late_stream(snapshot: OnlineSnapshot) -> OnlineSnapshot:
    return replace(snapshot, cut={(LATE_STREAM, p): offset for (_, p), offset in snapshot.cut.items()})
