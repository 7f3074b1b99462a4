"""Topics and records on the broker of the tests, written and read with the plain client, apart from the adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

LIMIT_S = 30.0
POLL_S = 0.1
# events of the past must not be expired by the broker: retention looks at the record's own time
KEPT = {"retention.ms": "-1"}
_URL_SAFE = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True)
class Written:
    """One record to be written; `timestamp_ms` None leaves it to the client."""

    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    timestamp_ms: int | None = None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


class Topics:
    """Creates topics, writes and reads records, and deletes at the end what it created."""

    def __init__(self, bootstrap: str) -> None:
        self._config: dict[str, Any] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self._admin = AdminClient(self._config)
        self._created: set[str] = set()

    def create(self, topic: str, *, partitions: int = 1, **config: str) -> str:
        """Create the topic (config names with _ for .) and wait until the broker serves it; returns its id."""
        settings = KEPT | {name.replace("_", "."): value for name, value in config.items()}
        made = self._admin.create_topics(
            [NewTopic(topic, num_partitions=partitions, replication_factor=1, config=settings)]
        )
        made[topic].result(LIMIT_S)
        self._created.add(topic)
        _await(lambda: self._partition_count(topic) == partitions, f"{topic} is served")
        return self.topic_id(topic)

    def delete(self, topic: str) -> None:
        """Delete the topic and wait until it is gone."""
        self._admin.delete_topics([topic])[topic].result(LIMIT_S)
        self._created.discard(topic)
        _await(lambda: self._partition_count(topic) == 0, f"{topic} is gone")

    def recreate(self, topic: str, *, partitions: int = 1) -> str:
        """Delete the topic and create another one of the same name; returns the new id."""
        self.delete(topic)

        def created() -> bool:
            # the name can stay taken for a moment after the metadata have lost it
            try:
                self.create(topic, partitions=partitions)
            except KafkaException:
                return False
            return True

        _await(created, f"{topic} is created again")
        return self.topic_id(topic)

    def topic_id(self, topic: str) -> str:
        """The topic's id as Kafka's own tools write it; the client writes + and / where they write - and _."""
        described = self._admin.describe_topics(TopicCollection([topic]))[topic].result(LIMIT_S)
        return str(described.topic_id).translate(_URL_SAFE)

    def configure(self, topic: str, **config: str) -> None:
        """Set settings of the topic (names with _ for .) and wait until the broker reports them."""
        wanted = {name.replace("_", "."): value for name, value in config.items()}
        resource = ConfigResource(
            ResourceType.TOPIC,
            topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in wanted.items()
            ],
        )
        self._admin.incremental_alter_configs([resource])[resource].result(LIMIT_S)

        def applied() -> bool:
            asked = ConfigResource(ResourceType.TOPIC, topic)
            found = self._admin.describe_configs([asked])[asked].result(LIMIT_S)
            return all(found[name].value == value for name, value in wanted.items())

        _await(applied, f"{topic} has {wanted}")

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Remove the records below the offset, as retention does."""
        target = TopicPartition(topic, partition, offset)
        for done in self._admin.delete_records([target]).values():
            done.result(LIMIT_S)

    def write(self, topic: str, records: Sequence[Written]) -> list[int]:
        """Write the records one after another; returns their offsets from the delivery reports."""
        producer = Producer(self._config | {"enable.idempotence": True})
        return _deliver(producer, topic, records)

    def write_transaction(
        self, topic: str, records: Sequence[Written], *, transactional_id: str, commit: bool
    ) -> list[int]:
        """Write the records in one transaction, committed or aborted, and wait until readers see which.

        Returns their offsets.
        """
        producer = Producer(self._config | {"transactional.id": transactional_id})
        producer.init_transactions(LIMIT_S)
        producer.begin_transaction()
        offsets = _deliver(producer, topic, records)
        if commit:
            producer.commit_transaction(LIMIT_S)
        else:
            producer.abort_transaction(LIMIT_S)
        last = {record.partition: offset for record, offset in zip(records, offsets, strict=True)}

        def decided() -> bool:
            # the coordinator answers before the partitions have its marker: until then their stable end lies before it
            if all(self._marks(topic, number)[1] > offset for number, offset in last.items()):
                return True
            producer.poll(POLL_S)
            return False

        _await(decided, f"the transaction in {topic} is decided")
        return offsets

    def open_transaction(self, topic: str, records: Sequence[Written], *, transactional_id: str) -> Producer:
        """Write the records in a transaction that stays open; the caller ends it with the producer."""
        producer = Producer(self._config | {"transactional.id": transactional_id})
        producer.init_transactions(LIMIT_S)
        producer.begin_transaction()
        _deliver(producer, topic, records)
        return producer

    def read(self, topic: str, count: int) -> list[Message]:
        """The committed records of the topic, at least `count`, sorted by partition and offset."""
        consumer = Consumer(
            self._config
            | {
                "group.id": f"test-reader-{topic}",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
            }
        )
        try:
            consumer.assign(
                [
                    TopicPartition(topic, number, OFFSET_BEGINNING)
                    for number in range(self._partition_count(topic))
                ]
            )
            found: list[Message] = []

            def enough() -> bool:
                for message in consumer.consume(500, timeout=POLL_S):
                    error = message.error()
                    if error is not None:
                        raise KafkaException(error)
                    found.append(message)
                return len(found) >= count

            _await(enough, f"{count} records of {topic}")
        finally:
            consumer.close()
        return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))

    def count(self, topic: str) -> int:
        """How many offsets the topic holds, from the low watermark to the stable end of each partition."""
        marks = [self._marks(topic, number) for number in range(self._partition_count(topic))]
        return sum(high - low for low, high in marks)

    def exists(self, topic: str) -> bool:
        """Whether the broker knows the topic."""
        return self._partition_count(topic) > 0

    def close(self) -> None:
        """Delete every topic that was created here or adopted, and wait until they are gone."""
        there = sorted(topic for topic in self._created if self.exists(topic))
        if there:
            for done in self._admin.delete_topics(there).values():
                done.result(LIMIT_S)
            _await(lambda: not any(self.exists(topic) for topic in there), f"{there} are gone")
        self._created.clear()

    def adopt(self, *topics: str) -> None:
        """Delete these topics too at the end: the code under test created them."""
        self._created.update(topics)

    def _marks(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset of the partition and its last stable one plus 1."""
        consumer = Consumer(
            self._config | {"group.id": f"test-marks-{topic}", "isolation.level": "read_committed"}
        )
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=LIMIT_S)
        finally:
            consumer.close()
        return int(low), int(high)

    def _partition_count(self, topic: str) -> int:
        # the metadata of all topics: asking for one by its name can create it
        known = self._admin.list_topics(timeout=LIMIT_S).topics.get(topic)
        return 0 if known is None or known.error is not None else len(known.partitions)


def _deliver(producer: Producer, topic: str, records: Sequence[Written]) -> list[int]:
    offsets: dict[int, int] = {}

    def delivered(index: int) -> Callable[[Any, Message], None]:
        def report(error: Any, message: Message) -> None:
            if error is not None:
                raise KafkaException(error)
            offsets[index] = message.offset() or 0

        return report

    for index, record in enumerate(records):
        stamp: dict[str, Any] = {} if record.timestamp_ms is None else {"timestamp": record.timestamp_ms}
        producer.produce(
            topic,
            value=record.value,
            key=record.key,
            partition=record.partition,
            headers=list(record.headers),
            on_delivery=delivered(index),
            **stamp,
        )
        producer.poll(0)
    if producer.flush(LIMIT_S) != 0 or len(offsets) != len(records):
        raise TimeoutError(f"{topic}: {len(offsets)} of {len(records)} records delivered")
    return [offsets[index] for index in range(len(records))]


def _await(condition: Callable[[], bool], what: str) -> None:
    """Try the condition, which itself waits on the broker, until it holds; bounded by the number of tries."""
    for _ in range(int(LIMIT_S / POLL_S)):
        if condition():
            return
    raise TimeoutError(f"not within {LIMIT_S:g} s: {what}")
