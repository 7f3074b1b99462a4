"""The checks that every EventLog passes, over topics of a real broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ofs.ports import EventLog
from ofs.sources.archive import ArchiveLog, export
from ofs.sources.kafka import KafkaLog
from ofs.sources.logical import LogicalLog
from ofs.sources.memory import Record
from ofs.testing.log_contract import LogTraits, check_event_log
from tests.integration.topics import Topics, Written

# a broker gives the offsets itself, and an end that is not there yet is awaited
TRAITS = LogTraits(chosen_offsets=False, awaits_end=True)


def _write(topics: Topics, topic: str, records: Mapping[int, Sequence[Record]]) -> None:
    topics.create(topic, partitions=len(records))
    for partition, wanted in records.items():
        topics.write(
            topic,
            [
                Written(
                    record.value,
                    key=record.key,
                    partition=partition,
                    timestamp_ms=record.log_ts_us // 1_000,
                    headers=list(record.headers),
                )
                for record in wanted
            ],
        )


def test_kafka_log_keeps_its_contract(bootstrap: str, topics: Topics, name: Callable[[], str]) -> None:
    """KafkaLog is an EventLog."""
    topic = name()

    def factory(stream: str, records: Mapping[int, Sequence[Record]]) -> EventLog:
        _write(topics, topic, records)
        return KafkaLog(bootstrap, topics={stream: topic})

    check_event_log(factory, TRAITS)


def test_broker_and_archive_together_keep_the_contract(
    bootstrap: str, topics: Topics, name: Callable[[], str], tmp_path: Path
) -> None:
    """A topic whose head was exported and then removed is, with its archive, the log that it was."""
    topic = name()

    def factory(stream: str, records: Mapping[int, Sequence[Record]]) -> EventLog:
        _write(topics, topic, records)
        broker = KafkaLog(bootstrap, topics={stream: topic})
        export(broker, stream, tmp_path)
        topics.delete_before(topic, 2, 1_234)
        topics.delete_before(topic, 0, 2)
        return LogicalLog(broker, ArchiveLog(tmp_path))

    check_event_log(factory, TRAITS)
