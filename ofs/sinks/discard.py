"""No outputs: for a caller who only wants the report."""

from __future__ import annotations

from collections.abc import Mapping

from ofs.errors import InvariantViolation
from ofs.ports import DEAD_LETTERS, PARITY, SNAPSHOTS, OutputDigest, OutputRecords, no_outputs


class DiscardSink:
    """OutputSink that keeps nothing."""

    topics: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._digests = no_outputs()

    def begin(self, replay_id: str) -> bool:
        """See OutputSink; always True."""
        return bool(replay_id)

    def finished_run(self) -> Mapping[str, object]:
        """See OutputSink; there is never one."""
        raise InvariantViolation("defect in OFS: no run is finished here")

    def put_parity(self, records: OutputRecords) -> None:
        """See OutputSink."""
        self._digests[PARITY].add(records)

    def put_snapshots(self, records: OutputRecords) -> None:
        """See OutputSink."""
        self._digests[SNAPSHOTS].add(records)

    def put_dead_letters(self, records: OutputRecords) -> None:
        """See OutputSink."""
        self._digests[DEAD_LETTERS].add(records)

    def digests(self) -> Mapping[str, OutputDigest]:
        """See OutputSink."""
        return self._digests

    def end_chunk(self) -> None:
        """See OutputSink."""

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """See OutputSink."""

    def abort(self) -> None:
        """See OutputSink."""
