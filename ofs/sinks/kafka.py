"""Outputs as Kafka topics, each record there once, by a transactional producer under the run's own id.

Keys: parity and snapshots by decision id, dead letters by source and line, the run by its replay id, its certificate by
`<replay id>/certificate`, its progress by `<replay id>/progress`.

A transaction holds the records of a chunk and the progress up to and with them: how many records of each output are
committed, and their digest. A run that died is computed again; the records that are committed already are compared by
that digest and not written again. The certificate and the run record are the last transaction: what stands in the
topics before it belongs to a run that is not finished.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ofs.canonical import jcs
from ofs.errors import InvariantViolation, SinkError, TopicMissingError, UsageError
from ofs.kafka_client import LEFT_OPEN_S, KafkaCluster, KafkaWriter, read_range
from ofs.ports import DEAD_LETTERS, PARITY, SNAPSHOTS, OutputDigest, OutputRecords

_SCAN_RECORDS: Final = 1000
_PROGRESS: Final = "ofs.progress/v0"
_TOPIC_CONFIG: Final = {
    "retention.ms": "-1",
    "max.message.bytes": str(64 * 1024 * 1024),
    "cleanup.policy": "delete",
}
# a chunk beyond this is more than one transaction: it must end well before the cluster gives it up
_TRANSACTION_BYTES: Final = 32 * 1024 * 1024
_PIECE_BYTES: Final = _TRANSACTION_BYTES // 4
_PIECE_RECORDS: Final = 1024


@dataclass(frozen=True, slots=True)
class SinkTopics:
    """Names of the output topics."""

    parity: str = "ofs.parity.v1"
    snapshots: str = "ofs.snapshots.v1"
    runs: str = "ofs.runs.v1"
    dead_letters: str = "ofs.deadletter.v1"


class TopicOutputs:
    """Outputs over topics: a run's records are there once each, in order, however often it is killed and run again.

    Raises SinkError where a transaction is not acknowledged, where another launch of the run has taken over, and where
    the records committed before are not those computed now.
    """

    def __init__(self, bootstrap: str, *, outputs: Sequence[str], runs: str, create_topics: bool) -> None:
        """`runs`: the topic of run records. Raises UsageError where two outputs have the same topic."""
        self._names: Final = (*outputs, runs)
        self._runs: Final = runs
        if len(set(self._names)) != len(self._names):
            raise UsageError("two outputs have the same topic")
        self._create_topics = create_topics
        self._cluster = KafkaCluster(bootstrap, SinkError)
        self._writer: KafkaWriter | None = None
        self._replay_id = ""
        self._finished: dict[str, object] | None = None
        self._outputs: dict[str, _Output] = {}
        self._progress_number = 0
        self._pending: list[tuple[str, OutputRecords]] = []
        self._pending_bytes = 0

    @property
    def topics(self) -> frozenset[str]:
        """All that it writes."""
        return frozenset(self._names)

    def begin(self, replay_id: str) -> bool:
        """False where the run record of this run is there. Fences an earlier launch of the run.

        Raises TopicMissingError where a topic is missing and may not be created.
        """
        topic_ids = self._topic_ids()
        self._replay_id = replay_id
        writer = self._cluster.writer(replay_id, self._names)
        try:
            self._finished, progress = self._read_back()
        except BaseException:
            writer.discard()
            raise
        if self._finished is not None:
            writer.discard()
            return False
        self._progress_number = progress.number
        self._outputs = {
            name: _Output(name, topic_id, progress.outputs.get(name))
            for name, topic_id in topic_ids.items()
            if name != self._runs
        }
        self._writer = writer
        return True

    def finished_run(self) -> Mapping[str, object]:
        """The run record that `begin` found."""
        if self._finished is None:
            raise InvariantViolation("defect in OFS: no run is finished here")
        return self._finished

    def put(self, topic: str, records: OutputRecords) -> None:
        """The next records of an output."""
        self._open_writer()
        for piece in _pieces(records):
            fresh = self._outputs[topic].take(piece)
            if fresh:
                self._pending.append((topic, fresh))
                self._pending_bytes += len(fresh.lines.joined())
            if self._pending_bytes >= _TRANSACTION_BYTES:
                self.end_chunk()

    def digest(self, topic: str) -> OutputDigest:
        """What was put so far."""
        return self._outputs[topic].digest

    def end_chunk(self) -> None:
        """Commit what was put, with the progress up to it, behind the caller: what fails is raised by a later call.

        Nothing where all of it was committed before.
        """
        if self._pending:
            self._progress_number += 1
            self._write([(f"{self._replay_id}/progress", jcs(self._progress()))])

    def settle(self) -> None:
        """Wait until the chunks that were ended are committed."""
        self._open_writer().settle()

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Commit what is left, the certificate and, last, the run record."""
        for output in self._outputs.values():
            output.check_complete()
        outputs: dict[str, object] = {name: output.summary() for name, output in self._outputs.items()}
        record = jcs({**run, "replay_id": self._replay_id, "outputs": outputs})
        self._write([(f"{self._replay_id}/certificate", jcs(dict(certificate))), (self._replay_id, record)])
        self.settle()
        self._release()

    def abort(self) -> None:
        """Drop what is not committed. What is stays, without a run record; a next launch does not write it again."""
        self._release()

    def _write(self, closing: list[tuple[str, bytes]]) -> None:
        """One transaction: what was put, then `closing` to the topic of runs."""
        self._open_writer().write([*self._pending, (self._runs, OutputRecords.of(closing))])
        self._pending, self._pending_bytes = [], 0

    def _progress(self) -> dict[str, Any]:
        return {
            "schema_version": _PROGRESS,
            "replay_id": self._replay_id,
            "number": self._progress_number,
            "outputs": {
                name: {"topic_id": output.topic_id, **output.progress()}
                for name, output in self._outputs.items()
            },
        }

    def _open_writer(self) -> KafkaWriter:
        if self._writer is None:
            raise InvariantViolation("defect in OFS: put or commit without begin")
        return self._writer

    def _release(self) -> None:
        self._pending, self._pending_bytes = [], 0
        if self._writer is not None:
            self._writer.discard()
            self._writer = None

    def _topic_ids(self) -> dict[str, str]:
        """The output topics' ids; those that are missing are created where that was asked for."""
        found = {name: self._cluster.identity(name) for name in self._names}
        missing = [name for name, identity in found.items() if identity is None]
        if missing and not self._create_topics:
            raise TopicMissingError(
                f"output topics {', '.join(missing)} do not exist", hint="--create-topics makes them"
            )
        if missing:
            self._cluster.create_topics(missing, partitions=1, config=_TOPIC_CONFIG)
            found |= {name: self._cluster.identity(name) for name in missing}
        return {name: identity[0] for name, identity in found.items() if identity is not None}

    def _read_back(self) -> tuple[dict[str, object] | None, _Progress]:
        """The run record of this run if it is finished, and the last progress of it.

        The high watermark is read up to, not the last stable offset: that one can lag behind a commit of the launch
        before, which is fenced and decided by now.
        """
        run: dict[str, object] | None = None
        last = _Progress(0, {})
        topic, key = self._runs, self._replay_id.encode()
        identity = self._cluster.identity(topic)
        spans = self._cluster.bounds(topic, range(0 if identity is None else identity[1]), committed=False)
        for partition, span in spans.items():
            for batch in read_range(
                self._cluster, topic, partition, span, lambda: _SCAN_RECORDS, stall_s=LEFT_OPEN_S
            ):
                for offset, found, value in zip(batch.offsets, batch.keys, batch.values, strict=True):
                    where = f"{topic}/{partition} offset {offset}"
                    if found == key:
                        run = _object(value, where)
                    elif found == key + b"/progress":
                        # the last one by its number: the topic may have been given more partitions in between
                        last = max(last, _Progress.read(value, where), key=lambda progress: progress.number)
        return run, last


