"""The consumer by librdkafka's C interface, on the cluster that the library makes up itself."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest import mock

import confluent_kafka
import pyarrow as pa
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from hypothesis import given
from hypothesis import strategies as st

from ofs import _core, kafka_consumer, librdkafka
from ofs.errors import SourceError
from ofs.kafka_client import KafkaCluster
from ofs.kafka_consumer import Consumer, KafkaRecords, NativeReader, PlainReader
from ofs.ports import Header, RecordBatch
from ofs.sources.archive import parquet
from ofs.sources.kafka import LinesOfRecords
from ofs.units import INT64_MAX
from tests.unit.sources.test_librdkafka import _are_gone, _threads

_CONFIG = {
    "log_level": 0,
    "group.id": "test",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 5,
    "fetch.queue.backoff.ms": 5,
}
_NOBODY = {**_CONFIG, "bootstrap.servers": "127.0.0.1:1"}
_TRIES = 300
_WAIT_S = 0.1
_NAMES = (f"topic-{number}" for number in count())

Written = tuple[bytes | None, bytes | None, int, list[Header]]
"""Key, value, milliseconds, headers."""

_written: st.SearchStrategy[Written] = st.tuples(
    st.none() | st.binary(max_size=9),
    st.none() | st.binary(max_size=9),
    st.sampled_from([1, 1_700_000_000_000, INT64_MAX // 1_000, INT64_MAX // 1_000 + 1]),
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3),
            st.none() | st.binary(max_size=3),
        ),
        max_size=2,
    ),
)


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """The address of a cluster that is made up."""
    library = ctypes.CDLL(confluent_kafka.cimpl.__file__)
    library.rd_kafka_handle_mock_cluster.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    handle = librdkafka.open_client(librdkafka.PRODUCER, {"test.mock.num.brokers": 1}, lambda _settings: None)
    cluster = library.rd_kafka_handle_mock_cluster(ctypes.c_void_p(handle))
    yield library.rd_kafka_mock_cluster_bootstraps(ctypes.c_void_p(cluster)).decode()
    librdkafka.library().rd_kafka_destroy(handle)


def _topic(bootstrap: str, records: list[Written], partition: int = 0) -> str:
    topic = next(_NAMES)
    _write(bootstrap, topic, records, partition)
    return topic


def _write(bootstrap: str, topic: str, records: list[Written], partition: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, "linger.ms": 0})
    for key, value, time_ms, headers in records:
        producer.produce(topic, value, key, partition, timestamp=time_ms, headers=[*headers])
    assert producer.flush(10) == 0


def _told(_error: KafkaError) -> None:
    """Nothing that is told here matters."""


def _consumed(bootstrap: str, topic: str, partitions: int = 1) -> list[RecordBatch]:
    """What is read until every partition's end."""
    consumer = Consumer({**_CONFIG, "bootstrap.servers": bootstrap}, _told)
    consumer.assign(topic, dict.fromkeys(range(partitions), 0))
    batches: list[RecordBatch] = []
    ends: dict[int, int] = {}
    for _ in range(_TRIES):
        received = consumer.consume("s", 3, _WAIT_S)
        batches += received.batches
        ends |= received.ends
        if len(ends) == partitions:
            break
    assert [consumer.position(topic, partition) for partition in sorted(ends)] == list(
        dict(sorted(ends.items())).values()
    )
    consumer.close()
    return batches


def _rows(batch: RecordBatch) -> list[tuple[object, ...]]:
    headers = batch.headers or [[] for _ in batch.offsets]
    return list(
        zip(batch.offsets, batch.log_ts_us, batch.ts_types, batch.keys, batch.values, headers, strict=True)
    )


def _as_objects(bootstrap: str, topic: str, wanted: int) -> list[tuple[object, ...]]:
    """The same by confluent_kafka's own consumer."""
    consumer = confluent_kafka.Consumer(
        {**_CONFIG, "bootstrap.servers": bootstrap, "enable.partition.eof": False}
    )
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    found: list[tuple[object, ...]] = []
    for message in consumer.consume(wanted, 10):
        kind, time_ms = message.timestamp()
        found.append(
            (
                message.offset(),
                min(time_ms * 1_000, INT64_MAX),
                kind,
                message.key(),
                message.value(),
                message.headers() or [],
            )
        )
    consumer.close()
    return found


