"""What sources and sinks need of Kafka; with the producer below it, the one module that knows confluent_kafka.

Nothing here joins a group, commits an offset or writes to a topic that was not asked for by name. Every exception of
the library leaves as the error class that the caller gave (SourceError or SinkError), one line, with address and topic.
"""

from __future__ import annotations

import time
import uuid
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from ofs.errors import OfsError
from ofs.kafka_consumer import Consumer, Received
from ofs.librdkafka import TransactionalProducer
from ofs.ports import OutputRecords, RecordBatch
from ofs.units import OffsetRange

REQUEST_S: Final = 10.0
STALL_S: Final = 30.0
# how long a transaction may stay open: the cluster aborts it then, a broker that restarts takes less
TRANSACTION_S: Final = 60.0
# what a dead producer left open is gone by then: the cluster looks for such transactions every ten seconds
LEFT_OPEN_S: Final = TRANSACTION_S + 20.0
_UNREACHABLE_S: Final = 12.0
_CONSUME_S: Final = 0.1
_LEAVE_S: Final = 5.0
_MS_US: Final = 1000
_BASE: Final = {"log_level": 0, "socket.connection.setup.timeout.ms": 5000, "allow.auto.create.topics": False}
_READER: Final = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "check.crcs": True,
    # a few batches ahead are enough; how soon a full queue is looked at again matters less than how often
    "queued.min.messages": 32_768,
    "fetch.queue.backoff.ms": 10,
    "fetch.wait.max.ms": 20,
}
_WRITER: Final = {
    "enable.idempotence": True,
    "acks": "all",
    "compression.type": "lz4",
    "linger.ms": 100,
    "batch.num.messages": 100_000,
    "message.timeout.ms": 30_000,
    "transaction.timeout.ms": int(TRANSACTION_S * 1000),
    "message.max.bytes": 64 * 1024 * 1024,
    # never full: messages behind one that is refused could be taken, and stand before it
    "queue.buffering.max.messages": 10_000_000,
    "queue.buffering.max.kbytes": 2_097_151,
}
# of few batches none waits for the answers to others, which the library would do without resting
_BATCH_BYTES: Final = 8_000_000
# what a topic takes that nobody configured
_BATCH_BYTES_ANYWHERE: Final = 1_000_000
_UNREACHABLE: Final = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE})
_NO_ANSWER: Final = _UNREACHABLE | {KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE}
_FENCED: Final = frozenset(
    {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
)
_NEVER_FITS: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError._INVALID_ARG})
_TRANSACTION_TRIES: Final = 5
_NOT_READY: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
T = TypeVar("T")

