"""The checks that every OutputSink passes, over topics of a real broker."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ofs.errors import SinkError
from ofs.kafka_client import KafkaCluster, read_range
from ofs.ports import OutputSink
from ofs.sinks.kafka import KafkaSink, SinkTopics
from ofs.testing.sink_contract import SINK_CHECKS, FinishedRun, SinkPlace
from tests.integration.topics import Topics


class _Place:
    """Four topics of their own, read with read_committed."""

    holds_one_run = False
    keeps_chunks = True

    def __init__(self, bootstrap: str, names: SinkTopics) -> None:
        self._bootstrap = bootstrap
        self._names = names
        self._cluster = KafkaCluster(bootstrap, SinkError)

    def launch(self) -> OutputSink:
        """See SinkPlace."""
        return KafkaSink(self._bootstrap, create_topics=True, topics=self._names)

    def finished(self, replay_id: str) -> FinishedRun | None:
        """See SinkPlace."""
        names = self._names
        found = {key.decode(): json.loads(line) for key, line in self._rows(names.runs)}
        if replay_id not in found:
            return None
        parity, snapshots, dead_letters = (
            [line for _, line in self._rows(name)]
            for name in (names.parity, names.snapshots, names.dead_letters)
        )
        run, certificate = found[replay_id], found[f"{replay_id}/certificate"]
        return FinishedRun(parity, snapshots, dead_letters, run, certificate)

    def _rows(self, topic: str) -> list[tuple[bytes, bytes]]:
        """What is committed up to the high watermark: the last stable offset can lag behind."""
        if self._cluster.identity(topic) is None:
            return []
        span = self._cluster.bounds(topic, [0], committed=False)[0]
        return [
            (key or b"", value or b"")
            for batch in read_range(self._cluster, topic, 0, span, lambda: 1_000)
            for key, value in zip(batch.keys, batch.values, strict=True)
        ]


@pytest.mark.parametrize("check", SINK_CHECKS, ids=lambda check: check.__name__)
def test_kafka_sink_keeps_its_contract(
    check: Callable[[SinkPlace], None], bootstrap: str, topics: Topics, name: Callable[[], str]
) -> None:
    """KafkaSink is an OutputSink."""
    names = SinkTopics(name(), name(), name(), name())
    topics.adopt(names.parity, names.snapshots, names.runs, names.dead_letters)
    check(_Place(bootstrap, names))
