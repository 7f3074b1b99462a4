"""What the planner knows of the log: described once, when the plan is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ofs.ports import PartitionInfo, StreamInfo

OffsetAt = Callable[[str, int, int], int | None]


@dataclass(slots=True)
class LogFacts:
    """Streams by name (None: the log does not know it) and the time index, each time looked up once.

    `offset_at(stream, partition, log_ts_us)`: the first offset logged at or after the time.
    """

    streams: dict[str, StreamInfo | None]
    lookup: OffsetAt
    _found: dict[tuple[str, int, int], int | None] = field(default_factory=dict)

    def partition(self, stream: str, partition: int) -> PartitionInfo | None:
        """None where the log has no such partition."""
        info = self.streams.get(stream)
        if info is None or partition >= len(info.partitions):
            return None
        return info.partitions[partition]

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        """The answer of the first time, as plans must not change under way."""
        place = (stream, partition, log_ts_us)
        if place not in self._found:
            self._found[place] = self.lookup(stream, partition, log_ts_us)
        return self._found[place]
