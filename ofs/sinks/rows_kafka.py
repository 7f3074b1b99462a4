"""Rows as a Kafka topic, each there once, keyed by event id: the machinery of `ofs.sinks.kafka`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ofs.ports import RowBlock, RowField
from ofs.sinks.kafka import TopicOutputs

_CHUNK_ROWS: Final = 32_768


@dataclass(frozen=True, slots=True)
class RowTopics:
    """Names of the output topics."""

    rows: str = "ofs.rows.v1"
    runs: str = "ofs.runs.v1"


class RowsKafkaSink:
    """RowSink over topics: a run's rows are there once each, in order, however often it is killed and run again.

    Raises SinkError as KafkaSink does.
    """

    block_rows: int | None = None

    def __init__(
        self,
        bootstrap: str,
        *,
        create_topics: bool = False,
        topics: RowTopics | None = None,
        chunk_rows: int = _CHUNK_ROWS,
    ) -> None:
        """`chunk_rows`: a transaction holds about so many. Raises UsageError where two outputs have the same topic."""
        names = RowTopics() if topics is None else topics
        self._topic: Final = names.rows
        self._outputs: Final = TopicOutputs(
            bootstrap, outputs=(names.rows,), runs=names.runs, create_topics=create_topics
        )
        self._chunk_rows: Final = chunk_rows
        self._uncommitted = 0

    @property
    def topics(self) -> frozenset[str]:
        """See RowSink."""
        return self._outputs.topics

    def begin(self, replay_id: str, _fields: Sequence[RowField]) -> bool:
        """See RowSink. False where the run record of this run is there. Fences an earlier launch of the run."""
        return self._outputs.begin(replay_id)

    def finished_run(self) -> Mapping[str, object]:
        """See RowSink."""
        return self._outputs.finished_run()

    def put(self, rows: RowBlock) -> None:
        """See RowSink. Commits what was put so far, once it is enough."""
        self._outputs.put(self._topic, rows.records())
        self._uncommitted += len(rows)
        if self._uncommitted >= self._chunk_rows:
            self._outputs.end_chunk()
            self._uncommitted = 0

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """Commit what is left, the certificate and, last, the run record."""
        self._outputs.commit(run, certificate)

    def abort(self) -> None:
        """Drop what is not committed. What is stays, without a run record; a next launch does not write it again."""
        self._outputs.abort()
