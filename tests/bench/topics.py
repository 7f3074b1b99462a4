"""Loading topics, and reading the answers that a peer has left in one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from tests.bench import texts
from tests.bench.broker import Broker
from tests.bench.dataset import Dataset, chunks
from tests.bench.streams import PARTITIONS, Events

_CHUNK = 32_768
_LIMIT_S = 120

Record = tuple[int, bytes, bytes, int]
"""Partition, key, value, timestamp in ms."""


def ensure_events(broker: Broker, data: Dataset, topic: str) -> None:
    """The topic with the stream's events at the offsets of the archive; loaded where it is not complete."""
    counts = data.events.counts()
    if not _is_complete(broker, topic, counts):
        broker.fresh_topics([topic], PARTITIONS)
        _load(broker, topic, _event_records(data.events))
        _check(broker, topic, counts)


def ensure_decisions(
    broker: Broker, data: Dataset, topic: str, lines: Iterable[bytes], partitions: int
) -> None:
    """The topic with one decision an event; loaded where it is not complete.

    `partitions`: 1, all in the order of arrival; or as many as the stream's, each decision in that of its account.
    """
    of_account = data.events.partition.tolist()
    counts = [data.count] if partitions == 1 else data.events.counts()
    if not _is_complete(broker, topic, counts):
        broker.fresh_topics([topic], partitions)
        log_ms = data.events.log_ms.tolist()
        records = (
            (
                0 if partitions == 1 else of_account[number],
                b"d%09d" % number,
                line.removesuffix(b"\n"),
                log_ms[number],
            )
            for number, line in enumerate(lines)
        )
        _load(broker, topic, records)
        _check(broker, topic, counts)


def end_offsets(broker: Broker, topic: str) -> list[int]:
    """The end of every partition of the topic; waits for leaders, which a broker that has just started has not yet."""
    consumer = _consumer(broker)
    limit = time.monotonic() + _LIMIT_S
    try:
        while True:
            try:
                numbers = sorted(consumer.list_topics(topic, timeout=20).topics[topic].partitions)
                places = [TopicPartition(topic, number) for number in numbers]
                return [consumer.get_watermark_offsets(place, timeout=20)[1] for place in places]
            except KafkaException:
                if time.monotonic() > limit:
                    raise
                consumer.poll(0.2)
    finally:
        consumer.close()


def values(broker: Broker, topic: str) -> Iterator[bytes]:
    """Every record's value, up to the ends as they are now; committed ones only."""
    ends = {number: end for number, end in enumerate(end_offsets(broker, topic)) if end > 0}
    consumer = _consumer(broker)
    consumer.assign([TopicPartition(topic, number, 0) for number in ends])
    try:
        while any(
            position.offset < ends[position.partition]
            for position in consumer.position([TopicPartition(topic, number) for number in ends])
        ):
            for message in consumer.consume(10_000, 1.0):
                error = message.error()
                if error is not None:
                    raise RuntimeError(f"{topic}: {error}")
                yield message.value() or b""
    finally:
        consumer.close()


def _event_records(events: Events) -> Iterator[Record]:
    for start in range(0, len(events), _CHUNK):
        part = slice(start, start + _CHUNK)
        columns = (
            events.partition[part].tolist(),
            [texts.account_id(account).encode() for account in events.account[part].tolist()],
            texts.envelopes(events, part),
            events.log_ms[part].tolist(),
        )
        yield from zip(*columns, strict=True)


def _load(broker: Broker, topic: str, records: Iterable[Record]) -> None:
    failed: list[str] = []

    def told(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap,
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 500_000,
            "queue.buffering.max.kbytes": 1_000_000,
            "enable.idempotence": True,
            "log_level": 3,
        }
    )
    for part in chunks(records, _CHUNK):
        for partition, key, value, log_ms in part:
            while True:
                try:
                    producer.produce(topic, value, key, partition, timestamp=log_ms, on_delivery=told)
                    break
                except BufferError:
                    producer.poll(0.05)
        producer.poll(0)
    left = producer.flush(_LIMIT_S)
    if left or failed:
        raise RuntimeError(f"{topic}: {left} records not delivered, {len(failed)} failed: {failed[:1]}")


def _is_complete(broker: Broker, topic: str, counts: list[int]) -> bool:
    return topic in broker.topics() and end_offsets(broker, topic) == counts


def _check(broker: Broker, topic: str, counts: list[int]) -> None:
    found = end_offsets(broker, topic)
    if found != counts:
        raise RuntimeError(f"{topic}: expected {counts} records, found {found}")


def _consumer(broker: Broker) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": "bench-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.queue.backoff.ms": 2,
        }
    )
