"""Kafka topics as a log, and decisions from a topic. Nothing is committed, no group joined, no topic written."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, overload

from ofs.errors import SourceError, TopicMissingError
from ofs.kafka_client import KafkaCluster, first_log_ts_us, read_range
from ofs.ports import PartitionInfo, RecordBatch, StreamInfo
from ofs.sources.rate import RateLimiter
from ofs.units import OffsetRange

_DECISION_RECORDS: Final = 4096
# how long records are held back at most until the topic's identity is asked for, which takes about 1 ms
_CHECK_S: Final = 0.05


class KafkaLog:
    """EventLog over topics of one cluster, read_committed.

    `topics`: stream to topic; a stream that is not named is a topic of that name. `read_rate`: records a second over
    all readers, None without limit. A topic that is created anew while it is read is a SourceError, and none of the
    records of its successor is handed out.
    """

    def __init__(
        self, bootstrap: str, topics: Mapping[str, str] | None = None, read_rate: float | None = None
    ) -> None:
        self._cluster = KafkaCluster(bootstrap, SourceError)
        self._topics = dict(topics or {})
        self._limiter = None if read_rate is None else RateLimiter(read_rate)
        self._described: dict[str, StreamInfo] = {}
        self._first_us: dict[tuple[str, int, int], int] = {}

    def describe(self, stream: str) -> StreamInfo | None:
        """The topic as it is now; None where it does not exist. The end is the last stable offset."""
        name = self._topic(stream)
        facts = self._cluster.topic(name)
        if facts is None:
            return None
        bounds = self._cluster.bounds(name, range(facts.partitions))
        unknown = {
            p: span for p, span in bounds.items() if (facts.topic_id, p, span.start) not in self._first_us
        }
        for partition, time_us in first_log_ts_us(self._cluster, name, unknown).items():
            self._first_us[facts.topic_id, partition, bounds[partition].start] = time_us
        info = StreamInfo(
            stream=stream,
            log_id=facts.topic_id,
            topic_id=facts.topic_id,
            log_append=facts.log_append,
            compacted=facts.compacted,
            partitions=tuple(
                PartitionInfo(
                    partition=partition,
                    low=span.start,
                    end=span.end,
                    ranges=() if facts.compacted or span.is_empty else (span,),
                    first_log_ts_us=self._first_us.get((facts.topic_id, partition, span.start)),
                    broker=span,
                )
                for partition, span in sorted(bounds.items())
            ),
        )
        self._described[stream] = info
        return info

    def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Iterator[RecordBatch]:
        """The delivered records of `span`, see EventLog; an end beyond the last stable offset is awaited for 30 s."""
        if span.is_empty:
            return
        name = self._topic(stream)
        known = self._described.get(stream) or self.describe(stream)
        if known is not None and known.compacted:
            raise SourceError(f"topic {name} is compacted: what is left of it is not its history")
        expected = None if known is None else known.topic_id
        self._check(name, expected, partition, span)
        # a reader goes on in another topic of the same name and says nothing: what it has brought is handed out only
        # once the topic was seen to be the same one afterwards
        held: list[RecordBatch] = []
        checked_at = time.monotonic()
        burst = functools.partial(self._burst, max_records)
        for batch in read_range(self._cluster, name, partition, span, burst, stream=stream):
            if self._limiter is not None:
                self._limiter.spend(len(batch))
            held.append(batch)
            if time.monotonic() - checked_at >= _CHECK_S:
                self._check_identity(name, expected)
                yield from held
                held, checked_at = [], time.monotonic()
        self._check_identity(name, expected)
        yield from held

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        """The first offset whose log timestamp is at or after the time; None past the end."""
        return self._cluster.offset_at(self._topic(stream), partition, log_ts_us)

    def close(self) -> None:
        """Readers close themselves."""

    def _topic(self, stream: str) -> str:
        return self._topics.get(stream, stream)

    def _burst(self, max_records: int) -> int:
        return max_records if self._limiter is None else self._limiter.burst(max_records)

    def _check(self, name: str, expected: str | None, partition: int, span: OffsetRange) -> None:
        """Raises where the span starts below the log's start: a consumer would not always say so."""
        if partition >= self._check_identity(name, expected):
            raise SourceError(f"topic {name} has no partition {partition}")
        held = self._cluster.bounds(name, [partition])[partition]
        if span.start < held.start:
            raise SourceError(
                f"{name}/{partition}: offset {span.start} is no longer there, the log starts at {held.start}",
                hint="retention removed it; an archive can stand in",
            )

    def _check_identity(self, name: str, expected: str | None) -> int:
        found = self._cluster.identity(name)
        if found is None:
            raise TopicMissingError(f"topic {name} does not exist")
        if expected is not None and found[0] != expected:
            raise SourceError(f"topic {name} was created anew: its id was {expected} and is {found[0]}")
        return found[1]


class LinesOfRecords(Sequence[bytes]):
    """The records' values, an empty line where one is null.

    They are objects when one is asked for. The native core takes the records as they are: `arrow`, None where they
    came otherwise.
    """

    def __init__(self, records: RecordBatch) -> None:
        self._records: Final = records

    @property
    def arrow(self) -> Any:
        return self._records.arrow

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if isinstance(at, slice):
            return [value or b"" for value in self._records.values[at]]
        return self._records.values[at] or b""


class KafkaDecisionSource:
    """Decision lines from a topic, ordered by (partition, offset); each record's value is one line, a null value empty.

    `ranges`: partition to offsets; None for the whole topic as it stands at the first reading. `name` is the topic's.
    """

    def __init__(self, bootstrap: str, topic: str, ranges: Mapping[int, OffsetRange] | None = None) -> None:
        self.name = topic
        self._cluster = KafkaCluster(bootstrap, SourceError)
        self._ranges = None if ranges is None else dict(ranges)
        self._topic_id: str | None = None

    def ranges(self) -> dict[int, OffsetRange]:
        """What is read, resolved once."""
        if self._ranges is None:
            self._ranges = self._cluster.bounds(self.name, range(self._partitions()))
        return dict(self._ranges)

    def blocks(self) -> Iterator[LinesOfRecords]:
        """The lines, some at a time. Raises SourceError where an offset is no longer there."""
        partitions = self._partitions()
        ranges = self.ranges()
        held = self._cluster.bounds(self.name, range(partitions))
        for partition, span in sorted(ranges.items()):
            if partition not in held:
                raise SourceError(f"topic {self.name} has no partition {partition}")
            if not span.is_empty and span.start < held[partition].start:
                raise SourceError(
                    f"{self.name}/{partition}: offset {span.start} is no longer there, "
                    f"the log starts at {held[partition].start}"
                )
            for batch in read_range(self._cluster, self.name, partition, span, lambda: _DECISION_RECORDS):
                yield LinesOfRecords(batch)
        self._partitions()

    def _partitions(self) -> int:
        """The topic's partition count; raises where it is missing or no longer the topic of the first reading."""
        found = self._cluster.identity(self.name)
        if found is None:
            raise TopicMissingError(f"topic {self.name} does not exist")
        if self._topic_id is None:
            self._topic_id = found[0]
        if found[0] != self._topic_id:
            raise SourceError(f"topic {self.name} was created anew while it was being read")
        return found[1]
