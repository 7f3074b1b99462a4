"""Where a window lies in a key's sorted log at an as-of: the first row inside, and the first after it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping
from typing import Final

from ofs.errors import invariant
from ofs.features import (
    HoppingWindow,
    LifetimeWindow,
    SessionWindow,
    SlidingWindow,
    TumblingWindow,
    Window,
)

__all__ = ["Place", "SessionStarts", "certain_reach_us", "place_of", "start_us"]


class SessionStarts:
    """The event times at which a session begins: no event, or one more than the gap before, stands before them."""

    __slots__ = ("gap_us", "times")

    def __init__(self, gap_us: int) -> None:
        self.gap_us: Final = gap_us
        self.times: list[int] = []

    def insert(self, before_us: int | None, time_us: int, after_us: int | None) -> None:
        """An event came between two neighbours (None: there is none)."""
        if after_us is not None and self._starts(before_us, after_us) and not self._starts(time_us, after_us):
            self._drop(after_us)
        if self._starts(before_us, time_us):
            insort(self.times, time_us)

    def remove(self, before_us: int | None, time_us: int, after_us: int | None) -> None:
        """An event between two neighbours went."""
        if self._starts(before_us, time_us):
            self._drop(time_us)
        if after_us is not None and self._starts(before_us, after_us) and not self._starts(time_us, after_us):
            insort(self.times, after_us)

    def last_until(self, time_us: int) -> int:
        """The latest start at or before an event's time."""
        return self.times[bisect_right(self.times, time_us) - 1]

    def _starts(self, before_us: int | None, time_us: int) -> bool:
        return before_us is None or time_us - before_us > self.gap_us

    def _drop(self, time_us: int) -> None:
        index = bisect_left(self.times, time_us)
        invariant(self.times[index] == time_us, "a session's start is not where it was put")
        del self.times[index]


Place = Callable[[list[int], int, int, Mapping[int, SessionStarts]], tuple[int, int]]
"""(event times, how many of them lie before as-of, as-of µs, session starts by gap) to the rows [first, end)."""


def place_of(window: Window) -> Place:
    """The function that finds a window's rows."""
    match window:
        case SlidingWindow(size_us=size_us):
            return lambda times, until, as_of_us, _: (bisect_left(times, as_of_us - size_us, 0, until), until)
        case TumblingWindow(size_us=size_us, back=0):
            return lambda times, until, as_of_us, _: (
                bisect_left(times, as_of_us // size_us * size_us, 0, until),
                until,
            )
        case TumblingWindow(size_us=size_us, back=back):

            def complete(
                times: list[int], until: int, as_of_us: int, _: Mapping[int, SessionStarts]
            ) -> tuple[int, int]:
                first_us = (as_of_us // size_us - back) * size_us
                return bisect_left(times, first_us, 0, until), bisect_left(
                    times, first_us + size_us, 0, until
                )

            return complete
        case HoppingWindow(size_us=size_us, every_us=every_us):

            def hop(
                times: list[int], until: int, as_of_us: int, _: Mapping[int, SessionStarts]
            ) -> tuple[int, int]:
                end_us = as_of_us // every_us * every_us
                return bisect_left(times, end_us - size_us, 0, until), bisect_left(times, end_us, 0, until)

            return hop
        case SessionWindow():
            return _session(window)
        case LifetimeWindow():
            return lambda _times, until, _as_of_us, _starts: (0, until)


def _session(window: SessionWindow) -> Place:
    gap_us, max_us = window.gap_us, window.max_us

    def place(
        times: list[int], until: int, as_of_us: int, starts: Mapping[int, SessionStarts]
    ) -> tuple[int, int]:
        if until == 0 or as_of_us - times[until - 1] > gap_us:
            return until, until
        first_us = starts[gap_us].last_until(times[until - 1])
        if max_us is not None:
            first_us = max(first_us, as_of_us - max_us)
        return bisect_left(times, first_us, 0, until), until

    return place


def start_us(window: Window, as_of_us: int) -> int | None:
    """The earliest event time that the window can hold; None: since ever."""
    match window:
        case SlidingWindow(size_us=size_us):
            return as_of_us - size_us
        case TumblingWindow(size_us=size_us, back=back):
            return (as_of_us // size_us - back) * size_us
        case HoppingWindow(size_us=size_us, every_us=every_us):
            return as_of_us // every_us * every_us - size_us
        case SessionWindow(max_us=max_us):
            return None if max_us is None else as_of_us - max_us
        case LifetimeWindow():
            return None


def certain_reach_us(window: Window) -> int | None:
    """How far before as-of the window surely starts, whatever as-of is; None: since ever."""
    match window:
        case SlidingWindow(size_us=size_us) | HoppingWindow(size_us=size_us):
            return size_us
        case TumblingWindow(size_us=size_us, back=back):
            return size_us * back
        case SessionWindow(max_us=max_us):
            return max_us
        case LifetimeWindow():
            return None