Records = Sequence[tuple[str, OutputRecords]]
"""By topic, in the order in which they are to be written."""


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic as the cluster describes it."""

    name: str
    topic_id: str
    partitions: int
    log_append: bool
    compacted: bool


class KafkaCluster:
    """Questions to one cluster, and readers and writers of it. `error`: the class that failures are raised as."""

    def __init__(self, bootstrap: str, error: type[OfsError]) -> None:
        if not bootstrap.strip():
            raise error("the address of Kafka is empty", hint="HOST:PORT, several separated by commas")
        self.bootstrap: Final = bootstrap
        self.error: Final = error
        self._admin: AdminClient | None = None

    def topic(self, name: str) -> TopicFacts | None:
        """What the cluster knows of the topic; None where it does not exist."""
        identity = self.identity(name)
        if identity is None:
            return None
        topic_id, partitions = identity
        with self.mapped(f"topic {name}"):
            resource = ConfigResource(ResourceType.TOPIC, name)
            config = _patiently(
                lambda: _result(
                    self._client().describe_configs([resource], request_timeout=REQUEST_S)[resource]
                )
            )
        return TopicFacts(
            name=name,
            topic_id=topic_id,
            partitions=partitions,
            log_append=config["message.timestamp.type"].value == "LogAppendTime",
            compacted="compact" in (config["cleanup.policy"].value or ""),
        )

    def identity(self, name: str) -> tuple[str, int] | None:
        """(topic id, partition count) now; None where the topic does not exist."""
        with self.mapped(f"topic {name}"):
            wanted = TopicCollection([name])
            try:
                described = _patiently(
                    lambda: _result(self._client().describe_topics(wanted, request_timeout=REQUEST_S)[name]),
                    final=KafkaError.UNKNOWN_TOPIC_OR_PART,
                )
            except KafkaException as error:
                if _code(error) == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    return None
                raise
            # Kafka and its tools write a topic id as URL-safe base64, the library as plain base64
            topic_id = str(described.topic_id).replace("+", "-").replace("/", "_")
            return topic_id, len(described.partitions)

    def bounds(
        self, name: str, partitions: Iterable[int], *, committed: bool = True
    ) -> dict[int, OffsetRange]:
        """For each partition the low watermark and the last stable offset now; not `committed`: the high watermark."""
        keys = [TopicPartition(name, partition) for partition in partitions]
        earliest, latest = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]  # library's gap
        low = self._list_offsets(name, dict.fromkeys(keys, earliest))
        end = self._list_offsets(name, dict.fromkeys(keys, latest), committed=committed)
        return {
            partition: OffsetRange(low[partition], max(low[partition], end[partition])) for partition in low
        }

    def offset_at(self, name: str, partition: int, log_ts_us: int) -> int | None:
        """The first offset at or after the time; None past the end. Log timestamps are milliseconds."""
        time_ms = max(0, -(-log_ts_us // _MS_US))
        key = TopicPartition(name, partition)
        found = self._list_offsets(name, {key: OffsetSpec.for_timestamp(time_ms)})[partition]
        return None if found < 0 else found

    def create_topics(self, names: Sequence[str], *, partitions: int, config: Mapping[str, str]) -> None:
        """Create the topics and wait until they are there; one that exists is left as it is."""
        topics = [NewTopic(name, num_partitions=partitions, config=dict(config)) for name in names]
        with self.mapped(f"creating topics {', '.join(names)}"):
            for future in self._client().create_topics(topics, request_timeout=REQUEST_S).values():
                try:
                    _result(future)
                except KafkaException as error:
                    if _code(error) != KafkaError.TOPIC_ALREADY_EXISTS:
                        raise
        deadline = time.monotonic() + REQUEST_S
        while any(self.identity(name) is None for name in names):
            if time.monotonic() > deadline:
                raise self.error(
                    f"Kafka at {self.bootstrap}: topics {', '.join(names)} were created but do not appear"
                )

    def reader(self, *, small: bool = False) -> KafkaReader:
        """A consumer of explicit offsets. `small`: for a record or two."""
        return KafkaReader(self, small=small)

    def writer(self, transactional_id: str, topics: Sequence[str]) -> KafkaWriter:
        """A transactional producer for these topics; the one that had this id before is fenced."""
        return KafkaWriter(self, transactional_id, batch_bytes=self._batch_bytes(topics))

    @contextmanager
    def mapped(self, what: str) -> Iterator[None]:
        """Exceptions of the library become the caller's error class."""
        try:
            yield
        except (KafkaException, FutureTimeoutError, RuntimeError, ValueError) as error:
            if isinstance(error, FutureTimeoutError) or _code(error) in _NO_ANSWER:
                raise self.error(
                    f"Kafka at {self.bootstrap} cannot be reached ({what}: no answer within {REQUEST_S:.0f} s)",
                    hint="is the broker up, and is the address the one it advertises?",
                ) from error
            raise self.error(f"Kafka at {self.bootstrap}: {what}: {_reason(error)}") from error

    def _batch_bytes(self, topics: Sequence[str]) -> int:
        """How large a batch may be: as each of the topics takes it; as any does where the cluster does not tell."""
        resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
        try:
            asked = self._client().describe_configs(resources, request_timeout=REQUEST_S)
            limits = [int(_result(asked[key])["max.message.bytes"].value) for key in resources]
        except (KafkaException, FutureTimeoutError):
            return _BATCH_BYTES_ANYWHERE
        return max(1, min(_BATCH_BYTES, *(limit // 16 * 15 for limit in limits)))

    def _client(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient({**_BASE, "bootstrap.servers": self.bootstrap})
        return self._admin

    def _list_offsets(
        self, name: str, wanted: dict[TopicPartition, OffsetSpec], *, committed: bool = True
    ) -> dict[int, int]:
        if not wanted:
            return {}
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        with self.mapped(f"offsets of topic {name}"):
            return _patiently(
                lambda: {
                    key.partition: _result(future).offset
                    for key, future in self._client()
                    .list_offsets(wanted, isolation_level=level, request_timeout=REQUEST_S)
                    .items()
                }
            )


class _Reach:
    """Why brokers cannot be reached, as the library last said; None where it did not.

    Apart from the reader, which the library would hold with it.
    """

    def __init__(self) -> None:
        self.down: str | None = None

    def told(self, error: KafkaError) -> None:
        if error.code() in _UNREACHABLE:
            self.down = error.str()


class KafkaReader:
    """A consumer that is assigned explicit offsets under a group id of its own, and commits nothing."""

    def __init__(self, cluster: KafkaCluster, *, small: bool) -> None:
        self._cluster = cluster
        self._reach: Final = _Reach()
        config: dict[str, Any] = {
            **_BASE,
            **_READER,
            "bootstrap.servers": cluster.bootstrap,
            "group.id": f"ofs-{uuid.uuid4()}",
        }
        if small:
            config |= {"fetch.message.max.bytes": 65_536, "queued.min.messages": 1}
        with cluster.mapped("opening a consumer"):
            self._consumer = Consumer(config, self._reach.told)

    def assign(self, topic: str, starts: Mapping[int, int]) -> None:
        """Read these partitions from these offsets on."""
        with self._cluster.mapped(f"topic {topic}"):
            self._consumer.assign(topic, starts)

    def consume(self, stream: str, wanted: int) -> Received:
        """What has come after at most a tenth of a second; `stream`: what the batches are to name."""
        with self._cluster.mapped("reading"):
            return self._consumer.consume(stream, wanted, _CONSUME_S)

    def position(self, topic: str, partition: int) -> int:
        """The next offset to read, past control records and aborted ones; negative before the first fetch."""
        with self._cluster.mapped(f"topic {topic}"):
            return self._consumer.position(topic, partition)

    def check_alive(self, idle_s: float, where: str, stall_s: float = STALL_S) -> None:
        """Raises where nothing has come for `stall_s`: sooner when the cluster cannot be reached."""
        down = self._reach.down
        if down is not None and idle_s > _UNREACHABLE_S:
            raise self._cluster.error(
                f"Kafka at {self._cluster.bootstrap} cannot be reached ({where}: {down})"
            )
        if idle_s > stall_s:
            raise self._cluster.error(
                f"Kafka at {self._cluster.bootstrap}: {where}: no progress for {idle_s:.0f} s",
                hint="a transaction left open, or offsets beyond the end",
            )

    def progressed(self) -> None:
        """The cluster answers."""
        self._reach.down = None

    def close(self) -> None:
        """Leave; calling it again does nothing."""
        with self._cluster.mapped("closing a consumer"):
            self._consumer.close()


class KafkaWriter:
    """A transactional producer: the records of one `write` are there whole and once, or not at all.

    Opening it fences the producer that had the id before; a transaction that one left open is aborted, one that it was
    committing is committed.
    """

    def __init__(self, cluster: KafkaCluster, transactional_id: str, *, batch_bytes: int) -> None:
        self._cluster = cluster
        self._failure: str | None = None
        self._is_open = False
        self._ending: tuple[Records, Future[None]] | None = None
        self._waits: Final = ThreadPoolExecutor(1, "ofs-commit")
        config = {**_BASE, **_WRITER, "bootstrap.servers": cluster.bootstrap, "batch.size": batch_bytes}
        with cluster.mapped("opening a transactional producer"):
            self._producer = TransactionalProducer(
                config | {"transactional.id": transactional_id}, self._not_delivered
            )
            self._producer.init_transactions(STALL_S)

    def write(self, records: Records) -> None:
        """Write records, by topic, in one transaction, once the one before has ended; its own end is not waited for.

        Raises as `settle` does, for the transaction before.
        """
        self.settle()
        self._ending = records, self._begun(records)

    def settle(self) -> None:
        """Wait until what was written is committed.

        The transaction is aborted and made again where the cluster asks for that, up to 5 times in about 60 s. Raises
        where it is not acknowledged, and where another producer has taken over the id.
        """
        if self._ending is None:
            return
        (records, ending), self._ending = self._ending, None
        deadline = time.monotonic() + TRANSACTION_S
        for tries_left in reversed(range(_TRANSACTION_TRIES)):
            try:
                ending.result()
                return
            except KafkaException as error:
                reason = self._why(error)
                self._abort(error, deadline)
            if tries_left == 0 or time.monotonic() > deadline:
                raise self._cluster.error(f"Kafka at {self._cluster.bootstrap}: not delivered: {reason}")
            ending = self._begun(records)

    def discard(self) -> None:
        """Drop what is not committed and leave; calling it again does nothing."""
        self._waits.shutdown()
        if self._is_open:
            self._is_open = False
            with suppress(KafkaException):  # what cannot be aborted here, the cluster aborts in a while
                self._producer.abort_transaction(_LEAVE_S)
        with suppress(KafkaException):
            self._producer.purge()
        self._producer.close()

    def _begun(self, records: Records) -> Future[None]:
        """Hand over a transaction; its end, which is waited for elsewhere."""
        self._failure = None
        try:
            self._producer.begin_transaction()
            self._is_open = True
            for topic, some in records:
                self._producer.produce(topic, some)
        except KafkaException as error:
            failed = Future[None]()
            failed.set_exception(error)
            return failed
        return self._waits.submit(self._commit, time.monotonic() + TRANSACTION_S)

    def _commit(self, deadline: float) -> None:
        while True:
            try:
                self._producer.commit_transaction(_left_s(deadline))
                self._is_open = False
                return
            except KafkaException as error:
                if not _is(error, KafkaError.retriable) or time.monotonic() > deadline:
                    raise

    def _abort(self, error: KafkaException, deadline: float) -> None:
        """Abort the transaction after an error; returns where it can be made again."""
        self._raise_if_final(error)
        try:
            self._producer.abort_transaction(_left_s(deadline))
        except KafkaException as second:
            self._raise_if_final(second)
            raise self._lost(second) from error
        self._is_open = False
        if _code(error) in _NEVER_FITS:
            raise self._cluster.error(
                f"Kafka at {self._cluster.bootstrap}: not delivered: {_reason(error)}"
            ) from error

    def _raise_if_final(self, error: KafkaException) -> None:
        """Raise where no further try can help."""
        if _code(error) in _FENCED:
            raise self._cluster.error(
                f"Kafka at {self._cluster.bootstrap}: another launch of this run has taken over",
                hint="let that one finish; if there is none, run it again: what is committed is not written again",
            ) from error
        if _is(error, KafkaError.fatal) or _is(error, KafkaError.retriable):
            raise self._lost(error) from error

    def _lost(self, error: KafkaException) -> OfsError:
        """The end of a transaction whose outcome is not known here."""
        return self._cluster.error(
            f"Kafka at {self._cluster.bootstrap}: the end of a transaction was not acknowledged: "
            f"{self._why(error)}",
            hint="is the broker up? Run it again: what is committed is not written again",
        )

    def _why(self, error: KafkaException) -> str:
        return self._failure or _reason(error)

    def _not_delivered(self, topic: str, error: KafkaError) -> None:
        if self._failure is None:
            self._failure = f"topic {topic}: {error.str()}"


def read_range(
    cluster: KafkaCluster,
    topic: str,
    partition: int,
    span: OffsetRange,
    burst: Callable[[], int],
    *,
    stream: str | None = None,
    stall_s: float = STALL_S,
) -> Iterator[RecordBatch]:
    """The delivered records of `span` in offset order, at most `burst()` at a time, as those of `stream`, or the topic.

    Ends by the position, so that control records and aborted ones at the end do not hold it up. A span that is empty
    asks nothing. Raises the cluster's error class: after `stall_s` without progress, 12 s where it cannot be reached,
    and at once where an offset is no longer there.
    """
    if span.is_empty:
        return
    where = f"{topic}/{partition}"
    position, reader = span.start, cluster.reader()
    try:
        reader.assign(topic, {partition: span.start})
        progress_at = time.monotonic()
        while position < span.end:
            received = reader.consume(stream or topic, min(burst(), span.end - position))
            _raise_fatal(cluster, where, position, received.errors)
            reached = max(position, received.ends.get(partition, 0), reader.position(topic, partition))
            for batch in received.batches:
                inside = (
                    batch if reached <= span.end else batch.slice(0, bisect_left(batch.offsets, span.end))
                )
                if len(inside):
                    yield inside
            if reached > position:
                position, progress_at = reached, time.monotonic()
                reader.progressed()
            reader.check_alive(time.monotonic() - progress_at, where, stall_s)
    finally:
        reader.close()


def _raise_fatal(cluster: KafkaCluster, where: str, position: int, errors: Sequence[KafkaError]) -> None:
    """Raise where an error says that the records from the position on will not come."""
    if any(error.code() == KafkaError._AUTO_OFFSET_RESET for error in errors):
        raise cluster.error(
            f"Kafka at {cluster.bootstrap}: {where}: offset {position} is not there (any more)"
        )
    fatal = next(
        (error for error in errors if not error.retriable() and error.code() not in _UNREACHABLE), None
    )
    if fatal is not None:
        raise cluster.error(f"Kafka at {cluster.bootstrap}: {where}: {fatal.name()}: {fatal.str()}")


def first_log_ts_us(cluster: KafkaCluster, topic: str, bounds: Mapping[int, OffsetRange]) -> dict[int, int]:
    """For each partition the log timestamp of its first delivered record; partitions without one are left out."""
    waiting = {partition: span for partition, span in bounds.items() if not span.is_empty}
    found: dict[int, int] = {}
    if not waiting:
        return found
    reader = cluster.reader(small=True)
    try:
        started = time.monotonic()
        while waiting:
            # assigned anew without those that are found: their further records would come first
            reader.assign(topic, {partition: span.start for partition, span in waiting.items()})
            before = len(waiting)
            while len(waiting) == before:
                received = reader.consume(topic, len(waiting))
                if received.errors:
                    raise cluster.error(
                        f"Kafka at {cluster.bootstrap}: topic {topic}: {received.errors[0].str()}"
                    )
                for batch in received.batches:
                    found.setdefault(batch.partition, batch.log_ts_us[0])
                for partition, span in list(waiting.items()):
                    reached = max(received.ends.get(partition, 0), reader.position(topic, partition))
                    if partition in found or reached >= span.end:
                        del waiting[partition]
                reader.check_alive(time.monotonic() - started, f"topic {topic}")
    finally:
        reader.close()
    return found


def _patiently(ask: Callable[[], T], *, final: int | None = None) -> T:
    """Ask again while the answer is that the cluster is not ready, as for a moment after a topic was created.

    `final`: an error code that is an answer although the library calls it retriable.
    """
    deadline = time.monotonic() + REQUEST_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            inner = error.args[0] if error.args else None
            is_passing = isinstance(inner, KafkaError) and (inner.retriable() or inner.code() in _NOT_READY)
            if not is_passing or _code(error) == final or time.monotonic() > deadline:
                raise
            time.sleep(_CONSUME_S)


def _result(future: Future[T]) -> T:
    return future.result(timeout=REQUEST_S + 2)


def _left_s(deadline: float) -> float:
    """Seconds until the deadline; at least one, so that what is only waiting for an answer gets it."""
    return max(1.0, deadline - time.monotonic())


def _is(error: KafkaException, trait: Callable[[KafkaError], bool]) -> bool:
    inner = error.args[0] if error.args else None
    return isinstance(inner, KafkaError) and trait(inner)


def _code(error: BaseException) -> int | None:
    inner = error.args[0] if error.args else None
    return inner.code() if isinstance(inner, KafkaError) else None


def _reason(error: BaseException) -> str:
    inner = error.args[0] if error.args else None
    if isinstance(inner, KafkaError):
        return f"{inner.name()}: {inner.str()}"
    return str(error) or type(error).__name__