class KafkaSink(TopicOutputs):
    """OutputSink over topics."""

    def __init__(
        self,
        bootstrap: str,
        *,
        create_topics: bool = False,
        topics: SinkTopics | None = None,
    ) -> None:
        """Raises UsageError where two outputs have the same topic."""
        self._topics: Final = SinkTopics() if topics is None else topics
        outputs = (self._topics.parity, self._topics.snapshots, self._topics.dead_letters)
        super().__init__(bootstrap, outputs=outputs, runs=self._topics.runs, create_topics=create_topics)

    def put_parity(self, records: OutputRecords) -> None:
        """ParityResults by decision id."""
        self.put(self._topics.parity, records)

    def put_snapshots(self, records: OutputRecords) -> None:
        """RebuiltFeatureSnapshots by decision id."""
        self.put(self._topics.snapshots, records)

    def put_dead_letters(self, records: OutputRecords) -> None:
        """Dead letters by source and line."""
        self.put(self._topics.dead_letters, records)

    def digests(self) -> Mapping[str, OutputDigest]:
        """See OutputSink."""
        topics = self._topics
        names = {PARITY: topics.parity, SNAPSHOTS: topics.snapshots, DEAD_LETTERS: topics.dead_letters}
        return {name: self.digest(topic) for name, topic in names.items()}