@pytest.mark.parametrize("reader", [NativeReader, PlainReader])
@given(records=st.lists(_written, min_size=1, max_size=5))
def test_records_are_those_that_confluent_kafka_reads(
    bootstrap: str, reader: Callable[[], Any], records: list[Written]
) -> None:
    """Offset, time, its type, key, value and headers, with the core and without."""
    topic = _topic(bootstrap, records)
    with mock.patch.object(kafka_consumer, "_reader", reader):
        batches = _consumed(bootstrap, topic)
    assert {(batch.stream, batch.partition) for batch in batches} == {("s", 0)}
    assert [row for batch in batches for row in _rows(batch)] == _as_objects(bootstrap, topic, len(records))


@given(data=st.data())
def test_records_of_the_core_are_the_same_as_lists(bootstrap: str, data: st.DataObject) -> None:
    """Any slice of them, as Arrow too, in the archive's columns."""
    written = data.draw(st.lists(_written, min_size=1, max_size=3))
    batch = _consumed(bootstrap, _topic(bootstrap, written))[0]
    assert isinstance(batch, KafkaRecords)
    plain = RecordBatch(
        batch.stream,
        batch.partition,
        batch.offsets,
        batch.log_ts_us,
        batch.ts_types,
        batch.keys,
        batch.values,
        batch.headers,
    )
    start, end = sorted(data.draw(st.tuples(st.integers(0, 4), st.integers(0, 4))))
    some, expected = batch.slice(start, end), plain.slice(start, end)
    assert (len(some), _rows(some), some.stream) == (len(expected), _rows(expected), "s")
    arrow = pa.record_batch(some.arrow)
    assert arrow.schema.equals(parquet._SCHEMA)
    arrow.validate(full=True)
    assert _rows(parquet.ArrowRecords("s", 0, arrow)) == _rows(expected)


