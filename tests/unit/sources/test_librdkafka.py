"""The producer of records by librdkafka's C interface, on the cluster that the library makes up itself."""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition, cimpl
from hypothesis import given
from hypothesis import strategies as st

from ofs import librdkafka
from ofs.librdkafka import TransactionalProducer
from ofs.native import core
from ofs.packed import Packed
from ofs.ports import OutputRecords

_NOBODY = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0, "transactional.id": "run"}
_MADE_UP = {"test.mock.num.brokers": 1, "log_level": 0, "transactional.id": "run"}
_WAIT_S = 10.0
_RECORDS = OutputRecords.of([("first", b"1"), ("schl\u00fcssel", b"22"), ("", b"")])


def _threads() -> set[str]:
    """The numbers of the library's threads in this process, whoever began them."""
    return {path.parent.name for path in Path("/proc/self/task").glob("*/comm") if _is_of_library(path)}


def _is_of_library(path: Path) -> bool:
    try:
        return path.read_text().startswith("rdk:")
    except OSError:
        return False  # it has ended


def _are_gone(threads: set[str]) -> bool:
    """A thread that was waited for can be listed for a moment longer."""
    return any(not threads & _threads() for _ in range(10_000))


def _unexpected(topic: str, error: KafkaError) -> None:
    pytest.fail(f"{topic}: {error}")


@pytest.mark.parametrize("made", [librdkafka.table, librdkafka.plain_table])
@given(
    st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=9)), max_size=20),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_a_table_points_at_every_record(
    made: Callable[[OutputRecords], ctypes.Array[librdkafka.Message]],
    pairs: list[tuple[str, bytes]],
    first: int,
    end: int,
) -> None:
    """Each of its messages has key and value of a record, without the line end, and nothing else."""
    records = OutputRecords.of(pairs).slice(first, end)
    messages = made(records)
    found = [
        (
            ctypes.string_at(message.key, message.key_len).decode(),
            ctypes.string_at(message.payload, message.len),
        )
        for message in messages
    ]
    assert found == pairs[first:end]
    assert not any(message.err or message.rkt or message.partition or message.private for message in messages)


@pytest.mark.skipif(core is None, reason="of the native core")
def test_a_table_never_points_elsewhere() -> None:
    """Keys and lines that are not as many, that do not lie in their data, and lines without a line end are refused."""
    assert core is not None
    keys, lines = Packed.of([b"a", b"b"]), Packed.of([b"1\n", b"2\n"])
    for others in (
        Packed.of([b"1\n"]),
        Packed.of([b"", b"2\n"]),
        Packed(lines.data[:-1], lines.offsets),
        Packed(lines.data, array("Q", [2, 0, 4]).tobytes()),
        Packed(lines.data, b""),
    ):
        with pytest.raises(ValueError, match="records"):
            core.message_table(keys.data, keys.offsets, others.data, others.offsets)


def test_what_is_committed_is_there_with_its_keys() -> None:
    """Keys are UTF-8, and an empty one is a key."""
    producer = TransactionalProducer(_MADE_UP, _unexpected)
    producer.init_transactions(_WAIT_S)
    producer.begin_transaction()
    producer.produce("t", OutputRecords.of(_RECORDS.pairs()))
    producer.commit_transaction(_WAIT_S)
    assert _held(producer, "t", len(_RECORDS)) == sorted(
        (key.encode(), value) for key, value in _RECORDS.pairs()
    )
    producer.close()


def test_lines_are_held_until_their_transaction_has_ended() -> None:
    """The library reads them where they stand: committed, aborted or closed, it reads them no more."""
    given = OutputRecords.of([("k", bytes(range(1, 9)))])
    lines = given.lines.data
    before = sys.getrefcount(lines)
    producer = TransactionalProducer(_MADE_UP, lambda _topic, _error: None)
    producer.init_transactions(_WAIT_S)
    ends: list[Callable[[], None]] = [
        lambda: producer.commit_transaction(_WAIT_S),
        lambda: producer.abort_transaction(_WAIT_S),
        producer.close,
    ]
    for end in ends:
        producer.begin_transaction()
        producer.produce("t", given)
        assert sys.getrefcount(lines) == before + 1
        end()
        assert sys.getrefcount(lines) == before


