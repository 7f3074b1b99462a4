"""What the planner knows of the log: described once, when the plan is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ofs.ports import PartitionInfo, StreamInfo
from ofs.units import OffsetRange

OffsetAt = Callable[[str, int, int], int | None]
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
FirstLogTime = Callable[[str, int, OffsetRange], int | None]


@dataclass(slots=True)
class LogFacts:
    """Streams by name (None: the log does not know it) and the time index, each time looked up once.

    `lookup(stream, partition, log_ts_us)`: the first offset logged at or after the time. `first_us(stream, partition,
    range)`: the log timestamp of the first record in a range. `each`: applies a function to many things, perhaps to
    some of them at once, and gives the results in their order.
    """

    streams: dict[str, StreamInfo | None]
    lookup: OffsetAt
    first_us: FirstLogTime
    each: Each = map
    _first: dict[tuple[str, int, int], int | None] = field(default_factory=dict)
    _found: dict[tuple[str, int, int], int | None] = field(default_factory=dict)

    def partition(self, stream: str, partition: int) -> PartitionInfo | None:
        """None where the log has no such partition."""
        info = self.streams.get(stream)
        if info is None or partition >= len(info.partitions):
            return None
        return info.partitions[partition]

    def first_us_from(self, stream: str, partition: int, offset: int) -> int | None:
        """The log timestamp of the first readable record at or after an offset; None where there is none."""
        place = (stream, partition, offset)
        if place not in self._first:
            info = self.partition(stream, partition)
            held = () if info is None else info.ranges
            later = (span for span in held if span.end > offset)
            times = (
                self.first_us(stream, partition, OffsetRange(max(s.start, offset), s.end)) for s in later
            )
            self._first[place] = next((time for time in times if time is not None), None)
        return self._first[place]

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        """The answer of the first time, as plans must not change under way."""
        place = (stream, partition, log_ts_us)
        if place not in self._found:
            self._found[place] = self.lookup(stream, partition, log_ts_us)
        return self._found[place]
