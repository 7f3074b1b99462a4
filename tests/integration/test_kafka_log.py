"""KafkaLog against a real broker: what it describes, what it reads, and when it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from time import monotonic

import pytest

from ofs.errors import ArchiveError, SourceError, TopicMissingError
from ofs.ports import TIMESTAMP_CREATE, TIMESTAMP_LOG_APPEND, EventLog, PartitionInfo, StreamInfo
from ofs.sources.archive import ArchiveLog, export, verify
from ofs.sources.kafka import KafkaDecisionSource, KafkaLog
from ofs.sources.logical import LogicalLog
from ofs.units import OffsetRange
from tests.integration.broker import Broker
from tests.integration.topics import Topics, Written

FIVE = [Written(b"%d" % number, timestamp_ms=1_000 * (number + 1)) for number in range(5)]


@pytest.fixture
def log(bootstrap: str) -> Iterator[KafkaLog]:
    """A log over the broker of the session."""
    opened = KafkaLog(bootstrap)
    yield opened
    opened.close()


def _info(log: EventLog, stream: str) -> StreamInfo:
    info = log.describe(stream)
    if info is None:
        pytest.fail(f"{stream} is not known")
    return info


def _part(log: EventLog, stream: str, partition: int = 0) -> PartitionInfo:
    return _info(log, stream).partitions[partition]


def _read(
    log: EventLog, stream: str, start: int, end: int, max_records: int = 3
) -> list[tuple[int, bytes | None]]:
    batches = log.read(stream, 0, OffsetRange(start, end), max_records)
    return [pair for batch in batches for pair in zip(batch.offsets, batch.values, strict=True)]


def test_a_topic_is_described_as_the_broker_knows_it(
    log: KafkaLog, topics: Topics, name: Callable[[], str]
) -> None:
    """Id, kind of timestamps, ranges and first log timestamp are the broker's; an empty partition has no range."""
    topic = name()
    topic_id = topics.create(topic, partitions=2)
    topics.write(topic, FIVE)
    held = OffsetRange(0, 5)
    empty = OffsetRange(0, 0)
    assert log.describe(topic) == StreamInfo(
        stream=topic,
        log_id=topic_id,
        topic_id=topic_id,
        log_append=False,
        compacted=False,
        partitions=(
            PartitionInfo(partition=0, low=0, end=5, ranges=(held,), first_log_ts_us=1_000_000, broker=held),
            PartitionInfo(partition=1, low=0, end=0, ranges=(), first_log_ts_us=None, broker=empty),
        ),
    )


def test_a_topic_that_does_not_exist_is_not_known(
    log: KafkaLog, topics: Topics, name: Callable[[], str]
) -> None:
    """The log knows no such stream, and asking does not create the topic."""
    topic = name()
    assert log.describe(topic) is None
    with pytest.raises(TopicMissingError):
        _read(log, topic, 0, 1)
    assert not topics.exists(topic)


def test_records_are_read_as_they_were_written(
    log: KafkaLog, topics: Topics, name: Callable[[], str]
) -> None:
    """Offset, time, its type, key, value and headers arrive unchanged, nulls among them."""
    topic = name()
    topics.create(topic)
    topics.write(
        topic,
        [
            Written(b"v", key=b"k", timestamp_ms=7, headers=[("a", b"1"), ("a", None)]),
            Written(None, key=b"", timestamp_ms=9),
        ],
    )
    (batch,) = log.read(topic, 0, OffsetRange(0, 2), 10)
    assert asdict(batch) == {
        "stream": topic,
        "partition": 0,
        "offsets": [0, 1],
        "log_ts_us": [7_000, 9_000],
        "ts_types": [TIMESTAMP_CREATE] * 2,
        "keys": [b"k", b""],
        "values": [b"v", None],
        "headers": [[("a", b"1"), ("a", None)], []],
    }


def test_log_append_time_is_told_from_create_time(
    log: KafkaLog, topics: Topics, name: Callable[[], str]
) -> None:
    """A topic whose timestamps are the broker's is described so, and so are its records."""
    topic = name()
    topics.create(topic, message_timestamp_type="LogAppendTime")
    topics.write(topic, FIVE)
    assert _info(log, topic).log_append
    (batch,) = log.read(topic, 0, OffsetRange(0, 5), 10)
    assert batch.ts_types == [TIMESTAMP_LOG_APPEND] * 5
    assert min(batch.log_ts_us) > 1_000_000_000_000_000


