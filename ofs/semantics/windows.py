"""Windows: half-open ranges of event time that end at, or before, as-of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar


class Timed(Protocol):
    """Anything with an event time."""

    @property
    def event_time_us(self) -> int: ...


T = TypeVar("T", bound=Timed)


def bounds(window: Mapping[str, Any], as_of_us: int) -> tuple[int | None, int]:
    """`[start, end)` in µs; start None: since ever. Of a session, what its chain may reach.

    >>> bounds({"kind": "tumbling", "size_us": 10, "back": 1}, 25)
    (10, 20)
    """
    kind = window["kind"]
    if kind == "sliding":
        return as_of_us - window["size_us"], as_of_us
    if kind == "tumbling":
        bucket = as_of_us // window["size_us"] * window["size_us"]
        if window["back"] == 0:
            return bucket, as_of_us
        start = bucket - window["back"] * window["size_us"]
        return start, start + window["size_us"]
    if kind == "hopping":
        end = as_of_us // window["every_us"] * window["every_us"]
        return end - window["size_us"], end
    if kind == "session" and "max_us" in window:
        return as_of_us - window["max_us"], as_of_us
    return None, as_of_us


def select(events: Sequence[T], window: Mapping[str, Any], as_of_us: int) -> list[T]:
    """The events in the window, of events in the total order."""
    start, end = bounds(window, as_of_us)
    inside = [
        event
        for event in events
        if (start is None or event.event_time_us >= start) and event.event_time_us < end
    ]
    return _session(inside, window["gap_us"], as_of_us) if window["kind"] == "session" else inside


def _session(events: list[T], gap_us: int, as_of_us: int) -> list[T]:
    """The chain that ends with the last event: each at most the gap after the one before, as-of too."""
    first, later_us = len(events), as_of_us
    while first > 0 and later_us - events[first - 1].event_time_us <= gap_us:
        first -= 1
        later_us = events[first].event_time_us
    return events[first:]