def test_closing_ends_the_threads_of_the_library() -> None:
    """Closing again does nothing; any other call is an error, not a crash."""
    before = _threads()
    producer = TransactionalProducer({**_NOBODY, "transactional.id": ""}, lambda _topic, _error: None)
    producer.produce("t", _RECORDS)
    own = _threads() - before
    assert own
    for _ in range(2):
        producer.close()
        assert _are_gone(own)
    calls: list[Callable[[], None]] = [
        lambda: producer.init_transactions(_WAIT_S),
        lambda: producer.begin_transaction(),
        lambda: producer.produce("t", _RECORDS),
        lambda: producer.commit_transaction(_WAIT_S),
        lambda: producer.abort_transaction(_WAIT_S),
        lambda: producer.purge(),
    ]
    for call in calls:
        with pytest.raises(KafkaException) as caught:
            call()
        assert caught.value.args[0].code() == KafkaError._STATE


def test_a_library_that_hides_its_names_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the producer alone, and it says what is wrong."""
    monkeypatch.setattr(librdkafka, "library", librdkafka.library.__wrapped__)
    monkeypatch.setattr(librdkafka, "_SIGNATURES", {"rd_kafka_hidden": (None, ())})
    with pytest.raises(KafkaException) as caught:
        TransactionalProducer(_NOBODY, _unexpected)
    assert "rd_kafka_hidden" in caught.value.args[0].str()


def test_a_call_out_of_turn_raises_what_the_library_says() -> None:
    """With code, text and traits of its error."""
    producer = TransactionalProducer(_MADE_UP, _unexpected)
    producer.init_transactions(_WAIT_S)
    with pytest.raises(KafkaException) as caught:
        producer.commit_transaction(_WAIT_S)
    error = caught.value.args[0]
    assert (error.code(), error.fatal(), error.retriable()) == (KafkaError._STATE, False, False)
    assert "not valid in state" in error.str()
    producer.close()


def test_a_wait_that_is_too_short_can_be_made_again() -> None:
    """Nobody answers: the error says that a further try may help."""
    producer = TransactionalProducer(_NOBODY, _unexpected)
    with pytest.raises(KafkaException) as caught:
        producer.init_transactions(0.01)
    assert caught.value.args[0].code() == KafkaError._TIMED_OUT
    assert caught.value.args[0].retriable()
    producer.close()


def test_what_is_not_delivered_is_told_and_fails_the_transaction() -> None:
    """Topic and reason of each record; the transaction must be aborted."""
    told: list[tuple[str, int]] = []
    producer = TransactionalProducer(_MADE_UP, lambda topic, error: told.append((topic, error.code())))
    producer.init_transactions(_WAIT_S)
    producer.begin_transaction()
    producer.produce("t", _RECORDS)
    producer.purge()
    assert told == [("t", KafkaError._PURGE_QUEUE)] * len(_RECORDS)
    with pytest.raises(KafkaException) as caught:
        producer.commit_transaction(_WAIT_S)
    assert caught.value.args[0].txn_requires_abort()
    producer.abort_transaction(_WAIT_S)
    producer.close()


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"queue.buffering.max.messages": 2}, KafkaError._QUEUE_FULL),
        ({"message.max.bytes": 1_000}, KafkaError.MSG_SIZE_TOO_LARGE),
    ],
)
def test_records_that_the_queue_does_not_take_are_an_error(limit: dict[str, int], code: int) -> None:
    """The reason of the first that was refused, also where those before it were taken."""
    records = OutputRecords.of([("a", b"1"), ("b", b"2"), ("c", b"3" * 2_000)])
    producer = TransactionalProducer(
        {**_NOBODY, **limit, "transactional.id": ""}, lambda _topic, _error: None
    )
    with pytest.raises(KafkaException) as caught:
        producer.produce("t", records)
    assert caught.value.args[0].code() == code
    producer.close()


@pytest.mark.parametrize("setting", [{"nonsense": 1}, {"enable.idempotence": True, "acks": 0}])
def test_a_setting_that_is_none_is_an_error(setting: dict[str, str | int | bool]) -> None:
    """Unknown, or at odds with another one."""
    with pytest.raises(KafkaException, match=r"nonsense|acks"):
        TransactionalProducer({**_NOBODY, **setting}, _unexpected)


def _held(producer: TransactionalProducer, topic: str, count: int) -> list[tuple[bytes | None, bytes | None]]:
    """Keys and values in the made-up cluster's topic, sorted."""
    library = ctypes.CDLL(cimpl.__file__)
    library.rd_kafka_handle_mock_cluster.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    cluster = library.rd_kafka_handle_mock_cluster(ctypes.c_void_p(producer._handle))
    bootstrap = library.rd_kafka_mock_cluster_bootstraps(ctypes.c_void_p(cluster)).decode()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "log_level": 0})
    partitions = consumer.list_topics(topic, timeout=_WAIT_S).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    messages = consumer.consume(count, _WAIT_S)
    consumer.close()
    return sorted((message.key(), message.value()) for message in messages)
