"""The live state of one key of one group: a log sorted by the total order, and windows that move over it."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

from ofs.errors import invariant
from ofs.features import FeatureGroup
from topologies.live_ofp.answers import quotient
from topologies.live_ofp.placing import SessionStarts, start_us
from topologies.live_ofp.plan import GroupPlan, WindowPlan
from topologies.live_ofp.running import Row, Running

__all__ = ["KeyState"]


class _MovingWindow:
    """The rows [first, end) of the key's log, with their running IRs. Insertions elsewhere only shift it."""

    __slots__ = ("changed", "end", "first", "plan", "running")

    def __init__(self, plan: WindowPlan) -> None:
        self.plan: Final = plan
        self.first = 0
        self.end = 0
        self.changed = True
        self.running: Final[tuple[Running, ...]] = tuple(kind(column) for kind, column in plan.running)

    def inserted(self, index: int, row: Row) -> None:
        if index <= self.first:
            self.first += 1
            self.end += 1
        elif index < self.end:
            self.end += 1
            self.changed = True
            for kept in self.running:
                kept.add(row)

    def removed(self, index: int, row: Row) -> None:
        if index < self.first:
            self.first -= 1
            self.end -= 1
        elif index < self.end:
            self.end -= 1
            self.changed = True
            for kept in self.running:
                kept.remove(row)

    def move(self, first: int, end: int, rows: list[Row]) -> bool:
        """Go to the rows [first, end), forward or back. Whether anything inside changed since the last move."""
        if first != self.first or end != self.end:
            self._shift(first, end, rows)
            self.first, self.end = first, end
            self.changed = True
        changed, self.changed = self.changed, False
        return changed

    def _shift(self, first: int, end: int, rows: list[Row]) -> None:
        if first >= self.end or end <= self.first:
            for kept in self.running:
                kept.clear()
                for row in rows[first:end]:
                    kept.add(row)
            return
        entering = rows[first : self.first] + rows[self.end : end]
        leaving = rows[self.first : first] + rows[end : self.end]
        for kept in self.running:
            for row in entering:
                kept.add(row)
            for row in leaving:
                kept.remove(row)


class KeyState:
    """Everything that one key of a group has contributed, and its windows as of the last question.

    Order: rows may come in any order, and as-of may move either way; the answer depends on neither.
    """

    __slots__ = ("_log_ts_us_max", "_plan", "_rows", "_starts", "_times", "_values", "_windows")

    def __init__(self, plan: GroupPlan) -> None:
        self._plan: Final = plan
        self._times: Final[list[int]] = []
        self._rows: Final[list[Row]] = []
        self._starts: Final = {gap_us: SessionStarts(gap_us) for gap_us in plan.gaps_us}
        self._windows: Final = [_MovingWindow(window) for window in plan.windows]
        self._values: Final[dict[str, Any]] = {}
        self._log_ts_us_max: int | None = None

    def insert(self, row: Row) -> None:
        """A contribution comes in; where it is late, the windows that it lies in take it at once."""
        times, rows = self._times, self._rows
        index = len(rows) if not rows or rows[-1] <= row else bisect_left(rows, row)
        for starts in self._starts.values():
            starts.insert(self._time_at(index - 1), row[0], self._time_at(index))
        if index < len(rows):
            for window in self._windows:
                window.inserted(index, row)
        times.insert(index, row[0])
        rows.insert(index, row)
        if self._log_ts_us_max is None or row[4] > self._log_ts_us_max:
            self._log_ts_us_max = row[4]

    def remove(self, row: Row) -> None:
        """A contribution goes again, as if it had never come."""
        index = bisect_left(self._rows, row)
        invariant(index < len(self._rows) and self._rows[index] == row, "a row to remove is not there")
        for starts in self._starts.values():
            starts.remove(self._time_at(index - 1), row[0], self._time_at(index + 1))
        for window in self._windows:
            window.removed(index, row)
        del self._times[index], self._rows[index]

    def logged_before(self, log_ts_us: int) -> KeyState:
        """The state without what was logged at or after a time: itself where that is nothing."""
        if self._log_ts_us_max is None or self._log_ts_us_max < log_ts_us:
            return self
        earlier = KeyState(self._plan)
        for row in self._rows:
            if row[4] < log_ts_us:
                earlier.insert(row)
        return earlier

    def features(self, as_of_us: int) -> dict[str, Any]:
        """Every feature's canonical value as of a time."""
        rows, times, values = self._rows, self._times, self._values
        until = bisect_left(times, as_of_us)
        for window in self._windows:
            plan = window.plan
            first, end = plan.place(times, until, as_of_us, self._starts)
            if window.move(first, end, rows):
                for name, answer in plan.answers:
                    values[name] = answer(window, rows, as_of_us)
            for name, answer in plan.ages:
                values[name] = answer(window, rows, as_of_us)
        for ratio in self._plan.ratios:
            sides = (
                exact(self._windows[index], rows, as_of_us)
                for index, exact in (ratio.numerator, ratio.denominator)
            )
            values[ratio.name] = quotient(*sides, scale=ratio.scale)
        return dict(values)

    def last_event_time_us(self, as_of_us: int) -> int | None:
        """The last event before as-of that is not older than the earliest start of any window; None: there is none."""
        until = bisect_left(self._times, as_of_us)
        if until == 0:
            return None
        last_us, reach_us = self._times[until - 1], self._plan.certain_reach_us
        if reach_us is None or last_us >= as_of_us - reach_us:
            return last_us
        return last_us if last_us >= _earliest_start_us(self._plan.group, as_of_us) else None

    def rows_since(self, event_time_us: int, as_of_us: int) -> list[Row]:
        """The rows with an event time in [event_time_us, as_of_us), in the total order."""
        first, end = (bisect_left(self._times, time_us) for time_us in (event_time_us, as_of_us))
        return self._rows[first:end]

    def _time_at(self, index: int) -> int | None:
        return self._times[index] if 0 <= index < len(self._times) else None


def _earliest_start_us(group: FeatureGroup, as_of_us: int) -> int:
    starts = [start_us(f.window, as_of_us) for f in group.features if f.window is not None]
    return min(start for start in starts if start is not None)