@dataclass(frozen=True, slots=True)
class _Committed:
    """What is committed of an output: to which topic, how many records, and the digest of their lines."""

    topic_id: str
    records: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Progress:
    """A progress record; `number` counts them over all launches of a run."""

    number: int
    outputs: dict[str, _Committed]

    @classmethod
    def read(cls, value: bytes | None, where: str) -> _Progress:
        """Raises SinkError where it is none."""
        found = _object(value, where)
        try:
            if found["schema_version"] != _PROGRESS:
                raise ValueError(found["schema_version"])
            outputs: Any = found["outputs"]
            return cls(
                int(str(found["number"])),
                {
                    str(name): _Committed(str(item["topic_id"]), int(item["records"]), str(item["sha256"]))
                    for name, item in outputs.items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SinkError(f"{where}: not a progress record of this version") from error


class _Output:
    """One output: number and digest of its records so far, as a file of these lines would have."""

    def __init__(self, name: str, topic_id: str, committed: _Committed | None) -> None:
        self.topic_id: Final = topic_id
        self._name = name
        # a topic that was created anew holds nothing of what was committed to its predecessor
        self._committed = (
            committed
            if committed is not None and committed.topic_id == topic_id
            else _Committed(topic_id, 0, "")
        )
        self.digest: Final = OutputDigest()

    def take(self, records: OutputRecords) -> OutputRecords:
        """Count the records; returns those that are not committed yet.

        Raises SinkError where those that are committed were others.
        """
        known = min(len(records), max(0, self._committed.records - self.digest.records))
        self.digest.add(records.slice(0, known))
        if known and self.digest.records == self._committed.records:
            self._check_equal()
        fresh = records.slice(known, len(records))
        self.digest.add(fresh)
        return fresh

    def check_complete(self) -> None:
        """Raises SinkError where more is committed than there is now."""
        if self.digest.records < self._committed.records:
            self._raise_other(f"{self._committed.records} records, now there are {self.digest.records}")

    def progress(self) -> dict[str, object]:
        """What is committed with the transaction at hand: an earlier launch can have got further with this output."""
        if self.digest.records < self._committed.records:
            return {"records": self._committed.records, "sha256": self._committed.sha256}
        return self.summary()

    def summary(self) -> dict[str, object]:
        return self.digest.to_dict()

    def _check_equal(self) -> None:
        found = self.digest.sha256.hexdigest()
        if found != self._committed.sha256:
            self._raise_other(
                f"{self.digest.records} records of SHA-256 {self._committed.sha256}, now it is {found}"
            )

    def _raise_other(self, difference: str) -> None:
        raise SinkError(
            f"topic {self._name}: an earlier launch of this run committed {difference}",
            hint="the log changed in between, as by retention; an archive that holds what is gone can stand in",
        )


def _pieces(records: OutputRecords) -> Iterator[OutputRecords]:
    """The records, cut where a transaction could become much larger than it may."""
    size = len(records) if len(records.lines.joined()) <= _PIECE_BYTES else _PIECE_RECORDS
    for first in range(0, len(records), max(1, size)):
        yield records.slice(first, first + size)


def _object(value: bytes | None, where: str) -> dict[str, object]:
    try:
        found = json.loads(value or b"")
    except ValueError as error:
        raise SinkError(f"{where}: not JSON") from error
    if not isinstance(found, dict):
        raise SinkError(f"{where}: not a JSON object")
    return found
