"""Outputs as Kafka topics, by an idempotent producer; the run record is written last and says that the run is finished.

Keys: parity and snapshots by decision id, dead letters by source and line, the run by its replay id, its certificate by
`<replay id>/certificate`. A run that died before its run record is written again whole: its records can then stand
twice, with equal bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Final

from ofs.canonical import jcs
from ofs.errors import InvariantViolation, SinkError, TopicMissingError, UsageError
from ofs.kafka_client import KafkaCluster, KafkaWriter, read_range

_SCAN_RECORDS: Final = 1000
_TOPIC_CONFIG: Final = {
    "retention.ms": "-1",
    "max.message.bytes": str(64 * 1024 * 1024),
    "cleanup.policy": "delete",
}


@dataclass(frozen=True, slots=True)
class SinkTopics:
    """Names of the output topics."""

    parity: str = "ofs.parity.v1"
    snapshots: str = "ofs.snapshots.v1"
    runs: str = "ofs.runs.v1"
    dead_letters: str = "ofs.deadletter.v1"


class KafkaSink:
    """OutputSink over topics. Raises SinkError where a record is not acknowledged; then no run record is written."""

    def __init__(
        self,
        bootstrap: str,
        *,
        create_topics: bool = False,
        topics: SinkTopics | None = None,
    ) -> None:
        """Raises UsageError where two outputs have the same topic."""
        self._topics = SinkTopics() if topics is None else topics
        names = astuple(self._topics)
        if len(set(names)) != len(names):
            raise UsageError("two outputs have the same topic")
        self._create_topics = create_topics
        self._cluster = KafkaCluster(bootstrap, SinkError)
        self._writer: KafkaWriter | None = None
        self._replay_id = ""
        self._finished: dict[str, object] | None = None
        self._outputs: dict[str, _Tally] = {}

    @property
    def topics(self) -> frozenset[str]:
        """See OutputSink."""
        return frozenset(astuple(self._topics))

    def begin(self, replay_id: str) -> bool:
        """See OutputSink. False where the run record of this run is there.

        Raises TopicMissingError where a topic is missing and may not be created.
        """
        names = astuple(self._topics)
        missing = [name for name in names if self._cluster.identity(name) is None]
        if missing and not self._create_topics:
            raise TopicMissingError(
                f"output topics {', '.join(missing)} do not exist", hint="--create-topics makes them"
            )
        if missing:
            self._cluster.create_topics(missing, partitions=1, config=_TOPIC_CONFIG)
        self._finished = self._find_run(replay_id)
        if self._finished is not None:
            return False
        self._replay_id = replay_id
        self._outputs = {name: _Tally() for name in names if name != self._topics.runs}
        self._writer = self._cluster.writer()
        return True

    def finished_run(self) -> Mapping[str, object]:
        """See OutputSink."""
        if self._finished is None:
            raise InvariantViolation("defect in OFS: no run is finished here")
        return self._finished

    def put_parity(self, records: list[tuple[str, bytes]]) -> None:
        """(decision id, ParityResult)."""
        self._put(self._topics.parity, records)

    def put_snapshots(self, records: list[tuple[str, bytes]]) -> None:
        """(decision id, RebuiltFeatureSnapshot)."""
        self._put(self._topics.snapshots, records)

    def put_dead_letters(self, records: list[tuple[str, bytes]]) -> None:
        """(source and line, dead letter)."""
        self._put(self._topics.dead_letters, records)

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Wait until every output is acknowledged, then write the certificate and, last, the run record."""
        writer = self._open_writer()
        writer.flush()
        key = self._replay_id.encode()
        outputs: dict[str, object] = {name: tally.summary() for name, tally in self._outputs.items()}
        writer.write(self._topics.runs, [(key + b"/certificate", jcs(dict(certificate)))])
        writer.flush()
        record = jcs({**run, "replay_id": self._replay_id, "outputs": outputs})
        writer.write(self._topics.runs, [(key, record)])
        writer.flush()
        self._writer = None

    def abort(self) -> None:
        """Drop what was not sent; what the cluster has acknowledged stays, without a run record."""
        if self._writer is not None:
            self._writer.discard()
            self._writer = None

    def _put(self, topic: str, records: list[tuple[str, bytes]]) -> None:
        if not records:
            return
        self._outputs[topic].add([line for _, line in records])
        self._open_writer().write(topic, [(key.encode(), line) for key, line in records])

    def _open_writer(self) -> KafkaWriter:
        if self._writer is None:
            raise InvariantViolation("defect in OFS: put or commit without begin")
        return self._writer

    def _find_run(self, replay_id: str) -> dict[str, object] | None:
        """The run record of this run, None where there is none yet."""
        topic, key = self._topics.runs, replay_id.encode()
        identity = self._cluster.identity(topic)
        if identity is None:
            return None
        for partition, span in self._cluster.bounds(topic, range(identity[1])).items():
            for messages in read_range(self._cluster, topic, partition, span, lambda: _SCAN_RECORDS):
                for message in messages:
                    if message.key() == key:
                        found: dict[str, object] = json.loads(message.value() or b"{}")
                        return found
        return None


class _Tally:
    """Number and digest of an output's records, as a file of these lines would have."""

    def __init__(self) -> None:
        self._records = 0
        self._digest = hashlib.sha256()

    def add(self, lines: list[bytes]) -> None:
        self._records += len(lines)
        self._digest.update(b"\n".join(lines) + b"\n")

    def summary(self) -> dict[str, object]:
        return {"records": self._records, "sha256": self._digest.hexdigest()}