@pytest.mark.parametrize("max_records", [1, 2, 100])
def test_reading_ends_behind_aborted_and_control_records(
    log: KafkaLog, topics: Topics, name: Callable[[], str], max_records: int
) -> None:
    """Committed records alone are read, whatever the batch size; a tail that delivers nothing ends the reading."""
    topic = name()
    topics.create(topic)
    topics.write_transaction(topic, FIVE[:2], transactional_id=f"{topic}-a", commit=True)
    topics.write_transaction(topic, FIVE[2:], transactional_id=f"{topic}-b", commit=False)
    part = _part(log, topic)
    assert (part.low, part.end) == (0, 7)
    assert _read(log, topic, 0, 7, max_records) == [(0, b"0"), (1, b"1")]
    assert _read(log, topic, 2, 7, max_records) == []
    assert _read(log, topic, 1, 1, max_records) == []


def test_records_of_an_open_transaction_are_beyond_the_end(
    log: KafkaLog, topics: Topics, name: Callable[[], str]
) -> None:
    """The end is the last stable offset: what is not yet decided is not in the log."""
    topic = name()
    topics.create(topic)
    topics.write(topic, FIVE)
    producer = topics.open_transaction(topic, FIVE, transactional_id=f"{topic}-open")
    assert _part(log, topic).end == 5
    producer.commit_transaction(30)
    assert _read(log, topic, 0, 10) == [(n, b"%d" % (n % 5)) for n in range(10)]


def test_an_offset_that_is_gone_is_an_error(log: KafkaLog, topics: Topics, name: Callable[[], str]) -> None:
    """Below the log's start nothing is skipped: the error names the offset and where the log starts."""
    topic = name()
    topics.create(topic)
    topics.write(topic, FIVE)
    topics.delete_before(topic, 0, 3)
    part = _part(log, topic)
    assert (part.low, part.ranges, part.first_log_ts_us) == (3, (OffsetRange(3, 5),), 4_000_000)
    with pytest.raises(SourceError, match=r"offset 1 .* 3"):
        _read(log, topic, 1, 5)
    assert _read(log, topic, 3, 5) == [(3, b"3"), (4, b"4")]


def test_a_log_that_is_removed_whole_has_no_range(
    log: KafkaLog, topics: Topics, name: Callable[[], str]
) -> None:
    """Where retention removed everything, start equals end, and that is where the log goes on."""
    topic = name()
    topics.create(topic)
    topics.write(topic, FIVE)
    topics.delete_before(topic, 0, 5)
    part = _part(log, topic)
    assert (part.low, part.end, part.ranges, part.first_log_ts_us) == (5, 5, (), None)
    assert _read(log, topic, 5, 5) == []
    topics.write(topic, FIVE[:1])
    assert _read(log, topic, 5, 6) == [(5, b"0")]


def test_a_compacted_topic_offers_nothing_to_read(
    log: KafkaLog, topics: Topics, name: Callable[[], str]
) -> None:
    """What is left of a compacted topic is not its history, whether or not it was compacted yet."""
    topic = name()
    topics.create(topic, cleanup_policy="compact,delete")
    topics.write(topic, [Written(b"v", key=b"k")])
    info = _info(log, topic)
    assert info.compacted
    assert info.partitions[0].ranges == ()
    with pytest.raises(SourceError, match="compacted"):
        _read(log, topic, 0, 1)


def test_a_topic_created_anew_is_noticed_while_reading(
    log: KafkaLog, topics: Topics, name: Callable[[], str]
) -> None:
    """A topic that was described and then created anew is not read under its old name."""
    topic = name()
    topics.create(topic)
    topics.write(topic, FIVE)
    before = _info(log, topic).topic_id
    topics.recreate(topic)
    topics.write(topic, FIVE)
    with pytest.raises(SourceError, match="created anew"):
        _read(log, topic, 0, 5)
    assert _info(log, topic).topic_id != before
    assert len(_read(log, topic, 0, 5)) == 5


@pytest.mark.parametrize(("time_us", "offset"), [(0, 0), (2_000_000, 1), (2_500_000, 2), (6_000_000, None)])
def test_a_time_is_mapped_to_the_first_offset_at_or_after_it(
    log: KafkaLog, topics: Topics, name: Callable[[], str], time_us: int, offset: int | None
) -> None:
    """Before, at, between and after the records; an empty partition maps every time to nothing."""
    topic = name()
    topics.create(topic, partitions=2)
    topics.write(topic, FIVE)
    assert log.offset_at(topic, 0, time_us) == offset
    assert log.offset_at(topic, 1, time_us) is None


