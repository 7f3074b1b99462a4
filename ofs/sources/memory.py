"""A log in memory that can do what a broker does to a log: holes, retention, re-creation, compaction."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from ofs.errors import SourceError, UsageError
from ofs.ports import (
    TIMESTAMP_CREATE,
    TIMESTAMP_LOG_APPEND,
    Header,
    PartitionInfo,
    RecordBatch,
    StreamInfo,
)
from ofs.units import OffsetRange, next_offset


@dataclass(frozen=True, slots=True)
class Record:
    """One record to append. `offset` None: the next one. `ts_type` None: as the stream's timestamps are."""

    value: bytes | None
    key: bytes | None = None
    log_ts_us: int = 0
    offset: int | None = None
    ts_type: int | None = None
    headers: tuple[Header, ...] = ()


@dataclass(slots=True)
class _Partition:
    low: int = 0
    end: int = 0
    offsets: list[int] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)


@dataclass(slots=True)
class _Stream:
    topic_id: str
    log_append: bool
    compacted: bool
    partitions: list[_Partition]

    @property
    def ts_type(self) -> int:
        return TIMESTAMP_LOG_APPEND if self.log_append else TIMESTAMP_CREATE


class MemoryLog:
    """EventLog over lists. One writer; readers see what was appended when their batch is made."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._generation = 0

    def create(
        self, stream: str, partitions: int = 1, *, log_append: bool = True, topic_id: str | None = None
    ) -> None:
        """Add an empty stream; a topic id is made up from the order of creation where none is given."""
        if stream in self._streams:
            raise UsageError(f"stream {stream} exists already")
        self._generation = next_offset(self._generation)
        name = f"memory-{self._generation}-{stream}" if topic_id is None else topic_id
        self._streams[stream] = _Stream(
            topic_id=name,
            log_append=log_append,
            compacted=False,
            partitions=[_Partition() for _ in range(partitions)],
        )

    def recreate(self, stream: str) -> None:
        """Delete the stream and create it empty: the same name and shape, another topic id."""
        old = self._streams.pop(stream)
        self.create(stream, len(old.partitions), log_append=old.log_append)

    def append(self, stream: str, partition: int, *records: Record) -> None:
        """Append in offset order; the stream and its partitions are made where they are missing."""
        if stream not in self._streams:
            self.create(stream)
        parts = self._streams[stream].partitions
        while len(parts) <= partition:
            parts.append(_Partition())
        target = parts[partition]
        for record in records:
            offset = target.end if record.offset is None else record.offset
            if offset < target.end:
                raise UsageError(f"{stream}/{partition}: offset {offset} is below the end {target.end}")
            target.offsets.append(offset)
            target.records.append(record)
            target.end = next_offset(offset)

    def advance(self, stream: str, partition: int, end: int) -> None:
        """Move the end past offsets that deliver nothing, as control records and aborted ones do."""
        target = self._partition(stream, partition)
        target.end = max(target.end, end)

    def delete_records(self, stream: str, partition: int, low: int) -> None:
        """Remove all offsets below `low`, as retention does."""
        target = self._partition(stream, partition)
        index = bisect_left(target.offsets, low)
        del target.offsets[:index], target.records[:index]
        target.low = max(target.low, min(low, target.end))

    def compact(self, stream: str) -> None:
        """Mark the stream as compacted: what is left of it is not to be trusted as history."""
        self._streams[stream].compacted = True

    def describe(self, stream: str) -> StreamInfo | None:
        """What can be read of the stream now; None where it does not exist."""
        found = self._streams.get(stream)
        if found is None:
            return None
        return StreamInfo(
            stream=stream,
            log_id=found.topic_id,
            topic_id=found.topic_id,
            log_append=found.log_append,
            compacted=found.compacted,
            partitions=tuple(
                PartitionInfo(
                    partition=number,
                    low=part.low,
                    end=part.end,
                    ranges=()
                    if found.compacted or part.low == part.end
                    else (OffsetRange(part.low, part.end),),
                    first_log_ts_us=part.records[0].log_ts_us if part.records else None,
                    broker=OffsetRange(part.low, part.end),
                )
                for number, part in enumerate(found.partitions)
            ),
        )

    def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Iterator[RecordBatch]:
        """The records of `span`, see EventLog. Raises SourceError where part of it is not there."""
        part = self._partition(stream, partition)
        if span.is_empty:
            return
        if self._streams[stream].compacted:
            raise SourceError(f"{stream}/{partition}: the stream is compacted, its records are no history")
        if span.start < part.low or span.end > part.end:
            raise SourceError(
                f"{stream}/{partition}: [{span.start}, {span.end}) is not there, only [{part.low}, {part.end})"
            )
        position = span.start
        while True:
            index = bisect_left(part.offsets, position)
            stop = min(index + max_records, bisect_left(part.offsets, span.end))
            if position < part.low:
                raise SourceError(f"{stream}/{partition}: offset {position} was removed while being read")
            if index >= stop:
                return
            batch = self._batch(stream, partition, index, stop)
            yield batch
            position = next_offset(batch.offsets[-1])

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        """The first offset whose log timestamp is at or after the time; None where there is none."""
        part = self._partition(stream, partition)
        for offset, record in zip(part.offsets, part.records, strict=True):
            if record.log_ts_us >= log_ts_us:
                return offset
        return None

    def close(self) -> None:
        """Nothing is held."""

    def _partition(self, stream: str, partition: int) -> _Partition:
        found = self._streams.get(stream)
        if found is None or not 0 <= partition < len(found.partitions):
            raise SourceError(f"{stream}/{partition}: no such partition")
        return found.partitions[partition]

    def _batch(self, stream: str, partition: int, index: int, stop: int) -> RecordBatch:
        home = self._streams[stream]
        part = home.partitions[partition]
        records = part.records[index:stop]
        return RecordBatch(
            stream=stream,
            partition=partition,
            offsets=part.offsets[index:stop],
            log_ts_us=[record.log_ts_us for record in records],
            ts_types=[home.ts_type if record.ts_type is None else record.ts_type for record in records],
            keys=[record.key for record in records],
            values=[record.value for record in records],
            headers=[list(record.headers) for record in records]
            if any(record.headers for record in records)
            else None,
        )
