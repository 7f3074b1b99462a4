"""The live plane at work: at each departure, in time order, it answers with the reports that it has applied by then."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ofs.features import FeatureGroup
from topologies.flights.events import PINS, LoggedReport
from topologies.flights.source import Flight
from topologies.live_ofp import Contribution, Event, LiveOfp, OnlineSnapshot, Question, Scope

__all__ = ["GROUPS", "OTHER_VERSION", "STREAM", "Applied", "LiveDesk", "Moment"]

STREAM: Final = "flights"
GROUPS: Final = {
    "aircraft": ("aircraft_ops", "v1"),
    "carrier": ("carrier_ops", "v1"),
    "origin": ("origin_ops", "v1"),
}
"""Key type to the feature group that decisions name."""

OTHER_VERSION: Final = ("carrier_ops", "v2")

_REMEMBERED: Final = 1_500


@dataclass(frozen=True, slots=True)
class Applied:
    """A report as the plane applied it. `is_late`: one of its partition that left later was applied before."""

    report: LoggedReport
    event: Event
    is_late: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """One departure: what is asked, and what the plane answered."""

    flight: Flight
    question: Question
    snapshot: OnlineSnapshot

    @property
    def scope(self) -> Scope:
        """The pins as the plane compares them."""
        return (*(str(PINS[name]) for name in list(PINS)[:4]), PINS["seed"], None, None)


class LiveDesk:
    """Runs the plane over the year. Between two moments its state may be tampered with, and must be put back."""

    def __init__(self, groups: Sequence[FeatureGroup], partitions: int) -> None:
        self.ofp: Final = LiveOfp(groups, {STREAM: partitions})
        self.recent: Final[deque[Applied]] = deque(maxlen=_REMEMBERED)
        self._event_time_us_max: Final = [-(2**63)] * partitions

    def moments(self, flights: Sequence[Flight], logged: Sequence[LoggedReport]) -> Iterator[Moment]:
        """Every departure in time order; before each, what was logged before that instant is applied."""
        applied = 0
        for flight in sorted(flights, key=lambda flight: (flight.event_time_us, flight.flight_id)):
            while applied < len(logged) and logged[applied].logged_us < flight.event_time_us:
                self._apply(logged[applied])
                applied += 1
            keys = [("carrier", flight.carrier), ("origin", flight.origin)]
            if flight.tailnum is not None:
                keys.insert(0, ("aircraft", flight.tailnum))
            groups = tuple(GROUPS[key_type] for key_type, _ in keys)
            question = Question(PINS, tuple(keys), groups, flight.event_time_us)
            yield Moment(flight, question, self.ofp.serve(question))

    def contributions(self, applied: Applied) -> list[Contribution]:
        """What an applied report gave to each group."""
        report = applied.report
        place = (STREAM, report.partition, report.offset, report.logged_us)
        return list(self.ofp.contributions(applied.event, place, max_before_us=None))

    def _apply(self, report: LoggedReport) -> None:
        event = self.ofp.apply(STREAM, report.partition, report.offset, report.logged_us, report.value)
        if event is not None:
            newest_us = self._event_time_us_max[report.partition]
            self._event_time_us_max[report.partition] = max(newest_us, event.event_time_us)
            self.recent.append(Applied(report, event, event.event_time_us < newest_us))
