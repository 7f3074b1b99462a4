"""Running IRs: what a window keeps of its events while it moves. Each can add and remove, in any order, exactly."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any, Final, Protocol

__all__ = ["Extremes", "Moments", "Row", "Running", "Tally", "Total"]

Row = tuple[Any, ...]
"""(event time µs, stream, partition, offset, log time µs, value of each field...): it sorts by the total order."""


class Running(Protocol):
    """The running IR of one field in one window; rows without the field's value change nothing."""

    def add(self, row: Row) -> None: ...

    def remove(self, row: Row) -> None: ...

    def clear(self) -> None: ...


class Total:
    """Count and exact sum."""

    __slots__ = ("column", "count", "total")

    def __init__(self, column: int) -> None:
        self.column: Final = column
        self.count = 0
        self.total = 0

    def add(self, row: Row) -> None:
        value = row[self.column]
        if value is not None:
            self.count += 1
            self.total += value

    def remove(self, row: Row) -> None:
        value = row[self.column]
        if value is not None:
            self.count -= 1
            self.total -= value

    def clear(self) -> None:
        self.count = self.total = 0


class Moments:
    """Count, exact sum and exact sum of squares."""

    __slots__ = ("column", "count", "squares", "total")

    def __init__(self, column: int) -> None:
        self.column: Final = column
        self.count = 0
        self.total = 0
        self.squares = 0

    def add(self, row: Row) -> None:
        value = row[self.column]
        if value is not None:
            self.count += 1
            self.total += value
            self.squares += value * value

    def remove(self, row: Row) -> None:
        value = row[self.column]
        if value is not None:
            self.count -= 1
            self.total -= value
            self.squares -= value * value

    def clear(self) -> None:
        self.count = self.total = self.squares = 0


class Extremes:
    """All values in ascending order: the smallest stands first, the largest last."""

    __slots__ = ("column", "values")

    def __init__(self, column: int) -> None:
        self.column: Final = column
        self.values: list[Any] = []

    def add(self, row: Row) -> None:
        value = row[self.column]
        if value is not None:
            insort(self.values, value)

    def remove(self, row: Row) -> None:
        value = row[self.column]
        if value is not None:
            del self.values[bisect_left(self.values, value)]

    def clear(self) -> None:
        self.values.clear()


class Tally:
    """How often each value occurs."""

    __slots__ = ("column", "counts")

    def __init__(self, column: int) -> None:
        self.column: Final = column
        self.counts: dict[Any, int] = {}

    def add(self, row: Row) -> None:
        value = row[self.column]
        if value is not None:
            self.counts[value] = self.counts.get(value, 0) + 1

    def remove(self, row: Row) -> None:
        value = row[self.column]
        if value is not None:
            left = self.counts[value] - 1
            if left:
                self.counts[value] = left
            else:
                del self.counts[value]

    def clear(self) -> None:
        self.counts.clear()
