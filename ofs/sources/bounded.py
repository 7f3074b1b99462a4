"""A log restricted to a replay basis: what lies outside is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ofs.errors import SourceError
from ofs.ports import EventLog, PartitionInfo, RecordBatch, StreamInfo
from ofs.units import OffsetRange

_SCAN_RECORDS = 1024


class BoundedLog:
    """EventLog that shows of `log` only the ranges of the basis; streams that it does not name are not known.

    A partition that the basis does not name is described with nothing to read. What lies before the basis is history
    that is gone: only the time of the partition's first record is still told.
    """

    def __init__(self, log: EventLog, basis: Mapping[str, Mapping[int, OffsetRange]]) -> None:
        self._log = log
        self._basis = basis

    def describe(self, stream: str) -> StreamInfo | None:
        """What can be read of the stream inside the basis; None where the basis or the log does not know it."""
        ranges = self._basis.get(stream)
        info = None if ranges is None else self._log.describe(stream)
        if ranges is None or info is None:
            return None
        return replace(
            info,
            partitions=tuple(self._restrict(stream, p, ranges.get(p.partition)) for p in info.partitions),
        )

    def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Iterator[RecordBatch]:
        """The records of `span`, see EventLog. Raises SourceError where the basis does not hold all of it."""
        inside = self._range(stream, partition)
        if not span.is_empty and (inside is None or inside.intersection(span) != span):
            held = "nothing" if inside is None else f"[{inside.start}, {inside.end})"
            raise SourceError(
                f"{stream}/{partition}: [{span.start}, {span.end}) is outside the replay basis, which holds {held}"
            )
        return self._log.read(stream, partition, span, max_records)

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        """The first offset inside the basis whose log timestamp is at or after the time; None where there is none."""
        inside = self._range(stream, partition)
        first = None if inside is None else self._log.offset_at(stream, partition, log_ts_us)
        if inside is None or first is None or first >= inside.end:
            return None
        if first >= inside.start:
            return first
        # log timestamps need not be monotone: one below the basis says nothing about the first one inside
        info = self.describe(stream)
        for span in () if info is None else info.partitions[partition].ranges:
            for batch in self._log.read(stream, partition, span, _SCAN_RECORDS):
                for offset, time_us in zip(batch.offsets, batch.log_ts_us, strict=True):
                    if time_us >= log_ts_us:
                        return offset
        return None

    def close(self) -> None:
        """Close the log underneath."""
        self._log.close()

    def _range(self, stream: str, partition: int) -> OffsetRange | None:
        return self._basis.get(stream, {}).get(partition)

    def _restrict(self, stream: str, part: PartitionInfo, inside: OffsetRange | None) -> PartitionInfo:
        wanted = OffsetRange(part.low, part.low) if inside is None else inside
        ranges = tuple(both for span in part.ranges if (both := span.intersection(wanted)) is not None)
        low = max(part.low, min(wanted.start, part.end))
        hides_first = low > part.low or not ranges
        return replace(
            part,
            low=low,
            end=max(low, min(part.end, wanted.end)),
            ranges=ranges,
            first_log_ts_us=self._first_us(stream, part, ranges) if hides_first else part.first_log_ts_us,
            outside_log_ts_us=part.first_log_ts_us if hides_first else None,
        )

    def _first_us(self, stream: str, part: PartitionInfo, ranges: tuple[OffsetRange, ...]) -> int | None:
        for span in ranges:
            for batch in self._log.read(stream, part.partition, span, 1):
                return batch.log_ts_us[0]
        return None
