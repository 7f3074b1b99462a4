"""A model of a cluster's log, and what a reader of it sees, with the rules of Kafka's adapter.

Offsets that deliver nothing (control records, aborted transactions, holes of all kinds) are offsets without a record: a
`read_committed` reader cannot tell them apart. A transaction that is still open holds the last stable offset back until
it is committed, when its records appear at once, or aborted, when its offsets never deliver.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

from ofs.canonical.content import new_content_digest
from ofs.errors import SourceError
from ofs.planner.plan import make_plan
from ofs.ports import TIMESTAMP_CREATE, TIMESTAMP_LOG_APPEND, PartitionInfo, RecordBatch, StreamInfo
from ofs.runtime import replay as run_loop
from ofs.sources.memory import MemoryLog, Record
from ofs.units import OffsetRange, next_offset
from tests.simulation.gate import Gate


@dataclass(slots=True)
class ModelPartition:
    """`[low, stable)` can be read, `[stable, end)` waits for a transaction that is still open.

    `past`: what retention has removed. `cut_max`: no decision's cut is beyond it. `is_lost`: something below that is
    gone, and its offsets are not reused.
    """

    low: int = 0
    stable: int = 0
    end: int = 0
    offsets: list[int] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    past: list[tuple[int, Record]] = field(default_factory=list)
    cut_max: int = 0
    is_lost: bool = False

    def append(self, offset: int, record: Record) -> None:
        self.offsets.append(offset)
        self.records.append(record)
        self.end = next_offset(offset)

    def readable(self) -> tuple[list[int], list[Record]]:
        """What a reader gets of it."""
        index = bisect_left(self.offsets, self.stable)
        return self.offsets[:index], self.records[:index]


@dataclass(slots=True)
class ModelTopic:
    """A topic as it is now."""

    topic_id: str
    log_append: bool
    partitions: list[ModelPartition]
    compacted: bool = False

    def frozen(self) -> ModelTopic:
        """A copy of how it is now."""
        copies = [
            replace(part, offsets=list(part.offsets), records=list(part.records), past=list(part.past))
            for part in self.partitions
        ]
        return replace(self, partitions=copies)


@dataclass(slots=True)
class Cluster:
    """The truth: topics by stream, and what can happen to them. Every change says what it did."""

    topics: dict[str, ModelTopic] = field(default_factory=dict)

    def remove_below(self, stream: str, partition: int, low: int) -> str:
        """Retention."""
        part = self.topics[stream].partitions[partition]
        part.low = max(part.low, min(low, part.stable))
        index = bisect_left(part.offsets, part.low)
        part.past += zip(part.offsets[:index], part.records[:index], strict=True)
        del part.offsets[:index], part.records[:index]
        return f"{stream}/{partition} starts at {part.low}"

    def close_transaction(self, stream: str, partition: int, *, commits: bool) -> str:
        """The open transaction ends with its control record."""
        part = self.topics[stream].partitions[partition]
        if part.stable == part.end:
            return "nothing open"
        if not commits:
            index = bisect_left(part.offsets, part.stable)
            del part.offsets[index:], part.records[index:]
        part.end = part.stable = next_offset(part.end)
        return f"{stream}/{partition} {'commits' if commits else 'aborts'}, stable {part.stable}"

    def append(self, stream: str, partition: int, record: Record) -> str:
        """A producer without a transaction; behind an open one it is not stable yet."""
        part = self.topics[stream].partitions[partition]
        if part.is_lost:
            return "nowhere"
        was_stable = part.stable == part.end
        part.append(part.end, record)
        part.stable = part.end if was_stable else part.stable
        return f"{stream}/{partition} ends at {part.end}"

    def lose_tail(self, stream: str, partition: int, end: int) -> str:
        """An unclean leader election: the newest records are gone. None that a decision's cut holds is replaced."""
        part = self.topics[stream].partitions[partition]
        part.end = max(part.low, min(part.end, end))
        part.is_lost = part.is_lost or part.end < part.cut_max
        part.stable = min(part.stable, part.end)
        index = bisect_left(part.offsets, part.end)
        del part.offsets[index:], part.records[index:]
        return f"{stream}/{partition} ends at {part.end}"

    def add_partition(self, stream: str) -> str:
        """Partitions only grow in number."""
        self.topics[stream].partitions.append(ModelPartition())
        return f"{stream} has {len(self.topics[stream].partitions)}"

    def compact(self, stream: str) -> str:
        """From now on the topic is compacted."""
        self.topics[stream].compacted = True
        return stream

    def recreate(self, stream: str, *, refills: bool) -> str:
        """Deleted, and made again under another id: empty, or filled with other records at the same offsets."""
        old = self.topics[stream]
        parts = [ModelPartition(cut_max=part.cut_max, is_lost=True) for part in old.partitions]
        for part, before in zip(parts, old.partitions, strict=True):
            for offset in range(before.end if refills else 0):
                part.append(offset, Record(b"{}", log_ts_us=1))
            part.stable = part.end
        self.topics[stream] = ModelTopic(f"{old.topic_id}+", old.log_append, parts)
        return f"{stream}{' refilled' if refills else ''}"

    def content(self, stream: str, partition: int, span: OffsetRange) -> tuple[int, str]:
        """Number of records and content digest of what the partition ever delivered in a range."""
        topic = self.topics[stream]
        part = topic.partitions[partition]
        rows = [*part.past, *zip(part.offsets, part.records, strict=True)]
        rows = [(offset, record) for offset, record in rows if span.start <= offset < span.end]
        digest = new_content_digest()
        whole = ModelPartition(offsets=[offset for offset, _ in rows], records=[record for _, record in rows])
        if rows:
            read = _batch(stream, 0, replace(topic, partitions=[whole]), 0, len(rows))
            digest.update(read.offsets, read.log_ts_us, read.ts_types, read.keys, read.values, read.headers)
        return len(rows), digest.root()

    def undisturbed(self) -> MemoryLog:
        """A log that holds what can be read now, and stays like that."""
        log = MemoryLog()
        for stream, topic in self.topics.items():
            log.create(stream, len(topic.partitions), log_append=topic.log_append, topic_id=topic.topic_id)
            for number, part in enumerate(topic.partitions):
                for offset, record in zip(*part.readable(), strict=True):
                    log.append(stream, number, replace(record, offset=offset))
                log.advance(stream, number, part.stable)
                log.delete_records(stream, number, part.low)
            if topic.compacted:
                log.compact(stream)
        return log


