"""The topic up to its end in the job, in the order of arrival over all partitions."""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import Consumer, TopicPartition

BATCH = 2000
Offsets = list[int]


class Reader:
    """One partition: what was read of it and not yet handed on, as log timestamps and values."""

    def __init__(self, spec: dict[str, Any], number: int, offset: int) -> None:
        self.times: list[int] = []
        self.values: list[bytes] = []
        self.next, self.end = offset, spec["partitions"][number]
        self.consumer = Consumer(
            {
                "bootstrap.servers": spec["bootstrap"],
                "group.id": "bench-bytewax",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.queue.backoff.ms": 2,
            }
        )
        self.consumer.assign([TopicPartition(spec["topic"], number, offset)])

    @property
    def read(self) -> int:
        """The offset after the last one read."""
        return self.next + len(self.times)

    def fill(self) -> None:
        """Reads what there is."""
        for message in self.consumer.consume(min(BATCH, self.end - self.read), 0.01):
            if message.error() is not None:
                raise RuntimeError(str(message.error()))
            self.times.append(message.timestamp()[1])
            self.values.append(message.value())

    def take(self, last: int) -> list[tuple[int, bytes]]:
        """What has a log timestamp up to `last`."""
        count = bisect_right(self.times, last)
        taken = list(zip(self.times[:count], self.values[:count], strict=True))
        del self.times[:count], self.values[:count]
        self.next += count
        return taken


class Merged(StatefulSourcePartition[bytes, Offsets]):
    """All partitions, merged by log timestamp, which is the order in which the events came."""

    def __init__(self, spec: dict[str, Any], offsets: Offsets) -> None:
        self.readers = [Reader(spec, number, offset) for number, offset in enumerate(offsets)]
        self.first_ns = 0

    def next_batch(self) -> list[bytes]:
        open_ = [reader for reader in self.readers if reader.next < reader.end]
        if not open_:
            raise StopIteration
        for reader in open_:
            if not reader.times:
                reader.fill()
        if not all(reader.times for reader in open_):
            return []
        self.first_ns = self.first_ns or time.monotonic_ns()
        # of each partition that still goes on, later records have later timestamps than its last one here
        last = min(reader.times[-1] for reader in open_)
        return [value for _, value in sorted(pair for reader in open_ for pair in reader.take(last))]

    def snapshot(self) -> Offsets:
        return [reader.next for reader in self.readers]

    def close(self) -> None:
        for reader in self.readers:
            reader.consumer.close()


class Source(FixedPartitionedSource[bytes, Offsets]):
    """One source for all partitions: sources of their own would drain out of step."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.merged: Merged | None = None

    def list_parts(self) -> list[str]:
        return ["all"]

    def build_part(self, step_id: str, for_part: str, resume_state: Offsets | None) -> Merged:
        self.merged = Merged(self.spec, resume_state or [0] * len(self.spec["partitions"]))
        return self.merged
