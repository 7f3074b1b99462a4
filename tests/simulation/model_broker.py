"""Output topics of a modelled cluster, below the real KafkaSink.

What is modelled is what Kafka promises: a transaction is there whole or not at all; opening a producer under an id
fences the one before. How the real client gets there is for the tests on a real broker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest import mock

from ofs.errors import SinkError
from ofs.ports import TIMESTAMP_NONE, OutputRecords, RecordBatch
from ofs.sinks import kafka as kafka_sink
from ofs.units import OffsetRange
from tests.simulation.gate import Gate

Row = tuple[bytes, bytes, str]
"""Key, value, and the id under which it was written."""


@dataclass(slots=True)
class ModelBroker:
    """Committed rows by topic, and who may write under an id. Survives every launch."""

    topics: dict[str, list[Row]] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)


class ModelCluster:
    """What KafkaSink uses of KafkaCluster, for one launch."""

    bootstrap: Final = "model:9092"

    def __init__(self, broker: ModelBroker, gate: Gate) -> None:
        self._broker = broker
        self._gate = gate

    def identity(self, name: str) -> tuple[str, int] | None:
        with self._gate.call("broker.ask", name):
            return (f"id-{name}", 1) if name in self._broker.topics else None

    def create_topics(self, names: Sequence[str], *, partitions: int, config: Mapping[str, str]) -> None:
        with self._gate.call("broker.create"):
            for name in names:
                self._broker.topics.setdefault(name, [])

    def bounds(
        self, name: str, partitions: Iterable[int], *, committed: bool = True
    ) -> dict[int, OffsetRange]:
        with self._gate.call("broker.ask", name):
            return {partition: OffsetRange(0, len(self._broker.topics[name])) for partition in partitions}

    def read(self, topic: str, span: OffsetRange) -> Iterator[RecordBatch]:
        """Two records at a time."""
        for first in range(span.start, span.end, 2):
            with self._gate.call("broker.read", f"{topic} at {first}"):
                rows = self._broker.topics[topic][first : min(first + 2, span.end)]
            yield RecordBatch(
                topic,
                0,
                list(range(first, first + len(rows))),
                [0] * len(rows),
                [TIMESTAMP_NONE] * len(rows),
                [key for key, _, _ in rows],
                [value for _, value, _ in rows],
                None,
            )

    def writer(self, transactional_id: str, _topics: Sequence[str]) -> ModelWriter:
        with self._gate.call("broker.open"):
            epoch = self._broker.epochs.get(transactional_id, 0) + 1
            self._broker.epochs[transactional_id] = epoch
            return ModelWriter(self._broker, self._gate, transactional_id, epoch)


class ModelWriter:
    """What KafkaSink uses of KafkaWriter."""

    def __init__(self, broker: ModelBroker, gate: Gate, transactional_id: str, epoch: int) -> None:
        self._broker = broker
        self._gate = gate
        self._id = transactional_id
        self._epoch = epoch

    def write(self, records: Sequence[tuple[str, OutputRecords]]) -> None:
        """One transaction."""
        count = sum(len(some) for _, some in records)
        with self._gate.call("broker.commit", f"{count} records"):
            if self._broker.epochs[self._id] != self._epoch:
                raise SinkError("another launch of this run has taken over")
            for topic, some in records:
                rows = [(key.encode(), value, self._id) for key, value in some.pairs()]
                self._broker.topics[topic].extend(rows)

    def settle(self) -> None:
        """What was written is committed."""

    def discard(self) -> None:
        """Nothing is left open."""


@contextmanager
def modelled_reads() -> Iterator[None]:
    """KafkaSink reads the modelled cluster."""

    def read_range(
        cluster: Any, topic: str, _partition: int, span: OffsetRange, _burst: Callable[[], int], **_more: Any
    ) -> Iterator[RecordBatch]:
        return iter(cluster.read(topic, span))

    with mock.patch.object(kafka_sink, "read_range", read_range):
        yield