class ReaderLog:
    """EventLog over the cluster, as Kafka's adapter reads it: short batches, ends by position, fails below the start.

    `facts`: how each topic was when the plan was made.
    """

    def __init__(self, cluster: Cluster, gate: Gate, chance: random.Random) -> None:
        self._cluster = cluster
        self._gate = gate
        self._chance = chance
        self._described: dict[str, str] = {}
        self._last_described: dict[str, ModelTopic] = {}
        self.facts: dict[str, ModelTopic] = {}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """See which descriptions a plan rests on."""

        def planned(*facts: Any, **named: Any) -> Any:
            self.facts = dict(self._last_described)
            return honest(*facts, **named)

        honest = make_plan
        with mock.patch.object(run_loop, "make_plan", planned):
            yield

    def describe(self, stream: str) -> StreamInfo | None:
        """See EventLog."""
        with self._gate.call("source.describe", stream):
            topic = self._cluster.topics.get(stream)
            if topic is None:
                return None
            self._described[stream] = topic.topic_id
            self._last_described[stream] = topic.frozen()
            return _described(stream, topic)

    def read(self, stream: str, partition: int, span: OffsetRange, max_records: int) -> Iterator[RecordBatch]:
        """See EventLog."""
        if span.is_empty:
            return
        with self._gate.call("source.open", f"{stream}/{partition} [{span.start}, {span.end})"):
            part = self._checked(stream, partition)
            if span.start < part.low:
                raise SourceError(f"{stream}/{partition}: offset {span.start} is no longer there")
        position = span.start
        while position < span.end:
            with self._gate.call("source.read", f"{stream}/{partition} at {position}"):
                part = self._cluster.topics[stream].partitions[partition]
                if position < part.low or position > part.end:
                    raise SourceError(f"{stream}/{partition}: offset {position} is not there (any more)")
                batch, reached = self._fetch(stream, partition, position, span.end, max_records)
                self._checked(stream, partition)  # nothing of another topic of that name is handed out
            if batch is None and reached == position:
                raise SourceError(f"{stream}/{partition}: no progress at {position}, stable {part.stable}")
            position = reached
            if batch is not None:
                yield batch
        with self._gate.call("source.open", f"{stream}/{partition} again"):
            self._checked(stream, partition)

    def offset_at(self, stream: str, partition: int, log_ts_us: int) -> int | None:
        """See EventLog."""
        with self._gate.call("source.offset_at", f"{stream}/{partition}"):
            part = self._cluster.topics[stream].partitions[partition]
            for offset, record in zip(*part.readable(), strict=True):
                if record.log_ts_us >= log_ts_us:
                    return offset
            return None

    def close(self) -> None:
        """See EventLog."""

    def _checked(self, stream: str, partition: int) -> ModelPartition:
        topic = self._cluster.topics[stream]
        if self._described.get(stream, topic.topic_id) != topic.topic_id:
            raise SourceError(f"topic {stream} was created anew")
        if topic.compacted:
            raise SourceError(f"{stream} is compacted")
        return topic.partitions[partition]

    def _fetch(
        self, stream: str, partition: int, position: int, end: int, max_records: int
    ) -> tuple[RecordBatch | None, int]:
        """A fetch gives some of what is there, perhaps only a move past offsets that deliver nothing."""
        topic = self._cluster.topics[stream]
        part = topic.partitions[partition]
        first = bisect_left(part.offsets, position)
        last = bisect_left(part.offsets, min(end, part.stable))
        if first < last and part.offsets[first] > position and self._chance.random() < 0.3:
            return None, part.offsets[first]
        stop = min(last, first + self._chance.randint(1, max_records))
        if first >= stop:
            return None, max(position, min(end, part.stable))
        reached = next_offset(part.offsets[stop - 1])
        if stop == last and self._chance.random() < 0.5:
            reached = max(reached, min(end, part.stable))
        return _batch(stream, partition, topic, first, stop), reached


