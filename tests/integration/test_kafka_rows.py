"""Rows of a real topic: the same as those of its archive, and in an output topic once each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ofs
from ofs.errors import SinkError, UsageError
from ofs.ports import RowBlock
from ofs.runtime.rows_report import RowsReport
from ofs.sinks.rows_kafka import RowsKafkaSink, RowTopics
from ofs.sinks.rows_memory import RowsMemorySink
from ofs.sources.archive import export
from ofs.sources.kafka import KafkaLog
from tests.integration.broker import Broker
from tests.integration.scenario import PINS, Auth, registry, written
from tests.integration.topics import Topics

AUTHS = [
    Auth(second=60 * number, card=f"c{number % 3}", partition=number % 2, amount=f"{number}.50")
    for number in range(40)
]
STREAM = "cards"


def rows_of(broker: Broker, features: Path, **given: Any) -> RowsReport:
    """Make rows of the topic, unless other events are given."""
    events = given.pop("events", f"kafka://{broker.bootstrap}")
    report: RowsReport = ofs.rows(
        events=events, stream=STREAM, pins=PINS, features=str(features), batch_size=7, **given
    )
    return report


@pytest.fixture
def features(own_topics: Topics, tmp_path: Path) -> Path:
    """Two groups; the events stand in a topic of two partitions."""
    own_topics.create(STREAM, partitions=2)
    own_topics.write(STREAM, written([*AUTHS, AUTHS[3]]))
    return registry(tmp_path / "features")


def test_rows_are_in_the_topic_once(own_broker: Broker, own_topics: Topics, features: Path) -> None:
    """A run that died after its first chunk is made again: each row is there once, in order, then the run's record."""
    memory = RowsMemorySink()
    rows_of(own_broker, features, sink=memory)
    sink = DiesLater(own_broker.bootstrap, create_topics=True)
    with pytest.raises(SinkError, match="full"):
        rows_of(own_broker, features, sink=sink)
    report = rows_of(own_broker, features, sink=f"kafka://{own_broker.bootstrap}")
    found = own_topics.read("ofs.rows.v1", len(memory.rows))
    assert [((m.key() or b"").decode(), m.value()) for m in found] == memory.rows
    *_, certificate, last = own_topics.read("ofs.runs.v1", 4)
    assert (certificate.key(), last.key()) == (
        f"{report.replay_id}/certificate".encode(),
        report.replay_id.encode(),
    )
    assert json.loads(last.value() or b"null")["rows"] == len(memory.rows) == len(AUTHS) + 1
    again = rows_of(own_broker, features, sink=f"kafka://{own_broker.bootstrap}")
    assert (again.verified_only, again.rows) == (True, report.rows)


class DiesLater(RowsKafkaSink):
    """Fails at the third block, when the first is committed."""

    def __init__(self, bootstrap: str, *, create_topics: bool) -> None:
        super().__init__(bootstrap, create_topics=create_topics, chunk_rows=1)
        self._blocks = 0

    def put(self, rows: RowBlock) -> None:
        """As a disk that runs full."""
        self._blocks += 1
        if self._blocks == 3:
            raise SinkError("full")
        super().put(rows)


def test_rows_of_a_topic_are_those_of_its_archive(
    own_broker: Broker, own_topics: Topics, features: Path, tmp_path: Path
) -> None:
    """The broker and the archive give the same rows under the same id."""
    log = KafkaLog(own_broker.bootstrap)
    export(log, STREAM, tmp_path / "archive")
    log.close()
    live, archived = RowsMemorySink(), RowsMemorySink()
    first = rows_of(own_broker, features, sink=live)
    second = rows_of(own_broker, features, sink=archived, events=f"archive:{tmp_path / 'archive'}", workers=2)
    assert (live.rows, first.replay_id) == (archived.rows, second.replay_id)


def test_an_input_topic_is_no_output(own_broker: Broker, features: Path) -> None:
    """A sink that would write to the stream is refused."""
    sink = RowsKafkaSink(own_broker.bootstrap, topics=RowTopics(rows=STREAM))
    with pytest.raises(UsageError, match="is an input of this run"):
        rows_of(own_broker, features, sink=sink)
