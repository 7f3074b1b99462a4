"""No outputs: for a caller who only wants the report."""

from __future__ import annotations

from collections.abc import Mapping

from ofs.errors import InvariantViolation


class DiscardSink:
    """OutputSink that keeps nothing."""

    topics: frozenset[str] = frozenset()

    def begin(self, replay_id: str) -> bool:
        """See OutputSink; always True."""
        return bool(replay_id)

    def finished_run(self) -> Mapping[str, object]:
        """See OutputSink; there is never one."""
        raise InvariantViolation("defect in OFS: no run is finished here")

    def put_parity(self, records: list[tuple[str, bytes]]) -> None:
        """See OutputSink."""

    def put_snapshots(self, records: list[tuple[str, bytes]]) -> None:
        """See OutputSink."""

    def put_dead_letters(self, records: list[tuple[str, bytes]]) -> None:
        """See OutputSink."""

    def end_chunk(self) -> None:
        """See OutputSink."""

    def commit(self, run: Mapping[str, object], certificate: Mapping[str, object]) -> None:
        """See OutputSink."""

    def abort(self) -> None:
        """See OutputSink."""