def _described(stream: str, topic: ModelTopic) -> StreamInfo:
    return StreamInfo(
        stream=stream,
        log_id=topic.topic_id,
        topic_id=topic.topic_id,
        log_append=topic.log_append,
        compacted=topic.compacted,
        partitions=tuple(
            PartitionInfo(
                partition=number,
                low=part.low,
                end=part.stable,
                ranges=()
                if topic.compacted or part.low == part.stable
                else (OffsetRange(part.low, part.stable),),
                first_log_ts_us=records[0].log_ts_us if (records := part.readable()[1]) else None,
                broker=OffsetRange(part.low, part.stable),
            )
            for number, part in enumerate(topic.partitions)
        ),
    )


def _batch(stream: str, partition: int, topic: ModelTopic, first: int, stop: int) -> RecordBatch:
    part = topic.partitions[partition]
    records = part.records[first:stop]
    usual = TIMESTAMP_LOG_APPEND if topic.log_append else TIMESTAMP_CREATE
    return RecordBatch(
        stream=stream,
        partition=partition,
        offsets=part.offsets[first:stop],
        log_ts_us=[record.log_ts_us for record in records],
        ts_types=[usual if record.ts_type is None else record.ts_type for record in records],
        keys=[record.key for record in records],
        values=[record.value for record in records],
        headers=[list(record.headers) for record in records]
        if any(record.headers for record in records)
        else None,
    )