def test_a_broker_that_is_down_is_reported_within_15_seconds(second_broker: Broker) -> None:
    """A log that cannot be reached is one line with the address, within the limit."""
    topics = Topics(second_broker.bootstrap)
    topics.create("t")
    topics.write("t", FIVE)
    log = KafkaLog(second_broker.bootstrap)
    assert _part(log, "t").end == 5
    second_broker.stop()
    for call in (lambda: log.describe("t"), lambda: _read(log, "t", 0, 5), lambda: log.offset_at("t", 0, 0)):
        started = monotonic()
        with pytest.raises(SourceError) as caught:
            call()
        assert monotonic() - started < 15
        assert second_broker.bootstrap in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_exported_archive_is_the_topic(
    log: KafkaLog, topics: Topics, name: Callable[[], str], tmp_path: Path
) -> None:
    """An export holds the same records under the topic's id, verifies, and grows by what came later."""
    topic = name()
    topic_id = topics.create(topic)
    topics.write_transaction(topic, FIVE, transactional_id=f"{topic}-a", commit=True)
    export(log, topic, tmp_path)
    archive = ArchiveLog(tmp_path)
    assert (_info(archive, topic).topic_id, _info(archive, topic).log_append) == (topic_id, False)
    assert _part(archive, topic).ranges == (OffsetRange(0, 6),)
    assert _read(archive, topic, 0, 6) == _read(log, topic, 0, 6)
    topics.write(topic, FIVE)
    export(log, topic, tmp_path)
    assert _read(ArchiveLog(tmp_path), topic, 0, 11) == _read(log, topic, 0, 11)
    assert verify(tmp_path).is_sound


def test_broker_and_archive_are_one_stream(
    log: KafkaLog, topics: Topics, name: Callable[[], str], tmp_path: Path, bootstrap: str
) -> None:
    """What retention removed comes from the archive, and the seam is not seen."""
    topic = name()
    topics.create(topic)
    topics.write(topic, FIVE)
    export(log, topic, tmp_path)
    topics.write(topic, FIVE)
    topics.delete_before(topic, 0, 3)
    both = LogicalLog(KafkaLog(bootstrap), ArchiveLog(tmp_path))
    part = _part(both, topic)
    assert (part.low, part.end, part.ranges, part.first_log_ts_us) == (
        0,
        10,
        (OffsetRange(0, 10),),
        1_000_000,
    )
    assert _read(both, topic, 0, 10) == [(n, b"%d" % (n % 5)) for n in range(10)]
    assert both.offset_at(topic, 0, 2_000_000) == 1
    both.close()


def test_an_archive_of_another_topic_is_refused(
    log: KafkaLog, topics: Topics, name: Callable[[], str], tmp_path: Path
) -> None:
    """An archive of a topic that has since been created anew does not stand in for the new one."""
    topic = name()
    topics.create(topic)
    topics.write(topic, FIVE)
    export(log, topic, tmp_path)
    topics.recreate(topic)
    topics.write(topic, FIVE)
    with pytest.raises(ArchiveError, match="topic id"):
        LogicalLog(log, ArchiveLog(tmp_path)).describe(topic)


def _lines(source: KafkaDecisionSource) -> list[bytes]:
    return [line for block in source.blocks() for line in block]


def test_decision_lines_come_by_partition_and_offset_at_every_reading(
    bootstrap: str, topics: Topics, name: Callable[[], str]
) -> None:
    """A topic of decisions is the same lines twice, also where records were added between the readings."""
    topic = name()
    topics.create(topic, partitions=2)
    topics.write(topic, [Written(b"%d" % number, partition=number % 2) for number in range(6)])
    whole = KafkaDecisionSource(bootstrap, topic)
    expected = [b"0", b"2", b"4", b"1", b"3", b"5"]
    assert _lines(whole) == expected
    topics.write(topic, [Written(b"6")])
    assert _lines(whole) == expected
    part = KafkaDecisionSource(bootstrap, topic, {1: OffsetRange(1, 3)})
    assert _lines(part) == [b"3", b"5"]