@pytest.mark.parametrize("reader", [NativeReader, PlainReader])
def test_a_batch_holds_records_of_one_partition(
    bootstrap: str, reader: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each partition's in offset order, whatever lies between."""
    monkeypatch.setattr(kafka_consumer, "_reader", reader)
    topic = _topic(bootstrap, [(None, b"%d" % number, 1, []) for number in range(4)])
    _write(bootstrap, topic, [(None, b"other", 1, [])], 1)
    found: dict[int, list[bytes | None]] = {}
    for batch in _consumed(bootstrap, topic, 2):
        found.setdefault(batch.partition, []).extend(batch.values)
    assert found == {0: [b"0", b"1", b"2", b"3"], 1: [b"other"]}


def test_decision_lines_are_decoded_from_records(bootstrap: str) -> None:
    """As from a list of their values; a null is an empty line."""
    values = [b'{"decision_id": "a"}', None, b"", b"[]"]
    topic = _topic(bootstrap, [(None, value, 1, []) for value in values])
    blocks = [LinesOfRecords(batch) for batch in _consumed(bootstrap, topic)]
    assert [line for block in blocks for line in block] == [value or b"" for value in values]
    assert [block[-1:] for block in blocks] == [[block[-1]] for block in blocks]
    found = []
    for form in (lambda block: block, list):
        decisions = _core.Decisions()
        for block in blocks:
            decisions.append(_core.Decisions.decode(form(block)))
        decisions.seal()
        found.append((decisions.irregular(), decisions.dead_letters(), decisions.line_count))
    assert (
        found[0] == found[1] == ([0], [(1, "NOT_AN_OBJECT"), (2, "NOT_AN_OBJECT"), (3, "NOT_AN_OBJECT")], 4)
    )


def test_closing_ends_the_threads_of_the_library(bootstrap: str) -> None:
    """Closing again does nothing; any other call is an error, not a crash."""
    before = _threads()
    consumer = Consumer({**_CONFIG, "bootstrap.servers": bootstrap}, _told)
    consumer.assign("t", {0: 0})
    own = _threads() - before
    assert own
    for _ in range(2):
        consumer.close()
        assert _are_gone(own)
    calls: list[Callable[[], object]] = [
        lambda: consumer.assign("t", {0: 0}),
        lambda: consumer.consume("s", 1, 0),
        lambda: consumer.position("t", 0),
    ]
    for call in calls:
        with pytest.raises(KafkaException) as caught:
            call()
        assert caught.value.args[0].code() == KafkaError._STATE


@pytest.mark.parametrize(
    "opened", [lambda: Consumer(_NOBODY, _told), lambda: KafkaCluster("127.0.0.1:1", SourceError).reader()]
)
def test_a_consumer_that_nobody_closes_ends_with_its_last_reference(opened: Callable[[], object]) -> None:
    """And the library's threads with it."""
    before = _threads()
    consumer = opened()
    own = _threads() - before
    assert own
    del consumer
    gc.collect()
    assert _are_gone(own)


def test_what_the_library_says_of_the_cluster_is_told() -> None:
    """Nobody answers: the caller hears of it while it waits."""
    told: list[int] = []
    consumer = Consumer(_NOBODY, lambda error: told.append(error.code()))
    consumer.assign("t", {0: 0})
    for _ in range(_TRIES):
        if KafkaError._ALL_BROKERS_DOWN in told:
            break
        consumer.consume("s", 1, _WAIT_S)
    consumer.close()
    assert KafkaError._ALL_BROKERS_DOWN in told


@pytest.mark.parametrize("reader", [NativeReader, PlainReader])
def test_an_offset_that_is_not_there_is_an_error(
    bootstrap: str, reader: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the library's code and text; no record is read instead."""
    monkeypatch.setattr(kafka_consumer, "_reader", reader)
    topic = _topic(bootstrap, [(None, b"0", 1, [])])
    consumer = Consumer({**_CONFIG, "bootstrap.servers": bootstrap, "auto.offset.reset": "error"}, _told)
    consumer.assign(topic, {0: 9})
    received = next(
        found for found in (consumer.consume("s", 5, _WAIT_S) for _ in range(_TRIES)) if found.errors
    )
    consumer.close()
    (error,) = received.errors
    assert (received.batches, error.code()) == ([], KafkaError._AUTO_OFFSET_RESET)
    assert "out of range" in error.str().lower()


@pytest.mark.parametrize("setting", [{"nonsense": 1}, {"queued.min.messages": 0}])
def test_a_setting_that_is_none_is_an_error(setting: dict[str, int]) -> None:
    """Unknown, or out of its bounds."""
    with pytest.raises(KafkaException, match=r"nonsense|queued\.min\.messages"):
        Consumer({**_NOBODY, **setting}, _told)


def test_a_library_that_hides_its_names_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something is to be read, and it says what is wrong."""
    monkeypatch.setattr(librdkafka, "library", librdkafka.library.__wrapped__)
    monkeypatch.setattr(librdkafka, "_SIGNATURES", {"rd_kafka_hidden": (None, ())})
    with pytest.raises(SourceError, match="rd_kafka_hidden") as caught:
        KafkaCluster("host:1", SourceError).reader()
    assert "\n" not in str(caught.value)


def test_without_the_core_messages_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core is used where it is; without it, the reader that needs it is refused."""
    assert isinstance(kafka_consumer._reader.__wrapped__(), NativeReader)
    monkeypatch.setattr(kafka_consumer, "core", None)
    assert isinstance(kafka_consumer._reader.__wrapped__(), PlainReader)
    with pytest.raises(ImportError):
        NativeReader()


@pytest.mark.parametrize("error", [KafkaError._BAD_MSG, 0])
def test_headers_that_cannot_be_read_are_an_error(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """The record is named; none is taken without its headers."""
    message = librdkafka.Message(offset=7)
    broken = SimpleNamespace(
        rd_kafka_message_headers=lambda _message, _to: error,
        rd_kafka_header_get_all=lambda *_places: KafkaError._BAD_MSG,
    )
    monkeypatch.setattr(kafka_consumer, "library", lambda: broken)
    with pytest.raises(ValueError, match="offset 7"):
        list(kafka_consumer._headers(ctypes.pointer(message)))


def test_a_call_that_the_library_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its last error; an address that is none is refused before."""
    refusing = SimpleNamespace(
        rd_kafka_consume_batch_queue=lambda *_given: -1, rd_kafka_last_error=lambda: KafkaError._INVALID_ARG
    )
    native = NativeReader()
    monkeypatch.setattr(native, "_reader", SimpleNamespace(read=lambda *_given: None))
    monkeypatch.setattr(kafka_consumer, "library", lambda: refusing)
    for reader in (native, PlainReader()):
        with pytest.raises(KafkaException) as caught:
            reader.read("s", 1, 1, 0)
        assert caught.value.args[0].code() == KafkaError._INVALID_ARG
    with pytest.raises(ValueError, match="address"):
        _core.MessageReader([1, 2, 3, 4, 0])
