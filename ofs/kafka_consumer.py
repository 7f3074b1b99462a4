"""A consumer by the C interface of librdkafka: records come as columns, without an object a message.

The native core takes a batch of messages from the library in one call, with the interpreter's lock free. Where it was
not built, they are copied here, one by one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_void_p
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import count, groupby
from typing import Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException

from ofs.librdkafka import CONSUMER, Client, Message, Told, library, open_client
from ofs.native import core
from ofs.ports import Header, RecordBatch
from ofs.units import INT64_MAX

_MESSAGES_MAX: Final = 1_000_000
_MS: Final = 1000
_MS_US: Final = 1000
# in the order in which the core takes their addresses
_READING: Final = (
    "rd_kafka_consume_batch_queue",
    "rd_kafka_message_destroy",
    "rd_kafka_message_timestamp",
    "rd_kafka_message_headers",
    "rd_kafka_header_get_all",
)


@dataclass(frozen=True, slots=True)
class Received:
    """Records in the order in which they came, a batch where the partition changes; ends by partition; errors."""

    batches: list[RecordBatch]
    ends: dict[int, int]
    errors: list[KafkaError]


class Consumer(Client):
    """A consumer that is assigned explicit offsets; what it commits or joins, its configuration says.

    `told` is called by threads that wait in a call, with what the library says about the cluster, and must not raise.
    Raises KafkaException from every call, also where it is closed. Effects: threads of the library until `close`. It
    logs nothing.
    """

    def __init__(self, config: Mapping[str, Any], told: Callable[[KafkaError], None]) -> None:
        report = _reporting(told)
        handle = open_client(
            CONSUMER, config, lambda settings: library().rd_kafka_conf_set_error_cb(settings, report)
        )
        library().rd_kafka_poll_set_consumer(handle)
        self._queue: Final[int] = library().rd_kafka_queue_get_consumer(handle)
        super().__init__("consumer", handle, _destroy, self._queue, report)

    def assign(self, topic: str, starts: Mapping[int, int]) -> None:
        """Read these partitions from these offsets on, and no others."""
        with self._opened() as handle, _partitions(topic, starts) as places:
            _check(library().rd_kafka_assign(handle, places))

    def consume(self, stream: str, wanted: int, timeout_s: float) -> Received:
        """Up to so many records, ends and errors, once they are there, or what is there after the time.

        `stream`: what the batches are to name. Raises ValueError where a record's headers cannot be read.
        """
        with self._opened():
            return _reader().read(stream, self._queue, min(wanted, _MESSAGES_MAX), int(timeout_s * _MS))

    def position(self, topic: str, partition: int) -> int:
        """The offset behind the last record that was consumed, past control records; negative before the first."""
        with self._opened() as handle, _partitions(topic, {partition: 0}) as places:
            _check(library().rd_kafka_position(handle, places))
            return int(places.contents.elems[0].offset)


class _Reader(Protocol):
    def read(self, stream: str, queue: int, wanted: int, timeout_ms: int) -> Received: ...


class NativeReader:
    """Reads by the core. Raises ImportError where it was not built."""

    def __init__(self) -> None:
        if core is None:
            raise ImportError("the native core ofs._core was not built")
        functions = (getattr(library(), name) for name in _READING)
        addresses = [ctypes.cast(function, c_void_p).value or 0 for function in functions]
        self._reader: Final = core.MessageReader(addresses)

    def read(self, stream: str, queue: int, wanted: int, timeout_ms: int) -> Received:
        """See Consumer.consume."""
        found = self._reader.read(queue, wanted, timeout_ms)
        if found is None:
            raise KafkaException(KafkaError(library().rd_kafka_last_error()))
        records, ends, errors = found
        batches: list[RecordBatch] = [KafkaRecords(stream, some) for some in records]
        return Received(batches, dict(ends), [_error(code, text) for code, text in errors])


class PlainReader:
    """Reads without the core: some twenty times as slow."""

    def read(self, stream: str, queue: int, wanted: int, timeout_ms: int) -> Received:
        """See Consumer.consume."""
        held = (POINTER(Message) * wanted)()
        count = library().rd_kafka_consume_batch_queue(queue, timeout_ms, held, wanted)
        if count < 0:
            raise KafkaException(KafkaError(library().rd_kafka_last_error()))
        try:
            records: list[_Copy] = []
            received = Received([], {}, [])
            for pointer in held[:count]:
                message = pointer.contents
                if message.err == KafkaError._PARTITION_EOF:
                    received.ends[message.partition] = message.offset
                elif message.err:
                    text = _bytes(message.payload, message.len) or b""
                    received.errors.append(_error(message.err, text.decode("utf-8", "replace")))
                else:
                    records.append(_copied(pointer))
        finally:
            for pointer in held[:count]:
                library().rd_kafka_message_destroy(pointer)
        for partition, some in groupby(records, key=lambda record: record.partition):
            received.batches.append(_batch(stream, partition, list(some)))
        return received


class KafkaRecords(RecordBatch):
    """Records as the core holds them. The lists are made on demand; an engine that reads Arrow needs none of them."""

    def __init__(self, stream: str, records: Any) -> None:
        self.__dict__.update(stream=stream, partition=records.partition, _records=records)

    def __len__(self) -> int:
        return len(self.arrow)

    @property
    def arrow(self) -> Any:
        return self.__dict__["_records"]

    def slice(self, start: int, end: int) -> RecordBatch:
        """The records at the indexes `[start, end)`."""
        return KafkaRecords(self.stream, self.arrow.slice(start, end))

    @cached_property
    def offsets(self) -> list[int]:
        return list(self.arrow.offsets)

    @cached_property
    def log_ts_us(self) -> list[int]:
        return list(self.arrow.log_ts_us)

    @cached_property
    def ts_types(self) -> list[int]:
        return list(self.arrow.ts_types)

    @cached_property
    def keys(self) -> list[bytes | None]:
        return list(self.arrow.keys)

    @cached_property
    def values(self) -> list[bytes | None]:
        return list(self.arrow.values)

    @cached_property
    def headers(self) -> list[list[Header]] | None:
        headers: list[list[Header]] | None = self.arrow.headers
        return headers


@dataclass(frozen=True, slots=True)
class _Copy:
    partition: int
    offset: int
    ts_type: int
    log_ts_us: int
    key: bytes | None
    value: bytes | None
    headers: list[Header]


def _copied(pointer: Any) -> _Copy:
    message, kind = pointer.contents, c_int()
    time_us = library().rd_kafka_message_timestamp(pointer, byref(kind)) * _MS_US
    return _Copy(
        partition=message.partition,
        offset=message.offset,
        ts_type=kind.value,
        log_ts_us=min(time_us, INT64_MAX) if kind.value else 0,
        key=_bytes(message.key, message.key_len),
        value=_bytes(message.payload, message.len),
        headers=list(_headers(pointer)),
    )


def _headers(pointer: Any) -> Iterator[Header]:
    headers, name, value, size = c_void_p(), c_char_p(), c_void_p(), c_size_t()
    error = library().rd_kafka_message_headers(pointer, byref(headers))
    try:
        for index in count():
            error = error or library().rd_kafka_header_get_all(
                headers, index, byref(name), byref(value), byref(size)
            )
            if error == KafkaError._NOENT:
                return
            if error or name.value is None:
                raise ValueError
            yield name.value.decode(), _bytes(value.value, size.value)
    except ValueError as reason:
        offset = pointer.contents.offset
        raise ValueError(f"the headers of the record at offset {offset} cannot be read") from reason


def _batch(stream: str, partition: int, records: list[_Copy]) -> RecordBatch:
    return RecordBatch(
        stream=stream,
        partition=partition,
        offsets=[record.offset for record in records],
        log_ts_us=[record.log_ts_us for record in records],
        ts_types=[record.ts_type for record in records],
        keys=[record.key for record in records],
        values=[record.value for record in records],
        headers=[record.headers for record in records] if any(record.headers for record in records) else None,
    )


def _bytes(address: int | None, length: int) -> bytes | None:
    return None if address is None else ctypes.string_at(address, length)


@cache
def _reader() -> _Reader:
    return PlainReader() if core is None else NativeReader()


def _error(code: int, text: str) -> KafkaError:
    return KafkaError(code, text) if text else KafkaError(code)


@contextmanager
def _partitions(topic: str, offsets: Mapping[int, int]) -> Iterator[Any]:
    """A list of the library's, freed afterwards."""
    places = library().rd_kafka_topic_partition_list_new(len(offsets))
    try:
        for partition, offset in offsets.items():
            place = library().rd_kafka_topic_partition_list_add(places, topic.encode(), partition)
            place.contents.offset = offset
        yield places
    finally:
        library().rd_kafka_topic_partition_list_destroy(places)


def _reporting(told: Callable[[KafkaError], None]) -> Any:
    def report(_handle: int, code: int, reason: bytes | None, _opaque: int) -> None:
        told(_error(code, (reason or b"").decode("utf-8", "replace")))

    return Told(report)


def _destroy(handle: int, queue: int, _report: Any) -> None:
    """Also where nobody closes; until here the report may be called."""
    library().rd_kafka_consumer_close(handle)
    library().rd_kafka_queue_destroy(queue)
    library().rd_kafka_destroy(handle)


def _check(code: int) -> None:
    if code:
        raise KafkaException(KafkaError(code))
