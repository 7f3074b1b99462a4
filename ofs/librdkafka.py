"""The C interface of librdkafka, which confluent_kafka brings along, and a transactional producer by it.

confluent_kafka takes an object a record and calls back for each that was delivered, with the interpreter's lock. Here
some records are one table, which the library takes while the lock is free; what records say it reads where it stands,
which is held until they are delivered or dropped. Only failures are called back.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_size_t, c_ssize_t, c_void_p
from functools import cache
from itertools import pairwise
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, cimpl

from ofs.native import core
from ofs.packed import Packed
from ofs.ports import OutputRecords

Failed = Callable[[str, KafkaError], None]
"""Told of a record that was not delivered: its topic and why."""

PRODUCER: Final = 0
CONSUMER: Final = 1
_IN_PLACE: Final = 0  # values are neither copied nor freed; keys are copied
_PURGE_ALL: Final = 3
_ANY_PARTITION: Final = -1
_REASON_BYTES: Final = 512
_MS: Final = 1000


class Message(ctypes.Structure):
    """`rd_kafka_message_t`."""

    _fields_ = (
        ("err", c_int),
        ("rkt", c_void_p),
        ("partition", c_int32),
        ("payload", c_void_p),
        ("len", c_size_t),
        ("key", c_void_p),
        ("key_len", c_size_t),
        ("offset", c_int64),
        ("private", c_void_p),
    )


class TopicPartition(ctypes.Structure):
    """`rd_kafka_topic_partition_t`."""

    _fields_ = (
        ("topic", c_char_p),
        ("partition", c_int32),
        ("offset", c_int64),
        ("metadata", c_void_p),
        ("metadata_size", c_size_t),
        ("opaque", c_void_p),
        ("err", c_int),
        ("private", c_void_p),
    )


class TopicPartitions(ctypes.Structure):
    """`rd_kafka_topic_partition_list_t`."""

    _fields_ = (("cnt", c_int), ("size", c_int), ("elems", POINTER(TopicPartition)))


Report: Final = ctypes.CFUNCTYPE(None, c_void_p, POINTER(Message), c_void_p)
Told: Final = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_void_p)
_SIGNATURES: Final[Mapping[str, tuple[Any, tuple[Any, ...]]]] = {
    "rd_kafka_conf_new": (c_void_p, ()),
    "rd_kafka_conf_destroy": (None, (c_void_p,)),
    "rd_kafka_conf_set": (c_int, (c_void_p, c_char_p, c_char_p, c_char_p, c_size_t)),
    "rd_kafka_conf_set_log_cb": (None, (c_void_p, c_void_p)),
    "rd_kafka_conf_set_dr_msg_cb": (None, (c_void_p, Report)),
    "rd_kafka_conf_set_error_cb": (None, (c_void_p, Told)),
    "rd_kafka_new": (c_void_p, (c_int, c_void_p, c_char_p, c_size_t)),
    "rd_kafka_destroy": (None, (c_void_p,)),
    "rd_kafka_topic_new": (c_void_p, (c_void_p, c_char_p, c_void_p)),
    "rd_kafka_topic_name": (c_char_p, (c_void_p,)),
    "rd_kafka_topic_destroy": (None, (c_void_p,)),
    "rd_kafka_last_error": (c_int, ()),
    "rd_kafka_produce_batch": (c_int, (c_void_p, c_int32, c_int, c_void_p, c_int)),
    "rd_kafka_purge": (c_int, (c_void_p, c_int)),
    "rd_kafka_poll": (c_int, (c_void_p, c_int)),
    "rd_kafka_init_transactions": (c_void_p, (c_void_p, c_int)),
    "rd_kafka_begin_transaction": (c_void_p, (c_void_p,)),
    "rd_kafka_commit_transaction": (c_void_p, (c_void_p, c_int)),
    "rd_kafka_abort_transaction": (c_void_p, (c_void_p, c_int)),
    "rd_kafka_poll_set_consumer": (c_int, (c_void_p,)),
    "rd_kafka_queue_get_consumer": (c_void_p, (c_void_p,)),
    "rd_kafka_queue_destroy": (None, (c_void_p,)),
    "rd_kafka_topic_partition_list_new": (POINTER(TopicPartitions), (c_int,)),
    "rd_kafka_topic_partition_list_add": (
        POINTER(TopicPartition),
        (POINTER(TopicPartitions), c_char_p, c_int32),
    ),
    "rd_kafka_topic_partition_list_destroy": (None, (POINTER(TopicPartitions),)),
    "rd_kafka_assign": (c_int, (c_void_p, POINTER(TopicPartitions))),
    "rd_kafka_position": (c_int, (c_void_p, POINTER(TopicPartitions))),
    "rd_kafka_consumer_close": (c_int, (c_void_p,)),
    "rd_kafka_consume_batch_queue": (c_ssize_t, (c_void_p, c_int, POINTER(POINTER(Message)), c_size_t)),
    "rd_kafka_message_timestamp": (c_int64, (POINTER(Message), POINTER(c_int))),
    "rd_kafka_message_headers": (c_int, (POINTER(Message), POINTER(c_void_p))),
    "rd_kafka_message_destroy": (None, (POINTER(Message),)),
    "rd_kafka_header_get_all": (
        c_int,
        (c_void_p, c_size_t, POINTER(c_char_p), POINTER(c_void_p), POINTER(c_size_t)),
    ),
    "rd_kafka_error_code": (c_int, (c_void_p,)),
    "rd_kafka_error_string": (c_char_p, (c_void_p,)),
    "rd_kafka_error_is_fatal": (c_int, (c_void_p,)),
    "rd_kafka_error_is_retriable": (c_int, (c_void_p,)),
    "rd_kafka_error_txn_requires_abort": (c_int, (c_void_p,)),
    "rd_kafka_error_destroy": (None, (c_void_p,)),
}


@cache
def library() -> ctypes.CDLL:
    """The library that confluent_kafka is linked with, wherever it is: names are looked up in what a module needs.

    Raises KafkaException where it hides them.
    """
    try:
        library = ctypes.CDLL(cimpl.__file__)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        what = f"confluent_kafka is not linked with a librdkafka that others can call: {error}"
        raise KafkaException(KafkaError(KafkaError._UNSUPPORTED_FEATURE, what)) from error
    return library


class Client:
    """A client of the library, from its opening to its end."""

    def __init__(self, name: str, handle: int, destroy: Callable[..., None], *held: Any) -> None:
        """`destroy` is called once, with the handle and what is held as long as the library has its address."""
        self._name: Final = name
        self._lock: Final = threading.Lock()
        self._handle: Final = handle
        self._end: Final = weakref.finalize(self, destroy, handle, *held)
        # at the end of the process nobody waits for what was not committed, or for records
        self._end.atexit = False

    def close(self) -> None:
        """End the library's threads, once a call that waits has come back; calling it again does nothing."""
        with self._lock:
            self._end()

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The handle, which is not closed meanwhile."""
        with self._lock:
            if not self._end.alive:
                raise KafkaException(KafkaError(KafkaError._STATE, f"the {self._name} is closed"))
            yield self._handle


class TransactionalProducer(Client):
    """A producer with a transactional id. Every call but `produce` may wait for the cluster, at most the time given.

    Raises KafkaException from every call, also where it is closed. Effects: threads of the library until `close`. It
    logs nothing: what it would print is raised.
    """

    def __init__(self, config: Mapping[str, Any], failed: Failed) -> None:
        """`failed` is called by threads that wait in a call, and must not raise."""
        self._topics: Final[dict[str, int]] = {}
        self._held: Final[list[bytes]] = []
        report = _reporting(failed)
        config = {**config, "delivery.report.only.error": True}
        handle = open_client(
            PRODUCER, config, lambda settings: library().rd_kafka_conf_set_dr_msg_cb(settings, report)
        )
        super().__init__("producer", handle, _destroy, self._topics, report, self._held)

    def init_transactions(self, timeout_s: float) -> None:
        """Fence earlier producers of the id, and wait until what they left open is decided."""
        with self._opened() as handle:
            _check(library().rd_kafka_init_transactions(handle, _ms(timeout_s)))

    def begin_transaction(self) -> None:
        """What is produced from now on belongs together."""
        with self._opened() as handle:
            _check(library().rd_kafka_begin_transaction(handle))

    def commit_transaction(self, timeout_s: float) -> None:
        """Deliver what was produced and make it visible."""
        with self._opened() as handle:
            _check(library().rd_kafka_commit_transaction(handle, _ms(timeout_s)))
            self._held.clear()

    def abort_transaction(self, timeout_s: float) -> None:
        """Drop what was produced."""
        with self._opened() as handle:
            _check(library().rd_kafka_abort_transaction(handle, _ms(timeout_s)))
            self._held.clear()

    def produce(self, topic: str, records: OutputRecords) -> None:
        """Queue records, without their line ends. Raises where the queue did not take all of them.

        Their lines are held until the transaction has ended, or the producer is closed.
        """
        messages = table(records)
        with self._opened() as handle:
            to = self._topic(handle, topic)
            self._held.append(records.lines.data)
            taken = library().rd_kafka_produce_batch(to, _ANY_PARTITION, _IN_PLACE, messages, len(messages))
        if taken < len(messages):
            raise KafkaException(KafkaError(next(message.err for message in messages if message.err)))

    def purge(self) -> None:
        """Forget what was not delivered."""
        with self._opened() as handle:
            library().rd_kafka_purge(handle, _PURGE_ALL)
            library().rd_kafka_poll(handle, 0)

    def _topic(self, handle: int, name: str) -> int:
        if name not in self._topics:
            topic = library().rd_kafka_topic_new(handle, name.encode(), None)
            if topic is None:
                raise KafkaException(KafkaError(library().rd_kafka_last_error()))
            self._topics[name] = topic
        return self._topics[name]


def table(records: OutputRecords) -> ctypes.Array[Message]:
    """A message a record, pointing into its keys and lines, which must be held while it is in use."""
    if core is None:
        return plain_table(records)
    keys, lines = records.keys, records.lines
    made = core.message_table(keys.data, keys.offsets, lines.data, lines.offsets)
    return (Message * len(records)).from_buffer(made)


def plain_table(records: OutputRecords) -> ctypes.Array[Message]:
    """The same without the core."""
    messages = (Message * len(records))()
    for message, (key, key_len), (line, line_len) in zip(
        messages, _places(records.keys), _places(records.lines), strict=True
    ):
        message.key, message.key_len = key, key_len
        message.payload, message.len = line, line_len - 1
    return messages


def _places(strings: Packed) -> Iterator[tuple[int, int]]:
    """Address and length of each."""
    address = ctypes.cast(c_char_p(strings.data), c_void_p).value or 0
    return ((address + start, end - start) for start, end in pairwise(strings.words()))


def open_client(kind: int, config: Mapping[str, Any], prepare: Callable[[int], object]) -> int:
    """A client's handle. `kind`: PRODUCER or CONSUMER; `prepare` is given the settings. It logs nothing.

    Raises KafkaException where a setting is none, or at odds with another one.
    """
    reason = ctypes.create_string_buffer(_REASON_BYTES)
    settings = library().rd_kafka_conf_new()
    library().rd_kafka_conf_set_log_cb(settings, None)
    prepare(settings)
    for name, value in config.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if library().rd_kafka_conf_set(settings, name.encode(), text.encode(), reason, _REASON_BYTES):
            library().rd_kafka_conf_destroy(settings)
            raise KafkaException(KafkaError(KafkaError._INVALID_ARG, reason.value.decode()))
    handle = library().rd_kafka_new(kind, settings, reason, _REASON_BYTES)
    if handle is None:
        library().rd_kafka_conf_destroy(settings)
        raise KafkaException(KafkaError(library().rd_kafka_last_error(), reason.value.decode()))
    return int(handle)


def _destroy(handle: int, topics: Mapping[str, int], _report: Any, held: list[bytes]) -> None:
    """Also where nobody closes; until here the report may be called, and what is held be read."""
    for topic in topics.values():
        library().rd_kafka_topic_destroy(topic)
    library().rd_kafka_destroy(handle)
    held.clear()


def _reporting(failed: Failed) -> Any:
    def report(_handle: int, message: Any, _opaque: int) -> None:
        name = library().rd_kafka_topic_name(message.contents.rkt)
        failed(name.decode(), KafkaError(message.contents.err))

    return Report(report)


def _check(error: int | None) -> None:
    """Raise the error that a call returned."""
    if error is None:
        return
    try:
        raised = KafkaError(
            library().rd_kafka_error_code(error),
            library().rd_kafka_error_string(error).decode("utf-8", "replace"),
            bool(library().rd_kafka_error_is_fatal(error)),
            bool(library().rd_kafka_error_is_retriable(error)),
            bool(library().rd_kafka_error_txn_requires_abort(error)),
        )
    finally:
        library().rd_kafka_error_destroy(error)
    raise KafkaException(raised)


def _ms(timeout_s: float) -> int:
    return int(timeout_s * _MS)
